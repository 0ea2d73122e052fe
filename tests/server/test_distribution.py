"""The labels' probabilities are those that the server implies, or there are none."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.questions import PROMPT
from server.toy_server import Toy, answers_allowed, beginnings, exactly, merges
from study.errors import StudyError
from study.instrument import Instrument, Question
from study.server.answers import ending
from study.server.coder import ServerModel
from study.server.constraint import constraint
from study.server.distribution import (
    END,
    EXCESS,
    Decided,
    Token,
    exceeds,
    is_end,
    to_be_asked,
    tokens_of,
    unconstrained,
    whole,
    with_ends,
)
from study.server.messages import END as END_OF_TURN
from study.server.settings import Server

KEY = "0" * 64
LABELS = st.lists(st.text("ab10", min_size=1, max_size=3), min_size=2, max_size=4, unique=True)
SEEDS = st.integers(0, 10**6)
KINDS = st.sampled_from(["json_schema", "grammar"])
MERGES = st.lists(st.sampled_from(sorted(merges())), max_size=6, unique=True).map(tuple)
UNSPELT = ("", False)
ENDS = st.sampled_from([("", True), ("<|im_end|>", True), UNSPELT, ("</s>", False)])

TOYS = st.builds(
    lambda seed, more, listed, end: Toy(seed, more, False, listed, *end),
    SEEDS,
    MERGES,
    st.sampled_from([0, 1, 2, 5, 20, 100]),
    ENDS,
)


class Kept:
    """The toy, and what it was asked."""

    def __init__(self, toy: Toy) -> None:
        self.toy = toy
        self.bodies: list[Mapping[str, Any]] = []
        self.answers: list[dict[str, Any]] = []

    def complete(self, body: Mapping[str, Any]) -> dict[str, Any]:
        self.bodies.append(body)
        self.answers.append(self.toy.complete(body))
        return self.answers[-1]


def ask(toy: Toy, labels: Sequence[str], kind: str, probabilities: str) -> tuple[dict[str, Any], Kept]:
    question = Question("tone", "choice", PROMPT, labels=tuple(labels), answers=tuple(labels))
    server = Server("toy", "http://toy/v1", "toy", constraint=kind, probabilities=probabilities)
    how = {"context": 9999, "too_long": "refuse", "temperature": 0.0}
    kept = Kept(toy)
    asked = ServerModel(server, kept).ask(
        Instrument("tone", "llm", (question,), END_OF_TURN, {}, how), ["A text."], KEY
    )
    return asked, kept


def before_the_answer(kept: Kept, kind: str) -> tuple[tuple[int, ...], bytes]:
    """Return the tokens before the first answer, and their bytes."""
    if kind == "grammar":
        return (), b""
    choice = kept.answers[0]["choices"][0]
    content = choice["message"]["content"].encode()
    before = content.index(b":") + len(content[content.index(b":") :].partition(b'"')[0]) + 1
    tokens = [token.text for token in tokens_of(choice) or ()]
    return kept.toy.tokens_before(content, tokens, before), content[:before]


@given(SEEDS, LABELS, KINDS, ENDS)
@settings(max_examples=150, deadline=None)
def test_whole_labels_are_exact_where_a_text_has_one_spelling(
    seed: int, labels: list[str], kind: str, end: tuple[str, bool]
) -> None:
    toy = Toy(seed, (b'"}', b'":') if kind == "json_schema" else (), spelt=end[0], bytes_given=end[1])
    found, kept = ask(toy, labels, kind, "whole")
    assert found["status"] == "ok"
    # Where the end has no spelling of its own, a shorter list is asked for too.
    assert len(kept.bodies) == len(labels) * (2 if kind == "grammar" and end == UNSPELT else 1)
    context, _ = before_the_answer(kept, kind)
    for label, log_p in zip(labels, found["answers"][0]["log_p"][0], strict=True):
        written, closing = ending(kind, label)
        assert math.exp(log_p) == pytest.approx(exactly(toy, context, written, closing), rel=1e-9)


@given(TOYS, LABELS, KINDS)
@settings(max_examples=300, deadline=None)
def test_whole_labels_are_never_more_than_the_model_implies(toy: Toy, labels: list[str], kind: str) -> None:
    found, kept = ask(toy, labels, kind, "whole")
    if found["status"] != "ok":
        assert "how probable a label is to its end" in found["error"]
        return
    log_p = found["answers"][0]["log_p"][0]
    assert sum(map(math.exp, log_p)) <= 1 + 1e-9
    context, _ = before_the_answer(kept, kind)
    for label, one in zip(labels, log_p, strict=True):
        assert math.exp(one) <= exactly(toy, context, *ending(kind, label)) + 1e-9


def decided_exactly(kept: Kept, labels: Sequence[str], kind: str) -> list[float]:
    context, before = before_the_answer(kept, kind)
    closing = b"$" if kind == "grammar" else b'"'
    answers = [ending(kind, label)[0] + closing for label in labels]
    found = beginnings(kept.toy, context, (before, b""), answers, answers_allowed(kept.bodies[0]))
    return [found[answer] for answer in answers]


@given(SEEDS, LABELS, KINDS, ENDS, st.booleans())
@settings(max_examples=200, deadline=None)
def test_deciding_beginnings_are_exact_where_a_text_has_one_spelling(
    seed: int, labels: list[str], kind: str, end: tuple[str, bool], masked: bool
) -> None:
    toy = Toy(seed, masked=masked, spelt=end[0], bytes_given=end[1])
    found, kept = ask(toy, labels, kind, "deciding")
    answer = found["answers"][0]
    if answer["log_p"] is None:  # what is told of fewer labels after the constraint is of no use
        assert masked or (kind == "grammar" and end == UNSPELT)
        assert answer["label"] in range(len(labels))
        return
    assert answer.get("masked", False) is masked
    expected = decided_exactly(kept, labels, kind)
    for one, p in zip(answer["log_p"][0], expected, strict=True):
        if one is None:
            assert p <= 0.002 * sum(expected)
        else:
            assert math.exp(one) == pytest.approx(p, rel=1e-9)


@given(TOYS, LABELS, KINDS, st.booleans())
@settings(max_examples=400, deadline=None)
def test_deciding_beginnings_are_never_more_than_the_server_implies(
    toy: Toy, labels: list[str], kind: str, masked: bool
) -> None:
    toy = dataclasses.replace(toy, masked=masked)
    found, kept = ask(toy, labels, kind, "deciding")
    assert found["status"] == "ok"
    answer = found["answers"][0]
    if answer["log_p"] is None:
        assert answer["label"] in range(len(labels))
        return
    log_p = answer["log_p"][0]
    assert sum(math.exp(one) for one in log_p if one is not None) <= 1 + 1e-9
    assert any(one is not None for one in log_p)
    expected = decided_exactly(kept, labels, kind)
    for one, p in zip(log_p, expected, strict=True):
        assert one is None or math.exp(one) <= p * (1 + 1e-9)


@given(SEEDS, LABELS, KINDS)
@settings(max_examples=60, deadline=None)
def test_whole_labels_after_the_constraint_are_refused(seed: int, labels: list[str], kind: str) -> None:
    toy = Toy(seed, masked=True)
    if kind == "json_schema":
        with pytest.raises(StudyError, match="after its constraint"):
            ask(toy, labels, kind, "whole")
    else:  # the end of the turn is not among what the grammar allows
        found, _ = ask(toy, labels, kind, "whole")
        assert "how probable a label is to its end" in found["error"]


@pytest.mark.parametrize("kind", ["json_schema", "grammar"])
def test_labels_that_are_not_listed_are_asked_alone(kind: str) -> None:
    found, kept = ask(Toy(1, listed=2), ["a", "b", "1", "0"], kind, "deciding")
    asked = [constraint_of(body) for body in kept.bodies]
    assert asked[0] == [b"a", b"b", b"1", b"0"]
    assert len(asked) > 1
    assert all(set(later) < set(earlier) for earlier, later in itertools.pairwise(asked))
    assert found["server"]["requests"] == len(asked)
    assert None not in found["answers"][0]["log_p"][0]


def constraint_of(body: Mapping[str, Any]) -> list[bytes]:
    """Return the labels that a request allows."""
    return [one for one in (b"a", b"b", b"1", b"0") if any(one in rest for rest in bare(body))]


def bare(body: Mapping[str, Any]) -> list[bytes]:
    return [text.removeprefix(b'{"answer":').strip(b' "}~') for text in answers_allowed(body)]


def test_without_probabilities_none_are_asked_for() -> None:
    found, kept = ask(Toy(1), ["a", "b"], "json_schema", "none")
    assert "logprobs" not in kept.bodies[0]
    assert found["answers"] == [{"log_p": None, "label": found["answers"][0]["label"]}]


# What servers do that the toy does not.


def choice(*tokens: dict[str, Any], content: str | None = None) -> dict[str, Any]:
    written = "".join(one["token"] for one in tokens) if content is None else content
    return {"message": {"content": written}, "logprobs": {"content": list(tokens)}}


def token(
    text: str, log_p: float | None = -1.0, *others: tuple[str, float | None], **more: Any
) -> dict[str, Any]:
    listed = [{"token": other, "bytes": None, "logprob": one} for other, one in others]
    return {"token": text, "bytes": None, "logprob": log_p, "top_logprobs": listed, **more}


@pytest.mark.parametrize(
    "broken",
    [
        {"message": {"content": "a"}},
        {"message": {"content": "a"}, "logprobs": None},
        {"message": {"content": "a"}, "logprobs": {"content": None}},
        {"message": {"content": "a"}, "logprobs": {"content": []}},
        {"message": {"content": "a"}, "logprobs": {"content": ["a"]}},
        {"message": {"content": "a"}, "logprobs": {"content": [{"token": "a"}]}},
        choice(token("a", None)),
        choice(token("a", float("nan"))),
        choice(token("a", 0.5)),
        choice(token("a"), content="b"),
        choice(token("a"), content="ab"),
        choice({**token("a"), "top_logprobs": [{"token": "b"}]}),
        choice({**token("a"), "bytes": ["x"]}),
    ],
)
def test_what_is_no_list_of_tokens(broken: dict[str, Any]) -> None:
    assert tokens_of(broken) is None


def test_tokens_are_read() -> None:
    found = tokens_of(
        choice(token("a", -0.5, ("a", -0.5), ("b", -2.0), ("b", -3.0), ("c", -9999.0), ("d", None)))
    )
    assert found == [Token(b"a", -0.5, {b"a": -0.5, b"b": -2.0})]
    with_bytes = {**token("\ufffd", -0.5), "bytes": [195]}
    second = {**token("\ufffd", -0.1), "bytes": [169]}
    found = tokens_of(choice(with_bytes, second, content="é"))
    assert found is not None
    assert [one.text for one in found] == [b"\xc3", b"\xa9"]
    assert tokens_of(choice(token("\ufffd"), token("\ufffd"), content="é")) is None


@pytest.mark.parametrize(
    "end", ["<|im_end|>", "</s>", "<end_of_turn>", "<｜end▁of▁sentence｜>", "<|eot_id|>", ""]
)
def test_the_end_of_the_turn_may_be_listed(end: str) -> None:
    found = tokens_of(choice(token("a"), token(end, -0.1), content="a"))
    assert found is not None
    assert b"".join(one.text for one in found) == b"a"
    assert is_end(end.encode())


@pytest.mark.parametrize(
    "word", ["<b>", "</p>", "[NA]", "<|im_start|>", "<", "~", " ", "\n", "<br>", "<unk>"]
)
def test_what_is_not_the_end_of_the_turn(word: str) -> None:
    assert not is_end(word.encode())
    found = tokens_of(choice(token(word)))
    assert found is not None
    assert found[0].text == word.encode()


def closes(more: bytes) -> bool:
    return more.startswith(b'"')


def test_every_way_to_end_a_label_counts() -> None:
    tokens = [
        Token(b'{"answer": "', -1, {}),
        Token(b"go", -0.5, {b"go": -0.5, b'good"': -3.0, b"good": -1.5}),
        Token(b"od", -0.25, {b'od"': -2.5}),
        Token(b'"}', -1.25, {b'"}': -1.25, b'"': -1.0, b'",': -2.5, b"ness": -3.0}),
    ]
    ways = math.exp(-3.0), math.exp(-0.5 - 2.5), *(math.exp(-0.75 + p) for p in (-1.25, -1.0, -2.5))
    assert whole(tokens, 12, b"good", closes) == pytest.approx(math.log(sum(ways)))


@pytest.mark.parametrize(
    "tokens",
    [
        [Token(b'"go', -1, {}), Token(b"od", -1, {}), Token(b'"', -1, {})],  # stands before and in the label
        [Token(b'"', -1, {}), Token(b"goody", -1, {}), Token(b'"', -1, {})],
        [Token(b'"', -1, {}), Token(b"good", -1, {})],
        [Token(b'"', -1, {}), Token(b"good", -9999.0, {}), Token(b'"', -1, {})],
        [Token(b'"', -1, {}), Token(b"bad", -1, {}), Token(b'"', -1, {})],
        [Token(b'"', -1, {}), Token(b"good", -1, {}), Token(b",", -1, {})],
        [],
    ],
)
def test_what_does_not_say_a_labels_probability(tokens: list[Token]) -> None:
    assert whole(tokens, 1, b"good", closes) is None


def listing(*entries: tuple[str, float], written: tuple[str, float] = ("~", -9.0)) -> dict[str, Any]:
    return token(*written, *entries, written)


FULL = [(f"w{i}", -4.0 - i / 10) for i in range(20)]


@pytest.mark.parametrize(
    ("entries", "rank"),
    [
        ([*FULL[:3], ("", -4.35), *FULL[4:]], 0),  # one is spelt so, in its place
        ([*FULL[:3], ("", -5.0), *FULL[4:]], 4),  # another one's probability
        ([*FULL[:3], ("", -4.35), *FULL[5:]], 4),  # one of twenty is missing
        ([("", -0.1), *FULL[2:]], 1),
        (FULL, 0),
    ],
)
def test_an_end_that_shares_its_spelling_is_not_believed(entries: list[tuple[str, float]], rank: int) -> None:
    first = {**token("a", -1.0), "top_logprobs": token("a", -1.0, *FULL)["top_logprobs"]}
    found = tokens_of(choice(first, listing(*entries)))
    assert found is not None
    assert found[1].rank == rank
    assert to_be_asked(found, 0, b"a") == rank
    ended = with_ends(found, 0, [b"a"])
    known = [one for one in ended if one.text == END]
    assert len(known) == (rank == 0 and entries is not FULL)
    assert all(one.log_p == -4.35 for one in known)


def test_a_shorter_list_that_was_asked_for_is_believed() -> None:
    found = tokens_of(choice(token("a"), listing(*FULL[:3], ("", -4.35))), 4)
    assert found is not None
    assert found[1].rank == 0


def test_an_end_that_is_spelt_is_believed_in_any_list() -> None:
    found = tokens_of(choice(token("a"), listing(("<|im_end|>", -0.5), ("", -9.0), ("b", -1.0))))
    assert found is not None
    assert to_be_asked(found, 0, b"a") == 0
    assert with_ends(found, 0, [b"a"])[-1] == Token(END, -0.5, {b"b": -1.0, END: -0.5})


def known(*answers: bytes, ended: bool = True) -> Decided:
    return Decided(answers, ended)


def test_a_text_that_goes_on_is_not_the_label_that_it_begins_with() -> None:
    decided = known(b"yes", b"no", ended=False)
    tokens = [Token(b"yes", -1.0, {b"yes": -1.0, b"not": -1.2, b"no": -2.0, b"n": -3.0})]
    assert decided.read(tokens, 0)
    assert decided.raw
    assert decided.log_p[0] == -1.0
    assert decided.log_p[1] == pytest.approx(math.log(math.exp(-2.0) + math.exp(-3.0)))


def test_a_label_that_begins_another_stays_open_without_an_end() -> None:
    decided = known(b"1", b"10", ended=False)
    assert not decided.read([Token(b"1", -1.0, {b"10": -2.0})], 0)


@pytest.mark.parametrize(
    "tokens",
    [
        [Token(b'"a', -1, {b'"b': -2})],  # a token of its own and of what stands before
        [Token(b'"', -1, {}), Token(b"\\u00e9", -1, {b"a": -3})],  # a label in other letters
        [Token(b'"', -1, {}), Token(b"a", -9999.0, {})],
        [Token(b'"', -1, {})],
    ],
)
def test_what_decides_nothing(tokens: list[Token]) -> None:
    decided = known(b'a"', b'b"', 'é"'.encode())
    assert not decided.read(tokens, 1)
    assert decided.log_p == {}


@pytest.mark.parametrize("hidden", [b"", b"\xff"])
def test_a_part_of_a_character_may_be_a_label_that_is_missing(hidden: bytes) -> None:
    decided = known(b'no"', '好"'.encode())
    listed = {b"no": -1.0, hidden: -1.5, b"x": math.log(1 - math.exp(-1.0) - math.exp(-1.5))}
    assert decided.read([Token(b"no", -1.0, listed)], 0)
    assert decided.missing == [1]
    assert not decided.negligible
    decided = known(b'no"', b'yes"')
    assert decided.read([Token(b"no", -1.0, listed)], 0)
    assert decided.negligible


def test_numbers_before_the_constraint_are_known_by_what_is_listed() -> None:
    tokens = [Token(b"1", -1, {b"1": -1, b"2": -2}), Token(b"0", -1, {b"}": -1, b"a": -3})]
    assert unconstrained(tokens, 0, 2, b"0123456789}")
    assert not unconstrained(tokens, 0, 1, b"0123456789}")
    assert not unconstrained(tokens, 0, 2, b"0123456789}a")


def test_what_exceeds_one() -> None:
    assert not exceeds([math.log(0.5), math.log(0.5)])
    assert not exceeds([math.log(0.5), math.log(0.5 + EXCESS * 0.9)])
    assert exceeds([0.0, 0.0])
    assert exceeds([math.log(0.6), math.log(0.5)])


def test_a_constraint_is_what_the_toy_reads() -> None:
    question = Question("tone", "choice", PROMPT, labels=("a", "b"), answers=("a", "b"))
    assert answers_allowed(constraint("grammar", question, [1])) == [b"b~"]
    assert b'{"answer": "b"}' in answers_allowed(constraint("json_schema", question, [1]))
