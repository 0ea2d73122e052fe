"""Blank sheets on the disk: a sheet that somebody has begun to fill in is never written over."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from study.errors import StudyError, raise_all
from study.gold.sheets import CONSTRUCT, TEXT_NUMBER
from study.gold.sheets.folder import SHEETS
from study.gold.sheets.sheet import Sheet, write_csv
from study.gold.sheets.table import Table, fold, read_table
from study.gold.sheets.workbook import write_workbook


@dataclass(frozen=True)
class Planned:
    """A sheet to write, what messages say of it, and the folder into which it comes back."""

    sheet: Sheet
    what: str
    comes_back: Path


def next_name(name: str, *came_back: Path) -> str:
    """Return a name that no sheet that came back has: anna, anna-2, anna-3 ..."""
    taken = {path.stem.casefold() for folder in came_back for path in folder.rglob("*")}
    number = 1
    while _numbered(name, number).casefold() in taken:
        number += 1
    return _numbered(name, number)


def write_all(planned: Sequence[Planned], folder: Path) -> None:
    """Write every sheet as .xlsx and .csv; one that was begun stays as it is.

    Raises
    ------
    StudyError
        A sheet that was begun has other rows or columns than the new one; nothing is written then.
    """
    begun = {one.sheet.name: _begun(one, folder) for one in planned}
    raise_all([error for found in begun.values() for error in found if isinstance(error, StudyError)])
    folder.mkdir(parents=True, exist_ok=True)
    for one in planned:
        stem = folder / one.sheet.name
        if begun[one.sheet.name]:
            kept = ", ".join(str(path) for path in begun[one.sheet.name])
            print(f"{kept}: somebody has begun to fill it in, so it stays as it is.", file=sys.stderr)
            continue
        write_workbook(one.sheet, Path(f"{stem}.xlsx"))
        write_csv(one.sheet, Path(f"{stem}.csv"))
        print(f"{stem.as_posix()}.xlsx and .csv: {one.what}.", file=sys.stderr)


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"


def _begun(one: Planned, folder: Path) -> list[Path | StudyError]:
    """Return the files of a sheet that somebody has begun, as errors where the new sheet is another one."""
    found: list[Path | StudyError] = []
    for ending in SHEETS:
        path = folder / f"{one.sheet.name}{ending}"
        if not path.exists():
            continue
        try:
            table = read_table(path)
        except StudyError as error:
            found.append(
                StudyError(
                    f"This file is in the way, and it cannot be read as a sheet ({error.problem})",
                    file=path.as_posix(),
                    hint="Move it, or delete it if nobody has filled it in.",
                )
            )
            continue
        columns = [fold(column) for column in one.sheet.filled_in]
        if not any(column in row.cells for row in table.rows for column in columns):
            continue
        found.append(path if _is_same(table, one.sheet) else _other(path, one.comes_back))
    return found


def _is_same(table: Table, sheet: Sheet) -> bool:
    keys = [column for column in (TEXT_NUMBER, CONSTRUCT) if column in sheet.columns]
    there = {tuple(row.text(key) for key in keys) for row in table.rows}
    return there == sheet.asks_for and set(map(fold, sheet.columns)) <= set(table.columns)


def _other(path: Path, comes_back: Path) -> StudyError:
    return StudyError(
        "Somebody has begun to fill this sheet in, and the new one would have other texts or columns.",
        file=path.as_posix(),
        hint=f"Move it to {comes_back}, where its codes count, and the new sheet will have only what is left;"
        " or delete it. Then run this again.",
    )
