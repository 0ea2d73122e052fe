"""The table of codings: one row a unit, whatever became of it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.codebook import Codebook
from study.coders import STATUSES
from study.codings import coding_table, expected_score, label_probabilities, main
from study.corpus import text_sha256
from study.errors import StudyError
from study.instrument import Instrument
from study.store import ResponseStore, response_key

BOOK: dict[str, Any] = {
    "construct": "tone",
    "question": "How is it?",
    "type": "classify",
    "level": "ordinal",
    "categories": {"good": {"value": 1}, "middling": {"value": 0}, "bad": {"value": -2}},
    "not_codable": {"label": "unclear"},
}
CODEBOOK = Codebook.from_dict(BOOK)


def instrument(
    construct: str = "tone", labels: tuple[str, ...] = ("good", "middling", "bad", "unclear")
) -> Instrument:
    return Instrument(
        construct=construct,
        coder="llm",
        labels=labels,
        answers=labels,
        before="Text: ",
        after=f"How is the {construct}?",
        end_of_turn="<end>",
        model={"name": "m", "sha256": "0" * 64, "engine": {"guidance": "1"}},
        settings={"decoding": "label probabilities", "context": 64, "too_long": "refuse"},
    )


def response(
    text: str,
    probabilities: list[float] | None,
    status: str = "ok",
    of: Instrument | None = None,
    **others: Any,
) -> dict[str, Any]:
    """Return a response as the store has it."""
    instrument_id = (of or instrument()).instrument_id
    digest = text_sha256(text)
    return {
        "key": response_key(instrument_id, digest, 1),
        "instrument_id": instrument_id,
        "unit_id": text,
        "text_sha256": digest,
        "repeat": 1,
        "status": status,
        "log_p": None if probabilities is None else [math.log(p) for p in probabilities],
        "n_tokens": 20,
        "truncated": 0,
    } | others


def units(*texts: str) -> pd.DataFrame:
    return pd.DataFrame({"unit_id": list(texts), "text_sha256": [text_sha256(text) for text in texts]})


def table(
    *responses: dict[str, Any], texts: list[str] | None = None, book: Codebook = CODEBOOK
) -> pd.DataFrame:
    wanted = units(*(texts or [one["unit_id"] for one in responses]))
    return coding_table(wanted, instrument(), book, {one["key"]: one for one in responses})


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


def test_a_label_without_a_value_takes_no_part() -> None:
    # 'unclear' has half of the probability; of the other half, .1 x 1 + .2 x 0 + .2 x -2 = -.3, so -.3 / .5.
    assert expected_score(np.array([[0.1, 0.2, 0.2, 0.5]]), [1.0, 0.0, -2.0, None]) == pytest.approx([-0.6])
    with np.errstate(all="raise"):
        alone = expected_score(np.array([[0.0, 0.0, 0.0, 1.0]]), [1.0, 0.0, -2.0, None])
        nominal = expected_score(np.array([[0.5, 0.5]]), [None, None])
    assert np.isnan(alone).all()
    assert np.isnan(nominal).all()


@given(st.lists(st.floats(0.01, 1), min_size=4, max_size=4))
def test_expected_score_is_the_codebook_s(weights: list[float]) -> None:
    probabilities = np.array(weights) / sum(weights)
    [found] = expected_score(probabilities[None, :], CODEBOOK.values)
    assert found == pytest.approx(CODEBOOK.score(list(probabilities)))


def test_a_row_by_hand() -> None:
    [row] = table(response("a", [0.08, 0.02, 0.06, 0.04], n_tokens=31, truncated=7)).to_dict("records")
    assert row["p_good"] == pytest.approx(0.4)
    assert row["p_middling"] == pytest.approx(0.1)
    assert row["p_bad"] == pytest.approx(0.3)
    assert row["p_unclear"] == pytest.approx(0.2)
    assert row["valid_mass"] == pytest.approx(0.2)
    assert row["score"] == pytest.approx((0.4 * 1 + 0.1 * 0 + 0.3 * -2) / 0.8)
    assert (row["label"], row["status"]) == ("good", "ok")
    assert (row["unit_id"], row["construct"], row["coder"], row["repeat"]) == ("a", "tone", "llm", 1)
    assert (row["instrument_id"], row["text_sha256"]) == (instrument().instrument_id, text_sha256("a"))
    assert (row["n_tokens"], row["truncated"]) == (31, 7)


def test_not_codable_has_a_label_and_no_score() -> None:
    [row] = table(response("a", [0.1, 0.1, 0.1, 0.2])).to_dict("records")
    assert (row["label"], row["status"]) == ("unclear", "not_codable")
    assert math.isnan(row["score"])
    assert row["p_unclear"] == pytest.approx(0.4)
    # A codebook in which 'unclear' is a label like the others.
    plain = Codebook.from_dict(
        {**BOOK, "categories": {**BOOK["categories"], "unclear": {"value": 5}}, "not_codable": None}
    )
    [row] = table(response("a", [0.1, 0.1, 0.1, 0.2]), book=plain).to_dict("records")
    assert (row["label"], row["status"]) == ("unclear", "ok")
    assert row["score"] == pytest.approx(0.2 * 1 + 0.2 * -2 + 0.4 * 5)


def test_of_equally_probable_labels_the_first_that_is_offered_counts() -> None:
    found = table(
        response("all", [0.1, 0.1, 0.1, 0.1]),
        response("last two", [0.05, 0.05, 0.2, 0.2]),
        response("middle", [0.1, 0.2, 0.2, 0.1]),
    )
    assert list(found["label"]) == ["good", "bad", "middling"]
    assert list(found["status"]) == ["ok", "ok", "ok"]


@pytest.mark.parametrize("status", ["too_long", "empty", "failed"])
@pytest.mark.parametrize("alone", [True, False])
def test_a_failure_is_a_row(status: str, alone: bool) -> None:
    others = [] if alone else [response("b", [0.1, 0.1, 0.4, 0.1])]
    found = table(response("a", None, status, n_tokens=99), *others)
    row = found.iloc[0]
    assert status in STATUSES
    assert (row["unit_id"], row["status"], row["n_tokens"]) == ("a", status, 99)
    assert row[["label", "score", "p_good", "p_middling", "p_bad", "p_unclear", "valid_mass"]].isna().all()
    assert len(found) == 1 + len(others)
    assert found["label"].dtype == "str"
    if not alone:
        assert (found.iloc[1]["label"], found.iloc[1]["status"]) == ("bad", "ok")


def test_units_with_one_text_have_one_response_and_a_row_each() -> None:
    one = response("same", [0.1, 0.2, 0.3, 0.1])
    wanted = pd.DataFrame({"unit_id": ["u1", "u2"], "text_sha256": [text_sha256("same")] * 2})
    found = coding_table(wanted, instrument(), CODEBOOK, {one["key"]: one})
    assert list(found["unit_id"]) == ["u1", "u2"]
    assert found["score"].nunique() == 1
    assert list(found["label"]) == ["bad", "bad"]


SOUND = instrument("sound", ("loud", "soft"))
SOUND_BOOK = {
    "construct": "sound",
    "question": "How?",
    "type": "classify",
    "level": "nominal",
    "categories": {"loud": None, "soft": None},
}


def tabulate(folder: Path, code: str = "all", indexed: slice = slice(None)) -> pd.DataFrame:
    """Run the program: five units, two constructs, two shards; one text twice, one too long, one failed."""
    texts = {"u5": "e", "u1": "a", "u2": "b", "u3": "c", "u4": "a"}
    pd.DataFrame(
        {
            "unit_id": list(texts),
            "text": list(texts.values()),
            "text_sha256": [text_sha256(text) for text in texts.values()],
        }
    ).to_parquet(folder / "units.parquet")
    (folder / "sample.csv").write_text("unit_id,stratum\nu3,x\nu1,x\n", encoding="utf-8")
    tone = instrument()
    store = ResponseStore(folder / "responses")
    for responses in (
        [response("a", [0.3, 0.1, 0.1, 0.1]), response("b", None, "too_long"), response("c", None, "failed")],
        [
            response("e", [0.1, 0.1, 0.3, 0.1]),
            *[response(text, [0.2, 0.3], of=SOUND) for text in "abce"],
        ],
    ):
        with store.write() as journal:
            for one in responses:
                journal.add(one)
    keys = [response_key(i.instrument_id, text_sha256(text), 1) for i in (tone, SOUND) for text in "abce"]
    where, _ = store.find(keys)
    for shard in (0, 1):
        rows = [f"{key},{where[key]}\n" for key in keys[indexed] if int(key, 16) % 2 == shard]
        (folder / f"index.{shard}.csv").write_text("".join(["key,segment\n", *rows]), encoding="ascii")
    for one in (tone, SOUND):
        (folder / f"{one.construct}.json").write_text(one.to_json(), encoding="utf-8")
    main(
        units=folder / "units.parquet",
        sample=folder / "sample.csv",
        instruments=[folder / "tone.json", folder / "sound.json"],
        codebooks=[SOUND_BOOK, BOOK],
        indexes=[folder / "index.0.csv", folder / "index.1.csv"],
        code=code,
        store=folder / "responses",
        codings=folder / "codings.parquet",
    )
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
    found = tabulate(tmp_path, code="sample")
    assert list(found["unit_id"]) == ["u1", "u3", "u1", "u3"]
    assert list(found["status"]) == ["ok", "ok", "ok", "failed"]


def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    contents = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        tabulate(tmp_path / name)
        contents.append((tmp_path / name / "codings.parquet").read_bytes())
    assert contents[0] == contents[1]


def test_a_text_without_a_response_in_the_index(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="1 of 4 texts have no response for tone in the index") as error:
        tabulate(tmp_path, indexed=slice(1, None))
    assert "index.0.csv" in str(error.value)


def test_responses_that_were_not_pulled(tmp_path: Path) -> None:
    tabulate(tmp_path)
    wanted = response("a", None)["key"]
    where, _ = ResponseStore(tmp_path / "responses").find([wanted])
    (tmp_path / "responses/segments" / f"{where[wanted]}.jsonl").unlink()
    with pytest.raises(StudyError, match="dvc pull"):
        main(
            units=tmp_path / "units.parquet",
            sample=tmp_path / "sample.csv",
            instruments=[tmp_path / "tone.json"],
            codebooks=[BOOK],
            indexes=[tmp_path / "index.0.csv", tmp_path / "index.1.csv"],
            code="all",
            store=tmp_path / "responses",
            codings=tmp_path / "codings.parquet",
        )
