"""The programs of the rules with a real server: the card, asking, the plan, asking again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from library.coding_jobs import TONE, Study, instrument, some
from study.errors import StudyError
from study.llm.coding import main as ask
from study.llm.model import UNREACHABLE, can_be_asked
from study.llm.model import main as describe
from study.llm.plan import main as plan
from study.llm.recode import main as recode
from study.server.settings import SERVING

SERVING_HOSTED = {
    "limits": {"at_once": 2, "timeout": 60, "retries": 1},
    "price": {"read": 1.0, "written": 2.0, "currency": "EUR"},
    "budget": {"money": None, "tokens": None},
}  # fmt: skip
# Text and question on lines of their own, and answers that end.
BOOK = TONE | {"answer": "The text is {label}.", "wording": {"main": "Text:\n{text}\n{question}"}}


def entry(url: str, **keys: Any) -> dict[str, Any]:
    server = {"name": "hosted", "url": url, "model": "smollm2", "key": None, "options": {}}
    return {"server": server | {"constraint": "grammar", "probabilities": "whole"} | keys}


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SERVING, json.dumps({"hosted": SERVING_HOSTED}))


@pytest.fixture
def study(llama: str, serving: None, tmp_path: Path) -> Study:
    card = tmp_path / "card.json"
    kept = tmp_path / "responses" / "models" / "hosted.json"
    describe(model=entry(llama), name="hosted", card=card, kept=kept, root=tmp_path)
    assert kept.read_bytes() == card.read_bytes()
    known = json.loads(card.read_text(encoding="utf-8"))
    return Study(tmp_path, some(4), [instrument(known, BOOK)])


def planned(study: Study, model: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> str:
    arguments = study.arguments()
    for name in ("shard", "shards", "index", "model"):
        del arguments[name]
    capsys.readouterr()
    plan(**arguments, models={"hosted": model}, model_of={"llm": "hosted"}, root=study.root)
    return capsys.readouterr().out


def test_a_study_from_plan_to_asking_again(
    study: Study, llama: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = entry(llama)
    said = planned(study, model, capsys)
    assert "4 responses will be asked of hosted: about" in said
    assert "EUR" in said
    ask(**study.arguments(model=model), root=study.root)
    assert "The model was asked 4 times; 0 of 4 responses were in the store." in capsys.readouterr().err
    stored = [json.loads(line) for path in study.root.glob("responses/segments/*") for line in path.open()]
    assert {one["status"]: one.get("error") for one in stored} == {"ok": None}
    assert "nothing will be asked" in planned(study, model, capsys)
    assert all(one["server"]["model"] == "smollm2" and one["server"]["requests"] == 2 for one in stored)

    # A key that is not there, and no server at all: what is known needs neither.
    away = entry("http://127.0.0.1:9/v1", key="NO_SUCH_KEY")
    away["server"]["url"] = llama
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    assert not can_be_asked(away, study.root)
    ask(**study.arguments(model=away), root=study.root)
    assert "the model was asked 0 times" in capsys.readouterr().err

    # One more text is asked for itself.
    study.write(some(5))
    ask(**study.arguments(model=model), root=study.root)
    assert "The model was asked 1 times; 4 of 5 responses were in the store." in capsys.readouterr().err

    arguments = study.arguments()
    for name in ("shard", "shards", "index", "model"):
        del arguments[name]
    report = study.root / "recode.json"
    recode(
        **arguments, models={"hosted": model}, model_of={"llm": "hosted"}, report=report, fraction=1.0,
        root=study.root,
    )  # fmt: skip
    found = json.loads(report.read_text(encoding="utf-8"))
    assert (found["coded_again"], found["codes_differing"]) == (5, 0)
    assert found["servers"][0]["url"] == llama
    assert "may answer otherwise under the same name" in capsys.readouterr().out


def test_the_kept_card_is_taken_where_the_server_is_not_asked_for_anything_else(
    study: Study, llama: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(UNREACHABLE, "1")
    kept = study.root / "responses" / "models" / "hosted.json"
    again = study.root / "again.json"
    describe(model=entry(llama), name="hosted", card=again, kept=kept)
    assert again.read_bytes() == kept.read_bytes()
    with pytest.raises(StudyError, match=UNREACHABLE):
        describe(model=entry(llama, model="other"), name="hosted", card=again, kept=kept)
    with pytest.raises(StudyError, match=UNREACHABLE):
        ask(**study.arguments(model=entry(llama)), root=study.root)


def test_another_server_than_the_instruments_is_not_asked(study: Study, llama: str) -> None:
    with pytest.raises(StudyError, match="not that of this study's instruments"):
        ask(**study.arguments(model=entry(llama, model="another")), root=study.root)
    assert not list(study.root.glob("responses/segments/*"))


def test_a_server_that_moved_is_found_through_the_environment(
    study: Study, llama: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = entry("http://10.255.255.1:9/v1")
    card = json.loads((study.root / "card.json").read_text(encoding="utf-8"))
    card["server"]["url"] = elsewhere["server"]["url"]
    other = Study(study.root / "moved", some(1), [instrument(card, BOOK)])
    monkeypatch.setenv("LLM_STUDY_URL_HOSTED", llama)
    ask(**other.arguments(model=elsewhere), root=other.root)
    assert "The model was asked 1 times" in capsys.readouterr().err
