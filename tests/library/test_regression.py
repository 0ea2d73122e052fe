import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from study.errors import StudyError
from study.inference import incremental_r2, linear_regression
from study.inference.regression import COLUMNS
from study.validity import adjust, percentile_interval
from study.validity.bootstrap import unit_counts

FORMULA = "rating ~ (llm + words) * C(domain)"


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def corpus(n: int = 150) -> pd.DataFrame:
    random = np.random.default_rng(6)
    level = random.normal(size=n)
    data = pd.DataFrame(
        {
            "unit_id": [f"{i:03}" for i in range(n)],
            "domain": random.choice(["a", "b", "c"], n),
            "year": 1990 + np.arange(n) % 30,
            "weight": random.uniform(0.5, 2, n),
            "sample": np.arange(n) % 3 > 0,
            "llm": level + random.normal(size=n),
            "words": level + 2 * random.normal(size=n),
        }
    )
    data["rating"] = (
        level + 0.5 * (data["domain"] == "b") + random.normal(size=n) * (1 + (data["domain"] == "c"))
    )
    return data


@pytest.mark.parametrize("weight", [None, "weight"])
def test_estimates_equal_statsmodels_with_hc3(weight):
    data = corpus()
    table = linear_regression(data, FORMULA, name="tone", subset="sample", weight=weight).set_index("term")
    sample = data[data["sample"]]
    weights = sample[weight] if weight else np.ones(len(sample))
    fit = smf.wls(FORMULA, sample, weights=weights).fit(cov_type="HC3", use_t=True)
    assert table["estimate"].to_dict() == pytest.approx(fit.params.to_dict())
    assert table["std_error"].to_dict() == pytest.approx(fit.bse.to_dict())
    assert table["p_value"].to_dict() == pytest.approx(fit.pvalues.to_dict())
    assert table["ci_low"].to_dict() == pytest.approx(fit.conf_int()[0].to_dict())
    assert set(table["reference"]) == {"t(91)"}
    assert set(table["n"]) == {100}
    assert set(table["estimator"]) == {"naive"}
    assert set(table["covariance"]) == {"HC3"}


def test_hc3_by_hand():
    data = pd.DataFrame({"y": [1.0, 3, 2, 5, 4], "x": [0.0, 1, 2, 3, 4], "sample": False})
    table = linear_regression(data, "y ~ x").set_index("term")
    X, y = np.column_stack([np.ones(5), data["x"]]), data["y"].to_numpy()
    bread = np.linalg.inv(X.T @ X)
    beta = bread @ X.T @ y
    shrunk = (y - X @ beta) / (1 - np.einsum("ij,jk,ik->i", X, bread, X))
    covariance = bread @ (X.T * shrunk**2) @ X @ bread
    assert table["estimate"].tolist() == pytest.approx(beta)
    assert table["std_error"].tolist() == pytest.approx(np.sqrt(np.diag(covariance)))


def test_the_family_is_every_term_but_the_intercept():
    table = linear_regression(corpus(), FORMULA, name="tone")
    tested = table[table["term"] != "Intercept"]
    assert tested["p_adjusted"].to_numpy() == pytest.approx(adjust(tested["p_value"].to_numpy()))
    assert table.loc[table["term"] == "Intercept", "p_adjusted"].isna().all()
    assert set(table["family"]) == {"tone: all terms but the intercept (8 tests)"}
    without = linear_regression(corpus(), FORMULA, correction="none")
    assert without["p_adjusted"].iloc[1] == without["p_value"].iloc[1]


def test_missing_values_leave_units_out_and_n_says_so():
    data = corpus()
    data.loc[:9, "llm"] = np.nan
    data.loc[10, "domain"] = None
    data.loc[11, "words"] = np.inf
    table = linear_regression(data, FORMULA)
    assert set(table["n"]) == {138}
    assert table["estimate"].notna().all()


@pytest.mark.parametrize("weight", [None, "weight"])
def test_incremental_r2_equals_statsmodels_and_a_naive_loop(weight):
    data = corpus()
    data["year"] += 0.5  # far from zero: the normal equations must bear it
    formula = "rating ~ (llm + year) * C(domain)"
    found = incremental_r2(data, formula, "llm", name="tone", weight=weight, resamples=60, seed=4)

    def increment(units: pd.DataFrame) -> float:
        weights = units[weight] if weight else np.ones(len(units))
        full = smf.wls(formula, units, weights=weights).fit().rsquared
        return full - smf.wls("rating ~ year * C(domain)", units, weights=weights).fit().rsquared

    draws = [
        increment(data.loc[np.repeat(data.index, counts.astype(int))])
        for counts in np.concatenate(list(unit_counts(150, 60, seed=4, name="incremental_r2/tone/all/llm")))
    ]
    assert found["incremental_r2"] == pytest.approx(increment(data))
    assert found["r2_full"] - found["r2_reduced"] == pytest.approx(found["incremental_r2"])
    assert (found["ci_low"], found["ci_high"]) == pytest.approx(percentile_interval(np.array(draws)))


def test_r2_without_an_intercept_is_that_of_statsmodels():
    data = corpus()
    for formula, reduced in (
        ("rating ~ 0 + llm + words", "rating ~ 0 + words"),
        ("rating ~ 0 + C(domain) + llm", "rating ~ 0 + C(domain)"),  # an implied constant
    ):
        found = incremental_r2(data, formula, "llm", resamples=10)
        assert found["r2_full"] == pytest.approx(smf.ols(formula, data).fit().rsquared)
        assert found["r2_reduced"] == pytest.approx(smf.ols(reduced, data).fit().rsquared)
    alone = incremental_r2(data, "rating ~ llm", "llm", resamples=10)
    assert alone["incremental_r2"] == pytest.approx(smf.ols("rating ~ llm", data).fit().rsquared)


def test_resamples_without_a_category_do_not_fail():
    data = corpus(30)
    data.loc[data.index[:2], "domain"] = "rare"
    found = incremental_r2(data, "rating ~ llm + C(domain)", "llm", resamples=300)
    assert 0 <= found["ci_low"] < found["incremental_r2"] < found["ci_high"] < 1


@pytest.mark.parametrize(
    ("change", "formula", "note"),
    [
        (lambda d: d.head(0), FORMULA, "0 units are too few"),
        (lambda d: d.head(1), "rating ~ llm", "1 units are too few for 2 terms"),
        (lambda d: d.head(6), FORMULA, "6 units are too few"),
        (lambda d: d.assign(llm=0.25), FORMULA, "constant, or a combination of the terms before it: llm"),
        (lambda d: d.assign(llm=2 * d["words"] + 1), "rating ~ words + llm", "before it: llm"),
        (lambda d: d.assign(rating=3.0), FORMULA, "the outcome does not vary"),
        (lambda d: d.assign(domain=["only"] + ["x"] * 149), "rating ~ llm + C(domain)", "HC3 is undefined"),
        (lambda d: d, "rating ~ llm + C(unit_id)", "too few"),
        (lambda d: pd.concat([d] * 30).assign(unit_id=np.arange(4500)), "rating ~ C(unit_id)", "4500 terms"),
        (lambda d: d.assign(llm=np.nan), "rating ~ llm", "0 units are too few"),
    ],
    ids=range(10),
)
def test_data_that_do_not_support_a_model_give_rows_that_say_why(change, formula, note):
    data = change(corpus())
    table = linear_regression(data, formula)
    assert list(table.columns) == COLUMNS
    assert table["note"].str.contains(note).all()
    assert table[["estimate", "std_error", "p_value", "p_adjusted"]].isna().all(axis=None)
    assert len(table) > 1
    dropped = "llm" if "llm" in formula else "unit_id"
    assert note in incremental_r2(data, formula, dropped)["note"]


def test_a_wrong_configuration_raises():
    data = corpus()
    with pytest.raises(StudyError, match=r"analyses\.tone\.incremental.*Did you mean 'words'"):
        incremental_r2(data, FORMULA, "word", name="tone")
    with pytest.raises(StudyError, match=r"units\.weight.*Did you mean 'weight'"):
        linear_regression(data, FORMULA, weight="weights")
    with pytest.raises(StudyError, match="negative"):
        linear_regression(data.assign(weight=-1.0), FORMULA, weight="weight")
    with pytest.raises(StudyError, match="not a number"):
        linear_regression(data.assign(weight="much"), FORMULA, weight="weight")
    with pytest.raises(StudyError, match="outcome"):
        linear_regression(data, "domain ~ llm")
