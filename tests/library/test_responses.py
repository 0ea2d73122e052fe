"""The responses to one task as columns: what is said in them, and what is not."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from study.digest import text_sha256
from study.errors import StudyError
from study.instrument import Instrument, Question
from study.prompt import Prompt
from study.requests import Task, requests
from study.responses import Responses
from study.store import ResponseStore

PROMPT = Prompt("Text: ", "?")
CHOICE = Question("tone", "choice", PROMPT, ("good", "bad"), ("good", "bad"))
NUMBER = Question("hurt", "number", PROMPT)
SPANS = Question("demands", "spans", PROMPT, rationale="before")
MODEL = {"name": "m", "sha256": "0" * 64, "engine": {}}


def task(*texts: str) -> Task:
    of = Instrument("tone", "llm", (CHOICE, NUMBER, SPANS), "<end>", MODEL, {"context": 64})
    table = pd.DataFrame(
        {"unit_id": list(texts), "text": list(texts), "text_sha256": [text_sha256(text) for text in texts]}
    )
    return Task(of, table, requests(table, of))


def stored(of: Task, answers: dict[str, Any], **others: Any) -> dict[str, dict[str, Any]]:
    found = {}
    for one in of.wanted:
        said = answers[of.text_of(one.rows[0])]
        found[one.key] = {
            "key": one.key,
            "status": said if isinstance(said, str) else "ok",
            "answers": None if isinstance(said, str) else said,
            **{"n_tokens": 20, "n_written": 3, "truncated": 0, "escaped": 1, **others},
        }
    return found


ANSWERS: dict[str, Any] = {
    "a": [
        {"log_p": [[-1.0, -2.0]], "label": 1},
        {"value": "3.5", "log_p": -0.5},
        {"spans": [[0, 1], [2, 3]], "log_p": -0.25, "rationale": ["Because.", "For another order."]},
    ],
    "b": "too_long",
    "c": [
        {"log_p": [[math.log(0.2), math.log(0.4)], [math.log(0.4), None]], "masked": True},
        {"value": "-2", "log_p": None},
        {"spans": [], "log_p": None, "rationale": "So."},
    ],
    "d": [
        {"log_p": None, "label": 0},
        {"value": "0", "log_p": -1.0},
        {"spans": [[0, 1]], "log_p": -1.0, "rationale": None},
    ],
}


def test_columns_by_hand() -> None:
    of = task(*"abcd")
    found = Responses.of(of, stored(of, ANSWERS))
    assert list(found.status) == ["ok", "too_long", "ok", "ok"]
    assert list(found.answered) == [True, False, True, True]
    assert list(found.counts["n_tokens"]) == [20] * 4
    assert found.unknown == {}
    choice, number, spans = found.answers
    # Of several orders the mean probability; None is a probability of 0.
    expected = [[-1, -2], [np.nan] * 2, [math.log(0.3), math.log(0.2)], [np.nan] * 2]
    assert choice.log_p == pytest.approx(np.array(expected), nan_ok=True)
    assert list(choice.label) == [1, -1, -1, 0]
    assert list(choice.masked) == [False, False, True, False]
    assert number.value == pytest.approx([3.5, np.nan, -2, 0], nan_ok=True)
    assert number.log_p[:, 0] == pytest.approx([-0.5, np.nan, np.nan, -1], nan_ok=True)
    assert spans.spans == [[[0, 1], [2, 3]], None, [], [[0, 1]]]
    assert spans.value == pytest.approx([2, np.nan, 0, 1], nan_ok=True)
    assert spans.rationale == ["Because.", None, "So.", None]
    assert (choice.spans, choice.rationale) == ([], [])


def test_some_of_them() -> None:
    of = task(*"abcd")
    found = Responses.of(of, stored(of, ANSWERS, n_written=None)).only([3, 0])
    assert list(found.status) == ["ok", "ok"]
    assert list(found.answers[0].label) == [0, 1]
    assert found.answers[2].spans == [[[0, 1]], [[0, 1], [2, 3]]]
    assert list(found.unknown) == ["n_written"]
    assert list(found.unknown["n_written"]) == [True, True]
    assert found.only([]).status.size == 0


def test_read_from_a_store_in_the_order_of_the_requests(tmp_path: Path) -> None:
    of, store = task(*"abcd"), ResponseStore(tmp_path / "responses")
    said = stored(of, ANSWERS)
    with store.write() as journal:
        for one in reversed(said.values()):
            journal.add(one)
    where, _ = store.find(said)
    read, expected = Responses.read(of, where, store, tmp_path / "index.csv"), Responses.of(of, said)
    assert list(read.status) == list(expected.status)
    for one, other in zip(read.answers, expected.answers, strict=True):
        assert np.array_equal(one.log_p, other.log_p, equal_nan=True)
        assert (one.spans, one.rationale) == (other.spans, other.rationale)
    with pytest.raises(StudyError, match="1 of 4 responses for tone are not in the index"):
        Responses.read(of, dict(list(where.items())[1:]), store, tmp_path / "index.csv")


def test_minus_zero_is_zero() -> None:
    of = task("a")
    found = Responses.of(of, stored(of, {"a": [{"log_p": [[-0.0, -1.0]]}, *ANSWERS["a"][1:]]}))
    assert math.copysign(1, found.answers[0].log_p[0, 0]) == 1
