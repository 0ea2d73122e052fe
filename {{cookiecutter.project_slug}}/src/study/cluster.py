"""Whether Slurm can be given jobs, and asked what became of them, before the first one is submitted.

Snakemake's plugin for Slurm does not look. Where it asks an accounting that is not there, it never learns
that a job has ended, and waits for it without a word.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from study.errors import StudyError

PATIENCE = 30.0
"""Seconds that one of Slurm's commands may take."""

LONGEST_PAUSE = 180
"""Seconds that Snakemake's plugin lets pass at most before it looks again what became of its jobs."""

_COMMAND = "snakemake --profile workflow/profiles/slurm"
_NOTHING = "Nothing was submitted."
_WITHOUT = "Without a cluster, run 'snakemake' without '--profile workflow/profiles/slurm'."


def check_threads(threads: int, cores: int | None) -> None:
    """Make sure that Snakemake does not silently give jobs fewer threads than they are to have.

    Parameters
    ----------
    threads, cores
        What a job is to have, and the most that Snakemake gives one: by default, as many as the machine has
        that submits; None is no limit.

    Raises
    ------
    StudyError
        When it would.
    """
    if cores is not None and threads > cores:
        raise StudyError(
            f"Each coding job is to have {threads} threads. Snakemake gives a job no more than the machine"
            f" has from which it is submitted, and that has {cores}.",
            file="config/study.yaml",
            key="coding.threads",
            found=threads,
            hint=f"{_NOTHING} Run the same command with '--cores {threads}': it lets jobs have as many.",
        )


def check_slurm(folder: Path, status_command: str | None) -> str:
    """Make sure that jobs can be submitted and followed, and that none of this study is under way.

    Parameters
    ----------
    folder
        Of the study.
    status_command
        How Snakemake is to follow jobs: 'sacct' asks Slurm's accounting, 'squeue' (and None) its controller.

    Returns
    -------
    str
        A sentence for the log, or ''.

    Raises
    ------
    StudyError
        When something would go wrong.
    """
    age = _seconds_remembered()
    accounting = _said("sacct", "--allocations", "--noheader", "--format=JobIdRaw,State", "--starttime=now")
    if status_command == "sacct":
        _refuse_to_wait_for_accounts(accounting)
    elif age <= LONGEST_PAUSE:
        raise StudyError(
            f"This Slurm forgets a job {age} seconds after its end, and Snakemake may look only every"
            f" {LONGEST_PAUSE} seconds: it would wait for ever.",
            key="MinJobAge",
            found=age,
            hint=f"{_NOTHING} "
            + (
                f"This Slurm keeps accounts: run '{_COMMAND} --slurm-status-command sacct'."
                if accounting.returncode == 0
                else "Ask those who run the cluster to set MinJobAge to 300, which is the default."
            ),
        )
    if under_way := _under_way(folder):
        raise StudyError(
            "Coding jobs of this study are with Slurm already, from a Snakemake that was killed or runs"
            " elsewhere: what they are at would be asked twice.",
            found=", ".join(under_way),
            hint=f"{_NOTHING} Wait until 'squeue --me' no longer lists them, or stop them with"
            f" 'scancel {' '.join(under_way)}'; what they have asked is kept.",
        )
    if accounting.returncode and status_command != "sacct":
        return "This Slurm keeps no accounts of its jobs; squeue says what becomes of them."
    return ""


def _seconds_remembered() -> int:
    """Return for how many seconds after its end the controller knows a job; make sure that there is one."""
    if shutil.which("sbatch") is None:
        raise StudyError(
            "Coding jobs are to go to Slurm, and there is no 'sbatch' on this machine's path.",
            hint="Run this where you submit jobs: a login node, on some clusters after 'module load slurm'."
            f" {_WITHOUT}",
        )
    settings = _said("scontrol", "show", "config")
    age = re.search(r"^MinJobAge\s*=\s*(\d+)", settings.stdout, re.MULTILINE)
    if settings.returncode or age is None:
        raise StudyError(
            "Coding jobs are to go to Slurm, and its controller does not answer.",
            found=_reason(settings),
            hint=f"{_NOTHING} If 'sinfo' says the same, ask those who run the cluster. {_WITHOUT}",
        )
    return int(age[1])


def _refuse_to_wait_for_accounts(accounting: subprocess.CompletedProcess[str]) -> None:
    if accounting.returncode:
        raise StudyError(
            "Snakemake was told to ask Slurm's accounts what becomes of its jobs (sacct), and this Slurm"
            " keeps none: it would wait for ever.",
            found=_reason(accounting),
            hint=f"{_NOTHING} Run '{_COMMAND} --slurm-status-command squeue --slurm-no-account'.",
        )


def _under_way(folder: Path) -> list[str]:
    """Return the study's jobs that wait or run: Snakemake's, by their comment, submitted from its folder."""
    listed = _said("squeue", "--me", "--noheader", "--format=%A|%k|%Z")
    rows = [line.split("|", 2) for line in listed.stdout.splitlines()]
    here = str(folder.resolve())
    return [row[0] for row in rows if len(row) == 3 and row[1].startswith("rule_") and row[2] == here]


def _said(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of Slurm's; one that is not here, or does not end, has failed."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    except FileNotFoundError:
        return subprocess.CompletedProcess(command, 127, "", f"there is no '{command[0]}' here")
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(
            command, 124, "", f"'{command[0]}' took over {PATIENCE:.0f} seconds"
        )


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    """Return the last line that a command has said."""
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return lines[-1].strip() if lines else f"exit status {done.returncode}"
