"""Codings of a server that gives labels but no probabilities, of several questions and of pairs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from study.codebook import Codebook
from study.codings import main
from study.digest import text_sha256
from study.instrument import Instrument, Question
from study.prompt import Prompt
from study.requests import Task, requests
from study.store import ResponseStore

TEXTS = ("a", "b", "c", "d")


def instrument(books: list[dict[str, Any]]) -> Instrument:
    read = [Codebook.from_dict(book) for book in books]
    between = "\n" if read[0].type == "compare" else None
    questions = tuple(
        Question(
            book.construct,
            "choice",
            Prompt("Text: ", "How?", between),
            tuple(book.labels),
            tuple(book.answers),
        )
        for book in read
    )
    model = {
        "name": "hosted",
        "server": {"url": "http://127.0.0.1:1/v1", "model": "m", "constraint": "json_schema",
                   "probabilities": "none", "options": {}},
        "reported": {"model": "m", "system_fingerprint": None, "date": "2026-01-01"},
    }  # fmt: skip
    settings = {"context": 64, "too_long": "refuse", "temperature": 0.0}
    return Instrument(read[0].asked_in, "llm", questions, "<|end|>", model, settings)


def codings(folder: Path, books: list[dict[str, Any]], labels: Any, **asked: Any) -> pd.DataFrame:
    """Store answers without probabilities, and return the table that the program makes of them.

    `labels` says of the texts of a request which label each question got, or None for a failure.
    """
    of = instrument(books)
    units = pd.DataFrame({"unit_id": TEXTS, "text_sha256": [text_sha256(text) for text in TEXTS]})
    units.to_parquet(folder / "units.parquet", index=False)
    (folder / "sample.csv").write_text("unit_id\n", encoding="utf-8")
    (folder / "i.json").write_text(of.to_json(), encoding="utf-8")
    wanted = list(Task(of, units, list(requests(units, of, **asked))).wanted)
    with ResponseStore(folder / "responses").write() as journal:
        for request in wanted:
            found = labels(*(TEXTS[row] for row in request.rows))
            answers = None if found is None else [{"log_p": None, "label": label} for label in found]
            journal.add(
                {"key": request.key, "instrument_id": of.instrument_id, "unit_id": TEXTS[request.rows[0]],
                 "status": "failed" if found is None else "ok", "answers": answers, "n_tokens": None,
                 "n_written": None, "truncated": 0, "escaped": 0, "repeat": request.repeat}
            )  # fmt: skip
    where, _ = ResponseStore(folder / "responses").find([request.key for request in wanted])
    rows = "".join(f"{key},{segment}\n" for key, segment in where.items())
    (folder / "index.csv").write_text(f"key,segment\n{rows}", encoding="ascii")
    designs = {of.name: asked["design"]} if asked else {}
    main(
        units=folder / "units.parquet",
        sample=folder / "sample.csv",
        instruments=[folder / "i.json"],
        codebooks=json.loads(json.dumps(books)),
        indexes=[folder / "index.csv"],
        asked={"llm": {"which": "all", "repeats": 1, "designs": designs, "references": {}}},
        store=folder / "responses",
        codings=folder / "codings.parquet",
    )
    return pd.read_parquet(folder / "codings.parquet")


def topics() -> list[dict[str, Any]]:
    return [
        {"construct": f"topics_{name}", "question": "Is it?", "type": "classify", "level": "nominal",
         "asked_in": "topics", "position": place, "category": name,
         "categories": {"yes": {"value": 1}, "no": {"value": 0}}}
        for place, name in enumerate(("health", "schools"))
    ]  # fmt: skip


def test_the_score_of_a_multilabel_is_how_many_of_its_categories_apply(tmp_path: Path) -> None:
    said = {"a": [0, 0], "b": [1, 0], "c": [1, 1], "d": None}
    table = codings(tmp_path, topics(), said.get)
    whole = table[table["construct"] == "topics"].set_index("unit_id")
    assert whole["label"].fillna("").to_dict() == {
        "a": "health; schools", "b": "schools", "c": "(none)", "d": ""
    }  # fmt: skip
    assert whole["score"].to_list() == pytest.approx([2, 1, 0, np.nan], nan_ok=True)
    assert whole[["p_health", "p_schools"]].isna().all(axis=None)
    one = table[table["construct"] == "topics_health"].set_index("unit_id")
    assert one["score"].to_list() == pytest.approx([1, 0, 0, np.nan], nan_ok=True)


@pytest.mark.parametrize("ties", [False, True])
def test_pairs_without_probabilities_count_as_they_were_answered(ties: bool, tmp_path: Path) -> None:
    """Whether a tie was ever answered or not, where the codebook offers one."""
    book = {"construct": "better", "question": "Which?", "type": "compare", "pairs": {"tie": "same"}}

    def better(first: str, second: str) -> list[int]:
        if ties and {first, second} == {"b", "c"}:
            return [2]
        if {first, second} == {"a", "d"}:  # one upset, so that scores are finite
            return [0 if first == "d" else 1]
        return [0 if first < second else 1]

    table = codings(tmp_path, [book], better, design={"rounds": 9, "seed": 1}).set_index("unit_id")
    assert list(table["status"]) == ["ok"] * 4
    score = table["score"]
    if ties:
        assert [score["b"], score["c"]] == pytest.approx([0, 0], abs=1e-6)
    else:
        assert score["b"] > 0.1
        assert score["c"] < -0.1
    assert score.sum() == pytest.approx(0, abs=1e-6)
    assert table["valid_mass"].isna().all()
