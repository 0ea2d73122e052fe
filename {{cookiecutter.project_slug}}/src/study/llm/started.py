"""How long a job has been starting: Snakemake reads the study anew in each one, and Python its packages."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

import psutil

MODES = ("remote", "subprocess")
"""What `--mode` of a Snakemake is that another one has started, for one job."""

JOB_IDS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID")
"""Where Slurm, PBS, LSF and Grid Engine say in which of their jobs a process is."""


def seconds(now: float | None = None) -> float:
    """Return the seconds since this job was started, to about one: Linux remembers its own start no better.

    Parameters
    ----------
    now
        Seconds since 1970; now by default.
    """
    return max(0.0, (time.time() if now is None else now) - first().create_time())


def first() -> psutil.Process:
    """Return the process with which this job began: this one, where nothing has started it as a job.

    An executor's job is a Snakemake that starts the program. Under Slurm it is two. The first asks Slurm to
    start the second, so that it is no parent of this process: it is known by its job and its target.
    """
    found = [psutil.Process()]
    for parent in psutil.Process().parents():
        with contextlib.suppress(psutil.Error):
            if target := _target(parent):
                found += [parent, *_of_the_same_job(target)]
    return min(found, key=psutil.Process.create_time)


def _target(process: psutil.Process) -> str | None:
    """Return what a Snakemake makes that was started for one job; None of any other process."""
    words = process.cmdline()
    if "--target-jobs" not in words or not any(_option(words, "--mode") == mode for mode in MODES):
        return None
    return _option(words, "--target-jobs")


def _option(words: list[str], name: str) -> str | None:
    """Return the word after a name."""
    place = words.index(name) + 1 if name in words else len(words)
    return words[place] if place < len(words) else None


def _of_the_same_job(target: str) -> Iterator[psutil.Process]:
    """Yield each Snakemake that has this target, in this job of a batch system."""
    for name in (name for name in JOB_IDS if name in os.environ):
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):  # other people's
                if _target(process) == target and process.environ().get(name) == os.environ[name]:
                    process.create_time()  # read now, and remembered: it may end
                    yield process
