"""Numbers that stand for texts on a sheet: they say nothing about where a text comes from.

A text number is sixteen letters in groups of four, such as `bcdf-ghjk-lmnp-qrst`. The first twelve are made
of the unit's id by a hash; the last four of its text, so that codes of a text that has been changed since are
noticed. They are consonants only: a spreadsheet program takes none for a number, a date or a formula, and
they make no words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from study.errors import StudyError

LETTERS = "bcdfghjklmnpqrstvwxz"
OF_ID, OF_TEXT, GROUP = 12, 4, 4


def text_number(unit_id: str, text_sha256: str) -> str:
    """Return the number of a unit: the same on every sheet, and for ever."""
    letters = _letters(f"unit|{unit_id}", OF_ID) + _letters(f"text|{text_sha256}", OF_TEXT)
    return "-".join(letters[i : i + GROUP] for i in range(0, len(letters), GROUP))


@dataclass(frozen=True)
class Read:
    """A text number that was read: whose it is, and whether the text has been changed since it was made."""

    unit_id: str
    changed: bool


class TextNumbers:
    """The text numbers of a corpus.

    Parameters
    ----------
    units
        unit_id and text_sha256 of every unit.

    Raises
    ------
    StudyError
        Two units have one number: for a million units the chance is one in eight thousand.
    """

    def __init__(self, units: Iterable[tuple[str, str]]) -> None:
        """Number the units."""
        self._known: dict[str, tuple[str, str]] = {}
        for unit_id, digest in units:
            letters = _plain(text_number(unit_id, digest))
            other = self._known.setdefault(letters[:OF_ID], (unit_id, letters[OF_ID:]))
            if other[0] != unit_id:
                raise StudyError(
                    "Two units have one text number by chance.",
                    found=f"{other[0]}, {unit_id}",
                    hint="Change one of the ids.",
                )

    def read(self, cell: str) -> Read | None:
        """Return whose a text number is, whatever its case and its hyphens; None where it is nobody's."""
        letters = _plain(cell)
        known = self._known.get(letters[:OF_ID])
        if known is None or len(letters) != OF_ID + OF_TEXT:
            return None
        return Read(known[0], changed=letters[OF_ID:] != known[1])


def _letters(content: str, n: int) -> str:
    number = int.from_bytes(hashlib.sha256(content.encode("utf-8", errors="surrogatepass")).digest(), "big")
    found = []
    for _ in range(n):
        number, digit = divmod(number, len(LETTERS))
        found.append(LETTERS[digit])
    return "".join(found)


def _plain(cell: str) -> str:
    return "".join(c for c in cell.casefold() if not c.isspace() and c not in "-‐‑‒–—_.")
