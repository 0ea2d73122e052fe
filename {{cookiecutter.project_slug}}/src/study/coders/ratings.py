"""Ratings: every human coder's code of every unit, read from tables of any layout.

Codes are joined with the corpus by id (with the source's prefix), never by the order of rows. A cell is a
label of the codebook, or a number (for nominal constructs: a category's value), or empty, or NA: no rating.
Where there are no labels it is a number: within the codebook's bounds (whole for a count), how many passages
were found, or a text's place in a comparison (on any scale). Anything else is refused with its line. 'Not
codable' is a code of its own, neither zero nor missing.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from study.codebook import WITH_CATEGORIES, Codebook
from study.corpus import Part
from study.errors import StudyError
from study.flow import Flow, examples
from study.reading import to_text

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_NO_RATING = {"", "na", "nan", "null", "none"}


@dataclass(frozen=True)
class Rating:
    """One rater's code of one unit; `value` is NaN where the code is 'not codable' or has no number."""

    rater: str
    code: str
    label: str | None
    value: float
    status: str


Ratings = dict[str, list[Rating]]
"""Unit id to its ratings, in the order of the raters."""


def read_ratings(
    parts: Sequence[Part],
    coder: Mapping[str, Any],
    codebook: Codebook,
    unit_ids: set[str],
    flow: Flow,
    *,
    name: str,
    several: bool = False,
    corpus_id: str = "unit_id",
) -> Ratings:
    """Read the ratings of one construct.

    Parameters
    ----------
    parts
        The tables, as read.
    coder
        Its settings: layout, id, rater, rating, raters, identified.
    unit_ids
        Those of the corpus. Ratings of other units are counted in the flow.
    name
        The coder's name, for the flow and for errors.
    several
        Whether the coder codes several constructs: the column of codes is then named as the construct is.
    corpus_id
        The id column, where the coder's settings name none.

    Raises
    ------
    StudyError
        A cell is no code, a rater rated a unit twice, a column is missing, or no id is one of the corpus.
    """
    found: dict[str, list[tuple[str | None, Rating]]] = {}
    unknown: Counter[str] = Counter()
    known: dict[str, Rating | None] = {}
    blank = 0
    for part in parts:
        for line, unit, rater, cell in _cells(
            part, coder, codebook, name=name, several=several, corpus_id=corpus_id
        ):
            if cell not in known:
                known[cell] = _rating(cell, codebook, part, line)
            rating = known[cell]
            if rating is None:
                blank += 1
            elif unit not in unit_ids:
                unknown[unit] += 1
            else:
                found.setdefault(unit, []).append((rater, rating))
    group = f"{name} {codebook.construct}"
    if not found:
        raise StudyError(
            "None of the ratings belongs to a unit of the corpus.",
            file=parts[0].label,
            key=f"coders.{name}.id",
            found=next(iter(unknown), "no rating at all"),
            allowed=f"ids such as {examples(sorted(unit_ids), 2)}",
            hint="The key `prefix` of a source is put before its ids.",
        )
    width = max(2, len(str(max(map(len, found.values())))))
    label_of = _labels_of_numbers(known, codebook)
    complete = {unit: _named(found[unit], unit, name, width, label_of) for unit in sorted(found)}
    flow.add("ratings", group, sum(map(len, complete.values())))
    flow.add("ratings left out: unit not in the corpus", group, unknown.total(), examples(sorted(unknown)))
    flow.add("cells without a rating", group, blank)
    flow.add("units with ratings", group, len(complete))
    missing = sorted(unit_ids - complete.keys())
    flow.add("units without ratings", group, len(missing), examples(missing))
    return complete


def _cells(
    part: Part, coder: Mapping[str, Any], codebook: Codebook, *, name: str, several: bool, corpus_id: str
) -> Iterator[tuple[str, str, str | None, str]]:
    """Yield line, unit id, rater (None where only the position is known) and cell of every rating."""
    layout, identified = coder.get("layout", "long"), coder.get("identified", True)
    prefix = part.source.get("prefix") or ""
    ids = [
        (to_text(cell) or "").strip()
        for cell in _column(part, coder.get("id") or corpus_id, f"coders.{name}.id")
    ]
    units = [prefix + unit for unit in ids]
    lines = part.reading.lines
    rating = codebook.construct if several else coder.get("rating", "rating")
    if layout == "long":
        cells = _column(part, rating, f"coders.{name}.rating")
        raters: list[str | None] = [None] * len(units)
        if identified:
            names = [
                to_text(cell) for cell in _column(part, coder.get("rater", "rater"), f"coders.{name}.rater")
            ]
            raters = [(rater or "").strip() for rater in names]
            if "" in raters:
                where = f"{part.label}, {lines[raters.index('')]}"
                raise StudyError("A rating names no rater.", file=where, hint="Or set `identified: false`.")
        yield from zip(lines, units, raters, map(_text, cells), strict=True)
    elif layout == "wide":
        if several:
            raise StudyError(
                "The layout wide holds the codes of one construct.",
                file="config/study.yaml",
                key=f"coders.{name}.layout",
                found="wide",
                allowed=["long", "list"],
            )
        _once(units, part)
        if not coder.get("raters"):
            raise StudyError(
                "The layout wide needs the names of the raters' columns.",
                file="config/study.yaml",
                key=f"coders.{name}.raters",
                allowed=list(part.reading.rows.columns),
            )
        for rater in coder["raters"]:
            cells = _column(part, rater, f"coders.{name}.raters")
            yield from zip(lines, units, [rater] * len(units), map(_text, cells), strict=True)
    elif layout == "list":
        _once(units, part)
        cells = _column(part, rating, f"coders.{name}.rating")
        for line, unit, cell in zip(lines, units, cells, strict=True):
            for item in _items(_text(cell)):
                yield line, unit, None, item
    else:
        raise StudyError(
            "There is no such layout.",
            file="config/study.yaml",
            key=f"coders.{name}.layout",
            found=layout,
            allowed=["long", "wide", "list"],
        )


def _items(cell: str) -> list[str]:
    """Return the codes of a list in one cell: '[1, -2]', '1;-2', '1|-2', '["yes", "no"]'."""
    inside = cell.strip().removeprefix("[").removesuffix("]")
    return [item.strip().strip("\"'") for item in re.split(r"[,;|]", inside)] if inside.strip() else []


def _text(cell: object) -> str:
    return (to_text(cell) or "").strip()


def _column(part: Part, column: str, key: str) -> list[object]:
    table = part.reading.rows
    if column not in table:
        raise StudyError(
            "There is no such column.", file=part.label, key=key, found=column, allowed=list(table.columns)
        )
    return list(table[column])


def _once(units: Sequence[str], part: Part) -> None:
    twice = next((unit for unit, n in Counter(units).items() if n > 1), None)
    if twice is not None:
        rows = [line for line, unit in zip(part.reading.lines, units, strict=True) if unit == twice]
        raise StudyError(
            "Two rows hold the ratings of one unit.", file=f"{part.label}, {rows[1]}", found=twice
        )


def _rating(cell: str, codebook: Codebook, part: Part, line: str) -> Rating | None:
    """Read one cell; None when it holds no rating."""
    if codebook.not_codable is not None and cell.casefold() == codebook.not_codable.casefold():
        return Rating("", cell, codebook.not_codable, math.nan, "not_codable")
    if codebook.type not in WITH_CATEGORIES:
        return _number(cell, codebook, part, line)
    value_of = dict(zip(codebook.labels, codebook.values, strict=True))
    label = next((label for label in value_of if label.casefold() == cell.casefold()), None)
    number = float(cell) if _NUMBER.fullmatch(cell) else None
    if label is None and number is not None and codebook.level == "nominal":
        label = next((label for label, value in value_of.items() if value == number), None)
    if label is not None:
        value = value_of[label]
        return Rating("", cell, label, math.nan if value is None else value, "ok")
    if cell.casefold() in _NO_RATING:
        return None
    outside = codebook.scale is not None and number is not None
    if number is None or codebook.level == "nominal" or outside:
        allowed = (
            f"a number from {codebook.scale[0]} to {codebook.scale[1]}" if codebook.scale else "a number"
        )
        if codebook.scale is None:
            allowed = ", ".join(codebook.labels) + ("" if codebook.level == "nominal" else ", or a number")
        raise StudyError(
            f"This is no code of '{codebook.construct}'.",
            file=f"{part.label}, {line}",
            found=cell,
            allowed=f"{allowed}; empty or NA where there is no rating",
        )
    return Rating("", cell, None, number, "ok")


def _number(cell: str, codebook: Codebook, part: Part, line: str) -> Rating | None:
    """Read one cell of a construct without labels."""
    if cell.casefold() in _NO_RATING:
        return None
    number = float(cell) if _NUMBER.fullmatch(cell) else math.nan
    low, high = codebook.scale or (0 if codebook.type == "extract" else -math.inf, math.inf)
    whole = codebook.type in ("count", "extract")
    if not low <= number <= high or (whole and not number.is_integer()) or math.isinf(number):
        what = "a whole number" if whole else "a number"
        bounds = f" from {low} to {high}" if codebook.scale else ", 0 or more" if whole else ""
        passages = " (how many passages there are)" if codebook.type == "extract" else ""
        raise StudyError(
            f"This is no code of '{codebook.construct}'.",
            file=f"{part.label}, {line}",
            found=cell,
            allowed=f"{what}{bounds}{passages}; empty or NA where there is no rating",
        )
    return Rating("", cell, None, number, "ok")


def _labels_of_numbers(known: Mapping[str, Rating | None], codebook: Codebook) -> dict[float, str]:
    """Return the labels that numbers stand for: none, when people used a finer scale than the categories'."""
    labels = {
        value: label
        for label, value in zip(codebook.labels, codebook.values, strict=True)
        if value is not None
    }
    used = {rating.value for rating in known.values() if rating is not None and rating.status == "ok"}
    return labels if used <= labels.keys() else {}


def _named(
    ratings: list[tuple[str | None, Rating]], unit: str, name: str, width: int, label_of: Mapping[float, str]
) -> list[Rating]:
    """Give unidentified raters their position's number; refuse a rater who rated a unit twice."""
    named = {}
    for position, (given, rating) in enumerate(ratings, start=1):
        rater = f"{position:0{width}d}" if given is None else given
        if rater in named:
            raise StudyError(
                f"A rater rated the unit {unit} twice.",
                key=f"coders.{name}",
                found=rater,
                hint="Keep one of the ratings.",
            )
        label = rating.label or label_of.get(rating.value)
        named[rater] = Rating(rater, rating.code, label, rating.value, rating.status)
    return [named[rater] for rater in sorted(named)]
