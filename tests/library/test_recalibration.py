from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from study.validity import cross_fitted_calibration, recalibration_table
from study.validity.recalibration import COLUMNS

CODERS = {"blame": {"humans": "human", "llm": "llm"}}
NOMINAL = {"blame": {"level": "nominal", "values": {"yes": None, "no": None}}}


def example(n: int = 300) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """A model that says .95 or .05 and is right in three of four texts."""
    random = np.random.default_rng(0)
    truth = random.random(n) < 0.5
    said = np.where(random.random(n) < 0.75, truth, ~truth)
    p = np.where(said, 0.95, 0.05) + random.normal(size=n) / 100
    measures = pd.DataFrame({"unit_id": [f"u{i}" for i in range(n)], "sample": True})
    measures["blame_humans"] = truth.astype(float)
    measures["blame_humans_label"] = np.where(truth, "yes", "no")
    measures["blame_llm"], measures["blame_llm_label"] = p, np.where(said, "yes", "no")
    codings = pd.DataFrame(
        {"unit_id": measures["unit_id"], "construct": "blame", "status": "ok", "p_yes": p, "p_no": 1 - p}
    )
    return measures, {"llm": codings}


def table(n: int = 300, books: dict[str, dict[str, object]] = NOMINAL, **changes: object) -> pd.DataFrame:
    measures, codings = example(n)
    found = recalibration_table(
        measures.assign(**changes), codings, CODERS, books, criterion="humans", resamples=200
    )
    assert list(found.columns) == COLUMNS
    return found[found["subset"] == "all"].set_index("method")


def test_overconfidence_is_mended():
    measures, codings = example()
    found = table()
    assert list(found.index) == ["none", "platt", "isotonic", "temperature"]
    assert found.loc["none", "ece"] == pytest.approx(0.2, abs=0.05)
    mended = found.drop("none")
    assert (mended["ece"] < 0.07).all()
    assert (mended["ci_high"] < 0).all()  # the Brier score falls
    assert (found["n"] == 300).all()
    stated = codings["llm"].set_index("unit_id")[["p_yes", "p_no"]].set_axis(["yes", "no"], axis=1)
    gold = measures.set_index("unit_id")["blame_humans_label"]
    expected = cross_fitted_calibration(stated, gold, resamples=0).scores.set_index("method")
    assert found["brier"].to_dict() == pytest.approx(expected["brier"].to_dict())


def test_labels_with_values_are_judged_by_their_signs():
    books = {"blame": {"level": "ordinal", "values": {"yes": 1, "no": -1}}}
    measures, _ = example()
    found = table(books=books, blame_humans=measures["blame_humans"] * 2 - 1)
    assert found["brier"].to_dict() == pytest.approx(table()["brier"].to_dict(), abs=0.01)


def test_why_there_is_no_recalibration():
    few = table(n=40)
    assert list(few.index) == ["none"]
    assert few["note"].iloc[0].startswith("40 units have probabilities and a class of the criterion")
    same = table(blame_humans_label="yes")
    assert same["note"].iloc[0] == "nothing can be calibrated where all gold labels are the same"


def test_coders_without_probabilities_have_no_rows():
    measures, codings = example()
    bare = {"llm": codings["llm"].drop(columns=["p_yes", "p_no"])}
    assert recalibration_table(measures, bare, CODERS, NOMINAL, criterion="humans").empty
    assert recalibration_table(measures, {}, CODERS, NOMINAL, criterion="humans").empty
