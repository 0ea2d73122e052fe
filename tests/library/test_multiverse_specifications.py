"""Every specification where the truth is known: codes as they are mislead, and corrections do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from library import multiverse_study
from library.multiverse_study import ANALYSIS, TERM
from study.errors import StudyError
from study.inference.analyses import Study
from study.multiverse.instruments import Instrument
from study.multiverse.specifications import ALL_GOLD, COLUMNS, Multiverse, flips, same_texts

ALL = ("score", "label", "confident")


def multiverse(
    study: Study,
    instruments: list[Instrument],
    decisions: tuple[str, ...] = ALL,
    estimators: tuple[str, ...] = ("naive", "dsl"),
    **settings: Any,
) -> Multiverse:
    analysis = same_texts(study, ANALYSIS | settings, instruments)
    return Multiverse("reporting", analysis, instruments, decisions, estimators, 0.7)


@pytest.fixture(scope="module")
def units() -> pd.DataFrame:
    return multiverse_study.texts()


@pytest.fixture(scope="module")
def table(units: pd.DataFrame) -> pd.DataFrame:
    study = multiverse_study.study(units)
    made = multiverse(study, multiverse_study.instruments(units, "even", "uneven", "words", cells=True))
    return made.table([TERM], made.gold())


def rows(table: pd.DataFrame, **cells: Any) -> pd.DataFrame:
    for column, value in cells.items():
        table = table[table[column] == value]
    return table


def test_a_row_for_each_instrument_decision_and_estimator(table: pd.DataFrame) -> None:
    assert list(table.columns) == list(COLUMNS)
    assert len(table) == (3 + 4) * 3 * 2
    pairs = table.groupby("specification")[["instrument", "decision"]].nunique()
    assert list(pairs.index) == list(range(1, 22))
    assert (pairs == 1).all(axis=None)
    cell = rows(table, experiment="asking", cell=3).iloc[0]
    assert (cell["instrument"], cell["coder"]) == ("experiment asking, cell 3", "even")
    assert (cell["wording"], cell["label_order"], cell["surface"]) == ("leading", "fixed", "none")
    coder = rows(table, instrument="coder even").iloc[0]
    assert (coder["experiment"], coder["cell"], coder["wording"]) == ("", "", "")


def test_an_uneven_instrument_flips_the_sign_and_the_correction_does_not(table: pd.DataFrame) -> None:
    uneven = rows(table, instrument="coder uneven", decision="label")
    naive, dsl = rows(uneven, estimator="naive").iloc[0], rows(uneven, estimator="dsl").iloc[0]
    assert naive["ci_high"] < 0
    assert (naive["sign_flip"], naive["significance_flip"], naive["error_type"]) == (True, True, "S")
    assert dsl["ci_low"] < 0.2 < dsl["ci_high"]
    assert (dsl["sign_flip"], dsl["error_type"]) == (False, "none")
    even = rows(table, instrument="coder even", estimator="naive", decision="label").iloc[0]
    assert (even["sign_flip"], even["significance_flip"], even["error_type"]) == (False, False, "none")


def test_the_leading_wording_alone_flips_the_sign_in_the_experiment(table: pd.DataFrame) -> None:
    cells = rows(table, experiment="asking", estimator="naive", decision="label")
    assert list(cells["sign_flip"]) == [False, False, True, True]
    corrected = rows(table, experiment="asking", estimator="dsl")
    assert not corrected["sign_flip"].any()
    assert corrected["estimate"].between(0.05, 0.35).all()


def test_naive_estimates_are_differences_of_means_by_hand(units: pd.DataFrame, table: pd.DataFrame) -> None:
    said = multiverse_study.tables(units)["even"]
    b, label = (units["group"] == "b").to_numpy(), (said["label"] == "yes").to_numpy()
    sure = np.maximum(said["p_yes"], said["p_no"]).to_numpy() >= 0.7
    expected = {
        "score": said["score"][b].mean() - said["score"][~b].mean(),
        "label": label[b].mean() - label[~b].mean(),
        "confident": label[b & sure].mean() - label[~b & sure].mean(),
    }
    found = rows(table, instrument="coder even", estimator="naive").set_index("decision")
    for decision, value in expected.items():
        assert found.loc[decision, "estimate"] == pytest.approx(value)
    assert list(found["n"]) == [1200, 1200, sure.sum()]
    corrected = rows(table, instrument="coder even", estimator="dsl")
    assert list(corrected["n"]) == [1200] * 3  # a text without a confident code is corrected too
    assert list(corrected["n_gold"]) == [400] * 3


def test_what_an_instrument_cannot_give_is_a_row_with_a_note(table: pd.DataFrame) -> None:
    words = rows(table, instrument="coder words")
    assert rows(words, decision="score")["estimate"].notna().all()
    for decision in ("label", "confident"):
        without = rows(words, decision=decision)
        assert without["estimate"].isna().all()
        assert set(without["note"]) == {"not available: the instrument gives no labels"}
        assert set(without["sign_flip"]) == {""}


def test_the_gold_analysis_is_of_all_texts_where_people_coded_them(units: pd.DataFrame) -> None:
    study = multiverse_study.study(units)
    gold = multiverse(study, multiverse_study.instruments(units, "even")).gold()
    truth = units.groupby("group")["truth"].mean()
    assert gold.estimator == "benchmark"
    assert gold.result is not None
    assert gold.result.params[TERM] == pytest.approx(truth["b"] - truth["a"])


def test_else_it_is_of_the_gold_sample(units: pd.DataFrame) -> None:
    study = multiverse_study.study(units)
    chosen = set(study.gold["unit_id"][study.gold["part"] == "evaluate"])
    others = ~study.measures["unit_id"].isin(chosen)
    study.measures.loc[others, ["anger_humans", "anger_humans_label"]] = [np.nan, None]
    gold = multiverse(study, multiverse_study.instruments(units, "even")).gold()
    truth = units[units["unit_id"].isin(chosen)].groupby("group")["truth"].mean()
    assert gold.estimator == "gold_only"
    assert gold.result is not None
    assert gold.result.nobs == 400
    assert gold.result.params[TERM] == pytest.approx(truth["b"] - truth["a"])


def test_without_people_there_are_naive_estimates_and_no_flips(units: pd.DataFrame) -> None:
    study = multiverse_study.study(units)
    study.measures[["anger_humans", "anger_humans_label"]] = [np.nan, None]
    made = multiverse(study, multiverse_study.instruments(units, "even"))
    gold = made.gold()
    assert gold.result is None
    table = made.table(None, gold)
    assert rows(table, estimator="naive")["estimate"].notna().all()
    assert rows(table, estimator="dsl")["note"].str.contains("nobody has coded the gold sample").all()
    assert set(table["significance_flip"]) == {""}


def test_where_people_coded_every_text_the_correction_is_the_gold_analysis(units: pd.DataFrame) -> None:
    made = multiverse(
        multiverse_study.study(units, gold=None), multiverse_study.instruments(units, "uneven"), ("label",)
    )
    gold = made.gold()
    dsl = rows(made.table([TERM], gold), estimator="dsl").iloc[0]
    assert gold.result is not None
    assert dsl["estimate"] == pytest.approx(gold.result.params[TERM])
    assert dsl["note"] == ALL_GOLD


def test_all_specifications_stand_on_the_same_texts(units: pd.DataFrame) -> None:
    study = multiverse_study.study(units)
    cells = multiverse_study.instruments(units.head(900), cells=True)
    coder = multiverse_study.instruments(units.tail(800), "even")
    made = multiverse(study, [*coder, *cells], ("label",))
    table = made.table([TERM], made.gold())
    assert set(table["n"]) == {500}
    gold = study.gold.merge(units.iloc[400:900])
    assert set(rows(table, estimator="dsl")["n_gold"]) == {int((gold["part"] == "evaluate").sum())}


def test_instruments_without_a_common_text_are_refused(units: pd.DataFrame) -> None:
    apart = [
        *multiverse_study.instruments(units.head(10), "even"),
        *multiverse_study.instruments(units.tail(10), "uneven"),
    ]
    with pytest.raises(StudyError, match="no text that all instruments"):
        multiverse(multiverse_study.study(units), apart)


def test_a_construct_on_the_right_as_a_category(units: pd.DataFrame) -> None:
    study = multiverse_study.study(units)
    random = np.random.default_rng(4)
    study.measures["shared"] = 1 + 0.5 * units["truth"].to_numpy() + random.normal(0, 0.5, len(units))
    made = multiverse(
        study, multiverse_study.instruments(units, "even", "words"), formula="shared ~ C(anger) + group"
    )
    table = made.table(None, made.gold())
    assert list(table["term"].unique()) == ["C(anger)[T.1.0]", TERM]
    anger = rows(table, term="C(anger)[T.1.0]")
    dsl = rows(anger, instrument="coder even", decision="label", estimator="dsl").iloc[0]
    naive = rows(anger, instrument="coder even", decision="label", estimator="naive").iloc[0]
    assert naive["ci_high"] < 0.5  # errors dilute it
    assert dsl["ci_low"] < 0.5 < dsl["ci_high"]
    assert set(rows(anger, decision="score")["note"]) == {"not available for a category, which has no mean"}


def test_other_corrections_can_be_asked_for(units: pd.DataFrame) -> None:
    made = multiverse(
        multiverse_study.study(units),
        multiverse_study.instruments(units, "uneven"),
        ("label",),
        ("naive", "ppi", "likelihood"),
    )
    table = made.table([TERM], made.gold())
    assert list(table["estimator"]) == ["naive", "ppi", "likelihood"]
    ppi = rows(table, estimator="ppi").iloc[0]
    assert ppi["ci_low"] < 0.2 < ppi["ci_high"]
    assert "not available" in rows(table, estimator="likelihood")["note"].iloc[0]


def test_notes_name_the_instrument(units: pd.DataFrame) -> None:
    instruments = multiverse_study.instruments(units, "even")
    made = multiverse(multiverse_study.study(units), instruments, ("confident",))
    strict = Multiverse("reporting", made.analysis, instruments, ["confident"], ["naive"], 1.0)
    (note,) = strict.table([TERM], made.gold())["note"]
    assert note == "not estimated: all codes of anger by coder even are the same, or missing"


@pytest.mark.parametrize(
    ("estimate", "low", "high", "gold", "expected"),
    [
        (0.3, 0.1, 0.5, (0.2, 0.1, 0.3), (False, False, "none")),
        (0.3, -0.1, 0.7, (0.2, 0.1, 0.3), (False, True, "II")),
        (-0.3, -0.5, -0.1, (0.2, 0.1, 0.3), (True, True, "S")),
        (-0.3, -0.5, -0.1, (0.2, -0.1, 0.5), (True, True, "I")),
        (-0.1, -0.5, 0.3, (0.2, -0.1, 0.5), (True, False, "none")),
        (-0.1, np.nan, np.nan, (0.2, -0.1, 0.5), (True, "", "")),
        (np.nan, np.nan, np.nan, (0.2, -0.1, 0.5), ("", "", "")),
        (0.3, 0.0, 0.6, (0.2, 0.1, 0.3), (False, True, "II")),  # a bound of zero does not exclude it
    ],
)
def test_flips_by_hand(
    estimate: float, low: float, high: float, gold: tuple[float, ...], expected: tuple[Any, ...]
) -> None:
    true = dict(zip(("estimate", "ci_low", "ci_high"), gold, strict=True))
    found = flips({"estimate": estimate, "ci_low": low, "ci_high": high}, true)
    assert (found["sign_flip"], found["significance_flip"], found["error_type"]) == expected


def test_means_of_groups_are_corrected_too(units: pd.DataFrame) -> None:
    study = multiverse_study.study(units)
    study.measures["document_id"] = [f"{group}{number // 20}" for number, group in enumerate(units["group"])]
    instruments = multiverse_study.instruments(units, "uneven")
    made = multiverse(study, instruments, ("label",), aggregate="document")
    gold = made.gold()
    table = made.table([TERM], gold)
    assert gold.result is not None
    assert gold.result.nobs == 120
    naive, dsl = (rows(table, estimator=name).iloc[0] for name in ("naive", "dsl"))
    assert naive["error_type"] == "S"
    assert dsl["ci_low"] < 0.2 < dsl["ci_high"]
