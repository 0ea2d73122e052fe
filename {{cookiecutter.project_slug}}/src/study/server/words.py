"""What a server says of a fault, in one short line without the key: its words may hold anything."""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

QUOTED = 200
"""Characters of a server's words that a message shows."""
READ = 1000
"""Characters of them that are looked at: a message may hold a whole text."""
_MOST_BYTES = 1_000_000

_MASKED = "[key]"
_ECHO = 8
"""Characters of the key in a row that are no coincidence."""
_SHOWN = 2
"""Characters of the key beside stars that are none."""
_STARRED = re.compile(
    r"(?P<left>[^\s'\"`*•…]*?)(?P<stars>\*{2,}|•{2,}|…|\.{3,}|[xX]{4,})(?P<right>[^\s'\"`*•…]*)"
)


@dataclass(frozen=True)
class Said:
    """What a server says of a fault: its words in one line without the key, its codes, what it is about.

    The words may be longer than a message shows.
    """

    words: str = ""
    codes: frozenset[str] = frozenset()
    about: str = ""


def quoted(words: str, secret: str | None, most: int = QUOTED) -> str:
    """Return a server's words in one line, without control characters and without the key or parts of it.

    The key is looked for as it is, in other capitals, escaped for an address, as its sha256, in parts of at
    least 8 characters, and with stars or dots in its middle.
    """
    # Invisible characters go first: they could sit inside the key.
    line = " ".join("".join(c if c.isprintable() else " " * c.isspace() for c in words[: 4 * READ]).split())
    if secret:
        line = _without(line, secret)
    return line if len(line) <= most else line[: most - 3].rstrip() + "..."


def read_error(body: bytes, secret: str | None = None) -> Said:
    """Return what the body of a fault says, in any of the usual shapes."""
    text = body[:_MOST_BYTES].decode("utf-8", errors="replace")
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        text = text[: 20 * READ]
        if "<" in text:
            text = html.unescape(re.sub(r"(?is)<(script|style)\b.*?</\1>|<[^>]*>", " ", text))
        return Said(quoted(text, secret, READ))
    return _said(parsed, secret)


def _said(parsed: Any, secret: str | None) -> Said:
    if isinstance(parsed, list) and parsed:
        parsed = parsed[0]
    if isinstance(parsed, str):
        return Said(quoted(parsed, secret, READ))
    if not isinstance(parsed, dict):
        return Said()
    if isinstance(parsed.get("error"), str) and "message" not in parsed:
        return Said(quoted(parsed["error"], secret, READ))
    error = parsed["error"] if isinstance(parsed.get("error"), dict) else parsed
    inner = error.get("innererror")
    codes = {
        one[name].casefold()
        for one in (error, inner if isinstance(inner, dict) else {})
        for name in ("code", "type", "status")
        if isinstance(one.get(name), str)
    }
    about, words = error.get("param"), error.get("message")
    if "detail" in error and words is None:
        about, words = _detail(error["detail"])
    about = about or _place(words)
    return Said(
        quoted(words, secret, READ) if isinstance(words, str) else "",
        frozenset(codes),
        quoted(about, secret) if isinstance(about, str) else "",
    )


def _place(words: object) -> str | None:
    """Return which member llama-cpp-python's server means, that fails (500) where others refuse (422)."""
    found = re.search(r"'loc': \('body', '(\w+)'", words) if isinstance(words, str) else None
    return found[1] if found else None


def _detail(detail: Any) -> tuple[str | None, str | None]:
    """Return what FastAPI's list of problems is about; its `input`, which repeats the text, is not read."""
    first = detail[0] if isinstance(detail, list) and detail else detail
    if not isinstance(first, dict):
        return None, first if isinstance(first, str) else None
    place = first.get("loc")
    names = (
        [one for one in place if isinstance(one, str) and one != "body"] if isinstance(place, list) else []
    )
    words = first.get("msg", first.get("message"))
    about = names[0] if names else None
    return about, f"{about}: {words}" if about else words if isinstance(words, str) else None


def _without(line: str, secret: str) -> str:
    """Return a line without a key."""
    whole = {secret, quote(secret, safe=""), hashlib.sha256(secret.encode()).hexdigest()}
    for form in sorted(whole, key=len, reverse=True):
        line = re.sub(re.escape(form), _MASKED, line, flags=re.IGNORECASE)
    heads = tuple(secret[:n].casefold() for n in range(_SHOWN, len(secret) + 1))
    tails = tuple(secret[-n:].casefold() for n in range(_SHOWN, len(secret) + 1))

    def masked(match: re.Match[str]) -> str:
        own = match["left"].casefold().endswith(heads) or match["right"].casefold().startswith(tails)
        return _MASKED if own else match[0]

    line = _STARRED.sub(masked, line)
    return "".join(_parts(line, secret.casefold()))


def _parts(line: str, secret: str) -> Iterator[str]:
    """Yield a line's pieces, with a mask for what it has in common with the key over 8 characters or more."""
    folded = "".join(c.casefold() if len(c.casefold()) == 1 else c for c in line)
    known = {secret[i : i + _ECHO] for i in range(len(secret) - _ECHO + 1)}
    at = 0
    while at < len(line):
        if folded[at : at + _ECHO] not in known:
            yield line[at]
            at += 1
            continue
        end = at + _ECHO
        while end < len(line) and folded[end - _ECHO + 1 : end + 1] in known:
            end += 1
        yield _MASKED
        at = end
