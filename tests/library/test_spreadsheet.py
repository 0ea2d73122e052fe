"""A workbook is read as it was saved; what a spreadsheet program made of a text is said, and is no text."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Sequence

import openpyxl
import pytest

from study.errors import StudyError
from study.spreadsheet import first_sheet

SHEET = "xl/worksheets/sheet1.xml"


def workbook(rows: Iterable[Sequence[object]]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def changed(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The workbook with another XML of its sheet."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == SHEET else old.read(name))
    return stream.getvalue()


def test_errors_and_formulas_without_result_are_empty_and_counted() -> None:
    data = workbook([["id", "text"], [1, "#NAME?"], [2, "=1+1"], [3, "=-)"], [4, "fine"]])
    saved = changed(
        data,
        lambda xml: xml.replace(b"<f>1+1</f><v></v>", b"<f>1+1</f><v>2</v>").replace(
            b"<f>1+1</f><v />", b"<f>1+1</f><v>2</v>"
        ),
    )
    rows, notes = first_sheet(saved, "x")
    assert rows == [(1, ["id", "text"]), (2, [1]), (3, [2, 2]), (4, [3]), (5, [4, "fine"])]
    assert notes == [
        "sheet Sheet",
        "1 cells with a spreadsheet's error read as empty: B2 #NAME?",
        "1 formulas without a saved result read as empty: B4",
    ]


def test_the_size_that_a_program_wrote_does_not_matter() -> None:
    data = workbook([["id", "text"], [1, "a"]])
    for size in (b"A1", b"A1:XFD1048576"):
        rows, _ = first_sheet(changed(data, lambda xml, size=size: xml.replace(b"A1:B2", size)), "x")
        assert rows == [(1, ["id", "text"]), (2, [1, "a"])]


def test_a_cell_in_the_last_corner_costs_no_more_than_its_row() -> None:
    data = workbook([["id", "text"], [1, "a"]])
    corner = changed(
        data,
        lambda xml: (
            xml.replace(b'r="2"', b'r="1048576"').replace(b"A2", b"A1048576").replace(b"B2", b"XFD1048576")
        ),
    )
    rows, notes = first_sheet(corner, "x")
    assert [n for n, _ in rows] == [1, 1048576]
    assert len(rows[1][1]) == 16384
    assert "1048574 empty rows passed over" in notes


BOMB = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a0 "ha">' + b"".join(
    b'<!ENTITY a%d "%s">' % (i, b"&a%d;" % (i - 1) * 10) for i in range(1, 11)
)
BROKEN: dict[str, bytes] = {
    "no XML": b"<worksheet",
    "entities without end": BOMB
    + b']><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1">'
    + b'<c r="A1" t="inlineStr"><is><t>&a10;</t></is></c></row></sheetData></worksheet>',
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_damaged_sheet_is_refused_in_one_paragraph(case: str) -> None:
    with pytest.raises(StudyError, match="no readable") as caught:
        first_sheet(changed(workbook([["id"], [1]]), lambda _: BROKEN[case]), "texts.xlsx")
    assert str(caught.value).startswith("texts.xlsx: ")
    assert "\n" not in str(caught.value)


def test_a_workbook_of_charts_alone_has_no_sheet() -> None:
    book = openpyxl.Workbook()
    book.create_chartsheet("chart")
    book.remove(book["Sheet"])
    stream = io.BytesIO()
    book.save(stream)
    with pytest.raises(StudyError, match="no readable"):
        first_sheet(stream.getvalue(), "x")


def test_a_sheet_without_cells_is_empty() -> None:
    with pytest.raises(StudyError, match="The sheet 'Sheet' is empty"):
        first_sheet(workbook([]), "x")
