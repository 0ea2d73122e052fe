"""Coding by hand as the how-to page says it: sheets out, sheets back, mistakes, decisions, the seal."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
import yaml

from docs.pages import blocks
from end_to_end.studies import generate, planned, run, settings, snakemake, write_settings

pytestmark = pytest.mark.slow

PAGE = "how-to/code-by-hand.md"
PEOPLE = "results/codings/people.parquet"
CONSTRUCT = "satisfaction"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The blank study with the page's first fragment, and its sheets."""
    folder = generate(tmp_path_factory.mktemp("by_hand"), "blank")
    first, _ = fragments()
    change(folder, first)
    snakemake(folder, "sheets")
    return folder


def fragments() -> list[dict[str, Any]]:
    return [yaml.safe_load(block.body) for block in blocks(PAGE) if block.file == "config/study.yaml"]


def change(study: Path, fragment: dict[str, Any]) -> None:
    config = settings(study)
    for section, keys in fragment.items():
        below = config.setdefault(section, {})
        for key, value in keys.items():
            below[key] = {**below[key], **value} if isinstance(below.get(key), dict) else value
    write_settings(study, config)


def opening(text: str) -> str:
    """Return what tells a text from the others."""
    return " ".join(text.split()[:3])


def workbook(file: Path, codes: dict[str, str | None], target: Path, column: str = CONSTRUCT) -> None:
    """Fill in by the opening of a text."""
    book = openpyxl.load_workbook(file)
    page = book["Texts"]
    at = {cell.value: cell.column - 1 for cell in page[1]}
    for row in page.iter_rows(min_row=2):
        row[at[column]].value = codes.get(opening(row[at["text"]].value))
    target.parent.mkdir(parents=True, exist_ok=True)
    book.save(target)


def csv_file(file: Path, codes: dict[str, str], target: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(file.read_text("utf-8-sig"), newline="")))
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows({**row, CONSTRUCT: codes.get(opening(row["text"]), "")} for row in rows)


def statuses(study: Path) -> dict[str, str]:
    people = pd.read_parquet(study / PEOPLE)
    return dict(zip(people["unit_id"], people["status"], strict=True))


def openings(study: Path) -> dict[str, str]:
    units = pd.read_parquet(study / "data/corpus/units.parquet")
    return {opening(text): unit for unit, text in zip(units["unit_id"], units["text"], strict=True)}


def test_the_sheets_are_for_everybody_and_for_nobody_else(study: Path) -> None:
    files = sorted(path.name for path in (study / "sheets").iterdir())
    assert files == [
        *("anna.csv", "anna.xlsx", "ben.csv", "ben.xlsx"),
        *("label_studio_config.xml", "label_studio_tasks.json"),
    ]
    assert "sheets" not in run(study, "git", "status", "--porcelain").stdout
    content = (study / "sheets" / "anna.csv").read_text("utf-8-sig")
    covariates = {"branch", "year"} & set(content.partition("\n")[0].split(","))
    assert not covariates
    assert "note-" not in content


def test_nothing_has_come_back(study: Path) -> None:
    done = snakemake(study, PEOPLE, check=False)
    assert done.returncode
    assert "No coding sheet has come back yet" in done.stdout + done.stderr


def test_mistakes_are_said_together_and_nothing_is_made(study: Path) -> None:
    texts = list(openings(study))
    back = study / "data/gold/coded"
    workbook(study / "sheets/anna.xlsx", dict.fromkeys(texts, "satisfyed"), back / "anna.xlsx")
    csv_file(study / "sheets/ben.csv", {texts[0]: "7"}, back / "ben.csv")
    done = snakemake(study, PEOPLE, check=False)
    said = done.stdout + done.stderr
    assert said.count("Found: 'satisfyed'. Allowed: satisfied, dissatisfied, neither.") >= len(texts)
    assert "data/gold/coded/ben.csv, line" in said
    assert not (study / PEOPLE).exists()


def test_codes_come_back_are_adjudicated_and_sealed(study: Path) -> None:
    units = openings(study)
    texts = sorted(units)
    back = study / "data/gold/coded"
    anna = dict.fromkeys(texts[:4], "satisfied")
    ben = {**anna, texts[0]: "Neither ", texts[1]: "dissatisfied", texts[4]: "neither"}
    workbook(study / "sheets/anna.xlsx", dict(anna), back / "anna.xlsx")
    csv_file(study / "sheets/ben.csv", ben, back / "ben.csv")
    snakemake(study, PEOPLE, "results/tables/missing_codes.csv")
    assert set(statuses(study).values()) == {"ok"}
    people = pd.read_parquet(study / PEOPLE).set_index("unit_id")
    assert people["score"][units[texts[0]]] == 0.5
    assert people["n_ratings"][units[texts[4]]] == 1
    missing = pd.read_csv(study / "results/tables/missing_codes.csv").set_index("coder")
    assert missing.loc["people", ["n", "coded", "missing"]].tolist() == [5, 5, 0]
    assert "human" not in planned(study, PEOPLE)

    snakemake(study, "adjudicate")
    decisions: dict[str, str | None] = {texts[0]: "neither"}
    workbook(study / "sheets/adjudication.xlsx", decisions, back / "adjudication.xlsx", "decision")
    ratings = pd.read_parquet(study / "data/gold/ratings.parquet")
    _, second = fragments()
    change(study, second)
    snakemake(study, PEOPLE)
    assert statuses(study) == {unit: "failed" if text == texts[1] else "ok" for text, unit in units.items()}
    people = pd.read_parquet(study / PEOPLE).set_index("unit_id")
    assert people["label"][units[texts[0]]] == "neither"
    pd.testing.assert_frame_equal(pd.read_parquet(study / "data/gold/ratings.parquet"), ratings)

    config = settings(study)
    write_settings(study, {**config, "gold": {**config["gold"], "seal": True}})
    snakemake(study, PEOPLE)
    sample = pd.read_csv(study / "data/gold/sample.csv").set_index("unit_id")["part"]
    found = statuses(study)
    assert {unit for unit, status in found.items() if status == "sealed"} == {
        unit for unit in found if sample[unit] == "evaluate"
    }
    assert {"evaluate", "pilot"} <= set(sample)
    sealed = set(sample.index[sample == "evaluate"])
    assert not sealed & set(pd.read_parquet(study / "data/gold/ratings.parquet")["unit_id"])
    write_settings(study, config)

    # Another round: the sheets have only what a person has not coded.
    snakemake(study, "sheets")
    left = (study / "sheets/anna-2.csv").read_text("utf-8-sig").strip().splitlines()
    assert len(left) == 2
    assert texts[4] in left[1]
    assert not (study / "sheets/ben-2.csv").exists()
