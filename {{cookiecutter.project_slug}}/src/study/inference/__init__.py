"""The study's conclusions: regressions on measures, what each measure adds, corrections for its errors.

The names below are the public interface, imported when they are first used (see `study.validity`).
"""

from __future__ import annotations

import importlib

_MODULE_OF = {
    "CorrectedRegression": "estimates",
    "Formula": "formula",
    "WeightedUnits": "aggregate",
    "dsl": "design_based",
    "effective_n": "planning",
    "gold_only": "uncorrected",
    "group_means": "aggregate",
    "incremental_r2": "regression",
    "linear_regression": "regression",
    "misclassification_mle": "misclassification",
    "parse_formula": "formula",
    "planning_curve": "planning",
    "ppi": "prediction_powered",
    "prevalence": "misclassification",
    "smallest_n": "planning",
    "standard_error_at": "planning",
    "weighted_units": "aggregate",
}


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULE_OF])
