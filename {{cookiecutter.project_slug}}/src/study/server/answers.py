"""What a server's answer says: the label, number or passages, where they stand, and the rationale."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from study.instrument import Question
from study.llm import NotEvaluatedError
from study.server.constraint import ANSWER, ITEM, PASSAGES, RATIONALE, SENTINEL, bounds
from study.server.messages import readable

QUOTE = '"'

_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_NUMBER_IN_JSON = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_LONGEST_NUMBER = 100


OUTSIDE = "The server's answer is not within the codebook."
"""How the error begins of an answer that the codebook does not allow."""


@dataclass(frozen=True)
class Said:
    """One answer.

    Attributes
    ----------
    label
        Which label of the question, where it has labels.
    number
        As it was written, without exponent.
    passages
        Word for word, or nearly so.
    rationale
        None where none was wanted.
    before
        Bytes that stand before the label or the number in the answer; None where that is not known.
    written
        The number in the answer, with the sentence around it where there is one.
    """

    label: int | None = None
    number: str | None = None
    passages: tuple[str, ...] = ()
    rationale: str | None = None
    before: int | None = None
    written: str = ""


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
    if kind == "grammar":
        return _from_grammar(question, content, place)
    return _from_words(question, content)


def ending(kind: str, label: str) -> tuple[bytes, bytes]:
    """Return a label's answer in bytes as it stands in an answer of this kind, and what ends it."""
    if kind in ("json_schema", "json_object"):
        return json.dumps(label, ensure_ascii=False)[1:-1].encode(), QUOTE.encode()
    return label.encode(), b""


def _from_json(question: Question, content: str, place: str) -> Said:
    try:
        members = json.loads(content, object_pairs_hook=_Members)
    except (ValueError, RecursionError):
        raise _no_answer("It is no JSON.", content) from None
    own = PASSAGES if question.kind == "spans" else ANSWER
    wanted = {"none": [own], "before": [RATIONALE, own], "after": [own, RATIONALE]}[place]
    if not isinstance(members, _Members):
        raise _no_answer("It is no JSON object.", content)
    if [name for name, _ in members] != wanted:
        raise _no_answer(f"It does not have the members {', '.join(wanted)} in this order.", content)
    answer = dict(members)
    rationale = _words(answer[RATIONALE], content) if place != "none" else None
    if question.kind == "spans":
        passages = answer[PASSAGES]
        if not isinstance(passages, list) or not all(isinstance(one, str) for one in passages):
            raise _no_answer("It has no list of passages.", content)
        return Said(passages=_few(question, passages, content), rationale=rationale)
    value = answer[ANSWER]
    # Inside a string of JSON no quotation mark stands without a backslash, so this can only be the member.
    at = re.search(rf'"{ANSWER}"\s*:\s*"?', content)
    before = _size(content[: at.end()]) if at else None
    if question.kind == "choice":
        if value not in question.answers:
            raise _no_answer("It is none of the codebook's answers.", content)
        return Said(label=question.answers.index(value), rationale=rationale, before=before)
    written = _NUMBER_IN_JSON.match(content, at.end()) if at else None
    if isinstance(value, bool) or not isinstance(value, int | float) or written is None:
        raise _no_answer("It has no number.", content)
    number = _number(question, written[0], content)
    return Said(number=number, rationale=rationale, before=before, written=written[0])


class _Members(list[tuple[str, object]]):
    """The members of a JSON object in their order, those that come twice included."""


def _from_grammar(question: Question, content: str, place: str) -> Said:
    """Read what the grammar allows; no rationale has a line break."""
    text, rationale, before = content, None, 0
    if place == "before":
        reasons, line, text = content.partition("\n")
        rationale, before = _words(reasons, content), _size(reasons + line)
    elif place == "after":
        text, _, reasons = content.rpartition("\n")
        rationale = _words(reasons, content)
    if question.kind == "spans":
        if text == question.none:
            return Said(rationale=rationale)
        return Said(passages=_items(question, text, content), rationale=rationale)
    text = text.removesuffix(SENTINEL)
    if question.kind == "choice":
        if text not in question.answers:
            raise _no_answer("It is none of the codebook's answers.", content)
        return Said(label=question.answers.index(text), rationale=rationale, before=before)
    inner = text[len(question.lead) : len(text) - len(question.tail)]
    if text != f"{question.lead}{inner}{question.tail}":
        raise _no_answer("It is no number in the codebook's sentence.", content)
    return Said(number=_number(question, inner, content), rationale=rationale, before=before, written=text)


def _from_words(question: Question, content: str) -> Said:
    """Read what a model that nothing constrains has written, if it comes down to an answer."""
    if question.kind == "spans":
        if _folded(content) == _folded(question.none):
            return Said()
        return Said(passages=_items(question, content, content))
    if question.kind == "number":
        inner = content.strip().removeprefix(question.lead.strip()).removesuffix(question.tail.strip())
        return Said(number=_number(question, inner.strip(), content))
    folded = [_folded(answer) for answer in question.answers]
    own = _folded(content)
    if content in question.answers:
        return Said(label=question.answers.index(content), before=0)
    if not own or folded.count(own) != 1:
        raise _no_answer("It is none of the codebook's answers.", content)
    return Said(label=folded.index(own))


def _items(question: Question, text: str, content: str) -> tuple[str, ...]:
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines or not all(line.strip().startswith(ITEM.strip()) for line in lines):
        raise _no_answer("It is no list of passages.", content)
    return _few(question, [line.strip().removeprefix(ITEM.strip()) for line in lines], content)


def _size(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))


def _few(question: Question, passages: Sequence[str], content: str) -> tuple[str, ...]:
    if len(passages) > question.most:
        raise _no_answer(f"It has more than {question.most} passages.", content)
    return tuple(readable(one).strip() for one in passages)


def _folded(text: str) -> str:
    return text.strip().strip("\"'`*.").strip().casefold()


def _number(question: Question, written: str, content: str) -> str:
    if len(written) > _LONGEST_NUMBER or not _NUMBER_IN_JSON.fullmatch(written):
        raise _no_answer("It is no number.", content)
    value = Decimal(written)
    low, high = bounds(question)
    if not low <= value <= high:
        raise _no_answer(f"The number is not between {low} and {high}.", content)
    if _decimals(value) > question.decimals:
        raise _no_answer(f"The number has more than {question.decimals} decimals.", content)
    if _NUMBER.fullmatch(written):
        return written
    return f"{value:f}" if value else "0"


def _decimals(value: Decimal) -> int:
    """Return how many decimals a number has, without zeros at the end."""
    _, digits, exponent = value.as_tuple()
    significant = "".join(map(str, digits)).rstrip("0")
    assert isinstance(exponent, int)
    return max(0, -exponent - (len(digits) - len(significant))) if significant else 0


def _words(rationale: object, content: str) -> str:
    if not isinstance(rationale, str) or not rationale.strip():
        raise _no_answer("It gives no reasons.", content)
    return " ".join(readable(rationale).split())


def _no_answer(why: str, content: str) -> NotEvaluatedError:
    shown = " ".join("".join(c if c.isprintable() else " " for c in content[:200]).split())
    return NotEvaluatedError(f"{OUTSIDE} {why}", found=shown)
