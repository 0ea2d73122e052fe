"""Everything but the text that decides a language model's answer, and its identity.

An instrument is computed from the codebook, the coder's settings and the model's card alone, so that anyone
can compute it without the model. `instrument_id` is the sha256 of its canonical JSON: whatever could change
an answer changes the id, and whatever could not (a label's numeric value, say) does not.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.codebook import Codebook
from study.errors import StudyError

SCORING_VERSION = 1
"""Raised by us when scoring changes its meaning, so that older responses are not taken for new ones."""

_TEXT = "\ue000the text\ue001"
_ANSWER = "\ue000the answer\ue001"


@dataclass(frozen=True)
class Instrument:
    """One way to ask a model about a text.

    Attributes
    ----------
    construct, coder
        What is measured, and the coder's name in the configuration; not part of the identity.
    labels
        The closed set of labels, in the order in which they are offered.
    answers
        What the model says for each label; their probabilities are those of the labels.
    before, after
        The rendered prompt around the text, chat template included.
    end_of_turn
        The special token that ends an answer.
    model
        The model's card without its template (the rendered prompt holds what the template does).
    settings
        Context size, the rule for texts that are too long, decoding.
    """

    construct: str
    coder: str
    labels: tuple[str, ...]
    answers: tuple[str, ...]
    before: str
    after: str
    end_of_turn: str
    model: dict[str, Any]
    settings: dict[str, Any]

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that decides an answer, and nothing else."""
        return {
            "scoring_version": SCORING_VERSION,
            "labels": list(self.labels),
            "answers": list(self.answers),
            "prompt": {"before": self.before, "after": self.after, "end_of_turn": self.end_of_turn},
            "model_sha256": self.model["sha256"],
            "engine": self.model["engine"],
            "settings": self.settings,
        }

    @property
    def instrument_id(self) -> str:
        """sha256 of the identity's canonical JSON."""
        canonical = json.dumps(self.identity, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode("utf-8", errors="surrogatepass")).hexdigest()

    def to_json(self) -> str:
        """Write the instrument as JSON, its id first."""
        record = {
            "instrument_id": self.instrument_id,
            "construct": self.construct,
            "coder": self.coder,
            "model": {key: value for key, value in self.model.items() if key != "chat_template"},
            **{key: value for key, value in self.identity.items() if key not in ("model_sha256", "engine")},
        }
        return json.dumps(record, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def read(cls, path: Path) -> Instrument:
        """Read an instrument, and check that its id is that of its content.

        Raises
        ------
        StudyError
            When the file is no instrument, or was edited.
        """
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            instrument = cls(
                construct=record["construct"],
                coder=record["coder"],
                labels=tuple(record["labels"]),
                answers=tuple(record["answers"]),
                before=record["prompt"]["before"],
                after=record["prompt"]["after"],
                end_of_turn=record["prompt"]["end_of_turn"],
                model=record["model"],
                settings=record["settings"],
            )
            instrument_id = instrument.instrument_id
        except (ValueError, KeyError, TypeError) as error:
            raise StudyError(
                "This is no instrument.",
                file=path,
                found=f"{type(error).__name__}: {error}",
                hint="Delete the file and run again.",
            ) from error
        if instrument_id != record.get("instrument_id"):
            raise StudyError(
                "The instrument's id is not that of its content: the file was edited by hand.",
                file=path,
                found=record.get("instrument_id"),
                allowed=instrument_id,
                hint="Delete the file and run again.",
            )
        return instrument


def build(codebook: Codebook, coder: str, card: dict[str, Any], *, context: int, too_long: str) -> Instrument:
    """Render the prompt of `codebook` in the model's own chat template.

    Parameters
    ----------
    codebook
        What to ask.
    coder
        The coder's name in the configuration.
    card
        The model's card (`study.llm.model.read_card`).
    context
        Tokens that prompt, text and answer may have together.
    too_long
        What happens to a longer text: 'refuse' or 'truncate'.

    Raises
    ------
    StudyError
        When the context is larger than that of the model's training, or the model's chat template cannot be
        applied.
    """
    trained = card["trained_context"]
    if trained and context > trained:
        raise StudyError(
            f"The model '{card['name']}' was trained for {trained} tokens at most.",
            file="config/study.yaml",
            key="coding.context",
            found=context,
            allowed=f"at most {trained}",
        )
    labels = codebook.labels
    fill = {
        "labels": in_words(labels),
        "answers": "\n".join(f"- {answer}" for answer in codebook.answers),
        "definitions": definitions(codebook),
        "question": codebook.question,
    }
    system = _fill(codebook.system, fill)
    question = _fill(codebook.wording[codebook.prompt["wording"]], {**fill, "text": _TEXT})
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": question})
    rendered = _render(card, messages, ask=True)
    before, found, after = rendered.partition(_TEXT)
    if not found or _TEXT in after:
        raise StudyError(
            "The model's chat template does not repeat the text exactly once.", key=f"models.{card['name']}"
        )
    answered = _render(card, [*messages, {"role": "assistant", "content": _ANSWER}], ask=False)
    if card["add_bos"] and card["bos_token"] and not before.startswith(card["bos_token"]):
        before = card["bos_token"] + before
    return Instrument(
        construct=codebook.construct,
        coder=coder,
        labels=tuple(labels),
        answers=tuple(codebook.answers),
        before=before,
        after=after,
        end_of_turn=_end_of_turn(answered, card),
        model=card,
        settings={"decoding": "label probabilities", "context": context, "too_long": too_long},
    )


def in_words(labels: Sequence[str]) -> str:
    """Join labels as in a sentence: 'positive, negative or neutral'."""
    return labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} or {labels[-1]}"


def definitions(codebook: Codebook) -> str:
    """Spell out what each label means, one a line."""
    lines = []
    for category in codebook.categories:
        line = f"- {category.label}"
        if category.define:
            line += f": {category.define}"
        if category.example:
            line += f" Example: {category.example}"
        lines.append(line)
    return "\n".join(lines)


def _fill(wording: str, values: dict[str, str]) -> str:
    # In one pass: a definition that happens to contain '{text}' stays as it is written.
    return re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], match[0]), wording)


def _render(card: dict[str, Any], messages: list[dict[str, str]], *, ask: bool) -> str:
    """Apply the model file's own template; it comes with the file, so it runs in a sandbox."""
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> None:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = refuse
    values = {"bos_token": card["bos_token"], "eos_token": card["eos_token"], "add_generation_prompt": ask}
    try:
        return environment.from_string(card["chat_template"]).render(messages=messages, **values)
    except Exception as error:  # a template is a foreign program: it may fail in any way
        raise StudyError(
            "The model's chat template cannot be applied to this codebook's prompt.",
            key=f"models.{card['name']}",
            found=f"{type(error).__name__}: {error}",
            hint="Some models take no system text: leave 'system' empty in the codebook.",
        ) from error


def _end_of_turn(answered: str, card: dict[str, Any]) -> str:
    """Return what the template puts after an answer, up to the end of the first special token."""
    _, found, rest = answered.partition(_ANSWER)
    if not found:
        raise StudyError("The model's chat template does not repeat an answer.", key=f"models.{card['name']}")
    rest = rest.strip()
    if not rest:
        return str(card["eos_token"])
    special, closed, _ = rest.partition(">")
    return special + closed if rest.startswith("<") and closed else rest.split()[0]


def main(
    *,
    codebook: dict,  # type: ignore[type-arg]
    coder: str,
    card: Path,
    settings: dict,  # type: ignore[type-arg]
    instrument: Path,
) -> None:
    """Write the instrument of one coder and one codebook."""
    built = build(
        Codebook.from_dict(codebook),
        coder,
        json.loads(card.read_text(encoding="utf-8")),
        context=settings["context"],
        too_long=settings["too_long"],
    )
    instrument.write_text(built.to_json(), encoding="utf-8")


if __name__ == "__main__":
    from study.job import run

    run(main)
