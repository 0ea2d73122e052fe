"""The tutorial, followed literally: its commands are run and its files are written as they are printed."""

from __future__ import annotations

import csv
import importlib.util
import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import pytest

from docs.pages import blocks

ROOT = Path(__file__).resolve().parents[2]
PAGE = "tutorial/own-corpus.md"
STUDY = "course-comments"


def program(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lend_packages(study: Path) -> None:
    """Make the study's environment as `environment.py` does, with the packages of the tests' own.

    They have the versions of the same locks, and llama.cpp need not be compiled a second time.
    """
    environment = program(study / "environment.py")
    path = study / ".venv"
    environment.prepare(path, with_pip=False)
    packages = next((path / "lib").glob("python3*/site-packages"))
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    for command in ("snakemake", "dvc"):
        (path / "bin" / command).symlink_to(Path(sys.prefix, "bin", command))
    environment.complete(path, environment.LOCK_LLM)


def script() -> str:
    """Return the page as one program for a shell that stops at the first command that fails."""
    lines = ["set -euo pipefail"]
    for block in blocks(PAGE):
        if block.file:
            lines.append(f"mkdir -p {shlex.quote(str(Path(block.file).parent))}")
            lines.append(f"cat > {shlex.quote(block.file)} <<'END OF THE FILE'\n{block.body}END OF THE FILE")
        else:
            assert block.language == "shell"
            lines.append(block.body)
            if block.body.startswith("cookiecutter "):
                lines.append('"$LEND_PACKAGES"')
    return "\n".join(lines)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that the reader works in, with a clone of this repository and nothing else."""
    place = tmp_path_factory.mktemp("tutorial")
    (place / "cookiecutter-llm-study").symlink_to(ROOT)
    return place


@pytest.fixture(scope="module")
def said(folder: Path) -> str:
    """Follow the page and return everything that it printed."""
    lend = folder / "lend-packages"
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'tests')!r}); from docs.test_tutorial import *; "
        f"lend_packages(Path({str(folder / STUDY)!r}))"
    )
    lend.write_text(f"#!/bin/sh\nexec {shlex.join([sys.executable, '-c', code])}\n", encoding="utf-8")
    lend.chmod(0o755)
    environment = os.environ | {
        "HOME": str(folder),  # a reader's own cookiecutter settings are not the page's
        "LEND_PACKAGES": str(lend),
        "PATH": os.pathsep.join([str(Path(sys.prefix, "bin")), os.environ["PATH"]]),
    }
    page = folder / "page.sh"
    page.write_text(script(), encoding="utf-8")
    done = subprocess.run(
        ["bash", str(page)], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
    return done.stdout + done.stderr


@pytest.mark.slow
def test_the_page_can_be_followed(said: str) -> None:
    assert "The configuration is in order" in said


@pytest.mark.slow
def test_the_first_table_holds_what_the_page_says(said: str, folder: Path) -> None:
    table = folder / STUDY / "results" / "tables" / "agreement.csv"
    assert table.read_text(encoding="utf-8") in said
    rows = [row for row in csv.DictReader(table.open(encoding="utf-8")) if row["subset"] == "all"]
    assert {row["measure"] for row in rows} == {"llm", "words", "humans_individual", "humans_leave_one_out"}
    assert {row["n"] for row in rows} == {"12"}
    words = next(row for row in rows if row["measure"] == "words")
    assert float(words["pearson_r"]) > 0.5


@pytest.mark.slow
def test_the_report_is_one_page_about_this_study(said: str, folder: Path) -> None:
    page = (folder / STUDY / "report.html").read_text(encoding="utf-8")
    assert "Course comments" in page
    assert "How does the student judge the course?" in page


@pytest.mark.slow
def test_running_once_more_does_nothing_and_a_new_comment_asks_once(said: str, folder: Path) -> None:
    study = folder / STUDY
    snakemake = [str(study / ".venv" / "bin" / "snakemake")]

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [*snakemake, *arguments], cwd=study, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout + done.stderr

    assert "Nothing to be done" in run()
    with (study / "data" / "corpus" / "comments.csv").open("a", encoding="utf-8") as file:
        file.write('c13,history,"The best lecture of the year."\n')
    assert "The model was asked 1 times" in run("results/codings/llm.parquet")
