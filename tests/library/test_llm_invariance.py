"""An answer depends on instrument, text and repeat alone: never on what else is asked, nor in which order."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import study
from library.embedded import model_file
from study.codebook import Codebook
from study.instrument import Instrument, build
from study.llm import NotEvaluatedError
from study.llm.engine import LabelEngine
from study.llm.model import read_card
from study.llm.primitives import ask

# guidance calls it once a token of the vocabulary.
pytestmark = pytest.mark.filterwarnings("ignore:llama_token_get_attr is deprecated")

CONTEXT = 512
TEXTS = ("I love it!", "Our 3 roads are bad.\nWe want a school.", "Nobody listens. " * 12)
REPEATS = 2
"""Of instruments with a temperature."""

TONE: dict[str, Any] = {
    "construct": "tone",
    "question": "How does it sound?",
    "type": "classify",
    "level": "nominal",
    "categories": {"good": {}, "bad": {}, "very good": {}},
    "not_codable": {},
}
ANGER: dict[str, Any] = {
    "construct": "anger",
    "question": "How angry is it?",
    "type": "rate",
    "level": "interval",
    "scale": {"low": 0, "high": 10},
}
ROADS: dict[str, Any] = {
    "construct": "roads",
    "question": "How many roads?",
    "type": "count",
    "scale": {"low": 0, "high": 30},
}
COSTS: dict[str, Any] = {
    "construct": "costs",
    "question": "How many dollars?",
    "type": "number",
    "scale": {"low": -5, "high": 500, "decimals": 1},
}
WANTED: dict[str, Any] = {
    "construct": "wanted",
    "question": "What is wanted?",
    "type": "extract",
    "spans": {"most": 2, "none": "none"},
}
BETTER: dict[str, Any] = {"construct": "better", "question": "Which is better?", "type": "compare"}
BEFORE = {"rationale": "before", "rationale_tokens": 6}
AFTER = {"rationale": "after", "rationale_tokens": 6}

KINDS: dict[str, tuple[list[dict[str, Any]], float]] = {
    "classify": ([TONE], 0),
    "record": ([TONE, ANGER, ROADS, WANTED], 0),
    "rotated, and a reason after it": ([{**TONE, "prompt": {**AFTER, "label_order": "rotated"}}], 0),
    "a reason before a number": ([{**COSTS, "prompt": BEFORE}], 0),
    "record at temperature 1": ([{**TONE, "prompt": BEFORE}, ROADS], 1),
    "compare": ([BETTER], 0),
}
"""Codebooks that are asked together, and the temperature."""

Request = tuple[str, int, int]
"""Which instrument, which text, which repeat."""

REQUESTS: list[Request] = [
    (kind, text, repeat)
    for kind, (_, temperature) in KINDS.items()
    for text in range(3 if kind == "classify" else 2)
    for repeat in range(REPEATS if temperature else 1)
]


@pytest.fixture(scope="module")
def file() -> Path:
    return model_file()


def instruments_of(file: Path) -> dict[str, Instrument]:
    card = read_card(file, "smollm2", None)
    built = {}
    for name, (books, temperature) in KINDS.items():
        asked_in = books[0]["construct"] if len(books) == 1 else name
        known = [
            Codebook.from_dict({**book, "asked_in": asked_in, "position": i, "system": "You code texts."})
            for i, book in enumerate(books)
        ]
        built[name] = build(known, "llm", card, context=CONTEXT, too_long="refuse", temperature=temperature)
    return built


@pytest.fixture(scope="module")
def instruments(file: Path) -> dict[str, Instrument]:
    return instruments_of(file)


def answer(engine: LabelEngine, instruments: dict[str, Instrument], request: Request) -> dict[str, Any]:
    kind, text, repeat = request
    instrument = instruments[kind]
    texts = [TEXTS[text], TEXTS[1 - text]] if instrument.compares else [TEXTS[text]]
    key = hashlib.sha256(f"{instrument.instrument_id}|{text}|{repeat}".encode()).hexdigest()
    found = ask(engine, instrument, texts, key)
    assert found["status"] == "ok"
    return found


@pytest.fixture(scope="module")
def alone(file: Path, instruments: dict[str, Instrument]) -> dict[Request, dict[str, Any]]:
    """Each answer of an engine that was asked nothing else."""
    return {
        request: answer(LabelEngine(file, context=CONTEXT, threads=1), instruments, request)
        for request in REQUESTS
    }


def test_the_answers_are_different_ones(alone: dict[Request, dict[str, Any]]) -> None:
    """Otherwise that they stay the same would say little."""
    by_kind: dict[str, list[Any]] = {}
    for (kind, _, _), found in alone.items():
        assert found["answers"] not in by_kind.setdefault(kind, [])  # repeats at temperature 1 included
        by_kind[kind].append(found["answers"])
    written = {
        kind: sum(found["n_written"] for (k, _, _), found in alone.items() if k == kind) for kind in KINDS
    }
    assert written.pop("classify") == written.pop("compare") == 0
    assert all(n > 5 for n in written.values())


def disturb(engine: LabelEngine, how: str) -> None:
    """Have the engine do something else than coding, or fail at it."""
    if how == "guidance":
        engine.get_logits(engine.prompt_tokens("<|im_start|>user\nHow does it sound?"))
    elif how == "failure":
        engine.begin(engine.prompt_tokens("<|im_start|>"))
        with pytest.raises(NotEvaluatedError):
            engine.read([engine.text_tokens("a")[0]] * 2 * CONTEXT)


@st.composite
def runs(draw: st.DrawFn) -> list[tuple[str, Request]]:
    """Draw an order, and what happens before each request: another run begins with an empty memory."""
    order = draw(st.permutations(REQUESTS))
    events = ["another run", "failure", "guidance", "guidance", *["nothing"] * (len(order) - 4)]
    return list(zip(draw(st.permutations(events)), order, strict=True))


@settings(
    max_examples=4,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # to look for a simpler example would take minutes
    suppress_health_check=[HealthCheck.too_slow],
)
@given(run=runs())
def test_answers_do_not_depend_on_order_or_on_what_was_before(
    file: Path,
    instruments: dict[str, Instrument],
    alone: dict[Request, dict[str, Any]],
    run: Sequence[tuple[str, Request]],
) -> None:
    """In any order, resumed, with other calls and failures in between: the same to the bit."""
    engine = LabelEngine(file, context=CONTEXT, threads=1)
    for event, request in run:
        if event == "another run":
            engine = LabelEngine(file, context=CONTEXT, threads=1)
        disturb(engine, event)
        assert answer(engine, instruments, request) == alone[request], run


PROGRAM = """
import json
from library import test_llm_invariance as tests
from study.llm.engine import LabelEngine

file = tests.model_file()
engine, instruments = LabelEngine(file, context=tests.CONTEXT, threads=2), tests.instruments_of(file)
print(json.dumps([tests.answer(engine, instruments, request) for request in tests.REQUESTS[::-1]]))
"""


def test_answers_do_not_depend_on_threads_or_the_process(alone: dict[Request, dict[str, Any]]) -> None:
    folders = [str(Path(study.__file__).parents[1]), str(Path(__file__).parents[1])]
    # As the workflow does it: threads that wait leave the processor to others.
    settings = {"GOMP_SPINCOUNT": "1000", "PYTHONHASHSEED": "5", "PYTHONPATH": os.pathsep.join(folders)}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [alone[request] for request in REQUESTS[::-1]]


def test_repeats_in_any_order_also_without_the_others(
    file: Path, instruments: dict[str, Instrument], alone: dict[Request, dict[str, Any]]
) -> None:
    kind = "record at temperature 1"
    engine = LabelEngine(file, context=CONTEXT, threads=1)
    for repeat in (1, 0, 1, 1):
        np.random.seed(repeat)
        assert answer(engine, instruments, (kind, 1, repeat)) == alone[kind, 1, repeat]


def test_a_larger_context_changes_nothing(
    file: Path, instruments: dict[str, Instrument], alone: dict[Request, dict[str, Any]]
) -> None:
    # Instruments with other contexts share one engine, which has the largest.
    engine = LabelEngine(file, context=4 * CONTEXT, threads=1)
    for request in (("classify", 2, 0), ("record", 1, 0), ("record at temperature 1", 0, 1)):
        assert answer(engine, instruments, request) == alone[request]
