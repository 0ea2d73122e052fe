"""llama-cpp-python with a GBNF grammar: one answer, and no probabilities. It keeps what two prompts share."""

from __future__ import annotations

from pathlib import Path

import llama_cpp
from tasks import Task, prompt

from study.instrument import Question
from systems.peer import LABEL_TOKENS, PASSAGE_TOKENS, Peer, sampling, words


class System(Peer):
    """A llama-cpp-python model."""

    def __init__(self, task: Task, model: Path) -> None:
        """Load the model and compile the grammars."""
        super().__init__(task)
        self._model = llama_cpp.Llama(
            str(model), n_ctx=self.context, n_threads=1, n_threads_batch=1, verbose=False
        )
        self._labels = {
            question.construct: compiled(choice(question.answers))
            for question in task.questions
            if question.kind == "choice"
        }

    def answer(self, question: Question, text: str, repeat: int) -> str:
        """Let llama.cpp write under a grammar."""
        shown = prompt(question, text)
        if question.kind == "spans":
            grammar = compiled(passages(text, question.none, question.most))
            return self._written(shown, PASSAGE_TOKENS * question.most, grammar)
        reason = ""
        if question.rationale == "before":
            # One line: a grammar would say the same, and cost more.
            reason = self._written(shown, question.rationale_tokens, stop="\n") + "\n"
        labels = self._labels[question.construct]
        return reason + self._written(shown + reason, LABEL_TOKENS, labels, seed=repeat)

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
            **sampling(self.task.temperature),
        )
        return str(answer["choices"][0]["text"])  # type: ignore[index]


def compiled(grammar: str) -> llama_cpp.LlamaGrammar:
    """Return a GBNF grammar."""
    return llama_cpp.LlamaGrammar.from_string(grammar, verbose=False)


def choice(answers: tuple[str, ...]) -> str:
    """Return the GBNF grammar of one of several answers."""
    return f"root ::= {' | '.join(map(literal, answers))}"


def passages(text: str, none: str, most: int) -> str:
    """Return the GBNF grammar of a list of passages: any runs of the text's words, no word cut."""
    parts = words(text)
    rules = [
        f'root ::= {literal(none)} | item ("\\n" item){{0,{most - 1}}}',
        'item ::= "- " passage',
        f"passage ::= {' | '.join(f'from-{i}' for i in range(len(parts)))}",
        *(f"from-{i} ::= {literal(part)} from-{i + 1}?" for i, part in enumerate(parts[:-1])),
        f"from-{len(parts) - 1} ::= {literal(parts[-1])}",
    ]
    return "\n".join(rules)


def literal(text: str) -> str:
    """Return a text as GBNF writes it."""
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return f'"{"".join(escapes.get(character, character) for character in text)}"'
