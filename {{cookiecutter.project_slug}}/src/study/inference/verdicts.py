"""What each estimator says about each hypothesis."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

COLUMNS = [
    "hypothesis", "analysis", "term", "direction", "estimator", "coder", "estimate", "std_error",
    "ci_low", "ci_high", "p_value", "n", "n_gold", "verdict", "statement",
]  # fmt: skip
SUPPORTED, NOT_SUPPORTED, CONTRADICTED, UNKNOWN = (
    "supported",
    "not supported",
    "contradicted",
    "not available",
)


def verdict(estimate: float, ci_low: float, ci_high: float, direction: str) -> str:
    """Judge a coefficient against an expectation by its 95% interval.

    Parameters
    ----------
    direction
        'positive', 'negative' or 'different' (from zero).

    Returns
    -------
    'supported' when the interval lies on the expected side of zero; 'contradicted' when it lies on the other
    side; 'not supported' when it holds zero; 'not available' without an interval.
    """
    if not all(math.isfinite(bound) for bound in (estimate, ci_low, ci_high)):
        return UNKNOWN
    if ci_low <= 0 <= ci_high:
        return NOT_SUPPORTED
    sign = "positive" if ci_low > 0 else "negative"
    return SUPPORTED if direction in (sign, "different") else CONTRADICTED


def hypotheses(expected: Mapping[str, Mapping[str, Any]], tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return a row for each hypothesis and estimator, in the order of the configuration.

    Parameters
    ----------
    expected
        The section `hypotheses` of the configuration.
    tables
        The table of each analysis.
    """
    rows = []
    for name, hypothesis in expected.items():
        table = tables[hypothesis["analysis"]]
        found = table[table["term"] == hypothesis["term"]]
        head = {
            "hypothesis": name,
            "analysis": hypothesis["analysis"],
            "term": hypothesis["term"],
            "direction": hypothesis["direction"],
            "statement": hypothesis["statement"] or "",
        }
        if found.empty:
            rows.append(head | {"verdict": UNKNOWN})
        for row in found.to_dict("records"):
            judged = verdict(row["estimate"], row["ci_low"], row["ci_high"], hypothesis["direction"])
            rows.append(
                head
                | {key: row[key] for key in COLUMNS if key in row and key not in head}
                | {"verdict": judged}
            )
    return pd.DataFrame(rows, columns=COLUMNS)
