import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss
from statsmodels.stats.proportion import proportion_confint

from study.validity import brier_score, expected_calibration_error, reliability_diagram, wilson_interval
from study.validity.calibration import COLUMNS, class_probabilities, label_distributions
from study.validity.recalibration import main


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_equals_statsmodels(pair):
    hits, n = pair
    assert wilson_interval(hits, n) == pytest.approx(proportion_confint(hits, n, method="wilson"), abs=1e-9)


def test_diagram_by_hand():
    confidence = np.array([0.3, 0.1 + 0.2, 0.95, 1.0, 0.91, 0.0])
    diagram = reliability_diagram(confidence, np.array([1, 0, 1, 1, 0, 0]))
    assert diagram["n"].tolist() == [1, 2, 3]
    assert diagram["bin_low"].to_numpy() == pytest.approx([0, 0.2, 0.9])  # .3 is in (.2, .3]
    assert diagram["mean_probability"].to_numpy() == pytest.approx([0, 0.3, 2.86 / 3])
    assert diagram["observed_share"].to_numpy() == pytest.approx([0, 0.5, 2 / 3])
    assert (diagram["ci_low"] <= diagram["observed_share"]).all()
    assert expected_calibration_error(diagram) == pytest.approx((0 + 2 * 0.2 + 3 * (2.86 - 2) / 3) / 6)


def test_a_coder_whose_probabilities_are_true_is_calibrated():
    random = np.random.default_rng(0)
    confidence = random.uniform(0.34, 1, 50_000)
    diagram = reliability_diagram(confidence, random.random(50_000) < confidence)
    assert expected_calibration_error(diagram) < 0.01
    covered = (diagram["ci_low"] <= diagram["mean_probability"]) & (
        diagram["mean_probability"] <= diagram["ci_high"]
    )
    assert covered.all()


def test_brier_score_equals_scikit_learn():
    probabilities = np.random.default_rng(1).dirichlet([1, 1, 1], size=30)
    truth = np.arange(30) % 3
    expected = brier_score_loss(truth, probabilities, labels=[0, 1, 2], scale_by_half=False)
    assert brier_score(probabilities, truth) == pytest.approx(expected)
    assert brier_score(np.eye(3), np.array([0, 1, 2])) == 0
    assert brier_score(np.eye(3), np.array([1, 2, 0])) == 2
    # A true class that the coder cannot name had the probability 0.
    assert brier_score(np.eye(3), np.array([-1, -1, -1])) == 2
    assert brier_score(np.array([[0.5, 0.5]]), np.array([-1])) == 1.5


def test_labels_of_one_sign_are_one_class():
    values = {"very good": 2, "good": 1, "neither": 0, "bad": -1}
    distributions = pd.DataFrame([[0.3, 0.3, 0.4, 0.0]], columns=list(values), index=["a"])
    summed, predicted = class_probabilities(distributions, values, (0, 0), by_label=False)
    assert summed.loc["a"].to_dict() == pytest.approx({"negative": 0, "neutral": 0.4, "positive": 0.6})
    assert predicted["a"] == "neutral"  # the likeliest label, as it is coded


def test_repeats_are_averaged_and_uncoded_units_left_out():
    codings = pd.DataFrame(
        {
            "unit_id": ["a", "a", "b", "c"],
            "construct": ["tone", "tone", "tone", "other"],
            "status": ["ok", "ok", "failed", "ok"],
            "p_good": [0.2, 0.6, np.nan, 1.0],
            "p_bad": [0.6, 0.2, np.nan, 0.0],
            "p_not codable": [0.2, 0.2, np.nan, 0.0],
        }
    )
    found = label_distributions(codings, "tone", ["good", "bad"])
    assert found.index.tolist() == ["a"]
    assert found.loc["a"].tolist() == pytest.approx([0.5, 0.5])
    assert label_distributions(codings.drop(columns="p_bad"), "tone", ["good", "bad"]) is None


def test_the_program_writes_a_diagram_for_coders_with_probabilities(tmp_path):
    random = np.random.default_rng(2)
    units = [f"{i:03}" for i in range(300)]
    p = random.dirichlet([1, 1, 1], size=300)
    truth = np.array([random.choice([1, 0, -1], p=row) for row in p])
    measures = pd.DataFrame(
        {
            "unit_id": units,
            "domain": ["a", "b"] * 150,
            "sample": True,
            "tone_humans": truth * 1.5,
            "tone_llm": p[:, 0] - p[:, 2],
            "tone_words": truth * 1.0,
        }
    )
    codings = pd.DataFrame(p, columns=["p_good", "p_mixed", "p_bad"]).assign(
        unit_id=units, construct="tone", coder="llm", repeat=1, status="ok"
    )
    measures.to_parquet(tmp_path / "measures.parquet")
    codings.to_parquet(tmp_path / "llm.parquet")
    codings[["unit_id", "construct", "status"]].to_parquet(tmp_path / "words.parquet")
    main(
        measures_file=tmp_path / "measures.parquet",
        codings_files=[tmp_path / "llm.parquet", tmp_path / "words.parquet"],
        table_file=tmp_path / "calibration.csv",
        recalibration_file=tmp_path / "recalibration.csv",
        coders={"tone": {"humans": "human", "llm": "llm", "words": "dictionary"}},
        codebooks={"tone": {"level": "ordinal", "values": {"good": 1, "mixed": 0, "bad": -1}}},
        compare={"criterion": "humans", "by": "domain", "thresholds": [0, 0], "bootstrap": 100, "seed": 1},
    )
    table = pd.read_csv(tmp_path / "calibration.csv")
    assert list(table.columns) == COLUMNS
    assert set(table["measure"]) == {"llm"}
    assert set(table["domain"]) == {"a", "b", "all"}
    pooled = table[(table["domain"] == "all") & (table["subset"] == "sample")]
    assert pooled["n"].sum() == 300
    assert pooled["ece"].nunique() == pooled["brier"].nunique() == 1
    assert pooled["ece"].iloc[0] < 0.1
