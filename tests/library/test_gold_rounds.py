"""Pilot rounds: agreement on the pilot alone, by hand, and what was changed between rounds."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from study.config import load
from study.errors import StudyError
from study.gold import round_table as table_program
from study.gold.frozen import sha256
from study.gold.rounds import COLUMNS, ROUNDS, agreement, main, new_round, read, round_table

GOOD = Path(__file__).parent / "good_study"
NOW = datetime(2026, 3, 4, tzinfo=UTC)
PILOT = set("abcde")
LEVELS = {"wrong": "nominal"}
CODERS = {"wrong": ["humans", "llm", "words"]}


def measures() -> pd.DataFrame:
    """Ten units: coders agree perfectly outside of the pilot, which must not show."""
    inside, outside = list("abcde"), list("vwxyz")
    humans = ["yes", "yes", "no", "no", None, *["yes", "no"] * 2, "no"]
    llm = ["yes", "no", "no", "no", "yes", *["yes", "no"] * 2, "no"]
    value = {"yes": 1.0, "no": 0.0}
    return pd.DataFrame(
        {
            "unit_id": [*inside, *outside],
            "wrong_humans": [value.get(str(label)) for label in humans],
            "wrong_humans_label": humans,
            "wrong_llm": [0.9, 0.4, 0.2, 0.1, 0.8, 1, 0, 1, 0, 0],
            "wrong_llm_label": llm,
            "wrong_words": [3.0] * 10,
        }
    )


def ratings() -> pd.DataFrame:
    codes = {
        "a": ("yes", "yes"), "b": ("yes", "no"), "c": ("no", "no"), "d": ("no", "no"), "e": ("no",),
        "v": ("yes", "no"), "w": ("yes", "no"),
    }  # fmt: skip
    rows = [(unit, str(n), code) for unit, found in codes.items() for n, code in enumerate(found)]
    table = pd.DataFrame(rows, columns=["unit_id", "rater", "code"])
    return table.assign(
        construct="wrong", coder="humans", value=table["code"].map({"yes": 1.0, "no": 0.0}), status="ok"
    )


def figures(**keys: Any) -> list[dict[str, Any]]:
    own: dict[str, Any] = {
        "measures": measures(), "ratings": ratings(), "pilot": PILOT, "levels": LEVELS, "coders": CODERS,
        "criterion": "humans",
    }  # fmt: skip
    return agreement(**(own | keys))


def test_agreement_on_the_pilot_by_hand() -> None:
    humans, llm, words = figures()
    assert (humans["coder"], humans["n"], humans["kappa"]) == ("humans", 4, None)
    # 8 values, 3 yes and 5 no; 1 of 4 pairs differs: 1 - (2/8) / (2 * 3 * 5 / (8 * 7)).
    assert humans["alpha"] == pytest.approx(1 - (2 / 8) / (30 / 56))
    assert llm["n"] == 4
    assert llm["percent_agreement"] == 3 / 4
    # Shares of yes .5 and .25: chance .5 * .25 + .5 * .75 = .5.
    assert llm["kappa"] == pytest.approx((0.75 - 0.5) / 0.5)
    # Deviations .5 0 -.2 -.3 and .5 .5 -.5 -.5: products .5, squares .38 and 1.
    assert llm["pearson_r"] == pytest.approx(0.5 / 0.38**0.5, abs=1e-9)
    assert llm["alpha"] is None
    assert (words["n"], words["pearson_r"], words["percent_agreement"]) == (4, None, None)
    assert words["note"] == "undefined, since the codes do not vary: pearson_r"


def test_what_cannot_be_computed_says_why() -> None:
    humans, llm, _ = figures(pilot={"e"})
    assert (humans["n"], humans["note"]) == (0, "no unit has two ratings")
    assert (llm["n"], llm["note"]) == (0, "no pilot unit has both codes")
    humans, llm, _ = figures(pilot={"c", "d"})
    assert (humans["n"], humans["alpha"], humans["note"]) == (2, None, "undefined: the ratings do not vary")
    assert llm["percent_agreement"] == 1
    assert llm["kappa"] is None


def test_constructs_without_the_criterion_are_left_out() -> None:
    assert (
        figures(levels={"wrong": "nominal", "tone": "ordinal"}, coders={**CODERS, "tone": ["llm"]})
        == figures()
    )


def one_round(before: list[dict[str, Any]], question: str, **keys: Any) -> dict[str, Any]:
    study = {"codebooks": {"wrong": {"asked_in": "wrong", "question": question, "status": "pilot"}}}
    own: dict[str, Any] = {"note": "first", "now": NOW, "pilot": PILOT, "frozen": False}
    return new_round(before, study, figures(), **(own | keys))


def test_rounds_say_what_changed_since_the_one_before() -> None:
    first = one_round([], "Is it?")
    second = one_round([first], "Is it wrong?", note="clearer")
    third = one_round([first, second], "Is it wrong?", note="nothing", frozen=True, pilot={"a"})
    assert [one["round"] for one in (first, second, third)] == [1, 2, 3]
    table = round_table([first, second, third])
    assert list(table.columns) == COLUMNS
    assert table["change"].unique().tolist() == ["first", "clearer", "nothing"]
    llm = table[table["coder"] == "llm"]
    assert llm["changed"].tolist() == ["", "question", ""]
    assert llm["note"].tolist() == ["", "", "after the freeze; other pilot units than in round 1"]
    assert llm["sha256"].tolist()[0] == sha256({"asked_in": "wrong", "question": "Is it?"})
    assert llm["sha256"].nunique() == 2
    assert set(table["date"]) == {"2026-03-04"}


@pytest.fixture
def study(tmp_path: Path) -> Path:
    root = tmp_path / "study"
    shutil.copytree(GOOD, root)
    config = yaml.safe_load((root / "config" / "study.yaml").read_text())
    config["gold"] = {"draw": {"n": 10, "pilot": 5}}
    (root / "config" / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    pd.DataFrame({"unit_id": [*"abcdevwxyz"], "part": ["pilot"] * 5 + ["evaluate"] * 5}).assign(
        stratum="all", probability=1.0, sampling_probability=0.5
    ).to_csv(root / "sample.csv", index=False)
    renamed = {c: c.replace("wrong", "sentiment") for c in measures()}
    measures().rename(columns=renamed).to_parquet(root / "measures.parquet")
    ratings().assign(construct="sentiment").to_parquet(root / "ratings.parquet")
    return root


def run(root: Path, overrides: dict[str, Any]) -> None:
    main(
        overrides=overrides,
        sample=root / "sample.csv",
        measures=root / "measures.parquet",
        ratings=root / "ratings.parquet",
        root=root,
    )


def test_the_program_appends_a_round(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(study, {"note": "first"})
    assert "sentiment, llm, n = 4: percent_agreement 0.75, kappa 0.50" in capsys.readouterr().out
    file = study / "config" / "codebooks" / "sentiment.yaml"
    book = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**book, "question": "Is it nice?"}, sort_keys=False))
    run(study, {"note": "nicer"})
    assert "(changed: question)" in capsys.readouterr().out
    rounds = read(study / ROUNDS)
    assert [(one["round"], one["note"]) for one in rounds] == [(1, "first"), (2, "nicer")]
    assert rounds[1]["codebooks"]["sentiment"]["codebook"]["question"] == "Is it nice?"
    assert rounds[1]["codebooks"]["warmth"]["changed"] == []
    assert load(study)["codebooks"]["sentiment"]["question"] == "Is it nice?"

    table = study / "tables" / "pilot_rounds.csv"
    table_program.main(rounds=[study / ROUNDS], table=table)
    written = pd.read_csv(table)
    assert list(written.columns) == COLUMNS
    assert written.loc[written["coder"] == "llm", "kappa"].tolist() == [0.5, 0.5]


def test_without_rounds_the_table_is_its_header(tmp_path: Path) -> None:
    table_program.main(rounds=[], table=tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == ",".join(COLUMNS) + "\n"


def test_a_round_needs_a_note_and_pilot_units_that_were_coded(study: Path) -> None:
    with pytest.raises(StudyError, match=r"key 'note'.*what was changed"):
        run(study, {})
    pd.read_csv(study / "sample.csv").assign(part="evaluate").to_csv(study / "sample.csv", index=False)
    with pytest.raises(StudyError, match=r"gold\.draw\.pilot.*no pilot"):
        run(study, {"note": "first"})
    sample = pd.read_csv(study / "sample.csv")
    sample["part"] = ["pilot" if unit == "e" else "evaluate" for unit in sample["unit_id"]]
    sample.to_csv(study / "sample.csv", index=False)
    with pytest.raises(StudyError, match="No pilot unit has two codes"):
        run(study, {"note": "first"})
    assert not (study / ROUNDS).exists()


@pytest.mark.parametrize("content", ["", "[]", '{"rounds": [{}]}', json.dumps({"rounds": 1})])
def test_a_damaged_record_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "rounds.json").write_text(content)
    with pytest.raises(StudyError, match=r"rounds\.json: This is not what 'snakemake pilot_round' has"):
        read(tmp_path / "rounds.json")
