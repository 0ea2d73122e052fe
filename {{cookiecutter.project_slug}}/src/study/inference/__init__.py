"""The study's conclusions: regressions on measures, and what each measure adds.

The names below are the public interface, imported when they are first used (see `study.validity`).
"""

from __future__ import annotations

import importlib

_MODULE_OF = {
    "Formula": "formula",
    "parse_formula": "formula",
    "incremental_r2": "regression",
    "linear_regression": "regression",
}


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULE_OF])
