"""How many specifications lead elsewhere than the gold analysis, by term and estimator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from study.inference.estimators import BENCHMARK, Fit
from study.multiverse.specifications import TYPE_I, TYPE_II, TYPE_S, gold_figures

COLUMNS = (
    "analysis", "term", "estimator", "n_specifications", "n_estimated", "gold_estimator", "gold_estimate",
    "gold_ci_low", "gold_ci_high", "median", "lowest", "highest", "share_sign_flip",
    "share_significance_flip", "share_type_i", "share_type_ii", "share_type_s", "share_covering_gold",
    "n", "n_gold", "note",
)  # fmt: skip


def summary(table: pd.DataFrame, gold: Fit) -> pd.DataFrame:
    """Summarise the specifications of a multiverse.

    Parameters
    ----------
    table
        See `Multiverse.table`.
    gold
        The gold analysis.

    Returns
    -------
    DataFrame
        `COLUMNS`, a row a term and estimator. Shares are of the specifications that were estimated, with an
        interval where it takes one; share_covering_gold is of those whose interval holds the gold estimate;
        n and n_gold are the units of the gold analysis (groups where it is of means), and those of them that
        people coded.
    """
    rows = []
    for (term, estimator), own in table.groupby(["term", "estimator"], sort=False):
        known = own[own["estimate"].notna()]
        row: dict[str, Any] = {
            "analysis": own["analysis"].iloc[0],
            "term": term,
            "estimator": estimator,
            "n_specifications": len(own),
            "n_estimated": len(known),
            "median": known["estimate"].median(),
            "lowest": known["estimate"].min(),
            "highest": known["estimate"].max(),
            "note": gold.problem and f"no gold analysis: {gold.problem}",
        }
        true = gold_figures(gold, str(term))
        if true is not None:
            row |= _gold(gold, true) | _shares(known, true)
        elif not row["note"]:
            row["note"] = "the gold analysis has no such term"
        rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _gold(gold: Fit, true: Mapping[str, float]) -> dict[str, Any]:
    assert gold.result is not None
    everybody = gold.estimator == BENCHMARK  # whose result does not know that its codes are people's
    return {
        "gold_estimator": gold.estimator,
        "gold_estimate": true["estimate"],
        "gold_ci_low": true["ci_low"],
        "gold_ci_high": true["ci_high"],
        "n": gold.result.nobs,
        "n_gold": gold.result.nobs if everybody else gold.result.n_labelled or np.nan,
    }


def _shares(known: pd.DataFrame, true: Mapping[str, float]) -> dict[str, float]:
    signs, judged = known[known["sign_flip"] != ""], known[known["significance_flip"] != ""]
    covering = (judged["ci_low"] <= true["estimate"]) & (true["estimate"] <= judged["ci_high"])
    return {
        "share_sign_flip": _share(signs["sign_flip"].astype(bool)),
        "share_significance_flip": _share(judged["significance_flip"].astype(bool)),
        "share_type_i": _share(judged["error_type"] == TYPE_I),
        "share_type_ii": _share(judged["error_type"] == TYPE_II),
        "share_type_s": _share(judged["error_type"] == TYPE_S),
        "share_covering_gold": _share(covering),
    }


def _share(true: pd.Series) -> float:
    return float(true.mean()) if len(true) else np.nan
