"""Every cell of an experiment as if it were a coder of its own: agreement, accuracy, calibration.

Agreement is that of `agreement.csv`, accuracy that of `classification.csv`, ECE and Brier score those of
`calibration.csv`, on the experiment's texts that have a criterion. Each cell rests on the texts that it has
coded; comparisons of cells are made in `levels` and `effects`, on the same texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from study.experiment.factors import FACTORS
from study.experiment.grid import NO_CODES, Codes, joined
from study.experiment.outcomes import Outcomes, calibration_error, without_probabilities
from study.validity.bootstrap import Array, Estimate, bootstrap_of_sums
from study.validity.correlation import pearson_moments, pearson_of_moments

COLUMNS = [
    "experiment", "construct", "cell", *FACTORS, "criterion", "n", "n_coded", "n_compared", "mean_score",
    "valid_mass", "accuracy", "accuracy_ci_low", "accuracy_ci_high", "pearson_r", "ci_low", "ci_high", "ece",
    "brier", "note",
]  # fmt: skip
MOMENTS = 6


def experiment_cells(codes: Codes, judged: Outcomes, *, resamples: int = 2000, seed: int = 1) -> pd.DataFrame:
    """Return one row a cell of the design.

    Parameters
    ----------
    codes, judged
        The codes of one construct, and what `outcomes` says of them.
    resamples, seed
        Of the bootstrap over units.

    Returns
    -------
    DataFrame
        `COLUMNS`. `n` counts texts of the experiment, `n_coded` those with a code, `n_compared` those that
        have a criterion too.
    """
    rows = []
    coded, known = codes.coded, codes.criterion.known
    for place, number in enumerate(codes.cells.index):
        own = {name: judged.values[name][:, place] for name in judged.values}
        options: dict[str, Any] = {"resamples": resamples, "seed": seed, "name": f"{codes.name}/cells"}
        r, right = agreement(own["score"], codes.criterion.score, own["correct"], **options)
        compared = coded[:, place] & known
        rows.append(
            codes.key
            | {"cell": number, **codes.cells.loc[number], "criterion": codes.criterion.name}
            | {"n": len(codes.units), "n_coded": coded[:, place].sum(), "n_compared": compared.sum()}
            | {"mean_score": mean(own["score"]), "valid_mass": mean(own["valid_mass"])}
            | {"accuracy": right.value, "accuracy_ci_low": right.ci_low}
            | {"accuracy_ci_high": right.ci_high, "pearson_r": r.value}
            | {"ci_low": r.ci_low, "ci_high": r.ci_high}
            | {"ece": calibration_error(judged.confidence[:, place], judged.likeliest[:, place])}
            | {"brier": mean(own["brier"])}
            | {"note": _note(codes, judged, place, r)}
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def agreement(
    score: Array, criterion: Array, correct: Array, *, resamples: int, seed: int, name: str
) -> tuple[Estimate, Estimate]:
    """Return Pearson's r with the criterion, and accuracy, each on the units that have both (units)."""
    sums = agreement_sums(score, criterion, correct)
    used = sums[:, [0, MOMENTS + 1]].any(axis=1)
    found = bootstrap_of_sums(
        sums[used],
        {"r": correlation, "accuracy": accuracy},
        resamples=resamples,
        seed=seed,
        name=name,
    )
    return found["r"], found["accuracy"]


def agreement_sums(score: Array, criterion: Array, correct: Array) -> Array:
    """Return per unit what r and accuracy are made of: six moments, correct, and whether that is known.

    Units without a pair, or without a class, are zeros.
    """
    sums = np.zeros((len(score), MOMENTS + 2))
    both, classed = np.isfinite(score) & np.isfinite(criterion), np.isfinite(correct)
    sums[both, :MOMENTS] = pearson_moments(score[both], criterion[both])
    sums[classed, MOMENTS], sums[classed, MOMENTS + 1] = correct[classed], 1
    return sums


def correlation(sums: Array) -> Array:
    """Return r for each row of summed `agreement_sums`; NaN where a variable is constant."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return pearson_of_moments(sums[:, :MOMENTS])


def accuracy(sums: Array) -> Array:
    """Return the share that is correct for each row of summed `agreement_sums`; NaN of nothing."""
    n = sums[:, MOMENTS + 1]
    return np.divide(sums[:, MOMENTS], n, out=np.full(len(n), np.nan), where=n > 0)


def mean(values: Array) -> float:
    """Return the mean of what there is; NaN of nothing."""
    there = values[np.isfinite(values)]
    return float(there.mean()) if there.size else float("nan")


def undefined(r: Estimate, judged: Outcomes) -> str:
    """Say why there is no correlation, or no interval; '' where there are both."""
    if np.isfinite(r.ci_low):
        return ""
    if np.isfinite(r.value):
        return "no interval: r is undefined in too many resamples"
    missing = judged.notes["absolute_error"] if not np.isfinite(judged.values["absolute_error"]).any() else ""
    return missing or "r is undefined: the scores or the criterion do not vary"


def _note(codes: Codes, judged: Outcomes, place: int, r: Estimate) -> str:
    coded = codes.coded[:, place]
    if not coded.any():
        return NO_CODES
    if codes.criterion.note:
        return codes.criterion.note
    bare = without_probabilities(codes, [place])
    notes: Sequence[str] = [undefined(r, judged), judged.notes["correct"], bare or judged.notes["brier"]]
    if not (coded & codes.criterion.known).any():
        notes = [f"no coded text has a code by '{codes.criterion.name}'"]
    return joined(notes)
