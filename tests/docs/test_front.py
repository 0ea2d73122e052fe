"""The front of the repository: links lead somewhere, the images are small, the citation can be read."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FRONT = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"]


@pytest.mark.parametrize("name", FRONT)
def test_links_to_files_of_this_repository_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in target:
            assert (ROOT / target.partition("#")[0]).exists(), target


def test_images_are_small() -> None:
    images = list((ROOT / "docs" / "images").iterdir())
    assert images
    for image in images:
        assert image.stat().st_size < 200_000, image.name


def test_the_citation_has_what_the_format_requires() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["cff-version"] == "1.2.0"
    assert citation["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License")
    assert all(author.keys() & {"name", "family-names"} for author in citation["authors"])


def test_the_commit_hook_runs_what_make_runs() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repository["repo"] for repository in hooks["repos"]] == ["local"]
    for hook in hooks["repos"][0]["hooks"]:
        command = hook["entry"].split()
        assert command[0] == "make"
        done = subprocess.run([*command, "--dry-run"], cwd=ROOT, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        for tool in ("ruff check", "ruff format", "snakefmt", "mypy"):
            assert tool in done.stdout, tool
    changed = ["hooks/post_gen_project.py", "a/workflow/Snakefile", "a/workflow/rules/corpus.smk"]
    assert all(re.search(hooks["repos"][0]["hooks"][0]["files"], name) for name in changed)
