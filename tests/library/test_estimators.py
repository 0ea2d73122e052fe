"""One analysis under every estimator, on data whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from library.measured import KINDS, NOMINAL, SETTINGS, drawn, measured
from study.inference.estimators import Analysis, Fit, effective_n
from study.inference.gold_codes import gold_codes

SCALES = {"anger": NOMINAL}
MACHINES = {"llm": "llm", "words": "dictionary"}


def analysis(table: pd.DataFrame, sample: pd.DataFrame | None = None, **settings: Any) -> Analysis:
    keys = SETTINGS | settings
    bare = Analysis(keys, table, SCALES, None)
    gold = gold_codes(table, "humans", bare.coded, SCALES, categories=bare.categories, sample=sample)
    return Analysis(keys, table, SCALES, gold)


def fits(*args: Any, **settings: Any) -> dict[tuple[str, str], Fit]:
    return {(fit.estimator, fit.coder): fit for fit in analysis(*args, **settings).fits(MACHINES)}


def test_every_estimator_is_tried_with_the_coders_that_it_is_for() -> None:
    table = measured()
    found = fits(table, drawn(table))
    assert list(found) == [
        ("naive", "llm"),
        ("dictionary", "words"),
        ("gold_only", ""),
        ("dsl", "llm"),
        ("ppi", "llm"),
        ("likelihood", "llm"),
        ("benchmark", ""),
    ]
    assert "not available for a predicted covariate" in found["ppi", "llm"].problem
    assert all(fit.result is not None for key, fit in found.items() if key[0] != "ppi")


def test_naive_and_benchmark_are_the_regressions_that_statsmodels_fits() -> None:
    table = measured()
    found = fits(table, drawn(table))
    for key, column in ((("naive", "llm"), "anger_llm_label"), (("benchmark", ""), "anger_humans_label")):
        data = table.assign(anger=(table[column] == "yes").astype(float))
        oracle = smf.ols("shared ~ anger + group", data).fit(cov_type="HC3", use_t=True)
        result = found[key].result
        assert result is not None
        assert np.allclose(result.params[oracle.params.index], oracle.params)
        assert np.allclose(result.bse[oracle.bse.index], oracle.bse)


def test_corrections_are_closer_to_the_truth_than_codes_as_they_are() -> None:
    """Averaged over corpora: the naive coefficient shrinks, the corrected ones do not."""
    errors: dict[str, list[float]] = {}
    for seed in range(12):
        table = measured(seed=seed)
        found = fits(table, drawn(table, n=400, pilot=0, seed=seed))
        for key in (("naive", "llm"), ("gold_only", ""), ("dsl", "llm"), ("likelihood", "llm")):
            result = found[key].result
            assert result is not None
            errors.setdefault(key[0], []).append(result.params["anger"] - 0.5)
    means = {name: float(np.mean(values)) for name, values in errors.items()}
    assert means["naive"] < -0.12
    assert all(abs(means[name]) < 0.08 for name in ("gold_only", "dsl", "likelihood"))


def test_ppi_corrects_a_coded_outcome() -> None:
    table = measured()
    found = fits(table, drawn(table), formula="anger ~ group")
    result = found["ppi", "llm"].result
    assert result is not None
    assert result.n_labelled == 250
    assert "not available" in found["likelihood", "llm"].problem
    # The model errs more in group b, towards one half: its difference between the groups is not the true one.
    naive = found["naive", "llm"].result
    benchmark = found["benchmark", ""].result
    assert naive is not None
    assert benchmark is not None
    low, high = result.conf_int().loc["group[T.b]"]
    assert low <= benchmark.params["group[T.b]"] <= high


@pytest.mark.parametrize(
    ("settings", "estimator", "problem"),
    [
        (
            {"formula": "shared ~ anger + group", "family": "ordered"},
            "dsl",
            "not available for ordered logit",
        ),
        ({"cluster": "document_id"}, "likelihood", "not available with clusters"),
        ({"formula": "anger ~ group", "aggregate": "document"}, "ppi", "not available with means of groups"),
        ({"formula": "group ~ anger"}, "naive", "not estimated: "),
    ],
)
def test_what_is_not_there_is_a_note(settings: dict[str, Any], estimator: str, problem: str) -> None:
    table = measured()
    fit = fits(table, drawn(table), **settings)[estimator, "llm"]
    assert fit.result is None
    assert problem in fit.problem


def test_unequal_probabilities_are_for_dsl_and_people_alone() -> None:
    table = measured()
    sample = drawn(table, n=300, pilot=0).assign(stratum=table["group"])
    sample["sampling_probability"] = np.where(table["group"] == "a", 0.2, 0.4)
    found = fits(table, sample, formula="anger ~ group")
    assert "different probabilities" in found["ppi", "llm"].problem
    assert found["dsl", "llm"].result is not None
    assert found["gold_only", ""].result is not None


def test_nobody_has_coded_yet() -> None:
    table = measured()
    sample = drawn(table)
    table["anger_humans"], table["anger_humans_label"] = np.nan, None
    found = fits(table, sample)
    assert "nobody has coded the gold sample yet" in found["dsl", "llm"].problem
    assert ("benchmark", "") not in found
    assert found["naive", "llm"].result is not None


def test_codes_that_do_not_vary_are_not_estimated() -> None:
    table = measured()
    table["anger_words_label"] = "yes"
    found = fits(table, drawn(table))
    assert found["dictionary", "words"].problem.startswith("not estimated: all codes of anger by words")


def test_means_of_documents_have_the_corrections_that_there_are() -> None:
    table = measured().assign(group=lambda t: np.where(t["document_id"] < "d050", "a", "b"))
    found = fits(table, drawn(table), formula="anger ~ group", aggregate="document")
    assert found["naive", "llm"].result is not None
    assert found["naive", "llm"].result.nobs == 100
    dsl, benchmark = found["dsl", "llm"].result, found["benchmark", ""].result
    assert dsl is not None
    assert benchmark is not None
    low, high = dsl.conf_int().loc["group[T.b]"]
    assert low <= benchmark.params["group[T.b]"] <= high


def test_effective_n_says_how_many_gold_units_alone_would_be_as_precise() -> None:
    table = measured()
    found = list(analysis(table, drawn(table)).fits(MACHINES))
    effective = effective_n(found)
    alone = next(fit for fit in found if fit.estimator == "gold_only").result
    dsl = next((i, fit.result) for i, fit in enumerate(found) if fit.estimator == "dsl")
    assert alone is not None
    assert dsl[1] is not None
    expected = 250 * (alone.bse["group[T.b]"] / dsl[1].bse["group[T.b]"]) ** 2
    assert effective[dsl[0]]["group[T.b]"] == pytest.approx(expected)
    assert expected > 500  # the group is known of all 1,000 units


def test_only_what_is_asked_for_is_estimated() -> None:
    table = measured()
    found = fits(table, drawn(table), estimators=["naive", "dsl"])
    assert [key for key in found if key[0] != "benchmark"] == [("naive", "llm"), ("dsl", "llm")]
    assert KINDS["humans"] == "human"
