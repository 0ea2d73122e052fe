"""What Label Studio gets and gives back; exports are written by hand after its manual's task format."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import pytest

from library.coding_sheets import BOOKS, TEXTS, TOPICS, choices, number, numeric, task, units_of
from study.codebook import Codebook
from study.errors import StudyError
from study.gold.sheets.entries import Entries
from study.gold.sheets.label_studio import configuration, read_export, tasks

EVERYTHING = [*BOOKS.values(), *TOPICS.values()]


def export(*found: dict[str, Any], books: list[Codebook] = EVERYTHING) -> tuple[Entries, int]:
    return read_export(json.dumps(list(found)).encode(), "export.json", books)


def codes(entries: Entries) -> dict[tuple[str, str], object]:
    return {(entry.rater, entry.construct): entry.cell for entry in entries.found if entry.cell is not None}


def test_tasks_say_nothing_but_number_and_text() -> None:
    listed = json.loads(tasks(units_of(TEXTS)))
    assert all(set(one) == {"data"} and set(one["data"]) == {"text_number", "text"} for one in listed)
    assert {one["data"]["text_number"] for one in listed} == {number(unit) for unit in TEXTS}
    by_number = {one["data"]["text_number"]: one["data"]["text"] for one in listed}
    assert by_number[number("nyt-2")] == TEXTS["nyt-2"]
    assert "nyt" not in json.dumps(listed)
    many = {f"u{n}": str(n) for n in range(40)}
    order = [one["data"]["text"] for one in json.loads(tasks(units_of(many)))]
    assert order != sorted(order, key=int)


def test_the_configuration_asks_for_every_construct() -> None:
    view = ElementTree.fromstring(configuration(EVERYTHING))
    (text,) = view.iter("Text")
    assert text.attrib == {"name": "text", "value": "$text", "valueType": "text"}
    asked = {one.get("name"): one for one in view if one.get("toName") == "text"}
    assert {name: one.tag for name, one in asked.items()} == {
        "anger": "Choices",
        "demands": "Number",
        "hurt": "Number",
        "km": "Number",
        "tone": "Choices",
        "topics": "Choices",
        "comment": "TextArea",
    }
    labels = {name: [one.get("value") for one in tag] for name, tag in asked.items() if tag.tag == "Choices"}
    assert labels["tone"] == ["Positive", "neutral", "negative", "not codable"]
    assert labels["anger"] == [*map(str, range(11)), "cannot tell"]
    # A category has the name of the choice that says that none applies.
    assert labels["topics"] == ["Health & care", "none of these", "=tax", "(none of these)", "unclear"]
    assert asked["topics"].get("choice") == "multiple"
    assert asked["tone"].get("choice") == "single-radio"
    limits = {
        name: {key: tag.get(key) for key in ("min", "max", "step")}
        for name, tag in asked.items()
        if tag.tag == "Number"
    }
    assert limits == {
        "hurt": {"min": "0", "max": "5000", "step": "1"},
        "km": {"min": "-1", "max": "1.5", "step": "0.01"},
        "demands": {"min": "0", "max": None, "step": "1"},
    }
    headers = [one.get("value") for one in view.iter("Header")]
    assert "How does the writer judge the library?" in headers
    assert "negative: =complains" in headers
    assert "Health & care: Doctors." in headers


def test_a_dollar_sign_is_no_field_of_the_task() -> None:
    book = Codebook.from_dict(
        {
            "construct": "price",
            "question": "Is it about $text?",
            "type": "classify",
            "level": "nominal",
            "categories": {"$text": None, "free": None},
        }
    )
    view = ElementTree.fromstring(configuration([book]))
    for tag in view.iter():
        if tag.tag != "Text":
            assert "$text" not in (tag.get("value") or "")
    offered = next(tag.get("value") for tag in view.iter("Choice"))
    assert offered is not None
    found, _ = export(task("nyt-1", (5, [choices("price", offered)])), books=[book])
    assert codes(found) == {("label_studio_5", "price"): "$text"}


def test_several_annotators() -> None:
    found, skipped = export(
        task(
            "nyt-1",
            (5, [choices("tone", "Positive"), choices("anger", "7"), numeric("hurt", 3)]),
            ({"id": 12, "email": "ben@example.org"}, [choices("tone", "not codable"), numeric("km", 0.25)]),
        ),
        task("nyt-2", (5, [choices("anger", "0")])),
        task("tweet-3"),
    )
    assert found.problems == []
    assert skipped == 0
    assert found.rows == 3
    by_text = {(entry.text_number, key): cell for entry in found.found for key, cell in [_pair(entry)]}
    assert {key: cell for key, cell in by_text.items() if cell is not None} == {
        (number("nyt-1"), ("label_studio_5", "tone")): "Positive",
        (number("nyt-1"), ("label_studio_5", "anger")): "7",
        (number("nyt-1"), ("label_studio_5", "hurt")): 3,
        (number("nyt-1"), ("label_studio_12", "tone")): "not codable",
        (number("nyt-1"), ("label_studio_12", "km")): 0.25,
        (number("nyt-2"), ("label_studio_5", "anger")): "0",
    }
    # What an annotation does not answer is an empty cell; who annotated nothing has none.
    assert len(by_text) == 3 * len(EVERYTHING)
    assert "ben@" not in repr(found)


def _pair(entry: Any) -> tuple[tuple[str, str], object]:
    return (entry.rater, entry.construct), entry.cell


def test_skipped_predicted_and_drafted_is_not_coded() -> None:
    drafted = task("nyt-2")
    drafted["drafts"] = [{"result": [choices("tone", "Positive")]}]
    found, skipped = export(task("nyt-1", (5, [choices("tone", "Positive")]), cancelled=True), drafted)
    assert found.found == []
    assert skipped == 1


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["Health & care"], ["yes", "no", "no"]),
        (["=tax", "Health & care"], ["yes", "no", "yes"]),
        (["none of these"], ["no", "yes", "no"]),
        (["(none of these)"], ["no", "no", "no"]),
        (["unclear"], ["unclear"] * 3),
        ([], [None] * 3),
    ],
)
def test_one_question_for_all_categories(labels: list[str], expected: list[str | None]) -> None:
    found, _ = export(task("nyt-1", (5, [choices("topics", *labels)])))
    assert found.problems == []
    by_construct = {entry.construct: entry.cell for entry in found.found}
    assert [by_construct[construct] for construct in TOPICS] == expected


def test_not_answered_is_not_none() -> None:
    found, _ = export(task("nyt-1", (5, [choices("tone", "neutral")])))
    assert codes(found) == {("label_studio_5", "tone"): "neutral"}


def test_a_rating_with_stars_and_a_comment_are_read() -> None:
    stars = {"from_name": "anger", "to_name": "text", "type": "rating", "value": {"rating": 4}}
    said = {"from_name": "comment", "to_name": "text", "type": "textarea", "value": {"text": ["hm"]}}
    found, _ = export(task("nyt-1", (5, [stars, said])))
    assert found.problems == []
    assert codes(found) == {("label_studio_5", "anger"): 4}


@pytest.mark.parametrize(
    ("result", "says"),
    [
        ([choices("tome", "neutral")], "Did you mean"),
        ([choices("tone", "neutral", "negative")], "several answers to one question"),
        ([choices("tone", "neutral"), choices("tone", "neutral")], "answered twice"),
        ([choices("topics", "unclear", "=tax")], "exclude each other"),
        ([choices("topics", "sport")], "Allowed: Health & care"),
        ([{"from_name": "tone", "type": "labels", "value": {"labels": ["x"]}}], "no question of this study"),
    ],
)
def test_what_is_no_answer_is_placed(result: list[dict[str, Any]], says: str) -> None:
    found, _ = export(task("nyt-1", (5, result)))
    (problem,) = found.problems
    assert str(problem).startswith("export.json, task 101")
    assert says in str(problem)


def test_tasks_of_somebody_else_are_placed() -> None:
    other = task("nyt-1", (5, [choices("tone", "neutral")]))
    other["data"] = {"text": "x"}
    found, _ = export(other)
    assert "no 'text_number'" in str(found.problems[0])


@pytest.mark.parametrize("data", [b"{", b'"x"', b"[1]", b'[{"id": 1, "tone": "neutral"}]', b"\xff"])
def test_what_is_no_export_is_refused(data: bytes) -> None:
    with pytest.raises(StudyError, match=r"export\.json"):
        read_export(data, "export.json", EVERYTHING)
