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
    """Return the seconds since this job was started, or this process where nothing has started it as a job.

    An executor's job is a Snakemake that starts the program. Under Slurm it is two. The first asks Slurm to
    start the second, so that it is no parent of this process: it is known by its job and its target.

    Parameters
    ----------
    now
        Seconds since 1970; now by default.
    """
    me = psutil.Process()
    start = me.create_time()
    for parent in me.parents():
        with contextlib.suppress(psutil.Error):
            target = _target(parent)
            if target:
                start = min(start, parent.create_time(), *_of_the_same_job(target))
    return max(0.0, (time.time() if now is None else now) - start)


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


def _of_the_same_job(target: str) -> Iterator[float]:
    """Yield when each Snakemake was started that has this target, in this job of a batch system."""
    for name in (name for name in JOB_IDS if name in os.environ):
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):  # other people's
                if _target(process) == target and process.environ().get(name) == os.environ[name]:
                    yield process.create_time()
