"""Are two coders' scores on one scale? If not, their difference means nothing without a mapping.

Correlations do not care; agreement (alpha, intraclass correlations), bias and errors do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from study.validity.bootstrap import Array

ROUNDING = 1e-9
NO_MAPPING, LINEAR = "none", "linear"


def other_scale(
    kind: str, codebook: Mapping[str, Any], measure: pd.Series, criterion: pd.Series, *, labels: bool = False
) -> str:
    """Say why a coder's scores and the criterion's are on different scales; '' where they share one.

    Parameters
    ----------
    kind
        The coder's type. Classifiers learn the criterion's scale; people code on the codebook's, as the
        criterion does.
    codebook
        'values': {label: value}; 'type': the codebook's.
    measure, criterion
        The scores.
    labels
        Whether the coder gives labels of the codebook too.
    """
    if kind == "dictionary" and not labels:
        return "other scale: a dictionary's scores have a scale of their own"
    if codebook.get("type") == "compare" and kind == "llm":
        return "other scale: comparisons are scored in log-odds"
    values = [float(value) for value in (codebook.get("values") or {}).values() if value is not None]
    if kind in ("supervised", "human") or not values:
        return ""
    bounds = {}
    for who, scores in (("criterion", criterion), ("measure", measure)):
        found = scores.to_numpy(dtype=float)
        found = found[np.isfinite(found)]
        if found.size:
            bounds[who] = found.min(), found.max()
    low, high = min(values), max(values)
    slack = ROUNDING * max(1.0, abs(low), abs(high))
    for who, (least, most) in bounds.items():
        if least < low - slack or most > high + slack:
            return (
                f"other scale: the {who} goes from {least:.4g} to {most:.4g}, the labels' values from"
                f" {low:.4g} to {high:.4g}"
            )
    return ""


def linear_mapping(measure: pd.Series, criterion: pd.Series) -> pd.Series | None:
    """Return the measure mapped linearly onto the criterion, by least squares on the units that have both.

    None where there are fewer than three of these, or the measure does not vary on them.
    """
    x: Array = measure.to_numpy(dtype=float)
    y: Array = criterion.to_numpy(dtype=float)
    both = np.isfinite(x) & np.isfinite(y)
    if both.sum() < 3 or np.ptp(x[both]) == 0:
        return None
    own = x[both] - x[both].mean()
    slope = (own @ (y[both] - y[both].mean())) / (own @ own)
    return pd.Series(y[both].mean() + slope * (x - x[both].mean()), index=measure.index)
