"""What a server's answer says: the label, number or passages, where they stand, and the rationale."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from study.instrument import Question
from study.llm import NotEvaluatedError
from study.llm.grammars import ITEM
from study.server.constraint import ANSWER, PASSAGES, RATIONALE, SENTINEL, bounds

QUOTE = '"'


@dataclass(frozen=True)
class Said:
    """One answer.

    Attributes
    ----------
    label
        Which label of the question, where it has labels.
    number
        As it was written.
    passages
        Word for word, or nearly so.
    rationale
        None where none was wanted.
    before
        Bytes that stand before the label or the number in the answer; None where that is not known.
    """

    label: int | None = None
    number: str | None = None
    passages: tuple[str, ...] = ()
    rationale: str | None = None
    before: int | None = None


def read(kind: str, question: Question, content: str, *, rationale: bool = True) -> Said:
    """Read an answer.

    Parameters
    ----------
    kind
        The constraint: 'json_schema', 'json_object', 'grammar' or 'none'.
    content
        What the server has written.
    rationale
        Whether this request wanted one, if the question does.

    Raises
    ------
    NotEvaluatedError
        When it is no answer of the codebook.
    """
    place = question.rationale if rationale else "none"
    if kind in ("json_schema", "json_object"):
        return _from_json(question, content, place)
    return _from_text(question, content, place, strict=kind == "grammar")


def ending(kind: str, label: str) -> tuple[bytes, bytes]:
    """Return a label's answer in bytes as it stands in an answer of this kind, and what ends it."""
    if kind in ("json_schema", "json_object"):
        return json.dumps(label, ensure_ascii=False)[1:-1].encode(), QUOTE.encode()
    return label.encode(), b""


def _from_json(question: Question, content: str, place: str) -> Said:
    try:
        answer = json.loads(content)
    except ValueError:
        raise _no_answer("It is no JSON.", content) from None
    if not isinstance(answer, dict):
        raise _no_answer("It is no JSON object.", content)
    rationale = None
    if place != "none":
        rationale = _words(answer.get(RATIONALE), content)
    if question.kind == "spans":
        passages = answer.get(PASSAGES)
        if not isinstance(passages, list) or not all(isinstance(one, str) for one in passages):
            raise _no_answer("It has no list of passages.", content)
        return Said(passages=tuple(passages[: question.most]), rationale=rationale)
    value = answer.get(ANSWER)
    # Inside a string of JSON no quotation mark stands without a backslash, so this can only be the member.
    at = re.search(rf'"{ANSWER}"\s*:\s*"?', content)
    before = len(content[: at.end()].encode()) if at else None
    if question.kind == "choice":
        if value not in question.answers:
            raise _no_answer("It is none of the codebook's answers.", content)
        label = question.answers.index(value)
        return Said(label=label, rationale=rationale, before=before)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _no_answer("It has no number.", content)
    written = re.match(r"[-+.0-9eE]+", content[at.end() :]) if at else None
    return Said(
        number=_number(question, written[0] if written else str(value), content),
        rationale=rationale,
        before=before,
    )


def _from_text(question: Question, content: str, place: str, *, strict: bool) -> Said:
    text, rationale, before = content, None, 0
    if place == "before":
        head, line, text = content.rpartition("\n") if question.kind != "spans" else content.partition("\n")
        rationale, before = _words(head.strip() or None, content), len((head + line).encode())
    elif place == "after":
        text, _, reasons = (
            content.partition("\n") if question.kind != "spans" else content.rstrip().rpartition("\n")
        )
        rationale = _words(reasons.strip() or None, content)
    if question.kind == "spans":
        if _folded(text) == _folded(question.none):
            return Said(rationale=rationale)
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if not lines or not all(line.startswith(ITEM.strip()) for line in lines):
            raise _no_answer("It is no list of passages.", content)
        passages = tuple(line.removeprefix(ITEM.strip()).strip() for line in lines[: question.most])
        return Said(passages=passages, rationale=rationale)
    if question.kind == "number":
        inner = text.strip().removeprefix(question.lead.strip()).removesuffix(question.tail.strip()).strip()
        return Said(number=_number(question, inner, content), rationale=rationale, before=before)
    if strict:
        own = text.removesuffix(SENTINEL)
        label = question.answers.index(own) if own in question.answers else None
    else:
        folded = [_folded(answer) for answer in question.answers]
        own = _folded(text)
        label = folded.index(own) if folded.count(own) == 1 else None
        before = before if text in question.answers else -1
    if label is None:
        raise _no_answer("It is none of the codebook's answers.", content)
    return Said(label=label, rationale=rationale, before=None if before < 0 else before)


def _folded(text: str) -> str:
    return text.strip().strip("\"'`*.").strip().casefold()


def _number(question: Question, written: str, content: str) -> str:
    try:
        value = Decimal(written)
    except InvalidOperation:
        raise _no_answer("It is no number.", content) from None
    low, high = bounds(question)
    if not value.is_finite() or not low <= value <= high:
        raise _no_answer(f"The number is not between {low} and {high}.", content)
    exponent = value.normalize().as_tuple().exponent
    if not isinstance(exponent, int) or -exponent > question.decimals:
        raise _no_answer(f"The number has more than {question.decimals} decimals.", content)
    return written


def _words(rationale: object, content: str) -> str:
    if not isinstance(rationale, str) or not rationale.strip():
        raise _no_answer("It gives no reasons.", content)
    return " ".join(rationale.split())


def _no_answer(why: str, content: str) -> NotEvaluatedError:
    shown = " ".join("".join(c if c.isprintable() else " " for c in content[:200]).split())
    return NotEvaluatedError(f"The server's answer is not within the codebook. {why}", found=shown)
