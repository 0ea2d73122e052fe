"""Numbers as the field prints them."""

from __future__ import annotations

import numpy as np
import pytest

from study.report import words


@pytest.mark.parametrize(
    ("value", "printed"),
    [(0.6249, ".62"), (-0.05, "−.05"), (1.0, "1.00"), (-1.0, "−1.00"), (0.999, "1.00"), (0.0, ".00"),
     (-0.001, ".00"), (0.994, ".99"),
     (1.5, "1.50"), (None, "–"), (float("nan"), "–"), (np.float64(0.3), ".30")],
)  # fmt: skip
def test_a_correlation_has_no_leading_zero(value: object, printed: str) -> None:
    assert words.r(value) == printed


@pytest.mark.parametrize(
    ("value", "printed"),
    [(0.0004, "< .001"), (0.001, ".001"), (0.0344, ".034"), (0.9996, "> .999"), (float("nan"), "–")],
)
def test_a_p_value_is_never_zero_or_one(value: float, printed: str) -> None:
    assert words.p(value) == printed


def test_p_in_a_sentence() -> None:
    assert words.p_phrase(0.0001) == "p < .001"
    assert words.p_phrase(0.2) == "p = .200"


def test_counts_have_thousands_separators_whatever_their_type() -> None:
    assert [words.count(n) for n in (10605, np.int64(10605), 10605.0)] == ["10,605"] * 3
    assert words.number(-1234.567, 1) == "−1,234.6"
    assert words.number(10.25) == "10.25"  # a zero before the point is not always a leading one


def test_intervals_are_in_brackets() -> None:
    assert words.interval(0.57, 0.664) == "[.57, .66]"
    assert words.interval(-0.5, 1.25, bounded=False) == "[−0.50, 1.25]"
    assert words.interval(float("nan"), 0.5) == "–"


def test_a_share_that_is_neither_none_nor_all_never_looks_like_it() -> None:
    assert [words.percent(k, 1000) for k in (0, 1, 500, 999, 1000)] == ["0%", "< 1%", "50%", "> 99%", "100%"]
    assert words.percent(1, 0) == "–"


def test_lists_and_plurals_read_as_sentences() -> None:
    assert words.listed(["a", "b", "c"]) == "a, b and c"
    assert words.listed(["a", "b"], "or") == "a or b"
    assert words.listed([]) == "none"
    assert [words.plural(n, "text") for n in (0, 1, 1200)] == ["0 texts", "1 text", "1,200 texts"]
    assert words.sentence("this is it") == "This is it."
    assert words.sentence("Is it?") == "Is it?"


def test_characters_that_hide_or_reorder_text_are_spelt_out() -> None:
    assert words.visible("a\x00b\u202ec\ud800\n\t\u05d3") == "a\\x00b\\u202ec\\ud800\n\t\u05d3"
