"""A model is asked what is not known yet, once, and what it has said is never lost."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from library.coding_jobs import CONTEXT, LENGTH, TONE, Job, Study, environment, instrument, run, some, task
from library.embedded import UNPACKED, model_file
from study.digest import text_sha256
from study.errors import StudyError
from study.instrument import Instrument
from study.llm.coding import ask_missing, code, main
from study.llm.engine import LabelEngine
from study.llm.model import read_card
from study.llm.primitives import ask
from study.store import ResponseStore

# guidance calls it once a token of the vocabulary.
pytestmark = pytest.mark.filterwarnings("ignore:llama_token_get_attr is deprecated")


@pytest.fixture(scope="module")
def file() -> Path:
    return model_file(UNPACKED)


@pytest.fixture(scope="module")
def card(file: Path) -> dict[str, Any]:
    return read_card(model_file(), "smollm2", None, "F16")


@pytest.fixture(scope="module")
def engine(file: Path) -> LabelEngine:
    return LabelEngine(file, context=CONTEXT, threads=1)


@pytest.fixture(scope="module")
def tone(card: dict[str, Any]) -> Instrument:
    return instrument(card)


@pytest.fixture(scope="module")
def length(card: dict[str, Any]) -> Instrument:
    return instrument(card, LENGTH)


@pytest.fixture
def job(tmp_path: Path, engine: LabelEngine) -> Job:
    return Job(tmp_path, engine)


def test_a_response(engine: LabelEngine, tone: Instrument) -> None:
    wanted = task(["What a day!"], tone)
    found = code(engine, wanted, wanted.wanted[0])
    asked = ask(engine, tone, ["What a day!"], wanted.wanted[0].key)
    assert found == {
        "key": wanted.wanted[0].key,
        "instrument_id": tone.instrument_id,
        "unit_id": "u000",
        "text_sha256": text_sha256("What a day!"),
        "repeat": 1,
        **asked,
    }
    assert asked["status"] == "ok"
    assert json.loads(json.dumps(found)) == found


def test_a_pair_names_both_texts(engine: LabelEngine, card: dict[str, Any]) -> None:
    better = instrument(card, {**TONE, "construct": "better", "type": "compare", "level": "interval"})
    wanted = task(["What a day!", "Oh no."], better, design={"rounds": 1, "seed": 1})
    found = [code(engine, wanted, request) for request in wanted.wanted]
    named = {(one["unit_id"], one["other_unit_id"]) for one in found}
    assert named == {("u000", "u001"), ("u001", "u000")}
    assert {one["other_text_sha256"] for one in found} == {text_sha256(t) for t in ("What a day!", "Oh no.")}
    assert found[0]["answers"] != found[1]["answers"]


@pytest.mark.parametrize("text", ["", " \n\t\u3000 "])
def test_an_empty_text_is_not_asked(text: str, engine: LabelEngine, tone: Instrument) -> None:
    asked = engine.asked
    wanted = task([text], tone)
    found = code(engine, wanted, wanted.wanted[0])
    assert (found["status"], found["answers"], found["n_tokens"]) == ("empty", None, 0)
    assert engine.asked == asked


def test_an_empty_reference_text_is_asked(engine: LabelEngine, tone: Instrument) -> None:
    wanted = task(["What a day!"], tone, references=["", "N/A"])
    found = [code(engine, wanted, request) for request in wanted.wanted]
    assert [(one["unit_id"], one["status"]) for one in found] == [("u000", "ok"), ("", "ok"), ("", "ok")]


def test_only_what_is_missing_is_asked(job: Job, tone: Instrument) -> None:
    assert job.ask(some(4), tone) == 4
    assert job.said[-1] == "The model was asked 4 times; 0 of 4 responses were in the store."
    first = job.responses()
    assert job.ask(some(6), tone) == 2
    assert job.said[-1].endswith("4 of 6 responses were in the store.")
    assert first.items() <= job.responses().items()
    assert len(job.responses()) == 6
    assert job.opened == 2


def test_when_all_is_known_the_model_is_not_opened(job: Job, tone: Instrument) -> None:
    assert job.ask(some(2), tone) == 2
    where = job.where
    assert job.ask(some(2), tone) == 0
    assert job.opened == 1
    assert job.where == where
    assert job.said == ["All 2 responses are in the store; the model was asked 0 times."]
    assert job.ask([], tone) == 0
    assert job.opened == 1


def test_another_instrument_is_asked_anew(job: Job, tone: Instrument, card: dict[str, Any]) -> None:
    assert job.ask(some(2), tone) == 2
    assert job.ask(some(2), instrument(card, {**TONE, "question": "How was it?"})) == 2


def test_one_text_is_asked_once(job: Job, tone: Instrument) -> None:
    assert job.ask(["same", "same", "other"], tone) == 2
    assert len(job.where) == 2
    assert {one["unit_id"] for one in job.responses().values()} == {"u000", "u002"}


def test_two_instruments_in_one_job(job: Job, tone: Instrument, length: Instrument, tmp_path: Path) -> None:
    assert job.ask(some(3), tone, length) == 6
    both = job.responses()
    assert {one["instrument_id"] for one in both.values()} == {tone.instrument_id, length.instrument_id}
    for one in (tone, length):
        alone = Job(tmp_path / one.name, job.engine)
        alone.ask(some(3), one)
        assert alone.responses().items() <= both.items()


def test_neither_order_nor_neighbours_change_a_response(job: Job, tone: Instrument, tmp_path: Path) -> None:
    job.ask(some(4), tone)
    for n in (3, 1, 0, 2):
        alone = Job(tmp_path / str(n), job.engine)
        alone.ask([some(4)[n]], tone)
        [(key, one)] = alone.responses().items()
        assert one["answers"] == job.responses()[key]["answers"]


def no_model() -> LabelEngine:
    raise AssertionError("The model was opened.")


def test_a_failed_text_is_a_row_and_is_asked_again(
    job: Job, card: dict[str, Any], file: Path, engine: LabelEngine
) -> None:
    # An engine that is smaller than the instrument says: llama.cpp has no room for the long text.
    large = instrument(card, context=2 * CONTEXT)
    texts = [*some(2), " a" * (CONTEXT + 50)]
    assert job.ask(texts, large) == 3
    found = sorted(job.responses().values(), key=lambda one: one["unit_id"])
    assert [one["status"] for one in found] == ["ok", "ok", "failed"]
    assert found[2]["answers"] is None
    assert found[2]["n_tokens"] > CONTEXT
    assert "llama.cpp could not evaluate a text" in found[2]["error"]
    assert job.said[-1].startswith("1 texts could not be evaluated")
    # Where there is no model, a failure is what is known.
    known = ask_missing([task(texts, large)], job.store, no_model, job.said.append, again=False)
    assert set(known) == set(job.responses())

    job.engine = LabelEngine(file, context=2 * CONTEXT, threads=1)
    assert job.ask(texts, large) == 1
    again = sorted(job.responses().values(), key=lambda one: one["unit_id"])
    assert [one["status"] for one in again] == ["ok", "ok", "ok"]
    assert again[:2] == found[:2]
    assert job.ask(texts, large) == 0


def test_an_interruption_loses_nothing(job: Job, tone: Instrument) -> None:
    said: list[str] = []

    def stop(line: str) -> None:
        said.append(line)
        raise KeyboardInterrupt

    wanted = [task(some(3), tone)]
    with pytest.raises(KeyboardInterrupt):
        ask_missing(wanted, job.store, lambda: job.engine, stop)  # the first line comes after the first text
    assert said[0].startswith("tone: 1 of 3 texts")
    assert job.ask(some(3), tone) == 2
    assert job.said[-1].endswith("1 of 3 responses were in the store.")


def test_shards_give_the_same_responses(tmp_path: Path, tone: Instrument, length: Instrument) -> None:
    whole = Study(tmp_path / "whole", some(12), [tone, length])
    main(**whole.arguments())
    parts = Study(tmp_path / "parts", some(12), [tone, length])
    for shard in range(3):
        main(**parts.arguments(shard=shard, shards=3))
    indexes = [parts.index(shard, 3) for shard in range(3)]
    assert sum(map(len, indexes)) == 24
    assert all(indexes)
    assert parts.responses(3) == whole.responses()


def test_the_sample_alone_is_asked_until_all_are_wanted(
    tmp_path: Path, tone: Instrument, capsys: pytest.CaptureFixture[str]
) -> None:
    here = Study(tmp_path, some(4), [tone])
    main(**here.arguments(what="sample"))
    assert {one["unit_id"] for one in here.responses().values()} == {"u001", "u002"}
    sample = here.responses()
    main(**here.arguments())
    assert "The model was asked 2 times; 2 of 4 responses were in the store." in capsys.readouterr().err
    assert sample.items() <= here.responses().items()


def test_a_study_without_a_text_in_a_shard(tmp_path: Path, tone: Instrument) -> None:
    here = Study(tmp_path, [], [tone])
    main(**here.arguments())
    assert here.index() == {}


def test_instruments_are_kept_beside_the_responses(tmp_path: Path, tone: Instrument) -> None:
    here = Study(tmp_path, [], [tone])
    main(**here.arguments())
    kept = tmp_path / f"responses/instruments/{tone.instrument_id}.json"
    assert Instrument.read(kept).identity == tone.identity
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]


def test_the_index_is_sorted_and_the_same_again(tmp_path: Path, tone: Instrument) -> None:
    here = Study(tmp_path, some(3), [tone])
    main(**here.arguments())
    path = tmp_path / "index.0-of-1.csv"
    lines = path.read_text(encoding="ascii").splitlines()
    assert lines[0] == "key,segment"
    assert lines[1:] == sorted(lines[1:])
    content = path.read_bytes()
    main(**here.arguments())
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "change", [{"sha256": "0" * 64}, {"engine": {"guidance": "0", "llama-cpp-python": "0"}}]
)
def test_another_model_than_the_instrument_s(
    change: dict[str, Any], tmp_path: Path, card: dict[str, Any]
) -> None:
    here = Study(tmp_path, some(1), [instrument({**card, **change})])
    with pytest.raises(StudyError, match="are not those of this study's instruments") as error:
        main(**here.arguments())
    for words in (card["sha256"], card["engine"]["guidance"], "Delete results/models"):
        assert words in str(error.value)
    assert not (tmp_path / "responses/segments").exists()
    assert not (tmp_path / "index.0-of-1.csv").exists()


def test_texts_to_be_coded_and_no_model(tmp_path: Path, tone: Instrument) -> None:
    here = Study(tmp_path, some(1), [tone])
    with pytest.raises(StudyError, match="the model is not installed here") as error:
        main(**here.arguments(model={"package": "no-such-package", "file": "model.gguf"}))
    assert "dvc pull" in str(error.value)


WITHOUT_LLAMA = """
import json, sys
from pathlib import Path
from study.job import run
from study.llm.coding import main
run(main, sys.argv[1:])
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""


def test_when_all_is_known_llama_cpp_is_not_imported(tmp_path: Path, tone: Instrument, job: Job) -> None:
    here = Study(tmp_path, some(2), [tone])
    job.store = ResponseStore(tmp_path / "responses")
    job.ask(some(2), tone)
    # A colleague has no model either.
    arguments = here.command(model={"package": "no-such-package", "file": "model.gguf"})[3:]
    done = run([sys.executable, "-c", WITHOUT_LLAMA, *arguments])
    assert done.returncode == 0, done.stderr
    modules = json.loads(done.stdout)
    assert "pandas" in modules
    assert not {"llama_cpp", "guidance", "jinja2"} & set(modules)
    assert done.stderr == "All 2 responses are in the store; the model was asked 0 times.\n"
    assert here.responses() == job.responses()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_job_that_is_killed_goes_on_where_it_was(
    how: signal.Signals, tmp_path: Path, tone: Instrument, job: Job
) -> None:
    texts = some(16)
    here = Study(tmp_path / "study", texts, [tone])
    journals = tmp_path / "study/responses/journals"
    with subprocess.Popen(here.command(), env=environment(), stderr=subprocess.PIPE, text=True) as first:
        while first.poll() is None and sum(len(p.read_bytes().splitlines()) for p in journals.glob("*")) < 3:
            time.sleep(0.01)
        first.send_signal(how)
        said = first.communicate()[1]
    assert not (tmp_path / "study/index.0-of-1.csv").exists()
    assert "tone: 1 of 16 texts" in said
    if how == signal.SIGINT:
        assert first.returncode == 130
        assert said.endswith("Interrupted.\n")
        assert list(journals.iterdir()) == []
    else:
        assert first.returncode == -how
        assert len(list(journals.iterdir())) == 1

    second = run(here.command())
    assert second.returncode == 0, second.stderr
    counted = re.search(r"The model was asked (\d+) times; (\d+) of 16 responses were", second.stderr)
    assert counted
    asked, known = map(int, counted.groups())
    assert asked + known == 16
    assert 3 <= known < 16
    saved = f"Saved {known} responses of a job that had been interrupted.\n"
    assert (saved in second.stderr) == (how != signal.SIGINT)
    assert re.search(r"tone: \d+ of \d+ texts, \d+\.\d texts/s, \d+ tokens/s, 0 s left\n", second.stderr)
    job.ask(texts, tone)
    assert here.responses() == job.responses()
