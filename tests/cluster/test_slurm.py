"""A study on a real Slurm of two nodes gives what it gives on one machine, whatever happens to its jobs."""

from __future__ import annotations

import base64
import contextlib
import re
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from cluster.slurm import NODES, Slurm, running
from cluster.studies import SHARDS, TEXTS, copied, journals, keys, make
from end_to_end.studies import asked, contents, environment, run, settings, write_settings

pytestmark = pytest.mark.slow

PROFILE = ("--profile", "workflow/profiles/slurm")
# For tests: sooner, and with what jobs say.
QUICK = ("--slurm-init-seconds-before-status-checks", "2", "--slurm-keep-successful-logs")
PATIENCE = 300.0


@dataclass
class Run:
    """What was seen while the study ran on the cluster.

    `writing` holds how many responses each journal had at two moments, `nodes` what was at work then, and
    `lost` the jobs that were cancelled, killed, and lost with their node.
    """

    study: Path
    said: str = ""
    writing: list[dict[str, int]] = field(default_factory=list)
    nodes: set[str] = field(default_factory=set)
    lost: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    with running() as started:
        yield started


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("made"))


class Snakemake:
    """A Snakemake that runs while something else is done; what it says goes into a file."""

    def __init__(self, study: Path, slurm: Slurm | None, *arguments: str) -> None:
        self.study = study
        self._file = study.parent / "said.log"
        found = environment() | (slurm.environment if slurm else {})
        with self._file.open("w") as file:
            self._process = subprocess.Popen(
                ["snakemake", *arguments], cwd=study, env=found, stdout=file, stderr=subprocess.STDOUT
            )

    def until(self, done: Callable[[], bool]) -> None:
        """Wait until something is so; a Snakemake that ends before has failed."""
        end = time.monotonic() + PATIENCE
        while not done():
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise AssertionError(f"Snakemake ended, or took too long:\n{self._file.read_text()}")
            time.sleep(0.1)

    def end(self) -> tuple[int, str]:
        """Wait for its end; return its exit status and what it said."""
        try:
            return self._process.wait(timeout=PATIENCE), self._file.read_text()
        finally:
            self.stop()

    def stop(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="module")
def begun(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snakemake]:
    """The study while it runs on this machine alone, in one shard."""
    study = copied(made, tmp_path_factory.mktemp("here"))
    changed = settings(study)
    changed["coding"]["shards"] = 1
    write_settings(study, changed)
    process = Snakemake(study, None, "--cores", "1")
    yield process
    process.stop()


@dataclass(frozen=True)
class Paused:
    """A job that was stopped between two texts, so that it cannot end before something happens to it."""

    job: str
    node: str
    program: psutil.Process
    journal: Path

    @property
    def written(self) -> int:
        """How many responses it has written down."""
        return self.journal.read_bytes().count(b"\n")

    def paused_again(self, beyond: int) -> bool:
        """Stop it as soon as it has written more than so many responses; return whether it has."""
        enough = self.written > beyond
        if enough:
            self.program.suspend()
        return enough


def pause(slurm: Slurm, written: int, without: Collection[str] = ()) -> Iterator[Paused]:
    """Stop the coding of all jobs (but some) that have written so many responses, and yield them."""
    for job, (state, node) in slurm.jobs().items():
        if state == "RUNNING" and job not in without:
            with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError):
                for program in slurm.programs(job, "study.llm.coding"):
                    opened = [Path(file.path) for file in program.open_files()]
                    journals = [path for path in opened if path.suffix == ".journal"]
                    found = [Paused(job, node, program, journal) for journal in journals]
                    yield from (one for one in found if one.paused_again(written - 1))


@pytest.fixture(scope="module")
def there(made: Path, slurm: Slurm, begun: Snakemake, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The study after a run in which one job is cancelled, one killed, and one's node goes down.

    It runs beside the other, since both have to wait at times.
    """
    seen = Run(copied(made, tmp_path_factory.mktemp("there")))
    process = Snakemake(seen.study, slurm, *PROFILE, *QUICK)
    paused: dict[str, Paused] = {}

    def are_paused(jobs: int) -> bool:
        paused.update({one.job: one for one in pause(slurm, 2, without=paused)})
        return len(paused) == jobs

    def are_paused_again() -> bool:
        again = [one.paused_again(seen.writing[0][one.journal.stem]) for one in paused.values()]
        return all(again)

    process.until(lambda: are_paused(len(NODES)))
    seen.nodes = {one.node for one in paused.values()}
    seen.writing.append(journals(seen.study))
    for one in paused.values():
        one.program.resume()
    process.until(are_paused_again)
    seen.writing.append(journals(seen.study))
    first, second = paused.values()
    slurm.run("scancel", first.job)
    second.program.kill()
    process.until(lambda: are_paused(len(NODES) + 1))
    *_, third = paused.values()
    slurm.power_off(third.node)
    seen.lost = {"cancelled": first.job, "killed": second.job, "node down": third.job}
    process.until(lambda: slurm.jobs()[third.job][0] == "PENDING")
    # Slurm lets two minutes pass before it starts such a job again.
    slurm.run("scontrol", "update", f"jobid={third.job}", "starttime=now")
    status, seen.said = process.end()
    assert status == 0, seen.said
    return seen


@pytest.fixture(scope="module")
def here(begun: Snakemake, there: Run) -> Path:
    """The study after its run on this machine alone, which is looked at when the other has ended too."""
    status, said = begun.end()
    assert status == 0, said
    return begun.study


def test_the_results_are_those_of_one_machine_byte_for_byte(here: Path, there: Run) -> None:
    for folder in ("results/codings", "results/tables", "results/figures", "results/report"):
        expected = contents(here / folder)
        assert expected
        assert contents(there.study / folder) == expected, folder


def test_two_jobs_write_at_the_same_time_on_two_nodes(there: Run) -> None:
    before, after = there.writing
    assert len(before) == 2
    assert before.keys() == after.keys()
    assert all(after[job] > before[job] for job in before)
    assert there.nodes == set(NODES)


def test_jobs_that_were_lost_go_on_and_nothing_is_asked_twice(here: Path, there: Run) -> None:
    assert len(set(there.lost.values())) == 3
    assert f"SLURM-job '{there.lost['cancelled']}' failed, SLURM status is: 'CANCELLED'" in there.said
    assert f"SLURM-job '{there.lost['killed']}' failed, SLURM status is: 'FAILED'" in there.said
    assert there.said.count("Trying to restart job") == 2
    found = keys(there.study)
    assert len(found) == len(set(found)) == TEXTS
    assert set(found) == set(keys(here))
    assert not journals(there.study)
    # What the logs count are the last attempts, which did not have to begin anew.
    assert 0 < asked(there.study) < asked(here) == TEXTS


def test_a_job_codes_many_texts_with_one_model(there: Run) -> None:
    logs = sorted((there.study / "logs" / "ask").glob("*.log"))
    assert len(logs) == SHARDS
    for log in logs:
        said = log.read_text()
        assert len(re.findall(r"^The model was asked \d+ times", said, re.M)) == 1
        assert len(re.findall(r"^Starting this job took .+, coding ", said, re.M)) == 1
    # One job, one model: those that were lost have a log of their own but the one that Slurm started again.
    assert len(job_logs(there.study)) == SHARDS + 2


def test_slurm_s_logs_are_in_one_place_and_not_in_git(there: Run) -> None:
    assert {log.parent.parent for log in job_logs(there.study)} == {there.study / "logs/slurm/rule_ask"}
    assert not run(there.study, "git", "status", "--porcelain", "logs").stdout


def job_logs(study: Path) -> list[Path]:
    return sorted((study / "logs" / "slurm").rglob("*.log"))


def test_all_is_up_to_date_afterwards(there: Run) -> None:
    assert "Nothing to be done" in run(there.study, "snakemake", "--dry-run").stdout


def test_what_a_job_asks_of_the_cluster_makes_nothing_anew(there: Run) -> None:
    original = settings(there.study)
    changed = settings(there.study)
    changed["coding"] |= {"memory": 900, "minutes": 30, "gpus": 1}
    write_settings(there.study, changed)
    assert "Nothing to be done" in run(there.study, "snakemake", "--dry-run", *PROFILE).stdout
    write_settings(there.study, original)


def test_only_the_main_process_restores_and_tracks(slurm: Slurm, there: Run) -> None:
    assert there.said.count("Versioned with DVC") == 1
    assert not any("Versioned with DVC" in log.read_text() for log in job_logs(there.study))
    table = "results/tables/agreement.csv"
    record = there.study / ".snakemake/metadata" / base64.b64encode(table.encode()).decode()
    record.unlink()
    # A job as the plugin has submitted it: it reads the same Snakefile.
    (command,) = re.findall(r"^  Command: (.+)$", job_logs(there.study)[0].read_text(), re.M)[:1]
    command = re.sub(r" --(wait-for-files-file|runtime-source-cache-path) \S+", "", command)
    _, _, arguments = command.partition(" ")
    said = there.study / "logs" / "again.log"
    wrapped = f"--wrap={sys.executable} -m snakemake {arguments}"
    job = slurm.run("sbatch", "--parsable", f"--chdir={there.study}", f"--output={said}", wrapped).strip()
    end = time.monotonic() + PATIENCE
    while slurm.jobs()[job][0] in ("PENDING", "RUNNING", "COMPLETING") and time.monotonic() < end:
        time.sleep(0.2)
    assert slurm.jobs()[job][0] == "COMPLETED", said.read_text()
    assert "asked 0 times" in (there.study / "logs/ask" / _log_of(command)).read_text()
    assert not record.exists()
    assert "Nothing to be done" in run(there.study, "snakemake", "--dry-run").stdout
    assert record.exists()


def _log_of(command: str) -> str:
    """Return the name of the log of the shard that a job's command names."""
    words = dict(part.split("=") for part in re.findall(r"ask:(\S+)", command)[0].split(","))
    return "{model}.{shard}-of-{shards}.log".format(**words)


def test_without_accounts_to_ask_nothing_is_submitted(slurm: Slurm, made: Path, tmp_path: Path) -> None:
    study = copied(made, tmp_path)
    before = slurm.jobs()
    wanted = "results/index/smollm2-135m.0-of-3.csv"
    status, said = Snakemake(study, slurm, *PROFILE, "--slurm-status-command", "sacct", wanted).end()
    assert status == 1
    assert "Error: Snakemake was told to ask Slurm's accounts" in said
    assert "--slurm-status-command squeue --slurm-no-account" in said
    assert "Traceback" not in said
    assert slurm.jobs() == before


def test_that_there_are_no_accounts_is_in_the_log(there: Run) -> None:
    assert "This Slurm keeps no accounts of its jobs; squeue says what becomes of them." in there.said
