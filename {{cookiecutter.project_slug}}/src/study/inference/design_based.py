"""Design-based supervised learning: regressions on variables that an LLM measured with errors.

Egami, Hinck, Stewart & Wei (2023), 'Using imperfect surrogates for downstream inference', NeurIPS 36. A
sample of units, drawn with known probabilities, is coded by hand. Every unit contributes the estimating
equation of what is expected of it given the LLM's codes; a hand-coded unit contributes, in addition and
divided by its probability of being drawn, the difference that the hand code makes. As the probabilities are
known by design, the corrected equation is right whatever the LLM's errors are; good codes make it precise.

Written anew from the paper. As in the authors' R package, expectations are cross-fitted, the folds are drawn
several times, coefficients are the medians over the draws, and the variance includes how much they differ.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.inference.crossfit import cross_fit, default_learner, features, fold_numbers, seeded
from study.inference.design import Design, HandCoded, filled, hand_coded, weights_of
from study.inference.estimates import CorrectedRegression, HandCoding
from study.inference.estimating_equations import (
    Family,
    check_outcome,
    family_named,
    jacobian,
    orthonormal,
    scores,
    solve,
)
from study.inference.formula import variable
from study.inference.sandwich import decided_alone
from study.validity.bootstrap import Array, generator


def dsl(
    formula: str,
    data: pd.DataFrame,
    predicted: Mapping[str, str | Sequence[str]],
    *,
    sampling_probability: str | float | None = None,
    family: str = "linear",
    cluster: str | None = None,
    weights: str | None = None,
    covariates: Sequence[str] = (),
    learner: Any = None,
    folds: int = 5,
    splits: int = 10,
    seed: int = 1,
) -> CorrectedRegression:
    """Fit a regression, corrected for the errors of the LLM's codes by a hand-coded sample.

    Parameters
    ----------
    formula
        See `formula.parse_formula`; predicted variables may stand on either side, several of them, in
        interactions, and as categories.
    data
        One row a unit. Predicted variables hold the hand codes, and nothing where there are none. Units
        without another variable of the formula are left out.
    predicted
        Variable of the formula -> the column or columns with the LLM's codes: numbers or categories, on any
        scale; a missing code counts as a code.
    sampling_probability
        The probability with which a unit was drawn for hand coding, as a column or one number, above 0.
        By default all units were equally likely to be drawn.
    family
        'linear', 'logit' or 'poisson'.
    cluster
        A column: units of a cluster are not independent. Folds keep clusters whole.
    weights
        A column of survey weights, none negative: how many units of the population a unit stands for. They
        multiply its equation, beside one over the sampling probability. The learner does not see them.
    covariates
        Columns from which the learner may predict too, beside the LLM's codes; they may improve precision and
        move the estimates a little.
    learner
        A scikit-learn regressor (or classifier, for categories); small boosted trees by default.
    folds, splits
        Cross-fitting has so many folds and is repeated with so many draws of them.
    seed
        Of the folds, and of a learner that has none of its own: the same seed gives the same figures.

    Returns
    -------
    Coefficients with a sandwich covariance; no small-sample factor, as in R. Variances are NaN for terms that
    one cluster alone decides, as in `uncorrected`.

    Raises
    ------
    StudyError
        A column, a weight, a probability or the outcome cannot be used; hand-coded units are too few.
    """
    model = family_named(family)
    further = [*covariates, *([sampling_probability] if isinstance(sampling_probability, str) else [])]
    for name in covariates:
        if name in predicted:
            raise StudyError("A learner cannot predict from a variable that is itself predicted.", found=name)
    needed = [cluster] if cluster else []
    sample = hand_coded(data, formula, predicted, needed=needed, further=further, weights=weights)
    gold = sample.labelled
    check_outcome(sample.outcome[gold], model.name, sample.formula.outcome)
    inverse = inverse_probability(sample, sampling_probability)
    groups = pd.factorize(sample.frame[cluster])[0] if cluster else np.arange(len(gold))
    survey = weights_of(sample.frame, weights)
    units = _Equations(sample, model, inverse, survey, groups if cluster else None)
    certain = bool((inverse == 1).all())
    if certain:  # every unit is hand-coded and nothing is to be expected
        fits = [units.fit({}, sample.outcome)]
    else:
        _check_folds(folds, splits, gold, groups)
        codes = dict.fromkeys(c for of in sample.predicted.values() for c in of)
        X = features(sample.frame, [*codes, *(c for c in covariates if c not in codes)])
        learn = default_learner(seed) if learner is None else seeded(learner, seed)
        fits = []
        for number in range(splits):
            fold = fold_numbers(gold, groups, folds, generator(seed, f"dsl/{number}"))
            expected = cross_fit(learn, X, units.targets, gold, fold)
            fits.append(units.fit(*units.split(expected)))
    b, covariance = _combine(fits)
    coding = HandCoding(
        1 / inverse,
        gold,
        np.array([fit.covariance for fit in fits]),
        np.array([fit.b for fit in fits]) - b,
        np.array([fit.influence for fit in fits]),
    )
    terms = units.design.terms
    return CorrectedRegression(
        estimator="DSL",
        family=family,
        params=pd.Series(b, terms),
        covariance=pd.DataFrame(covariance, terms, terms),
        nobs=len(gold),
        n_labelled=int(gold.sum()),
        covariance_type="sandwich of clusters" if cluster else "sandwich",
        hand_coding=None if certain else coding,
    )


@dataclass(frozen=True)
class _Fit:
    """Coefficients of one draw of the folds, their covariance, and what each hand code does to them."""

    b: Array
    covariance: Array
    influence: Array


class _Equations:
    """The corrected estimating equations of a sample."""

    def __init__(
        self, sample: HandCoded, family: Family, inverse: Array, survey: Array, groups: Array | None
    ) -> None:
        self.sample, self.family, self.groups = sample, family, groups
        self.frame = filled(sample)
        self.design = Design(sample.formula, self.frame)
        gold = sample.labelled
        self.factors = [f for f in self.design.levels if variable(f) in sample.predicted]
        parts = {f: self.design.observed(f, self.frame) for f in self.factors}
        self.y_predicted = sample.formula.outcome in sample.predicted
        self.widths = {f: part.shape[1] for f, part in parts.items()}
        outcome = [self.frame[sample.formula.outcome].to_numpy(dtype=float)[:, None]]
        self.targets = np.column_stack([*parts.values(), *(outcome if self.y_predicted else [])])
        self.X_gold, self.y_gold = self.design.matrix(self.frame)[gold], sample.outcome[gold]
        self.w_gold = (survey * inverse)[gold]
        self.w_expected = survey * (1 - np.where(gold, inverse, 0))
        if len(self.y_gold) <= len(self.design.terms):
            raise StudyError(
                "There are too few hand-coded units.",
                found=f"{len(self.y_gold)} for {len(self.design.terms)} terms",
                hint="Code more units by hand, or use fewer terms.",
            )

    def split(self, expected: Array) -> tuple[dict[str, Array], Array]:
        """The expected factors and the expected outcome, of expected targets (units x targets)."""
        factors, start = {}, 0
        for factor, width in self.widths.items():
            factors[factor] = expected[:, start : start + width]
            start += width
        return factors, expected[:, -1] if self.y_predicted else self.sample.outcome

    def fit(self, factors: dict[str, Array], y: Array) -> _Fit:
        """Return coefficients and covariance, given what is expected of every unit."""
        gold, family = self.sample.labelled, self.family
        X = self.design.matrix(self.frame, factors)
        Q, R = orthonormal(np.vstack([X, self.X_gold]), self.design.terms)
        Q_expected, Q_gold = Q[: len(X)], Q[len(X) :]
        weights = np.concatenate([self.w_expected, self.w_gold])
        both = np.concatenate([y, self.y_gold])
        # The search begins where hand codes alone, weighted, would lead.
        start = _alone(family, Q_gold, self.y_gold, self.w_gold)
        c = solve(family, Q, both, weights, start)
        expected, by_hand = scores(family, Q_expected, y, c), scores(family, Q_gold, self.y_gold, c)
        m = expected * self.w_expected[:, None]
        m[gold] += by_hand * self.w_gold[:, None]
        if self.groups is not None:
            sums = np.zeros((self.groups.max() + 1, m.shape[1]))
            np.add.at(sums, self.groups, m)
            m = sums
        back = np.linalg.inv(R)
        through = back @ np.linalg.inv(jacobian(family, Q, weights, c))
        covariance = through @ (m.T @ m) @ through.T
        if self.groups is not None:
            unknown = decided_alone(Q, np.concatenate([self.groups, self.groups[gold]]), back)
            covariance[unknown, :] = covariance[:, unknown] = np.nan
        influence = (by_hand - expected[gold]) * self.w_gold[:, None] @ through.T
        return _Fit(back @ c, covariance, influence)


def _alone(family: Family, Q: Array, y: Array, weights: Array) -> Array | None:
    try:
        return solve(family, Q, y, weights)
    except StudyError:
        return None


def inverse_probability(sample: HandCoded, given: str | float | None) -> Array:
    """One over the probability of being hand-coded, units; checked against what was drawn."""
    n, drawn = len(sample.labelled), int(sample.labelled.sum())
    if given is None:
        return np.full(n, n / drawn)
    if isinstance(given, str):
        pi = pd.to_numeric(sample.frame[given], errors="coerce").to_numpy(dtype=float)
    else:
        pi = np.full(n, float(given))
    bad = ~((pi > 0) & (pi <= 1))
    if bad.any():
        raise StudyError(
            "A sampling probability is not above 0 and at most 1.",
            found=("none" if np.isnan(pi[bad][0]) else f"{pi[bad][0]:g}")
            + (f" in column {given}" if isinstance(given, str) else ""),
        )
    if (~sample.labelled & (pi == 1)).any():
        raise StudyError(
            "A unit that was certain to be drawn has no hand code.",
            found=f"{int((~sample.labelled & (pi == 1)).sum())} units with a sampling probability of 1",
            hint="The probability is that of being drawn and coded.",
        )
    awaited, spread = pi.sum(), math.sqrt((pi * (1 - pi)).sum())
    if not 0.5 < drawn / awaited < 2 and abs(drawn - awaited) > 6 * spread:
        raise StudyError(
            "The sampling probabilities do not fit the number of hand-coded units.",
            found=f"{drawn} hand-coded units, where {awaited:.0f} were to be expected",
        )
    return 1 / pi


def _check_folds(folds: int, splits: int, gold: Array, groups: Array) -> None:
    coded = len(np.unique(groups[gold]))
    if folds < 2 or splits < 1 or coded < 2 * folds:
        raise StudyError(
            "Cross-fitting needs two folds or more, a split or more, and two hand-coded units (or clusters) "
            "in every fold.",
            found=f"{folds} folds, {splits} splits, {coded} hand-coded",
        )


def _combine(fits: list[_Fit]) -> tuple[Array, Array]:
    """Medians over splits; the covariance includes the differences between them."""
    b_split, covariances = np.array([fit.b for fit in fits]), np.array([fit.covariance for fit in fits])
    b = np.median(b_split, axis=0)
    away = b_split - b
    covariance = np.median(covariances + away[:, :, None] * away[:, None, :], axis=0)
    return b, _nearest((covariance + covariance.T) / 2)


def _nearest(covariance: Array) -> Array:
    """The nearest covariance with the same variances: medians element by element may miss being one."""
    known = ~np.isnan(np.diag(covariance))
    if not known.all():
        result = np.full(covariance.shape, np.nan)
        result[np.ix_(known, known)] = _nearest(covariance[np.ix_(known, known)]) if known.any() else np.nan
        return result
    se = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / np.outer(se, se))
    if values.min() > 0:
        return covariance
    positive = (vectors * np.maximum(values, 1e-10)) @ vectors.T
    own = np.sqrt(np.diag(positive))
    return positive / np.outer(own, own) * np.outer(se, se)
