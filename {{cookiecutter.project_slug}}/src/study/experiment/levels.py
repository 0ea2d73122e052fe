"""What each level of a factor is like, averaged over the settings of the other factors.

All levels stand on the same texts, those that are coded in every cell, and all figures of a resample on the
same draw of texts: the interval of a difference is then that of a paired comparison. The correlation of a
level is the mean of the correlations of its cells, not that of averaged scores, which would be higher.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from study.experiment.cells import accuracy, correlation, mean
from study.experiment.comparison import Comparison, compare, difference_of_r, mean_of
from study.experiment.grid import Codes, complete, joined
from study.experiment.outcomes import Outcomes, calibration_error, without_probabilities
from study.validity.bootstrap import Array, Estimate, Statistic

COLUMNS = [
    "experiment", "construct", "factor", "level", "reference", "criterion", "n_cells", "n_units",
    "n_compared", "mean_score", "valid_mass", "accuracy", "accuracy_ci_low", "accuracy_ci_high", "pearson_r",
    "ci_low", "ci_high", "difference", "difference_ci_low", "difference_ci_high", "ece", "brier", "note",
]  # fmt: skip
UNKNOWN = Estimate(float("nan"), float("nan"), float("nan"), 0)


def experiment_levels(
    codes: Codes, judged: Outcomes, *, resamples: int = 2000, seed: int = 1
) -> pd.DataFrame:
    """Return one row a factor and level.

    Parameters
    ----------
    codes, judged
        The codes of one construct, and what `outcomes` says of them.
    resamples, seed
        Of the bootstrap over units.

    Returns
    -------
    DataFrame
        `COLUMNS`; figures are means over the level's cells, `difference` is r less the reference level's.
        `n_units` counts units that are coded in every cell, `n_compared` those that have a criterion too.
    """
    used = complete(codes.coded, list(codes.cells.index))
    of_cells, compared = _OfCells(judged, used.units), compare(codes, judged, used.units)
    levels = {
        (factor, level): np.intersect1d(places, used.cells)
        for factor in codes.factors
        for level, places in codes.levels(factor)
    }
    found = _estimates(codes, compared, levels, resamples, seed)
    rows = []
    for (factor, level), places in levels.items():
        r, right, difference = (found[kind, factor, level] for kind in ("r", "accuracy", "difference"))
        rows.append(
            codes.key
            | {"factor": factor, "level": level, "reference": codes.factors[factor][0]}
            | {"criterion": codes.criterion.name, "n_cells": len(places), "n_units": len(used.units)}
            | {"n_compared": int(codes.criterion.known[used.units].sum())}
            | {"mean_score": of_cells.mean("score", places), "accuracy": right.value}
            | {"valid_mass": of_cells.mean("valid_mass", places)}
            | {"accuracy_ci_low": right.ci_low, "accuracy_ci_high": right.ci_high}
            | {"pearson_r": r.value, "ci_low": r.ci_low, "ci_high": r.ci_high}
            | {"difference": difference.value, "difference_ci_low": difference.ci_low}
            | {"difference_ci_high": difference.ci_high, "ece": of_cells.calibration_error(places)}
            | {"brier": of_cells.mean("brier", places)}
            | {"note": joined([used.note, _why(codes, judged, compared, places, r)])}
        )
    return pd.DataFrame(rows, columns=COLUMNS)


class _OfCells:
    """Figures of single cells on the units that all cells share."""

    def __init__(self, judged: Outcomes, units: Array) -> None:
        self.values = {name: values[units] for name, values in judged.values.items()}
        self.confidence, self.likeliest = judged.confidence[units], judged.likeliest[units]

    def mean(self, outcome: str, places: Array) -> float:
        return mean(np.array([mean(self.values[outcome][:, place]) for place in places]))

    def calibration_error(self, places: Array) -> float:
        errors = [calibration_error(self.confidence[:, place], self.likeliest[:, place]) for place in places]
        return mean(np.array(errors))


def _estimates(
    codes: Codes, compared: Comparison, levels: Mapping[tuple[str, str], Array], resamples: int, seed: int
) -> dict[tuple[str, str, str], Estimate]:
    """r, accuracy and the difference of r of every level, all on the same resamples."""
    statistics: dict[str, Statistic] = {}
    wanted: dict[tuple[str, str, str], str] = {}
    for (factor, level), places in levels.items():
        first = codes.factors[factor][0]
        own, reference = compared.varying(places), compared.varying(levels[factor, first])
        of = {"r": mean_of(correlation, own), "accuracy": mean_of(accuracy, places)}
        if level != first:
            of["difference"] = difference_of_r(own, reference)
        for kind, statistic in of.items():
            wanted[kind, factor, level] = f"{kind}/{factor}/{level}"
            statistics[f"{kind}/{factor}/{level}"] = statistic
    found = compared.estimates(statistics, resamples=resamples, seed=seed)
    every = {(kind, *key): UNKNOWN for key in levels for kind in ("r", "accuracy", "difference")}
    return every | {key: found[name] for key, name in wanted.items()}


def _why(codes: Codes, judged: Outcomes, compared: Comparison, places: Array, r: Estimate) -> str:
    if not places.size:
        return "no cell of this level has codes"
    if not len(compared.per_unit):
        return "no unit is coded in every cell"
    if codes.criterion.note:
        return codes.criterion.note
    notes = []
    lost = len(places) - len(compared.varying(places))
    if not np.isfinite(judged.values["absolute_error"]).any():
        notes.append(judged.notes["absolute_error"])
    elif lost:
        notes.append(f"r is undefined in {lost} of {len(places)} cells, whose scores do not vary")
    elif not np.isfinite(r.ci_low):
        notes.append("no interval: r is undefined in too many resamples")
    bare = without_probabilities(codes, places)
    return joined([*notes, judged.notes["correct"], bare or judged.notes["brier"]])
