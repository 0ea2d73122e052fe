"""This project's coder: the probability of every full label and the end of the turn."""

from __future__ import annotations

from pathlib import Path

from task import Task

from study.llm.engine import LabelEngine


class Coder:
    """The study's engine, as the rule that codes uses it."""

    def __init__(self, task: Task, model: Path) -> None:
        """Load the model and lay out the labels' tokens as a tree."""
        self._task = task
        self._engine = LabelEngine(model, context=task.context, threads=1)
        self._prefix = self._engine.prompt_tokens(task.before)
        self._after = self._engine.prompt_tokens(task.after)
        self._tree = self._engine.label_tree(task.labels, task.end_of_turn)

    def code(self, text: str) -> str:
        """Score every label and name the most probable one."""
        own = self._engine.text_tokens(text) + self._after
        log_p = self._engine.label_log_probabilities(self._prefix, own, self._tree)
        return self._task.labels[int(log_p.argmax())]

    def prompt(self, text: str) -> str:
        """Return what the model is shown."""
        return self._task.before + text + self._task.after
