"""A new study is ready for DVC: the real one versions its folders and stores them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from study.provenance.pointers import TRACKED
from study.sharing.track import track
from template.making import Bake, git

FOLDERS = {
    "data/corpus": "texts.csv",
    "data/gold": "codes.csv",
    "data/responses": "segments/a.jsonl",
    "results": "tables/agreement.csv",
}


def dvc(folder: Path, *arguments: str) -> str:
    """Run DVC in a folder, and return what it said."""
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_versions_and_stores(bake: Bake, tmp_path: Path) -> None:
    study = bake(starter="blank", dvc_remote="../../store")
    assert "There are no data" in dvc(study, "status")
    assert set(FOLDERS) == set(TRACKED)
    for folder, name in FOLDERS.items():
        file = study / folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    journal = study / "data" / "responses" / "journals" / "running.jsonl"
    journal.parent.mkdir()
    journal.write_text("half a line")
    assert git(study, "status", "--porcelain") == ""

    assert "Versioned with DVC" in track(study)
    staged = git(study, "status", "--porcelain").splitlines()
    assert staged == [f"A  {folder}.dvc" for folder in sorted(FOLDERS)]
    assert "up to date" in dvc(study, "status")
    git(study, "commit", "--quiet", "--message", "Data")

    dvc(study, "push")
    assert (tmp_path / "store" / "files").is_dir()
    clone = study.parent / "clone"
    git(study.parent, "clone", "--quiet", str(study), str(clone))
    dvc(clone, "pull")
    for folder, name in FOLDERS.items():
        assert (clone / folder / name).read_text() == name
    assert not (clone / "data" / "responses" / "journals").exists()
    assert git(clone, "status", "--porcelain") == ""


def test_what_keeps_it_from_being_versioned_is_said(bake: Bake) -> None:
    study = bake(starter="blank")
    (study / "results").mkdir()
    (study / "results" / "t.csv").write_text("1")
    record = study / ".snakemake" / "metadata" / "cmVzdWx0cy90LmNzdg=="
    record.parent.mkdir(parents=True)
    known = {
        "rule": "t",
        "log": [],
        "input": [],
        "params": [],
        "input_checksums": {},
        "code": "",
        "shellcmd": "",
    }
    times = {"starttime": 0, "endtime": (study / "results" / "t.csv").stat().st_mtime}
    rest = {"software_stack_hash": "", "record_format_version": 6}
    record.write_text(json.dumps(known | times | rest))
    (study / "provenance").write_text("in the way")
    assert track(study).startswith("Not versioned: ")
    (study / "provenance").unlink()
    assert "Versioned with DVC" in track(study)
    (study / "results.dvc").write_text("no pointer")
    assert "This is no pointer of DVC" in track(study)
