"""What a study wants to know: each distinct text once, however the work is divided."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.digest import text_sha256
from study.errors import StudyError
from study.instrument import Instrument, Question
from study.pairs import draw
from study.prompt import Prompt
from study.requests import (
    REFERENCE,
    Task,
    chosen,
    in_column,
    in_shard,
    pair_sha256,
    read_units,
    requests,
    tasks,
    texts_of,
    without,
)
from study.store import response_key

DESIGN = {"rounds": 2, "seed": 5}
TEXTS = st.lists(st.text(max_size=4), max_size=30)


def instrument(name: str = "tone", *, compares: bool = False, coder: str = "llm") -> Instrument:
    prompt = Prompt(f"{name}: ", "?", "\n" if compares else None)
    question = Question(name, "choice", prompt, ("yes", "no"), ("yes", "no"))
    model = {"name": "m", "sha256": "0" * 64, "engine": {}}
    return Instrument(name, coder, (question,), "<end>", model, {"context": 64, "temperature": 0.0})


TONE = instrument()
BETTER = instrument("better", compares=True)


def units(*texts: str) -> pd.DataFrame:
    """Return units u0, u1 ..."""
    return pd.DataFrame(
        {
            "unit_id": [f"u{n}" for n in range(len(texts))],
            "text_sha256": [text_sha256(text) for text in texts],
            "text": pd.Series(list(texts), dtype=object),
        }
    )


def task(texts: pd.DataFrame, of: Instrument = TONE, **how: Any) -> Task:
    return Task(of, texts, list(requests(texts, of, **how)))


def asked(of: Task) -> list[tuple[tuple[str, ...], int]]:
    """Return the texts and the repeat of each request."""
    return [(tuple(of.texts["text"].iat[row] for row in one.rows), one.repeat) for one in of.wanted]


def test_each_distinct_text_is_asked_about_once() -> None:
    found = task(units("a", "b", "a", "A", "b", "c"))
    assert asked(found) == [(("a",), 1), (("b",), 1), (("A",), 1), (("c",), 1)]
    assert [request.rows for request in found.wanted] == [(0,), (1,), (3,), (5,)]
    assert asked(task(units())) == []


def test_a_key_by_hand() -> None:
    [request] = task(units("a")).wanted
    digest = hashlib.sha256(b"a").hexdigest()
    assert request.key == hashlib.sha256(f"{TONE.instrument_id}|{digest}|1".encode()).hexdigest()
    assert request.key == response_key(TONE.instrument_id, digest, 1)


def test_repeats_are_asked_one_by_one() -> None:
    found = task(units("a", "b", "a"), repeats=3)
    assert asked(found) == [((text,), repeat) for text in "ab" for repeat in (1, 2, 3)]
    assert len({request.key for request in found.wanted}) == 6
    # More repeats keep the earlier ones.
    fewer = {request.key for request in task(units("a", "b"), repeats=2).wanted}
    assert fewer < {request.key for request in found.wanted}


@pytest.mark.parametrize("of", [TONE, BETTER])
def test_requests_are_a_sequence_whose_keys_are_computed(
    of: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = requests(units(*"abcbd"), of, repeats=2, design=DESIGN if of.compares else None)
    whole = list(found)
    assert len(found) == len(whole) == len(set(whole)) > 7
    monkeypatch.setattr("study.requests.AT_ONCE", 3)
    assert list(found) == [found[i] for i in range(len(found))] == whole
    assert found[-1] == whole[-1]
    assert list(found[2:7:2]) == whole[2:7:2]
    assert list(found.only(np.array([5, 0]))) == [whole[5], whole[0]]
    with pytest.raises(IndexError):
        found[len(whole)]


@given(TEXTS, st.integers(1, 5), st.booleans())
def test_shards_of_computed_requests_are_those_of_a_list(
    texts: list[str], shards: int, compares: bool
) -> None:
    of, design = (BETTER, DESIGN) if compares else (TONE, None)
    computed = Task(of, units(*texts), requests(units(*texts), of, repeats=2, design=design))
    listed = Task(of, computed.texts, list(computed.wanted))
    for shard in range(shards):
        assert list(in_shard(computed, shard, shards).wanted) == in_shard(listed, shard, shards).wanted


@given(TEXTS, st.data())
def test_requests_that_are_not_known(texts: list[str], data: st.DataObject) -> None:
    computed = Task(TONE, units(*texts), requests(units(*texts), TONE))
    keys = [request.key for request in computed.wanted]
    known = data.draw(st.sets(st.sampled_from(keys))) if keys else set()
    expected = [request for request in computed.wanted if request.key not in known]
    assert list(without(computed, known).wanted) == expected
    assert without(task(units(*texts)), known).wanted == expected


def test_what_stands_in_a_row() -> None:
    found = task(units("a", "b"))
    assert (found.unit_of(1), found.text_of(1), found.sha256_of(1)) == ("u1", "b", text_sha256("b"))


def test_another_instrument_has_other_keys() -> None:
    keys = {
        request.key for one in (TONE, instrument("mood")) for request in task(units("a", "b"), one).wanted
    }
    assert len(keys) == 4


def test_pairs_are_asked_in_both_orders() -> None:
    found = task(units(*"abcdef"), BETTER, design=DESIGN)
    pairs = [texts for texts, _ in asked(found)]
    assert pairs[0::2] == [(b, a) for a, b in pairs[1::2]]
    drawn = draw([text_sha256(c) for c in "abcdef"], **DESIGN)
    assert {tuple(map(text_sha256, pair)) for pair in pairs} == {*drawn, *((b, a) for a, b in drawn)}
    assert len(set(pairs)) == len(pairs) == 2 * len(drawn)
    assert len({request.key for request in found.wanted}) == len(pairs)


def test_the_key_of_a_pair_by_hand() -> None:
    found = task(units("a", "b"), BETTER, design=DESIGN)
    digests = {
        pair: hashlib.sha256("|".join(map(text_sha256, pair)).encode()).hexdigest() for pair in ("ab", "ba")
    }
    assert {request.key for request in found.wanted} == {
        response_key(BETTER.instrument_id, digest, 1) for digest in digests.values()
    }
    assert pair_sha256(["x"]) == "x"
    assert pair_sha256(["x", "y"]) != pair_sha256(["y", "x"])


def test_repeated_pairs_and_texts_that_are_equal() -> None:
    found = task(units("a", "b", "b", "a"), BETTER, repeats=2, design=DESIGN)
    assert Counter(asked(found)) == Counter(
        {(("a", "b"), 1): 1, (("a", "b"), 2): 1, (("b", "a"), 1): 1, (("b", "a"), 2): 1}
    )
    assert asked(task(units("a", "a"), BETTER, design=DESIGN)) == []
    assert asked(task(units("a"), BETTER, design=DESIGN)) == []


def test_reference_texts_come_last_and_have_no_unit() -> None:
    texts = texts_of(units("a", "b"), ["N/A", "", "b"])
    assert list(texts["unit_id"]) == ["u0", "u1", REFERENCE, REFERENCE, REFERENCE]
    assert list(texts["text"]) == ["a", "b", "N/A", "", "b"]
    assert list(texts["text_sha256"]) == [text_sha256(text) for text in texts["text"]]
    # A reference text that is also a unit's is asked about once.
    assert asked(task(texts)) == [((text,), 1) for text in ("a", "b", "N/A", "")]
    assert texts_of(units("a")).equals(units("a"))


def test_reference_texts_without_the_column_of_texts() -> None:
    """Where only keys are needed, a table holds no texts."""
    keys = units("a", "b").drop(columns="text")
    found = texts_of(keys, ["N/A"])
    assert list(found.columns) == ["unit_id", "text_sha256"]
    with_texts = task(texts_of(units("a", "b"), ["N/A"]))
    assert [r.key for r in requests(found, TONE)] == [r.key for r in with_texts.wanted]


@given(TEXTS, st.integers(1, 8), st.integers(1, 3), st.booleans())
def test_shards_are_a_partition(texts: list[str], shards: int, repeats: int, compares: bool) -> None:
    whole = task(
        units(*texts), BETTER if compares else TONE, repeats=repeats, design=DESIGN if compares else None
    )
    parts = [in_shard(whole, shard, shards).wanted for shard in range(shards)]
    assert sorted(request for part in parts for request in part) == sorted(whole.wanted)
    for part in parts:
        assert [request for request in whole.wanted if request in set(part)] == list(part)
    assert in_shard(whole, 0, 1) == whole


@given(TEXTS, st.lists(st.text(max_size=4), max_size=10), st.integers(2, 6), st.randoms())
def test_a_text_stays_in_its_shard_when_texts_are_added(
    texts: list[str], more: list[str], shards: int, random: Any
) -> None:
    def places(given_: list[str]) -> dict[str, int]:
        whole = task(units(*given_))
        return {r.key: shard for shard in range(shards) for r in in_shard(whole, shard, shards).wanted}

    mixed = [*texts, *more]
    random.shuffle(mixed)
    assert places(texts).items() <= places(mixed).items()


@given(TEXTS, st.integers(2, 6))
def test_a_pair_and_its_repeats_stay_in_one_shard(texts: list[str], shards: int) -> None:
    """So that what its questions share is evaluated once."""
    whole = task(units(*texts), BETTER, repeats=2, design=DESIGN)
    for shard in range(shards):
        mine = Counter(frozenset(request.rows) for request in in_shard(whole, shard, shards).wanted)
        assert set(mine.values()) <= {4}


def test_shards_are_about_equal() -> None:
    whole = task(units(*map(str, range(2000))))
    sizes = [len(in_shard(whole, shard, 4).wanted) for shard in range(4)]
    # Binomial with p = 1/4: a standard deviation of 19.4.
    assert all(abs(size - 500) < 80 for size in sizes)


@given(TEXTS, st.randoms())
def test_the_order_of_rows_changes_no_key(texts: list[str], random: Any) -> None:
    shuffled = list(texts)
    random.shuffle(shuffled)
    for of, design in ((TONE, None), (BETTER, DESIGN)):
        one, other = (task(units(*each), of, design=design) for each in (texts, shuffled))
        assert {request.key for request in one.wanted} == {request.key for request in other.wanted}


def write_sample(folder: Path, *unit_ids: str) -> Path:
    path = folder / "sample.csv"
    path.write_text("\n".join(["unit_id,stratum", *(f"{unit},x" for unit in unit_ids), ""]), encoding="utf-8")
    return path


def test_the_sample_or_all(tmp_path: Path) -> None:
    table = units("a", "b", "c").assign(unit_id=["7", "NA", "007"])
    sample = write_sample(tmp_path, "007", "NA")
    assert list(chosen(table, sample, "sample")["text"]) == ["b", "c"]
    assert list(chosen(table, sample, "sample").index) == [0, 1]
    assert list(chosen(table, sample, "all")["text"]) == ["a", "b", "c"]


def test_what_each_coder_is_asked(tmp_path: Path) -> None:
    sample = write_sample(tmp_path, "u0", "u2")
    asked_: dict[str, Any] = {
        "small": {
            "which": "sample",
            "repeats": 2,
            "designs": {"better": {"rounds": 1, "seed": 1}},
            "references": {"tone": ["N/A"]},
        },
        "large": {"which": "all", "repeats": 1, "designs": {}, "references": {}},
    }
    of = [
        instrument("tone", coder="small"),
        instrument("better", compares=True, coder="small"),
        instrument("tone", coder="large"),
    ]
    found = tasks(units("a", "b", "c"), sample, of, asked_)
    assert [one.instrument for one in found] == of
    assert asked(found[0]) == [((text,), repeat) for text in ("a", "c", "N/A") for repeat in (1, 2)]
    assert sorted(asked(found[1])) == [
        (pair, repeat) for pair in (("a", "c"), ("c", "a")) for repeat in (1, 2)
    ]
    assert asked(found[2]) == [((text,), 1) for text in "abc"]
    # The coder's name is no part of an instrument: what one was asked the other knows.
    keys = [{request.key for request in one.wanted} for one in found]
    assert len(keys[0] & keys[2]) == 2


def test_a_coder_may_read_another_column(tmp_path: Path) -> None:
    path = tmp_path / "units.parquet"
    units = pd.DataFrame({"unit_id": ["a", "b"], "text": ["one", "two"], "nl": ["een", None]})
    units["text_sha256"] = [text_sha256(text) for text in units["text"]]
    units.to_parquet(path)
    table = read_units(path, ["unit_id", "text", "text_sha256"], ["nl", None])
    read = in_column(table, "nl")
    assert list(read) == ["unit_id", "text", "text_sha256"]
    assert list(read["text"]) == ["een", ""]
    assert list(read["text_sha256"]) == [text_sha256("een"), text_sha256("")]
    # Without the texts the hashes are the same, and without a column nothing changes.
    assert list(in_column(table.drop(columns="text"), "nl")["text_sha256"]) == list(read["text_sha256"])
    assert in_column(table, None).equals(table.drop(columns="nl"))
    with pytest.raises(StudyError, match="no such column"):
        read_units(path, ["unit_id", "text"], ["dutch"])
