"""What stands in a regression for a construct: the codes of a coder, or those of people.

The value of a label stands for a nominal construct (1 or 0; the label itself where it has no value), and the
score for any other: for a language model the mean of the labels' values, weighted by their probabilities. A
correction learns from scores wherever there are any, because probabilities say more than labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd


def codes(
    measures: pd.DataFrame, construct: str, coder: str, scale: Mapping[str, Any], *, as_category: bool
) -> pd.Series:
    """Return one code a unit, as a regression uses it; missing where there is none.

    Parameters
    ----------
    measures
        The table of measures: `<construct>_<coder>`, and `<construct>_<coder>_label` where there are labels.
    construct, coder
        Whose codes of what.
    scale
        Of the construct: 'level', and 'values', {label: value or None} of its labels.
    as_category
        Whether the regression treats it as a category, C(construct).

    Returns
    -------
    Numbers, or labels where they have no values.
    """
    score, label = f"{construct}_{coder}", f"{construct}_{coder}_label"
    if label in measures and (as_category or scale["level"] == "nominal"):
        values = scale["values"]
        known = measures[label].where(measures[label].isin(list(values)))
        if any(value is None for value in values.values()):
            return known.astype(object).rename(construct)
        return known.map(values).astype(float).rename(construct)
    if score in measures:
        return measures[score].astype(float).rename(construct)
    return pd.Series(float("nan"), index=measures.index, name=construct)


def evidence(measures: pd.DataFrame, construct: str, coder: str, scale: Mapping[str, Any]) -> pd.Series:
    """Return what a correction predicts people's codes from: the score, or the label where there is none.

    Parameters are those of `codes`.
    """
    score = measures.get(f"{construct}_{coder}")
    if score is not None and score.notna().any():
        return score.astype(float)
    return codes(measures, construct, coder, scale, as_category=True)
