"""The responses to one task as columns: what coding tables are made of.

A response as a dict is a tree of a hundred Python objects, and a million of them fill the memory of a large
machine. As columns the same figures need about a hundred bytes a response.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from study.errors import StudyError
from study.instrument import Question
from study.llm.labels import mean_log_p, with_never
from study.requests import Task
from study.store import ResponseStore

COUNTS = ("n_tokens", "n_written", "truncated", "escaped")


@dataclass(frozen=True)
class Answers:
    """The answers to one question; those of responses without answers say nothing.

    Attributes
    ----------
    log_p
        Of labels the mean over their orders, natural logarithms, shape (responses, labels); of what was
        written shape (responses, 1). NaN where nothing is said.
    label
        The number of the label that was drawn, or answered; -1 for none.
    masked
        Whether other answers than labels were impossible, so that there is no valid mass.
    value
        Of a number, or the number of passages; NaN where nothing is said.
    spans
        Of each response, where passages begin and end; empty where the question is another one.
    rationale
        Of each response, in several orders of the labels the first; empty where none was asked for.
    """

    log_p: np.ndarray
    label: np.ndarray
    masked: np.ndarray
    value: np.ndarray
    spans: list[Sequence[Sequence[int]] | None]
    rationale: list[str | None]

    @classmethod
    def empty(cls, question: Question, n: int) -> Answers:
        """Return those to `n` responses, before any is known."""
        choice, spans = question.kind == "choice", question.kind == "spans"
        return cls(
            log_p=np.full((n, len(question.labels) if choice else 1), np.nan),
            label=np.full(n if choice else 0, -1, dtype=np.int32),
            masked=np.zeros(n if choice else 0, dtype=bool),
            value=np.full(0 if choice else n, np.nan),
            spans=[None] * n if spans else [],
            rationale=[None] * n if question.rationale != "none" else [],
        )

    def put(self, number: int, answer: Mapping[str, Any]) -> None:
        """Write one answer down."""
        log_p = answer["log_p"]
        if len(self.label):
            self.label[number] = answer.get("label", -1)
            self.masked[number] = answer.get("masked", False)
            if log_p is not None and len(log_p) == 1 and None not in log_p[0]:
                self.log_p[number] = log_p[0]  # its own mean
            elif log_p is not None:
                self.log_p[number] = mean_log_p(np.array([with_never(each) for each in log_p]))
        else:
            self.value[number] = len(answer["spans"]) if self.spans else float(answer["value"])
            self.log_p[number] = np.nan if log_p is None else log_p
        if self.spans:
            self.spans[number] = answer["spans"]
        if self.rationale:
            said = answer.get("rationale")
            self.rationale[number] = said[0] if isinstance(said, list) else said

    def only(self, numbers: Sequence[int] | np.ndarray) -> Answers:
        """Return those to the responses with these numbers."""

        def some(values: np.ndarray) -> np.ndarray:
            return values[np.asarray(numbers, dtype=np.int64)] if len(values) else values

        return Answers(
            log_p=some(self.log_p),
            label=some(self.label),
            masked=some(self.masked),
            value=some(self.value),
            spans=[self.spans[number] for number in numbers] if self.spans else [],
            rationale=[self.rationale[number] for number in numbers] if self.rationale else [],
        )


@dataclass(frozen=True)
class Responses:
    """The responses to a task, one a request, in the order of its requests.

    Attributes
    ----------
    status
        Of each.
    answered
        Whether it has answers.
    answers
        By question.
    counts, unknown
        By name (`COUNTS`), whole numbers; which of them are not known (0), nothing where all are.
    """

    status: np.ndarray
    answered: np.ndarray
    answers: tuple[Answers, ...]
    counts: dict[str, np.ndarray]
    unknown: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, task: Task, responses: Mapping[str, Mapping[str, Any]]) -> Responses:
        """Arrange responses ({key: response as stored}); every request has one."""
        return cls._filled(task, ((number, responses[one.key]) for number, one in enumerate(task.wanted)))

    @classmethod
    def read(cls, task: Task, where: Mapping[str, str], store: ResponseStore, index: Path) -> Responses:
        """Read the responses that a task asks for.

        Parameters
        ----------
        where
            {key: segment}, from an index.
        store, index
            Of the responses; the index is named in errors.

        Raises
        ------
        StudyError
            When the index does not list one of them, or the store does not have it.
        """
        number = {one.key: at for at, one in enumerate(task.wanted)}
        if lost := sum(key not in where for key in number):
            raise StudyError(
                f"{lost} of {len(number)} responses for {task.instrument.name} are not in the index.",
                file=index,
                hint="Delete the index and run again: what is missing is asked.",
            )
        found = store.read({key: where[key] for key in number})
        return cls._filled(task, ((number[one["key"]], one) for one in found))

    def only(self, numbers: Sequence[int] | np.ndarray) -> Responses:
        """Return those with these numbers."""
        at = np.asarray(numbers, dtype=np.int64)
        return Responses(
            status=self.status[at],
            answered=self.answered[at],
            answers=tuple(answers.only(at) for answers in self.answers),
            counts={name: counts[at] for name, counts in self.counts.items()},
            unknown={name: which[at] for name, which in self.unknown.items()},
        )

    @classmethod
    def _filled(cls, task: Task, found: Iterable[tuple[int, Mapping[str, Any]]]) -> Responses:
        n = len(task.wanted)
        made = cls(
            status=np.full(n, None, dtype=object),
            answered=np.zeros(n, dtype=bool),
            answers=tuple(Answers.empty(question, n) for question in task.instrument.questions),
            counts={name: np.zeros(n, dtype=np.int64) for name in COUNTS},
        )
        statuses: dict[str, str] = {}
        unknown = {name: np.zeros(n, dtype=bool) for name in COUNTS}
        for number, one in found:
            made.status[number] = statuses.setdefault(one["status"], one["status"])
            for name in COUNTS:
                if (count := one[name]) is None:
                    unknown[name][number] = True
                else:
                    made.counts[name][number] = count
            if one["answers"] is not None:
                made.answered[number] = True
                for answers, answer in zip(made.answers, one["answers"], strict=True):
                    answers.put(number, answer)
        for answers in made.answers:
            answers.log_p.__iadd__(0.0)  # no minus zero
        made.unknown.update({name: which for name, which in unknown.items() if which.any()})
        return made
