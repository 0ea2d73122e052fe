"""Measure, and show in the documentation: `make scale`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from scale.steps import ROOT, SIZES, measure


def main(argv: Sequence[str] | None = None) -> None:
    """Measure what is missing; with all sizes, write the documentation's table and figure."""
    parser = argparse.ArgumentParser(prog="scale", description="What a study costs, by its number of texts.")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of texts")
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "build" / "scale", help="studies, finished steps"
    )
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="where table and figure go")
    parser.add_argument("--keep", action="store_true", help="keep steps that other code took")
    options = parser.parse_args(argv)
    table = measure(options.folder, options.sizes, keep=options.keep)
    if set(SIZES) <= set(options.sizes):
        from scale.page import write

        write(table, options.docs)


if __name__ == "__main__":
    main()
