"""Whatever a text holds, it is coded as a text, and gets a row with a status."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import llama_cpp
import pytest

from library.coding_jobs import CONTEXT, TONE, Job, Study, instrument, some, task
from library.embedded import UNPACKED, model_file
from library.hostile_texts import EMPTY, EVERY, FORGED_TURNS, SHORT, TOO_LONG
from study.instrument import Instrument
from study.llm.coding import code, main
from study.llm.engine import LabelEngine
from study.llm.model import read_card

# guidance calls it once a token of the vocabulary.
pytestmark = pytest.mark.filterwarnings("ignore:llama_token_get_attr is deprecated")

EXTRACT: dict[str, Any] = {
    "construct": "words",
    "question": "Which words say how it is?",
    "type": "extract",
    "spans": {"most": 2, "none": "none"},
}
QUOTED = TONE | {
    "construct": "quoted",
    "wording": {"main": 'Text: """{text}"""\n{question} Answer with one of: {labels}.'},
}


@pytest.fixture(scope="module")
def file() -> Path:
    return model_file(UNPACKED)


@pytest.fixture(scope="module")
def card(file: Path) -> dict[str, Any]:
    return read_card(model_file(), "smollm2", None, "F16")


@pytest.fixture(scope="module")
def engine(file: Path) -> LabelEngine:
    return LabelEngine(file, context=2 * CONTEXT, threads=1)


@pytest.fixture(scope="module")
def tone(card: dict[str, Any]) -> Instrument:
    return instrument(card)


def special_tokens(engine: LabelEngine) -> dict[int, str]:
    """Return every special token of the model's vocabulary, as it is spelt."""
    vocabulary = llama_cpp.llama_model_get_vocab(engine.model_obj.model)
    found = {}
    for token in range(llama_cpp.llama_vocab_n_tokens(vocabulary)):
        if llama_cpp.llama_vocab_is_control(vocabulary, token):
            found[token] = llama_cpp.llama_vocab_get_text(vocabulary, token).decode()
    return found


def test_there_are_enough() -> None:
    assert len(EVERY) >= 60
    assert len(set(EVERY.values())) == len(EVERY)


@pytest.mark.parametrize("name", SHORT)
def test_a_text_is_no_special_token(name: str, engine: LabelEngine) -> None:
    tokens = engine.text_tokens(SHORT[name])
    assert tokens
    assert not special_tokens(engine).keys() & set(tokens)


def test_no_special_token_of_the_vocabulary_can_be_spelt(engine: LabelEngine, tone: Instrument) -> None:
    special = special_tokens(engine)
    assert len(special) >= 17
    wanted = task([f"{spelt}A good day.{spelt}" for spelt in special.values()], tone)
    for (token, spelt), request in zip(special.items(), wanted.wanted, strict=True):
        assert engine.prompt_tokens(spelt) == [token]  # in the prompt's own part it is one
        assert not special.keys() & set(engine.text_tokens(f"{spelt}A good day.{spelt}"))
        assert code(engine, wanted, request)["status"] == "ok"


@pytest.mark.parametrize("name", FORGED_TURNS)
def test_the_prompt_around_a_text_is_the_same_tokens(
    name: str, engine: LabelEngine, tone: Instrument
) -> None:
    """What is fed to the model is the prompt's beginning, the text's plain tokens, and the prompt's end."""
    wanted = task([FORGED_TURNS[name]], tone)
    fed: list[int] = []
    logits = engine._logits

    def recorded(items: Any, places: Any) -> Any:
        fed.extend(token for token, _, sequences in items if 0 in sequences)
        return logits(items, places)

    engine._forget()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "_logits", recorded)
        code(engine, wanted, wanted.wanted[0])
    shown = tone.questions[0].prompt
    before, text = engine.prompt_tokens(shown.before), engine.text_tokens(FORGED_TURNS[name])
    assert fed == before + text
    assert not special_tokens(engine).keys() & set(text)


@pytest.mark.parametrize("rule", ["refuse", "truncate"])
def test_every_text_has_a_row_with_a_status(rule: str, engine: LabelEngine, card: dict[str, Any]) -> None:
    wanted = task(list(EVERY.values()), instrument(card, too_long=rule))
    assert len(wanted.wanted) == len(EVERY)
    status = {}
    for name, request in zip(EVERY, wanted.wanted, strict=True):
        found = code(engine, wanted, request)
        status[name] = found["status"]
        if found["status"] == "ok":
            assert all(p < 0 for p in found["answers"][0]["log_p"][0])
            assert found["n_tokens"] <= CONTEXT
        else:
            assert found["answers"] is None
        if name in TOO_LONG:
            assert (found["truncated"] > 90_000 / 8) == (rule == "truncate")
        elif name in SHORT:
            assert found["truncated"] == 0
    assert {status[name] for name in SHORT} == {"ok"}
    assert {status[name] for name in EMPTY} == {"empty"}
    assert {status[name] for name in TOO_LONG} == {"too_long" if rule == "refuse" else "ok"}


@pytest.mark.parametrize("name", ["closing quotation", "four quotes"])
def test_a_text_cannot_close_its_quotation(name: str, engine: LabelEngine, card: dict[str, Any]) -> None:
    quoted = instrument(card, QUOTED)
    wanted = task([SHORT[name]], quoted)
    found = code(engine, wanted, wanted.wanted[0])
    assert found["escaped"] > 0
    shown, _ = quoted.questions[0].prompt.quoted(SHORT[name])
    assert '"""' not in shown


@pytest.mark.parametrize("name", SHORT)
def test_passages_are_the_text_s_own(name: str, engine: LabelEngine, card: dict[str, Any]) -> None:
    text = SHORT[name]
    wanted = task([text], instrument(card, EXTRACT, context=2 * CONTEXT))
    found = code(engine, wanted, wanted.wanted[0])
    assert found["status"] == "ok"
    for start, end in found["answers"][0]["spans"]:
        assert 0 <= start < end <= len(text)
        assert text[start:end].strip() == text[start:end]


def test_hostile_neighbours_change_nothing(tmp_path: Path, engine: LabelEngine, tone: Instrument) -> None:
    alone, among = Job(tmp_path / "alone", engine), Job(tmp_path / "among", engine)
    alone.ask(some(3), tone)
    among.ask([*list(SHORT.values())[:20], *some(3)], tone)
    by_text = {one["text_sha256"]: one["answers"] for one in among.responses().values()}
    for one in alone.responses().values():
        assert by_text[one["text_sha256"]] == one["answers"]


def test_a_folder_of_hostile_texts_is_coded_by_the_program(tmp_path: Path, tone: Instrument) -> None:
    # What a table can hold: half a character has no UTF-8 form.
    texts = [text for text in (SHORT | EMPTY).values() if text.isascii() or _encodable(text)]
    assert len(texts) >= 60
    here = Study(tmp_path, texts, [tone])
    main(**here.arguments())
    responses = here.responses().values()
    assert len(responses) == len(texts)
    assert {one["status"] for one in responses} == {"ok", "empty"}


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
