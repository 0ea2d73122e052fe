"""Validity of units and of their means: a measure may be poor for a text and good for a document, or worse.

Errors that are independent from text to text average out in the mean of a document, a person or a year; those
that its texts share do not. So agreement with the criterion is tabulated at each level that a study may
conclude about, in two readings: over the units that both have coded, and over each side's own units, which is
what a study does that has its criterion from elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.validity.common_scale import other_scale
from study.validity.correlation import pearson, spearman
from study.validity.subsets import POOLED, SAMPLE, Subset, subsets
from study.validity.table import read_table, table, write_table

COLUMNS = [
    "construct", "domain", "subset", "level", "reading", "measure", "criterion", "n", "n_units",
    "n_criterion_units", "pearson_r", "ci_low", "ci_high", "spearman_rho", "spearman_ci_low",
    "spearman_ci_high", "bias", "note",
]  # fmt: skip
KEYS = ["construct", "domain", "subset", "level", "reading", "measure"]
UNIT, JOINT, OWN = "unit", "joint", "own"
FEW = 10
"""A correlation of fewer means than this says little."""
_FIGURES = ["pearson_r", "ci_low", "ci_high", "spearman_rho", "spearman_ci_low", "spearman_ci_high"]
NO_LABEL_MEANS = "labels without values have no mean"


@dataclass(frozen=True)
class _Compared:
    """A measure of a subset, the type of its coder, and the codebook."""

    subset: Subset
    measure: str
    kind: str
    book: Mapping[str, Any]

    @property
    def other_scale(self) -> str:
        """Means hide how far scores go: scales are judged by the units'."""
        scores = self.subset.scores(self.measure), self.subset.scores(self.subset.criterion)
        labels = f"{self.subset.construct}_{self.measure}_label" in self.subset.units
        return other_scale(self.kind, self.book, *scores, labels=labels)


@dataclass(frozen=True)
class _Side:
    """The scores of one side, and the group of each."""

    scores: pd.Series
    groups: pd.Series

    @property
    def n_units(self) -> int:
        return int((self.scores.notna() & self.groups.notna()).sum())

    def means(self) -> pd.Series:
        return self.scores.groupby(self.groups, observed=True).mean().dropna()


def aggregate_validity_table(
    measures: pd.DataFrame,
    agreement: pd.DataFrame,
    coders: Mapping[str, Mapping[str, str]],
    codebooks: Mapping[str, Mapping[str, Any]],
    *,
    criterion: str | None,
    by: str | None = None,
    resamples: int = 2000,
    seed: int = 1,
) -> pd.DataFrame:
    """Correlate measures with the criterion at the level of units, domains, documents, persons and years.

    Parameters
    ----------
    measures, coders, criterion, by
        See `subsets.subsets`; documents, persons and years are the columns document_id, person and year,
        where they are there.
    agreement
        The table `agreement.csv`, which has the figures of units.
    codebooks
        construct -> {'level': ..., 'values': {label: value}, 'type': ...}.
    resamples, seed
        Of the bootstrap over aggregates.

    Returns
    -------
    One row for each construct, subset, level, reading ('joint': means of the units that both have coded;
    'own': of each side's own units, in the subset 'all' only) and measure. `n` counts aggregates; `bias` is
    the mean difference of measure and criterion, missing where they are on different scales.
    """
    rows: list[dict[str, object]] = []
    options: dict[str, Any] = {"resamples": resamples, "seed": seed}
    if "pilot" in measures:
        measures = measures[~measures["pilot"].astype(bool)]
    levels = list(_levels(measures, by))
    for subset in subsets(measures, coders, criterion=criterion, by=None):
        kinds, book = coders[subset.construct], codebooks[subset.construct]
        coded = [] if subset.subset == SAMPLE else _coded(measures, kinds, subset)
        for measure in sorted({*subset.measures, *coded}):
            key = {**subset.key, "domain": POOLED, "measure": measure, "criterion": subset.criterion}
            compared = _Compared(subset, measure, kinds[measure], book)
            if measure in subset.measures:
                rows.append(key | _of_units(compared, agreement))
            for level, column in levels:
                name = f"{subset.name}/{measure}/{level}"
                if measure in subset.measures:
                    mine, theirs = _sides(subset.units, compared, column)
                    both = mine.scores.notna() & theirs.scores.notna()
                    mine, theirs = (_Side(side.scores[both], side.groups[both]) for side in (mine, theirs))
                    found = _of_means(mine, theirs, compared, name=f"{name}/{JOINT}", **options)
                    rows.append(key | {"level": level, "reading": JOINT} | found)
                if measure in coded:
                    mine, theirs = _sides(measures, compared, column)
                    found = _of_means(mine, theirs, compared, name=f"{name}/{OWN}", **options)
                    rows.append(key | {"level": level, "reading": OWN} | found)
    return table(rows, COLUMNS, KEYS)


def _levels(units: pd.DataFrame, by: str | None) -> Iterator[tuple[str, str]]:
    """Name and column of each level above the unit; none where every document is one text."""
    named = [("domain", by), ("document", "document_id"), ("person", "person"), ("year", "year")]
    seen = set()
    for level, column in named:
        if column is not None and column in units and column not in seen and not units[column].is_unique:
            seen.add(column)
            yield level, column


def _coded(measures: pd.DataFrame, kinds: Mapping[str, str], subset: Subset) -> list[str]:
    """Every coder but the criterion that has scored a unit, in the sample or beyond it."""
    columns = {coder: f"{subset.construct}_{coder}" for coder in sorted(kinds) if coder != subset.criterion}
    return [c for c, column in columns.items() if column in measures and measures[column].notna().any()]


def _sides(units: pd.DataFrame, compared: _Compared, column: str) -> tuple[_Side, _Side]:
    """The measure's scores and the criterion's."""
    subset = compared.subset
    mine, theirs = (
        _Side(units[f"{subset.construct}_{coder}"].astype(float), units[column])
        for coder in (compared.measure, subset.criterion)
    )
    return mine, theirs


def _of_units(compared: _Compared, agreement: pd.DataFrame) -> dict[str, object]:
    """The figures of units are those of the table of agreement."""
    subset = compared.subset
    own, truth = subset.scores(compared.measure), subset.scores(subset.criterion)
    both = own.notna() & truth.notna()
    n = int(both.sum())
    row: dict[str, object] = {"level": UNIT, "reading": JOINT, "n": n, "n_units": n, "n_criterion_units": n}
    if not n:
        return row | {"note": _nothing(own, truth)}
    here = agreement[
        (agreement["construct"] == subset.construct)
        & (agreement["domain"] == POOLED)
        & (agreement["subset"] == subset.subset)
        & (agreement["measure"] == compared.measure)
    ]
    if len(here) == 1:
        row |= {column: here[column].iloc[0] for column in _FIGURES}
    constant = min(own[both].nunique(), truth[both].nunique()) < 2
    note = "undefined: the scores do not vary" if constant else ""
    return row | _bias(own[both], truth[both], compared, note)


def _of_means(
    mine: _Side, theirs: _Side, compared: _Compared, *, name: str, **options: Any
) -> dict[str, object]:
    row: dict[str, object] = {"n_units": mine.n_units, "n_criterion_units": theirs.n_units}
    both = pd.concat([mine.means(), theirs.means()], axis=1, join="inner")
    both = both.sort_index(key=lambda index: index.astype(str))
    own, truth = both.iloc[:, 0], both.iloc[:, 1]
    n = len(both)
    row["n"] = n
    if not n:
        return row | {"note": _nothing(mine.scores, theirs.scores)}
    if n == mine.n_units == theirs.n_units:
        return row | {"note": "every one of them is a single text, so the figures are those of units"}
    if n < 3:
        what = "one mean has" if n == 1 else "two means have"
        return row | _bias(own, truth, compared, f"{what} no correlation")
    r, rho = pearson(own, truth, name=name, **options), spearman(own, truth, name=name, **options)
    figures = [r.value, r.ci_low, r.ci_high, rho.value, rho.ci_low, rho.ci_high]
    row |= dict(zip(_FIGURES, figures, strict=True))
    if n < FEW:  # resampling a handful of means says more than they know
        row |= dict.fromkeys([name for name in _FIGURES if "ci_" in name], float("nan"))
    if not np.isfinite(r.value):
        note = "undefined: the means do not vary"
    else:
        note = f"{n} means only: the correlation says little" if n < FEW else ""
    return row | _bias(own, truth, compared, note)


def _bias(own: pd.Series, truth: pd.Series, compared: _Compared, note: str) -> dict[str, object]:
    why = compared.other_scale
    said = "; ".join(part for part in (note, f"no bias, {why}" if why else "") if part)
    return {"bias": float("nan") if why else float((own - truth).mean()), "note": said}


def _nothing(own: pd.Series, truth: pd.Series) -> str:
    if not truth.notna().any():
        return NO_LABEL_MEANS
    return "no unit has a score of both" if own.notna().any() else "the coder has no scores"


def main(
    *,
    measures_file: Path,
    agreement_file: Path,
    reliability_file: Path,
    aggregate_file: Path,
    disattenuated_file: Path,
    matrix_file: Path,
    criteria_file: Path,
    coders: dict[str, Any],
    codebooks: dict[str, Any],
    compare: dict[str, Any],
    scores: dict[str, Any],
) -> None:
    """Write the tables of aggregates, corrected correlations, and traits and methods.

    `coders` maps construct to coder to type, `codebooks` construct to its level, its type and its labels'
    values, `scores` human coder to how its score is made of ratings; `compare` is that section of the
    configuration.
    """
    from study.validity.disattenuated import disattenuated_table
    from study.validity.trait_tables import multitrait_tables

    measures = pd.read_parquet(measures_file)
    agreement = read_table(agreement_file, ["n", *_FIGURES])
    reliability = read_table(reliability_file, ["n_units", "n_ratings", "estimate", "ci_low", "ci_high"])
    criterion = compare["criterion"]
    found = aggregate_validity_table(
        measures,
        agreement,
        coders,
        codebooks,
        criterion=criterion,
        by=compare.get("by"),
        resamples=compare["bootstrap"],
        seed=compare["seed"],
    )
    write_table(found, aggregate_file)
    write_table(disattenuated_table(agreement, reliability, coders, scores), disattenuated_file)
    pairs, criteria = multitrait_tables(
        measures,
        coders,
        reliability=reliability,
        criterion=criterion,
        correction=compare.get("correction", "holm"),
    )
    write_table(pairs, matrix_file)
    write_table(criteria, criteria_file)


if __name__ == "__main__":
    from study.job import run

    run(main)
