"""What the specifications come to, counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from study.inference.estimates import CorrectedRegression
from study.inference.estimators import Fit
from study.multiverse.specifications import COLUMNS, flips, gold_figures
from study.multiverse.summary import COLUMNS as SUMMARY
from study.multiverse.summary import summary

GOLD = CorrectedRegression(
    estimator="naive",
    family="linear",
    params=pd.Series({"x": 0.2}),
    covariance=pd.DataFrame([[0.05**2]], ["x"], ["x"]),
    nobs=100,
    n_labelled=0,
    df=math.inf,
)


def table(*estimates: tuple[float, float], estimator: str = "naive") -> pd.DataFrame:
    """Specifications as (estimate, half of the interval's width)."""
    rows = []
    gold = gold_figures(Fit("benchmark", "", GOLD), "x")
    assert gold is not None
    for number, (estimate, half) in enumerate(estimates, start=1):
        row = dict.fromkeys(COLUMNS, "") | {
            "analysis": "main",
            "term": "x",
            "specification": number,
            "estimator": estimator,
            "estimate": estimate,
            "ci_low": estimate - half,
            "ci_high": estimate + half,
        }
        rows.append(row | flips(row, gold))
    return pd.DataFrame(rows)


def test_counts_by_hand() -> None:
    """0.2 is found; so by 0.3; missed by 0.1; turned round by -0.3; a negative one that nobody calls so."""
    made = table((0.3, 0.1), (0.1, 0.2), (-0.3, 0.1), (-0.1, 0.2), (np.nan, np.nan))
    row = summary(made, Fit("benchmark", "", GOLD)).iloc[0]
    assert (row["n_specifications"], row["n_estimated"]) == (5, 4)
    assert (row["gold_estimator"], row["gold_estimate"]) == ("benchmark", 0.2)
    assert (row["n"], row["n_gold"]) == (100, 100)
    assert row["gold_ci_low"] == pytest.approx(0.2 - 1.96 * 0.05, abs=1e-4)
    assert (row["median"], row["lowest"], row["highest"]) == (0.0, -0.3, 0.3)
    assert row["share_sign_flip"] == 2 / 4
    assert row["share_significance_flip"] == 3 / 4
    assert (row["share_type_i"], row["share_type_ii"], row["share_type_s"]) == (0, 2 / 4, 1 / 4)
    assert row["share_covering_gold"] == 2 / 4  # .3 (.2 to .4) and .1 (-.1 to .3)


def test_a_row_for_each_estimator_in_order() -> None:
    both = pd.concat([table((0.3, 0.1)), table((0.1, 0.2), estimator="dsl")])
    found = summary(both, Fit("gold_only", "", GOLD))
    assert list(found.columns) == list(SUMMARY)
    assert list(found["estimator"]) == ["naive", "dsl"]
    assert list(found["share_type_ii"]) == [0, 1]
    assert found["n_gold"].isna().all()  # a regression of means does not know how many units people coded


def test_without_a_gold_analysis_shares_are_missing_and_the_reason_is_said() -> None:
    made = table((0.3, 0.1)).assign(sign_flip="", significance_flip="", error_type="")
    row = summary(made, Fit("gold_only", "", None, "not available: nobody has coded")).iloc[0]
    assert row["note"] == "no gold analysis: not available: nobody has coded"
    assert row["median"] == 0.3
    assert pd.isna(row["share_sign_flip"])
    other = summary(made.assign(term="y"), Fit("benchmark", "", GOLD)).iloc[0]
    assert other["note"] == "the gold analysis has no such term"


def test_nothing_was_estimated() -> None:
    row = summary(table((np.nan, np.nan)), Fit("benchmark", "", GOLD)).iloc[0]
    assert row["n_estimated"] == 0
    assert pd.isna(row["median"])
    assert pd.isna(row["share_covering_gold"])
