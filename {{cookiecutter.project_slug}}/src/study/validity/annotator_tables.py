"""The alternative annotator test of every coder that is not human, as tables.

See `alternative_annotator` for the test. It needs raters that can be told apart, and it is asked for at least
three: with two, each is 'the others' of the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from study.errors import StudyError
from study.validity.alternative_annotator import alternative_annotator_test
from study.validity.common_scale import other_scale
from study.validity.rating_codes import label_codes, rating_codes
from study.validity.subsets import POOLED
from study.validity.table import table
from study.validity.undecided import subsets_with_undecided

COLUMNS = [
    "construct", "domain", "subset", "measure", "raters", "score", "epsilon", "n_humans", "n_items",
    "winning_rate", "advantage_probability", "passed", "note",
]  # fmt: skip
HUMANS_COLUMNS = [
    "construct", "domain", "subset", "measure", "raters", "score", "human", "n_items", "human_advantage",
    "annotator_advantage", "difference", "statistic", "p_value", "p_adjusted", "rejected", "note",
]  # fmt: skip
KEYS = ["construct", "domain", "subset", "measure", "score"]
LEAST_HUMANS = 3
ACCURACY, NEG_RMSE = "accuracy", "neg_rmse"
NOT_IDENTIFIED = "raters are not identified, as this test needs them to be"


def alternative_annotator_tables(
    measures: pd.DataFrame,
    ratings: pd.DataFrame,
    coders: Mapping[str, Mapping[str, str]],
    codebooks: Mapping[str, Mapping[str, Any]],
    *,
    criterion: str | None,
    identified: Mapping[str, bool] | None = None,
    epsilon: float = 0.15,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Test whether each coder may stand in for the criterion's raters, over all domains together.

    Units that raters could not decide on, which have no criterion, count too.

    Parameters
    ----------
    measures, coders, criterion
        See `subsets.subsets`.
    ratings
        The long table of human ratings.
    codebooks
        construct -> {'level': ..., 'values': {label: value}, 'type': ...}.
    identified
        Human coder -> whether a rater's name is one person throughout; without it nobody is.
    epsilon
        See `alternative_annotator_test`.

    Returns
    -------
    The tests, and the humans behind them. Labels are judged by 'accuracy', scores on the raters' scale by
    'neg_rmse'; a coder of an ordinal construct with both has two rows. A test that cannot be made has a note.
    Both are empty where the criterion is no human coder.
    """
    rows: list[dict[str, object]] = []
    humans: list[dict[str, object]] = []
    for subset, units in subsets_with_undecided(measures, coders, criterion=criterion, by=None):
        kinds, book = coders[subset.construct], codebooks[subset.construct]
        known = bool((identified or {}).get(subset.criterion, False))
        rated = ratings[
            (ratings["construct"] == subset.construct)
            & (ratings["coder"] == subset.criterion)
            & (ratings["status"] == "ok")
            & ratings["unit_id"].isin(units["unit_id"])
        ]
        for measure in subset.measures:
            if kinds[measure] == "human" or kinds[subset.criterion] != "human":
                continue
            column = f"{subset.construct}_{measure}"
            own = units.set_index("unit_id").filter([column, f"{column}_label"])
            own.columns = pd.Index(["score", "label"][: len(own.columns)])
            for score in _scores(own, book):
                key = {
                    **subset.key,
                    "domain": POOLED,
                    "measure": measure,
                    "raters": subset.criterion,
                    "score": score,
                }
                codes = _codes(own, kinds[measure], book, rated, score) if known else NOT_IDENTIFIED
                row, people = _test(codes, score, epsilon)
                rows.append(key | {"epsilon": epsilon} | row)
                humans += [key | each for each in people]
    return table(rows, COLUMNS, KEYS), table(humans, HUMANS_COLUMNS, [*KEYS, "human"])


def _scores(own: pd.DataFrame, book: Mapping[str, Any]) -> list[str]:
    """How codes are compared: nominal ones as labels, others as numbers, and as labels if there are any."""
    labels = book.get("values") and "label" in own
    if book["level"] == "nominal":
        return [ACCURACY]
    return [ACCURACY, NEG_RMSE] if labels else [NEG_RMSE]


def _codes(
    own: pd.DataFrame, kind: str, book: Mapping[str, Any], rated: pd.DataFrame, score: str
) -> tuple[pd.DataFrame, pd.Series] | str:
    """The codes of each rater, and those of the coder; or why they cannot be compared."""
    level, values = book["level"], book.get("values") or {}
    if score == NEG_RMSE:
        note = other_scale(kind, book, own["score"], rated["value"], labels="label" in own)
        return note or (_by_rater(rated, rated["value"]), own["score"])
    if "label" not in own:
        return "the coder gives no labels"
    codes = rating_codes(rated, level, values)
    if level != "nominal" and not set(codes.values.dropna()) <= set(codes.names):
        return "raters used a finer scale than the labels"
    return _by_rater(rated, codes.values), label_codes(own["label"], level, values)


def _test(
    codes: tuple[pd.DataFrame, pd.Series] | str, score: str, epsilon: float
) -> tuple[dict[str, object], list[dict[str, object]]]:
    """The row of the test, and those of the humans."""
    if isinstance(codes, str):
        return {"note": codes}, []
    humans, annotator = codes
    n_humans = humans.shape[1]
    if n_humans < LEAST_HUMANS:
        said = {0: "nobody has", 1: "one person has"}.get(n_humans, "two people have")
        note = f"{said} coded these units; the test compares three or more"
        return {"n_humans": n_humans, "note": note}, []
    try:
        found = alternative_annotator_test(humans, annotator, score, epsilon)
    except StudyError as error:
        return {"n_humans": n_humans, "note": _said(error)}, []
    tested = int(found.humans["p_adjusted"].notna().sum())
    row = {
        "n_humans": tested,
        "n_items": found.n_items,
        "winning_rate": found.winning_rate,
        "advantage_probability": found.advantage_probability,
        "passed": found.passed,
        "note": _note(tested, n_humans),
    }
    return row, [{str(k): v for k, v in each.items()} for each in found.humans.to_dict("records")]


def _note(tested: int, n_humans: int) -> str:
    left = n_humans - tested
    if tested < LEAST_HUMANS:
        return f"only {tested} of {n_humans} people coded enough units to be tested"
    return f"{left} of {n_humans} people coded too few units to be tested" if left else ""


def _by_rater(rated: pd.DataFrame, codes: pd.Series) -> pd.DataFrame:
    """Units x raters; a unit that a rater coded twice counts once."""
    given = codes.notna()
    found = pd.DataFrame(
        {"unit": rated.loc[given, "unit_id"], "rater": rated.loc[given, "rater"], "code": codes[given]}
    ).drop_duplicates(["unit", "rater"])
    return found.pivot(index="unit", columns="rater", values="code")


def _said(error: StudyError) -> str:
    sentence = error.problem.rstrip(".")
    return sentence[:1].lower() + sentence[1:]
