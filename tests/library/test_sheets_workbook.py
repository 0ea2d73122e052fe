"""A workbook as a stranger opens it: what is on which sheet, what cells accept, and no formula anywhere."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

import openpyxl
import pytest

from library.coding_sheets import BOOKS, TEXTS, TOPICS, number, units_of, write
from study.gold.sheets.sheet import coding_sheet

EVERYTHING = {**BOOKS, **TOPICS}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "anna", books=EVERYTHING)
    return tmp_path


def test_the_codebook_comes_first_with_everything_that_a_coder_needs(folder: Path) -> None:
    book = openpyxl.load_workbook(folder / "anna.xlsx")
    assert book.sheetnames == ["Codebook", "Texts", "Lists"]
    assert book.active.title == "Codebook"
    assert book["Lists"].sheet_state == "hidden"
    rows = [[cell or "" for cell in row] for row in book["Codebook"].iter_rows(values_only=True)]
    assert ["Positive", "Praises or thanks.", "Good books!"] in rows
    assert ["not codable", "Not in English.", ""] in rows
    assert ["10", "furious", ""] in rows
    assert ["a whole number from 0 to 10, or: cannot tell", "", ""] in rows
    assert ["a whole number, 0 or more (how many such passages the text has)", "", ""] in rows
    said = " ".join(row[1] for row in rows)
    assert "This sheet is for: anna" in said
    assert "An empty cell means: not coded yet" in said
    assert "“not codable” or “cannot tell” or “unclear”" in said
    assert "How does the writer judge the library?" in said


def test_where_nothing_is_not_codable_a_coder_is_told_what_to_do() -> None:
    sheet = coding_sheet("anna", "anna", [BOOKS["hurt"]], units_of(TEXTS))
    assert any("leave the cell empty, and comment why" in paragraph for paragraph in sheet.guide)


def test_the_table_has_a_column_a_construct_and_nothing_else(folder: Path) -> None:
    page = openpyxl.load_workbook(folder / "anna.xlsx")["Texts"]
    header = [cell.value for cell in page[1]]
    assert header == ["text_number", "text", *EVERYTHING, "comment", "coder"]
    for row in page.iter_rows(min_row=2):
        by_name = dict(zip(header, row, strict=True))
        assert all(by_name[construct].value is None for construct in [*EVERYTHING, "comment"])
        assert by_name["coder"].value == "anna"
        assert by_name["text"].alignment.wrap_text
    assert page.freeze_panes == "C2"
    assert page.column_dimensions["B"].width >= 60
    with (folder / "anna.csv").open(encoding="utf-8-sig", newline="") as stream:
        assert next(csv.reader(stream)) == header


def test_nothing_on_a_sheet_says_where_a_text_comes_from(folder: Path) -> None:
    with zipfile.ZipFile(folder / "anna.xlsx") as parts:
        content = b"".join(parts.read(name) for name in parts.namelist())
    content += (folder / "anna.csv").read_bytes()
    assert b"Good books" in content
    for hidden in (b"nyt", b"tweet", b"openpyxl</dc:creator>"):
        assert hidden not in content


def test_no_cell_is_a_formula(folder: Path) -> None:
    book = openpyxl.load_workbook(folder / "anna.xlsx")
    found = {cell.data_type for page in book.worksheets for row in page for cell in row if cell.value}
    assert found == {"s"}
    with zipfile.ZipFile(folder / "anna.xlsx") as parts:
        sheets = [parts.read(name) for name in parts.namelist() if name.startswith("xl/worksheets/")]
    assert not any(b"<f>" in sheet or b"<f " in sheet for sheet in sheets)
    values = [row[1].value for row in book["Texts"].iter_rows(min_row=2)]
    assert TEXTS["nyt-2"] in values
    rows = list(csv.reader((folder / "anna.csv").read_text("utf-8-sig").splitlines()))
    assert not [cell for row in rows for cell in row if cell[:1] in tuple("=+-@")]


def test_cells_accept_codes_and_nothing_else(folder: Path) -> None:
    book = openpyxl.load_workbook(folder / "anna.xlsx")
    page, lists = book["Texts"], book["Lists"]
    header = [cell.value for cell in page[1]]
    rules = {}
    for rule in page.data_validations.dataValidation:
        (cells,) = rule.sqref.ranges
        assert (cells.min_row, cells.max_row) == (2, len(TEXTS) + 1)
        assert rule.showErrorMessage
        assert rule.allow_blank
        rules[header[cells.min_col - 1]] = rule
    assert list(rules) == list(EVERYTHING)
    for construct in ("tone", *TOPICS):
        where = rules[construct].formula1.split("!")[1].replace("$", "")
        offered = [cell.value for (cell,) in lists[where]]
        assert rules[construct].type == "list"
        assert offered == EVERYTHING[construct].labels
    assert rules["anger"].type == "custom"
    letter = openpyxl.utils.get_column_letter(header.index("anger") + 1)
    assert rules["anger"].formula1 == (
        f"IF(ISNUMBER({letter}2),AND({letter}2>=0,{letter}2<=10,{letter}2=INT({letter}2)),"
        f'TRIM({letter}2)="cannot tell")'
    )
    found = {
        name: (rule.type, rule.operator, rule.formula1, rule.formula2)
        for name, rule in rules.items()
        if name in ("hurt", "km", "demands")
    }
    assert found == {
        "hurt": ("whole", "between", "0", "5000"),
        "km": ("decimal", "between", "-1", "1.5"),
        "demands": ("whole", "greaterThanOrEqual", "0", None),
    }


def test_every_coder_has_an_order_of_their_own_and_always_the_same() -> None:
    texts = {f"u{n}": f"text {n}" for n in range(40)}
    units = units_of(texts)
    sheets = {
        rater: [row[0] for row in coding_sheet(rater, rater, [BOOKS["tone"]], units).rows]
        for rater in ("anna", "ben")
    }
    again = coding_sheet("anna", "anna", [BOOKS["tone"]], units[::-1])
    assert [row[0] for row in again.rows] == sheets["anna"]
    assert sheets["anna"] != sheets["ben"]
    in_corpus = [number(unit, texts) for unit in texts]
    assert set(sheets["anna"]) == set(sheets["ben"]) == set(in_corpus)
    assert in_corpus not in sheets.values()
    positions = [in_corpus.index(one) for one in sheets["anna"]]
    # As good as random: the order of the corpus, which may be by source, is not to be seen.
    assert sum(abs(a - b) for a, b in zip(positions, range(40), strict=True)) > 300


def test_a_long_text_is_whole_in_the_csv_file(tmp_path: Path) -> None:
    texts = {"a": "word " * 8_000}
    write(tmp_path, "anna", texts=texts)
    page = openpyxl.load_workbook(tmp_path / "anna.xlsx")["Texts"]
    assert page["B2"].value.endswith("The whole text is in the .csv file.]")
    assert len(page["B2"].value) <= 32_767
    with (tmp_path / "anna.csv").open(encoding="utf-8-sig", newline="") as stream:
        assert list(csv.reader(stream))[1][1] == texts["a"]
