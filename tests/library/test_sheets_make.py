"""Making the sheets: which texts are on whose sheet, and that nobody's work is written over."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from library.coding_sheets import TEXTS, fill_csv, fill_workbook, number, table_of
from study.errors import StudyError
from study.gold.sheets.files import next_name
from study.gold.sheets.make import main

TONE: dict[str, Any] = {
    "construct": "tone",
    "question": "How does the writer judge the library?",
    "type": "classify",
    "level": "ordinal",
    "categories": {"Positive": {"value": 1}, "neutral": {"value": 0}, "negative": {"value": -1}},
    "not_codable": {},
}
HURT: dict[str, Any] = {
    "construct": "hurt",
    "question": "?",
    "type": "count",
    "scale": {"low": 0, "high": 9},
}
PEOPLE = {"people": {"layout": "sheets", "folder": "data/gold/coded", "codebooks": ["tone"]}}
GOLD = "unit_id,part,stratum,probability,sampling_probability\n"


@pytest.fixture(autouse=True)
def _study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    units = table_of()
    units["domain"] = ["a secret", "a secret", "b", "b"]
    units.to_parquet("units.parquet")
    units[["unit_id"]].assign(stratum="all", probability=1).to_csv("sample.csv", index=False)
    Path("gold.csv").write_text(GOLD)


def make(*raters: str, coders: dict[str, Any] = PEOPLE, books: tuple[dict[str, Any], ...] = (TONE,)) -> None:
    main(
        units_file=Path("units.parquet"),
        sample_file=Path("sample.csv"),
        gold_sample=Path("gold.csv"),
        coders=coders,
        codebooks=list(books),
        raters=list(raters),
    )


def numbers(name: str) -> set[str]:
    with Path(f"sheets/{name}.csv").open(encoding="utf-8-sig", newline="") as stream:
        return {row["text_number"] for row in csv.DictReader(stream)}


def contents() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(Path("sheets").iterdir())}


def test_everybody_gets_the_sample(capsys: pytest.CaptureFixture[str]) -> None:
    make("anna", "ben")
    assert sorted(contents()) == [
        "anna.csv",
        "anna.xlsx",
        "ben.csv",
        "ben.xlsx",
        "label_studio_config.xml",
        "label_studio_tasks.json",
    ]
    assert numbers("anna") == numbers("ben") == {number(unit) for unit in TEXTS}
    listed = json.loads(Path("sheets/label_studio_tasks.json").read_text())
    assert {one["data"]["text_number"] for one in listed} == numbers("anna")
    assert "sheets/anna.xlsx and .csv: 4 texts." in capsys.readouterr().err
    assert not any(b"a secret" in content for content in contents().values())


def test_a_drawn_gold_sample_is_what_is_coded_without_its_parts() -> None:
    Path("gold.csv").write_text(
        GOLD + "nyt-1,evaluate,all,0.5,0.25\nnyt-2,rest,all,0.5,0.25\ntweet-3,pilot,all,0.5,0.25\n"
    )
    make("anna")
    assert numbers("anna") == {number("nyt-1"), number("tweet-3")}
    page = openpyxl.load_workbook("sheets/anna.xlsx")["Texts"]
    assert {page["A2"].value, page["A3"].value} == numbers("anna")
    assert page["A4"].value is None
    text = Path("sheets/anna.csv").read_text("utf-8-sig")
    assert "pilot" not in text
    assert "evaluate" not in text


def test_without_raters_there_is_label_studio(capsys: pytest.CaptureFixture[str]) -> None:
    make()
    assert sorted(contents()) == ["label_studio_config.xml", "label_studio_tasks.json"]
    assert "gold.raters names nobody" in capsys.readouterr().err


def test_a_blank_sheet_is_made_again() -> None:
    make("anna")
    make("anna", coders={"people": {**PEOPLE["people"], "codebooks": ["tone", "hurt"]}}, books=(TONE, HURT))
    assert "hurt" in Path("sheets/anna.csv").read_text("utf-8-sig").partition("\n")[0]


@pytest.mark.parametrize("kind", ["xlsx", "csv"])
@pytest.mark.parametrize("column", ["tone", "comment"])
def test_a_sheet_that_was_begun_stays(kind: str, column: str, capsys: pytest.CaptureFixture[str]) -> None:
    make("anna")
    fill = fill_workbook if kind == "xlsx" else fill_csv
    fill(Path(f"sheets/anna.{kind}"), {"nyt-1": {column: "neutral"}})
    before = contents()
    make("anna", "ben")
    after = contents()
    assert set(after) - set(before) == {"ben.csv", "ben.xlsx"}
    assert {name: after[name] for name in ("anna.csv", "anna.xlsx")} == {
        name: before[name] for name in ("anna.csv", "anna.xlsx")
    }
    assert f"sheets/anna.{kind}: somebody has begun to fill it in" in capsys.readouterr().err


@pytest.mark.parametrize("change", ["texts", "columns", "a corrected text"])
def test_a_sheet_that_was_begun_is_not_replaced_by_another_one(change: str) -> None:
    make("anna")
    fill_workbook(Path("sheets/anna.xlsx"), {"nyt-1": {"tone": "neutral"}})
    before = contents()
    coders, books = PEOPLE, (TONE,)
    if change == "texts":
        Path("sample.csv").write_text("unit_id\nnyt-1\nnyt-2\n")
    elif change == "columns":
        coders, books = {"people": {**PEOPLE["people"], "codebooks": ["tone", "hurt"]}}, (TONE, HURT)
    else:
        table_of({**TEXTS, "nyt-1": "Corrected."}).to_parquet("units.parquet")
    with pytest.raises(StudyError, match=r"sheets/anna\.xlsx.*Move it to data/gold/coded"):
        make("ben", "anna", coders=coders, books=books)
    assert contents() == before


def test_a_file_that_cannot_be_read_is_not_replaced() -> None:
    Path("sheets").mkdir()
    Path("sheets/anna.xlsx").write_bytes(b"something else")
    with pytest.raises(StudyError, match=r"sheets/anna\.xlsx: This file is in the way"):
        make("anna")
    assert contents() == {"anna.xlsx": b"something else"}


def test_what_came_back_coded_is_not_sent_out_again(capsys: pytest.CaptureFixture[str]) -> None:
    Path("sample.csv").write_text("unit_id\nnyt-1\nnyt-2\n")
    make("anna", "ben")
    Path("data/gold/coded").mkdir(parents=True)
    fill_workbook(Path("sheets/anna.xlsx"), {"nyt-1": {"tone": "neutral"}, "nyt-2": {"tone": "Positive"}})
    Path("sheets/anna.xlsx").rename("data/gold/coded/anna.xlsx")
    make("anna", "ben")
    assert "anna has coded all 2 texts." in capsys.readouterr().err
    Path("sample.csv").write_text("unit_id\nnyt-1\nnyt-2\ntweet-3\n")
    make("anna", "ben")
    # Another name: what came back must not be replaced when this one does.
    assert numbers("anna-2") == {number("tweet-3")}
    assert numbers("ben") == {number(unit) for unit in ("nyt-1", "nyt-2", "tweet-3")}


def test_the_next_name_is_one_that_has_not_come_back(tmp_path: Path) -> None:
    assert next_name("anna", tmp_path) == "anna"
    (tmp_path / "Anna.csv").touch()
    (tmp_path / "anna-3.xlsx").touch()
    assert next_name("anna", tmp_path) == "anna-2"
    (tmp_path / "anna-2.xlsx").touch()
    assert next_name("anna", tmp_path) == "anna-4"
    assert next_name("anna", tmp_path / "not there") == "anna"


@pytest.mark.parametrize(
    ("coders", "books", "says"),
    [
        ({}, (), "layout: sheets"),
        (
            {"people": {**PEOPLE["people"], "codebooks": ["polite"]}},
            ({"construct": "polite", "question": "?", "type": "compare"},),
            "compares texts",
        ),
    ],
)
def test_what_cannot_be_on_a_sheet_is_said(coders: dict[str, Any], books: Any, says: str) -> None:
    with pytest.raises(StudyError, match=says):
        make("anna", coders=coders, books=books)
    assert not Path("sheets").exists()


def test_a_corpus_without_texts_has_no_sheets() -> None:
    units = table_of().assign(text=pd.Series([None] * 4, dtype="str"))
    units.to_parquet("units.parquet")
    with pytest.raises(StudyError, match=r"corpus\.text"):
        make("anna")


def test_the_program() -> None:
    src = Path(__file__).resolve().parents[2] / "{{cookiecutter.project_slug}}" / "src"
    arguments = {
        "--units-file": "units.parquet",
        "--sample-file": "sample.csv",
        "--gold-sample": "gold.csv",
        "--coders": json.dumps(PEOPLE),
        "--codebooks": json.dumps([TONE]),
    }
    command = [sys.executable, "-m", "study.gold.sheets.make", "--raters", "anna", "ben"]
    command += [part for pair in arguments.items() for part in pair]
    done = subprocess.run(command, env={"PYTHONPATH": str(src)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert numbers("ben") == {number(unit) for unit in TEXTS}
