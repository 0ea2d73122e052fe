"""Tables of experiments, written by hand, in the columns that `study.experiment` gives them."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pandas as pd

from study.report import experiment as experiments_
from study.report.experiment import Experiment

BASE: dict[str, Any] = {
    "wording": "main", "label_order": "fixed", "rationale": "none", "examples": "none", "temperature": 0.0,
    "seed": 1, "model": "small", "quantisation": "as_shipped", "sparsity": 0.0, "surface": "as_written",
}  # fmt: skip
NOTHING = float("nan")
KEY = {"experiment": "trial", "construct": "tone"}


def settings(factors: dict[str, list[Any]], **further: Any) -> dict[str, Any]:
    """Return an experiment's section of the configuration."""
    return {
        "question": "Does it matter?", "coder": "llm", "codebook": "tone", "fraction": 1, "repeats": 1,
        "mask": [], "texts": {"n": 60, "by": "domain", "seed": 3}, "factors": factors, **further,
    }  # fmt: skip


def cell(number: int = 1, r: float = 0.4, **levels: Any) -> dict[str, Any]:
    return KEY | BASE | levels | {
        "cell": number, "criterion": "people", "n": 60, "n_coded": 60, "n_compared": 58, "mean_score": 0.1,
        "valid_mass": 0.9, "accuracy": 0.5, "accuracy_ci_low": 0.4, "accuracy_ci_high": 0.6,
        "pearson_r": r, "ci_low": r - 0.1, "ci_high": r + 0.1, "ece": 0.1, "brier": 0.2, "note": "",
    }  # fmt: skip


def level(
    factor: str, name: Any, r: float, difference: float = NOTHING, half: float = 0.05, **further: Any
) -> dict[str, Any]:
    """Return a row of the levels; the interval of the difference reaches `half` to both sides."""
    return KEY | {
        "factor": factor, "level": name, "reference": "", "criterion": "people", "n_cells": 2, "n_units": 60,
        "n_compared": 58, "mean_score": 0.1, "valid_mass": 0.9, "accuracy": 0.5, "accuracy_ci_low": 0.4,
        "accuracy_ci_high": 0.6, "pearson_r": r, "ci_low": r - 0.1, "ci_high": r + 0.1,
        "difference": difference, "difference_ci_low": difference - half,
        "difference_ci_high": difference + half, "ece": 0.1, "brier": 0.2, "note": "", **further,
    }  # fmt: skip


def flip(
    factor: str, pair: tuple[Any, Any], rate: float, low: float, high: float, **further: Any
) -> dict[str, Any]:
    """Return a row of the flips; a pair is a level and the one that it is compared with."""
    name, reference = pair
    return KEY | {
        "factor": factor, "level": name, "reference": reference, "n_pairs": 120, "n_units": 60,
        "flip_rate": rate, "ci_low": low, "ci_high": high, "mean_change": -0.02,
        "mean_change_ci_low": -0.05, "mean_change_ci_high": 0.01, "mean_absolute_change": 0.1,
        "r_difference": NOTHING, "r_difference_ci_low": NOTHING, "r_difference_ci_high": NOTHING,
        "note": "", **further,
    }  # fmt: skip


def contrast(what: str, value: float, half: float = 0.05) -> dict[str, float]:
    """Return the cells of 'mean_change' or 'r_difference' in a row of the flips."""
    return {what: value, f"{what}_ci_low": value - half, f"{what}_ci_high": value + half}


def effect(factor: str, name: Any, outcome: str, estimate: float, half: float) -> dict[str, Any]:
    return KEY | {
        "outcome": outcome, "factor": factor, "level": name, "reference": "", "estimate": estimate,
        "std_error": half / 2, "ci_low": estimate - half, "ci_high": estimate + half, "statistic": 1.0,
        "p_value": 0.02, "p_adjusted": 0.04, "correction": "holm", "family": "", "n": 120, "n_units": 60,
        "method": "GEE", "note": "",
    }  # fmt: skip


def source(name: str, share: float, outcome: str = "score") -> dict[str, Any]:
    return KEY | {
        "outcome": outcome, "source": name, "df": 1, "sum_of_squares": share, "share": share,
        "ci_low": max(0, share - 0.02), "ci_high": share + 0.03, "n_units": 60, "n_cells": 4, "note": "",
    }  # fmt: skip


def stable(factor: str, estimate: float, kind: str = "inter", level_: str = "ordinal") -> dict[str, Any]:
    return KEY | {
        "kind": kind, "factor": factor, "factor_level": "", "statistic": "krippendorff_alpha",
        "level": level_, "n_cells": 4, "n_units": 60, "n_codes": 240, "estimate": estimate,
        "ci_low": estimate - 0.08, "ci_high": estimate + 0.07, "note": "",
    }  # fmt: skip


def place(number: int, share: float, probability: float, n_labels: int = 3) -> dict[str, Any]:
    return KEY | {
        "position": number, "n_labels": n_labels, "n": 60, "n_cells": 3, "share_chosen": share,
        "ci_low": share - 0.05, "ci_high": share + 0.05, "mean_probability": probability,
        "probability_ci_low": probability - 0.02, "probability_ci_high": probability + 0.02,
        "expected": 1 / n_labels, "note": "",
    }  # fmt: skip


def tables(**rows: list[dict[str, Any]]) -> dict[str, pd.DataFrame]:
    """Return tables by their names in results/tables; those that are not given are empty."""
    return {f"experiment_{kind}": pd.DataFrame(rows.get(kind, [])) for kind in experiments_.TABLES}


def trial(factors: dict[str, list[Any]], **rows: list[dict[str, Any]]) -> Experiment:
    """Return the experiment 'trial' with these rows; without cells, one of them."""
    return experiments_.of(tables(**{"cells": [cell()], **rows}), "trial", settings(factors))


ORDERS = ["fixed", "rotation_1", "rotation_2", "reversed", "random"]


def orders(**rows: list[dict[str, Any]]) -> Experiment:
    """An experiment on the order of labels: the second rotation is worse, places matter."""
    r = dict(zip(ORDERS, (0.41, 0.38, 0.30, 0.43, 0.40), strict=True))
    found = {
        "cells": [cell(i, r[name], label_order=name) for i, name in enumerate(ORDERS, 1)],
        "levels": [
            level("label_order", "fixed", 0.41, reference="fixed"),
            *(level("label_order", name, r[name], r[name] - 0.41, reference="fixed") for name in ORDERS[1:]),
        ],
        "flips": [
            *(
                flip("label_order", (b, a), 0.2 + i / 50, 0.15, 0.4)
                for i, (a, b) in enumerate(combinations(ORDERS, 2))
            ),
            flip("label_order", ("any", ""), 0.234, 0.181, 0.292, n_pairs=600)
            | contrast("mean_change", NOTHING),
        ],
        "effects": [effect("label_order", name, "valid_mass", 0.01, 0.03) for name in ORDERS[1:]],
        "variance": [source("unit", 0.61), source("label_order", 0.032), source("unit x label_order", 0.2),
                     source("rest", 0.158)],
        "stability": [stable("label_order", 0.71)],
        "positions": [place(1, 0.45, 0.42), place(2, 0.3, 0.31), place(3, 0.25, 0.27)],
    }  # fmt: skip
    return trial({"label_order": ORDERS}, **(found | rows))


def rationales() -> Experiment:
    """An experiment on rationales: one before the answer changes codes, one after it does not."""
    names = ["none", "before", "after"]
    return trial(
        {"rationale": names},
        cells=[cell(i, 0.4, rationale=name) for i, name in enumerate(names, 1)],
        levels=[
            level("rationale", "none", 0.4, reference="none"),
            level("rationale", "before", 0.28, -0.12, reference="none"),
            level("rationale", "after", 0.41, 0.01, reference="none"),
        ],
        flips=[
            flip("rationale", ("before", "none"), 0.31, 0.24, 0.39)
            | contrast("mean_change", -0.12, 0.08)
            | contrast("r_difference", -0.12),
            flip("rationale", ("after", "none"), 0.017, 0.0, 0.05)
            | contrast("mean_change", 0.004, 0.02)
            | contrast("r_difference", 0.01),
            flip("rationale", ("after", "before"), 0.3, 0.23, 0.38)
            | contrast("mean_change", 0.124, 0.08)
            | contrast("r_difference", 0.13),
            flip("rationale", ("any", ""), 0.21, 0.17, 0.25) | contrast("mean_change", NOTHING),
        ],
        effects=[
            effect("rationale", "before", "score", -0.12, 0.08),
            effect("rationale", "after", "score", 0.004, 0.02),
        ],
        variance=[source("unit", 0.7), source("rationale", 0.05), source("unit x rationale", 0.25)],
        stability=[stable("rationale", 0.6)],
    )


SHARES = [0, 0.1, 0.3, 0.5, 0.7]
TYPES = ["F16", "Q8_0", "Q4_0"]


def compression() -> Experiment:
    """An experiment on compression: from half of the weights on, agreement is lower."""
    r = dict(zip(SHARES, (0.41, 0.42, 0.39, 0.2, 0.03), strict=True))
    made = [(storage, share) for storage in TYPES for share in SHARES]
    return trial(
        {"quantisation": TYPES, "sparsity": SHARES},
        cells=[
            cell(i, r[share] - TYPES.index(storage) / 50, quantisation=storage, sparsity=share)
            for i, (storage, share) in enumerate(made, 1)
        ],
        levels=[
            level("quantisation", "F16", 0.29, reference="F16"),
            level("quantisation", "Q8_0", 0.28, -0.01, reference="F16"),
            level("quantisation", "Q4_0", 0.25, -0.04, reference="F16"),
            level("sparsity", 0, 0.41, reference=0),
            *(level("sparsity", share, r[share], r[share] - 0.41, reference=0) for share in SHARES[1:]),
        ],
        flips=[
            flip("quantisation", ("Q8_0", "F16"), 0.01, 0.0, 0.03),
            flip("quantisation", ("Q4_0", "F16"), 0.12, 0.08, 0.17),
            flip("sparsity", (0.1, 0), 0.02, 0.0, 0.05),
            flip("sparsity", (0.3, 0), 0.12, 0.08, 0.17),
            flip("sparsity", (0.5, 0), 0.45, 0.38, 0.52),
            flip("sparsity", (0.7, 0), 0.62, 0.55, 0.7),
        ],
        variance=[source("unit", 0.4), source("sparsity", 0.3), source("quantisation", 0.01),
                  source("quantisation x sparsity", 0.02)],
        stability=[stable("sparsity", 0.3), stable("quantisation", 0.85)],
    )  # fmt: skip
