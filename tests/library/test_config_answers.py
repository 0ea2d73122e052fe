"""What may be answered: keys belong to types, scales are the right way up, names are names."""

from __future__ import annotations

from pathlib import Path

import pytest

from library.good_codebooks import Change, check_explained, read

CHANGES = [
    # Keys that another type has
    Change(
        "categories of a count", "hurt", "scale:", "categories: {a: }\nscale:", ("a scale, not categories",)
    ),
    Change(
        "spans of a scale", "anger", "scale:", "spans: {most: 2}\nscale:", ("a scale, not spans", "extract")
    ),
    Change(
        "scale of passages",
        "demands",
        "spans:",
        "scale: {low: 0, high: 1}\nspans:",
        ("has spans, not a scale",),
    ),
    Change(
        "pairs of categories",
        "county_wrong",
        "categories:",
        "pairs: {rounds: 2}\ncategories:",
        ("categories, not pairs", "compare"),
    ),
    Change(
        "two words of a classification",
        "county_wrong",
        "categories:",
        "binary: [a, b]\ncategories:",
        ("binary", "multilabel"),
    ),
    Change(
        "fields of a classification",
        "county_wrong",
        "type: classify",
        "type: classify\nfields: {a: {question: Q, type: rate}}",
        ("categories, not fields", "record"),
    ),
    Change(
        "not codable count",
        "hurt",
        "answer:",
        "not_codable: {label: unclear}\nanswer:",
        ("'not_codable'", "labels of a text", "classify or rate or multilabel"),
    ),
    Change(
        "calibrated count",
        "hurt",
        "answer:",
        "calibration: {method: contextual}\nanswer:",
        ("'calibration'",),
    ),
    Change(
        "calibrated comparison",
        "politeness",
        "answer:",
        "calibration: {method: contextual}\nanswer:",
        ("'calibration'", "line 5"),
    ),
    Change(
        "passages in a sentence", "demands", "spans:", "answer: 'I say {label}'\nspans:", ("has no 'answer'",)
    ),
    Change(
        "question of a record",
        "speech",
        "type: record",
        "type: record\nquestion: What?",
        ("A record has no 'question' of its own", "Each of its fields"),
    ),
    Change(
        "level of a record",
        "speech",
        "type: record",
        "type: record\nlevel: ordinal",
        ("no 'level' of its own",),
    ),
    Change(
        "categories of a record",
        "speech",
        "type: record",
        "type: record\ncategories: {a: }",
        ("fields, not categories",),
    ),
    Change(
        "not codable passages in a field",
        "speech",
        "    type: extract",
        "    type: extract\n    not_codable: {}",
        ("fields.thanks.not_codable", "set type to classify or rate."),
    ),
    Change(
        "wording of a field",
        "speech",
        "    type: extract",
        "    type: extract\n    wording: {main: x}",
        ("wording",),
    ),
    # Keys that are missing
    Change(
        "no question",
        "hurt",
        "question: How many people were hurt?\n",
        "",
        ("'question' is missing", "count"),
    ),
    Change("no level", "anger", "level: interval\n", "", ("'level' is missing", "ordinal or interval")),
    Change("no level of a field", "speech", "    level: ordinal\n", "", ("fields.tone.level", "missing")),
    Change(
        "no scale of a count",
        "hurt",
        "scale: {low: 0, high: 10000}\n",
        "",
        ("needs a scale", "{low: 0, high: 1000}"),
    ),
    Change(
        "no categories",
        "topics",
        "\n  Health & care: {define: Doctors., example: The clinic is shut.}\n  schools:",
        " {}",
        ("needs categories",),
    ),
    Change(
        "no decimals",
        "distance",
        ", decimals: 1",
        "",
        ("distance", "needs the digits after the point", "0 to 6"),
    ),
    # Levels
    Change("nominal count", "hurt", "type: count", "type: count\nlevel: nominal", ("ordinal or interval",)),
    Change(
        "nominal comparison",
        "politeness",
        "type: compare",
        "type: compare\nlevel: nominal",
        ("common scale",),
    ),
    Change(
        "ordinal multilabel",
        "topics",
        "type: multilabel",
        "type: multilabel\nlevel: ordinal",
        ("nominal", "left out"),
    ),
    # Passages and comparisons
    Change(
        "nothing that begins as a passage", "demands", "none: nothing", "none: '- none'", ("begins with '-'",)
    ),
    Change(
        "two lines for nothing", "demands", "none: nothing", 'none: "no\\nne"', ("spans.none", "line break")
    ),
    Change("too many passages", "demands", "most: 2", "most: 21", ("spans.most", "20 or less")),
    Change("one word for both texts", "politeness", "second: B", "second: A", ("'A' is there twice",)),
    Change("a tie that looks like a text", "politeness", "tie: neither", "tie: a", ("differ only in case",)),
    Change(
        "comparison without rounds", "politeness", "rounds: 3", "rounds: 1", ("pairs.rounds", "2 or more")
    ),
    # Names
    Change(
        "category that is no name",
        "topics",
        "  schools:",
        '  "2020":',
        ("'2020' does not begin with a letter",),
    ),
    Change(
        "category of another script",
        "topics",
        "  schools:",
        "  \u5065\u5eb7:",
        ("cannot become a name", "no letter of a to z"),
    ),
    Change("category with an accent", "topics", "  schools:", "  \u00e9cole:", ("'_cole'", "define")),
    Change(
        "categories that fall together",
        "topics",
        "  schools:",
        "  Health, care:",
        ("become one name, 'health_care'",),
    ),
    Change(
        "categories that look alike", "topics", "  schools:", "  HEALTH & care:", ("differ only in case",)
    ),
    Change(
        "value of a category",
        "topics",
        "  schools:",
        "  schools: {value: 1}",
        ("no value", "applies (1) or not (0)"),
    ),
    Change(
        "long category", "topics", "  schools:", f"  {'s' * 58}:", ("longer than 64", f"topics_{'s' * 58}")
    ),
    Change("long field", "speech", "  tone:", f"  {'t' * 60}:", ("longer than 64", "speech_ttt")),
    Change("field that is no name", "speech", "  tone:", "  Tone 1:", ("Tone 1", "lower-case letters")),
    Change(
        "unquoted two words",
        "topics",
        "not_codable",
        "binary: [yes, no]\nnot_codable",
        ('write "yes" with quotes',),
    ),
    Change(
        "same two words", "topics", "not_codable", "binary: [a, A]\nnot_codable", ("differ only in case",)
    ),
    Change("three words", "topics", "not_codable", "binary: [a, b, c]\nnot_codable", ("too many",)),
    Change(
        "not codable is no",
        "topics",
        "{label: unclear}",
        '{label: "No"}',
        ("not_codable.label", "differ only"),
    ),
    Change(
        "comparison in a record",
        "speech",
        "    type: extract",
        "    type: compare",
        ("fields.thanks.type", "extract"),
    ),
    Change("field without a type", "speech", "    type: extract\n", "", ("'type' is missing",)),
    Change(
        "one label of a field",
        "speech",
        "{toast: , sermon: }",
        "{toast: }",
        ("fields.genre.categories", "at least two"),
    ),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_answers_that_cannot_be_are_explained(tmp_path: Path, change: Change) -> None:
    check_explained(tmp_path, change)


def test_names_of_changes_are_unique() -> None:
    assert len({change.name for change in CHANGES}) == len(CHANGES)


@pytest.mark.parametrize(
    ("stem", "old", "new"),
    [
        ("hurt", "10000", "1000000000000"),
        ("hurt", "low: 0, high: 10000", "low: 2, high: 3"),
        ("distance", "low: -0.5, high: 500, decimals: 1", "low: -500, high: 500, decimals: 6"),
        ("anger", "{low: 0, high: 10, anchors: {0: calm, 10: furious}}", "{low: 0, high: 100}"),
        ("hurt", "type: count", "type: count\nlevel: ordinal"),
        ("topics", "type: multilabel", "type: multilabel\nlevel: nominal"),
        ("demands", "spans: {most: 2, none: nothing}", ""),
        ("politeness", "pairs: {rounds: 3, seed: 2, first: A, second: B, tie: neither}", "pairs: {first: A}"),
        ("demands", "spans:", "answer: '{label}'\nspans:"),
        ("county_wrong", "categories:", "scale: null\npairs: null\ncategories:"),
    ],
)
def test_what_is_allowed_is_read(tmp_path: Path, stem: str, old: str, new: str) -> None:
    assert list(read(tmp_path, stem, old, new).constructs) == [stem] or stem == "topics"
