"""Ask one model what an experiment's trials do not know yet."""

from __future__ import annotations

from pathlib import Path

from study.experiment.trials import Experiment, columns_of
from study.llm.coding import answer
from study.requests import read_units


def main(
    *,
    units: Path,
    sample: Path,
    trials: Path,
    name: str,
    model: dict,  # type: ignore[type-arg]
    store: Path,
    index: Path,
    threads: int = 2,
    root: Path = Path(),
) -> None:
    """Ask what is missing of the trials of one model, and write down where every response is.

    Parameters
    ----------
    name, model
        Of the model, and its entry as in the configuration's `models`.
    store, index
        The folder of responses, and the file that is to say in which segment each wanted response is.
    """
    experiment = Experiment.read(trials)
    table = read_units(units, ["unit_id", "text", "text_sha256"], columns_of(experiment))
    tasks = [task for trial, task in experiment.tasks(table, sample) if trial.model == name]
    answer(tasks, model, store=store, index=index, threads=threads, root=root)


if __name__ == "__main__":
    from study.job import run

    run(main)
