"""Do a coder's probabilities mean what they say? Reliability diagram, calibration error, Brier score.

Classes are those of `classification`: the signs of the labels' values (or the labels of a nominal
construct), against the criterion's class of the same unit. The confidence of a unit is the probability of
the class of its most probable label; labels of one class add up. Nothing is fitted here: a recalibrated
distribution enters as another set of probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from study.validity.bootstrap import Array
from study.validity.classification import SIGNS, criterion_classes, sign_class
from study.validity.subsets import subsets
from study.validity.table import table

COLUMNS = [
    "construct", "domain", "subset", "measure", "bin_low", "bin_high", "n", "mean_probability",
    "observed_share", "ci_low", "ci_high", "ece", "brier",
]  # fmt: skip
KEYS = ["construct", "domain", "subset", "measure", "bin_low"]
BINS = 10
Z95 = 1.959963984540054


def wilson_interval(hits: Array | int, n: Array | int) -> tuple[Array, Array]:
    """Return the 95% score interval of a proportion (Wilson 1927); NaN where n is 0."""
    hits, n = np.asarray(hits, dtype=float), np.asarray(n, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = hits / n
        centre = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
        half = Z95 / (1 + Z95**2 / n) * np.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2))
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)


def reliability_diagram(confidence: Array, correct: Array, bins: int = BINS) -> pd.DataFrame:
    """Compare stated confidence with the observed share of hits (DeGroot & Fienberg 1983).

    Parameters
    ----------
    confidence
        Probability of the predicted class, one a unit.
    correct
        Whether the predicted class was the criterion's.
    bins
        Number of bins of equal width on [0, 1]; a bin holds its upper bound.

    Returns
    -------
    One row a bin that holds units: bin_low, bin_high, n, mean_probability, observed_share, ci_low, ci_high
    (Wilson).
    """
    edges = np.linspace(0, 1, bins + 1)
    # Rounded, so that a probability of .3 that was summed to .30000000000000004 keeps its bin.
    rounded = np.round(np.asarray(confidence, dtype=float), 12)
    index = np.clip(np.ceil(rounded * bins).astype(int) - 1, 0, bins - 1)
    n = np.bincount(index, minlength=bins)
    held = n > 0
    sums, hits = (np.bincount(index, np.asarray(v, dtype=float), bins)[held] for v in (confidence, correct))
    low, high = wilson_interval(hits, n[held])
    return pd.DataFrame(
        {
            "bin_low": edges[:-1][held],
            "bin_high": edges[1:][held],
            "n": n[held],
            "mean_probability": sums / n[held],
            "observed_share": hits / n[held],
            "ci_low": low,
            "ci_high": high,
        }
    )


def expected_calibration_error(diagram: pd.DataFrame) -> float:
    """Return the mean distance of confidence and hits over bins, weighted by n (Guo et al. 2017)."""
    gaps = (diagram["observed_share"] - diagram["mean_probability"]).abs()
    return float((gaps * diagram["n"]).sum() / diagram["n"].sum())


def brier_score(probabilities: Array, truth: Array) -> float:
    """Return the mean squared distance of the class probabilities from the truth (Brier 1950), 0 to 2.

    Parameters
    ----------
    probabilities
        Units x classes.
    truth
        Column number of each unit's true class; -1 for a class without a column, whose probability is 0.
    """
    known = truth >= 0
    hit = np.zeros_like(probabilities)
    hit[np.flatnonzero(known), truth[known]] = 1
    return float((((probabilities - hit) ** 2).sum(axis=1) + ~known).mean())


def label_distributions(codings: pd.DataFrame, construct: str, labels: Sequence[str]) -> pd.DataFrame | None:
    """Return the probability of every label a unit, the mean over repeats; None where a coder has none.

    Returns
    -------
    Index unit_id, one column a label in the codebook's order; coded units only, each row sums to one.
    """
    columns = [f"p_{label}" for label in labels]
    if not set(columns) <= set(codings.columns):
        return None
    coded = codings[(codings["construct"] == construct) & (codings["status"] == "ok")]
    found = coded.groupby("unit_id", observed=True)[columns].mean().dropna()
    found.columns = pd.Index(list(labels))
    return found.div(found.sum(axis=1), axis=0) if len(found) else None


def is_coded(codings: pd.DataFrame, construct: str, labels: Sequence[str]) -> bool:
    """Whether a coder that has columns for the probabilities of these labels has coded any unit."""
    if not {f"p_{label}" for label in labels} <= set(codings.columns):
        return False
    return bool(((codings["construct"] == construct) & (codings["status"] == "ok")).any())


def class_probabilities(
    distributions: pd.DataFrame, values: Mapping[str, float], thresholds: Sequence[float], *, by_label: bool
) -> tuple[pd.DataFrame, pd.Series]:
    """Add up the probabilities of a class's labels; and name the class of each unit's likeliest label."""
    labels = list(distributions.columns)
    classes = labels if by_label else list(sign_class([values[label] for label in labels], thresholds))
    names = labels if by_label else list(SIGNS)
    summed = pd.DataFrame(
        {name: distributions.loc[:, [c == name for c in classes]].sum(axis=1) for name in names},
        index=distributions.index,
    )
    likeliest = distributions.to_numpy().argmax(axis=1)
    return summed, pd.Series([classes[i] for i in likeliest], index=distributions.index)


def calibration_table(
    measures: pd.DataFrame,
    codings: Mapping[str, pd.DataFrame],
    coders: Mapping[str, Mapping[str, str]],
    codebooks: Mapping[str, Mapping[str, Any]],
    *,
    criterion: str | None,
    by: str | None = None,
    thresholds: Sequence[float] = (0, 0),
) -> pd.DataFrame:
    """Tabulate the reliability diagram, calibration error and Brier score of every coder with probabilities.

    Parameters
    ----------
    measures, coders, criterion, by
        See `subsets.subsets`.
    codings
        coder -> its table of codings, with p_<label> where it has probabilities.
    codebooks
        construct -> {'level': ..., 'values': {label: value}}.
    thresholds
        See `classification.sign_class`.
    """
    rows: list[dict[str, object]] = []
    for subset in subsets(measures, coders, criterion=criterion, by=by):
        book = codebooks[subset.construct]
        units = subset.units
        classes, by_label = criterion_classes(
            units, subset.construct, subset.criterion, book["level"], thresholds
        )
        truth = pd.Series(classes, index=units["unit_id"].to_numpy(), dtype=object).dropna()
        for measure in subset.measures:
            if measure not in codings or not book["values"]:
                continue
            found = label_distributions(codings[measure], subset.construct, list(book["values"]))
            known = found[found.index.isin(truth.index)] if found is not None else None
            if known is None or known.empty:
                continue
            summed, predicted = class_probabilities(known, book["values"], thresholds, by_label=by_label)
            key = subset.key | {"measure": measure}
            rows += [key | row for row in _diagram_rows(summed, predicted, truth)]
    return table(rows, COLUMNS, KEYS)


def _diagram_rows(
    probabilities: pd.DataFrame, predicted: pd.Series, truth: pd.Series
) -> list[dict[str, object]]:
    positions = probabilities.columns.get_indexer(pd.Index(predicted))
    confidence = probabilities.to_numpy()[np.arange(len(predicted)), positions]
    actual = truth.loc[probabilities.index]
    diagram = reliability_diagram(confidence, predicted.to_numpy() == actual.to_numpy())
    diagram["ece"] = expected_calibration_error(diagram)
    true_class = probabilities.columns.get_indexer(pd.Index(actual))
    diagram["brier"] = brier_score(probabilities.to_numpy(), true_class)
    return [{str(key): value for key, value in row.items()} for row in diagram.to_dict("records")]
