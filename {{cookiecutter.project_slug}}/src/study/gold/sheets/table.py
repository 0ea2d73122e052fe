"""A sheet that has come back, as a table: which columns it has, and what stands in which row."""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from study import reading
from study.archives import LARGEST
from study.errors import StudyError
from study.gold.sheets import TEXT_NUMBER, TEXTS, cells
from study.spreadsheet import LAST_ROW


@dataclass(frozen=True)
class Broken:
    """A cell whose value is not there: a formula that nobody has computed, or a spreadsheet's error."""

    what: str


@dataclass(frozen=True)
class Row:
    """One row: where it is, and its cells by the folded names of their columns."""

    place: str
    cells: dict[str, object]

    def text(self, column: str) -> str:
        """Return a cell as text, '' where there is none."""
        cell = self.cells.get(column)
        return "" if isinstance(cell, Broken) else (reading.to_text(cell) or "").strip()


@dataclass(frozen=True)
class Table:
    """A sheet.

    Attributes
    ----------
    label
        The file, for errors.
    columns
        {folded name: name as it stands there}.
    rows
        Those that are not empty.
    """

    label: str
    columns: dict[str, str]
    rows: list[Row] = field(default_factory=list)


def read_table(file: Path) -> Table:
    """Read a sheet from an .xlsx or .csv file.

    Raises
    ------
    StudyError
        It cannot be read, has no table of texts, two columns with one name, or merged cells.
    """
    label = file.as_posix()
    data = file.read_bytes()
    if file.suffix.lower() == ".xlsx":
        return _workbook(data, label)
    found = reading.read(data, "csv", label=label)
    columns = _columns(list(found.rows.columns), label)
    rows = [
        Row(
            place,
            {name: cells.from_csv(cell) for name, cell in zip(columns, row, strict=True) if cell.strip()},
        )
        for place, row in zip(found.lines, found.rows.itertuples(index=False, name=None), strict=True)
    ]
    return Table(label, columns, [row for row in rows if row.cells])


def fold(name: str) -> str:
    """Return a column's name whatever its case, and whether it has spaces, hyphens or underscores."""
    return re.sub(r"[\s\-_]+", "_", name.strip().casefold()).strip("_")


def _columns(names: list[str], label: str) -> dict[str, str]:
    folded = [fold(name) for name in names]
    twice = [name for name, n in Counter(folded).items() if n > 1]
    if twice:
        raise StudyError("Two columns have one name.", file=label, found=twice[0], hint="Rename one of them.")
    return dict(zip(folded, names, strict=True))


def _workbook(data: bytes, label: str) -> Table:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            if sum(part.file_size for part in parts.infolist()) > LARGEST:
                raise StudyError(f"The workbook unpacks to more than {LARGEST // 1024**3} GB.", file=label)
            sheets = [parts.read(name) for name in parts.namelist() if name.startswith("xl/worksheets/")]
        if any(b"<mergeCell " in sheet for sheet in sheets):
            raise StudyError(
                "Cells are merged, so it is not clear which rows a code is for.",
                file=label,
                hint="Undo it (in Excel: Home, Merge & Center), and write every code into its own cell.",
            )
        return _texts(data, label)
    except StudyError:
        raise
    except Exception as error:  # whatever openpyxl and its XML parser make of a damaged workbook
        raise StudyError(
            f"This is no readable .xlsx workbook ({error}).",
            file=label,
            hint="Open it in a spreadsheet program and save it as .xlsx or as CSV (UTF-8).",
        ) from error


def _texts(data: bytes, label: str) -> Table:
    """Read the sheet of texts: the one of that name, else the first with a column of text numbers."""
    import openpyxl

    computed = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    names = sorted(computed.sheetnames, key=lambda name: fold(name) != fold(TEXTS))
    for name in names:
        rows = dict(_filled(computed[name]))
        if not rows:
            continue
        top = min(rows)
        head = rows[top]
        found = {column: str(cell).strip() for column, (_, cell) in head.items()}
        if fold(TEXT_NUMBER) not in map(fold, found.values()) and fold(name) != fold(TEXTS):
            continue
        columns = _columns(list(found.values()), label)
        of = {column: fold(text) for column, text in found.items()}
        written = openpyxl.load_workbook(io.BytesIO(data), read_only=True)
        formulas = dict(_formulas(written[name]))
        table = Table(label, columns)
        for number in sorted({*rows, *formulas} - {top}):
            row: dict[str, object] = {
                of[column]: Broken(str(cell)) if kind == "e" else _value(cell)
                for column, (kind, cell) in rows.get(number, {}).items()
                if column in of
            }
            for column, formula in formulas.get(number, {}).items():
                if column in of:
                    row.setdefault(of[column], Broken(formula))
            if row:
                table.rows.append(Row(f"row {number}", row))
        return table
    raise StudyError(
        f"The workbook has no sheet with a column '{TEXT_NUMBER}'.",
        file=label,
        found=computed.sheetnames,
        hint="Put the code back into the sheet that was sent, or remove the file.",
    )


def _filled(sheet: Any) -> Iterator[tuple[int, dict[int, tuple[str, Any]]]]:
    """Yield the number of each row that is not empty, and type and value of its cells by column."""
    # Programs write a wrong size, and up to a cell in the last corner there would be billions of empty ones.
    sheet.reset_dimensions()
    for row in sheet.iter_rows(max_row=LAST_ROW):
        found = {cell.column: (cell.data_type, cell.value) for cell in row if not _is_empty(cell.value)}
        if found:
            yield next(cell.row for cell in row if cell.value is not None), found


def _formulas(sheet: Any) -> Iterator[tuple[int, dict[int, str]]]:
    """Yield the number of each row that has formulas, and these by column."""
    sheet.reset_dimensions()
    for row in sheet.iter_rows(max_row=LAST_ROW):
        found = {c.column: str(getattr(c.value, "text", c.value)) for c in row if c.data_type == "f"}
        if found:
            yield next(cell.row for cell in row if cell.value is not None), found


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _value(cell: object) -> object:
    if isinstance(cell, str):
        return cells.from_workbook(cell)
    return cell if isinstance(cell, bool | int | float) else str(cell)
