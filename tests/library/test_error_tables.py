from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from library.rated_study import CODEBOOKS, CODERS, rated_study
from study.validity import error_by_covariates, error_by_covariates_tables
from study.validity.error_tables import COLUMNS, LEVEL_COLUMNS, TERM_COLUMNS, chosen_covariates


def tables(
    measures: pd.DataFrame | None = None, **changes: object
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    options = {"criterion": "humans", "by": "domain", "error_by": ["domain", "year"]} | changes
    given = rated_study()[0] if measures is None else measures
    found = error_by_covariates_tables(given, CODERS, CODEBOOKS, **options)
    for table, columns in zip(found, (COLUMNS, TERM_COLUMNS, LEVEL_COLUMNS), strict=True):
        assert list(table.columns) == columns
    tests, terms, levels = (table[table["subset"] == "all"] for table in found)
    return tests.set_index(["construct", "measure", "test", "covariate"]).sort_index(), terms, levels


def test_scores_on_the_same_scale():
    measures, _ = rated_study()
    units = measures.set_index("unit_id")
    expected = error_by_covariates(units["tone_llm"], units["tone_humans"], units[["domain", "year"]])
    tests, terms, levels = tables()
    joint = tests.loc[("tone", "llm", "joint", "")]
    assert (joint["kind"], joint["mapping"], joint["n"]) == ("score", "none", expected.n)
    assert joint["p_value"] == expected.p_value
    assert joint["sentence"] == expected.sentence
    assert joint["differential"] == expected.differential
    year = tests.loc[("tone", "llm", "covariate", "year")]
    assert year["p_adjusted"] == expected.tests.set_index("covariate").loc["year", "p_adjusted"]
    assert year["family"] == "tone, subset all, llm: covariates of the error"
    own = terms[(terms["construct"] == "tone") & (terms["measure"] == "llm")].set_index("term")
    assert own["estimate"].to_dict() == expected.terms.set_index("term")["estimate"].to_dict()
    # Without other covariates the coefficient is the difference of the levels' means.
    error = (units["tone_llm"] - units["tone_humans"])[units["domain"] == "letters"].dropna()
    level = levels[(levels["construct"] == "tone") & (levels["measure"] == "llm")].set_index(
        ["covariate", "level"]
    )
    letters = level.loc[("domain", "letters")]
    assert letters["mean_error"] == pytest.approx(error.mean())
    half = 1.984 * error.std() / np.sqrt(len(error))
    assert (letters["ci_high"] - letters["ci_low"]) / 2 == pytest.approx(half, rel=0.01)
    assert list(level.loc["year"].index) == ["1990", "1991", "1992", "1993"]


def test_another_scale_is_mapped_first():
    measures, _ = rated_study()
    units = measures.set_index("unit_id")
    tests, _, levels = tables()
    joint = tests.loc[("tone", "words", "joint", "")]
    assert joint["mapping"] == "linear"
    assert joint["mean_error"] == 0
    assert joint["sentence"].endswith("The measure was first mapped linearly onto the criterion's scale.")
    slope, intercept = np.polyfit(*units[["tone_words", "tone_humans"]].dropna().to_numpy().T, 1)
    mapped = intercept + slope * units["tone_words"]
    expected = error_by_covariates(mapped, units["tone_humans"], units[["domain", "year"]])
    assert joint["statistic"] == pytest.approx(expected.statistic)
    own = levels[(levels["measure"] == "words") & (levels["covariate"] == "domain")]
    assert (own["mean_error"] * own["n"]).sum() == pytest.approx(0, abs=1e-9)


def test_labels_are_right_or_wrong():
    measures, _ = rated_study()
    units = measures.set_index("unit_id")
    tests, _, levels = tables()
    joint = tests.loc[("blame", "llm", "joint", "")]
    wrong = units["blame_llm_label"] != units["blame_humans_label"]
    judged = units["blame_humans_label"].notna()
    assert joint["kind"] == "label"
    assert joint["mean_error"] == pytest.approx(wrong[judged].mean())
    row = levels[(levels["construct"] == "blame") & (levels["level"] == "diaries")].iloc[0]
    share = wrong[judged & (units["domain"] == "diaries")].mean()
    assert row["mean_error"] == pytest.approx(share)
    assert row["ci_low"] < share < row["ci_high"]
    words = tests.loc[("blame", "words", "joint", "")]
    assert words["note"] == "the coder or the criterion gives no labels"


def test_two_labels_have_errors_with_a_direction():
    measures, _ = rated_study()
    for coder in ("llm", "humans"):
        measures[f"blame_{coder}_label"] = measures[f"blame_{coder}_label"].replace("unclear", "no")
    books = CODEBOOKS | {"blame": {"level": "nominal", "values": {"no": None, "yes": None}}}
    found, _, _ = error_by_covariates_tables(
        measures, {"blame": CODERS["blame"]}, books, criterion="humans", by="domain"
    )
    joint = found.set_index(["test", "measure", "subset"]).loc[("joint", "llm", "all")]
    judged = measures.dropna(subset=["blame_humans_label"])
    shares = [(judged[f"blame_{coder}_label"] == "yes").mean() for coder in ("llm", "humans")]
    assert joint["kind"] == "score"
    assert joint["note"] == "'yes' counts as 1 and 'no' as 0"
    assert joint["mean_error"] == pytest.approx(shares[0] - shares[1])


def test_differential_error_is_found():
    measures, _ = rated_study()
    shift = np.where(measures["domain"] == "letters", 0.5, 0)
    tests, _, _ = tables(measures.assign(tone_llm=(measures["tone_llm"] / 2 + shift)))
    assert tests.loc[("tone", "llm", "joint", ""), "differential"]
    assert tests.loc[("tone", "llm", "covariate", "domain"), "differential"]
    assert not tests.loc[("tone", "llm", "covariate", "year"), "differential"]


def test_covariates_that_cannot_enter_have_a_note():
    measures, _ = rated_study()
    measures = measures.assign(person=measures["unit_id"], place="here", copy=measures["domain"] + "!")
    covariates = ["domain", "copy", "person", "place", "wrong"]
    tests, terms, levels = tables(measures, error_by=covariates)
    own = tests.loc[("tone", "llm", "covariate")]
    assert own.loc["place", "note"] == "the covariate does not vary on these units"
    assert own.loc["wrong", "note"] == "there is no such covariate in the corpus"
    assert "levels: an identifier, no covariate" in own.loc["person", "note"]
    assert "a combination of the terms before it: copy[T.letters!]" in own.loc["copy", "note"]
    assert own.loc["domain", "p_value"] == tests.loc[("tone", "llm", "joint", ""), "p_value"]
    assert set(terms["covariate"]) == {"Intercept", "domain"}
    assert "person" not in set(levels["covariate"])


def test_a_level_with_one_unit_does_not_stop_the_others():
    measures, _ = rated_study()
    place = np.where(measures["unit_id"] == "u000", "there", "here")
    tests, _, _ = tables(measures.assign(place=place), error_by=["domain", "place"])
    own = tests.loc[("tone", "llm", "covariate")]
    assert "alone decides a term" in own.loc["place", "note"]
    assert own.loc["domain", "p_value"] > 0


def test_numbers_are_shown_in_quarters():
    measures, _ = rated_study()
    _, _, levels = tables(measures.assign(age=np.arange(200)), error_by=["age"])
    own = levels[(levels["construct"] == "tone") & (levels["measure"] == "words")]
    assert own["level"].iloc[0].startswith("0 to ")
    assert len(own) == 4
    assert own["n"].sum() == rated_study()[0]["tone_humans"].notna().sum()


def test_which_covariates_are_taken():
    measures = pd.DataFrame(columns=["domain", "year", "other"])
    assert chosen_covariates(measures, "domain", None) == ["domain", "year"]
    assert chosen_covariates(measures, "year", []) == ["year"]
    assert chosen_covariates(measures, "domain", ["other"]) == ["other"]
    assert chosen_covariates(measures.drop(columns="year"), None, None) == []


def test_without_covariates_there_is_a_note():
    measures, _ = rated_study()
    tests, terms, levels = tables(measures.drop(columns="year"), by=None, error_by=None)
    assert tests.loc[("tone", "llm", "joint", ""), "note"].startswith("no covariate was named")
    assert terms.empty
    assert levels.empty
