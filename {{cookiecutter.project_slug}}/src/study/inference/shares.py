"""How frequent each category is, and the mean of each score, under every estimator.

The regression of an indicator (1 for the category, 0 for any other) on nothing but an intercept: its naive
estimate is the share that a coder says, and the corrections are those of any other regression. Rogan & Gladen
(1978) correct a share by the sensitivity and specificity that the gold sample shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.inference.estimators import CORRECTED, DICTIONARY, EQUAL, GOLD_ONLY, NAIVE, Analysis, Fit
from study.inference.gold_codes import gold_codes
from study.validity.calibration import wilson_interval

COLUMNS = [
    "construct", "category", "subset", "estimator", "coder", "estimate", "std_error", "ci_low", "ci_high",
    "n", "n_gold", "note",
]  # fmt: skip
MEAN = "mean"
"""In the place of a category: the mean of the scores."""
MOST_CATEGORIES = 12
SETTINGS = {
    "family": "linear", "estimators": ["naive", "dictionary", "gold_only", "dsl", "ppi"], "cluster": None,
    "aggregate": None, "predictors": [], "learner": "linear", "folds": 5, "splits": 10,
}  # fmt: skip
Z = 1.959963984540054


def shares(
    units: pd.DataFrame,
    construct: str,
    kinds: Mapping[str, str],
    scale: Mapping[str, Any],
    truth: str | None,
    *,
    weight: str | None = None,
    seed: int = 1,
    **gold: Any,
) -> Iterator[dict[str, Any]]:
    """Yield a row for each category (or the mean) and estimator, without its subset.

    Parameters
    ----------
    units
        Rows of the table of measures.
    construct, kinds, scale
        What is measured, {coder: kind} of the coders beside the truth, and its level and labels' values.
    truth
        Whose codes are true; None where nobody's are.
    weight
        The column of survey weights.
    seed
        Of DSL's folds.
    gold
        Further arguments of `gold_codes`.
    """
    everybody = [*kinds, *([truth] if truth else [])]
    labels = {coder: f"{construct}_{coder}_label" for coder in everybody}
    for category in _categories(scale):
        columns = {}
        for coder in everybody:
            if category is None:
                columns[f"{construct}_{coder}"] = units.get(f"{construct}_{coder}")
            elif labels[coder] in units:
                said = units[labels[coder]]
                columns[f"{construct}_{coder}"] = (said == category).astype(float).where(said.notna())
        known = {name: column for name, column in columns.items() if column is not None}
        frame = units.drop(columns=[c for c in units if str(c).startswith(f"{construct}_")]).assign(**known)
        own = {coder: kind for coder, kind in kinds.items() if f"{construct}_{coder}" in known}
        plain = {"level": "interval", "values": {}}
        there = truth is not None and f"{construct}_{truth}" in known
        found = gold_codes(frame, str(truth), [construct], {construct: plain}, **gold) if there else None
        # Without people's labels there is nothing to correct a share with.
        estimators = SETTINGS["estimators"] if there or truth is None else ["naive", "dictionary"]
        settings = SETTINGS | {
            "estimators": estimators,
            "formula": f"{construct} ~ 1",
            "coded": [construct],
            "seed": seed,
        }
        analysis = Analysis(settings, frame, {construct: plain}, found, weight)
        head = {"construct": construct, "category": MEAN if category is None else category}
        for fit in analysis.fits(own):
            row: dict[str, Any] = head | {"estimator": fit.estimator, "coder": fit.coder, "note": fit.problem}
            alike = _all_alike(fit, analysis, construct) if category is not None else None
            if alike is not None:
                row |= alike
            elif fit.result is not None:
                ci_low, ci_high = _interval(fit, analysis, share=category is not None)
                row |= {
                    "estimate": fit.result.params.iloc[0],
                    "std_error": fit.result.bse.iloc[0],
                    "ci_low": ci_low,
                    "ci_high": ci_high,
                    "n": fit.result.nobs,
                    "n_gold": fit.result.n_labelled if fit.estimator in (*CORRECTED, "gold_only") else np.nan,
                }
            yield row
        if category is not None and there:
            yield from (head | _rogan_gladen(analysis, construct, coder) for coder in own)


def _categories(scale: Mapping[str, Any]) -> list[str | None]:
    """The labels whose shares are of interest, and None for the mean of the scores."""
    values = scale["values"]
    labels: list[str | None] = (
        [] if scale["level"] == "interval" or len(values) > MOST_CATEGORIES else list(values)
    )
    numbers = not values or all(value is not None for value in values.values())
    return labels + ([None] if numbers and (scale["level"] != "nominal" or not labels) else [])


def _all_alike(fit: Fit, analysis: Analysis, construct: str) -> dict[str, Any] | None:
    """The share of a category that every unit has, or none: there is nothing to regress, but a share."""
    if fit.result is not None or analysis.weight is not None:
        return None
    gold = analysis.gold
    if fit.estimator in (NAIVE, DICTIONARY):
        found = analysis.codes_of(fit.coder)[construct].dropna()
    elif fit.estimator == GOLD_ONLY and gold is not None:
        found = gold.codes[construct].dropna()
    else:
        return None
    if found.empty or found.nunique() > 1:
        return None
    low, high = wilson_interval(np.array([found.sum()]), np.array([len(found)]))
    return {
        "estimate": float(found.iloc[0]),
        "std_error": 0.0,
        "ci_low": float(low[0]),
        "ci_high": float(high[0]),
        "n": len(found),
        "n_gold": len(found) if fit.estimator == GOLD_ONLY else np.nan,
        "note": "",
    }


def _interval(fit: Fit, analysis: Analysis, *, share: bool) -> tuple[float, float]:
    """The 95% interval; Wilson's (1927) for a plain share, which stays between 0 and 1 where it is rare."""
    found = fit.result
    assert found is not None
    gold = analysis.gold
    equal = gold is None or gold.probability is None or np.ptp(gold.probability) < EQUAL
    if share and fit.estimator not in CORRECTED and analysis.weight is None and equal:
        low, high = wilson_interval(
            np.rint(found.params.iloc[:1].to_numpy() * found.nobs), np.array([found.nobs])
        )
        return float(low[0]), float(high[0])
    bounds = found.conf_int().to_numpy(dtype=float)
    return float(bounds[0, 0]), float(bounds[0, 1])


def _rogan_gladen(analysis: Analysis, construct: str, coder: str) -> dict[str, Any]:
    from study.inference.misclassification import prevalence

    row: dict[str, Any] = {"estimator": "rogan_gladen", "coder": coder}
    gold = analysis.gold
    if gold is None or not gold.labelled.any():
        return row | {"note": "not available: no gold codes"}
    if analysis.weight or (gold.probability is not None and np.ptp(gold.probability) > EQUAL):
        return row | {"note": "not available with weights or unequal probabilities"}
    data = pd.DataFrame({"hand": gold.codes[construct], "code": analysis.units[f"{construct}_{coder}"]})
    try:
        found = prevalence(data, "hand", "code", positive=1.0)
    except StudyError as error:
        return row | {"note": f"not estimated: {error.problem[:1].lower()}{error.problem[1:].rstrip('.')}"}
    return row | {
        "estimate": found.value,
        "std_error": (found.ci_high - found.ci_low) / (2 * Z),
        "ci_low": found.ci_low,
        "ci_high": found.ci_high,
        "n": found.n,
        "n_gold": int(gold.labelled.sum()),
        "note": "",
    }
