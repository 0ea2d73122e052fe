"""Repeat, summarise, and show in the documentation: `make certificate`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from certificate.cells import run

ROOT = Path(__file__).resolve().parents[2]


def main(argv: Sequence[str] | None = None) -> None:
    """Compute what is missing; with all replicates, write the documentation's table and figure."""
    parser = argparse.ArgumentParser(prog="certificate", description="Estimators where the truth is known.")
    parser.add_argument("--replicates", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1, help="cells at a time; no figure depends on it")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "certificate", help="finished cells")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="where table and figure go")
    parser.add_argument("--keep", action="store_true", help="keep cells that other code computed")
    options = parser.parse_args(argv)
    rows = run(
        options.folder,
        options.replicates,
        seed=options.seed,
        processes=options.processes,
        keep=options.keep,
    )
    from certificate.page import write

    write(rows, options.docs)


if __name__ == "__main__":
    main()
