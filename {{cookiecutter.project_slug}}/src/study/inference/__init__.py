"""The study's conclusions: regressions on measures, what each measure adds, corrections for its errors.

The names below are the public interface, imported when they are first used (see `study.validity`).
"""

from __future__ import annotations

import importlib

_MODULE_OF = {
    "CorrectedRegression": "estimates",
    "Formula": "formula",
    "dsl": "design_based",
    "incremental_r2": "regression",
    "linear_regression": "regression",
    "misclassification_mle": "misclassification",
    "parse_formula": "formula",
    "ppi": "prediction_powered",
    "prevalence": "misclassification",
}


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULE_OF])
