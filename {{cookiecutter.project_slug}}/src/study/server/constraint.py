"""How a server is made to answer within the codebook: a JSON schema, or llama.cpp's grammar."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from study.instrument import Question
from study.llm.grammars import ITEM

ANSWER, PASSAGES, RATIONALE = "answer", "passages", "rationale"
"""The members of an answer in JSON."""

SENTINEL = "~"
"""What a grammar demands after a label, so that the server says how probable it was to end there instead. A sign
of one byte that tokens hardly contain."""

LISTED = 1000
"""Numbers that a grammar lists one by one; of more it only fixes the form, and the bounds are checked after."""

CHARACTERS_A_TOKEN = 6
"""About as many as a token of a rationale may have."""


def constraint(
    kind: str, question: Question, labels: Sequence[int] = (), *, rationale: bool = True
) -> dict[str, Any]:
    """Return the members of a request's body that constrain its answer.

    Parameters
    ----------
    kind
        'json_schema', 'json_object', 'grammar' or 'none'.
    question
        What is asked.
    labels
        Those that may be answered, where it has labels.
    rationale
        Whether the model gives reasons in this request, if the question wants some.
    """
    place = question.rationale if rationale else "none"
    if kind == "none":
        return {}
    if kind == "grammar":
        return {"grammar": _grammar(question, labels, place)}
    schema = _schema(question, labels, place)
    if kind == "json_object":
        return {"response_format": {"type": "json_object", "schema": schema}}
    described = {"name": "answer", "strict": True, "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": described}}


def most_tokens(question: Question, *, rationale: bool = True) -> int:
    """Return how many tokens an answer may have; every byte may be one, and JSON stands around it."""
    if question.kind == "choice":
        own = max(len(json.dumps(answer)) for answer in question.answers) + 24
    elif question.kind == "number":
        own = 48 + len((question.lead + question.tail).encode())
    else:
        own = 32 + 128 * question.most
    return own + (2 * question.rationale_tokens if rationale and question.rationale != "none" else 0)


def bounds(question: Question) -> tuple[Decimal, Decimal]:
    """Return the lowest and the highest number that may be answered."""
    return Decimal(str(question.low)), Decimal(str(question.high))


def _schema(question: Question, labels: Sequence[int], place: str) -> Mapping[str, Any]:
    member: dict[str, Any]
    if question.kind == "choice":
        name, member = ANSWER, {"type": "string", "enum": [question.answers[label] for label in labels]}
    elif question.kind == "number":
        name, member = ANSWER, {"type": "number", "minimum": question.low, "maximum": question.high}
        if not question.decimals:
            member["type"] = "integer"
    else:
        items = {"type": "string"}
        name, member = PASSAGES, {"type": "array", "items": items, "maxItems": question.most}
    properties = {name: member}
    reasons = {RATIONALE: {"type": "string"}}
    if place == "before":
        properties = reasons | properties
    elif place == "after":
        properties |= reasons
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _grammar(question: Question, labels: Sequence[int], place: str) -> str:
    reasons = f"[^\\n\\r]{{1,{CHARACTERS_A_TOKEN * question.rationale_tokens}}}"
    if question.kind == "choice":
        answer = f"({' | '.join(_literal(question.answers[label]) for label in labels)}) {_literal(SENTINEL)}"
    elif question.kind == "number":
        answer = f"{_literal(question.lead)} ({_numbers(question)}) {_literal(question.tail)}"
    else:
        line = f'{_literal(ITEM)} [^\\n\\r]+ "\\n"'
        answer = f"{_literal(question.none)} | ({line}){{1,{question.most}}}"
    if place == "before":
        return f'root ::= {reasons} "\\n" ({answer})'
    if place == "after":
        return f'root ::= ({answer}) "\\n" {reasons}'
    return f"root ::= {answer}"


def _numbers(question: Question) -> str:
    low, high = bounds(question)
    step = Decimal(1).scaleb(-question.decimals)
    first, last = -(-low // step), high // step
    if last - first < LISTED:
        return " | ".join(_literal(f"{n * step:f}") for n in range(int(first), int(last) + 1))
    decimals = f' ("." [0-9]{{1,{question.decimals}}})?' if question.decimals else ""
    return f'"-"? [0-9]{{1,{len(str(int(max(abs(low), abs(high)))))}}}{decimals}'


def _literal(text: str) -> str:
    """Write a string of a grammar; its escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False)
