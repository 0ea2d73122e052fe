"""The page on codes that were made elsewhere: its fragments are configurations, and those of the starter."""

from __future__ import annotations

from pathlib import Path

import yaml

from docs.pages import DOCS, blocks, write_files
from docs.test_how_to import TUTORIAL, laid_over
from study.config import load

PAGE = "how-to/use-given-codes.md"
STARTER = DOCS.parent / "{{cookiecutter.project_slug}}/starters/pan-chen-2018/config/study.yaml"


def test_each_fragment_is_a_valid_configuration(tmp_path: Path) -> None:
    write_files(TUTORIAL, tmp_path)
    file = tmp_path / "config" / "study.yaml"
    tutorial = yaml.safe_load(file.read_text(encoding="utf-8"))
    parts = [block.body for block in blocks(PAGE) if block.part and block.file == "config/study.yaml"]
    assert len(parts) == 7
    for part in map(yaml.safe_load, parts):
        file.write_text(yaml.safe_dump(laid_over(tutorial, part), sort_keys=False), encoding="utf-8")
        config = load(tmp_path)
        for name, coder in part.get("coders", {}).items():
            assert config["coders"][name]["of"] == coder["of"]
            assert config["coders"][name]["codebooks"] == ["praise"]


def test_the_starter_says_what_the_page_shows() -> None:
    (shown,) = (block.body for block in blocks(PAGE) if block.file.endswith("of the starter"))
    assert set(shown.splitlines()) <= set(STARTER.read_text(encoding="utf-8").splitlines())
