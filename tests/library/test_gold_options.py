"""What freeze and pilot_round take on the command line, as Snakemake reads it."""

from __future__ import annotations

from typing import Any

import pytest

from study.errors import StudyError
from study.gold.options import gold_options, others


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"note": None, "again": None}),
        ({"note": " definition of yes ", "sample": "all"}, {"note": "definition of yes", "again": None}),
        ({"again": 42, "note": ""}, {"note": None, "again": "42"}),
        ({"note": None}, {"note": None, "again": None}),
    ],
)
def test_options_are_text_or_nothing(given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert gold_options(given) == expected
    assert set(others(given)) == set(given) - {"note", "again"}


def as_snakemake_reads(*words: str) -> dict[str, Any]:
    from snakemake.cli import parse_config

    return dict(parse_config(words))


@pytest.mark.parametrize(
    "note",
    ["first try", "neutral: both in equal measure", "two: colons: here", "it's so", "50% of n=3", "42"],
)
def test_a_sentence_comes_through_snakemake_as_it_was_written(note: str) -> None:
    assert gold_options(as_snakemake_reads(f"note={note}"))["note"] == note


@pytest.mark.parametrize("value", [{"because": {"of": "x"}}, {"a": "b", "c": "d"}, ["a"]])
def test_what_is_no_sentence_is_refused(value: object) -> None:
    with pytest.raises(StudyError, match=r"key 'note'.*no sentence.*do not begin with a bracket"):
        gold_options({"note": value})
