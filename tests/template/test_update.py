"""`cruft update` brings what the template improves into a study, however the study was made."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cruft
import pytest

from template.making import STUDY, Bake, commit, git

ANSWERS = {"project_name": "Zoë's letters", "starter": "blank", "dvc_remote": "../store"}


def improve(template: Path) -> str:
    """Change files of the template of each kind: rendered, copied, a starter's, a new one."""
    for name, line in {
        "README.md": "\nA better ending.\n",
        "src/study/errors.py": "\nIMPROVED = True\n",
        "starters/blank/config/dictionaries/satisfaction.csv": "splendid,1\n",
        "workflow/NEW.md": "New.\n",
    }.items():
        path = template / STUDY / name
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text(text + line, encoding="utf-8")
    return commit(template)


def check_improved(study: Path, new: str) -> None:
    assert (study / "README.md").read_text(encoding="utf-8").endswith("A better ending.\n")
    assert "IMPROVED = True" in (study / "src" / "study" / "errors.py").read_text(encoding="utf-8")
    words = (study / "config" / "dictionaries" / "satisfaction.csv").read_text(encoding="utf-8")
    assert "splendid,1\n" in words
    assert "mine,1\n" in words
    assert (study / "workflow" / "NEW.md").is_file()
    assert not (study / "starters").exists()
    assert json.loads((study / ".cruft.json").read_text(encoding="utf-8"))["commit"] == new
    assert not list(study.rglob("*.rej"))


def work_on(study: Path) -> None:
    """Change the study, as its researcher would, and commit."""
    words = study / "config" / "dictionaries" / "satisfaction.csv"
    words.write_text(
        words.read_text(encoding="utf-8").replace("good,1\n", "good,1\nmine,1\n"), encoding="utf-8"
    )
    commit(study)


def test_made_by_cruft(template: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    study = cruft.create(str(template), output_dir=tmp_path, extra_context=ANSWERS)
    assert not (study / ".git").exists()
    said = capfd.readouterr().out
    assert "Git is left to you" in said
    command = next(line for line in said.splitlines() if line.startswith("  git init"))
    subprocess.run(["bash", "-c", command], cwd=study, check=True, capture_output=True)
    work_on(study)
    new = improve(template)
    assert cruft.update(study, skip_apply_ask=True)
    check_improved(study, new)


def test_made_by_cookiecutter(bake: Bake, template: Path) -> None:
    old = git(template, "rev-parse", "HEAD")
    study = bake(template, **ANSWERS)
    assert json.loads((study / ".cruft.json").read_text(encoding="utf-8"))["commit"] == old
    assert cruft.check(study)
    work_on(study)
    new = improve(template)
    assert not cruft.check(study)
    assert cruft.update(study, skip_apply_ask=True)
    check_improved(study, new)
    changed = git(study, "status", "--porcelain").splitlines()
    assert {line.split()[-1] for line in changed} == {
        ".cruft.json",
        "README.md",
        "config/dictionaries/satisfaction.csv",
        "src/study/errors.py",
        "workflow/NEW.md",
    }


def test_made_by_cookiecutter_where_the_template_lies(template: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cookiecutter", ".", "--no-input", "--output-dir", "../studies"]
    subprocess.run(command, cwd=template, check=True, capture_output=True)
    said = json.loads((tmp_path / "studies" / "my-study" / ".cruft.json").read_text(encoding="utf-8"))
    assert said["template"] == said["context"]["cookiecutter"]["_template"] == str(template)


def test_made_by_cookiecutter_from_an_address(template: Path, tmp_path: Path) -> None:
    address = template.as_uri()
    command = [sys.executable, "-m", "cookiecutter", f"git+{address}", "--no-input", "starter=blank"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    study = tmp_path / "my-study"
    assert json.loads((study / ".cruft.json").read_text(encoding="utf-8"))["template"] == address
    work_on(study)
    new = improve(template)
    assert cruft.update(study, skip_apply_ask=True)
    check_improved(study, new)


def test_a_public_address_is_better_than_a_folder(bake: Bake, template: Path) -> None:
    git(template, "remote", "add", "origin", "https://ada:token@example.org/template.git")
    assert json.loads((bake(template) / ".cruft.json").read_text())["template"] == str(template)
    git(template, "update-ref", "refs/remotes/origin/main", "HEAD")
    named = json.loads((bake(template, project_name="Another") / ".cruft.json").read_text())
    assert named["template"] == "https://example.org/template.git"
    assert "token" not in json.dumps(named)
