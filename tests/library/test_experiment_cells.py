import numpy as np
import pandas as pd
import pytest

from library.experiment_study import CRITERION, arranged, factorial, rows_of, simulated
from study.experiment.cells import COLUMNS, agreement, experiment_cells
from study.experiment.outcomes import outcomes
from study.validity import agreement_table, pearson

FACTOR = {"wording": ["default", "short"]}
OPTIONS = {"resamples": 300, "seed": 2}


def table(rows, factors=FACTOR, truth=None):
    codes = arranged(rows, factors, truth)
    return experiment_cells(codes, outcomes(codes), **OPTIONS)


def test_a_row_a_cell_with_its_settings():
    factors = {"sparsity": [0.0, 0.3], "wording": ["default", "short"]}
    rows, truth = simulated(factors, n=30)
    found = table(rows, factors, truth)
    assert list(found.columns) == COLUMNS
    assert found["cell"].tolist() == [1, 2, 3, 4]
    assert found["sparsity"].tolist() == [0, 0, 0.3, 0.3]
    assert found["wording"].tolist() == ["default", "short"] * 2
    assert (found["criterion"] == CRITERION).all()
    assert (found["note"] == "").all()


def test_agreement_is_that_of_the_table_of_agreement():
    rows, truth = simulated(FACTOR, n=80)
    found = table(rows, truth=truth)
    for cell, row in enumerate(found.to_dict("records"), start=1):
        own = rows[rows["cell"] == cell]
        measures = pd.DataFrame({"unit_id": list(truth), "sample": True, "tone_humans": list(truth.values())})
        measures["tone_llm"] = own["score"].to_numpy()
        coders = {"tone": {"humans": "human", "llm": "llm"}}
        ratings = pd.DataFrame(columns=["unit_id", "construct", "coder", "value", "status"])
        agreed = agreement_table(measures, ratings, coders, criterion="humans", resamples=0)
        assert row["pearson_r"] == pytest.approx(agreed["pearson_r"].iloc[0])
        assert row["mean_score"] == pytest.approx(own["score"].mean())
        assert row["valid_mass"] == pytest.approx(own["valid_mass"].mean())


def test_the_interval_is_that_of_the_same_bootstrap():
    rows, truth = simulated(FACTOR, n=80)
    row = table(rows, truth=truth).iloc[1]
    own = rows[rows["cell"] == 2]["score"].to_numpy()
    same = pearson(own, np.array(list(truth.values())), name="experiment/trial/tone/cells", **OPTIONS)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((same.ci_low, same.ci_high))
    assert row["accuracy_ci_low"] < row["accuracy"] < row["accuracy_ci_high"]


def test_counts_by_hand():
    labels = {("a", 1): ["good", "bad"], ("b", 1): ["bad", None], ("c", 1): ["good", "good"]}
    found = table(rows_of(factorial(FACTOR), labels), truth={"a": 1.0, "b": -1.0})
    assert found["n"].tolist() == [3, 3]
    assert found["n_coded"].tolist() == [3, 2]
    assert found["n_compared"].tolist() == [2, 1]
    assert found["accuracy"].tolist() == [1, 0]
    assert found["pearson_r"].iloc[0] == pytest.approx(1)
    assert np.isnan(found["pearson_r"].iloc[1])
    assert "r is undefined" in found["note"].iloc[1]


def test_r_and_accuracy_rest_on_the_units_that_have_them():
    score = np.array([1.0, 2.0, 3.0, np.nan])
    criterion = np.array([1.0, 3.0, 2.0, 5.0])
    correct = np.array([1.0, np.nan, 0.0, 1.0])
    r, right = agreement(score, criterion, correct, resamples=0, seed=1, name="hand")
    assert r.value == pytest.approx(0.5)
    assert right.value == pytest.approx(2 / 3)


def test_without_a_criterion_agreement_is_empty_and_says_so():
    rows, _ = simulated(FACTOR, n=10)
    found = table(rows)
    assert found[["accuracy", "pearson_r", "ci_low", "ci_high", "ece", "brier"]].isna().all(axis=None)
    assert found[["mean_score", "valid_mass"]].notna().all(axis=None)
    assert (found["note"] == "the study has no criterion").all()
    assert (found["n_compared"] == 0).all()


def test_a_cell_in_which_every_text_failed():
    labels = {(unit, 1): ["good" if unit < "c" else "bad", None] for unit in "abcd"}
    found = table(
        rows_of(factorial(FACTOR), labels), truth=dict(zip("abcd", [1.0, 0.0, -1.0, -1.0], strict=True))
    )
    assert found["n_coded"].tolist() == [4, 0]
    assert found["accuracy"].iloc[0] == 0.75
    assert found["note"].iloc[1] == "no text was coded"
    assert found.loc[1, ["mean_score", "accuracy", "pearson_r", "ece"]].isna().all()


def test_one_unit():
    found = table(rows_of(factorial(FACTOR), {("a", 1): ["good", "bad"]}), truth={"a": 1.0})
    assert found["accuracy"].tolist() == [1, 0]
    assert found[["pearson_r", "ci_low", "accuracy_ci_low"]].isna().all(axis=None)
    assert found["note"].str.contains("r is undefined").all()
