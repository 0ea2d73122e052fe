"""Write down an experiment's trials: every combination of levels as an instrument, without asking a model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from study.codebook import Codebook
from study.experiment.design import asked_with, cells
from study.experiment.models import levels_of, model_of
from study.experiment.trials import Experiment, Trial
from study.instrument import build


def trials(
    settings: Mapping[str, Any],
    codebooks: Sequence[Mapping[str, Any]],
    models: Mapping[str, Mapping[str, Any]],
    cards: Mapping[str, Mapping[str, Any]],
) -> list[Trial]:
    """Return the trials of an experiment.

    Parameters
    ----------
    settings
        coder, base (factor -> level where nothing is varied), factors, fraction, context, too_long.
    codebooks
        The codebook of each construct that is asked about, as `study.config.load` returns them.
    models
        The entries of `models` in the configuration.
    cards
        Name -> card of every model that a trial asks.
    """
    found = []
    for number, varied in enumerate(cells(settings["factors"], settings["fraction"]), start=1):
        levels = levels_of(settings["base"], varied, models)
        model, _ = model_of(levels, models)
        books = [Codebook.from_dict(asked_with(book, levels)) for book in codebooks]
        instrument = build(
            books,
            settings["coder"],
            dict(cards[model]),
            context=settings["context"],
            too_long=settings["too_long"],
            temperature=levels["temperature"],
        )
        found.append(Trial(number, levels, model, instrument))
    return found


def main(
    *,
    experiment: str,
    settings: dict,  # type: ignore[type-arg]
    codebooks: list,  # type: ignore[type-arg]
    models: dict,  # type: ignore[type-arg]
    cards: list[Path],
    trials_file: Path,
) -> None:
    """Write the trials of one experiment.

    Parameters
    ----------
    settings
        See `trials`; and which, column, texts, repeats, mask.
    """
    read = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in cards}
    books = [Codebook.from_dict(book) for book in codebooks]
    references = [text for book in books if book.calibration for text in book.calibration["texts"]]
    written = Experiment(
        name=experiment,
        which=settings["which"],
        column=settings["column"],
        texts=settings["texts"],
        repeats=settings["repeats"],
        mask=settings["mask"],
        references=list(dict.fromkeys(references)),
        trials=trials(settings, codebooks, models, read),
    )
    trials_file.write_text(written.to_json(), encoding="utf-8")


if __name__ == "__main__":
    from study.job import run

    run(main)
