"""A model behind a server, asked what an instrument asks."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import numpy as np

from study.digest import text_sha256
from study.errors import StudyError
from study.instrument import Instrument, Question
from study.llm import NotEvaluatedError
from study.llm.labels import draw, mean_log_p, with_never
from study.llm.spans import located_nearly
from study.prompt import Prompt
from study.server import answers, messages
from study.server.answers import Said
from study.server.constraint import constraint, most_tokens
from study.server.distribution import END, Decided, Token, exceeds, tokens_of, whole, with_ends
from study.server.faults import TooLongError
from study.server.settings import Server

LISTED = 20
"""The most probable tokens that are asked for: as many as OpenAI's protocol allows."""

BYTES_A_TOKEN = 4
"""About as many as a token has: what a server can read at once is not counted here."""


class Completes(Protocol):
    """What sends a request (`study.server.chat.Chat`)."""

    def complete(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return a server's answer."""


@dataclass
class Exchange:
    """The requests about one text.

    Attributes
    ----------
    read, written
        Tokens, as the server counts them; None where it does not.
    model, system_fingerprint
        What the last answer says of itself.
    """

    requests: int = 0
    read: int | None = 0
    written: int | None = 0
    model: str | None = None
    system_fingerprint: str | None = None
    began: float = field(default_factory=time.monotonic)

    def note(self, answer: Mapping[str, Any]) -> None:
        """Take from an answer what it says of itself."""
        usage = answer.get("usage") or {}
        self.requests += 1
        self.read = _plus(self.read, usage.get("prompt_tokens"))
        self.written = _plus(self.written, usage.get("completion_tokens"))
        self.model = answer.get("model")
        self.system_fingerprint = answer.get("system_fingerprint")

    def record(self) -> dict[str, Any]:
        """Return what a response keeps of it."""
        return {
            "model": self.model,
            "system_fingerprint": self.system_fingerprint,
            "date": datetime.now(UTC).date().isoformat(),
            "seconds": round(time.monotonic() - self.began, 3),
            "requests": self.requests,
        }


class ServerModel:
    """A model behind a server.

    Parameters
    ----------
    server
        The configuration.
    chat
        What sends requests.

    Attributes
    ----------
    asked
        How many responses the model has been asked for.
    """

    def __init__(self, server: Server, chat: Completes) -> None:
        """Nothing is sent yet."""
        self.asked = 0
        self._counting = threading.Lock()
        self._server, self._chat = server, chat

    @property
    def at_once(self) -> int:
        """How many texts at the same time."""
        return self._server.at_once

    def ask(self, instrument: Instrument, texts: Sequence[str], key: str) -> dict[str, Any]:
        """Ask everything that an instrument asks about one text, or about two that are compared.

        Parameters and result are those of `study.llm.primitives.ask`; a response has the member `server` too
        (model, system_fingerprint, date, seconds, requests), n_tokens and n_written are those of all its
        requests (None where the server does not count them), and the `log_p` of labels is None where the
        server gives no probabilities: then `label` is what it has answered.

        Raises
        ------
        StudyError
            When nothing more can be asked.
        """
        with self._counting:
            self.asked += 1
        exchange = Exchange()
        interview = _Interview(self._server, self._chat, instrument, texts, exchange, key)
        facts: dict[str, Any] = {
            "status": "ok", "answers": None, "truncated": 0, "escaped": interview.escaped
        }  # fmt: skip
        try:
            found = interview.answers()
            if self._server.probabilities == "whole":
                self._check(found)
            facts["answers"] = found
        except TooLongError:
            facts["status"] = "too_long"
        except NotEvaluatedError as error:
            facts |= {"status": "failed", "error": str(error)}
        facts |= {"n_tokens": exchange.read, "n_written": exchange.written}
        return facts | ({"server": exchange.record()} if exchange.requests else {})

    def _check(self, found: Sequence[Mapping[str, Any]]) -> None:
        """Refuse probabilities that a server reports after its constraint: of one label alone they are 1."""
        each = [one for answer in found for one in answer.get("log_p") or () if isinstance(one, list)]
        if any(exceeds(log_p) for log_p in each):
            raise StudyError(
                "The server reports probabilities after its constraint, so a label that alone is allowed always"
                " has the probability 1.",
                file="config/study.yaml",
                key=f"models.{self._server.name}.server.probabilities",
                found="whole",
                allowed="deciding, none",
            )


@dataclass(frozen=True)
class Chosen:
    """What was answered in one order of the labels.

    Attributes
    ----------
    log_p
        Of each label; None for one with next to no probability, and instead of the list where the server gives
        no probabilities.
    label
        What was answered; None where each label was asked in full.
    unconstrained
        Whether probabilities are those before the constraint.
    """

    log_p: Sequence[float | None] | None
    label: int | None = None
    rationale: str | None = None
    unconstrained: bool = True


class _Interview:
    """The questions of one instrument about one text."""

    def __init__(
        self,
        server: Server,
        chat: Completes,
        instrument: Instrument,
        texts: Sequence[str],
        exchange: Exchange,
        key: str,
    ) -> None:
        self._server, self._chat, self._exchange = server, chat, exchange
        self._questions, self._texts = instrument.questions, texts
        self._context = instrument.settings["context"]
        self._temperature = instrument.settings["temperature"]
        self._random = np.random.Generator(np.random.Philox(key=int(key[:32], 16)))
        self._seed = int(key[:7], 16)
        prompt = instrument.questions[0].prompt
        self._quoted, escaped = zip(*(prompt.quoted(text, i) for i, text in enumerate(texts)), strict=True)
        self.escaped = sum(escaped)

    def answers(self) -> list[dict[str, Any]]:
        """Return the answer to each question, in the order of the instrument."""
        digest = text_sha256("\0".join(self._texts))
        return [
            self._labelled(question, question.orders(digest))
            if question.kind == "choice"
            else self._written(question)
            for question in self._questions
        ]

    def _labelled(self, question: Question, orders: Sequence[tuple[int, ...]]) -> dict[str, Any]:
        each = [self._choice(question, question.prompt_in_order(order)) for order in orders]
        answer: dict[str, Any] = {"log_p": [one.log_p for one in each]}
        if question.label_order != "fixed":
            answer["orders"] = [list(order) for order in orders]
        if question.rationale == "before":
            answer["rationale"] = [one.rationale for one in each]
        known = [one.log_p for one in each if one.log_p is not None]
        if len(known) < len(each):
            answer["log_p"] = None
            labels = [one.label for one in each]
            answer["label"] = max(dict.fromkeys(labels), key=labels.count)  # of equals, the first
        else:
            mean = mean_log_p(np.array([with_never(log_p) for log_p in known]))
            if self._temperature:
                answer["label"] = draw(mean, self._temperature, self._random)
            elif question.rationale == "after":
                answer["label"] = int(mean.argmax())
            if not all(one.unconstrained for one in each):
                answer["masked"] = True
        if question.rationale == "after":
            prompt = question.prompt_in_order(orders[0])
            choice = self._request(question, prompt, [answer["label"]], temperature=self._temperature)
            answer["rationale"] = self._read(question, choice).rationale
        return answer

    def _choice(self, question: Question, prompt: Prompt) -> Chosen:
        if self._server.probabilities == "whole":
            return Chosen([self._whole(question, prompt, label) for label in range(len(question.answers))])
        everything = range(len(question.answers))
        before = question.rationale == "before"
        sampled = before or self._server.probabilities == "none"
        choice = self._request(
            question,
            prompt,
            everything,
            rationale=before,
            temperature=self._temperature if sampled else 0.0,
            probabilities=self._server.probabilities != "none",
        )
        said = self._read(question, choice, rationale=before)
        plain = Chosen(None, said.label, said.rationale)
        decided = Decided([self._ended(answer) for answer in question.answers])
        if self._server.probabilities == "none" or not self._take(decided, question, choice, said):
            return plain
        while decided.missing and not decided.negligible:
            known = len(decided.log_p)
            if before or not decided.raw or self._server.constraint == "none":
                return plain  # another request would tell about another beginning, or other probabilities
            choice = self._request(question, prompt, decided.missing, rationale=False, probabilities=True)
            said = self._read(question, choice, rationale=False)
            if not self._take(decided, question, choice, said) or len(decided.log_p) == known:
                return plain
        log_p = [decided.log_p.get(label) for label in everything]
        if not decided.log_p or exceeds(list(decided.log_p.values())):
            return plain
        return Chosen(log_p, plain.label, plain.rationale, decided.raw)

    def _take(self, decided: Decided, question: Question, choice: Mapping[str, Any], said: Said) -> bool:
        """Read the probabilities of a response; return whether there are some."""
        tokens = self._tokens(question, choice, said.before)
        if tokens is None or said.before is None:
            return False
        decided.read(tokens, said.before)
        return True

    def _tokens(
        self, question: Question, choice: Mapping[str, Any], before: int | None
    ) -> list[Token] | None:
        tokens = tokens_of(choice)
        if tokens is None or before is None or self._server.constraint != "grammar":
            return tokens
        return with_ends(tokens, before, [answer.encode() for answer in question.answers])

    def _ended(self, answer: str) -> bytes:
        """Return an answer in bytes, with what ends it."""
        written, closing = answers.ending(self._server.constraint, answer)
        return written + (END if self._server.constraint == "grammar" else closing)

    def _whole(self, question: Question, prompt: Prompt, label: int) -> float:
        """Return log P of one full label, which is the only answer allowed."""
        choice = self._request(question, prompt, [label], rationale=False, probabilities=True)
        said = self._read(question, choice, rationale=False)
        tokens = self._tokens(question, choice, said.before)
        if tokens is not None and said.before is not None:
            log_p = whole(tokens, said.before, self._ended(question.answers[label]))
            if log_p is not None:
                return log_p
        raise NotEvaluatedError(
            f"After a label its end is not among the {LISTED} most probable tokens, so how probable the whole label"
            " is stays unknown.",
            key=f"models.{self._server.name}.server.probabilities",
            found=question.answers[label],
            hint="Let answers be sentences with a full stop (the codebook's key 'answer'), or answer in JSON, or"
            " use 'deciding'.",
        )

    def _written(self, question: Question) -> dict[str, Any]:
        choice = self._request(question, question.prompt, temperature=self._temperature, probabilities=True)
        said = self._read(question, choice)
        reasons = {} if said.rationale is None else {"rationale": said.rationale}
        if question.kind == "number":
            tokens, log_p = tokens_of(choice), None
            if tokens is not None and said.before is not None and said.number is not None:
                log_p = whole(tokens, said.before, said.number.encode())
            return {"value": said.number, "log_p": log_p, **reasons}
        spans: list[list[int]] = []
        for passage in said.passages:
            span = located_nearly(passage, messages.readable(self._texts[0]), spans)
            if span is None:
                raise NotEvaluatedError("A passage of the answer is not in the text.", found=passage[:200])
            spans.append(span)
        return {"spans": sorted(spans), "log_p": None, **reasons}

    def _read(self, question: Question, choice: Mapping[str, Any], *, rationale: bool = True) -> Said:
        content = choice["message"]["content"]
        return answers.read(self._server.constraint, question, content, rationale=rationale)

    def _request(
        self,
        question: Question,
        prompt: Prompt,
        labels: Sequence[int] = (),
        *,
        rationale: bool = True,
        temperature: float = 0.0,
        probabilities: bool = False,
    ) -> dict[str, Any]:
        """Send one request; return what was answered, with a content.

        Raises
        ------
        NotEvaluatedError
            When there is no content, or only the beginning of one.
        """
        most = most_tokens(question, rationale=rationale)
        conversation = messages.conversation(prompt, self._quoted)
        size = sum(len(one["content"].encode()) for one in conversation)
        if size > BYTES_A_TOKEN * (self._context - most):
            raise TooLongError("The text is longer than coding.context allows.")
        body: dict[str, Any] = {
            "model": self._server.model,
            "messages": conversation,
            "temperature": temperature,
            "max_tokens": most,
            **constraint(self._server.constraint, question, labels, rationale=rationale),
        }
        if temperature:
            body["seed"] = self._seed
        if probabilities and self._server.probabilities != "none":
            body |= {"logprobs": True, "top_logprobs": LISTED}
        body |= self._server.options
        answer = self._chat.complete({key: value for key, value in body.items() if value is not None})
        self._exchange.note(answer)
        choice: dict[str, Any] = answer["choices"][0]
        message = choice["message"]
        if message.get("refusal") or message.get("content") is None:
            raise NotEvaluatedError(
                "The server refused to answer.", found=str(message.get("refusal") or "no content")[:200]
            )
        if choice.get("finish_reason") == "content_filter":
            raise NotEvaluatedError("The server's content filter stopped the answer.")
        if choice.get("finish_reason") == "length":
            raise NotEvaluatedError(f"The answer was not at its end after {most} tokens.")
        return choice


def _plus(sum_: int | None, more: Any) -> int | None:
    """Add; what is not known stays unknown."""
    return sum_ + more if sum_ is not None and isinstance(more, int) else None
