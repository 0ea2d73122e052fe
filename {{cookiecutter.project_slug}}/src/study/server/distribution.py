"""The probability of every label, from what a server says about the tokens of its answers.

Servers report the logarithm of each written token's probability, and of the most probable tokens at each place,
before their constraint is applied (most), or after it (some). Nothing is ever filled in: what a server does not
say is asked in another request, or is not available.

- *whole*: each label in turn is the only answer that is allowed. The sum over its tokens, and over what ends it,
  is the logarithm of the probability of the full label, as it is of a model that runs here
  (`study.llm.labels`).
- *deciding*: one answer among all labels. Where labels part, the listed tokens say how probable each beginning
  is that only one label has.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from study.server import constraint

SENTINEL = constraint.SENTINEL.encode()
END = b"\0end of turn"
"""What stands for the end of the turn behind an answer under a grammar."""

NEGLIGIBLE = 0.001
"""Probability that may remain unaccounted for; a label that is within it counts as 0."""

EXCESS = 1e-3
"""What probabilities may exceed 1 in sum, by rounding; more is no probability before the constraint."""

NEVER = -50.0
"""Logarithms below it are how servers write the probability 0."""

_SPECIAL = re.compile(rb"<[|\xef/A-Za-z][^<>]*>|\[/?[A-Z]+\]", re.DOTALL)
"""How a special token may be spelt, such as <|im_end|>, </s> or <end_of_turn>."""


@dataclass(frozen=True)
class Token:
    """One token of an answer.

    Attributes
    ----------
    text
        Its bytes.
    log_p
        Natural logarithm of its probability.
    listed
        The most probable tokens at its place, with the same; each spelling once.
    """

    text: bytes
    log_p: float
    listed: dict[bytes, float]


def is_end(text: bytes) -> bool:
    """Whether this is how a server spells the end of a turn: not at all, or as a special token."""
    return not text or _SPECIAL.fullmatch(text) is not None


def tokens_of(choice: Mapping[str, Any]) -> list[Token] | None:
    """Read the tokens of an answer; None where the server did not list them, or not all of its bytes."""
    listed = (choice.get("logprobs") or {}).get("content")
    if not isinstance(listed, list) or not listed:
        return None
    try:
        tokens = [_token(one) for one in listed]
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    if tokens[-1].text and is_end(tokens[-1].text):
        tokens.pop()
    written = str(choice["message"]["content"]).encode()
    return tokens if b"".join(token.text for token in tokens) == written else None


def _token(one: Mapping[str, Any]) -> Token:
    listed: dict[bytes, float] = {}
    for other in one.get("top_logprobs") or ():
        text, log_p = _bytes(other), float(other["logprob"])
        if log_p > NEVER:
            listed[text] = max(log_p, listed.get(text, log_p))
    return Token(_bytes(one), float(one["logprob"]), listed)


def _bytes(token: Mapping[str, Any]) -> bytes:
    given = token.get("bytes")
    return bytes(given) if given else str(token["token"]).encode()


def with_ends(tokens: Sequence[Token], before: int, answers: Sequence[bytes]) -> list[Token]:
    """Put the end of the turn where a grammar demanded the sentinel instead.

    Parameters
    ----------
    tokens
        Of an answer under a grammar.
    before
        Bytes that stand before the answer.
    answers
        The bytes of each label's answer.

    Returns
    -------
    list
        The tokens up to the end of the answer, which is spelt `END` everywhere; without it where the server
        does not say how probable it is.
    """
    found: list[Token] = []
    prefix = b""
    for token in tokens:
        if prefix[before:] not in answers or len(prefix) < before:
            found.append(token)
            prefix += token.text
            continue
        listed = {text: p for text, p in token.listed.items() if not text.startswith(SENTINEL)}
        ends = [listed.pop(text) for text in list(listed) if is_end(text)]
        if ends:
            listed[END] = max(ends)
        if not token.text.startswith(SENTINEL):
            found.append(Token(token.text, token.log_p, listed))
            prefix += token.text
            continue
        if ends:
            found.append(Token(END, max(ends), listed))
        break
    return found


def whole(tokens: Sequence[Token], before: int, answer: bytes) -> float | None:
    """Return log P of a full answer and its end; None where the server does not say.

    Parameters
    ----------
    tokens
        Of a response in which this was the only answer allowed.
    before
        Bytes that stand before the answer.
    answer
        Its bytes, with what ends it.
    """
    place, total = 0, 0.0
    for token in tokens:
        start, place = place, place + len(token.text)
        if start < before + len(answer) and place > before:
            total += token.log_p
    written = b"".join(token.text for token in tokens)[before:]
    return total if written.startswith(answer) else None


@dataclass
class Decided:
    """What is known of the labels' probabilities.

    Attributes
    ----------
    answers
        The bytes of each label's answer, with what ends it; none is the beginning of another.
    log_p
        {label: log P of the beginnings that no other label has}.
    rest
        Probability of what was not followed: beginnings that several labels share, and tokens that were not
        listed where labels part.
    raw
        Whether probabilities are those before the constraint: some listed token begins no label.
    """

    answers: Sequence[bytes]
    log_p: dict[int, float] = field(default_factory=dict)
    rest: float = 0.0
    raw: bool = False

    @property
    def missing(self) -> list[int]:
        """Labels of which nothing is known yet."""
        return [label for label in range(len(self.answers)) if label not in self.log_p]

    @property
    def negligible(self) -> bool:
        """Whether missing labels together have next to no probability among the labels."""
        return self.rest <= NEGLIGIBLE * sum(map(math.exp, self.log_p.values()))

    def read(self, tokens: Sequence[Token], before: int) -> None:
        """Take from one response what it says about the labels that are missing.

        Parameters
        ----------
        tokens
            Of a response in which only missing labels were allowed (in the first: all).
        before
            Bytes that stand before the answer.
        """
        found: dict[int, list[float]] = {}
        shared = unlisted = reached = 0.0
        prefix, place = b"", 0
        for token in tokens:
            start, place = place, place + len(token.text)
            if place <= before:
                continue
            group = self._fitting(prefix)
            if len(group) == 1:
                break
            head, text = token.text[: max(0, before - start)], token.text[max(0, before - start) :]
            others = {
                other.removeprefix(head): log_p
                for other, log_p in token.listed.items()
                if other.startswith(head) and other != token.text
            }
            self.raw |= any(not other.startswith(head) for other in token.listed)
            for other, log_p in others.items():
                fits = self._fitting(prefix + other) if other else []
                self.raw |= not fits
                if len(fits) == 1:
                    found.setdefault(fits[0], []).append(reached + log_p)
                elif any(label not in self.log_p for label in fits):
                    shared += math.exp(reached + log_p)
            if len(self._fitting(prefix + text)) < len(group):
                told = math.exp(token.log_p) + sum(map(math.exp, others.values()))
                unlisted += math.exp(reached) * max(0.0, 1 - told)
            reached += token.log_p
            prefix += text
        last = self._fitting(prefix)
        if len(last) == 1:
            found.setdefault(last[0], []).append(reached)
        for label in set(found) & set(self.missing):
            self.log_p[label] = _log_sum(found[label])
        self.rest = shared + unlisted

    def _fitting(self, prefix: bytes) -> list[int]:
        """Return the labels of which this may be the beginning, or which it goes on from."""
        return [
            label
            for label, answer in enumerate(self.answers)
            if answer.startswith(prefix) or prefix.startswith(answer)
        ]


def _log_sum(logs: Sequence[float]) -> float:
    largest = max(logs)
    return largest + math.log(sum(math.exp(one - largest) for one in logs))


def exceeds(log_p: Sequence[float]) -> bool:
    """Whether these are no probabilities of labels that exclude each other."""
    return sum(math.exp(one) for one in log_p) > 1 + EXCESS
