"""The identity of an instrument: all that can change an answer, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from library.embedded import model_file
from library.good_codebooks import GOOD, read
from study import instrument as module
from study.codebook import Codebook
from study.errors import StudyError
from study.instrument import NOT_KEPT, Instrument, Question, build, main
from study.llm.model import read_card

BOOK: dict[str, Any] = {
    "construct": "tone",
    "question": "How does the text sound?",
    "type": "classify",
    "level": "ordinal",
    "categories": {
        "good": {"value": 1, "define": "It praises.", "example": "What a day!"},
        "bad": {"value": -1, "define": "It blames."},
        "mixed": {"value": 0},
    },
    "not_codable": {"label": "unclear"},
    "system": "You code texts. Labels: {labels}.",
    "wording": {
        "main": "{definitions}\n\nText: {text}\n\n{question} One of: {labels}.",
        "short": "{text}\n{question}",
    },
    "examples": [{"text": "Fine.", "label": "good", "rationale": "It praises the day."}],
    "calibration": {"method": "contextual", "texts": ["N/A", ""]},
}
RATE: dict[str, Any] = {
    "construct": "anger",
    "question": "How angry is it?",
    "type": "rate",
    "level": "interval",
    "scale": {"low": 0, "high": 3, "anchors": {"0": "calm"}},
    "prompt": {"label_order": "random", "seed": 7},
}
COUNT: dict[str, Any] = {
    "construct": "hurt",
    "question": "How many were hurt?",
    "type": "count",
    "scale": {"low": 0, "high": 500},
    "answer": "There are {label}.",
    "prompt": {"rationale": "before", "rationale_tokens": 30},
}
NUMBER = COUNT | {"type": "number", "scale": {"low": -0.5, "high": 10.0, "decimals": 2}, "prompt": {}}
EXTRACT: dict[str, Any] = {
    "construct": "demands",
    "question": "What is demanded?",
    "type": "extract",
    "spans": {"most": 4, "none": "nothing"},
    "prompt": {"rationale": "after"},
}
COMPARE: dict[str, Any] = {
    "construct": "politeness",
    "question": "Which is more polite?",
    "type": "compare",
    "pairs": {"rounds": 2, "seed": 1, "first": "A", "second": "B", "tie": "neither"},
}
EVERY_TYPE = {book["type"]: book for book in (BOOK, RATE, COUNT, NUMBER, EXTRACT, COMPARE)}


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    return read_card(model_file(), "smollm2", None)


def built(card: dict[str, Any], *books: dict[str, Any], **settings: Any) -> Instrument:
    settings = {"context": 2048, "too_long": "refuse"} | settings
    return build([Codebook.from_dict(book) for book in books or (BOOK,)], "llm", card, **settings)


def changed(book: dict[str, Any], *path: str, to: Any) -> dict[str, Any]:
    """Return a copy of the codebook with one value exchanged."""
    if len(path) == 1:
        return {**book, path[0]: to}
    return {**book, path[0]: changed(book.get(path[0], {}), *path[1:], to=to)}


def reversed_labels(book: dict[str, Any]) -> dict[str, Any]:
    return changed(book, "categories", to=dict(reversed(book["categories"].items())))


def test_a_choice_by_hand(card: dict[str, Any]) -> None:
    found = built(card)
    assert (found.name, found.coder, found.constructs, found.compares) == ("tone", "llm", ["tone"], False)
    question = found.question("tone")
    assert question.kind == "choice"
    assert question.labels == question.answers == ("good", "bad", "mixed", "unclear")
    assert (question.label_order, question.listed, question.held_back) == ("fixed", {}, 1)
    assert (question.rationale, question.rationale_tokens) == ("none", 0)
    assert found.end_of_turn == "<|im_end|>"
    assert found.settings == {"context": 2048, "too_long": "refuse", "temperature": 0.0}
    assert built(card, {**BOOK, "answer": "It is {label}."}).questions[0].answers[0] == "It is good."


def test_what_is_written_by_hand(card: dict[str, Any]) -> None:
    number = built(card, NUMBER).questions[0]
    assert (number.kind, number.lead, number.tail) == ("number", "There are ", ".")
    assert (number.low, number.high, number.decimals) == (-0.5, 10.0, 2)
    assert (number.labels, number.held_back) == ((), 0)
    count = built(card, COUNT).questions[0]
    assert (count.low, count.high, count.decimals) == (0, 500, 0)
    assert (count.rationale, count.rationale_tokens) == ("before", 30)
    extract = built(card, EXTRACT).questions[0]
    assert (extract.kind, extract.most, extract.none) == ("spans", 4, "nothing")
    assert (extract.rationale, extract.rationale_tokens) == ("after", 60)


def test_a_comparison_by_hand(card: dict[str, Any]) -> None:
    found = built(card, COMPARE)
    assert found.compares
    assert (found.questions[0].kind, found.questions[0].labels) == ("choice", ("A", "B", "neither"))


def test_several_questions_stand_in_the_order_of_the_file(card: dict[str, Any]) -> None:
    together = [{**book, "asked_in": "speech"} for book in (EXTRACT, BOOK, COUNT)]
    found = built(card, *together)
    assert (found.name, found.constructs) == ("speech", ["demands", "tone", "hurt"])
    assert [question.kind for question in found.questions] == ["spans", "choice", "number"]
    assert found.question("hurt") == built(card, COUNT | {"asked_in": "speech"}).questions[0]


def test_the_id_is_the_sha256_of_the_identity_in_canonical_json(card: dict[str, Any]) -> None:
    found = built(card)
    shown = found.questions[0].prompt
    labels = ["good", "bad", "mixed", "unclear"]
    identity = {
        "scoring_version": 2,
        "questions": [
            {
                "kind": "choice",
                "prompt": {"before": shown.before, "after": shown.after},
                "labels": labels,
                "answers": labels,
                "held_back": 1,
            }
        ],
        "end_of_turn": "<|im_end|>",
        "model_sha256": card["sha256"],
        "engine": card["engine"],
        "settings": {"context": 2048, "too_long": "refuse", "temperature": 0.0},
    }
    canonical = json.dumps(identity, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert found.identity == identity
    assert found.instrument_id == hashlib.sha256(canonical.encode()).hexdigest()


RANDOM = changed(BOOK, "prompt", to={"label_order": "random", "seed": 1})
ROTATED = changed(BOOK, "prompt", to={"label_order": "rotated"})
ROTATION = changed(BOOK, "prompt", to={"label_order": "rotation_1"})
REVERSED = changed(BOOK, "prompt", to={"label_order": "reversed"})
BEFORE = changed(BOOK, "prompt", to={"rationale": "before"})
IN_WORDING = changed(BOOK, "wording", "main", to="{examples}\n{text}\n{question}")

CHANGES_ID: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "question": (BOOK, changed(BOOK, "question", to="How does it sound?")),
    "a space": (BOOK, changed(BOOK, "question", to="How does the text sound? ")),
    "system": (BOOK, changed(BOOK, "system", to="You code texts.")),
    "no system": (BOOK, changed(BOOK, "system", to=None)),
    "wording": (BOOK, changed(BOOK, "wording", "main", to="{definitions}\n{text}\n{question} {labels}.")),
    "other wording": (BOOK, changed(BOOK, "prompt", to={"wording": "short"})),
    "quotation": (BOOK, changed(BOOK, "wording", "main", to='{definitions}\n"{text}"\n{question}')),
    "definition": (BOOK, changed(BOOK, "categories", "bad", "define", to="It complains.")),
    "example of a category": (BOOK, changed(BOOK, "categories", "good", "example", to="Great!")),
    "a label": (BOOK, changed(BOOK, "categories", to={**BOOK["categories"], "evil": {"value": -2}})),
    "order of the labels": (BOOK, reversed_labels(BOOK)),
    "not codable": (BOOK, changed(BOOK, "not_codable", to={"label": "no idea"})),
    "all are codable": (BOOK, changed(BOOK, "not_codable", to=None)),
    "not codable is a category": (
        changed(BOOK, "wording", "main", to="{text}\n{question} {labels}"),
        {
            **changed(BOOK, "wording", "main", to="{text}\n{question} {labels}"),
            "not_codable": None,
            "categories": {**BOOK["categories"], "unclear": {}},
        },
    ),
    "an answer in a sentence": (BOOK, changed(BOOK, "answer", to="It sounds {label}.")),
    "no example": (BOOK, changed(BOOK, "examples", to=[])),
    "text of an example": (BOOK, changed(BOOK, "examples", to=[{"text": "Good.", "label": "good"}])),
    "label of an example": (BOOK, changed(BOOK, "examples", to=[{"text": "Fine.", "label": "bad"}])),
    "where examples stand": (BOOK, changed(BOOK, "wording", "main", to="{examples}\n{text}\n{question}")),
    "rotated": (BOOK, ROTATED),
    "random": (BOOK, RANDOM),
    "random or rotated": (ROTATED, RANDOM),
    "one rotation": (BOOK, ROTATION),
    "one rotation or all": (ROTATED, ROTATION),
    "another rotation": (ROTATION, changed(ROTATION, "prompt", "label_order", to="rotation_2")),
    "reversed": (BOOK, REVERSED),
    "reversed or a rotation": (ROTATION, REVERSED),
    "seed": (RANDOM, changed(RANDOM, "prompt", "seed", to=2)),
    "order of rotated labels": (ROTATED, reversed_labels(ROTATED)),
    "definition of rotated labels": (ROTATED, changed(ROTATED, "categories", "bad", "define", to="Bad.")),
    "rationale before": (BOOK, BEFORE),
    "rationale after": (BEFORE, changed(BEFORE, "prompt", "rationale", to="after")),
    "rationale's length": (BEFORE, changed(BEFORE, "prompt", "rationale_tokens", to=61)),
    "rationale's sentence": (BEFORE, changed(BEFORE, "reason", "before", to="Why?")),
    "rationale of an example": (
        BEFORE,
        changed(BEFORE, "examples", to=[{"text": "Fine.", "label": "good", "rationale": "So it is."}]),
    ),
    "point of a scale": (RATE, changed(RATE, "scale", "high", to=4)),
    "anchor": (RATE, changed(RATE, "scale", "anchors", to={"0": "cool"})),
    "another seed of a scale": (RATE, changed(RATE, "prompt", "seed", to=8)),
    "lowest number": (COUNT, changed(COUNT, "scale", "low", to=1)),
    "highest number": (COUNT, changed(COUNT, "scale", "high", to=499)),
    "highest number that the wording does not show": (
        changed(COUNT, "wording", to={"main": "{text}\n{question}"}),
        changed(changed(COUNT, "wording", to={"main": "{text}\n{question}"}), "scale", "high", to=499),
    ),
    "what stands before a number": (COUNT, changed(COUNT, "answer", to="About {label}.")),
    "what stands behind a number": (COUNT, changed(COUNT, "answer", to="There are {label}!")),
    "reasons for a number": (COUNT, changed(COUNT, "prompt", to={})),
    "decimals": (NUMBER, changed(NUMBER, "scale", "decimals", to=1)),
    "lowest decimal number": (NUMBER, changed(NUMBER, "scale", "low", to=-0.25)),
    "most passages": (EXTRACT, changed(EXTRACT, "spans", "most", to=3)),
    "word for no passage": (EXTRACT, changed(EXTRACT, "spans", "none", to="none")),
    "first": (COMPARE, changed(COMPARE, "pairs", "first", to="one")),
    "second": (COMPARE, changed(COMPARE, "pairs", "second", to="two")),
    "tie": (COMPARE, changed(COMPARE, "pairs", "tie", to="equal")),
    "no ties": (COMPARE, changed(COMPARE, "pairs", "tie", to=None)),
}  # fmt: skip
NO_REASON = {"text": "Fine.", "label": "good"}
REVISIONS = [{"date": "2024-01-01", "change": "x", "agreement": None}]
KEEPS_ID: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "value": (BOOK, changed(BOOK, "categories", "good", "value", to=100)),
    "no value": (BOOK, changed(BOOK, "categories", "good", "value", to=None)),
    "level": (BOOK, changed(BOOK, "level", to="interval")),
    "construct": (BOOK, changed(BOOK, "construct", to="sound")),
    "file": (BOOK, changed(BOOK, "asked_in", to="speech")),
    "place in the file": (BOOK, changed(BOOK, "position", to=3)),
    "status": (BOOK, changed(BOOK, "status", to="frozen")),
    "revisions": (BOOK, changed(BOOK, "revisions", to=REVISIONS)),
    "unused wording": (BOOK, changed(BOOK, "wording", "short", to="{text}")),
    "no calibration": (BOOK, changed(BOOK, "calibration", to=None)),
    "method of calibration": (BOOK, changed(BOOK, "calibration", "method", to="batch")),
    "texts of calibration": (BOOK, changed(BOOK, "calibration", "texts", to=["[MASK]"])),
    "seed of nothing": (BOOK, changed(BOOK, "prompt", "seed", to=2)),
    "seed of rotations": (ROTATED, changed(ROTATED, "prompt", "seed", to=2)),
    "seed of one rotation": (ROTATION, changed(ROTATION, "prompt", "seed", to=2)),
    "seed of the reversed order": (REVERSED, changed(REVERSED, "prompt", "seed", to=2)),
    "length of no rationale": (BOOK, changed(BOOK, "prompt", "rationale_tokens", to=61)),
    "sentence for no rationale": (BOOK, changed(BOOK, "reason", "before", to="Why?")),
    "sentence for the other place": (BEFORE, changed(BEFORE, "reason", "after", to="Why?")),
    "rationale that no example gives": (BOOK, changed(BOOK, "examples", to=[NO_REASON])),
    "level of a count": (COUNT, changed(COUNT, "level", to="ordinal")),
    "rounds of pairs": (COMPARE, changed(COMPARE, "pairs", "rounds", to=9)),
    "seed of pairs": (COMPARE, changed(COMPARE, "pairs", "seed", to=9)),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES_ID)
def test_what_can_change_an_answer_changes_the_id(name: str, card: dict[str, Any]) -> None:
    one, other = CHANGES_ID[name]
    assert built(card, one).instrument_id != built(card, other).instrument_id


@pytest.mark.parametrize("name", KEEPS_ID)
def test_what_cannot_change_an_answer_keeps_the_id(name: str, card: dict[str, Any]) -> None:
    one, other = KEEPS_ID[name]
    assert built(card, one).instrument_id == built(card, other).instrument_id


@pytest.mark.parametrize("kind", EVERY_TYPE)
def test_the_seed_of_drawn_answers_changes_the_id(kind: str, card: dict[str, Any]) -> None:
    one, other = (changed(EVERY_TYPE[kind], "prompt", "seed", to=seed) for seed in (1, 2))
    random = one["prompt"].get("label_order") == "random"
    assert (built(card, one).instrument_id == built(card, other).instrument_id) is not random
    ids = {built(card, book, temperature=t).instrument_id for book in (one, other) for t in (0.5, 1)}
    assert len(ids) == 4


@pytest.mark.parametrize("kind", EVERY_TYPE)
def test_the_default_seed_is_not_written(kind: str, card: dict[str, Any]) -> None:
    """So that instruments from before seeds decided draws keep their ids."""
    book = changed(EVERY_TYPE[kind], "prompt", "seed", to=1)
    for temperature in (0, 1):
        found = built(card, book, temperature=temperature)
        assert all("seed" not in question for question in found.identity["questions"])
    assert built(card, {**book, "prompt": {**book["prompt"], "seed": 9}}, temperature=1).identity[
        "questions"
    ] == [{**found.identity["questions"][0], "seed": 9}]


@pytest.mark.parametrize("label_order", ["fixed", "rotated", "random", "rotation_2", "reversed"])
def test_a_definition_that_the_prompt_does_not_show_keeps_the_id(
    label_order: str, card: dict[str, Any]
) -> None:
    book = {**BOOK, "prompt": {"wording": "short", "label_order": label_order}}
    other = changed(book, "categories", "bad", "define", to="Anything else.")
    assert built(card, other).instrument_id == built(card, book).instrument_id
    # The order of the labels is offered all the same: of two equally probable ones the first counts.
    assert built(card, reversed_labels(book)).instrument_id != built(card, book).instrument_id


def test_the_questions_beside_it_change_the_id(card: dict[str, Any]) -> None:
    ids = {
        built(card, BOOK).instrument_id,
        built(card, BOOK, COUNT).instrument_id,
        built(card, BOOK, EXTRACT).instrument_id,
        built(card, BOOK, COUNT, EXTRACT).instrument_id,
    }
    assert len(ids) == 4


def test_model_engine_and_settings_change_the_id(
    card: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    engines = [{**card["engine"], name: "9.9"} for name in card["engine"]]
    ids = [
        built(card).instrument_id,
        built({**card, "sha256": "0" * 64}).instrument_id,
        *[built({**card, "engine": engine}).instrument_id for engine in engines],
        built({**card, "chat_template": TURNS}).instrument_id,
        built(card, context=2047).instrument_id,
        built(card, too_long="truncate").instrument_id,
        built(card, temperature=1).instrument_id,
        built(card, temperature=0.5).instrument_id,
    ]  # fmt: skip
    monkeypatch.setattr(module, "SCORING_VERSION", 3)
    ids.append(built(card).instrument_id)
    assert len(card["engine"]) == 2
    assert len(set(ids)) == len(ids)
    assert built(card, temperature=1).instrument_id == built(card, temperature=1.0).instrument_id


def test_another_storage_type_of_the_weights_is_another_model(card: dict[str, Any]) -> None:
    """The card of converted weights has the sha256 of the file that is run."""
    shipped = {"file": card["file"], "sha256": card["sha256"], "size": card["size"]}
    converted = {**card, "quantisation": "F16", "source": shipped, "file": "f16.gguf", "sha256": "1" * 64}
    assert built(converted).instrument_id != built(card).instrument_id
    # How the file came about is no part of what it answers.
    assert built({**converted, "source": {}, "quantisation": None}).instrument_id == (
        built(converted).instrument_id
    )


def test_the_names_of_model_file_and_coder_keep_the_id(card: dict[str, Any]) -> None:
    other = build(
        [Codebook.from_dict(BOOK)],
        "second",
        {**card, "name": "m", "file": "f", "title": "t", "licence": "l", "size": 1},
        context=2048,
        too_long="refuse",
    )
    assert other.coder == "second"
    assert other.instrument_id == built(card).instrument_id


def question(n: int, held_back: int, label_order: str, seed: int = 1) -> Question:
    labels = tuple(f"label {i}" for i in range(n + held_back))
    prompt = built_prompt()
    return Question(
        "x", "choice", prompt, labels, labels, label_order=label_order, seed=seed, held_back=held_back
    )


def built_prompt() -> module.Prompt:
    return module.Prompt("before", "after")


NUMBERS_OF_LABELS = st.integers(1, 11)
DIGESTS = st.integers(0, 2**256 - 1).map(lambda n: f"{n:064x}")


@given(NUMBERS_OF_LABELS, st.integers(0, 1), DIGESTS)
def test_rotations_put_every_label_once_into_every_place(n: int, held_back: int, digest: str) -> None:
    orders = question(n, held_back, "rotated").orders(digest)
    assert orders[0] == tuple(range(n + held_back))
    assert len(orders) == n
    for place in range(n):
        assert {order[place] for order in orders} == set(range(n))
    assert all(order[n:] == tuple(range(n, n + held_back)) for order in orders)


def test_orders_by_hand() -> None:
    assert question(4, 1, "rotation_1").orders("any") == [(1, 2, 3, 0, 4)]
    assert question(4, 1, "rotation_3").orders("any") == [(3, 0, 1, 2, 4)]
    assert question(4, 1, "reversed").orders("any") == [(3, 2, 1, 0, 4)]
    assert question(3, 0, "rotation_2").orders("any") == [(2, 0, 1)]
    assert question(3, 0, "reversed").orders("any") == [(2, 1, 0)]
    assert question(12, 0, "rotation_11").orders("any") == [(11, *range(11))]


@given(NUMBERS_OF_LABELS, st.integers(0, 1), st.integers(1, 40), DIGESTS)
def test_one_rotation_is_one_of_all(n: int, held_back: int, first: int, digest: str) -> None:
    """Counted round: a record has questions with more labels and with fewer ones."""
    [order] = question(n, held_back, f"rotation_{first}").orders(digest)
    assert order == question(n, held_back, "rotated").orders(digest)[first % n]


@given(NUMBERS_OF_LABELS, st.integers(0, 1), DIGESTS)
def test_the_reversed_order_keeps_not_codable_last(n: int, held_back: int, digest: str) -> None:
    [order] = question(n, held_back, "reversed").orders(digest)
    assert order[:n][::-1] + order[n:] == tuple(range(n + held_back))


@given(NUMBERS_OF_LABELS, st.integers(0, 1), DIGESTS)
def test_a_random_order_has_every_label_and_not_codable_last(n: int, held_back: int, digest: str) -> None:
    [order] = question(n, held_back, "random").orders(digest)
    assert sorted(order) == list(range(n + held_back))
    assert order[n:] == tuple(range(n, n + held_back))
    assert question(n, held_back, "random").orders(digest) == [order]


@given(NUMBERS_OF_LABELS, st.integers(0, 1), DIGESTS)
def test_a_fixed_order_is_the_codebook_s(n: int, held_back: int, digest: str) -> None:
    assert question(n, held_back, "fixed").orders(digest) == [tuple(range(n + held_back))]


def test_random_orders_are_equally_frequent_and_differ_by_text_and_seed() -> None:
    digests = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(1200)]
    orders = [question(3, 1, "random", seed=1).orders(digest)[0] for digest in digests]
    times = Counter(orders)
    assert len(times) == 6
    # 200 of each are expected; chi-squared with 5 degrees of freedom is below 20.5 with probability .999.
    assert sum((n - 200) ** 2 / 200 for n in times.values()) < 20.5
    others = [question(3, 1, "random", seed=2).orders(digest)[0] for digest in digests]
    same = sum(a == b for a, b in zip(orders, others, strict=True))
    assert 140 < same < 260  # a sixth


WORDS = st.text(st.characters(), max_size=20)
LABELS = st.lists(st.text(min_size=1, max_size=8), min_size=2, max_size=5, unique=True)
RATIONALES = st.sampled_from(["none", "before", "after"])
LABEL_ORDERS = ["fixed", "rotated", "random", "rotation_1", "rotation_2", "reversed"]


@st.composite
def codebooks(draw: st.DrawFn) -> dict[str, Any]:
    """Any codebook of any type."""
    book: dict[str, Any] = {
        "construct": "x",
        "question": draw(WORDS),
        "type": draw(st.sampled_from(sorted(EVERY_TYPE))),
        "level": "interval",
        "system": draw(WORDS),
        "prompt": {
            "rationale": draw(RATIONALES),
            "rationale_tokens": draw(st.integers(1, 500)),
            "seed": draw(st.integers(0, 2**40)),
        },
    }
    low, high = sorted(draw(st.tuples(st.integers(-9, 9), st.integers(-9, 9))))
    if book["type"] in ("classify", "rate"):
        book["prompt"]["label_order"] = draw(st.sampled_from(LABEL_ORDERS))
        book["not_codable"] = draw(st.sampled_from([None, {"label": "no idea"}]))
        book["categories"] = {label: {"define": draw(WORDS)} for label in draw(LABELS)}
        book["scale"] = {"low": low, "high": high, "anchors": {}}
    if book["type"] in ("count", "number"):
        book["scale"] = {"low": low, "high": high, "decimals": draw(st.integers(0, 6))}
        book["answer"] = draw(WORDS).replace("{label}", "") + "{label}" + draw(WORDS).replace("{label}", "")
    if book["type"] == "extract":
        book["spans"] = {"most": draw(st.integers(1, 20)), "none": draw(WORDS)}
    if book["type"] == "compare":
        first, second, *tie = draw(LABELS)
        book["pairs"] = {"first": first, "second": second, "tie": tie[0] if tie else None}
        book["wording"] = {"main": draw(WORDS).replace("{", "") + '"{first}" or “{second}”?'}
    return book


TURNS = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"


@given(st.lists(codebooks(), min_size=1, max_size=3), st.floats(0, 2))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, books: list[dict[str, Any]], temperature: float
) -> None:
    kinds = {book["type"] == "compare" for book in books}
    books = books if len(kinds) == 1 else [book for book in books if book["type"] == "compare"]
    model = {
        "name": "m", "sha256": "0" * 64, "engine": {"guidance": "1"}, "trained_context": 0, "add_bos": False,
        "bos_token": "", "eos_token": "</s>", "chat_template": TURNS,
    }  # fmt: skip
    named = [{**book, "construct": f"x{n}", "asked_in": "file"} for n, book in enumerate(books)]
    found = built(model, *named, temperature=temperature)
    path = tmp_path_factory.mktemp("written", numbered=True) / "instrument.json"
    path.write_bytes(found.to_json().encode("utf-8", errors="surrogatepass"))
    if any(0xD800 <= ord(c) < 0xE000 for c in found.to_json()):
        with pytest.raises(StudyError, match="no instrument"):
            Instrument.read(path)
        return
    without_template = {key: value for key, value in model.items() if key not in NOT_KEPT}
    again = Instrument.read(path)
    assert again == replace(found, model=without_template)
    assert again.instrument_id == found.instrument_id
    assert again.to_json() == found.to_json()


@pytest.mark.parametrize("name", GOOD)
def test_the_codebooks_of_every_file_type_are_written_and_read(
    name: str, card: dict[str, Any], tmp_path: Path
) -> None:
    """The program is handed what the configuration holds, and writes what the library builds."""
    (tmp_path / "config").mkdir()
    books = list(read(tmp_path / "config", name).constructs.values())
    path = tmp_path / "instrument.json"
    settings = {"context": 2048, "too_long": "truncate", "temperature": 0.7}
    main(
        codebooks=books, coder="llm", card=write_card(card, tmp_path), settings=settings, instrument=path
    )  # fmt: skip
    found = Instrument.read(path)
    without_template = {key: value for key, value in card.items() if key not in NOT_KEPT}
    assert found == replace(built(card, *books, **settings), model=without_template)
    assert found.name == name
    assert found.constructs == [book["construct"] for book in books]
    record = json.loads(path.read_text(encoding="utf-8"))
    assert next(iter(record)) == "instrument_id"
    assert record["instrument_id"] == found.instrument_id
    assert found.to_json() == path.read_text(encoding="utf-8")


def test_the_questions_of_a_record_share_what_stands_before_the_text(
    card: dict[str, Any], tmp_path: Path
) -> None:
    """So that a text is read once; only labels whose order varies could stand before it."""
    for name in ("speech", "topics"):
        found = built(card, *read(tmp_path, name).constructs.values())
        assert len({question.prompt.before for question in found.questions}) == 1


def write_card(card: dict[str, Any], folder: Path) -> Path:
    path = folder / "card.json"
    path.write_text(json.dumps(card), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("kind", "edit"),
    [
        ("classify", ("It blames.", "It praises.")),
        ("classify", ('"context": 2048', '"context": 4096')),
        ("classify", ('"good",', '"evil",')),
        ("classify", ('"refuse"', '"truncate"')),
        ("classify", ('"temperature": 0.0', '"temperature": 1.0')),
        ("classify", ('"held_back": 1', '"held_back": 0')),
        ("rate", ('"seed": 7', '"seed": 8')),
        ("rate", ('"random"', '"rotated"')),
        ("rate", ('"- 0: calm"', '"- 0: angry"')),
        ("count", ('"high": 500', '"high": 5000')),
        ("count", ('"There are "', '"There are not "')),
        ("count", ('"rationale_tokens": 30', '"rationale_tokens": 300')),
        ("number", ('"decimals": 2', '"decimals": 1')),
        ("extract", ('"most": 4', '"most": 5')),
        ("extract", ('"none": "nothing"', '"none": "none"')),
        ("compare", ('"neither"', '"both"')),
        ("compare", ("Second text", "Other text")),
    ],
)
def test_an_edited_file_is_refused(
    kind: str, edit: tuple[str, str], card: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "llm.tone.json"
    text = built(card, EVERY_TYPE[kind]).to_json()
    assert edit[0] in text
    path.write_text(text.replace(*edit), encoding="utf-8")
    with pytest.raises(StudyError, match="edited by hand") as error:
        Instrument.read(path)
    assert str(path) in str(error.value)
    assert "Delete the file and run again." in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"labels": 3}',
        '{"name": "tone"}',
        '"\udcff"',
        "model",
        "key",
        "prompt",
        "kind",
    ],
)
def test_a_file_that_is_no_instrument(text: str, card: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "llm.tone.json"
    record = json.loads(built(card).to_json())
    broken = {
        "model": {"model": {"name": "without a hash"}},
        "key": {"questions": [{**record["questions"][0], "unknown": 1}]},
        "prompt": {"questions": [{**record["questions"][0], "prompt": {"before": "", "x": ""}}]},
        "kind": {"questions": [{k: v for k, v in record["questions"][0].items() if k != "kind"}]},
    }
    if text in broken:
        text = json.dumps({**record, **broken[text]})
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(StudyError, match="This is no instrument") as error:
        Instrument.read(path)
    assert str(path) in str(error.value)


def test_a_context_larger_than_that_of_the_training(card: dict[str, Any]) -> None:
    assert built(card, context=8192).settings["context"] == 8192
    with pytest.raises(StudyError, match="trained for 8192 tokens at most") as error:
        built(card, context=8193)
    assert "config/study.yaml, key 'coding.context'" in str(error.value)
    assert "Found: 8193" in str(error.value)
    assert built({**card, "trained_context": 0}, context=8193).settings["context"] == 8193
