import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.anova import anova_lm

from library.experiment_study import arranged, factorial, rows_of, simulated
from study.experiment.outcomes import outcomes
from study.experiment.variance import COLUMNS, decomposition, experiment_variance
from study.validity.bootstrap import unit_counts

OPTIONS = {"resamples": 100, "seed": 3}


def design(levels):
    factors = {f"f{i}": [f"l{j}" for j in range(n)] for i, n in enumerate(levels)}
    grid = pd.MultiIndex.from_product(factors.values(), names=list(factors))
    return grid.to_frame(index=False)


def found_in(values, cells, **options):
    return {source.name: source for source in decomposition(values, cells, **(OPTIONS | options))}


def test_by_hand():
    # Two units, one factor of two levels: grand mean 3, unit means 2 and 4, level means 2.5 and 3.5.
    values = np.array([[1.0, 3.0], [4.0, 4.0]])
    found = found_in(values, pd.DataFrame({"f": ["a", "b"]}))
    assert list(found) == ["unit", "f", "unit x f", "rest"]
    assert [source.sum_of_squares for source in found.values()] == pytest.approx([4, 1, 1, 0])
    assert [source.df for source in found.values()] == [1, 1, 1, 0]
    assert [source.share.value for source in found.values()] == pytest.approx([4 / 6, 1 / 6, 1 / 6, 0])


def test_a_full_factorial_is_the_analysis_of_variance_of_statsmodels():
    cells = design([2, 3, 2])
    random = np.random.default_rng(1)
    values = random.normal(size=(6, 1)) + random.normal(size=(1, 12)) + random.normal(size=(6, 12))
    long = cells.iloc[np.tile(np.arange(12), 6)].assign(y=values.ravel(), unit=np.repeat(np.arange(6), 12))
    formula = "y ~ C(unit) + (f0 + f1 + f2) ** 2 + C(unit):f0 + C(unit):f1 + C(unit):f2"
    oracle = anova_lm(smf.ols(formula, long).fit())
    names = {"unit": "C(unit)", "rest": "Residual"}
    names |= {f"{a} x {b}": f"{a}:{b}" for a, b in (("f0", "f1"), ("f0", "f2"), ("f1", "f2"))}
    names |= {f"unit x {f}": f"C(unit):{f}" for f in ("f0", "f1", "f2")}
    found = found_in(values, cells)
    assert len(found) == len(oracle)
    for name, source in found.items():
        row = oracle.loc[names.get(name, name)]
        assert source.sum_of_squares == pytest.approx(row["sum_sq"])
        assert source.df == source.df_full == row["df"]


def test_a_fraction_is_decomposed_in_the_declared_order():
    # Half of 2 x 2 x 2: the third factor is the product of the first two.
    cells = design([2, 2])
    cells["f2"] = np.where((cells["f0"] == "l1") == (cells["f1"] == "l1"), "l1", "l0")
    values = np.random.default_rng(2).normal(size=(5, 4))
    found = found_in(values, cells)
    long = cells.iloc[np.tile(np.arange(4), 5)].assign(y=values.ravel(), unit=np.repeat(np.arange(5), 4))
    oracle = anova_lm(smf.ols("y ~ C(unit) + f0 + f1 + f2", long).fit())
    for factor in ("f0", "f1", "f2"):
        assert found[factor].sum_of_squares == pytest.approx(oracle.loc[factor, "sum_sq"])
    for pair in ("f0 x f1", "f0 x f2", "f1 x f2"):
        assert found[pair].df == 0
        assert found[pair].df_full == 1
        assert found[pair].sum_of_squares == 0
    assert found["rest"].df == 0


def test_partly_aliased_interactions_keep_what_is_left():
    cells = design([3, 2]).iloc[:-1]  # one cell is missing
    values = np.random.default_rng(3).normal(size=(5, 5))
    found = found_in(values, cells.reset_index(drop=True))
    assert (found["f0 x f1"].df, found["f0 x f1"].df_full) == (1, 2)
    # What each step takes off the residual sum of squares of the cells' means.
    one = np.ones((5, 1))
    f0, f1 = (pd.get_dummies(cells[factor]).to_numpy(dtype=float) for factor in ("f0", "f1"))
    steps = [one, np.hstack([one, f0]), np.hstack([one, f0, f1]), np.eye(5)]
    mean = values.mean(axis=0)
    left = [5 * ((mean - X @ np.linalg.lstsq(X, mean)[0]) ** 2).sum() for X in steps]
    for source, expected in zip(("f0", "f1", "f0 x f1"), -np.diff(left), strict=True):
        assert found[source].sum_of_squares == pytest.approx(expected)


@given(
    st.lists(st.integers(2, 3), min_size=1, max_size=3),
    st.integers(1, 6),
    st.integers(0, 1000),
    st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_sources_add_up_to_the_total_and_none_is_negative(levels, n, seed, fraction):
    cells = design(levels)
    random = np.random.default_rng(seed)
    if fraction:
        cells = cells[random.random(len(cells)) < 0.7].reset_index(drop=True)
    if not len(cells):
        return
    values = random.normal(size=(n, len(cells))) * 1000 + 5000
    if np.ptp(values) == 0:
        return
    found = found_in(values, cells, resamples=0)
    squares = np.array([source.sum_of_squares for source in found.values()])
    total = ((values - values.mean()) ** 2).sum()
    assert squares.sum() == pytest.approx(total)
    assert (squares >= 0).all()
    assert sum(source.df for source in found.values()) == values.size - 1
    assert sum(source.share.value for source in found.values()) == pytest.approx(1)


def test_the_interval_is_that_of_decompositions_of_drawn_units():
    cells = design([2, 2])
    values = np.random.default_rng(4).normal(size=(12, 4)) + np.array([0, 0, 1, 1])
    found = found_in(values, cells, name="drawn")
    draws = {name: [] for name in found}
    for counts in unit_counts(12, 100, seed=3, name="drawn"):
        for row in counts.astype(int):
            again = found_in(values[np.repeat(np.arange(12), row)], cells, resamples=0)
            for name, source in again.items():
                draws[name].append(source.share.value)
    for name, source in found.items():
        bounds = np.quantile(draws[name], [0.025, 0.975])
        assert (source.share.ci_low, source.share.ci_high) == pytest.approx(tuple(bounds), abs=1e-9)


def test_units_of_measurement_change_no_share():
    cells = design([2, 2])
    values = np.random.default_rng(5).normal(size=(8, 4))
    one, other = found_in(values, cells), found_in(values * 1e6 + 3e6, cells)
    for name, source in one.items():
        assert other[name].share.value == pytest.approx(source.share.value)
        assert other[name].sum_of_squares == pytest.approx(source.sum_of_squares * 1e12)


def test_the_table():
    factors = {"wording": ["default", "short"], "surface": ["as_written", "typos"]}
    rows, truth = simulated(factors, n=30, effects={("wording", "short"): 1.5}, noise=0.1)
    codes = arranged(rows, factors, truth)
    found = experiment_variance(codes, outcomes(codes), **OPTIONS)
    assert list(found.columns) == COLUMNS
    score = found[found["outcome"] == "score"].set_index("source")
    assert list(score.index) == [
        "unit", "wording", "surface", "wording x surface", "unit x wording", "unit x surface", "rest",
    ]  # fmt: skip
    assert score.loc["wording", "share"] > 10 * score.loc["surface", "share"]
    assert score.loc["wording", "ci_low"] < score.loc["wording", "share"] < score.loc["wording", "ci_high"]
    assert (found["n_cells"] == 4).all()
    assert (found["note"] == "").all()


def test_what_cannot_be_decomposed_says_why():
    factors = {"wording": ["default", "short"]}
    cells = factorial(factors)

    def notes(labels, truth=None):
        codes = arranged(rows_of(cells, labels), factors, truth)
        found = experiment_variance(codes, outcomes(codes), **OPTIONS)
        assert found.loc[found["share"].isna(), "note"].ne("").all()
        return found.groupby("outcome")["note"].agg(lambda own: "|".join(sorted(set(own)))).to_dict()

    same = notes({("a", 1): ["good", "good"], ("b", 1): ["good", "good"]}, {"a": 1.0, "b": 1.0})
    assert same["correct"] == "the outcome is 1 for every unit in every cell"
    bare = notes({("a", 1): ["good", "bad"], ("b", 1): ["good", "good"]})
    assert bare["correct"] == bare["brier"] == "the study has no criterion"
    assert bare["score"] == ""
    assert set(notes({("a", 1): [None, None]}).values()) == {"no text was coded"}
    aside = notes({("a", 1): ["good", None], ("b", 1): [None, "bad"]})
    assert "2 of 2 units lack a code" in aside["score"]


def test_aliased_sources_are_named():
    factors = {"wording": ["default", "short"], "surface": ["as_written", "typos"]}
    cells = [c for c in factorial(factors) if (c["wording"] == "short") == (c["surface"] == "typos")]
    codes = arranged(rows_of(cells, {("a", 1): ["good", "bad"], ("b", 1): ["bad", "bad"]}), factors)
    found = experiment_variance(codes, outcomes(codes), **OPTIONS).query("outcome == 'score'")
    note = found.set_index("source")["note"]
    assert note["wording"] == ""
    for source in ("surface", "wording x surface", "unit x surface"):
        assert note[source].startswith("aliased")
