"""The order of labels and calibration concern labels; batch calibration needs texts."""

from __future__ import annotations

from pathlib import Path

import pytest

from library.good_codebooks import GOOD, Change, check_explained, read

_TEXTS = "texts: [t0, t1, t2, t3, t4, t5, t6, t7, t8, t9]"
_OPEN = GOOD["speech"][GOOD["speech"].index("  tone:") : GOOD["speech"].index("  promises:")]

CHANGES = [
    Change(
        "rotated count",
        "hurt",
        "answer:",
        "prompt: {label_order: rotated}\nanswer:",
        ("prompt.label_order", "type count", "fixed"),
    ),
    Change(
        "random passages",
        "demands",
        "spans:",
        "prompt: {label_order: random}\nspans:",
        ("type extract", "no labels"),
    ),
    Change(
        "rotated comparison",
        "politeness",
        "pairs:",
        "prompt: {label_order: rotated}\npairs:",
        ("both orders", "fixed"),
    ),
    Change("another order", "anger", "rotated", "shuffled", ("shuffled", "fixed, rotated, random")),
    Change(
        "another rationale",
        "county_wrong",
        "rationale: before,",
        "rationale: first,",
        ("none, before, after",),
    ),
    Change(
        "no tokens for the reason",
        "county_wrong",
        "rationale_tokens: 40",
        "rationale_tokens: 0",
        ("1 or more",),
    ),
    Change("empty reason", "county_wrong", "before: Why so", 'before: " "', ("reason.before", "empty")),
    Change("batch without texts", "county_wrong", f"  {_TEXTS}\n", "", ("calibration.texts", "at least 10")),
    Change("batch of too few texts", "county_wrong", ", t9]", "]", ("at least 10", "9 texts")),
    Change("batch with an empty text", "county_wrong", "t9]", "' ']", ("calibration.texts[10]", "is empty")),
    Change("a reference text twice", "county_wrong", "t9]", "t8]", ("there twice", "t8")),
    Change("another method", "county_wrong", "method: batch", "method: platt", ("contextual, batch",)),
    Change("method of nothing", "anger", "{method: contextual}", "{texts: [a]}", ("'method' is missing",)),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_prompts_that_mean_nothing_are_explained(tmp_path: Path, change: Change) -> None:
    check_explained(tmp_path, change)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("prompt: {label_order: rotated}\n", "No field of the record has labels"),
        ("calibration: {method: contextual}\n", "no field of the record has labels"),
    ],
)
def test_a_record_without_labels_has_nothing_to_rotate_or_calibrate(
    tmp_path: Path, wrong: str, words: str
) -> None:
    kept = {
        "prompt: {label_order: rotated}\n": "",
        "calibration: {method: contextual}\n": "",
        "tone: 5, genre: toast, ": "",
        _OPEN: "",
    }
    text = GOOD["speech"]
    for old, new in kept.items():
        assert old in text
        text = text.replace(old, new)
    whole = GOOD["speech"]
    assert read(tmp_path, "speech", whole, text).constructs
    check_explained(tmp_path, Change("open", "speech", whole, text + wrong, (words,)))


def test_batch_calibration_takes_texts_of_ones_own(tmp_path: Path) -> None:
    book = read(tmp_path, "county_wrong").constructs["county_wrong"]
    assert book["calibration"]["texts"] == [f"t{n}" for n in range(10)]
