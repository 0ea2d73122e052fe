"""Files of Stata: labelled numbers are their labels, missing values are empty, damage is one paragraph."""

from __future__ import annotations

import io
import random
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from csta import MEMBER, archive, manifesto_sentences
from study.corpus import read_part
from study.errors import StudyError
from study.reading import format_of, read
from study.stata import table

VERSIONS = (114, 117, 118, 119)
"""Of the format: Stata 10, 13, 14 and 15."""


def stata(frame: pd.DataFrame, version: int = 118, **options: Any) -> bytes:
    stream = io.BytesIO()
    frame.to_stata(stream, version=version, write_index=False, **options)
    return stream.getvalue()


def cells(data: bytes, **options: Any) -> list[list[object]]:
    return table(data, "x.dta", **options)[0].to_numpy().tolist()


@pytest.mark.parametrize("version", VERSIONS)
def test_text_numbers_and_nothing(version: int) -> None:
    frame = pd.DataFrame({"id": [1, 2], "share": [0.5, None], "text": ["naïve", ""]})
    found = cells(stata(frame, version))
    assert found == [[1, 0.5, "naïve"], [2, None, ""]]
    assert [type(cell) for cell in found[0]] == [int, float, str]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_labelled_number_is_its_label_and_another_one_stays(version: int) -> None:
    frame = pd.DataFrame({"party": [1, 2, 9, None], "age": [1.0, 2.0, 3.0, 4.0]})
    labels = {"party": {1: "Labour", 2: "Conservatives"}}
    assert cells(stata(frame, version, value_labels=labels)) == [
        ["Labour", 1], ["Conservatives", 2], [9, 3], [None, 4],
    ]  # fmt: skip


def test_a_label_of_two_numbers_leaves_the_numbers() -> None:
    frame = pd.DataFrame({"area": [1, 2, 3]})
    data = stata(frame, value_labels={"area": {1: "other", 2: "other", 3: "economy"}})
    found, notes = table(data, "x.dta")
    assert found["area"].tolist() == [1, 2, 3]
    assert notes == ["the column area keeps its numbers: one label stands for several of them"]
    # A label that no cell needs does no harm.
    data = stata(frame.iloc[[0, 2]], value_labels={"area": {1: "other", 2: "other", 3: "economy"}})
    assert table(data, "x.dta")[0]["area"].tolist() == ["other", "economy"]


def test_a_day_is_written_as_one() -> None:
    frame = pd.DataFrame({"day": [datetime(2020, 1, 2), None]})
    reading = read(stata(frame, convert_dates={"day": "td"}), "dta", label="x.dta")
    assert reading.rows["day"].tolist() == ["2020-01-02T00:00:00", None]
    assert not reading.written


def test_older_files_are_latin_1_unless_another_encoding_is_named() -> None:
    # A curly quotation mark of Windows, which Latin-1 does not have.
    data = stata(pd.DataFrame({"text": ["say Xyes"]}), 114).replace(b"say Xyes", b"say \x93yes")
    assert cells(data) == [["say \x93yes"]]
    assert cells(data, encoding="cp1252") == [["say \u201cyes"]]
    with pytest.raises(StudyError, match="not in the encoding that you name"):
        table(data, "x.dta", "utf-8")


def test_a_later_file_says_its_own_encoding() -> None:
    with pytest.raises(StudyError, match="Stata 14 and later are UTF-8"):
        table(stata(pd.DataFrame({"a": [1]})), "x.dta", "latin-1")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"id,text\n1,a\n", "no readable file of Stata"),
        (b"<stata_dta><header><release>118</release>", "no readable file of Stata"),
        (stata(pd.DataFrame({"id": [1, 2, 3]}))[:300], "no readable file of Stata"),
        (stata(pd.DataFrame({"id": [1]}), 114)[:40], "no readable file of Stata"),
        (stata(pd.DataFrame({"id": pd.Series([], dtype="int8")})), "no rows"),
        (b"  ", "is empty"),
    ],
)
def test_a_damaged_file_is_refused_in_one_paragraph(data: bytes, words: str) -> None:
    with pytest.raises(StudyError) as caught:
        read(data, "dta", label="codes.dta")
    assert words in str(caught.value)
    assert str(caught.value).startswith("codes.dta")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("version", VERSIONS)
def test_whatever_is_damaged_nothing_but_an_explanation_comes_out(version: int) -> None:
    frame = pd.DataFrame({"party": [1, 2], "text": ["a" * 200, "b"], "x": [0.5, None]})
    long = {"convert_strl": ["text"]} if version >= 117 else {}
    whole = stata(frame, version, value_labels={"party": {1: "Labour", 2: "Conservatives"}}, **long)
    chance = random.Random(version)
    refused = 0
    for turn in range(300):
        data = bytearray(whole)
        if turn % 2:
            del data[chance.randrange(1, len(data)) :]
        else:
            for _ in range(3):
                data[chance.randrange(len(data))] = chance.randrange(256)
        said = _said(bytes(data))
        refused += said is not None
        assert "\n" not in (said or "")
    assert refused > 100


def _said(data: bytes) -> str | None:
    try:
        table(data, "x.dta")
    except StudyError as error:
        return str(error)
    return None


def test_a_member_of_an_archive(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [1, 2], "scale": [1, 2]})
    with zipfile.ZipFile(tmp_path / "codes.zip", "w") as packed:
        packed.writestr("new/codes.dta", stata(frame, value_labels={"scale": {1: "Economic", 2: "Social"}}))
        packed.writestr("old/codes.dta", b"")
    part = read_part(
        {"file": str(tmp_path / "codes.zip"), "member": "new/codes.dta", "where": {"scale": "Social"}}
    )
    assert part.reading.rows.to_dict("records") == [{"id": 2, "scale": "Social"}]
    assert format_of("x.DTA") == "dta"


def test_codes_of_manifesto_sentences() -> None:
    """The published file, read here and by pandas alone: the same codes."""
    part = read_part({"file": str(archive()), "member": MEMBER, "where": {"scale": "Economic"}})
    rows = part.reading.rows
    assert f"{len(rows)} of 41134 rows: scale Economic" in part.reading.notes
    expected = manifesto_sentences().set_index("unit_id")["economic_crowd"].dropna()
    found = rows[rows["manifestoid"] != "screener"].set_index("sentenceid")["codeCrowd"].dropna()
    found.index = found.index.astype(str)
    pd.testing.assert_series_equal(found.astype(float).sort_index(), expected.sort_index(), check_names=False)
