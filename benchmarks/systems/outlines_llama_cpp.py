"""outlines on llama-cpp-python: one answer, and no probabilities. It reads every prompt from its beginning.

Its default backend needs numba: without it, outlines 1.3.3 prints errors and answers without a constraint.
For passages it takes its other backend, llguidance, which knows a rule for the words of a text.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import llama_cpp
import outlines
from outlines.backends.llguidance import LLGuidanceBackend
from outlines.generator import SteerableGenerator
from tasks import Task, prompt

from study.instrument import Question
from systems.peer import LABEL_TOKENS, PASSAGE_TOKENS, Peer, sampling, words


class System(Peer):
    """An outlines model and its generators."""

    def __init__(self, task: Task, model: Path) -> None:
        """Load the model and compile what does not depend on the text."""
        super().__init__(task)
        llama = llama_cpp.Llama(str(model), n_ctx=self.context, n_threads=1, n_threads_batch=1, verbose=False)
        # The prompts have their chat template already.
        self._model = outlines.from_llamacpp(llama, chat_mode=False)
        self._free: Any = outlines.Generator(self._model)
        self._labels: dict[str, Any] = {
            question.construct: outlines.Generator(self._model, Literal[question.answers])
            for question in task.questions
            if question.kind == "choice"
        }
        if any(question.kind == "spans" for question in task.questions):
            self._backend = LLGuidanceBackend(self._model)

    def answer(self, question: Question, text: str, repeat: int) -> str:
        """Let outlines write what its generator allows."""
        shown = prompt(question, text)
        settings = {"seed": repeat, **sampling(self.task.temperature)}
        if question.kind == "spans":
            processor = self._backend.get_cfg_logits_processor(passages(text, question.none, question.most))
            generator = SteerableGenerator.from_processor(self._model, processor)
            return str(generator(shown, max_tokens=PASSAGE_TOKENS * question.most, **settings))
        reason = ""
        if question.rationale == "before":
            reason = self._free(shown, max_tokens=question.rationale_tokens, stop="\n", **settings) + "\n"
        answer = self._labels[question.construct](shown + reason, max_tokens=LABEL_TOKENS, **settings)
        return f"{reason}{answer}"


def passages(text: str, none: str, most: int) -> str:
    """Return llguidance's grammar of a list of passages: any runs of the text's words, no word cut."""
    return "\n".join(
        [
            f'start: {json.dumps(none)} | item ("\\n" item){{0,{most - 1}}}',
            'item: "- " PASSAGE',
            f"PASSAGE: %regex {json.dumps({'substring_chunks': words(text)})}",
        ]
    )
