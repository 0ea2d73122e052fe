"""Generate studies and run them as a researcher would: cookiecutter, then Snakemake, each as a program."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

TEMPLATE = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


def environment() -> dict[str, str]:
    """Return this process's environment with the tools on the path and an identity for git."""
    identity = {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Ada Lovelace"), ("EMAIL", "ada@example.org"))
    }
    cache = TEMPLATE / "build" / "cache"
    data = {} if os.environ.get("STUDY_MIRROR") or not cache.is_dir() else {"STUDY_MIRROR": str(cache)}
    return {**os.environ, **identity, **data, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}


def run(folder: Path, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder; what it says goes into the failure of a test that expected success."""
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, check=False, errors="replace"
    )
    if check and done.returncode:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done


def generate(folder: Path, starter: str, template: Path = TEMPLATE) -> Path:
    """Generate a study with the template's hooks, and return its folder."""
    answers = {"project_name": "A study", "project_slug": "study", "author_name": "Ada Lovelace"}
    run(
        folder,
        "cookiecutter",
        str(template),
        "--no-input",
        "--output-dir",
        str(folder),
        *[f"{key}={value}" for key, value in (answers | {"starter": starter}).items()],
    )
    return folder / "study"


def edit(file: Path, old: str, new: str) -> None:
    """Replace a passage that must be there."""
    text = file.read_text(encoding="utf-8")
    assert old in text, f"{file} holds no {old!r}"
    file.write_text(text.replace(old, new), encoding="utf-8")


def settings(study: Path) -> dict:  # type: ignore[type-arg]
    """Return config/study.yaml as a dict."""
    return yaml.safe_load((study / "config" / "study.yaml").read_text(encoding="utf-8"))


def write_settings(study: Path, changed: dict) -> None:  # type: ignore[type-arg]
    """Write config/study.yaml anew."""
    text = yaml.safe_dump(changed, sort_keys=False, allow_unicode=True)
    (study / "config" / "study.yaml").write_text(text, encoding="utf-8")


def snakemake(study: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in the study."""
    return run(study, "snakemake", "--cores", "2", *arguments, check=check)


def planned(study: Path, *arguments: str) -> set[str]:
    """Return the rules that Snakemake would run."""
    said = snakemake(study, "--dry-run", *arguments)
    stats = (said.stdout + said.stderr).partition("Job stats:")[2].partition("\ntotal")[0]
    return set(re.findall(r"^(\w+) +\d+$", stats, re.M)) - {"all"}


def asked(study: Path) -> int:
    """Return how many texts the engine was asked about in the last coding, as the engine counted."""
    logs = sorted((study / "logs" / "ask").glob("*.log"))
    return sum(int(n) for log in logs for n in re.findall(r"model was asked (\d+) times", log.read_text()))


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file below a folder, but of those that Python makes for itself."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.parent.name != "__pycache__"
    }
