"""What a language model is shown: the codebook's wording in the model file's own chat template."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from study.chat_template import ANSWER, apply, end_of_turn
from study.codebook import Codebook
from study.errors import StudyError
from study.quotation import closing, escaped

FIRST = "\ue000the text\ue001"
SECOND = "\ue000the other text\ue001"

SLOTS = {name: f"\ue000{name}\ue001" for name in ("labels", "answers", "definitions")}
"""What stands in a prompt for a list of labels that may be offered in another order than the codebook's."""


@dataclass(frozen=True)
class Prompt:
    """A rendered prompt around the text.

    Attributes
    ----------
    before, after
        What stands around the text, chat template included.
    between
        What stands between the two texts that are compared; None where there is one text.
    close, close_second
        What ends the quotation of the text, and that of a second one; empty where the wording has none.
    """

    before: str
    after: str
    between: str | None = None
    close: str = ""
    close_second: str = ""

    def has(self, slot: str) -> bool:
        """Whether the labels are listed in this way anywhere."""
        return any(SLOTS[slot] in part for part in (self.before, self.between or "", self.after))

    def in_order(self, listed: Mapping[str, Sequence[str]], order: Sequence[int]) -> Prompt:
        """Fill the slots with the labels in an order.

        Parameters
        ----------
        listed
            For each slot what it says about each label.
        order
            The labels' numbers.
        """
        if not listed:
            return self
        values = {SLOTS[name]: joined(name, [parts[i] for i in order]) for name, parts in listed.items()}

        def fill(text: str) -> str:
            return re.sub("\ue000[a-z]+\ue001", lambda match: values.get(match[0], match[0]), text)

        between = None if self.between is None else fill(self.between)
        return replace(self, before=fill(self.before), after=fill(self.after), between=between)

    def quoted(self, text: str, place: int = 0) -> tuple[str, int]:
        """Return a text as it is put into its quotation, and how many marks were escaped.

        Parameters
        ----------
        text
            As it was given.
        place
            0, or 1 for the second of two texts.
        """
        if place:
            return escaped(text, self.close_second, self.after)
        return escaped(text, self.close, self.after if self.between is None else self.between)


def render(codebook: Codebook, card: Mapping[str, Any]) -> tuple[Prompt, str]:
    """Render the prompt of one construct; return it and what ends an answer.

    Parameters
    ----------
    codebook
        What to ask.
    card
        The model's card (`study.llm.model.read_card`).

    Raises
    ------
    StudyError
        When the model's chat template cannot be applied, or the codebook spells one of its special tokens.
    """
    wording = _with_reason(codebook)
    compared = codebook.type == "compare"
    texts = {"first": FIRST, "second": SECOND} if compared else {"text": FIRST}
    words = _words(codebook)
    system = _fill(codebook.system, words)
    messages = [{"role": "system", "content": system}] if system else []
    if "{examples}" not in codebook.system + wording:
        messages += _turns(codebook, wording, words)
    messages.append({"role": "user", "content": _fill(wording, {**words, **texts})})
    _no_special_tokens(codebook, card, messages)
    rendered = apply(card, messages, ask=True)
    if rendered.count(FIRST) != 1 or rendered.count(SECOND) != (1 if compared else 0):
        raise StudyError(
            "The model's chat template does not repeat the text exactly once.", key=f"models.{card['name']}"
        )
    before, _, after = rendered.partition(FIRST)
    between = None
    if compared:
        between, _, after = after.partition(SECOND)
    if card["add_bos"] and card["bos_token"] and not before.startswith(card["bos_token"]):
        before = card["bos_token"] + before
    answered = apply(card, [*messages, {"role": "assistant", "content": ANSWER}], ask=False)
    close, *close_second = (closing(wording, f"{{{text}}}") for text in texts)
    return Prompt(before, after, between, close, *close_second), end_of_turn(answered, card)


def listed(codebook: Codebook) -> dict[str, tuple[str, ...]]:
    """Return what each slot says about each label; empty where the labels' order is that of the codebook."""
    if codebook.prompt["label_order"] == "fixed":
        return {}
    return {
        "labels": tuple(codebook.labels),
        "answers": tuple(f"- {answer}" for answer in codebook.answers),
        "definitions": tuple(definitions(codebook)),
    }


def joined(name: str, parts: Sequence[str]) -> str:
    """Join what a slot says about the labels: `labels` in words, the others one a line."""
    return in_words(parts) if name == "labels" else "\n".join(parts)


def in_words(labels: Sequence[str]) -> str:
    """Join labels as in a sentence: 'positive, negative or neutral'."""
    return labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} or {labels[-1]}"


def definitions(codebook: Codebook) -> list[str]:
    """Spell out what each label means, a line each."""
    lines = []
    for category in codebook.categories:
        line = f"- {category.label}"
        if category.define:
            line += f": {category.define}"
        if category.example:
            line += f" Example: {category.example}"
        lines.append(line)
    return lines


def said(codebook: Codebook, label: Any) -> str:
    """Return what a model says to give an answer: a label, a number, or a list of passages."""
    if codebook.type == "extract":
        return "\n".join(f"- {span}" for span in label) or codebook.none
    return codebook.answer.replace("{label}", str(label))


def _no_special_tokens(
    codebook: Codebook, card: Mapping[str, Any], messages: Sequence[Mapping[str, str]]
) -> None:
    """Refuse a codebook that spells a token of the chat template: the model would read it as one.

    Texts that are coded need no such rule: what they spell stays plain characters.
    """
    # What stands in a slot for another order of the labels is in no message yet.
    shown = [*(message["content"] for message in messages), *codebook.answers, *definitions(codebook)]
    shown += [*codebook.labels, codebook.answer, codebook.none]
    for token in card.get("special_tokens", ()):
        if any(token in text for text in shown):
            raise StudyError(
                f"The codebook spells a special token of the model '{card['name']}', which begins or ends a"
                " turn of the conversation.",
                file=f"config/codebooks/{codebook.asked_in}.yaml",
                found=token,
                hint="Write it differently, in an example with a space inside, say.",
            )


def _with_reason(codebook: Codebook) -> str:
    """Return the wording, which asks for a rationale where the prompt has one."""
    wording = codebook.wording[codebook.prompt["wording"]]
    if codebook.prompt["rationale"] == "none" or "{reason}" in wording:
        return wording
    return f"{wording}\n{{reason}}"


def _words(codebook: Codebook) -> dict[str, str]:
    """Return what placeholders stand for, but for the text."""
    words = {"question": codebook.question, "reason": "", "examples": _blocks(codebook)}
    if codebook.prompt["rationale"] != "none":
        words["reason"] = codebook.reason[codebook.prompt["rationale"]]
    if codebook.categories:
        lists = {
            "labels": codebook.labels,
            "answers": [f"- {answer}" for answer in codebook.answers],
            "definitions": definitions(codebook),
        }
        fixed = codebook.prompt["label_order"] == "fixed"
        words |= {name: joined(name, parts) if fixed else SLOTS[name] for name, parts in lists.items()}
    if codebook.scale is not None:
        low, high = (_number(bound, codebook.decimals) for bound in codebook.scale)
        words |= {"low": low, "high": high}
    if codebook.type == "extract":
        words |= {"most": str(codebook.spans), "none": codebook.none}
    return words


def _number(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}"


def _turns(codebook: Codebook, wording: str, words: Mapping[str, str]) -> list[dict[str, str]]:
    """Return the codebook's examples as earlier turns of the conversation, quoted as the text itself is."""
    turns = []
    for example in codebook.examples:
        texts = {}
        for name in ("text", "first", "second"):
            if name in example:
                close, after = closing(wording, f"{{{name}}}"), wording.partition(f"{{{name}}}")[2]
                texts[name] = escaped(str(example[name]), close, after)[0]
        turns.append({"role": "user", "content": _fill(wording, {**words, **texts})})
        turns.append({"role": "assistant", "content": _answered(codebook, example)})
    return turns


def _blocks(codebook: Codebook) -> str:
    """Return the codebook's examples as a part of the wording."""
    blocks = []
    for example in codebook.examples:
        texts = [f"{name.capitalize()}: {example[name]}" for name in ("text",) if name in example]
        texts += [
            f"{name.capitalize()} text: {example[name]}" for name in ("first", "second") if name in example
        ]
        blocks.append("\n".join([*texts, f"Answer: {_answered(codebook, example)}"]))
    return "\n\n".join(blocks)


def _answered(codebook: Codebook, example: Mapping[str, Any]) -> str:
    answer, rationale = said(codebook, example["label"]), example.get("rationale")
    place = codebook.prompt["rationale"]
    if not rationale or place == "none":
        return answer
    return f"{rationale}\n{answer}" if place == "before" else f"{answer}\n{rationale}"


def _fill(wording: str, values: Mapping[str, str]) -> str:
    # In one pass: a definition that happens to contain '{text}' stays as it is written.
    return re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], match[0]), wording)
