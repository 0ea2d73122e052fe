"""Records of jobs, on a small workflow that the real Snakemake runs: what is current, whatever its time."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from study.provenance import records
from study.provenance.hashes import Hashes

LIBRARY = Path(records.__file__).parents[2]

SNAKEFILE = """
import sys
from pathlib import Path
sys.path.insert(0, {library!r})
from study.provenance.hashes import Hashes
from study.provenance.records import export, restore

configfile: "settings.yaml"

rule all:
    input: "results/table.csv", "results/note.txt"

rule code:
    input: texts="data/texts.txt", program="code.sh"
    output: "results/codes.txt", "results/odd.txt"
    log: "logs/code.log"
    params: word=config["word"]
    shell: "sh {{input.program}} {{input.texts}} {{params.word}} > {{output[0]}} && echo odd > {{output[1]}}"

rule table:
    input: "results/codes.txt"
    output: "results/table.csv"
    log: "logs/table.log"
    shell: "wc -l < {{input}} > {{output}}"

rule note:
    input: "results/odd.txt"
    output: "results/note.txt"
    params: mark=config["mark"]
    shell: "cat {{input}} > {{output}}"

if workflow.is_main_process:
    with Hashes(Path()) as hashes:
        restore(Path(), hashes, [o.regex() for rule in workflow.rules for o in rule.output])

onsuccess:
    with Hashes(Path()) as hashes:
        export(Path(), hashes)
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the workflow after a run."""
    folder = tmp_path_factory.mktemp("ran") / "study"
    (folder / "data").mkdir(parents=True)
    (folder / "Snakefile").write_text(SNAKEFILE.format(library=str(LIBRARY)), encoding="utf-8")
    (folder / "settings.yaml").write_text("word: good\nmark: 1\n", encoding="utf-8")
    (folder / "data/texts.txt").write_text("good\nbad\ngood\n", encoding="utf-8")
    (folder / "code.sh").write_text('grep "$2" "$1"\n', encoding="utf-8")
    snakemake(folder)
    return folder


@pytest.fixture
def study(ran: Path, tmp_path: Path) -> Path:
    """Return a copy of it, with the times of its files."""
    return shutil.copytree(ran, tmp_path / "study")


def snakemake(folder: Path, *arguments: str, check: bool = True) -> str:
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--cores",
        "1",
        "--max-checksum-file-size",
        "1GB",
        *arguments,
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def would_run(folder: Path) -> set[str]:
    said = snakemake(folder, "--dry-run")
    assert ("Nothing to be done" in said) != ("Job stats" in said)
    return set(re.findall(r"^(code|table|note) +[0-9]+$", said, re.M))


def cloned(study: Path, seed: int = 0) -> Path:
    """Return a copy that knows only what git and DVC bring, with files written in any order."""
    clone = study.parent / f"clone {seed}"
    shutil.copytree(study, clone, ignore=shutil.ignore_patterns(".snakemake", "logs"))
    files = sorted(path for path in clone.rglob("*") if path.is_file())
    random.Random(seed).shuffle(files)
    for number, path in enumerate(files):
        os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))
    return clone


def restored(study: Path) -> list[str]:
    made = [re.compile(r"results/(codes|odd|note)\.txt$"), re.compile(r"results/table\.csv$")]
    with Hashes(study) as hashes:
        return records.restore(study, hashes, made)


def exported(study: Path) -> bool:
    with Hashes(study) as hashes:
        return records.export(study, hashes)


def provenance(study: Path) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in sorted((study / "provenance").rglob("*.json"))}


def test_one_record_a_job_with_what_it_was_made_of(study: Path) -> None:
    jobs = {job.name: job for job in records.jobs(study)}
    # A rule without a log is named by its output.
    assert set(jobs) == {"code", "table", "results/note.txt"}
    job = jobs["code"]
    assert set(job.outputs) == {"results/codes.txt", "results/odd.txt"}
    assert set(job.inputs) == {"data/texts.txt", "code.sh"}
    assert job.outputs["results/codes.txt"] == Hashes(study).sha256("results/codes.txt")
    assert job.params == ["'good'"]
    assert job.command is not None
    assert "data/texts.txt good" in job.command
    assert job.started <= job.ended
    assert str(study) not in "".join(provenance(study).values())


@pytest.mark.parametrize("seed", range(4))
def test_a_clone_has_nothing_to_do_in_whatever_order_its_files_were_written(study: Path, seed: int) -> None:
    assert would_run(cloned(study, seed)) == set()


def test_without_records_everything_is_made_again(study: Path) -> None:
    clone = cloned(study)
    shutil.rmtree(clone / "provenance")
    assert restored(clone) == [
        "results/codes.txt",
        "results/note.txt",
        "results/odd.txt",
        "results/table.csv",
    ]
    assert would_run(clone) == {"code", "table", "note"}


def test_a_changed_setting_is_noticed_in_a_clone(study: Path) -> None:
    clone = cloned(study)
    (clone / "settings.yaml").write_text("word: bad\nmark: 1\n", encoding="utf-8")
    assert would_run(clone) == {"code", "table", "note"}


def test_a_changed_input_is_noticed_although_it_is_older_than_what_was_made_of_it(study: Path) -> None:
    clone = cloned(study)
    (clone / "data/texts.txt").write_text("good\n", encoding="utf-8")
    os.utime(clone / "data/texts.txt", (1_000_000_000, 1_000_000_000))
    assert would_run(clone) == {"code", "table", "note"}
    assert "Updated input files: data/texts.txt" in snakemake(clone, "--dry-run")
    snakemake(clone)
    assert (clone / "results/table.csv").read_text("utf-8").strip() == "1"
    assert would_run(clone) == set()


def test_an_output_that_no_record_fits_is_made_again(study: Path) -> None:
    (study / "results/codes.txt").write_text("forged\n", encoding="utf-8")
    assert restored(study) == ["results/codes.txt"]
    assert "code" in would_run(study)
    snakemake(study)
    assert "forged" not in (study / "results/codes.txt").read_text("utf-8")


def test_a_record_that_was_changed_by_hand_is_no_record(study: Path) -> None:
    path = study / "provenance/table.json"
    body = json.loads(path.read_text("utf-8"))
    body["inputs"]["results/codes.txt"] = "0" * 64
    path.write_text(json.dumps(body), encoding="utf-8")
    clone = cloned(study)
    assert {job.name for job in records.jobs(clone)} == {"code", "results/note.txt"}
    assert would_run(clone) == {"table"}
    path.write_text("<<<<<<< ours\n" + path.read_text("utf-8"), encoding="utf-8")
    assert {job.name for job in records.jobs(study)} == {"code", "results/note.txt"}


@pytest.mark.parametrize("place", ["../outside.txt", "/outside.txt", "results/../../outside.txt"])
def test_a_record_that_leads_out_of_the_study_is_no_record(study: Path, place: str) -> None:
    outside = study.parent / "outside.txt"
    outside.write_text("mine", encoding="utf-8")
    before = outside.stat().st_mtime
    path = study / "provenance/table.json"
    body = json.loads(path.read_text("utf-8"))
    del body["checksum"]
    output = place if place.startswith("..") or place.startswith("results") else str(outside)
    body["outputs"] = {output: Hashes(study).sha256("results/table.csv")}
    checksum = records._checksum(body)
    path.write_text(json.dumps({**body, "checksum": checksum}), encoding="utf-8")
    assert {job.name for job in records.jobs(study)} == {"code", "results/note.txt"}
    restored(study)
    assert outside.stat().st_mtime == before


def test_a_record_under_another_name_is_no_record(study: Path) -> None:
    (study / "provenance/table.json").rename(study / "provenance/other.json")
    assert {job.name for job in records.jobs(study)} == {"code", "results/note.txt"}


def test_making_the_same_again_leaves_the_records_alone(study: Path) -> None:
    before = provenance(study)
    snakemake(study, "--forceall")
    assert provenance(study) == before
    assert not exported(study)


def test_the_record_of_a_job_goes_with_its_outputs(study: Path) -> None:
    (study / "results/table.csv").unlink()
    assert exported(study)
    assert set(provenance(study)) == {"code.json", "note.txt.json"}


def test_records_of_what_was_never_here_stay(study: Path) -> None:
    before = provenance(study)
    for name in ("table.csv", "odd.txt"):  # a job's only output, and one of two
        (study / "results" / name).unlink()
    with Hashes(study) as hashes:
        assert not records.export(study, hashes, {"results/table.csv", "results/odd.txt"})
    assert provenance(study) == before
    shutil.rmtree(study / "results")
    assert not exported(study)
    assert provenance(study) == before


def test_what_the_study_no_longer_makes_is_known(study: Path) -> None:
    made = {"results/codes.txt", "results/odd.txt", "results/note.txt"}
    assert records.left_over(study, made) == ["results/table.csv"]
    (study / "results/table.csv").unlink()
    assert records.left_over(study, made) == []


def test_of_two_ways_to_the_same_file_that_in_git_counts(study: Path) -> None:
    """Another branch made the same file with another setting; its record is still Snakemake's own."""
    clone = cloned(study)
    (clone / "settings.yaml").write_text("word: good\nmark: 2\n", encoding="utf-8")
    snakemake(clone)
    shutil.rmtree(clone / "provenance")
    shutil.copytree(study / "provenance", clone / "provenance")
    shutil.copy(study / "settings.yaml", clone / "settings.yaml")
    assert would_run(clone) == set()


def test_what_a_run_that_failed_has_made_is_not_made_again(study: Path) -> None:
    (study / "data/texts.txt").write_text("good\nbad\n", encoding="utf-8")
    snakefile = study / "Snakefile"
    good = snakefile.read_text("utf-8")
    snakefile.write_text(good.replace("wc -l", "false; wc -l"), encoding="utf-8")
    assert "Error" in snakemake(study, check=False)
    snakefile.write_text(good, encoding="utf-8")
    assert would_run(study) <= {"table", "note"}


def test_the_files_of_another_run_are_left_alone(study: Path) -> None:
    (study / "results/codes.txt").write_text("half", encoding="utf-8")
    lock = study / ".snakemake/locks/0.output.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text("results/codes.txt\n", encoding="utf-8")
    before = (study / "results/codes.txt").stat().st_mtime
    assert restored(study) == []
    assert (study / "results/codes.txt").stat().st_mtime == before


def test_names_of_any_length_are_found_again(study: Path) -> None:
    name = "results/" + "a" * 200 + "/" + "b" * 150 + ".txt"
    folder = study / ".snakemake/metadata"
    path = records._record_path(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{"rule": "long"}', encoding="utf-8")
    assert name in dict(records._own(study))
