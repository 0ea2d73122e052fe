"""llama-cpp-python with a GBNF grammar: one answer, and no probabilities. It keeps what two prompts share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import llama_cpp
from tasks import Task, prompt

from study.instrument import Question

LABEL_TOKENS = 16
PASSAGE_TOKENS = 128
"""As many as this project's engine lets a passage have."""


class System:
    """A llama-cpp-python model."""

    def __init__(self, task: Task, model: Path) -> None:
        """Load the model and compile the grammars."""
        self._task = task
        self._model = llama_cpp.Llama(
            str(model), n_ctx=context(task), n_threads=1, n_threads_batch=1, verbose=False
        )
        self._grammars = {
            question.construct: compiled(choice(question.answers))
            for question in task.questions
            if question.kind == "choice"
        }

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
        if question.kind == "spans":
            grammar = compiled(passages(text, question.none, question.most))
            return self._written(shown, PASSAGE_TOKENS * question.most, grammar)
        reason = ""
        if question.rationale == "before":
            # One line: a grammar would say the same, and cost more.
            reason = self._written(shown, question.rationale_tokens, stop="\n") + "\n"
        return reason + self._written(
            shown + reason, LABEL_TOKENS, self._grammars[question.construct], seed=repeat
        )

    def _written(
        self,
        shown: str,
        most: int,
        grammar: llama_cpp.LlamaGrammar | None = None,
        *,
        stop: str | None = None,
        seed: int = 0,
    ) -> str:
        answer = self._model.create_completion(
            shown,
            max_tokens=most,
            grammar=grammar,
            stop=stop,
            seed=seed,
            **sampling(self._task.temperature),
        )
        return str(answer["choices"][0]["text"])  # type: ignore[index]


def context(task: Task) -> int:
    """Return how many tokens prompt and answer may have."""
    return int(task.instruments[0].settings["context"])


def sampling(temperature: float) -> dict[str, Any]:
    """Return how tokens are drawn: with their probabilities, none left out."""
    return {"temperature": temperature, "top_k": 0, "top_p": 1.0, "min_p": 0.0}


def compiled(grammar: str) -> llama_cpp.LlamaGrammar:
    """Return a GBNF grammar."""
    return llama_cpp.LlamaGrammar.from_string(grammar, verbose=False)


def choice(answers: tuple[str, ...]) -> str:
    """Return the GBNF grammar of one of several answers."""
    return f"root ::= {' | '.join(map(literal, answers))}"


def passages(text: str, none: str, most: int) -> str:
    """Return the GBNF grammar of a list of passages: any runs of the text's words, no word cut."""
    words = re.findall(r"\s+|\w+|[^\s\w]", text)
    rules = [
        f'root ::= {literal(none)} | item ("\\n" item){{0,{most - 1}}}',
        'item ::= "- " passage',
        f"passage ::= {' | '.join(f'from-{i}' for i in range(len(words)))}",
        *(f"from-{i} ::= {literal(word)} from-{i + 1}?" for i, word in enumerate(words[:-1])),
        f"from-{len(words) - 1} ::= {literal(words[-1])}",
    ]
    return "\n".join(rules)


def literal(text: str) -> str:
    """Return a text as GBNF writes it."""
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return f'"{"".join(escapes.get(character, character) for character in text)}"'
