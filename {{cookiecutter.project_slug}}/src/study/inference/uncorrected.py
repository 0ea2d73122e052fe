"""Regressions that correct nothing: measures taken for what they measure, and hand-coded units alone.

Standard errors suppose no equal variances. Without clusters a linear regression has HC3, which holds in small
samples too (Long & Ervin 2000), and t; logit, Poisson and ordered logit have the plain sandwich (no factor,
as in the corrections, so that one can compare) and the normal distribution. With clusters every family has
CR1, the sandwich of clusters times G / (G - 1), for linear also (n - 1) / (n - p), and t(G - 1), as in Stata.
Survey weights are probability weights: they multiply each unit's estimating equation (Binder 1983).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.inference.design import Design, complete, hand_coded, least_columns, weights_of
from study.inference.design_based import inverse_probability
from study.inference.estimates import CorrectedRegression, HandCoding
from study.inference.estimating_equations import (
    FAMILIES,
    SINGULAR,
    Family,
    check_outcome,
    orthonormal,
    scores,
    solve,
)
from study.inference.formula import Formula, parse_formula
from study.inference.ordered import MOST_LEVELS, fit_ordered
from study.inference.sandwich import robust
from study.validity.bootstrap import Array

NAMES = [*FAMILIES, "ordered"]


def uncorrected(
    formula: str,
    data: pd.DataFrame,
    *,
    family: str = "linear",
    weights: str | None = None,
    cluster: str | None = None,
    estimator: str = "naive",
) -> CorrectedRegression:
    """Fit a regression on the columns as they stand.

    Parameters
    ----------
    formula
        See `formula.parse_formula`.
    data
        One row a unit. Units without a variable of the formula, a weight or a cluster are left out.
    family
        'linear', 'logit' (outcomes 0 and 1), 'poisson' or 'ordered'. The outcome of an ordered logit is a
        number with a few values; its thresholds stand among the terms as '1/2' and take the place of the
        intercept.
    weights
        A column of survey weights, none negative; how large they are together does not matter.
    cluster
        A column: units of a cluster are not independent.
    estimator
        The name that the result bears.

    Returns
    -------
    Coefficients; `covariance_type` and `reference` say which standard errors and tests. Variances are NaN
    for terms that one cluster alone decides, such as the intercept of a cluster.

    Raises
    ------
    StudyError
        A column or the outcome cannot be used; units are too few, or a unit alone decides a term; a term does
        not vary, is a combination of others, or predicts the outcome perfectly; there is one cluster.
    """
    _check(family)
    parsed = parse_formula(formula, [str(column) for column in data.columns])
    frame = complete(data, parsed, needed=[cluster] if cluster else [], weights=weights)
    regression = _Regression(parsed, frame, family, cluster, "unit")
    regression.fit(weights_of(frame, weights))
    return regression.result(estimator)


def gold_only(
    formula: str,
    data: pd.DataFrame,
    predicted: Mapping[str, str | Sequence[str]],
    *,
    sampling_probability: str | float | None = None,
    family: str = "linear",
    weights: str | None = None,
    cluster: str | None = None,
) -> CorrectedRegression:
    """Fit a regression on hand-coded units alone, weighted by one over their probability of being drawn.

    Parameters
    ----------
    formula, family, weights, cluster
        See `uncorrected`.
    data, predicted, sampling_probability
        See `dsl`: the same units are used, and those without hand codes then left out.

    Returns
    -------
    Coefficients; `nobs` and `n_labelled` are both the hand-coded units.

    Raises
    ------
    StudyError
        As `uncorrected` and `dsl`.
    """
    _check(family)
    further = [sampling_probability] if isinstance(sampling_probability, str) else []
    needed = [cluster] if cluster else []
    sample = hand_coded(data, formula, predicted, needed=needed, further=further, weights=weights)
    inverse = inverse_probability(sample, sampling_probability)
    gold = sample.labelled
    own = (weights_of(sample.frame, weights) * inverse)[gold]
    frame = sample.frame[gold].reset_index(drop=True)
    found = _Regression(sample.formula, frame, family, cluster, "hand-coded unit")
    found.fit(own / own.mean())
    covariance, influence = found.robust.covariance[None], found.robust.influence[None]
    between = np.zeros((1, len(found.terms)))
    return replace(
        found.result("gold_only"),
        n_labelled=found.n,
        hand_coding=HandCoding(1 / inverse, gold, covariance, between, influence),
    )


def _check(family: str) -> None:
    if family not in NAMES:
        raise StudyError("There is no such family of regressions.", found=family, allowed=NAMES)


class _Regression:
    """A regression of units that lack nothing."""

    def __init__(
        self, formula: Formula, frame: pd.DataFrame, family: str, cluster: str | None, unit: str
    ) -> None:
        self.formula, self.frame, self.family, self.unit = formula, frame, family, unit
        self.n = len(frame)
        self._check_size(least_columns(frame, formula))
        self.y = frame[formula.outcome].to_numpy(dtype=float)
        check_outcome(self.y, family, formula.outcome, unit)
        self.clusters = pd.factorize(frame[cluster])[0] if cluster else None
        self.terms: list[str] = []

    def fit(self, weights: Array) -> None:
        """Settle `terms`, `parameters` and `robust`; weights have a mean of 1."""
        if self.family == "ordered":
            own, roots, back = self._ordered(weights)
        else:
            own, roots, back = self._generalised(FAMILIES[self.family], weights)
        linear = self.family == "linear"
        self.robust = robust(own, roots, back, clusters=self.clusters, small_sample=linear)

    def _generalised(self, family: Family, weights: Array) -> tuple[Array, Array, Array]:
        """Solve the equations; return scores, roots and the way back, as `robust` takes them."""
        design = Design(self.formula, self.frame)
        X = design.matrix(self.frame)
        self.terms = design.terms
        self._check_size(len(self.terms))
        Q, R = orthonormal(X, self.terms)
        try:
            c = solve(family, Q, self.y, weights)
        except StudyError:
            raise self._separated(X) from None
        back = np.linalg.inv(R)
        self.parameters = back @ c
        roots = Q * np.sqrt(weights * family.slope(Q @ c))[:, None]
        return scores(family, Q, self.y, c) * weights[:, None], roots, back

    def _ordered(self, weights: Array) -> tuple[Array, Array, Array]:
        levels, level = np.unique(self.y, return_inverse=True)
        if len(levels) > MOST_LEVELS:
            raise StudyError(
                "The outcome of an ordered logit has a few levels.",
                found=f"{self.formula.outcome}, with {len(levels)} values",
                allowed=f"at most {MOST_LEVELS}",
                hint="Take it for a number (family linear), or round it.",
            )
        # Thresholds are intercepts: the design has one for the levels of categories, and then loses it.
        design = Design(Formula(self.formula.outcome, self.formula.terms), self.frame)
        between = [f"{low:g}/{high:g}" for low, high in itertools.pairwise(levels)]
        self.terms = [*design.terms[1:], *between]
        self._check_size(len(self.terms))
        Q, R = orthonormal(design.matrix(self.frame), design.terms)
        found = fit_ordered(Q[:, 1:], level.reshape(-1), weights)
        inverse = np.linalg.inv(R)
        # The constant that the columns of Q hold goes to the thresholds.
        p, K = len(design.terms) - 1, len(between)
        back = np.block([[inverse[1:, 1:], np.zeros((p, K))], [np.tile(-inverse[0, 1:], (K, 1)), np.eye(K)]])
        self.parameters = back @ found.parameters
        return found.scores, found.roots, back

    def _check_size(self, terms: int) -> None:
        if self.n <= terms:
            raise StudyError(
                f"There are too few {self.unit}s.",
                found=f"{self.n} for {terms} terms",
                hint="Use fewer terms.",
            )

    def _separated(self, X: Array) -> StudyError:
        guilty = separating(X, self.y, self.family)
        if not guilty.any():
            return StudyError("The regression has no solution in these data.", hint="Use fewer terms.")
        return StudyError(
            "A combination of terms predicts the outcome perfectly in some units, so that its coefficients "
            "are infinite (separation).",
            found=", ".join(term for term, found in zip(self.terms, guilty, strict=True) if found),
            hint="Leave a term out, or join categories.",
        )

    def result(self, estimator: str) -> CorrectedRegression:
        covariance = self.robust.covariance
        return CorrectedRegression(
            estimator=estimator,
            family=self.family,
            params=pd.Series(self.parameters, self.terms),
            covariance=pd.DataFrame(covariance, self.terms, self.terms),
            nobs=self.n,
            n_labelled=0,
            covariance_type=self.robust.kind,
            df=self.robust.df,
        )


def separating(X: Array, y: Array, family: str) -> Array:
    """Return which terms take part in a combination that predicts outcomes perfectly in some units.

    A combination that is never on the wrong side of the outcome, found by linear programming (Konis 2007).

    Parameters
    ----------
    X, y
        Units x terms, units.
    family
        'logit', or 'poisson', where outcomes of 0 alone can be predicted perfectly.
    """
    from scipy.optimize import linprog

    scale = np.abs(X).max(axis=0)
    scaled = X / np.where(scale > 0, scale, 1)
    sides = scaled * np.where(y > 0, 1, -1)[:, None]
    options = {"A_ub": -sides, "b_ub": np.zeros(len(X))}
    if family == "poisson":
        zero = y == 0
        options = {"A_ub": -sides[zero], "b_ub": np.zeros(int(zero.sum()))}
        options |= {"A_eq": scaled[~zero], "b_eq": np.zeros(int((~zero).sum()))}
        sides = sides[zero]
    found = linprog(-sides.sum(axis=0), bounds=(-1, 1), method="highs", **options)
    if found.x is None or -found.fun < SINGULAR * len(X):
        return np.zeros(X.shape[1], dtype=bool)
    return np.abs(found.x) > SINGULAR
