"""A blank sheet: what stands in it, where codes are expected, and how it becomes a pair of files."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_lowercase

from study.codebook import Codebook
from study.gold.sheets import CODER, COMMENT, CONSTRUCT, DECISION, TEXT, TEXT_NUMBER, cells
from study.gold.sheets.text_numbers import text_number

Unit = tuple[str, str, str]
"""unit_id, text and text_sha256."""


@dataclass(frozen=True)
class Codes:
    """Cells in which codes of one construct are expected: rows `first` to `last` (from 0) of a column."""

    column: str
    first: int
    last: int
    book: Codebook


@dataclass(frozen=True)
class Sheet:
    """A sheet.

    Attributes
    ----------
    name
        Of its files, without their ending.
    guide
        How it is filled in, a paragraph each.
    books
        The constructs, in the order in which the codebook shows them.
    columns, rows
        The table; cells hold texts as they are, not yet made safe. Empty ones are to be filled in.
    codes
        Where which codes are expected.
    """

    name: str
    guide: tuple[str, ...]
    books: tuple[Codebook, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    codes: tuple[Codes, ...]

    @property
    def filled_in(self) -> tuple[str, ...]:
        """The columns that a person writes in."""
        return tuple(dict.fromkeys([*(codes.column for codes in self.codes), COMMENT]))

    @property
    def asks_for(self) -> set[tuple[str, ...]]:
        """What each row is about: the text, and the construct where the sheet has such a column."""
        places = [self.columns.index(c) for c in (TEXT_NUMBER, CONSTRUCT) if c in self.columns]
        return {tuple(row[place] for place in places) for row in self.rows}


def place(*parts: str) -> str:
    """Return a sort key: an order that is as good as random, and the same for ever."""
    return hashlib.sha256("|".join(parts).encode("utf-8", errors="surrogatepass")).hexdigest()


def coding_sheet(name: str, coder: str, books: Sequence[Codebook], units: Sequence[Unit]) -> Sheet:
    """Return a coder's sheet: the texts in an order that is the coder's own, and a column a construct."""
    constructs = [book.construct for book in books]
    lined_up = sorted(units, key=lambda unit: place("order", coder, unit[0]))
    rows = [
        (text_number(unit_id, digest), text, *[""] * len(constructs), "", coder)
        for unit_id, text, digest in lined_up
    ]
    return Sheet(
        name=name,
        guide=_guide(coder, books),
        books=tuple(books),
        columns=(TEXT_NUMBER, TEXT, *constructs, COMMENT, CODER),
        rows=tuple(rows),
        codes=tuple(Codes(book.construct, 0, len(rows) - 1, book) for book in books),
    )


def adjudication_sheet(
    name: str, books: Sequence[Codebook], cases: Sequence[tuple[Codebook, Unit, Sequence[str]]]
) -> Sheet:
    """Return a sheet with the codes that differ side by side, and a column for what is decided.

    Parameters
    ----------
    cases
        A construct, a unit and its codes, in the order in which they are shown. Cases of one construct
        follow each other.
    """
    most = max(len(found) for _, _, found in cases)
    rows = [
        (
            text_number(unit_id, digest),
            book.construct,
            text,
            *found,
            *[""] * (most - len(found)),
            "",
            "",
        )
        for book, (unit_id, text, digest), found in cases
    ]
    constructs = [row[1] for row in rows]
    codes = [
        Codes(
            DECISION,
            constructs.index(book.construct),
            len(constructs) - 1 - constructs[::-1].index(book.construct),
            book,
        )
        for book in books
        if book.construct in constructs
    ]
    return Sheet(
        name=name,
        guide=_ADJUDICATION,
        books=tuple(book for book in books if book.construct in constructs),
        columns=(
            TEXT_NUMBER,
            CONSTRUCT,
            TEXT,
            *(f"coder_{_letters(number)}" for number in range(most)),
            DECISION,
            COMMENT,
        ),
        rows=tuple(rows),
        codes=tuple(codes),
    )


def write_csv(sheet: Sheet, file: Path) -> None:
    """Write the table in UTF-8, with the mark by which spreadsheet programs know it."""
    part = file.with_name(f"{file.name}.part")
    with part.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(sheet.columns)
        writer.writerows([cells.for_csv(cell) for cell in row] for row in sheet.rows)
    part.replace(file)


def _letters(number: int) -> str:
    more, last = divmod(number, len(ascii_lowercase))
    return (_letters(more - 1) if more else "") + ascii_lowercase[last]


def _guide(coder: str, books: Sequence[Codebook]) -> tuple[str, ...]:
    refused = list(dict.fromkeys(book.not_codable for book in books if book.not_codable))
    not_codable = "There is no code for a text that cannot be coded: leave the cell empty, and comment why."
    if refused:
        not_codable = (
            f"A text that cannot be coded by the codebook gets the code “{'” or “'.join(refused)}” where its"
            " column offers it. That is a code like the others: you have read the text and decided."
        )
    return (
        f"This sheet is for: {coder}",
        "Read each text on the sheet “Texts”, and write one code into every coloured cell of its row. Code on"
        " your own, and do not talk about single texts with the other coders.",
        _NOT_YET,
        not_codable,
        "The column “comment” is free: doubts, or what the codebook does not say.",
        _UNCHANGED,
    )


_NOT_YET = "An empty cell means: not coded yet. You can stop at any time and send back what you have."
_UNCHANGED = (
    "Rows may be sorted. Please change neither the texts, nor their numbers, nor the names of the columns."
)
_ADJUDICATION = (
    "On these texts the coders do not agree. Their codes stand side by side; who is coder a changes from row"
    " to row.",
    "Read each text on the sheet “Texts”, and write the code that counts into the column “decision”. It may"
    " be one that no coder gave.",
    _NOT_YET,
    "The column “comment” is free: why you decided so.",
    _UNCHANGED,
)
