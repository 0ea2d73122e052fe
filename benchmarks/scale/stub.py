"""A model that is none: it answers at once, or after a while, from the text's hash.

What is measured with it is everything around a model: which texts are missing, the journal, the store.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

from study.digest import text_sha256
from study.instrument import Instrument

LABELS = ("satisfied", "neither", "dissatisfied")
"""Of the first construct, from the first third of hashes to the last."""
SURE = 4.0
"""Logarithmic units by which the best label leads over one as far away as can be."""
OUTSIDE = 0.1
"""Natural logarithm that valid answers lose to everything else that could be said."""


def place(digest: str, question: int) -> float:
    """Return a number from 0 to 1 that a text's sha256 decides: another one for each question."""
    return int(digest[8 * question : 8 * question + 8], 16) / 2**32


class Stub:
    """An Askable (`study.llm.asked.Askable`) for closed questions with labels in a fixed order.

    Parameters
    ----------
    seconds
        How long it thinks about a text.
    """

    at_once = 1
    """Texts that are asked about at the same time."""

    def __init__(self, seconds: float = 0.0) -> None:
        """Count from zero."""
        self.asked = 0
        self.thought = 0.0
        self._seconds = seconds

    def ask(self, instrument: Instrument, texts: Sequence[str], key: str) -> dict[str, Any]:
        """Answer every question from the text's hash; `thought` adds up the seconds that it really took."""
        self.asked += 1
        if self._seconds:
            start = time.monotonic()
            time.sleep(self._seconds)
            self.thought += time.monotonic() - start
        digest = text_sha256(texts[0])
        answers = []
        for number, question in enumerate(instrument.questions):
            n, at = len(question.labels), place(digest, number)
            weights = [math.exp(-SURE * abs(at - (label + 0.5) / n)) for label in range(n)]
            total = math.log(math.fsum(weights))
            answers.append({"log_p": [[math.log(weight) - total - OUTSIDE for weight in weights]]})
        return {
            "status": "ok",
            "answers": answers,
            "n_tokens": 40 + len(texts[0]) // 4,
            "n_written": 0,
            "truncated": 0,
            "escaped": 0,
        }
