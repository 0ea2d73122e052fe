"""DVC's command line, each time in a process of its own that need not load DVC again.

A server process has loaded DVC; for every command it forks one that runs `dvc.cli.main`, with nobody at the
keyboard. That is what the program `dvc` does, without the half second that it takes to load.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "__main__",
        "dvc._debug",
        "dvc.analytics",
        "dvc.cli.parser",
        "dvc.lock",
        "dvc.repo.datasets",
        "dvc.repo.fetch",
        "dvc.repo.index",
        "dvc.repo.metrics",
        "dvc.repo.open_repo",
        "dvc.repo.params",
        "dvc.repo.plots",
        "dvc.repo.push",
        "dvc.scm",
        "dvc.utils.strictyaml",
        "dvc_data.hashfile.db.local",
        "dvc_http.spec",
        "dvc_s3",
        "dvc_ssh.client",
        "dvc_ssh.spec",
        "dvc_webdav",
        "s3fs",
        "webdav4.fsspec",
        "sharing.dvc_process",
    ]
)

LONGEST = 300.0
"""Seconds after which a command is ended that hangs; its status is then negative."""


@dataclass(frozen=True)
class Said:
    """What a command said on its two channels, and its exit status."""

    status: int
    out: str
    error: str


def _run(
    commands: Sequence[Sequence[str]],
    folder: Path,
    files: tuple[str, str],
    env: dict[str, str],
    largest_file: int | None,
) -> None:
    from dvc.cli import main

    os.setsid()
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    if largest_file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    for number, name in enumerate((os.devnull, *files)):
        os.dup2(os.open(name, os.O_RDWR), number)
    for command in commands:
        if status := main(list(command)):
            sys.exit(status)


def run(folder: Path, *commands: Sequence[str], largest_file: int | None = None) -> Said:
    """Run DVC commands, each a list of words, in a folder, one after the other up to the first that fails.

    `largest_file` is how many bytes a file may have at most that DVC writes.
    """
    with tempfile.TemporaryDirectory() as kept:
        files = (f"{kept}/out", f"{kept}/error")
        for file in files:
            Path(file).touch()
        process = FORKS.Process(target=_run, args=(commands, folder, files, dict(os.environ), largest_file))
        process.start()
        process.join(LONGEST)
        if process.is_alive():
            process.kill()
            process.join()
        out, error = (Path(file).read_text(errors="replace") for file in files)
        assert process.exitcode is not None
        return Said(process.exitcode, out, error)


def succeeds(folder: Path, *commands: Sequence[str]) -> str:
    """Run DVC commands that must succeed, and return what they said."""
    said = run(folder, *commands)
    assert said.status == 0, f"dvc {commands} ended with {said.status}:\n{said.out}\n{said.error}"
    return said.out
