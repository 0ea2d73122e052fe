"""Run every study of the gallery and write one index: `make gallery`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gallery import verdicts
from gallery.page import render
from gallery.run import Outcome, carry_out
from gallery.studies import ROOT, studies


def main(argv: Sequence[str] | None = None) -> int:
    """Run the studies one after the other; the exit status is 1 where one failed to run or to verify."""
    parser = argparse.ArgumentParser(prog="gallery", description="Run every study of the gallery.")
    parser.add_argument("names", nargs="*", help="of starters; all where none is named")
    parser.add_argument(
        "--folder", type=Path, help="where they are made (build/gallery, build/gallery-small)"
    )
    parser.add_argument("--small", action="store_true", help="at a small size")
    parser.add_argument("--cores", default="all")
    options = parser.parse_args(argv)
    known = {study.name: study for study in studies()}
    if unknown := [name for name in options.names if name not in known]:
        parser.error(f"there is no study '{unknown[0]}' in the gallery; there are {', '.join(known)}")
    folder = (options.folder or ROOT / "build" / ("gallery-small" if options.small else "gallery")).resolve()
    outcomes: list[Outcome] = []
    for name in options.names or known:
        print(f"{name} ...", flush=True)
        outcome = carry_out(known[name], folder, small=options.small, cores=options.cores)
        outcomes.append(outcome)
        print(f"  {_said(outcome)}", flush=True)
        if outcome.verified and not options.small:
            verdicts.write(outcome.study, outcome.claims)
        index = folder / "index.html"
        index.write_text(render(outcomes, folder), encoding="utf-8")
    print(f"The index: {index}")
    return 0 if all(outcome.verified for outcome in outcomes) else 1


def _said(outcome: Outcome) -> str:
    if outcome.verified:
        return f"{verdicts.counted(outcome.claims)}; verified; {outcome.seconds / 60:.1f} minutes"
    return ("not verified" if outcome.verified is False else "not run") + f":\n{outcome.problem}"


if __name__ == "__main__":
    sys.exit(main())
