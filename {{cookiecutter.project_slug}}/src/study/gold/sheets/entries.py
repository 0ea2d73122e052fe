"""Codes as they came back, one by one, before anything is known about them but where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from study.codebook import Codebook
from study.errors import StudyError
from study.gold.sheets import CODER, CONSTRUCT, DECISION, TEXT, TEXT_NUMBER
from study.gold.sheets.table import Broken, Row, Table, fold


@dataclass(frozen=True)
class Entry:
    """One cell (or one answer in Label Studio).

    Attributes
    ----------
    file, place
        Where it stands, and in which row or task.
    rater
        Whose code it is; '' for what was decided where coders did not agree.
    text_number, text
        What it is about; the text is '' where the file does not show it.
    construct, cell
        What was coded, and as what; the cell is None where it is empty.
    """

    file: str
    place: str
    rater: str
    text_number: str
    text: str
    construct: str
    cell: object


@dataclass
class Entries:
    """The entries of a file, the number of its rows, and what is wrong with it."""

    found: list[Entry]
    rows: int
    problems: list[StudyError]


def is_adjudication(table: Table) -> bool:
    """Whether a sheet is one of decisions."""
    return {CONSTRUCT, DECISION} <= set(table.columns)


def of_sheet(table: Table, books: Sequence[Codebook], file_name: str) -> Entries:
    """Return what a coder wrote.

    Parameters
    ----------
    books
        The constructs that have a column each.
    file_name
        Without its ending: the coder's name where the sheet says none.
    """
    wanted = [TEXT_NUMBER, *(book.construct for book in books)]
    problems = [_lost(table, column, wanted) for column in wanted if fold(column) not in table.columns]
    if TEXT_NUMBER not in table.columns:
        return Entries([], len(table.rows), problems)
    names = {name.casefold(): name for name in (row.text(CODER) for row in table.rows) if name}
    if len(names) > 1:
        problems.append(
            StudyError(
                "The rows of this sheet are of different coders.",
                file=table.label,
                key=CODER,
                found=sorted(names.values()),
                hint="Every coder has a file of their own.",
            )
        )
    rater = next(iter(names.values()), file_name)
    there = [book.construct for book in books if fold(book.construct) in table.columns]
    found: list[Entry] = []
    places: dict[str, str] = {}
    for row in table.rows:
        number = row.text(TEXT_NUMBER)
        coded = [construct for construct in there if fold(construct) in row.cells]
        if not number and coded:
            problems.append(_without_number(table, row))
        if not number:
            continue
        first = places.setdefault(number.casefold(), row.place)
        if first != row.place:
            problems.append(_twice(table, row, number, first))
            continue
        for construct in there:
            found.append(
                _entry(table, row, problems, rater=rater, construct=construct, column=fold(construct))
            )
    return Entries(found, len(places), problems)


def of_adjudication(table: Table, books: Sequence[Codebook]) -> Entries:
    """Return what was decided where coders did not agree."""
    known = {book.construct for book in books}
    problems = [] if TEXT_NUMBER in table.columns else [_lost(table, TEXT_NUMBER, [TEXT_NUMBER])]
    found: list[Entry] = []
    places: dict[tuple[str, str], str] = {}
    for row in table.rows if TEXT_NUMBER in table.columns else ():
        number, construct = row.text(TEXT_NUMBER), row.text(CONSTRUCT)
        decided = DECISION in row.cells
        if decided and not number:
            problems.append(_without_number(table, row))
        elif decided and construct not in known:
            problems.append(
                StudyError(
                    "There is no such construct.",
                    file=f"{table.label}, {row.place}",
                    key=CONSTRUCT,
                    found=construct,
                    allowed=sorted(known),
                )
            )
        elif number and construct in known:
            first = places.setdefault((number.casefold(), construct), row.place)
            if first != row.place:
                problems.append(_twice(table, row, number, first))
                continue
            found.append(_entry(table, row, problems, rater="", construct=construct, column=DECISION))
    return Entries(found, len(table.rows), problems)


def _entry(
    table: Table, row: Row, problems: list[StudyError], *, rater: str, construct: str, column: str
) -> Entry:
    cell = row.cells.get(column)
    if isinstance(cell, Broken):
        problems.append(
            StudyError(
                "The cell holds a formula or an error, and no code.",
                file=f"{table.label}, {row.place}",
                key=table.columns[column],
                found=cell.what,
                hint="Write the code itself, or leave the cell empty.",
            )
        )
        cell = None
    shown = row.text(TEXT)
    return Entry(table.label, row.place, rater, row.text(TEXT_NUMBER), shown, construct, cell)


def _lost(table: Table, column: str, wanted: Sequence[str]) -> StudyError:
    others = [name for folded, name in table.columns.items() if folded not in map(fold, wanted)]
    return StudyError(
        f"The sheet has no column '{column}'.",
        file=table.label,
        key=column,
        found=f"beside the others: {', '.join(others)}" if others else None,
        hint="Give the column its name back. (A construct that was added after the sheet was made is coded"
        " by a human coder of its own, with `codebooks` and another folder.)",
    )


def _without_number(table: Table, row: Row) -> StudyError:
    return StudyError(
        "A row has a code, and no text number.",
        file=f"{table.label}, {row.place}",
        key=TEXT_NUMBER,
        hint="Copy the number from the sheet that was sent.",
    )


def _twice(table: Table, row: Row, number: str, first: str) -> StudyError:
    return StudyError(
        f"A text is there twice, first in {first}.",
        file=f"{table.label}, {row.place}",
        key=TEXT_NUMBER,
        found=number,
        hint="Keep one of the rows.",
    )
