"""Text numbers: they name their unit, notice another text, and say nothing to a person or a program."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.digest import text_sha256
from study.errors import StudyError
from study.gold.sheets.text_numbers import TextNumbers, text_number


@given(st.text(), st.text())
def test_a_text_number_is_letters_that_no_program_takes_for_something_else(unit: str, text: str) -> None:
    assert re.fullmatch("([b-df-hj-np-tv-xz]{4}-){3}[b-df-hj-np-tv-xz]{4}", text_number(unit, text))


def test_a_text_number_names_its_unit_and_notices_another_text() -> None:
    digest = text_sha256("a text")
    numbers = TextNumbers([("nyt-1", digest), ("nyt-2", digest)])
    number = text_number("nyt-1", digest)
    found = numbers.read(f" {number.upper().replace('-', ' ')} ")
    assert found is not None
    assert (found.unit_id, found.changed) == ("nyt-1", False)
    changed = numbers.read(text_number("nyt-2", text_sha256("another")))
    assert changed is not None
    assert (changed.unit_id, changed.changed) == ("nyt-2", True)
    assert numbers.read(text_number("nyt-3", digest)) is None
    assert numbers.read(number[:-1]) is None
    assert numbers.read("") is None


def test_a_text_number_never_changes() -> None:
    # Sheets that are out must come home: this number is on them.
    assert text_number("nyt-1", text_sha256("Good books, but the heating was broken.")) == (
        "ftfj-ggrz-jrzx-lhnj"
    )


def test_two_units_with_one_number_would_be_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("study.gold.sheets.text_numbers.LETTERS", "b")
    with pytest.raises(StudyError, match="by chance"):
        TextNumbers([("nyt-1", "x"), ("nyt-2", "x")])
