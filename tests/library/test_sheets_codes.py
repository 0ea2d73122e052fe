"""What a cell may hold, which code it is, and what is said when it is none."""

from __future__ import annotations

import math

import pytest

from library.coding_sheets import BOOKS, COMPARISON, TOPICS
from study.codebook import Codebook
from study.errors import StudyError
from study.gold.sheets.codes import allowed, on_sheets, read_code

SAME_BUT_FOR_CASE = Codebook.from_dict(
    {
        "construct": "party",
        "question": "?",
        "type": "classify",
        "level": "nominal",
        "categories": {"Left": None, "left": None, "1": None},
    }
)


@pytest.mark.parametrize(
    ("construct", "cell", "code", "value"),
    [
        ("tone", "Positive", "Positive", 1),
        ("tone", " positive  ", "Positive", 1),
        ("tone", "NEUTRAL", "neutral", 0),
        ("tone", "ＮＥＵＴＲＡＬ", "neutral", 0),
        ("tone", "\u200bneutral\u00a0", "neutral", 0),
        ("tone", "Not  Codable", "not codable", math.nan),
        ("anger", 7, "7", 7),
        ("anger", 7.0, "7", 7),
        ("anger", "7.0", "7", 7),
        ("anger", "07", "7", 7),
        ("anger", "7,0", "7", 7),
        ("anger", "cannot tell", "cannot tell", math.nan),
        ("hurt", 12, "12", 12),
        ("hurt", "12.0", "12", 12),
        ("hurt", "1e3", "1000", 1000),
        ("km", 0.25, "0.25", 0.25),
        ("km", "0,25", "0.25", 0.25),
        ("km", ",5", "0.5", 0.5),
        ("km", "-1", "-1", -1),
        ("km", "0.125", "0.125", 0.125),
        ("demands", 0, "0", 0),
        ("demands", "3", "3", 3),
    ],
)
def test_codes(construct: str, cell: object, code: str, value: float) -> None:
    rating = read_code(cell, BOOKS[construct])
    assert rating is not None
    assert rating.code == code
    assert rating.value == pytest.approx(value, nan_ok=True)
    assert rating.status == ("not_codable" if math.isnan(value) else "ok")
    assert (rating.label is None) == (construct in ("hurt", "km", "demands"))


@pytest.mark.parametrize("cell", [None, "", "  ", "\u200b", float("nan")])
def test_an_empty_cell_is_no_code(cell: object) -> None:
    assert all(read_code(cell, book) is None for book in BOOKS.values())


@pytest.mark.parametrize(
    ("construct", "cell", "says"),
    [
        ("tone", "positiv", "Did you mean 'Positive'?"),
        ("tone", "1", "Allowed: Positive, neutral, negative, not codable."),
        ("tone", "NA", "Leave the cell empty"),
        ("tone", True, "'true'"),
        ("anger", 11, "a whole number from 0 to 10, or: cannot tell"),
        ("anger", 7.5, "'7.5'"),
        ("anger", -1, "from 0 to 10"),
        ("hurt", 5001, "a whole number from 0 to 5000"),
        ("hurt", "1,000", "'1,000'"),
        ("hurt", "1.000", "'1.000'"),
        ("hurt", "3 to 5", "'3 to 5'"),
        ("hurt", "2024-04-03 00:00:00", "a whole number"),
        ("km", "1,000", "'1,000'"),
        ("km", 1.51, "a number from -1 to 1.5"),
        ("demands", -1, "0 or more (how many such passages the text has)"),
        ("demands", "1e999", "a whole number"),
        ("demands", "the roads", "'the roads'"),
    ],
)
def test_what_is_no_code_is_refused(construct: str, cell: object, says: str) -> None:
    with pytest.raises(StudyError) as caught:
        read_code(cell, BOOKS[construct])
    assert says in str(caught.value)
    assert f"no code of '{construct}'" in str(caught.value)


def test_labels_that_differ_in_case_are_told_apart_or_refused() -> None:
    found = [read_code(cell, SAME_BUT_FOR_CASE) for cell in ("Left", "left", 1.0)]
    assert [rating.code if rating else None for rating in found] == ["Left", "left", "1"]
    with pytest.raises(StudyError):
        read_code("LEFT", SAME_BUT_FOR_CASE)


def test_every_label_that_is_offered_is_read_as_itself() -> None:
    for book in [*BOOKS.values(), *TOPICS.values(), SAME_BUT_FOR_CASE]:
        for label in book.labels:
            rating = read_code(label, book)
            assert rating is not None
            assert rating.label == label
            assert book.type != "classify" or label in allowed(book)


def test_comparisons_have_no_place_on_a_sheet() -> None:
    with pytest.raises(StudyError, match=r"coders\.people\.codebooks"):
        on_sheets({**BOOKS, "polite": COMPARISON}, "people")


def test_the_constructs_of_a_file_stay_together() -> None:
    found = on_sheets({**BOOKS, **TOPICS}, "people")
    assert list(found)[-3:] == list(TOPICS)
