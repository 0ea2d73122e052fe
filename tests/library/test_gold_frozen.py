"""The record of what was frozen: its sha256 change with a meaning, and with nothing else."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from study.errors import StudyError
from study.gold.frozen import SECTIONS, fingerprints, read, sections, sha256

STUDY: dict[str, Any] = {
    "title": "T",
    "codebooks": {
        "wrong": {
            "construct": "wrong",
            "asked_in": "wrong",
            "question": "Is it?",
            "categories": {"yes": {"value": 1, "define": None}, "no": {"value": 0, "define": None}},
            "status": "pilot",
            "revisions": [],
        }
    },
    "hypotheses": {"H1": {"analysis": "reporting", "term": "wrong", "direction": "negative"}},
    "analyses": {"reporting": {"formula": "sent ~ wrong", "folds": 5}},
    "gold": {"truth": "humans", "draw": {"n": 20, "pilot": 5}, "seal": True},
    "compare": {"criterion": "humans", "epsilon": 0.2},
    "sample": "all",
    "units": {"segment": "none"},
    "coders": {
        "humans": {"type": "human", "folder": "data/gold/coded", "score": "majority", "sources": []},
        "words": {"type": "dictionary", "file": "config/words.csv"},
    },
    "models": {"small": {"path": "/a/b.gguf", "sha256": "0" * 64}},
}


def changed(*path: str, to: object) -> dict[str, Any]:
    study = copy.deepcopy(STUDY)
    place = study
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return study


BASE = fingerprints(sections(STUDY))


@pytest.mark.parametrize(
    ("path", "to"),
    [
        (("codebooks", "wrong", "status"), "frozen"),
        (("codebooks", "wrong", "revisions"), [{"change": "x"}]),
        (("coders", "humans", "folder"), "elsewhere"),
        (("coders", "humans", "sources"), [{"file": "x.csv"}]),
        (("models", "small", "path"), "/c/d.gguf"),
        (("title",), "Another one"),
    ],
)
def test_what_means_nothing_changes_nothing(path: tuple[str, ...], to: object) -> None:
    assert fingerprints(sections(changed(*path, to=to))) == BASE


@pytest.mark.parametrize(
    ("path", "to", "where"),
    [
        (("codebooks", "wrong", "question"), "Is it not?", "codebooks"),
        (("hypotheses", "H1", "direction"), "positive", "hypotheses"),
        (("analyses", "reporting", "folds"), 10, "analyses"),
        (("gold", "draw", "n"), 30, "gold"),
        (("compare", "epsilon"), 0.1, "compare"),
        (("sample",), {"n": 5, "by": None, "seed": 1}, "sample"),
        (("units", "segment"), "sentence", "units"),
        (("coders", "humans", "score"), "mean", "coders"),
        (("coders", "words", "file"), "config/others.csv", "coders"),
        (("models", "small", "sha256"), "1" * 64, "models"),
    ],
)
def test_what_means_something_changes_its_section_alone(
    path: tuple[str, ...], to: object, where: str
) -> None:
    found = fingerprints(sections(changed(*path, to=to)))
    assert {section for section in SECTIONS if found[section] != BASE[section]} == {where}


def test_the_order_of_keys_has_no_meaning_but_that_of_categories_has() -> None:
    book = STUDY["codebooks"]["wrong"]
    assert sha256(dict(reversed(book.items()))) == sha256(book)
    turned = {**book, "categories": dict(reversed(book["categories"].items()))}
    assert sha256(turned) != sha256(book)


def test_the_sha256_by_hand() -> None:
    # printf '{"categories":[["b",{"value":1}],["a",{}]],"question":"\xc3\xa9?"}' | sha256sum
    book = {"question": "é?", "categories": {"b": {"value": 1}, "a": {}}}
    assert sha256(book) == "34fc1360ef9f2c357124c6f28fad469a429cfd61964af6a9285acf3eb9305aa3"


def entry() -> dict[str, Any]:
    decided = sections(STUDY)
    return {"date": "2026-01-02T03:04:05+00:00", "sections": decided, "sha256": fingerprints(decided)}


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "frozen.json"
    assert read(file) == []
    file.write_text(json.dumps({"entries": [entry()]}), encoding="utf-8")
    assert read(file) == [entry()]


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"entries": 3}', '{"entries": [{"date": "x"}]}', '{"entries": []}']
)
def test_a_damaged_record_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "frozen.json"
    file.write_text(content)
    with pytest.raises(StudyError, match=r"frozen\.json: This is not what 'snakemake freeze' has written"):
        read(file)


def test_a_record_that_was_edited_is_refused(tmp_path: Path) -> None:
    one = entry()
    one["sections"]["hypotheses"]["H1"]["direction"] = "positive"
    file = tmp_path / "frozen.json"
    file.write_text(json.dumps({"entries": [one]}))
    with pytest.raises(StudyError, match="sha256 is not that of what it holds"):
        read(file)
