"""What more gold units would bring to an analysis: standard error, power, and how many are enough."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.inference.estimators import GOLD_ONLY, Fit
from study.inference.planning import planning_curve, smallest_n

COLUMNS = [
    "analysis", "term", "estimator", "coder", "n_gold", "std_error", "power", "effect", "now", "n_for_power",
    "note",
]  # fmt: skip
POWER = 0.8
POINTS = 9
"""Sizes at which a curve is computed."""
PLANNED = (GOLD_ONLY, "dsl")


def gold_plan(name: str, fits: Sequence[Fit], terms: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return rows with `COLUMNS`: a curve for each term and estimator.

    Sizes go from half the present gold sample to eight times it, or to all units.

    Parameters
    ----------
    name, fits
        The analysis, and what its estimators found.
    terms
        Those to plan for; by default all but the intercept.
    """
    rows: list[dict[str, Any]] = []
    for fit in fits:
        found = fit.result
        if fit.estimator not in PLANNED or found is None or found.hand_coding is None:
            continue
        for term in found.params.index:
            if term == "Intercept" or (terms and term not in terms):
                continue
            head = {"analysis": name, "term": term, "estimator": fit.estimator, "coder": fit.coder}
            try:
                enough = smallest_n(found, term, target_power=POWER)
                curve = planning_curve(found, term, _sizes(found.n_labelled, len(found.hand_coding.drawn)))
            except StudyError as error:
                rows.append(
                    head
                    | {"note": f"not planned: {error.problem[:1].lower()}{error.problem[1:].rstrip('.')}"}
                )
                continue
            for point in curve.to_dict("records"):
                rows.append(
                    head
                    | {key: point[key] for key in ("n_gold", "std_error", "power", "effect")}
                    | {
                        "now": point["n_gold"] == found.n_labelled,
                        "n_for_power": np.nan if enough is None else enough,
                        "note": ""
                        if enough
                        else f"a power of {POWER:g} is not reached with all units coded by people",
                    }
                )
    return rows


def _sizes(now: int, units: int) -> list[int]:
    """Half to eight times the present size, each step by the same factor, the present one among them."""
    steps = np.geomspace(0.5, 8, POINTS)
    return sorted({min(units, max(2, round(now * step))) for step in steps} | {now})


def table(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return the rows as a table; empty is a table too."""
    return pd.DataFrame(list(rows), columns=COLUMNS)
