"""Model matrices of units in which some variables are hand-coded in a part of the units only.

A variable that an LLM measured stands in the data twice: by hand (missing where nobody coded) and as the
LLM's code. A correction needs the model matrix with the hand code, and the one with what is expected of it:
numbers are replaced by expected numbers, categories by the probabilities of their levels. The columns are
those that patsy (and so statsmodels) makes of the same formula.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.inference.formula import Formula, parse_formula, variable
from study.validity.bootstrap import Array

MAX_COLUMNS = 2000
"""A categorical variable with more levels than this is an identifier; its dummies would fill the memory."""


@dataclass(frozen=True)
class HandCoded:
    """Units that lack nothing but hand codes.

    Attributes
    ----------
    formula
        The regression.
    predicted
        Variable -> the columns of its LLM codes.
    frame
        One row a unit; numbers are float, everything else is object. Predicted variables are missing where
        not hand-coded; the LLM's codes may be missing anywhere.
    labelled
        Which units were hand-coded.
    """

    formula: Formula
    predicted: dict[str, list[str]]
    frame: pd.DataFrame
    labelled: Array

    @property
    def outcome(self) -> Array:
        """The outcome as numbers, NaN where it was not hand-coded."""
        return self.frame[self.formula.outcome].to_numpy(dtype=float)


def hand_coded(
    data: pd.DataFrame,
    formula: str,
    predicted: Mapping[str, str | Sequence[str]],
    *,
    needed: Collection[str] = (),
    further: Collection[str] = (),
    weights: str | None = None,
) -> HandCoded:
    """Read a regression's variables from data.

    Parameters
    ----------
    data
        One row a unit.
    formula
        See `formula.parse_formula`.
    predicted
        Variable of the formula -> its LLM column or columns.
    needed, further, weights
        See `complete`; the predicted variables and their codes are among those that a unit may lack.

    Raises
    ------
    StudyError
        The formula, a column or a weight cannot be used; a unit has some of the hand codes but not all;
        nothing was hand-coded.
    """
    parsed = parse_formula(formula, [str(column) for column in data.columns])
    codes = {name: [of] if isinstance(of, str) else list(of) for name, of in predicted.items()}
    if not codes:
        raise StudyError("No variable is said to be predicted.", allowed=parsed.variables)
    for name, of in codes.items():
        if name not in parsed.variables:
            raise StudyError(
                "A predicted variable is not in the formula.", found=name, allowed=parsed.variables
            )
        if not of or name in of:
            raise StudyError(
                "A predicted variable needs LLM codes in a column other than its hand codes.", found=name
            )
    frame = complete(
        data,
        parsed,
        needed=needed,
        further=[*codes, *(c for of in codes.values() for c in of), *further],
        weights=weights,
    )
    present = frame[list(codes)].notna().to_numpy()
    labelled = np.asarray(present.all(axis=1))
    partly = int((present.any(axis=1) & ~labelled).sum())
    if partly:
        raise StudyError(
            "A hand-coded unit has the hand codes of all predicted variables, or none.",
            found=f"{partly} units with some of {', '.join(codes)}",
            hint="Code them fully, or empty their hand codes.",
        )
    if not labelled.any():
        raise StudyError("No unit that can be used is hand-coded.", found=", ".join(codes))
    return HandCoded(parsed, codes, frame, labelled)


def complete(
    data: pd.DataFrame,
    formula: Formula,
    *,
    needed: Collection[str] = (),
    further: Collection[str] = (),
    weights: str | None = None,
) -> pd.DataFrame:
    """Return the units that have every variable of a formula, in columns of plain types.

    Parameters
    ----------
    data
        One row a unit.
    formula
        Whose outcome becomes a float.
    needed, further
        Other columns that a unit must have (a cluster), and columns that it may lack: others, or variables
        of the formula.
    weights
        A column of survey weights, which a unit must have. Units with a weight of zero stand for nobody and
        are left out.

    Raises
    ------
    StudyError
        A column does not exist; the outcome or a weight is not a number; a weight is negative.
    """
    columns = [str(column) for column in data.columns]
    known = [name for name in formula.variables if name not in further]
    must = list(dict.fromkeys([*known, *needed, *([weights] if weights else [])]))
    wanted = list(dict.fromkeys([*formula.variables, *must, *further]))
    for name in wanted:
        if name not in columns:
            raise StudyError("There is no such column.", found=name, allowed=columns)
    frame = pd.DataFrame({name: _plain(data[name]) for name in wanted})
    frame = frame.dropna(subset=must)
    if weights:
        numbers = pd.to_numeric(frame[weights], errors="coerce")
        if numbers.isna().any() or (numbers < 0).any():
            raise StudyError("A survey weight is not a number or is negative.", found=weights)
        frame = frame.assign(**{weights: numbers.astype(float)})[numbers > 0]
    frame = frame.reset_index(drop=True)
    frame[formula.outcome] = _numbers(frame[formula.outcome], formula.outcome)
    return frame


def weights_of(frame: pd.DataFrame, weights: str | None) -> Array:
    """Return the units' weights, with a mean of 1 so that no threshold depends on their unit."""
    if weights is None or frame.empty:
        return np.ones(len(frame))
    column = frame[weights].to_numpy(dtype=float)
    return column / column.mean()


def _plain(column: pd.Series) -> pd.Series:
    """A column as float, or as objects with None where nothing stands."""
    column = column.reset_index(drop=True)
    if pd.api.types.infer_dtype(column, skipna=True) in ("integer", "floating", "mixed-integer-float"):
        column = pd.to_numeric(column)
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return pd.Series(column.to_numpy(dtype=float, na_value=np.nan)).replace([np.inf, -np.inf], np.nan)
    return column.astype(object).where(column.notna(), None)


def _numbers(outcome: pd.Series, name: str) -> pd.Series:
    if (
        outcome.dtype == object
        and not outcome.dropna().map(lambda value: isinstance(value, bool | np.bool)).all()
    ):
        raise StudyError(
            "The outcome is a number, or true and false.", found=f"{name}, such as {outcome.dropna().iloc[0]}"
        )
    return outcome.astype(float)


def least_columns(units: pd.DataFrame, formula: Formula) -> int:
    """Return how many columns the model has at least: a category has one less than its levels."""
    columns = 1 if formula.intercept else 0
    for term in formula.terms:
        categories = [f for f in term if f.startswith("C(") or units[f].dtype == object]
        columns += math.prod(max(units[variable(factor)].nunique() - 1, 0) for factor in categories)
    return columns


class Design:
    """The right side of a formula.

    Parameters
    ----------
    formula
        Whose outcome plays no part.
    units
        With every predictor and no missing value among them; they settle the levels of categories.

    Raises
    ------
    StudyError
        The model has more than `MAX_COLUMNS` columns.

    Attributes
    ----------
    terms
        The names of the columns, as statsmodels gives them.
    levels
        Factor -> its levels; empty for a number.
    """

    def __init__(self, formula: Formula, units: pd.DataFrame) -> None:
        """Settle the columns and the levels."""
        least = least_columns(units, formula)
        if least > MAX_COLUMNS:
            raise StudyError(
                "The formula has too many terms: a variable with so many categories is an identifier.",
                found=f"{least} terms",
                allowed=f"at most {MAX_COLUMNS}",
            )
        import patsy

        written = str(formula).split("~", 1)[1]
        # An environment without names, should one ever escape the grammar.
        info = patsy.dmatrix(written, units, eval_env=patsy.EvalEnvironment([])).design_info
        self.terms = list(info.column_names)
        self.levels = {
            factor.name(): tuple(found.categories) if found.type == "categorical" else ()
            for factor, found in info.factor_infos.items()
        }
        self._subterms = [
            [
                (factor.name(), subterm.contrast_matrices[factor].matrix)
                if factor in subterm.contrast_matrices
                else (factor.name(), np.ones((1, 1)))
                for factor in subterm.factors
            ]
            for subterms in info.term_codings.values()
            for subterm in subterms
        ]

    def observed(self, factor: str, units: pd.DataFrame) -> Array:
        """Return a factor of units: numbers (units x 1), or indicators of its levels (units x levels)."""
        column = units[variable(factor)]
        if not self.levels[factor]:
            return column.to_numpy(dtype=float)[:, None]
        codes = pd.Categorical(column, categories=list(self.levels[factor])).codes
        return (codes[:, None] == np.arange(len(self.levels[factor]))).astype(float)

    def matrix(self, units: pd.DataFrame, expected: Mapping[str, Array] | None = None) -> Array:
        """Return the model matrix, units x terms.

        `expected` gives factors in another way than the units do: in the shape of `observed`.
        """
        given = expected or {}
        known = {f: given[f] if f in given else self.observed(f, units) for f in self.levels}
        columns = []
        for subterm in self._subterms:
            parts = [known[factor] @ contrasts for factor, contrasts in subterm]
            # patsy's order: the index of the first factor varies fastest.
            for index in itertools.product(*(range(part.shape[1]) for part in reversed(parts))):
                column = np.ones(len(units))
                for part, i in zip(parts, reversed(index), strict=True):
                    column = column * part[:, i]
                columns.append(column)
        return np.column_stack(columns)


def filled(sample: HandCoded) -> pd.DataFrame:
    """Return the units with some hand code wherever one is missing, so that a design can be made of them."""
    frame = sample.frame.copy()
    for name in sample.predicted:
        anything = frame.loc[sample.labelled, name].iloc[0]
        frame[name] = frame[name].where(sample.labelled, anything)
    return frame
