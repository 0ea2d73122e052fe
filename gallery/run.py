"""Generate a study, run it, verify it, and read the verdict of each claim."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gallery.studies import ROOT, Study

CLAIMS = "results/tables/claims.csv"
IDENTITY = {"NAME": "The gallery", "EMAIL": "gallery@example.org"}


@dataclass
class Outcome:
    """What became of one study.

    Attributes
    ----------
    study
        Which one.
    folder
        Where it was generated.
    problem
        What the first command that failed said last; empty where all succeeded.
    verified
        Whether `snakemake verify` passed; None where it was not reached.
    seconds
        How long the run took; 0 where everything was up to date already.
    claims
        The rows of the table of claims.
    """

    study: Study
    folder: Path
    problem: str = ""
    verified: bool | None = None
    seconds: float = 0
    claims: list[dict[str, str]] = field(default_factory=list)


def carry_out(study: Study, folder: Path, *, small: bool = False, cores: str = "all") -> Outcome:
    """Run a study from nothing to its verification; a study that is there already is brought up to date.

    Parameters
    ----------
    folder
        Where studies are generated, each in a folder with its name.
    small
        Whether it is run at its small size.
    cores
        For Snakemake.
    """
    outcome = Outcome(study, folder / study.name)
    try:
        if not outcome.folder.exists():
            _generate(study, folder)
            if small:
                _shrink(outcome.folder / "config", study.small)
        begin = time.monotonic()
        _run(outcome.folder, "snakemake", "--cores", cores)
        outcome.seconds = time.monotonic() - begin
        _run(outcome.folder, "snakemake", "--cores", cores, "--report", "report.html")
        _run(outcome.folder, "git", "add", "--all")
        _run(outcome.folder, "git", "commit", "--quiet", "--allow-empty", "--message", "Run the study")
        outcome.verified = False
        _run(outcome.folder, "snakemake", "verify", "--cores", cores)
        outcome.verified = True
    except subprocess.CalledProcessError as error:
        outcome.problem = "\n".join((error.stdout or "").strip().splitlines()[-30:])
    claims = outcome.folder / CLAIMS
    if claims.is_file():
        with claims.open(encoding="utf-8", newline="") as file:
            outcome.claims = list(csv.DictReader(file))
    return outcome


def _generate(study: Study, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    answers = {"project_name": study.title, "project_slug": study.name, "starter": study.name}
    said = [f"{key}={value}" for key, value in answers.items()]
    _run(folder, "cookiecutter", str(ROOT), "--no-input", "--output-dir", str(folder), *said)


def _shrink(config: Path, small: Mapping[str, Any]) -> None:
    """Make a study small; `claims: false` says that its claims are about the full size."""
    file, keys = config / "study.yaml", dict(small)
    if keys.pop("claims", True) is False:
        (config / "claims.yaml").write_text("claims: []\n", encoding="utf-8")
    changed = merged(yaml.safe_load(file.read_text(encoding="utf-8")), keys)
    file.write_text(yaml.safe_dump(changed, sort_keys=False, allow_unicode=True), encoding="utf-8")


def merged(config: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration in which the values of another one stand, mapping by mapping."""
    found = dict(config)
    for key, value in other.items():
        mine = found.get(key)
        found[key] = merged(mine, value) if isinstance(mine, dict) and isinstance(value, dict) else value
    return found


def _run(folder: Path, *command: str) -> None:
    """Run a program of this environment; what it says is kept for the case that it fails."""
    tools = str(Path(sys.executable).parent)
    identity = {f"GIT_{who}_{what}": IDENTITY[what] for who in ("AUTHOR", "COMMITTER") for what in IDENTITY}
    environment = identity | os.environ | {"PATH": os.pathsep.join([tools, os.environ.get("PATH", "")])}
    subprocess.run(
        command,
        cwd=folder,
        env=environment,
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
