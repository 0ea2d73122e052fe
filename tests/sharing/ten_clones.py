"""Ten fresh clones of the small demo, two from each kind of remote, at different paths."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from end_to_end.shared_study import clone, make, snapshot
from end_to_end.studies import run, snakemake
from sharing.kinds import ALL
from sharing.server import Server

PLACES = ("here", "a longer place/with spaces/and ünïcode")


@dataclass(frozen=True)
class Cloned:
    """A clone with its data: which server they came from, and what Snakemake said of it first."""

    server: str
    folder: Path
    said: str


def ten_clones(folder: Path, start: Callable[[type[Server]], Server]) -> list[Cloned]:
    """Generate the study, run it once, push it to each remote, and clone and pull it twice from there."""
    study = make(folder, snapshot(folder))
    found = []
    for kind in ALL:
        server = start(kind)
        server.clear()
        branch = kind.name
        run(study, "git", "checkout", "--quiet", "-b", branch, "main")
        (study / ".dvc/config.local").unlink(missing_ok=True)
        server.configure(study)
        run(study, "dvc", *server.push, "--quiet")
        for place in PLACES:
            copy = clone(study, folder / branch / place / "study")
            server.log_in(copy)
            run(copy, "dvc", "pull", "--quiet")
            shuffle_times(copy, seed=len(found))
            found.append(Cloned(server.name, copy, snakemake(copy).stderr))
    return found


def shuffle_times(study: Path, seed: int) -> None:
    """Give all files times in a random order, since nobody chooses in which order they are written."""
    files = [path for path in sorted(study.rglob("*")) if path.is_file() and ".git" not in path.parts]
    random.Random(seed).shuffle(files)
    for number, path in enumerate(files):
        os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))
