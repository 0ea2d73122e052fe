"""Codes that were made elsewhere: a published study's, or another model's.

They are columns of the corpus, or of tables of their own, which are joined with the units by id (with the
source's prefix), never by the order of rows. A code is read as people's are (`study.coders.ratings`): a label
of the codebook, or a number, and anything else is refused. A text whose cell is empty, or NA, has no row:
nothing says whether anybody tried to code it, so it counts as not coded, and not as a failure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study import sources
from study.codebook import Codebook
from study.coders import codings
from study.coders.ratings import _NUMBER, Rating, _labels_of_numbers, _rating
from study.corpus import Part, read_part
from study.errors import StudyError
from study.flow import Flow, examples
from study.reading import Reading, only, to_text

REDUCED: Mapping[str, Callable[[float], float]] = {"sign": np.sign, "round": np.rint}
"""What `reduce` makes of a number; both leave whole numbers, and rint takes a half to the even one."""


@dataclass(frozen=True)
class _Cell:
    """One code as it is written: where, of which unit, and of which repeat ('' where there is only one)."""

    where: str
    unit: str
    repeat: str
    text: str


def code(
    units: pd.DataFrame, column: str, codebook: Codebook, *, name: str, reduce: str | None = None
) -> pd.DataFrame:
    """Return the codes of one construct that are a column of the corpus.

    Parameters
    ----------
    units
        unit_id and covariates, one row a unit.
    column
        The covariate that holds the codes.
    codebook
        Of the construct.
    name
        The coder's name.
    reduce
        'sign': a number counts as its sign, -1, 0 or 1; 'round': as the nearest whole number.

    Returns
    -------
    DataFrame
        As `study.coders.codings` gives it, a row for each unit with a code; the score is the label's value or
        the number, the label missing where people or the machine used a finer scale than the categories'.

    Raises
    ------
    StudyError
        There is no such column, it has no code at all, or a cell is no code; names the unit.
    """
    key = f"coders.{name}.columns.{codebook.construct}"
    if column not in units:
        raise StudyError(
            "There is no such covariate.",
            file="config/study.yaml",
            key=key,
            found=column,
            allowed=[one for one in units.columns if one not in ("text", "text_sha256")],
        )
    source = Part({}, column, f"column {column} of the corpus", Reading(units[[column]], [], written=True))
    there = units[column].notna()
    cells = [
        _Cell(f"unit {unit}", unit, "", (to_text(cell) or "").strip() if given else "")
        for unit, cell, given in zip(units["unit_id"], units[column].tolist(), there, strict=True)
    ]
    return _table(cells, source, codebook, name=name, key=key, column=column, reduce=reduce)


def joined(
    parts: Sequence[Part],
    coder: Mapping[str, Any],
    codebook: Codebook,
    unit_ids: set[str],
    flow: Flow,
    *,
    name: str,
    corpus_id: str = "unit_id",
) -> pd.DataFrame:
    """Return the codes of one construct that are in tables of their own.

    Parameters
    ----------
    parts
        The tables, as read.
    coder
        Its settings: id (None: `corpus_id`), columns (construct -> column, or {column, where}), repeat (the
        column that tells several codes of a unit apart, None where there is one) and reduce.
    codebook
        Of the construct.
    unit_ids
        Those of the corpus. Codes of other units are counted in the flow.
    name
        The coder's name.

    Returns
    -------
    DataFrame
        As `code` does; with several codes of a unit a row each, whose `repeat` counts the values of the
        column `repeat` from 1 (in the order of numbers, else of the alphabet), the same for all units.

    Raises
    ------
    StudyError
        A column is missing, a cell is no code, a unit has two codes (of one repeat), or no id is one of the
        corpus.
    """
    key = f"coders.{name}.columns.{codebook.construct}"
    column, where = column_of(coder["columns"][codebook.construct])
    cells: list[_Cell] = []
    for part in parts:
        reading = only(part.reading, where, label=part.label, key=f"{key}.where")
        own = replace(part, reading=reading)
        ids = _cells(own, coder.get("id") or corpus_id, f"coders.{name}.id")
        repeats = (
            _cells(own, coder["repeat"], f"coders.{name}.repeat") if coder.get("repeat") else [""] * len(ids)
        )
        prefix = part.source.get("prefix") or ""
        for line, unit, repeat, text in zip(
            reading.lines, ids, repeats, _cells(own, column, key), strict=True
        ):
            cells.append(_Cell(f"{part.label}, {line}", prefix + unit, repeat, text))
    known = [cell for cell in cells if cell.unit in unit_ids]
    group = f"{name} {codebook.construct}"
    if not known:
        raise StudyError(
            "None of these codes belongs to a unit of the corpus.",
            file=parts[0].label,
            key=f"coders.{name}.id",
            found=next((cell.unit for cell in cells), "no row at all"),
            allowed=f"ids such as {examples(sorted(unit_ids), 2)}",
            hint="The key `prefix` of a source is put before its ids.",
        )
    unknown = Counter(cell.unit for cell in cells if cell.unit not in unit_ids)
    table = _table(known, parts[0], codebook, name=name, key=key, column=column, reduce=coder.get("reduce"))
    flow.add("codes", group, len(table))
    flow.add("codes left out: unit not in the corpus", group, unknown.total(), examples(sorted(unknown)))
    missing = sorted(unit_ids - set(table["unit_id"]))
    flow.add("units without a code", group, len(missing), examples(missing))
    return table


def column_of(spec: str | Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return the column of codes that a setting names, and the rows that hold them ({} where all do)."""
    if isinstance(spec, str):
        return spec, {}
    return spec["column"], spec.get("where") or {}


def _cells(part: Part, column: str, key: str) -> list[str]:
    table, added = part.reading.rows, part.source.get("add") or {}
    if column in added and column not in table:
        return [to_text(added[column]) or ""] * len(table)
    if column not in table:
        raise StudyError(
            "There is no such column.", file=part.label, key=key, found=column, allowed=list(table.columns)
        )
    return [(to_text(cell) or "").strip() for cell in table[column]]


def _table(
    cells: Sequence[_Cell],
    part: Part,
    codebook: Codebook,
    *,
    name: str,
    key: str,
    column: str,
    reduce: str | None,
) -> pd.DataFrame:
    """Read the cells and return the codings; `part` is what an error about a cell names."""
    known: dict[str, Rating | None] = {}
    found: list[tuple[_Cell, Rating]] = []
    first: dict[tuple[str, str], _Cell] = {}
    for cell in cells:
        text = cell.text if reduce is None else _reduced(cell.text, reduce)
        if text not in known:
            known[text] = _read(text, codebook, part, cell)
        rating = known[text]
        if rating is None:
            continue
        before = first.setdefault((cell.unit, cell.repeat), cell)
        if before is not cell:
            raise StudyError(
                f"The unit {cell.unit} has two codes of '{codebook.construct}'; first in {before.where}.",
                file=cell.where,
                found=f"{before.text}, {cell.text}",
                hint="Name the column that tells them apart with the key `repeat`, or keep one with `where`.",
            )
        found.append((cell, rating))
    if not found:
        raise StudyError("The column holds no code.", file="config/study.yaml", key=key, found=column)
    label_of = _labels_of_numbers(known, codebook)
    ratings = [rating for _, rating in found]
    table = codings(
        [cell.unit for cell, _ in found],
        construct=codebook.construct,
        coder=name,
        status=[rating.status for rating in ratings],
        label=[
            (rating.label or label_of.get(rating.value)) if rating.status == "ok" else None
            for rating in ratings
        ],
        score=[rating.value for rating in ratings],
        counts={"repeat": _numbers([cell.repeat for cell, _ in found])},
    )
    return table.sort_values(["unit_id", "repeat"], kind="stable", ignore_index=True)


def _read(text: str, codebook: Codebook, part: Part, cell: _Cell) -> Rating | None:
    # A cell of a table of its own knows its file; that of a column of the corpus, its unit.
    where = cell.where.removeprefix(f"{part.label}, ")
    return _rating(text, codebook, part, where)


def _reduced(text: str, how: str) -> str:
    return str(int(REDUCED[how](float(text)))) if _NUMBER.fullmatch(text) else text


def _numbers(repeats: Sequence[str]) -> list[int]:
    """Number the repeats from 1, in the order of numbers, or of the alphabet where some are none."""
    names = set(repeats)
    numeric = all(_NUMBER.fullmatch(name) for name in names)
    order = sorted(names, key=(lambda name: (float(name), name)) if numeric else str)  # type: ignore[arg-type]
    place = {name: position for position, name in enumerate(order, start=1)}
    return [place[name] for name in repeats]


def main(
    *,
    units_file: Path,
    name: str,
    coder: dict,  # type: ignore[type-arg]
    codebooks: list,  # type: ignore[type-arg]
    codings_file: Path,
    flow_file: Path,
    corpus_id: str = "unit_id",
    downloads: Path = sources.DOWNLOADS,
) -> None:
    """Write the codings of one coder, and what became of its codes."""
    units = pd.read_parquet(units_file)
    books = [Codebook.from_dict(book) for book in codebooks]
    flow = Flow()
    parts = [read_part(source, downloads) for source in sources.listed(coder)]
    for part in parts:
        notes = "; ".join([part.label, *part.reading.notes])
        flow.add("read", f"{name} {part.group}" if len(parts) > 1 else name, len(part.reading.rows), notes)
    if parts:
        ids = set(units["unit_id"])
        tables = [joined(parts, coder, book, ids, flow, name=name, corpus_id=corpus_id) for book in books]
    else:
        tables = [
            code(
                units,
                column_of(coder["columns"][book.construct])[0],
                book,
                name=name,
                reduce=coder.get("reduce"),
            )
            for book in books
        ]
    pd.concat(tables, ignore_index=True).to_parquet(codings_file, index=False)
    flow.write(flow_file)


if __name__ == "__main__":
    from study.job import run

    run(main)
