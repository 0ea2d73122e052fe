"""Which models an experiment asks."""

from __future__ import annotations

from typing import Any

from study.experiment.models import levels_of, models_of

SMALL = {"package": "p", "file": "m.gguf", "path": None, "sha256": None, "quantisation": "F16", "sparsity": 0}
LARGE = {**SMALL, "file": "large.gguf", "quantisation": None, "sparsity": 0.2}
MODELS = {"small": SMALL, "large": LARGE}
BASE = {"model": "small", "quantisation": "F16", "sparsity": 0.0, "wording": "main"}


def asked(**factors: list[Any]) -> dict[str, tuple[Any, Any]]:
    found = models_of({"base": BASE, "factors": factors, "fraction": 1}, MODELS)
    return {name: (entry["quantisation"], entry["sparsity"]) for name, entry in found.items()}


def test_without_levels_of_models_the_coders_own_is_asked() -> None:
    found = models_of({"base": BASE, "factors": {"wording": ["main", "other"]}, "fraction": 1}, MODELS)
    assert found == {"small": SMALL}


def test_every_combination_is_a_model_of_its_own() -> None:
    assert asked(quantisation=["F16", "Q8_0"], sparsity=[0.0, 0.5]) == {
        "small": ("F16", 0),
        "small.sparse50": ("F16", 0.5),
        "small.Q8_0": ("Q8_0", 0),
        "small.Q8_0.sparse50": ("Q8_0", 0.5),
    }


def test_another_model_brings_its_own_storage_type_and_sparsity() -> None:
    assert asked(model=["small", "large"]) == {"small": ("F16", 0), "large": (None, 0.2)}
    assert levels_of(BASE, {"model": "large"}, MODELS) == {
        "model": "large",
        "quantisation": "as_shipped",
        "sparsity": 0.2,
        "wording": "main",
    }


def test_unless_the_experiment_varies_these_too() -> None:
    found = asked(model=["small", "large"], quantisation=["F16", "Q8_0"])
    assert set(found.values()) == {("F16", 0), ("Q8_0", 0), ("F16", 0.2), ("Q8_0", 0.2)}
