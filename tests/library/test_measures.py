"""The wide table: one column a construct and coder, statuses respected, nothing joined by order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from study.coders import codings
from study.errors import StudyError
from study.measures import main, wide

UNITS = pd.DataFrame(
    {
        "unit_id": ["b", "a", "c"],
        "document_id": ["d", "d", "e"],
        "text": ["two", "one", "three"],
        "text_sha256": ["2", "1", "3"],
        "domain": ["x", "y", "x"],
        "weight": [0.5, 1.0, 2.0],
    }
)
LLM = pd.DataFrame(
    {
        "unit_id": ["a", "a", "b", "b"],
        "construct": "tone",
        "coder": "llm",
        "instrument_id": "i1",
        "repeat": [1, 2, 1, 2],
        "status": ["ok", "ok", "ok", "too_long"],
        "label": ["good", "good", "bad", None],
        "score": [0.5, 1.0, -1.0, np.nan],
    }
)
HUMANS = codings(
    ["c", "a"],
    construct="tone",
    coder="humans",
    score=[9.0, 0.25],
    label=["good", None],
    status=["not_codable", "ok"],
    counts={"n_ratings": [3, 2]},
)
WORDS = codings(["a", "b", "c"], construct="tone", coder="words", score=[0.1, 0.2, 0.3])


def test_the_table_by_hand() -> None:
    gold = pd.DataFrame({"unit_id": ["a", "b", "c"], "part": ["evaluate", "pilot", "rest"]})
    table = wide(UNITS, ["a", "b"], [LLM, HUMANS, WORDS], gold)
    assert list(table.columns) == [
        "unit_id",
        "document_id",
        "domain",
        "weight",
        "sample",
        "gold",
        "pilot",
        "tone_humans",
        "tone_humans_n",
        "tone_llm",
        "tone_llm_label",
        "tone_words",
    ]
    assert table["unit_id"].tolist() == ["a", "b", "c"]
    assert table["domain"].tolist() == ["y", "x", "x"]
    assert table["weight"].tolist() == [1.0, 0.5, 2.0]
    assert table["sample"].tolist() == [True, True, False]
    assert table["gold"].tolist() == [True, False, False]
    assert table["pilot"].tolist() == [False, True, False]
    assert table["tone_llm"].tolist()[:2] == [0.75, -1.0]
    assert np.isnan(table["tone_llm"][2])
    assert table["tone_llm_label"].tolist()[:2] == ["good", "bad"]
    assert table["tone_humans"][0] == 0.25
    assert table["tone_humans"].isna().tolist() == [False, True, True]
    assert table["tone_humans_n"].tolist() == [2, 0, 3]
    assert table["tone_words"].tolist() == [0.1, 0.2, 0.3]


def test_the_order_of_files_and_rows_makes_no_difference(tmp_path: Path) -> None:
    first = wide(UNITS, ["a"], [LLM, HUMANS, WORDS])
    second = wide(UNITS.iloc[::-1], ["a"], [WORDS.iloc[::-1], HUMANS, LLM.iloc[::-1]])
    pd.testing.assert_frame_equal(first, second)


def test_tied_labels_of_repeats_are_missing() -> None:
    tied = LLM.assign(status="ok", label=["good", "bad", "bad", "bad"], score=0.0)
    assert wide(UNITS, [], [tied])["tone_llm_label"].isna().tolist() == [True, False, True]


def test_a_covariate_with_the_name_of_a_measure_is_refused() -> None:
    with pytest.raises(StudyError, match="name of a measure"):
        wide(UNITS.assign(tone_words=1), [], [WORDS])


def test_two_instruments_are_no_repeats() -> None:
    with pytest.raises(StudyError, match="two instruments"):
        wide(UNITS, [], [LLM.assign(instrument_id=["i1", "i2", "i1", "i2"])])


def test_two_codings_of_one_repeat_are_refused() -> None:
    with pytest.raises(StudyError, match="two codings"):
        wide(UNITS, [], [LLM.assign(repeat=1)])


def test_measures_of_one_name_are_refused() -> None:
    with pytest.raises(StudyError, match="one name"):
        wide(UNITS, [], [HUMANS, WORDS.assign(coder="humans_n")])


def test_files(tmp_path: Path) -> None:
    UNITS.to_parquet(tmp_path / "units.parquet")
    (tmp_path / "sample.csv").write_text("unit_id,stratum,probability\na,y,1.0\n")
    (tmp_path / "gold.csv").write_text("unit_id,part,stratum,probability,sampling_probability\n")
    LLM.to_parquet(tmp_path / "llm.parquet")
    WORDS.to_parquet(tmp_path / "words.parquet")
    main(
        units_file=tmp_path / "units.parquet",
        sample_file=tmp_path / "sample.csv",
        gold_file=tmp_path / "gold.csv",
        codings_files=[tmp_path / "llm.parquet", tmp_path / "words.parquet"],
        measures_file=tmp_path / "measures.parquet",
    )
    table = pd.read_parquet(tmp_path / "measures.parquet")
    assert table["sample"].tolist() == [True, False, False]
    assert not table[["gold", "pilot"]].any().any()
    assert table["tone_llm"].dtype == "float64"


def test_columns_with_texts_are_left_out(tmp_path: Path) -> None:
    units = UNITS.assign(translation="Goeie dag!")
    units.to_parquet(tmp_path / "units.parquet")
    pd.DataFrame({"unit_id": ["a"]}).to_csv(tmp_path / "sample.csv", index=False)
    (tmp_path / "gold.csv").write_text("unit_id,part\n")
    WORDS.to_parquet(tmp_path / "words.parquet")
    main(
        units_file=tmp_path / "units.parquet",
        sample_file=tmp_path / "sample.csv",
        gold_file=tmp_path / "gold.csv",
        codings_files=[tmp_path / "words.parquet"],
        measures_file=tmp_path / "measures.parquet",
        texts=["translation"],
    )
    assert not {"text", "translation"} & set(pd.read_parquet(tmp_path / "measures.parquet"))
