"""Sheets that come back: every code arrives as it was written, and every mistake is found and placed."""

from __future__ import annotations

import json
import math
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from library.coding_sheets import (
    BOOKS,
    TEXTS,
    TOPICS,
    choices,
    edit_workbook,
    fill_csv,
    fill_workbook,
    number,
    numeric,
    table_of,
    task,
    write,
)
from study.codebook import Codebook
from study.errors import ProblemsError, StudyError
from study.flow import Flow
from study.gold.sheets.returned import Returned, read_folder, read_returned

EVERYTHING = {**BOOKS, **TOPICS}
Codes = dict[str, dict[str, object]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("coded")


def read(folder: Path, books: dict[str, Codebook] = BOOKS, texts: dict[str, str] = TEXTS) -> Returned:
    return read_folder(folder, list(books.values()), table_of(texts))


def found(returned: Returned) -> dict[tuple[str, str, str], str]:
    """Return {(rater, unit, construct): code}."""
    return {
        (rating.rater, unit, construct): rating.code
        for construct, ratings in returned.ratings.items()
        for unit, each in ratings.items()
        for rating in each
    }


CODES: Codes = {
    "nyt-1": {"tone": "Positive", "anger": 7, "hurt": 0, "km": 1.25, "demands": 2},
    "nyt-2": {"tone": "not codable", "anger": "cannot tell"},
    "tweet-3": {"tone": " NEGATIVE ", "comment": "=cold"},
}
EXPECTED = {
    ("nyt-1", "tone"): "Positive",
    ("nyt-1", "anger"): "7",
    ("nyt-1", "hurt"): "0",
    ("nyt-1", "km"): "1.25",
    ("nyt-1", "demands"): "2",
    ("nyt-2", "tone"): "not codable",
    ("nyt-2", "anger"): "cannot tell",
    ("tweet-3", "tone"): "negative",
}


@pytest.mark.parametrize("kind", ["xlsx", "csv", "csv of a country with commas", "csv in UTF-16"])
def test_a_half_filled_sheet(folder: Path, kind: str) -> None:
    write(folder, "anna")
    if kind == "xlsx":
        (folder / "anna.csv").unlink()
        fill_workbook(folder / "anna.xlsx", CODES)
    else:
        (folder / "anna.xlsx").unlink()
        options = {
            "csv of a country with commas": {"separator": ";"},
            "csv in UTF-16": {"encoding": "utf-16"},
        }
        codes = {u: dict(c) for u, c in CODES.items()}
        if options.get(kind, {}).get("separator"):
            codes["nyt-1"]["km"] = "1,25"
        fill_csv(folder / "anna.csv", codes, **options.get(kind, {}))
    returned = read(folder)
    assert found(returned) == {("anna", *key): code for key, code in EXPECTED.items()}
    assert returned.blank == {"tone": 1, "anger": 2, "hurt": 3, "km": 3, "demands": 3}
    assert returned.given == {"anna": set(TEXTS)}
    assert returned.changed == set()
    tone = {rating.status: rating.value for each in returned.ratings["tone"].values() for rating in each}
    assert tone["ok"] == -1
    assert math.isnan(tone["not_codable"])


def test_workbook_and_csv_of_one_coder_may_both_come_back(folder: Path) -> None:
    write(folder, "anna")
    fill_workbook(folder / "anna.xlsx", CODES)
    assert read(folder).blank["hurt"] == 3
    fill_csv(folder / "anna.csv", {"nyt-1": CODES["nyt-1"], "tweet-4": {"tone": "neutral"}})
    assert found(read(folder)) == {
        **{("anna", *key): code for key, code in EXPECTED.items()},
        ("anna", "tweet-4", "tone"): "neutral",
    }
    fill_csv(folder / "anna.csv", {"nyt-1": {"tone": "neutral"}})
    with pytest.raises(StudyError, match=r"anna has another code for this text in coded/anna\.csv, line"):
        read(folder)


def test_the_rater_is_named_by_the_column_else_by_the_file(folder: Path) -> None:
    write(folder, "anna")
    (folder / "anna.csv").unlink()
    fill_workbook(folder / "anna.xlsx", {"nyt-1": {"tone": "neutral"}})
    (folder / "anna.xlsx").rename(folder / "final version (2).xlsx")
    assert set(found(read(folder))) == {("anna", "nyt-1", "tone")}
    edit_workbook(folder / "final version (2).xlsx", lambda page: page.delete_cols(9))
    assert set(found(read(folder))) == {("final version (2)", "nyt-1", "tone")}


def test_a_rater_s_name_in_other_letters_is_the_same_rater(folder: Path) -> None:
    write(folder, "anna", name="anna-1")
    write(folder, "Anna", name="anna-2")
    for name, unit in (("anna-1", "nyt-1"), ("anna-2", "nyt-2")):
        (folder / f"{name}.csv").unlink()
        fill_workbook(folder / f"{name}.xlsx", {unit: {"tone": "neutral"}})
    assert {rater for rater, _, _ in found(read(folder))} == {"anna"}


def test_rows_may_be_sorted_lost_and_added_to(folder: Path) -> None:
    write(folder, "anna")
    (folder / "anna.csv").unlink()
    fill_workbook(folder / "anna.xlsx", CODES)

    def change(page: Any) -> None:
        rows = [[cell.value for cell in row] for row in page.iter_rows(min_row=2)]
        rows = sorted((row for row in rows if row[0] != number("tweet-4")), key=lambda row: row[0][::-1])
        page.delete_rows(2, len(TEXTS))
        page.cell(1, 10).value = "my notes"
        for place, row in enumerate(rows, start=4):  # with two empty rows above
            for column, value in enumerate([*row, "a note"], start=1):
                page.cell(place, column).value = value

    edit_workbook(folder / "anna.xlsx", change)
    returned = read(folder)
    assert found(returned) == {("anna", *key): code for key, code in EXPECTED.items()}
    assert returned.given == {"anna": set(TEXTS) - {"tweet-4"}}


def test_header_and_sheet_may_be_spelt_otherwise_and_the_texts_left_out(folder: Path) -> None:
    write(folder, "anna")
    (folder / "anna.csv").unlink()
    fill_workbook(folder / "anna.xlsx", CODES)
    book = openpyxl.load_workbook(folder / "anna.xlsx")
    page = book["Texts"]
    page["A1"].value, page["C1"].value = "Text Number ", "TONE"
    page.delete_cols(2)
    page.title = "Sheet1"
    book.move_sheet("Sheet1", 5)
    book.save(folder / "anna.xlsx")
    returned = read(folder)
    assert found(returned) == {("anna", *key): code for key, code in EXPECTED.items()}
    assert returned.changed == set()


def test_a_text_that_was_changed_is_noticed_and_counts(folder: Path) -> None:
    write(folder, "anna")
    (folder / "anna.csv").unlink()
    fill_workbook(folder / "anna.xlsx", {unit: {"tone": "neutral"} for unit in TEXTS})
    edit_workbook(
        folder / "anna.xlsx",
        lambda page: [row[1].__setattr__("value", "oops") for row in page if row[0].value == number("nyt-2")],
    )
    later = {**TEXTS, "nyt-1": "The corpus was corrected."}
    returned = read(folder, texts=later)
    assert returned.changed == {"nyt-1", "nyt-2"}
    assert len(found(returned)) == len(TEXTS)


def set_cell(unit: str, column: str, value: object) -> Callable[[Any], None]:
    def change(page: Any) -> None:
        columns = {cell.value: cell.column for cell in page[1]}
        row = next(cell.row for cell in page["A"] if cell.value == number(unit))
        page.cell(row, columns[column]).value = value

    return change


def add_row(*cells: object) -> Callable[[Any], None]:
    return lambda page: page.append(cells)


def rename(old: str, new: str) -> Callable[[Any], None]:
    def change(page: Any) -> None:
        next(cell for cell in page[1] if cell.value == old).value = new

    return change


def date(page: Any) -> None:
    import datetime

    set_cell("nyt-1", "hurt", datetime.datetime(2025, 4, 3))(page)


BROKEN: dict[str, tuple[Callable[[Any], None], list[str]]] = {
    "no label": (
        set_cell("nyt-1", "tone", "positiv"),
        ["key 'tone'", "'positiv'", "Allowed: Positive, neutral, negative, not codable", "Did you mean"],
    ),
    "a value instead of a label": (set_cell("nyt-1", "tone", 1), ["key 'tone'", "Found: '1'"]),
    "outside the scale": (set_cell("nyt-1", "anger", 11), ["from 0 to 10, or: cannot tell"]),
    "half a count": (set_cell("nyt-1", "hurt", 0.5), ["key 'hurt'", "'0.5'"]),
    "a date": (date, ["key 'hurt'", "2025-04-03"]),
    "a truth value": (set_cell("nyt-1", "tone", True), ["'true'"]),
    "too large": (set_cell("nyt-1", "km", 2), ["a number from -1 to 1.5"]),
    "a passage": (set_cell("nyt-1", "demands", "more books"), ["how many such passages"]),
    "a formula nobody computed": (set_cell("nyt-1", "hurt", "=1+1"), ["key 'hurt'", "=1+1", "a formula"]),
    "an error": (set_cell("nyt-1", "tone", "#NAME?"), ["key 'tone'", "#NAME?"]),
    "an unknown number": (
        add_row("bbbb-bbbb-bbbb-bbbb", "A text", "neutral"),
        ["row 6", "No text of the corpus", "bbbb-bbbb-bbbb-bbbb"],
    ),
    "an id": (add_row("nyt-1", "A text", "neutral"), ["row 6", "'nyt-1'"]),
    "a code without a number": (add_row(None, None, "neutral"), ["row 6", "no text number"]),
    "a text twice": (add_row(number("nyt-1"), None, "neutral"), ["row 6", "there twice, first in row"]),
    "a column renamed": (rename("tone", "sentiment"), ["no column 'tone'", "sentiment", "its name back"]),
    "the numbers lost": (rename("text_number", "number"), ["no column 'text_number'"]),
    "two columns of one name": (rename("comment", "Tone"), ["Two columns have one name"]),
    "two coders": (set_cell("nyt-1", "coder", "ben"), ["different coders", "ben"]),
    "merged cells": (lambda page: page.merge_cells("C2:C3"), ["merged"]),
}


@pytest.mark.parametrize("case", BROKEN)
def test_every_mistake_is_placed(folder: Path, case: str) -> None:
    write(folder, "anna")
    (folder / "anna.csv").unlink()
    fill_workbook(folder / "anna.xlsx", {"tweet-3": {"tone": "neutral"}})
    change, says = BROKEN[case]
    edit_workbook(folder / "anna.xlsx", change)
    with pytest.raises(StudyError) as caught:
        read(folder)
    assert not isinstance(caught.value, ProblemsError)
    message = str(caught.value)
    assert message.startswith("coded/anna.xlsx")
    assert [part for part in says if part not in message] == []


@pytest.mark.parametrize("column", ["text", "comment", "coder"])
def test_a_formula_beside_the_codes_is_no_mistake(folder: Path, column: str) -> None:
    write(folder, "anna")
    (folder / "anna.csv").unlink()
    fill_workbook(folder / "anna.xlsx", {"nyt-1": {"tone": "neutral"}})
    edit_workbook(folder / "anna.xlsx", set_cell("nyt-1", column, "=1+1"))
    assert set(found(read(folder))) == {("anna", "nyt-1", "tone")}


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("anna.ods", b"x", "save it as .xlsx or as CSV"),
        ("anna.xlsx", b"no workbook", "no readable .xlsx workbook"),
        ("anna.csv", b'text_number,tone\n"a', "quotation marks"),
        ("anna.csv", b"", "empty"),
        ("anna.json", b"{", "not JSON"),
        ("anna.json", b'[{"text_number": "x", "tone": "neutral"}]', "not JSON-MIN"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(folder: Path, name: str, content: bytes, says: str) -> None:
    folder.mkdir()
    (folder / name).write_bytes(content)
    with pytest.raises(StudyError, match=rf"coded/{name}") as caught:
        read(folder)
    assert says in str(caught.value)


def test_a_workbook_without_the_sheet_is_named(folder: Path) -> None:
    folder.mkdir()
    openpyxl.Workbook().save(folder / "other.xlsx")
    with pytest.raises(StudyError, match="no sheet with a column 'text_number'"):
        read(folder)


def test_a_workbook_that_unpacks_to_too_much_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, "anna")
    monkeypatch.setattr("study.gold.sheets.table.LARGEST", 1000)
    with pytest.raises(StudyError, match="unpacks to more than"):
        read(folder)


def test_all_problems_of_all_files_are_said_together(folder: Path) -> None:
    for rater in ("anna", "ben"):
        write(folder, rater)
        (folder / f"{rater}.csv").unlink()
        bad = {"tone": "good", "anger": 12, "hurt": -1, "km": "far", "demands": "x"}
        fill_workbook(folder / f"{rater}.xlsx", dict.fromkeys(TEXTS, bad))
    (folder / "cem.ods").write_bytes(b"x")
    with pytest.raises(ProblemsError) as caught:
        read(folder)
    assert len(caught.value.problems) == 2 * 4 * 5 + 1
    paragraphs = str(caught.value).split("\n\n")
    assert len(paragraphs) == 21
    assert paragraphs[0].startswith("coded/cem.ods")
    assert all(paragraph.startswith("coded/anna.xlsx, row ") for paragraph in paragraphs[1:20])
    assert paragraphs[20] == "There are 21 more problems."


def test_what_programs_leave_behind_is_passed_over(folder: Path) -> None:
    write(folder / "round 1", "anna")
    (folder / "round 1" / "anna.csv").unlink()
    fill_workbook(folder / "round 1" / "anna.xlsx", {"nyt-1": {"tone": "neutral"}})
    for name in ("~$anna.xlsx", ".~lock.anna.xlsx#", ".DS_Store", ".anna.xlsx.swp", "notes.md"):
        (folder / name).write_bytes(b"x")
    assert set(found(read(folder))) == {("anna", "nyt-1", "tone")}


def test_decisions_are_no_ratings(folder: Path) -> None:
    folder.mkdir()
    (folder / "adjudication.csv").write_text(
        "text_number,construct,coder_a,coder_b,decision\n"
        f"{number('nyt-1')},tone,Positive,neutral,Neutral\n"
        f"{number('nyt-1')},hurt,1,2,\n"
        f"{number('nyt-2')},tone,neutral,not codable,not codable\n"
    )
    returned = read(folder)
    assert found(returned) == {}
    decided = {unit: (r.code, r.status) for unit, r in returned.decisions["tone"].items()}
    assert decided == {"nyt-1": ("neutral", "ok"), "nyt-2": ("not codable", "not_codable")}
    assert returned.decisions["hurt"] == {}
    assert returned.given == {}
    assert sum(returned.blank.values()) == 0


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (f"{number('nyt-1')},tone,a,b,good", "key 'decision'"),
        (f"{number('nyt-1')},tune,a,b,neutral", "Did you mean 'tone'"),
        ("x,tone,a,b,neutral", "No text of the corpus"),
        (",tone,a,b,neutral", "no text number"),
        (
            f"{number('nyt-1')},tone,a,b,neutral\n{number('nyt-1')},tone,a,b,",
            "there twice, first in line 2",
        ),
    ],
)
def test_mistakes_in_an_adjudication_are_placed(folder: Path, row: str, says: str) -> None:
    folder.mkdir()
    (folder / "adjudication.csv").write_text(f"text_number,construct,coder_a,coder_b,decision\n{row}\n")
    with pytest.raises(StudyError, match=r"^coded/adjudication\.csv, line") as caught:
        read(folder)
    assert says in str(caught.value)


def test_two_decisions_for_one_text_contradict_each_other(folder: Path) -> None:
    folder.mkdir()
    for name, code in (("adjudication", "neutral"), ("adjudication-2", "negative")):
        (folder / f"{name}.csv").write_text(
            f"text_number,construct,decision\n{number('nyt-1')},tone,{code}\n"
        )
    with pytest.raises(StudyError, match="The decision has another code"):
        read(folder)


def test_the_flow_says_what_is_still_to_be_coded(folder: Path) -> None:
    for rater, unit in (("anna", "nyt-1"), ("ben", "nyt-2")):
        write(folder, rater, books={"tone": BOOKS["tone"]})
        (folder / f"{rater}.csv").unlink()
        fill_workbook(folder / f"{rater}.xlsx", {unit: {"tone": "neutral"}})

    def keep_one(page: Any) -> None:
        for row in range(len(TEXTS) + 1, 1, -1):
            if page.cell(row, 1).value != number("nyt-1"):
                page.delete_rows(row)

    edit_workbook(folder / "anna.xlsx", keep_one)
    flow = Flow()
    more = {**TEXTS, "blog-5": "not on any sheet"}
    read_returned(folder, {"tone": BOOKS["tone"]}, table_of(more), flow, name="people")
    frame = flow.frame().set_index(["step", "group"])
    steps = frame["n"].to_dict()
    assert steps["read", "people anna"] == 1
    assert steps["read", "people ben"] == 4
    assert steps["ratings", "people tone"] == 2
    assert steps["cells without a rating", "people tone"] == 3
    # A row that is gone is not coded yet, as an empty cell is.
    assert steps["texts not coded yet", "people tone anna"] == 3
    assert steps["texts not coded yet", "people tone ben"] == 3
    assert steps["units without ratings", "people tone"] == 3
    assert frame["note"]["texts not coded yet", "people tone anna"] == "nyt-2, tweet-3, tweet-4"
    flow = Flow()
    drawn = {"nyt-2", "blog-5"}
    read_returned(folder, {"tone": BOOKS["tone"]}, table_of(more), flow, name="people", drawn=drawn)
    steps = flow.frame().set_index(["step", "group"])["n"].to_dict()
    assert steps["texts not coded yet", "people tone anna"] == 2
    assert steps["texts not coded yet", "people tone ben"] == 1


def test_nothing_came_back_or_nothing_was_coded(folder: Path) -> None:
    with pytest.raises(StudyError, match="No coding sheet has come back yet"):
        read_returned(folder, BOOKS, table_of(), Flow(), name="people")
    write(folder, "anna")
    fill_workbook(folder / "anna.xlsx", {"nyt-1": {"tone": "neutral"}})
    with pytest.raises(StudyError, match="Nobody has coded 'anger' yet"):
        read_returned(folder, BOOKS, table_of(), Flow(), name="people")


ANY_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)
CODE = {
    "tone": st.sampled_from(BOOKS["tone"].labels),
    "anger": st.sampled_from(BOOKS["anger"].labels),
    "hurt": st.integers(0, 5000),
    "km": st.floats(-1, 1.5, allow_subnormal=False).map(lambda x: round(x, 6)),
    "demands": st.integers(0, 40),
    **{construct: st.sampled_from(book.labels) for construct, book in TOPICS.items()},
}


@st.composite
def coded(draw: st.DrawFn) -> tuple[dict[str, str], dict[str, dict[str, Any]]]:
    """Any texts with any codes, of which any may be missing."""
    texts = draw(st.lists(ANY_TEXT, min_size=1, max_size=4))
    named = {f"u{n}": text for n, text in enumerate(texts)}
    codes = {
        unit: {
            construct: code
            for construct, any_code in CODE.items()
            if (code := draw(st.none() | any_code)) is not None
        }
        for unit in named
    }
    return named, codes


def as_exported(texts: dict[str, str], codes: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """What Label Studio exports of these codes."""
    tasks = []
    for unit, given_codes in codes.items():
        result = []
        for construct, code in given_codes.items():
            if construct in TOPICS:
                continue
            one = numeric if construct in ("hurt", "km", "demands") else choices
            result.append(one(construct, code))
        topics = {construct: code for construct, code in given_codes.items() if construct in TOPICS}
        chosen = [TOPICS[construct].category or "" for construct, code in topics.items() if code == "yes"]
        if topics:
            result.append(choices("topics", *(chosen or ["(none of these)"])))
        tasks.append(task(unit, (5, result), texts=texts))
    return tasks


@pytest.mark.parametrize("kind", ["xlsx", "csv", "json"])
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=coded())
def test_any_codes_of_any_texts_come_back(tmp_path: Path, kind: str, case: Any) -> None:
    texts, codes = case
    folder = tmp_path / "coded"
    shutil.rmtree(folder, ignore_errors=True)
    rater = "anna"
    if kind == "json":
        # One question asks for all categories: all are answered or none, and 'unclear' is said of all.
        for given_codes in codes.values():
            topics = [construct for construct in TOPICS if construct in given_codes]
            for construct in topics and TOPICS:
                given_codes[construct] = "no" if given_codes.get(construct) != "yes" else "yes"
        folder.mkdir()
        (folder / "export.json").write_text(json.dumps(as_exported(texts, codes)))
        rater = "label_studio_5"
    else:
        write(folder, "anna", books=EVERYTHING, texts=texts)
        (folder / ("anna.csv" if kind == "xlsx" else "anna.xlsx")).unlink()
        fill = fill_workbook if kind == "xlsx" else fill_csv
        fill(folder / f"anna.{kind}", codes, texts)
    returned = read(folder, EVERYTHING, texts)
    expected = {
        (rater, unit, construct): code if isinstance(code, str) else float(code)
        for unit, given_codes in codes.items()
        for construct, code in given_codes.items()
    }
    arrived = found(returned)
    assert {key: type(expected[key])(code) for key, code in arrived.items()} == expected
    assert returned.changed == set()
    assert sum(returned.blank.values()) == len(texts) * len(EVERYTHING) - len(expected)


def test_a_workbook_that_a_spreadsheet_program_saved_is_read(folder: Path) -> None:
    # Such programs write rich text and formulas with their results; openpyxl writes neither.
    write(folder, "anna", books={"tone": BOOKS["tone"]}, texts={"a": "A text"})
    (folder / "anna.csv").unlink()
    file = folder / "anna.xlsx"
    with zipfile.ZipFile(file) as parts:
        content = {name: parts.read(name) for name in parts.namelist()}
    page = content["xl/worksheets/sheet2.xml"].decode()
    for old, new in (
        ("<is><t>A text</t></is>", "<is><r><t>A </t></r><r><rPr><b/></rPr><t>text</t></r></is>"),
        (re.findall(r'<c r="C2"[^>]*/>', page)[0], '<c r="C2" t="str"><f>LOWER("X")</f><v>neutral</v></c>'),
    ):
        assert old in page
        page = page.replace(old, new)
    content["xl/worksheets/sheet2.xml"] = page.encode()
    with zipfile.ZipFile(file, "w") as parts:
        for name, data in content.items():
            parts.writestr(name, data)
    returned = read(folder, {"tone": BOOKS["tone"]}, {"a": "A text"})
    assert found(returned) == {("anna", "a", "tone"): "neutral"}
    assert returned.changed == set()


def test_pandas_writes_what_is_read(folder: Path) -> None:
    folder.mkdir()
    frame = pd.DataFrame({"text_number": [number("nyt-1"), number("nyt-2")], "hurt": [3.0, None]})
    frame.to_excel(folder / "ben.xlsx", index=False)
    frame.to_csv(folder / "cem.csv", index=False)
    returned = read(folder, {"hurt": BOOKS["hurt"]})
    assert found(returned) == {("ben", "nyt-1", "hurt"): "3", ("cem", "nyt-1", "hurt"): "3"}
