"""A coding job says how far it is, how fast, and how long it will take."""

from __future__ import annotations

import re
import time

import pytest

from study.llm.progress import Progress, in_words


def test_progress_says_how_far_how_fast_and_how_long() -> None:
    said: list[str] = []
    progress = Progress(5, said.append, every=3600)
    for _ in range(5):
        time.sleep(0.01)
        progress.count(10, "tone")
    form = r"tone: {} of 5 texts, \d+\.\d texts/s, \d+ tokens/s, (\d+ min )?\d+ s left"
    assert len(said) == 2
    assert re.fullmatch(form.format(1), said[0])
    assert re.fullmatch(form.format(5), said[1])
    assert said[1].endswith(" 0 s left")
    every_time: list[str] = []
    progress = Progress(3, every_time.append, every=0)
    for _ in range(3):
        progress.count(10, "tone")
    assert len(every_time) == 3


def test_progress_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([100.0, 104.0, 112.0, 120.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    said: list[str] = []
    progress = Progress(100, said.append)
    for _ in range(3):
        progress.count(30, "tone")
    # After 4 seconds one text, 99 to come; after 20 seconds three.
    assert said == [
        "tone: 1 of 100 texts, 0.2 texts/s, 8 tokens/s, 6 min 36 s left",
        "tone: 3 of 100 texts, 0.1 texts/s, 4 tokens/s, 10 min 47 s left",
    ]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 min 0 s"), (3599, "59 min 59 s"), (12_120, "3 h 22 min")],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_a_line_has_no_control_characters() -> None:
    said: list[str] = []
    Progress(1, said.append).count(10, "tone")
    assert said[0].isprintable()
