from __future__ import annotations

import pandas as pd
import pytest

from library.rated_study import CODEBOOKS, CODERS, IDENTIFIED, PEOPLE, rated_study
from study.validity import alternative_annotator_tables, alternative_annotator_test
from study.validity.annotator_tables import COLUMNS, HUMANS_COLUMNS


def tables(**changes: object) -> tuple[pd.DataFrame, pd.DataFrame]:
    measures, ratings = changes.pop("data", None) or rated_study()
    options = {"criterion": "humans", "identified": IDENTIFIED, "epsilon": 0.2} | changes
    tests, humans = alternative_annotator_tables(measures, ratings, CODERS, CODEBOOKS, **options)
    assert list(tests.columns) == COLUMNS
    assert list(humans.columns) == HUMANS_COLUMNS
    tests, humans = (found[found["subset"] == "all"] for found in (tests, humans))
    return tests.set_index(["construct", "measure", "score"]), humans


def test_labels_are_judged_by_accuracy():
    measures, ratings = rated_study()
    tests, humans = tables()
    own = ratings[ratings["construct"] == "blame"]
    wide = own.assign(code=own["code"].str.lower()).pivot(index="unit_id", columns="rater", values="code")
    expected = alternative_annotator_test(
        wide, measures.set_index("unit_id")["blame_llm_label"], "accuracy", 0.2
    )
    row = tests.loc[("blame", "llm", "accuracy")]
    assert row["winning_rate"] == expected.winning_rate > 0.5
    assert row["advantage_probability"] == expected.advantage_probability
    assert row["passed"]
    # Units on which the four were tied, which have no criterion, count as well.
    assert row["n_items"] == expected.n_items > measures["blame_humans_label"].notna().sum() - 10
    assert (row["n_humans"], row["epsilon"], row["note"]) == (4, 0.2, "")
    each = humans[(humans["construct"] == "blame") & (humans["measure"] == "llm")]
    assert tuple(each["human"]) == PEOPLE
    assert each["difference"].tolist() == expected.humans["difference"].tolist()
    assert ("blame", "llm", "neg_rmse") not in tests.index  # its labels have no values


def test_ordered_labels_are_judged_both_ways():
    measures, ratings = rated_study()
    tests, _ = tables()
    own = ratings[ratings["construct"] == "tone"].pivot(index="unit_id", columns="rater", values="value")
    expected = alternative_annotator_test(own, measures.set_index("unit_id")["tone_llm"], "neg_rmse", 0.2)
    row = tests.loc[("tone", "llm", "neg_rmse")]
    assert row["winning_rate"] == expected.winning_rate
    assert row["advantage_probability"] == expected.advantage_probability
    assert tests.loc[("tone", "llm", "accuracy"), "n_items"] == expected.n_items


@pytest.mark.parametrize(
    ("keep", "options", "note"),
    [
        (
            lambda r: r["rater"] == "anna",
            {},
            "one person has coded these units; the test compares three or more",
        ),
        (
            lambda r: r["rater"].isin(["anna", "ben"]),
            {},
            "two people have coded these units; the test compares",
        ),
        (lambda r: r["unit_id"] < "u020", {}, "no human has coded 30 items"),
        (
            lambda r: (r["rater"] != "dora") | (r["unit_id"] < "u020"),
            {},
            "1 of 4 people coded too few units to be tested",
        ),
        (lambda r: r["unit_id"] != "", {"identified": None}, "raters are not identified, as this test needs"),
    ],
)
def test_why_there_is_no_test(keep, options, note):
    measures, ratings = rated_study()
    tests, _ = tables(data=(measures, ratings[keep(ratings)]), **options)
    row = tests.loc[("blame", "llm", "accuracy")]
    assert row["note"].startswith(note)
    assert pd.isna(row["passed"]) or note.startswith("1 of 4")


def test_another_scale_has_a_note():
    tests, _ = tables()
    note = tests.loc[("tone", "words", "neg_rmse"), "note"]
    assert note == "other scale: a dictionary's scores have a scale of their own"
    assert tests.loc[("blame", "words", "accuracy"), "note"] == "the coder gives no labels"


def test_without_people_there_is_no_test():
    measures, ratings = rated_study()
    coders = {"blame": {"humans": "llm", "llm": "llm"}}
    tests, humans = alternative_annotator_tables(
        measures, ratings, coders, CODEBOOKS, criterion="humans", identified=IDENTIFIED
    )
    assert tests.empty
    assert humans.empty
