"""Requests keep to a server's limits in every minute, and to the study's budget."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.errors import StudyError
from study.server.limits import MINUTE, Budget, Limiter, Usage
from study.server.settings import Price, Server


class Clock:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def rest(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


asked = st.lists(
    st.tuples(st.integers(0, 120), st.floats(0, 30, allow_nan=False), st.integers(0, 120)), max_size=40
)


@settings(deadline=None)
@given(asked, st.none() | st.integers(1, 6), st.none() | st.integers(50, 300))
def test_no_minute_has_more_than_the_limits(
    requests: list[tuple[int, float, int]], most: int | None, tokens: int | None
) -> None:
    clock = Clock()
    limiter = Limiter(most, tokens, clock)
    sent: list[tuple[float, int]] = []
    for estimate, later, less in requests:
        granted = limiter.acquire(estimate, clock.rest)
        actual = max(0, estimate - less)
        limiter.correct(granted, actual)
        sent.append((clock.now, actual))
        clock.now += later
    for begin, _ in sent:
        minute = [one for at, one in sent if begin <= at < begin + MINUTE]
        assert most is None or len(minute) <= most
        assert tokens is None or sum(minute) <= tokens or len([one for one in minute if one]) == 1


@settings(deadline=None)
@given(asked, st.integers(1, 6))
def test_nobody_waits_longer_than_the_limit_demands(
    requests: list[tuple[int, float, int]], most: int
) -> None:
    clock = Clock()
    limiter = Limiter(most, None, clock)
    sent: list[float] = []
    for estimate, later, _ in requests:
        begin = clock.now
        limiter.acquire(estimate, clock.rest)
        due = max(begin, sent[-most] + MINUTE) if len(sent) >= most else begin
        assert clock.now == pytest.approx(due)
        sent.append(clock.now)
        clock.now += later


def test_too_many_tokens_for_a_minute_pass_when_nothing_else_does() -> None:
    clock = Clock()
    limiter = Limiter(None, 100, clock)
    limiter.acquire(60, clock.rest)
    clock.now += 10
    limiter.acquire(500, clock.rest)
    assert clock.now == pytest.approx(1000 + MINUTE)
    limiter.acquire(1, clock.rest)
    assert clock.now == pytest.approx(1000 + 2 * MINUTE)


def test_more_tokens_than_estimated_count() -> None:
    clock = Clock()
    limiter = Limiter(None, 100, clock)
    limiter.correct(limiter.acquire(10, clock.rest), 95)
    limiter.acquire(10, clock.rest)
    assert clock.now == pytest.approx(1000 + MINUTE)


def test_fewer_tokens_make_room_for_what_waits() -> None:
    clock = Clock()
    limiter = Limiter(None, 100, clock)
    first = limiter.acquire(95, clock.rest)

    def rest(seconds: float) -> None:
        clock.rest(seconds)
        limiter.correct(first, 5)

    limiter.acquire(95, rest)
    assert clock.now <= 1001


def test_a_pause_holds_everything_and_the_longer_one_counts() -> None:
    clock = Clock()
    limiter = Limiter(None, None, clock)
    limiter.acquire(1, clock.rest)
    limiter.pause(40)
    limiter.pause(5)
    limiter.acquire(1, clock.rest)
    assert clock.now == pytest.approx(1040)


def test_what_ends_the_waiting_ends_it_for_the_next_too() -> None:
    limiter = Limiter(1, None)

    def rest(_: float) -> None:
        raise StudyError("It is over.")

    limiter.acquire(1, rest)
    for _ in range(2):
        with pytest.raises(StudyError, match="over"):
            limiter.acquire(1, rest)


def test_threads_together_keep_to_the_limit() -> None:
    clock, lock, sent = Clock(), threading.Lock(), list[float]()
    limiter = Limiter(5, None, clock)

    def rest(seconds: float) -> None:
        with lock:
            clock.rest(seconds)

    def ask() -> None:
        for _ in range(10):
            granted = limiter.acquire(1, rest)
            with lock:
                sent.append(granted.at)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sent) == 60
    assert all(len([at for at in sent if begin <= at < begin + MINUTE]) <= 5 for begin in sent)


def server(**more: Any) -> Server:
    return Server("big", "http://127.0.0.1:1/v1", "big-1", **more)


PRICE = Price(2.0, 10.0, "EUR")


def test_a_budget_in_tokens_is_never_exceeded() -> None:
    budget = Budget(server(most_tokens=1000), Usage(read=500, written=100))
    held = budget.reserve(300, 50)
    budget.settle(held, Usage(requests=1, read=310, written=40))
    with pytest.raises(StudyError) as stopped:
        budget.reserve(50, 1)
    assert str(stopped.value) == (
        "config/study.yaml, key 'models.big.server.budget': The budget of the model 'big' (1,000 tokens) does"
        " not suffice for the next request: 950 tokens are spent, and it may take 51 tokens."
        " Raise models.big.server.budget and run again; nothing is asked twice."
    )
    budget.reserve(49, 1)


def test_a_budget_in_money_counts_both_prices() -> None:
    budget = Budget(server(most_money=0.01, price=PRICE), Usage())
    budget.settle(budget.reserve(1000, 500), Usage(read=1000, written=500))  # .002 + .005
    budget.settle(budget.reserve(1000, 100), Usage(read=1000, written=0))  # up to .01 exactly, then .009
    with pytest.raises(StudyError, match=r"\(0\.01 EUR\).*2,500 tokens \(0\.009 EUR\) are spent") as stopped:
        budget.reserve(0, 101)
    assert "may take 101 tokens (0.00101 EUR)" in str(stopped.value)
    budget.reserve(0, 100)


def test_what_was_not_counted_is_estimated_and_said() -> None:
    budget = Budget(server(most_tokens=100), Usage())
    budget.settle(budget.reserve(50, 10), Usage(unknown=1, unknown_read=50, unknown_written=10))
    with pytest.raises(StudyError, match=r"1 of the answers came without a count .*estimated .60 tokens"):
        budget.reserve(41, 0)
    budget.reserve(40, 0)


def test_answers_of_earlier_runs_without_a_count_cost_as_much_as_the_next() -> None:
    budget = Budget(server(most_tokens=100), Usage(requests=3, read=10, written=10, unknown=2))
    budget.settle(budget.reserve(20, 5), Usage())
    with pytest.raises(StudyError, match=r"74 tokens are spent.* 2 of the answers .*54 tokens"):
        budget.reserve(20, 7)


def test_a_request_that_cost_nothing_gives_back_what_was_held() -> None:
    budget = Budget(server(most_tokens=100), Usage())
    for _ in range(20):
        budget.settle(budget.reserve(90, 10), Usage(requests=1))
    assert budget.spent == Usage(requests=20)


def test_an_estimate_in_flight_is_waited_for() -> None:
    budget = Budget(server(most_tokens=100), Usage())
    held = budget.reserve(10, 80)
    got: list[object] = []

    def ask() -> None:
        try:
            got.append(budget.reserve(30, 30))
        except StudyError as error:
            got.append(error)

    waiting = threading.Thread(target=ask, daemon=True)
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    assert got == []
    budget.settle(held, Usage(read=10, written=20))
    waiting.join(10)
    assert got == [(30, 30)]
    budget.settle((30, 30), Usage(read=30, written=30))
    with pytest.raises(StudyError, match="90 tokens are spent"):
        budget.reserve(30, 30)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60), st.floats(0, 1)), max_size=30))
def test_a_budget_holds_whatever_is_asked(requests: list[tuple[int, int, float]]) -> None:
    budget = Budget(server(most_tokens=500, most_money=0.003, price=PRICE), Usage())
    for read, most, share in requests:
        try:
            held = budget.reserve(read, most)
        except StudyError:
            continue
        budget.settle(held, Usage(requests=1, read=read, written=round(most * share)))
    assert budget.spent.read + budget.spent.written <= 500
    assert PRICE.of(budget.spent.read, budget.spent.written) <= 0.003


def test_no_budget_refuses_nothing() -> None:
    budget = Budget(server(), Usage())
    for _ in range(3):
        budget.reserve(10**9, 10**9)


def test_a_budget_in_money_needs_a_price() -> None:
    with pytest.raises(StudyError, match=r"models\.big\.server\.price"):
        Budget(server(most_money=3), Usage())


def test_usages_add_up() -> None:
    assert Usage(1, 2, 3, 4, 5, 6, 7) + Usage(10, 20, 30, 40, 50, 60, 70) == Usage(11, 22, 33, 44, 55, 66, 77)
