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
        coder={"columns": {"county_wrong": "a", "effort": "hours"}},
        codebooks=[ACCUSES, EFFORT],
        codings_file=tmp_path / "earlier.parquet",
        flow_file=tmp_path / "flow.csv",
    )
    assert pd.read_csv(tmp_path / "flow.csv").empty
    codings = pd.read_parquet(tmp_path / "earlier.parquet")
    assert codings.groupby("construct").size().to_dict() == {"county_wrong": 2, "effort": 2}
    measures = wide(table, [], [codings]).set_index("unit_id")
    assert measures["county_wrong_earlier"].tolist()[:2] == [1, 0]
    assert np.isnan(measures["county_wrong_earlier"]["u2"])
    assert measures["effort_earlier"].fillna(-1).tolist() == [2.5, -1, 3]


LONG = """\
headline,method,run,value
1,AFINN,,-3
2,AFINN,,2
9,AFINN,,1
2,svm,,good
3,svm,,NA
1,cnn,0,1
2,cnn,0,-1
1,cnn,10,0
1,cnn,2,0
"""


def joined_codes(tmp_path: Path, books: Any = MOOD, text: str = LONG, **coder: Any) -> pd.DataFrame:
    """Run the program on units n-1, n-2 and n-3."""
    table = units(value=[1, 0, -1])
    table["unit_id"] = ["n-1", "n-2", "n-3"]
    table.to_parquet(tmp_path / "units.parquet")
    (tmp_path / "codes.csv").write_text(text, encoding="utf-8")
    main(
        units_file=tmp_path / "units.parquet",
        name="earlier",
        coder={
            "id": "headline",
            "sources": [{"file": str(tmp_path / "codes.csv"), "prefix": "n-", **coder.pop("source", {})}],
            "columns": {"mood": "value"},
            **coder,
        },
        codebooks=books if isinstance(books, list) else [books],
        codings_file=tmp_path / "earlier.parquet",
        flow_file=tmp_path / "flow.csv",
    )
    return pd.read_parquet(tmp_path / "earlier.parquet")


def rows(codings: pd.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    return list(codings[list(columns)].itertuples(index=False, name=None))


def test_codes_of_a_table_of_their_own_are_joined_by_id(tmp_path: Path) -> None:
    codings = joined_codes(tmp_path, source={"where": {"method": "svm"}})
    assert rows(codings, "unit_id", "label", "score", "repeat") == [("n-2", "good", 1.0, 1)]
    flow = pd.read_csv(tmp_path / "flow.csv", keep_default_na=False).set_index("step")
    assert flow.loc["read", "n"] == 2
    assert "2 of 9 rows: method svm" in flow.loc["read", "note"]
    assert flow.loc["codes", "n"] == 1
    assert flow.loc["codes left out: unit not in the corpus", "n"] == 0
    assert flow.loc["units without a code", "note"] == "n-1, n-3"


def test_a_dictionarys_sums_count_as_their_sign(tmp_path: Path) -> None:
    found = joined_codes(tmp_path, source={"where": {"method": "AFINN"}}, reduce="sign")
    assert rows(found, "unit_id", "label", "score") == [("n-1", "bad", -1.0), ("n-2", "good", 1.0)]
    as_it_is = joined_codes(tmp_path, source={"where": {"method": "AFINN"}})
    assert as_it_is["label"].isna().all()
    assert as_it_is["score"].tolist() == [-3, 2]
    flow = pd.read_csv(tmp_path / "flow.csv").set_index("step")
    assert flow.loc["codes left out: unit not in the corpus", ["n", "note"]].tolist() == [1, "n-9"]


def test_scores_are_rounded_to_the_nearest_code() -> None:
    table = code(
        units(given=[0.5, 0.51, -0.5, -0.7]), "given", Codebook.from_dict(MOOD), name="x", reduce="round"
    )
    assert table["score"].tolist() == [0, 1, 0, -1]
    assert table["label"].tolist() == ["neither", "good", "neither", "bad"]
    signs = code(units(given=[0.5, -0.01, 0.0]), "given", Codebook.from_dict(MOOD), name="x", reduce="sign")
    assert signs["label"].tolist() == ["good", "bad", "neither"]


def test_several_codes_of_a_unit_are_repeats(tmp_path: Path) -> None:
    found = joined_codes(tmp_path, source={"where": {"method": "cnn"}}, repeat="run")
    # Runs 0, 2 and 10 are the first to third of every unit, in the order of numbers.
    assert rows(found, "unit_id", "repeat", "score") == [
        ("n-1", 1, 1.0), ("n-1", 2, 0.0), ("n-1", 3, 0.0), ("n-2", 1, -1.0),
    ]  # fmt: skip
    table = units(a=[0, 0, 0]).assign(unit_id=["n-1", "n-2", "n-3"], document_id="d")
    measures = wide(table, [], [found]).set_index("unit_id")
    assert measures["mood_earlier"].tolist()[:2] == pytest.approx([1 / 3, -1])
    assert measures["mood_earlier_label"].tolist()[:2] == ["neither", "bad"]


def test_constructs_below_one_another_are_told_apart_by_their_rows(tmp_path: Path) -> None:
    text = "unit_id,scale,code\n1,mood,1\n1,effort,20\n2,effort,3\n"
    found = joined_codes(
        tmp_path,
        [MOOD, EFFORT],
        text,
        id="unit_id",
        columns={
            "mood": {"column": "code", "where": {"scale": "mood"}},
            "effort": {"column": "code", "where": {"scale": "effort"}},
        },
    )
    assert rows(found, "construct", "unit_id", "score") == [
        ("mood", "n-1", 1), ("effort", "n-1", 20), ("effort", "n-2", 3),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("coder", "words"),
    [
        (
            {"source": {"where": {"method": "cnn"}}},
            ("unit n-1 has two codes of 'mood'", "line 7", "line 9", "`repeat`", "`where`"),
        ),
        ({"source": {"where": {"method": "cnn"}}, "repeat": "rnu"}, ("coders.earlier.repeat", "'run'")),
        (
            {"source": {"prefix": "m-"}},
            ("None of these codes belongs", "'m-1'", "n-1, n-2", "coders.earlier.id"),
        ),
        ({"columns": {"mood": "valu"}}, ("coders.earlier.columns.mood", "Did you mean 'value'")),
        ({"id": "unit_id"}, ("coders.earlier.id", "Found: 'unit_id'")),
        (
            {"columns": {"mood": {"column": "value", "where": {"method": "nb"}}}},
            ("coders.earlier.columns.mood.where.method", "AFINN, svm, cnn"),
        ),
        ({"columns": {"mood": "method"}}, ("no code of 'mood'", "'AFINN'", "codes.csv, line 2")),
    ],
)
def test_codes_that_cannot_be_joined_are_explained(
    tmp_path: Path, coder: dict[str, Any], words: tuple[str, ...]
) -> None:
    with pytest.raises(StudyError) as caught:
        joined_codes(tmp_path, **coder)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_published_codes() -> None:
    data = pan_chen()
    table = pd.DataFrame({"unit_id": [str(i) for i in range(len(data))]}).join(data)
    book = Codebook.from_dict(ACCUSES)
    experts = code(table, "countyWrong", book, name="experts")
    machine = code(table, "pred_countyWrong", book, name="gpt4")
    assert (len(experts), len(machine)) == (500, 1412)
    assert experts["label"].value_counts().to_dict() == {"no": 382, "yes": 118}
    assert machine["score"].sum() == 344
