"""What the constraint allows is read back; everything else is an error of one line."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from server.questions import choice, number, passages
from study.instrument import Question
from study.llm import NotEvaluatedError
from study.server.answers import Said, ending, read

KINDS = ("json_schema", "json_object", "grammar", "none")
LABEL = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=12).filter(
    lambda label: label == label.strip()
)
LABELS = st.lists(LABEL, min_size=2, max_size=5, unique=True)
REASONS = st.text(st.characters(exclude_characters="\n\r"), min_size=1, max_size=30).filter(str.strip)
PLACES = st.sampled_from(["none", "before", "after"])


def in_json(members: dict[str, Any], *, ascii_only: bool = False, indent: int | None = None) -> str:
    return json.dumps(members, ensure_ascii=ascii_only, indent=indent)


def with_reasons(place: str, own: dict[str, Any], reasons: str) -> dict[str, Any]:
    if place == "none":
        return own
    return {"rationale": reasons} | own if place == "before" else own | {"rationale": reasons}


def around(place: str, answer: str, reasons: str) -> str:
    return {"none": answer, "before": f"{reasons}\n{answer}", "after": f"{answer}\n{reasons}"}[place]


def plain(reasons: str) -> str:
    """Return a rationale as it is kept."""
    return " ".join("".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in reasons).split())


def refused(kind: str, question: Question, content: str) -> str:
    with pytest.raises(NotEvaluatedError) as caught:
        read(kind, question, content)
    message = str(caught.value)
    assert message.startswith("The server's answer is not within the codebook. ")
    assert "\n" not in message
    assert message.isprintable()
    assert len(message) < 400
    return message


@given(
    LABELS, st.data(), PLACES, REASONS, st.sampled_from([(False, None), (True, None), (False, 2), (True, 0)])
)
def test_a_label_in_json(
    labels: list[str], data: st.DataObject, place: str, reasons: str, form: tuple[bool, int | None]
) -> None:
    ascii_only, indent = form
    label = data.draw(st.integers(0, len(labels) - 1))
    question = choice(*labels, rationale=place, rationale_tokens=20)
    members = with_reasons(place, {"answer": labels[label]}, reasons)
    content = in_json(members, ascii_only=ascii_only, indent=indent)
    said = read("json_schema", question, content)
    assert said.label == label
    assert said.rationale == (None if place == "none" else plain(reasons))
    written, closing = ending("json_schema", labels[label])
    if not ascii_only:
        there = content.encode("utf-8", "replace")[said.before :]
        assert there.startswith(written + closing)


@given(LABELS, st.data(), PLACES, REASONS)
def test_a_label_under_a_grammar(labels: list[str], data: st.DataObject, place: str, reasons: str) -> None:
    label = data.draw(st.integers(0, len(labels) - 1))
    question = choice(*labels, rationale=place, rationale_tokens=20)
    content = around(place, f"{labels[label]}~", reasons)
    said = read("grammar", question, content)
    assert (said.label, said.rationale) == (label, None if place == "none" else plain(reasons))
    written, closing = ending("grammar", labels[label])
    assert closing == b""
    assert content.encode("utf-8", "surrogatepass")[said.before :].startswith(written)


@pytest.mark.parametrize(
    ("content", "label", "before"),
    [
        ("good", 0, 0),
        ("not so good", 1, 0),
        (" Good.\n", 0, None),
        ('"good"', 0, None),
        ("**NOT SO GOOD**", 1, None),
        ("`good`", 0, None),
    ],
)
def test_a_label_in_words(content: str, label: int, before: int | None) -> None:
    assert read("none", choice("good", "not so good"), content) == Said(label=label, before=before)


@pytest.mark.parametrize("content", ["", " ", "good, I think", "goodness", "not", "good good", "...", '""'])
def test_words_that_are_no_label(content: str) -> None:
    refused("none", choice("good", "not so good"), content)


def test_labels_that_differ_in_case_are_told_apart_or_not_at_all() -> None:
    question = choice("us", "US")
    assert read("none", question, "US").label == 1
    assert read("none", question, "us").label == 0
    refused("none", question, "Us")
    assert read("json_schema", question, '{"answer": "US"}').label == 1


BROKEN = [
    "", " ", "good", "null", "[]", '"good"', "1", "{", '{"answer": "good"', '{"answer": "good"} more',
    '{"answer": good}', '{"Answer": "good"}', '{"answer": ["good"]}', '{"answer": {"answer": "good"}}',
    '{"answer": null}', '{"answer": true}', '{"answer": "Good"}', '{"answer": "good "}', '{"answer": "none"}',
    '{"answer": "bad", "answer": "good"}', '{"answer": "good", "answer": "good"}',
    '{"answer": "good", "rationale": "x"}', '{"rationale": "x", "answer": "good"}',
    '{"x": {"answer": "bad"}, "answer": "good"}', "{}", "[" * 100_000, '{"a":' * 100_000, "\0", "\ud800",
    '{"answer": "\\ud800"}', "9" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("content", BROKEN)
def test_what_is_no_answer(kind: str, content: str) -> None:
    if (kind, content) in {("none", "good"), ("none", '"good"'), ("grammar", "good")}:
        return  # those are
    refused(kind, choice("good", "bad"), content)


@given(st.text(st.characters(codec=None), max_size=60), st.sampled_from(KINDS), st.integers(0, 2))
def test_anything_is_an_answer_or_an_error_of_one_line(content: str, kind: str, which: int) -> None:
    question = [choice("good", "bad"), number(0, 10, 1), passages()][which]
    try:
        said = read(kind, question, content)
    except NotEvaluatedError:
        refused(kind, question, content)
    else:
        assert said.label in (0, 1, None)
        assert said.number is None or 0 <= Decimal(said.number) <= 10
        assert all(one.encode() is not None for one in said.passages)


@pytest.mark.parametrize("order", ["before", "after"])
def test_reasons_in_another_place_are_no_answer(order: str) -> None:
    question = choice("good", "bad", rationale=order, rationale_tokens=9)
    right = {
        "before": '{"rationale": "x", "answer": "good"}',
        "after": '{"answer": "good", "rationale": "x"}',
    }
    assert read("json_schema", question, right[order]).rationale == "x"
    assert "in this order" in refused(
        "json_schema", question, right["after" if order == "before" else "before"]
    )
    assert "in this order" in refused("json_schema", question, '{"answer": "good"}')
    assert "no reasons" in refused("json_schema", question, right[order].replace('"x"', '" "'))
    assert read("json_schema", question, '{"answer": "good"}', rationale=False).rationale is None


def test_reasons_that_spell_an_answer_do_not_hide_it() -> None:
    question = choice("good", "bad", rationale="before", rationale_tokens=9)
    reasons = '"answer": "bad", {"answer": "bad'
    content = in_json({"rationale": reasons, "answer": "good"})
    said = read("json_schema", question, content)
    assert said.label == 0
    assert content.encode()[said.before :] == b'good"}'
    assert said.rationale == reasons


@given(st.integers(-50, 50), st.integers(0, 2), st.sampled_from(KINDS))
def test_a_number(step: int, decimals: int, kind: str) -> None:
    question = number(-5, 5, decimals, lead="It is ", tail=" km.")
    written = f"{Decimal(step).scaleb(-1 if decimals else 0):.{decimals}f}"
    assume(-5 <= Decimal(written) <= 5)
    content = f'{{"answer": {written}}}' if "json" in kind else f"It is {written} km."
    said = read(kind, question, content + ("~" if kind == "grammar" else ""))
    assert said.number == written
    if kind != "none":
        assert content.encode()[said.before :].startswith(said.written.encode())
        assert said.written == (written if "json" in kind else content)


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_number_with_reasons(place: str) -> None:
    question = number(0, 10, lead="There are ", rationale=place, rationale_tokens=9)
    said = read("grammar", question, around(place, "There are 7~", "two and 5"))
    assert (said.number, said.rationale, said.written) == ("7", "two and 5", "There are 7")
    assert said.before == (10 if place == "before" else 0)
    content = in_json(with_reasons(place, {"answer": 7}, 'the "answer": 5'))
    said = read("json_object", question, content)
    assert (said.number, said.rationale) == ("7", 'the "answer": 5')
    assert content.encode()[said.before :].startswith(b"7")


@pytest.mark.parametrize(
    ("written", "kept"),
    [("5", "5"), ("5.0", "5.0"), ("5.00", "5.00"), ("50e-1", "5.0"), ("0.5E1", "5"), ("1e1", "10"),
     ("0e99", "0"), ("-0", "-0"), ("0.50", "0.50")],
)  # fmt: skip
def test_numbers_in_json_may_have_exponents(written: str, kept: str) -> None:
    said = read("json_schema", number(0, 10, 1), f'{{"answer": {written}}}')
    assert (said.number, said.written) == (kept, written)
    assert Decimal(kept) == Decimal(written)


@pytest.mark.parametrize("kind", ["json_schema", "grammar", "none"])
@pytest.mark.parametrize(
    "written",
    ["", "11", "-1", "5.55", "NaN", "Infinity", "-Infinity", "sNaN", "1_0", "٣", "+5", "5.", ".5", "0x5",
     "5 5", "five", "true", "1e999999999999", "1e-999999999999", "1." + "0" * 200 + "1", "9" * 5000, "5,0"],
)  # fmt: skip
def test_what_is_no_number_of_the_scale(kind: str, written: str) -> None:
    content = f'{{"answer": {written}}}' if kind == "json_schema" else written
    refused(kind, number(0, 10, 1), content + ("~" if kind == "grammar" else ""))


@given(st.lists(REASONS, max_size=3), PLACES, REASONS)
def test_passages(found: list[str], place: str, reasons: str) -> None:
    question = passages(most=3, none="nothing", rationale=place, rationale_tokens=9)
    kept = tuple("".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in one).strip() for one in found)
    said = read("json_schema", question, in_json(with_reasons(place, {"passages": found}, reasons)))
    assert said.passages == kept
    listed = "".join(f"- {one}\n" for one in found) or "nothing"
    said = read("grammar", question, around(place, listed, reasons))
    assert said.passages == kept
    assert said.rationale == (None if place == "none" else plain(reasons))


def test_reasons_of_white_space_do_not_take_a_passage_for_themselves() -> None:
    question = passages(rationale="after", rationale_tokens=9)
    assert "no reasons" in refused("grammar", question, "- a\n- b\n\n ")


def test_passages_in_words() -> None:
    question = passages(most=2, none="nothing")
    assert read("none", question, " Nothing.\n") == Said()
    assert read("none", question, "- a road\n\n - a \u2028school\n").passages == ("a road", "a \u2028school")
    assert "more than 2" in refused("none", question, "- a\n- b\n- c")
    for content in ("", "a road", "- a\nb", "* a", "There is nothing."):
        refused("none", question, content)


@pytest.mark.parametrize(
    "content",
    ['{"passages": "a"}', '{"passages": [1]}', '{"passages": [["a"]]}', '{"passages": null}',
     '{"answer": []}', '{"passages": ["a", "b", "c", "d"]}', '{"passages": [{"a": 1}]}'],
)  # fmt: skip
def test_what_is_no_list_of_passages(content: str) -> None:
    refused("json_schema", passages(), content)
