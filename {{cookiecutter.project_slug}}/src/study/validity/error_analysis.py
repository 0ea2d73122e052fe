"""Does a measure's error depend on covariates? If so, regressions that use the measure are biased.

The error of a score is the score less the criterion, that of a label is whether it is wrong. It is regressed
on the covariates by ordinary least squares; for labels that is a linear probability model, whose coefficients
are differences in the share of wrong labels. Standard errors are robust to unequal variances, HC3 (Long &
Ervin 2000), which a linear probability model needs; tests use F and t.

For scores the coefficients are themselves the bias: the regression of the measure on these covariates, less
that of the criterion on them, is the regression of the error. Error that depends on covariates is called
*differential* here (in text analysis: TeBlunthuis, Hase & Chan 2024). Strictly, error is differential where
it depends on them at the same true value (Carroll et al. 2006); `given_criterion` asks for that.

Wrong or right has no direction: labels that are wrong one way in one group and the other way in another bias
every comparison of the groups, while the shares of wrong labels are equal. So labels want `given_criterion`
too, which looks at every gold label apart; and a label of two values is best analysed as a score of 0 and 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.validity.bootstrap import Array
from study.validity.multiplicity import adjust

KINDS = ("score", "label")
LEVEL = 0.05
TOLERANCE = 1e-9
MOST_LEVELS = 100
"""A category with more levels is an identifier."""
INTERCEPT = "Intercept"
CRITERION = "criterion"
TERM_COLUMNS = ["term", "covariate", "estimate", "std_error", "statistic", "ci_low", "ci_high", "p_value"]
NAN = float("nan")


@dataclass(frozen=True)
class _Test:
    """An F-test; `df` counts the terms that it is of. There is none where the error does not vary."""

    statistic: float = NAN
    df: int = 0
    p_value: float = NAN


@dataclass(frozen=True)
class ErrorAnalysis:
    """What `error_by_covariates` finds; figures are NaN where the error does not vary.

    Attributes
    ----------
    differential
        Whether the joint test of all covariates rejects at .05; None where there is none.
    statistic, df, df_residual, p_value
        The joint test that no covariate matters, F with HC3; infinite where the covariates explain every
        error.
    tests
        One row a covariate: covariate; terms, how many it has; the F-test of them, `df` counts those whose
        estimate has a variance; p_adjusted over covariates.
    terms
        One row a term: term, 'column' or 'column[T.level]', against the level that is first in order, with
        ':criterion[label]' where it is for one gold label only; covariate; estimate in units of the measure
        (for labels a difference of shares, -1 to 1) for one unit of the covariate; HC3 std_error; t; 95%
        interval; p_value, not adjusted. A term whose error has no variance (no wrong label) has no t.
    mean_error
        The mean error, in units of the measure; for labels the share of wrong ones.
    n
        Units with measure, criterion and all covariates.
    sentence
        What it means, for a report.
    """

    differential: bool | None
    statistic: float
    df: int
    df_residual: int
    p_value: float
    tests: pd.DataFrame
    terms: pd.DataFrame
    mean_error: float
    n: int
    sentence: str


def error_by_covariates(
    measure: pd.Series,
    criterion: pd.Series,
    covariates: pd.DataFrame,
    *,
    kind: str = "score",
    given_criterion: bool = False,
    correction: str = "holm",
) -> ErrorAnalysis:
    """Regress a measure's error on covariates.

    A test that does not reject shows no dependence, and does not show that there is none: read the intervals.
    The criterion is taken for the truth; where its own error depends on a covariate, so will the result.

    Parameters
    ----------
    measure, criterion
        Scores, or labels, indexed by unit.
    covariates
        Units (index) x covariates. Numbers enter as they are, everything else (true and false too) as
        categories. Units with a missing value anywhere are left out.
    kind
        'score' or 'label'. Labels that are numbers are labels only when it is said.
    given_criterion
        Whether units with the *same* value of the criterion are compared. For scores the criterion enters the
        regression as a number. For labels every gold label has an intercept and coefficients of its own, and
        a covariate's test is that of all of them. Without it, error that depends on the criterion alone (a
        measure that shrinks towards the middle) shows for every covariate that goes with the criterion. It
        biases a regression with the measure as outcome just the same, so False is the default.
    correction
        For several covariates, see `multiplicity.adjust`; the joint test needs none.

    Raises
    ------
    StudyError
        The kind is not known, or scores are not numbers; no covariates, or one that is named 'criterion' or
        has too many levels; a unit occurs twice; too few units; a covariate that is constant or a combination
        of others, or a level with a single unit.
    """
    found, error = _units(measure, criterion, covariates, kind)
    names = [str(column) for column in covariates.columns]
    X, owner = _design(found, names, given_criterion, kind)
    problem = _problem(X)
    if problem:
        raise StudyError(
            "The error cannot be regressed on these covariates.",
            key="covariates",
            found=problem,
            hint="Leave out or merge what is named.",
        )
    if np.ptp(error) <= TOLERANCE * max(1.0, float(np.abs(error).max())):
        terms = pd.DataFrame({"term": list(X.columns), "covariate": owner}).reindex(columns=TERM_COLUMNS)
        single, joint = [_Test()] * len(names), _Test()
    else:
        terms, single, joint = _fitted(error, X, owner, names)
    tests = pd.DataFrame(
        {
            "covariate": names,
            "terms": [owner.count(name) for name in names],
            "statistic": [test.statistic for test in single],
            "df": [test.df for test in single],
            "df_residual": len(found) - X.shape[1],
            "p_value": [test.p_value for test in single],
        }
    )
    tests["p_adjusted"] = adjust(tests["p_value"].to_numpy(dtype=float), correction)
    differential = None if np.isnan(joint.p_value) else joint.p_value < LEVEL
    return ErrorAnalysis(
        differential=differential,
        statistic=joint.statistic,
        df=joint.df,
        df_residual=len(found) - X.shape[1],
        p_value=joint.p_value,
        tests=tests,
        terms=terms,
        mean_error=float(error.mean()),
        n=len(found),
        sentence=_sentence(differential, joint, tests, error, kind=kind, given_criterion=given_criterion),
    )


def _units(
    measure: pd.Series, criterion: pd.Series, covariates: pd.DataFrame, kind: str
) -> tuple[pd.DataFrame, Array]:
    """Criterion and covariates of the complete units, and their errors."""
    if kind not in KINDS:
        raise StudyError("This kind of measure is not known.", key="kind", found=kind, allowed=KINDS)
    if covariates.columns.empty:
        raise StudyError("There is no covariate.", key="covariates")
    names = [str(column) for column in covariates.columns]
    if len(set(names)) < len(names) or CRITERION in names:
        raise StudyError(
            f"Covariates have names of their own, and none is '{CRITERION}'.", key="covariates", found=names
        )
    for key, given in (("measure", measure), ("criterion", criterion), ("covariates", covariates)):
        if not given.index.is_unique:
            twice = given.index[given.index.duplicated()][0]
            raise StudyError("A unit occurs twice.", key=key, found=str(twice))
    if kind == "score":
        for key, series in (("measure", measure), ("criterion", criterion)):
            if not pd.api.types.is_numeric_dtype(series) or pd.api.types.is_bool_dtype(series):
                raise StudyError(
                    "The error of a score is a difference of numbers.",
                    key=key,
                    found=f"values of type {series.dtype}",
                    hint="For labels say kind='label'.",
                )
    found = covariates.set_axis(names, axis=1)
    found = pd.concat(
        [measure.rename("measure"), criterion.rename(CRITERION), found.add_prefix("covariate ")],
        axis=1,
        join="inner",
    )
    found = found.replace([np.inf, -np.inf], np.nan).dropna()
    if kind == "score":
        error = found["measure"].to_numpy(dtype=float) - found[CRITERION].to_numpy(dtype=float)
    else:
        pairs = zip(found["measure"].astype(object), found[CRITERION].astype(object), strict=True)
        error = np.array([float(a != b) for a, b in pairs])
    found = found.drop(columns="measure")
    return found.set_axis([CRITERION, *names], axis=1), error


def _design(
    units: pd.DataFrame, names: list[str], given_criterion: bool, kind: str
) -> tuple[pd.DataFrame, list[str]]:
    """The matrix of predictors, and which covariate each column belongs to."""
    columns: dict[str, Array] = {INTERCEPT: np.ones(len(units))}
    owner = [INTERCEPT]
    by_label = given_criterion and kind == "label"
    if given_criterion:
        own = _columns(CRITERION, units[CRITERION], categories=by_label)
        columns |= own
        owner += [CRITERION] * len(own)
    for name in names:
        own = _columns(name, units[name], categories=False)
        if by_label:
            own = _of_each_label(own, units[CRITERION].astype(object))
        columns |= own
        owner += [name] * len(own)
    return pd.DataFrame(columns, index=units.index), owner


def _of_each_label(columns: dict[str, Array], criterion: pd.Series) -> dict[str, Array]:
    return {
        f"{term}:{CRITERION}[{label}]": values * (criterion == label).to_numpy()
        for term, values in columns.items()
        for label in _levels(criterion)
    }


def _levels(values: pd.Series) -> list[object]:
    return sorted(set(values), key=lambda level: (str(type(level)), level))


def _columns(name: str, values: pd.Series, *, categories: bool) -> dict[str, Array]:
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if numeric and not categories:
        return {name: values.to_numpy(dtype=float)}
    codes = values.astype(object)
    levels = _levels(codes)
    if len(levels) > MOST_LEVELS:
        raise StudyError(
            "A covariate with so many levels is an identifier.",
            key="covariates",
            found=f"{name} with {len(levels)} levels",
            allowed=f"up to {MOST_LEVELS}",
        )
    if len(levels) == 1:
        return {name: np.ones(len(values))}  # found out as constant
    return {f"{name}[T.{level}]": (codes == level).to_numpy(dtype=float) for level in levels[1:]}


def _problem(X: pd.DataFrame) -> str:
    """Say why nothing can be estimated; empty when it can."""
    n, p = X.shape
    if n <= p:
        return f"{n} units for {p} terms"
    lengths = np.linalg.norm(X.to_numpy(), axis=0)
    Q, R = np.linalg.qr(X.to_numpy() / np.where(lengths > 0, lengths, 1))
    bound = [term for term, own in zip(X.columns, np.abs(np.diag(R)), strict=True) if own < TOLERANCE]
    if bound:
        return f"constant, or a combination of the terms before it: {', '.join(bound)}"
    leverage = (Q**2).sum(axis=1)
    if leverage.max() > 1 - TOLERANCE:
        unit = X.index[int(leverage.argmax())]
        return f"the unit {unit} alone decides a term (a level with one unit)"
    return ""


def _fitted(
    error: Array, X: pd.DataFrame, owner: list[str], names: list[str]
) -> tuple[pd.DataFrame, list[_Test], _Test]:
    from statsmodels.regression.linear_model import OLS

    fit = OLS(error, X.to_numpy()).fit(cov_type="HC3", use_t=True)
    bounds = fit.conf_int()
    with np.errstate(divide="ignore", invalid="ignore"):
        statistics, p_values = fit.tvalues, fit.pvalues
    terms = pd.DataFrame(
        {
            "term": list(X.columns),
            "covariate": owner,
            "estimate": fit.params,
            "std_error": fit.bse,
            "statistic": statistics,
            "ci_low": bounds[:, 0],
            "ci_high": bounds[:, 1],
            "p_value": p_values,
        },
        columns=TERM_COLUMNS,
    )
    # Terms of length one and errors of variance one: what counts as zero depends on no unit of measurement.
    lengths = np.linalg.norm(X.to_numpy(), axis=0) / error.std()
    estimates, covariance = fit.params * lengths, fit.cov_params() * np.outer(lengths, lengths)

    def wald(wanted: list[str]) -> _Test:
        own = np.array([name in wanted for name in owner])
        return _wald(estimates[own], covariance[np.ix_(own, own)], int(fit.df_resid))

    return terms, [wald([name]) for name in names], wald(names)


def _wald(estimates: Array, covariance: Array, df_residual: int) -> _Test:
    """F-test that all estimates are zero.

    Where a gold label or a level has no error at all, the robust variance is zero. A combination of estimates
    that has no variance is left out when it is zero, and decides when it is not.
    """
    from scipy.special import fdtrc

    values, vectors = np.linalg.eigh(covariance)
    along, certain = vectors.T @ estimates, values < TOLERANCE
    if (np.abs(along[certain]) > np.sqrt(TOLERANCE)).any():
        return _Test(np.inf, len(values), 0.0)
    df = int((~certain).sum())
    if df == 0:
        return _Test(0.0, 0, 1.0)
    statistic = float((along[~certain] ** 2 / values[~certain]).sum() / df)
    return _Test(statistic, df, float(fdtrc(df, df_residual, statistic)))


def _sentence(
    differential: bool | None,
    joint: _Test,
    tests: pd.DataFrame,
    error: Array,
    *,
    kind: str,
    given_criterion: bool,
) -> str:
    n, names = len(error), list(tests["covariate"])
    if differential is None:
        if not error.any():
            return f"The measure equals the criterion on all {n} units: there is no error that could matter."
        said = f"differs from the criterion by {error[0]:.4g}" if kind == "score" else "is wrong"
        return f"The measure {said} on all {n} units, so its error depends on no covariate."
    what = "The measure's error" if kind == "score" else "The share of wrong labels"
    same = "value of the criterion" if kind == "score" else "gold label"
    where = f", at the same {same}," if given_criterion else ""
    p = "p < .001" if joint.p_value < 0.0005 else f"p = {joint.p_value:.3f}".replace("0.", ".")
    test = f"F({joint.df}, {tests['df_residual'].iloc[0]}) = {joint.statistic:.2f}, {p}, n = {n}"
    if differential:
        certain = list(tests.loc[tests["p_adjusted"] < LEVEL, "covariate"])
        on = _listed(certain) if certain else f"{_listed(names)} taken together"
        then = _if_differential(kind, given_criterion)
        return f"{what}{where} depends on {on} ({test}): the error is differential, so {then}."
    then = _if_not_differential(kind, given_criterion)
    return f"{what}{where} was not found to depend on {_listed(names)} ({test}): {then}."


def _if_differential(kind: str, given_criterion: bool) -> str:
    if kind == "label" or given_criterion:
        used = "measure" if kind == "score" else "labels"
        return f"regressions of or on the {used} with these covariates are biased, in directions not known"
    return (
        "a regression with the measure as its outcome and these covariates is biased by the coefficients of "
        "this one, and one with the measure as a predictor is biased as well"
    )


def _if_not_differential(kind: str, given_criterion: bool) -> str:
    if kind == "label":
        still = "regressions of or on the labels are still biased, for a single two-valued label towards zero"
        if given_criterion:
            return f"if the error is non-differential, {still}"
        return f"if that holds for every gold label apart, the error is non-differential, and {still}"
    if given_criterion:
        return (
            "if the error is non-differential, a regression with the measure as its outcome is biased only "
            "as far as the error goes with the criterion itself, and one with it as a predictor is still "
            "biased"
        )
    return (
        "if the error is non-differential, a regression with the measure as its outcome and these covariates "
        "loses precision and is not biased, while one with it as a predictor is still biased, for a single "
        "predictor towards zero"
    )


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
