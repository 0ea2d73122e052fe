"""Files of several constructs become a codebook for each, with everything that a construct needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from library.good_codebooks import GOOD, read
from study.codebook import CONTEXT_FREE_TEXTS, DEFAULT_REASON, Category, Codebook, default_wording
from study.config.codebooks import read_codebook, read_file


def constructs(folder: Path, stem: str, old: str = "", new: str = "") -> dict[str, dict[str, Any]]:
    return read(folder, stem, old, new).constructs


@pytest.mark.parametrize("stem", GOOD)
def test_every_construct_is_a_complete_codebook_in_plain_json(tmp_path: Path, stem: str) -> None:
    found = constructs(tmp_path, stem)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert len({tuple(book) for book in found.values()}) == 1
    assert list(found) == [book["construct"] for book in found.values()]
    assert {book["asked_in"] for book in found.values()} == {stem}
    assert [book["position"] for book in found.values()] == list(range(len(found)))
    for book in map(Codebook.from_dict, found.values()):
        assert book.prompt["wording"] in book.wording


def test_a_construct_of_its_own_stays_as_it_is_written(tmp_path: Path) -> None:
    book = Codebook.from_dict(constructs(tmp_path, "county_wrong")["county_wrong"])
    assert book.labels == ["yes", "no", "cannot tell"]
    assert (book.asked_in, book.position, book.closed) == ("county_wrong", 0, True)
    assert book.prompt == {
        "wording": "main",
        "label_order": "random",
        "seed": 7,
        "rationale": "before",
        "rationale_tokens": 40,
    }
    assert book.reason == {**DEFAULT_REASON, "before": "Why so"}
    assert book.examples[1] == {
        "text": "Rain.",
        "label": "cannot tell",
        "rationale": "It is about the weather.",
    }
    assert book.calibration == {"method": "batch", "texts": [f"t{n}" for n in range(10)]}


def test_answers_of_examples_have_the_type_of_the_construct(tmp_path: Path) -> None:
    def labels(stem: str) -> list[Any]:
        return [example["label"] for example in Codebook.from_dict(constructs(tmp_path, stem)[stem]).examples]

    assert labels("anger") == ["9", "2", "not codable"]
    assert labels("hurt") == [3]
    assert [type(label) for label in labels("hurt")] == [int]
    assert labels("distance") == [3.2, 0.0]
    assert [type(label) for label in labels("distance")] == [float, float]
    assert labels("demands") == [["roads", "a school"], []]
    assert labels("politeness") == ["A"]


def test_a_number_without_decimals_is_whole_in_examples(tmp_path: Path) -> None:
    changed = GOOD["distance"].replace("decimals: 1", "decimals: 0").replace("-0.5", "-1")
    (tmp_path / "distance.yaml").write_text(changed.replace("3.2", "3.0"))
    assert [repr(e["label"]) for e in read_codebook(tmp_path / "distance.yaml")["examples"]] == ["3", "0"]


def test_open_answers_have_no_labels(tmp_path: Path) -> None:
    hurt = Codebook.from_dict(constructs(tmp_path, "hurt")["hurt"])
    assert (hurt.labels, hurt.closed, hurt.level) == ([], False, "interval")
    assert (hurt.scale, hurt.decimals) == ((0, 10000), 0)
    assert hurt.wording == {"main": default_wording("count")}
    distance = Codebook.from_dict(constructs(tmp_path, "distance")["distance"])
    assert (distance.scale, distance.decimals) == ((-0.5, 500.0), 1)
    demands = Codebook.from_dict(constructs(tmp_path, "demands")["demands"])
    assert (demands.spans, demands.none, demands.scale) == (2, "nothing", None)


def test_the_words_of_a_comparison_are_its_labels(tmp_path: Path) -> None:
    book = Codebook.from_dict(constructs(tmp_path, "politeness")["politeness"])
    assert book.categories == (Category("A"), Category("B"), Category("neither"))
    assert book.answers == ["It is A.", "It is B.", "It is neither."]
    assert book.pairs == {"rounds": 3, "seed": 2}
    assert (book.closed, book.level, book.not_codable) == (True, "interval", None)
    assert book.examples == ({"first": "Please.", "second": "Now!", "label": "A", "rationale": None},)
    two = Codebook.from_dict(constructs(tmp_path, "politeness", ", tie: neither", "")["politeness"])
    assert two.labels == ["A", "B"]


def test_a_multilabel_is_a_question_for_each_category(tmp_path: Path) -> None:
    found = constructs(tmp_path, "topics")
    assert list(found) == ["topics_health_care", "topics_schools"]
    book = Codebook.from_dict(found["topics_health_care"])
    assert book.question == "Is the text about Health & care? I mean Health & care."
    assert book.categories == (
        Category("yes", 1.0, "Doctors.", "The clinic is shut."),
        Category("no", 0.0),
        Category("unclear"),
    )
    assert (book.type, book.level, book.asked_in) == ("classify", "nominal", "topics")
    assert [(e["label"], e["rationale"]) for e in book.examples] == [
        ("yes", "A nurse."),
        ("no", "A greeting."),
        ("unclear", "No words."),
    ]
    schools = Codebook.from_dict(found["topics_schools"])
    assert schools.examples[0] == {
        "text": "The school nurse left.",
        "label": "yes",
        "rationale": "A school.",
    }
    assert schools.calibration == {"method": "contextual", "texts": ["", "-"]}


def test_the_two_words_of_a_multilabel_are_chosen(tmp_path: Path) -> None:
    found = constructs(tmp_path, "topics", "not_codable", "binary: [ja, nein]\nnot_codable")
    assert Codebook.from_dict(found["topics_schools"]).labels == ["ja", "nein", "unclear"]
    assert [e["label"] for e in found["topics_schools"]["examples"]] == ["ja", "nein", "unclear"]


def test_a_record_is_a_question_for_each_field(tmp_path: Path) -> None:
    found = {name: Codebook.from_dict(book) for name, book in constructs(tmp_path, "speech").items()}
    assert list(found) == [f"speech_{field}" for field in ("tone", "genre", "promises", "minutes", "thanks")]
    tone, genre, promises, minutes, thanks = found.values()
    assert [book.type for book in found.values()] == ["rate", "classify", "count", "number", "extract"]
    assert {book.system for book in found.values()} == {"You code speeches."}
    assert {book.status for book in found.values()} == {"frozen"}
    assert [book.answer for book in found.values()] == [
        "{label}", "It is {label}.", "It is {label}.", "It is {label}.", "{label}",
    ]  # fmt: skip
    assert genre.labels == ["toast", "sermon", "neither"]
    assert [example["label"] for example in promises.examples] == [1, 0]
    assert [book.examples[0]["label"] for book in (tone, genre, minutes, thanks)] == [
        "5", "toast", 0.25, ["Friends"],
    ]  # fmt: skip
    assert (thanks.spans, thanks.none) == (3, "none")
    assert tone.revisions[0]["change"] == "Fewer fields."


def test_what_concerns_labels_reaches_the_fields_that_have_some(tmp_path: Path) -> None:
    found = {name: Codebook.from_dict(book) for name, book in constructs(tmp_path, "speech").items()}
    orders = [book.prompt["label_order"] for book in found.values()]
    assert orders == ["rotated", "rotated", "fixed", "fixed", "fixed"]
    calibrated = [book.calibration is not None for book in found.values()]
    assert calibrated == [True, True, False, False, False]
    assert found["speech_tone"].calibration == {"method": "contextual", "texts": list(CONTEXT_FREE_TEXTS)}


def test_the_text_of_several_questions_comes_first_where_no_wording_is_given(tmp_path: Path) -> None:
    found = constructs(tmp_path, "speech")
    wordings = [book["wording"]["main"] for book in found.values()]
    assert len({wording.partition("{text}")[0] for wording in wordings}) == 1
    assert all("{examples}" in wording for wording in wordings)
    assert [wording.rpartition("\n")[2].partition(" ")[2].split(" {")[0] for wording in wordings[:3]] == [
        "with one of:", "with one of:", "with a number from",
    ]  # fmt: skip
    without = GOOD["topics"].partition("examples:")[0]
    (tmp_path / "topics.yaml").write_text(without)
    book = read_file(tmp_path / "topics.yaml").constructs["topics_schools"]
    assert book["wording"]["main"] == default_wording("classify", text_first=True)
    assert "{examples}" not in book["wording"]["main"]


def test_a_wording_of_a_record_holds_for_its_fields(tmp_path: Path) -> None:
    own = "wording:\n  main: '{text} {question} {examples}'\n  short: '{text} {question}'\nprompt:"
    found = constructs(tmp_path, "speech", "prompt:", own)
    assert {book["wording"]["main"] for book in found.values()} == {"{text} {question} {examples}"}


def test_constructs_share_nothing_that_changes(tmp_path: Path) -> None:
    found = constructs(tmp_path, "topics")
    found["topics_schools"]["prompt"]["seed"] = 99
    found["topics_schools"]["wording"]["main"] = "x"
    assert found["topics_health_care"]["prompt"]["seed"] == 1
    assert found["topics_health_care"]["wording"]["main"] != "x"
