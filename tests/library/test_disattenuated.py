from __future__ import annotations

import pandas as pd
import pytest

from study.validity import agreement_table, disattenuated_table, reliability_table
from study.validity.disattenuated import COLUMNS
from study_data import hutto_gilbert_measures, hutto_gilbert_ratings, hutto_gilbert_units

CODERS = {"sentiment": {"humans": "human", "vader": "dictionary"}}
AGREEMENT = {
    "construct": "sentiment", "domain": "all", "subset": "all", "measure": "vader", "criterion": "humans",
    "n": 100, "pearson_r": 0.5, "ci_low": 0.4, "ci_high": 0.6,
}  # fmt: skip
RELIABILITY = {
    "construct": "sentiment", "domain": "all", "subset": "all", "raters": "humans", "statistic": "icc1k",
    "estimate": 0.64,
}  # fmt: skip


def corrected(scores: dict[str, object] | None = None, **changes: object) -> pd.Series:
    agreement = AGREEMENT | {key: value for key, value in changes.items() if key in AGREEMENT}
    reliability = RELIABILITY | {key: value for key, value in changes.items() if key in RELIABILITY}
    coders = {"sentiment": {"humans": changes.get("kind", "human"), "vader": "dictionary"}}
    found = disattenuated_table(pd.DataFrame([agreement]), pd.DataFrame([reliability]), coders, scores)
    assert list(found.columns) == COLUMNS
    return found.iloc[0]


def test_vader_on_new_york_times():
    """r = .503 becomes .514 with the reliability of the mean of 20 ratings."""
    from study.coders import vader

    measures = hutto_gilbert_measures("nyt")
    texts = hutto_gilbert_units("nyt").set_index("unit_id")["text"]
    measures["sentiment_vader"] = vader.installed(texts.loc[measures["unit_id"]])
    ratings = hutto_gilbert_ratings("nyt")
    options = {"criterion": "humans", "by": None, "resamples": 200}
    agreement = agreement_table(measures, ratings, CODERS, **options)
    book = {"sentiment": {"level": "ordinal"}}
    reliability = reliability_table(measures, ratings, CODERS, book, **options)
    found = disattenuated_table(agreement, reliability, CODERS, {"humans": {"column": "human_mean"}})
    assert list(found["measure"]) == ["vader"]  # single ratings are no measure of their own
    row = found.iloc[0]
    assert (round(row["pearson_r"], 3), round(row["corrected_r"], 3)) == (0.503, 0.514)
    assert row["corrected_ci_low"] < 0.514 < row["corrected_ci_high"]


def test_by_hand():
    row = corrected()
    assert (row["corrected_r"], row["corrected_ci_low"], row["corrected_ci_high"]) == pytest.approx(
        (0.625, 0.5, 0.75)
    )
    assert (row["reliability"], row["reliability_statistic"], row["note"]) == (0.64, "icc1k", "")
    assert corrected(pearson_r=0.9)["note"] == "above 1: chance, or errors that are not independent"


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"estimate": float("nan")}, "the criterion's reliability is not known"),
        ({"estimate": -0.1}, "the criterion's reliability is not above zero (-0.10)"),
        ({"statistic": "icc1"}, "the criterion's labels have no mean"),
        ({"pearson_r": float("nan")}, "there is no correlation to correct"),
        ({"kind": "llm"}, "the criterion is no human coder"),
        ({"scores": {"humans": "majority"}}, "the criterion's score is not a mean (majority)"),
        ({"scores": {"humans": "mean"}}, ""),
        ({"scores": {"humans": {"column": "mean"}}}, ""),
    ],
)
def test_what_cannot_be_corrected_says_why(changes, note):
    row = corrected(**changes)
    assert row["note"].startswith(note)
    assert pd.isna(row["corrected_r"]) == bool(note)
    assert row["n"] == 100
