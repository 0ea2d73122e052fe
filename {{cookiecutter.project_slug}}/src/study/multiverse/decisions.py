"""How a coding becomes the code that stands in a regression.

| decision | what stands for a text |
|---|---|
| score | the mean of the labels' values, weighted by their probabilities |
| label | the value of the label that the instrument gives: its most probable one, unless labels are drawn |
| confident | the same, but nothing where that label's probability is below a bound |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from study.errors import StudyError
from study.measures import wide

SCORE, LABEL, CONFIDENT = DECISIONS = ("score", "label", "confident")
_ONE = "x"
"""A name for the one instrument and construct whose codings are joined."""


@dataclass(frozen=True)
class Coding:
    """What one instrument says of one construct; every series has unit_id as its index.

    Attributes
    ----------
    score
        In the units of the labels' values: the mean over repeats; missing where no repeat succeeded.
    label
        The most frequent label over repeats, missing on a tie; None where the instrument gives no labels.
    confidence
        The probability of that label, from 0 to 1: the mean over repeats; None without probabilities.
    """

    score: pd.Series
    label: pd.Series | None
    confidence: pd.Series | None


def coding(rows: pd.DataFrame) -> Coding:
    """Return what an instrument says, as the table of measures would have it.

    Parameters
    ----------
    rows
        The codings of one instrument and construct: unit_id, repeat, status, label, score and, where there
        are probabilities, p_<label>.
    """
    units = pd.DataFrame({"unit_id": sorted(set(rows["unit_id"]))})
    named = rows.assign(construct=_ONE, coder=_ONE, instrument_id="")
    joined = wide(units, [], [named.drop(columns="n_ratings", errors="ignore")]).set_index("unit_id")
    measure = f"{_ONE}_{_ONE}"
    label = joined.get(f"{measure}_label")
    return Coding(joined[measure].astype(float), label, None if label is None else _confidence(rows, label))


def _confidence(rows: pd.DataFrame, label: pd.Series) -> pd.Series | None:
    columns = {f"p_{name}": name for name in label.dropna().unique() if f"p_{name}" in rows}
    usable = rows[rows["status"] == "ok"]
    if usable[list(columns)].dropna(how="all").empty:
        return None
    means = usable.groupby("unit_id")[list(columns)].mean().rename(columns=columns).reindex(label.index)
    found = pd.Series(float("nan"), index=label.index)
    for name in columns.values():
        found = found.where(label != name, means[name])
    return found


def decide(
    found: Coding, decision: str, scale: Mapping[str, Any], *, least: float, as_category: bool
) -> pd.Series:
    """Return the codes that stand in the regression.

    Parameters
    ----------
    found
        What the instrument says.
    decision
        One of DECISIONS.
    scale
        Of the construct: 'values', {label: value or None}.
    least
        The probability below which `confident` has no code.
    as_category
        Whether the regression treats the construct as a category, C(construct), or its labels are words
        without values.

    Returns
    -------
    By unit_id: labels where `as_category`, else numbers.

    Raises
    ------
    StudyError
        'Not available': the instrument does not say what the decision needs.
    """
    if decision == SCORE:
        if as_category:
            raise StudyError("Not available for a category, which has no mean")
        if found.score.isna().all():
            raise StudyError("Not available: the instrument gives no scores")
        return found.score
    if found.label is None:
        raise StudyError("Not available: the instrument gives no labels")
    label = found.label.where(found.label.isin(list(scale["values"])))
    if decision == CONFIDENT:
        if found.confidence is None:
            raise StudyError("Not available: the instrument gives no probabilities")
        label = label.where(found.confidence >= least)
    return label.astype(object) if as_category else label.map(scale["values"]).astype(float)
