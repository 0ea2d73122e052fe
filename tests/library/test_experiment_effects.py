import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy.stats import ttest_rel
from statsmodels.genmod.cov_struct import Exchangeable

from library.experiment_study import BASE, arranged, factorial, rows_of, simulated
from study.experiment.effects import COLUMNS, design_matrix, experiment_effects, main_effects
from study.experiment.outcomes import OUTCOMES, outcomes

FACTORS = {"wording": ["default", "short", "long"], "surface": ["as_written", "typos"]}
TWO = {"wording": ["default", "short"]}


def table(rows, factors, truth=None, correction="holm"):
    codes = arranged(rows, factors, truth)
    return experiment_effects(codes, outcomes(codes), correction=correction)


def score_rows(found):
    return found[found["outcome"] == "score"].set_index("level")


def test_in_a_balanced_design_an_effect_is_the_difference_of_means():
    rows, truth = simulated(FACTORS, n=40, effects={("wording", "long"): 0.3, ("surface", "typos"): -0.2})
    found = table(rows, FACTORS, truth)
    assert list(found.columns) == COLUMNS
    assert list(found["outcome"].unique()) == list(OUTCOMES)
    codes = arranged(rows, FACTORS, truth)
    values = outcomes(codes).values
    for row in found.to_dict("records"):
        own = codes.settings[row["factor"]].to_numpy()
        level, reference = (values[row["outcome"]][:, own == row[key]] for key in ("level", "reference"))
        assert row["estimate"] == pytest.approx(level.mean() - reference.mean(), abs=1e-12)
        # The robust variance is that of the units' own differences.
        differences = level.mean(axis=1) - reference.mean(axis=1)
        assert row["std_error"] == pytest.approx(differences.std(ddof=1) / np.sqrt(40), rel=1e-6)
    assert (found["n"] == 240).all()
    assert found["method"].str.startswith("GEE (Gaussian, identity, exchangeable").all()


def test_two_cells_are_a_paired_t_test():
    rows, truth = simulated(TWO, n=25, effects={("wording", "short"): 0.3})
    row = score_rows(table(rows, TWO, truth)).loc["short"]
    first, second = (rows[rows["cell"] == cell]["score"].to_numpy() for cell in (1, 2))
    expected = ttest_rel(second, first)
    interval = expected.confidence_interval()
    assert row["statistic"] == pytest.approx(expected.statistic)
    assert row["p_value"] == pytest.approx(expected.pvalue)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((interval.low, interval.high))


def test_the_standard_error_by_hand():
    # Differences of the three units: 1, 2 and 6; mean 3, cluster-robust variance (4 + 1 + 9) / 9 * 3 / 2.
    values = np.array([[0.0, 1.0], [1.0, 3.0], [-1.0, 5.0]])
    found = main_effects(values, np.array([[1.0, 0.0], [1.0, 1.0]]))
    assert found.estimates == pytest.approx([0, 3])
    assert found.std_errors[1] == pytest.approx(np.sqrt(14 / 9 * 3 / 2))


def test_unbalanced_designs_equal_a_formula_in_statsmodels():
    rows, truth = simulated(FACTORS, n=30, effects={("wording", "long"): 0.3})
    kept = rows[~rows["cell"].isin([2, 5])]
    found = score_rows(table(kept, FACTORS, truth))
    data = kept.assign(wording=pd.Categorical(kept["wording"], FACTORS["wording"]))
    model = smf.gee("score ~ wording + surface", "unit_id", data, cov_struct=Exchangeable())
    fit = model.fit()
    for level in ("short", "long", "typos"):
        term = f"{'surface' if level == 'typos' else 'wording'}[T.{level}]"
        assert found.loc[level, "estimate"] == pytest.approx(fit.params[term])
        assert found.loc[level, "std_error"] == pytest.approx(fit.bse[term] * np.sqrt(30 / 29))


def test_exchangeable_or_not_the_figures_are_the_same():
    # Every unit sees the same cells, so that the working correlation cancels out.
    rows, truth = simulated(FACTORS, n=30)
    codes = arranged(rows[rows["cell"] != 4], FACTORS, truth)
    values = outcomes(codes).values["score"]
    design, _ = design_matrix(codes, np.arange(5))
    own = values @ np.linalg.pinv(design).T
    found = main_effects(values, design)
    assert found.structure == "exchangeable"
    assert found.estimates == pytest.approx(own.mean(axis=0))
    assert found.std_errors == pytest.approx(own.std(axis=0, ddof=1) / np.sqrt(30))


def test_p_values_are_adjusted_in_a_family_of_one_outcome():
    rows, truth = simulated(FACTORS, n=40, effects={("wording", "long"): 0.1, ("surface", "typos"): 0.1})
    found = score_rows(table(rows, FACTORS, truth, "bonferroni"))
    assert found["p_adjusted"].tolist() == pytest.approx(np.minimum(1, 3 * found["p_value"]).tolist())
    assert set(found["family"]) == {"trial, tone, score: all levels of all factors (3 tests)"}
    assert set(found["correction"]) == {"bonferroni"}


def test_effects_that_are_there_are_found_and_intervals_hold_them():
    covered = []
    for seed in range(60):
        random = np.random.default_rng(seed)
        values = random.normal(size=(30, 1)) + random.normal(size=(30, 4)) + np.array([0, 0.5, 0, 0.5])
        design = np.column_stack([np.ones(4), [0, 1, 0, 1], [0, 0, 1, 1]])
        found = main_effects(values, design)
        covered.append(np.abs(found.estimates[1] - 0.5) < 2.045 * found.std_errors[1])
    assert 0.85 < np.mean(covered) <= 1


def test_an_outcome_that_does_not_vary_has_a_note():
    labels = {(unit, 1): ["good", "good"] for unit in "abc"}
    rows = rows_of(factorial(TWO), labels)
    found = table(rows, TWO, dict.fromkeys("abc", 1.0)).set_index("outcome")
    assert found.loc["correct", "estimate"] == 0
    assert np.isnan(found.loc["correct", "p_value"])
    assert found.loc["correct", "note"] == "the outcome is 1 for every unit in every cell"
    assert found.loc["valid_mass", "note"] == "the outcome is 0.9 for every unit in every cell"


def test_a_level_that_changes_nothing_beside_one_that_does():
    factors = {"wording": ["default", "short"], "surface": ["as_written", "whitespace"]}
    labels = {("a", 1): ["good", "good", "bad", "bad"], ("b", 1): ["bad", "bad", "bad", "bad"]}
    labels[("c", 1)] = ["good", "good", "mixed", "mixed"]
    found = score_rows(table(rows_of(factorial(factors), labels), factors))
    assert found.loc["whitespace", "estimate"] == 0
    assert np.isnan(found.loc["whitespace", "p_value"])
    assert found.loc["whitespace", "note"] == "no standard error: nothing changes for any unit"
    assert found.loc["short", "std_error"] > 0


def test_the_same_change_for_every_unit_has_no_standard_error():
    labels = {("a", 1): ["good", "mixed"], ("b", 1): ["mixed", "bad"]}
    found = score_rows(table(rows_of(factorial(TWO), labels), TWO))
    assert found.loc["short", "estimate"] == pytest.approx(-0.7)
    assert np.isnan(found.loc["short", "std_error"])
    assert found.loc["short", "note"] == "no standard error: every unit changes by the same amount"


def test_levels_that_a_fraction_cannot_tell_apart():
    factors = {"wording": ["default", "short"], "surface": ["as_written", "typos"], "seed": [1, 2]}
    cells = [c for c in factorial(factors) if (c["wording"] == "short") == (c["surface"] == "typos")]
    labels = {("a", 1): ["good", "bad", "mixed", "bad"], ("b", 1): ["bad", "bad", "good", "mixed"]}
    found = score_rows(table(rows_of(cells, labels), factors))
    for level in ("short", "typos"):
        assert np.isnan(found.loc[level, "estimate"])
        assert found.loc[level, "note"].startswith("cannot be told apart from other effects")
    assert np.isfinite(found.loc["2", "estimate"])


def test_units_that_lack_a_code_are_left_out_and_counted():
    labels = {("a", 1): ["good", "bad"], ("b", 1): ["good", "mixed"], ("c", 1): ["bad", None]}
    found = score_rows(table(rows_of(factorial(TWO), labels), TWO))
    assert found.loc["short", "n_units"] == 2
    assert found.loc["short", "n"] == 4
    assert found.loc["short", "estimate"] == pytest.approx((-1.4 - 0.7) / 2)
    assert "1 of 3 units lack a code in some cell" in found.loc["short", "note"]


def test_no_criterion_one_unit_one_cell_and_no_codes():
    cells = factorial(TWO)
    labels = {("a", 1): ["good", "bad"], ("b", 1): ["bad", "mixed"]}
    bare = table(rows_of(cells, labels), TWO).set_index("outcome")
    assert bare.loc["correct", "note"] == "the study has no criterion"
    assert np.isnan(bare.loc["correct", "estimate"])
    assert bare.loc["correct", "family"].endswith("(0 tests)")
    assert np.isfinite(bare.loc["score", "estimate"])
    one = score_rows(table(rows_of(cells, {("a", 1): ["good", "bad"]}), TWO))
    assert one.loc["short", "note"] == "there is one unit, and nothing to judge its differences by"
    rows = rows_of([BASE], {("a", 1): ["good"], ("b", 1): ["bad"]})
    single = score_rows(table(rows, TWO))
    assert single.loc["short", "note"] == "this level, or its reference, has no cell with codes"
    none = table(rows_of(cells, {("a", 1): [None, None]}), TWO)
    assert set(none["note"]) == {"no text was coded"}
    assert none["estimate"].isna().all()
