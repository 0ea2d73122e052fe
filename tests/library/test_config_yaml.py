"""Strict reading: what YAML would silently turn into something else is refused, or kept as it was written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from study.config import yaml_file
from study.config.document import dotted
from study.config.yaml_file import parse, read
from study.errors import StudyError

LOADERS = [yaml_file._PurePythonLoader, getattr(yaml_file, "_LibyamlLoader", yaml_file._PurePythonLoader)]


@pytest.fixture(autouse=True, params=LOADERS, ids=["pure Python", "libyaml"])
def _either_loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_file, "_Loader", request.param)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1", 1),
        ("-4", -4),
        ("0.50", 0.5),
        (".5", 0.5),
        ("1e-3", 0.001),
        ("true", True),
        ("No", False),
        ("~", None),
        ("", None),
        ("text", "text"),
        ("007", "007"),
        ("010", "010"),
        ("0x1F", "0x1F"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("2014-05-01", "2014-05-01"),
        ("2014-05-01 10:00:00", "2014-05-01 10:00:00"),
        ("'no'", "no"),
        ('"1"', "1"),
        ("!!str 1", "1"),
        ("[a, 1]", ["a", 1]),
        ("{a: {b: 1}}", {"a": {"b": 1}}),
        ("y", "y"),
        ("|-\n  a\n  b", "a\nb"),
        ("\u202babc", "\u202babc"),
    ],
)
def test_a_value_is_what_a_researcher_reads(written: str, value: object) -> None:
    found = parse(f"key: {written}\n", "f.yaml").value["key"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["empty"]),
        ("# only a comment\n", ["empty"]),
        ("---\n", ["empty"]),
        ("- a\n- b\n", ["keys with values", "title: My study"]),
        ("just words\n", ["keys with values"]),
        ("a: 1\nb: 2\na: 3\n", ["line 3", "'a' is there twice", "line 1"]),
        ("x: {a: 1, a: 2}\n", ["'a' is there twice"]),
        ("a:\n\tb: 1\n", ["line 2", "tab"]),
        ("a: 1\n---\nb: 2\n", ["line 2", "second document"]),
        ("a: !!python/object/apply:os.system [ls]\n", ["!!python/object/apply:os.system", "not allowed"]),
        ("a: !include other.yaml\n", ["!include"]),
        ("a: !!set {b, c}\n", ["!!set"]),
        ("a: !!int '1'\n", ["!!int"]),
        ("a: *nothing\n", ["line 1", "names no anchor"]),
        ("a: &x 1\nb: &x 2\nc: *x\nd: &y [*y]\n", []),
        ("a: &x [*x]\n", ["contains itself"]),
        ("a: &x {<<: *x}\n", ["contains itself"]),
        ("a: {<<: 3}\n", ["merged with <<"]),
        ("a: " + "[" * 31 + "]" * 31 + "\n", ["30 levels"]),
        ("a: " + "[" * 100_000, ["30 levels"]),
        ("a: " + "{b: " * 100_000, ["30 levels"]),
        ("no: 1\n", ["unquoted key no as false", '"no"']),
        ("ON: 1\n", ["unquoted key ON as true"]),
        ("~: 1\n", ["unquoted key ~ as nothing"]),
        ("?\n: 1\n", ["(nothing) as nothing"]),
        ("? [a, b]\n: 1\n", ["A key must be a word"]),
        ("{{text}}: 1\n", ["A key must be a word"]),
        ("a\u2066b: 1\n", ["U+2066"]),
        ("a\u200bb: 1\n", ["U+200B"]),
        ('"a\\tb": 1\n', ["U+0009"]),
        ("a: .inf\n", ["not finite"]),
        ("a: .NaN\n", ["not finite"]),
        ("a: 1e999\n", ["not finite"]),
        ("a: " + "9" * 5000 + "\n", ["too long", "quotes"]),
        ('a: "\\0"\n', ["U+0000"]),
        ('a: "\\uD800"\n', ["f.yaml"]),
        ("a: \x07\n", ["U+0007"]),
        ("a: b: c\n", ["not valid YAML", "line 1", "quotes"]),
        ("a: 'open\n", ["not valid YAML"]),
        ("a: [1, 2\nb: 3\n", ["not valid YAML"]),
        ("%YAML 3.0\n---\na: 1\n", ["not valid YAML"]),
        ("a: @b\n", ["not valid YAML"]),
    ],
)
def test_what_is_refused_is_explained(text: str, words: list[str]) -> None:
    with pytest.raises(StudyError) as caught:
        parse(text, "f.yaml")
    message = str(caught.value)
    assert message.startswith("f.yaml")
    assert "\n" not in message
    for word in words:
        assert word in message


def test_a_bomb_of_aliases_is_stopped() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 15)]
    with pytest.raises(StudyError, match="repeat too much"):
        parse("\n".join(lines), "f.yaml")


def test_merged_keys_give_way_to_own_ones_and_are_not_shared() -> None:
    document = parse("a: &a {x: 1, y: [1]}\nb: {x: 2, <<: *a}\nc:\n  <<: [{x: 5}, *a]\n", "f.yaml")
    assert document.value["b"] == {"x": 2, "y": [1]}
    assert document.value["c"] == {"x": 5, "y": [1]}
    document.value["b"]["y"].append(2)
    assert document.value["a"]["y"] == [1]
    assert document.lines["b", "x"] == 2


def test_lines_and_how_values_were_written_are_remembered() -> None:
    document = parse("a:\n  b: no\n  c:\n    - 1.50\n    - x\n'1': 2\n3: 4\n", "config/f.yaml")
    assert document.place(("a", "b")) == "config/f.yaml, line 2"
    assert document.place(("a", "c", 1)) == "config/f.yaml, line 5"
    assert document.place(("a", "c", 7)) == "config/f.yaml, line 3"
    assert document.place(("z",)) == "config/f.yaml"
    assert document.written["a", "b"] == ("boolean", "no")
    assert document.written["a", "c", 0] == ("number", "1.50")
    assert document.written_keys == {("3",): ("number", "3")}


def test_list_items_are_counted_from_one() -> None:
    assert dotted(("corpus", "sources", 0, "file")) == "corpus.sources[1].file"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a: 1\nb: caf\xe9\n", ["line 2", "UTF-8", "0xe9"]),
        ("a: 1\n".encode("utf-16"), ["UTF-16"]),
        ("a: 1\n".encode("utf-16-le"), ["UTF-16"]),
        (b"a: 1\x00\n", ["NUL"]),
        (b"a: " + b"x" * 5_000_000, ["too large"]),
    ],
)
def test_damaged_files_are_explained(tmp_path: Path, content: bytes, words: list[str]) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(content)
    with pytest.raises(StudyError) as caught:
        read(path, "config/f.yaml")
    for word in ["config/f.yaml", *words]:
        assert word in str(caught.value)


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: [x]\r\n")
    assert read(path, "f").value == {"a": 1, "b": ["x"]}


def test_a_missing_file_and_a_folder_are_explained(tmp_path: Path) -> None:
    (tmp_path / "study.yml").write_text("a: 1")
    with pytest.raises(StudyError, match=r"Rename study\.yml to study\.yaml"):
        read(tmp_path / "study.yaml", "config/study.yaml")
    with pytest.raises(StudyError, match="cannot be read"):
        read(tmp_path, "config/study.yaml")


def test_what_never_ends_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "device.yaml").symlink_to("/dev/zero")
    for name in ("pipe.yaml", "device.yaml"):
        with pytest.raises(StudyError, match="a pipe or a device"):
            read(tmp_path / name, "config/study.yaml")


def test_values_are_plain(tmp_path: Path) -> None:
    def kinds(value: Any) -> set[type]:
        if isinstance(value, dict):
            return {dict}.union(*(kinds(v) for v in value.values()), *(kinds(k) for k in value))
        if isinstance(value, list):
            return {list}.union(*(kinds(v) for v in value))
        return {type(value)}

    document = parse("a: 2014-01-01\nb: [1, 1.5, no, ~, {2020-01-01: x}]\n", "f")
    assert kinds(document.value) <= {dict, list, str, int, float, bool, type(None)}
