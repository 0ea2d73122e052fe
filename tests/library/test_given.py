"""Codes that are columns of the corpus are read as people's codes are; what is empty was not coded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pan_chen import pan_chen
from study.codebook import Codebook
from study.coders.given import code, main
from study.errors import StudyError
from study.measures import wide

ACCUSES = {
    "construct": "county_wrong",
    "question": "Does it accuse the county?",
    "type": "classify",
    "level": "nominal",
    "categories": {"yes": {"value": 1}, "no": {"value": 0}},
    "not_codable": {"label": "unclear"},
}
MOOD = {
    "construct": "mood",
    "question": "?",
    "type": "classify",
    "level": "ordinal",
    "categories": {"good": {"value": 1}, "neither": {"value": 0}, "bad": {"value": -1}},
}
EFFORT = {
    "construct": "effort",
    "question": "How many hours?",
    "type": "number",
    "level": "interval",
    "scale": {"low": 0, "high": 24, "decimals": 1},
}


def units(**columns: list[Any]) -> pd.DataFrame:
    n = len(next(iter(columns.values())))
    return pd.DataFrame({"unit_id": [f"u{i}" for i in range(n)], "text": "", **columns})


def coded(book: dict[str, Any], cells: list[Any]) -> pd.DataFrame:
    return code(units(given=cells), "given", Codebook.from_dict(book), name="earlier").set_index("unit_id")


def test_numbers_and_labels_are_codes_and_an_empty_cell_is_no_row() -> None:
    for cells in ([1.0, np.nan, 0.0], ["yes", None, "NO"], ["1", "NA", "0"], ["Yes", " ", "no"]):
        table = coded(ACCUSES, cells)
        assert list(table.index) == ["u0", "u2"], cells
        assert list(table["label"]) == ["yes", "no"]
        assert list(table["score"]) == [1.0, 0.0]
        assert set(table["status"]) == {"ok"}
        assert set(table["coder"]) == {"earlier"}
        assert table["instrument_id"].isna().all()
        assert table["valid_mass"].isna().all()
        assert not [column for column in table if column.startswith("p_")]


def test_not_codable_is_a_code_of_its_own() -> None:
    table = coded(ACCUSES, ["unclear", "yes", None])
    assert list(table["status"]) == ["not_codable", "ok"]
    assert np.isnan(table["score"]["u0"])
    assert pd.isna(table["label"]["u0"])


def test_numbers_stand_for_labels_unless_the_scale_is_finer() -> None:
    assert list(coded(MOOD, [1, -1, 0])["label"]) == ["good", "bad", "neither"]
    finer = coded(MOOD, [1.0, -0.5, 0.0])
    assert list(finer["score"]) == [1, -0.5, 0]
    assert finer["label"].isna().all()
    assert list(coded(EFFORT, [1.5, None, 24])["score"]) == [1.5, 24]


@pytest.mark.parametrize(
    ("book", "cells", "words"),
    [
        (ACCUSES, ["yes", "perhaps"], ("no code of 'county_wrong'", "'perhaps'", "unit u1", "yes, no")),
        (ACCUSES, [1.0, 0.4], ("Found: '0.4'", "column given of the corpus")),
        (EFFORT, [1.0, 25.0], ("no code of 'effort'", "from 0.0 to 24.0")),
        (ACCUSES, [None, " "], ("holds no code", "coders.earlier.columns.county_wrong")),
    ],
)
def test_anything_else_is_refused(book: dict[str, Any], cells: list[Any], words: tuple[str, ...]) -> None:
    with pytest.raises(StudyError) as caught:
        coded(book, cells)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_column_that_was_not_kept_is_named() -> None:
    with pytest.raises(StudyError, match="Did you mean 'pred_county'") as caught:
        code(units(pred_county=[1]), "pred_conty", Codebook.from_dict(ACCUSES), name="earlier")
    assert "text" not in str(caught.value).partition("Allowed")[2]


def test_several_constructs_are_one_table_and_stand_among_the_measures(tmp_path: Path) -> None:
    table = units(a=[1, 0, None], hours=[2.5, None, 3])
    table["document_id"] = table["unit_id"]
    table.to_parquet(tmp_path / "units.parquet")
    main(
        units_file=tmp_path / "units.parquet",
        name="earlier",
        columns={"county_wrong": "a", "effort": "hours"},
        codebooks=[ACCUSES, EFFORT],
        codings_file=tmp_path / "earlier.parquet",
    )
    codings = pd.read_parquet(tmp_path / "earlier.parquet")
    assert codings.groupby("construct").size().to_dict() == {"county_wrong": 2, "effort": 2}
    measures = wide(table, [], [codings]).set_index("unit_id")
    assert measures["county_wrong_earlier"].tolist()[:2] == [1, 0]
    assert np.isnan(measures["county_wrong_earlier"]["u2"])
    assert measures["effort_earlier"].fillna(-1).tolist() == [2.5, -1, 3]


def test_published_codes() -> None:
    data = pan_chen()
    table = pd.DataFrame({"unit_id": [str(i) for i in range(len(data))]}).join(data)
    book = Codebook.from_dict(ACCUSES)
    experts = code(table, "countyWrong", book, name="experts")
    machine = code(table, "pred_countyWrong", book, name="gpt4")
    assert (len(experts), len(machine)) == (500, 1412)
    assert experts["label"].value_counts().to_dict() == {"no": 382, "yes": 118}
    assert machine["score"].sum() == 344
