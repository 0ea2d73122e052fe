"""Pairs are drawn in rings: connected, balanced, reproducible, and stable when texts are added."""

from __future__ import annotations

import hashlib
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import shortest_path

from study.errors import StudyError
from study.pairs import draw


def texts(n: int) -> list[str]:
    return [hashlib.sha256(f"text {i}".encode()).hexdigest() for i in range(n)]


HASHES = st.lists(st.integers(0, 10**6), unique=True, max_size=30).map(
    lambda numbers: [hashlib.sha256(str(number).encode()).hexdigest() for number in numbers]
)


def steps(pairs: list[tuple[str, str]], among: list[str]) -> np.ndarray:
    """How many comparisons lie between each two texts."""
    at = {text: i for i, text in enumerate(among)}
    ends = np.array([(at[a], at[b]) for a, b in pairs]).T
    return shortest_path(
        csr_array((np.ones(ends.shape[1]), tuple(ends)), shape=(len(among),) * 2),
        directed=False,
        unweighted=True,
    )


def test_a_ring_by_hand() -> None:
    four = texts(4)
    ring = sorted(four, key=lambda text: hashlib.sha256(f"7|1|{text}".encode()).hexdigest())
    joined = {tuple(sorted((ring[i], ring[(i + 1) % 4]))) for i in range(4)}
    assert set(draw(four, 1, 7)) == joined
    assert len(draw(four, 1, 7)) == 4


def test_the_draw_is_fixed_for_ever() -> None:
    # A study's language model would be asked again, were these pairs to change.
    drawn = draw(["a", "b", "c", "d", "e", "f"], rounds=2, seed=1)
    assert [a + b for a, b in drawn] == ["df", "cd", "bc", "ab", "ae", "ef", "bd", "ac", "ce"]


def test_few_texts() -> None:
    assert draw([], 3, 1) == []
    assert draw(["a"], 3, 1) == []
    assert draw(["b", "a"], 3, 1) == [("a", "b")]
    assert sorted(draw(["c", "b", "a"], 3, 1)) == [("a", "b"), ("a", "c"), ("b", "c")]


def test_equal_texts_are_one() -> None:
    assert draw(["a", "b", "a", "c", "c"], 2, 1) == draw(["a", "b", "c"], 2, 1)


@given(among=HASHES, rounds=st.integers(1, 4), seed=st.integers(0, 99), data=st.data())
def test_the_order_of_texts_makes_no_difference(
    among: list[str], rounds: int, seed: int, data: st.DataObject
) -> None:
    assert draw(data.draw(st.permutations(among)), rounds, seed) == draw(among, rounds, seed)


@given(among=HASHES, rounds=st.integers(1, 4), seed=st.integers(0, 99))
def test_pairs_are_distinct_ordered_and_join_all_texts(among: list[str], rounds: int, seed: int) -> None:
    pairs = draw(among, rounds, seed)
    assert len(set(pairs)) == len(pairs)
    assert all(a < b for a, b in pairs)
    assert {text for pair in pairs for text in pair} == (set(among) if len(among) > 1 else set())
    if pairs:
        assert np.isfinite(steps(pairs, among)).all()
    times = Counter(text for pair in pairs for text in pair)
    assert all(min(2, len(among) - 1) <= times[text] <= 2 * rounds for text in times)


@given(among=HASHES, new=HASHES, rounds=st.integers(1, 4), seed=st.integers(0, 99))
def test_an_added_text_parts_at_most_one_pair_a_round(
    among: list[str], new: list[str], rounds: int, seed: int
) -> None:
    added = set(new) - set(among)
    before, after = set(draw(among, rounds, seed)), set(draw(among + new, rounds, seed))
    assert len(before - after) <= rounds * len(added)
    assert all(added & {a, b} for a, b in after - before)


@given(among=HASHES, rounds=st.integers(1, 4), seed=st.integers(0, 99))
def test_more_rounds_begin_with_the_same_pairs(among: list[str], rounds: int, seed: int) -> None:
    fewer = draw(among, rounds, seed)
    assert draw(among, rounds + 2, seed)[: len(fewer)] == fewer


def test_each_text_is_in_about_two_pairs_a_round() -> None:
    times = Counter(text for pair in draw(texts(500), 5, 1) for text in pair)
    assert set(times) == set(texts(500))
    assert 9.8 < np.mean(list(times.values())) <= 10
    assert min(times.values()) >= 8


def test_a_few_rounds_put_all_texts_within_few_steps() -> None:
    among = texts(500)
    assert steps(draw(among, 1, 1), among).max() == 250
    # A random graph in which each text has ten neighbours reaches 10 x 9 x 9 = 810 others in three steps.
    assert steps(draw(among, 5, 1), among).max() <= 5


def test_rounds_and_seeds_differ() -> None:
    among = texts(200)
    first, both = set(draw(among, 1, 1)), set(draw(among, 2, 1))
    assert len(both - first) > 190
    assert len(first & set(draw(among, 1, 2))) < 10


@pytest.mark.parametrize("rounds", [0, -1, 2.0, True, "3"])
def test_a_wrong_number_of_rounds_is_refused(rounds: object) -> None:
    with pytest.raises(StudyError, match=r"rounds.*whole number"):
        draw(texts(3), rounds, 1)  # type: ignore[arg-type]
