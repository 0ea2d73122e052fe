"""Sealed codes are in no table: that a unit was coded is all that can be seen."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pandas as pd
import pytest

from study.coders import codings
from study.errors import StudyError
from study.gold.seal import masked, open_ratings, read_sealed, sealed_units

SAMPLE = pd.DataFrame({"unit_id": list("abcd"), "part": ["evaluate", "pilot", "rest", "evaluate"]})
CODED = codings(
    list("abc"),
    construct="wrong",
    coder="humans",
    label=["yes", "no", "yes"],
    score=[1.0, 0.0, 1.0],
    counts={"n_ratings": [2, 1, 3]},
)


def test_the_units_to_evaluate_are_sealed_until_the_study_is_frozen() -> None:
    assert sealed_units(SAMPLE, []) == {"a", "d"}
    assert sealed_units(SAMPLE, [{"date": "2026-01-01"}]) == set()
    with pytest.raises(StudyError, match=r"gold\.seal.*drawn here"):
        sealed_units(SAMPLE[:0], [])


def test_sealed_units_have_no_label_no_score_and_no_rating() -> None:
    sealed = {"a", "d"}
    assert open_ratings({"a": [1], "b": [2], "d": [3]}, sealed) == {"b": [2]}
    found = masked(CODED, sealed, {"a": 2, "b": 1, "c": 3, "d": 4}, construct="wrong", coder="humans")
    assert found["unit_id"].tolist() == list("abcd")
    assert found["status"].tolist() == ["sealed", "ok", "ok", "sealed"]
    assert found["label"].isna().tolist() == [True, False, False, True]
    assert found["score"].isna().tolist() == [True, False, False, True]
    assert found["n_ratings"].tolist() == [2, 1, 3, 4]
    assert set(found["coder"]) == {"humans"}
    assert set(found["construct"]) == {"wrong"}
    assert (found.dtypes == CODED.dtypes).all()


def test_a_published_score_is_masked_too_though_nobody_rated_the_unit() -> None:
    found = masked(CODED, {"a"}, {}, construct="wrong", coder="humans")
    assert found["status"].tolist() == ["sealed", "ok", "ok"]
    assert math.isnan(found["score"][0])
    assert found["n_ratings"][0] == 0


def test_units_that_nobody_coded_get_no_row() -> None:
    assert masked(CODED, {"z"}, {"b": 1}, construct="wrong", coder="humans").equals(CODED)
    assert masked(CODED, set(), {"b": 1}, construct="wrong", coder="humans").equals(CODED)


def test_before_any_pilot_everything_may_be_sealed() -> None:
    found = masked(CODED[:0], {"a", "d"}, {"a": 1, "d": 2}, construct="wrong", coder="humans")
    assert found["unit_id"].tolist() == ["a", "d"]
    assert set(found["status"]) == {"sealed"}
    assert (found.dtypes == CODED.dtypes).all()


def test_the_files_of_a_study(tmp_path: Path) -> None:
    SAMPLE.assign(stratum="all", probability=0.5, sampling_probability=0.4).to_csv(
        tmp_path / "sample.csv", index=False
    )
    assert read_sealed(tmp_path / "sample.csv", tmp_path / "frozen.json") == {"a", "d"}
    (tmp_path / "frozen.json").write_text(json.dumps({"entries": []}))
    # An empty or damaged record opens nothing.
    with pytest.raises(StudyError, match="not what 'snakemake freeze' has written"):
        read_sealed(tmp_path / "sample.csv", tmp_path / "frozen.json")
