"""Codebooks: the answers of every type, the score of a distribution over labels, what is asked together."""

from __future__ import annotations

import dataclasses
import importlib
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study import codebook, config
from study.codebook import Category, Codebook
from study.config import schema
from study.errors import StudyError

GOOD = Path(__file__).parent / "good_study/config/codebooks"


def ordinal(**changes: Any) -> Codebook:
    return Codebook.from_dict(
        {
            "construct": "sentiment",
            "question": "What?",
            "type": "classify",
            "level": "ordinal",
            "categories": {
                "positive": {"value": 1, "define": "Good."},
                "negative": {"value": -1},
                "neutral": {"value": 0},
            },
            **changes,
        }
    )


def test_a_file_is_read_with_defaults() -> None:
    book = codebook.read(GOOD / "sentiment.yaml")
    assert book.labels == ["positive", "negative", "neutral", "not codable"]
    assert book.values == [1.0, -1.0, 0.0, None]
    assert book.not_codable == "not codable"
    assert book.categories[0] == Category("positive", 1.0, "A good feeling.", "I love it.")
    assert book.categories[-1] == Category("not codable", None, "No language.", None)
    assert book.status == "frozen"
    assert book.prompt == codebook.DEFAULT_PROMPT
    assert (book.asked_in, book.position) == ("sentiment", 0)
    assert book.revisions[0]["agreement"] == 0.61
    assert book.scale is None
    assert book.closed
    assert (book.examples, book.calibration, book.pairs, book.spans) == ((), None, None, 0)


def test_an_answer_is_the_label_or_a_sentence_around_it() -> None:
    assert ordinal().answers == ["positive", "negative", "neutral"]
    assert ordinal(answer="It is {label}.").answers == [
        "It is positive.",
        "It is negative.",
        "It is neutral.",
    ]
    # A label that looks like a placeholder is a label.
    strange = ordinal(answer="<{label}>", categories={"{label}": {"value": 1}, "b": {"value": 0}})
    assert strange.answers == ["<{label}>", "<b>"]


def test_points_of_a_scale_are_labels() -> None:
    book = codebook.read(GOOD / "warmth.yaml")
    assert book.labels == [str(n) for n in range(11)]
    assert book.values == [float(n) for n in range(11)]
    assert book.categories[0].define == "not at all"
    assert book.categories[5].define is None
    assert book.scale == (0, 10)


def test_a_scale_may_go_below_zero_and_offer_not_codable() -> None:
    book = Codebook.from_dict(
        {
            "construct": "x",
            "question": "?",
            "type": "rate",
            "level": "interval",
            "scale": {"low": -2, "high": 1},
            "not_codable": {},
        }
    )
    assert book.labels == ["-2", "-1", "0", "1", "not codable"]
    assert book.values[-1] is None


def test_a_broken_file_is_explained(tmp_path: Path) -> None:
    (tmp_path / "sentiment.yaml").write_text(
        "construct: sentiment\nquestion: Q\ntype: classify\nlevel: rank\n"
    )
    with pytest.raises(StudyError, match=r"config/codebooks/sentiment\.yaml, line 4"):
        codebook.read(tmp_path / "sentiment.yaml")


def test_what_is_loaded_survives_a_command_line() -> None:
    loaded = config.read_codebook(GOOD / "sentiment.yaml")
    assert Codebook.from_dict(json.loads(json.dumps(loaded))) == codebook.read(GOOD / "sentiment.yaml")


def test_a_codebook_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        ordinal().level = "nominal"  # type: ignore[misc]


def test_defaults_are_those_of_the_schema() -> None:
    properties = schema.read_schema("codebook")["properties"]
    refused = schema.resolve(properties["not_codable"], "codebook")["properties"]["label"]
    assert refused["default"] == codebook.DEFAULT_NOT_CODABLE
    prompt = {key: part["default"] for key, part in properties["prompt"]["properties"].items()}
    assert prompt == codebook.DEFAULT_PROMPT
    assert ordinal().wording == codebook.DEFAULT_WORDING
    assert ordinal().system == properties["system"]["default"]
    assert ordinal().status == properties["status"]["default"]
    assert ordinal().answer == properties["answer"]["default"]
    reason = {key: part["default"] for key, part in properties["reason"]["properties"].items()}
    assert reason == codebook.DEFAULT_REASON == ordinal().reason
    pairs = properties["pairs"]["properties"]
    assert {key: part["default"] for key, part in pairs.items()} == codebook.DEFAULT_PAIRS
    spans = schema.read_schema("codebook")["$defs"]["spans"]["properties"]
    assert {key: part["default"] for key, part in spans.items()} == codebook.DEFAULT_SPANS


def test_the_manual_tells_every_default_wording() -> None:
    told = " ".join(schema.read_schema("codebook")["properties"]["wording"]["description"].split())
    for kind in codebook.TYPES:
        assert codebook.default_wording(kind).replace("\n", "\\n") in told, kind
    assert codebook.default_wording("rate", text_first=True).replace("\n", "\\n") in told


@pytest.mark.parametrize("kind", codebook.TYPES)
@pytest.mark.parametrize("text_first", [False, True])
@pytest.mark.parametrize("examples", [False, True])
def test_a_default_wording_puts_each_text_once(kind: str, text_first: bool, examples: bool) -> None:
    wording = codebook.default_wording(kind, text_first=text_first, examples=examples)
    texts = ("first", "second") if kind == "compare" else ("text",)
    assert [wording.count(f"{{{text}}}") for text in texts] == [1] * len(texts)
    assert wording.count("{question}") == 1
    assert ("{labels}" in wording) == (kind in ("classify", "rate", "compare"))
    if kind != "compare":
        assert ("{examples}" in wording) == (text_first and examples)
        assert wording.startswith("Text: {text}") == text_first


def open_codebook(kind: str, **changes: Any) -> Codebook:
    return Codebook.from_dict({"construct": "x", "question": "?", "type": kind, **changes})


def test_a_count_and_a_number_have_bounds_and_no_labels() -> None:
    count = open_codebook("count", scale={"low": 0, "high": 5000})
    assert (count.scale, count.labels, count.closed, count.level) == ((0, 5000), [], False, "interval")
    number = open_codebook("number", scale={"low": 0, "high": 1, "decimals": 2})
    assert (number.scale, number.decimals, number.none) == ((0.0, 1.0), 2, "")
    assert [type(bound) for bound in number.scale or ()] == [float, float]
    assert math.isnan(number.score([]))


def test_passages_have_a_limit_and_a_word_for_none() -> None:
    assert (open_codebook("extract").spans, open_codebook("extract").none) == (3, "none")
    own = open_codebook("extract", spans={"most": 7, "none": "nothing"})
    assert (own.spans, own.none, own.closed) == (7, "nothing", False)


def test_a_comparison_has_two_words_or_three() -> None:
    assert open_codebook("compare").labels == ["first", "second"]
    assert open_codebook("compare").pairs == {"rounds": 5, "seed": 1}
    tied = open_codebook("compare", pairs={"tie": "equal", "rounds": 2})
    assert (tied.labels, tied.values, tied.closed) == (["first", "second", "equal"], [None] * 3, True)
    assert tied.pairs == {"rounds": 2, "seed": 1}


def test_contextual_calibration_has_texts_that_say_nothing() -> None:
    contextual = ordinal(calibration={"method": "contextual", "texts": None})
    assert contextual.calibration == {"method": "contextual", "texts": ["N/A", "[MASK]", ""]}
    own = ordinal(calibration={"method": "batch", "texts": ["a", "b"]})
    assert own.calibration == {"method": "batch", "texts": ["a", "b"]}


def test_an_example_without_a_reason_says_so() -> None:
    assert ordinal(examples=[{"text": "a", "label": "neutral"}]).examples == (
        {"text": "a", "label": "neutral", "rationale": None},
    )


def test_what_is_asked_together_keeps_the_order_of_its_file() -> None:
    def field(name: str, position: int) -> dict[str, Any]:
        keys = {"construct": f"speech_{name}", "asked_in": "speech", "position": position}
        return {**keys, "question": "?", "type": "extract"}

    dicts = [field("b", 0), {**field("b", 0), "construct": "anger", "asked_in": None}, field("a", 1)]
    expected = {"anger": ["anger"], "speech": ["speech_b", "speech_a"]}
    assert codebook.asked_together(dicts) == expected
    assert codebook.asked_together({book["construct"]: book for book in dicts}) == expected
    assert codebook.asked_together(map(Codebook.from_dict, dicts)) == expected
    assert list(codebook.asked_together(dicts)) == ["anger", "speech"]


@pytest.mark.parametrize(
    ("category", "name"),
    [
        ("schools", "schools"),
        ("Health & care", "health_care"),
        ("tax (income)", "tax_income"),
        ("COVID-19", "covid_19"),
        ("santé", "sant"),
        ("école", "_cole"),
        ("2020", "2020"),
        ("健康", ""),
    ],
)
def test_categories_become_names(category: str, name: str) -> None:
    assert codebook.as_name(category) == name


def test_a_score_is_the_expected_value() -> None:
    assert ordinal().score([0.5, 0.25, 0.25]) == pytest.approx(0.25)
    assert ordinal().score({"neutral": 0.25, "negative": 0.25, "positive": 0.5}) == pytest.approx(0.25)


def test_not_codable_takes_no_part_in_a_score() -> None:
    book = ordinal(not_codable={"label": "unclear", "define": None})
    assert book.labels[-1] == "unclear"
    assert book.score([0.3, 0.1, 0.0, 0.6]) == pytest.approx(0.5)
    assert math.isnan(book.score([0, 0, 0, 1]))


def test_labels_without_values_have_no_score() -> None:
    book = ordinal(level="nominal", categories={"a": None, "b": {}})
    assert book.values == [None, None]
    assert math.isnan(book.score([0.5, 0.5]))


@pytest.mark.parametrize("probabilities", [[0.5, 0.5], {"positive": 1.0}, [0.25] * 4])
def test_probabilities_must_be_those_of_the_labels(probabilities: Any) -> None:
    with pytest.raises(ValueError, match=r"labels|shorter|longer"):
        ordinal().score(probabilities)


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3).filter(sum), st.permutations([0, 1, 2]))
def test_a_score_lies_within_the_values_and_knows_no_order(weights: list[float], order: list[int]) -> None:
    book = ordinal()
    score = book.score(weights)
    assert -1 <= score <= 1
    categories = {book.labels[i]: {"value": book.values[i]} for i in order}
    assert ordinal(categories=categories).score([weights[i] for i in order]) == score


def test_rules_do_not_depend_on_what_checks_codebooks() -> None:
    closure = importlib.import_module("study.provenance.closure").import_closure
    source = Path(codebook.__file__).parents[1]
    assert not [file for file in closure("study.codebook", source) if "/config/" in file]
