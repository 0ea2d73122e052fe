"""Three classes by sign: precision, recall and F1 against the criterion, and the confusions behind them.

The rule is the one that reproduces Table 4 of Hutto & Gilbert (2014): the class of a score is its sign, the
class of a unit is the sign of the criterion, and the classes' figures are averaged weighted by their support.
The thresholds are configuration; they hold for the score and the criterion alike.

Rules: 'sign' (of the score) and 'label' (the sign of the coded label's value; for a nominal construct whose
criterion has labels, the label itself).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.validity.bootstrap import Array
from study.validity.subsets import Subset, rater_scores, subsets
from study.validity.table import table, write_table

NEGATIVE, NEUTRAL, POSITIVE = "negative", "neutral", "positive"
SIGNS = (NEGATIVE, NEUTRAL, POSITIVE)
KEYS = ["construct", "domain", "subset", "measure", "rule"]
COLUMNS = [
    "construct", "domain", "subset", "measure", "criterion", "rule", "n", "precision", "recall", "f1",
    "accuracy",
]  # fmt: skip
CONFUSION_COLUMNS = [
    "construct", "domain", "subset", "measure", "criterion", "rule", "criterion_class", "measure_class", "n",
]  # fmt: skip
ROUNDING = 12
"""Decimals that a sign is judged at: a mean that misses a threshold by rounding alone is on it."""


@dataclass(frozen=True)
class ClassificationScores:
    """Averages over classes, weighted by how often the criterion has each class."""

    precision: float
    recall: float
    f1: float
    accuracy: float


def sign_class(scores: Array | pd.Series | Sequence[float], thresholds: Sequence[float] = (0, 0)) -> Array:
    """Return the class of each score: 'negative' below the first threshold, 'positive' above the second.

    Returns
    -------
    Array of objects, one a score; a missing score has the class None.
    """
    values = np.round(np.asarray(scores, dtype=float), ROUNDING)
    low, high = thresholds
    found = np.select([values < low, values > high], [NEGATIVE, POSITIVE], NEUTRAL).astype(object)
    found[np.isnan(values)] = None
    return found


def confusion(
    criterion: Array | pd.Series, measure: Array | pd.Series, classes: Sequence[str] = SIGNS
) -> pd.DataFrame:
    """Count how often each class of the criterion (rows) met each class of the measure (columns).

    Pairs with a missing class are left out.
    """
    index = pd.Index(list(classes))
    rows, columns = (index.get_indexer(pd.Index(given, dtype=object)) for given in (criterion, measure))
    known = (rows >= 0) & (columns >= 0)
    size = len(index)
    counts = np.bincount(rows[known] * size + columns[known], minlength=size * size).reshape(size, size)
    return pd.DataFrame(counts, index=index, columns=index)


def classification_scores(counts: pd.DataFrame) -> ClassificationScores:
    """Return precision, recall and F1, averaged weighted by support, and accuracy of a confusion table.

    A class that the measure never gives has precision 0 (as in scikit-learn with `zero_division=0`); NaN for
    an empty table.
    """
    table_ = counts.to_numpy(dtype=float)
    support, given, hits = table_.sum(axis=1), table_.sum(axis=0), table_.diagonal()
    total = support.sum()
    if total == 0:
        return ClassificationScores(*[float("nan")] * 4)
    precision, recall = _ratio(hits, given), _ratio(hits, support)
    f1 = _ratio(2 * precision * recall, precision + recall)
    mean_precision, mean_recall, mean_f1 = (float(s @ support / total) for s in (precision, recall, f1))
    return ClassificationScores(mean_precision, mean_recall, mean_f1, float(hits.sum() / total))


def label_values(labels: pd.Series, values: Mapping[str, float | None]) -> Array:
    """Return the codebook's value of each label; NaN for a label without a value and for missing ones."""
    numbers = {label: np.nan if value is None else float(value) for label, value in values.items()}
    return labels.map(numbers).to_numpy(dtype=float)


def criterion_classes(
    units: pd.DataFrame, construct: str, criterion: str, level: str, thresholds: Sequence[float]
) -> tuple[Array, bool]:
    """Return the criterion's class of every unit, and whether classes are labels rather than signs.

    Classes are labels where the construct is nominal and the criterion has a label a unit.
    """
    column = f"{construct}_{criterion}_label"
    if level == "nominal" and column in units:
        labels = units[column]
        return labels.astype(object).where(labels.notna(), None).to_numpy(), True
    return sign_class(units[f"{construct}_{criterion}"], thresholds), False


def classification_tables(
    measures: pd.DataFrame,
    ratings: pd.DataFrame,
    coders: Mapping[str, Mapping[str, str]],
    codebooks: Mapping[str, Mapping[str, Any]],
    *,
    criterion: str | None,
    by: str | None = None,
    thresholds: Sequence[float] = (0, 0),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Classify every measure and compare it with the criterion's classes.

    Parameters
    ----------
    measures, coders, criterion, by
        See `subsets.subsets`.
    ratings
        The long table of human ratings: `<criterion>_individual` (sign of each rating against the sign of its
        unit's mean) and `<criterion>_leave_one_out` (against the mean of the others).
    codebooks
        construct -> {'level': ..., 'values': {label: value}, 'classes': whether scores have classes}; without
        'classes' they have. A construct without classes (a count, say) has no rows.
    thresholds
        See `sign_class`.

    Returns
    -------
    The averages and the confusions. `n` of the averages counts units; that of confusions counts pairs, which
    for humans are ratings.
    """
    rows: list[dict[str, object]] = []
    cells: list[dict[str, object]] = []
    for subset in subsets(measures, coders, criterion=criterion, by=by):
        if not codebooks[subset.construct].get("classes", True):
            continue
        for key, n, counts in _confusions(subset, ratings, codebooks[subset.construct], thresholds):
            rows.append(key | {"n": n} | vars(classification_scores(counts)))
            cells += [
                key | {"criterion_class": row, "measure_class": column, "n": int(counts.loc[row, column])}  # type: ignore[call-overload]
                for row in counts.index
                for column in counts.columns
            ]
    order = [*KEYS, "criterion_class", "measure_class"]
    return table(rows, COLUMNS, KEYS), table(cells, CONFUSION_COLUMNS, order)


def _confusions(
    subset: Subset, ratings: pd.DataFrame, codebook: Mapping[str, Any], thresholds: Sequence[float]
) -> Iterator[tuple[dict[str, object], int, pd.DataFrame]]:
    """Yield key, number of units and confusion table of every measure and rule."""
    construct, criterion, units = subset.construct, subset.criterion, subset.units
    truth, by_label = criterion_classes(units, construct, criterion, codebook["level"], thresholds)
    classes = tuple(codebook["values"]) if by_label else SIGNS
    for measure in subset.measures:
        key: dict[str, object] = {**subset.key, "measure": measure, "criterion": criterion}
        column = f"{construct}_{measure}_label"
        if column in units and units[column].notna().any():
            values = label_values(units[column], codebook["values"])
            given = units[column].to_numpy(dtype=object) if by_label else sign_class(values, thresholds)
            counts = confusion(truth, given, classes)
            yield key | {"rule": "label"}, int(counts.to_numpy().sum()), counts
        if not by_label:
            counts = confusion(truth, sign_class(subset.scores(measure), thresholds))
            yield key | {"rule": "sign"}, int(counts.to_numpy().sum()), counts
    humans = rater_scores(ratings, construct, criterion)
    humans = humans[humans["unit_id"].isin(units["unit_id"])]
    if by_label or humans.empty:
        return
    for name, reference in (("individual", "mean"), ("leave_one_out", "others")):
        key = {**subset.key, "measure": f"{criterion}_{name}", "criterion": criterion, "rule": "sign"}
        judged = humans[humans[reference].notna()]
        counts = confusion(sign_class(judged[reference], thresholds), sign_class(judged["value"], thresholds))
        yield key, judged["unit_id"].nunique(), counts


def _ratio(numerator: Array, denominator: Array) -> Array:
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)


def main(
    *,
    measures_file: Path,
    ratings_file: Path,
    classification_file: Path,
    confusion_file: Path,
    coders: dict[str, Any],
    codebooks: dict[str, Any],
    compare: dict[str, Any],
) -> None:
    """Write the tables of classification and confusion.

    `coders` maps construct to coder to type, `codebooks` construct to its level and its labels' values;
    `compare` is that section of the configuration.
    """
    averages, cells = classification_tables(
        pd.read_parquet(measures_file),
        pd.read_parquet(ratings_file),
        coders,
        codebooks,
        criterion=compare["criterion"],
        by=compare.get("by"),
        thresholds=compare["thresholds"],
    )
    write_table(averages, classification_file)
    write_table(cells, confusion_file)


if __name__ == "__main__":
    from study.job import run

    run(main)
