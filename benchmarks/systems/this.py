"""This project: the engine as a study uses it. It says how probable every answer is; the peers give one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from tasks import Task

from study.digest import text_sha256
from study.instrument import Question
from study.llm.engine import LabelEngine
from study.llm.grammars import ITEM
from study.llm.primitives import ask, mean_log_p
from study.store import response_key


class System:
    """The engine, asked through `study.llm.primitives.ask`."""

    def __init__(self, task: Task, model: Path) -> None:
        """Load the model."""
        self._task = task
        self._named = [(instrument, instrument.instrument_id) for instrument in task.instruments]
        context = max(instrument.settings["context"] for instrument in task.instruments)
        self._engine = LabelEngine(model, context=context, threads=1)
        self.written: list[int] = []

    def code(self, text: str) -> list[str]:
        """Ask everything about a text."""
        said, written = [], 0
        for instrument, name in self._named:
            for repeat in range(1, self._task.repeats + 1):
                key = response_key(name, text_sha256(text), repeat)
                response = ask(self._engine, instrument, [text], key)
                for question, answer in zip(instrument.questions, response["answers"], strict=True):
                    said.append(in_words(question, answer, text))
                written += response["n_written"]
        self.written.append(written)
        return said

    def prompts(self, text: str) -> list[str]:
        """Return what the model is shown, a prompt a question: what the tokens spell."""
        shown = []
        for question in self._task.questions:
            tokens = self._engine.prompt_tokens(question.prompt.before)
            tokens += self._engine.text_tokens(question.prompt.quoted(text)[0])
            tokens += self._engine.prompt_tokens(question.prompt.after)
            shown.append(self._engine.text_of(tokens))
        return shown


def in_words(question: Question, answer: dict[str, Any], text: str) -> str:
    """Return an answer as a model says it."""
    if question.kind == "spans":
        return "\n".join(f"{ITEM}{text[start:end]}" for start, end in answer["spans"]) or question.none
    label = answer.get("label")
    if label is None:
        label = int(mean_log_p(np.array(answer["log_p"])).argmax())
    reason = "".join(f"{rationale}\n" for rationale in answer.get("rationale", []))
    return reason + question.answers[label]
