"""A language model over a handful of tokens, behind a server's protocol, whose every probability is known."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

END = b""
"""The end of the turn."""
SINGLE = tuple(bytes([byte]) for byte in b'{}":~ answer10b')
"""With two more and the end of the turn, no more than a server lists."""


@dataclass(frozen=True)
class Toy:
    """The model and its server.

    Attributes
    ----------
    seed
        Of its probabilities, which depend on all tokens before.
    more
        Its tokens beside single characters.
    masked
        Whether probabilities are reported after the constraint.
    listed
        How many tokens it lists at most; fewer are given where fewer are asked for.
    spelt
        How it spells the end of the turn.
    bytes_given
        Whether it says which bytes a token has.
    """

    seed: int
    more: tuple[bytes, ...] = ()
    masked: bool = False
    listed: int = 100
    spelt: str = ""
    bytes_given: bool = True

    @property
    def vocabulary(self) -> tuple[bytes, ...]:
        """All tokens, the end of the turn last."""
        return (*dict.fromkeys([*SINGLE, *self.more]), END)

    @functools.cache  # noqa: B019 (it lives as long as a test)
    def probabilities(self, before: tuple[int, ...]) -> np.ndarray:
        """Return the probability of every token after some, shape (vocabulary,)."""
        random = np.random.default_rng([self.seed, 1, *before])
        drawn: np.ndarray = random.dirichlet(np.full(len(self.vocabulary), 0.3))
        return (drawn + 1e-6) / (drawn + 1e-6).sum()

    def complete(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a request: the most probable of the allowed tokens at each place."""
        allowed = answers_allowed(body)
        written, text, content = (), b"", []
        while text not in allowed:
            inside = self.inside(text, allowed)
            p = self.reported(written, inside)
            token = max(inside, key=lambda one: p[one])
            content.append(self._told(token, p, body["top_logprobs"]) if body.get("logprobs") else None)
            written, text = (*written, token), text + self.vocabulary[token]
        message = {"role": "assistant", "content": text.decode()}
        choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": "stop"}
        if body.get("logprobs"):
            choice["logprobs"] = {"content": content}
        usage = {"prompt_tokens": 9, "completion_tokens": len(written)}
        return {"choices": [choice], "usage": usage, "model": "toy", "system_fingerprint": None}

    def inside(self, text: bytes, allowed: Sequence[bytes]) -> list[int]:
        """Return the tokens with which one of the allowed answers goes on."""
        return [
            number
            for number, token in enumerate(self.vocabulary)
            if token and any(answer.startswith(text + token) for answer in allowed)
        ]

    def reported(self, before: tuple[int, ...], inside: Sequence[int]) -> np.ndarray:
        """Return the probabilities that the server reports."""
        p = self.probabilities(before)
        if not self.masked:
            return p
        kept = np.zeros_like(p)
        kept[list(inside)] = p[list(inside)]
        return np.asarray(kept / kept.sum())

    def tokens_before(self, content: bytes, tokens: Sequence[bytes], before: int) -> tuple[int, ...]:
        """Return the tokens of an answer that end where `before` bytes do."""
        found, place = [], 0
        for token in tokens:
            if place + len(token) > before:
                break
            found.append(self.vocabulary.index(token))
            place += len(token)
        assert place == before, (content, tokens)
        return tuple(found)

    def _told(self, token: int, p: np.ndarray, most: int) -> dict[str, Any]:
        order = [int(one) for one in np.argsort(-p)[: min(most, self.listed)] if p[one] > 0]
        return {**self._named(token, p), "top_logprobs": [self._named(one, p) for one in order]}

    def _named(self, token: int, p: np.ndarray) -> dict[str, Any]:
        text = self.vocabulary[token]
        return {
            "token": text.decode() or self.spelt,
            "bytes": list(text) if self.bytes_given else None,
            "logprob": math.log(p[token]),
        }


def answers_allowed(body: Mapping[str, Any]) -> list[bytes]:
    """Return every answer that a request allows."""
    if "grammar" in body:
        found = re.fullmatch(r'root ::= \((".*")\) "~"', body["grammar"])
        assert found, body["grammar"]
        return [f"{json.loads(one)}~".encode() for one in found[1].split(" | ")]
    labels = body["response_format"]["json_schema"]["schema"]["properties"]["answer"]["enum"]
    return [f'{{"answer":{space}{json.dumps(label)}}}'.encode() for label in labels for space in ("", " ")]


def exactly(toy: Toy, before: tuple[int, ...], answer: bytes, closing: bytes) -> float:
    """Return how probable it is that the model goes on with an answer and its end, however it divides them.

    Without `closing` it is the end of the turn that ends it.
    """
    p = toy.probabilities(before)
    total = 0.0 if answer or closing else float(p[-1])
    for number, token in enumerate(toy.vocabulary):
        if closing and token.startswith(answer + closing):
            total += float(p[number])
        elif token and answer.startswith(token):
            rest = answer[len(token) :]
            total += float(p[number]) * exactly(toy, (*before, number), rest, closing)
    return total


def beginnings(
    toy: Toy,
    before: tuple[int, ...],
    text: tuple[bytes, bytes],
    answers: Sequence[bytes],
    allowed: Sequence[bytes],
) -> dict[bytes, float]:
    """Return for each answer how probable it is that the model goes on with a beginning that it alone has.

    Parameters
    ----------
    before, text
        The tokens so far, and what they spell: before the answer, and of it.
    answers, allowed
        With what ends them; and the full texts that the constraint allows.
    """
    found = dict.fromkeys(answers, 0.0)
    head, written = text
    reported = toy.reported(before, toy.inside(head + written, allowed))
    for number, token in enumerate(toy.vocabulary):
        p = float(reported[number])
        # The end of the turn is what ends an answer under a grammar.
        more = token or b"$"
        if token == b"~" or (not token and written + b"$" not in answers) or not p:
            continue
        fits = [one for one in answers if one.startswith(written + more) or (written + more).startswith(one)]
        if len(fits) == 1:
            found[fits[0]] += p
        elif fits:
            inner = beginnings(toy, (*before, number), (head, written + token), answers, allowed)
            for one in answers:
                found[one] += p * inner[one]
    return found


def merges() -> Iterator[bytes]:
    """Yield tokens of several characters."""
    yield from (b"ab", b"a1", b"10", b"bb", b'b"', b'"}', b' "', b'":', b"aa", b"1}", b'0"}', b"{", b"answer")
