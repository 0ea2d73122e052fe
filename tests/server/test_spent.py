"""What a server has cost a study is the sum over every response of its model, of any instrument."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from server.questions import BARE, instrument
from study.instrument import Instrument
from study.server.limits import Usage
from study.server.settings import Server
from study.server.spent import spent
from study.store import ResponseStore

SERVER = Server("hosted", "http://127.0.0.1:8000/v1", "some-model")


def keep(folder: Path, built: Instrument) -> Instrument:
    path = folder / "instruments" / f"{built.instrument_id}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(built.to_json(), encoding="utf-8")
    return built


def response(
    number: int, built: Instrument, read: int | None, written: int | None, **more: Any
) -> dict[str, Any]:
    said = {"model": "m", "system_fingerprint": None, "date": "2025-01-31", "seconds": 1.0, "requests": 2}
    return {
        "key": f"{number:064x}",
        "instrument_id": built.instrument_id,
        "unit_id": f"u{number}",
        "text_sha256": "0" * 64,
        "repeat": 1,
        "status": "ok",
        "answers": [{"log_p": None, "label": 0}],
        "n_tokens": read,
        "n_written": written,
        "truncated": 0,
        "escaped": 0,
        "server": said,
    } | more


def write(folder: Path, *responses: dict[str, Any]) -> None:
    with ResponseStore(folder).write() as journal:
        for one in responses:
            journal.add(one)


@pytest.fixture
def mine(tmp_path: Path) -> Instrument:
    return keep(tmp_path, instrument(SERVER))


def test_an_empty_store_has_cost_nothing(tmp_path: Path) -> None:
    assert spent(tmp_path / "nowhere", SERVER) == Usage()


def test_all_instruments_of_the_model_count(tmp_path: Path, mine: Instrument) -> None:
    other = keep(tmp_path, instrument(SERVER, {**BARE, "question": "How was it?"}))
    write(tmp_path, response(1, mine, 100, 5), response(2, other, 30, 7))
    write(tmp_path, response(3, mine, 1, 1))
    assert spent(tmp_path, SERVER) == Usage(requests=6, read=131, written=13)


def test_other_models_and_servers_do_not(tmp_path: Path, mine: Instrument) -> None:
    others = [
        dataclasses.replace(SERVER, model="another"),
        dataclasses.replace(SERVER, url="http://127.0.0.1:9/v1"),
    ]
    for number, server in enumerate(others):
        write(tmp_path, response(number, keep(tmp_path, instrument(server)), 1000, 1000))
    write(tmp_path, response(9, mine, 1, 2))
    assert spent(tmp_path, SERVER) == Usage(requests=2, read=1, written=2)


def test_the_same_model_asked_in_another_way_counts(tmp_path: Path) -> None:
    other = dataclasses.replace(SERVER, name="again", probabilities="none", options={"top_p": 0.5})
    write(tmp_path, response(1, keep(tmp_path, instrument(other)), 10, 1))
    assert spent(tmp_path, SERVER) == Usage(requests=2, read=10, written=1)


def test_failures_count_and_what_was_not_sent_does_not(tmp_path: Path, mine: Instrument) -> None:
    failed = response(1, mine, 10, 3, status="failed", answers=None, error="It is no JSON.")
    empty = response(2, mine, 0, 0, status="empty", answers=None)
    del empty["server"]
    write(tmp_path, failed, empty)
    assert spent(tmp_path, SERVER) == Usage(requests=2, read=10, written=3)


def test_what_the_server_did_not_count_is_unknown(tmp_path: Path, mine: Instrument) -> None:
    write(tmp_path, response(1, mine, None, None), response(2, mine, 5, None), response(3, mine, 1, 1))
    assert spent(tmp_path, SERVER) == Usage(requests=6, read=6, written=1, unknown=2)


def test_a_response_that_quotes_the_mark_is_none_of_a_server(tmp_path: Path, mine: Instrument) -> None:
    local = response(1, mine, 50, 50, answers=[{"log_p": None, "label": 0, "rationale": '"server":{'}])
    del local["server"]
    write(tmp_path, local)
    assert spent(tmp_path, SERVER) == Usage()
