from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from study.validity import multitrait_multimethod, multitrait_tables
from study.validity.trait_tables import COLUMNS, CRITERIA_COLUMNS

CODERS = {
    trait: {"humans": "human", "llm": "llm", "words": "dictionary"} for trait in ("anger", "joy", "fear")
}


def measures(n: int = 120) -> pd.DataFrame:
    """Three traits by three methods with errors of their own; a method leans all its traits one way."""
    random = np.random.default_rng(0)
    table = pd.DataFrame({"unit_id": [f"u{i}" for i in range(n)]})
    traits = random.normal(size=(n, 3)) + random.normal(size=(n, 1)) / 2
    for method in ("humans", "llm", "words"):
        lean = random.normal(size=n) / 2
        for k, trait in enumerate(CODERS):
            table[f"{trait}_{method}"] = traits[:, k] + lean + random.normal(size=n) / 2
    return table


def tables(
    given: pd.DataFrame | None = None, coders: dict[str, dict[str, str]] | None = None, **options: object
) -> tuple[pd.DataFrame, pd.DataFrame]:
    pairs, criteria = multitrait_tables(measures() if given is None else given, coders or CODERS, **options)
    assert list(pairs.columns) == COLUMNS
    assert list(criteria.columns) == CRITERIA_COLUMNS
    return pairs, criteria


def test_every_pair_once():
    table = measures()
    pairs, _ = tables()
    assert len(pairs) == 9 * 8 / 2
    assert pairs["kind"].value_counts().to_dict() == {
        "validity": 9,
        "heterotrait_monomethod": 9,
        "heterotrait_heteromethod": 18,
    }
    row = pairs.set_index(["construct", "coder", "other_construct", "other_coder"]).loc[
        ("anger", "humans", "anger", "llm")
    ]
    expected = stats.pearsonr(table["anger_humans"], table["anger_llm"])
    assert row["kind"] == "validity"
    assert row["r"] == pytest.approx(expected.statistic)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(expected.confidence_interval())
    assert row["n"] == 120


def test_the_criteria_are_those_of_the_complete_matrix():
    columns = {f"{t}_{m}": (m, t) for t in CODERS for m in ("humans", "llm", "words")}
    expected = multitrait_multimethod(measures(), columns)
    _, criteria = tables()
    found = criteria.set_index("criterion")
    for row in expected.criteria.to_dict("records"):
        assert found.loc[row["criterion"], "met"] == row["met"]
        assert found.loc[row["criterion"], "value"] == row["met"] / row["comparisons"]
    assert found.loc["concordance", "value"] == pytest.approx(expected.concordance)
    assert (found["n"] == 120).all()
    assert found.loc["convergent", "constructs"] == "anger, fear, joy"
    assert found.loc["convergent", "coders"] == "humans, llm, words"


def test_gaps_leave_the_largest_block():
    table = measures().drop(columns=["joy_words", "fear_words"])
    pairs, criteria = tables(table)
    assert len(pairs) == 7 * 6 / 2
    assert criteria.set_index("criterion").loc["convergent", "coders"] == "humans, llm"
    alone = table.drop(columns=["joy_llm", "fear_llm"])
    pairs, criteria = tables(alone)
    assert len(pairs) == 5 * 4 / 2
    assert list(criteria["note"]) == ["no two constructs were both scored by the same two coders"]


def test_the_reliability_of_people_stands_in_the_diagonal():
    reliability = pd.DataFrame(
        [
            {"construct": "joy", "domain": domain, "subset": "all", "raters": "humans", "statistic": "icc1k",
             "estimate": value, "ci_low": 0.7, "ci_high": 0.9, "n_units": 100}
            for domain, value in (("all", 0.8), ("letters", 0.1))
        ]
    )  # fmt: skip
    pairs, _ = tables(reliability=reliability, criterion="humans")
    row = pairs[pairs["kind"] == "reliability"]
    assert row[["construct", "coder", "other_construct", "other_coder"]].to_numpy().tolist() == [
        ["joy", "humans", "joy", "humans"]
    ]
    assert row["r"].tolist() == [0.8]


def test_one_construct_or_one_coder_has_no_matrix():
    for columns in (["anger_humans", "anger_llm"], ["anger_llm", "joy_llm"], []):
        pairs, criteria = tables(measures()[["unit_id", *columns]])
        assert pairs.empty
        assert criteria.empty


def test_pairs_that_have_no_correlation():
    table = measures(10)
    table["joy_words"] = 0.1
    table.loc[5:, "anger_llm"] = np.nan
    table.loc[:4, "anger_humans"] = np.nan
    pairs, criteria = tables(table)
    found = pairs.set_index(["construct", "coder", "other_construct", "other_coder"])
    assert found.loc[("anger", "humans", "anger", "llm"), "note"] == "fewer than two units have both scores"
    assert "does not vary" in found.loc[("joy", "llm", "joy", "words"), "note"]
    assert "too few units have all the measures" in criteria["note"][0]


def test_pilot_units_are_left_out():
    table = measures()
    pilot = np.arange(120) < 40
    spoilt = table.mask(pd.Series(pilot), 1.0).assign(unit_id=table["unit_id"], pilot=pilot)
    for ours, theirs in zip(tables(spoilt), tables(table[~pilot]), strict=True):
        pd.testing.assert_frame_equal(ours, theirs)
