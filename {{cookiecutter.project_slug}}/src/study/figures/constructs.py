"""Draw the six kinds of figures of every construct in one program: each process takes a second to start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from study.coded import of_distributions, read_codings
from study.figures import aggregate, agreement, calibration, errors, labels, scatter, style


def main(
    *,
    measures_file: Path,
    codings_files: list[Path],
    agreement_file: Path,
    calibration_file: Path,
    error_levels_file: Path,
    aggregate_file: Path,
    folder: Path,
    coders: dict[str, Any],
    codebooks: dict[str, Any],
    compare: dict[str, Any],
    published: list[Any],
) -> None:
    """Draw the figures of every construct: KIND_CONSTRUCT.png and .pdf in the folder.

    The codings' file names are the coders' names. `coders` maps construct to coder to type, `codebooks`
    construct to its level and its labels' values; `compare` is that section of the configuration, `published`
    what is marked beside the study's own figures.
    """
    measures = pd.read_parquet(measures_file)
    codings = read_codings(codings_files, of_distributions)
    criterion, by = compare["criterion"], compare["by"]
    agreement.draw(
        style.read_table(agreement_file),
        folder,
        coders=coders,
        codebooks=codebooks,
        criterion=criterion,
        published=published,
    )
    scatter.draw(measures, folder, coders=coders, codebooks=codebooks, criterion=criterion, by=by)
    labels.draw(
        measures,
        codings,
        folder,
        coders=coders,
        codebooks=codebooks,
        criterion=criterion,
        by=by,
        thresholds=compare["thresholds"],
    )
    calibration.draw(style.read_table(calibration_file), folder, coders=coders, criterion=criterion)
    levels = style.read_table(error_levels_file, errors.WORDS)
    errors.draw(levels, folder, coders=coders, criterion=criterion, error_by=compare["error_by"] or [])
    means = style.read_table(aggregate_file, aggregate.WORDS)
    aggregate.draw(means, folder, coders=coders, criterion=criterion, by=by)


if __name__ == "__main__":
    from study.job import run

    run(main)
