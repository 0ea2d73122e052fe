"""The estimating equations of linear, logit and Poisson regressions, with weights of either sign.

A corrected regression sets a sum over rows of `weight * x * (y - mean(x b))` to zero. The rows are units as
the LLM sees them and hand-coded units as people see them; the weights of a correction may be negative, so
that programs for weighted regression do not apply.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from study.errors import StudyError
from study.validity.bootstrap import Array

SINGULAR = 1e-9
HIGHEST = 50.0
"""Linear predictors and coefficients above this, on the log scale, are a search that went astray."""
FLAT = 1e-6


@dataclass(frozen=True)
class Family:
    """A regression's mean as a function of its linear predictor, and the derivative of that function."""

    name: str
    mean: Callable[[Array], Array]
    slope: Callable[[Array], Array]


def _expit(eta: Array) -> Array:
    return 0.5 * (1 + np.tanh(0.5 * eta))


def _logit_slope(eta: Array) -> Array:
    return 0.25 / np.cosh(0.5 * np.clip(eta, -500, 500)) ** 2


def _exp(eta: Array) -> Array:
    return np.exp(np.minimum(eta, HIGHEST))


FAMILIES = {
    "linear": Family("linear", lambda eta: eta, np.ones_like),
    "logit": Family("logit", _expit, _logit_slope),
    "poisson": Family("poisson", _exp, _exp),
}


def family_named(name: str, allowed: list[str] | None = None) -> Family:
    """Return the family of a correction; raise StudyError when there is none of this name."""
    if name == "ordered":
        raise StudyError(
            "Corrections are not available for an ordered logit.",
            hint="Use the naive or the gold-only regression, or take the outcome for a number (linear).",
        )
    names = allowed or list(FAMILIES)
    if name not in names:
        raise StudyError("There is no such family of regressions.", found=name, allowed=names)
    return FAMILIES["linear" if name == "mean" else name]


def check_outcome(outcome: Array, family: str, name: str, among: str = "hand-coded unit") -> None:
    """Raise StudyError when observed outcomes (units) are not what the family models."""
    if family == "logit" and not np.isin(outcome, (0, 1)).all():
        raise StudyError("The outcome of a logit regression is 0 or 1.", found=_example(outcome, name))
    if family == "poisson" and (outcome < 0).any():
        raise StudyError(
            "The outcome of a Poisson regression is not negative.", found=_example(outcome, name)
        )
    if np.ptp(outcome) == 0:
        raise StudyError(
            f"The outcome is the same in every {among}, so that nothing can be estimated.", found=name
        )


def _example(outcome: Array, name: str) -> str:
    shown = ", ".join(f"{value:g}" for value in np.unique(outcome)[:5])
    return f"{name}, with the values {shown}"


def orthonormal(X: Array, terms: list[str]) -> tuple[Array, Array]:
    """Return `(Q, R)` with `X = Q R` and columns of mean square 1, rows x terms and terms x terms.

    Equations in Q are well-conditioned where those in X are not (a year); a coefficient c there is
    `R^-1 c` here.

    Raises
    ------
    StudyError
        A column is constant or a combination of those before it.
    """
    lengths = np.linalg.norm(X, axis=0)
    Q, R = np.linalg.qr(X / np.where(lengths > 0, lengths, 1))
    bound = [term for term, own in zip(terms, np.abs(np.diag(R)), strict=True) if own < SINGULAR]
    if bound:
        raise StudyError(
            "A term is constant, or a combination of the terms before it.",
            found=", ".join(bound),
            hint="Leave it out of the formula.",
        )
    scale = np.sqrt(len(X))
    return Q * scale, R * lengths / scale


def scores(family: Family, X: Array, y: Array, b: Array) -> Array:
    """Return each row's contribution to the equations, `x (y - mean(x b))`: rows x terms."""
    return X * (y - family.mean(X @ b))[:, None]


def jacobian(family: Family, X: Array, weights: Array, b: Array) -> Array:
    """Return minus the derivative of the weighted sum of scores: terms x terms."""
    return (X.T * (weights * family.slope(X @ b))) @ X


def solve(family: Family, X: Array, y: Array, weights: Array, start: Array | None = None) -> Array:
    """Return the root of the weighted sum of scores.

    Parameters
    ----------
    family
        Of the regression.
    X, y, weights
        Rows x terms (well-conditioned, see `orthonormal`), rows, rows; weights may be negative.
    start
        Where the search begins, terms; zero by default.

    Raises
    ------
    StudyError
        There is no root near: too few hand-coded units, or an outcome that a term predicts perfectly.
    """
    from scipy.optimize import root

    total = np.abs(weights).sum()
    if family.name == "linear":
        J = (X.T * weights) @ X
        if np.linalg.eigvalsh(J).min() < SINGULAR * total:
            raise _no_root()
        return np.linalg.solve(J, X.T @ (weights * y))

    # Counts in the thousands: rounding grows with them, and the search must not begin at a mean of 1.
    size = max(1.0, float(np.abs(weights) @ np.abs(y)) / total)
    middle = np.zeros(X.shape[1])
    if family.name == "poisson":
        middle = X.sum(axis=0) * np.log(size) / len(X)

    def equations(b: Array) -> Array:
        return (X.T @ (weights * (y - family.mean(X @ b)))) / (total * size)

    def derivative(b: Array) -> Array:
        return -jacobian(family, X, weights, b) / (total * size)

    for begin in (start, middle):
        if begin is None:
            continue
        found = root(equations, begin, jac=derivative, method="hybr", options={"xtol": 1e-12})
        J = -derivative(found.x)
        if np.abs(equations(found.x)).max() < 1e-9 and not infinite(found.x, J * size):
            # One step of Newton's method from nearly there gives the root to machine precision.
            return found.x + np.linalg.solve(J, equations(found.x))
    raise _no_root()


def infinite(b: Array, J: Array) -> bool:
    """Say whether a logit or Poisson search went on towards infinity: equations near zero without a root.

    Parameters
    ----------
    b, J
        Coefficients of columns of mean square 1, and minus the derivative of the mean score: terms, terms x
        terms. `FLAT` is far below what rare outcomes make of that.
    """
    return bool(np.abs(b).max() > HIGHEST or np.linalg.eigvalsh(J).min() < FLAT)


def _no_root() -> StudyError:
    return StudyError(
        "The regression has no solution in these data: there are too few units, or hand-coded units, for its "
        "terms, or a term predicts the outcome perfectly.",
        hint="Code more units by hand, or use fewer terms.",
    )
