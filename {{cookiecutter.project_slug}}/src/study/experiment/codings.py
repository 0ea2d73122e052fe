"""The codings of an experiment's trials: a view on the store of responses, made without the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from study.codebook import Codebook
from study.codings import coding_table, read_index
from study.experiment.factors import FACTORS
from study.experiment.trials import Experiment, Trial, columns_of
from study.instrument import Question
from study.requests import read_units
from study.responses import Responses
from study.store import ResponseStore

QUOTING = ("rationale", "spans")
"""Columns in which a model may quote a text: an experiment compares codes."""


def trial_codings(table: pd.DataFrame, trial: Trial, experiment: str) -> pd.DataFrame:
    """Return the coding table of one trial as an experiment has it.

    Parameters
    ----------
    table
        As `study.codings.coding_table` returns it.

    Returns
    -------
    DataFrame
        experiment, cell, a column for each factor, then those of the coding table without `coder` and without
        what may quote a text; `offered` is the JSON list of the labels in the order in which they were
        offered, missing where several orders were averaged or there are no labels.
    """
    asked = {question.construct: question for question in trial.instrument.questions}
    offered = [
        None if construct not in asked else _offered(asked[construct], digest)
        for construct, digest in zip(table["construct"], table["text_sha256"], strict=True)
    ]
    kept = table.drop(columns=["coder", *QUOTING], errors="ignore")
    kept = kept.assign(offered=pd.Series(offered, dtype="str", index=kept.index))
    own = {"experiment": experiment, "cell": trial.cell, **{name: trial.levels[name] for name in FACTORS}}
    return pd.concat([pd.DataFrame(own, index=kept.index), kept], axis=1)


def _offered(question: Question, text_sha256: str) -> str | None:
    orders = question.orders(text_sha256) if question.kind == "choice" else []
    return json.dumps([question.labels[i] for i in orders[0]]) if len(orders) == 1 else None


def main(
    *,
    units: Path,
    sample: Path,
    trials: Path,
    codebooks: list,  # type: ignore[type-arg]
    indexes: list[Path],
    store: Path,
    codings: Path,
) -> None:
    """Write the codings of one experiment, trial after trial."""
    experiment = Experiment.read(trials)
    books: Mapping[str, Codebook] = {book.construct: book for book in map(Codebook.from_dict, codebooks)}
    columns = ["unit_id", "text_sha256"]
    if experiment.changes_texts or any(book.type == "extract" or book.calibration for book in books.values()):
        columns.append("text")
    table = read_units(units, columns, columns_of(experiment))
    where, kept = read_index(indexes), ResponseStore(store)
    parts = [
        trial_codings(
            coding_table(task, books, Responses.read(task, where, kept, indexes[0])),
            trial,
            experiment.name,
        )
        for trial, task in experiment.tasks(table, sample)
    ]
    result = pd.concat(parts, ignore_index=True)
    result = result.sort_values(["cell", "construct", "unit_id", "repeat"], kind="stable")
    result.to_parquet(codings, index=False)


if __name__ == "__main__":
    from study.job import run

    run(main)
