"""An experiment's trials: each combination of levels as an instrument of its own, and what it is asked.

A file of trials says everything that asking, tabulating and verifying need, so that none of them can differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from study.digest import text_sha256
from study.errors import StudyError
from study.experiment.surface import AS_WRITTEN, changed
from study.instrument import Instrument
from study.requests import Task, chosen, in_column, requests, texts_of
from study.sample import draw


@dataclass(frozen=True)
class Trial:
    """One combination of levels.

    Attributes
    ----------
    cell
        Its number in the design, from 1.
    levels
        factor -> level, of every factor; what is not varied has the level of the coder's own settings.
    model
        The name of the model that is asked, see `study.experiment.design.derived_model`.
    instrument
        How it is asked.
    """

    cell: int
    levels: dict[str, Any]
    model: str
    instrument: Instrument


@dataclass(frozen=True)
class Experiment:
    """The trials of one experiment, and on which texts they are made.

    Attributes
    ----------
    name
        In the configuration.
    which
        The coder's texts: 'sample' or 'all'.
    column
        The column of the corpus that the coder reads in place of the texts; None: the texts.
    texts
        Those of the texts that are used: 'all', or n, by and seed of a draw.
    repeats
        How often a text is asked about where answers are drawn by chance.
    mask
        The words that the surface 'masked' replaces.
    references
        The texts that the codebook's calibration compares with.
    trials
        In the order of the design.
    """

    name: str
    which: str
    column: str | None
    texts: str | dict[str, Any]
    repeats: int
    mask: list[str]
    references: list[str]
    trials: list[Trial]

    @property
    def changes_texts(self) -> bool:
        """Whether any trial shows a text otherwise than it was written."""
        return any(trial.levels["surface"] != AS_WRITTEN for trial in self.trials)

    def to_json(self) -> str:
        """Write the experiment as JSON."""
        record = {key: value for key, value in vars(self).items() if key != "trials"}
        trials = [
            {
                "cell": trial.cell,
                "levels": trial.levels,
                "model": trial.model,
                "instrument": json.loads(trial.instrument.to_json()),
            }
            for trial in self.trials
        ]
        return json.dumps({**record, "trials": trials}, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def read(cls, path: Path) -> Experiment:
        """Read what `to_json` wrote.

        Raises
        ------
        StudyError
            When the file is none of an experiment, or was edited.
        """
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            trials = [
                Trial(
                    cell=each["cell"],
                    levels=each["levels"],
                    model=each["model"],
                    instrument=Instrument.from_record(each["instrument"], path),
                )
                for each in record.pop("trials")
            ]
            return cls(trials=trials, **record)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StudyError(
                "These are no trials of an experiment.",
                file=path,
                found=f"{type(error).__name__}: {error}",
                hint="Delete the file and run again.",
            ) from error

    def tasks(self, table: pd.DataFrame, sample: Path) -> Iterator[tuple[Trial, Task]]:
        """Yield each trial with what its instrument is to be asked.

        Parameters
        ----------
        table
            All units: unit_id, text_sha256, text where the model is to be asked or texts are changed, and the
            covariates by which texts are drawn.
        sample
            The file with the ids of the sample.
        """
        units = chosen(table, sample, self.which)
        drawn = set(draw(units, self.texts)["unit_id"])
        units = in_column(units[units["unit_id"].isin(drawn)].reset_index(drop=True), self.column)
        shown: dict[str, pd.DataFrame] = {}
        for trial in self.trials:
            surface = str(trial.levels["surface"])
            if surface not in shown:
                shown[surface] = self._shown(units, surface)
            repeats = self.repeats if trial.levels["temperature"] else 1
            wanted = list(requests(shown[surface], trial.instrument, repeats=repeats))
            yield trial, Task(trial.instrument, shown[surface], wanted)

    def _shown(self, units: pd.DataFrame, surface: str) -> pd.DataFrame:
        """Return the texts as a trial shows them, the reference texts of a calibration after them."""
        if surface != AS_WRITTEN:
            texts = [changed(text, surface, self.mask) for text in units["text"]]
            units = units.assign(text=texts, text_sha256=[text_sha256(text) for text in texts])
        return texts_of(units, self.references)


def columns_of(experiment: Experiment) -> list[str]:
    """Return the columns of the corpus by which an experiment draws texts, and the one that it reads."""
    by = None if isinstance(experiment.texts, str) else experiment.texts["by"]
    drawn = [by] if isinstance(by, str) else list(by or [])
    return [*drawn, *([] if experiment.column is None else [experiment.column])]
