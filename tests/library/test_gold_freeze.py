"""Freezing writes down what was decided, and when, in which version, after how many codes."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from study.coders import codings
from study.config import load
from study.errors import StudyError
from study.gold.freeze import coded_units, entry, freeze, main, version
from study.gold.frozen import FROZEN, SECTIONS, read

GOOD = Path(__file__).parent / "good_study"
NOW = datetime(2026, 3, 4, 23, 30, tzinfo=timezone(-timedelta(hours=2)))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copytree(GOOD, tmp_path / "study")
    return tmp_path / "study"


def new(root: Path, **keys: Any) -> dict[str, Any]:
    own: dict[str, Any] = {"now": NOW, "reason": None, "git": {"commit": None, "clean": None}, "coded": {}}
    return entry(load(root), **(own | keys))


def test_what_is_recorded(root: Path) -> None:
    said = freeze(root, new(root, coded={"humans": {"evaluate": 0, "pilot": 5, "other": 0}}), again=False)
    (one,) = read(root / FROZEN)
    assert one["date"] == "2026-03-05T01:30:00+00:00"
    assert one["coded_units"] == {"humans": {"evaluate": 0, "pilot": 5, "other": 0}}
    assert tuple(one["sections"]) == SECTIONS
    assert set(one["sections"]["codebooks"]) == {"sentiment", "warmth"}
    assert list(one["sections"]["codebooks"]["sentiment"]["categories"]) == list(
        load(root)["codebooks"]["sentiment"]["categories"]
    )
    decided = one["sections"]
    assert decided["hypotheses"] == load(root)["hypotheses"]
    assert said.startswith("Frozen in config/frozen.json: 2 codebooks, ")
    assert "looked at" not in said


def test_codebooks_get_the_status_and_nothing_else(root: Path) -> None:
    before = {path.name: path.read_text() for path in (root / "config").rglob("*.yaml")}
    freeze(root, new(root), again=False)
    assert {book["status"] for book in load(root)["codebooks"].values()} == {"frozen"}
    for path in (root / "config").rglob("*.yaml"):
        old = yaml.safe_load(before[path.name])
        now = yaml.safe_load(path.read_text())
        if path.parent.name == "codebooks":
            old["status"] = "frozen"
        assert now == old
        changed = [
            line for line in path.read_text().splitlines() if line not in before[path.name].splitlines()
        ]
        assert changed in ([], ["status: frozen"])


def test_a_codebook_that_cannot_be_edited_is_named(root: Path) -> None:
    file = root / "config" / "codebooks" / "warmth.yaml"
    book = yaml.safe_load(file.read_text())
    book.pop("status", None)
    text = json.dumps(book)  # YAML too, all in one line
    file.write_text(text)
    said = freeze(root, new(root), again=False)
    assert "Set 'status: frozen' yourself in config/codebooks/warmth.yaml" in said
    assert file.read_text() == text
    assert read(root / FROZEN)


def test_a_study_is_frozen_once_and_then_again_with_a_reason(root: Path) -> None:
    with pytest.raises(StudyError, match="not been frozen yet"):
        freeze(root, new(root, reason="x"), again=True)
    freeze(root, new(root), again=False)
    first = read(root / FROZEN)
    with pytest.raises(StudyError, match=r"frozen already, since 2026-03-05.*again='the reason'"):
        freeze(root, new(root), again=False)
    assert read(root / FROZEN) == first
    freeze(root, new(root, reason="a typing error"), again=True)
    found = read(root / FROZEN)
    assert found[0] == first[0]
    assert [one["reason"] for one in found] == [None, "a typing error"]


def test_codes_that_could_have_been_looked_at_are_said(root: Path) -> None:
    coded = {"humans": {"evaluate": 12, "pilot": 5, "other": 0}}
    said = freeze(root, new(root, coded=coded, git={"commit": "a" * 40, "clean": False}), again=False)
    assert "12 units to evaluate were coded and not sealed" in said
    assert "not committed" in said


def test_sealed_codes_could_not_be_looked_at(root: Path) -> None:
    one = new(root, coded={"humans": {"evaluate": 12, "pilot": 5, "other": 0}})
    one["sections"]["gold"]["seal"] = True
    assert "looked at" not in freeze(root, one, again=False)


def test_coded_units_are_counted_by_part() -> None:
    sample = pd.DataFrame(
        {"unit_id": list("abcde"), "part": ["evaluate", "evaluate", "pilot", "rest", "rest"]}
    )
    table = codings(
        list("abcdxz"),
        construct="wrong",
        coder="humans",
        status=["sealed", "not_codable", "ok", "ok", "failed", "failed"],
        score=[float("nan")] * 6,
        counts={"n_ratings": [2, 1, 1, 1, 2, 0]},
    )
    both = pd.concat([table, table.assign(construct="tone")])
    # x has two codes that differ; z has none, only a published score that is missing.
    assert coded_units({"humans": both}, sample) == {"humans": {"evaluate": 2, "pilot": 1, "other": 2}}
    given = table.drop(columns="n_ratings")
    assert coded_units({"given": given}, sample[:0]) == {"given": {"evaluate": 0, "pilot": 0, "other": 4}}


def test_git_s_version(root: Path) -> None:
    assert version(root) == {"commit": None, "clean": None}
    own = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", "-C", str(root)]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*own, *command], check=True, capture_output=True)
    found = version(root)
    assert len(found["commit"]) == 40
    assert found["clean"] is True
    study = root / "config" / "study.yaml"
    study.write_text(study.read_text() + "\n# a remark\n")
    assert version(root) == {**found, "clean": False}


def test_the_command_line_cannot_change_what_is_frozen(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sample, coded = root / "sample.csv", root / "humans.parquet"
    sample.write_text("unit_id,part,stratum,probability,sampling_probability\na,evaluate,all,1,1\n")
    codings(["a"], construct="sentiment", coder="humans", score=[1.0]).to_parquet(coded)
    with pytest.raises(StudyError, match=r"key 'sample'.*what the files say"):
        main(overrides={"sample": {"n": 3}}, sample=sample, codings=[coded], root=root)
    assert not (root / FROZEN).exists()
    before = datetime.now(UTC).replace(microsecond=0)
    main(overrides={}, sample=sample, codings=[coded], root=root)
    assert "Frozen in config/frozen.json" in capsys.readouterr().out
    (one,) = read(root / FROZEN)
    assert before <= datetime.fromisoformat(one["date"]) <= datetime.now(UTC)
    assert one["coded_units"] == {"humans": {"evaluate": 1, "pilot": 0, "other": 0}}
