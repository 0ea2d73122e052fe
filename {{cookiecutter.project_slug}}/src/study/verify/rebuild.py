"""Compute the study again in a scratch folder, from its data and the recorded responses, without the model.

The scratch folder holds copies, so that nothing that runs there can write into the study, and neither git nor
DVC knows it. Code and configuration are those of the study as it lies here. Nothing that a rule makes is
copied, and every rule runs.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from study import sources
from study.errors import StudyError
from study.llm.model import UNREACHABLE
from study.provenance.pointers import RESPONSES, files_below
from study.provenance.records import jobs
from study.verify.recorded import files_of_the_code

MADE_IN = ("data", "results")
LAST_LINES = 12
"""Lines of Snakemake's output that are shown when no program has said what is wrong."""

_ERROR = re.compile(r"^Error: (.+)$", re.M)
_OF_OTHERS = ("GIT_", "DVC_", "SNAKEMAKE_")
"""What begins the names of variables that lead programs to other repositories, folders or clusters."""


@dataclass(frozen=True)
class Rebuilt:
    """What came of it.

    Attributes
    ----------
    folder
        Where the study was computed again.
    complete
        Whether every rule succeeded.
    problems
        What went wrong, in words; empty where nothing did.
    log
        What Snakemake said.
    copied
        {path: (modification time, inode)} of what was not computed.
    """

    folder: Path
    complete: bool
    problems: list[str]
    log: str
    copied: dict[str, tuple[int, int]] = field(default_factory=dict)

    def made(self) -> dict[str, Path]:
        """Return the files of data and results that rules made: {path in the study: file}."""
        found = {}
        for part in MADE_IN:
            for path in sorted((self.folder / part).rglob("*")):
                name = path.relative_to(self.folder).as_posix()
                if path.is_file() and not name.startswith(f"{RESPONSES}/"):
                    stat = path.stat()
                    if self.copied.get(name) != (stat.st_mtime_ns, stat.st_ino):
                        found[name] = path
        return found

    def rules(self) -> set[str]:
        """Return the rules that ran, as the scratch folder's own provenance has it."""
        return {job.rule for job in jobs(self.folder)}


def source_files(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the files and folders that the configuration reads: {path in the study: its source}."""
    holders = (config["corpus"], *config["coders"].values())
    found = [source for holder in holders for source in sources.listed(holder)]
    return {sources.location(source).as_posix(): source for source in found}


def missing_sources(config: Mapping[str, Any], root: Path) -> list[str]:
    """Return the sources that are not here: without them nothing can be computed."""
    return [path for path in source_files(config) if not (root / path).exists()]


@contextmanager
def scratch_folder(root: Path, keep: bool = False) -> Iterator[Path]:
    """Make a folder outside the study; it is removed in the end, unless it is to be kept."""
    base = Path(tempfile.gettempdir()).resolve()
    if base.is_relative_to(root.resolve()):
        raise StudyError(
            "The folder for temporary files lies inside the study.",
            file=base,
            hint="Let the environment variable TMPDIR name another one.",
        )
    folder = Path(tempfile.mkdtemp(prefix="verify-", dir=base))
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def rebuild(root: Path, config: Mapping[str, Any], folder: Path, cores: int) -> Rebuilt:
    """Copy what the study is computed from into `folder`, and run Snakemake there.

    Parameters
    ----------
    root
        The study.
    config
        Its configuration, with a value for every key.
    folder
        An empty folder outside the study.
    cores
        How many programs may run at a time.

    Raises
    ------
    StudyError
        The copies find no room.
    """
    copied = {}
    try:
        for name in _needed(root, config):
            stat = _copy(root / name, folder / name)
            copied[name] = (stat.st_mtime_ns, stat.st_ino)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise StudyError(
            "There is no room for a copy of the study.",
            file=folder,
            hint="Let the environment variable TMPDIR name a folder on a larger disk.",
        ) from error
    done = subprocess.run(
        # -P: no folder of the study is taken for a package of Python.
        [sys.executable, "-P", "-m", "snakemake", "--cores", str(cores), "--forceall", "--keep-going"],
        cwd=folder,
        env=_environment(root, folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    complete = done.returncode == 0
    return Rebuilt(folder, complete, [] if complete else _problems(done.stdout), done.stdout, copied)


def _needed(root: Path, config: Mapping[str, Any]) -> list[str]:
    """Return the files that the study is computed from: code, configuration, sources, responses."""
    models = {os.path.normpath(model["path"]) for model in config["models"].values() if model.get("path")}
    made = {path for job in jobs(root) for path in job.outputs} - _drawn_by_answers(config)
    needed = {name for name in files_of_the_code(root) if name not in models}
    needed |= {
        f"data/{name}"
        for name in files_below(root / "data")
        if not name.endswith(".dvc") and not name.startswith("responses/journals/")
    } - made
    for path, source in source_files(config).items():
        if sources.kind(source) == "file":
            needed.add(path)
        elif sources.kind(source) == "folder":
            needed |= {f"{path}/{name}" for name in files_below(root / path)}
    return sorted(needed)


def _drawn_by_answers(config: Mapping[str, Any]) -> set[str]:
    """A gold sample that a model's answers have drawn: a fact, which later answers would draw otherwise."""
    draw = config["gold"]["draw"] or {}
    return {"data/gold/sample.csv", "data/gold/sample.json"} if draw.get("uncertain") else set()


def _copy(source: Path, target: Path) -> os.stat_result:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
    target.chmod(0o644 | (source.stat().st_mode & 0o111))  # DVC may have taken the right to write
    return target.stat()


def _environment(root: Path, folder: Path) -> dict[str, str]:
    """Return the variables that Snakemake gets."""
    own = {key: value for key, value in os.environ.items() if not key.startswith(_OF_OTHERS)}
    own |= {UNREACHABLE: "1", "PYTHONPATH": "src", "GIT_CEILING_DIRECTORIES": str(folder.parent)}
    downloads = (root / sources.DOWNLOADS).resolve()
    if downloads.is_dir():
        # Downloads are taken from the study, and compared with their sha256, instead of from the network.
        own |= {sources.MIRROR: str(downloads)}
    return own


def _problems(said: str) -> list[str]:
    """Return what programs have said is wrong, once each; else the end of what Snakemake said."""
    found = list(dict.fromkeys(match.strip() for match in _ERROR.findall(said)))
    if found:
        return found
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return [" / ".join(lines[-LAST_LINES:]) or "Snakemake said nothing."]
