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
from study.inference.design import Design, hand_coded
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
        A covariate is predicted; a code is missing; a column or the outcome cannot be used; hand-coded units
        are too few.
    """
    model = family_named(family, ["mean", "linear", "logit", "poisson"])
    sample = hand_coded(data, formula, predicted)
    parsed, gold = sample.formula, sample.labelled
    covariates = [name for name in predicted if name != parsed.outcome]
    if covariates:
        raise StudyError(NOT_AVAILABLE, found=covariates[0], hint="Use dsl, or misclassification_mle.")
    if family == "mean" and (parsed.terms or not parsed.intercept):
        raise StudyError("The formula of a mean is 'outcome ~ 1'.", found=formula)
    if power_tuning is not None and not 0 <= power_tuning <= 1:
        raise StudyError("Lambda is between 0 and 1.", found=power_tuning)
    y, code = sample.outcome, _codes(sample.frame, sample.predicted[parsed.outcome])
    check_outcome(y[gold], model, parsed.outcome)
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
    parts = _Parts(model, Q[gold], y[gold], code[gold], Q[~gold], code[~gold], 0 if family == "mean" else 1)
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


@dataclass(frozen=True)
class _Parts:
    """Hand-coded units (design, outcome, code), the others (design, code), and the covariances' divisor."""

    family: Family
    X: Array
    y: Array
    code: Array
    X_other: Array
    code_other: Array
    ddof: int

    def solve(self, lam: float) -> Array:
        n, N = len(self.X), len(self.X_other)
        if self.family.name == "linear":
            # The reference solves the two regressions apart: their cross-products differ by chance.
            rest = solve(self.family, self.X, self.y - lam * self.code, np.full(n, 1 / n))
            return rest + solve(self.family, self.X_other, lam * self.code_other, np.full(N, 1 / N))
        start = solve(self.family, self.X, self.y, np.full(n, 1 / n))
        if lam == 0:
            return start
        X = np.vstack([self.X, self.X, self.X_other])
        y = np.concatenate([self.y, self.code, self.code_other])
        weights = np.concatenate([np.full(n, 1 / n), np.full(n, -lam / n), np.full(N, lam / N)])
        return solve(self.family, X, y, weights, start)

    def best(self, target: Array) -> float:
        """Lambda with the least total variance of `target @ coefficients`."""
        n, N = len(self.X), len(self.X_other)
        c = self.solve(1.0)
        own, coded, other = self._scores(c)
        cross = (own - own.mean(axis=0)).T @ (coded - coded.mean(axis=0)) / n
        spread = np.cov(np.vstack([coded, other]).T).reshape(cross.shape)
        through = target @ self._bread(c, 1.0)
        gain = np.trace(through @ (cross + cross.T) @ through.T)
        cost = 2 * (1 + n / N) * np.trace(through @ spread @ through.T)
        return float(np.clip(gain / cost, 0, 1)) if cost > 0 else 0.0

    def covariance(self, c: Array, lam: float) -> Array:
        n, N = len(self.X), len(self.X_other)
        own, coded, other = self._scores(c)
        own_part = np.cov((own - lam * coded).T, ddof=self.ddof).reshape(len(c), len(c)) / n
        other_part = lam**2 * np.cov(other.T, ddof=self.ddof).reshape(len(c), len(c)) / N
        bread = self._bread(c, lam)
        return bread @ (own_part + other_part) @ bread.T

    def _scores(self, c: Array) -> tuple[Array, Array, Array]:
        return (
            scores(self.family, self.X, self.y, c),
            scores(self.family, self.X, self.code, c),
            scores(self.family, self.X_other, self.code_other, c),
        )

    def _bread(self, c: Array, lam: float) -> Array:
        X = self.X if lam == 0 else np.vstack([self.X, self.X_other])
        return np.linalg.inv(jacobian(self.family, X, np.full(len(X), 1 / len(X)), c))
