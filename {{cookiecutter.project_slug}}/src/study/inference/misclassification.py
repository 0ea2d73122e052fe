"""Likelihood correction for a category that an LLM codes with errors, and prevalence.

TeBlunthuis, Hase & Chan (2024), 'Misclassification in automated content analysis causes bias in regression.
Can we fix it? Yes we can!', Communication Methods and Measures 18(3). Three models are fitted together: the
regression, the LLM's code given the truth (and given other variables, on which its errors may depend), and,
for a covariate, the truth given the other covariates. A hand-coded unit contributes the probability of all
that is known of it; another unit contributes the sum of that over what the truth may be. Written anew from
the paper.

Prevalence: Rogan & Gladen (1978), 'Estimating prevalence from the results of a screening test', American
Journal of Epidemiology 107(1).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.inference.design import Design, HandCoded, filled, hand_coded
from study.inference.estimates import CorrectedRegression
from study.inference.estimating_equations import Family, check_outcome, family_named, infinite, orthonormal
from study.inference.formula import Formula, variable
from study.validity.bootstrap import Array, Estimate

MOST_LEVELS = 12
"""More values than these are a scale: the correction would need the probability of each code for each."""
PRIOR_SD = 10.0
"""Of the auxiliary models' coefficients, for a standard deviation of the predictor each: so wide that it
hardly moves estimates. Where the LLM is never wrong in some kind of unit, it keeps coefficients finite."""
MISSING = "(no code)"
GRADIENT = 1e-8


def misclassification_mle(
    formula: str,
    data: pd.DataFrame,
    predicted: Mapping[str, str],
    *,
    family: str = "linear",
    errors_depend_on: Sequence[str] | None = None,
) -> CorrectedRegression:
    """Fit a regression by maximum likelihood that allows for a misclassified variable.

    Which units are hand-coded may depend on the LLM's codes and on the other variables, in any unknown way,
    but not on the truth beyond them.

    Parameters
    ----------
    formula
        See `formula.parse_formula`.
    data
        One row a unit. The predicted variable holds the hand codes, and nothing where there are none. Units
        without another variable of the formula are left out.
    predicted
        The one misclassified variable, with two categories or a few -> the column with the LLM's codes, also
        categories; a missing code counts as a category. It is a covariate, or the outcome of a logit.
    family
        'linear' (normal errors), 'logit' or 'poisson'.
    errors_depend_on
        The variables of the formula on which the LLM's errors may depend, for each value of the truth in its
        own way (a logit, without interactions among them). By default all of them, the outcome too: errors
        that depend on the outcome bias a regression most. An empty list says that errors depend on the truth
        alone, which is more precise, and misleads where it does not hold.

    Returns
    -------
    The regression's coefficients; standard errors are those of the observed information.

    Raises
    ------
    StudyError
        There is no estimator for this variable or family; a column cannot be used; the data do not decide.
    """
    model = family_named(family)
    sample = hand_coded(data, formula, predicted)
    name, column = _one(sample, model)
    check_outcome(_known_outcome(sample), model.name, sample.formula.outcome)
    others = [v for v in sample.formula.variables if v != name]
    depends = others if errors_depend_on is None else list(errors_depend_on)
    for other in depends:
        if other not in others:
            raise StudyError(
                "Errors can depend on the formula's other variables alone.", found=other, allowed=others
            )
    likelihood = _Likelihood(sample, model, name, column, depends)
    theta, information = _maximise(likelihood)
    terms = likelihood.design.terms
    p = len(terms)
    back = np.linalg.inv(likelihood.R) * likelihood.scale
    covariance = back @ np.linalg.inv(information)[:p, :p] @ back.T
    return CorrectedRegression(
        estimator="likelihood",
        family=family,
        params=pd.Series(back @ theta[:p], terms),
        covariance=pd.DataFrame(covariance, terms, terms),
        nobs=len(sample.labelled),
        n_labelled=int(sample.labelled.sum()),
        covariance_type="observed information",
    )


def prevalence(data: pd.DataFrame, hand_code: str, code: str, *, positive: object = 1) -> Estimate:
    """Estimate the share of units that are positive in truth, from LLM codes and a hand-coded sample.

    (share coded positive + specificity - 1) / (sensitivity + specificity - 1). The share is that among units
    without hand codes, the sensitivity and the specificity are those of the hand-coded units: the three are
    independent, as the delta-method interval supposes. The LLM must err alike in both groups.

    Parameters
    ----------
    data
        One row a unit; units without LLM code are left out.
    hand_code, code
        The columns of hand codes (missing where there are none) and of LLM codes.
    positive
        The value that counts, in both columns.

    Returns
    -------
    The share with a 95% interval; `n` is the number of units without hand codes, whose prevalence it is.
    Values outside of 0 to 1 are possible: the sample is small, or the errors differ between the groups.

    Raises
    ------
    StudyError
        There are no hand-coded positives, or negatives, or no other units; the code is no better than chance.
    """
    for name in (hand_code, code):
        if name not in data:
            raise StudyError("There is no such column.", found=name, allowed=[str(c) for c in data.columns])
    coded = data[data[code].notna()]
    gold = coded[hand_code].notna()
    said, truth = (coded[code] == positive), (coded[hand_code] == positive)
    n, n_positive, n_negative = (int(k.sum()) for k in (~gold, gold & truth, gold & ~truth))
    if not (n and n_positive and n_negative):
        raise StudyError(
            "Prevalence needs hand-coded positive units, negative ones, and units without hand codes.",
            found=f"{n_positive}, {n_negative} and {n}",
        )
    q = float(said[~gold].mean())
    sensitivity, specificity = float(said[gold & truth].mean()), 1 - float(said[gold & ~truth].mean())
    youden = sensitivity + specificity - 1
    if youden <= 0:
        raise StudyError(
            "The LLM's code is no better than chance: sensitivity and specificity add up to 1 or less.",
            found=f"{sensitivity:.3f} and {specificity:.3f}",
        )
    p = (q + specificity - 1) / youden
    variance = (
        q * (1 - q) / n
        + p**2 * sensitivity * (1 - sensitivity) / n_positive
        + (1 - p) ** 2 * specificity * (1 - specificity) / n_negative
    ) / youden**2
    from scipy.stats import norm

    reach = float(norm.isf(0.025)) * math.sqrt(variance)
    return Estimate(p, p - reach, p + reach, n)


def _one(sample: HandCoded, family: Family) -> tuple[str, str]:
    """The misclassified variable and its column of codes, or an error that says what is not available."""
    if len(sample.predicted) != 1 or any(len(of) != 1 for of in sample.predicted.values()):
        raise StudyError(
            "The likelihood correction is not available for several misclassified variables or codes.",
            found=", ".join(sample.predicted),
            hint="Use dsl.",
        )
    ((name, (column,)),) = sample.predicted.items()
    if name == sample.formula.outcome and family.name != "logit":
        raise StudyError(
            "The likelihood correction is not available for a predicted outcome that is a number.",
            found=f"{name}, with family {family.name}",
            hint="Use dsl or ppi.",
        )
    for shown in (name, column):
        if sample.frame[shown].nunique() > MOST_LEVELS:
            raise StudyError(
                "The likelihood correction is not available for continuous codes.",
                found=f"{shown}, with {sample.frame[shown].nunique()} values",
                allowed=f"at most {MOST_LEVELS} categories",
                hint="Use dsl.",
            )
        if sample.frame.loc[sample.labelled, shown].nunique(dropna=shown == name) < 2:
            raise StudyError("A variable is the same in every hand-coded unit.", found=shown)
    return name, column


def _known_outcome(sample: HandCoded) -> Array:
    y = sample.outcome
    return y[~np.isnan(y)]


class _Likelihood:
    """The log-likelihood of a sample, its gradient, in coefficients of well-conditioned columns.

    Units that are not hand-coded stand in a table once for each level of the truth. Parameters are those of
    the regression, the log of its standard deviation (linear), those of the truth given the other covariates
    (for a covariate) and those of the code given the truth.
    """

    def __init__(self, sample: HandCoded, family: Family, name: str, column: str, depends: list[str]) -> None:
        self.family = family
        gold, n = sample.labelled, len(sample.labelled)
        which, levels = pd.factorize(filled(sample)[name])
        times = np.where(gold, 1, len(levels))
        self.unit = np.repeat(np.arange(n), times)
        self.first = np.concatenate([[0], np.cumsum(times)[:-1]])
        frame = filled(sample).iloc[self.unit].reset_index(drop=True)
        self.truth = which[self.unit]
        self.truth[~gold[self.unit]] = np.tile(np.arange(len(levels)), int((~gold).sum()))
        frame[name] = pd.Series(levels[self.truth], dtype=frame[name].dtype)

        self.design = Design(sample.formula, frame)
        self.Q, self.R = orthonormal(self.design.matrix(frame), self.design.terms)
        self.y = frame[sample.formula.outcome].to_numpy(dtype=float)
        self.scale = float(self.y.std()) if family.name == "linear" else 1.0
        self.y = self.y / self.scale
        # The others as the formula has them: a category where it is one anywhere.
        factors = [factor for term in sample.formula.terms for factor in term if variable(factor) != name]
        written = {variable(factor): factor for factor in sorted(factors, key=lambda f: f.startswith("C("))}
        self.prior_columns = None
        if name != sample.formula.outcome:
            self.prior_columns = _columns([(factor,) for factor in written.values()], frame)
        codes, self.n_codes = self._codes(sample, column)
        self.code = codes[self.unit]
        # Each value of the truth has errors of its own kind: sensitivity and specificity are two things.
        by_truth = [(f"C({name})", written.get(other, other)) for other in depends]
        self.error_columns = _columns([(f"C({name})",), *by_truth], frame)

        p, linear = len(self.design.terms), int(family.name == "linear")
        q = 0 if self.prior_columns is None else self.prior_columns.shape[1] * (len(levels) - 1)
        r = self.error_columns.shape[1] * (self.n_codes - 1)
        self.ends = np.cumsum([p, linear, q, r])
        self.levels, self.n, self.gold = len(levels), n, gold

    @staticmethod
    def _codes(sample: HandCoded, column: str) -> tuple[Array, int]:
        codes, seen = pd.factorize(sample.frame[column].astype(object).fillna(MISSING))
        return codes, len(seen)

    def __call__(self, theta: Array, gold_alone: Array | None = None) -> tuple[float, Array]:
        """Return minus the mean log-likelihood and its gradient, parameters."""
        b, log_sd, prior, error = np.split(theta, self.ends[:-1])
        log_y, score_y, score_sd = self._regression(b, log_sd)
        total = log_y.copy()
        parts = []
        for columns, coefficients, chosen, size in (
            (self.prior_columns, prior, self.truth, self.levels),
            (self.error_columns, error, self.code, self.n_codes),
        ):
            if columns is None:
                continue
            logged, residual = _multinomial(columns, coefficients, chosen, size)
            total += logged
            parts.append((columns, residual))
        # Sums over what the truth may be; the gradient weights each possibility by its probability.
        highest = np.maximum.reduceat(total, self.first)
        shares = np.exp(total - highest[self.unit])
        sums = np.add.reduceat(shares, self.first)
        log_units = highest + np.log(sums)
        shares /= sums[self.unit]
        if gold_alone is not None:
            log_units = log_units[gold_alone]
            shares = shares * gold_alone[self.unit]
        auxiliary = np.concatenate([prior, error])
        penalty = 0.5 * (auxiliary**2).sum() / PRIOR_SD**2
        gradient = np.concatenate(
            [
                score_y.T @ shares,
                [score_sd @ shares] if len(log_sd) else [],
                *((columns.T @ (residual * shares[:, None])).T.ravel() for columns, residual in parts),
            ]
        )
        gradient[self.ends[1] :] -= auxiliary / PRIOR_SD**2
        return -(log_units.sum() - penalty) / self.n, -gradient / self.n

    def _regression(self, b: Array, log_sd: Array) -> tuple[Array, Array, Array]:
        """Each row's log-probability of the outcome, and its derivatives."""
        eta = self.Q @ b
        if self.family.name == "linear":
            sd = math.exp(float(np.clip(log_sd[0], -50, 50)))
            z = (self.y - eta) / sd
            logged = -0.5 * z**2 - log_sd[0] - 0.5 * math.log(2 * math.pi)
            return logged, self.Q * (z / sd)[:, None], z**2 - 1
        residual = self.y - self.family.mean(eta)
        if self.family.name == "logit":
            logged = self.y * eta - np.logaddexp(0, eta)
        else:
            from scipy.special import gammaln

            logged = self.y * eta - self.family.mean(eta) - gammaln(self.y + 1)
        return logged, self.Q * residual[:, None], np.zeros(0)


def _columns(terms: list[tuple[str, ...]], frame: pd.DataFrame) -> Array:
    """Well-conditioned columns of some terms; those that are combinations of others are left out."""
    formula = Formula("", tuple(terms))
    X = Design(formula, frame).matrix(frame)
    U, size, _ = np.linalg.svd(X / np.linalg.norm(X, axis=0), full_matrices=False)
    return U[:, size > 1e-9 * size[0]] * math.sqrt(len(X))


def _multinomial(columns: Array, coefficients: Array, chosen: Array, size: int) -> tuple[Array, Array]:
    """Each row's log-probability of its category, and indicator less probability (rows x size - 1)."""
    eta = np.zeros((len(columns), size))
    eta[:, 1:] = columns @ coefficients.reshape(size - 1, -1).T
    eta -= eta.max(axis=1, keepdims=True)
    logged = eta - np.log(np.exp(eta).sum(axis=1, keepdims=True))
    own = (chosen[:, None] == np.arange(size)).astype(float)
    return logged[np.arange(len(columns)), chosen], (own - np.exp(logged))[:, 1:]


def _maximise(likelihood: _Likelihood) -> tuple[Array, Array]:
    """Return the maximum and the observed information there."""
    from scipy.optimize import minimize

    theta = np.zeros(likelihood.ends[-1])
    # Hand-coded units alone first: their likelihood has one maximum, near the right one of the whole.
    for among in (likelihood.gold, None):
        found = minimize(likelihood, theta, args=(among,), jac=True, method="BFGS", options={"gtol": 1e-5})
        theta = found.x
    # Newton's method in a region of trust ends where that search gives up: in the flat parts.
    found = minimize(
        lambda at: likelihood(at)[0],
        theta,
        jac=lambda at: likelihood(at)[1],
        hess=lambda at: _curvature(likelihood, at),
        method="trust-exact",
        options={"gtol": GRADIENT, "maxiter": 200},
    )
    information = _curvature(likelihood, found.x)
    part = slice(0, likelihood.ends[0])
    astray = likelihood.family.name != "linear" and infinite(found.x[part], information[part, part])
    flat = np.linalg.eigvalsh(information).min() <= 0 or np.abs(found.jac).max() > 100 * GRADIENT
    if not astray and not flat:
        return found.x, information * likelihood.n
    raise StudyError(
        "The likelihood has no clear maximum in these data: hand-coded units are too few, or a term predicts "
        "the outcome perfectly.",
        hint="Code more units by hand, use fewer terms, or let errors depend on less.",
    )


def _curvature(likelihood: _Likelihood, theta: Array) -> Array:
    """Second derivatives, from the exact gradient by central differences."""
    step = 1e-5
    rows = [
        (likelihood(theta + step * unit)[1] - likelihood(theta - step * unit)[1]) / (2 * step)
        for unit in np.eye(len(theta))
    ]
    found = np.array(rows)
    return (found + found.T) / 2
