import krippendorff
import numpy as np
import pytest

from library.experiment_study import LABELS, SCALE, arranged, factorial, rows_of, simulated
from study.experiment.stability import COLUMNS, experiment_stability, mean_alpha
from study.validity import krippendorff_alpha

OPTIONS = {"resamples": 200, "seed": 7}
THREE = {"wording": ["default", "short", "long"]}


def table(rows, factors, scale=SCALE):
    return experiment_stability(arranged(rows, factors, scale=scale), **OPTIONS)


def alpha(ratings, level):
    return krippendorff.alpha(reliability_data=np.asarray(ratings, dtype=float), level_of_measurement=level)


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
def test_over_the_levels_of_a_factor_it_is_the_alpha_of_its_cells(level):
    rows, _ = simulated(THREE, n=40)
    found = table(rows, THREE, SCALE | {"level": level}).set_index(["kind", "factor"])
    row = found.loc[("inter", "wording")]
    ratings = rows["label"].map(LABELS).to_numpy().reshape(3, 40)
    assert row["estimate"] == pytest.approx(alpha(ratings, level))
    assert row["ci_low"] < row["estimate"] < row["ci_high"]
    assert (row["level"], row["statistic"]) == (level, "krippendorff_alpha")
    assert (row["n_cells"], row["n_units"], row["n_codes"]) == (3, 40, 120)


def test_with_one_setting_the_interval_is_that_of_the_table_of_reliability():
    rows, _ = simulated(THREE, n=40)
    row = table(rows, THREE).iloc[1]
    same = krippendorff_alpha(
        rows["unit_id"],
        rows["label"].map(LABELS),
        level="ordinal",
        name="experiment/trial/tone/stability/inter/wording",
        **OPTIONS,
    )
    assert (row["estimate"], row["ci_low"], row["ci_high"]) == pytest.approx(
        (same.value, same.ci_low, same.ci_high)
    )


def test_over_other_factors_it_is_a_mean():
    factors = THREE | {"surface": ["as_written", "typos"]}
    rows, _ = simulated(factors, n=40)
    found = table(rows, factors).set_index("factor")
    ratings = rows["label"].map(LABELS).to_numpy().reshape(3, 2, 40)
    assert found.loc["wording", "estimate"] == pytest.approx(
        np.mean([alpha(ratings[:, surface], "ordinal") for surface in range(2)])
    )
    assert found.loc["surface", "estimate"] == pytest.approx(
        np.mean([alpha(ratings[wording], "ordinal") for wording in range(3)])
    )


def test_greedy_decoding_repeats_itself_by_construction():
    rows, _ = simulated(THREE, n=10)
    found = table(rows, THREE)
    assert list(found.columns) == COLUMNS
    assert found["kind"].tolist() == ["intra", "inter"]
    assert found["estimate"].iloc[0] == 1
    assert np.isnan(found["ci_low"].iloc[0])
    assert found["note"].iloc[0].startswith("1 by construction")


def test_repeats_are_compared_in_each_cell_above_temperature_0():
    factors = {"temperature": [0.0, 0.5, 1.0]}
    rows, _ = simulated(factors, n=30, repeats=4)
    found = table(rows, factors)
    intra = found[found["kind"] == "intra"].set_index("factor_level")
    assert intra.index.tolist() == ["", "0", "0.5", "1"]
    assert intra["factor"].tolist() == ["", *["temperature"] * 3]
    own = [
        alpha(rows[rows["temperature"] == t]["label"].map(LABELS).to_numpy().reshape(4, 30), "ordinal")
        for t in (0.5, 1.0)
    ]
    assert intra["estimate"].tolist() == pytest.approx([np.mean(own), 1, *own])
    assert intra.loc["", "note"] == "over the cells with a temperature above 0"
    assert intra.loc["0.5", "n_codes"] == 120
    # Over temperatures, codes of the same repeat are compared; the greedy ones stand for every repeat.
    inter = found[found["kind"] == "inter"].iloc[0]
    ratings = np.stack(
        [
            np.resize(rows[rows["temperature"] == t]["label"].map(LABELS).to_numpy(), 120).reshape(4, 30)
            for t in (0.0, 0.5, 1.0)
        ]
    )
    assert inter["estimate"] == pytest.approx(np.mean([alpha(ratings[:, r], "ordinal") for r in range(4)]))


def test_one_repeat_above_temperature_0_says_nothing():
    factors = {"temperature": [0.5, 1.0]}
    rows, _ = simulated(factors, n=10)
    found = table(rows, factors)
    intra = found[found["kind"] == "intra"]
    assert intra["estimate"].isna().all()
    assert (intra["note"] == "texts were coded once, so that there is nothing to compare").all()


def test_the_mean_leaves_out_settings_whose_codes_do_not_vary():
    values = np.array([[0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0], [0.0, 1.0, 1.0, 1.0]])[:, :, None]
    groups = [[(0, 0), (1, 0)], [(2, 0), (3, 0)]]
    found, n = mean_alpha(values, groups, "nominal", resamples=0, seed=1, name="x")
    assert n == 1
    assert found.value == pytest.approx(alpha(values[:, :2, 0].T, "nominal"))


def test_numbers_are_compared_as_they_are():
    rows = rows_of(factorial(THREE), {("a", 1): ["good", "bad", "good"], ("b", 1): ["bad", "bad", "mixed"]})
    rows = rows.drop(columns=["label", *(f"p_{label}" for label in LABELS)])
    scale = {"level": "interval", "type": "count", "classes": False, "values": {}}
    row = table(rows, THREE, scale).iloc[1]
    assert row["estimate"] == pytest.approx(alpha(rows["score"].to_numpy().reshape(2, 3).T, "interval"))


def test_units_without_a_code_are_left_out():
    labels = {("a", 1): ["good", "bad", "good"], ("b", 1): ["bad"] * 3, ("c", 1): ["good", None, "good"]}
    row = table(rows_of(factorial(THREE), labels), THREE).iloc[1]
    assert row["n_units"] == 2
    assert row["estimate"] == pytest.approx(alpha([[1, -1], [-1, -1], [1, -1]], "ordinal"))
    assert "1 of 3 units lack a code" in row["note"]


def test_what_has_no_alpha_says_why():
    cells = factorial(THREE)
    same = table(rows_of(cells, {("a", 1): ["good"] * 3, ("b", 1): ["good"] * 3}), THREE)
    assert np.isnan(same["estimate"].iloc[1])
    assert same["note"].iloc[1] == "alpha is undefined: the codes do not vary"
    one = table(rows_of(cells, {("a", 1): ["good", "good", "bad"]}), THREE)
    assert one["n_units"].iloc[1] == 1
    assert one["note"].iloc[1] != ""
    none = table(rows_of(cells, {("a", 1): [None] * 3}), THREE)
    assert (none["note"] == "no text was coded").all()
    assert none["estimate"].isna().all()
    # Two cells that differ in both factors: nothing differs in one alone.
    factors = {"wording": ["default", "short"], "surface": ["as_written", "typos"]}
    apart = [c for c in factorial(factors) if (c["wording"] == "short") == (c["surface"] == "typos")]
    fraction = table(rows_of(apart, {("a", 1): ["good", "bad"], ("b", 1): ["bad", "bad"]}), factors)
    assert set(fraction["note"][1:]) == {"no two cells differ in this factor alone"}
