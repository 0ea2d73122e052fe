"""How precise a regression would be if more units were coded by hand.

A sum over all units of what is expected, and over the hand-coded ones of a difference divided by the
probability of being drawn, has a variance of two parts: one that all units make, however many are coded, and
one that is due to which units were drawn, the sum of squared differences over the probabilities. With A and
B for the two, the variance is A + B / n where every unit is equally likely to be drawn, and A is zero for the
hand-coded units alone. Egami et al. (2023, see `design_based`) plan samples in this way.

Planned samples are drawn as the present one was, with probabilities that are larger or smaller by one factor
and never above 1. It is supposed that further units resemble the present ones, that a learner would not
become better with more of them (it does, a little, so that `dsl` is slightly more precise than planned), and
that samples are large. How many units there are to be coded does not change.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.inference.estimates import CorrectedRegression, HandCoding
from study.validity.bootstrap import Array

ALPHA = 0.05


def standard_error_at(found: CorrectedRegression, sizes: Sequence[float]) -> pd.DataFrame:
    """Return the standard errors that a regression would have with other numbers of hand-coded units.

    Parameters
    ----------
    found
        What `dsl` or `gold_only` returned, for the present sample.
    sizes
        Numbers of hand-coded units, above 0, and at most the units there are.

    Returns
    -------
    A row a size (the index), a column a term. NaN where the present standard error is.

    Raises
    ------
    StudyError
        `found` cannot be planned with; a size is not possible.
    """
    coding = _coding(found)
    rows = [_standard_errors(found, coding, float(size)) for size in sizes]
    index = pd.Index(list(sizes), name="n_gold")
    return pd.DataFrame(rows, index, found.params.index).astype(float)


def power(effect: float, std_error: Array | float, alpha: float = ALPHA) -> Array:
    """Return the probability that a two-sided test of level `alpha` finds an effect, by the normal
    distribution.
    """
    from scipy.stats import norm

    away = np.abs(effect) / np.asarray(std_error, dtype=float)
    reach = norm.isf(alpha / 2)
    return np.asarray(norm.sf(reach - away) + norm.cdf(-reach - away))


def planning_curve(
    found: CorrectedRegression,
    term: str,
    sizes: Sequence[float],
    *,
    effect: float | None = None,
    alpha: float = ALPHA,
) -> pd.DataFrame:
    """Return standard error and power of one term against the number of hand-coded units.

    Parameters
    ----------
    found, sizes
        See `standard_error_at`.
    term
        Of the regression.
    effect
        What is to be found, by default the present estimate. One that was picked because it is significant
        is likely too large: state what would matter.
    alpha
        Of the two-sided test.

    Returns
    -------
    A row a size: estimator, term, n_gold, std_error, effect, power.

    Raises
    ------
    StudyError
        As `standard_error_at`; or there is no such term.
    """
    wanted = _effect(found, term, effect)
    errors = standard_error_at(found, sizes)[term].to_numpy()
    return pd.DataFrame(
        {
            "estimator": found.estimator,
            "term": term,
            "n_gold": list(sizes),
            "std_error": errors,
            "effect": wanted,
            "power": power(wanted, errors, alpha),
        }
    )


def smallest_n(
    found: CorrectedRegression,
    term: str,
    *,
    std_error: float | None = None,
    target_power: float | None = None,
    effect: float | None = None,
    alpha: float = ALPHA,
) -> int | None:
    """Return the fewest hand-coded units with which a term has a standard error, or a power.

    Parameters
    ----------
    found, term, effect, alpha
        See `planning_curve`.
    std_error, target_power
        One of the two: the standard error to reach or to fall below, or the power to reach.

    Returns
    -------
    A number of units, more than there are terms; None where coding every unit by hand would not do.

    Raises
    ------
    StudyError
        As `planning_curve`; neither or both targets are given, or one is out of range; the term has no
        standard error.
    """
    if (std_error is None) == (target_power is None):
        raise StudyError("Plan for a standard error or for a power, one of the two.")
    if std_error is not None and not std_error > 0:
        raise StudyError("A standard error to be reached is above 0.", found=std_error)
    if target_power is not None and not alpha < target_power < 1:
        raise StudyError("A power to be reached is between the test's level and 1.", found=target_power)
    wanted = _effect(found, term, effect)
    if np.isnan(found.bse[term]):
        raise StudyError("This term has no standard error to plan with.", found=term)

    def reached(n: int) -> bool:
        error = float(standard_error_at(found, [n])[term].iloc[0])
        if std_error is not None:
            return error <= std_error
        return bool(power(wanted, error, alpha) >= float(target_power or 1))

    low, high = len(found.params) + 1, len(_coding(found).drawn)
    if not reached(high):
        return None
    while low < high:  # the standard error falls with every unit
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle + 1, high)
    return low


def effective_n(n_gold: int, std_error_gold_only: float, std_error: float) -> float:
    """Return how many hand-coded units alone would have an estimate's standard error.

    The variance of hand-coded units alone falls with one over their number: `n_gold` times the squared ratio
    of the standard errors. More than `n_gold` says what the codes are worth; fewer, that they do harm.

    Raises
    ------
    StudyError
        A number is not above 0.
    """
    if not min(n_gold, std_error_gold_only, std_error) > 0:
        raise StudyError(
            "An effective sample size needs standard errors above 0.",
            found=f"{std_error_gold_only} and {std_error}, {n_gold} units",
        )
    return float(n_gold * (std_error_gold_only / std_error) ** 2)


def scaled_probabilities(probability: Array, n: float) -> Array:
    """Return probabilities of which `n` is the sum: the given ones times one factor, 1 where that is above 1.

    Parameters
    ----------
    probability
        Above 0, units.
    n
        Above 0, and at most the number of units.
    """
    order = np.argsort(-probability)
    falling = probability[order]
    certain = np.arange(len(falling))
    # With the k largest at 1, the others share n - k; the first k for which none of them passes 1.
    factors = (n - certain) / np.cumsum(falling[::-1])[::-1]
    fits = np.flatnonzero(factors * falling <= 1 + 1e-12)
    if not len(fits):
        return np.ones(len(probability))
    return np.minimum(1.0, probability * factors[fits[0]])


def _standard_errors(found: CorrectedRegression, coding: HandCoding, n: float) -> Array:
    units = len(coding.drawn)
    if not 0 < n <= units:
        raise StudyError("So many units cannot be coded by hand.", found=n, allowed=f"1 to {units}")
    ratio = (coding.probability / scaled_probabilities(coding.probability, n))[coding.drawn]
    present = np.einsum("skk->sk", coding.covariances)
    drawn = np.einsum("sik->sk", coding.influence**2)
    planned = np.einsum("i,sik->sk", ratio, coding.influence**2)
    # What all units make, present less drawn, is a difference of estimates: below zero it is taken for zero.
    share = np.where(drawn > 0, planned / np.where(drawn > 0, drawn, 1), 1)
    variances = np.where(present >= drawn, present - drawn + planned, present * share)
    # Draws of the folds differ by the same sums over drawn units, of which certain ones have no part.
    expected = coding.probability.sum()
    spread = (units / n - 1) / (units / expected - 1) if expected < units else 0.0
    return np.sqrt(np.median(variances + spread * coding.between**2, axis=0))


def _coding(found: CorrectedRegression) -> HandCoding:
    if found.hand_coding is None:
        raise StudyError(
            "Planning is not available for this result.",
            found=found.estimator,
            allowed="what dsl (with units that are not hand-coded) and gold_only return",
        )
    return found.hand_coding


def _effect(found: CorrectedRegression, term: str, effect: float | None) -> float:
    if term not in found.params.index:
        raise StudyError("There is no such term.", found=term, allowed=list(found.params.index))
    return float(found.params[term]) if effect is None else float(effect)
