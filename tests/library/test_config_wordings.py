"""Wordings: everything that stands in braces is filled in, and every text is there once."""

from __future__ import annotations

from pathlib import Path

import pytest

from library.good_codebooks import Change, check_explained, read

_PAIR = '"{first}\\n{second}\\n{question} {labels}"'
_OWN = "prompt: {label_order: rotated}"

CHANGES = [
    Change(
        "comparison of one text",
        "politeness",
        _PAIR,
        '"{text} {question}"',
        ("{first} and {second}", "{text}"),
    ),
    Change("comparison without the second", "politeness", "\\n{second}", "", ("{second} once", "0 times")),
    Change(
        "second before first",
        "politeness",
        "{first}\\n{second}",
        "{second}\\n{first}",
        ("stands before", "Exchange"),
    ),
    Change(
        "first text of one",
        "anger",
        "\\n{text}\\n",
        "\\n{text} {first}\\n",
        ("{first} is unknown", "Only a comparison"),
    ),
    Change(
        "labels of a count",
        "hurt",
        "answer:",
        "wording: {main: '{text} {labels}'}\nanswer:",
        ("{labels} is unknown", "low, high"),
    ),
    Change(
        "bounds of categories",
        "county_wrong",
        "reason:",
        "wording: {main: '{text} {low}'}\nreason:",
        ("{low} is unknown",),
    ),
    Change(
        "passages of a count",
        "hurt",
        "answer:",
        "wording: {main: '{text} {most}'}\nanswer:",
        ("{most} is unknown",),
    ),
    Change(
        "category in the wording",
        "topics",
        "prompt:",
        "wording: {main: '{text} {category} {examples}'}\nprompt:",
        ("question of a multilabel",),
    ),
    Change(
        "question without a category",
        "topics",
        "{category}? I mean {category}.",
        "this?",
        ("must contain {category}", "Is the text about"),
    ),
    Change(
        "labels for every field",
        "speech",
        _OWN,
        f"wording: {{main: '{{text}} {{examples}} {{labels}}'}}\n{_OWN}",
        ("'promises' of type count", "questions of the fields"),
    ),
    Change(
        "record without its examples",
        "speech",
        _OWN,
        f"wording: {{main: '{{text}} {{question}}'}}\n{_OWN}",
        ("needs {examples}", "behind {text}"),
    ),
    Change(
        "multilabel without its examples",
        "topics",
        "prompt:",
        "wording: {main: '{text} {question}'}\nprompt:",
        ("type multilabel", "needs {examples}"),
    ),
    Change(
        "examples of a record in the system message",
        "speech",
        "You code speeches.",
        "'{examples}'",
        ("system", "their examples differ"),
    ),
    Change(
        "examples twice",
        "anger",
        "calibration",
        "system: '{examples}'\ncalibration",
        ("more than once", "2 times in wording and system"),
    ),
    Change(
        "no such wording of a record",
        "speech",
        "label_order: rotated",
        "wording: short",
        ("prompt.wording", "short", "main"),
    ),
    Change(
        "answer of a count without the number",
        "hurt",
        "There are {label}.",
        "Many.",
        ("answer", "{label} once"),
    ),
    Change(
        "answer of a field",
        "speech",
        'answer: "{label}"',
        "answer: '{label} {label}'",
        ("fields.tone.answer", "{label} once"),
    ),
    Change("empty wording", "anger", "wording:\n  main:", "wording: {}\nsystem:", ("wording", "empty")),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_wordings_that_cannot_be_filled_are_explained(tmp_path: Path, change: Change) -> None:
    check_explained(tmp_path, change)


@pytest.mark.parametrize(
    ("stem", "old", "new"),
    [
        ("hurt", "answer:", "wording: {main: '{text} {question} {low} {high} {reason} {examples}'}\nanswer:"),
        ("demands", "spans:", "wording: {main: '{text} {question} {most} {none}'}\nspans:"),
        ("anger", "{examples}\\n", ""),
        ("speech", _OWN, f"wording: {{main: '{{text}} {{question}} {{examples}} {{reason}}'}}\n{_OWN}"),
        ("county_wrong", "reason:", "system: '{examples} {labels} {question}'\nreason:"),
        # A wording that is not used may be without the examples, to try what they do.
        ("topics", "prompt:", "wording: {main: '{text} {examples}', zero: '{text}'}\nprompt:"),
    ],
)
def test_wordings_that_can_be_filled_are_read(tmp_path: Path, stem: str, old: str, new: str) -> None:
    assert read(tmp_path, stem, old, new).constructs


def test_a_question_of_one_construct_may_hold_any_braces(tmp_path: Path) -> None:
    file = read(tmp_path, "hurt", "How many people were hurt?", "'How many {category} of {text}?'")
    assert file.constructs["hurt"]["question"] == "How many {category} of {text}?"
