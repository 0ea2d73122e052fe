"""The table of planning: what more gold units would bring."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from library.measured import NOMINAL, SETTINGS, drawn, measured
from study.config.names import FIXED_TABLES
from study.inference.estimators import Analysis
from study.inference.gold_codes import gold_codes
from study.inference.gold_plan import COLUMNS, gold_plan, table


def planned(n: int = 200) -> pd.DataFrame:
    units, scales = measured(), {"anger": NOMINAL}
    gold = gold_codes(units, "humans", ["anger"], scales, sample=drawn(units, n=n, pilot=0))
    fits = list(Analysis(SETTINGS, units, scales, gold).fits({"llm": "llm"}))
    return table(gold_plan("main", fits))


def test_the_present_size_has_the_present_standard_error_and_more_units_a_smaller_one() -> None:
    found = planned()
    assert list(found.columns) == COLUMNS == list(FIXED_TABLES["planning"])
    for _, curve in found.groupby(["term", "estimator", "coder"]):
        ordered = curve.sort_values("n_gold")
        assert (np.diff(ordered["std_error"]) <= 1e-12).all()
        assert (np.diff(ordered["power"]) >= -1e-12).all()
        assert list(ordered.loc[ordered["now"].astype(bool), "n_gold"]) == [200]
        assert ordered["n_gold"].max() == 1000


def test_enough_units_have_the_power_that_is_wanted() -> None:
    found = planned()
    rows = found[(found["term"] == "anger") & (found["estimator"] == "gold_only")]
    enough = rows["n_for_power"].iloc[0]
    below, above = rows[rows["n_gold"] < enough], rows[rows["n_gold"] >= enough]
    assert (below["power"] < 0.8).all()
    assert (above["power"] >= 0.8 - 1e-9).all()
    now = rows[rows["now"].astype(bool)].iloc[0]
    assert rows[rows["n_gold"] == 800]["std_error"].iloc[0] == pytest.approx(now["std_error"] / 2, rel=0.01)


def test_what_is_out_of_reach_is_said() -> None:
    units, scales = measured(), {"anger": NOMINAL}
    units["shared"] = np.random.default_rng(5).normal(0, 5, len(units))
    gold = gold_codes(units, "humans", ["anger"], scales, sample=drawn(units, n=100, pilot=0))
    fits = list(Analysis(SETTINGS, units, scales, gold).fits({"llm": "llm"}))
    rows = table(gold_plan("main", fits, ["anger"]))
    assert set(rows["term"]) == {"anger"}
    dsl = rows[rows["estimator"] == "dsl"]
    assert dsl["n_for_power"].isna().all()
    assert dsl["note"].str.contains("not reached").all()
    assert (dsl["power"] < 0.8).all()


def test_no_gold_no_plan() -> None:
    fits = list(Analysis(SETTINGS, measured(), {"anger": NOMINAL}, None).fits({"llm": "llm"}))
    assert table(gold_plan("main", fits)).empty
