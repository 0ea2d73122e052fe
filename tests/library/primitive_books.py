"""Codebooks of every kind, small enough to be worked out by hand, and their instruments."""

from __future__ import annotations

import hashlib
from typing import Any

from library.toy_model import CARD
from study.codebook import Codebook
from study.instrument import Instrument, build

CONTEXT = 2000

TONE: dict[str, Any] = {
    "construct": "tone",
    "question": "Tone?",
    "type": "classify",
    "level": "nominal",
    "categories": {"good": {}, "bad": {}},
    "wording": {"main": "Text: {text}\n{question} {labels}."},
}


def key(n: object) -> str:
    return hashlib.sha256(str(n).encode()).hexdigest()


def instrument(*books: dict[str, Any], card: dict[str, Any] = CARD, **settings: Any) -> Instrument:
    given = {"context": CONTEXT, "too_long": "refuse"} | settings
    if len(books) > 1:
        books = tuple({**book, "asked_in": "together", "position": i} for i, book in enumerate(books))
    return build([Codebook.from_dict(book) for book in books], "llm", card, **given)


ANGER: dict[str, Any] = {
    "construct": "anger",
    "question": "How angry?",
    "type": "rate",
    "level": "interval",
    "scale": {"low": 0, "high": 10},
    "wording": {"main": "Text: {text}\n{question} {low} to {high}"},
}

BETTER: dict[str, Any] = {
    "construct": "better",
    "question": "Which is better?",
    "type": "compare",
    "pairs": {"first": "A", "second": "B", "tie": "same"},
    "wording": {"main": "A: {first}\nB: {second}\n{question}"},
}

THREE = {**TONE, "categories": {"good": {}, "bad": {}, "so so": {}}, "not_codable": {}}

HURT: dict[str, Any] = {
    "construct": "hurt",
    "question": "How many?",
    "type": "count",
    "scale": {"low": 0, "high": 120},
    "wording": {"main": "Text: {text}\n{question} {low} to {high}"},
}

KILOMETRES: dict[str, Any] = {
    **HURT,
    "construct": "kilometres",
    "type": "number",
    "scale": {"low": -3, "high": 3, "decimals": 2},
    "answer": "It is {label} km.",
}

DEMANDS: dict[str, Any] = {
    "construct": "demands",
    "question": "What?",
    "type": "extract",
    "spans": {"most": 3, "none": "nothing"},
    "wording": {"main": "Text: {text}\n{question}"},
}
