from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.regression.linear_model import OLS

from pan_chen import pan_chen
from study.errors import StudyError
from study.inference import linear_regression
from study.validity import adjust, error_by_covariates


def units(n: int, seed: int = 0) -> pd.DataFrame:
    """A criterion that goes with the year, and covariates of both kinds."""
    random = np.random.default_rng(seed)
    year = random.integers(2000, 2020, n)
    found = pd.DataFrame(
        {
            "year": year,
            "party": random.choice(["left", "right", "centre"], n),
            "criterion": (year - 2010) / 5 + random.normal(size=n),
            "noise": random.normal(size=n),
        },
        index=[f"u{i:03}" for i in range(n)],
    )
    return found


def test_a_difference_of_two_groups_by_hand():
    # Errors 1, 3 in one group and 6, 8, 10 in the other: 8 - 2 = 6. HC3 of a group's mean is the sum of its
    # squared residuals / (1 - 1/n)^2 over n^2: 2 / .25 / 4 = 2 and 8 / (4/9) / 9 = 2.
    group = pd.DataFrame({"group": ["a", "a", "b", "b", "b"]})
    criterion = pd.Series([5.0, 1, 0, 2, 2])
    found = error_by_covariates(criterion.add([1, 3, 6, 8, 10]), criterion, group)
    term = found.terms.set_index("term").loc["group[T.b]"]
    assert term["estimate"] == pytest.approx(6)
    assert term["std_error"] == pytest.approx(2)
    assert found.statistic == found.tests.loc[0, "statistic"] == pytest.approx(9)
    assert (found.df, found.df_residual, found.n) == (1, 3, 5)
    assert found.mean_error == pytest.approx(28 / 5)
    assert found.p_value == pytest.approx(term["p_value"])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_coefficients_are_the_bias_of_a_regression_with_the_measure_as_outcome(seed):
    data = units(60, seed)
    data["measure"] = 0.4 * data["criterion"] + 0.1 * (data["party"] == "right") + data["noise"]
    covariates = data[["year", "party"]]
    found = error_by_covariates(data["measure"], data["criterion"], covariates, correction="none").terms
    with_measure, with_criterion = (
        linear_regression(data, f"{outcome} ~ year + party", correction="none").set_index("term")["estimate"]
        for outcome in ("measure", "criterion")
    )
    bias = with_measure - with_criterion
    assert found.set_index("term").loc[bias.index, "estimate"].to_numpy() == pytest.approx(
        bias.to_numpy(), rel=1e-6, abs=1e-8
    )


def test_it_is_the_regression_of_the_error_with_hc3():
    data = units(120, 4)
    data["error"] = data["noise"] * (1 + (data["party"] == "left"))
    found = error_by_covariates(data["criterion"] + data["error"], data["criterion"], data[["year", "party"]])
    expected = linear_regression(data, "error ~ year + party").set_index("term")
    terms = found.terms.set_index("term").loc[expected.index]
    for column in ("estimate", "std_error", "statistic", "ci_low", "ci_high", "p_value"):
        assert terms[column].to_numpy(dtype=float) == pytest.approx(expected[column].to_numpy(dtype=float))
    assert list(found.tests["terms"]) == [1, 2]
    assert found.tests.loc[0, "statistic"] == pytest.approx(terms.loc["year", "statistic"] ** 2)
    assert found.tests["p_adjusted"].to_numpy() == pytest.approx(adjust(found.tests["p_value"], "holm"))


def test_error_that_depends_on_a_covariate_is_found_and_named():
    data = units(300, 1)
    measure = data["criterion"] + 0.1 * (data["year"] - 2010) + data["noise"]
    found = error_by_covariates(measure, data["criterion"], data[["year", "party"]])
    assert found.differential is True
    assert found.tests.set_index("covariate")["p_adjusted"]["party"] > 0.05
    assert found.sentence.startswith(
        f"The measure's error depends on year (F(3, 296) = {found.statistic:.2f}, "
    )
    assert (
        "p < .001, n = 300): the error is differential, so a regression with the measure as its outcome"
        in (found.sentence)
    )
    assert found.sentence.endswith(".")


def test_random_error_is_not_called_differential():
    data = units(300, 2)
    found = error_by_covariates(data["criterion"] + data["noise"], data["criterion"], data[["year", "party"]])
    assert found.differential is False
    assert "was not found to depend on year and party" in found.sentence
    assert f"p = {found.p_value:.3f}".replace("0.", ".") in found.sentence
    assert (
        "loses precision and is not biased, while one with it as a predictor is still biased"
        in found.sentence
    )


def test_a_measure_that_shrinks_is_differential_only_without_the_criterion():
    """Its error goes with the criterion, and so with the year; at the same criterion it is random."""
    data = units(400, 3)
    measure = 0.3 * data["criterion"] + 0.3 * data["noise"]
    plain = error_by_covariates(measure, data["criterion"], data[["year"]])
    given_criterion = error_by_covariates(measure, data["criterion"], data[["year"]], given_criterion=True)
    assert (plain.differential, given_criterion.differential) == (True, False)
    slope = given_criterion.terms.set_index("term").loc["criterion", "estimate"]
    assert slope == pytest.approx(-0.7, abs=0.05)
    assert list(given_criterion.tests["covariate"]) == ["year"]
    assert "at the same value of the criterion, was not found" in given_criterion.sentence


def test_wrong_labels_are_shares():
    # 10 of 40 wrong in one group, 4 of 40 in the other.
    group = pd.DataFrame({"group": ["a"] * 40 + ["b"] * 40})
    criterion = pd.Series(["yes", "no"] * 40)
    wrong = np.array([1] * 10 + [0] * 30 + [1] * 4 + [0] * 36, dtype=bool)
    labels = criterion.mask(wrong, criterion.map({"yes": "no", "no": "yes"}))
    found = error_by_covariates(labels, criterion, group, kind="label")
    assert found.mean_error == pytest.approx(14 / 80)
    terms = found.terms.set_index("term")["estimate"]
    assert terms.to_dict() == pytest.approx({"Intercept": 0.25, "group[T.b]": -0.15})
    assert found.sentence.startswith("The share of wrong labels was not found to depend on group")
    # Numbers are labels when it is said.
    numbers = {"yes": 1, "no": 2}
    as_numbers = error_by_covariates(labels.map(numbers), criterion.map(numbers), group, kind="label")
    pd.testing.assert_frame_equal(as_numbers.terms, found.terms)


def test_wrong_labels_of_one_group_are_differential():
    group = pd.DataFrame({"group": ["a"] * 60 + ["b"] * 60, "year": np.tile(np.arange(10), 12)})
    criterion = pd.Series(["x"] * 120, dtype="category")
    labels = pd.Series(["x"] * 60 + ["x", "y"] * 30)
    found = error_by_covariates(labels, criterion, group, kind="label")
    assert found.differential is True
    assert "depends on group (F(2, 117)" in found.sentence
    assert "regressions of or on the labels with these covariates are biased" in found.sentence


def test_labels_that_are_wrong_in_opposite_ways_are_found_for_every_gold_label_apart():
    # Both groups have 8 wrong labels of 40; in one they are all 'yes', in the other all 'no'.
    group = pd.DataFrame({"group": ["a"] * 40 + ["b"] * 40})
    criterion = pd.Series((["yes"] * 20 + ["no"] * 20) * 2)
    labels = criterion.copy()
    labels[0:8], labels[60:68] = "no", "yes"
    plain = error_by_covariates(labels, criterion, group, kind="label")
    assert plain.differential is False
    assert "if that holds for every gold label apart, the error is non-differential" in plain.sentence
    found = error_by_covariates(labels, criterion, group, kind="label", given_criterion=True)
    assert found.differential is True
    assert (found.df, found.df_residual) == (2, 76)
    terms = found.terms.set_index("term")["estimate"].to_dict()
    assert terms == pytest.approx(
        {
            "Intercept": 0,
            "criterion[T.yes]": 0.4,
            "group[T.b]:criterion[no]": 0.4,
            "group[T.b]:criterion[yes]": -0.4,
        },
        abs=1e-12,
    )
    assert "The share of wrong labels, at the same gold label, depends on group (F(2, 76)" in found.sentence
    as_scores = error_by_covariates((labels == "yes") * 1, (criterion == "yes") * 1, group)
    assert as_scores.terms.set_index("term")["estimate"]["group[T.b]"] == pytest.approx(0.4)


def test_f_equals_statsmodels_for_several_terms():
    data = units(120, 7)
    data["error"] = data["noise"] * (1 + (data["party"] == "left"))
    found = error_by_covariates(data["criterion"] + data["error"], data["criterion"], data[["year", "party"]])
    fit = OLS.from_formula("error ~ year + party", data).fit(cov_type="HC3", use_t=True)
    for expected, (statistic, p_value) in (
        (fit.f_test(np.eye(4)[1:]), (found.statistic, found.p_value)),
        (fit.f_test(np.eye(4)[1:3]), found.tests.loc[1, ["statistic", "p_value"]]),
    ):
        assert statistic == pytest.approx(float(expected.fvalue))
        assert p_value == pytest.approx(float(expected.pvalue))


def test_groups_without_any_wrong_label_have_no_variance_and_do_not_hide_the_others():
    group = pd.DataFrame({"group": (["a"] * 20 + ["b"] * 20) * 2})
    criterion = pd.Series(["no"] * 40 + ["yes"] * 40)
    labels = criterion.copy()
    labels[60:70] = "no"  # all wrong labels are of 'yes' in group b
    found = error_by_covariates(labels, criterion, group, kind="label", given_criterion=True)
    assert (found.df, found.tests.loc[0, "terms"], found.differential) == (1, 2, True)
    terms = found.terms.set_index("term")
    assert terms.loc["group[T.b]:criterion[no]", "std_error"] == pytest.approx(0, abs=1e-12)
    t = terms.loc["group[T.b]:criterion[yes]", "statistic"]
    assert found.statistic == pytest.approx(t**2)
    # One group always right, the other always wrong: every error is explained.
    labels = criterion.mask(group["group"] == "b", "other")
    certain = error_by_covariates(labels, criterion, group, kind="label")
    assert (certain.statistic, certain.p_value, certain.differential) == (np.inf, 0, True)
    assert certain.sentence.startswith("The share of wrong labels depends on group (F(1, 78) = inf, p < .001")


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
@settings(max_examples=20, deadline=None)
def test_units_of_measurement_do_not_matter(of_the_measure, of_the_covariate):
    data = units(50, 9)
    measure, criterion = data["criterion"] + data["noise"], data["criterion"]
    plain = error_by_covariates(measure, criterion, data[["year", "party"]], correction="none")
    scaled = error_by_covariates(
        measure * of_the_measure,
        criterion * of_the_measure,
        data[["year", "party"]].assign(year=data["year"] * of_the_covariate),
        correction="none",
    )
    assert scaled.df == plain.df == 3
    assert scaled.p_value == pytest.approx(plain.p_value, rel=1e-5)


def test_the_llm_of_pan_and_chen_errs_by_the_outcome_and_not_more_often():
    """Why the naive regression of these data finds an effect that the hand-coded ones do not show."""
    data = pan_chen()
    codes, gold = data["pred_countyWrong"].astype(float), data["countyWrong"].astype(float)
    outcome = data[["SendOrNot"]]
    signed = error_by_covariates(codes, gold, outcome)
    assert (signed.n, signed.df_residual) == (500, 498)
    assert signed.p_value < 0.001
    slope = signed.terms.set_index("term")["estimate"]["SendOrNot"]
    sent = outcome["SendOrNot"][gold.notna()] == 1
    error = (codes - gold).dropna()
    assert slope == pytest.approx(error[sent].mean() - error[~sent].mean())
    assert slope < -0.1
    assert error_by_covariates(codes, gold, outcome, kind="label").differential is False
    apart = error_by_covariates(codes, gold, outcome, kind="label", given_criterion=True)
    assert apart.p_value < 0.001


@pytest.mark.parametrize("given_criterion", [False, True])
def test_random_error_is_called_differential_one_time_in_twenty(given_criterion):
    rejected = 0
    for seed in range(400):
        data = units(120, seed)
        measure = data["criterion"] + data["noise"] * np.exp(0.3 * data["noise"].abs())
        found = error_by_covariates(
            measure,
            data["criterion"],
            data[["year", "party"]],
            given_criterion=given_criterion,
            correction="none",
        )
        rejected += found.differential
    assert 6 <= rejected <= 36  # 20 expected; binomial 99.9% interval


def test_error_that_does_not_vary_is_said_and_not_tested():
    data = units(50)
    for shift, said in (
        (0, "equals the criterion on all 50 units"),
        (1.5, "differs from the criterion by 1.5 on"),
    ):
        found = error_by_covariates(data["criterion"] + shift, data["criterion"], data[["year", "party"]])
        assert found.differential is None
        assert np.isnan([found.statistic, found.p_value]).all()
        assert found.tests["p_adjusted"].isna().all()
        assert found.terms["estimate"].isna().all()
        assert list(found.terms["term"]) == ["Intercept", "year", "party[T.left]", "party[T.right]"]
        assert said in found.sentence
    wrong = error_by_covariates(data["party"], data["party"] + "!", data[["year"]], kind="label")
    assert wrong.sentence == "The measure is wrong on all 50 units, so its error depends on no covariate."


def test_units_are_joined_by_name_and_incomplete_ones_left_out():
    data = units(100, 5)
    measure = data["criterion"] + data["noise"]
    full = error_by_covariates(measure, data["criterion"], data[["year", "party"]])
    moved = error_by_covariates(
        measure.sample(frac=1, random_state=1), data["criterion"], data[["year", "party"]][::-1]
    )
    assert moved.p_value == pytest.approx(full.p_value)
    holes = data.copy()
    holes.loc["u000", "party"] = None
    holes.loc["u001", "criterion"] = np.inf
    fewer = error_by_covariates(measure.drop("u002"), holes["criterion"], holes[["year", "party"]])
    assert fewer.n == 97


DATA = units(30)
GOOD = DATA["criterion"] + DATA["noise"]


@pytest.mark.parametrize(
    ("covariates", "options", "said"),
    [
        (DATA[["year"]], {"kind": "scores"}, "Did you mean 'score'?"),
        (DATA[[]], {}, "There is no covariate"),
        (DATA[["criterion"]], {}, "none is 'criterion'"),
        (DATA[["year", "year"]], {}, "names of their own"),
        (DATA[["year"]].rename(index={"u001": "u000"}), {}, "A unit occurs twice. Found: 'u000'"),
        (DATA[["year"]].iloc[:2], {}, "2 units for 2 terms"),
        (DATA.assign(one=1)[["year", "one"]], {}, "terms before it: one"),
        (DATA.assign(one="a")[["one"]], {}, "terms before it: one"),
        (DATA.assign(double=2 * DATA["year"])[["year", "double"]], {}, "terms before it: double"),
        (DATA.assign(x=["a"] * 29 + ["b"])[["x"]], {}, "the unit u029 alone decides a term"),
        (DATA.assign(x=range(30)).astype({"x": str})[["x"]], {}, "30 units for 30 terms"),
    ],
)
def test_errors_say_what_is_wrong(covariates, options, said):
    with pytest.raises(StudyError) as caught:
        error_by_covariates(GOOD, DATA["criterion"], covariates, **options)
    assert said in str(caught.value)


def test_identifiers_and_labels_that_are_taken_for_scores_are_refused():
    many = units(150)
    with pytest.raises(StudyError, match="x with 150 levels"):
        error_by_covariates(many["noise"], many["criterion"], many.assign(x=many.index)[["x"]])
    with pytest.raises(StudyError, match="For labels say kind='label'"):
        error_by_covariates(many["party"], many["party"], many[["year"]])
