"""The tables of the multiverse: every specification, what they come to, and which choices matter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from study.inference.analyses import Study
from study.multiverse import specifications, summary, variance
from study.multiverse.instruments import Instrument, of_coders, of_experiment
from study.multiverse.specifications import Multiverse, same_texts
from study.validity.table import write_table


def main(
    *,
    multiverse: dict[str, Any] | None,
    analyses: dict[str, Any],
    coders: dict[str, Any],
    codebooks: dict[str, Any],
    experiments: dict[str, Any],
    gold: dict[str, Any],
    measures_files: list[Path],
    sample_files: list[Path],
    gold_files: list[Path],
    codings_files: list[Path],
    experiment_files: list[Path],
    specifications_file: Path,
    summary_file: Path,
    variance_file: Path,
    weight: str | None = None,
) -> None:
    """Write the three tables; a study without a multiverse has tables without rows.

    Parameters
    ----------
    multiverse
        That section of the configuration; null where there is none, and then no file is read.
    analyses
        The section, with the analysis in question.
    coders, codebooks
        {construct: {coder: type}}, {construct: level and values}.
    experiments
        {experiment: the coder whose settings are varied}.
    gold
        truth, probability and draw of the section `gold`.
    measures_files, sample_files, gold_files
        The table of measures, the sample and the gold sample: one file each.
    codings_files, experiment_files
        Named after coders, and after experiments.
    weight
        The column of survey weights.
    """
    made = {
        specifications_file: pd.DataFrame(columns=list(specifications.COLUMNS)),
        summary_file: pd.DataFrame(columns=list(summary.COLUMNS)),
        variance_file: pd.DataFrame(columns=list(variance.COLUMNS)),
    }
    if multiverse is not None:
        words = {"unit_id": str, "stratum": str, "part": str}
        drawn, chosen = (
            pd.read_csv(file, dtype=words, keep_default_na=False) for file in (*sample_files, *gold_files)
        )
        study = Study(
            measures=pd.read_parquet(measures_files[0]),
            kinds=coders,
            scales=codebooks,
            truth=gold["truth"],
            gold=chosen,
            drawn=drawn.set_index("unit_id")["probability"].astype(float),
            draw=gold["draw"],
            probability=gold["probability"],
            weight=weight,
        )
        settings = analyses[multiverse["analysis"]]
        instruments = _instruments(
            multiverse, settings["coded"], experiments, codings_files, experiment_files
        )
        found = Multiverse(
            multiverse["analysis"],
            same_texts(study, settings, instruments),
            instruments,
            multiverse["decisions"],
            multiverse["estimators"],
            multiverse["confident"],
        )
        reference = found.gold()
        table = found.table(multiverse["terms"], reference)
        made[specifications_file] = table
        made[summary_file] = summary.summary(table, reference)
        made[variance_file] = variance.variance(table)
    for file, rows in made.items():
        write_table(rows, file)


def _instruments(
    multiverse: dict[str, Any],
    constructs: list[str],
    experiments: dict[str, Any],
    codings_files: list[Path],
    experiment_files: list[Path],
) -> list[Instrument]:
    codings = {file.stem: pd.read_parquet(file) for file in codings_files}
    found = list(of_coders(multiverse["coders"], codings, constructs))
    cells = {file.stem: file for file in experiment_files}
    for name in multiverse["experiments"]:
        found += of_experiment(name, pd.read_parquet(cells[name]), experiments[name], codings, constructs)
    return found


if __name__ == "__main__":
    from study.job import run

    run(main)
