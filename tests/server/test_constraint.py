"""How answers are constrained: schemas and grammars accept the codebook's answers and nothing else."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from library.every_type import CODEBOOKS
from server.grammar_oracle import accepts, parses
from server.questions import choice, instrument, number, passages
from study.config.codebooks import read_file
from study.instrument import Question
from study.server.constraint import LISTED, LISTED_IN_JSON, bounds, constraint, most_tokens
from study.server.settings import Server

LABELS = ("good", "not so good", 'a "quoted" \\ one', "café", "好", "1", "10", "~", "ends in ~", "<|end|>")


def schema_of(question: Question, labels: tuple[int, ...] = (), **more: Any) -> dict[str, Any]:
    """Return the schema, the same in both forms."""
    older = constraint("json_object", question, labels, **more)["response_format"]
    newer = constraint("json_schema", question, labels, **more)["response_format"]
    assert older["type"] == "json_object"
    assert newer["type"] == "json_schema"
    assert newer["json_schema"]["strict"] is True
    assert older["schema"] == newer["json_schema"]["schema"]
    schema: dict[str, Any] = older["schema"]
    jsonschema.Draft202012Validator.check_schema(schema)
    return schema


def valid(schema: dict[str, Any], answer: object) -> bool:
    return bool(jsonschema.Draft202012Validator(schema).is_valid(answer))


def grammar_of(question: Question, labels: tuple[int, ...] = (), **more: Any) -> str:
    grammar: str = constraint("grammar", question, labels, **more)["grammar"]
    return grammar


def every(question: Question) -> tuple[int, ...]:
    return tuple(range(len(question.answers)))


def test_without_a_constraint_nothing_is_sent() -> None:
    assert constraint("none", choice("a", "b"), [0, 1]) == {}


@pytest.mark.parametrize("allowed", [(0, 1, 2), (4,), tuple(range(len(LABELS)))])
def test_labels_that_are_allowed_and_no_others(allowed: tuple[int, ...]) -> None:
    question = choice(*LABELS)
    schema, grammar = schema_of(question, allowed), grammar_of(question, allowed)
    for label, answer in enumerate(LABELS):
        assert valid(schema, {"answer": answer}) is (label in allowed)
        assert accepts(grammar, f"{answer}~") is (label in allowed)
        assert not accepts(grammar, answer) or f"{answer[:-1]}" in [LABELS[i] for i in allowed]
        assert not accepts(grammar, f"{answer}~ ")
    assert not valid(schema, {"answer": "good", "more": 1})
    assert not valid(schema, {})
    assert not valid(schema, {"answer": 1})


def test_labels_keep_their_own_tokens_where_a_server_can_be_told_so() -> None:
    question = choice("good", "cannot tell", rationale="before", rationale_tokens=3)
    for kind in ("grammar", "json_object"):
        bare = constraint(kind, question, [1], rationale=False)
        assert bare["logit_bias"] == {"cannot tell": 100}
        assert bare["logit_bias_type"] == "tokens"
        assert "logit_bias" not in constraint(kind, question, [1])  # reasons are in any words
        assert "logit_bias" not in constraint(kind, number(0, 3))
    assert "logit_bias" not in constraint("json_schema", question, [1], rationale=False)


def test_reasons_stand_where_they_are_wanted() -> None:
    for place, members in (("before", ["rationale", "answer"]), ("after", ["answer", "rationale"])):
        question = choice("a", "b", rationale=place, rationale_tokens=3)
        schema = schema_of(question, (0, 1))
        assert list(schema["properties"]) == schema["required"] == members
        assert list(schema_of(question, (0, 1), rationale=False)["properties"]) == ["answer"]
        grammar = grammar_of(question, (0, 1))
        answer = {"before": "a b c\na~", "after": "a~\na b c"}[place]
        assert accepts(grammar, answer)
        assert not accepts(grammar, "a~")
        assert not accepts(grammar, answer.replace("b c", "b\nc"))
        assert not accepts(grammar, answer.replace("a b c", "w" * 13))
        assert accepts(grammar, answer.replace("a b c", "w" * 12))
        assert accepts(grammar_of(question, (0, 1), rationale=False), "a~")


@pytest.mark.parametrize("tokens", [1, 60, 500, 501, 4096])
def test_the_longest_reasons_are_a_limit_that_llama_cpp_keeps(tokens: int) -> None:
    grammar = grammar_of(choice("a", "b", rationale="after", rationale_tokens=tokens), (0, 1))
    longest = min(4 * tokens, 2000)
    assert accepts(grammar, "a~\n" + "w" * longest)
    assert not accepts(grammar, "a~\n" + "w" * (longest + 1))


SCALES = [
    (0, 10, 0), (-3, 3, 0), (0, 1, 2), (-0.5, 0.75, 2), (0.5, 2, 0), (-2.5, -0.5, 0), (-1, 1, 1), (7, 8, 0),
    (0, 0.3, 1), (5, 600, 1), (-10000, 10000, 0), (0, 1_000_000, 2),
]  # fmt: skip


@pytest.mark.parametrize(("low", "high", "decimals"), SCALES)
def test_numbers_within_bounds(low: float, high: float, decimals: int) -> None:
    question = number(low, high, decimals, lead="There are ", tail=".")
    schema, grammar = schema_of(question), grammar_of(question)
    step = Decimal(1).scaleb(-decimals)
    least, most = bounds(question)
    tried = {least, most, Decimal(0), Decimal(1), (least + most) / 2, least - step, most + step, step}
    tried |= {step * round(one / step) for one in tried} | {Decimal("0.125"), -step}
    within = [one for one in tried if least <= one <= most and one == one.quantize(step)]
    assert len(within) >= 1
    for one in tried:
        right = one in within
        written = f"There are {one.quantize(step):f}.~" if right else f"There are {one:f}.~"
        if right:
            assert accepts(grammar, written), written
            assert valid(schema, {"answer": float(one) if decimals else int(one)}), one
        values = (most - least) / step
        if not right and values < LISTED / (decimals + 1):
            assert not accepts(grammar, written), written
        if not right and not least <= one <= most:
            assert not valid(schema, {"answer": float(one)}), one
        if not right and values < LISTED_IN_JSON:
            assert not valid(schema, {"answer": float(one)}), one
    assert not accepts(grammar, "There are .~")
    assert not accepts(grammar, "7")


def test_a_number_may_have_fewer_decimals_as_of_a_model_that_runs_here() -> None:
    grammar = grammar_of(number(0, 3, 2))
    assert all(accepts(grammar, f"{written}~") for written in ("0", "3", "2.5", "2.50", "3.0"))
    assert not any(accepts(grammar, f"{written}~") for written in ("3.01", "2.", ".5", "2.505", "-0"))


@given(st.integers(-999, 999), st.integers(0, 300), st.integers(0, 2), st.data())
@settings(max_examples=60, deadline=None)
def test_any_scale_accepts_its_numbers(low: int, width: int, decimals: int, data: st.DataObject) -> None:
    step = Decimal(1).scaleb(-decimals)
    first, last = low * step, (low + width + 1) * step
    question = number(float(first), float(last), decimals)
    one = data.draw(st.integers(low, low + width + 1)) * step
    assert accepts(grammar_of(question), f"{one:f}~")
    assert valid(schema_of(question), {"answer": float(one) if decimals else int(one)})
    out = (low + width + 2) * step
    assert not valid(schema_of(question), {"answer": float(out) if decimals else int(out)})


def test_passages() -> None:
    question = passages(most=2, none="nothing")
    schema, grammar = schema_of(question), grammar_of(question)
    assert valid(schema, {"passages": []})
    assert valid(schema, {"passages": ["a", "b"]})
    assert not valid(schema, {"passages": ["a", "b", "c"]})
    assert not valid(schema, {"passages": [1]})
    assert accepts(grammar, "nothing")
    assert accepts(grammar, "- a b\n- c\n")
    assert not accepts(grammar, "- a\n- b\n- c\n")
    assert not accepts(grammar, "a\n")


@pytest.mark.parametrize("stem", CODEBOOKS)
def test_every_type_of_codebook_has_a_schema_and_a_grammar(stem: str, tmp_path: Path) -> None:
    (tmp_path / f"{stem}.yaml").write_text(CODEBOOKS[stem], encoding="utf-8")
    books = read_file(tmp_path / f"{stem}.yaml").constructs.values()
    for question in instrument(Server("x", "http://127.0.0.1/v1", "x"), *books).questions:
        for rationale in (True, False):
            schema_of(question, every(question), rationale=rationale)
            assert parses(grammar_of(question, every(question), rationale=rationale))


# The embedded vocabulary lacks some bytes of rarer characters.
WORDS = st.characters(exclude_categories=("Cs", "Cc"), max_codepoint=0xFFFF) | st.sampled_from(
    '\n\t\r"\\[]^-'
)


@given(st.text(WORDS, min_size=1))
@settings(max_examples=100, deadline=None)
def test_any_words_can_be_an_answer(words: str) -> None:
    assert accepts(grammar_of(choice(words, words + "x"), (0,)), f"{words}~")


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1))
def test_llama_cpp_reads_any_answer(words: str) -> None:
    assert parses(grammar_of(choice(words, "x"), (0, 1)))


@given(st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=6, unique=True))
def test_there_is_room_for_every_answer_if_every_byte_is_a_token(labels: list[str]) -> None:
    labels = [label.encode("utf-8", "replace").decode() for label in labels]
    question = choice(*labels)
    longest = max(len(json.dumps({"answer": label}, ensure_ascii=False).encode()) for label in labels)
    assert most_tokens(question) >= longest
    reasoned = choice(*labels, rationale="after", rationale_tokens=50)
    assert most_tokens(reasoned) >= longest + 4 * 50 + 16
    assert most_tokens(reasoned, rationale=False) == most_tokens(question)
