"""guidance's own loop: its roles, `select`, `gen` and `substring`, as its documentation shows them.

It says one answer, and no probabilities. It keeps what two prompts share.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from guidance import assistant, gen, models, select, substring, system, user, with_temperature
from guidance.chat import ChatMLTemplate
from guidance.library import at_most_n_repeats
from tasks import Task, prompt

from study.instrument import Question
from systems.llama_cpp_python import context


class System:
    """A guidance model that is asked afresh about every text."""

    def __init__(self, task: Task, model: Path) -> None:
        """Load the model."""
        self._task = task
        self._model = models.LlamaCpp(
            str(model),
            echo=False,
            enable_monitoring=False,
            chat_template=ChatMLTemplate,
            n_ctx=context(task),
            n_threads=1,
            n_threads_batch=1,
        )

    def code(self, text: str) -> list[str]:
        """Ask everything about a text."""
        return [
            self._answer(question, text)
            for question in self._task.questions
            for _ in range(self._task.repeats)
        ]

    def prompts(self, text: str) -> list[str]:
        """Return what the model is shown, a prompt a question: what guidance made of the messages."""
        shown = []
        for question in self._task.questions:
            with self._asked(question, text) as asked:
                shown.append(str(asked))
        return shown

    def _answer(self, question: Question, text: str) -> str:
        with self._asked(question, text) as asked:
            said, reason = asked, ""
            if question.kind == "spans":
                item = "- " + substring(text)
                several = item + at_most_n_repeats("\n" + item, question.most - 1)
                said += select([question.none, several], name="answer")
                return str(said["answer"])
            if question.rationale == "before":
                said += gen("reason", max_tokens=question.rationale_tokens, stop="\n") + "\n"
                reason = said["reason"] + "\n"
            label = select(list(question.answers), name="answer")
            said += with_temperature(label, self._task.temperature) if self._task.temperature else label
            return f"{reason}{said['answer']}"

    @contextlib.contextmanager
    def _asked(self, question: Question, text: str) -> Iterator[Any]:
        """Show the messages, and leave the turn to the assistant."""
        (_, first), (_, last) = messages(prompt(question, text))
        asked = self._begin(first)
        with user():
            asked += last
        with assistant():
            yield asked + ""

    def _begin(self, system_text: str) -> Any:
        """Show the system message."""
        asked = self._model
        with system():
            asked += system_text
        return asked


def messages(shown: str) -> list[tuple[str, str]]:
    """Return the messages in a prompt of the embedded model, whose chat template is ChatML."""
    return re.findall(r"<\|im_start\|>(\w+)\n(.*?)<\|im_end\|>\n", shown, re.DOTALL)
