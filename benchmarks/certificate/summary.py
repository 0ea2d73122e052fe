"""How estimators did over the replicates of a cell: bias, error, coverage, width."""

from __future__ import annotations

import numpy as np
import pandas as pd

from certificate.cells import CELLS
from certificate.corpora import REGRESSIONS

COLUMNS = [
    "regression", "errors", "gold", "estimator", "replicates", "no_solution", "truth", "mean_estimate",
    "low_estimate", "high_estimate", "bias", "bias_se", "rmse", "coverage", "coverage_se", "ci_width", "note",
]  # fmt: skip
NOT_REPEATED = "not repeated: the likelihood is slow"
NO_PPI = "not available: PPI++ corrects the outcome alone"
NO_LIKELIHOOD = "not available: the likelihood needs a category"


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row a cell and estimator.

    Parameters
    ----------
    rows
        See `cells.run`.

    Returns
    -------
    `gold` is the number of hand-coded units, 0 for the naive analysis, which uses none. `no_solution` is the
    share of replicates without a solution; all that follows is of the others. `low_estimate` and
    `high_estimate` bound the middle 95% of the estimates. `bias_se` and `coverage_se` are Monte-Carlo
    standard errors: how far chance may have moved bias and coverage in so many replicates. An estimator that
    was not tried stays, with empty figures and a note that says why.
    """
    found = {
        key: _figures(estimates, REGRESSIONS[str(key[0])].truth)
        for key, estimates in rows.groupby(["regression", "errors", "gold", "estimator"], sort=False)
    }
    table = []
    for cell in CELLS:
        for estimator in [*cell.estimators, *_untried(cell.regression, cell.gold, cell.estimators)]:
            key = (cell.regression, cell.errors, cell.gold, estimator)
            figures = found.get(key) or {"note": _why_not(cell.regression, estimator)}
            named = dict(zip(COLUMNS, key, strict=False))
            table.append(named | {"truth": REGRESSIONS[cell.regression].truth} | figures)
    return pd.DataFrame(table, columns=COLUMNS)


def _figures(estimates: pd.DataFrame, truth: float) -> dict[str, object]:
    solved = estimates.dropna()
    b, n = solved["estimate"].to_numpy(), len(solved)
    covered = float(((solved["ci_low"] <= truth) & (truth <= solved["ci_high"])).mean())
    low, high = np.quantile(b, (0.025, 0.975))
    return {
        "replicates": len(estimates),
        "no_solution": 1 - n / len(estimates),
        "mean_estimate": b.mean(),
        "low_estimate": low,
        "high_estimate": high,
        "bias": b.mean() - truth,
        "bias_se": b.std(ddof=1) / np.sqrt(n),
        "rmse": np.sqrt(((b - truth) ** 2).mean()),
        "coverage": covered,
        "coverage_se": np.sqrt(covered * (1 - covered) / n),
        "ci_width": float((solved["ci_high"] - solved["ci_low"]).mean()),
        "note": "",
    }


def _untried(regression: str, gold: int, tried: list[str]) -> list[str]:
    return [name for name in ("PPI++", "likelihood") if gold and name not in tried]


def _why_not(regression: str, estimator: str) -> str:
    if estimator == "PPI++":
        return NO_PPI
    return NO_LIKELIHOOD if regression == "score" else NOT_REPEATED
