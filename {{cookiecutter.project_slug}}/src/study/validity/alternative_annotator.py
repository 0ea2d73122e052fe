"""May an annotator, such as a language model, stand in for human ones? The alternative annotator test.

Calderon, Reichart & Dror (2025, ACL, 'The Alternative Annotator Test for LLM-as-a-Judge'). Each human in
turn is left out, and on every item the annotator and that human are scored by how well their codes agree with
those of the other humans. The annotator wins against a human when the share of items on which the human is
better, less the share on which the annotator is better, is shown to be below epsilon: the annotator may be a
little worse, because it costs less. The authors suggest epsilon = .2 where the humans are experts, .15 where
they are skilled, and .1 where they are crowd workers.

The test is about replacing *these* humans. It says nothing about whether they are right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.validity.bootstrap import Array

SCORES = ("accuracy", "neg_rmse")
FALSE_DISCOVERY_RATE = 0.05
LEAST_HUMANS = 2
"""Humans that an item must have: one who is compared, and at least one to compare with."""
LEAST_ITEMS = 30
"""Items that a human must have for the t-test to hold."""
LEAST_WINNING_RATE = 0.5
ROUNDING = 1e-9
"""Two errors that differ relatively by less are equal: the rest is the rounding of a sum."""
COLUMNS = [
    "human", "n_items", "human_advantage", "annotator_advantage", "difference", "statistic", "p_value",
    "p_adjusted", "rejected", "note",
]  # fmt: skip


@dataclass(frozen=True)
class AlternativeAnnotatorTest:
    """What `alternative_annotator_test` finds.

    Attributes
    ----------
    winning_rate
        The share of humans against whom the annotator wins, 0 to 1.
    advantage_probability
        How likely the annotator is at least as good as a human drawn at random, 0 to 1. It compares
        annotators with each other.
    passed
        Whether the winning rate is at least .5.
    humans
        One row a human: human; n_items; human_advantage and annotator_advantage, the share of items on which
        this side is at least as good as the other (ties count for both); difference, the first less the
        second; statistic and p_value of the one-sided t-test that the difference is below epsilon; p_adjusted
        (Benjamini & Yekutieli 2001); rejected, whether the annotator wins; note. A human with too few items
        has no test and does not count.
    n_items
        The number of items that were used.
    score, epsilon
        As given.
    """

    winning_rate: float
    advantage_probability: float
    passed: bool
    humans: pd.DataFrame
    n_items: int
    score: str
    epsilon: float


def alternative_annotator_test(
    human_codes: pd.DataFrame,
    annotator_codes: pd.Series,
    score: str = "accuracy",
    epsilon: float = 0.15,
) -> AlternativeAnnotatorTest:
    """Test whether an annotator may replace the humans (Calderon, Reichart & Dror 2025).

    Items with fewer than two humans, or without a code of the annotator, are left out. Humans with fewer than
    30 items are not tested; their codes still count among 'the others' of those who are. Where a human's
    differences are the same on all items there is no t-test, and the sign of difference - epsilon decides.

    Parameters
    ----------
    human_codes
        Items (index) x humans (columns), missing where a human did not code an item. The columns are persons:
        a position in a list of ratings is not one, and the test is undefined for such data.
    annotator_codes
        The annotator's codes, indexed by item; items in any order.
    score
        How well a code agrees with the others': 'accuracy', the share of them that are equal, for labels;
        'neg_rmse', the negative root mean squared distance from them, for numbers.
    epsilon
        How much more often than the annotator a human may be better, 0 to 1.

    Raises
    ------
    StudyError
        The score is not known; epsilon is not between 0 and 1; an item or a human occurs twice; codes are not
        numbers (for 'neg_rmse'), or numbers on one side and texts on the other; no item is left, or no human
        with 30 items (the message says how many each has).
    """
    _check(human_codes, annotator_codes, score, epsilon)
    humans, annotator = _items(human_codes, annotator_codes)
    values, own = _as_numbers(humans, annotator, score)
    counted = _counted(np.isfinite(values).sum(axis=0), humans.columns)
    rows = [
        _compare(values, own, column, score, epsilon)
        if counted[column]
        else {"n_items": int(np.isfinite(values[:, column]).sum()), "note": f"fewer than {LEAST_ITEMS} items"}
        for column in range(values.shape[1])
    ]
    found = pd.DataFrame(rows, columns=COLUMNS)
    found["human"] = list(humans.columns)
    found["rejected"] = False
    found["note"] = found["note"].fillna("")
    found.loc[counted, ["p_adjusted", "rejected"]] = _adjusted(found.loc[counted, "p_value"])
    found["rejected"] = found["rejected"].astype(bool)
    winning_rate = float(found.loc[counted, "rejected"].mean())
    return AlternativeAnnotatorTest(
        winning_rate=winning_rate,
        advantage_probability=float(found.loc[counted, "annotator_advantage"].mean()),
        passed=winning_rate >= LEAST_WINNING_RATE,
        humans=found,
        n_items=len(humans),
        score=score,
        epsilon=float(epsilon),
    )


def _check(human_codes: pd.DataFrame, annotator_codes: pd.Series, score: str, epsilon: float) -> None:
    if score not in SCORES:
        raise StudyError("This score is not known.", key="score", found=score, allowed=SCORES)
    if not 0 <= epsilon <= 1:
        raise StudyError(
            "epsilon is a difference of two shares.", key="epsilon", found=epsilon, allowed="0 to 1"
        )
    for axis, key in (
        (human_codes.index, "human_codes"),
        (human_codes.columns, "human_codes"),
        (annotator_codes.index, "annotator_codes"),
    ):
        if not axis.is_unique:
            what = "A human" if axis is human_codes.columns else "An item"
            raise StudyError(f"{what} occurs twice.", key=key, found=str(axis[axis.duplicated()][0]))


def _items(human_codes: pd.DataFrame, annotator_codes: pd.Series) -> tuple[pd.DataFrame, pd.Series]:
    """The items that have an annotator's code and enough humans, in the order of the humans' table."""
    annotator = annotator_codes.dropna()
    several = human_codes.notna().sum(axis=1) >= LEAST_HUMANS
    kept = human_codes.index[several & human_codes.index.isin(annotator.index)]
    if not len(kept):
        raise StudyError(
            f"No item has a code of the annotator and of {LEAST_HUMANS} humans.",
            key="human_codes",
            found=f"{int(several.sum())} items with {LEAST_HUMANS} humans, {len(annotator)} items of the "
            f"annotator, and none in common",
            hint="Both are indexed by item: compare the two indexes.",
        )
    return human_codes.loc[kept], annotator.loc[kept]


def _as_numbers(humans: pd.DataFrame, annotator: pd.Series, score: str) -> tuple[Array, Array]:
    """Codes as numbers, NaN where missing: themselves, or for 'accuracy' a number for each label."""
    cells = humans.to_numpy(dtype=object)
    there = humans.notna().to_numpy()
    values = np.full(cells.shape, np.nan)
    own = annotator.to_numpy(dtype=object)
    if score == "neg_rmse":
        values[there], numbers = _numbers(cells[there], "human_codes"), _numbers(own, "annotator_codes")
        return values, numbers
    texts = [np.mean([isinstance(code, str) for code in codes]) for codes in (cells[there], own)]
    if abs(texts[0] - texts[1]) == 1:
        raise StudyError(
            "The codes of one side are texts, those of the other are not: no two of them are equal.",
            key="annotator_codes",
            found=f"{cells[there][0]!r} of a human, {own[0]!r} of the annotator",
        )
    labels = pd.factorize(np.concatenate([cells[there], own]))[0].astype(float)
    values[there] = labels[: there.sum()]
    return values, labels[there.sum() :]


def _numbers(codes: Array, key: str) -> Array:
    numbers = pd.to_numeric(pd.Series(codes, dtype=object), errors="coerce").to_numpy(dtype=float)
    wrong = [code for code, number in zip(codes, numbers, strict=True) if not np.isfinite(number)]
    wrong += [code for code in codes if isinstance(code, str)]
    if wrong:
        raise StudyError("The score 'neg_rmse' needs codes that are numbers.", key=key, found=str(wrong[0]))
    return numbers


def _counted(items: Array, names: pd.Index) -> Array:
    counted = items >= LEAST_ITEMS
    if not counted.any():
        found = ", ".join(f"{name} {n}" for name, n in zip(names, items, strict=True))
        raise StudyError(
            f"No human has coded {LEAST_ITEMS} items that another human and the annotator have coded too.",
            key="human_codes",
            found=found,
            hint="Have more items coded by at least two humans.",
        )
    return np.asarray(counted)


def _compare(values: Array, own: Array, column: int, score: str, epsilon: float) -> dict[str, object]:
    """Leave one human out: who is at least as near to the others, and by how much more often?"""
    coded = np.isfinite(values[:, column])
    human, annotator = values[coded, column], own[coded]
    others = np.delete(values[coded], column, axis=1)
    human_error, annotator_error = (_error(code, others, score) for code in (human, annotator))
    equal = np.isclose(human_error, annotator_error, rtol=ROUNDING, atol=0)
    human_wins = equal | (human_error < annotator_error)
    annotator_wins = equal | (annotator_error < human_error)
    difference = human_wins.astype(float) - annotator_wins
    statistic, p_value, note = _t_test(difference, epsilon)
    return {
        "n_items": int(coded.sum()),
        "human_advantage": human_wins.mean(),
        "annotator_advantage": annotator_wins.mean(),
        "difference": difference.mean(),
        "statistic": statistic,
        "p_value": p_value,
        "note": note,
    }


def _error(code: Array, others: Array, score: str) -> Array:
    """What the score of a code falls with: unequal others, or the sum of squared distances from them.

    Both sides meet the same others, so dividing by their number or taking the root changes no comparison.
    """
    distance = others - code[:, None]
    if score == "accuracy":
        return np.asarray((np.isfinite(distance) & (distance != 0)).sum(axis=1).astype(float))
    return np.asarray(np.nansum(distance**2, axis=1))


def _t_test(difference: Array, epsilon: float) -> tuple[float, float, str]:
    if np.ptp(difference) == 0:
        return float("nan"), float(difference[0] >= epsilon), "no variance: decided by the sign"
    from scipy.stats import ttest_1samp

    found = ttest_1samp(difference, epsilon, alternative="less")
    return float(found.statistic), float(found.pvalue), ""


def _adjusted(p_values: pd.Series) -> pd.DataFrame:
    from statsmodels.stats.multitest import multipletests

    given = p_values.to_numpy(dtype=float)
    rejected, adjusted = multipletests(given, alpha=FALSE_DISCOVERY_RATE, method="fdr_by")[:2]
    return pd.DataFrame({"p_adjusted": adjusted, "rejected": rejected}, index=p_values.index)
