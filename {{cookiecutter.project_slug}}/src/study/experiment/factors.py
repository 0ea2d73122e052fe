"""What an experiment can vary."""

from __future__ import annotations

FACTORS = (
    "wording", "label_order", "rationale", "examples", "temperature", "seed",
    "model", "quantisation", "sparsity", "surface",
)  # fmt: skip
"""The factors, in the order in which tables have them."""

AS_SHIPPED = "as_shipped"
"""The level of `quantisation` that runs a model's file as it is."""
