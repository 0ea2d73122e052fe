"""Three hundred texts, coded by the same model file behind a server and here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from library.embedded import UNPACKED, model_file
from server.llama_server import ALIAS
from server.questions import BARE, instrument
from study.codebook import Codebook
from study.digest import text_sha256
from study.instrument import build
from study.llm.engine import LabelEngine
from study.llm.model import read_card
from study.server.chat import Chat
from study.server.coder import ServerModel
from study.server.settings import Server
from study_data import hutto_gilbert_units

# guidance calls it once a token of the vocabulary.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:llama_token_get_attr is deprecated")]

N = 300
LONGEST = 90
"""Characters of a text: the texts are short for the sake of time alone."""
BOOK: dict[str, Any] = {
    **BARE,
    "categories": {"positive": {"value": 1}, "negative": {"value": -1}},
    "system": "Answer with one word, positive or negative.",
    "wording": {"main": "{text}\n\nSentiment:"},
}
HOW = {"context": 512, "too_long": "refuse"}


def p_positive(answer: dict[str, Any]) -> float:
    raised = np.exp(answer["log_p"][0])
    return float(raised[0] / raised.sum())


def test_labels_are_those_of_the_same_model_here(llama: str) -> None:
    units = hutto_gilbert_units()
    short = units.loc[units["text"].str.len() < LONGEST, "text"]
    texts = list(short.iloc[:: len(short) // N][:N])
    assert len(set(texts)) > 0.99 * N
    server = Server("hosted", llama, ALIAS, constraint="grammar", probabilities="whole", at_once=1)
    there = instrument(server, BOOK, **HOW)
    here = build([Codebook.from_dict(BOOK)], "llm", read_card(model_file(), "smollm2", None, "F16"), **HOW)
    engine = LabelEngine(model_file(UNPACKED), context=512, threads=1)
    with Chat(server, print) as chat:
        model = ServerModel(server, chat)
        asked = [model.ask(there, [text], text_sha256(text)) for text in texts]
    expected = [engine.ask(here, [text], text_sha256(text)) for text in texts]
    failed = [text for text, one in zip(texts, asked, strict=True) if one["status"] != "ok"]
    pairs = [
        (text, p_positive(one["answers"][0]), p_positive(other["answers"][0]))
        for text, one, other in zip(texts, asked, expected, strict=True)
        if one["status"] == "ok"
    ]
    others = [(text, round(p, 4), round(q, 4)) for text, p, q in pairs if (p > 0.5) != (q > 0.5)]
    largest = max(abs(p - q) for _, p, q in pairs)
    said = f"other labels: {others}; failed: {failed}; p differs by {largest:.4f} at most"
    print(said)
    assert len(others) + len(failed) <= 0.01 * N, said
    assert largest < 0.02, said
    # Both labels are given, and not by a hair.
    assert 0.2 * N < sum(q > 0.5 for *_, q in pairs) < 0.8 * N
    assert np.std([q for *_, q in pairs]) > 0.1
