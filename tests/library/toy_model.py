"""A language model whose every probability is known by hand, and an engine that asks it.

The engine has the methods of `study.llm.engine.LabelEngine` and does by plain multiplication what that one
does with trees, pieces and a memory.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from llguidance import LLMatcher, LLTokenizer
from llguidance._tokenizer import TokenizerWrapper

from study.llm import NotEvaluatedError
from study.llm.engine import Branch, Choose, Written
from study.llm.labels import LabelTree

END = "<end>"
SPECIAL = (END, "<user>", "<assistant>")
TEMPLATE = (
    "{% for m in messages %}<{{ 'user' if m.role == 'system' else m.role }}>{{ m.content }}<end>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
CARD: dict[str, Any] = {
    "name": "toy",
    "file": "toy.gguf",
    "sha256": "0" * 64,
    "chat_template": TEMPLATE,
    "bos_token": "",
    "eos_token": END,
    "add_bos": False,
    "trained_context": 0,
    "engine": {"toy": "1"},
}
"""What `study.instrument.build` needs to know about the model."""


class Tokenizer:
    """Tokens are the special ones, some words and every single byte; the longest that fits is taken."""

    eos_token_id = 0
    bos_token_id = None

    def __init__(self, words: Sequence[str]) -> None:
        self.special_token_ids = list(range(len(SPECIAL)))
        self.tokens = [word.encode() for word in [*SPECIAL, *words]] + [bytes([byte]) for byte in range(256)]
        self.number = {token: i for i, token in reversed(list(enumerate(self.tokens)))}

    def __call__(self, text: bytes, *, special: bool = False) -> list[int]:
        found, at = [], 0
        first = 0 if special else len(SPECIAL)
        while at < len(text):
            token = max((t for t in self.tokens[first:] if text.startswith(t, at)), key=len)
            found.append(self.tokens.index(token, first))
            at += len(token)
        return found

    def decode(self, tokens: Sequence[int]) -> bytes:
        return b"".join(self.tokens[token] for token in tokens)


@dataclass(frozen=True)
class Model:
    """A model that is a list of rules.

    Attributes
    ----------
    words
        Its tokens of more than one byte.
    rules
        Patterns with the probabilities of what comes next; the first that fits the end of what stands before
        is followed. What it leaves is spread evenly over all other tokens.
    """

    words: tuple[str, ...]
    rules: tuple[tuple[str, Mapping[str, float]], ...]

    def next(self, tokenizer: Tokenizer, before: str) -> np.ndarray:
        """Return the probability of every token."""
        known = next((p for pattern, p in self.rules if re.search(rf"(?:{pattern})\Z", before, re.S)), {})
        rest = (1 - math.fsum(known.values())) / (len(tokenizer.tokens) - len(known))
        p = np.full(len(tokenizer.tokens), rest)
        for token, value in known.items():
            p[tokenizer.number[token.encode()]] = value
        return p


class Engine:
    """What `study.llm.primitives.ask` asks.

    Attributes
    ----------
    heard
        Everything that stood before the model each time it was asked for an answer.
    fails
        Says of what stands before whether it cannot be evaluated.
    """

    def __init__(self, model: Model, fails: Callable[[str], bool] = lambda before: False) -> None:
        self.model, self.fails = model, fails
        self.tokenizer = Tokenizer(model.words)
        self._matched = LLTokenizer(TokenizerWrapper(self.tokenizer), slices=[])
        self.asked = 0
        self.heard: list[str] = []
        self._before: list[int] = []

    def prompt_tokens(self, text: str) -> list[int]:
        return self.tokenizer(text.encode(), special=True)

    def text_tokens(self, text: str) -> list[int]:
        return self.tokenizer(text.encode())

    def text_of(self, tokens: Sequence[int]) -> str:
        return self.tokenizer.decode(tokens).decode(errors="ignore")

    def end_token(self, end_of_turn: str) -> int:
        [end] = self.prompt_tokens(end_of_turn)
        return end

    def label_tree(self, labels: Sequence[str], end_of_turn: str) -> LabelTree:
        end = self.end_token(end_of_turn)
        return LabelTree.grow([[*self.text_tokens(label), end] for label in labels])

    def begin(self, prefix: Sequence[int]) -> None:
        self._before = list(prefix)

    def read(self, tokens: Sequence[int]) -> np.ndarray:
        assert tokens
        self._before += tokens
        return np.log(self._next([]))

    def weigh(self, tokens: Sequence[int], branches: Sequence[Branch]) -> list[np.ndarray]:
        self._before += tokens
        found = []
        for branch in branches:
            self._hear(branch.after)
            found.append(np.array([self._log_p(branch.after, path) for path in branch.tree.paths]))
        return found

    def write(self, tokens: Sequence[int], grammar: str, choose: Choose, end: int, most: int) -> Written:
        self._before += tokens
        self._hear([])
        matcher = LLMatcher(self._matched, grammar, log_level=0)
        written: list[int] = []
        log_p, ended = 0.0, False
        while not matcher.is_stopped() and len(written) < most and not ended:
            p = self._next(written)
            bits = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
            allowed = np.unpackbits(bits, bitorder="little")[: len(p)].astype(bool)
            with np.errstate(divide="ignore"):
                token = choose(np.log(p), allowed)
            log_p += math.log(p[token])
            if token == end:
                ended = True
            else:
                assert matcher.consume_token(token)
                written.append(token)
        complete = ended or matcher.is_accepting() or matcher.is_stopped()
        self._before += written
        return Written(self.text_of(written), log_p, len(written), ended, complete)

    def _hear(self, after: Sequence[int]) -> None:
        self.heard.append(self.text_of([*self._before, *after]))
        if self.fails(self.heard[-1]):
            raise NotEvaluatedError("The toy fails at this text.")

    def _next(self, after: Sequence[int]) -> np.ndarray:
        return self.model.next(self.tokenizer, self.text_of([*self._before, *after]))

    def _log_p(self, after: Sequence[int], path: Sequence[int]) -> float:
        return math.fsum(
            math.log(self._next([*after, *path[:depth]])[token]) for depth, token in enumerate(path)
        )
