"""Turn bytes into text: detect the encoding, or use the one that is given, and never guess in silence."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from study.errors import StudyError

_MARKS = (  # the longer mark first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Decoded:
    """A text, the encoding it was in, and whether that was guessed from the frequency of characters."""

    text: str
    encoding: str
    guessed: bool = False

    @property
    def note(self) -> str:
        """The encoding in words, for the report's flow."""
        return f"encoding {self.encoding}{' (guessed)' if self.guessed else ''}"


def decode(data: bytes, *, encoding: str | None, label: str) -> Decoded:
    """Decode `data`; no character is replaced or dropped, but a byte order mark is taken off.

    Without `encoding`: a byte order mark decides; then UTF-8, which other encodings hardly ever satisfy by
    chance; then UTF-16 by its many zero bytes; then charset-normalizer's guess, which is marked as one.

    Raises
    ------
    StudyError
        There is no such encoding, or the bytes are not in it, or none fits; names the line.
    """
    if encoding:
        return _given(data, encoding, label)
    for mark, named in _MARKS:
        if data.startswith(mark):
            return Decoded(_strict(data, named, label), named)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        problem = error
    else:
        if "\0" not in text:
            return Decoded(text, "utf-8")
        # Zero bytes that are not UTF-16's are refused by the caller, who can name the line.
        unmarked = _utf16_without_mark(data)
        return Decoded(_strict(data, unmarked, label), unmarked) if unmarked else Decoded(text, "utf-8")
    unmarked = _utf16_without_mark(data)
    if unmarked:
        return Decoded(_strict(data, unmarked, label), unmarked)
    return _guess(data, problem, label)


def _given(data: bytes, encoding: str, label: str) -> Decoded:
    try:
        known = codecs.lookup(encoding)
        " ".encode(encoding)  # base64 and the like are known, and are no encodings of text
    except (LookupError, ValueError):
        raise StudyError(
            "There is no such encoding.",
            file="config/study.yaml",
            key="encoding",
            found=encoding,
            allowed=[
                "utf-8",
                "utf-16",
                "latin-1",
                "cp1252",
                "cp1251",
                "gb18030",
                "big5",
                "shift_jis",
                "euc-kr",
            ],
        ) from None
    # A byte order mark is no part of the text, whether or not the configuration mentions it.
    named = "utf-8-sig" if known.name == "utf-8" and data.startswith(codecs.BOM_UTF8) else encoding
    return Decoded(_strict(data, named, label), named)


def _strict(data: bytes, encoding: str, label: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise _unreadable(data, error, label) from error
    except UnicodeError as error:  # of encodings that are none of files, such as idna
        raise StudyError(f"This is no text in the encoding {encoding} ({error}).", file=label) from error


def _utf16_without_mark(data: bytes) -> str | None:
    """Western text in UTF-16 has a zero in every second byte."""
    head = data[:4096]
    half = len(head) // 2
    if half < 2 or len(data) % 2:
        return None
    if head[1::2].count(0) > 0.7 * half and not head[::2].count(0):
        return "utf-16-le"
    if head[::2].count(0) > 0.7 * half and not head[1::2].count(0):
        return "utf-16-be"
    return None


def _mostly_utf8(data: bytes) -> bool:
    """Whether a file is UTF-8 with damage, or with pieces of another encoding; a guess would garble it all.

    In texts of other encodings, bytes that happen to be a character of UTF-8 are a small part of the others.
    """
    foreign = [c for c in data.decode("utf-8", errors="replace") if not c.isascii()]
    damaged = foreign.count("\ufffd")
    return len(foreign) - damaged >= damaged


def _guess(data: bytes, problem: UnicodeDecodeError, label: str) -> Decoded:
    from charset_normalizer import from_bytes

    if _mostly_utf8(data):
        raise _unreadable(data, problem, label) from problem
    best = from_bytes(data).best()
    if best is None:
        raise _unreadable(data, problem, label) from problem
    # Several encodings may give the very same text: the one that people know is named.
    known = [
        name for name in ("cp1252", "latin_1", "cp1251", "gb18030") if name in best.could_be_from_charset
    ]
    named = known[0] if known else best.encoding
    return Decoded(_strict(data, named, label), named, guessed=True)


def _unreadable(data: bytes, error: UnicodeDecodeError, label: str) -> StudyError:
    line = data.count(b"\n", 0, error.start) + 1
    found = " ".join(f"0x{byte:02x}" for byte in data[error.start : max(error.end, error.start + 1)][:4])
    return StudyError(
        f"These bytes are not text in the encoding {error.encoding} (byte {error.start}).",
        file=f"{label}, line {line}",
        found=found,
        hint="Name the encoding with the key `encoding` in config/study.yaml, or save the file as UTF-8.",
    )
