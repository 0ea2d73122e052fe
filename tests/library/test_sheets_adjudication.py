"""The sheet on which somebody decides, and what comes of it."""

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

from library.coding_sheets import TEXTS, fill_workbook, number, table_of, write
from study.codebook import Codebook
from study.coders import human
from study.errors import StudyError
from study.gold.sheets.adjudication import main

DICTS: list[dict[str, Any]] = [
    {
        "construct": "tone",
        "question": "How does the writer judge the library?",
        "type": "classify",
        "level": "ordinal",
        "categories": {"Positive": {"value": 1}, "neutral": {"value": 0}, "negative": {"value": -1}},
        "not_codable": {"label": "not codable"},
    },
    {
        "construct": "anger",
        "question": "How angry?",
        "type": "rate",
        "level": "interval",
        "scale": {"low": 0, "high": 10},
        "not_codable": {},
    },
]
TONE, ANGER = (Codebook.from_dict(book) for book in DICTS)
PEOPLE = {
    "people": {
        "type": "human",
        "layout": "sheets",
        "folder": "data/gold/coded",
        "codebooks": ["anger", "tone"],
        "score": "adjudicated",
    }
}


CODES = {
    "anna": {"nyt-1": ("Positive", 6), "nyt-2": ("neutral", 2), "tweet-3": ("negative", 9)},
    "ben": {"nyt-1": ("neutral", 7), "nyt-2": ("neutral", 9), "tweet-3": ("not codable", 9)},
    "cem": {"nyt-1": ("Positive", 6)},
}


@pytest.fixture(autouse=True)
def _study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    table_of().to_parquet("units.parquet")
    coded = Path("data/gold/coded")
    for rater, codes in CODES.items():
        write(coded, rater, books={"tone": TONE, "anger": ANGER})
        (coded / f"{rater}.csv").unlink()
        filled = {unit: {"tone": tone, "anger": anger} for unit, (tone, anger) in codes.items()}
        fill_workbook(coded / f"{rater}.xlsx", filled)
    read_people()


def read_people() -> pd.DataFrame:
    human.main(
        units_file=Path("units.parquet"),
        coders=PEOPLE,
        codebooks=DICTS,
        ratings_file=Path("ratings.parquet"),
        flow_file=Path("flow.csv"),
        codings_files=[Path("people.parquet")],
    )
    return pd.read_parquet("people.parquet").set_index(["construct", "unit_id"])


def adjudicate() -> None:
    main(
        units_file=Path("units.parquet"),
        ratings_file=Path("ratings.parquet"),
        coders=PEOPLE,
        codebooks=DICTS,
    )


def rows(name: str = "adjudication") -> list[dict[str, str]]:
    with Path(f"sheets/{name}.csv").open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def test_what_coders_do_not_agree_on_is_on_the_sheet() -> None:
    adjudicate()
    found = {
        (row["construct"], row["text_number"]): sorted(
            filter(None, (row[f"coder_{letter}"] for letter in "abc"))
        )
        for row in rows()
    }
    assert found == {
        ("tone", number("nyt-1")): ["Positive", "Positive", "neutral"],
        ("tone", number("tweet-3")): ["negative", "not codable"],
        ("anger", number("nyt-2")): ["2", "9"],
    }
    assert {row["decision"] + row["comment"] for row in rows()} == {""}
    content = Path("sheets/adjudication.csv").read_text("utf-8-sig")
    assert not [name for name in (*CODES, *TEXTS) if name in content]


def test_cells_for_decisions_accept_the_construct_s_codes() -> None:
    adjudicate()
    page = openpyxl.load_workbook("sheets/adjudication.xlsx")["Texts"]
    constructs = [cell.value for cell in page["B"]]
    for rule in page.data_validations.dataValidation:
        (cells,) = rule.sqref.ranges
        assert page.cell(1, cells.min_col).value == "decision"
        covered = set(constructs[cells.min_row - 1 : cells.max_row])
        assert covered == {"tone"} if rule.type == "list" else {"anger"}
    assert len(page.data_validations.dataValidation) == 2
    assert page.freeze_panes == "D2"


def test_who_stands_first_changes_from_row_to_row() -> None:
    texts = {f"u{n}": f"text {n}" for n in range(40)}
    table_of(texts).to_parquet("units.parquet")
    ratings = [
        (unit, "tone", "people", rater, code, 0.0, "ok")
        for unit in texts
        for rater, code in (("anna", "Positive"), ("ben", "neutral"))
    ]
    columns = ["unit_id", "construct", "coder", "rater", "code", "value", "status"]
    pd.DataFrame(ratings, columns=columns).to_parquet("ratings.parquet")
    for file in Path("data/gold/coded").iterdir():
        file.unlink()
    adjudicate()
    first = sum(row["coder_a"] == "Positive" for row in rows())
    assert 8 < first < 32


def test_what_was_decided_counts_and_is_no_rating(capsys: pytest.CaptureFixture[str]) -> None:
    before = read_people()
    assert before["status"]["tone"].to_dict() == {"nyt-1": "failed", "nyt-2": "ok", "tweet-3": "failed"}
    assert before["score"]["anger"]["nyt-1"] == pytest.approx(19 / 3)
    assert before["n_ratings"]["anger"].to_dict() == {"nyt-1": 3, "nyt-2": 2, "tweet-3": 2}
    flow = pd.read_csv("flow.csv").set_index(["step", "group"])["n"]
    assert flow["units without a score (not adjudicated yet)", "people tone"] == 2
    ratings = pd.read_parquet("ratings.parquet")

    adjudicate()
    book = openpyxl.load_workbook("sheets/adjudication.xlsx")
    page = book["Texts"]
    header = [cell.value for cell in page[1]]
    decisions = {("tone", number("nyt-1")): "positive", ("anger", number("nyt-2")): 4}
    for row in page.iter_rows(min_row=2):
        cells = dict(zip(header, row, strict=True))
        cells["decision"].value = decisions.get((cells["construct"].value, cells["text_number"].value))
    book.save("data/gold/coded/adjudication.xlsx")

    after = read_people()
    assert after["status"]["tone"].to_dict() == {"nyt-1": "ok", "nyt-2": "ok", "tweet-3": "failed"}
    assert (after["label"]["tone"]["nyt-1"], after["score"]["tone"]["nyt-1"]) == ("Positive", 1)
    assert after["score"]["anger"]["nyt-2"] == 4
    assert after["n_ratings"].equals(before["n_ratings"])
    pd.testing.assert_frame_equal(pd.read_parquet("ratings.parquet"), ratings)

    # What is decided is not asked again, under another name.
    Path("sheets/adjudication.xlsx").unlink()
    adjudicate()
    assert [(row["construct"], row["text_number"]) for row in rows("adjudication-2")] == [
        ("tone", number("tweet-3"))
    ]
    assert "sheets/adjudication-2.xlsx and .csv: 1 decision." in capsys.readouterr().err


def test_where_all_agree_there_is_nothing_to_decide(capsys: pytest.CaptureFixture[str]) -> None:
    for rater in ("ben", "cem"):
        Path(f"data/gold/coded/{rater}.xlsx").unlink()
    read_people()
    adjudicate()
    assert "people: there is nothing to decide." in capsys.readouterr().err
    assert not Path("sheets/adjudication.xlsx").exists()


def test_an_adjudication_that_was_begun_stays() -> None:
    adjudicate()
    page = openpyxl.load_workbook("sheets/adjudication.xlsx")
    page["Texts"].cell(2, [c.value for c in page["Texts"][1]].index("decision") + 1).value = 4
    page.save("sheets/adjudication.xlsx")
    before = Path("sheets/adjudication.xlsx").read_bytes()
    adjudicate()
    assert Path("sheets/adjudication.xlsx").read_bytes() == before
    Path("data/gold/coded/cem.xlsx").unlink()
    Path("data/gold/coded/ben.xlsx").rename("ben.xlsx")
    write(Path("data/gold/coded"), "dora", books={"tone": TONE, "anger": ANGER})
    fill_workbook(Path("data/gold/coded/dora.xlsx"), {"nyt-2": {"tone": "negative"}})
    read_people()
    with pytest.raises(StudyError, match="begun to fill this sheet in"):
        adjudicate()
    assert Path("sheets/adjudication.xlsx").read_bytes() == before


def test_codes_of_other_layouts_are_not_adjudicated() -> None:
    with pytest.raises(StudyError, match="layout: sheets"):
        main(units_file=Path("u"), ratings_file=Path("r"), coders={}, codebooks=[])
    with pytest.raises(StudyError, match=r"coders\.people\.score"):
        human.main(
            units_file=Path("units.parquet"),
            coders={"people": {"layout": "long", "score": "adjudicated", "file": "x.csv"}},
            codebooks=DICTS,
            ratings_file=Path("ratings.parquet"),
            flow_file=Path("flow.csv"),
            codings_files=[Path("people.parquet")],
        )


def test_the_program() -> None:
    src = Path(__file__).resolve().parents[2] / "{{cookiecutter.project_slug}}" / "src"
    command = [sys.executable, "-m", "study.gold.sheets.adjudication", "--units-file", "units.parquet"]
    command += ["--ratings-file", "ratings.parquet", "--coders", json.dumps(PEOPLE)]
    command += ["--codebooks", json.dumps(DICTS)]
    done = subprocess.run(command, env={"PYTHONPATH": str(src)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(rows()) == 3
