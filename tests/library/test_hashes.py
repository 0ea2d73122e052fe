"""Hashes that are remembered are those of the files as they are."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from study.provenance.hashes import REMEMBERED, Hashes, sha256

OLD = 1_700_000_000


def write(path: Path, text: str, when: int = OLD) -> None:
    path.write_text(text, encoding="utf-8")
    os.utime(path, (when, when))


def test_both_hashes_are_those_of_the_content(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "text")
    with Hashes(tmp_path) as hashes:
        assert hashes.sha256("a.txt") == hashlib.sha256(b"text").hexdigest() == sha256(tmp_path / "a.txt")
        assert hashes.md5("a.txt") == hashlib.md5(b"text").hexdigest()
        assert hashes.sha256("none.txt") is None
        assert hashes.sha256(".") is None


def test_a_file_that_has_not_changed_is_not_read_again(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "text")
    with Hashes(tmp_path) as hashes:
        expected = hashes.sha256("a.txt")
    remembered = tmp_path / REMEMBERED
    known = json.loads(remembered.read_text("utf-8"))
    assert known["sha256:a.txt"][0] == expected
    known["sha256:a.txt"][0] = "as remembered"
    remembered.write_text(json.dumps(known), encoding="utf-8")
    with Hashes(tmp_path) as hashes:
        assert hashes.sha256("a.txt") == "as remembered"


@pytest.mark.parametrize(("text", "when"), [("longer text", OLD), ("TEXT", OLD + 1)])
def test_another_size_or_time_is_read_again(tmp_path: Path, text: str, when: int) -> None:
    write(tmp_path / "a.txt", "text")
    with Hashes(tmp_path) as hashes:
        hashes.sha256("a.txt")
    write(tmp_path / "a.txt", text, when)
    with Hashes(tmp_path) as hashes:
        assert hashes.sha256("a.txt") == hashlib.sha256(text.encode()).hexdigest()


def test_a_file_that_was_just_written_is_not_remembered(tmp_path: Path) -> None:
    """Its next content may have the same size, and the same time where clocks are coarse."""
    (tmp_path / "a.txt").write_text("text", encoding="utf-8")
    with Hashes(tmp_path) as hashes:
        hashes.sha256("a.txt")
    assert not (tmp_path / REMEMBERED).exists()


@pytest.mark.parametrize("broken", ["", "{", "[1]", '{"sha256:a.txt": 7}'])
def test_what_is_remembered_may_be_lost(tmp_path: Path, broken: str) -> None:
    write(tmp_path / "a.txt", "text")
    (tmp_path / REMEMBERED).parent.mkdir(parents=True)
    (tmp_path / REMEMBERED).write_text(broken, encoding="utf-8")
    with Hashes(tmp_path) as hashes:
        assert hashes.sha256("a.txt") == hashlib.sha256(b"text").hexdigest()
