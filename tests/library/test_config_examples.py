"""Examples show answers that the codebook allows, and passages that are in their text."""

from __future__ import annotations

from pathlib import Path

import pytest

from library.good_codebooks import Change, check_explained, read
from study.config import read_codebook
from study.errors import StudyError

CHANGES = [
    Change(
        "unknown label",
        "county_wrong",
        'label: "yes"',
        "label: maybe",
        ("examples[1].label", "no such label", "cannot tell"),
    ),
    Change("unquoted label", "county_wrong", 'label: "yes"', "label: yes", ('write "yes" with quotes',)),
    Change("label in another case", "county_wrong", 'label: "yes"', "label: 'Yes'", ("Did you mean 'yes'?",)),
    Change("no label", "hurt", ", label: 3", "", ("'label' is missing",)),
    Change("no text", "hurt", "text: A woman and her two sons., ", "", ("examples[1].text", "no 'text'")),
    Change(
        "empty text", "hurt", "text: A woman and her two sons.", "text: ' '", ("examples[1].text", "empty")
    ),
    Change("point outside the scale", "anger", "label: 9", "label: 11", ("no such label", "0, 1, 2")),
    Change("half a point", "anger", "label: 9", "label: 9.5", ("no such label", "9.5")),
    Change(
        "count in words",
        "hurt",
        "label: 3",
        "label: three",
        ("is a number", "a whole number from 0 to 10000"),
    ),
    Change("quoted count", "hurt", "label: 3", 'label: "3"', ("Remove the quotes",)),
    Change("count outside", "hurt", "label: 3", "label: 10001", ("none of the scale", "from 0 to 10000")),
    Change("half a count", "hurt", "label: 3", "label: 2.5", ("none of the scale", "a whole number")),
    Change(
        "finer than the decimals",
        "distance",
        "label: 3.2",
        "label: 3.22",
        ("at most 1 decimal from -0.5 to 500",),
    ),
    Change(
        "passage that is not in the text",
        "demands",
        "[roads, a school]",
        "[roads, a bridge]",
        ("examples[1].label[2]", "not in the text word for word", "a bridge"),
    ),
    Change(
        "passage in another case", "demands", "[roads, a school]", "[Roads]", ("word for word", "case differ")
    ),
    Change("no list of passages", "demands", "label: []", "label: nothing", ("a list of passages", "[]")),
    Change(
        "too many passages", "demands", "[roads, a school]", "[roads, a, school]", ("3 passages", "at most 2")
    ),
    Change("a passage twice", "demands", "[roads, a school]", "[roads, roads]", ("there twice", "roads")),
    Change("empty passage", "demands", "[roads, a school]", "['']", ("one line",)),
    Change("passage with spaces", "demands", "[roads, a school]", "[' roads']", ("white space",)),
    Change(
        "word of another comparison",
        "politeness",
        "label: A",
        "label: first",
        ("no such label", "A, B, neither"),
    ),
    Change(
        "comparison of one text",
        "politeness",
        "{first: Please., second: Now!,",
        "{text: Please.,",
        ("no 'text'", "first, second, label"),
    ),
    Change("comparison without its second", "politeness", "second: Now!,", "", ("examples[1].second",)),
    Change(
        "comparison with itself", "politeness", "second: Now!", "second: Please.", ("compared with itself",)
    ),
    Change("first text of one", "hurt", "label: 3", "label: 3, first: A", ("type count", "no 'first'")),
    Change(
        "one category", "topics", "label: []", "label: schools", ("list of the categories that apply", "[]")
    ),
    Change(
        "unknown category",
        "topics",
        "label: [Health & care, schools]",
        "label: [Health, schools]",
        ("label[1]", "no such category", "Health & care"),
    ),
    Change(
        "a category twice",
        "topics",
        "label: [Health & care, schools]",
        "label: [schools, schools]",
        ("there twice",),
    ),
    Change(
        "no answer for a field", "speech", "promises: 1, ", "", ("label.promises", "'promises' is missing")
    ),
    Change(
        "misspelt field",
        "speech",
        "promises: 1, ",
        "promisses: 1, ",
        ("no such field", "Did you mean 'promises'?"),
    ),
    Change(
        "one answer for a record",
        "speech",
        "label: {tone: 5, genre: toast, promises: 1, minutes: 0.25, thanks: [Friends]}",
        "label: 5",
        ("a value for each field", "{tone: ..., genre: ..."),
    ),
    Change(
        "wrong answer of a field", "speech", "tone: 5", "tone: 6", ("examples[1].label.tone", "1, 2, 3, 4, 5")
    ),
    Change(
        "wrong passage of a field", "speech", "[Friends]", "[Fiends]", ("label.thanks[1]", "word for word")
    ),
    Change(
        "wrong example of a field",
        "speech",
        "label: 0",
        "label: 51",
        ("fields.promises.examples[1].label", "from 0 to 50"),
    ),
    Change(
        "two examples of one text",
        "county_wrong",
        "text: Rain.",
        "text: The chief took bribes.",
        ("that of example 1",),
    ),
    Change(
        "no reason",
        "county_wrong",
        ", rationale: Bribes are a misdeed.",
        "",
        ("gives no reason", "prompt.rationale is before"),
    ),
    Change(
        "reason for one category of two",
        "topics",
        "{Health & care: A nurse., schools: A school.}",
        "{schools: A school.}",
        ("'Health & care' is missing",),
    ),
    Change(
        "reasons for one question",
        "county_wrong",
        "rationale: Bribes are a misdeed.",
        'rationale: {"yes": A.}',
        ("is a text",),
    ),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_examples_that_mislead_are_explained(tmp_path: Path, change: Change) -> None:
    check_explained(tmp_path, change)


def test_a_number_that_is_a_label_needs_quotes(tmp_path: Path) -> None:
    change = 'categories: {"1": , "2": }\nexamples: [{text: a, label: 1}]\n'
    (tmp_path / "n.yaml").write_text(f"construct: n\nquestion: Q\ntype: classify\nlevel: nominal\n{change}")
    with pytest.raises(StudyError, match='Write "1" with quotes'):
        read_codebook(tmp_path / "n.yaml")


@pytest.mark.parametrize(
    ("stem", "old", "new"),
    [
        ("distance", "label: 3.2", "label: 3"),
        ("demands", "[roads, a school]", "[We want roads and a school.]"),
        ("demands", "label: []", "label: [Thank, you.]"),
        ("politeness", "label: A", "label: neither"),
        ("topics", "rationale: {Health & care: A nurse., schools: A school.}", "rationale: Both."),
        ("anger", "label: 9", "label: 9.0"),
    ],
)
def test_examples_that_are_in_order_are_read(tmp_path: Path, stem: str, old: str, new: str) -> None:
    assert read(tmp_path, stem, old, new).constructs


def test_examples_are_judged_when_the_answers_are_in_order(tmp_path: Path) -> None:
    # Otherwise one wrong scale would make every example wrong too.
    check_explained(
        tmp_path, Change("", "anger", "{low: 0, high: 10,", "{low: 10, high: 0,", ("upside down",))
    )
