"""Files of R are read cell by cell as R shows them; damaged and hostile ones are refused in a sentence."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from library import r_files
from pan_chen import FILE, SHA256
from study import sources
from study.corpus import read_part
from study.errors import StudyError
from study.rdata import data_frame
from study.reading import read

ROOT = Path(__file__).resolve().parents[2]
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
    assert data_frame(compress(r_files.rds(CODES)), "codes.rds") == CELLS


def test_names_of_rows_are_a_column() -> None:
    column = {"code": r_files.vector([1.0, 0.0])}
    named = r_files.rdata({"codes": r_files.data_frame(column, ["post 7", "post 9"])})
    assert data_frame(named, "x.rdata") == {"rownames": ["post 7", "post 9"], "code": [1, 0]}
    # Numbers are no names: those that R keeps when rows are taken out of a table are counted anew.
    numbered = r_files.rdata({"codes": r_files.data_frame(column, [7, 9])})
    assert data_frame(numbered, "x.rdata")["rownames"] == ["1", "2"]
    own = r_files.data_frame({"rownames": r_files.vector(["a", "b"]), **column}, 2)
    assert data_frame(r_files.rdata({"codes": own}), "x.rdata") == {"rownames": ["a", "b"], "code": [1, 0]}


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
    data = r_files.rdata(
        {"codes": r_files.data_frame({"text": r_files.vector(["Zoë".encode("latin-1")])}, 1)}
    )
    with pytest.raises(StudyError, match="Name the encoding") as caught:
        data_frame(data, "old.rda")
    assert "key 'encoding'" in str(caught.value)
    for name in ("latin1", "latin-1", "cp1252", "ISO-8859-1"):
        assert data_frame(data, "old.rda", encoding=name)["text"] == ["Zoë"]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("gb18030", "腐败"), ("big5", "貪污"), ("shift_jis", "はい"), ("euc-kr", "예"), ("cp1251", "Да")],
)
def test_encodings_have_the_names_that_they_have_elsewhere(encoding: str, text: str) -> None:
    column = {"text": r_files.vector([text.encode(encoding)])}
    data = r_files.rdata({"codes": r_files.data_frame(column, 1)})
    assert data_frame(data, "old.rda", encoding=encoding)["text"] == [text]


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
        (r_files.rdata({"codes": CODES})[:-40], "no readable file of R"),
        (gzip.compress(r_files.rdata({"codes": CODES}))[:60], "no readable file of R"),
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


def main(first: int, last: int) -> None:
    """Read hostile files; whatever is not refused in a sentence is an error of the program."""
    whole = r_files.rdata({"codes": CODES, "others": r_files.data_frame({"a": r_files.vector(["b"])}, ["c"])})
    for seed in range(first, last):
        for data in (_hostile(seed, whole), gzip.compress(_hostile(seed, whole))):
            try:
                data_frame(data, "x.rdata", "codes")
            except StudyError as error:
                if "\n" in str(error):
                    raise
    print("done")


def test_no_file_brings_the_program_down() -> None:
    """In a process of its own: the reader is written in C, and a crash there would end the tests."""
    program = "from library.test_rdata import main; main(0, 1500)"
    path = os.pathsep.join([str(ROOT / "tests"), str(ROOT / "{{cookiecutter.project_slug}}" / "src")])
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr[-500:]) == (0, "done\n", "")


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
