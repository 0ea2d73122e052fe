"""The identity of an instrument: all that can change an answer, and nothing else."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from library.embedded import model_file
from study import instrument as module
from study.codebook import Codebook
from study.errors import StudyError
from study.instrument import Instrument, build, definitions, in_words, main
from study.llm.model import read_card

BOOK: dict[str, Any] = {
    "construct": "tone",
    "question": "How does the text sound?",
    "type": "classify",
    "level": "ordinal",
    "categories": {
        "good": {"value": 1, "define": "It praises.", "example": "What a day!"},
        "bad": {"value": -1, "define": "It blames."},
    },
    "not_codable": {"label": "unclear"},
    "system": "You code texts. Labels: {labels}.",
    "wording": {
        "main": "{definitions}\n\nText: {text}\n\n{question} One of: {labels}.",
        "short": "{text}\n{question}",
    },
}


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    return read_card(model_file(), "smollm2", None)


def built(card: dict[str, Any], book: dict[str, Any] = BOOK, **settings: Any) -> Instrument:
    return build(
        Codebook.from_dict(book), "llm", card, **({"context": 2048, "too_long": "refuse"} | settings)
    )


def changed(book: dict[str, Any], *path: str, to: Any) -> dict[str, Any]:
    """Return a copy of the codebook with one value exchanged."""
    if len(path) == 1:
        return {**book, path[0]: to}
    return {**book, path[0]: changed(book[path[0]], *path[1:], to=to)}


def test_the_prompt_is_rendered_by_the_file_s_own_template(card: dict[str, Any]) -> None:
    found = built(card)
    assert found.before == (
        "<|im_start|>system\nYou code texts. Labels: good, bad or unclear.<|im_end|>\n"
        "<|im_start|>user\n"
        "- good: It praises. Example: What a day!\n- bad: It blames.\n- unclear\n\nText: "
    )
    assert found.after == (
        "\n\nHow does the text sound? One of: good, bad or unclear.<|im_end|>\n<|im_start|>assistant\n"
    )
    assert found.end_of_turn == "<|im_end|>"
    assert found.labels == ("good", "bad", "unclear")


def test_labels_are_answered_in_sentences_where_the_codebook_says_so(card: dict[str, Any]) -> None:
    found = built(card, {**BOOK, "answer": "It sounds {label}.", "system": "Answer with one of:\n{answers}"})
    assert found.answers == ("It sounds good.", "It sounds bad.", "It sounds unclear.")
    assert found.labels == ("good", "bad", "unclear")
    assert found.before.startswith(
        "<|im_start|>system\nAnswer with one of:\n"
        "- It sounds good.\n- It sounds bad.\n- It sounds unclear.<|im_end|>\n"
    )


def test_without_a_system_text_the_template_puts_its_own(card: dict[str, Any]) -> None:
    # This line is in the file's template alone: guidance's ChatML does not have it.
    assert built(card, {**BOOK, "system": None}).before.startswith(
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\n- good"
    )


def test_the_id_is_the_sha256_of_the_identity_in_canonical_json(card: dict[str, Any]) -> None:
    found = built(card)
    identity = {
        "scoring_version": 1,
        "labels": ["good", "bad", "unclear"],
        "answers": ["good", "bad", "unclear"],
        "prompt": {"before": found.before, "after": found.after, "end_of_turn": "<|im_end|>"},
        "model_sha256": card["sha256"],
        "engine": card["engine"],
        "settings": {"decoding": "label probabilities", "context": 2048, "too_long": "refuse"},
    }
    canonical = json.dumps(identity, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert found.identity == identity
    assert found.instrument_id == hashlib.sha256(canonical.encode()).hexdigest()


CHANGES_ID: dict[str, dict[str, Any]] = {
    "question": changed(BOOK, "question", to="How does it sound?"),
    "system": changed(BOOK, "system", to="You code texts."),
    "no system": changed(BOOK, "system", to=None),
    "wording": changed(BOOK, "wording", "main", to="{definitions}\n\n{text}\n\n{question} One of: {labels}."),
    "other wording": changed(BOOK, "prompt", to={"wording": "short"}),
    "a space": changed(BOOK, "question", to="How does the text sound? "),
    "definition": changed(BOOK, "categories", "bad", "define", to="It complains."),
    "example": changed(BOOK, "categories", "good", "example", to="Great!"),
    "a label": changed(
        BOOK,
        "categories",
        to={"good": BOOK["categories"]["good"], "evil": {"value": -1, "define": "It blames."}},
    ),
    "label order": changed(BOOK, "categories", to=dict(reversed(BOOK["categories"].items()))),
    "not codable": changed(BOOK, "not_codable", to={"label": "no idea"}),
    "an answer in a sentence": changed(BOOK, "answer", to="It sounds {label}."),
    "all are codable": changed(BOOK, "not_codable", to=None),
}
KEEPS_ID: dict[str, dict[str, Any]] = {
    "value": changed(BOOK, "categories", "good", "value", to=100),
    "level": changed(BOOK, "level", to="interval"),
    "construct": changed(BOOK, "construct", to="sound"),
    "status": changed(BOOK, "status", to="frozen"),
    "revisions": changed(BOOK, "revisions", to=[{"date": "2024-01-01", "change": "x", "agreement": None}]),
    "unused wording": changed(BOOK, "wording", "short", to="{text}"),
}


@pytest.mark.parametrize("name", CHANGES_ID)
def test_what_can_change_an_answer_changes_the_id(name: str, card: dict[str, Any]) -> None:
    assert built(card, CHANGES_ID[name]).instrument_id != built(card).instrument_id


@pytest.mark.parametrize("name", KEEPS_ID)
def test_what_cannot_change_an_answer_keeps_the_id(name: str, card: dict[str, Any]) -> None:
    assert built(card, KEEPS_ID[name]).instrument_id == built(card).instrument_id


def test_a_definition_that_the_prompt_does_not_show_keeps_the_id(card: dict[str, Any]) -> None:
    book = {**BOOK, "prompt": {"wording": "short"}}
    other = changed(book, "categories", "bad", "define", to="Anything else.")
    assert built(card, other).instrument_id == built(card, book).instrument_id
    # The order of the labels is offered all the same: of two equally probable ones the first counts.
    order = changed(book, "categories", to=dict(reversed(BOOK["categories"].items())))
    assert built(card, order).instrument_id != built(card, book).instrument_id


def test_model_engine_and_settings_change_the_id(
    card: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = built(card)
    ids = [
        one.instrument_id,
        built({**card, "sha256": "0" * 64}).instrument_id,
        *[
            built({**card, "engine": {**card["engine"], name: "9.9"}}).instrument_id
            for name in card["engine"]
        ],
        built(card, context=2047).instrument_id,
        built(card, too_long="truncate").instrument_id,
    ]
    monkeypatch.setattr(module, "SCORING_VERSION", 2)
    ids.append(built(card).instrument_id)
    assert len(card["engine"]) == 2
    assert len(set(ids)) == len(ids)


def test_the_names_of_model_file_and_coder_keep_the_id(card: dict[str, Any]) -> None:
    other = build(
        Codebook.from_dict(BOOK),
        "second",
        {**card, "name": "m", "file": "f"},
        context=2048,
        too_long="refuse",
    )
    assert other.instrument_id == built(card).instrument_id


def test_what_is_written_is_read(card: dict[str, Any], tmp_path: Path) -> None:
    book = {**BOOK, "question": "Wie klingt das?\t\u2028 \\ \" 'é' 👩‍👩‍👧 {x} }{"}
    path = tmp_path / "instrument.json"
    main(
        codebook=book,
        coder="llm",
        card=write_card(card, tmp_path),
        settings={"context": 2048, "too_long": "refuse"},
        instrument=path,
    )
    found = Instrument.read(path)
    without_template = {key: value for key, value in card.items() if key != "chat_template"}
    assert found == replace(built(card, book), model=without_template)
    record = json.loads(path.read_text(encoding="utf-8"))
    assert next(iter(record)) == "instrument_id"
    assert record["instrument_id"] == found.instrument_id == built(card, book).instrument_id
    assert found.to_json() == path.read_text(encoding="utf-8")


def write_card(card: dict[str, Any], folder: Path) -> Path:
    path = folder / "card.json"
    path.write_text(json.dumps(card), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "edit",
    [
        ("It blames.", "It praises."),
        ('"context": 2048', '"context": 4096'),
        ('"good",', '"evil",'),
        ('"refuse"', '"truncate"'),
    ],
)
def test_an_edited_file_is_refused(edit: tuple[str, str], card: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "llm.tone.json"
    text = built(card).to_json()
    assert edit[0] in text
    path.write_text(text.replace(*edit), encoding="utf-8")
    with pytest.raises(StudyError, match="edited by hand") as error:
        Instrument.read(path)
    assert str(path) in str(error.value)
    assert "Delete the file and run again." in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"labels": 3}', '{"construct": "tone"}', '"\udcff"', "model"]
)
def test_a_file_that_is_no_instrument(text: str, card: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "llm.tone.json"
    if text == "model":
        record = json.loads(built(card).to_json())
        text = json.dumps({**record, "model": {"name": "without a hash"}})
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(StudyError, match="This is no instrument") as error:
        Instrument.read(path)
    assert str(path) in str(error.value)


def test_a_definition_that_holds_a_placeholder_stays_as_it_is_written(card: dict[str, Any]) -> None:
    book = changed(BOOK, "categories", "bad", "define", to="It says {text}, {labels} or {question}.")
    found = built(card, book)
    assert "- bad: It says {text}, {labels} or {question}.\n" in found.before
    assert found.before.endswith("\n\nText: ")
    assert found.after == built(card).after
    assert "{unknown}" in built(card, {**BOOK, "question": "What of {unknown}?"}).after


def test_labels_in_words() -> None:
    assert in_words(["one"]) == "one"
    assert in_words(["one", "two"]) == "one or two"
    assert in_words(["one", "two", "three"]) == "one, two or three"


def test_a_scale_s_points_and_anchors() -> None:
    book = {**BOOK, "type": "rate", "categories": None, "not_codable": None}
    book["scale"] = {"low": -1, "high": 1, "anchors": {"-1": "very bad", "1": "very good"}}
    assert definitions(Codebook.from_dict(book)) == "- -1: very bad\n- 0\n- 1: very good"


def test_a_context_larger_than_that_of_the_training(card: dict[str, Any]) -> None:
    assert built(card, context=8192).settings["context"] == 8192
    with pytest.raises(StudyError, match="trained for 8192 tokens at most") as error:
        built(card, context=8193)
    assert "config/study.yaml, key 'coding.context'" in str(error.value)
    assert "Found: 8193" in str(error.value)
    assert built({**card, "trained_context": 0}, context=8193).settings["context"] == 8193


def test_the_beginning_token_that_the_model_wants_is_put_once(card: dict[str, Any]) -> None:
    llama = {**card, "bos_token": "<s>", "eos_token": "</s>", "add_bos": True}
    plain = "{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}"
    own = "{{ bos_token }}" + plain
    assert built({**llama, "chat_template": plain}).before.startswith("<s>[system]")
    assert built({**llama, "chat_template": own}).before.startswith("<s>[system]")
    assert built({**llama, "chat_template": plain, "add_bos": False}).before.startswith("[system]")


@pytest.mark.parametrize(
    ("after_answer", "expected"),
    [
        ("{{ eos_token }}", "</s>"),
        ("<|eot_id|>", "<|eot_id|>"),
        ("<end_of_turn>\n<start_of_turn>", "<end_of_turn>"),
        (" <|end|>\n", "<|end|>"),
        ("<｜end▁of▁sentence｜>", "<｜end▁of▁sentence｜>"),
        ("[/A] more", "[/A]"),
        ("\n", "</s>"),
        ("", "</s>"),
    ],
)
def test_the_token_that_ends_a_turn(after_answer: str, expected: str, card: dict[str, Any]) -> None:
    template = (
        "{% for m in messages %}[{{ m.role }}]{{ m.content }}"
        "{% if m.role == 'assistant' %}" + after_answer + "{% endif %}{% endfor %}"
    )
    assert built({**card, "eos_token": "</s>", "chat_template": template}).end_of_turn == expected


TURNS = "{% for m in messages %}{{ m.content }}{% endfor %}"


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ ''.__class__.__mro__ }}" + TURNS, "SecurityError"),
        ("{{ messages.__class__.__base__.__subclasses__() }}" + TURNS, "SecurityError"),
        ("{{ ''['__class__']['__mro__'] }}" + TURNS, "SecurityError"),
        ("{{ raise_exception.__globals__.os.system('true') }}" + TURNS, "SecurityError"),
        ("{{ cycler.__init__.__globals__ }}{{ self.__init__.__globals__.x }}" + TURNS, "SecurityError"),
        ("{% set _ = messages.append({'role': 'user', 'content': 'x'}) %}" + TURNS, "SecurityError"),
        ("{% include 'secret' %}" + TURNS, "no loader"),
        ("{% for m in messages %}{{ m.nothing }}{% endfor %}", "does not repeat the text exactly once"),
        ("{% for m in messages %}" + TURNS + "{% endfor %}", "does not repeat the text exactly once"),
        (
            "{% for m in messages %}{% if m.role != 'assistant' %}{{ m.content }}{% endif %}{% endfor %}",
            "an answer",
        ),
        ("{{ raise_exception('no system text, please') }}", "no system text, please"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{{ 'a' * range(10 ** 9) | sum }}", "OverflowError"),
        ("{{ undefined_function() }}", "UndefinedError"),
        ("{% for m in messages", "TemplateSyntaxError"),
        ("{{ messages | tojson }}", "does not repeat the text exactly once"),
    ],
)
def test_a_hostile_or_broken_template(template: str, words: str, card: dict[str, Any]) -> None:
    with pytest.raises(StudyError) as error:
        built({**card, "chat_template": template})
    assert words in str(error.value)
    assert "models.smollm2" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_template_learns_nothing_of_python(card: dict[str, Any]) -> None:
    found = built({**card, "chat_template": "{{ ''.__class__ }}{{ messages.__init__ }}" + TURNS})
    assert found.before.startswith("You code texts.")


def test_a_model_without_a_system_role_says_so(card: dict[str, Any]) -> None:
    template = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
        + TURNS
    )
    with pytest.raises(StudyError, match=r"System role not supported.*leave 'system' empty"):
        built({**card, "chat_template": template})
    assert built({**card, "chat_template": template}, {**BOOK, "system": ""}).before.startswith("- good")
