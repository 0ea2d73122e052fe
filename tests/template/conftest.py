"""A machine of its own for the template's tests, and studies that are made on it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter

from template.making import ROOT, STUDY, Bake, commit, git

CACHES = shutil.ignore_patterns("__pycache__", ".*_cache", ".venv", ".snakemake")


@pytest.fixture(scope="module", autouse=True)
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Git knows a name here, and nothing of the real home folder is read or written."""
    home = tmp_path_factory.mktemp("home")
    (home / "gitconfig").write_text("[user]\nname = Test\nemail = test@example.org\n")
    (home / "cookiecutter.yaml").write_text(
        f"replay_dir: {home}/replay\ncookiecutters_dir: {home}/templates\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("GIT_")]:
            patch.delenv(name)
        patch.setenv("HOME", str(home))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.setenv("GIT_CONFIG_GLOBAL", str(home / "gitconfig"))
        patch.setenv("COOKIECUTTER_CONFIG", str(home / "cookiecutter.yaml"))
        yield home


@pytest.fixture
def bake(tmp_path: Path) -> Bake:
    """Make a study, with the defaults for what is not said; its folder is returned."""

    def make(template: Path = ROOT, output: Path = tmp_path / "out", **answers: str) -> Path:
        output.mkdir(exist_ok=True)
        made = cookiecutter(str(template), no_input=True, output_dir=str(output), extra_context=answers)
        return Path(made)

    return make


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """Return a copy of the template in a git repository of its own."""
    copy = tmp_path / "template"
    copy.mkdir()
    shutil.copy(ROOT / "cookiecutter.json", copy)
    for folder in ("hooks", STUDY):
        shutil.copytree(ROOT / folder, copy / folder, ignore=CACHES)
    git(copy, "init", "--quiet")
    commit(copy)
    return copy
