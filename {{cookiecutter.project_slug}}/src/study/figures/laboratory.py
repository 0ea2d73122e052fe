"""Draw the experiments: effects of all factors, sparsity curve, rationale contrasts, places of labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from study.figures import style
from study.figures.effects import effects_figure
from study.figures.positions import positions_figure
from study.figures.rationale import rationale_figure
from study.figures.sparsity import sparsity_figure
from study.report import experiment as experiments_
from study.report.experiment import Experiment

KINDS: dict[str, Callable[[Experiment, Mapping[str, str]], Figure]] = {
    "effects": effects_figure,
    "sparsity": sparsity_figure,
    "rationale": rationale_figure,
    "positions": lambda experiment, _: positions_figure(experiment),
}
"""Kind of figure, and what draws it; `study.report.factors.kinds` says which an experiment has."""


def main(
    *,
    cells_file: Path,
    levels_file: Path,
    effects_file: Path,
    flips_file: Path,
    positions_file: Path,
    png_files: list[Path],
    pdf_files: list[Path],
    drawn: list[Any],
    experiments: dict[str, Any],
    coders: dict[str, Any],
) -> None:
    """Draw every figure of `drawn`, a list of kind and experiment in the order of the files.

    `experiments` is that section of the configuration, `coders` maps coder to type.
    """
    files = {
        "cells": cells_file,
        "levels": levels_file,
        "effects": effects_file,
        "flips": flips_file,
        "positions": positions_file,
    }
    tables = {f"experiment_{kind}": experiments_.read(file) for kind, file in files.items()}
    found = {name: experiments_.of(tables, name, settings) for name, settings in experiments.items()}
    names = [name for one in found.values() for name in (*one.constructs, *map(str, one.factors.values()))]
    with style.theme([*coders, *names]):
        for (kind, name), png_file, pdf_file in zip(drawn, png_files, pdf_files, strict=True):
            style.save(KINDS[kind](found[name], coders), png_file, pdf_file)


if __name__ == "__main__":
    from study.job import run

    run(main)
