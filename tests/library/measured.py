"""A small table of measures with a known truth, for tests of analyses: people, a language model, a word list.

1,000 units in two groups; `anger` (yes or no) is what is measured, `shared` and `warm` what is explained. The
model errs more in group b, so that its codes bias comparisons of the groups.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

NOMINAL = {"level": "nominal", "values": {"yes": 1, "no": 0}}
KINDS = {"humans": "human", "llm": "llm", "words": "dictionary"}
SETTINGS = {
    "formula": "shared ~ anger + group",
    "family": "linear",
    "coded": ["anger"],
    "coders": ["llm", "words"],
    "estimators": ["naive", "dictionary", "gold_only", "dsl", "ppi", "likelihood"],
    "cluster": None,
    "aggregate": None,
    "predictors": [],
    "learner": "linear",
    "folds": 5,
    "splits": 2,
    "seed": 1,
    "subset": "sample",
    "incremental": [],
}


def measured(n: int = 1000, seed: int = 1) -> pd.DataFrame:
    """Return the table of measures; people coded every unit."""
    rng = np.random.default_rng(seed)
    group = np.where(np.arange(n) % 2 == 0, "a", "b")
    anger = rng.random(n) < 0.4
    wrong = rng.random(n) < np.where(group == "b", 0.3, 0.05)
    code = anger ^ wrong
    table = pd.DataFrame(
        {
            "unit_id": [f"u{i:04d}" for i in range(n)],
            "document_id": [f"d{i // 10:03d}" for i in range(n)],
            "group": group,
            "shared": 1.0 + 0.5 * anger + 0.2 * (group == "b") + rng.normal(0, 1, n),
            "sample": True,
            "gold": False,
            "pilot": False,
        }
    )
    for coder, said in {"humans": anger, "llm": code, "words": rng.random(n) < 0.5}.items():
        table[f"anger_{coder}"] = said.astype(float)
        table[f"anger_{coder}_label"] = np.where(said, "yes", "no")
    table["anger_llm"] = 0.1 + 0.8 * table["anger_llm"]  # probabilities
    return table


def drawn(table: pd.DataFrame, n: int = 300, pilot: int = 50, seed: int = 1) -> pd.DataFrame:
    """Return a gold sample of `n` units, a part of them a pilot, as `study.gold.draw` writes it."""
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(table))[:n]
    part = np.full(len(table), "rest", dtype=object)
    part[chosen] = "evaluate"
    part[chosen[:pilot]] = "pilot"
    return pd.DataFrame(
        {
            "unit_id": table["unit_id"],
            "part": part,
            "stratum": "all",
            "probability": n / len(table),
            "sampling_probability": (n - pilot) / len(table),
        }
    )
