"""What language models have cost: every response counted once, and no money where it is not known."""

from __future__ import annotations

import csv
import itertools
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from library.laboratory import BASE
from study.config.names import FIXED_TABLES
from study.digest import text_sha256
from study.experiment.trials import Experiment, Trial
from study.instrument import Instrument, Question
from study.llm.costs import COLUMNS, HERE, NO_PRICE, main
from study.prompt import Prompt
from study.requests import Task, requests
from study.store import IMPORTED, ResponseStore

URL = "https://models.example.org/v1"
PRICE = {"read": 2.0, "written": 10.0, "currency": "USD"}
TEXTS = ("a", "b", "c", "d")
ASKED = {"which": "all", "repeats": 1, "designs": {}, "references": {}}
SETTINGS = {"context": 64, "too_long": "refuse", "temperature": 0.0}


def local(coder: str, name: str = "small", wording: str = "How?") -> Instrument:
    question = Question("tone", "choice", Prompt("Text: ", wording), ("good", "bad"), ("good", "bad"))
    model = {"name": name, "sha256": "a" * 64, "engine": {"guidance": "1"}}
    return Instrument("tone", coder, (question,), "<end>", model, SETTINGS)


def hosted(coder: str, name: str = "hosted", wording: str = "How?") -> Instrument:
    server = {
        "url": URL, "model": "m", "constraint": "json_schema", "probabilities": "deciding", "options": {}
    }  # fmt: skip
    reported = {"model": "m-1", "system_fingerprint": None, "date": "2026-01-01"}
    return replace(
        local(coder, wording=wording), model={"name": name, "server": server, "reported": reported}
    )


def said(n: int = 0, **other: Any) -> dict[str, Any]:
    """Return what a response of a server holds of itself."""
    return {
        "model": "m-1", "system_fingerprint": "fp-1", "date": "2026-01-02", "seconds": 1.0 + n, "requests": 2
    } | other  # fmt: skip


class Study:
    """A folder with texts, responses and indexes, as the rules write them."""

    def __init__(self, folder: Path, texts: tuple[str, ...] = TEXTS) -> None:
        self.folder, self.store = folder, folder / "responses"
        table = {"unit_id": list(texts), "text_sha256": [text_sha256(text) for text in texts]}
        self.units = pd.DataFrame(table | {"translated": [text.upper() for text in texts]})
        self.units.to_parquet(folder / "units.parquet", index=False)
        (folder / "sample.csv").write_text("unit_id\n", encoding="utf-8")
        self.instruments: list[Path] = []
        self.indexes: list[Path] = []
        self.trials: list[Path] = []
        self.trial_indexes: list[Path] = []
        self.prices: dict[str, Any] = {}
        self.asked: dict[str, Any] = {}

    def keys(self, of: Instrument, texts: tuple[str, ...] = TEXTS) -> list[str]:
        units = pd.DataFrame({"unit_id": texts, "text_sha256": [text_sha256(text) for text in texts]})
        return [request.key for request in Task(of, units, list(requests(units, of))).wanted]

    def answer(
        self, of: Instrument, responses: list[dict[str, Any]], texts: tuple[str, ...] = TEXTS, store: str = ""
    ) -> dict[str, str]:
        """Store a response to each text, and return where they are."""
        keys = self.keys(of, texts)
        with ResponseStore(self.folder / (store or "responses")).write() as journal:
            for key, response in zip(keys, responses, strict=True):
                journal.add(
                    {"key": key, "instrument_id": of.instrument_id, "status": "ok", "answers": None,
                     "n_tokens": 10, "n_written": 3} | response
                )  # fmt: skip
        return ResponseStore(self.store).find(keys)[0]

    def coder(self, of: Instrument, index: str, where: dict[str, str], **asked: Any) -> None:
        file = self.folder / f"{of.coder}.json"
        file.write_text(of.to_json(), encoding="utf-8")
        self.instruments.append(file)
        self.asked[of.coder] = ASKED | asked
        path = self.folder / index
        if path not in self.indexes:
            self.indexes.append(path)
        self._index(path, where)

    def experiment(self, name: str, model: str, of: Instrument, where: dict[str, str]) -> None:
        trial = Trial(1, BASE, model, of)
        made = Experiment(name, "all", None, "all", 1, [], [], [trial])
        file = self.folder / f"{name}.trials.json"
        file.write_text(made.to_json(), encoding="utf-8")
        self.trials.append(file)
        self.trial_indexes.append(self.folder / f"{name}.{model}.csv")
        self._index(self.trial_indexes[-1], where)

    def _index(self, path: Path, where: dict[str, str]) -> None:
        with path.open("w", encoding="ascii", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(["key", "segment"])
            writer.writerows(sorted(where.items()))

    def costs(self) -> dict[str, dict[str, str]]:
        """Return the rows of the table, as words, by coder."""
        main(
            units=self.folder / "units.parquet",
            sample=self.folder / "sample.csv",
            instruments=self.instruments,
            asked=self.asked,
            prices=self.prices,
            indexes=self.indexes,
            trials=self.trials,
            trial_indexes=self.trial_indexes,
            store=self.store,
            table=self.folder / "costs.csv",
        )
        rows = pd.read_csv(self.folder / "costs.csv", dtype=str, keep_default_na=False)
        assert list(rows.columns) == COLUMNS == list(FIXED_TABLES["costs"])
        return {row["coder"]: row for row in rows.to_dict("records")}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


def test_what_a_server_took(study: Study) -> None:
    of = hosted("llm")
    responses = [
        {"server": said(0, date="2026-01-31", system_fingerprint="fp-2")},
        {"server": said(1)},
        {"server": said(5, model="m-2"), "status": "failed"},
        {"status": "empty", "n_tokens": 0, "n_written": 0},
    ]
    study.coder(of, "hosted.0-of-1.csv", study.answer(of, responses))
    study.prices = {"hosted": PRICE}
    row = study.costs()["llm"]
    assert (row["model"], row["server"]) == ("hosted", URL)
    assert (row["n_responses"], row["n_failed"], row["n_requests"]) == ("4", "1", "6")
    assert (row["tokens_read"], row["tokens_written"], row["tokens_unknown"]) == ("30", "9", "0")
    # 30 tokens at 2 and 9 at 10 a million.
    assert (row["money"], row["currency"], row["note"]) == ("0.00015", "USD", "")
    assert (row["seconds"], row["seconds_a_response"]) == ("9", "2")
    assert (row["first_date"], row["last_date"]) == ("2026-01-02", "2026-01-31")
    assert (row["models_reported"], row["fingerprints"]) == ("m-1; m-2", "2")


def test_what_is_not_known_stays_unknown(study: Study) -> None:
    of = hosted("llm")
    responses = [{"server": said(system_fingerprint=None)}] * 3
    responses += [{"server": said(model=None), "n_tokens": None, "n_written": None}]
    study.coder(of, "hosted.0-of-1.csv", study.answer(of, responses))
    row = study.costs()["llm"]
    assert (row["money"], row["currency"], row["note"]) == ("", "", NO_PRICE)
    assert (row["tokens_read"], row["tokens_unknown"], row["fingerprints"]) == ("30", "1", "1")
    study.prices = {"hosted": PRICE}
    row = study.costs()["llm"]
    assert (row["money"], row["currency"]) == ("", "")
    assert row["note"] == "the server did not count the tokens of 1 response, the others cost 0.00015 USD"
    study.prices = {"hosted": None, "other": PRICE}
    assert study.costs()["llm"]["note"] == NO_PRICE


def test_a_model_that_runs_here_costs_no_money(study: Study) -> None:
    of = local("llm")
    study.coder(of, "small.0-of-1.csv", study.answer(of, [{}] * 4))
    row = study.costs()["llm"]
    assert (row["server"], row["n_responses"], row["tokens_read"], row["tokens_written"]) == (
        "",
        "4",
        "40",
        "12",
    )
    empty = ("n_requests", "tokens_unknown", "money", "currency", "seconds", "seconds_a_response",
             "first_date", "last_date", "models_reported", "fingerprints")  # fmt: skip
    assert {row[name] for name in empty} == {""}
    assert row["note"] == HERE


def test_rows_can_be_added_up(study: Study) -> None:
    """A trial that asks as the coder does uses the coder's responses: they were paid for once."""
    of, other = hosted("llm"), hosted("llm", wording="How now?")
    where = study.answer(of, [{"server": said()}] * 4)
    study.coder(of, "hosted.0-of-1.csv", where)
    some = {key: where[key] for key in study.keys(of)[:3]}
    more = study.answer(other, [{"server": said()}] * 4)
    study.experiment("order", "hosted", of, some | more)
    study.experiment("words", "hosted", other, dict(itertools.islice(more.items(), 2)))
    study.prices = {"hosted": PRICE}
    rows = study.costs()
    assert [rows[name]["n_responses"] for name in ("llm", "experiment order", "experiment words")] == [
        "4", "4", "0"
    ]  # fmt: skip
    assert rows["experiment order"]["note"] == "in the row of llm: 3 responses more"
    assert rows["experiment words"]["note"] == "in the row of experiment order: 2 responses more"
    assert rows["experiment words"]["money"] == "0"
    assert rows["experiment order"]["server"] == URL


def test_coders_that_ask_alike_about_other_texts_are_told_apart(study: Study) -> None:
    """The instrument of both is the same one; what was read, and so the responses, are not."""
    first, second = hosted("llm"), hosted("translated")
    assert first.instrument_id == second.instrument_id
    upper = tuple(text.upper() for text in TEXTS)
    where = study.answer(first, [{"server": said()}] * 4)
    where |= study.answer(second, [{"server": said(), "n_tokens": 100}] * 4, upper)
    study.coder(first, "hosted.0-of-1.csv", where)
    study.coder(second, "hosted.0-of-1.csv", where, text="translated")
    rows = study.costs()
    assert (rows["llm"]["tokens_read"], rows["translated"]["tokens_read"]) == ("40", "400")
    # And two that are wholly alike have their responses in common.
    twin = hosted("twin")
    study.coder(twin, "hosted.0-of-1.csv", where)
    rows = study.costs()
    assert (rows["llm"]["n_responses"], rows["twin"]["n_responses"]) == ("4", "0")
    assert rows["twin"]["note"] == f"{NO_PRICE}; in the row of llm: 4 responses more"


def test_what_another_study_has_paid_costs_this_one_nothing(study: Study) -> None:
    of = hosted("llm")
    theirs = {**{"server": said()}, "n_tokens": 1_000_000}
    where = study.answer(of, [theirs] * 3, TEXTS[:3], store=f"{IMPORTED}/other")
    where |= study.answer(of, [{"server": said()}], TEXTS[3:])
    study.coder(of, "hosted.0-of-1.csv", where)
    study.prices = {"hosted": PRICE}
    row = study.costs()["llm"]
    assert (row["n_responses"], row["tokens_read"], row["money"]) == ("4", "3000010", "5e-05")
    assert row["note"] == "of another study, which cost this one nothing: 3 responses"


def test_a_failure_that_was_asked_again_is_in_no_row(study: Study) -> None:
    of = hosted("llm")
    study.answer(of, [{"server": said(), "status": "failed"}] * 4)
    study.coder(of, "hosted.0-of-1.csv", study.answer(of, [{"server": said()}] * 4))
    row = study.costs()["llm"]
    assert (row["n_responses"], row["n_failed"], row["tokens_read"]) == ("4", "0", "40")


def test_several_shards_and_large_numbers(study: Study) -> None:
    of = local("llm")
    where = study.answer(of, [{"n_tokens": 9_876_543_211}] * 4)
    keys = sorted(where)
    study.coder(of, "small.0-of-2.csv", {key: where[key] for key in keys[:1]})
    study.indexes.append(study.folder / "small.1-of-2.csv")
    study._index(study.indexes[-1], {key: where[key] for key in keys[1:]})
    assert study.costs()["llm"]["tokens_read"] == "39506172844"


def test_without_language_models_the_table_is_empty(study: Study) -> None:
    assert study.costs() == {}


def test_responses_are_not_kept_in_memory(tmp_path: Path) -> None:
    n = 3_000
    texts = tuple(f"t{i}" for i in range(n))
    study = Study(tmp_path, texts)
    of = hosted("llm")

    def long() -> Iterator[dict[str, Any]]:
        for _ in range(n):
            yield {"server": said(), "answers": [{"rationale": "x" * 10_000}]}

    study.coder(of, "hosted.0-of-1.csv", study.answer(of, list(long()), texts))
    study.costs()  # what is imported on the way is not counted
    tracemalloc.start()
    row = study.costs()["llm"]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert row["n_responses"] == str(n)
    assert peak < 10_000_000  # of 30 MB that were read
