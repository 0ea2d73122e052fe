"""Requests, tokens, time and money before anything is sent: worked by hand, then learnt from the store."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from library.coding_jobs import TONE, instrument, task
from study.requests import Task
from study.server.card import card
from study.server.forecast import Forecast, forecast
from study.server.messages import MARKS
from study.server.settings import Price, Server
from study.store import ResponseStore

SERVER = Server("hosted", "http://127.0.0.1:1/v1", "m", price=Price(1.0, 4.0, "USD"), at_once=4)
CARD = card(SERVER, {"model": "m", "system_fingerprint": None, "date": "2026-01-01"}, 2.0)


def asked(n: int, **book: Any) -> Task:
    return task([f"Text {i:03d}: what a day!" for i in range(n)], instrument(CARD, TONE | book))


def told(wanted: Task, store: Path, server: Server = SERVER) -> Forecast:
    where, failed = ResponseStore(store).find(request.key for request in wanted.wanted)
    return forecast(wanted, where, where.keys() - failed, server, store)


def answer(store: Path, wanted: Task, n: int, *, read: int | None, seconds: float) -> None:
    with ResponseStore(store).write() as journal:
        for request in wanted.wanted[:n]:
            journal.add(
                {"key": request.key, "status": "ok", "answers": [], "n_tokens": read, "n_written": 7}
                | {"unit_id": "u", "server": {"seconds": seconds, "requests": 1}}
            )


def test_four_bytes_are_a_token_before_the_server_has_counted(tmp_path: Path) -> None:
    wanted = asked(10)
    (shown,) = (question.prompt for question in wanted.instrument.questions)
    around = shown.before + shown.after
    for mark in MARKS:
        around = around.replace(mark, "")
    found = told(wanted, tmp_path)
    assert found.read == round(10 * (len(around) + len("Text 000: what a day!")) / 4)
    assert (found.requests, found.seen, found.seconds) == (10, 0, None)
    assert found.money == pytest.approx((found.read + 4 * found.written) / 1e6)


@pytest.mark.parametrize(
    ("book", "probabilities", "times"),
    [
        ({}, "whole", 2),
        ({"prompt": {"label_order": "rotated"}}, "deciding", 2),
        ({"prompt": {"label_order": "rotated"}}, "whole", 4),
        ({"prompt": {"rationale": "after"}}, "deciding", 2),
        ({"prompt": {"rationale": "before"}}, "none", 1),
    ],
)
def test_labels_orders_and_reasons_take_requests_of_their_own(
    book: dict[str, Any], probabilities: str, times: int, tmp_path: Path
) -> None:
    server = replace(SERVER, probabilities=probabilities)
    plain = told(asked(5), tmp_path)
    found = told(asked(5, **book), tmp_path, server)
    assert found.requests == 5 * times
    assert found.read > 0.9 * times * plain.read  # the wording of reasons comes in addition


def test_the_first_question_tells_the_time(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "hosted.json").write_text(json.dumps(CARD), encoding="utf-8")
    assert told(asked(10), tmp_path).seconds == 2.0 * 10 / 4
    # With 'whole' the first question took one request for each of its two labels, as this codebook does.
    assert told(asked(10), tmp_path, replace(SERVER, probabilities="whole")).seconds == 2.0 * 10 / 4
    slow = replace(SERVER, requests_per_minute=1)
    assert told(asked(10), tmp_path, slow).seconds == 600
    assert told(asked(2), tmp_path).seconds == 2.0


def test_what_the_server_has_counted_is_taken_instead(tmp_path: Path) -> None:
    wanted = asked(10)
    before = told(wanted, tmp_path)
    answer(tmp_path, wanted, 4, read=1000, seconds=3.0)
    found = told(wanted, tmp_path)
    assert (found.requests, found.seen) == (6, 4)
    assert found.read == pytest.approx(6 * 1000, rel=0.01)  # all texts are equally long
    assert found.written == pytest.approx(6 * 7, rel=0.05)
    assert found.seconds == 3.0 * 6 / 4
    assert before.read != found.read


def test_a_server_that_counts_nothing_is_estimated(tmp_path: Path) -> None:
    wanted = asked(10)
    answer(tmp_path, wanted, 4, read=None, seconds=3.0)
    found = told(wanted, tmp_path)
    assert (found.seen, found.read) == (0, told(asked(6), tmp_path / "other").read)


def test_money_is_unknown_without_a_price(tmp_path: Path) -> None:
    assert told(asked(3), tmp_path, replace(SERVER, price=None)).money is None
