"""Files of R are read cell by cell as R shows them; damaged and hostile ones are refused in a sentence."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import math
import random
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyreadr
import pytest

from library import r_files
from pan_chen import FILE, SHA256, pan_chen
from study import sources
from study.corpus import read_part
from study.errors import StudyError
from study.rdata import data_frame
from study.reading import read

CODES = r_files.data_frame(
    {
        "id": r_files.vector(["001", "002", None]),
        "text": r_files.vector(["Zoë — 'no'", "NA", ""]),
        "n": r_files.vector([1, None, 3]),
        "share": r_files.vector([0.5, float("nan"), None]),
        "sent": r_files.vector([True, None, False]),
        "party": r_files.factor([2, None, 1], ["Labour", "Liberal Democrats"]),
    },
    3,
)
CELLS = {
    "rownames": ["1", "2", "3"],
    "id": ["001", "002", None],
    "text": ["Zoë — 'no'", "NA", ""],
    "n": [1, None, 3],
    "share": [0.5, None, None],
    "sent": [True, None, False],
    "party": ["Liberal Democrats", None, "Labour"],
}


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_cells_are_what_r_shows_whatever_the_compression(compress: Callable[[bytes], bytes]) -> None:
    reading = read(compress(r_files.rdata({"codes": CODES})), "rdata", label="codes.rda")
    assert {name: list(reading.rows[name]) for name in reading.rows} == CELLS
    assert [type(cell) for cell in reading.rows["n"]] == [int, type(None), int]
    assert reading.lines == ["row 1", "row 2", "row 3"]
    assert not reading.written
    # An .rds file is one object without a name.
    assert data_frame(compress(r_files.rds(CODES)), "codes.rds").cells == CELLS
    assert data_frame(compress(r_files.rds(CODES, "UTF-8")), "codes.rds").cells == CELLS


def _cells(
    columns: dict[str, bytes], row_names: list[str | int] | int, **options: str
) -> dict[str, list[Any]]:
    return data_frame(r_files.rds(r_files.data_frame(columns, row_names)), "x.rds", **options).cells


def test_names_of_rows_are_a_column() -> None:
    column = {"code": r_files.vector([1.0, 0.0])}
    assert _cells(column, ["post 7", "post 9"]) == {"rownames": ["post 7", "post 9"], "code": [1, 0]}
    # Numbers that R keeps when rows are taken out of a table say which rows they were.
    assert _cells(column, [7, 9])["rownames"] == ["7", "9"]
    assert _cells(column, 2)["rownames"] == ["1", "2"]
    assert _cells(column, -2)["rownames"] == ["1", "2"]
    own = {"rownames": r_files.vector(["a", "b"]), **column}
    for names in (2, [7, 9]):
        assert _cells(own, names) == {"rownames": ["a", "b"], "code": [1, 0]}


def test_abbreviated_vectors_are_columns_and_names_of_rows_too() -> None:
    whole = {"levels": r_files.strings(["yes", "no"]), "class": r_files.strings(["factor"])}
    wrapped = r_files.ints(r_files.LIST) + r_files.vector([2, 1, 2]) + r_files.vector([0, 0])
    late = r_files.ints(r_files.LIST) + r_files.sequence(3, 10, 1) + r_files.vector([0])
    frame = r_files.with_attributes(
        r_files.listed(
            r_files.sequence(3, 5, -1),
            r_files.alternative("wrap_integer", wrapped, r_files.pairs(whole)),
            r_files.alternative("deferred_string", late),
            r_files.alternative("array_string_vector", r_files.vector(["a", None, "c"])),
        ),
        {
            "names": r_files.strings(["n", "answer", "id", "text"]),
            "row.names": r_files.sequence(3, 2, 1),
            "class": r_files.strings(["tbl_df", "tbl", "data.frame"]),
        },
    )
    assert data_frame(r_files.rds(frame, "UTF-8"), "x.rds").cells == {
        "rownames": ["2", "3", "4"],
        "n": [5, 4, 3],
        "answer": ["no", "yes", "no"],
        "id": ["10", "11", "12"],
        "text": ["a", None, "c"],
    }


def test_days_and_times_are_what_r_shows() -> None:
    days = r_files.of_class(r_files.vector([17000.0, -0.5, None]), "Date")
    whole = r_files.of_class(r_files.vector([17000, -1, None]), "Date")
    times = r_files.of_class(r_files.vector([1.5e9 + 0.25, 0.0, None]), "POSIXct", "POSIXt")
    cells = _cells({"days": days, "whole": whole, "times": times}, 3)
    assert cells["days"] == cells["whole"] == [date(2016, 7, 18), date(1969, 12, 31), None]
    assert cells["times"] == [datetime(2017, 7, 14, 2, 40, 0, 250000), datetime(1970, 1, 1), None]
    for number in (1e9, math.inf):
        with pytest.raises(StudyError, match="column days has a date that is infinite or not in the years"):
            _cells({"days": r_files.of_class(r_files.vector([number]), "Date")}, 1)


def test_whole_numbers_of_64_bits_are_exact() -> None:
    bits = r_files.ints(r_files.REAL, 3) + struct.pack(">qqq", 1234567890123456789, -1, -(2**63))
    assert _cells({"id": r_files.of_class(bits, "integer64")}, 3)["id"] == [1234567890123456789, -1, None]


def test_columns_that_are_no_cells_are_passed_over_and_named() -> None:
    matrix = r_files.with_attributes(r_files.vector([1, 2, 3, 4]), {"dim": r_files.vector([2, 2])})
    scaled = r_files.with_attributes(r_files.vector([0.5, -0.5]), {"dim": r_files.vector([2, 1])})
    columns = {
        "tokens": r_files.listed(r_files.vector(["a", "b"]), r_files.vector(["c"])),
        "n": r_files.vector([1, 2]),
        "matrix": matrix,
        "scaled": scaled,
        "complex": r_files.ints(r_files.COMPLEX, 2) + bytes(32),
        "raw": r_files.ints(r_files.RAW, 2) + b"ab",
        "inner": r_files.data_frame({"a": r_files.vector([1, 2])}, 2),
    }
    reading = read(r_files.rds(r_files.data_frame(columns, 2)), "rdata", label="x.rds")
    assert list(reading.rows) == ["rownames", "n", "scaled"]
    assert list(reading.rows["scaled"]) == [0.5, -0.5]
    (note,) = reading.notes
    assert note.endswith("no text, numbers or dates: tokens, matrix, complex, raw, inner")


def _random_frame(generator: random.Random) -> tuple[bytes, bool]:
    """Return a data frame of R, and whether its rows have names."""
    rows = generator.randrange(1, 20)
    words = ["", "NA", "yes", "Zoë", "汉字", "a\nb", "'", "\U0001f642"]
    makers: list[Callable[[], bytes]] = [
        lambda: r_files.integers([generator.choice([None, 0, -5, 2**31 - 1]) for _ in range(rows)]),
        lambda: (
            r_files.ints(r_files.REAL, rows)
            + b"".join(
                generator.choice(
                    [r_files.NA_REAL, struct.pack(">d", generator.gauss(0, 1e6)), struct.pack(">d", math.inf)]
                )
                for _ in range(rows)
            )
        ),
        lambda: r_files.strings([generator.choice([None, *words]) for _ in range(rows)]),
        lambda: r_files.vector([generator.choice([None, True, False]) for _ in range(rows)]),
        lambda: r_files.factor([generator.choice([None, 1, 2, 3]) for _ in range(rows)], ["b", "Zoë", "a"]),
        lambda: r_files.of_class(
            r_files.vector([float(generator.randrange(-9000, 20000)) for _ in range(rows)]), "Date"
        ),
    ]
    columns = {f"column {n}": generator.choice(makers)() for n in range(generator.randrange(1, 9))}
    named = generator.random() < 0.5
    return r_files.data_frame(columns, [f"row {n}" for n in range(rows)] if named else rows), named


def _by_pyreadr(data: bytes) -> dict[str, list[Any]]:
    (table,) = pyreadr.read_r(io.BytesIO(data)).values()
    missing = table.isna()
    cells = {
        column: [
            None if na else cell
            for cell, na in zip(table[column].astype(object), missing[column], strict=True)
        ]
        for column in table
    }
    return cells | ({"rownames": list(table.index)} if table.index.name == "rownames" else {})


@pytest.mark.parametrize("encoding", [None, "UTF-8"])
def test_pyreadr_reads_the_same(encoding: str | None) -> None:
    generator = random.Random(1)
    for _ in range(60):
        frame, named = _random_frame(generator)
        data = r_files.rdata({"frame": frame}, encoding)
        cells = data_frame(data, "x.rdata").cells
        theirs = _by_pyreadr(data)
        assert ("rownames" in theirs) == named
        assert {name: cells[name] for name in theirs} == theirs
        assert len(cells) == len(theirs) + (not named)


def test_one_of_several_data_frames_is_named_with_member(tmp_path: Path) -> None:
    other = r_files.data_frame({"who": r_files.vector(["anna"])}, 1)
    objects = {"codes": CODES, "seeds": r_files.vector([1, 2]), "people": other}
    file = tmp_path / "All.RData"
    file.write_bytes(gzip.compress(r_files.rdata(objects)))
    chosen = read_part({"file": str(file), "member": "people"}, tmp_path)
    assert list(chosen.reading.rows["who"]) == ["anna"]
    assert chosen.label == file.as_posix()
    packed = tmp_path / "all.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("data/all.rda", r_files.rdata(objects))
    inside = sources.content({"file": str(packed), "member": ["data/all.rda", "codes"]}, tmp_path)
    assert inside.frame == "codes"
    assert inside.label.endswith("all.zip > data/all.rda")
    for source, words in (
        ({"file": str(file)}, ("several data frames", "codes, people", "key 'member'")),
        ({"file": str(file), "member": "seeds"}, ("no such data frame", "Found: 'seeds'")),
        ({"file": str(file), "member": "peopel"}, ("Did you mean 'people'?",)),
    ):
        with pytest.raises(StudyError) as caught:
            read_part(source, tmp_path)
        assert all(word in str(caught.value) for word in words), str(caught.value)
    # A single data frame is taken, whatever stands beside it.
    file.write_bytes(r_files.rdata({"codes": CODES, "seeds": r_files.vector([1, 2])}))
    assert len(read_part({"file": str(file)}, tmp_path).reading.rows) == 3


def test_text_without_a_mark_has_the_encoding_that_is_named() -> None:
    frame = r_files.data_frame({"text": r_files.vector(["Zoë".encode("latin-1")])}, 1)
    for said in (None, "UTF-8", "C.no-such-encoding", "base64"):
        data = r_files.rdata({"codes": frame}, said)
        with pytest.raises(StudyError, match="Name the encoding") as caught:
            data_frame(data, "old.rda")
        assert "key 'encoding'" in str(caught.value)
        for name in ("latin1", "latin-1", "cp1252", "ISO-8859-1"):
            assert data_frame(data, "old.rda", encoding=name).cells["text"] == ["Zoë"]
    # Since version 3 of the format the file may say it itself.
    for said in ("latin1", "CP1252", "ISO-8859-1"):
        assert data_frame(r_files.rdata({"codes": frame}, said), "old.rda").cells["text"] == ["Zoë"]


def test_text_with_a_mark_has_its_own_encoding() -> None:
    texts = r_files.characters("Zoë") + r_files.characters("Zoë".encode("latin-1"), r_files.LATIN1)
    marked = r_files.ints(r_files.STRINGS, 2) + texts
    assert _cells({"text": marked}, 2, encoding="big5")["text"] == ["Zoë", "Zoë"]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("gb18030", "腐败"), ("big5", "貪污"), ("shift_jis", "はい"), ("euc-kr", "예"), ("cp1251", "Да")],
)
def test_encodings_have_the_names_that_they_have_elsewhere(encoding: str, text: str) -> None:
    column = {"text": r_files.vector([text.encode(encoding)])}
    assert _cells(column, 1, encoding=encoding)["text"] == [text]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (r_files.rdata({"seeds": r_files.vector([1, 2])}), "holds no data frame"),
        (r_files.rdata({"codes": r_files.data_frame({"a": r_files.vector([])}, 0)}), "no rows"),
        (
            r_files.rdata(
                {"x": r_files.data_frame([("a", r_files.vector([1])), ("a", r_files.vector([2]))], 1)}
            ),
            "Two columns have one name",
        ),
        (
            r_files.rdata({"x": r_files.data_frame({"rownames": r_files.vector([1])}, ["first"])}),
            "Two columns have one name",
        ),
        (r_files.rds(r_files.data_frame({"a": r_files.vector([1, 2])}, 3)), "column a has 2 rows"),
        (r_files.rds(r_files.data_frame({"a": r_files.vector([1, 2])}, -(2**31))), "has 2147483648"),
        (r_files.rds(r_files.data_frame({"a": r_files.factor([3], ["x"])}, 1)), "factor a has a level"),
        (r_files.rds(r_files.data_frame({"a": r_files.listed(r_files.vector([1]))}, 1)), "no column of text"),
        (
            r_files.rds(r_files.of_class(r_files.listed(r_files.vector([1])), "data.frame")),
            "one name for each",
        ),
        (
            r_files.rds(
                r_files.with_attributes(
                    r_files.listed(r_files.vector([1])),
                    {"names": r_files.strings(["a"]), "class": r_files.strings(["data.frame"])},
                )
            ),
            "does not say how many rows",
        ),
        (r_files.rds(r_files.of_class(r_files.vector(["a"]), "data.frame")), "one name for each"),
        (r_files.rdata({"codes": CODES})[:-40], "no readable file of R"),
        (gzip.compress(r_files.rdata({"codes": CODES}), mtime=0)[:60], "no readable file of R"),
        (b"\x1f\x8bnothing", "cannot be unpacked"),
        (b"BZhnothing", "cannot be unpacked"),
        (b"RDA3\nA\n3\n", "no readable file of R"),
        (b"id,text\n1,a\n", "no readable file of R"),
        (b"", "empty"),
    ],
)
def test_what_is_no_table_of_r_is_refused_in_a_sentence(data: bytes, words: str) -> None:
    with pytest.raises(StudyError, match=words) as caught:
        read(data, "rdata", label="data/corpus/x.rdata")
    assert str(caught.value).startswith("data/corpus/x.rdata")


def test_a_small_file_that_unpacks_to_a_large_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("study.rdata.LARGEST", 10**6)
    for compress in (gzip.compress, bz2.compress, lzma.compress):
        with pytest.raises(StudyError, match="unpacks to more than"):
            data_frame(compress(bytes(10**7)), "x.rdata")


def _hostile(seed: int, whole: bytes) -> bytes:
    """Return a file that is cut off, random, or a real one with some bytes changed."""
    generator = random.Random(seed)
    kind = seed % 4
    if kind == 0:
        return whole[: generator.randrange(1, len(whole))]
    if kind == 1:
        return generator.randbytes(generator.randrange(1, 3000))
    if kind == 2:
        return whole[:20] + generator.randbytes(400)
    changed = bytearray(whole)
    for _ in range(generator.randrange(1, 9)):
        changed[generator.randrange(len(changed))] = generator.randrange(256)
    return bytes(changed)


def test_no_file_brings_the_program_down() -> None:
    others = r_files.data_frame({"a": r_files.sequence(1, 7, 1)}, ["c"])
    whole = r_files.rdata({"codes": CODES, "others": others}, "UTF-8")
    refused = []
    tracemalloc.start()
    try:
        for seed in range(1500):
            for data in (_hostile(seed, whole), gzip.compress(_hostile(seed, whole))):
                try:
                    data_frame(data, "x.rdata", "codes")
                except StudyError as error:
                    refused.append(str(error))
        assert tracemalloc.get_traced_memory()[1] < 50 * 10**6
    finally:
        tracemalloc.stop()
    assert len(refused) > 2000
    assert not [words for words in refused if "\n" in words]


def test_the_published_data_of_a_study(tmp_path: Path) -> None:
    source = {"url": f"https://example.org/raw/main/data/{FILE}", "sha256": SHA256}
    # From the mirror folder, as in a study.
    sources.fetch(source, sources.location(source, tmp_path))
    rows = read_part(source, tmp_path).reading.rows
    assert len(rows) == 1412
    assert list(rows["rownames"][:3]) == ["1", "2", "3"]
    assert sum(cell is not None for cell in rows["countyWrong"]) == 500
    assert sum(rows["pred_countyWrong"]) == 344
    assert list(rows["countyWrong"][:4]) == [0, 0, 1, None]
    theirs = pan_chen()
    for column in theirs:
        assert list(rows[column]) == [None if math.isnan(cell) else cell for cell in theirs[column]]
