"""Into how many jobs coding is divided: as many as leave starting them a tenth of their time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.llm.shards import SHARE, SPARE, minutes, propose

COSTS = st.floats(min_value=0, max_value=1e9)
STARTS = st.floats(min_value=1e-3, max_value=1e5)
MOST = st.integers(min_value=1, max_value=100_000)


def share(coding: float, start: float, shards: int) -> float:
    return start / (start + coding / shards)


@pytest.mark.parametrize(
    ("coding", "start", "most", "shards"),
    [
        (0, 20, 100, 1),
        (179, 20, 100, 1),
        (180, 20, 100, 1),  # 20 of 200 seconds
        (360, 20, 100, 2),
        (359, 20, 100, 1),
        (36_000, 20, 100, 100),
        (36_000, 20, 1000, 200),
        (36_000, 0, 100, 100),
    ],
)
def test_by_hand(coding: float, start: float, most: int, shards: int) -> None:
    assert propose(coding, start, most) == shards


@given(COSTS, STARTS, MOST)
def test_starting_takes_a_tenth_at_most_and_one_job_more_would_exceed_it(
    coding: float, start: float, most: int
) -> None:
    shards = propose(coding, start, most)
    assert 1 <= shards <= most
    assert shards == 1 or share(coding, start, shards) <= SHARE + 1e-9
    assert shards == most or share(coding, start, shards + 1) > SHARE - 1e-9


@given(COSTS, STARTS, MOST, st.floats(min_value=1, max_value=10))
def test_more_to_code_is_never_divided_less_and_a_longer_start_never_more(
    coding: float, start: float, most: int, times: float
) -> None:
    shards = propose(coding, start, most)
    assert propose(coding * times, start, most) >= shards
    assert propose(coding, start * times, most) <= shards


@given(COSTS, STARTS, st.integers(min_value=1, max_value=10_000))
def test_the_minutes_of_a_job_are_whole_and_enough(coding: float, start: float, shards: int) -> None:
    wanted = minutes(coding, start, shards)
    assert wanted >= 1
    assert wanted * 60 >= SPARE * (start + coding / shards) * (1 - 1e-9)
    assert wanted == 1 or (wanted - 1) * 60 < SPARE * (start + coding / shards)
