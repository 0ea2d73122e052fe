"""Would probabilities be better after they are recalibrated on gold codes? In a sentence and a table."""

from __future__ import annotations

import pandas as pd

from study.report import findings, words
from study.report.blocks import Block, Cell, Mark, Missing, Table, Text
from study.report.material import Material
from study.report.names import Names
from study.report.notes import joined, left_out, why_none

STATED = "none"
METHODS = {
    STATED: "as stated",
    "platt": "Platt scaling",
    "isotonic": "isotonic regression",
    "temperature": "temperature scaling",
}
"""How maps are called in tables and in sentences."""
NOTE = (
    "Maps are learnt from the criterion's classes on four fifths of the texts and judged on the rest, in"
    " turn. A change below zero is better; its interval is a bootstrap over texts that takes the maps as"
    " given. Platt (1999), isotonic: Zadrozny & Elkan (2002), temperature: Guo et al. (2017)."
)
BETTER, WORSE, SAME = "better", "worse", "not told apart"
KINDS = {BETTER: "good", WORSE: "bad", SAME: "open"}


def change(row: pd.Series) -> str:
    """Return what a method does to the probabilities: better or worse where the interval leaves out zero."""
    if words.known(row["ci_high"]) and row["ci_high"] < 0:
        return BETTER
    return WORSE if words.known(row["ci_low"]) and row["ci_low"] > 0 else SAME


def sentence(name: str, rows: pd.DataFrame) -> str:
    """Say whether recalibration helps one coder.

    Parameters
    ----------
    name
        The coder's name as it stands in a sentence.
    rows
        Its rows, 'none' among them.
    """
    tried = rows[(rows["method"] != STATED) & findings.known(rows, "brier_change")].sort_values("brier")
    parts = []
    for way, said in (
        (BETTER, "get better by"),
        (WORSE, "get worse by"),
        (SAME, "are not shown to change by"),
    ):
        each = [
            f"{METHODS.get(row['method'], row['method'])} ({_signed(row['brier_change'])}{_bracketed(row)})"
            for _, row in tried.iterrows()
            if change(row) == way
        ]
        if each:
            parts.append(f"{said} {words.listed(each)}")
    n = words.count(tried["n"].max())
    return words.sentence(
        f"recalibrated on codes of the criterion (n = {n}, change in Brier score), the probabilities of"
        f" {name} {words.listed(parts)}"
    )


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + words.r(value, 3)


def _bracketed(row: pd.Series) -> str:
    interval = words.interval(row["ci_low"], row["ci_high"], 3)
    return "" if interval == words.MISSING else f" {interval}"


def blocks(material: Material, construct: str) -> list[Block]:
    """Show the recalibration of every coder of a construct that has label probabilities."""
    names = Names(material.study)
    rows = findings.ordered(material, construct, material.rows("recalibration", construct))
    what = f"Recalibration of {construct}"
    if rows.empty:
        return [Missing(what, "No coder of it has label probabilities on texts with a criterion.")]
    there = findings.known(rows, "brier")

    def called(row: pd.Series) -> str:
        return names.table(row["measure"])

    if not there.any():
        return [Missing(what, why_none(rows, called))]
    said = left_out(rows[~there], called)
    rows = rows[there]
    told, groups = [], []
    for measure, own in rows.groupby("measure", sort=False):
        if findings.known(own, "brier_change")[own["method"] != STATED].any():
            told.append(sentence(names.prose(str(measure)), own))
        groups.append((names.table(str(measure)), [_row(row) for _, row in own.iterrows()]))
    table = Table(
        f"{what}: would the probabilities be better after it? Subset '{material.subset(construct)}', all"
        " domains together",
        ["Method", "n", "Accuracy", "ECE", "Brier", "Change in Brier", "95% CI", "Probabilities"],
        groups,
        "lrrrrrrl",
        joined([NOTE, said]),
    )
    return [*[Text(text) for text in told], table]


def _row(row: pd.Series) -> list[Cell]:
    stated = row["method"] == STATED
    way = change(row)
    return [
        METHODS.get(row["method"], row["method"]),
        words.count(row["n"]),
        words.r(row["accuracy"]),
        words.r(row["ece"], 3),
        words.r(row["brier"], 3),
        words.MISSING if stated else words.r(row["brier_change"], 3),
        words.MISSING if stated else words.interval(row["ci_low"], row["ci_high"], 3),
        "" if stated else Mark(way, KINDS[way]),
    ]
