"""A correlation corrected for attenuation: what it would be, were both variables measured without error.

Spearman (1904): r / sqrt(reliability of x * reliability of y). The reliability is that of the *score* that is
correlated. A criterion that is the mean of k ratings has the reliability of the mean, which is higher than
that of a single rating (Spearman 1910; Brown 1910); with that of a single rating the correction is far too
strong.

The correction assumes that the errors of the two variables are independent of each other and of the true
scores. It may exceed 1, by chance or because the assumption fails; it is not cut off there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.validity.bootstrap import CONSTANT, Array, Estimate, Statistic, unit_bootstrap
from study.validity.correlation import pearson_moments, pearson_of_moments

NAN = float("nan")


@dataclass(frozen=True)
class CorrectedCorrelation:
    """What `attenuation_corrected_r` finds.

    Attributes
    ----------
    r, corrected
        Pearson's correlation as observed and corrected, each with its 95% percentile interval over the same
        resamples of units; `n` counts units. The corrected one is NaN where a reliability is not positive.
    x_reliability, y_reliability
        The reliabilities that it was corrected with, given or estimated.
    """

    r: Estimate
    corrected: Estimate
    x_reliability: float
    y_reliability: float


def spearman_brown(reliability: float, k: float) -> float:
    """Return the reliability of the mean of k parallel ratings from that of a single one.

    k * reliability / (1 + (k - 1) * reliability) (Spearman 1910; Brown 1910).

    Parameters
    ----------
    reliability
        Of a single rating: Krippendorff's alpha, or `icc1`; at most 1.
    k
        Ratings that are averaged; an average number where units have different ones, positive.

    Returns
    -------
    At most 1. NaN where the reliability is so far below zero that the formula has no meaning.

    Raises
    ------
    StudyError
        A reliability above 1, or k is not positive.
    """
    _check_reliability(reliability, "reliability")
    if not k > 0:
        raise StudyError("A mean needs ratings.", key="k", found=k, allowed="a number above 0")
    denominator = 1 + (k - 1) * reliability
    return float(k * reliability / denominator) if denominator > 0 else NAN


def disattenuate(r: float, x_reliability: float = 1, y_reliability: float = 1) -> float:
    """Return r / sqrt(x_reliability * y_reliability) (Spearman 1904), from figures alone.

    Parameters
    ----------
    r
        The observed correlation.
    x_reliability, y_reliability
        Of the two scores that are correlated; 1 leaves a variable's error in.

    Returns
    -------
    The corrected correlation, which may exceed 1; NaN where a reliability is not positive.

    Raises
    ------
    StudyError
        A reliability above 1.
    """
    _check_reliability(x_reliability, "x_reliability")
    _check_reliability(y_reliability, "y_reliability")
    if not (x_reliability > 0 and y_reliability > 0):
        return NAN
    return float(r / np.sqrt(x_reliability * y_reliability))


def attenuation_corrected_r(
    x: Array | pd.Series,
    y: Array | pd.Series,
    *,
    x_reliability: float | None = None,
    y_reliability: float | None = None,
    x_ratings: Array | pd.DataFrame | None = None,
    y_ratings: Array | pd.DataFrame | None = None,
    resamples: int = 2000,
    seed: int = 1,
    name: str = "attenuation",
) -> CorrectedCorrelation:
    """Correct Pearson's r of two scores for their unreliability, with a percentile interval over units.

    Parameters
    ----------
    x, y
        Scores, one a unit, in the same order of units; units without both are left out.
    x_reliability, y_reliability
        The reliability of the score. It is taken as known: the interval does not allow for its error. None
        without ratings is 1: the error of this variable is left in.
    x_ratings, y_ratings
        Units x ratings, in the order of `x` and `y`; NaN where a unit has fewer. The score's reliability is
        then that of a mean of so many ratings, ICC(1,k), estimated anew in every resample; so the interval
        allows for its error. A rating's position need not be a rater. Units with one rating do not count for
        the reliability.
    resamples, seed, name
        See `bootstrap.unit_bootstrap`.

    Raises
    ------
    StudyError
        A variable has both a reliability and ratings; a reliability above 1; shapes do not agree.
    """
    scores = [np.asarray(values, dtype=float) for values in (x, y)]
    if scores[0].shape != scores[1].shape or scores[0].ndim != 1:
        found = f"{scores[0].shape} and {scores[1].shape}"
        raise StudyError("x and y hold one score a unit.", key="x, y", found=found)
    complete = np.isfinite(scores[0]) & np.isfinite(scores[1])
    n = int(complete.sum())
    per_unit = pearson_moments(scores[0][complete], scores[1][complete])
    x_of, y_of = (
        _reliability(given, ratings, complete, variable)
        for variable, given, ratings in (("x", x_reliability, x_ratings), ("y", y_reliability, y_ratings))
    )

    def corrected(counts: Array) -> Array:
        product = _positive(x_of(counts)) * _positive(y_of(counts))
        return np.asarray(pearson_of_moments(counts @ per_unit) / np.sqrt(product))

    def bootstrapped(statistic: Statistic) -> Estimate:
        return unit_bootstrap(statistic, n, resamples=resamples, seed=seed, name=name)

    ones = np.ones((1, n))
    return CorrectedCorrelation(
        r=bootstrapped(lambda counts: pearson_of_moments(counts @ per_unit)),
        corrected=bootstrapped(corrected),
        x_reliability=float(x_of(ones)[0]),
        y_reliability=float(y_of(ones)[0]),
    )


def _check_reliability(reliability: float, key: str) -> None:
    if reliability > 1:
        raise StudyError("A reliability is at most 1.", key=key, found=reliability)


def _positive(reliability: Array) -> Array:
    return np.where(reliability > 0, reliability, np.nan)


def _reliability(
    given: float | None, ratings: Array | pd.DataFrame | None, complete: Array, variable: str
) -> Callable[[Array], Array]:
    """The reliability of a score as a function of how often each unit was drawn."""
    if ratings is None:
        known = 1.0 if given is None else float(given)
        _check_reliability(known, f"{variable}_reliability")
        return lambda counts: np.full(len(counts), known)
    if given is not None:
        raise StudyError(
            "A variable has a reliability that is known, or ratings to estimate it from.",
            key=f"{variable}_reliability, {variable}_ratings",
            found="both",
        )
    values = np.asarray(ratings, dtype=float)
    if values.ndim != 2 or len(values) != len(complete):
        raise StudyError(
            "Ratings are a table of units x ratings, with the units of the scores.",
            key=f"{variable}_ratings",
            found=f"shape {values.shape} for {len(complete)} units",
        )
    return _reliability_of_mean(values[complete])


def _reliability_of_mean(ratings: Array) -> Callable[[Array], Array]:
    """ICC(1,k) = (MSB - MSW) / MSB of Shrout & Fleiss (1979), from sums over units."""
    there = np.isfinite(ratings)
    several = there.sum(axis=1) > 1
    there &= several[:, None]
    if not there.any() or np.ptp(ratings[there]) == 0:
        return lambda counts: np.full(len(counts), np.nan)
    # Standardising changes no reliability and keeps the sums well-conditioned.
    scaled = np.where(there, (ratings - ratings[there].mean()) / ratings[there].std(), 0)
    m, total = there.sum(axis=1), scaled.sum(axis=1)
    per_unit = np.column_stack([several, m, total, total**2 / np.maximum(m, 1), (scaled**2).sum(axis=1)])

    def reliability(counts: Array) -> Array:
        n, rated, sums, between, squares = (counts @ per_unit).T
        with np.errstate(divide="ignore", invalid="ignore"):
            msb = (between - sums**2 / rated) / (n - 1)
            msw = (squares - between) / (rated - n)
            return np.where(msb > CONSTANT, 1 - msw / msb, np.nan)

    return reliability
