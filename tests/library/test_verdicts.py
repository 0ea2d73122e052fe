"""Hypotheses, judged by the interval of each estimator."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from study.config.names import FIXED_TABLES
from study.inference.verdicts import COLUMNS, hypotheses, verdict


@pytest.mark.parametrize(
    ("low", "high", "direction", "judged"),
    [
        (0.1, 0.5, "positive", "supported"),
        (0.1, 0.5, "negative", "contradicted"),
        (0.1, 0.5, "different", "supported"),
        (-0.5, -0.1, "negative", "supported"),
        (-0.5, -0.1, "positive", "contradicted"),
        (-0.5, -0.1, "different", "supported"),
        (-0.1, 0.5, "positive", "not supported"),
        (0.0, 0.5, "positive", "not supported"),
        (-0.5, 0.0, "different", "not supported"),
        (math.nan, 0.5, "positive", "not available"),
    ],
)
def test_an_interval_decides(low: float, high: float, direction: str, judged: str) -> None:
    assert verdict((low + high) / 2, low, high, direction) == judged


def test_every_estimator_has_a_row_and_an_unknown_term_is_said() -> None:
    table = pd.DataFrame(
        [
            {"term": "x", "estimator": "naive", "coder": "llm", "estimate": 1.0, "std_error": 0.1}
            | {"ci_low": 0.8, "ci_high": 1.2, "p_value": 0.0, "n": 100, "n_gold": math.nan},
            {"term": "x", "estimator": "dsl", "coder": "llm", "estimate": 0.1, "std_error": 0.3}
            | {"ci_low": -0.5, "ci_high": 0.7, "p_value": 0.7, "n": 100, "n_gold": 50},
        ]
    )
    expected = {
        "H1": {"analysis": "a", "term": "x", "direction": "positive", "statement": "X matters."},
        "H2": {"analysis": "a", "term": "z", "direction": "positive", "statement": None},
    }
    found = hypotheses(expected, {"a": table})
    assert list(found.columns) == COLUMNS == list(FIXED_TABLES["hypotheses"])
    assert list(found["verdict"]) == ["supported", "not supported", "not available"]
    assert list(found["estimator"][:2]) == ["naive", "dsl"]
    assert list(found["statement"]) == ["X matters.", "X matters.", ""]
