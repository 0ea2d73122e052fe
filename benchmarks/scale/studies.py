"""The study that is measured: generated from the template, with synthetic texts and two constructs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from scale import corpora

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
PACKAGES = Path(__file__).resolve().parents[1]
CODEBOOK: dict[str, Any] = {
    "construct": "note",
    "type": "record",
    "system": "You code what visitors write about a library.\n{answers}",
    "answer": "The writer is {label}.",
    "fields": {
        "satisfaction": {
            "question": "Is the writer satisfied with the library?",
            "type": "classify",
            "level": "ordinal",
            "categories": {
                "satisfied": {"value": 1},
                "neither": {"value": 0},
                "dissatisfied": {"value": -1},
            },
        },
        "request": {
            "question": "Does the writer ask for something?",
            "type": "classify",
            "level": "nominal",
            "categories": {"asking": {"value": 1}, "not asking": {"value": 0}},
        },
    },
    "prompt": {"wording": "main"},
    "wording": {"main": "Text: {text}\n{question}"},
}


def environment(folder: Path) -> dict[str, str]:
    """Return this process's environment, with what measures a study's programs in `folder`."""
    identity = {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Ada Lovelace"), ("EMAIL", "ada@example.org"))
    }
    return {
        **os.environ,
        **identity,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        # DVC's memory of hashes too is this study's alone.
        "DVC_SITE_CACHE_DIR": str(folder / "dvc"),
        "DVC_NO_ANALYTICS": "1",
        "BASH_ENV": str(Path(__file__).with_name("python.sh")),
        "SCALE_PACKAGES": str(PACKAGES),
        "SCALE_PYTHON": sys.executable,
        "SCALE_RECORDS": str(folder / "records.jsonl"),
    }


def call(folder: Path, cwd: Path, *command: str) -> str:
    """Run a program that is not measured, and return what it said."""
    done = subprocess.run(
        command, cwd=cwd, env=environment(folder), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def generate(folder: Path, n: int, template: Path = ROOT) -> Path:
    """Generate the study of `n` texts in `folder`, commit it, give it a remote, and return its folder."""
    study = folder / "study"
    call(
        folder,
        folder,
        "cookiecutter",
        str(template),
        "--no-input",
        "--output-dir",
        str(folder),
        "project_name=A study",
        "project_slug=study",
        "author_name=Ada Lovelace",
        "starter=blank",
    )
    for codebook in (study / "config" / "codebooks").iterdir():
        codebook.unlink()
    (study / "data" / "gold").mkdir(parents=True, exist_ok=True)
    _write_yaml(study / "config" / "codebooks" / "note.yaml", CODEBOOK)
    _write_yaml(study / "config" / "study.yaml", _settings(study))
    corpora.write(n, study / "data" / "corpus" / "texts.csv", study / "data" / "gold" / "codes.csv")
    call(folder, study, "dvc", "remote", "add", "--default", "here", str(folder / "remote"))
    commit(folder, study, "Synthetic texts")
    return study


def commit(folder: Path, study: Path, message: str) -> None:
    """Commit everything."""
    call(folder, study, "git", "add", "--all")
    call(folder, study, "git", "commit", "--quiet", "--message", message)


def _settings(study: Path) -> dict[str, Any]:
    settings: dict[str, Any] = yaml.safe_load((study / "config" / "study.yaml").read_text(encoding="utf-8"))
    settings["corpus"] |= {"file": "data/corpus/texts.csv", "description": "Synthetic notes."}
    constructs = ["note_satisfaction"]
    settings["coders"]["wordlist"]["codebooks"] = constructs
    settings["coders"]["humans"] |= {"file": "data/gold/codes.csv", "codebooks": constructs}
    settings["coding"]["threads"] = 1
    for model in settings["models"].values():
        model.pop("quantisation", None)
    settings["analyses"] = {
        "branches": {"formula": "note_satisfaction ~ C(branch)", "coded": constructs},
    }
    return settings


def _write_yaml(path: Path, content: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
