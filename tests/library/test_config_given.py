"""Studies whose codes were made elsewhere, or whose texts are not at hand: what may be configured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from library.given_study import BOOK, write
from study.config import load
from study.config.names import role
from study.errors import StudyError

LLM = {"models": {"small": {"path": "m.gguf"}}, "coders": {"llm": {"type": "llm", "model": "small"}}}
LONG = {"type": "human", "file": "data/gold/x.csv"}


def test_codes_made_elsewhere_need_no_texts(tmp_path: Path) -> None:
    config = load(write(tmp_path, {"compare": {"criterion": None}}))
    assert config["corpus"]["text"] is None
    assert {name: role(coder) for name, coder in config["coders"].items()} == {
        "gpt4": "llm",
        "experts": "human",
    }
    assert config["coders"]["gpt4"]["codebooks"] == ["county_wrong"]
    # The one coder that is people is what others are compared with, and true.
    assert config["compare"]["criterion"] == "experts"
    assert config["gold"]["truth"] == "experts"


def test_people_may_code_what_the_study_has_no_texts_of(tmp_path: Path) -> None:
    folder = write(tmp_path, {"coders": {"students": LONG}})
    assert load(folder)["coders"]["students"]["type"] == "human"


def test_codes_made_elsewhere_stand_beside_those_of_a_model(tmp_path: Path) -> None:
    folder = write(tmp_path, {**LLM, "corpus": {"text": "body"}})
    assert set(load(folder)["coders"]) == {"gpt4", "experts", "llm"}


def test_all_columns_are_kept_unless_some_are_listed(tmp_path: Path) -> None:
    assert load(write(tmp_path, {"corpus": {"covariates": None}}))["corpus"]["covariates"] is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({**LLM}, ("corpus.text", "A language model needs the texts", "coder 'llm'", "type given")),
        (
            {"coders": {"words": {"type": "dictionary", "file": "w.csv", "language": "zh"}}},
            ("corpus.text", "A dictionary needs the texts", "'words'"),
        ),
        (
            {"coders": {"ridge": {"type": "supervised"}}},
            ("corpus.text", "A classifier needs the texts", "'ridge'"),
        ),
        (
            {"coders": {"ours": {"type": "human", "layout": "sheets", "folder": "data/gold/coded"}}},
            ("corpus.text", "A coding sheet needs the texts", "'ours'"),
        ),
        ({"gold": {"raters": ["anna"]}}, ("corpus.text", "coding sheets", "gold.raters")),
        ({"gold": {"seal": True, "draw": {"n": 20}}}, ("gold.seal", "'experts' are a column of the corpus")),
        ({"units": {"segment": "sentence"}}, ("corpus.text", "units.segment", "divide texts")),
        ({"corpus": {"duplicate_texts": "first"}}, ("corpus.text", "corpus.duplicate_texts")),
        (
            {"corpus": {"covariates": ["sent", "expert", "urban"]}},
            ("coders.gpt4.columns.county_wrong", "Found: 'machine'", "corpus.covariates", "line "),
        ),
        (
            {"coders": {"gpt4": {"type": "given", "of": "llm", "columns": {"county": "machine"}}}},
            ("coders.gpt4.columns.county", "Did you mean 'county_wrong'?"),
        ),
        (
            {"coders": {"gpt4": {"type": "given", "of": "llm", "columns": {}}}},
            ("coders.gpt4.columns",),
        ),
        (
            {"coders": {"gpt4": {"type": "given", "columns": {"county_wrong": "machine"}}}},
            ("coders.gpt4", "'of' is missing"),
        ),
        (
            {"coders": {"gpt4": {"type": "given", "of": "gpt", "columns": {"county_wrong": "machine"}}}},
            ("coders.gpt4.of", "llm, dictionary, supervised, human"),
        ),
    ],
)
def test_what_cannot_be_is_explained(tmp_path: Path, changed: dict[str, Any], words: tuple[str, ...]) -> None:
    with pytest.raises(StudyError) as caught:
        load(write(tmp_path, changed))
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert message.startswith("config/study.yaml")


def test_a_construct_without_a_column_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path)
    other = BOOK.replace("county_wrong", "urgent")
    (folder / "config/codebooks/urgent.yaml").write_text(other, encoding="utf-8")
    coders = {
        "gpt4": {
            "type": "given", "of": "llm", "codebooks": ["county_wrong", "urgent"],
            "columns": {"county_wrong": "machine"},
        }
    }  # fmt: skip
    write(tmp_path, {"coders": coders})
    with pytest.raises(StudyError, match="No column is named for the codes of 'urgent'"):
        load(folder)
