"""How a server is made to answer within the codebook: a JSON schema, or llama.cpp's grammar."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from study.instrument import Question

ANSWER, PASSAGES, RATIONALE = "answer", "passages", "rationale"
"""The members of an answer in JSON."""

ITEM = "- "
"""What begins a passage, as of a model that runs here (`study.llm.grammars`, which needs its packages)."""

SENTINEL = "~"
"""What a grammar demands after a label or a number, so that the server says how probable it was to end there
instead. A sign of one byte that tokens hardly contain."""

LISTED = 1000
"""Numbers that a grammar lists one by one; of more it only fixes the form, and bounds are checked after."""

LISTED_IN_JSON = 100
"""The same in a JSON schema, whose bounds not every server heeds. Services limit the length of such lists."""

STRONG = 100
"""What is added to the logits of labels' tokens: the most that the protocol allows."""

CHARACTERS_A_TOKEN = 4
"""About as many as a token of a rationale has."""

LONGEST = 2000
"""Characters of a rationale under a grammar; llama.cpp takes a larger number for 'any number'."""


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
    own = _own_tokens(question, labels) if question.kind == "choice" and place == "none" else {}
    if kind == "grammar":
        return {"grammar": _grammar(question, labels, place), **own}
    schema = _schema(question, labels, place)
    if kind == "json_object":
        return {"response_format": {"type": "json_object", "schema": schema}, **own}
    described = {"name": "answer", "strict": True, "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": described}}


def most_tokens(question: Question, *, rationale: bool = True) -> int:
    """Return how many tokens an answer may have; every byte may be one, and JSON stands around it.

    Of a rationale every character may be one.
    """
    if question.kind == "choice":
        own = max(len(json.dumps(answer)) for answer in question.answers) + 24
    elif question.kind == "number":
        own = 48 + len((question.lead + question.tail).encode())
    else:
        own = 32 + 128 * question.most
    reasons = rationale and question.rationale != "none"
    return own + (CHARACTERS_A_TOKEN * question.rationale_tokens + 24 if reasons else 0)


def bounds(question: Question) -> tuple[Decimal, Decimal]:
    """Return the lowest and the highest number that may be answered."""
    return Decimal(str(question.low)), Decimal(str(question.high))


def _own_tokens(question: Question, labels: Sequence[int]) -> dict[str, Any]:
    """Return what makes servers of llama.cpp's family write labels in the tokens in which models read them.

    Else they take the most probable of all tokens with which a label can go on, so that 'cannot tell' may
    become 'c', 'ann', 'o' and so on, which is all but impossible for any model. The probabilities that they
    report are those before it.
    """
    bias = {question.answers[label]: STRONG for label in labels}
    return {"logit_bias": bias, "logit_bias_type": "tokens"}


def _schema(question: Question, labels: Sequence[int], place: str) -> Mapping[str, Any]:
    member: dict[str, Any]
    if question.kind == "choice":
        name, member = ANSWER, {"type": "string", "enum": [question.answers[label] for label in labels]}
    elif question.kind == "number":
        name, member = ANSWER, _number_in_json(question)
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


def _number_in_json(question: Question) -> dict[str, Any]:
    if _how_many(question, question.decimals) <= LISTED_IN_JSON:
        values = [Decimal(written) for written in _written(question, question.decimals)]
        if question.decimals:
            return {"type": "number", "enum": [float(value) for value in values]}
        return {"type": "integer", "enum": [int(value) for value in values]}
    kind = "number" if question.decimals else "integer"
    return {"type": kind, "minimum": question.low, "maximum": question.high}


def _grammar(question: Question, labels: Sequence[int], place: str) -> str:
    reasons = f"[^\\n\\r]{{1,{min(LONGEST, CHARACTERS_A_TOKEN * question.rationale_tokens)}}}"
    if question.kind == "choice":
        answer = f"({' | '.join(_literal(question.answers[label]) for label in labels)}) {_literal(SENTINEL)}"
    elif question.kind == "number":
        answer = f"{_literal(question.lead)} ({_numbers(question)}) {_literal(question.tail + SENTINEL)}"
    else:
        line = f'{_literal(ITEM)} [^\\n\\r]+ "\\n"'
        answer = f"{_literal(question.none)} | ({line}){{1,{question.most}}}"
    if place == "before":
        return f'root ::= {reasons} "\\n" ({answer})'
    if place == "after":
        return f'root ::= ({answer}) "\\n" {reasons}'
    return f"root ::= {answer}"


def _numbers(question: Question) -> str:
    places = range(question.decimals + 1)
    if sum(_how_many(question, each) for each in places) <= LISTED:
        return " | ".join(_literal(written) for each in places for written in _written(question, each))
    low, high = bounds(question)
    digits = len(str(int(max(abs(low), abs(high)))))
    decimals = f' ("." [0-9]{{1,{question.decimals}}})?' if question.decimals else ""
    sign = '"-"? ' if low < 0 else ""
    return f"{sign}[0-9]{{1,{digits}}}{decimals}"


def _steps(question: Question, places: int) -> tuple[int, int]:
    """Return the lowest and the highest number with so many decimals, in units of the last."""
    low, high = (bound.scaleb(places) for bound in bounds(question))
    return int(low.to_integral_value(ROUND_CEILING)), int(high.to_integral_value(ROUND_FLOOR))


def _how_many(question: Question, places: int) -> int:
    first, last = _steps(question, places)
    return last - first + 1


def _written(question: Question, places: int) -> Iterator[str]:
    """Yield every number with exactly so many decimals."""
    first, last = _steps(question, places)
    for step in range(first, last + 1):
        yield f"{Decimal(step).scaleb(-places):f}"


def _literal(text: str) -> str:
    """Write a string of a grammar."""
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return '"' + "".join(escapes.get(c) or (c if c.isprintable() else _escaped(c)) for c in text) + '"'


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
