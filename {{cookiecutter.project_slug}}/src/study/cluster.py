"""Whether Slurm can be given jobs, and asked what became of them: looked at before the first one is submitted.

Snakemake's plugin for Slurm does not look. Where there is no accounting, it never learns that a job has ended, and
waits for it without a word.
"""

from __future__ import annotations

import re
import shutil
import subprocess

from study.errors import StudyError

PATIENCE = 30.0
"""Seconds that one of Slurm's commands may take."""

LONGEST_PAUSE = 180
"""Seconds that Snakemake's plugin lets pass at most before it looks again what became of its jobs."""

WITHOUT_ACCOUNTING = "--slurm-status-command squeue --slurm-no-account"

_WITHOUT_SLURM = "Without a cluster, run 'snakemake' without '--profile workflow/profiles/slurm'."


def check(status_command: str | None) -> None:
    """Make sure that this machine can submit jobs and follow them.

    Parameters
    ----------
    status_command
        How Snakemake is to follow them: 'sacct' asks the accounting, 'squeue' (and None) the controller.

    Raises
    ------
    StudyError
        When it cannot.
    """
    if shutil.which("sbatch") is None:
        raise StudyError(
            "Coding jobs are to go to Slurm, and there is no 'sbatch' on this machine's path.",
            hint=f"Run this where you submit jobs (a login node; some need 'module load slurm' first)."
            f" {_WITHOUT_SLURM}",
        )
    settings = _said("scontrol", "show", "config")
    age = re.search(r"^MinJobAge\s*=\s*(\d+)", settings.stdout, re.MULTILINE)
    if settings.returncode or age is None:
        raise StudyError(
            "Coding jobs are to go to Slurm, and its controller does not answer.",
            found=_reason(settings),
            hint="Nothing was submitted. If 'sinfo' says the same, ask those who run the cluster."
            f" {_WITHOUT_SLURM}",
        )
    accounting = _said("sacct", "--allocations", "--noheader", "--format=JobIdRaw,State", "--starttime=now")
    if accounting.returncode == 0 and status_command == "sacct":
        return
    if status_command == "sacct":
        raise StudyError(
            "This Slurm keeps no accounts of its jobs, so that Snakemake would not learn when they have ended.",
            found=_reason(accounting),
            hint="Nothing was submitted. Run the same command with two more options:"
            f" snakemake --profile workflow/profiles/slurm {WITHOUT_ACCOUNTING}",
        )
    if int(age[1]) <= LONGEST_PAUSE:
        raise StudyError(
            f"This Slurm forgets jobs that have ended after {age[1]} seconds, and Snakemake may look only every"
            f" {LONGEST_PAUSE} seconds: it would wait for them for ever.",
            key="MinJobAge",
            found=int(age[1]),
            hint="Nothing was submitted. "
            + (
                "Leave out '--slurm-status-command squeue': this Slurm keeps accounts, which remember."
                if accounting.returncode == 0
                else "Ask those who run the cluster to set MinJobAge to 300, as it is by default."
            ),
        )


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
