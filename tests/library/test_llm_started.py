"""How long a job has been starting, with real processes that stand where Snakemake's do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

import study
from study.llm import started

SOURCE = str(Path(study.__file__).parents[1])
PROGRAM = "from study.llm import started; print(started.first().pid)"
# What an executor starts: the program runs in its shell.
JOB = """
import subprocess, sys
command = f"{sys.executable} -c '{sys.argv[1]}'; true"
subprocess.run(["/bin/sh", "-c", command], check=True)
"""
PAUSE = "import time; print(flush=True); time.sleep(600)"
TARGET = ("--target-jobs", "ask:shard=0", "--mode", "remote")


def begin(code: str, *words: str, **more: str) -> subprocess.Popen[str]:
    """Start a Python whose command line ends with these words."""
    environment = {name: value for name, value in os.environ.items() if name not in started.JOB_IDS}
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        env={**environment, "PYTHONPATH": SOURCE, **more},
        stdout=subprocess.PIPE,
        text=True,
    )


def said(process: subprocess.Popen[str]) -> int:
    return int(process.communicate(timeout=60)[0])


def test_seconds_are_counted_from_the_first_process() -> None:
    me = psutil.Process()
    assert started.first().pid == me.pid
    assert started.seconds(me.create_time() + 100) == pytest.approx(100)
    assert started.seconds(0) == 0


@pytest.mark.parametrize(
    "words",
    [
        TARGET,
        ("--mode", "subprocess", "--target-jobs", "ask:shard=0"),
        (*TARGET, "--executor", "slurm-jobstep"),
    ],
)
def test_a_job_begins_with_its_snakemake(words: tuple[str, ...]) -> None:
    job = begin(JOB, PROGRAM, *words)
    assert said(job) == job.pid


@pytest.mark.parametrize("words", [(), ("--cores", "2"), ("--mode",), ("--mode", "remote"), TARGET[:2]])
def test_it_does_not_begin_with_the_snakemake_that_somebody_has_typed(words: tuple[str, ...]) -> None:
    job = begin(JOB, PROGRAM, *words)
    assert said(job) != job.pid


@pytest.mark.parametrize("name", started.JOB_IDS)
def test_the_snakemake_that_asked_for_a_job_s_step_counts_though_it_is_no_parent(name: str) -> None:
    outer = begin(PAUSE, *TARGET, **{name: "7"})
    others = [
        begin(PAUSE, *TARGET, **{name: "8"}),  # of another job
        begin(PAUSE, "--target-jobs", "ask:shard=1", "--mode", "remote", **{name: "7"}),
    ]
    try:
        for process in (outer, *others):
            assert process.stdout
            process.stdout.readline()
        assert said(begin(JOB, PROGRAM, *TARGET, **{name: "7"})) == outer.pid
        outer.kill()
        outer.wait()
        job = begin(JOB, PROGRAM, *TARGET, **{name: "7"})
        assert said(job) == job.pid
    finally:
        for process in (outer, *others):
            process.kill()
            process.communicate()
