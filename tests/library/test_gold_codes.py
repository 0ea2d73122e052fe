"""People's codes of the gold sample, and the probabilities that a correction divides by."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from library.measured import NOMINAL, drawn, measured
from study.errors import StudyError
from study.inference.gold_codes import gold_codes

SCALES = {"anger": NOMINAL}


def test_the_pilot_has_no_gold_code_and_every_unit_a_probability() -> None:
    table = measured()
    sample = drawn(table, n=300, pilot=50)
    found = gold_codes(table, "humans", ["anger"], SCALES, sample=sample)
    assert found.labelled.sum() == found.drawn == 250
    pilot = table["unit_id"].isin(sample.loc[sample["part"] == "pilot", "unit_id"])
    assert found.codes[pilot].isna().all().all()
    assert found.everything["anger"].notna().all()
    assert found.probability is not None
    assert np.allclose(found.probability, 0.25)


def test_units_that_nobody_coded_lower_the_probability_of_their_stratum_alone() -> None:
    table = measured()
    sample = drawn(table, n=400, pilot=0).assign(stratum=table["group"])
    chosen = table["unit_id"].isin(sample.loc[sample["part"] == "evaluate", "unit_id"])
    first = table.index[chosen & (table["group"] == "a")]
    lost = first[: len(first) // 2]
    table.loc[lost, ["anger_humans", "anger_humans_label"]] = [np.nan, None]
    found = gold_codes(table, "humans", ["anger"], SCALES, sample=sample)
    assert found.drawn == 400
    assert found.labelled.sum() == 400 - len(lost)
    share = 1 - len(lost) / len(first)
    assert found.probability is not None
    assert np.allclose(found.probability[table["group"] == "a"], 0.4 * share)
    assert np.allclose(found.probability[table["group"] == "b"], 0.4)
    # The weights of the coded units still stand for the whole stratum.
    weights = (1 / found.probability[found.labelled]).groupby(table["group"]).sum()
    assert weights["a"] == pytest.approx(len(first) / 0.4)


def test_a_sample_of_a_sample_has_the_product_of_the_probabilities() -> None:
    table = measured()
    inside = table["unit_id"].isin(table["unit_id"][:500])
    sample = drawn(table[inside].reset_index(drop=True), n=100, pilot=0)
    within = pd.Series(0.5, index=table.loc[inside, "unit_id"])
    found = gold_codes(table, "humans", ["anger"], SCALES, sample=sample, within=within)
    assert found.probability is not None
    assert np.allclose(found.probability[inside], 0.2 * 0.5)
    assert found.labelled.sum() == 100


def test_without_a_draw_all_that_people_coded_is_gold() -> None:
    table = measured()
    table.loc[table.index[200:], "anger_humans_label"] = None
    found = gold_codes(table, "humans", ["anger"], SCALES)
    assert found.labelled.sum() == 200
    assert found.probability is None
    assert found.drawn is None


def test_a_stated_probability_is_a_number_or_a_column_above_zero() -> None:
    table = measured().assign(chance=0.2)
    for probability in (0.2, "chance"):
        found = gold_codes(table, "humans", ["anger"], SCALES, probability=probability)
        assert found.probability is not None
        assert np.allclose(found.probability, 0.2)
    table.loc[7, "chance"] = 0.0
    with pytest.raises(StudyError, match=r"gold\.probability.*0 in unit u0007"):
        gold_codes(table, "humans", ["anger"], SCALES, probability="chance")


def test_a_unit_counts_as_gold_when_all_its_constructs_are_coded() -> None:
    table = measured().assign(calm_humans=1.0, calm_humans_label="yes")
    table.loc[:99, "calm_humans_label"] = None
    found = gold_codes(table, "humans", ["anger", "calm"], {"anger": NOMINAL, "calm": NOMINAL})
    assert found.labelled.sum() == 900
    assert found.codes.loc[:99].isna().all().all()
