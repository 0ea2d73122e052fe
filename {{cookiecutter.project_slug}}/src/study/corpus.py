"""The corpus as one table of units, and the flow: how many texts were read, left out, and why.

Texts are kept to the character. The order of the rules is fixed: rows without text, then duplicate ids, then
duplicate texts, then segmentation; the first row, in the order of the sources and of the rows in them, is the
one that `first` keeps.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from study import sources
from study.digest import text_sha256
from study.errors import StudyError
from study.flow import Flow, examples
from study.reading import Reading, format_of, only, read, read_folder, to_text
from study.segmentation import segments, unit_id

RESERVED = ("unit_id", "document_id", "text", "text_sha256", "start", "end", "sample", "gold", "pilot")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_CODE = re.compile(r"[+-]?(0[0-9].*|[0-9]{16,})")
_MISSING = {"", "na", "nan", "n/a", "null", "none"}
_INVISIBLE = {"Zs", "Zl", "Zp", "Cc", "Cf"}


@dataclass(frozen=True)
class Part:
    """One source of the corpus, as it was read.

    Attributes
    ----------
    source
        Its settings: `prefix` is put before its ids, `add` holds columns with one value.
    group, label
        Its name in the flow, and where it is.
    reading
        Its table.
    """

    source: Mapping[str, Any]
    group: str
    label: str
    reading: Reading


def read_part(source: Mapping[str, Any], downloads: Path = sources.DOWNLOADS) -> Part:
    """Read one source of the corpus, or of codes: the rows that its `where` names, else all."""
    if sources.kind(source) == "folder":
        folder = Path(source["folder"])
        reading, label = read_folder(folder, source.get("encoding")), folder.as_posix()
    else:
        content = sources.content(source, downloads)
        label = content.label
        kind = format_of(content.file_name, source.get("format"))
        reading = read(
            content.data,
            kind,
            label=label,
            columns=source.get("columns"),
            encoding=source.get("encoding"),
            frame=content.frame,
        )
        reading.notes.extend([kind, f"sha256 {content.sha256}"])
    reading = only(reading, source.get("where") or {}, label=label)
    return Part(source, _group(source, label), label, reading)


def build(
    parts: Sequence[Part], settings: Mapping[str, Any], units: Mapping[str, Any]
) -> tuple[pd.DataFrame, Flow]:
    """Put the sources together.

    Parameters
    ----------
    parts
        As read.
    settings
        The key `corpus` of the configuration: id, text (None: the texts are not at hand), covariates,
        language, duplicate_ids, duplicate_texts, empty.
    units
        The key `units`: segment, window, document, person, year, weight.

    Returns
    -------
    units, flow
        One row a unit, sorted by unit_id: unit_id, document_id, text, text_sha256, (start and end, when texts
        are divided: places in the text of the row), person, year and weight where they are configured,
        covariates. Where texts are not at hand, every text is empty.
    """
    flow = Flow()
    for part in parts:
        flow.add("read", part.group, len(part.reading.rows), "; ".join([part.label, *part.reading.notes]))
    rows = _rows(parts, settings, units)
    at_hand = settings.get("text", "text") is not None
    if at_hand:
        rows = _with_text(rows, parts, settings.get("empty", "exclude"), flow)
    rows = _unique_ids(rows, parts, settings.get("duplicate_ids", "refuse"), flow)
    if at_hand:
        rows = _unique_texts(rows, parts, settings.get("duplicate_texts", "keep"), flow)
    if rows.empty:
        raise StudyError(
            "No row of the corpus has a text.", file=parts[0].label, key=settings.get("text", "text")
        )
    covariates = _covariates(parts, settings, units).loc[rows.index]
    if units.get("weight"):
        _check_weights(rows["unit_id"], covariates["weight"], units["weight"])
    table = _divided(rows, settings, units)
    for part, kept in _by_part(parts, table["part"]):
        flow.add("units", part.group, int(kept.sum()))
    table = table.drop(columns=["part", "line"]).join(covariates)
    return table.sort_values("unit_id", ignore_index=True), flow


def _group(source: Mapping[str, Any], label: str) -> str:
    added = " ".join(str(value) for value in (source.get("add") or {}).values())
    return added or str(source.get("prefix") or "").strip("-_:/ ") or PurePosixPath(label).name


def _rows(parts: Sequence[Part], settings: Mapping[str, Any], units: Mapping[str, Any]) -> pd.DataFrame:
    """Return part, line, unit_id, document_id and text of every row; text is None where there is none.

    Where texts are not at hand, it is empty.
    """
    column = settings.get("text", "text")
    found = []
    for number, part in enumerate(parts):
        table, prefix = part.reading.rows, part.source.get("prefix") or ""
        names = [to_text(cell) for cell in _column(part, settings.get("id", "unit_id"), "corpus.id")]
        ids = [_identifier(name, part, row, prefix) for row, name in enumerate(names)]
        documents = ids
        if units.get("document"):
            names = [to_text(cell) for cell in _column(part, units["document"], "units.document")]
            documents = [_identifier(name, part, row, prefix) for row, name in enumerate(names)]
        found.append(
            pd.DataFrame(
                {
                    "part": number,
                    "line": part.reading.lines,
                    "unit_id": ids,
                    "document_id": documents,
                    "text": pd.Series(
                        [""] * len(table)
                        if column is None
                        else [to_text(cell) for cell in _column(part, column, "corpus.text")],
                        index=table.index,
                        dtype=object,
                    ),
                }
            )
        )
    return pd.concat(found, ignore_index=True)


def _column(part: Part, name: str, key: str) -> list[object]:
    added = part.source.get("add") or {}
    table = part.reading.rows
    if name in added:
        if name in table:
            raise StudyError(
                f"The table has a column '{name}' that `add` names too.", file=part.label, key="add"
            )
        return [added[name]] * len(table)
    if name not in table:
        raise StudyError(
            "There is no such column.", file=part.label, key=key, found=name, allowed=list(table.columns)
        )
    return list(table[name])


def _identifier(name: str | None, part: Part, row: int, prefix: str) -> str:
    """Return the id with the source's prefix; white space around an id is no part of it."""
    where = f"{part.label}, {part.reading.lines[row]}"
    stripped = (name or "").strip()
    if not stripped:
        raise StudyError(
            "A row has no id.", file=where, hint="Every text needs one, to be joined with its codes."
        )
    if not stripped.isprintable():
        raise StudyError(
            "An id holds a line break or another invisible character.", file=where, found=stripped
        )
    return prefix + stripped


def _with_text(rows: pd.DataFrame, parts: Sequence[Part], rule: str, flow: Flow) -> pd.DataFrame:
    empty = pd.Series([not _visible(text) for text in rows["text"]], index=rows.index)
    if empty.any() and rule == "refuse":
        first = rows[empty].iloc[0]
        raise StudyError(
            f"{int(empty.sum())} rows have no text.",
            file=f"{parts[first['part']].label}, {first['line']}",
            found=first["unit_id"],
            hint="With `empty: exclude` such rows are left out and counted.",
        )
    for part, members in _by_part(parts, rows["part"]):
        left_out = rows[members & empty]
        flow.add("left out: no text", part.group, len(left_out), examples(left_out["unit_id"]))
    return rows[~empty]


def _visible(text: str | None) -> bool:
    return text is not None and any(unicodedata.category(c) not in _INVISIBLE for c in text)


def _unique_ids(rows: pd.DataFrame, parts: Sequence[Part], rule: str, flow: Flow) -> pd.DataFrame:
    again = rows["unit_id"].duplicated()
    if again.any() and rule == "refuse":
        second = rows[again].iloc[0]
        first = rows[rows["unit_id"] == second["unit_id"]].iloc[0]
        where = f"{parts[first['part']].label}, {first['line']}"
        raise StudyError(
            f"Two rows have one id ({int(again.sum())} rows repeat an id); the first is {where}.",
            file=f"{parts[second['part']].label}, {second['line']}",
            found=second["unit_id"],
            hint="Give each source a `prefix`, or keep the first row of each id with `duplicate_ids: first`.",
        )
    for part, members in _by_part(parts, rows["part"]):
        left_out = rows[members & again]
        flow.add("left out: duplicate id", part.group, len(left_out), examples(left_out["unit_id"]))
    return rows[~again]


def _unique_texts(rows: pd.DataFrame, parts: Sequence[Part], rule: str, flow: Flow) -> pd.DataFrame:
    again = rows["text"].duplicated()
    step = "left out: duplicate text" if rule == "first" else "kept: duplicate text"
    for part, members in _by_part(parts, rows["part"]):
        repeated = rows[members & again]
        flow.add(step, part.group, len(repeated), examples(repeated["unit_id"]))
    return rows[~again] if rule == "first" else rows


def _by_part(parts: Sequence[Part], numbers: pd.Series) -> list[tuple[Part, pd.Series]]:
    return [(part, numbers == number) for number, part in enumerate(parts)]


def _covariates(parts: Sequence[Part], settings: Mapping[str, Any], units: Mapping[str, Any]) -> pd.DataFrame:
    roles = {role: units[role] for role in ("person", "year", "weight") if units.get(role)}
    used = {
        settings.get("id", "unit_id"),
        settings.get("text", "text"),
        units.get("document"),
        *roles.values(),
    }
    named = settings.get("covariates")
    everything = dict.fromkeys(
        c for p in parts for c in [*p.reading.rows.columns, *(p.source.get("add") or {})]
    )
    wanted = {name: name for name in (everything.keys() - used if named is None else named)}
    wanted = {name: name for name in everything if name in wanted} if named is None else wanted
    for name in (*RESERVED, *roles):
        if name in wanted and wanted[name] != roles.get(name):
            raise StudyError(
                f"A covariate cannot be called '{name}': the table of units has a column of that name.",
                file="config/study.yaml",
                key="corpus.covariates",
                found=name,
                hint="Rename the column, or list the covariates to keep without it.",
            )
    found = {}
    for name, column in {**roles, **wanted}.items():
        key = f"units.{name}" if name in roles else "corpus.covariates"
        cells: list[tuple[Sequence[object], bool]] = []
        for part in parts:
            absent = named is None and name not in roles and column not in part.reading.rows
            if absent and column not in (part.source.get("add") or {}):
                cells.append(([None] * len(part.reading.rows), False))
            else:
                as_written = part.reading.written and column in part.reading.rows
                cells.append((_column(part, column, key), as_written))
        # A person's name is an id: 12 is no quantity.
        found[name] = _texts(cells) if name == "person" else typed(cells)
    return pd.DataFrame(found, index=range(sum(len(part.reading.rows) for part in parts)))


def typed(parts: Sequence[tuple[Sequence[object], bool]]) -> pd.Series:
    """Return a column as numbers where every cell is one, else as text.

    Parameters
    ----------
    parts
        The cells of each source, and whether they are text as it was written (CSV, TSV). Written cells count
        as numbers when all of them look like one (codes do not: 01001, or a number of more than 15 digits),
        and then an empty cell, NA, NaN, N/A, null and None are missing numbers. In a column of text only an
        empty cell is missing.
    """
    numbers: list[float] = []
    for cells, written in parts:
        for cell in cells:
            number = _number(cell, written)
            if number is None:
                return _texts(parts)
            numbers.append(number)
    present = [number for number in numbers if not math.isnan(number)]
    if not present:
        return pd.Series([None] * len(numbers), dtype="str")
    if len(present) == len(numbers) and all(isinstance(n, int) for n in numbers):
        return pd.Series(numbers, dtype="int64")
    return pd.Series(numbers, dtype="float64")


def _texts(parts: Sequence[tuple[Sequence[object], bool]]) -> pd.Series:
    return pd.Series([to_text(cell) or None for cells, _ in parts for cell in cells], dtype="str")


def _number(cell: object, written: bool) -> float | None:
    """Return the number in a cell, NaN for a missing one, None where there is something else."""
    if cell is None or isinstance(cell, float):
        return math.nan if cell is None else cell
    if isinstance(cell, int):
        # A number that no column of whole numbers can hold is a code, as one of 16 digits in a CSV file is.
        return None if isinstance(cell, bool) or abs(cell) >= 2**63 else cell
    text = str(cell).strip()
    if text.lower() in (_MISSING if written else {""}):
        return math.nan
    if not written or not _NUMBER.fullmatch(text) or _CODE.fullmatch(text):
        return None
    return int(text) if text.lstrip("+-").isdigit() else float(text)


def _check_weights(ids: pd.Series, weights: pd.Series, column: str) -> None:
    numeric = pd.api.types.is_numeric_dtype(weights)
    values = weights.astype(float) if numeric else pd.to_numeric(weights, errors="coerce")
    wrong = ~(values >= 0) | (values == math.inf)
    if wrong.any():
        raise StudyError(
            f"A weight is no number of at least 0 (unit {ids[wrong].iloc[0]}; {int(wrong.sum())} in all).",
            file="config/study.yaml",
            key="units.weight",
            found=f"{column} = {weights[wrong].iloc[0]}",
            allowed="finite numbers, 0 or larger, in every row",
        )


def _divided(rows: pd.DataFrame, settings: Mapping[str, Any], units: Mapping[str, Any]) -> pd.DataFrame:
    """Return a row a unit; its index is that of the row that it comes from."""
    segment = units.get("segment", "none")
    first = ["part", "line", "unit_id", "document_id", "text", "text_sha256"]
    if segment == "none":
        return rows.assign(text_sha256=[text_sha256(text) for text in rows["text"]])[first]
    language, window = settings["language"], units.get("window", 200)
    spans = [segments(text, segment=segment, language=language, window=window) for text in rows["text"]]
    table = rows.loc[rows.index.repeat([len(found) for found in spans])]
    places = [place for found in spans for place in found]
    positions = [position for found in spans for position in range(1, len(found) + 1)]
    texts = [text[start:end] for text, (start, end) in zip(table["text"], places, strict=True)]
    return table.assign(
        unit_id=[unit_id(document, n) for document, n in zip(table["unit_id"], positions, strict=True)],
        text=texts,
        text_sha256=[text_sha256(text) for text in texts],
        start=[start for start, _ in places],
        end=[end for _, end in places],
    )[[*first, "start", "end"]]


def main(
    *,
    corpus: dict,  # type: ignore[type-arg]
    units: dict,  # type: ignore[type-arg]
    units_file: Path,
    flow_file: Path,
    downloads: Path = sources.DOWNLOADS,
) -> None:
    """Read the corpus; write the table of units and the flow."""
    listed = sources.listed(corpus)
    if not listed:
        raise StudyError("The corpus names no source.", file="config/study.yaml", key="corpus.sources")
    table, flow = build([read_part(source, downloads) for source in listed], corpus, units)
    table.to_parquet(units_file, index=False)
    flow.write(flow_file)


if __name__ == "__main__":
    from study.job import run

    run(main)
