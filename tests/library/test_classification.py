import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from study.validity import classification_scores, classification_tables, confusion, sign_class
from study.validity.classification import SIGNS, main
from study_data import hutto_gilbert_measures, hutto_gilbert_ratings

CODEBOOK = {"sentiment": {"level": "ordinal", "values": {"good": 1, "mixed": 0, "bad": -1}}}
CODERS = {"sentiment": {"humans": "human", "llm": "llm"}}
NO_RATINGS = pd.DataFrame(columns=["unit_id", "construct", "coder", "rater", "code", "value", "status"])


def test_the_class_of_a_score_is_its_sign():
    assert list(sign_class(np.array([-2, -0.01, 0, 1e-15, 0.01, np.nan]))) == [
        "negative",
        "negative",
        "neutral",
        "neutral",  # rounding alone makes no sentiment
        "positive",
        None,
    ]
    assert list(sign_class(np.array([-0.05, 0.05, 0.06, -0.06]), (-0.05, 0.05))) == [
        "neutral",
        "neutral",
        "positive",
        "negative",
    ]


@given(st.lists(st.tuples(st.sampled_from(SIGNS), st.sampled_from(SIGNS)), min_size=1, max_size=60))
def test_averages_equal_scikit_learn(pairs):
    truth, given_ = (np.array(column, dtype=object) for column in zip(*pairs, strict=True))
    counts = confusion(truth, given_)
    assert (counts.to_numpy() == confusion_matrix(truth, given_, labels=list(SIGNS))).all()
    expected = precision_recall_fscore_support(truth, given_, average="weighted", zero_division=0)[:3]
    found = classification_scores(counts)
    assert (found.precision, found.recall, found.f1) == pytest.approx(expected)
    assert found.accuracy == pytest.approx(accuracy_score(truth, given_))


def test_by_hand():
    counts = pd.DataFrame([[3, 1, 0], [0, 0, 2], [0, 1, 3]], index=list(SIGNS), columns=list(SIGNS))
    found = classification_scores(counts)
    assert found.recall == found.accuracy == pytest.approx(6 / 10)
    assert found.precision == pytest.approx((4 * 1 + 2 * 0 + 4 * 3 / 5) / 10)
    assert found.f1 == pytest.approx((4 * 6 / 7 + 4 * 6 / 9) / 10)
    assert np.isnan(classification_scores(counts * 0).f1)


def test_individual_humans_of_hutto_and_gilbert():
    """Table 4, 'Ind. Humans': precision, recall and F1 of every rating's sign against its text's."""
    printed = {
        "tweets": (0.95, 0.76, 0.84),
        "amazon": (0.94, 0.80, 0.85),
        "movies": (0.95, 0.90, 0.92),
        "nyt": (0.87, 0.55, 0.65),
    }
    averages, cells = classification_tables(
        hutto_gilbert_measures(),
        hutto_gilbert_ratings(),
        {"sentiment": {"humans": "human"}},
        CODEBOOK,
        criterion="humans",
        by="domain",
    )
    rows = averages.set_index(["measure", "domain"])
    for domain, figures in printed.items():
        row = rows.loc[("humans_individual", domain)]
        assert (round(row["precision"], 2), round(row["recall"], 2), round(row["f1"], 2)) == figures
        assert row["rule"] == "sign"
        assert row["recall"] > rows.loc[("humans_leave_one_out", domain), "recall"]
    assert rows.loc[("humans_individual", "nyt"), "n"] == 5190  # texts
    pairs = cells[(cells["measure"] == "humans_individual") & (cells["domain"] == "nyt")]
    assert pairs["n"].sum() == 5190 * 20  # ratings


def test_labels_are_classified_by_the_sign_of_their_value():
    measures = pd.DataFrame(
        {
            "unit_id": list("abcde"),
            "sample": True,
            "sentiment_humans": [2.0, -1, 0, 1, -3],
            "sentiment_llm": [0.3, 0.1, 0.2, -0.1, -0.5],
            "sentiment_llm_label": ["good", "bad", "mixed", None, "not codable"],
        }
    )
    averages, cells = classification_tables(measures, NO_RATINGS, CODERS, CODEBOOK, criterion="humans")
    rows = averages[averages["subset"] == "sample"].set_index("rule")
    assert (rows.loc["label", "n"], rows.loc["label", "accuracy"]) == (3, 1)
    assert (rows.loc["sign", "n"], rows.loc["sign", "accuracy"]) == (5, pytest.approx(2 / 5))
    by_sign = cells[(cells["subset"] == "sample") & (cells["rule"] == "sign")]
    counts = by_sign.set_index(["criterion_class", "measure_class"])["n"]
    assert len(counts) == 9
    assert (
        counts["negative", "positive"] == counts["neutral", "positive"] == counts["positive", "negative"] == 1
    )


def test_thresholds_hold_for_both_scores():
    measures = pd.DataFrame(
        {
            "unit_id": list("abc"),
            "sample": False,
            "rating_humans": [2.0, 5, 8],
            "rating_llm": [4.9, 5, 5.1],
        }
    )
    averages, _ = classification_tables(
        measures,
        NO_RATINGS,
        {"rating": {"humans": "human", "llm": "llm"}},
        {"rating": {"level": "interval", "values": {}}},
        criterion="humans",
        thresholds=(5, 5),
    )
    assert averages["accuracy"].tolist() == [1]


def test_nominal_labels_are_their_own_classes(tmp_path):
    measures = pd.DataFrame(
        {
            "unit_id": list("abcd"),
            "sample": True,
            "topic_humans": [np.nan, 1, 2, 3],
            "topic_humans_label": [None, "tax", "war", "art"],
            "topic_llm": [np.nan] * 4,
            "topic_llm_label": ["tax", "tax", "art", "art"],
        }
    )
    measures.to_parquet(tmp_path / "measures.parquet")
    NO_RATINGS.to_parquet(tmp_path / "ratings.parquet")
    main(
        measures_file=tmp_path / "measures.parquet",
        ratings_file=tmp_path / "ratings.parquet",
        classification_file=tmp_path / "classification.csv",
        confusion_file=tmp_path / "confusion.csv",
        coders={"topic": {"humans": "human", "llm": "llm"}},
        codebooks={"topic": {"level": "nominal", "values": {"tax": 1, "war": 2, "art": 3}}},
        compare={"criterion": "humans", "by": None, "thresholds": [0, 0]},
    )
    table = pd.read_csv(tmp_path / "classification.csv")
    assert table[["subset", "rule", "n"]].to_numpy().tolist() == [["all", "label", 3], ["sample", "label", 3]]
    cells = pd.read_csv(tmp_path / "confusion.csv")
    cells = cells[cells["subset"] == "all"].set_index(["criterion_class", "measure_class"])["n"]
    assert cells["war", "art"] == 1
    assert cells["tax", "tax"] == 1


def test_scores_without_classes_are_not_classified():
    """A count has no sign that would mean anything; a number on both sides of zero has."""
    measures = pd.DataFrame(
        {
            "unit_id": list("abc"), "sample": True,
            "hurt_humans": [0.0, 2.0, 5.0], "hurt_llm": [1.0, 2.0, 9.0],
            "gain_humans": [-1.0, 0.0, 2.0], "gain_llm": [-3.0, 1.0, 2.0],
        }
    )  # fmt: skip
    books = {
        "hurt": {"level": "interval", "values": {}, "classes": False},
        "gain": {"level": "interval", "values": {}, "classes": True},
    }
    coders = {construct: {"humans": "human", "llm": "llm"} for construct in books}
    averages, cells = classification_tables(measures, NO_RATINGS, coders, books, criterion="humans")
    assert set(averages["construct"]) == set(cells["construct"]) == {"gain"}
    assert set(averages["rule"]) == {"sign"}
    assert averages["accuracy"].to_numpy() == pytest.approx([2 / 3, 2 / 3])
