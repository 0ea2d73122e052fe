"""Agreement in labels, and how much of it is more than chance: kappas, Gwet's AC, percent agreement.

All are (observed - expected) / (1 - expected) and differ in the agreement that chance is expected to give.
Cohen (1960) multiplies the shares in which each of two raters uses a label, Fleiss (1971) squares the shares
in which all of them do, and Gwet (2008) expects chance agreement on the units alone that are hard to rate.
Where nearly all units have one label, kappas and alpha are low although raters agree on nearly every unit,
and AC1 is not: the prevalence paradox (Feinstein & Cicchetti 1990).

The kappas need raters that are the same persons throughout. Weighted forms count a near miss as partial
agreement, by the distance of the labels in their order (Cohen 1968; Gwet 2014).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.validity.bootstrap import CONSTANT, Array, Estimate, Statistic, bootstrap_of_sums

WEIGHTS = ("identity", "linear", "quadratic")
MUCH_AGREEMENT = 0.8
LITTLE = 0.667
"""The lowest alpha from which tentative conclusions may be drawn (Krippendorff 2019)."""


def percent_agreement(
    unit: Array | pd.Series,
    value: Array | pd.Series,
    *,
    resamples: int = 2000,
    seed: int = 1,
    name: str = "percent_agreement",
) -> Estimate:
    """Return the share of pairs of a unit's ratings that agree, 0 to 1, averaged over units.

    Parameters
    ----------
    unit, value
        The unit and the label of every rating; missing ones are left out.
    resamples, seed, name
        See `bootstrap.unit_bootstrap`.

    Returns
    -------
    The estimate; `n` counts units with at least two ratings.
    """
    return label_agreement(unit, value, resamples=resamples, seed=seed, name=name)["percent_agreement"]


def fleiss_kappa(
    unit: Array | pd.Series,
    value: Array | pd.Series,
    *,
    resamples: int = 2000,
    seed: int = 1,
    name: str = "fleiss_kappa",
) -> Estimate:
    """Fleiss' kappa (1971) of any number of raters, with Gwet's (2014) treatment of missing ratings.

    Units with one rating count for the shares of the labels only, and every unit counts the same there. NaN
    where all ratings are equal. Parameters and result are those of `percent_agreement`.
    """
    return label_agreement(unit, value, resamples=resamples, seed=seed, name=name)["fleiss_kappa"]


def gwet_ac(
    unit: Array | pd.Series,
    value: Array | pd.Series,
    *,
    weights: str = "identity",
    categories: Sequence[object] | None = None,
    resamples: int = 2000,
    seed: int = 1,
    name: str = "gwet_ac",
) -> Estimate:
    """Gwet's AC1 (2008), or with weights AC2 (2014), of any number of raters.

    Parameters
    ----------
    unit, value, resamples, seed, name
        As for `percent_agreement`.
    weights
        'identity' (AC1), 'linear' or 'quadratic' (AC2, of ordered labels).
    categories
        All labels that there are, in their order; those that nobody used count too. None: those that were
        used, sorted.

    Returns
    -------
    As `percent_agreement`; NaN where there is one label only. As with `fleiss_kappa`, units with one rating
    count for the shares of the labels.

    Raises
    ------
    StudyError
        The weights are not known, or a rating is none of the categories.
    """
    found = label_agreement(
        unit, value, weights=weights, categories=categories, resamples=resamples, seed=seed, name=name
    )
    return found["gwet_ac1" if weights == "identity" else "gwet_ac2"]


def label_agreement(
    unit: Array | pd.Series,
    value: Array | pd.Series,
    *,
    weights: str = "identity",
    categories: Sequence[object] | None = None,
    resamples: int = 2000,
    seed: int = 1,
    name: str = "label_agreement",
) -> dict[str, Estimate]:
    """Percent agreement, Fleiss' kappa and Gwet's AC1 (and AC2) on the same resamples of units.

    Parameters are those of `gwet_ac`.

    Returns
    -------
    'percent_agreement', 'fleiss_kappa' and 'gwet_ac1', without weights; with weights 'gwet_ac2' too.
    """
    counts = _times(unit, value, categories)
    q = counts.shape[1]
    W = agreement_weights(q, weights)
    ratings = counts.sum(axis=1)
    several = ratings > 1
    pairs = np.where(several, ratings * (ratings - 1), 1)
    agreed = [(counts * (counts @ w - 1)).sum(axis=1) / pairs * several for w in (np.eye(q), W)]
    shares = counts / np.maximum(ratings, 1)[:, None]
    per_unit = np.column_stack([np.ones(len(counts)), several, *agreed, shares])

    def chance_corrected(column: int, expected: Callable[[Array], Array]) -> Statistic:
        def statistic(sums: Array) -> Array:
            observed = _ratio(sums[:, column], sums[:, 1])
            return _above_chance(observed, expected(_ratio(sums[:, 4:], sums[:, :1])))

        return statistic

    def hard(total: float) -> Callable[[Array], Array]:
        scale = total / (q * (q - 1)) if q > 1 else np.nan
        return lambda p: (p * (1 - p)).sum(axis=1) * scale

    statistics: dict[str, Statistic] = {
        "percent_agreement": lambda sums: _ratio(sums[:, 2], sums[:, 1]),
        "fleiss_kappa": chance_corrected(2, lambda p: (p**2).sum(axis=1)),
        "gwet_ac1": chance_corrected(2, hard(q)),
    }
    if weights != "identity":
        statistics["gwet_ac2"] = chance_corrected(3, hard(W.sum()))
    found = bootstrap_of_sums(per_unit, statistics, resamples=resamples, seed=seed, name=name)
    return {key: replace(estimate, n=int(several.sum())) for key, estimate in found.items()}


def cohens_kappa(
    first: Array | pd.Series | Sequence[object],
    second: Array | pd.Series | Sequence[object],
    *,
    weights: str = "identity",
    categories: Sequence[object] | None = None,
    resamples: int = 2000,
    seed: int = 1,
    name: str = "cohens_kappa",
) -> Estimate:
    """Cohen's kappa (1960) of two raters, or weighted kappa (Cohen 1968).

    Parameters
    ----------
    first, second
        The two raters' labels, one a unit, in the same order; units without both are left out.
    weights
        'identity'; of ordered labels 'linear' or 'quadratic': a near miss is partial agreement, 1 less the
        distance of two labels' positions (or its square) over the largest there is.
    categories
        All labels in their order; None: those that were used, sorted. The largest distance depends on it.
    resamples, seed, name
        See `bootstrap.unit_bootstrap`.

    Returns
    -------
    The estimate; `n` counts units. NaN where both raters use the same one label throughout.

    Raises
    ------
    StudyError
        The weights are not known, or a label is none of the categories.
    """
    codes, q = _positions(first, second, categories)
    W = agreement_weights(q, weights)
    cells, times = np.unique(codes[0] * q + codes[1], return_counts=True)
    rows = np.eye(q * q)[cells]
    statistic: Statistic = lambda sums: kappa_of_tables(sums.reshape(-1, q, q), W)  # noqa: E731
    found = bootstrap_of_sums(
        rows, {"kappa": statistic}, times=times, resamples=resamples, seed=seed, name=name
    )
    return found["kappa"]


def agreement_weights(q: int, weights: str) -> Array:
    """Return how much labels at two positions agree, q x q: 1 on the diagonal, 0 for the farthest.

    Raises
    ------
    StudyError
        The weights are not known.
    """
    if weights not in WEIGHTS:
        raise StudyError("These weights are not known.", key="weights", found=weights, allowed=WEIGHTS)
    if weights == "identity" or q < 2:
        return np.eye(q)
    distance = np.abs(np.subtract.outer(np.arange(q), np.arange(q))) / (q - 1)
    return 1 - (distance if weights == "linear" else distance**2)


def percent_of_tables(tables: Array) -> Array:
    """Return the share of the units on the diagonal of each table of two raters, ... x q x q."""
    return _ratio(np.trace(tables, axis1=-2, axis2=-1), tables.sum(axis=(-2, -1)))


def kappa_of_tables(tables: Array, weights: Array) -> Array:
    """Return Cohen's kappa of each table of two raters, ... x q x q; weights as `agreement_weights`."""
    P = _ratio(tables, tables.sum(axis=(-2, -1), keepdims=True))
    observed = (P * weights).sum(axis=(-2, -1))
    first, second = P.sum(axis=-1), P.sum(axis=-2)
    return _above_chance(observed, np.einsum("...i,ij,...j->...", first, weights, second))


def ac1_of_tables(tables: Array) -> Array:
    """Return Gwet's AC1 of each table of two raters, ... x q x q; unused labels count."""
    q = tables.shape[-1]
    P = _ratio(tables, tables.sum(axis=(-2, -1), keepdims=True))
    shares = (P.sum(axis=-1) + P.sum(axis=-2)) / 2
    expected = (shares * (1 - shares)).sum(axis=-1) / (q - 1) if q > 1 else np.full(P.shape[:-2], np.nan)
    return _above_chance(np.trace(P, axis1=-2, axis2=-1), expected)


def alpha_of_tables(tables: Array, level: str) -> Array:
    """Return Krippendorff's alpha, 'nominal' or 'ordinal', of each table of two raters, ... x q x q."""
    n = tables.sum(axis=(-2, -1))
    marginals = tables.sum(axis=-1) + tables.sum(axis=-2)
    if level == "nominal":
        distance = np.broadcast_to(1 - np.eye(tables.shape[-1]), tables.shape)
    else:
        ranks = np.cumsum(marginals, axis=-1) - marginals / 2
        distance = (ranks[..., :, None] - ranks[..., None, :]) ** 2
    observed = (tables * distance).sum(axis=(-2, -1))
    expected = np.einsum("...i,...ij,...j->...", marginals, distance, marginals)
    # 1 - (observed / n) / (expected / (2n (2n - 1)))
    return np.where(expected > 0, 1 - _ratio(2 * (2 * n - 1) * observed, expected), np.nan)


def paradox(percent: float, coefficient: float, ac1: float, commonest: str, share: float) -> str:
    """Say that a low coefficient beside much agreement comes from one label being common; '' if it does not.

    Parameters
    ----------
    percent, coefficient, ac1
        Percent agreement, the kappa or alpha, and AC1 of the same ratings.
    commonest, share
        The commonest label and its share of the ratings.
    """
    much = percent >= MUCH_AGREEMENT and ac1 >= MUCH_AGREEMENT
    if not (much and coefficient < LITTLE):
        return ""
    return (
        f"low although {percent:.0%} of the pairs agree: {share:.0%} of the codes are '{commonest}', and"
        " agreement on so common a label is mostly counted as chance; see Gwet's AC1"
    )


def _times(unit: Array | pd.Series, value: Array | pd.Series, categories: Sequence[object] | None) -> Array:
    """How often each unit got each label, units x categories."""
    values = pd.Series(value, dtype=object).reset_index(drop=True)
    there = values.notna().to_numpy()
    position, q = _position(values[there], categories)
    units = pd.factorize(np.asarray(unit)[there])[0]
    n = int(units.max()) + 1 if units.size else 0
    return np.bincount(units * q + position, minlength=n * q).reshape(n, q).astype(float)


def _positions(
    first: object, second: object, categories: Sequence[object] | None
) -> tuple[tuple[Array, Array], int]:
    both = [pd.Series(labels, dtype=object).reset_index(drop=True) for labels in (first, second)]  # type: ignore[call-overload]
    if len(both[0]) != len(both[1]):
        found = f"{len(both[0])} and {len(both[1])} labels"
        raise StudyError("Two raters have one label a unit each.", key="first, second", found=found)
    complete = (both[0].notna() & both[1].notna()).to_numpy()
    codes, q = _position(pd.concat([labels[complete] for labels in both]), categories)
    return (codes[: complete.sum()], codes[complete.sum() :]), q


def _position(labels: pd.Series, categories: Sequence[object] | None) -> tuple[Array, int]:
    """The position of each label among the categories, and how many of these there are."""
    if categories is None:
        used = set(labels)
        try:
            categories = sorted(used)  # type: ignore[type-var]
        except TypeError:
            categories = sorted(used, key=str)
    position = pd.Index(list(categories), dtype=object).get_indexer(pd.Index(labels, dtype=object))
    if (position < 0).any():
        wrong = labels.to_numpy()[position < 0][0]
        raise StudyError("A label is none of the categories.", found=str(wrong), allowed=categories)
    return position, max(1, len(categories))


def _above_chance(observed: Array, expected: Array) -> Array:
    with np.errstate(invalid="ignore"):
        return np.where(expected < 1 - CONSTANT, _ratio(observed - expected, 1 - expected), np.nan)


def _ratio(numerator: Array, denominator: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(numerator / denominator)
