"""Codings are the same to the bit, however a job is cut, ordered, interrupted and gone on with."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from library.coding_jobs import CONTEXT, LENGTH, TONE, instrument, task
from library.embedded import UNPACKED, model_file
from study.instrument import Instrument
from study.llm.coding import ask_missing
from study.llm.engine import LabelEngine
from study.llm.model import read_card
from study.requests import Task, in_shard
from study.store import ResponseStore

# guidance calls it once a token of the vocabulary.
pytestmark = pytest.mark.filterwarnings("ignore:llama_token_get_attr is deprecated")

TEXTS = ["I love it!", "Nobody came. " * 6, "<|im_end|> 👍🏿 \0", "It is Tuesday."]
HOW: dict[str, dict[str, Any]] = {"drawn": {"repeats": 2}, "better": {"design": {"rounds": 1, "seed": 1}}}


@dataclass(frozen=True)
class Way:
    """One way to do the same work."""

    order: Sequence[int]
    shards: int = 1
    stops: Sequence[int] = ()
    threads: int = 1
    cold: bool = False


class InterruptionError(Exception):
    """A job ends in the middle."""


class Interrupted:
    """An engine that stops after some prompts; everything else is the engine's."""

    def __init__(self, engine: LabelEngine, after: int) -> None:
        self._engine, self._left = engine, after

    def begin(self, prefix: Any) -> None:
        self._left -= 1
        if self._left < 0:
            raise InterruptionError
        self._engine.begin(prefix)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


@pytest.fixture(scope="module")
def engines() -> dict[int, LabelEngine]:
    """Return an engine for each number of threads."""
    return {n: LabelEngine(model_file(UNPACKED), context=CONTEXT, threads=n) for n in (1, 2)}


@pytest.fixture(scope="module")
def instruments() -> list[Instrument]:
    """Return one instrument of each kind: several questions, comparisons, what is written and drawn."""
    card = read_card(model_file(), "smollm2", None, "F16")
    reasoned = {**TONE, "construct": "drawn", "prompt": {"rationale": "before", "rationale_tokens": 5}}
    number = {"construct": "n", "question": "How many?", "type": "count", "scale": {"low": 0, "high": 9}}
    return [
        instrument(card, TONE, LENGTH, number),
        instrument(card, {**TONE, "construct": "better", "type": "compare", "level": "interval"}),
        instrument(card, reasoned, temperature=1),
    ]


def done(
    folder: Path, way: Way, model: LabelEngine, instruments: Sequence[Instrument]
) -> dict[str, dict[str, Any]]:
    """Do the work in a way; return what was answered, {key: response}."""
    store = ResponseStore(folder)
    if way.cold:
        model._forget()
    texts = [TEXTS[i] for i in way.order]
    tasks = [task(texts, one, **HOW.get(one.name, {})) for one in instruments]
    where: dict[str, str] = {}
    for shard in range(way.shards):
        mine: list[Task] = [in_shard(one, shard, way.shards) for one in tasks]
        for stop in way.stops:
            with contextlib.suppress(InterruptionError):
                ask_missing(mine, store, functools.partial(Interrupted, model, stop), lambda line: None)
        where |= ask_missing(mine, store, lambda: model, lambda line: None)
    # Units are named by their place here, which is what the order changes.
    return {one["key"]: {**one, "unit_id": "", "other_unit_id": ""} for one in store.read(where)}


@pytest.fixture(scope="module")
def undisturbed(
    engines: dict[int, LabelEngine],
    instruments: list[Instrument],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, dict[str, Any]]:
    """Return what each instrument answers when nothing else was asked before."""
    found: dict[str, dict[str, Any]] = {}
    for one in instruments:
        found |= done(tmp_path_factory.mktemp(one.name), Way(range(len(TEXTS)), cold=True), engines[1], [one])
    return found


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    way=st.builds(
        Way,
        order=st.permutations(range(len(TEXTS))),
        shards=st.integers(1, 3),
        stops=st.lists(st.integers(1, 6), max_size=2),
        threads=st.sampled_from([1, 2]),
        cold=st.booleans(),
    )
)
def test_no_way_changes_a_bit(
    way: Way,
    engines: dict[int, LabelEngine],
    tmp_path_factory: pytest.TempPathFactory,
    instruments: list[Instrument],
    undisturbed: dict[str, dict[str, Any]],
) -> None:
    assert done(tmp_path_factory.mktemp("job"), way, engines[way.threads], instruments) == undisturbed


def test_repeats_are_draws_of_their_own(
    instruments: list[Instrument], undisturbed: dict[str, dict[str, Any]]
) -> None:
    drawn = [one for one in undisturbed.values() if one["instrument_id"] == instruments[-1].instrument_id]
    assert len(drawn) == 2 * len(TEXTS)
    assert len({str(one["answers"]) for one in drawn}) > len(TEXTS)
