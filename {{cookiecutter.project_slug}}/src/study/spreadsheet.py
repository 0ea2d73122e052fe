"""The first sheet of an .xlsx workbook, as its cells were saved.

A spreadsheet program takes a text that begins with '=', '+' or '-' for a formula, and then saves an error in
its place; and a workbook that a program has written may hold formulas that nobody has computed yet. Neither
is a text: both are read as empty cells, and the notes say where they are.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any

from study.archives import LARGEST
from study.errors import StudyError
from study.flow import examples

LAST_ROW = 1_048_576
"""Of a sheet, in any spreadsheet program."""


def first_sheet(data: bytes, label: str) -> tuple[list[tuple[int, list[Any]]], list[str]]:
    """Read the first sheet; empty rows are passed over.

    Parameters
    ----------
    data
        The workbook.
    label
        What an error calls it.

    Returns
    -------
    rows, notes
        The number of each row and its cells, None where there is nothing; rows may differ in length.

    Raises
    ------
    StudyError
        It is no workbook, is damaged, unpacks to too much, or its first sheet is empty.
    """
    try:
        return _read(data, label)
    except StudyError:
        raise
    except Exception as error:  # whatever openpyxl and its XML parser make of a damaged workbook
        raise StudyError(
            f"This is no readable .xlsx workbook ({error}).",
            file=label,
            hint="Open it in a spreadsheet program and save it as .xlsx or as CSV (UTF-8).",
        ) from error


def _read(data: bytes, label: str) -> tuple[list[tuple[int, list[Any]]], list[str]]:
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        if sum(part.file_size for part in parts.infolist()) > LARGEST:
            raise StudyError(f"The workbook unpacks to more than {LARGEST // 1024**3} GB.", file=label)
        sheets = [name for name in parts.namelist() if name.startswith("xl/worksheets/")]
        formulas = any(b"<f" in parts.read(name) for name in sheets)
    title, further, cells = _cells(data, computed=True)
    rows: dict[int, list[Any]] = {}
    errors: dict[tuple[int, int], str] = {}
    for cell in cells:
        if cell.data_type == "e":
            errors[cell.row, cell.column] = f"{cell.coordinate} {cell.value}"
        else:
            row = rows.setdefault(cell.row, [])
            row.extend([None] * (cell.column - len(row)))
            row[cell.column - 1] = cell.value
    if not rows:
        raise StudyError(f"The sheet '{title}' is empty.", file=label)
    notes = [f"sheet {title}"]
    if further:
        notes.append(f"not read: {further} further sheets")
    if len(rows) < max(rows):
        notes.append(f"{max(rows) - len(rows)} empty rows passed over")
    if errors:
        notes.append(
            f"{len(errors)} cells with a spreadsheet's error read as empty: {examples(errors.values())}"
        )
    waiting = []
    for cell in _cells(data, computed=False)[2] if formulas else ():
        saved = rows.get(cell.row, ())[cell.column - 1 : cell.column]
        if (
            cell.data_type == "f"
            and (not saved or saved[0] is None)
            and (cell.row, cell.column) not in errors
        ):
            waiting.append(cell.coordinate)
    if waiting:
        notes.append(f"{len(waiting)} formulas without a saved result read as empty: {examples(waiting)}")
    return sorted(rows.items()), notes


def _cells(data: bytes, *, computed: bool) -> tuple[str, int, Iterator[Any]]:
    """Return the first sheet's title, the number of further sheets, and the filled cells of the first."""
    import openpyxl

    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=computed)
    sheet, *others = book.worksheets
    # Programs write a wrong size, and up to a cell in the last corner there would be billions of empty ones.
    sheet.reset_dimensions()
    rows = sheet.iter_rows(max_row=LAST_ROW)
    return sheet.title, len(others), (cell for row in rows for cell in row if cell.value is not None)
