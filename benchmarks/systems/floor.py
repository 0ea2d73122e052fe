"""The floor: llama.cpp alone, which evaluates every distinct token of what is asked once, and no more.

What all texts share stays in its memory. The text, the questions and the branches of their labels are one
call; where the model writes, it is given as many tokens as this project's engine wrote, one by one.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path

import llama_cpp
from tasks import Task, prompt

from study.instrument import Question
from study.llm.labels import LabelTree

AT_ONCE = 2048
"""Tokens in one call, more than any task has."""

Item = tuple[int, int, Sequence[int], bool]
"""A token, its position, the sequences to which it belongs, and whether its logits are wanted."""


class System:
    """One model and one context with the shared beginning of the prompts in it."""

    def __init__(self, task: Task, model: Path) -> None:
        """Load the model and evaluate what all prompts share."""
        self._task = task
        self._texts = 0
        self._quiet = llama_cpp.llama_log_callback(lambda level, text, data: None)
        llama_cpp.llama_log_set(self._quiet, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        self._model = llama_cpp.llama_model_load_from_file(
            str(model).encode(), llama_cpp.llama_model_default_params()
        )
        self._vocabulary = llama_cpp.llama_model_get_vocab(self._model)
        self._trees = [self._tree(question, task.instruments[0].end_of_turn) for question in task.questions]
        leaves = sum(len(tree.paths) for tree in self._trees)
        settings = llama_cpp.llama_context_default_params()
        settings.n_ctx = task.instruments[0].settings["context"]
        settings.n_batch = AT_ONCE
        settings.n_seq_max = leaves + 1
        settings.kv_unified = True
        settings.n_threads = settings.n_threads_batch = 1
        # Measured: flash attention takes less where hundreds of tokens are read at once, else more.
        settings.flash_attn_type = int(len(task.questions) > 1)
        self._context = llama_cpp.llama_init_from_model(self._model, settings)
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._batch = llama_cpp.llama_batch_init(AT_ONCE, 0, leaves + 1)
        (before,) = {question.prompt.before for question in task.questions}
        shared = self._tokens(before, special=True)
        self._kept = len(shared)
        self._everyone = range(leaves + 1)
        self._after = [self._tokens(question.prompt.after, special=True) for question in task.questions]
        self._evaluate([(token, i, (0,), False) for i, token in enumerate(shared)])

    def code(self, text: str) -> list[str]:
        """Evaluate what is asked about a text; there are no answers."""
        llama_cpp.llama_memory_seq_rm(self._memory, 0, self._kept, -1)
        own = self._tokens(text, special=False)
        at = self._kept + len(own)
        if any(q.kind == "spans" or q.rationale == "before" for q in self._task.questions):
            self._write(own)
            return []
        items: list[Item] = [(token, self._kept + i, self._everyone, False) for i, token in enumerate(own)]
        first = 1
        for after, tree in zip(self._after, self._trees, strict=True):
            mine = range(first, first + len(tree.paths))
            last = len(after) - 1
            items += [(token, at + i, mine, i == last) for i, token in enumerate(after)]
            items += branches(tree, at + len(after), first)
            first += len(tree.paths)
        self._weigh(items)
        return []

    def prompts(self, text: str) -> list[str]:
        """Return what the model is shown, a prompt a question."""
        return [prompt(question, text) for question in self._task.questions]

    def _write(self, own: list[int]) -> None:
        """One open question: the prompt, the tokens that are written, and the labels, where there are any."""
        (question,) = self._task.questions
        written = self._task.written[self._texts]
        self._texts += 1
        shown = [*own, *self._after[0]]
        last = len(shown) - 1
        self._evaluate([(token, self._kept + i, (0,), i == last) for i, token in enumerate(shown)])
        at = self._kept + len(shown)
        any_token = shown[-1]
        steps = written if question.kind == "spans" else written - 1
        for i in range(steps):
            self._evaluate([(any_token, at + i, (0,), True)])
        if question.kind == "choice":
            # What was written last and the end of its line are read together with the labels.
            at += steps
            ending = [(any_token, at + i, self._everyone, i == 1) for i in range(2)]
            self._weigh([*ending, *branches(self._trees[0], at + 2, 1)])

    def _weigh(self, items: list[Item]) -> None:
        """Evaluate tokens that belong to several sequences, all of which continue what was read."""
        for s in self._everyone[1:]:
            llama_cpp.llama_memory_seq_cp(self._memory, 0, s, -1, -1)
        self._evaluate(items)
        for s in self._everyone[1:]:
            llama_cpp.llama_memory_seq_rm(self._memory, s, -1, -1)

    def _evaluate(self, items: Sequence[Item]) -> None:
        batch = self._batch
        batch.n_tokens = len(items)
        for i, (token, position, sequences, wanted) in enumerate(items):
            batch.token[i], batch.pos[i], batch.n_seq_id[i] = token, position, len(sequences)
            batch.logits[i] = wanted
            for j, s in enumerate(sequences):
                batch.seq_id[i][j] = s
        status = llama_cpp.llama_decode(self._context, batch)
        if status != 0:
            raise RuntimeError(f"llama_decode returned {status}")
        llama_cpp.llama_synchronize(self._context)

    def _tree(self, question: Question, end_of_turn: str) -> LabelTree:
        end = self._tokens(end_of_turn, special=True)
        return LabelTree.grow([[*self._tokens(answer, special=False), *end] for answer in question.answers])

    def _tokens(self, text: str, *, special: bool) -> list[int]:
        data = text.encode("utf-8")
        room = (llama_cpp.llama_token * (len(data) + 8))()
        n = llama_cpp.llama_tokenize(self._vocabulary, data, len(data), room, len(room), False, special)
        return list(room[:n])


def branches(tree: LabelTree, at: int, first: int) -> list[Item]:
    """Return the tokens of the labels as they stand at a position, each label a sequence from `first` on."""
    return [
        (node.token, at + node.depth, [first + label for label in node.labels], True) for node in tree.nodes
    ]
