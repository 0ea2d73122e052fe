"""Pearson's r and Spearman's rho with an interval over units.

Both take pairs that may be *clustered*: several pairs a unit, such as every rating of a text beside the
mean of the others. The point estimate pools all pairs; the interval draws units (see `bootstrap`).
Ties get mid-ranks (Kendall & Gibbons 1990), so rho is Pearson's r of mid-ranks, in every resample anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.validity.bootstrap import CONSTANT, Array, Estimate, Statistic, unit_bootstrap


@dataclass(frozen=True)
class _Pairs:
    """Distinct (unit, x, y), how often each occurs, and the number of units (numbered from 0)."""

    unit: Array
    x: Array
    y: Array
    times: Array
    n_units: int


def pearson(
    x: Array | pd.Series,
    y: Array | pd.Series,
    *,
    unit: Array | pd.Series | None = None,
    resamples: int = 2000,
    seed: int = 1,
    name: str = "pearson",
) -> Estimate:
    """Pearson's product-moment correlation with a percentile interval over units.

    Parameters
    ----------
    x, y
        Values, one a pair; pairs with a missing value are left out.
    unit
        The unit of each pair; None when every pair is a unit of its own.
    resamples, seed, name
        See `bootstrap.unit_bootstrap`.

    Returns
    -------
    The estimate; `n` counts units. NaN where a variable is constant.
    """
    pairs = _pairs(x, y, unit)
    return unit_bootstrap(_pearson_statistic(pairs), pairs.n_units, resamples=resamples, seed=seed, name=name)


def spearman(
    x: Array | pd.Series,
    y: Array | pd.Series,
    *,
    unit: Array | pd.Series | None = None,
    resamples: int = 2000,
    seed: int = 1,
    name: str = "spearman",
) -> Estimate:
    """Spearman's rank correlation (mid-ranks for ties) with a percentile interval over units.

    Parameters and result are those of `pearson`.
    """
    pairs = _pairs(x, y, unit)
    return unit_bootstrap(
        _spearman_statistic(pairs), pairs.n_units, resamples=resamples, seed=seed, name=name
    )


def pearson_moments(x: Array, y: Array) -> Array:
    """Return per pair the six sums that r needs: 1, x, y, x^2, y^2, xy of the standardised variables.

    Standardising changes no correlation and keeps the sums well-conditioned.
    """
    x, y = _standardised(x), _standardised(y)
    return np.column_stack([np.ones_like(x), x, y, x * x, y * y, x * y])


def pearson_of_moments(sums: Array) -> Array:
    """Return r for each row of summed `pearson_moments`; NaN where a variable is constant."""
    n, x, y, xx, yy, xy = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        x_variance = xx / n - (x / n) ** 2
        y_variance = yy / n - (y / n) ** 2
        r = (xy / n - x * y / n**2) / np.sqrt(x_variance * y_variance)
    return np.where((x_variance > CONSTANT) & (y_variance > CONSTANT), np.clip(r, -1, 1), np.nan)


def _pearson_statistic(pairs: _Pairs) -> Statistic:
    moments = pearson_moments(pairs.x, pairs.y) * pairs.times[:, None]
    per_unit = np.column_stack([np.bincount(pairs.unit, column, pairs.n_units) for column in moments.T])
    return lambda counts: pearson_of_moments(counts @ per_unit)


def _spearman_statistic(pairs: _Pairs) -> Statistic:
    by_y = np.argsort(pairs.y, kind="stable")
    unit, times = pairs.unit[by_y], pairs.times[by_y]
    repeated = bool((times != 1).any())
    x_order, x_starts, x_codes = _levels(pairs.x[by_y])
    _, y_starts, y_codes = _levels(pairs.y[by_y])

    def rho(counts: Array) -> Array:
        weights = counts[:, unit]  # pairs in the order of y: y needs no second gather
        if repeated:
            weights *= times
        x_mid, x_variance = _centred_midranks(np.add.reduceat(weights[:, x_order], x_starts, axis=1))
        y_mid, y_variance = _centred_midranks(np.add.reduceat(weights, y_starts, axis=1))
        weights *= np.take(y_mid, y_codes, axis=1)
        covariance = np.einsum("ij,ij->i", weights, np.take(x_mid, x_codes, axis=1))
        with np.errstate(divide="ignore", invalid="ignore"):
            r = covariance / np.sqrt(x_variance * y_variance)
        # Two different ranks already give a sum of squares of at least a half.
        return np.where((x_variance > 0.1) & (y_variance > 0.1), np.clip(r, -1, 1), np.nan)

    return rho


def _centred_midranks(weights: Array) -> tuple[Array, Array]:
    """Mid-ranks of sorted, weighted distinct values, less their mean; and their sum of squares."""
    total = weights.sum(axis=1, keepdims=True)
    centred = np.cumsum(weights, axis=1) - weights / 2 - total / 2
    return centred, np.einsum("ij,ij,ij->i", weights, centred, centred)


def _levels(values: Array) -> tuple[Array, Array, Array]:
    """Order that sorts `values`, where each distinct value starts in it, and the code of every value."""
    order = np.argsort(values, kind="stable")
    distinct, codes = np.unique(values, return_inverse=True)
    return order, np.searchsorted(values[order], distinct), codes


def _pairs(x: Array | pd.Series, y: Array | pd.Series, unit: Array | pd.Series | None) -> _Pairs:
    x_values, y_values = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    complete = np.isfinite(x_values) & np.isfinite(y_values)
    x_values, y_values = x_values[complete], y_values[complete]
    if unit is None:
        own = np.arange(x_values.size)
        return _Pairs(own, x_values, y_values, np.ones(x_values.size), x_values.size)
    codes, units = pd.factorize(np.asarray(unit)[complete])
    rows = pd.DataFrame({"unit": codes, "x": x_values, "y": y_values})
    distinct = rows.value_counts(sort=False).reset_index()
    return _Pairs(
        distinct["unit"].to_numpy(),
        distinct["x"].to_numpy(),
        distinct["y"].to_numpy(),
        distinct["count"].to_numpy(dtype=float),
        len(units),
    )


def _standardised(values: Array) -> Array:
    if not values.size or np.ptp(values) == 0:
        return np.zeros_like(values)
    return (values - values.mean()) / values.std()
