"""What may stand in a cell where a code is expected, and which code it is.

A label is recognised whatever its case and white space, as long as only one is meant. A number has a point or
a comma before its decimals; where that could as well be a thousand, it is refused. An empty cell is no code:
the text is not coded yet. 'Not codable' is a code, where the codebook offers it.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator

from study.codebook import WITH_CATEGORIES, Codebook
from study.coders.ratings import Rating
from study.errors import StudyError
from study.reading import to_text

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+")
_GROUPED = re.compile(r"([+-]?[0-9]+)([.,])[0-9]{3}")
"""1,000 and 1.000 are a thousand or one, as the country has it."""


def on_sheets(books: dict[str, Codebook], coder: str) -> dict[str, Codebook]:
    """Return the constructs of a coder that sheets have columns for, in the order of their files.

    Raises
    ------
    StudyError
        One is a comparison of two texts, which has no place on a sheet of single texts.
    """
    compared = [name for name, book in books.items() if book.type == "compare"]
    if compared:
        raise StudyError(
            f"The construct '{compared[0]}' compares texts, and a coding sheet shows one text a row.",
            file="config/study.yaml",
            key=f"coders.{coder}.codebooks",
            found=compared,
            hint="Name the other codebooks under `codebooks`. What people compared is read from a table "
            "(layout long: a text's place in the comparison).",
        )
    return dict(sorted(books.items(), key=lambda item: (item[1].asked_in, item[1].position, item[0])))


def allowed(book: Codebook) -> str:
    """Say what may be written, in a sentence's form."""
    if book.type == "classify":
        return ", ".join(book.labels)
    low, high = bounds(book)
    numbers = "a whole number" if is_whole(book) else "a number"
    numbers += f" from {_short(low)} to {_short(high)}" if high < math.inf else f", {_short(low)} or more"
    if book.type == "extract":
        numbers += " (how many such passages the text has)"
    return numbers + (f", or: {book.not_codable}" if book.not_codable else "")


def bounds(book: Codebook) -> tuple[float, float]:
    """Return the lowest and the highest number of a construct that is coded in numbers."""
    return book.scale or (0, math.inf)


def is_whole(book: Codebook) -> bool:
    """Whether a construct that is coded in numbers has whole ones only."""
    return book.type in ("rate", "count", "extract")


def meaning(book: Codebook) -> Iterator[tuple[str, str, str]]:
    """Yield code, when it applies and an example, for every code that the codebook describes."""
    if book.type == "classify":
        for category in book.categories:
            yield category.label, category.define or "", category.example or ""
        return
    yield allowed(book), "", ""
    for category in book.categories:
        if category.define:
            yield category.label, category.define, ""


def read_code(cell: object, book: Codebook) -> Rating | None:
    """Read one cell; None when it is empty.

    Returns
    -------
    Rating
        With an empty rater; `code` is the label, or the number in its shortest form.

    Raises
    ------
    StudyError
        Says what was found, what is allowed, and nothing of where it stands.
    """
    text = _trimmed(to_text(cell) or "")
    if not text:
        return None
    number = _number(text, book)
    if book.type in WITH_CATEGORIES:
        label = _label(text, book)
        if label is None and number is not None and number.is_integer():
            label = _label(str(int(number)), book)
        if label is None:
            raise _no_code(text, book)
        if label == book.not_codable:
            return Rating("", label, label, math.nan, "not_codable")
        value = dict(zip(book.labels, book.values, strict=True))[label]
        return Rating("", label, label, math.nan if value is None else value, "ok")
    low, high = bounds(book)
    if number is None or not low <= number <= high or math.isinf(number):
        raise _no_code(text, book)
    if is_whole(book) and not number.is_integer():
        raise _no_code(text, book)
    return Rating("", _short(number), None, number, "ok")


def fold(text: str) -> str:
    """Return what a reader sees of a label: case, white space and invisible characters apart."""
    return _trimmed(unicodedata.normalize("NFKC", text).casefold())


def _trimmed(text: str) -> str:
    return " ".join("".join(c for c in text if unicodedata.category(c) != "Cf").split())


def _label(text: str, book: Codebook) -> str | None:
    exact = [label for label in book.labels if _trimmed(label) == text]
    meant = exact or [label for label in book.labels if fold(label) == fold(text)]
    return meant[0] if len(meant) == 1 else None


def _number(text: str, book: Codebook) -> float | None:
    grouped = _GROUPED.fullmatch(text)
    if grouped and (is_whole(book) or grouped[2] == ","):
        return None
    text = text.replace(",", ".") if _COMMA.fullmatch(text) else text
    return float(text) if _NUMBER.fullmatch(text) else None


def _no_code(text: str, book: Codebook) -> StudyError:
    choices = book.labels if book.type == "classify" else allowed(book)
    return StudyError(
        f"This is no code of '{book.construct}'.",
        found=text,
        allowed=choices,
        hint="Leave the cell empty where there is no code yet.",
    )


def _short(number: float) -> str:
    return to_text(float(number)) or ""
