"""The table of codings: one row a unit, repeat and construct, whatever became of it."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study import codings, parquet_parts
from study.bradley_terry import bradley_terry
from study.codebook import Codebook
from study.coders import STATUSES
from study.codings import expected_score, label_probabilities, main, score_sd, without_texts
from study.digest import text_sha256
from study.errors import StudyError
from study.instrument import Instrument, Question
from study.prompt import Prompt
from study.requests import Task, requests, texts_of
from study.responses import Responses
from study.store import ResponseStore

BOOK: dict[str, Any] = {
    "construct": "tone",
    "question": "How is it?",
    "type": "classify",
    "level": "ordinal",
    "categories": {"good": {"value": 1}, "middling": {"value": 0}, "bad": {"value": -2}},
    "not_codable": {"label": "unclear"},
}
SOUND: dict[str, Any] = {
    "construct": "sound",
    "question": "How?",
    "type": "classify",
    "level": "nominal",
    "categories": {"loud": None, "soft": None},
}
ANGER: dict[str, Any] = {
    "construct": "anger",
    "question": "How angry?",
    "type": "rate",
    "level": "interval",
    "scale": {"low": 1, "high": 3},
}
HURT: dict[str, Any] = {
    "construct": "hurt",
    "question": "How many?",
    "type": "number",
    "scale": {"low": 0, "high": 50, "decimals": 1},
}
DEMANDS: dict[str, Any] = {
    "construct": "demands",
    "question": "Which?",
    "type": "extract",
    "spans": {"most": 3, "none": "none"},
}
BETTER: dict[str, Any] = {"construct": "better", "question": "Which?", "type": "compare"}
KINDS = {"number": "number", "count": "number", "extract": "spans"}


def instrument(*books: dict[str, Any], **prompt: Any) -> Instrument:
    """Return what asks for these constructs together (BOOK's without any)."""
    questions = []
    for book in map(Codebook.from_dict, books or (BOOK,)):
        shown = Prompt("Text: ", f"How is the {book.construct}?", "\n" if book.type == "compare" else None)
        questions.append(
            Question(
                book.construct,
                KINDS.get(book.type, "choice"),
                shown,
                tuple(book.labels),
                tuple(book.answers),
                **prompt,
            )
        )
    name = Codebook.from_dict((books or (BOOK,))[0]).asked_in
    model = {"name": "m", "sha256": "0" * 64, "engine": {"guidance": "1"}}
    return Instrument(name, "llm", tuple(questions), "<end>", model, {"context": 64, "temperature": 0.0})


def units(*texts: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "unit_id": list(texts),
            "text_sha256": [text_sha256(text) for text in texts],
            "text": pd.Series(list(texts), dtype=object),
        }
    )


def task(texts: Sequence[str], of: Instrument, references: Sequence[str] = (), **how: Any) -> Task:
    table = texts_of(units(*texts), references)
    return Task(of, table, list(requests(table, of, **how)))


def coding_table(of: Task, codebooks: dict[str, Codebook], said: dict[str, dict[str, Any]]) -> pd.DataFrame:
    return codings.coding_table(of, codebooks, Responses.of(of, said))


Answer = dict[str, Any]
Answers = Callable[[tuple[str, ...], int], "list[Answer] | str"]


def responses(of: Task, answers: Answers, **others: Any) -> dict[str, dict[str, Any]]:
    """Return responses as the store has them; `answers` says them of texts and repeat, or a status."""
    found = {}
    for request in of.wanted:
        texts = tuple(of.texts["text"].iat[row] for row in request.rows)
        said = answers(texts, request.repeat)
        found[request.key] = {
            "key": request.key,
            "instrument_id": of.instrument.instrument_id,
            "unit_id": of.texts["unit_id"].iat[request.rows[0]],
            "text_sha256": of.sha256_of(request.rows[0]),
            "repeat": request.repeat,
            "status": said if isinstance(said, str) else "ok",
            "answers": None if isinstance(said, str) else said,
            "n_tokens": 20,
            "n_written": 0,
            "truncated": 0,
            "escaped": 0,
        } | others
    return found


def weighed(*orders: Sequence[float], **others: Any) -> Answer:
    """Return the answer to a closed question: probabilities of the labels, for each order."""
    return {"log_p": [[math.log(p) for p in order] for order in orders], **others}


def table(
    answers: dict[str, Any], *books: dict[str, Any], references: Sequence[str] = (), **how: Any
) -> pd.DataFrame:
    """Return the codings of texts, each with its answers (one question: its answer), or a status."""
    books = books or (BOOK,)
    of = task([text for text in answers if text not in references], instrument(*books), references, **how)

    def said(texts: tuple[str, ...], repeat: int) -> list[Answer] | str:
        found = answers[texts[0]]
        found = found[repeat - 1] if isinstance(found, tuple) else found
        return [found] if isinstance(found, dict) else found  # type: ignore[no-any-return]

    codebooks = {book["construct"]: Codebook.from_dict(book) for book in books}
    return coding_table(of, codebooks, responses(of, said))


def only(found: pd.DataFrame) -> dict[str, Any]:
    [row] = found.to_dict("records")
    return {str(name): value for name, value in row.items()}


# Probabilities, scores


def test_label_probabilities_by_hand() -> None:
    # P(label) = .02, .06, .12: .2 in all.
    found, mass = label_probabilities(np.log([[0.02, 0.06, 0.12], [0.5, 0.25, 0.25]]))
    assert found == pytest.approx(np.array([[0.1, 0.3, 0.6], [0.5, 0.25, 0.25]]))
    assert mass == pytest.approx([0.2, 1.0])


def test_label_probabilities_that_no_float_can_hold() -> None:
    found, mass = label_probabilities(np.array([[-2000.0, -2000.0 + math.log(3)]]))
    assert found == pytest.approx(np.array([[0.25, 0.75]]))
    assert mass == pytest.approx([0.0])


@given(st.lists(st.lists(st.floats(-800, 0), min_size=3, max_size=3), min_size=1, max_size=5))
def test_label_probabilities_sum_to_1(log_p: list[list[float]]) -> None:
    found, mass = label_probabilities(np.array(log_p))
    assert found.sum(axis=1) == pytest.approx(np.ones(len(log_p)))
    assert (found >= 0).all()
    assert mass == pytest.approx(np.exp(log_p).sum(axis=1))


def test_expected_score_by_hand() -> None:
    # .1 x 1 + .3 x 0 + .6 x -2
    assert expected_score(np.array([[0.1, 0.3, 0.6]]), [1.0, 0.0, -2.0]) == pytest.approx([-1.1])


def test_score_sd_by_hand() -> None:
    # .1 x 2.1^2 + .3 x 1.1^2 + .6 x .9^2 = 1.29
    assert score_sd(np.array([[0.1, 0.3, 0.6]]), [1.0, 0.0, -2.0]) == pytest.approx([math.sqrt(1.29)])
    assert score_sd(np.array([[0.0, 1.0, 0.0]]), [1.0, 0.0, -2.0]) == pytest.approx([0.0])
    # Without 'unclear': .2, .4 and .4 of 1, 0 and -2; mean -.6; .2 x 1.6^2 + .4 x .6^2 + .4 x 1.4^2 = 1.44.
    unclear = np.array([[0.1, 0.2, 0.2, 0.5]])
    assert score_sd(unclear, [1.0, 0.0, -2.0, None]) == pytest.approx([1.2])


def test_a_label_without_a_value_takes_no_part() -> None:
    # 'unclear' has half of the probability; of the other half, .1 x 1 + .2 x 0 + .2 x -2 = -.3, so -.3 / .5.
    assert expected_score(np.array([[0.1, 0.2, 0.2, 0.5]]), [1.0, 0.0, -2.0, None]) == pytest.approx([-0.6])
    for figure in (expected_score, score_sd):
        with np.errstate(all="raise"):
            alone = figure(np.array([[0.0, 0.0, 0.0, 1.0]]), [1.0, 0.0, -2.0, None])
            nominal = figure(np.array([[0.5, 0.5]]), [None, None])
        assert np.isnan(alone).all()
        assert np.isnan(nominal).all()


CODEBOOK = Codebook.from_dict(BOOK)


@given(st.lists(st.floats(0.01, 1), min_size=4, max_size=4))
def test_expected_score_is_the_codebook_s(weights: list[float]) -> None:
    probabilities = np.array(weights) / sum(weights)
    [found] = expected_score(probabilities[None, :], CODEBOOK.values)
    assert found == pytest.approx(CODEBOOK.score(list(probabilities)))
    [sd] = score_sd(probabilities[None, :], CODEBOOK.values)
    values = np.array([1.0, 0.0, -2.0])
    share = probabilities[:3] / probabilities[:3].sum()
    assert sd == pytest.approx(math.sqrt(share @ values**2 - (share @ values) ** 2), abs=1e-6)


# Labels


def test_a_row_by_hand() -> None:
    of = task(["a"], instrument())
    said = responses(of, lambda *_: [weighed([0.08, 0.02, 0.06, 0.04])], n_tokens=31, truncated=7, escaped=2)
    row = only(coding_table(of, {"tone": CODEBOOK}, said))
    assert row["p_good"] == pytest.approx(0.4)
    assert row["p_middling"] == pytest.approx(0.1)
    assert row["p_bad"] == pytest.approx(0.3)
    assert row["p_unclear"] == pytest.approx(0.2)
    assert row["valid_mass"] == pytest.approx(0.2)
    assert row["score"] == pytest.approx((0.4 * 1 + 0.1 * 0 + 0.3 * -2) / 0.8)
    # .5, .125 and .375 of 1, 0 and -2: .5 + 1.5 - .25^2
    assert row["score_sd"] == pytest.approx(math.sqrt(2 - 0.0625))
    assert (row["label"], row["status"]) == ("good", "ok")
    assert (row["unit_id"], row["construct"], row["coder"], row["repeat"]) == ("a", "tone", "llm", 1)
    assert (row["instrument_id"], row["text_sha256"]) == (instrument().instrument_id, text_sha256("a"))
    assert (row["n_tokens"], row["n_written"], row["truncated"], row["escaped"]) == (31, 0, 7, 2)
    assert list(row) == [
        "unit_id", "construct", "coder", "instrument_id", "repeat", "text_sha256", "status", "label", "score",
        "score_sd", "p_good", "p_middling", "p_bad", "p_unclear", "valid_mass",
        "n_tokens", "n_written", "truncated", "escaped",
    ]  # fmt: skip


def test_a_rating_by_hand() -> None:
    row = only(table({"a": weighed([0.1, 0.2, 0.1])}, ANGER))
    assert (row["label"], row["score"]) == ("2", pytest.approx(2.0))
    assert row["score_sd"] == pytest.approx(math.sqrt(0.5))
    assert [row[f"p_{n}"] for n in (1, 2, 3)] == pytest.approx([0.25, 0.5, 0.25])


def test_probabilities_are_the_mean_over_rotations() -> None:
    # Each order's probabilities are those of the codebook's labels, in its order: means .25, .15, .05, .05.
    answer = weighed([0.4, 0.1, 0.05, 0.05], [0.1, 0.2, 0.05, 0.05], orders=[[0, 1, 2, 3], [1, 2, 0, 3]])
    row = only(table({"a": answer}))
    assert [row[f"p_{x}"] for x in ("good", "middling", "bad", "unclear")] == pytest.approx(
        [0.5, 0.3, 0.1, 0.1]
    )
    assert row["valid_mass"] == pytest.approx(0.5)
    assert row["label"] == "good"
    assert row["score"] == pytest.approx((0.5 - 0.2) / 0.9)


def test_a_drawn_label_beside_the_probabilities() -> None:
    """At a temperature above 0 the label is what was drawn, and the score stays that of the probabilities."""
    answers = (weighed([0.4, 0.1, 0.1, 0.1], label=2), weighed([0.4, 0.1, 0.1, 0.1], label=0))
    found = table({"a": answers}, repeats=2)
    assert list(found["repeat"]) == [1, 2]
    assert list(found["label"]) == ["bad", "good"]
    assert found["score"].nunique() == 1
    assert found["p_good"].to_numpy() == pytest.approx([4 / 7, 4 / 7])


def test_not_codable_has_a_label_and_no_score() -> None:
    row = only(table({"a": weighed([0.1, 0.1, 0.1, 0.2])}))
    assert (row["label"], row["status"]) == ("unclear", "not_codable")
    assert math.isnan(row["score"])
    assert row["p_unclear"] == pytest.approx(0.4)
    # So it is where the label was drawn, though it is not the most probable one.
    assert only(table({"a": weighed([0.4, 0.1, 0.1, 0.2], label=3)}))["status"] == "not_codable"
    assert only(table({"a": weighed([0.1, 0.1, 0.1, 0.2], label=0)}))["status"] == "ok"
    # A codebook in which 'unclear' is a label like the others.
    plain = {**BOOK, "categories": {**BOOK["categories"], "unclear": {"value": 5}}, "not_codable": None}
    row = only(table({"a": weighed([0.1, 0.1, 0.1, 0.2])}, plain))
    assert (row["label"], row["status"]) == ("unclear", "ok")
    assert row["score"] == pytest.approx(0.2 * 1 + 0.2 * -2 + 0.4 * 5)


def test_of_equally_probable_labels_the_first_that_is_offered_counts() -> None:
    found = table(
        {
            "all": weighed([0.1, 0.1, 0.1, 0.1]),
            "last two": weighed([0.05, 0.05, 0.2, 0.2]),
            "middle": weighed([0.1, 0.2, 0.2, 0.1]),
        }
    )
    assert list(found["label"]) == ["good", "bad", "middling"]
    assert list(found["status"]) == ["ok", "ok", "ok"]


def test_labels_without_values_have_probabilities_and_no_score() -> None:
    row = only(table({"a": weighed([0.1, 0.3])}, SOUND))
    assert (row["label"], row["status"]) == ("soft", "ok")
    assert row["p_soft"] == pytest.approx(0.75)
    assert math.isnan(row["score"])
    assert math.isnan(row["score_sd"])


# Failures

EVERY: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "classify": (BOOK, weighed([0.1, 0.1, 0.4, 0.1])),
    "rate": (ANGER, weighed([0.1, 0.1, 0.4])),
    "number": (HURT, {"value": "2.5", "log_p": -1.0}),
    "extract": (DEMANDS, {"spans": [[0, 1]], "log_p": -1.0}),
}


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("status", ["too_long", "empty", "failed"])
@pytest.mark.parametrize("alone", [True, False])
def test_a_failure_is_a_row(kind: str, status: str, alone: bool) -> None:
    book, answer = EVERY[kind]
    found = table({"a": status} | ({} if alone else {"b": answer}), book)
    row = found.iloc[0]
    assert status in STATUSES
    assert (row["unit_id"], row["status"], row["n_tokens"]) == ("a", status, 20)
    known = {"unit_id", "construct", "coder", "instrument_id", "repeat", "text_sha256", "status",
             "n_tokens", "n_written", "truncated", "escaped"}  # fmt: skip
    assert row[[name for name in found if name not in known]].isna().all()
    assert {"label", "score"} <= set(found) - known
    assert len(found) == (1 if alone else 2)
    assert found["label"].dtype == "str"
    assert found["score"].dtype == "float64"
    if not alone:
        assert found.iloc[1]["status"] == "ok"
        assert found.iloc[1]["score"] == pytest.approx({"classify": -7 / 6, "rate": 2.5, "number": 2.5,
                                                        "extract": 1.0}[kind])  # fmt: skip


def test_units_with_one_text_have_one_response_and_a_row_each() -> None:
    of = task(["same", "same"], instrument())
    of = Task(of.instrument, of.texts.assign(unit_id=["u1", "u2"]), of.wanted)
    said = responses(of, lambda *_: [weighed([0.1, 0.2, 0.3, 0.1])])
    assert len(said) == 1
    found = coding_table(of, {"tone": CODEBOOK}, said)
    assert list(found["unit_id"]) == ["u1", "u2"]
    assert found["score"].nunique() == 1
    assert list(found["label"]) == ["bad", "bad"]


def test_repeats_of_units_with_one_text() -> None:
    found = table({"a": (weighed([0.1, 0.3], label=0), weighed([0.1, 0.3], label=1))}, SOUND, repeats=2)
    assert list(zip(found["unit_id"], found["repeat"], found["label"], strict=True)) == [
        ("a", 1, "loud"), ("a", 2, "soft"),
    ]  # fmt: skip


# Calibration

CALIBRATED = {
    "construct": "tone",
    "question": "How is it?",
    "type": "classify",
    "level": "ordinal",
    "categories": {"good": {"value": 1}, "middling": {"value": 0}, "bad": {"value": -2}},
    "calibration": {"method": "contextual", "texts": ["N/A"]},
}


def test_a_calibrated_row_by_hand() -> None:
    # .6, .3, .1 of the text, .5, .25, .25 of the reference: 3/7, 3/7, 1/7.
    found = table(
        {"a": weighed([0.06, 0.03, 0.01]), "N/A": weighed([0.2, 0.1, 0.1])}, CALIBRATED, references=["N/A"]
    )
    row = only(found)
    assert [row[f"p_{x}"] for x in ("good", "middling", "bad")] == pytest.approx([3 / 7, 3 / 7, 1 / 7])
    assert [row[f"raw_p_{x}"] for x in ("good", "middling", "bad")] == pytest.approx([0.6, 0.3, 0.1])
    assert row["score"] == pytest.approx(3 / 7 - 2 / 7)
    assert row["raw_score"] == pytest.approx(0.6 - 0.2)
    # 3/7 + 4/7 - (1/7)^2
    assert row["score_sd"] == pytest.approx(math.sqrt(1 - 1 / 49))
    assert row["raw_score_sd"] == pytest.approx(math.sqrt(0.6 + 0.4 - 0.16))
    assert (row["label"], row["raw_label"]) == ("good", "good")  # of equals the first
    assert row["valid_mass"] == pytest.approx(0.1)  # of the model's own answer
    assert "raw_valid_mass" not in row
    assert list(found["unit_id"]) == ["a"]  # reference texts have no row


def test_calibration_by_several_texts_and_orders() -> None:
    # References .7, .2, .1 and (mean of two orders) .3, .3, .4: their mean is .5, .25, .25.
    found = table(
        {
            "a": weighed([0.06, 0.03, 0.01]),
            "b": weighed([0.2, 0.2, 0.6]),
            "r1": weighed([0.07, 0.02, 0.01]),
            "r2": weighed([0.2, 0.5, 0.3], [0.4, 0.1, 0.5]),
        },
        {**CALIBRATED, "calibration": {"method": "batch", "texts": ["r1", "r2"]}},
        references=["r1", "r2"],
    )
    assert found["p_bad"].to_numpy() == pytest.approx([1 / 7, 6 / 9])
    assert list(found["label"]) == ["good", "bad"]


def test_calibration_turns_a_label() -> None:
    row = only(
        table(
            {"a": weighed([0.6, 0.3, 0.1]), "N/A": weighed([0.9, 0.09, 0.01])}, CALIBRATED, references=["N/A"]
        )
    )
    assert (row["raw_label"], row["label"]) == ("good", "bad")
    assert row["raw_score"] > 0 > row["score"]


def test_a_reference_text_that_is_also_a_unit_s() -> None:
    of = task(["a", "N/A"], instrument(CALIBRATED), ["N/A"])
    assert len(of.wanted) == 2
    said = {"a": weighed([0.6, 0.3, 0.1]), "N/A": weighed([0.5, 0.25, 0.25])}
    found = coding_table(
        of, {"tone": Codebook.from_dict(CALIBRATED)}, responses(of, lambda texts, _: [said[texts[0]]])
    )
    assert list(found["unit_id"]) == ["a", "N/A"]
    assert found["p_bad"].to_numpy() == pytest.approx([1 / 7, 1 / 3])


def test_calibration_of_what_was_drawn() -> None:
    """What was drawn is the raw label; after calibration the most probable label counts."""
    found = table(
        {
            "a": (weighed([0.6, 0.3, 0.1], label=1), weighed([0.6, 0.3, 0.1], label=2)),
            "N/A": (weighed([0.9, 0.09, 0.01], label=0), weighed([0.9, 0.09, 0.01], label=0)),
        },
        CALIBRATED,
        references=["N/A"],
        repeats=2,
    )
    assert list(found["raw_label"]) == ["middling", "bad"]
    assert list(found["label"]) == ["bad", "bad"]


def test_calibration_of_rationales_takes_the_mean_of_all_repeats() -> None:
    found = table(
        {
            "a": (weighed([0.06, 0.03, 0.01]), weighed([0.06, 0.03, 0.01])),
            "N/A": (weighed([0.7, 0.2, 0.1]), weighed([0.3, 0.3, 0.4])),
        },
        CALIBRATED,
        references=["N/A"],
        repeats=2,
    )
    assert found["p_bad"].to_numpy() == pytest.approx([1 / 7, 1 / 7])


def test_a_failed_text_is_not_calibrated_and_a_failed_reference_is_an_error() -> None:
    found = table({"a": "failed", "N/A": weighed([0.5, 0.25, 0.25])}, CALIBRATED, references=["N/A"])
    assert only(found)["status"] == "failed"
    assert found[["label", "p_good", "raw_p_good", "raw_label", "raw_score"]].isna().all(axis=None)
    with pytest.raises(StudyError, match="A reference text of the calibration could not") as error:
        table({"a": weighed([0.6, 0.3, 0.1]), "N/A": "too_long"}, CALIBRATED, references=["N/A"])
    assert "N/A (too_long)" in str(error.value)
    assert "config/codebooks/tone.yaml" in str(error.value)


def test_only_constructs_that_want_it_are_calibrated() -> None:
    """The fields of one file are asked about the reference texts together."""
    answers = {
        "a": [weighed([0.6, 0.3, 0.1]), weighed([0.1, 0.3]), {"value": "3", "log_p": -1.0}],
        "N/A": [weighed([0.5, 0.25, 0.25]), weighed([0.9, 0.1]), {"value": "0", "log_p": -1.0}],
    }
    found = table(answers, CALIBRATED, SOUND, HURT, references=["N/A"]).set_index("construct")
    assert found.loc["tone", "p_bad"] == pytest.approx(1 / 7)
    assert found.loc["sound", "p_loud"] == pytest.approx(0.25)
    assert found.loc["hurt", "score"] == 3
    assert math.isnan(found.loc["sound", "raw_score"])


# Numbers, passages, rationales


def test_numbers_by_hand() -> None:
    found = table(
        {"a": {"value": "2.5", "log_p": -1.25}, "b": {"value": "-3", "log_p": 0.0}, "c": "failed"}, HURT
    )
    assert list(found["score"])[:2] == [2.5, -3.0]
    assert list(found["log_p"])[:2] == [-1.25, 0.0]
    assert found["label"].isna().all()
    assert list(found["status"]) == ["ok", "ok", "failed"]
    assert not [name for name in found if name.startswith("p_")]


TEXT = 'We want 🚲 roads,\n"a school" and\u2028טוב.'


def test_passages_are_the_text_s_own() -> None:
    spans = [[8, 9], [10, 15], [17, 27]]
    found = table({TEXT: {"spans": spans, "log_p": -2.0}, "none": {"spans": [], "log_p": -0.5}}, DEMANDS)
    first, second = found.to_dict("records")
    assert json.loads(first["spans"]) == [
        {"start": 8, "end": 9, "text": "🚲"},
        {"start": 10, "end": 15, "text": "roads"},
        {"start": 17, "end": 27, "text": '"a school"'},
    ]
    assert all(TEXT[one["start"] : one["end"]] == one["text"] for one in json.loads(first["spans"]))
    assert (first["score"], first["log_p"], first["status"]) == (3, -2.0, "ok")
    assert (json.loads(second["spans"]), second["score"], second["status"]) == ([], 0, "ok")


@given(st.text(min_size=1, max_size=30), st.data())
def test_a_passage_is_what_stands_between_its_offsets(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    row = only(table({text: {"spans": [[start, end]], "log_p": -1.0}}, DEMANDS))
    assert json.loads(row["spans"]) == [{"start": start, "end": end, "text": text[start:end]}]


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("rationale", ["Because.", ["Because.", "For another order."]])
def test_a_rationale_is_a_column(kind: str, rationale: str | list[str]) -> None:
    book, answer = EVERY[kind]
    of = task(["a", "b"], instrument(book, rationale="before", rationale_tokens=9))
    said = responses(
        of, lambda texts, _: [{**answer, "rationale": rationale}] if texts == ("a",) else "failed"
    )
    found = coding_table(of, {book["construct"]: Codebook.from_dict(book)}, said)
    assert found["rationale"].fillna("").tolist() == ["Because.", ""]
    assert "rationale" not in table({"a": answer}, book)


def test_several_questions_have_a_row_each() -> None:
    answers: dict[str, Any] = {
        "a": [weighed([0.1, 0.1, 0.4, 0.2]), weighed([0.3, 0.1]), {"value": "3", "log_p": -1.0}],
        "b": [weighed([0.1, 0.1, 0.1, 0.4]), weighed([0.1, 0.3]), {"value": "4", "log_p": -1.0}],
        "c": "too_long",
    }
    found = table(answers, BOOK, SOUND, HURT)
    assert list(zip(found["construct"], found["unit_id"], strict=True)) == [
        (construct, unit) for construct in ("tone", "sound", "hurt") for unit in "abc"
    ]
    assert list(found["label"].fillna("")) == ["bad", "unclear", "", "loud", "soft", "", "", "", ""]
    assert list(found["status"]) == ["ok", "not_codable", "too_long", *["ok", "ok", "too_long"] * 2]
    assert found["instrument_id"].nunique() == 1


# Several categories of one text

CATEGORIES = ("Health & care", "schools")


def about(category: str, **keys: Any) -> dict[str, Any]:
    """Return what one category of a multilabel file becomes."""
    return {
        "construct": f"topics_{category[:2].lower()}",
        "question": f"Is it about {category}?",
        "type": "classify",
        "level": "nominal",
        "categories": {"yes": {"value": 1}, "no": {"value": 0}},
        "asked_in": "topics",
        "category": category,
        **keys,
    }


def test_the_categories_that_apply_by_hand() -> None:
    found = table(
        {
            "both": [weighed([0.3, 0.1]), weighed([0.2, 0.1])],
            "one": [weighed([0.1, 0.3]), weighed([0.4, 0.1])],
            "none": [weighed([0.1, 0.3]), weighed([0.1, 0.4])],
            "failed": "failed",
        },
        *map(about, CATEGORIES),
    )
    assert [len(own) for _, own in found.groupby("construct", sort=False)] == [4, 4, 4]
    whole = found[found["construct"] == "topics"].set_index("unit_id")
    assert whole["label"].fillna("").to_dict() == {
        "both": "Health & care; schools", "one": "schools", "none": "(none)", "failed": "",
    }  # fmt: skip
    assert list(whole["status"]) == ["ok", "ok", "ok", "failed"]
    assert whole["p_Health & care"].to_numpy()[:3] == pytest.approx([0.75, 0.25, 0.25])
    assert whole["p_schools"].to_numpy()[:3] == pytest.approx([2 / 3, 0.8, 0.2])
    assert whole["score"].to_numpy()[:3] == pytest.approx([0.75 + 2 / 3, 1.05, 0.45])
    assert math.isnan(whole["score"].iat[3])
    assert whole["n_tokens"].eq(20).all()


def test_a_text_that_one_category_does_not_fit_is_not_codable_as_a_whole() -> None:
    books = [about(category, not_codable={"label": "unclear"}) for category in CATEGORIES]
    found = table({"a": [weighed([0.3, 0.1, 0.1]), weighed([0.1, 0.1, 0.4])]}, *books)
    whole = only(found[found["construct"] == "topics"].dropna(axis="columns", how="all"))
    assert whole["status"] == "not_codable"
    assert "label" not in whole


# Comparisons

SCORES = {"a": -1.5, "b": -0.5, "c": 0.4, "d": 1.6}
ORDER = 0.6


def logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def preferred(first: str, second: str, mass: float = 0.5) -> Answer:
    p = logistic(SCORES[first] - SCORES[second] + ORDER)
    return weighed([mass * p, mass * (1 - p)])


def compared(
    answers: Answers, texts: Sequence[str] = "abcd", *, tie: str | None = None, rounds: int = 9, **how: Any
) -> pd.DataFrame:
    book = {**BETTER, "pairs": {"tie": tie}}
    of = task(texts, instrument(book), design={"rounds": rounds, "seed": 1}, **how)
    return coding_table(of, {"better": Codebook.from_dict(book)}, responses(of, answers))


def test_comparisons_give_back_the_scores_that_made_them() -> None:
    found = compared(lambda texts, _: [preferred(*texts)])
    assert list(found["unit_id"]) == list("abcd")
    assert list(found["status"]) == ["ok"] * 4
    # The ridge draws scores a little together: by less than a hundredth of their spread.
    assert found["score"].to_numpy() == pytest.approx(list(SCORES.values()), abs=0.05)
    assert found["score"].sum() == pytest.approx(0, abs=1e-9)
    assert found["order_effect"].to_numpy() == pytest.approx([ORDER] * 4, abs=0.01)
    assert list(found["comparisons"]) == [6] * 4  # with three others, in both orders
    assert found["valid_mass"].to_numpy() == pytest.approx([0.5] * 4)
    assert found["label"].isna().all()
    assert (found["score_se"] < 0.03).all()  # nothing strays from the model
    assert list(found["n_tokens"]) == [20] * 4


def test_two_texts_by_hand() -> None:
    # Log-odds of a: logit(.8) = 1.386 when it is first, logit(.6) = .405 when it is second: scores +- .448,
    # an advantage of .490 for the first. (The ridge takes a hundredth of the scores away.)
    answers = {("a", "b"): [0.8, 0.2], ("b", "a"): [0.4, 0.6]}
    found = compared(lambda texts, _: [weighed(answers[texts])], "ab")
    assert found["score"].to_numpy() == pytest.approx([0.448, -0.448], abs=0.012)
    assert found["order_effect"].to_numpy() == pytest.approx([0.490] * 2, abs=0.002)
    assert found["score_se"].isna().all()  # one pair leaves nothing to measure an error with
    assert list(found["comparisons"]) == [2, 2]


def noise(texts: str, outcomes: int) -> dict[tuple[str, ...], np.ndarray]:
    """Return probabilities of the outcomes of each comparison that no scores explain."""
    generator = np.random.default_rng(3)
    return {pair: generator.dirichlet([2] * outcomes) for pair in itertools.permutations(texts, 2)}


@pytest.mark.parametrize("tie", [None, "neither"])
def test_scores_errors_and_ties_are_those_of_bradley_and_terry(tie: str | None) -> None:
    shares = noise("abcdef", 3 if tie else 2)
    found = compared(lambda texts, _: [weighed(0.8 * shares[texts])], "abcdef", tie=tie, rounds=2)
    of = task("abcdef", instrument({**BETTER, "pairs": {"tie": tie}}), design={"rounds": 2, "seed": 1})
    asked = [tuple(of.texts["text"].iat[row] for row in request.rows) for request in of.wanted]
    comparisons = pd.DataFrame(
        [
            {
                "first": text_sha256(first),
                "second": text_sha256(second),
                **dict(zip(("p_first", "p_second", "p_tie"), shares[first, second], strict=False)),
            }
            for first, second in asked
        ]
    )
    expected = bradley_terry(comparisons, ties=tie is not None, name="better")
    by_text = expected.scores.set_index("item").loc[[text_sha256(c) for c in "abcdef"]]
    assert found["score"].to_numpy() == pytest.approx(by_text["score"].to_numpy(), abs=1e-9)
    assert found["score_se"].to_numpy() == pytest.approx(by_text["se"].to_numpy(), abs=1e-9)
    assert (found["score_se"] > 0.02).all()
    assert list(found["comparisons"]) == list(by_text["comparisons"])
    assert expected.order_effect is not None
    assert found["order_effect"].to_numpy() == pytest.approx([expected.order_effect.value] * 6, abs=1e-9)


@pytest.mark.parametrize("status", ["too_long", "failed", "empty"])
def test_a_text_whose_comparisons_all_failed(status: str) -> None:
    found = compared(lambda texts, _: status if "b" in texts else [preferred(*texts)]).set_index("unit_id")
    assert found["status"].to_dict() == {"a": "ok", "b": status, "c": "ok", "d": "ok"}
    assert found.loc["b", ["score", "score_se", "valid_mass"]].isna().all()
    assert found["comparisons"].to_dict() == {"a": 4, "b": 0, "c": 4, "d": 4}
    spread = [SCORES[text] - (SCORES["a"] + SCORES["c"] + SCORES["d"]) / 3 for text in "acd"]
    assert found.loc[["a", "c", "d"], "score"].to_numpy() == pytest.approx(spread, abs=0.05)


def test_one_failed_comparison_leaves_a_score() -> None:
    found = compared(lambda texts, _: "failed" if texts == ("a", "b") else [preferred(*texts)])
    assert list(found["status"]) == ["ok"] * 4
    assert list(found["comparisons"]) == [5, 5, 6, 6]
    assert found["score"].to_numpy() == pytest.approx(list(SCORES.values()), abs=0.05)


@pytest.mark.parametrize("status", ["ok", "failed"])
def test_nothing_to_compare(status: str) -> None:
    alone = only(compared(lambda texts, _: [preferred(*texts)], "a"))
    assert (alone["status"], alone["comparisons"], alone["n_tokens"]) == ("not_compared", 0, 0)
    assert alone["status"] in STATUSES
    assert math.isnan(alone["score"])
    assert math.isnan(alone["order_effect"])
    failed = compared(lambda *_: "failed")
    assert list(failed["status"]) == ["failed"] * 4
    assert failed[["score", "score_se", "order_effect"]].isna().all(axis=None)


def test_units_with_one_text_have_one_score() -> None:
    of = task(["a", "b", "a", "c"], instrument(BETTER), design={"rounds": 5, "seed": 1})
    of = Task(of.instrument, of.texts.assign(unit_id=["u1", "u2", "u3", "u4"]), of.wanted)
    found = coding_table(
        of, {"better": Codebook.from_dict(BETTER)}, responses(of, lambda texts, _: [preferred(*texts)])
    )
    assert list(found["unit_id"]) == ["u1", "u2", "u3", "u4"]
    assert found["score"].iat[0] == found["score"].iat[2]
    assert found["score"].nunique() == 3


def test_repeated_comparisons_are_taken_together() -> None:
    """A rationale that is drawn makes repeats differ; a text still has one score."""
    shares = noise("abcdef", 2)
    found = compared(lambda texts, _: [weighed(shares[texts])], "abcdef", repeats=2)
    once = compared(lambda texts, _: [weighed(shares[texts])], "abcdef")
    assert len(found) == 6
    assert list(found["comparisons"]) == [20] * 6
    assert list(once["comparisons"]) == [10] * 6
    assert found["score"].to_numpy() == pytest.approx(once["score"].to_numpy(), abs=0.01)
    # Asking again tells nothing new about which pairs were drawn, so the errors do not shrink.
    assert found["score_se"].to_numpy() == pytest.approx(once["score_se"].to_numpy(), rel=0.05)


def test_what_is_counted_of_comparisons() -> None:
    of = task("abc", instrument(BETTER), design={"rounds": 1, "seed": 1})
    said = responses(of, lambda texts, _: [preferred(*texts)])
    for request in of.wanted:
        pair = {of.texts["text"].iat[row] for row in request.rows}
        said[request.key]["n_tokens"] = 30 if pair == {"a", "b"} else 20
        said[request.key]["truncated"] = 1 if "c" in pair else 0
        said[request.key]["escaped"] = 5 if pair == {"a", "b"} else 0
    found = coding_table(of, {"better": Codebook.from_dict(BETTER)}, said).set_index("unit_id")
    assert found["n_tokens"].to_dict() == {"a": 25, "b": 25, "c": 20}
    assert found["truncated"].to_dict() == {"a": 1, "b": 1, "c": 1}
    assert found["escaped"].to_dict() == {"a": 5, "b": 5, "c": 0}


# The program

RESPONSES: dict[str, Any] = {
    "a": [weighed([0.3, 0.1, 0.1, 0.1])],
    "b": "too_long",
    "c": "failed",
    "e": [weighed([0.1, 0.1, 0.3, 0.1])],
}


def tabulate(folder: Path, which: str = "all", indexed: slice = slice(None), **changed: Any) -> pd.DataFrame:
    """Run the program: five units, two constructs, two shards; one text twice, one too long, one failed."""
    texts = {"u5": "e", "u1": "a", "u2": "b", "u3": "c", "u4": "a"}
    table_ = units(*texts.values()).assign(unit_id=list(texts))
    table_.to_parquet(folder / "units.parquet")
    (folder / "sample.csv").write_text("unit_id,stratum\nu3,x\nu1,x\n", encoding="utf-8")
    store, keys = ResponseStore(folder / "responses"), []
    for book in (BOOK, SOUND):
        of = Task(instrument(book), table_, list(requests(table_, instrument(book))))
        keys += [request.key for request in of.wanted]
        said: Answers = lambda texts, _: RESPONSES[texts[0]]  # noqa: E731
        if book is SOUND:
            said = lambda *_: [weighed([0.2, 0.3])]  # noqa: E731
        with store.write() as journal:
            for one in responses(of, said).values():
                journal.add(one)
        path = folder / f"{book['construct']}.json"
        path.write_text(of.instrument.to_json(), encoding="utf-8")
    where, _ = store.find(keys)
    for shard in (0, 1):
        rows = [f"{key},{where[key]}\n" for key in keys[indexed] if int(key, 16) % 2 == shard]
        (folder / f"index.{shard}.csv").write_text("".join(["key,segment\n", *rows]), encoding="ascii")
    given_: dict[str, Any] = {
        "units": folder / "units.parquet",
        "sample": folder / "sample.csv",
        "instruments": [folder / "tone.json", folder / "sound.json"],
        "codebooks": [SOUND, BOOK],
        "indexes": [folder / "index.0.csv", folder / "index.1.csv"],
        "asked": {"llm": {"which": which, "repeats": 1, "designs": {}, "references": {}}},
        "store": folder / "responses",
        "codings": folder / "codings.parquet",
    }
    main(**given_ | changed)
    return pd.read_parquet(folder / "codings.parquet")


def test_every_unit_is_in_the_table_once_a_construct(tmp_path: Path) -> None:
    found = tabulate(tmp_path)
    assert list(zip(found["construct"], found["unit_id"], strict=True)) == [
        (construct, f"u{n}") for construct in ("sound", "tone") for n in range(1, 6)
    ]
    tone = found[found["construct"] == "tone"]
    assert list(tone["status"]) == ["ok", "too_long", "failed", "ok", "ok"]
    assert list(tone["label"].fillna("")) == ["good", "", "", "good", "bad"]
    assert tone[["p_loud", "p_soft"]].isna().all(axis=None)
    sound = found[found["construct"] == "sound"]
    assert set(sound["label"]) == {"soft"}
    assert sound["score"].isna().all()
    assert sound["p_soft"].to_numpy() == pytest.approx([0.6] * 5)


def test_the_sample_alone(tmp_path: Path) -> None:
    found = tabulate(tmp_path, which="sample")
    assert list(found["unit_id"]) == ["u1", "u3", "u1", "u3"]
    assert list(found["status"]) == ["ok", "ok", "ok", "failed"]


def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    contents = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        tabulate(tmp_path / name)
        contents.append((tmp_path / name / "codings.parquet").read_bytes())
    assert contents[0] == contents[1]


def test_the_file_is_that_of_all_constructs_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are written in portions of one construct; the bytes are those of one table, sorted and written."""
    monkeypatch.setattr(codings, "PORTION", 4)
    monkeypatch.setattr(parquet_parts, "ROW_GROUP", 9)
    random = np.random.default_rng(3)
    names = [f"u{n}" for n in random.permutation(12)]
    table_ = units(*random.choice(list("abcdefgh"), len(names))).assign(unit_id=names)
    table_.to_parquet(tmp_path / "units.parquet")
    (tmp_path / "sample.csv").write_text("unit_id,stratum\n", encoding="utf-8")
    asked: dict[str, Any] = {"which": "all", "repeats": 2, "designs": {"better": {"rounds": 2, "seed": 1}}}
    asked["references"] = {"tone": ["N/A", "b"]}
    store, where, parts = ResponseStore(tmp_path / "responses"), {}, []
    groups = [[CALIBRATED], [about(name) for name in CATEGORIES], [HURT, DEMANDS, SOUND], [BETTER]]
    for books in groups:
        of = instrument(*books, rationale="after", rationale_tokens=5)
        texts = texts_of(table_, asked["references"].get(of.name, ()))
        wanted = requests(texts, of, repeats=2, design=asked["designs"].get(of.name))
        one = Task(of, texts, list(wanted))

        def said(texts: tuple[str, ...], repeat: int, of: Instrument = of) -> list[Answer] | str:
            if of.name != "tone" and random.random() < 0.2:
                return "failed"
            return [any_answer(question, random) for question in of.questions]

        found = responses(one, said)
        with store.write() as journal:
            for response in found.values():
                journal.add(response)
        where |= store.find(found)[0]
        codebooks = {book["construct"]: Codebook.from_dict(book) for book in books}
        parts.append(coding_table(one, codebooks, found))
        (tmp_path / f"{of.name}.json").write_text(of.to_json(), encoding="utf-8")
    index = "".join(f"{key},{segment}\n" for key, segment in where.items())
    (tmp_path / "index.csv").write_text(f"key,segment\n{index}", encoding="ascii")
    main(
        units=tmp_path / "units.parquet",
        sample=tmp_path / "sample.csv",
        instruments=[tmp_path / f"{instrument(*books).name}.json" for books in groups],
        codebooks=[book for books in groups for book in books],
        indexes=[tmp_path / "index.csv"],
        asked={"llm": asked},
        store=tmp_path / "responses",
        codings=tmp_path / "codings.parquet",
        written=tmp_path / "written.parquet",
    )
    whole = pd.concat(parts, ignore_index=True).sort_values(["construct", "unit_id", "repeat"], kind="stable")
    for name, expected in zip(("codings", "written"), without_texts(whole), strict=True):
        expected.to_parquet(tmp_path / "expected", index=False, row_group_size=9)
        assert (tmp_path / f"{name}.parquet").read_bytes() == (tmp_path / "expected").read_bytes()
    assert set(whole["construct"]) == {"tone", "hurt", "demands", "sound", "better", "topics"} | {
        about(name)["construct"] for name in CATEGORIES
    }


def any_answer(question: Question, random: np.random.Generator) -> Answer:
    """Return an answer by chance: of labels in one order or two, sometimes without probabilities."""
    reason = {"rationale": f"Because {random.integers(9)}."}
    if question.kind == "number":
        return {"value": str(random.integers(50)), "log_p": -random.random(), **reason}
    if question.kind == "spans":
        return {"spans": [[0, 1]] * int(random.integers(3)), "log_p": -random.random(), **reason}
    n = len(question.labels)
    orders = [list(np.log(random.dirichlet(np.ones(n)) * 0.9)) for _ in range(random.integers(1, 3))]
    return {"log_p": orders, "label": int(random.integers(n)), **reason}


def test_a_text_without_a_response_in_the_index(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="1 of 4 responses for tone are not in the index") as error:
        tabulate(tmp_path, indexed=slice(1, None))
    assert "index.0.csv" in str(error.value)
    twice = {"which": "all", "repeats": 2, "designs": {}, "references": {}}
    with pytest.raises(StudyError, match="4 of 8 responses for tone are not in the index"):
        tabulate(tmp_path, asked={"llm": twice})


def test_responses_that_were_not_pulled(tmp_path: Path) -> None:
    tabulate(tmp_path)
    segments = sorted((tmp_path / "responses/segments").glob("*.jsonl"))
    segments[0].unlink()
    where = pd.concat([pd.read_csv(tmp_path / f"index.{n}.csv", dtype=str) for n in (0, 1)])
    assert segments[0].stem in set(where["segment"])
    with pytest.raises(StudyError, match="dvc pull"):
        main(
            units=tmp_path / "units.parquet",
            sample=tmp_path / "sample.csv",
            instruments=[tmp_path / "tone.json", tmp_path / "sound.json"],
            codebooks=[BOOK, SOUND],
            indexes=[tmp_path / "index.0.csv", tmp_path / "index.1.csv"],
            asked={"llm": {"which": "all", "repeats": 1, "designs": {}, "references": {}}},
            store=tmp_path / "responses",
            codings=tmp_path / "codings.parquet",
        )


def test_what_quotes_the_texts_is_divided_from_what_may_be_shared() -> None:
    spans = json.dumps([{"start": 2, "end": 6, "text": "very"}, {"start": 0, "end": 1, "text": "a"}])
    table = pd.DataFrame(
        {
            "unit_id": ["a", "b"],
            "construct": "tone",
            "repeat": 1,
            "score": [2.0, 0.0],
            "spans": pd.Series([spans, None], dtype="str"),
            "rationale": pd.Series(["It says very.", None], dtype="str"),
        }
    )
    codings, written = without_texts(table)
    assert list(codings) == ["unit_id", "construct", "repeat", "score", "spans"]
    assert json.loads(codings["spans"][0]) == [{"start": 2, "end": 6}, {"start": 0, "end": 1}]
    assert pd.isna(codings["spans"][1])
    assert list(written) == ["unit_id", "construct", "repeat", "rationale", "spans"]
    assert written["spans"][0] == spans

    plain = table.drop(columns=["spans", "rationale"])
    codings, written = without_texts(plain)
    assert codings.equals(plain)
    assert list(written) == ["unit_id", "construct", "repeat"]
