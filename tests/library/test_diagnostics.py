"""Warnings about an analysis: each is there when it should be, and only then."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from library.measured import NOMINAL, SETTINGS, drawn, measured
from study.config.names import FIXED_TABLES
from study.inference.diagnostics import COLUMNS, diagnostics
from study.inference.estimators import Analysis
from study.inference.gold_codes import gold_codes

SCALES = {"anger": NOMINAL}


def warnings(
    table: pd.DataFrame, sample: pd.DataFrame | None = None, *, truth: bool = True, **settings: Any
) -> dict[str, dict[str, str]]:
    keys = SETTINGS | settings
    gold = gold_codes(table, "humans", ["anger"], SCALES, sample=sample) if truth else None
    analysis = Analysis(keys, table, SCALES, gold)
    fits = list(analysis.fits({"llm": "llm", "words": "dictionary"}))
    rows = diagnostics("main", analysis, fits)
    assert all(list(row) == COLUMNS and row["analysis"] == "main" for row in rows)
    return {row["warning"]: row for row in rows}


def test_a_large_gold_sample_drawn_by_chance_needs_no_warning_about_it() -> None:
    table = measured()
    found = warnings(table, drawn(table, n=400, pilot=0))
    assert not {"gold sample too small", "sampling probabilities missing", "few clusters"} & set(found)
    assert not {"drawn units without a code", "not estimated", "another scale"} & set(found)


def test_a_small_gold_sample() -> None:
    table = measured()
    found = warnings(table, drawn(table, n=60, pilot=0))["gold sample too small"]
    assert found["found"] == "60 gold units for 3 terms"


def test_nobody_said_how_gold_units_were_chosen() -> None:
    table = measured()
    table.loc[table.index[500:], "anger_humans_label"] = None
    found = warnings(table)["sampling probabilities missing"]
    assert "500 of 1000 units" in found["found"]
    assert "gold.probability" in found["meaning"]


def test_drawn_units_that_nobody_coded() -> None:
    table = measured()
    sample = drawn(table, n=400, pilot=0)
    chosen = table["unit_id"].isin(sample.loc[sample["part"] == "evaluate", "unit_id"])
    table.loc[table.index[chosen][:30], "anger_humans_label"] = None
    assert warnings(table, sample)["drawn units without a code"]["found"].startswith("30 of 400")


def test_no_truth_no_correction() -> None:
    assert "no gold codes" in warnings(measured(), truth=False)


def test_few_clusters_and_what_cannot_be_estimated() -> None:
    table = measured().assign(school=lambda t: t["document_id"].str[:3])
    found = warnings(table, drawn(table), cluster="school")
    assert found["few clusters"]["found"] == "10 values of school"
    table["anger_words_label"] = "no"
    assert warnings(table, drawn(table))["not estimated"]["coder"] == "words"


def test_codes_that_move_a_coefficient_are_named() -> None:
    table = measured(n=4000)
    found = warnings(table, drawn(table, n=2000, pilot=0))
    moved = found["uncorrected estimate outside the corrected interval"]
    assert "anger" in moved["found"]
    exact = table.assign(anger_llm=table["anger_humans"], anger_llm_label=table["anger_humans_label"])
    only = warnings(exact, drawn(table, n=2000, pilot=0), estimators=["naive", "dsl"])
    assert "uncorrected estimate outside the corrected interval" not in only


def test_numbers_of_another_size_are_compared_by_sign_alone() -> None:
    table = measured()
    rng = np.random.default_rng(1)
    mood = rng.normal(0, 2, len(table))
    table = table.assign(mood_humans=mood, mood_llm=0.2 * mood + rng.normal(0, 0.1, len(table)))
    scales = {"mood": {"level": "interval", "values": {}}}
    keys = SETTINGS | {"formula": "mood ~ group", "coded": ["mood"]}
    gold = gold_codes(table, "humans", ["mood"], scales, sample=drawn(table))
    analysis = Analysis(keys, table, scales, gold)
    rows = diagnostics("main", analysis, list(analysis.fits({"llm": "llm"})))
    assert [row["warning"] for row in rows] == ["another scale"]
    assert "people's" in rows[0]["found"]


def test_the_table_has_the_documented_columns() -> None:
    assert list(FIXED_TABLES["diagnostics"]) == COLUMNS
