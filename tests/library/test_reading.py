"""Tables of any format are read without reinterpretation, and broken ones are refused with their line."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.errors import StudyError
from study.reading import Reading, format_of, only, read, read_folder, to_text


def texts(reading: Reading, column: str = "text") -> list[object]:
    return list(reading.rows[column])


def workbook(rows: Iterable[Sequence[object]], more_sheets: int = 0) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for _ in range(more_sheets):
        book.create_sheet()
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def parquet_of(table: pa.Table) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table, stream)
    return stream.getvalue()


def parquet(frame: pd.DataFrame) -> bytes:
    return parquet_of(pa.Table.from_pandas(frame, preserve_index=False))


def stata(frame: pd.DataFrame) -> bytes:
    stream = io.BytesIO()
    frame.to_stata(stream, version=118, write_index=False)
    return stream.getvalue()


SAME = [("001", "NA"), ("002", "  two\twords "), ("003", 'she said "no"')]


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("csv", b'id,text\n001,NA\n002,"  two\twords "\n003,"she said ""no"""\n'),
        ("csv", b'id;text\r\n001;NA\r\n002;"  two\twords "\r\n003;"she said ""no"""'),
        (
            "jsonl",
            b'{"id": "001", "text": "NA"}\n{"id": "002", "text": "  two\\twords "}\n\n'
            b'{"text": "she said \\"no\\"", "id": "003"}\n',
        ),
        ("parquet", parquet(pd.DataFrame(SAME, columns=["id", "text"]))),
        ("dta", stata(pd.DataFrame(SAME, columns=["id", "text"]))),
        ("xlsx", workbook([["id", "text"], *SAME])),
    ],
)
def test_every_format_gives_the_same_table(kind: str, data: bytes) -> None:
    reading = read(data, kind, label=f"x.{kind}")
    assert list(reading.rows[["id", "text"]].itertuples(index=False, name=None)) == SAME


def test_a_quotation_mark_in_a_tsv_file_swallows_nothing() -> None:
    data = b'1\t"so what\r\n2\tfine\r\n3\tthe "end"\r\n'
    reading = read(data, "tsv", label="x.tsv", columns=["id", "text"])
    assert texts(reading) == ['"so what', "fine", 'the "end"']
    assert reading.lines == ["line 1", "line 2", "line 3"]


def test_only_the_line_ends_of_the_file_end_lines() -> None:
    data = "1\ta\u2028b\x0bc\x85d\r\n2\te\nf\r\n".encode()
    assert texts(read(data, "tsv", label="x", columns=["id", "text"])) == ["a\u2028b\x0bc\x85d", "e\nf"]


def test_a_quoted_cell_holds_line_breaks_and_lines_are_counted_in_the_file() -> None:
    reading = read(b'id,text\n1,"a\nb\r\nc"\n\n2,d\n', "csv", label="x.csv")
    assert texts(reading) == ["a\nb\r\nc", "d"]
    assert reading.lines == ["line 2", "line 6"]
    assert "1 blank lines passed over" in reading.notes


def test_numbers_and_nothing_keep_their_type_where_the_format_has_types() -> None:
    reading = read(
        b'{"id": 7, "x": 1.5, "y": true, "z": null}\n{"id": 8, "w": [1, "a"]}\n', "jsonl", label="x"
    )
    assert not reading.written
    assert reading.rows.to_dict("records") == [
        {"id": 7, "x": 1.5, "y": True, "z": None, "w": None},
        {"id": 8, "x": None, "y": None, "z": None, "w": '[1, "a"]'},
    ]


def test_half_a_character_is_replaced_and_counted() -> None:
    reading = read(
        b'{"id": "1", "text": "a \\ud83d b"}\n{"id": "2", "text": "\\ud83d\\ude00"}\n', "jsonl", label="x"
    )
    assert texts(reading) == ["a \ufffd b", "\U0001f600"]
    assert reading.replaced == 1
    assert any("replaced" in note for note in reading.notes)


def test_a_spreadsheet_says_what_it_passed_over() -> None:
    reading = read(
        workbook([["id", "text"], [1, "a"], [None, None], [2.0, "b"]], more_sheets=1), "xlsx", label="x"
    )
    assert [to_text(cell) for cell in texts(reading, "id")] == ["1", "2"]
    assert reading.lines == ["row 2", "row 4"]
    assert reading.notes == ["sheet Sheet", "not read: 1 further sheets", "1 empty rows passed over"]


def test_a_folder_of_text_files(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two.txt").write_bytes("é\r\n".encode())
    (tmp_path / "001.TXT").write_bytes("\ufeffone".encode())
    (tmp_path / ".hidden.txt").write_text("no")
    (tmp_path / "notes.md").write_text("no")
    reading = read_folder(tmp_path)
    assert texts(reading, "id") == ["001", "b/two"]
    assert texts(reading) == ["one", "é\r\n"]
    assert reading.notes == ["encoding utf-8: 1 files", "encoding utf-8-sig: 1 files"]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("001", "001"),
        (1, "1"),
        (1.0, "1"),
        (1.5, "1.5"),
        (None, None),
        (float("nan"), None),
        (True, "true"),
        ("", ""),
    ],
)
def test_a_cell_as_text(cell: object, text: str | None) -> None:
    assert to_text(cell) == text


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.CSV", "csv"), ("b.tab", "tsv"), ("c.ndjson", "jsonl"), ("d.xlsx", "xlsx"), ("e.txt", "txt")],
)
def test_the_format_is_told_by_the_name(name: str, kind: str) -> None:
    assert format_of(name) == kind
    assert format_of(name, "parquet") == "parquet"


def test_an_unknown_ending_asks_for_the_format() -> None:
    with pytest.raises(StudyError, match="`format`"):
        format_of("texts.dat")


def test_a_table_of_an_old_macintosh_and_one_of_many_columns() -> None:
    assert texts(read(b"id,text\r1,a\r2,b\r", "csv", label="x")) == ["a", "b"]
    names = [f"column_{i}" for i in range(20_000)]
    wide = f"id,text,{','.join(names)}\n1,a,{','.join(['0'] * len(names))}\n"
    assert texts(read(wide.encode(), "csv", label="x")) == ["a"]


def test_columns_inside_columns_are_kept_as_json() -> None:
    lines = b'{"id": 1, "text": ["a", "b"], "\\ud800": {"c": null}}\n'
    reading = read(lines, "jsonl", label="x")
    assert texts(reading) == ['["a", "b"]']
    assert list(reading.rows.columns) == ["id", "text", "\ufffd"]
    nested = pa.table({"id": [1], "text": ["t"], "inner": [{"a": [1, 2]}], "day": [date(2020, 1, 2)]})
    reading = read(parquet_of(nested), "parquet", label="x")
    assert reading.rows.to_numpy().tolist() == [[1, "t", '{"a": [1, 2]}', "2020-01-02"]]


BROKEN = {
    "empty": ("csv", b"", "is empty", ""),
    "white space": ("tsv", b"\n \n", "is empty", ""),
    "header only": ("csv", b"id,text\n", "no rows", ""),
    "header only, workbook": ("xlsx", workbook([["id", "text"]]), "no rows", ""),
    "too many cells": ("csv", b"id,text\n1,a\n2,b,c\n", "3 cells where the table has 2 columns", "line 3"),
    "too few cells": ("tsv", b"id\ttext\n1\n", "1 cells where the table has 2 columns", "line 2"),
    "quote never closed": ("csv", b'id,text\n1,fine\n2,"oh\n3,b\n', "quotation marks", "line 3"),
    "quote inside": ("csv", b'id,text\n1,"a" b\n', "quotation marks", "line 2"),
    "zero byte": ("csv", b"id,text\n1,a\n2,b\x00c\n", "zero byte", "line 3"),
    "two columns of one name": ("csv", b"id,text,text\n1,a,b\n", "Two columns have one name", "line 1"),
    "no JSON": ("jsonl", b'{"id": 1}\n{"id": 2\n', "not JSON", "line 2"),
    "JSON without names": ("jsonl", b'{"id": 1}\n[1, 2]\n', "object", "line 2"),
    "JSON without end": ("jsonl", b'{"a":' + b"[" * 100_000, "not JSON", "line 1"),
    "JSON with an endless number": (
        "jsonl",
        b'{"id": 1}\n{"id": ' + b"9" * 5000 + b"}",
        "not JSON",
        "line 2",
    ),
    "JSON with a name twice": ("jsonl", b'{"id": 1, "id": 2}\n', "'id' is there twice", "line 1"),
    "Parquet with a day after the last": (
        "parquet",
        parquet_of(pa.table({"id": [1], "day": pa.array([2**62], pa.timestamp("us"))})),
        "no readable Parquet",
        "",
    ),
    "Parquet with broken text": (
        "parquet",
        parquet_of(pa.table({"id": [1], "text": pa.array([b"\xff"]).view(pa.string())})),
        "no readable Parquet",
        "",
    ),
    "no Parquet": ("parquet", b"PAR1 no", "no readable Parquet", ""),
    "no file of Stata": ("dta", b"id,text\n1,a\n", "no readable file of Stata", ""),
    "no workbook": ("xlsx", b"id,text\n1,a\n", "no readable .xlsx", ""),
    "no such format": ("sav", b"x", "no such format", ""),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_refused_in_one_paragraph(case: str) -> None:
    kind, data, words, line = BROKEN[case]
    with pytest.raises(StudyError) as caught:
        read(data, kind, label="texts.file")
    message = str(caught.value)
    assert words in message
    assert line in message
    assert "\n" not in message
    assert "texts.file" in message or kind == "sav"


METHODS = read(
    b"id,method,run,value\n1,AFINN,1,0\n2, AFINN,2,1\n3,svm,1.0,-1\n4,01,,1\n", "csv", label="codes.csv"
)


@pytest.mark.parametrize(
    ("where", "ids", "lines"),
    [
        ({}, ["1", "2", "3", "4"], ["line 2", "line 3", "line 4", "line 5"]),
        ({"method": "AFINN"}, ["1", "2"], ["line 2", "line 3"]),
        ({"method": ["svm", "AFINN"], "run": 1}, ["1", "3"], ["line 2", "line 4"]),
        ({"run": 1}, ["1", "3"], ["line 2", "line 4"]),
        ({"run": "1"}, ["1"], ["line 2"]),
        ({"method": "01"}, ["4"], ["line 5"]),
        ({"run": ""}, ["4"], ["line 5"]),
    ],
)
def test_only_some_rows(where: dict[str, object], ids: list[str], lines: list[str]) -> None:
    found = only(METHODS, where, label="codes.csv")
    assert found.rows["id"].tolist() == ids
    assert found.rows.index.tolist() == list(range(len(ids)))
    assert found.lines == lines
    assert len(METHODS.rows) == 4
    assert any(note.startswith(f"{len(ids)} of 4 rows: ") for note in found.notes) == bool(where)


def test_numbers_of_a_typed_format_are_found_as_numbers() -> None:
    reading = read(b'{"id": 1, "run": 2.0}\n{"id": 2, "run": true}\n', "jsonl", label="x")
    assert only(reading, {"run": 2}, label="x").rows["id"].tolist() == [1]
    assert only(reading, {"run": "true"}, label="x").rows["id"].tolist() == [2]


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ({"metod": "AFINN"}, ("no such column", "Did you mean 'method'")),
        ({"method": "AFIN"}, ("No row has this value in the column 'method'", "where.method", "AFINN, svm")),
        ({"method": "1"}, ("No row has this value",)),
        ({"method": "svm", "run": 2}, ("No row has all of these values",)),
    ],
)
def test_rows_that_are_not_there(where: dict[str, object], words: tuple[str, ...]) -> None:
    with pytest.raises(StudyError) as caught:
        only(METHODS, where, label="codes.csv")
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert str(caught.value).startswith("codes.csv")


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8))
def test_whatever_a_csv_writer_wrote_is_read_to_the_character(rows: list[tuple[str, str]]) -> None:
    stream = io.StringIO(newline="")
    pd.DataFrame(rows, columns=["id", "text"]).to_csv(stream, index=False, quoting=1, lineterminator="\n")
    reading = read(stream.getvalue().encode(), "csv", label="x.csv")
    assert list(reading.rows.itertuples(index=False, name=None)) == rows


TSV = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


@given(st.lists(st.tuples(TSV, TSV), min_size=1, max_size=8))
def test_a_tsv_file_has_as_many_rows_as_lines(rows: list[tuple[str, str]]) -> None:
    data = "".join(f"{a}\t{b}\n" for a, b in [("id", "text"), *rows]).encode()
    assert list(read(data, "tsv", label="x.tsv").rows.itertuples(index=False, name=None)) == rows
