"""Ordered logit (proportional odds) with weights.

McCullagh (1980), 'Regression models for ordinal data', Journal of the Royal Statistical Society B 42(2):
P(outcome <= level k) = logistic(threshold k - x b), one threshold between every two levels that follow each
other. The log-likelihood has one maximum, which Newton's method finds. statsmodels' OrderedModel gives the
same figures; it takes no weights, and its search is numerical.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from study.errors import StudyError
from study.inference.estimating_equations import infinite
from study.validity.bootstrap import Array

MOST_LEVELS = 50
STEPS = 100


@dataclass(frozen=True)
class Ordered:
    """A fitted ordered logit.

    Attributes
    ----------
    parameters
        Coefficients, then thresholds in rising order.
    scores
        Each unit's derivative of the weighted log-likelihood: units x parameters.
    roots
        Rows whose products with themselves add up to minus its second derivative; three blocks of all units,
        (3 x units) x parameters.
    """

    parameters: Array
    scores: Array
    roots: Array


def fit_ordered(X: Array, level: Array, weights: Array) -> Ordered:
    """Maximise the weighted likelihood.

    Parameters
    ----------
    X
        Without a constant, units x terms (possibly none); well-conditioned, see `orthonormal`.
    level
        Each unit's level, an integer from 0; every level occurs.
    weights
        Above 0, units.

    Raises
    ------
    StudyError
        A combination of terms separates low from high levels.
    """
    likelihood = _Likelihood(X, level, weights)
    total = weights.sum()
    below = np.cumsum(np.bincount(level, weights))[:-1] / total
    theta = np.concatenate([np.zeros(X.shape[1]), np.log(below / (1 - below))])
    value, scores, roots = likelihood(theta)
    for _ in range(STEPS):
        J = roots.T @ roots
        gradient = scores.sum(axis=0)
        if np.linalg.eigvalsh(J / total).min() <= 0:
            break
        step = np.linalg.solve(J, gradient)
        promised = float(gradient @ step) / total
        # The likelihood is concave: a shorter step always rises, until rounding is all that is left.
        while promised > 1e-20 and not likelihood.value(theta + step) >= value - 1e-14 * abs(value):
            step = step / 2
            if np.abs(step).max() < 1e-14:
                break
        theta = theta + step
        value, scores, roots = likelihood(theta)
        if promised < 1e-20:
            if infinite(theta, roots.T @ roots / total):
                break
            return Ordered(theta, scores, roots)
        if np.abs(theta).max() > 1e3:
            break
    raise StudyError(
        "The ordered logit has no solution in these data: a combination of terms separates low from high "
        "levels, or there are too few units for its terms.",
        hint="Leave a term out, or join levels.",
    )


class _Likelihood:
    """Of a unit: log of logistic(upper) - logistic(lower), the linear predictors at the level's two ends.

    That is log logistic(upper) + log logistic(-lower) + log(1 - exp(lower - upper)), which loses no digit.
    """

    def __init__(self, X: Array, level: Array, weights: Array) -> None:
        self.level, self.weights, self.p = level, weights, X.shape[1]
        n, K = len(level), int(level.max()) + 1
        self.last = K - 1
        at = (level[:, None] == np.arange(K)).astype(float)
        # Rows of zeros where a level has no upper, or no lower, end.
        self.upper = np.hstack([-X, at[:, :-1]]) * (level < K - 1)[:, None]
        self.lower = np.hstack([-X, at[:, 1:]]) * (level > 0)[:, None]
        between = ((level > 0) & (level < K - 1))[:, None]
        self.width = np.hstack([np.zeros((n, self.p)), at[:, :-1] - at[:, 1:]]) * between

    def _ends(self, theta: Array) -> tuple[Array, Array, Array]:
        upper = np.where(self.level < self.last, self.upper @ theta, np.inf)
        lower = np.where(self.level > 0, self.lower @ theta, -np.inf)
        return upper, lower, np.where(np.isfinite(upper) & np.isfinite(lower), self.width @ theta, np.inf)

    def value(self, theta: Array) -> float:
        upper, lower, width = self._ends(theta)
        if width.min() <= 0:  # thresholds that do not rise
            return -np.inf
        logged = -np.logaddexp(0, -upper) - np.logaddexp(0, lower) + np.log(-np.expm1(-width))
        return float(self.weights @ logged)

    def __call__(self, theta: Array) -> tuple[float, Array, Array]:
        upper, lower, width = self._ends(theta)
        above, below = _expit(-upper), _expit(lower)
        with np.errstate(over="ignore"):
            rest = 1 / np.expm1(width)
        w = self.weights
        scores = (
            self.upper * (w * above)[:, None]
            - self.lower * (w * below)[:, None]
            + self.width * (w * rest)[:, None]
        )
        roots = np.vstack(
            [
                self.upper * np.sqrt(w * above * (1 - above))[:, None],
                self.lower * np.sqrt(w * below * (1 - below))[:, None],
                self.width * np.sqrt(w * rest * (1 + rest))[:, None],
            ]
        )
        return self.value(theta), scores, roots


def _expit(eta: Array) -> Array:
    return 0.5 * (1 + np.tanh(0.5 * eta))
