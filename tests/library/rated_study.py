"""A study whose raters are four known persons: two constructs, coded by a model and by words too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

CODERS = {
    construct: {"humans": "human", "llm": "llm", "words": "dictionary"} for construct in ("blame", "tone")
}
CODEBOOKS: dict[str, dict[str, Any]] = {
    "blame": {"level": "nominal", "type": "classify", "values": {"yes": None, "no": None, "unclear": None}},
    "tone": {"level": "ordinal", "type": "classify", "values": {"good": 1, "bad": -1, "neutral": 0}},
}
PEOPLE = ("anna", "ben", "cem", "dora")
IDENTIFIED = {"humans": True}


def rated_study(n: int = 200, seed: int = 5) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return measures and ratings of n units; every person rates about nine tenths of the units.

    The model is right as often as a person is, and the words of tone (from 0 to 10) go with it.
    """
    random = np.random.default_rng(seed)
    truth = {"blame": random.choice(["yes", "no", "unclear"], n, p=[0.5, 0.4, 0.1])}
    truth["tone"] = random.choice(["good", "bad", "neutral"], n)
    units = [f"u{i:03}" for i in range(n)]
    rows = []
    measures = pd.DataFrame({"unit_id": units, "document_id": [f"d{i // 5:02}" for i in range(n)]})
    measures["domain"] = np.where(np.arange(n) % 2, "letters", "diaries")
    measures["year"] = 1990 + np.arange(n) % 4
    measures["sample"] = True
    for construct, labels in truth.items():
        values = CODEBOOKS[construct]["values"]
        for person in PEOPLE:
            given = noisy(labels, list(values), 0.8, random)
            for unit in np.flatnonzero(random.random(n) < 0.9):
                label = given[unit]
                # People write labels as they like.
                rows.append((units[unit], construct, person, label.upper() if person == "ben" else label))
        model = noisy(labels, list(values), 0.8, random)
        measures[f"{construct}_llm"] = pd.Series(model).map(values).astype(float)
        measures[f"{construct}_llm_label"] = model
        measures[f"{construct}_words"] = 5 + 2 * measures[f"{construct}_llm"] + random.normal(size=n)
    ratings = pd.DataFrame(rows, columns=["unit_id", "construct", "rater", "code"])
    value_of = {label: value for book in CODEBOOKS.values() for label, value in book["values"].items()}
    ratings["value"] = ratings["code"].str.lower().map(value_of).astype(float)
    ratings["coder"], ratings["status"] = "humans", "ok"
    for construct in truth:
        own = ratings[ratings["construct"] == construct].assign(label=lambda r: r["code"].str.lower())
        most = own.groupby("unit_id")["label"].agg(lambda x: x.mode()[0] if len(x.mode()) == 1 else None)
        measures[f"{construct}_humans"] = measures["unit_id"].map(own.groupby("unit_id")["value"].mean())
        measures[f"{construct}_humans_label"] = measures["unit_id"].map(most)
    return measures, ratings.sort_values(["unit_id", "construct"], kind="stable", ignore_index=True)


def noisy(labels: np.ndarray, every: list[str], right: float, random: np.random.Generator) -> np.ndarray:
    """Return the labels, each replaced by one drawn from all with probability 1 - right."""
    return np.where(random.random(len(labels)) < right, labels, random.choice(every, len(labels)))
