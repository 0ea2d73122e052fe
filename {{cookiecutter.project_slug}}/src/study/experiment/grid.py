"""The codes of an experiment and one construct as arrays: units x cells x repeats.

Every unit is coded in every cell of the design, so that an experiment is a rectangle. What was not coded
(a text that is too long, an answer that cannot be read, 'not codable') is a hole in it.

A cell that was coded once stands for every repeat: greedy decoding says the same thing every time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.experiment.criterion import Criterion, criterion_of
from study.experiment.factors import FACTORS
from study.validity.bootstrap import Array

NUMBERS = ("temperature", "seed", "sparsity")
NO_CODES = "no text was coded"


@dataclass(frozen=True)
class Codes:
    """What an experiment found for one construct.

    Attributes
    ----------
    experiment, construct
        Names.
    scale
        The construct's: 'level', 'values' (label -> value, without 'not codable'), 'classes', 'type'.
    factors
        factor -> its levels in words, the reference first; only factors with two levels or more.
    cells
        One row a cell, index its number; all `FACTORS` as they are in the file.
    settings
        Cells x factors that vary: the level of each, in words.
    units
        Their ids, sorted.
    label
        Units x cells x repeats: the place of the label in `labels`; -1 where the status is not 'ok' or there
        is no label.
    labels
        The construct's labels in the codebook's order, without 'not codable'.
    score, valid_mass
        Units x cells x repeats, in the units of the values, and from 0 to 1; NaN where there is none.
    probabilities
        Units x cells x labels, the mean over repeats, each summing to one; NaN where there are none.
    offered
        Cells: the labels in the order in which they were offered, where it was one and the same for every
        text; else None.
    repeats
        How often each cell was coded.
    criterion
        What codes are compared with.
    """

    experiment: str
    construct: str
    scale: Mapping[str, Any]
    factors: Mapping[str, tuple[str, ...]]
    cells: pd.DataFrame
    settings: pd.DataFrame
    units: pd.Index
    label: Array
    labels: tuple[str, ...]
    score: Array
    valid_mass: Array
    probabilities: Array
    offered: tuple[tuple[str, ...] | None, ...]
    repeats: Array
    criterion: Criterion

    @property
    def key(self) -> dict[str, object]:
        """The columns with which every table begins."""
        return {"experiment": self.experiment, "construct": self.construct}

    @property
    def name(self) -> str:
        """A stable name for random streams."""
        return f"experiment/{self.experiment}/{self.construct}"

    @property
    def labelled(self) -> bool:
        """Whether any text has a label."""
        return bool((self.label >= 0).any())

    @property
    def coded(self) -> Array:
        """Units x cells: whether any repeat has a score or a label."""
        return np.asarray(((self.label >= 0) | np.isfinite(self.score)).any(axis=2))

    @property
    def has_label(self) -> Array:
        """Units x cells: whether every repeat has a label."""
        return np.asarray((self.label >= 0).all(axis=2))

    def levels(self, factor: str) -> Iterator[tuple[str, Array]]:
        """Yield each level of a factor with the places of its cells."""
        own = self.settings[factor].to_numpy()
        for level in self.factors[factor]:
            yield level, np.flatnonzero(own == level)

    def blocks(self, factor: str) -> list[dict[str, int]]:
        """Return the cells that differ in this factor alone: level -> place, by setting of the others."""
        others = [name for name in self.factors if name != factor]
        found: dict[tuple[str, ...], dict[str, int]] = {}
        for place, row in enumerate(self.settings.to_dict("records")):
            key = tuple(str(row[name]) for name in others)
            found.setdefault(key, {})[str(row[factor])] = place
        return list(found.values())


@dataclass(frozen=True)
class Complete:
    """The units and cells of a comparison: cells that have codes, and units that are coded in all of them.

    Attributes
    ----------
    units, cells
        Places, ascending.
    note
        What was left out, and why; '' where nothing was.
    """

    units: Array
    cells: Array
    note: str


def complete(coded: Array, numbers: Sequence[int], among: Array | None = None) -> Complete:
    """Choose the units that are coded in all cells of a comparison.

    A comparison of cells on different units would mix the effect of a setting with that of the texts. Cells
    without a single code are left out first, because otherwise no unit would remain.

    Parameters
    ----------
    coded
        Units x cells.
    numbers
        The cells' numbers, for the note.
    among
        Places of the cells that the comparison needs; None for all.
    """
    wanted = np.arange(coded.shape[1]) if among is None else np.unique(among)
    filled = coded[:, wanted].any(axis=0)
    cells, empty = wanted[filled], wanted[~filled]
    if not cells.size:
        return Complete(np.zeros(0, dtype=int), cells, NO_CODES)
    notes = []
    if empty.size:
        named = ", ".join(str(numbers[place]) for place in empty[:5]) + (", ..." if empty.size > 5 else "")
        notes.append(f"cells without any code are left out: {named}")
    own = coded[:, cells]
    candidates, every = np.asarray(own.any(axis=1)), np.asarray(own.all(axis=1))
    lost = int((candidates & ~every).sum())
    if lost:
        lacking = (candidates[:, None] & ~own).sum(axis=0)
        worst = int(lacking.argmax())
        notes.append(
            f"{lost} of {int(candidates.sum())} units lack a code in some cell and are left out"
            f" (cell {numbers[cells[worst]]} lacks {int(lacking[worst])})"
        )
    return Complete(np.flatnonzero(every), cells, joined(notes))


def joined(notes: Sequence[str]) -> str:
    """Return notes as one, each said once."""
    return "; ".join(dict.fromkeys(note for note in notes if note))


def mean_over_repeats(values: Array) -> Array:
    """Return the mean of the third axis (repeats) over what there is; NaN where there is nothing."""
    there = np.isfinite(values)
    n = there.sum(axis=2)
    total = np.where(there, values, 0).sum(axis=2)
    return np.divide(total, n, out=np.full(total.shape, np.nan), where=n > 0)


def in_words(factor: str, level: object) -> str:
    """Return a level as tables name it: 0.3, 0 and 1 for numbers."""
    if factor not in NUMBERS:
        return str(level)
    number = float(str(level))
    return str(int(number)) if number.is_integer() else repr(number)


def read_codes(
    rows: pd.DataFrame,
    *,
    experiment: str,
    construct: str,
    factors: Mapping[str, Sequence[object]],
    scale: Mapping[str, Any],
    measures: pd.DataFrame,
    criterion: str | None,
    thresholds: Sequence[float] = (0, 0),
) -> Codes:
    """Arrange the codes of one construct.

    Parameters
    ----------
    rows
        Of an experiment's file: cell, the ten factors, unit_id, construct, repeat, status, label, score,
        valid_mass, p_<label>, offered; one row a cell, unit, construct and repeat.
    experiment, construct
        Names.
    factors
        factor -> levels, the reference first.
    scale
        See `Codes`.
    measures
        The wide table of measures, for the criterion's codes.
    criterion
        The coder that codes are compared with; None for none.
    thresholds
        See `classification.sign_class`.

    Raises
    ------
    StudyError
        A text has two codes of one cell and repeat; a cell has two settings, or a level that is not in the
        design.
    """
    rows = rows[rows["construct"] == construct]
    where = f"results/experiments/{experiment}.parquet"
    if rows.duplicated(["cell", "unit_id", "repeat"]).any():
        raise StudyError("A text has two codes of one cell and repeat.", file=where, found=construct)
    cells = rows[["cell", *FACTORS]].drop_duplicates().sort_values("cell").set_index("cell")
    if not cells.index.is_unique:
        twice = int(cells.index[cells.index.duplicated()][0])
        raise StudyError("A cell of the design has two settings.", file=where, found=f"cell {twice}")
    varied = _varied(factors)
    settings = _settings(cells, varied, where)
    ids = pd.Index(sorted(rows["unit_id"].unique()), name="unit_id")
    labels = tuple(scale.get("values") or {})
    times = pd.Index(sorted(rows["repeat"].unique()))
    place = (
        ids.get_indexer(pd.Index(rows["unit_id"])),
        cells.index.get_indexer(pd.Index(rows["cell"])),
        times.get_indexer(pd.Index(rows["repeat"])),
    )
    shape = (len(ids), len(cells), len(times))
    ok = (rows["status"] == "ok").to_numpy()
    asked = np.unique(np.column_stack(place[1:]), axis=0)
    repeats = np.bincount(asked[:, 0], minlength=len(cells))

    def arranged(values: Array, missing: float) -> Array:
        found = np.full(shape, missing, dtype=values.dtype)
        found[place] = np.where(ok, values, missing)
        once = np.flatnonzero(repeats == 1)
        first = asked[np.searchsorted(asked[:, 0], once), 1]
        found[:, once] = found[:, once, first][:, :, None]
        return found

    numbers = {
        column: arranged(_numbers(rows, column), np.nan)
        for column in ("score", "valid_mass", *(f"p_{label}" for label in labels))
    }
    given = rows["label"] if "label" in rows else pd.Series(None, index=rows.index, dtype=object)
    return Codes(
        experiment=experiment,
        construct=construct,
        scale=scale,
        factors=varied,
        cells=cells,
        settings=settings,
        units=ids,
        label=arranged(pd.Index(labels, dtype=object).get_indexer(pd.Index(given, dtype=object)), -1),
        labels=labels,
        score=numbers["score"],
        valid_mass=numbers["valid_mass"],
        probabilities=_distributions([numbers[f"p_{label}"] for label in labels], shape),
        offered=_orders(rows, cells.index),
        repeats=repeats,
        criterion=criterion_of(
            measures, ids, construct=construct, name=criterion, scale=scale, thresholds=thresholds
        ),
    )


def _varied(factors: Mapping[str, Sequence[object]]) -> dict[str, tuple[str, ...]]:
    words = {
        factor: tuple(dict.fromkeys(in_words(factor, level) for level in levels))
        for factor, levels in factors.items()
    }
    return {factor: levels for factor, levels in words.items() if len(levels) > 1}


def _settings(cells: pd.DataFrame, varied: Mapping[str, tuple[str, ...]], file: str) -> pd.DataFrame:
    found = pd.DataFrame(
        {factor: [in_words(factor, level) for level in cells[factor]] for factor in varied}, index=cells.index
    )
    for factor, levels in varied.items():
        for level in found[factor]:
            if level not in levels:
                raise StudyError(
                    f"The codes have a level of '{factor}' that the experiment does not declare.",
                    file=file,
                    found=level,
                    allowed=levels,
                    hint="Run the experiment again: its design has changed.",
                )
    return found


def _numbers(rows: pd.DataFrame, column: str) -> Array:
    if column not in rows:
        return np.full(len(rows), np.nan)
    return rows[column].to_numpy(dtype=float, na_value=np.nan)


def _distributions(by_label: Sequence[Array], shape: tuple[int, int, int]) -> Array:
    """The mean distribution over the labels, as `calibration.label_distributions` makes it of a coder's."""
    if not by_label:
        return np.full((*shape[:2], 0), np.nan)
    stacked = np.stack(by_label, axis=3)
    whole = np.isfinite(stacked).all(axis=3, keepdims=True)
    mean = np.stack(
        [mean_over_repeats(p) for p in np.moveaxis(np.where(whole, stacked, np.nan), 3, 0)], axis=2
    )
    total = mean.sum(axis=2, keepdims=True)
    return np.divide(mean, total, out=np.full(mean.shape, np.nan), where=total > 0)


def _orders(rows: pd.DataFrame, cells: pd.Index) -> tuple[tuple[str, ...] | None, ...]:
    """The order of the labels in each cell, where all its texts were offered the same one."""
    if "offered" not in rows:
        return (None,) * len(cells)
    found = rows.groupby("cell")["offered"].agg(["nunique", "first", "count", "size"]).reindex(cells)
    alike = (found["nunique"] == 1) & (found["count"] == found["size"])
    return tuple(
        tuple(json.loads(first)) if same else None for first, same in zip(found["first"], alike, strict=True)
    )
