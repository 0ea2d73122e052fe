"""guidance's own loop: its roles, `select`, `gen` and `substring`, as its documentation shows them.

It gives one answer, and no probabilities. It keeps what two prompts share, but a role is evaluated when it is
opened: after `with system()` guidance 0.3.1 has forgotten the rest of the last prompt.
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
from systems.peer import Peer


class System(Peer):
    """A guidance model that is asked afresh about every text."""

    def __init__(self, task: Task, model: Path) -> None:
        """Load the model."""
        super().__init__(task)
        self._model = models.LlamaCpp(
            str(model),
            echo=False,
            enable_monitoring=False,
            chat_template=ChatMLTemplate,
            n_ctx=self.context,
            n_threads=1,
            n_threads_batch=1,
        )

    def prompts(self, text: str) -> list[str]:
        """Return what the model is shown, a prompt a question: what guidance made of the messages."""
        shown = []
        for question in self.task.questions:
            with self._asked(question, text) as asked:
                shown.append(str(asked))
        return shown

    def answer(self, question: Question, text: str, repeat: int) -> str:
        """Let guidance write what its grammar allows; it draws from numpy's generator and takes no seed."""
        with self._asked(question, text) as asked:
            if question.kind == "spans":
                item = "- " + substring(text)
                several = item + at_most_n_repeats("\n" + item, question.most - 1)
                return str((asked + select([question.none, several], name="answer"))["answer"])
            label = select(list(question.answers), name="answer")
            if self.task.temperature:
                label = with_temperature(label, self.task.temperature)
            if question.rationale == "before":
                reason = gen("reason", max_tokens=question.rationale_tokens, stop="\n") + "\n"
                said = asked + reason + label
                return f"{said['reason']}\n{said['answer']}"
            return str((asked + label)["answer"])

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
