"""Lines of many threads about the same do not flood a log, and none is forgotten."""

from __future__ import annotations

import threading

from study.server.notices import EVERY, Notices


def test_the_first_of_a_kind_is_told_and_then_how_many_more() -> None:
    now, said = [0.0], list[str]()
    notices = Notices(said.append, clock=lambda: now[0])
    for _ in range(4):
        notices.tell("busy", "The server is busy.")
    notices.tell("cut", "The connection was cut.")
    now[0] = EVERY
    notices.tell("busy", "The server is busy again.")
    notices.tell("busy", "The server is busy once more.")
    notices.close()
    notices.close()
    assert said == [
        "The server is busy.",
        "The connection was cut.",
        "The server is busy again. (and 3 more of the kind before)",
        "And 1 more of the kind: busy.",
    ]


def test_many_threads_lose_no_line() -> None:
    said: list[str] = []
    notices = Notices(said.append, clock=lambda: 0.0)
    threads = [
        threading.Thread(target=lambda: [notices.tell("busy", "Busy.") for _ in range(50)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    notices.close()
    assert said == ["Busy.", "And 399 more of the kind: busy."]
