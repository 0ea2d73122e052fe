"""guidance's own loop: its roles and its `select`, as its documentation shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from guidance import assistant, models, select, system, user
from guidance.chat import ChatMLTemplate
from task import Task


class Coder:
    """A guidance model that is asked afresh about every text."""

    def __init__(self, task: Task, model: Path) -> None:
        """Load the model."""
        self._task = task
        self._model = models.LlamaCpp(
            str(model),
            echo=False,
            enable_monitoring=False,
            chat_template=ChatMLTemplate,
            n_ctx=task.context,
            n_threads=1,
            n_threads_batch=1,
        )

    def code(self, text: str) -> str:
        """Let guidance decode one of the labels greedily."""
        asked = self._asked(text)
        with assistant():
            asked += select(self._task.labels, name="label")
        return str(asked["label"])

    def prompt(self, text: str) -> str:
        """Return what the model is shown: everything before the answer."""
        asked = self._asked(text)
        with assistant():
            asked += select(self._task.labels, name="label")
            shown = str(asked)
        return shown.removesuffix(asked["label"])

    def _asked(self, text: str) -> Any:
        asked = self._model
        with system():
            asked += self._task.system
        with user():
            asked += self._task.question.replace("{text}", text)
        return asked
