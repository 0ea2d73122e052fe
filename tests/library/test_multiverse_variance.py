"""Shares of variance by choice: by hand, against statsmodels, and in designs that are no full cross."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from statsmodels.stats.anova import anova_lm

from study.experiment.factors import FACTORS
from study.multiverse.specifications import COLUMNS
from study.multiverse.variance import ALIASED, ALIKE, MIXED, shares, variance
from study.multiverse.variance import COLUMNS as VARIANCE


def crossed(**levels: list[str]) -> pd.DataFrame:
    return pd.DataFrame(list(itertools.product(*levels.values())), columns=list(levels))


def by_choice(values: np.ndarray, choices: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(shares(values, choices)).set_index("choice")


def test_two_by_two_by_hand() -> None:
    """Means 1, 3 (a) and 1.5, 2.5 (b): 4 * 1, 4 * .25 and, of the interaction, 4 * .0625."""
    choices = crossed(a=["x", "y"], b=["p", "q"])
    found = by_choice(np.array([0.75, 1.25, 2.25, 3.75]), choices)
    assert list(found.index) == ["a", "b", "a x b", "rest"]
    assert list(found["sum_of_squares"]) == pytest.approx([4, 1, 0.25, 0])
    assert list(found["df"]) == [1, 1, 1, 0]
    assert found["share"].sum() == pytest.approx(1)
    assert found.loc["a", "share"] == pytest.approx(4 / 5.25)


def test_type_two_sums_of_squares_are_those_of_statsmodels() -> None:
    """An unbalanced design of three choices, in which some combinations are missing."""
    random = np.random.default_rng(2)
    choices = pd.concat([crossed(a=["x", "y", "z"], b=["p", "q"], c=["k", "l", "m"])] * 2, ignore_index=True)
    kept = random.permutation(len(choices))[:29]
    choices = choices.iloc[kept].reset_index(drop=True)
    values = (
        random.normal(size=29) + (choices["a"] == "x") + 2 * (choices["b"] == "p") * (choices["c"] == "k")
    )
    found = by_choice(values.to_numpy(), choices)
    fit = smf.ols("v ~ (C(a, Sum) + C(b, Sum) + C(c, Sum)) ** 2", choices.assign(v=values)).fit()
    oracle = anova_lm(fit, typ=2)
    names = [str(name).replace("C(", "").replace(", Sum)", "").replace(":", " x ") for name in oracle.index]
    for name, (_, row) in zip(names, oracle.iterrows(), strict=True):
        own = found.loc["rest" if name == "Residual" else name]
        assert own["sum_of_squares"] == pytest.approx(row["sum_sq"])
        assert own["df"] == row["df"]


def test_in_a_fraction_a_choice_keeps_what_it_explains_beside_the_other_choices() -> None:
    """Half of 2 x 2 x 2: each choice is mixed up with the interaction of the other two."""
    full = crossed(a=["0", "1"], b=["0", "1"], c=["0", "1"])
    half = full[full.astype(int).sum(axis=1) % 2 == 0].reset_index(drop=True)
    values = half["a"].astype(float).to_numpy() * 2
    found = by_choice(values, half)
    assert found.loc["a", "share"] == pytest.approx(1)
    assert found.loc["a", "note"] == MIXED
    assert found.loc["b", "share"] == 0
    assert set(found.loc[["a x b", "a x c", "b x c"], "note"]) == {ALIASED}
    assert found.loc[["a x b", "a x c", "b x c"], "share"].isna().all()


def test_a_choice_of_one_level_takes_no_part_and_equal_estimates_have_no_shares() -> None:
    choices = crossed(a=["x"], b=["p", "q"])
    assert list(by_choice(np.array([1.0, 2.0]), choices).index) == ["b", "rest"]
    alike = by_choice(np.array([1.0, 1.0]), choices)
    assert list(alike["note"]) == [ALIKE]
    assert shares(np.array([1.0]), choices.head(1)) == []


def specifications() -> pd.DataFrame:
    rows = []
    for estimator, coder, decision in itertools.product(["naive", "dsl"], ["one", "two"], ["score", "label"]):
        value = 1.0 * (coder == "two") if estimator == "naive" else 0.1 * (decision == "label")
        rows.append({"estimator": estimator, "instrument": coder, "decision": decision, "estimate": value})
    for estimator, wording, order, decision in itertools.product(
        ["naive", "dsl"], ["plain", "leading"], ["fixed", "reversed"], ["score", "label"]
    ):
        effect = -1.0 if wording == "leading" and order == "fixed" else 1.0
        rows.append(
            {
                "estimator": estimator,
                "instrument": f"{wording} {order}",
                "experiment": "asking",
                "wording": wording,
                "label_order": order,
                "decision": decision,
                "estimate": effect if estimator == "naive" else 0.5,
            }
        )
    empty = dict.fromkeys((*FACTORS, "experiment"), "") | {"analysis": "main", "term": "x"}
    return pd.DataFrame([empty | row for row in rows]).reindex(columns=list(COLUMNS))


def test_instruments_as_wholes_then_the_factors_of_each_experiment() -> None:
    found = variance(specifications())
    assert list(found.columns) == list(VARIANCE)
    assert list(dict.fromkeys(found["estimator"])) == ["naive", "dsl", "all"]
    naive = found[found["estimator"] == "naive"]
    whole = naive[naive["over"] == "all instruments"].set_index("choice")
    assert list(whole.index) == ["instrument", "decision", "instrument x decision", "rest"]
    assert whole.loc["instrument", "share"] == pytest.approx(1)
    assert set(whole["n_specifications"]) == {12}
    asking = naive[naive["over"] == "experiment asking"].set_index("choice")
    # One of four cells is apart: each factor and their interaction have a third each.
    for choice in ("wording", "label_order", "wording x label_order"):
        assert asking.loc[choice, "share"] == pytest.approx(1 / 3)
    assert set(asking["n_specifications"]) == {8}


def test_estimators_are_a_choice_too_where_there_are_several() -> None:
    found = variance(specifications())
    pooled = found[(found["estimator"] == "all") & (found["over"] == "experiment asking")].set_index("choice")
    assert "wording x estimator" in pooled.index
    assert pooled.loc["wording x estimator", "share"] > 0.1
    assert pooled.loc["estimator", "share"] == pytest.approx(0)  # the mean is .5 by both
    one = variance(specifications().query("estimator == 'naive'"))
    assert set(one["estimator"]) == {"naive"}


def test_what_was_not_estimated_takes_no_part() -> None:
    table = specifications()
    table.loc[table["decision"] == "label", "estimate"] = np.nan
    found = variance(table)
    assert "decision" not in set(found["choice"])
    assert variance(table.assign(estimate=np.nan)).empty
