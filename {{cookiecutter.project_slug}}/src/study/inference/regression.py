"""Linear regressions on measures, and what each measure adds to them.

Ordinary least squares (weighted, where the corpus has survey weights) with statsmodels. Standard errors are
robust to unequal variances, HC3, which holds in small samples too (Long & Ervin 2000); tests and intervals
use t. A measure's incremental R2 is that of the model less the R2 without the measure and all its
interactions, on the same units, with a percentile interval over units.

What the data do not support (too few units, a variable that does not vary, terms that are combinations of
others) gives rows without figures and a note that says why; a wrong configuration raises.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.inference.design import MAX_COLUMNS, least_columns
from study.inference.formula import Formula, parse_formula
from study.validity.bootstrap import Array, unit_bootstrap
from study.validity.multiplicity import adjust

COLUMNS = [
    "term", "estimator", "estimate", "std_error", "statistic", "reference", "ci_low", "ci_high", "p_value",
    "p_adjusted", "correction", "family", "covariance", "n", "subset", "note",
]  # fmt: skip
INCREMENTAL_COLUMNS = [
    "analysis", "dropped", "r2_full", "r2_reduced", "incremental_r2", "ci_low", "ci_high",
    "n", "subset", "note",
]  # fmt: skip
ESTIMATOR = "naive"
"""Measures stand in for what they measure, errors and all."""
NAN = float("nan")
TOLERANCE = 1e-9


@dataclass(frozen=True)
class _Design:
    """Outcome, predictors and weights of the units that have them all; `problem` says why not to estimate."""

    outcome: Array
    predictors: Array
    weights: Array
    terms: list[str]
    constant: bool
    problem: str


def linear_regression(
    data: pd.DataFrame,
    formula: str,
    *,
    name: str = "analysis",
    subset: str = "all",
    weight: str | None = None,
    correction: str = "holm",
) -> pd.DataFrame:
    """Fit a linear regression with HC3 standard errors.

    Parameters
    ----------
    data
        One row a unit; with subset 'sample' those with a true `sample` are used. Rows with a missing variable
        are left out, `n` counts the others.
    formula
        See `formula.parse_formula`.
    name
        Of the analysis: the family of tests is its terms but the intercept.
    subset
        'all' or 'sample'.
    weight
        A column of survey weights, none of them negative.
    correction
        See `multiplicity.adjust`.

    Returns
    -------
    One row a term in the model's order; `reference` is the distribution of the statistic, as 't(796)'.

    Raises
    ------
    StudyError
        The formula, the weights or the outcome cannot be used.
    """
    parsed = _parsed(data, formula, name)
    units = _complete(data, parsed, subset, weight, name)
    design = _design(units, parsed, weight)
    rows = _estimates(design) if not design.problem else [_blank(term) for term in design.terms]
    fitted = pd.DataFrame(rows, columns=COLUMNS)
    tested = fitted["term"] != "Intercept"
    fitted.loc[tested, "p_adjusted"] = adjust(fitted.loc[tested, "p_value"].to_numpy(dtype=float), correction)
    fitted["estimator"], fitted["correction"], fitted["covariance"] = ESTIMATOR, correction, "HC3"
    fitted["family"] = f"{name}: all terms but the intercept ({int(tested.sum())} tests)"
    fitted["n"], fitted["subset"] = len(units), subset
    if design.problem:
        fitted["note"] = design.problem
    return fitted


def incremental_r2(
    data: pd.DataFrame,
    formula: str,
    dropped: str,
    *,
    name: str = "analysis",
    subset: str = "all",
    weight: str | None = None,
    resamples: int = 2000,
    seed: int = 1,
) -> dict[str, object]:
    """Return how much R2 falls without one variable and all its interactions.

    The interval is a percentile bootstrap over units; each resample solves the normal equations, whose sums
    are linear in how often a unit was drawn. R2 never falls when terms are added, so an interval that begins
    near zero is no evidence of a contribution.

    Parameters
    ----------
    data, formula, name, subset, weight
        See `linear_regression`.
    dropped
        A variable on the right of the formula.
    resamples, seed
        Of the bootstrap over units.

    Returns
    -------
    One row of `results/tables/incremental_r2.csv`.

    Raises
    ------
    StudyError
        As `linear_regression`; or `dropped` is not on the right of the formula.
    """
    parsed = _parsed(data, formula, name)
    if dropped not in parsed.predictors:
        raise StudyError(
            "A variable whose increment is asked for is not on the right of the formula.",
            file="config/study.yaml",
            key=f"analyses.{name}.incremental",
            found=dropped,
            allowed=parsed.predictors,
        )
    units = _complete(data, parsed, subset, weight, name)
    full = _design(units, parsed, weight)
    row: dict[str, object] = {"analysis": name, "dropped": dropped, "n": len(units), "subset": subset}
    if full.problem:
        return row | {"note": full.problem}
    reduced = _design(units, parsed.without(dropped), weight, may_be_empty=True)
    r2_full, r2_reduced = _RSquared(full), _RSquared(reduced)
    stream = f"incremental_r2/{name}/{subset}/{dropped}"
    found = unit_bootstrap(
        lambda counts: np.clip(r2_full(counts) - r2_reduced(counts), 0, 1),
        len(units),
        resamples=resamples,
        seed=seed,
        name=stream,
    )
    ones = np.ones((1, len(units)))
    return row | {
        "r2_full": float(r2_full(ones)[0]),
        "r2_reduced": float(r2_reduced(ones)[0]),
        "incremental_r2": found.value,
        "ci_low": found.ci_low,
        "ci_high": found.ci_high,
        "note": "",
    }


class _RSquared:
    """R2 of a linear model in many resamples at once.

    Predictors are made orthonormal first: that changes no R2 and keeps the normal equations well-conditioned
    where a predictor is far from zero (a year).
    """

    def __init__(self, design: _Design) -> None:
        X = design.predictors
        basis = np.linalg.qr(X)[0] * np.sqrt(len(X)) if X.shape[1] else X
        outcome = design.outcome - (design.outcome.mean() if design.constant else 0)
        Z = np.column_stack([basis, outcome / (np.abs(outcome).max() or 1), np.ones(len(X))])
        self.size, self.constant = Z.shape[1], design.constant
        self.upper = np.triu_indices(self.size)
        self.products = (Z[:, self.upper[0]] * Z[:, self.upper[1]]) * design.weights[:, None]

    def __call__(self, counts: Array) -> Array:
        sums = np.empty((len(counts), self.size, self.size))
        sums[:, self.upper[0], self.upper[1]] = sums[:, self.upper[1], self.upper[0]] = counts @ self.products
        xx, xy = sums[:, :-2, :-2], sums[:, :-2, -2]
        # A level that no drawn unit has makes xx singular: the pseudo-inverse leaves its column out.
        explained = np.einsum("ri,rij,rj->r", xy, np.linalg.pinv(xx, rcond=1e-10, hermitian=True), xy)
        squares, total, n = sums[:, -2, -2], sums[:, -2, -1], sums[:, -1, -1]
        offset = total**2 / n if self.constant else np.zeros_like(n)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(squares - offset > TOLERANCE, (explained - offset) / (squares - offset), np.nan)


def _parsed(data: pd.DataFrame, formula: str, name: str) -> Formula:
    return parse_formula(formula, [str(column) for column in data.columns], key=f"analyses.{name}.formula")


def _complete(
    data: pd.DataFrame, formula: Formula, subset: str, weight: str | None, name: str
) -> pd.DataFrame:
    """The variables of the units that have them all, as plain floats and strings."""
    if not pd.api.types.is_numeric_dtype(data[formula.outcome]):
        raise StudyError(
            "The outcome of a linear regression is a number.",
            file="config/study.yaml",
            key=f"analyses.{name}.formula",
            found=f"{formula.outcome}, which holds {data[formula.outcome].dtype}",
        )
    if weight is not None and weight not in data:
        raise StudyError(
            "There is no such column of weights.",
            file="config/study.yaml",
            key="units.weight",
            found=weight,
            allowed=[str(column) for column in data.columns],
        )
    units = data[data["sample"].astype(bool)] if subset == "sample" else data
    wanted = list(dict.fromkeys([*formula.variables, *([weight] if weight else [])]))
    units = units[wanted].replace([np.inf, -np.inf], np.nan).dropna().reset_index(drop=True)
    for column in units:
        kind = units[column].dtype
        numeric = pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)
        units[column] = units[column].astype(float if numeric else object)
    if weight is not None:
        weights = pd.to_numeric(units[weight], errors="coerce")
        if weights.isna().any() or (weights < 0).any():
            raise StudyError(
                "A survey weight is not a number or is negative.",
                file="config/study.yaml",
                key="units.weight",
                found=weight,
            )
        units = units.assign(**{weight: weights.astype(float)})[weights > 0].reset_index(drop=True)
    return units


def _design(
    units: pd.DataFrame, formula: Formula, weight: str | None, *, may_be_empty: bool = False
) -> _Design:
    """Build the model's matrices from a formula that the grammar wrote anew."""
    written = ["Intercept"] if formula.intercept else []
    written += [":".join(term) for term in formula.terms]
    if not written and may_be_empty:
        none = np.empty((len(units), 0))
        return _Design(units[formula.outcome].to_numpy(), none, _weights(units, weight), [], False, "")
    least = least_columns(units, formula)
    if len(units) <= least or least > MAX_COLUMNS:
        problem = _too_few(len(units), least)
        return _Design(np.empty(0), np.empty((0, 0)), np.empty(0), written, False, problem)
    from statsmodels.regression.linear_model import WLS

    # An environment without names, should one ever escape the grammar.
    model = WLS.from_formula(str(formula), units, weights=_weights(units, weight), eval_env={})
    constant, terms, X, y = bool(model.k_constant), list(model.exog_names), model.exog, model.endog
    return _Design(y, X, model.weights, terms, constant, _problem(X, y, model.weights, terms))


def _weights(units: pd.DataFrame, weight: str | None) -> Array:
    return np.ones(len(units)) if weight is None else units[weight].to_numpy(dtype=float)


def _too_few(n: int, columns: int) -> str:
    if columns > MAX_COLUMNS:
        return f"not estimated: {columns} terms; a variable with so many categories is an identifier"
    return f"not estimated: {n} units are too few for {columns} terms"


def _problem(X: Array, y: Array, weights: Array, terms: list[str]) -> str:
    """Say why a model cannot be estimated; empty when it can."""
    n, p = X.shape
    if n <= p:
        return _too_few(n, p)
    if np.ptp(y) == 0:
        return "not estimated: the outcome does not vary"
    scaled = X * np.sqrt(weights)[:, None]
    lengths = np.linalg.norm(scaled, axis=0)
    Q, R = np.linalg.qr(scaled / np.where(lengths > 0, lengths, 1))
    bound = [term for term, own in zip(terms, np.abs(np.diag(R)), strict=True) if own < TOLERANCE]
    if bound:
        return f"not estimated: constant, or a combination of the terms before it: {', '.join(bound)}"
    if (Q**2).sum(axis=1).max() > 1 - TOLERANCE:
        return "not estimated: a unit alone decides a term (a category with one unit), HC3 is undefined"
    return ""


def _blank(term: str) -> dict[str, object]:
    figures = ("estimate", "std_error", "statistic", "ci_low", "ci_high", "p_value")
    return {"term": term} | dict.fromkeys(figures, NAN)


def _estimates(design: _Design) -> list[dict[str, object]]:
    from statsmodels.regression.linear_model import WLS

    model = WLS(design.outcome, design.predictors, weights=design.weights)
    fit = model.fit(cov_type="HC3", use_t=True)
    bounds = fit.conf_int()
    return [
        {
            "term": term,
            "estimate": fit.params[i],
            "std_error": fit.bse[i],
            "statistic": fit.tvalues[i],
            "reference": f"t({fit.df_resid:.0f})",
            "ci_low": bounds[i, 0],
            "ci_high": bounds[i, 1],
            "p_value": fit.pvalues[i],
            "note": "",
        }
        for i, term in enumerate(design.terms)
    ]
