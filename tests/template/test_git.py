"""A new study is under git; where that cannot be, it is made all the same and says what to run."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from template.making import ROOT, Bake, git


def test_without_git_and_dvc(
    bake: Bake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    study = bake(author_name="Ada Lovelace", author_email="ada@example.org")
    monkeypatch.undo()

    assert not (study / ".git").exists()
    assert not (study / ".cruft.json").exists()
    said = capfd.readouterr().out
    assert "Not under git yet" in said
    assert "python3 environment.py --llm" in said
    run_printed_command(said, study)


def test_without_identity(
    bake: Bake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").write_text("[user]\nuseConfigOnly = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "empty"))
    study = bake(author_name="Ada O'Lovelace $(touch canary) `touch canary`", author_email="a;b@example.org")

    said = capfd.readouterr().out
    assert "Not under git yet" in said
    run_printed_command(said, study)
    name = "Ada O'Lovelace $(touch canary) `touch canary`"
    assert git(study, "log", "--format=%an <%ae>") == f"{name} <a;b@example.org>"
    assert not list(tmp_path.rglob("canary"))


def run_printed_command(said: str, study: Path) -> None:
    """The one command that was printed makes the first commit."""
    command = next(line for line in said.splitlines() if line.startswith("  git "))
    subprocess.run(["bash", "-c", command], cwd=study, check=True, capture_output=True)
    assert git(study, "status", "--porcelain") == ""
    assert git(study, "log", "--format=%s") == "Start the study"
    assert git(study, "branch", "--show-current") == "main"


def test_another_repository_is_left_alone(
    bake: Bake, template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = git(template, "log", "--format=%H"), git(template, "status", "--porcelain")
    monkeypatch.setenv("GIT_DIR", str(template / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(template / ".git" / "index"))
    study = bake()
    monkeypatch.undo()
    assert (git(template, "log", "--format=%H"), git(template, "status", "--porcelain")) == before
    assert git(study, "log", "--format=%s") == "Start the study"


def test_a_study_that_is_made_again_keeps_its_history(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cookiecutter", str(ROOT), "--no-input", "--output-dir", str(tmp_path)]
    for overwrite in ([], ["--overwrite-if-exists"]):
        done = subprocess.run([*command, *overwrite], check=True, capture_output=True, text=True)
    assert "under git before" in done.stdout
    assert git(tmp_path / "my-study", "log", "--format=%s") == "Start the study"


def test_a_template_without_history(bake: Bake, template: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(template / ".git")
    study = bake(template)
    assert not (study / ".cruft.json").exists()
    assert "cannot update the study later" in capfd.readouterr().out
    assert git(study, "log", "--format=%s") == "Start the study"


def test_a_terminal_that_knows_no_letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    monkeypatch.setenv("PATH", str(tmp_path))
    command = [sys.executable, "-m", "cookiecutter", str(ROOT), "--no-input", "--output-dir", str(tmp_path)]
    done = subprocess.run([*command, "author_name=Zoë"], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert shlex.quote("user.name=Zo\\xeb") in done.stdout
