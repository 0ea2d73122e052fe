"""The effect of every level of every factor, against the factor's reference level.

A linear model with all main effects, by generalised estimating equations (Liang & Zeger 1986): Gaussian
family, identity link, exchangeable within units, with the robust covariance. Linear also where the outcome is
right or wrong: a coefficient is then a difference of shares in percentage points, it exists where a level
gets everything right (a logit does not), it does not change with what else is in the model, and the robust
covariance supposes nothing about the variance of the outcome.

All units are coded in all cells, so that in a balanced design an estimate is the difference of two means, and
its standard error that of the units' own differences: with two cells the test is the paired t-test. For that
the covariance has the factor G / (G - 1) of G units, and t has G - 1 degrees of freedom.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from study.experiment.grid import Codes, complete, joined
from study.experiment.outcomes import Outcomes
from study.validity.bootstrap import Array
from study.validity.multiplicity import adjust

if TYPE_CHECKING:
    from statsmodels.genmod.generalized_estimating_equations import GEEResults

COLUMNS = [
    "experiment", "construct", "outcome", "factor", "level", "reference", "estimate", "std_error", "ci_low",
    "ci_high", "statistic", "p_value", "p_adjusted", "correction", "family", "n", "n_units", "method", "note",
]  # fmt: skip
METHOD = "GEE (Gaussian, identity, {structure} within units), robust covariance, t({df})"
TOLERANCE = 1e-9
"""What counts as zero, of outcomes of variance one."""

NO_ERROR = 1e-6
"""Standard errors up to it, of outcomes of variance one, are what rounding leaves of a variance of zero."""


@dataclass(frozen=True)
class Effects:
    """A fitted model.

    Attributes
    ----------
    estimates, std_errors
        One a column of the design; NaN for one that cannot be told apart from others.
    structure
        The working correlation that was used.
    """

    estimates: Array
    std_errors: Array
    structure: str


def experiment_effects(codes: Codes, judged: Outcomes, *, correction: str = "holm") -> pd.DataFrame:
    """Return one row an outcome, factor and level other than the reference.

    Parameters
    ----------
    codes, judged
        The codes of one construct, and what `outcomes` says of them.
    correction
        See `multiplicity.adjust`: the family is all levels of all factors, for one construct and outcome.

    Returns
    -------
    DataFrame
        `COLUMNS`; estimates in the units of the outcome, `n` counts units x cells.
    """
    blocks = [
        _block(codes, outcome, values, judged.notes[outcome], correction)
        for outcome, values in judged.values.items()
    ]
    return pd.concat(blocks, ignore_index=True) if blocks else pd.DataFrame(columns=COLUMNS)


def main_effects(values: Array, design: Array) -> Effects:
    """Fit the main effects of a design on an outcome.

    Parameters
    ----------
    values
        The outcome, units (two or more) x cells, without holes.
    design
        Cells x columns: the intercept and one column a level other than its factor's reference, 0 or 1.
    """
    kept = _independent(design)
    X = design[:, kept]
    scale = float(values.std())
    y = (values - values.mean()) / scale
    found, structure = _fitted(y, X)
    estimates, errors = np.full(design.shape[1], np.nan), np.full(design.shape[1], np.nan)
    n = len(values)
    estimates[kept] = found.params * scale
    errors[kept] = np.sqrt(np.clip(np.diag(found.cov_robust), 0, None) * n / (n - 1)) * scale
    estimates[0] += values.mean()
    aliased = ~_estimable(design)
    estimates[aliased] = errors[aliased] = np.nan
    return Effects(estimates, errors, structure)


def design_matrix(codes: Codes, cells: Array) -> tuple[Array, list[tuple[str, str]]]:
    """Return the design of main effects, cells x columns, and factor and level of each but the intercept."""
    columns, names = [np.ones(len(cells))], []
    for factor in codes.factors:
        own = codes.settings[factor].to_numpy()[cells]
        for level in codes.factors[factor][1:]:
            columns.append((own == level).astype(float))
            names.append((factor, level))
    return np.column_stack(columns), names


def _block(codes: Codes, outcome: str, values: Array, note: str, correction: str) -> pd.DataFrame:
    used = complete(np.isfinite(values), list(codes.cells.index))
    own = values[np.ix_(used.units, used.cells)]
    design, names = design_matrix(codes, used.cells)
    rows = pd.DataFrame(_rows(own, design, names, codes), columns=COLUMNS)
    nothing = note if not own.size else ""
    shared = [note, used.note] if not nothing else [nothing]
    rows["note"] = [joined([said, *shared]) for said in rows["note"]]
    adjusted = adjust(rows["p_value"].to_numpy(dtype=float), correction)
    made = int(np.isfinite(adjusted).sum())
    family = f"{codes.experiment}, {codes.construct}, {outcome}: all levels of all factors ({made} tests)"
    return rows.assign(
        experiment=codes.experiment,
        construct=codes.construct,
        outcome=outcome,
        p_adjusted=adjusted,
        correction=correction,
        family=family,
        n=own.size,
        n_units=len(used.units),
    )


def _rows(
    values: Array, design: Array, names: list[tuple[str, str]], codes: Codes
) -> Iterator[dict[str, object]]:
    fit, why = None, ""
    if values.size and np.ptp(values) <= TOLERANCE * max(1.0, float(np.abs(values).max())):
        why = f"the outcome is {values.flat[0]:.4g} for every unit in every cell"
    elif len(values) == 1:
        why = "there is one unit, and nothing to judge its differences by"
    elif values.size:
        fit = main_effects(values, design)
    for column, (factor, level) in enumerate(names, start=1):
        row: dict[str, object] = {"factor": factor, "level": level, "reference": codes.factors[factor][0]}
        if fit is None:
            constant = {"estimate": 0.0} if why and len(values) > 1 else {}
            yield row | constant | {"note": why}
        elif not design[:, column].any() or design[:, column].all():
            yield row | {"note": "this level, or its reference, has no cell with codes"}
        else:
            yield row | _figures(fit, column, len(values), float(values.std()))


def _figures(fit: Effects, column: int, n_units: int, scale: float) -> dict[str, object]:
    from scipy.special import stdtr, stdtrit

    estimate, error = float(fit.estimates[column]), float(fit.std_errors[column])
    if not np.isfinite(estimate):
        return {"note": "cannot be told apart from other effects: the design lacks the cells for it"}
    df = n_units - 1
    row: dict[str, object] = {"method": METHOD.format(structure=fit.structure, df=df)}
    if error <= NO_ERROR * scale:
        if abs(estimate) <= NO_ERROR * scale:
            return row | {"estimate": 0.0, "note": "no standard error: nothing changes for any unit"}
        return row | {
            "estimate": estimate,
            "note": "no standard error: every unit changes by the same amount",
        }
    half, statistic = float(stdtrit(df, 0.975)) * error, estimate / error
    return row | {
        "estimate": estimate,
        "std_error": error,
        "ci_low": estimate - half,
        "ci_high": estimate + half,
        "statistic": statistic,
        "p_value": float(2 * stdtr(df, -abs(statistic))),
        "note": "",
    }


def _fitted(y: Array, X: Array) -> tuple[GEEResults, str]:
    """Fit with exchangeable units; with independent ones where their correlation cannot be estimated.

    Where all units see the same cells the two give the same estimates and the same robust covariance.
    """
    from statsmodels.genmod.cov_struct import Exchangeable, Independence
    from statsmodels.genmod.families import Gaussian
    from statsmodels.genmod.generalized_estimating_equations import GEE

    n, cells = y.shape
    data = {"endog": y.ravel(), "exog": np.tile(X, (n, 1)), "groups": np.repeat(np.arange(n), cells)}
    exchangeable = Exchangeable()
    # Pairs of rows less parameters: what the correlation is estimated from.
    if cells > 1 and n * cells * (cells - 1) / 2 > X.shape[1]:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = GEE(**data, family=Gaussian(), cov_struct=exchangeable).fit()
        rho = float(exchangeable.dep_params)
        if -1 / (cells - 1) + TOLERANCE < rho < 1 - TOLERANCE and np.isfinite(found.cov_robust).all():
            return found, "exchangeable"
    return GEE(**data, family=Gaussian(), cov_struct=Independence()).fit(), "independent"


def _independent(design: Array) -> Array:
    """Places of the columns that are no combination of those before them."""
    kept: list[int] = []
    for column in range(design.shape[1]):
        if np.linalg.matrix_rank(design[:, [*kept, column]], tol=TOLERANCE) > len(kept):
            kept.append(column)
    return np.array(kept)


def _estimable(design: Array) -> Array:
    """Which coefficients are the same in every solution of the design."""
    _, values, rows = np.linalg.svd(design)
    rank = int((values > TOLERANCE * values.max()).sum())
    return np.asarray(np.abs(rows[rank:]).max(axis=0, initial=0) < TOLERANCE)
