"""The how-to pages' fragments, laid over the tutorial's study, are configurations without a mistake."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.pages import DOCS, blocks, write_files
from study.codebook import Codebook
from study.config import load
from study.config.codebooks import read_file

TUTORIAL = "tutorial/own-corpus.md"
PAGES = [
    "how-to/add-a-coder.md",
    "how-to/add-a-dictionary.md",
    "how-to/draw-a-sample.md",
    "how-to/draw-a-gold-sample.md",
    "how-to/code-by-hand.md",
    "how-to/correct-a-regression.md",
    "how-to/run-an-experiment.md",
    "how-to/show-every-choice.md",
    "how-to/use-a-model-server.md",
    "how-to/run-on-a-cluster.md",
]


def laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    both = {
        key: laid_over(below[key], above[key])
        for key in below.keys() & above.keys()
        if isinstance(below[key], dict) and isinstance(above[key], dict)
    }
    return below | above | both


@pytest.mark.parametrize("page", PAGES)
def test_every_fragment_is_a_valid_configuration(page: str, tmp_path: Path) -> None:
    write_files(TUTORIAL, tmp_path)
    write_files(page, tmp_path)
    file = tmp_path / "config" / "study.yaml"
    study = yaml.safe_load(file.read_text(encoding="utf-8"))
    parts = [yaml.safe_load(block.body) for block in blocks(page) if block.part]
    assert parts
    for part in parts:
        study = laid_over(study, part)
        file.write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
        config = load(tmp_path)
        for name in part.get("coders", {}):
            assert name in config["coders"]


def test_every_codebook_of_the_page_on_answers_is_valid(tmp_path: Path) -> None:
    page = "how-to/choose-an-answer.md"
    names = write_files(page, tmp_path)
    assert {Path(name).stem for name in names} == {"speech", "topics", "anger", "effort"}
    for name in names:
        found = read_file(tmp_path / name).constructs
        assert all(Codebook.from_dict(book).construct == construct for construct, book in found.items())
    (coders,) = (block.body for block in blocks(page) if not block.file)
    write_files(TUTORIAL, tmp_path)
    file = tmp_path / "config" / "study.yaml"
    study = laid_over(yaml.safe_load(file.read_text(encoding="utf-8")), yaml.safe_load(coders))
    file.write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    config = load(tmp_path)
    assert config["coders"]["drawn"]["repeats"] == 5
    assert {"speech_tone", "speech_demands", "speech_name", "topics_taxes"} <= set(config["codebooks"])


def test_the_front_page_s_fragment_is_a_valid_configuration(tmp_path: Path) -> None:
    write_files(TUTORIAL, tmp_path)
    file = tmp_path / "config" / "study.yaml"
    front = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    (fragment,) = re.findall(r"^ +```yaml\n(.+?)^ +```$", front, re.DOTALL | re.MULTILINE)
    study = yaml.safe_load(file.read_text(encoding="utf-8")) | yaml.safe_load(textwrap.dedent(fragment))
    file.write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    assert set(load(tmp_path)["coders"]) == {"llm", "words", "humans"}


def test_the_page_on_models_says_what_the_schema_allows(tmp_path: Path) -> None:
    write_files(TUTORIAL, tmp_path)
    file = tmp_path / "config" / "study.yaml"
    for block in blocks("how-to/use-another-model.md"):
        study = laid_over(yaml.safe_load(file.read_text(encoding="utf-8")), yaml.safe_load(block.body))
        file.write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
        assert load(tmp_path)["models"]["better"]["path"] == "models/your-model-instruct.gguf"


def test_links_between_pages_lead_to_headings_that_exist() -> None:
    # Sphinx checks this too; here it is checked in a second, without a build.
    for page in DOCS.rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        for target in [part.split(")")[0] for part in text.split("](")[1:]]:
            if "://" not in target and not target.startswith("#"):
                assert (page.parent / target.partition("#")[0]).exists(), (page.name, target)
