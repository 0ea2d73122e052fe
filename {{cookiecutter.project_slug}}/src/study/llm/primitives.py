"""How one text is coded: every kind of answer, asked of the engine as the instrument says."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from study.errors import StudyError
from study.instrument import Instrument, Question
from study.llm import NotEvaluatedError, grammars
from study.llm.engine import Branch, Choose, LabelEngine, drawn, greedily
from study.llm.labels import draw, mean_log_p
from study.llm.spans import located
from study.prompt import Prompt

NUMBER_TOKENS = 24
"""A number's tokens at most; every digit may be one."""
PASSAGE_TOKENS = 128
"""A passage's tokens at most."""


@dataclass(frozen=True)
class Asked:
    """One question in one order of its labels, in tokens.

    Attributes
    ----------
    prefix, between, after
        Before, between and after the texts.
    """

    question: Question
    order: tuple[int, ...]
    prefix: tuple[int, ...]
    between: tuple[int, ...]
    after: tuple[int, ...]

    @property
    def open(self) -> bool:
        """Whether the model writes before the answer is known."""
        return self.question.kind != "choice" or self.question.rationale == "before"


def ask(engine: LabelEngine, instrument: Instrument, texts: Sequence[str], key: str) -> dict[str, Any]:
    """Ask everything that an instrument asks about one text, or about two that are compared.

    Parameters
    ----------
    texts
        One text, or the first and the second.
    key
        The response's key: what is drawn by chance is drawn from it, so that it depends on instrument, text
        and repeat alone.

    Returns
    -------
    dict
        status ('ok', 'too_long' or 'failed'; the last comes with an `error`); answers (null unless 'ok'): one
        dict a question, see `study.codings`; n_tokens (of prompts and texts, what questions share counted
        once), n_written (tokens that the model wrote), truncated (tokens of the texts that were left out),
        escaped (marks in the texts that would have ended their quotation).

    Raises
    ------
    StudyError
        When the prompt alone fills the context.
    """
    asked = _asked(engine, instrument, texts)
    quoted = [asked[0].question.prompt.quoted(text, place) for place, text in enumerate(texts)]
    tokens = [engine.text_tokens(text) for text, _ in quoted]
    facts: dict[str, Any] = {
        "status": "ok",
        "answers": None,
        "n_tokens": sum(map(len, tokens)) + _shared(asked),
        "n_written": 0,
        "truncated": 0,
        "escaped": sum(n for _, n in quoted),
    }
    room = _room(engine, instrument, asked)
    if sum(map(len, tokens)) > room:
        if instrument.settings["too_long"] == "refuse":
            return facts | {"status": "too_long"}
        tokens, facts["truncated"] = _cut(tokens, room)
        facts["n_tokens"] -= facts["truncated"]
    engine.asked += 1
    interview = Interview(engine, instrument, texts, tokens, key, cut=facts["truncated"] > 0)
    try:
        answers = interview.answers(asked)
    except NotEvaluatedError as error:
        return facts | {"status": "failed", "error": str(error)}
    return facts | {"answers": answers, "n_written": interview.n_written}


class Interview:
    """The questions of one instrument about one text."""

    def __init__(
        self,
        engine: LabelEngine,
        instrument: Instrument,
        texts: Sequence[str],
        tokens: Sequence[Sequence[int]],
        key: str,
        *,
        cut: bool,
    ) -> None:
        """Prepare; `tokens` are those of the texts as they are put into the prompt."""
        self._engine, self._texts, self._tokens, self._was_cut = engine, texts, tokens, cut
        self._end_of_turn = instrument.end_of_turn
        self._end = engine.end_token(instrument.end_of_turn)
        self._temperature = instrument.settings["temperature"]
        self._random = np.random.Generator(np.random.Philox(key=int(key[:32], 16)))
        self._choose: Choose = drawn(self._temperature, self._random) if self._temperature else greedily
        self.n_written = 0

    def answers(self, asked: Sequence[Asked]) -> list[dict[str, Any]]:
        """Return the answer to each question, in the order of the instrument."""
        log_p: dict[int, np.ndarray] = {}
        written: dict[int, dict[str, Any]] = {}
        for prefix in dict.fromkeys(one.prefix for one in asked):
            here = [i for i, one in enumerate(asked) if one.prefix == prefix]
            closed = [i for i in here if not asked[i].open]
            if closed:
                # All that can be weighed is weighed in one go: the text is read once for all questions.
                self._engine.begin(prefix)
                found = self._weigh_text(asked, closed)
                log_p |= dict(zip(closed, found, strict=True))
            for i in here:
                if asked[i].open:
                    after = self._read_text(asked, here, i)
                    if asked[i].question.kind == "choice":
                        log_p[i], written[i] = self._reason_then_choose(asked[i], after)
                    else:
                        written[i] = self._write_answer(asked[i].question, after)
        for mine in _by_question(asked):
            # Reasons for an answer come last: its orders may have several prefixes.
            if not asked[mine[0]].open and asked[mine[0]].question.rationale == "after":
                written[mine[0]] = self._reason_for(asked, mine, log_p)
        return self._together(asked, log_p, written)

    def _read_text(self, asked: Sequence[Asked], here: Sequence[int], i: int) -> list[int]:
        """Read the prompt as far as questions share it; return the tokens with which question `i` goes on."""
        self._engine.begin(asked[i].prefix)
        text, after = self._text(asked[i]), list(asked[i].after)
        closed = [j for j in here if not asked[j].open]
        if closed:
            self._weigh_text(asked, closed)  # mostly there already
            return after
        if len(here) > 1 and text:
            self._engine.read(text)
            return after
        return [*text, *after]

    def _weigh_text(self, asked: Sequence[Asked], closed: Sequence[int]) -> list[np.ndarray]:
        branches = [
            Branch(asked[i].after, self._engine.label_tree(asked[i].question.answers, self._end_of_turn))
            for i in closed
        ]
        return self._engine.weigh(self._text(asked[closed[0]]), branches)

    def _text(self, one: Asked) -> list[int]:
        if len(self._tokens) == 1:
            return list(self._tokens[0])
        return [*self._tokens[0], *one.between, *self._tokens[1]]

    def _reason_then_choose(self, one: Asked, after: list[int]) -> tuple[np.ndarray, dict[str, Any]]:
        rationale, bridge = self._reason(one.question, after)
        tree = self._engine.label_tree(one.question.answers, self._end_of_turn)
        return self._engine.weigh(bridge, [Branch((), tree)])[0], {"rationale": rationale}

    def _reason_for(
        self, asked: Sequence[Asked], mine: Sequence[int], log_p: dict[int, np.ndarray]
    ) -> dict[str, Any]:
        """Let the model give reasons for its answer, in the first of the orders."""
        question = asked[mine[0]].question
        label = self._label([log_p[i] for i in mine])
        here = [i for i, one in enumerate(asked) if one.prefix == asked[mine[0]].prefix]
        after = self._read_text(asked, here, mine[0])
        said = [*after, *self._engine.text_tokens(question.answers[label] + "\n")]
        rationale, _ = self._reason(question, said)
        return {"rationale": rationale, "label": label}

    def _reason(self, question: Question, after: list[int]) -> tuple[str, list[int]]:
        """Return a rationale, and the tokens that end its line."""
        written = self._engine.write(
            after, grammars.rationale(), self._choose, self._end, question.rationale_tokens
        )
        self.n_written += written.n_tokens
        bridge = [] if written.text.endswith("\n") else self._engine.text_tokens("\n")
        return written.text.strip(), bridge

    def _write_answer(self, question: Question, after: list[int]) -> dict[str, Any]:
        """Return a number or passages, with a rationale where one is wanted."""
        answer: dict[str, Any] = {}
        if question.rationale == "before":
            answer["rationale"], after = self._reason(question, after)
        answer |= self._number(question, after) if question.kind == "number" else self._spans(question, after)
        if question.rationale == "after":
            answer["rationale"], _ = self._reason(question, self._engine.text_tokens("\n"))
        return answer

    def _number(self, question: Question, after: list[int]) -> dict[str, Any]:
        grammar = grammars.number(
            question.low, question.high, question.decimals, question.lead, question.tail
        )
        written = self._engine.write(after, grammar, self._choose, self._end, _number_tokens(question))
        self.n_written += written.n_tokens
        if not written.complete:
            raise NotEvaluatedError("The model did not come to the end of a number.", found=written.text)
        value = written.text.removeprefix(question.lead)
        if question.tail:
            value = value.removesuffix(question.tail)
        return {"value": value.strip(), "log_p": written.log_p}

    def _spans(self, question: Question, after: list[int]) -> dict[str, Any]:
        """Return passages by where they begin and end in the text as it was given."""
        text = self._texts[0]
        if self._was_cut:
            text = _unquoted(question.prompt, text, len(self._engine.text_of(self._tokens[0])))
        readable = re.sub("[\ud800-\udfff]", "\ufffd", text)  # half a character is one character here too
        spans: list[list[int]] = []
        log_p, ended = 0.0, False
        while not ended and len(spans) < question.most:
            grammar = (
                grammars.next_passage(readable) if spans else grammars.first_passage(readable, question.none)
            )
            written = self._engine.write(after, grammar, self._choose, self._end, PASSAGE_TOKENS)
            self.n_written += written.n_tokens
            log_p += written.log_p
            after = []
            passage = written.text.removeprefix(grammars.ITEM)
            if not written.complete:  # the limit may have cut a word
                passage = "".join(grammars.words_of(passage)[:-1])
            span = located(passage, readable, spans)
            if not written.text.startswith(grammars.ITEM) or span is None:
                break
            spans.append(span)
            ended = written.ended or not written.text.endswith("\n")
        return {"spans": sorted(spans), "log_p": log_p}

    def _label(self, log_p: Sequence[np.ndarray]) -> int:
        """Return the answer: the most probable label, or one that is drawn."""
        mean = mean_log_p(np.array(log_p))
        if self._temperature:
            return draw(mean, self._temperature, self._random)
        return int(mean.argmax())

    def _together(
        self, asked: Sequence[Asked], log_p: dict[int, np.ndarray], written: dict[int, dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """Put the orders of each question together."""
        answers = []
        for mine in _by_question(asked):
            question = asked[mine[0]].question
            if question.kind != "choice":
                answers.append(written[mine[0]])
                continue
            answer: dict[str, Any] = {"log_p": [[float(p) for p in log_p[i]] for i in mine]}
            if question.label_order != "fixed":
                answer["orders"] = [list(asked[i].order) for i in mine]
            if question.rationale == "before":
                answer["rationale"] = [written[i]["rationale"] for i in mine]
            if question.rationale == "after":
                answer |= written[mine[0]]
            elif self._temperature:
                answer["label"] = self._label([log_p[i] for i in mine])
            answers.append(answer)
        return answers


def _by_question(asked: Sequence[Asked]) -> list[list[int]]:
    """Return for each question, in the order of the instrument, where its orders stand."""
    found: dict[int, list[int]] = {}
    for i, one in enumerate(asked):
        found.setdefault(id(one.question), []).append(i)
    return list(found.values())


def _number_tokens(question: Question) -> int:
    """Return how many tokens a number may have, with the sentence around it; every byte may be one."""
    return NUMBER_TOKENS + len((question.lead + question.tail).encode())


def _unquoted(prompt: Prompt, text: str, length: int) -> str:
    """Return the beginning of a text that has at most `length` characters in its quotation."""
    end = length
    while (excess := len(prompt.quoted(text[:end])[0]) - length) > 0:
        end -= (excess + 1) // 2  # a mark is two characters with its backslash
    return text[:end]


def _asked(engine: LabelEngine, instrument: Instrument, texts: Sequence[str]) -> list[Asked]:
    digest = hashlib.sha256("\0".join(texts).encode("utf-8", errors="surrogatepass")).hexdigest()
    asked = []
    for question in instrument.questions:
        for order in question.orders(digest):
            shown: Prompt = question.prompt_in_order(order)
            asked.append(
                Asked(
                    question,
                    order,
                    tuple(engine.prompt_tokens(shown.before)),
                    tuple(engine.prompt_tokens(shown.between or "")),
                    tuple(engine.prompt_tokens(shown.after)),
                )
            )
    return asked


def _shared(asked: Sequence[Asked]) -> int:
    """Return the prompt's tokens; a beginning that questions share is counted once."""
    prefixes = {one.prefix: one.between for one in asked}
    return sum(map(len, prefixes)) + sum(map(len, prefixes.values())) + sum(len(one.after) for one in asked)


def _room(engine: LabelEngine, instrument: Instrument, asked: Sequence[Asked]) -> int:
    """Return how many tokens the texts may have."""
    need = 0
    for prefix in {one.prefix for one in asked}:
        closed, opened = 0, [0]
        for one in asked:
            if one.prefix == prefix:
                size = len(one.between) + len(one.after)
                if one.question.kind == "choice":
                    size += len(engine.label_tree(one.question.answers, instrument.end_of_turn).nodes)
                if one.question.kind == "number":
                    size += _number_tokens(one.question)
                if one.question.kind == "spans":
                    size += PASSAGE_TOKENS * one.question.most
                if one.question.rationale != "none":
                    size += one.question.rationale_tokens + 2
                if one.open:
                    opened.append(size)
                else:
                    closed += size
        need = max(need, len(prefix) + max(closed, *opened))
    context: int = instrument.settings["context"]
    if context - need < 1:
        raise StudyError(
            f"The prompt and the answers of '{instrument.name}' alone fill the model's context.",
            file="config/study.yaml",
            key="coding.context",
            found=context,
            allowed=f"more than {need}",
            hint="Raise coding.context or shorten the codebook.",
        )
    return context - need


def _cut(tokens: Sequence[list[int]], room: int) -> tuple[list[list[int]], int]:
    """Return the beginnings for which there is room (two texts get half of it each), and how much is cut."""
    if len(tokens) == 1:
        return [tokens[0][:room]], len(tokens[0]) - room
    half = room // 2
    first = max(half, room - len(tokens[1]))
    kept = [tokens[0][:first], tokens[1][: room - min(first, len(tokens[0]))]]
    return kept, sum(map(len, tokens)) - sum(map(len, kept))
