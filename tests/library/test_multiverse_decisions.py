"""How a coding becomes a code: each decision by hand, and what an instrument cannot give."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from study.errors import StudyError
from study.multiverse.decisions import Coding, coding, decide

SCALE = {"values": {"yes": 1, "no": 0, "both": 0.5}}


def rows(*given: tuple[str, int, str, str | None, float, float, float]) -> pd.DataFrame:
    names = ["unit_id", "repeat", "status", "label", "p_yes", "p_no", "p_both"]
    table = pd.DataFrame(list(given), columns=names)
    return table.assign(score=table["p_yes"] + 0.5 * table["p_both"])


def once() -> Coding:
    return coding(
        rows(
            ("a", 1, "ok", "yes", 0.8, 0.1, 0.1),
            ("b", 1, "ok", "no", 0.3, 0.6, 0.1),
            ("c", 1, "ok", "both", 0.1, 0.2, 0.7),
            ("d", 1, "not_codable", None, np.nan, np.nan, np.nan),
        )
    )


def decided(found: Coding, decision: str, least: float = 0.7, *, words: bool = False) -> list[object]:
    values = decide(found, decision, SCALE, least=least, as_category=words)
    return [None if pd.isna(value) else value for value in values.reindex(["a", "b", "c", "d"])]


def test_the_three_decisions_by_hand() -> None:
    assert decided(once(), "score") == [pytest.approx(0.85), pytest.approx(0.35), pytest.approx(0.45), None]
    assert decided(once(), "label") == [1, 0, 0.5, None]
    assert decided(once(), "confident") == [1, None, 0.5, None]
    assert decided(once(), "confident", 0.6) == [1, 0, 0.5, None]


def test_of_a_category_there_are_labels_and_no_mean() -> None:
    assert decided(once(), "confident", words=True) == ["yes", None, "both", None]
    with pytest.raises(StudyError, match="a category, which has no mean"):
        decided(once(), "score", words=True)


def test_over_repeats_scores_and_confidence_are_means_and_labels_the_most_frequent() -> None:
    found = coding(
        rows(
            ("a", 1, "ok", "yes", 0.9, 0.1, 0.0),
            ("a", 2, "ok", "yes", 0.6, 0.4, 0.0),
            ("a", 3, "ok", "no", 0.6, 0.4, 0.0),
            ("b", 1, "ok", "no", 0.2, 0.8, 0.0),
            ("b", 2, "ok", "yes", 0.8, 0.2, 0.0),
            ("c", 1, "ok", "no", 0.2, 0.8, 0.0),
            ("c", 2, "failed", None, np.nan, np.nan, np.nan),
        )
    )
    assert decided(found, "score") == [pytest.approx(0.7), pytest.approx(0.5), pytest.approx(0.2), None]
    assert decided(found, "label") == [1, None, 0, None]  # a tie has no label
    assert decided(found, "confident", 0.65) == [1, None, 0, None]
    assert decided(found, "confident", 0.75) == [None, None, 0, None]


def test_not_codable_is_a_label_without_a_value() -> None:
    found = coding(rows(("a", 1, "ok", "yes", 0.8, 0.1, 0.1), ("b", 1, "ok", "unclear", 0.1, 0.1, 0.1)))
    assert decided(found, "label") == [1, None, None, None]


def test_what_an_instrument_does_not_say_is_not_available() -> None:
    plain = rows(("a", 1, "ok", "yes", 0.8, 0.1, 0.1)).drop(columns=["p_yes", "p_no", "p_both"])
    with pytest.raises(StudyError, match="gives no probabilities"):
        decided(coding(plain), "confident")
    with pytest.raises(StudyError, match="gives no labels"):
        decided(coding(plain.assign(label=None)), "label")
    with pytest.raises(StudyError, match="gives no scores"):
        decided(coding(plain.assign(score=np.nan)), "score")
    empty = rows(("a", 1, "ok", "yes", np.nan, np.nan, np.nan))
    with pytest.raises(StudyError, match="gives no probabilities"):
        decided(coding(empty), "confident")
