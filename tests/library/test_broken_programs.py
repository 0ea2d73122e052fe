"""Broken configurations and corpora, as a researcher meets them: in programs, in a study with responses."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import study
from library.broken_files import FILE_BREAKS
from library.broken_studies import STUDY_BREAKS
from library.test_broken_corpora import CASES

GOOD = Path(__file__).parent / "good_study"
BREAKS = {broken.name: broken for broken in [*STUDY_BREAKS, *FILE_BREAKS]}
CONFIGURATIONS = [
    "missing key",
    "misspelt key",
    "wrong type",
    "misspelt choice",
    "duplicate key",
    "Norwegian",
    "one label",
    "duplicate label",
    "labels that differ in case",
    "scale upside down",
    "no such measure",
    "tab",
]
CORPORA = [
    "the id of two rows",
    "a misspelt column",
    "an empty file",
    "another sha256",
    "an unreadable encoding",
    "quotation marks",
    "a zero byte",
    "broken JSON",
    "a workbook that is none",
    "a member of what is no archive",
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study that was in order yesterday, with its units and responses."""
    root = tmp_path / "study"
    shutil.copytree(GOOD, root)
    for name in (
        "data/responses/segments/0123.jsonl",
        "data/corpus/units.parquet",
        "results/flow/corpus.csv",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"yesterday's {name}\n")
    monkeypatch.chdir(root)
    return root


def content(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def message_of(root: Path, module: str, *arguments: str) -> str:
    """Run a program that must fail; return what it says."""
    before = content(root)
    environment = {**os.environ, "PYTHONPATH": str(Path(study.__file__).parents[1])}
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    said = done.stderr.decode()
    assert done.returncode == 1, said
    assert done.stdout == b""
    assert "Traceback" not in said
    assert content(root) == before
    return said


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_broken_configuration(name: str, here: Path) -> None:
    broken = BREAKS[name]
    path = here / broken.file
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(broken.old, broken.new, 1), encoding="utf-8", newline="")
    said = message_of(here, "study.config")
    assert said.startswith(f"Error: {broken.file}")
    assert [word for word in broken.words if word not in said] == []


@pytest.mark.parametrize("name", CORPORA)
def test_a_broken_corpus(name: str, here: Path) -> None:
    make, words = CASES[name]
    settings = make()
    arguments = ["--corpus", json.dumps(settings["corpus"]), "--units", json.dumps(settings["units"])]
    files = ["--units-file", "data/corpus/units.parquet", "--flow-file", "results/flow/corpus.csv"]
    said = message_of(here, "study.corpus", *arguments, *files)
    assert said.startswith("Error: ")
    assert said.count("\n") == 1
    assert [word for word in words if word not in said] == []
