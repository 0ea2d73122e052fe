"""A model behind a server, asked what an instrument asks."""

from __future__ import annotations

import math
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
from study.server.distribution import (
    END,
    LISTED,
    Decided,
    exceeds,
    to_be_asked,
    tokens_of,
    unconstrained,
    whole,
    with_ends,
)
from study.server.faults import TooLongError
from study.server.settings import BYTES_A_TOKEN, Server

SHOWN = 200
"""Characters of a server's words that are kept."""

CERTAIN = math.log(0.9)
"""Labels that exclude each other cannot all be above it."""

DIGITS = b"-+.0123456789eE"
"""Bytes of numbers."""


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
        interview = _Interview(_Asking(self._server, self._chat, exchange, instrument), texts, key)
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
        """Refuse what are no probabilities of whole labels."""
        of_labels = [answer["log_p"] for answer in found if isinstance(answer["log_p"], list)]
        for log_p in (one for orders in of_labels for one in orders):
            if exceeds(log_p) and min(log_p) > CERTAIN:
                raise StudyError(
                    "The server reports probabilities after its constraint, so a label that alone is allowed"
                    " always has the probability 1.",
                    file="config/study.yaml",
                    key=f"models.{self._server.name}.server.probabilities",
                    found="whole",
                    allowed="deciding, none",
                )
            if exceeds(log_p):
                raise NotEvaluatedError("The probabilities that the server gives add up to more than 1.")


@dataclass(frozen=True)
class Chosen:
    """What was answered in one order of the labels.

    Attributes
    ----------
    log_p
        Of each label; None for one with next to no probability, and instead of the list where the server
        gives no probabilities.
    label
        What was answered; None where each label was asked in full.
    unconstrained
        Whether probabilities are those before the constraint.
    """

    log_p: Sequence[float | None] | None
    label: int | None = None
    rationale: str | None = None
    unconstrained: bool = True


@dataclass(frozen=True)
class _Asking:
    """Who is asked, with what settings, and what is counted of it."""

    server: Server
    chat: Completes
    exchange: Exchange
    instrument: Instrument

    def choice(self, body: Mapping[str, Any], size: int, most: int, probabilities: int = 0) -> dict[str, Any]:
        """Send one request; return the first of its choices, which has a content.

        Parameters
        ----------
        body
            What is asked.
        size
            Bytes of the conversation.
        most
            Tokens of the answer.
        probabilities
            How many tokens are to be listed at each place.

        Raises
        ------
        NotEvaluatedError
            When there is no content, or only the beginning of one.
        """
        if size > BYTES_A_TOKEN * (self.instrument.settings["context"] - most):
            raise TooLongError("The text is longer than coding.context allows.")
        whole_body = {"model": self.server.model, **body, "max_tokens": most}
        if probabilities:
            whole_body |= {"logprobs": True, "top_logprobs": probabilities}
        whole_body |= self.server.options
        answer = self.chat.complete({key: value for key, value in whole_body.items() if value is not None})
        self.exchange.note(answer)
        choice: dict[str, Any] = answer["choices"][0]
        refusal, reason = choice["message"].get("refusal"), choice.get("finish_reason")
        if reason == "content_filter":
            raise NotEvaluatedError("The server's content filter stopped the answer.")
        if reason == "length":
            raise NotEvaluatedError(
                f"The answer was not at its end after {whole_body.get('max_tokens') or 'so many'} tokens.",
                found=str(choice["message"].get("content") or "")[:SHOWN],
            )
        if refusal or choice["message"].get("content") is None:
            raise NotEvaluatedError("The server refused to answer.", found=str(refusal or "nothing")[:SHOWN])
        return choice


class _Interview:
    """The questions of one instrument about one text."""

    def __init__(self, asking: _Asking, texts: Sequence[str], key: str) -> None:
        self._asking, self._server, self._texts = asking, asking.server, texts
        self._questions = asking.instrument.questions
        self._context = asking.instrument.settings["context"]
        self._temperature = asking.instrument.settings["temperature"]
        self._random = np.random.Generator(np.random.Philox(key=int(key[:32], 16)))
        self._seed = int(key[:7], 16)
        prompt = self._questions[0].prompt
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
            probabilities=LISTED,
        )
        said = self._read(question, choice, rationale=before)
        found = self._decided(question, prompt, choice, said)
        if found is None and self._temperature and not sampled:
            choice = self._request(
                question, prompt, everything, rationale=False, temperature=self._temperature
            )
            said = self._read(question, choice, rationale=False)
        if found is None:
            return Chosen(None, said.label, said.rationale)
        log_p = [found.log_p.get(label) for label in everything]
        return Chosen(log_p, said.label, said.rationale, found.raw)

    def _decided(
        self, question: Question, prompt: Prompt, choice: Mapping[str, Any], said: Said
    ) -> Decided | None:
        """Return what the server says about the labels, after one response; None where that is not enough."""
        if self._server.probabilities == "none":
            return None
        decided = Decided([self._ended(answer) for answer in question.answers], self._ends)
        if not self._take(decided, question, choice, said):
            return None
        while decided.missing and not decided.negligible:
            if question.rationale == "before" or not decided.raw or self._server.constraint == "none":
                return None  # another request would tell about another beginning, or other probabilities
            choice = self._request(question, prompt, decided.missing, rationale=False, probabilities=LISTED)
            said = self._read(question, choice, rationale=False)
            if said.label not in decided.missing or not self._take(decided, question, choice, said):
                return None
        return None if exceeds(list(decided.log_p.values())) else decided

    def _take(self, decided: Decided, question: Question, choice: Mapping[str, Any], said: Said) -> bool:
        """Read the probabilities of a response; return whether that of what was answered is known."""
        tokens = tokens_of(choice)
        if tokens is None or said.before is None:
            return False
        if self._server.constraint == "grammar":
            tokens = with_ends(tokens, said.before, [answer.encode() for answer in question.answers])
        return decided.read(tokens, said.before)

    @property
    def _ends(self) -> bool:
        """Whether something ends an answer."""
        return self._server.constraint != "none"

    def _ended(self, answer: str) -> bytes:
        """Return an answer in bytes, with what ends it."""
        written, closing = answers.ending(self._server.constraint, answer)
        return written + (END if self._server.constraint == "grammar" else closing)

    def _whole(self, question: Question, prompt: Prompt, label: int) -> float:
        """Return log P of one full label, which is the only answer allowed."""
        written, closing = answers.ending(self._server.constraint, question.answers[label])
        most, log_p = LISTED, None
        while most and log_p is None:
            choice = self._request(question, prompt, [label], rationale=False, probabilities=most)
            said = self._read(question, choice, rationale=False)
            tokens, asked = tokens_of(choice, most), most
            if tokens is None or said.before is None:
                break
            most = 0
            if self._server.constraint == "grammar":
                if asked == LISTED:
                    most = to_be_asked(tokens, said.before, written)
                tokens = with_ends(tokens, said.before, [written])
            log_p = whole(tokens, said.before, written, lambda more: more.startswith(closing or END))
        if log_p is None:
            raise NotEvaluatedError(
                "The server does not say how probable a label is to its end.",
                key=f"models.{self._server.name}.server.probabilities",
                found=question.answers[label],
                hint="Use 'deciding', or 'none'.",
            )
        return log_p

    def _written(self, question: Question) -> dict[str, Any]:
        numbers = question.kind == "number"
        choice = self._request(
            question,
            question.prompt,
            temperature=self._temperature,
            probabilities=LISTED if numbers else 0,
        )
        said = self._read(question, choice)
        reasons = {} if said.rationale is None else {"rationale": said.rationale}
        if numbers:
            return {"value": said.number, "log_p": self._of_number(question, choice, said), **reasons}
        text = messages.readable(self._texts[0])
        spans: list[list[int]] = []
        for passage in said.passages:
            span = located_nearly(passage, text, spans)
            if span is not None:
                spans.append(span)
            elif located_nearly(passage, text, []) is None:
                raise NotEvaluatedError("A passage of the answer is not in the text.", found=passage[:SHOWN])
        return {"spans": sorted(spans), "log_p": None, **reasons}

    def _of_number(self, question: Question, choice: Mapping[str, Any], said: Said) -> float | None:
        """Return log P of a number and its end; None where the server does not say."""
        tokens = tokens_of(choice)
        if self._server.probabilities == "none" or tokens is None or said.before is None:
            return None
        written, around = said.written.encode(), b",} \t\r\n"
        if self._server.constraint == "grammar":
            tokens = with_ends(tokens, said.before, [written])
            around = (question.lead + question.tail).encode() + END
        if not unconstrained(tokens, said.before, len(written), DIGITS + around):
            return None
        if self._server.constraint == "grammar":
            return whole(tokens, said.before, written, lambda more: more.startswith(END))
        return whole(tokens, said.before, written, lambda more: more[0] not in DIGITS)

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
        probabilities: int = 0,
    ) -> dict[str, Any]:
        """Send one request; return what was answered, with a content.

        Raises
        ------
        StudyError
            When the prompt and the answers alone fill the context.
        """
        most = most_tokens(question, rationale=rationale)
        conversation = messages.conversation(prompt, self._quoted)
        size = sum(len(one["content"].encode()) for one in conversation)
        alone = size - sum(len(messages.readable(text).encode()) for text in self._quoted)
        if alone >= BYTES_A_TOKEN * (self._context - most):
            raise StudyError(
                f"The prompt and answers of '{self._asking.instrument.name}' alone fill the model's context.",
                file="config/study.yaml",
                key="coding.context",
                found=self._context,
                allowed=f"more than {most + alone // BYTES_A_TOKEN}",
                hint="Raise coding.context or shorten the codebook.",
            )
        body: dict[str, Any] = {
            "messages": conversation,
            "temperature": temperature,
            **constraint(self._server.constraint, question, labels, rationale=rationale),
        }
        if temperature:
            body["seed"] = self._seed
        wanted = 0 if self._server.probabilities == "none" else probabilities
        return self._asking.choice(body, size, most, wanted)


def _plus(sum_: int | None, more: Any) -> int | None:
    """Add; what is not known stays unknown."""
    return sum_ + more if sum_ is not None and isinstance(more, int) else None
