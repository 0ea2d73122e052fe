"""outlines on llama-cpp-python: one answer, and no probabilities. It reads every prompt from its beginning.

Its default backend needs numba: without it, outlines 1.3.3 prints errors and answers without a constraint.
For passages it takes its other backend, llguidance, which knows a rule for the words of a text.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Literal

import llama_cpp
import outlines
from outlines.backends.llguidance import LLGuidanceBackend
from tasks import Task, prompt

from study.instrument import Question
from systems.llama_cpp_python import LABEL_TOKENS, PASSAGE_TOKENS, context, sampling


class System:
    """An outlines model and its generators."""

    def __init__(self, task: Task, model: Path) -> None:
        """Load the model and compile what does not depend on the text."""
        self._task = task
        llama = llama_cpp.Llama(
            str(model), n_ctx=context(task), n_threads=1, n_threads_batch=1, verbose=False
        )
        # The prompts have their chat template already.
        self._model = outlines.from_llamacpp(llama, chat_mode=False)
        self._free = outlines.Generator(self._model)
        self._generators = {
            question.construct: outlines.Generator(self._model, Literal[question.answers])
            for question in task.questions
            if question.kind == "choice"
        }
        if any(question.kind == "spans" for question in task.questions):
            self._backend = LLGuidanceBackend(self._model)

    def code(self, text: str) -> list[str]:
        """Ask everything about a text."""
        return [
            self._answer(question, text, repeat)
            for question in self._task.questions
            for repeat in range(self._task.repeats)
        ]

    def prompts(self, text: str) -> list[str]:
        """Return what the model is shown, a prompt a question."""
        return [prompt(question, text) for question in self._task.questions]

    def _answer(self, question: Question, text: str, repeat: int) -> str:
        shown = prompt(question, text)
        settings: dict[str, Any] = {"seed": repeat, **sampling(self._task.temperature)}
        if question.kind == "spans":
            processor = self._backend.get_cfg_logits_processor(passages(text, question.none, question.most))
            generator = outlines.generator.SteerableGenerator.from_processor(self._model, processor)
            return str(generator(shown, max_tokens=PASSAGE_TOKENS * question.most, **settings))
        reason = ""
        if question.rationale == "before":
            reason = f"{self._free(shown, max_tokens=question.rationale_tokens, stop=NEWLINE, **settings)}\n"
        answer = self._generators[question.construct](shown + reason, max_tokens=LABEL_TOKENS, **settings)
        return f"{reason}{answer}"


def passages(text: str, none: str, most: int) -> str:
    """Return llguidance's grammar of a list of passages: any runs of the text's words, no word cut."""
    words = json.dumps({"substring_chunks": re.findall(r"\s+|\w+|[^\s\w]", text)})
    return "\n".join(
        [
            f'start: {json.dumps(none)} | item ("\\n" item){{0,{most - 1}}}',
            'item: "- " PASSAGE',
            f"PASSAGE: %regex {words}",
        ]
    )
