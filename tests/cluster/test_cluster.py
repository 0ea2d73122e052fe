"""What a researcher is told before anything is submitted, by real Slurms with something amiss."""

from __future__ import annotations

import contextlib
import getpass
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from cluster.slurm import PATIENCE, Slurm, running
from study.cluster import check_slurm, check_threads
from study.errors import StudyError

pytestmark = pytest.mark.slow


@contextlib.contextmanager
def seen(slurm: Slurm) -> Iterator[None]:
    """Let this process find a Slurm."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in slurm.environment.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    with running() as started, seen(started):
        yield started


def problem(folder: Path, status_command: str = "squeue") -> str:
    with pytest.raises(StudyError) as caught:
        check_slurm(folder, status_command)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_squeue_is_enough_and_the_log_says_so(slurm: Slurm, tmp_path: Path) -> None:
    assert "keeps no accounts" in check_slurm(tmp_path, "squeue")


def test_accounts_that_are_not_kept_cannot_be_asked(slurm: Slurm, tmp_path: Path) -> None:
    said = problem(tmp_path, "sacct")
    assert "'Slurm accounting storage is disabled'" in said
    assert "--slurm-status-command squeue --slurm-no-account" in said


def test_jobs_are_not_to_have_fewer_threads_than_wanted() -> None:
    with pytest.raises(StudyError, match=r"key 'coding\.threads'.+ that has 2\..+'--cores 8'"):
        check_threads(8, 2)
    check_threads(8, 8)
    check_threads(8, None)


def test_jobs_of_the_study_that_are_under_way_are_waited_for(slurm: Slurm, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    submit = ("sbatch", "--parsable", "--output=/dev/null", "--wrap=sleep 60")
    slurm.run(*submit, f"--chdir={elsewhere}", "--comment=rule_ask")
    slurm.run(*submit, f"--chdir={tmp_path}", "--comment=lunch")
    assert check_slurm(tmp_path, "squeue")
    job = slurm.run(*submit, f"--chdir={tmp_path}", "--comment=rule_ask_wildcards_a_0_3").strip()
    said = problem(tmp_path)
    assert f"'scancel {job}'" in said
    assert "asked twice" in said
    slurm.run("scancel", f"--user={getpass.getuser()}")


def test_a_machine_that_submits_no_jobs_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no 'sbatch' on this machine's path" in problem(tmp_path)


def test_a_controller_that_is_not_there_is_named(slurm: Slurm, tmp_path: Path) -> None:
    nowhere = tmp_path / "slurm.conf"
    nowhere.write_text("")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(nowhere))
        said = problem(tmp_path)
    assert "its controller does not answer" in said
    assert "Nothing was submitted" in said


def test_a_slurm_that_forgets_ended_jobs_at_once_is_refused(tmp_path: Path) -> None:
    with running(min_job_age=60) as forgetful, seen(forgetful):
        assert "set MinJobAge to 300" in problem(tmp_path)


ABANDONED = """
import sys, time
from pathlib import Path
from cluster.slurm import running
with running() as slurm:
    slurm.run("sbatch", "--output=/dev/null", "--wrap=sleep 300")
    while not any(state == "RUNNING" for state, _ in slurm.jobs().values()):
        time.sleep(0.1)
    print(slurm.folder, flush=True)
    time.sleep(300)
"""


def _commands(above: psutil.Process) -> list[str]:
    """Return the command lines of all processes below one."""
    found = []
    for process in above.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            found.append(" ".join(process.cmdline()))
    return found


def _soon(holds: Callable[[], bool]) -> bool:
    """Wait for something; a job counts as running before its first program does."""
    end = time.monotonic() + PATIENCE
    while not holds() and time.monotonic() < end:
        time.sleep(0.1)
    return holds()


def test_nothing_is_left_of_a_slurm_whose_test_was_killed() -> None:
    tests = str(Path(__file__).parents[1])
    with subprocess.Popen(
        [sys.executable, "-c", ABANDONED],
        env={**os.environ, "PYTHONPATH": tests},
        stdout=subprocess.PIPE,
        text=True,
    ) as test:
        assert test.stdout
        folder = Path(test.stdout.readline().strip())
        assert (folder / "slurm.conf").is_file()
        (supervisor,) = psutil.Process(test.pid).children()
        assert _soon(lambda: any("sleep 300" in command for command in _commands(supervisor)))
        left = supervisor.children(recursive=True)
        test.kill()
    _, alive = psutil.wait_procs([supervisor, *left], timeout=30)
    assert not alive
    assert not folder.exists()
