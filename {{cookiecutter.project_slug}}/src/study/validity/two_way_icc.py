"""Two-way intraclass correlations: how well identified raters agree in numbers (McGraw & Wong 1996).

ICC(A,1) is absolute agreement of single ratings, raters being a sample of those that might have rated:
ICC(2,1) of Shrout & Fleiss (1979). ICC(C,1) is consistency, blind to how high or low a rater rates
throughout: their ICC(3,1). Both need every unit to be rated by every rater; units that are not are left out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from study.validity.bootstrap import CONSTANT, Array, Estimate, Statistic, bootstrap_of_sums

TWO_WAY = ("icc_a1", "icc_c1")


def icc_a1(
    unit: Array | pd.Series,
    rater: Array | pd.Series,
    value: Array | pd.Series,
    *,
    resamples: int = 2000,
    seed: int = 1,
    name: str = "icc_a1",
) -> Estimate:
    """ICC(A,1): absolute agreement of single ratings, two-way random effects.

    (MSR - MSE) / (MSR + (k - 1) MSE + k (MSC - MSE) / n) with n units and k raters.

    Parameters
    ----------
    unit, rater, value
        The unit, the rater and the number of every rating; missing values are left out, and so are units
        that not every rater has rated. A rater rates a unit once.
    resamples, seed, name
        See `bootstrap.unit_bootstrap`.

    Returns
    -------
    The estimate; `n` counts units with all ratings. NaN with fewer than two raters or units, or where ratings
    do not vary.
    """
    return two_way_icc(unit, rater, value, resamples=resamples, seed=seed, name=name)["icc_a1"]


def icc_c1(
    unit: Array | pd.Series,
    rater: Array | pd.Series,
    value: Array | pd.Series,
    *,
    resamples: int = 2000,
    seed: int = 1,
    name: str = "icc_c1",
) -> Estimate:
    """ICC(C,1): consistency of single ratings, (MSR - MSE) / (MSR + (k - 1) MSE).

    Parameters and result are those of `icc_a1`.
    """
    return two_way_icc(unit, rater, value, resamples=resamples, seed=seed, name=name)["icc_c1"]


def two_way_icc(
    unit: Array | pd.Series,
    rater: Array | pd.Series,
    value: Array | pd.Series,
    *,
    resamples: int = 2000,
    seed: int = 1,
    name: str = "two_way_icc",
) -> dict[str, Estimate]:
    """'icc_a1' and 'icc_c1' on the same resamples of units; parameters are those of `icc_a1`."""
    ratings = complete_ratings(unit, rater, value)
    k = ratings.shape[1]
    statistics: dict[str, Statistic] = {name: icc_of_sums(name, k) for name in TWO_WAY}
    return bootstrap_of_sums(sums_per_unit(ratings), statistics, resamples=resamples, seed=seed, name=name)


def complete_ratings(unit: Array | pd.Series, rater: Array | pd.Series, value: Array | pd.Series) -> Array:
    """Return the ratings of the units that every rater has rated, units x raters."""
    values = np.asarray(value, dtype=float)
    there = np.isfinite(values)
    units, unit_names = pd.factorize(np.asarray(unit)[there])
    raters, rater_names = pd.factorize(np.asarray(rater)[there])
    table = np.full((len(unit_names), len(rater_names)), np.nan)
    table[units, raters] = values[there]
    return table[np.isfinite(table).all(axis=1)]


def sums_per_unit(ratings: Array) -> Array:
    """Return what the statistics sum: 1, each rater's rating, the unit's squared total and sum of squares.

    Ratings (units x raters) are first put on one unit scale, which changes no statistic and keeps the sums
    well-conditioned.
    """
    varies = ratings.size and np.ptp(ratings) > 0
    scaled = (ratings - ratings.mean()) / ratings.std() if varies else np.zeros_like(ratings)
    return np.column_stack([np.ones(len(scaled)), scaled, scaled.sum(axis=1) ** 2, (scaled**2).sum(axis=1)])


def icc_of_sums(statistic: str, k: int) -> Callable[[Array], Array]:
    """Return a function of sums of `sums_per_unit` over units (... x columns) of k raters: one of TWO_WAY."""

    def found(sums: Array) -> Array:
        n, totals, squared, squares = _parts(sums, k)
        with np.errstate(divide="ignore", invalid="ignore"):
            middle = totals.sum(axis=-1) ** 2 / (n * k)
            rows, columns = squared / k - middle, (totals**2).sum(axis=-1) / n - middle
            msr, msc = rows / (n - 1), columns / (k - 1)
            mse = (squares - middle - rows - columns) / ((n - 1) * (k - 1))
            denominator = msr + (k - 1) * mse
            if statistic == "icc_a1":
                denominator = denominator + k * (msc - mse) / n
            value = (msr - mse) / denominator
        # Without n > 1 there is no variance at all; a perfect agreement has one between units.
        return np.where((np.abs(denominator) > CONSTANT) & (n > 1), value, np.nan)

    return found if k > 1 else lambda sums: np.full(sums.shape[:-1], np.nan)


def alpha_of_sums(k: int) -> Callable[[Array], Array]:
    """Return a function of the same sums: Krippendorff's alpha, interval, of units with k ratings each."""

    def found(sums: Array) -> Array:
        n, totals, squared, squares = _parts(sums, k)
        N = n * k
        with np.errstate(divide="ignore", invalid="ignore"):
            observed = 2 * (k * squares - squared) / (k - 1) / N
            expected = 2 * (squares - totals.sum(axis=-1) ** 2 / N) / (N - 1)
            return np.where(expected > CONSTANT, 1 - observed / expected, np.nan)

    return found


def _parts(sums: Array, k: int) -> tuple[Array, Array, Array, Array]:
    return sums[..., 0], sums[..., 1 : k + 1], sums[..., k + 1], sums[..., k + 2]
