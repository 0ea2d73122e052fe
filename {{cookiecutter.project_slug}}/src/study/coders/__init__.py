"""Coders that are no language model, and the table of codings that every coder writes.

A failure is a row with a status, never a missing row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

STATUSES = ("ok", "not_codable", "too_long", "empty", "failed", "not_compared", "sealed")


def codings(
    unit_ids: Sequence[str],
    *,
    construct: str,
    coder: str,
    score: Sequence[float] | np.ndarray,
    status: Sequence[str] | None = None,
    label: Sequence[str | None] | None = None,
    probabilities: Mapping[str, Sequence[float] | np.ndarray] | None = None,
    counts: Mapping[str, Sequence[int]] | None = None,
) -> pd.DataFrame:
    """Return one construct's codings by one coder, one row a unit, sorted by unit_id.

    Parameters
    ----------
    score, label
        NaN and None where the status is not 'ok'.
    status
        One of STATUSES; None means that all are 'ok'.
    probabilities
        By label, where the coder has them.
    counts
        Further columns, such as n_tokens or n_ratings.

    Returns
    -------
    DataFrame
        unit_id, construct, coder, instrument_id (missing: it belongs to language models), repeat, status,
        label, score, p_<label> for each label, valid_mass (missing), further columns.
    """
    n = len(unit_ids)
    table = pd.DataFrame(
        {
            "unit_id": pd.Series(list(unit_ids), dtype="str"),
            "construct": pd.Series([construct] * n, dtype="str"),
            "coder": pd.Series([coder] * n, dtype="str"),
            "instrument_id": pd.Series([None] * n, dtype="str"),
            "repeat": 1,
            "status": pd.Series(["ok"] * n if status is None else list(status), dtype="str"),
            "label": pd.Series([None] * n if label is None else list(label), dtype="str"),
            "score": np.asarray(score, dtype=float),
        }
    )
    for name, values in (probabilities or {}).items():
        table[f"p_{name}"] = np.asarray(values, dtype=float)
    table["valid_mass"] = np.nan
    for name, numbers in (counts or {}).items():
        table[name] = np.asarray(numbers, dtype="int64")
    return table.sort_values("unit_id", ignore_index=True)
