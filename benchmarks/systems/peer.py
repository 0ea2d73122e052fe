"""What the peers share: they ask one question after another, and give one answer to each."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Any

from tasks import Task, prompt

from study.instrument import Question

LABEL_TOKENS = 16
"""More than any label has."""
PASSAGE_TOKENS = 128
"""As many as this project's engine lets a passage have."""


class Peer(ABC):
    """A system that answers question by question."""

    def __init__(self, task: Task) -> None:
        """Remember the task."""
        self.task = task
        self.context = int(task.instruments[0].settings["context"])

    def code(self, text: str) -> list[str]:
        """Ask everything about a text."""
        return [
            self.answer(question, text, repeat)
            for question in self.task.questions
            for repeat in range(self.task.repeats)
        ]

    def prompts(self, text: str) -> list[str]:
        """Return what the model is shown, a prompt a question."""
        return [prompt(question, text) for question in self.task.questions]

    @abstractmethod
    def answer(self, question: Question, text: str, repeat: int) -> str:
        """Ask one question once."""


def sampling(temperature: float) -> dict[str, Any]:
    """Return how llama-cpp-python draws tokens: with their probabilities, none left out."""
    return {"temperature": temperature, "top_k": 0, "top_p": 1.0, "min_p": 0.0}


def words(text: str) -> list[str]:
    """Return the words, marks and spaces of a text; a passage is a run of them."""
    return re.findall(r"\s+|\w+|[^\s\w]", text)
