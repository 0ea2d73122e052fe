"""The floor: llama.cpp alone. The shared prompt is kept; a text's own tokens give one row of logits.

No system that asks the model about every text can be cheaper. It returns the label whose first token is most
probable, which is not enough for a measurement: labels that share their first token would be one.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

import llama_cpp
import numpy as np
from task import Task


class Coder:
    """One model and one context with the shared prompt in it."""

    def __init__(self, task: Task, model: Path) -> None:
        """Load the model and evaluate what all prompts share."""
        self._task = task
        self._quiet = llama_cpp.llama_log_callback(lambda level, text, data: None)
        llama_cpp.llama_log_set(self._quiet, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        self._model = llama_cpp.llama_model_load_from_file(
            str(model).encode(), llama_cpp.llama_model_default_params()
        )
        self._vocabulary = llama_cpp.llama_model_get_vocab(self._model)
        settings = llama_cpp.llama_context_default_params()
        settings.n_ctx = task.context
        settings.n_threads = settings.n_threads_batch = 1
        self._context = llama_cpp.llama_init_from_model(self._model, settings)
        self._memory = llama_cpp.llama_get_memory(self._context)
        shared = self._tokens(task.before, special=True)
        self._kept = len(shared)
        self._after = self._tokens(task.after, special=True)
        self._first = [self._tokens(label, special=False)[0] for label in task.labels]
        self._evaluate(shared)

    def code(self, text: str) -> str:
        """Evaluate the text after the kept prompt."""
        llama_cpp.llama_memory_seq_rm(self._memory, 0, self._kept, -1)
        self._evaluate(self._tokens(text, special=False) + self._after)
        size = llama_cpp.llama_vocab_n_tokens(self._vocabulary)
        pointer = llama_cpp.llama_get_logits_ith(self._context, -1)
        logits = np.ctypeslib.as_array(pointer, shape=(size,))
        return self._task.labels[int(np.argmax(logits[self._first]))]

    def prompt(self, text: str) -> str:
        """Return what the model is shown."""
        return self._task.before + text + self._task.after

    def _tokens(self, text: str, *, special: bool) -> list[int]:
        data = text.encode("utf-8")
        room = (llama_cpp.llama_token * (len(data) + 8))()
        n = llama_cpp.llama_tokenize(self._vocabulary, data, len(data), room, len(room), False, special)
        return list(room[:n])

    def _evaluate(self, tokens: list[int]) -> None:
        held = (llama_cpp.llama_token * len(tokens))(*tokens)
        status = llama_cpp.llama_decode(self._context, llama_cpp.llama_batch_get_one(held, len(tokens)))
        if status != 0:
            raise RuntimeError(f"llama_decode returned {status}")
