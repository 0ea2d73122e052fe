"""Prediction-powered inference with power tuning (PPI++): an outcome that an LLM measured with errors.

Angelopoulos, Duchi & Zrnic (2023), 'PPI++: Efficient prediction-powered inference', arXiv:2311.01453. Units
without hand codes estimate the regression of the LLM's codes; hand-coded units estimate how far that is from
the regression of the hand codes. The codes enter with a weight, lambda, between 0 (hand codes alone) and 1,
chosen so that the sum of the coefficients' variances is least: bad codes cost nothing.

Coefficients equal those of the authors' package ppi_py, and so do intervals for a given lambda. (Its tuned
intervals of regressions tune lambda twice, and their middle is not its own estimate; here lambda is one.)
Written anew, because that package compiles code and downloads data sets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.inference.design import Design, hand_coded, weights_of
from study.inference.estimates import CorrectedRegression
from study.inference.estimating_equations import (
    Family,
    check_outcome,
    family_named,
    jacobian,
    orthonormal,
    scores,
    solve,
)
from study.validity.bootstrap import Array

NOT_AVAILABLE = "PPI++ is not available for a predicted covariate: it corrects the outcome alone."


def ppi(
    formula: str,
    data: pd.DataFrame,
    predicted: Mapping[str, str],
    *,
    family: str = "linear",
    weights: str | None = None,
    power_tuning: float | None = None,
    tune_for: str | None = None,
) -> CorrectedRegression:
    """Estimate a mean or a regression whose outcome was coded by an LLM, and by hand in a sample.

    The hand-coded units must be a simple random sample of all: every unit equally likely to be drawn. With
    other designs use `dsl`.

    Parameters
    ----------
    formula
        See `formula.parse_formula`; `outcome ~ 1` for a mean.
    data
        One row a unit. The outcome holds the hand codes, and nothing where there are none. Units without
        another variable of the formula are left out.
    predicted
        The outcome -> the column with the LLM's codes, numbers in the outcome's own unit (for logit, 0 and 1
        or probabilities). Codes on another scale do no harm but count for little.
    family
        'mean', 'linear', 'logit' or 'poisson'.
    weights
        A column of survey weights, none negative. They multiply each unit's equation, and add up to 1 among
        the hand-coded units and among the others: which units are hand-coded must not depend on them.
    power_tuning
        Lambda, 0 to 1; by default the best is estimated.
    tune_for
        A term whose variance alone lambda shall minimise.

    Returns
    -------
    Coefficients with a sandwich covariance; `power_tuning` holds lambda.

    Raises
    ------
    StudyError
        A covariate is predicted; a code is missing; a column, a weight or the outcome cannot be used;
        hand-coded units are too few.
    """
    model = family_named(family, ["mean", "linear", "logit", "poisson"])
    sample = hand_coded(data, formula, predicted, weights=weights)
    parsed, gold = sample.formula, sample.labelled
    covariates = [name for name in predicted if name != parsed.outcome]
    if covariates:
        raise StudyError(NOT_AVAILABLE, found=covariates[0], hint="Use dsl, or misclassification_mle.")
    if family == "mean" and (parsed.terms or not parsed.intercept):
        raise StudyError("The formula of a mean is 'outcome ~ 1'.", found=formula)
    if power_tuning is not None and not 0 <= power_tuning <= 1:
        raise StudyError("Lambda is between 0 and 1.", found=power_tuning)
    y, code = sample.outcome, _codes(sample.frame, sample.predicted[parsed.outcome])
    check_outcome(y[gold], model.name, parsed.outcome)
    design = Design(parsed, sample.frame)
    X = design.matrix(sample.frame)
    least = min(gold.sum(), (~gold).sum())
    if least <= X.shape[1]:
        raise StudyError(
            "There are too few hand-coded units, or too few without hand codes.",
            found=f"{gold.sum()} and {(~gold).sum()} for {X.shape[1]} terms",
        )
    if tune_for is not None and tune_for not in design.terms:
        raise StudyError("There is no such term to tune for.", found=tune_for, allowed=design.terms)
    Q, R = orthonormal(X, design.terms)
    back = np.linalg.inv(R)
    w = weights_of(sample.frame, weights)
    by_hand = _Part(Q[gold], code[gold], w[gold])
    parts = _Parts(model, by_hand, y[gold], _Part(Q[~gold], code[~gold], w[~gold]), int(family != "mean"))
    lam = power_tuning
    if lam is None:
        # In the metric of the coefficients themselves, which Q's are not.
        target = back if tune_for is None else back[[design.terms.index(tune_for)]]
        lam = parts.best(target)
    c = parts.solve(lam)
    covariance = back @ parts.covariance(c, lam) @ back.T
    return CorrectedRegression(
        estimator="PPI++",
        family=family,
        params=pd.Series(back @ c, design.terms),
        covariance=pd.DataFrame(covariance, design.terms, design.terms),
        nobs=len(gold),
        n_labelled=int(gold.sum()),
        power_tuning=float(lam),
    )


def _codes(frame: pd.DataFrame, columns: list[str]) -> Array:
    if len(columns) != 1:
        raise StudyError("PPI++ takes one column of codes.", found=", ".join(columns))
    column = frame[columns[0]]
    if column.isna().any():
        raise StudyError(
            "PPI++ needs the LLM's code of every unit.",
            found=f"{int(column.isna().sum())} units without {columns[0]}",
            hint="Use dsl, which takes a missing code for a code, or leave these units out and say so.",
        )
    try:
        return column.to_numpy(dtype=float)
    except (TypeError, ValueError):
        raise StudyError(
            "The LLM's codes are not numbers.", found=f"{columns[0]}: {column.iloc[0]}"
        ) from None


class _Part:
    """Hand-coded units, or the others: design, code, and weights that add up to 1."""

    def __init__(self, X: Array, code: Array, weights: Array) -> None:
        self.X, self.code, self.size = X, code, weights.sum()
        self.share = weights / self.size

    def spread(self, a: Array, b: Array, ddof: int) -> Array:
        """Covariance of two kinds of scores (units x terms), for the variance of their weighted mean."""
        return _covariance(a, b, self.share, ddof)


def _covariance(a: Array, b: Array, share: Array, ddof: int) -> Array:
    n = len(a)
    relative = share * n
    a, b = (relative[:, None] * (part - share @ part) for part in (a, b))
    return a.T @ b / (n - ddof)


@dataclass(frozen=True)
class _Parts:
    """Hand-coded units, their outcome, the others, and what the covariances' divisor lacks to n."""

    family: Family
    gold: _Part
    y: Array
    other: _Part
    ddof: int

    def solve(self, lam: float) -> Array:
        gold, other = self.gold, self.other
        if self.family.name == "linear":
            # The reference solves the two regressions apart: their cross-products differ by chance.
            rest = solve(self.family, gold.X, self.y - lam * gold.code, gold.share)
            return rest + solve(self.family, other.X, lam * other.code, other.share)
        start = solve(self.family, gold.X, self.y, gold.share)
        if lam == 0:
            return start
        X = np.vstack([gold.X, gold.X, other.X])
        y = np.concatenate([self.y, gold.code, other.code])
        weights = np.concatenate([gold.share, -lam * gold.share, lam * other.share])
        return solve(self.family, X, y, weights, start)

    def best(self, target: Array) -> float:
        """Lambda with the least total variance of `target @ coefficients`."""
        n, N = len(self.y), len(self.other.code)
        c = self.solve(1.0)
        own, coded, other = self._scores(c)
        cross = self.gold.spread(own, coded, 0)
        both = np.vstack([coded, other])
        spread = _covariance(both, both, self._shares(), 1)
        through = target @ self._bread(c, 1.0)
        gain = np.trace(through @ (cross + cross.T) @ through.T)
        cost = 2 * (1 + n / N) * np.trace(through @ spread @ through.T)
        return float(np.clip(gain / cost, 0, 1)) if cost > 0 else 0.0

    def covariance(self, c: Array, lam: float) -> Array:
        own, coded, other = self._scores(c)
        rest = own - lam * coded
        own_part = self.gold.spread(rest, rest, self.ddof) / len(rest)
        other_part = lam**2 * self.other.spread(other, other, self.ddof) / len(other)
        bread = self._bread(c, lam)
        return bread @ (own_part + other_part) @ bread.T

    def _scores(self, c: Array) -> tuple[Array, Array, Array]:
        return (
            scores(self.family, self.gold.X, self.y, c),
            scores(self.family, self.gold.X, self.gold.code, c),
            scores(self.family, self.other.X, self.other.code, c),
        )

    def _shares(self) -> Array:
        """The weights of all units, which add up to 1."""
        gold, other = self.gold.share * self.gold.size, self.other.share * self.other.size
        return np.concatenate([gold, other]) / (self.gold.size + self.other.size)

    def _bread(self, c: Array, lam: float) -> Array:
        if lam == 0:
            return np.linalg.inv(jacobian(self.family, self.gold.X, self.gold.share, c))
        X = np.vstack([self.gold.X, self.other.X])
        return np.linalg.inv(jacobian(self.family, X, self._shares(), c))
