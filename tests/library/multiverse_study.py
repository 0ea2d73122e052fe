"""A study whose truth is known, for tests of the multiverse: two coders, and an experiment of four cells.

1,200 texts in two groups; people are angry in 30% of group a and in 50% of group b, so that the coefficient
of `group` is .2. The coder `even` errs in the same way in both groups. `uneven` overlooks anger in group b
and sees it where there is none in group a: with its codes the sign is the other one. The experiment crosses
two wordings, `plain` (errs as `even`) and `leading` (as `uneven`), with two orders, which change nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from library.measured import NOMINAL, SETTINGS, drawn
from study.experiment.factors import FACTORS
from study.inference.analyses import Study
from study.measures import wide
from study.multiverse.instruments import Instrument, of_coders, of_experiment

SCALES = {"anger": NOMINAL}
KINDS = {"anger": {"humans": "human", "even": "llm", "uneven": "llm", "words": "dictionary"}}
ANALYSIS = SETTINGS | {
    "formula": "anger ~ group",
    "coders": ["even", "uneven"],
    "estimators": ["naive", "dsl"],
}
TERM = "group[T.b]"
BASE: dict[str, Any] = dict.fromkeys(FACTORS, "none") | {"temperature": 0.0, "seed": 1, "sparsity": 0.0}


def texts(n: int = 1200, seed: int = 1) -> pd.DataFrame:
    """Return unit_id, document_id, group, and whether people find anger (`truth`)."""
    random = np.random.default_rng(seed)
    group = np.where(np.arange(n) % 2 == 0, "a", "b")
    return pd.DataFrame(
        {
            "unit_id": [f"u{i:04d}" for i in range(n)],
            "document_id": [f"d{i:04d}" for i in range(n)],
            "group": group,
            "truth": random.random(n) < np.where(group == "b", 0.5, 0.3),
        }
    )


def codings(units: pd.DataFrame, coder: str, *, uneven: bool, seed: int) -> pd.DataFrame:
    """Return a language model's coding table; it is less sure where it errs."""
    random = np.random.default_rng(seed)
    truth, b = units["truth"].to_numpy(), (units["group"] == "b").to_numpy()
    wrong = 0.15 + (0.35 * (truth & b) + 0.35 * (~truth & ~b) if uneven else 0.0)
    errs = random.random(len(units)) < wrong
    sure = np.where(errs, random.uniform(0.5, 0.8, len(units)), random.uniform(0.6, 1.0, len(units)))
    yes = np.where(truth ^ errs, sure, 1 - sure)
    return pd.DataFrame(
        {
            "unit_id": units["unit_id"],
            "construct": "anger",
            "coder": coder,
            "instrument_id": coder,
            "repeat": 1,
            "status": "ok",
            "label": np.where(yes > 0.5, "yes", "no"),
            "score": yes,
            "p_yes": yes,
            "p_no": 1 - yes,
        }
    )


def dictionary(units: pd.DataFrame) -> pd.DataFrame:
    """Return a word list's coding table: counts, without labels and probabilities."""
    score = np.random.default_rng(9).poisson(1 + units["truth"])
    return codings(units, "words", uneven=False, seed=9).assign(
        label=None, score=score.astype(float), p_yes=np.nan, p_no=np.nan
    )


def people(units: pd.DataFrame) -> pd.DataFrame:
    """Return people's codings of every text."""
    label = np.where(units["truth"], "yes", "no")
    return codings(units, "humans", uneven=False, seed=0)[
        ["unit_id", "construct", "coder", "instrument_id", "repeat", "status"]
    ].assign(label=label, score=units["truth"].astype(float))


def experiment(units: pd.DataFrame) -> pd.DataFrame:
    """Return the codings of an experiment: two wordings x two label orders."""
    cells = []
    for wording in ("plain", "leading"):
        for order in ("fixed", "reversed"):
            cell = len(cells) + 1
            own = codings(units, "even", uneven=wording == "leading", seed=20 + cell)
            settings = BASE | {"wording": wording, "label_order": order}
            cells.append(own.drop(columns=["coder", "instrument_id"]).assign(cell=cell, **settings))
    return pd.concat(cells, ignore_index=True).assign(experiment="asking")


def tables(units: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the coding table of every coder."""
    return {
        "even": codings(units, "even", uneven=False, seed=2),
        "uneven": codings(units, "uneven", uneven=True, seed=3),
        "words": dictionary(units),
        "humans": people(units),
    }


def study(units: pd.DataFrame, *, gold: int | None = 400) -> Study:
    """Return the study; people coded every text, of which `gold` count (None: no gold sample was drawn)."""
    measures = wide(units, list(units["unit_id"]), list(tables(units).values()))
    sample = pd.DataFrame(columns=["unit_id", "part", "stratum", "probability", "sampling_probability"])
    return Study(
        measures=measures,
        kinds=KINDS,
        scales=SCALES,
        truth="humans",
        gold=sample if gold is None else drawn(measures, n=gold, pilot=0),
        drawn=pd.Series(1.0, index=units["unit_id"]),
        draw=None if gold is None else {"from": "sample"},
    )


def instruments(units: pd.DataFrame, *coders: str, cells: bool = False) -> list[Instrument]:
    """Return coders, and the cells of the experiment."""
    made = tables(units)
    found = list(of_coders(coders, made, ["anger"]))
    return [*found, *of_experiment("asking", experiment(units), "even", made, ["anger"])] if cells else found
