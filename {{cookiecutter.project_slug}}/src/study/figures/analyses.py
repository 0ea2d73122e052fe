"""Draw both kinds of figures of every analysis in one program: each process takes a second to start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from study.figures import estimates, planning


def main(
    *,
    table_files: list[Path],
    planning_file: Path,
    folder: Path,
    coders: dict[str, Any],
    coded: dict[str, Any],
    expected: dict[str, Any],
) -> None:
    """Draw the figures of every analysis: KIND_ANALYSIS.png and .pdf in the folder.

    The tables' file names are the analyses' names. `coders` maps coder to type, `coded` the analysis to the
    constructs that codes stand for, and `expected` a hypothesis to its analysis and term.
    """
    tables = {file.stem: estimates.read_table(file) for file in table_files}
    estimates.draw(tables, folder, coders=coders, coded=coded, expected=expected)
    curves = planning.read_table(planning_file)
    planning.draw(curves, folder, names=list(tables), coders=coders, expected=expected)


if __name__ == "__main__":
    from study.job import run

    run(main)
