"""Which codes stand in a regression for a construct."""

from __future__ import annotations

import math

import pandas as pd

from study.inference.coded import codes, evidence

NOMINAL = {"level": "nominal", "values": {"yes": 1, "no": 0}}
ORDINAL = {"level": "ordinal", "values": {"low": -1, "high": 1}}
NAMES = {"level": "nominal", "values": {"red": None, "blue": None}}
TABLE = pd.DataFrame(
    {
        "mood_llm": [0.9, 0.4, 0.2, math.nan],
        "mood_llm_label": ["yes", "no", "not codable", None],
        "grade_llm": [-0.2, 0.7, 0.1, math.nan],
        "grade_llm_label": ["low", "high", "high", None],
        "hue_llm_label": ["red", "blue", "none", None],
        "hue_llm": [math.nan] * 4,
    }
)


def values(found: pd.Series) -> list[object]:
    return [None if pd.isna(value) else value for value in found]


def test_a_nominal_construct_has_the_values_of_its_labels_and_what_is_no_label_is_missing() -> None:
    assert values(codes(TABLE, "mood", "llm", NOMINAL, as_category=False)) == [1.0, 0.0, None, None]


def test_other_constructs_have_scores_unless_they_are_used_as_categories() -> None:
    assert values(codes(TABLE, "grade", "llm", ORDINAL, as_category=False)) == [-0.2, 0.7, 0.1, None]
    assert values(codes(TABLE, "grade", "llm", ORDINAL, as_category=True)) == [-1.0, 1.0, 1.0, None]


def test_labels_without_values_stand_for_themselves() -> None:
    assert values(codes(TABLE, "hue", "llm", NAMES, as_category=False)) == ["red", "blue", None, None]


def test_a_coder_that_coded_nothing_has_no_codes() -> None:
    assert codes(TABLE, "mood", "words", NOMINAL, as_category=False).isna().all()


def test_a_correction_predicts_from_scores_and_from_labels_only_without_them() -> None:
    assert values(evidence(TABLE, "mood", "llm", NOMINAL)) == [0.9, 0.4, 0.2, None]
    assert values(evidence(TABLE, "hue", "llm", NAMES)) == ["red", "blue", None, None]
