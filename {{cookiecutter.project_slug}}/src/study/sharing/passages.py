"""Whether files hold passages of texts: a table that was carried along, an example, a quotation.

A passage is `LENGTH` characters in a row of one text, whatever their case and the white space between them.
All passages of the files are known by a hash of 64 bits each, and the texts, of which there may be many more,
go past them once.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

LENGTH = 30
"""Characters that make a passage: some five words of English, which no two writers share by chance often."""

PORTION = 4_000_000
"""Characters of texts that are looked up at a time; each takes 16 bytes."""

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})|\\(.)|(\"|')\3", re.DOTALL)
_WHITE = {"n": " ", "t": " ", "r": " "}
_NESTED = 3
"""How often a file is taken out of its quotation: JSON in JSON in a shell command."""


def find(texts: Iterable[str], files: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Return {file: a passage of a text that it holds} of those files that hold one.

    Parameters
    ----------
    texts
        The texts; one that is shorter than a passage holds none.
    files
        {name: what stands in it, in pieces}. Quotation by JSON, YAML, CSV, HTML or a shell does not hide a
        passage.
    """
    names = list(files)
    parts, owners = [], []
    for number, name in enumerate(names):
        found = [_hashes(reading) for piece in files[name] for reading in _readings(piece)]
        own = np.unique(np.concatenate(found)) if found else np.empty(0, np.uint64)
        parts.append(own)
        owners.append(np.full(len(own), number))
    if not parts:
        return {}
    known, owner = np.concatenate(parts), np.concatenate(owners)
    order = np.argsort(known, kind="stable")
    known, owner = known[order], owner[order]
    hits: dict[str, str] = {}
    for portion in _portions(texts):
        looked_up = _hashes(portion)
        first = np.searchsorted(known, looked_up, side="left")
        last = np.searchsorted(known, looked_up, side="right")
        for place in np.flatnonzero(last > first):
            for number in owner[first[place] : last[place]]:
                hits.setdefault(names[number], portion[place : place + LENGTH])
            if len(hits) == len(names):
                return hits
    return hits


def _portions(texts: Iterable[str]) -> Iterator[str]:
    """Yield the texts in one form, some of them together; no passage goes over the end of a text."""
    together: list[str] = []
    size = 0
    for text in texts:
        together.append(_plain(text))
        size += len(together[-1])
        if size >= PORTION:
            yield _END.join(together)
            together, size = [], 0
    yield _END.join(together)


_END = "\0"
"""Ends a text; no file is searched for it."""


def _plain(text: str) -> str:
    return " ".join(text.replace(_END, " ").split()).casefold()


def _readings(piece: str) -> Iterator[str]:
    """Yield what stands in a file: as it is, and taken out of its quotation, as often as that changes it."""
    for _ in range(_NESTED + 1):
        yield _plain(piece)
        before, piece = piece, _ESCAPED.sub(_unescaped, html.unescape(piece))
        if piece == before:
            return


def _unescaped(match: re.Match[str]) -> str:
    code, sign, doubled = match.groups()
    if code:
        return chr(int(code, 16))
    return doubled or _WHITE.get(sign, sign)


def _hashes(text: str) -> np.ndarray:
    """Return a hash of each passage of a text in one form, in their order."""
    signs = np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), dtype="<u4").astype(np.uint64)
    n = len(signs) - LENGTH + 1
    if n <= 0:
        return np.empty(0, np.uint64)
    # A polynomial alone has weak low digits.
    spread = (signs + np.uint64(1)) * _FACTOR
    spread ^= spread >> np.uint64(29)
    found = np.zeros(n, np.uint64)
    for place in range(LENGTH):
        found *= _FACTOR
        found += spread[place : place + n]
    return found ^ (found >> np.uint64(32))
