"""The estimators, as a researcher calls them: corpus in, coefficient of x and its 95% interval out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pandas as pd
from sklearn.linear_model import LinearRegression

from certificate.corpora import FORMULA, TERM, Regression
from study.errors import StudyError
from study.inference import dsl, gold_only, misclassification_mle, ppi
from study.inference.uncorrected import uncorrected

SPLITS = 2
"""Draws of folds for DSL; with a linear learner and a single code more change nothing (see the page)."""


class Found(NamedTuple):
    """An estimate and its 95% interval; NaN where there is no solution."""

    estimate: float
    ci_low: float
    ci_high: float


NO_SOLUTION = Found(float("nan"), float("nan"), float("nan"))


def _tried(
    function: Callable[..., Any], of: Regression, data: pd.DataFrame, *given: Any, **options: Any
) -> Found:
    try:
        fit = function(FORMULA, data, *given, family=of.family, **options)
    except StudyError:
        return NO_SOLUTION
    low, high = fit.conf_int().loc[TERM]
    return Found(float(fit.params[TERM]), float(low), float(high))


def naive(of: Regression, data: pd.DataFrame) -> Found:
    """The LLM's codes of all units stand in for the variable."""
    return _tried(uncorrected, of, data.assign(**{of.predicted: data["code"]}))


def hand_codes_alone(of: Regression, data: pd.DataFrame) -> Found:
    """The hand-coded units alone."""
    return _tried(gold_only, of, data, {of.predicted: "code"})


def design_based(of: Regression, data: pd.DataFrame, *, splits: int = SPLITS, learner: Any = None) -> Found:
    """DSL."""
    learn = LinearRegression() if learner is None else learner
    return _tried(dsl, of, data, {of.predicted: "code"}, learner=learn, splits=splits)


def prediction_powered(of: Regression, data: pd.DataFrame) -> Found:
    """PPI++."""
    return _tried(ppi, of, data, {of.predicted: "code"})


def likelihood(of: Regression, data: pd.DataFrame) -> Found:
    """The likelihood whose errors depend on all variables of the regression, as by default."""
    return _tried(misclassification_mle, of, data, {of.predicted: "code"})


def likelihood_of_truth(of: Regression, data: pd.DataFrame) -> Found:
    """The likelihood whose errors depend on the truth alone."""
    return _tried(misclassification_mle, of, data, {of.predicted: "code"}, errors_depend_on=[])


ESTIMATORS: dict[str, Callable[[Regression, pd.DataFrame], Found]] = {
    "naive": naive,
    "gold only": hand_codes_alone,
    "DSL": design_based,
    "PPI++": prediction_powered,
    "likelihood": likelihood,
    "likelihood, errors by truth alone": likelihood_of_truth,
}
