"""Would recalibration on the criterion mend a coder's probabilities? `crossfit_calibration`, tabulated.

Classes are those of `calibration`: the signs of the labels' values, or the labels of a nominal construct. The
maps are learnt and judged on different units, so the figures are those of new texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from study.coded import of_distributions, read_codings
from study.errors import StudyError
from study.validity.calibration import (
    calibration_table,
    class_probabilities,
    is_coded,
    label_distributions,
)
from study.validity.classification import criterion_classes
from study.validity.crossfit_calibration import STATED, cross_fitted_calibration
from study.validity.subsets import POOLED, subsets
from study.validity.table import write_table

COLUMNS = [
    "construct", "domain", "subset", "measure", "method", "n", "accuracy", "ece", "brier", "brier_change",
    "ci_low", "ci_high", "note",
]  # fmt: skip
KEYS = ["construct", "domain", "subset", "measure"]
METHODS = ("platt", "isotonic", "temperature")
FOLDS = 5
NO_PROBABILITIES = "not available: the labels have no probabilities"
LEAST_UNITS = 50
"""With fewer, a map learnt on four fifths of them says little."""


def recalibration_table(
    measures: pd.DataFrame,
    codings: Mapping[str, pd.DataFrame],
    coders: Mapping[str, Mapping[str, str]],
    codebooks: Mapping[str, Mapping[str, Any]],
    *,
    criterion: str | None,
    thresholds: Sequence[float] = (0, 0),
    resamples: int = 2000,
    seed: int = 1,
) -> pd.DataFrame:
    """Recalibrate every coder with label probabilities, over all domains together.

    Parameters
    ----------
    measures, codings, coders, codebooks, criterion, thresholds
        See `calibration.calibration_table`.
    resamples, seed
        Of the bootstrap over units; the seed is that of the folds too.

    Returns
    -------
    One row a method, 'none' (as stated) first; brier_change is the difference from 'none', below zero is
    better. One row with a note where a coder's probabilities cannot be recalibrated, or a server gives none.
    """
    rows: list[dict[str, object]] = []
    for subset in subsets(measures, coders, criterion=criterion, by=None):
        book = codebooks[subset.construct]
        classes, by_label = criterion_classes(
            subset.units, subset.construct, subset.criterion, book["level"], thresholds
        )
        truth = pd.Series(classes, index=subset.units["unit_id"].to_numpy(), dtype=object).dropna()
        for measure in subset.measures:
            if measure not in codings or not book.get("values"):
                continue
            stated = label_distributions(codings[measure], subset.construct, list(book["values"]))
            key = subset.key | {"domain": POOLED, "measure": measure}
            if stated is None:
                if is_coded(codings[measure], subset.construct, list(book["values"])):
                    rows.append(key | {"method": STATED, "n": 0, "note": NO_PROBABILITIES})
                continue
            summed, _ = class_probabilities(stated, book["values"], thresholds, by_label=by_label)
            rows += [key | row for row in _recalibrated(summed, truth, resamples=resamples, seed=seed)]
    # Sorted by all but the method, whose order says what is compared with what.
    return pd.DataFrame(rows, columns=COLUMNS).sort_values(KEYS, kind="stable", ignore_index=True)


def _recalibrated(
    probabilities: pd.DataFrame, truth: pd.Series, *, resamples: int, seed: int
) -> list[dict[str, object]]:
    n = int(probabilities.index.isin(truth.index).sum())
    if n < LEAST_UNITS:
        note = f"{n} units have probabilities and a class of the criterion; {LEAST_UNITS} are needed"
        return [{"method": STATED, "n": n, "note": note}]
    try:
        found = cross_fitted_calibration(
            probabilities, truth, methods=METHODS, folds=FOLDS, seed=seed, resamples=resamples
        )
    except StudyError as error:
        said = error.problem.rstrip(".")
        return [{"method": STATED, "n": n, "note": said[:1].lower() + said[1:]}]
    return [{str(k): v for k, v in row.items()} | {"note": ""} for row in found.scores.to_dict("records")]


def main(
    *,
    measures_file: Path,
    codings_files: list[Path],
    table_file: Path,
    recalibration_file: Path,
    coders: dict[str, Any],
    codebooks: dict[str, Any],
    compare: dict[str, Any],
) -> None:
    """Write the table of calibration, and that of recalibration.

    The codings' file names are the coders' names. `coders` maps construct to coder to type, `codebooks`
    construct to its level and its labels' values; `compare` is that section of the configuration.
    """
    measures = pd.read_parquet(measures_file)
    codings = read_codings(codings_files, of_distributions)
    common: dict[str, Any] = {"criterion": compare["criterion"], "thresholds": compare["thresholds"]}
    found = calibration_table(measures, codings, coders, codebooks, by=compare.get("by"), **common)
    write_table(found, table_file)
    common |= {"resamples": compare["bootstrap"], "seed": compare["seed"]}
    write_table(recalibration_table(measures, codings, coders, codebooks, **common), recalibration_file)


if __name__ == "__main__":
    from study.job import run

    run(main)
