"""Several texts at once, as a server is asked: nothing lost, nothing asked twice, whatever stops the job."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from library.coding_jobs import instrument, some, task
from library.embedded import model_file
from study.errors import StudyError
from study.instrument import Instrument
from study.llm.coding import ask_missing
from study.llm.model import read_card
from study.store import ResponseStore


@pytest.fixture(scope="module")
def tone() -> Instrument:
    return instrument(read_card(model_file(), "smollm2", None))


class Together:
    """Answers when as many texts as it takes at once have come, so that they really are asked together."""

    def __init__(self, at_once: int, happens: Callable[[int], None] = lambda n: None) -> None:
        self.at_once, self.asked = at_once, 0
        self._happens = happens
        self._lock, self._all_here = threading.Lock(), threading.Barrier(at_once)
        self.seen: list[str] = []

    def ask(self, instrument: Instrument, texts: Sequence[str], key: str) -> dict[str, Any]:
        with self._lock:
            self.asked += 1
            n = self.asked
            self.seen.append(key)
        if n <= self.at_once:
            self._all_here.wait(10)
        self._happens(n)
        return {
            "status": "ok", "answers": [{"log_p": [[-1.0, -2.0]]}], "n_tokens": None, "n_written": None,
            "truncated": 0, "escaped": 0,
        }  # fmt: skip


def told(line: str) -> None:
    assert line


def stored(store: ResponseStore) -> int:
    return sum(len(path.read_bytes().splitlines()) for path in store.segments.glob("*.jsonl"))


@pytest.mark.parametrize("n", [3, 20])
def test_every_text_is_asked_once(n: int, tone: Instrument, tmp_path: Path) -> None:
    model, store = Together(3), ResponseStore(tmp_path)
    where = ask_missing([task(some(n), tone)], store, lambda: model, told)
    assert len(where) == len(set(model.seen)) == len(model.seen) == stored(store) == n


def test_what_is_under_way_when_one_stops_the_job_is_kept(tone: Instrument, tmp_path: Path) -> None:
    def expire(n: int) -> None:
        if n == 2:
            raise StudyError("The key has expired.")

    model, store = Together(4, expire), ResponseStore(tmp_path)
    with pytest.raises(StudyError, match="expired"):
        ask_missing([task(some(40), tone)], store, lambda: model, told)
    kept = stored(store)
    assert 3 <= kept == model.asked - 1 < 12  # at most as many as are under way come after it
    again = Together(4)
    ask_missing([task(some(40), tone)], store, lambda: again, told)
    assert again.asked == 40 - kept
    assert not set(again.seen) & (set(model.seen) - {model.seen[1]})


def test_what_is_under_way_when_the_researcher_stops_it_is_kept(tone: Instrument, tmp_path: Path) -> None:
    answered = threading.Event()

    def stop(n: int) -> None:
        if n == 3:
            os.kill(os.getpid(), signal.SIGINT)
        if n <= 3:
            answered.wait(0.2)

    model, store = Together(3, stop), ResponseStore(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        ask_missing([task(some(30), tone)], store, lambda: model, told)
    assert stored(store) == model.asked < 30
