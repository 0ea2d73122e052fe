import numpy as np
import pandas as pd
import pytest

from library.experiment_study import arranged, factorial, rows_of, simulated
from study.experiment.cells import experiment_cells
from study.experiment.levels import COLUMNS, experiment_levels
from study.experiment.outcomes import outcomes
from study.validity.bootstrap import unit_counts
from study.validity.correlation import pearson

FACTORS = {"wording": ["default", "short", "long"], "surface": ["as_written", "typos"]}
OPTIONS = {"resamples": 200, "seed": 4}


def table(rows, factors=FACTORS, truth=None):
    codes = arranged(rows, factors, truth)
    return experiment_levels(codes, outcomes(codes), **OPTIONS)


def test_a_level_is_the_mean_of_its_cells():
    rows, truth = simulated(FACTORS, n=50, effects={("wording", "short"): 0.4})
    codes = arranged(rows, FACTORS, truth)
    cells = experiment_cells(codes, outcomes(codes), **OPTIONS)
    found = table(rows, truth=truth).set_index(["factor", "level"])
    assert list(found.reset_index().columns[:2]) == ["factor", "level"]
    assert list(found.index) == [(f, level) for f in FACTORS for level in FACTORS[f]]
    for factor, level in found.index:
        own = cells[cells[factor] == level]
        for column in ("mean_score", "valid_mass", "accuracy", "pearson_r", "ece", "brier"):
            assert found.loc[(factor, level), column] == pytest.approx(own[column].mean())
    assert found["n_cells"].tolist() == [2, 2, 2, 3, 3]
    assert (found["n_units"] == 50).all()
    assert (found["note"] == "").all()


def test_columns():
    rows, truth = simulated({"wording": ["default", "short"]}, n=5)
    assert list(table(rows, {"wording": ["default", "short"]}, truth).columns) == COLUMNS


def test_the_difference_is_from_the_reference_level_on_the_same_resamples():
    rows, truth = simulated({"surface": ["as_written", "typos"]}, n=40, effects={("surface", "typos"): 0.8})
    found = table(rows, {"surface": ["as_written", "typos"]}, truth)
    assert found["reference"].tolist() == ["as_written"] * 2
    assert np.isnan(found["difference"].iloc[0])
    assert found["difference"].iloc[1] == pytest.approx(np.subtract(*found["pearson_r"][::-1]))
    x = [rows[rows["cell"] == cell]["score"].to_numpy() for cell in (1, 2)]
    y = np.array(list(truth.values()))
    draws = []
    for counts in unit_counts(40, 200, seed=4, name="experiment/trial/tone/levels"):
        for row in counts.astype(int):
            drawn = np.repeat(np.arange(40), row)
            r = [np.corrcoef(own[drawn], y[drawn])[0, 1] for own in x]
            draws.append(r[1] - r[0])
    bounds = np.quantile(draws, [0.025, 0.975])
    assert found.loc[1, ["difference_ci_low", "difference_ci_high"]].tolist() == pytest.approx(
        bounds.tolist()
    )


def test_levels_that_are_alike_do_not_differ():
    factors = {"surface": ["as_written", "whitespace"]}
    rows, truth = simulated(factors, n=30)
    first = rows[rows["cell"] == 1]
    second = first.assign(cell=2, surface="whitespace")
    found = table(pd.concat([first, second], ignore_index=True), factors, truth)
    assert found.loc[1, ["difference", "difference_ci_low", "difference_ci_high"]].tolist() == [0, 0, 0]


def test_levels_stand_on_the_units_that_every_cell_has_coded():
    factors = {"wording": ["default", "short"]}
    labels = {("a", 1): ["good", "good"], ("b", 1): ["bad", "mixed"], ("c", 1): ["bad", None]}
    found = table(rows_of(factorial(factors), labels), factors, {"a": 1.0, "b": -1.0, "c": 1.0})
    assert (found["n_units"] == 2).all()
    assert found["accuracy"].tolist() == [1, 0.5]  # c, which is wrong at the reference, does not count
    assert found["pearson_r"].tolist() == pytest.approx([1, 1])
    assert found["note"].str.contains("1 of 3 units lack a code in some cell").all()


def test_cells_whose_scores_do_not_vary_have_no_part_in_r():
    factors = {"wording": ["default", "short"], "surface": ["as_written", "typos"]}
    truth = {f"u{i}": float(i % 3 - 1) for i in range(12)}
    names = {-1.0: "bad", 0.0: "mixed", 1.0: "good"}
    labels = {
        (unit, 1): [names[truth[unit]], "good", names[-truth[unit]], names[truth[unit]]] for unit in truth
    }
    found = table(rows_of(factorial(factors), labels), factors, truth).set_index("level")
    assert found.loc["default", "pearson_r"] == pytest.approx(1)
    assert found.loc["default", "note"] == "r is undefined in 1 of 2 cells, whose scores do not vary"
    assert found.loc["short", "pearson_r"] == pytest.approx(0)
    assert found.loc["short", "difference"] == pytest.approx(-1)
    assert found.loc["default", "n_cells"] == 2


def test_a_level_without_codes():
    factors = {"wording": ["default", "short"]}
    labels = {("a", 1): ["good", None], ("b", 1): ["bad", None]}
    found = table(rows_of(factorial(factors), labels), factors, {"a": 1.0, "b": -1.0})
    assert found["n_cells"].tolist() == [1, 0]
    assert found["pearson_r"].iloc[0] == pytest.approx(1)
    assert found["note"].iloc[1].endswith("no cell of this level has codes")


def test_no_criterion_one_unit_and_no_codes():
    factors = {"wording": ["default", "short"]}
    cells = factorial(factors)
    labels = {("a", 1): ["good", "bad"]}
    bare = table(rows_of(cells, labels), factors)
    assert bare["mean_score"].tolist() == pytest.approx([0.7, -0.7])
    assert (bare["note"] == "the study has no criterion").all()
    one = table(rows_of(cells, labels), factors, {"a": 1.0})
    assert one["accuracy"].tolist() == [1, 0]
    assert one["note"].str.contains("r is undefined").all()
    none = table(rows_of(cells, {("a", 1): [None, None]}), factors, {"a": 1.0})
    assert none["mean_score"].isna().all()
    assert (none["n_units"] == 0).all()
    assert none["note"].str.contains("no cell of this level has codes").all()


def test_an_interval_is_about_right():
    # The interval of r over 100 units against Fisher's.
    factors = {"wording": ["default", "short"]}
    rows, truth = simulated(factors, n=100)
    row = table(rows, factors, truth).iloc[0]
    own = pearson(rows[rows["cell"] == 1]["score"], np.array(list(truth.values())), resamples=0)
    z, half = np.arctanh(own.value), 1.96 / np.sqrt(97)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((np.tanh(z - half), np.tanh(z + half)), abs=0.06)
