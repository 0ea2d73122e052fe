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
        ({"gold": {"seal": True, "draw": {"n": 20}}}, ("gold.seal", "'experts' were made elsewhere")),
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


def own(**keys: Any) -> dict[str, Any]:
    """Return the section of a coder whose codes are in a table of their own."""
    coder = {"type": "given", "of": "llm", "file": "data/codes.csv", "columns": {"county_wrong": "value"}}
    return {"coders": {"gpt4": {**coder, **keys}}}


def from_source(**keys: Any) -> dict[str, Any]:
    source = {"file": "data/codes.csv", "columns": ["id", "method", "value"], **keys.pop("source", {})}
    return own(file=None, sources=[source], **{"id": "id", **keys})


def test_codes_may_be_in_a_table_of_their_own(tmp_path: Path) -> None:
    coder = load(write(tmp_path, own()))["coders"]["gpt4"]
    assert [source["file"] for source in coder["sources"]] == ["data/codes.csv"]
    assert coder["sources"][0]["where"] == {}
    assert (coder["id"], coder["repeat"], coder["reduce"]) == ("unit_id", None, None)
    column = {"column": "value", "where": {"method": "gpt4"}}
    long = from_source(columns={"county_wrong": column}, repeat="method", reduce="sign")
    coder = load(write(tmp_path, long))["coders"]["gpt4"]
    assert coder["columns"]["county_wrong"] == column
    assert coder["repeat"] == "method"


def test_codes_in_the_corpus_have_no_source(tmp_path: Path) -> None:
    assert load(write(tmp_path))["coders"]["gpt4"]["sources"] == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (own(sources=[{"file": "data/x.csv"}]), ("coders.gpt4.sources", "either 'file' or 'sources'")),
        (own(file="/data/codes.csv"), ("coders.gpt4.file", "absolute")),
        (
            own(file=None, sources=[{"url": "https://example.org/x.csv"}]),
            ("coders.gpt4.sources[1]", "sha256"),
        ),
        (own(file=None, id="id"), ("coders.gpt4.id", "columns of the corpus")),
        (own(file=None, repeat="run"), ("coders.gpt4.repeat", "columns of the corpus")),
        (
            own(file=None, columns={"county_wrong": {"column": "machine", "where": {"a": 1}}}),
            ("coders.gpt4.columns.county_wrong", "one row a text"),
        ),
        (from_source(id="ids"), ("coders.gpt4.id", "no such column", "Did you mean 'id'?")),
        (from_source(repeat="run"), ("coders.gpt4.repeat", "no such column")),
        (
            from_source(columns={"county_wrong": "code"}),
            ("coders.gpt4.columns.county_wrong", "no such column"),
        ),
        (
            from_source(columns={"county_wrong": {"column": "value", "where": {"metod": "x"}}}),
            ("coders.gpt4.columns.county_wrong.where.metod", "Did you mean 'method'?"),
        ),
        (
            from_source(columns={"county_wrong": {"where": {"method": "x"}}}),
            ("coders.gpt4.columns.county_wrong", "'column' is missing"),
        ),
        (
            from_source(source={"where": {"metod": "x"}}),
            ("coders.gpt4.sources[1].where.metod", "Did you mean 'method'?"),
        ),
        (from_source(source={"where": {"method": []}}), ("where.method", "This is empty")),
        (from_source(reduce="signs"), ("coders.gpt4.reduce", "sign, round")),
    ],
)
def test_what_cannot_be_of_such_a_table(
    tmp_path: Path, changed: dict[str, Any], words: tuple[str, ...]
) -> None:
    with pytest.raises(StudyError) as caught:
        load(write(tmp_path, changed))
    message = str(caught.value)
    assert all(word in message for word in words), message


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
