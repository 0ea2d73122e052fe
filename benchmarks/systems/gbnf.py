"""llama-cpp-python with a GBNF grammar: one of the labels quickly, and no probabilities."""

from __future__ import annotations

from pathlib import Path

import llama_cpp
from task import Task


class Coder:
    """A llama-cpp-python model; it keeps what two prompts share by itself."""

    def __init__(self, task: Task, model: Path) -> None:
        """Load the model and compile the grammar."""
        self._task = task
        self._model = llama_cpp.Llama(
            str(model), n_ctx=task.context, n_threads=1, n_threads_batch=1, verbose=False
        )
        choices = " | ".join(f'"{label}"' for label in task.labels)
        self._grammar = llama_cpp.LlamaGrammar.from_string(f"root ::= {choices}", verbose=False)

    def code(self, text: str) -> str:
        """Let llama.cpp decode one of the labels greedily."""
        answer = self._model.create_completion(
            self.prompt(text), grammar=self._grammar, temperature=0, max_tokens=8
        )
        return str(answer["choices"][0]["text"])  # type: ignore[index]

    def prompt(self, text: str) -> str:
        """Return what the model is shown."""
        return self._task.before + text + self._task.after
