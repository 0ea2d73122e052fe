"""The tables of the laboratory: what a study's experiments on language models found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from study.experiment import cells, effects, flips, levels, positions, stability, variance
from study.experiment.grid import read_codes
from study.experiment.outcomes import outcomes
from study.validity.table import write_table

COLUMNS = {
    "cells": cells.COLUMNS,
    "levels": levels.COLUMNS,
    "effects": effects.COLUMNS,
    "variance": variance.COLUMNS,
    "flips": flips.COLUMNS,
    "stability": stability.COLUMNS,
    "positions": positions.COLUMNS,
}


def experiment_tables(
    experiments: Mapping[str, pd.DataFrame],
    settings: Mapping[str, Mapping[str, Any]],
    measures: pd.DataFrame,
    codebooks: Mapping[str, Mapping[str, Any]],
    *,
    criterion: str | None,
    thresholds: Sequence[float] = (0, 0),
    correction: str = "holm",
    resamples: int = 2000,
    seed: int = 1,
) -> dict[str, pd.DataFrame]:
    """Tabulate all experiments.

    Parameters
    ----------
    experiments
        Name -> its codes, one row a cell, unit, construct and repeat; see `grid.read_codes`.
    settings
        Name -> 'factors': {factor: levels, the reference first}.
    measures
        The wide table of measures.
    codebooks
        construct -> 'level', 'values', 'classes', 'type'. Constructs that are not in it, such as a multilabel
        file as a whole, have no rows.
    criterion, thresholds, correction
        See the section `compare` of the configuration.
    resamples, seed
        Of the bootstraps over units.

    Returns
    -------
    Name of the table (without 'experiment_') -> the table; of a study without experiments, columns alone.
    """
    blocks: dict[str, list[pd.DataFrame]] = {name: [] for name in COLUMNS}
    options = {"resamples": resamples, "seed": seed}
    low, high = thresholds
    for experiment, rows in sorted(experiments.items()):
        for construct in sorted(set(rows["construct"]) & set(codebooks)):
            codes = read_codes(
                rows,
                experiment=experiment,
                construct=construct,
                factors=settings[experiment]["factors"],
                scale=codebooks[construct],
                measures=measures,
                criterion=criterion,
                thresholds=(low, high),
            )
            judged = outcomes(codes, (low, high))
            blocks["cells"].append(cells.experiment_cells(codes, judged, **options))
            blocks["levels"].append(levels.experiment_levels(codes, judged, **options))
            blocks["effects"].append(effects.experiment_effects(codes, judged, correction=correction))
            blocks["variance"].append(variance.experiment_variance(codes, judged, **options))
            blocks["flips"].append(flips.experiment_flips(codes, judged, **options))
            blocks["stability"].append(stability.experiment_stability(codes, **options))
            blocks["positions"].append(positions.experiment_positions(codes, **options))
    return {
        name: pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=COLUMNS[name])
        for name, found in blocks.items()
    }


def main(
    *,
    measures_file: Path,
    experiment_files: list[Path],
    cells_file: Path,
    levels_file: Path,
    effects_file: Path,
    variance_file: Path,
    flips_file: Path,
    stability_file: Path,
    positions_file: Path,
    experiments: dict[str, Any],
    codebooks: dict[str, Any],
    compare: dict[str, Any],
) -> None:
    """Write the tables of all experiments; headers alone where a study has none.

    A file's name is that of its experiment. `experiments` maps it to its factors, `codebooks` construct to
    its level and the values of its labels; `compare` is that section of the configuration.
    """
    found = experiment_tables(
        {file.stem: pd.read_parquet(file) for file in experiment_files},
        experiments,
        pd.read_parquet(measures_file) if experiment_files else pd.DataFrame(),
        codebooks,
        criterion=compare["criterion"],
        thresholds=compare["thresholds"],
        correction=compare["correction"],
        resamples=compare["bootstrap"],
        seed=compare["seed"],
    )
    files = {
        "cells": cells_file,
        "levels": levels_file,
        "effects": effects_file,
        "variance": variance_file,
        "flips": flips_file,
        "stability": stability_file,
        "positions": positions_file,
    }
    for name, file in files.items():
        write_table(found[name], file)


if __name__ == "__main__":
    from study.job import run

    run(main)
