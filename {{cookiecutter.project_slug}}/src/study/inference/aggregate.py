"""Regressions of group means: of the mean of a document, a person or a year on what is known of the group.

The least-squares regression of group means gives the same coefficients as that of the units in which each
unit weighs one over the size of its group and has the group's covariates: the sum over a group's units of
(outcome - x b) / size is the mean less x b. With groups as clusters its sandwich is that of the means, too.
So a correction of units with weights and clusters is one of means: `dsl` of what `weighted_units` returns.

Only the outcome may be predicted there. The mean of a predicted covariate over a group's hand-coded units
is that of a handful: as a covariate it would bring back the bias of a variable measured with error.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.inference.design import complete
from study.inference.formula import Formula, parse_formula, variable
from study.validity.bootstrap import Array


@dataclass(frozen=True)
class WeightedUnits:
    """Units whose weighted linear regression, clustered by group, is the regression of the groups' means.

    Attributes
    ----------
    data
        One row a unit, with every column of the data; covariates of the formula are those of the group.
    weights
        The column of weights, which add up to 1 in every group.
    cluster
        The column of groups.
    n_groups
        How many there are.
    """

    data: pd.DataFrame
    weights: str
    cluster: str
    n_groups: int


def weighted_units(
    formula: str,
    data: pd.DataFrame,
    by: str,
    *,
    predicted: Collection[str] = (),
    weights: str | None = None,
) -> WeightedUnits:
    """Prepare the regression of group means as one of units, for family 'linear'.

    Parameters
    ----------
    formula
        See `formula.parse_formula`. Covariates that are numbers become their groups' means; categories must
        not differ inside of a group.
    data
        One row a unit. Units without a group, a weight or a variable of the formula (but a predicted one) are
        left out, before means are taken.
    by
        The column of groups.
    predicted
        The outcome, where it is hand-coded in some units only: a collection of names, or what `dsl` takes.
    weights
        A column of survey weights, for the means inside of a group. Every group counts once.

    Returns
    -------
    What to hand to `dsl` or `uncorrected` as data, weights and cluster.

    Raises
    ------
    StudyError
        A covariate is predicted; a category differs inside of a group; a column cannot be used.
    """
    parsed = _parsed(formula, data, by)
    covariates = [name for name in predicted if name != parsed.outcome]
    if covariates:
        raise StudyError(
            "Corrections of group means are not available for a predicted covariate.",
            found=covariates[0],
            hint="Use the naive or the gold-only estimator, or a regression of units.",
        )
    data = data.reset_index(drop=True)
    column = _free("weight_in_group", data)
    further = list(predicted)
    used, inside, number = _groups(parsed, data, by, weights, further)
    result = data.iloc[used["row"].to_numpy()].reset_index(drop=True)
    for name in _numbers_among(parsed, used):
        result[name] = _means(used[name], inside, number)[number]
    result[column] = inside
    return WeightedUnits(result, column, by, int(number.max()) + 1)


def group_means(formula: str, data: pd.DataFrame, by: str, *, weights: str | None = None) -> pd.DataFrame:
    """Return the groups' means of a formula's variables, for the naive and the gold-only estimator.

    Give the hand-coded units alone, with one over their sampling probability among the weights, for gold
    only. A covariate that is the mean of few units is measured with error, whoever coded them.

    Parameters
    ----------
    formula, data, by, weights
        See `weighted_units`; units without a variable of the formula are left out.

    Returns
    -------
    One row a group, sorted: `by`, the formula's other variables, and `n_units`.

    Raises
    ------
    StudyError
        A category differs inside of a group; a column cannot be used.
    """
    parsed = _parsed(formula, data, by)
    used, inside, number = _groups(parsed, data.reset_index(drop=True), by, weights, [])
    first = np.unique(number, return_index=True)[1]
    table = used.iloc[first][list(dict.fromkeys([by, *parsed.variables]))].reset_index(drop=True)
    for name in [parsed.outcome, *_numbers_among(parsed, used)]:
        if name != by:
            table[name] = _means(used[name], inside, number)
    table[_free("n_units", table)] = np.bincount(number)
    return table


def _parsed(formula: str, data: pd.DataFrame, by: str) -> Formula:
    parsed = parse_formula(formula, [str(column) for column in data.columns])
    if by == parsed.outcome:
        raise StudyError("The outcome cannot be what groups are made by.", found=by)
    return parsed


def _groups(
    formula: Formula, data: pd.DataFrame, by: str, weights: str | None, further: list[str]
) -> tuple[pd.DataFrame, Array, Array]:
    """The units used (column 'row': where in the data), their weights in their groups, their groups."""
    row = _free("row", data)
    frame = complete(data.assign(**{row: np.arange(len(data))}), formula, needed=[by, row], further=further,
                     weights=weights)  # fmt: skip
    frame = frame.assign(row=frame[row].astype(int))
    if frame.empty:
        raise StudyError("No unit has a group and every variable of the formula.", found=by)
    number = pd.factorize(frame[by], sort=frame[by].map(type).nunique() == 1)[0]
    own = frame[weights].to_numpy(dtype=float) if weights else np.ones(len(frame))
    numbers = _numbers_among(formula, frame)
    for name in formula.predictors:
        if name in numbers:
            continue
        per_group = frame[name].groupby(number).nunique()
        if (per_group > 1).any():
            group = frame[by].iloc[int(np.flatnonzero(number == per_group.idxmax())[0])]
            raise StudyError(
                "A category differs inside of a group, so that the group has none.",
                found=f"{name}, with {int(per_group.max())} values in {by} {group}",
                hint="Leave it out of the formula, or make it a number (0 and 1), whose mean is a share.",
            )
    return frame, own / np.bincount(number, own)[number], number


def _numbers_among(formula: Formula, frame: pd.DataFrame) -> list[str]:
    """The covariates that are numbers, and are not written as categories."""
    categories = {variable(f) for term in formula.terms for f in term if f.startswith("C(")}
    return [name for name in formula.predictors if frame[name].dtype != object and name not in categories]


def _means(column: pd.Series, inside: Array, number: Array) -> Array:
    """A number's mean in each group; exactly the number where it does not vary."""
    values = column.to_numpy(dtype=float)
    reference = values[np.unique(number, return_index=True)[1]]
    return reference + np.bincount(number, inside * (values - reference[number]))


def _free(name: str, data: pd.DataFrame) -> str:
    while name in data:
        name += "_"
    return name
