"""Which models an experiment asks: those of its levels, in each cell's storage type and with its sparsity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.experiment.design import cells, derived_model
from study.experiment.factors import AS_SHIPPED


def levels_of(
    base: Mapping[str, Any], varied: Mapping[str, Any], models: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the level of every factor in one cell.

    Another model brings its own storage type and sparsity, unless the experiment varies these too.
    """
    levels = {**base, **varied}
    if "model" in varied:
        entry = models[varied["model"]]
        own = {"quantisation": entry["quantisation"] or AS_SHIPPED, "sparsity": float(entry["sparsity"])}
        levels |= {factor: level for factor, level in own.items() if factor not in varied}
    return levels


def model_of(
    levels: Mapping[str, Any], models: Mapping[str, Mapping[str, Any]]
) -> tuple[str, dict[str, Any]]:
    """Return the name and the entry of the model that a cell asks."""
    name = levels["model"]
    return derived_model(name, models[name], levels["quantisation"], levels["sparsity"])


def models_of(
    settings: Mapping[str, Any], models: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return name -> entry of every model that an experiment asks.

    Parameters
    ----------
    settings
        base (factor -> level where nothing is varied), factors, fraction.
    models
        The entries of `models` in the configuration.
    """
    varied = cells(settings["factors"], settings["fraction"])
    return dict(model_of(levels_of(settings["base"], cell, models), models) for cell in varied)
