"""What coding will cost is known before it begins, and nothing is stored by asking."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from library.coding_jobs import LENGTH, Job, Study, instrument, some, task
from library.embedded import UNPACKED, model_file
from library.laboratory import experiment
from study.instrument import Instrument
from study.llm.coding import main as ask
from study.llm.engine import LabelEngine
from study.llm.model import read_card
from study.llm.plan import TRIED, Cost, estimate, main, proposal, table

# guidance calls it once a token of the vocabulary.
pytestmark = pytest.mark.filterwarnings("ignore:llama_token_get_attr is deprecated")

ABSENT = {"package": "no-such-package", "file": "model.gguf"}


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    return read_card(model_file(), "smollm2", None, "F16")


@pytest.fixture(scope="module")
def tone(card: dict[str, Any]) -> Instrument:
    return instrument(card)


@pytest.fixture(scope="module")
def engine() -> LabelEngine:
    return LabelEngine(model_file(UNPACKED), context=512, threads=1)


def plan(here: Study, model: dict[str, Any] = UNPACKED, **others: Any) -> None:
    arguments = here.arguments(**others)
    for name in ("shard", "shards", "index", "model"):
        del arguments[name]
    main(**arguments, models={"small": model}, model_of={"llm": "small"}, root=here.root)


def test_a_table_by_hand() -> None:
    costs = [
        Cost("llm", "small", "tone", 1200, 1000, 90_000, 130.0),
        Cost("other", "large", "tone", 10, 0),
    ]
    assert table(costs, 2).splitlines() == [
        "coder  codebook  model  responses  in the store  to ask  tokens  time",
        "llm    tone      small  1,200      200           1,000   90,000  2 min 10 s",
        "other  tone      large  10         10            0       0       0 s",
        "",
        "1,000 responses will be asked: about 90,000 tokens and 2 min 10 s on this machine with 2 threads, if"
        " nothing else runs. Several models and shards may run at once.",
    ]


def test_shards_are_proposed_where_coding_is_long_enough_to_divide() -> None:
    short = Cost("llm", "small", "tone", 1200, 1000, 90_000, 130.0)
    assert proposal([short], 2.0) == ""
    # Jobs start in 12 s, so they last 120 s: 108 s of coding each. A job asks for twice its 120 s.
    long = Cost("llm", "large", "tone", 9000, 9000, 90_000, 1080.0)
    assert "{shards: 10, minutes: 4}" in proposal([short, long], 2.0)
    assert proposal([Cost("llm", "large", "tone", 9000, 9000, None, None)], 2.0) == ""
    assert proposal([Cost("llm", "m", "tone", 9, 9, 1, 1e6, server=True)], 2.0) == ""


def test_what_a_server_is_asked_is_told_apart() -> None:
    costs = [
        Cost("llm", "small", "tone", 10, 10, 90, 13.0),
        Cost("hosted", "large", "tone", 10, 10, 1000, 60.0, money=0.0042, currency="USD", server=True),
        Cost("other", "unpriced", "tone", 10, 10, 1000, None, server=True),
    ]
    said = table(costs, 1).splitlines()
    assert said[1].split()[-4:] == ["13", "s", "runs", "here"]
    assert said[2].endswith("1 min 0 s  0.0042 USD")
    assert said[3].split()[-2:] == ["unknown", "unknown"]
    assert said[-1] == (
        "10 responses will be asked: about 90 tokens and 13 s on this machine with 1 thread, if nothing else"
        " runs. Several models and shards may run at once. 20 responses will be asked of large and unpriced:"
        " about 2,000 tokens, in a time that is not known before the server has been asked; what it costs is"
        " not known beyond 0.0042 USD, since the price is not in the configuration."
    )


def test_nothing_to_ask() -> None:
    said = table([Cost("llm", "small", "tone", 5, 0)], 1)
    assert said.endswith("Every response is in the store: nothing will be asked.")


def test_the_tokens_of_equal_texts_are_exact(engine: LabelEngine, tone: Instrument) -> None:
    # Numbers of two digits are two tokens each: every text is as long as the others.
    wanted = task(some(40, first=10), tone)
    tokens, seconds = estimate(engine, wanted)
    each = engine.text_tokens(some(1, first=10)[0])
    shown = tone.questions[0].prompt
    prompt = [*engine.prompt_tokens(shown.before), *engine.prompt_tokens(shown.after)]
    assert tokens == 40 * (len(each) + len(prompt))
    assert seconds > 0


def test_texts_of_different_lengths_are_tried(engine: LabelEngine, tone: Instrument) -> None:
    texts = ["a" + " day" * n for n in range(60)]
    asked = engine.asked
    tokens, _ = estimate(engine, task(texts, tone))
    assert engine.asked - asked == TRIED + 1
    true = sum(len(engine.text_tokens(text)) for text in texts)
    shown = tone.questions[0].prompt
    true += 60 * len([*engine.prompt_tokens(shown.before), *engine.prompt_tokens(shown.after)])
    assert tokens == pytest.approx(true, rel=0.05)


def test_what_is_in_the_store_is_not_counted(
    tmp_path: Path, card: dict[str, Any], tone: Instrument, capsys: pytest.CaptureFixture[str]
) -> None:
    here = Study(tmp_path, some(4), [tone, instrument(card, LENGTH)])
    ask(**here.arguments(what="sample"))
    files = sorted(path for path in (tmp_path / "responses").rglob("*") if path.is_file())
    capsys.readouterr()
    plan(here)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[1][:6] == ["llm", "tone", "small", "4", "2", "2"]
    assert rows[2][:6] == ["llm", "length", "small", "4", "2", "2"]
    assert rows[4][0] == "4"
    assert sorted(path for path in (tmp_path / "responses").rglob("*") if path.is_file()) == files


def test_without_the_model_the_time_is_unknown(
    tmp_path: Path, tone: Instrument, capsys: pytest.CaptureFixture[str]
) -> None:
    plan(Study(tmp_path, some(3), [tone]), ABSENT)
    said = capsys.readouterr().out
    assert "unknown  unknown" in said
    assert "3 responses will be asked. How long that takes is not known: small is not installed here." in said


def test_when_all_is_known_the_model_is_not_needed(
    tmp_path: Path, tone: Instrument, engine: LabelEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    here = Study(tmp_path, some(2), [tone])
    Job(tmp_path / "responses", engine).ask(some(2), tone)
    plan(here, ABSENT)
    assert "nothing will be asked" in capsys.readouterr().out


def test_an_experiment_is_a_row_a_model(
    tmp_path: Path, card: dict[str, Any], tone: Instrument, capsys: pytest.CaptureFixture[str]
) -> None:
    here = Study(tmp_path, some(3), [tone])
    factors: dict[str, list[Any]] = {"label_order": ["fixed", "rotation_1"], "quantisation": ["F16", "Q8_0"]}
    trials = tmp_path / "order.json"
    trials.write_text(experiment(tmp_path, card, factors).to_json(), encoding="utf-8")
    plan(here, trials=[trials])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[1][:6] == ["llm", "tone", "small", "3", "0", "3"]
    # Every storage type is tried with the one that is there: none is made only to be measured.
    assert rows[2][:7] == ["experiment", "order", "tone", "small", "12", "0", "12"]
    assert int(rows[2][7]) > 100
    assert rows[4][0] == "15"
