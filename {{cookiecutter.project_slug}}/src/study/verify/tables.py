"""Compare tables: the same columns and rows in the same order; decimal numbers within the tolerance."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from study.verify.values import Difference, all_close, differences, shown

WHOLE, DECIMAL, TEXT = "whole numbers", "decimal numbers", "text"

_WHOLE = re.compile(r"-?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?(e[+-][0-9]+)?|-?inf")

Values = np.ndarray | Sequence[object]


@dataclass(frozen=True)
class Column:
    """A column's type, and its cells: an array of decimal numbers, or a list of what is compared exactly."""

    kind: str
    values: Values


Table = dict[str, Column]


def compare_csv(recorded: Path, now: Path, delimiter: str = ",") -> Iterator[Difference]:
    """Yield what differs in two tables of text.

    A column holds decimal numbers when all its cells in both files are numbers as programs write them, and
    some have a point; '0.50' or '007' are labels.
    """
    one, other = _read_csv(recorded, delimiter), _read_csv(now, delimiter)
    kinds = {name: _kinds(one[name], other[name]) for name in one.keys() & other.keys()}
    yield from _compare(
        {name: _column(cells, kinds.get(name, (TEXT, TEXT))[0]) for name, cells in one.items()},
        {name: _column(cells, kinds.get(name, (TEXT, TEXT))[1]) for name, cells in other.items()},
    )


def compare_parquet(recorded: Path, now: Path) -> Iterator[Difference]:
    """Yield what differs in two Parquet files; a missing number is the same as NaN."""
    yield from _compare(_read_parquet(recorded), _read_parquet(now))


def _read_csv(file: Path, delimiter: str) -> dict[str, list[str]]:
    csv.field_size_limit(sys.maxsize)  # a text may be a book
    text = file.read_text(encoding="utf-8")
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    if not rows:
        return {}
    header = rows[0]
    if len(set(header)) < len(header):
        raise ValueError("two columns have the same name")
    if any(len(row) != len(header) for row in rows):
        raise ValueError("its rows have different lengths")
    return {name: [row[place] for row in rows[1:]] for place, name in enumerate(header)}


def _kinds(recorded: Sequence[str], now: Sequence[str]) -> tuple[str, str]:
    """Return the type of a column in both files."""
    known = {cell for cells in (recorded, now) for cell in cells if cell}
    if not all(_is_number(cell) for cell in known):
        return TEXT, TEXT
    if all(_WHOLE.fullmatch(cell) for cell in known):
        return WHOLE, WHOLE
    # '3' and '3.0': counts have become decimal numbers, as they do when one of them is missing.
    for cells, others, kinds in ((recorded, now, (WHOLE, DECIMAL)), (now, recorded, (DECIMAL, WHOLE))):
        whole = all(_WHOLE.fullmatch(cell) for cell in cells if cell)
        if whole and any(cells) and any(cell.endswith(".0") for cell in others):
            return kinds
    return DECIMAL, DECIMAL


def _is_number(cell: str) -> bool:
    """Whether a program that writes numbers, with ten digits or with all, would write this."""
    if not _DECIMAL.fullmatch(cell):
        return False
    return bool(_WHOLE.fullmatch(cell)) or cell in (f"{float(cell):.10g}", repr(float(cell)))


def _column(cells: list[str], kind: str) -> Column:
    if kind == DECIMAL:
        return Column(kind, np.array([float(cell) if cell else np.nan for cell in cells], dtype=float))
    return Column(kind, cells)


def _read_parquet(file: Path) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table: Table = {}
    for name, column in zip(*_named(pq.read_table(file)), strict=True):
        kind = column.type
        if pa.types.is_dictionary(kind):
            column = column.cast(kind.value_type)  # noqa: PLW2901
        if pa.types.is_floating(column.type):
            values: Values = column.to_numpy().astype(float)
        else:
            values = column.to_pylist()
        # How long texts may be is no difference between them.
        table[name] = Column(str(kind).replace("large_", ""), values)
    return table


def _named(table):  # type: ignore[no-untyped-def]
    return table.column_names, table.columns


def _compare(one: Table, other: Table) -> Iterator[Difference]:
    yield from _compare_names(list(one), list(other))
    lengths = [len(next(iter(table.values())).values) if table else 0 for table in (one, other)]
    if lengths[0] != lengths[1]:
        yield Difference("", f"{lengths[0]} rows", f"{lengths[1]} rows")
        return
    order = _moved(one, other)
    if order is not None:
        first = next(row for row, place in enumerate(order) if row != place)
        yield Difference("order of the rows", f"another row in place {first + 1}", "all rows, moved")
        other = {name: Column(column.kind, _taken(column.values, order)) for name, column in other.items()}
    for name, column in one.items():
        if name in other:
            yield from _compare_cells(name, column, other[name])


def _compare_names(one: list[str], other: list[str]) -> Iterator[Difference]:
    for name in one:
        if name not in other:
            yield Difference(f"column {name}", "a column", "")
    for name in other:
        if name not in one:
            yield Difference(f"column {name}", "", "a column")
    if one != other and sorted(one) == sorted(other):
        yield Difference("order of the columns", shown(", ".join(one)), shown(", ".join(other)))


def _compare_cells(name: str, one: Column, other: Column) -> Iterator[Difference]:
    if one.kind != other.kind:
        yield Difference(f"column {name}", one.kind, other.kind)
        return
    if isinstance(one.values, np.ndarray) and isinstance(other.values, np.ndarray):
        wrong = np.flatnonzero(~all_close(one.values, other.values)).tolist()
    elif one.values == other.values:
        return
    else:
        pairs = zip(one.values, other.values, strict=True)
        wrong = [row for row, (before, after) in enumerate(pairs) if any(differences(before, after))]
    for row in wrong:
        where = f"row {row + 1}, column {name}"
        yield Difference(where, _cell(one.values[row]), _cell(other.values[row]))


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.12g}"
    return shown(value)


def _moved(one: Table, other: Table) -> list[int] | None:
    """Return where each row is now, if all rows are there in another order; None where they are not.

    Rows are told apart by what is compared exactly.
    """
    exact = [
        name
        for name, column in one.items()
        if name in other and isinstance(column.values, list) and isinstance(other[name].values, list)
    ]
    keys = [
        [repr(row) for row in zip(*(table[name].values for name in exact), strict=True)]
        for table in (one, other)
    ]
    if keys[0] == keys[1] or len(set(keys[0])) < len(keys[0]) or set(keys[0]) != set(keys[1]):
        return None
    place = {key: row for row, key in enumerate(keys[1])}
    return [place[key] for key in keys[0]]


def _taken(values: Values, order: list[int]) -> Values:
    return values[order] if isinstance(values, np.ndarray) else [values[row] for row in order]
