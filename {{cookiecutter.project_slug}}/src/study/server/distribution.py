"""The probability of every label, from what a server says about the tokens of its answers.

Servers report the logarithm of each written token's probability, and of the most probable tokens at each
place, before their constraint is applied (most), or after it (some). Nothing is ever filled in: what a server
does not say is asked in another request, or is not available.

- *whole*: each label in turn is the only answer that is allowed. The sum over its tokens, and over what ends
  it, is the logarithm of the probability of the full label, as it is of a model that runs here
  (`study.llm.labels`). The server has to write labels in the tokens in which the model reads them
  (`study.server.constraint` sees to it): in others they are all but impossible.
- *deciding*: one answer among all labels. Where labels part, the listed tokens say how probable each
  beginning is that only one label has.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from study.server import constraint

LISTED = 20
"""The most probable tokens that are asked for: as many as OpenAI's protocol allows."""

SENTINEL = constraint.SENTINEL.encode()
END = b"\0end of turn"
"""What stands for the end of the turn behind an answer under a grammar."""

UNKNOWN = b"\xff"
"""What stands for a part of a character whose bytes the server does not give; no text holds this byte."""

NEGLIGIBLE = 0.001
"""Probability that may remain unaccounted for; a label that is within it counts as 0."""

EXCESS = 0.02
"""What probabilities of several requests may exceed 1 in sum, as servers that compute several at once are not
exact to the last digit; more is no probability before the constraint."""

NEVER = -50.0
"""Listed tokens below it are those that servers list with the probability 0."""

UNTOLD = -1000.0
"""Logarithms below it are how servers write that a token is none of the most probable: -9999, say."""

ROUNDING = 1e-3
"""What a logarithm may be above 0."""

_SPECIAL = re.compile(
    r"<(?:\||｜)[^<>]*(?:end|eo[stm]|return)[^<>]*(?:\||｜)>|</s>|<(?:eos|eot|end_of_\w+)>", re.IGNORECASE
)
"""How the end of a turn may be spelt, such as <|im_end|>, </s> or <end_of_turn>."""


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
    rank
        How many of these tokens, the most probable ones, have to be asked for to hear of the one that is
        spelt ''; 0 where its probability is known.
    """

    text: bytes
    log_p: float
    listed: dict[bytes, float]
    rank: int = 0


def is_end(text: bytes) -> bool:
    """Whether this is how a server spells the end of a turn: not at all, or as a special token."""
    return not text or _SPECIAL.fullmatch(text.decode("utf-8", errors="replace")) is not None


def tokens_of(choice: Mapping[str, Any], most: int = LISTED) -> list[Token] | None:
    """Read the tokens of an answer; None where the server did not list them, or not all of its bytes.

    Parameters
    ----------
    choice
        Of a response.
    most
        How many tokens at each place were asked for.
    """
    listed = (choice.get("logprobs") or {}).get("content")
    if not isinstance(listed, list) or not listed:
        return None
    try:
        tokens = [_token(one, most) for one in listed]
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    if any(not token.log_p <= ROUNDING for token in tokens):
        return None
    written = str(choice["message"]["content"]).encode(errors="surrogatepass")
    if _joined(tokens) != written and is_end(tokens[-1].text):
        tokens.pop()
    return tokens if _joined(tokens) == written else None


def _joined(tokens: Sequence[Token]) -> bytes:
    return b"".join(token.text for token in tokens)


def _token(one: Mapping[str, Any], most: int) -> Token:
    listed: dict[bytes, float] = {}
    others = [
        (_bytes(other), float(other["logprob"]))
        for other in one.get("top_logprobs") or ()
        if other["logprob"] is not None
    ]
    for text, log_p in others:
        if log_p > NEVER:
            listed[text] = max(log_p, listed.get(text, log_p))
    text, log_p = _bytes(one), float(one["logprob"])
    return Token(text, log_p, listed, _rank(others, text, most) if one.get("bytes") is None else 0)


def _rank(others: Sequence[tuple[bytes, float]], written: bytes, most: int) -> int:
    """Return where the token spelt '' stands, if the list may name the probability of another one so spelt.

    llama-cpp-python spells the end of a turn and parts of characters '', and names the least probable of them
    at the place of the most probable. Then the list is shorter than it should be, or out of order.
    """
    # The written token comes last where it is none of the most probable.
    beyond = len(others) > 1 and others[-1][0] == written and others[-1][1] < others[-2][1]
    sorted_ = others[:-1] if beyond else others
    texts = [text for text, _ in sorted_]
    if b"" not in texts:
        return 0
    at = texts.index(b"")
    out_of_order = at + 1 < len(sorted_) and sorted_[at][1] < sorted_[at + 1][1]
    return at + 1 if out_of_order or len(sorted_) < most else 0


def _bytes(token: Mapping[str, Any]) -> bytes:
    given = token.get("bytes")
    if given:
        return bytes(given)
    text = str(token["token"])
    return UNKNOWN if "\ufffd" in text else text.encode()


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
        ends = [(text, listed.pop(text)) for text in list(listed) if is_end(text)]
        known = [log_p for text, log_p in ends if text or not token.rank]
        if known:
            listed[END] = max(known)
        if not token.text.startswith(SENTINEL):
            found.append(Token(token.text, token.log_p, listed))
            prefix += token.text
            continue
        if known:
            found.append(Token(END, max(known), listed))
        break
    return found


def to_be_asked(tokens: Sequence[Token], before: int, answer: bytes) -> int:
    """Return how many tokens a place are to be asked for to hear how probable the end of an answer is.

    Parameters
    ----------
    tokens, before
        Of an answer under a grammar, as the server gave them.
    answer
        Its bytes, without what ends it.

    Returns
    -------
    int
        0 where the end's probability is known, or no list would say it.
    """
    prefix = b""
    for token in tokens:
        if prefix[before:] == answer and len(prefix) > before:
            named = any(text and is_end(text) for text in token.listed)
            return 0 if named else token.rank
        prefix += token.text
    return 0


def whole(tokens: Sequence[Token], before: int, answer: bytes, ends: Callable[[bytes], bool]) -> float | None:
    """Return log P of a full answer and its end; None where the server does not say.

    Parameters
    ----------
    tokens
        Of a response in which this was the only answer allowed.
    before
        Bytes that stand before the answer.
    answer
        Its bytes, without what ends it.
    ends
        Whether what follows the answer (not nothing) ends it.
    """
    place, total, rest = 0, 0.0, answer
    ways: list[float] = []
    for token in tokens:
        start, place = place, place + len(token.text)
        if place <= before:
            continue
        if start < before:
            return None  # the token's probability is also that of what stands before
        if token.log_p <= UNTOLD:
            return None
        if not token.text:
            total += token.log_p
            continue
        for text, log_p in (token.listed | {token.text: token.log_p}).items():
            if text.startswith(rest) and text != rest and ends(text[len(rest) :]):
                ways.append(total + log_p)
        if not rest.startswith(token.text) or not rest:
            return _log_sum(ways) if token.text.startswith(rest) and ends(token.text[len(rest) :]) else None
        rest, total = rest[len(token.text) :], total + token.log_p
    return None


def unconstrained(tokens: Sequence[Token], before: int, length: int, allowed: bytes) -> bool:
    """Whether probabilities are those before the constraint: some listed token could be no part of an answer.

    Parameters
    ----------
    tokens, before
        As for `whole`.
    length
        Bytes of the answer.
    allowed
        Bytes of which an answer may consist.
    """
    place = 0
    for token in tokens:
        place += len(token.text)
        if before < place <= before + length and any(
            set(other) - set(allowed) for other in token.listed if other
        ):
            return True
    return False


@dataclass
class Decided:
    """What is known of the labels' probabilities.

    Attributes
    ----------
    answers
        The bytes of each label's answer, with what ends it.
    ended
        Whether something ends the answers, so that none is the beginning of another. Without, an answer that
        goes on behind a label is another answer.
    log_p
        {label: log P of the beginnings that no other label has}.
    rest
        Probability of what was not followed: beginnings that several labels share, and tokens that were not
        listed where labels part.
    raw
        Whether probabilities are those before the constraint: some listed token begins no label.
    """

    answers: Sequence[bytes]
    ended: bool = True
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

    def read(self, tokens: Sequence[Token], before: int) -> bool:
        """Take from one response what it says about the labels that are missing.

        Parameters
        ----------
        tokens
            Of a response in which only missing labels were allowed (in the first: all).
        before
            Bytes that stand before the answer.

        Returns
        -------
        bool
            Whether the label that was answered is known now.
        """
        found: dict[int, list[float]] = {}
        shared = unlisted = reached = 0.0
        prefix, place = b"", 0
        for token in tokens:
            start, place = place, place + len(token.text)
            if place <= before:
                continue
            group = self._fitting(prefix)
            if len(group) <= 1:
                break
            if start < before or token.log_p <= UNTOLD:
                return False  # the token's probability is also that of what stands before, or unknown
            others = {text: log_p for text, log_p in token.listed.items() if text != token.text}
            for other, log_p in others.items():
                fits = self._fitting(prefix + other) if other else []
                if len(fits) == 1:
                    found.setdefault(fits[0], []).append(reached + log_p)
                elif any(label not in self.log_p for label in fits) or self._may_hide(prefix, other):
                    shared += math.exp(reached + log_p)
                else:
                    self.raw |= not fits
            if len(self._fitting(prefix + token.text)) < len(group):
                told = math.exp(token.log_p) + sum(map(math.exp, others.values()))
                unlisted += math.exp(reached) * max(0.0, 1 - told)
            reached += token.log_p
            prefix += token.text
        last = self._fitting(prefix)
        if len(last) != 1:
            return False
        if last[0] not in self.log_p:
            found.setdefault(last[0], []).append(reached)
        for label in set(found) & set(self.missing):
            self.log_p[label] = _log_sum(found[label])
        self.rest = shared + unlisted
        return True

    def _fitting(self, prefix: bytes) -> list[int]:
        """Return the labels of which this may be the beginning, or which it goes on from."""
        return [
            label
            for label, answer in enumerate(self.answers)
            if answer.startswith(prefix) or (self.ended and prefix.startswith(answer))
        ]

    def _may_hide(self, prefix: bytes, token: bytes) -> bool:
        """Whether a token may be a part of a character with which a missing label goes on."""
        return token in (b"", UNKNOWN) and any(
            answer.startswith(prefix) and answer[len(prefix) : len(prefix) + 1] >= b"\x80"
            for answer in (self.answers[label] for label in self.missing)
        )


def _log_sum(logs: Sequence[float]) -> float:
    largest = max(logs)
    return largest + math.log(sum(math.exp(one - largest) for one in logs))


def exceeds(log_p: Sequence[float]) -> bool:
    """Whether these are no probabilities of labels that exclude each other."""
    return sum(math.exp(one) for one in log_p) > 1 + EXCESS
