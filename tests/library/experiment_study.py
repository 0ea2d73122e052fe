"""A small experiment with known effects: every unit coded in every cell, and a criterion.

The construct `tone` is rated -1, 0 or 1. The model leans away from the truth by a unit's own error, by the
settings of the cell and by noise, and its label probabilities follow from where it leans.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from study.experiment.factors import FACTORS
from study.experiment.grid import Codes, read_codes

LABELS = {"bad": -1.0, "mixed": 0.0, "good": 1.0}
SCALE: dict[str, Any] = {"level": "ordinal", "type": "rate", "classes": True, "values": LABELS}
BASE: dict[str, Any] = {
    "wording": "default",
    "label_order": "fixed",
    "rationale": "none",
    "examples": "none",
    "temperature": 0.0,
    "seed": 1,
    "model": "small",
    "quantisation": "as_shipped",
    "sparsity": 0.0,
    "surface": "as_written",
}
CRITERION = "humans"


def factorial(factors: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Return the settings of every cell of a full factorial."""
    return [
        BASE | dict(zip(factors, levels, strict=True)) for levels in product(*(factors[f] for f in factors))
    ]


def rows_of(
    cells: Sequence[Mapping[str, Any]],
    labels: Mapping[tuple[str, int], Sequence[str | None]],
    *,
    construct: str = "tone",
    values: Mapping[str, float] = LABELS,
    p: float = 0.8,
    orders: Sequence[Sequence[str]] | None = None,
) -> pd.DataFrame:
    """Return the rows of an experiment from its labels.

    Parameters
    ----------
    cells
        The settings of each.
    labels
        (unit, repeat) -> the label in every cell; None where it was not codable.
    p
        The probability of the label that was given; the others share the rest.
    orders
        The labels as each cell offered them.
    """
    rest = (1 - p) / (len(values) - 1)
    rows = []
    for (unit, repeat), given in labels.items():
        for number, (cell, label) in enumerate(zip(cells, given, strict=True), start=1):
            order = list(values) if orders is None else list(orders[number - 1])
            row = {"experiment": "trial", "cell": number, **{f: cell[f] for f in FACTORS}, "unit_id": unit}
            row |= {"construct": construct, "repeat": repeat, "offered": json.dumps(order)}
            shares = {f"p_{own}": p if own == label else rest for own in values}
            if label is None:
                rows.append(row | {"status": "not_codable", "label": "not codable"})
                continue
            score = sum(values[own] * shares[f"p_{own}"] for own in values)
            coded = {"status": "ok", "label": label, "score": score, "valid_mass": 0.9}
            rows.append(row | coded | shares)
    return pd.DataFrame(rows)


def arranged(
    rows: pd.DataFrame,
    factors: Mapping[str, Sequence[Any]],
    truth: Mapping[str, float] | None = None,
    scale: Mapping[str, Any] = SCALE,
    construct: str = "tone",
) -> Codes:
    """Return the codes of a trial; `truth` is unit -> the criterion's score, None for no criterion."""
    measures = pd.DataFrame({"unit_id": list(truth or {})})
    measures[f"{construct}_{CRITERION}"] = list((truth or {}).values())
    return read_codes(
        rows,
        experiment="trial",
        construct=construct,
        factors=factors,
        scale=scale,
        measures=measures,
        criterion=None if truth is None else CRITERION,
    )


def simulated(
    factors: Mapping[str, Sequence[Any]],
    *,
    n: int = 60,
    repeats: int = 1,
    effects: Mapping[tuple[str, Any], float] | None = None,
    noise: float = 0.5,
    seed: int = 1,
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return the rows of a full factorial and the truth; `effects` shift where the model leans, in scores."""
    random = np.random.default_rng(seed)
    truth = random.choice([-1.0, 0.0, 1.0], size=n)
    own = random.normal(0, 0.4, size=n)
    values = np.array(list(LABELS.values()))
    cells = factorial(factors)
    frames = []
    for number, cell in enumerate(cells, start=1):
        shift = sum(size for (factor, level), size in (effects or {}).items() if cell[factor] == level)
        for repeat in range(1, (repeats if cell["temperature"] > 0 else 1) + 1):
            leaning = truth + own + shift + random.normal(0, noise, size=n)
            log_p = -2 * (leaning[:, None] - values) ** 2
            p = np.exp(log_p) / np.exp(log_p).sum(axis=1, keepdims=True)
            frame = pd.DataFrame({f"p_{label}": p[:, i] for i, label in enumerate(LABELS)})
            frame = frame.assign(
                experiment="trial",
                cell=number,
                **cell,
                unit_id=[f"u{i:04}" for i in range(n)],
                construct="tone",
                repeat=repeat,
                status="ok",
                label=[list(LABELS)[i] for i in p.argmax(axis=1)],
                score=p @ values,
                score_sd=0.1,
                valid_mass=random.uniform(0.8, 1, size=n),
                offered=json.dumps(list(LABELS)),
            )
            frames.append(frame)
    rows = pd.concat(frames, ignore_index=True)
    return rows, {f"u{i:04}": float(value) for i, value in enumerate(truth)}
