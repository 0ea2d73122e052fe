"""The cells of the certificate, each of them many replicates, and what was found in them.

A finished cell is a file, so that an interrupted run goes on where it was. The file's first line names the
code that found it: after a change of the estimators cells are computed anew.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

import study.inference
from certificate.corpora import REGRESSIONS, corpus, with_gold
from certificate.estimators import ESTIMATORS

GOLD = (100, 250, 500, 1000)
GOLD_WITHOUT_ERRORS = (100, 500)
LIKELIHOOD = {"covariate": {"strong": (100, 500), "curved": (500,)}}
LIKELIHOOD["category"] = LIKELIHOOD["covariate"]
"""The slowest estimator is not repeated everywhere: regression -> kind of errors -> hand-coded units."""
BY_TRUTH = ("strong", 500)
"""Where the likelihood is told that errors depend on the truth alone."""


@dataclass(frozen=True)
class Cell:
    """A regression, a kind of errors, a size of the hand-coded sample (0: naive, which uses none)."""

    regression: str
    errors: str
    gold: int

    @property
    def name(self) -> str:
        """What the file is called."""
        return f"{self.regression}-{self.errors}-{self.gold}"

    @property
    def estimators(self) -> list[str]:
        """The names of those that are tried here."""
        if self.gold == 0:
            return ["naive"]
        of = REGRESSIONS[self.regression]
        tried = ["gold only", "DSL"]
        if of.predicted == "y":
            tried.append("PPI++")
        if self.gold in LIKELIHOOD.get(self.regression, {}).get(self.errors, ()):
            tried.append("likelihood")
            if (self.errors, self.gold) == BY_TRUTH:
                tried.append("likelihood, errors by truth alone")
        return tried


CELLS = [
    Cell(regression, errors, gold)
    for regression, of in REGRESSIONS.items()
    for errors in of.errors
    for gold in (0, *(GOLD_WITHOUT_ERRORS if errors == "none" else GOLD))
]


def repeat(
    cell: Cell, replicates: range, *, seed: int = 1, estimators: Sequence[str] | None = None
) -> pd.DataFrame:
    """Estimate in every replicate: a row an estimator and replicate, with estimate, ci_low and ci_high."""
    of = REGRESSIONS[cell.regression]
    rows = []
    for replicate in replicates:
        data = with_gold(corpus(cell.regression, cell.errors, replicate, seed=seed), of.predicted, cell.gold)
        for name in estimators or cell.estimators:
            found = ESTIMATORS[name](of, data)
            rows.append({"replicate": replicate, "estimator": name, **found._asdict()})
    return pd.DataFrame(rows)


def fingerprint() -> str:
    """Return the sha256 of all that decides what a cell holds."""
    package = Path(__file__).parent
    inference = Path(str(study.inference.__file__)).parent
    sources = [package / "corpora.py", package / "estimators.py", *sorted(inference.glob("*.py"))]
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


def finished(folder: Path, cell: Cell, replicates: int, code: str | None) -> pd.DataFrame | None:
    """Return a cell's rows if they are there, by this code (None: by any) and enough of them."""
    file = folder / f"{cell.name}.csv"
    if not file.is_file():
        return None
    with file.open(encoding="utf-8") as lines:
        said = lines.readline().removeprefix("#").strip()
        found = pd.read_csv(lines)
    complete = set(found["estimator"]) == set(cell.estimators) and found["replicate"].nunique() >= replicates
    return found[found["replicate"] < replicates] if complete and code in (None, said) else None


def _write(folder: Path, cell: Cell, replicates: int, seed: int, code: str) -> float:
    began = time.process_time()
    rows = repeat(cell, range(replicates), seed=seed)
    part = folder / f"{cell.name}.part"
    part.write_text(f"# {code}\n" + rows.to_csv(index=False), encoding="utf-8")
    part.rename(folder / f"{cell.name}.csv")
    return time.process_time() - began


def run(
    folder: Path, replicates: int, *, seed: int = 1, processes: int = 1, keep: bool = False
) -> pd.DataFrame:
    """Compute the cells that are missing, and return the rows of all.

    Parameters
    ----------
    folder
        Of the finished cells.
    replicates, seed
        How many corpora in a cell; of all chance.
    processes
        How many cells are computed at a time; figures do not depend on it.
    keep
        Keep finished cells also where code changed after them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    code = fingerprint()
    missing = [cell for cell in CELLS if finished(folder, cell, replicates, None if keep else code) is None]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(_write, folder, cell, replicates, seed, code): cell for cell in missing}
        for number, done in enumerate(as_completed(waiting), start=1):
            print(
                f"{number} of {len(missing)}: {waiting[done].name}, {done.result():.0f} CPU-seconds",
                file=sys.stderr,
                flush=True,
            )
    parts = []
    for cell in CELLS:
        rows = finished(folder, cell, replicates, None if keep else code)
        if rows is None:
            raise SystemExit(f"{cell.name} changed while it was computed: run again.")
        parts.append(rows.assign(regression=cell.regression, errors=cell.errors, gold=cell.gold))
    return pd.concat(parts, ignore_index=True)
