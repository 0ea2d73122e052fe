"""Recorded responses are coded again: what is the same is said to be, what is not is counted and measured."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from library.coding_jobs import CONTEXT, LENGTH, TONE, Job, Study, instrument, some
from library.embedded import UNPACKED, model_file
from study.errors import StudyError
from study.llm.coding import main as ask
from study.llm.engine import LabelEngine
from study.llm.machine import machine
from study.llm.model import read_card
from study.llm.recode import compare, drawn, main
from study.store import ResponseStore

# guidance calls it once a token of the vocabulary.
pytestmark = pytest.mark.filterwarnings("ignore:llama_token_get_attr is deprecated")

ABSENT = {"package": "no-such-package", "file": "model.gguf"}
AMOUNT: dict[str, Any] = {
    "construct": "amount",
    "question": "How good is the day, from 0 to 10?",
    "type": "number",
    "level": "interval",
    "scale": {"low": 0, "high": 10},
    "system": "You code texts.",
}
WHY = {**TONE, "construct": "why", "prompt": {"rationale": "after", "rationale_tokens": 8}}

Tamper = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    return read_card(model_file(), "smollm2", None, "F16")


@pytest.fixture(scope="module")
def engine() -> LabelEngine:
    return LabelEngine(model_file(UNPACKED), context=CONTEXT, threads=1)


def recode(here: Study, model: dict[str, Any] = UNPACKED, **others: Any) -> dict[str, Any]:
    """Run the program, and return its report."""
    arguments = here.arguments()
    for name in ("shard", "shards", "index", "model"):
        del arguments[name]
    arguments |= {"models": {"small": model}, "model_of": {"llm": "small"}, "root": here.root}
    main(**arguments | {"report": here.root / "verification" / "recode.json"} | others)
    report = json.loads((here.root / "verification" / "recode.json").read_text(encoding="utf-8"))
    assert isinstance(report, dict)
    return report


def rows(here: Study) -> list[dict[str, str]]:
    with (here.root / "verification" / "recode.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def tamper(here: Study, change: Tamper) -> None:
    """Put the responses into a store anew, after `change` has had each of them."""
    kept = here.responses()
    (here.root / "responses").rename(here.root / "before")
    with ResponseStore(here.root / "responses").write() as journal:
        for one in kept.values():
            change(one)
            journal.add(one)


def test_on_one_machine_every_bit_is_the_same(
    tmp_path: Path, card: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    here = Study(tmp_path, some(12), [instrument(card, TONE, LENGTH)])
    ask(**here.arguments())
    before = files(tmp_path / "responses")
    report = recode(here, fraction=1)
    assert files(tmp_path / "responses") == before
    assert (report["recorded"], report["coded_again"], report["identical"]) == (12, 12, 12)
    assert (report["codes"], report["codes_differing"], report["largest_difference"]) == (24, 0, None)
    assert report["coders"] == {"llm": {key: report[key] for key in report["coders"]["llm"]}}
    assert {row["key"] for row in rows(here)} == here.index().keys()
    assert {(row["identical"], row["largest_difference"]) for row in rows(here)} == {("True", "0.0")}
    said = capsys.readouterr().out
    assert said.startswith("Coded again: 12 of 12 recorded responses (fraction 1, seed 1). Identical to")
    assert "on what machine is not recorded. Here it is the same, on " in said
    assert said.count("\n") == 1


def test_numbers_reasons_and_draws_are_the_same_too(tmp_path: Path, card: dict[str, Any]) -> None:
    asked = [
        instrument(card, AMOUNT, temperature=0.8),
        instrument(card, WHY, temperature=0.8),
        instrument(card, {**TONE, "construct": "better", "type": "compare", "level": "interval"}),
    ]
    here = Study(tmp_path, some(4), asked)
    how = {"which": "all", "repeats": 2, "designs": {"better": {"rounds": 1, "seed": 1}}, "references": {}}
    ask(**here.arguments(asked={"llm": how}))
    report = recode(here, fraction=1, asked={"llm": how})
    assert report["coded_again"] == report["identical"] == report["recorded"] == len(here.index())
    assert {row["codebook"] for row in rows(here)} == {"amount", "why", "better"}
    assert {row["repeat"] for row in rows(here)} == {"1", "2"}
    assert {row["other_unit_id"] != "" for row in rows(here) if row["codebook"] == "better"} == {True}


def test_a_changed_probability_is_found_and_measured(
    tmp_path: Path, card: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    here = Study(tmp_path, some(12), [instrument(card)])
    ask(**here.arguments())
    true = []

    def change(response: dict[str, Any]) -> None:
        if response["unit_id"] == "u005":
            [first, second] = response["answers"][0]["log_p"][0]
            true.append(1 / (1 + math.exp(-abs(first - second))))
            # The other label, with probability .9.
            other = [math.log(0.1), math.log(0.9)]
            response["answers"][0]["log_p"] = [other if first > second else other[::-1]]

    tamper(here, change)
    report = recode(here, fraction=1)
    assert (report["coded_again"], report["identical"], report["codes_differing"]) == (12, 11, 1)
    assert report["largest_difference"] == pytest.approx(true[0] - 0.1, abs=1e-12)
    [off] = [row for row in rows(here) if row["identical"] == "False"]
    assert (off["unit_id"], off["codes_differing"]) == ("u005", "1")
    assert float(off["largest_difference"]) == report["largest_difference"]
    said = capsys.readouterr().out
    off_by = f"{true[0] - 0.1:.3g}"
    assert f"11 of 12; the rest: probabilities off by {off_by} at most, codes that differ: 1 of 12." in said


def test_the_last_bit_counts(tmp_path: Path, card: dict[str, Any]) -> None:
    here = Study(tmp_path, some(2), [instrument(card)])
    ask(**here.arguments())

    def change(response: dict[str, Any]) -> None:
        if response["unit_id"] == "u000":
            log_p = response["answers"][0]["log_p"][0]
            log_p[0] = math.nextafter(log_p[0], 0)

    tamper(here, change)
    report = recode(here, fraction=1)
    assert (report["identical"], report["codes_differing"]) == (1, 0)
    assert 0 <= report["largest_difference"] < 1e-15


def test_another_number_and_other_reasons_are_found(tmp_path: Path, card: dict[str, Any]) -> None:
    here = Study(tmp_path, some(2), [instrument(card, AMOUNT), instrument(card, WHY)])
    ask(**here.arguments())

    def change(response: dict[str, Any]) -> None:
        [answer] = response["answers"]
        if response["unit_id"] == "u001":
            answer.update({"value": "11"} if "value" in answer else {"rationale": "For no reason."})

    tamper(here, change)
    report = recode(here, fraction=1)
    assert (report["coded_again"], report["identical"], report["largest_difference"]) == (4, 2, 0)
    found = {row["codebook"]: row for row in rows(here) if row["identical"] == "False"}
    assert {row["unit_id"] for row in found.values()} == {"u001"}
    assert {name: row["codes_differing"] for name, row in found.items()} == {"amount": "1", "why": "0"}


def test_an_answer_where_none_was_is_another_code(card: dict[str, Any]) -> None:
    one = instrument(card)
    answer = [{"log_p": [[-1.0, -2.0]]}]
    response = {"key": "k", "unit_id": "u", "repeat": 1, "status": "ok", "answers": answer}
    refused = response | {"status": "too_long", "answers": None}
    found = compare(one, refused, response)
    assert (found.identical, found.largest_difference, found.codes, found.codes_differing) == (
        False,
        None,
        1,
        1,
    )
    same = compare(one, refused, refused)
    assert (same.identical, same.largest_difference, same.codes, same.codes_differing) == (True, None, 0, 0)


def test_a_share_is_drawn_of_each_instrument(tmp_path: Path, card: dict[str, Any]) -> None:
    here = Study(tmp_path, some(10), [instrument(card), instrument(card, LENGTH)])
    ask(**here.arguments())

    def chosen(**how: Any) -> set[tuple[str, str]]:
        recode(here, **how)
        return {(row["codebook"], row["key"]) for row in rows(here)}

    least = chosen(fraction=0.001)
    assert sorted(name for name, _ in least) == ["length", "tone"]
    some_ = chosen(fraction=0.3)
    assert [name for name, _ in sorted(some_)] == ["length"] * 3 + ["tone"] * 3
    assert least < some_
    assert chosen(fraction=0.3) == some_
    assert chosen(fraction=0.3, seed=2) != some_


def test_every_key_is_as_likely_as_another() -> None:
    keys = [f"k{n}" for n in range(10)]
    times = {key: sum(key in drawn(keys, 0.3, seed) for seed in range(1000)) for key in keys}
    assert sum(times.values()) == 3000
    # 300 each are expected, with a standard deviation of 14.5.
    assert all(240 < n < 360 for n in times.values())
    assert drawn([], 0.5, 1) == set()


def test_only_what_is_recorded_is_coded_again(
    tmp_path: Path, card: dict[str, Any], engine: LabelEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    # One text of three, and one failed one: an engine that is smaller than the instrument says.
    large = instrument(card, context=2 * CONTEXT)
    texts = [*some(2), " a" * (CONTEXT + 50)]
    here = Study(tmp_path, texts, [large])
    Job(tmp_path / "responses", engine).ask([texts[0], texts[2]], large)
    here.instruments.append(tmp_path / "new.json")
    report = recode(here, fraction=1)
    assert (report["recorded"], report["coded_again"], report["identical"]) == (1, 1, 1)
    assert "Left out, since they have coded nothing yet: new." in capsys.readouterr().err


def test_another_version_of_the_engine_is_a_finding(
    tmp_path: Path, card: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    older = instrument({**card, "engine": {**card["engine"], "llama-cpp-python": "0.3.16"}})
    here = Study(tmp_path, some(1), [older])
    job = Job(tmp_path / "responses", LabelEngine(model_file(UNPACKED), context=CONTEXT, threads=1))
    job.ask(some(1), older)
    report = recode(here)
    assert report["identical"] == 1
    assert report["recorded_with"]["packages"].endswith("llama-cpp-python 0.3.16")
    assert report["here"]["packages"] == machine()["packages"]
    assert report["here"]["weights"] == report["recorded_with"]["weights"] == f"sha256 {card['sha256']}"
    assert "llama-cpp-python 0.3.16" in capsys.readouterr().out


def test_without_the_model_it_says_what_to_do(
    tmp_path: Path, card: dict[str, Any], engine: LabelEngine
) -> None:
    here = Study(tmp_path, some(1), [instrument(card)])
    Job(tmp_path / "responses", engine).ask(some(1), instrument(card))
    with pytest.raises(StudyError, match=r"models\.small.*is not installed here.*environment\.py --llm"):
        recode(here, ABSENT)
    (tmp_path / "other.gguf").write_bytes(b"GGUF")
    with pytest.raises(StudyError, match="is not the one that coded the texts"):
        recode(here, {"path": "other.gguf"})
    assert not (tmp_path / "verification").exists()


def test_without_responses_it_says_what_to_do(tmp_path: Path, card: dict[str, Any]) -> None:
    here = Study(tmp_path, some(1), [instrument(card)])
    with pytest.raises(StudyError, match="No response is recorded"):
        recode(here)
    with pytest.raises(StudyError, match=r"nowhere\.parquet: What was recorded .* is not here"):
        recode(here, units=tmp_path / "nowhere.parquet")
    here.instruments[0].unlink()
    with pytest.raises(StudyError, match=r"tone\.json: What was recorded .* is not here.*dvc pull"):
        recode(here)


def test_without_the_texts_it_says_why(tmp_path: Path, card: dict[str, Any], engine: LabelEngine) -> None:
    here = Study(tmp_path, some(1), [instrument(card)])
    Job(tmp_path / "responses", engine).ask(some(1), instrument(card))
    units = pd.read_parquet(tmp_path / "units.parquet")
    units.drop(columns="text").to_parquet(tmp_path / "units.parquet")
    with pytest.raises(StudyError, match=r"units\.parquet: The texts are not here"):
        recode(here)


def test_a_study_without_language_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = Study(tmp_path, [], [])
    report = recode(here, models={}, model_of={}, asked={}, units=tmp_path / "nowhere.parquet")
    assert report["coded_again"] == 0
    assert rows(here) == []
    assert "nothing to code again" in capsys.readouterr().out
