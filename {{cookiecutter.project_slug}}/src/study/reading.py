"""Read a table of any format so that nothing is reinterpreted: '001' stays '001', and a text 'NA' stays 'NA'.

CSV files have quotes by the usual rule (RFC 4180), and their separator is taken from the first line. TSV
files have none: a quotation mark there is a character of the text, and a line is a row (tweets hold single
quotation marks, with which a CSV reader would swallow the lines up to the next one).
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd

from study.encoding import decode
from study.errors import StudyError
from study.rdata import data_frame
from study.spreadsheet import first_sheet
from study.stata import table as stata_table

FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
    ".txt": "txt",
    ".rdata": "rdata",
    ".rda": "rdata",
    ".rds": "rdata",
    ".dta": "dta",
}
_SEPARATORS = (",", ";", "\t", "|")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
csv.field_size_limit(2**31 - 1)  # the standard limit of 128 KB is shorter than a party manifesto


@dataclass(frozen=True)
class Reading:
    """A table as it was found.

    Attributes
    ----------
    rows
        Cells of dtype object: str, int, float, bool, or None where there is none.
    lines
        For each row, where it is: a line, a row of the sheet, or a file.
    written
        Whether all cells are text as it was written (CSV, TSV, txt), so that numbers must be recognised.
    notes
        What a reader of the study should know: encoding, separator, blank lines.
    replaced
        How many cells held half a character (an unpaired surrogate, which no UTF-8 file can hold); each such
        half is now U+FFFD.
    """

    rows: pd.DataFrame
    lines: list[str]
    written: bool
    notes: list[str] = field(default_factory=list)
    replaced: int = 0


def format_of(file_name: str, given: str | None = None) -> str:
    """Return the format that is given, or that the name's ending tells."""
    if given:
        return given
    ending = Path(file_name).suffix.lower()
    if ending not in FORMATS:
        raise StudyError(
            "The format cannot be told from the file's name; name it with the key `format`.",
            file=file_name,
            key="format",
            found=ending or "no ending",
            allowed=sorted(set(FORMATS.values())),
        )
    return FORMATS[ending]


def read(
    data: bytes,
    kind: str,
    *,
    label: str,
    columns: Sequence[str] | None = None,
    encoding: str | None = None,
    frame: str | None = None,
) -> Reading:
    """Read one file.

    Parameters
    ----------
    data
        Its bytes.
    kind
        csv, tsv, jsonl, parquet, xlsx, txt (one text: the columns are `id`, the file's name, and `text`),
        rdata (a data frame of R: the column `rownames` has the names of its rows) or dta (of Stata: labelled
        numbers are their labels).
    label
        What an error calls it.
    columns
        The names of the columns of a file without a header; None reads the header.
    encoding
        None detects it.
    frame
        The data frame of a file of R that holds several; None in any other case.

    Raises
    ------
    StudyError
        Empty, without rows, ragged, with zero bytes, in no known encoding; names the file and the line.
    """
    if not data.strip():
        raise StudyError("The file is empty.", file=label)
    if columns and kind in ("jsonl", "parquet", "txt", "rdata", "dta"):
        raise StudyError(
            f"A {kind} file names its own columns.", file=label, key="columns", hint="Take `columns` away."
        )
    if kind == "parquet":
        reading = _parquet(data, label)
    elif kind == "xlsx":
        reading = _excel(data, label, columns)
    elif kind == "rdata":
        reading = _r_data(data, label, frame, encoding)
    elif kind == "dta":
        reading = _stata(data, label, encoding)
    elif kind in ("csv", "tsv", "jsonl", "txt"):
        decoded = decode(data, encoding=encoding, label=label)
        _refuse_zero_bytes(decoded.text, label)
        if kind == "txt":
            name = Path(label).stem
            table = pd.DataFrame({"id": [name], "text": [decoded.text]}, dtype=object)
            reading = Reading(table, [label], written=True)
        elif kind == "jsonl":
            reading = _json_lines(decoded.text, label)
        else:
            reading = _delimited(decoded.text, label, columns, quotes=kind == "csv")
        reading.notes.insert(0, decoded.note)
    else:
        raise StudyError(
            "There is no such format.", key="format", found=kind, allowed=sorted(set(FORMATS.values()))
        )
    if reading.rows.empty:
        raise StudyError("The file has column names and no rows.", file=label)
    return _with_whole_characters(reading)


def read_folder(folder: Path, encoding: str | None = None) -> Reading:
    """Read every .txt file below `folder` as one text; its id is its path there, without '.txt'."""
    if not folder.is_dir():
        raise StudyError("There is no such folder.", file=folder.as_posix())
    paths = [p for p in folder.rglob("*") if p.is_file() and p.suffix.lower() == ".txt"]
    paths = sorted(p for p in paths if not any(part.startswith(".") for part in p.relative_to(folder).parts))
    if not paths:
        raise StudyError("The folder holds no .txt file.", file=folder.as_posix())
    ids, texts, used = [], [], Counter[str]()
    for path in paths:
        decoded = decode(path.read_bytes(), encoding=encoding, label=path.as_posix())
        _refuse_zero_bytes(decoded.text, path.as_posix())
        ids.append(path.relative_to(folder).as_posix()[:-4])
        texts.append(decoded.text)
        used[decoded.note] += 1
    notes = [f"{note}: {n} files" for note, n in sorted(used.items())]
    rows = pd.DataFrame({"id": ids, "text": texts}, dtype=object)
    return Reading(rows, [path.as_posix() for path in paths], written=True, notes=notes)


def only(reading: Reading, where: Mapping[str, Any], *, label: str, key: str = "where") -> Reading:
    """Keep the rows that have certain values.

    Parameters
    ----------
    reading
        A table.
    where
        {column: value, or a list of values}; a row is kept if every column has one of its values. A number
        stands for every way to write it (1 for '1' and 1.0), text for itself, without white space around it.
    label, key
        What an error calls the table, and the setting.

    Raises
    ------
    StudyError
        There is no such column, or no such row.
    """
    if not where:
        return reading
    table = reading.rows
    kept = pd.Series(True, index=table.index)
    for column, value in where.items():
        if column not in table:
            raise StudyError(
                "There is no such column.", file=label, key=key, found=column, allowed=list(table.columns)
            )
        values = value if isinstance(value, list) else [value]
        texts = {one.strip() for one in values if isinstance(one, str)}
        numbers = {float(one) for one in values if not isinstance(one, str)}
        cells = [(to_text(cell) or "").strip() for cell in table[column]]
        meant = {cell: cell in texts or _as_number(cell) in numbers for cell in set(cells)}
        fits = pd.Series([meant[cell] for cell in cells], index=table.index)
        if not fits.any():
            there = dict.fromkeys(cell for cell in cells if cell)
            raise StudyError(
                f"No row has this value in the column '{column}'.",
                file=label,
                key=f"{key}.{column}",
                found=value,
                allowed=list(there)[:20] or "the column is empty",
            )
        kept &= fits
    if not kept.any():
        raise StudyError("No row has all of these values.", file=label, key=key, found=dict(where))
    wanted_text = ", ".join(f"{column} {value}" for column, value in where.items())
    note = f"{int(kept.sum())} of {len(table)} rows: {wanted_text}"
    lines = [line for line, keep in zip(reading.lines, kept, strict=True) if keep]
    rows = table[kept].reset_index(drop=True)
    return replace(reading, rows=rows, lines=lines, notes=[*reading.notes, note])


def _as_number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def to_text(cell: object) -> str | None:
    """Return a cell as text: 12 for the number 12 or 12.0 of a spreadsheet, None where there is nothing."""
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        if math.isnan(cell):
            return None
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
    return str(cell)


def _delimited(text: str, label: str, columns: Sequence[str] | None, *, quotes: bool) -> Reading:
    """Read CSV (`quotes`) or TSV; `lines` are the lines on which rows begin."""
    notes: list[str] = []
    if quotes:
        separator = _separator(text, columns)
        if separator != ",":
            notes.append(f"separated by {'tabs' if separator == chr(9) else separator}")
        table, lines = _quoted(text, separator, label)
        blank = len(table)
        lines = [line for line, row in zip(lines, table, strict=True) if row]
        table = [row for row in table if row]
        blank -= len(table)
    else:
        ending = "\r\n" if "\r\n" in text else "\n" if "\n" in text else "\r"
        split = text.split(ending)
        lines = [number for number, line in enumerate(split, start=1) if line]
        table = [line.split("\t") for line in split if line]
        if not split[-1]:
            split.pop()
        blank = len(split) - len(table)
    if blank:
        notes.append(f"{blank} blank lines passed over")
    if not table:
        raise StudyError("The file is empty.", file=label)
    if columns:
        header = list(columns)
    else:
        header, table, lines = _header(table[0], label), table[1:], lines[1:]
    for row, line in zip(table, lines, strict=True):
        if len(row) != len(header):
            raise StudyError(
                f"A row has {len(row)} cells where the table has {len(header)} columns.",
                file=f"{label}, line {line}",
                found=" | ".join(row)[:120],
                allowed=" | ".join(header),
                hint=(
                    'A cell with the separator, a line break or a quotation mark belongs in quotes: "...".'
                    if quotes
                    else "A cell of a TSV file holds no tab or line break; save the table as CSV or Excel."
                ),
            )
    rows = pd.DataFrame(table, columns=header, dtype=object)
    return Reading(rows, [f"line {line}" for line in lines], written=True, notes=notes)


def _separator(text: str, columns: Sequence[str] | None) -> str:
    """Take the separator that gives the first row the named number of columns, else the most columns."""
    line = next((line for line in re.split(r"[\r\n]", text) if line.strip()), "")
    counts = {mark: len(next(csv.reader([line], delimiter=mark), [])) for mark in _SEPARATORS}
    if columns and counts[","] != len(columns):
        return next((mark for mark in _SEPARATORS if counts[mark] == len(columns)), ",")
    return max(_SEPARATORS, key=lambda mark: counts[mark])


def _quoted(text: str, separator: str, label: str) -> tuple[list[list[str]], list[int]]:
    table: list[list[str]] = []
    lines: list[int] = []
    # Not io.StringIO: it takes four bytes a character.
    lines_of_text = (found.group() for found in _LINE.finditer(text))
    reader = csv.reader(lines_of_text, delimiter=separator, strict=True)
    begin = 1
    try:
        for row in reader:
            table.append(row)
            lines.append(begin)
            begin = reader.line_num + 1
    except csv.Error as error:
        raise StudyError(
            f"The quotation marks of the row that begins here do not match ({error}).",
            file=f"{label}, line {begin}",
            found=text.split("\n")[begin - 1][:120] if begin <= text.count("\n") + 1 else None,
            hint='A cell with quotation marks is quoted and doubles them: "she said ""no""". A file '
            "without any quoting is best read as tsv, with the key `format`.",
        ) from error
    return table, lines


def _header(cells: Sequence[object], label: str) -> list[str]:
    """Return the names of the columns, without white space around them; a column without name gets one."""
    names = [str(cell).strip() if cell is not None else "" for cell in cells]
    names = [name or f"column_{position}" for position, name in enumerate(names, start=1)]
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        raise StudyError(
            "Two columns have one name.",
            file=f"{label}, line 1",
            found=twice[0],
            hint="If the first line is no header, name the columns with the key `columns`.",
        )
    return names


def _json_lines(text: str, label: str) -> Reading:
    records, lines = [], []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line, object_pairs_hook=_object)
        except (ValueError, RecursionError) as error:
            what = f"{error.msg}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else error
            raise StudyError(
                f"This line is not JSON that can be read ({what}).",
                file=f"{label}, line {number}",
                found=line[:120],
                allowed='one object a line, such as {"id": "1", "text": "..."}',
            ) from error
        if not isinstance(record, dict):
            raise StudyError(
                "Each line of a JSONL file is an object with names and values.",
                file=f"{label}, line {number}",
                found=line[:120],
            )
        records.append({_whole(key): _json_cell(value) for key, value in record.items()})
        lines.append(f"line {number}")
    names = list(dict.fromkeys(key for record in records for key in record))
    cells = [[record.get(name) for name in names] for record in records]
    return Reading(pd.DataFrame(cells, columns=names, dtype=object), lines, written=False)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the name {_whole(twice)!r} is there twice")
    return found


def _json_cell(value: object) -> object:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return value


def _parquet(data: bytes, label: str) -> Reading:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(io.BytesIO(data))
        names = [name for name in table.column_names if not name.startswith("__index_level_")]
        cells = {name: [_native(cell) for cell in table.column(name).to_pylist()] for name in names}
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise StudyError(f"This is no readable Parquet file ({error}).", file=label) from error
    return _numbered(pd.DataFrame(cells, dtype=object))


def _r_data(data: bytes, label: str, frame: str | None, encoding: str | None) -> Reading:
    found = data_frame(data, label, frame, encoding)
    native = {name: [_native(cell) for cell in column] for name, column in found.cells.items()}
    reading = _numbered(pd.DataFrame(native, dtype=object))
    if found.passed_over:
        listed = ", ".join(found.passed_over)
        reading.notes.append(
            f"columns passed over, since their cells are no text, numbers or dates: {listed}"
        )
    return reading


def _stata(data: bytes, label: str, encoding: str | None) -> Reading:
    found, notes = stata_table(data, label, encoding)
    native = {name: [_native(cell) for cell in found[name].tolist()] for name in found.columns}
    reading = _numbered(pd.DataFrame(native, dtype=object))
    reading.notes.extend(notes)
    return reading


def _numbered(rows: pd.DataFrame) -> Reading:
    return Reading(rows, [f"row {n}" for n in range(1, len(rows) + 1)], written=False)


def _excel(data: bytes, label: str, columns: Sequence[str] | None) -> Reading:
    filled, notes = first_sheet(data, label)
    width = max(len(row) for _, row in filled)
    if columns:
        header = list(columns)
        if width > len(header):
            raise StudyError(
                f"The sheet has {width} columns and `columns` names {len(header)}.", file=label, key="columns"
            )
    else:
        header = _header([*filled[0][1], *[None] * width][:width], label)
        filled = filled[1:]
    cells = [[*map(_native, row), *[None] * len(header)][: len(header)] for _, row in filled]
    return Reading(
        pd.DataFrame(cells, columns=header, dtype=object),
        [f"row {n}" for n, _ in filled],
        written=False,
        notes=notes,
    )


def _native(cell: object) -> object:
    """Keep text, numbers and truth values; write everything else (dates, lists) as text."""
    if cell is None or isinstance(cell, str | bool | int):
        return cell
    if isinstance(cell, float):
        return None if math.isnan(cell) else cell
    if isinstance(cell, bytes):
        return cell.decode("utf-8", errors="surrogateescape")
    if isinstance(cell, Decimal):
        return float(cell)
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    return json.dumps(cell, ensure_ascii=False, default=str) if isinstance(cell, dict | list) else str(cell)


def _refuse_zero_bytes(text: str, label: str) -> None:
    at = text.find("\0")
    if at >= 0:
        raise StudyError(
            "There is a zero byte, which no text has: the file is damaged, or no text file.",
            file=f"{label}, line {text.count(chr(10), 0, at) + 1}",
            hint="If it is text in another encoding, name that with the key `encoding` in config/study.yaml.",
        )


def _whole(text: str) -> str:
    return _SURROGATE.sub("\ufffd", text)


def _with_whole_characters(reading: Reading) -> Reading:
    """Replace unpaired surrogates (JSON may hold them) by U+FFFD, and count the cells."""
    replaced = 0
    for name in reading.rows.columns:
        cells = reading.rows[name].tolist()
        broken = [row for row, cell in enumerate(cells) if isinstance(cell, str) and _SURROGATE.search(cell)]
        for row in broken:
            cells[row] = _whole(cells[row])
        if broken:
            reading.rows[name] = pd.Series(cells, index=reading.rows.index, dtype=object)
            replaced += len(broken)
    if replaced:
        reading.notes.append(f"half characters replaced by U+FFFD in {replaced} cells")
    return Reading(reading.rows, reading.lines, reading.written, reading.notes, replaced)
