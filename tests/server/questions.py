"""Questions of every kind, cards of servers, and instruments that ask them."""

from __future__ import annotations

from typing import Any

from library.coding_jobs import TONE
from study.codebook import Codebook
from study.instrument import Instrument, Question, build
from study.prompt import Prompt
from study.server import card as cards
from study.server.settings import Server

PROMPT = Prompt("<|system|>You code texts.<|end|><|user|>Text:\n", "\n\nHow is it?<|end|><|assistant|>")
OWN_LINES = "Text:\n{text}\n\n{question} Answer with one of: {labels}."
"""A wording in which a text stands on lines of its own: its tokens do not depend on what is around it."""
BARE: dict[str, Any] = {**TONE, "wording": {"main": OWN_LINES}}


def choice(*answers: str, **more: Any) -> Question:
    """Return a question with these answers."""
    return Question("tone", "choice", PROMPT, labels=answers, answers=answers, **more)


def number(low: float, high: float, decimals: int = 0, **more: Any) -> Question:
    """Return a question for a number."""
    return Question("count", "number", PROMPT, low=low, high=high, decimals=decimals, **more)


def passages(most: int = 3, none: str = "nothing", **more: Any) -> Question:
    """Return a question for passages."""
    return Question("wishes", "spans", PROMPT, most=most, none=none, **more)


def card(server: Server) -> dict[str, Any]:
    """Return the card of a server that has said nothing of itself."""
    reported = {"model": server.model, "system_fingerprint": None, "date": "2025-01-31"}
    return cards.card(server, reported, 1.0)


def instrument(server: Server, *books: dict[str, Any], **settings: Any) -> Instrument:
    """Return the instrument with which a server is asked for some codebooks."""
    settings = {"context": 1024, "too_long": "refuse"} | settings
    return build([Codebook.from_dict(book) for book in books or (BARE,)], "llm", card(server), **settings)
