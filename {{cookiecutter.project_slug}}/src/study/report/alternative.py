"""May a machine stand in for a human coder? The alternative annotator test, in sentences and tables."""

from __future__ import annotations

import pandas as pd

from study.report import findings, words
from study.report.blocks import Block, Cell, Items, Mark, Missing, Table, Text
from study.report.material import Material
from study.report.names import Names
from study.report.notes import left_out, why_none

PASSED, FAILED, OPEN = "may", "may not", "not tested"
LEAST_WINNING_RATE = 0.5
MOST_HUMANS = 60
"""Rows of single people that are shown; more are in the table of results only."""
COMPARED = {"accuracy": "labels", "neg_rmse": "scores"}


def outcome(row: pd.Series) -> str:
    """Return what a row of the table says: the machine may stand in, it may not be said to, or no test."""
    return {"True": PASSED, "False": FAILED}.get(str(row["passed"]), OPEN)


def sentence(names: Names, row: pd.Series) -> str:
    """Say what one test found."""
    who = f"{names.prose(row['measure'])} may replace a human coder"
    under = f"under epsilon = {words.r(row['epsilon'])} ({COMPARED.get(row['score'], row['score'])})"
    found = outcome(row)
    if found == OPEN:
        return words.sentence(f"whether {who} cannot be tested: {row['note']}")
    sign = "≥" if row["winning_rate"] >= LEAST_WINNING_RATE else "<"
    rate = f"winning rate {words.r(row['winning_rate'])} {sign} {words.r(LEAST_WINNING_RATE)}"
    basis = f"{words.plural(int(row['n_humans']), 'person', 'people')}, n = {words.count(row['n_items'])}"
    if found == PASSED:
        return words.sentence(f"{who} {under}: {rate}, {basis}")
    return f"It cannot be said that {who} {under}: {rate}, {basis}."


def point(material: Material, construct: str) -> str:
    """Say for the page's point what the tests of the language models found; empty without any."""
    names = Names(material.study)
    rows = material.rows("alternative_annotator", construct)
    rows = findings.ordered(material, construct, rows[rows["measure"].isin(material.coders("llm"))])
    who: dict[str, list[str]] = {PASSED: [], FAILED: []}
    for measure, own in rows.groupby("measure", sort=False):
        for found, named in who.items():
            compared = [
                COMPARED.get(row["score"], row["score"]) for _, row in own.iterrows() if outcome(row) == found
            ]
            if compared:
                named.append(f"{names.prose(str(measure))} ({words.listed(compared)})")
    if not any(who.values()):
        return ""
    test = f"By the alternative annotator test (epsilon = {words.r(rows['epsilon'].max())}), "
    said = f"{words.listed(who[PASSED])} may replace a human coder" if who[PASSED] else ""
    if who[FAILED]:
        said += "; of" if said else "it cannot be said that"
        said += f" {words.listed(who[FAILED], 'or')} "
        said += "it cannot be said" if who[PASSED] else "may replace a human coder"
    return f" {test}{said}."


def blocks(material: Material, construct: str) -> list[Block]:
    """Show the tests of one construct."""
    names = Names(material.study)
    rows = findings.ordered(material, construct, material.rows("alternative_annotator", construct))
    what = f"Alternative annotator test of {construct}"
    if rows.empty:
        return [Missing(what, words.sentence(_why(material, construct)))]
    tested = rows[[outcome(row) != OPEN for _, row in rows.iterrows()]]

    def called(row: pd.Series) -> str:
        return f"{names.table(row['measure'])} by {COMPARED.get(row['score'], row['score'])}"

    if tested.empty:
        return [Missing(what, why_none(rows, called))]
    said = left_out(rows.drop(tested.index), called)
    found: list[Block] = [Items([sentence(names, row) for _, row in tested.iterrows()])]
    return [*found, _table(material, names, construct, tested, said), *_humans(material, names, construct)]


def _why(material: Material, construct: str) -> str:
    if not material.criterion:
        return "the study has no coder that the others are compared with."
    if material.criterion not in findings.coders_of(material, construct):
        return f"{Names(material.study).prose(material.criterion)} did not code it."
    return "no machine coded what people coded."


def _table(material: Material, names: Names, construct: str, rows: pd.DataFrame, said: str) -> Table:
    body: list[list[Cell]] = [
        [
            names.table(row["measure"]),
            COMPARED.get(row["score"], row["score"]),
            words.count(row["n_humans"]),
            words.count(row["n_items"]),
            words.r(row["winning_rate"]),
            words.r(row["advantage_probability"]),
            words.r(row["epsilon"]),
            Mark("yes", "good") if outcome(row) == PASSED else Mark("cannot be said", "bad"),
            row["note"],
        ]
        for _, row in rows.iterrows()
    ]
    head = [
        "Measure",
        "Compared",
        "People",
        "Texts",
        "Winning rate",
        "Advantage probability",
        "Epsilon",
        "May replace a person",
        "Note",
    ]
    if not any(row[-1] for row in body):
        head, body = head[:-1], [row[:-1] for row in body]
    note = (
        "Each person in turn is left out, and on every text the machine and this person are scored by how"
        " well they agree with the other people. Winning rate: the share of people against whom the machine"
        " wins, that is, who are better on fewer texts than it plus a share of epsilon (one-sided t-test,"
        " Benjamini & Yekutieli at .05). Advantage probability: how likely the machine is at least as good as"
        " a person drawn at random. Epsilon is what the machine's lower cost is worth. The test is about"
        " replacing these people, and says nothing on whether they are right (Calderon, Reichart & Dror"
        " 2025)."
    )
    return Table.of(
        f"Alternative annotator test of {construct}, subset '{material.subset(construct)}', all domains"
        " together",
        head,
        body,
        "llrrrrrll"[: len(head)],
        f"{note} {said}".strip(),
    )


def _humans(material: Material, names: Names, construct: str) -> list[Block]:
    rows = material.rows("alternative_annotator_humans", construct)
    rows = findings.ordered(material, construct, rows)
    if rows.empty:
        return []
    if len(rows) > MOST_HUMANS:
        return [
            Text(
                f"results/tables/alternative_annotator_humans.csv has the {words.count(len(rows))} rows of"
                " single people."
            )
        ]
    groups: list[tuple[str, list[list[Cell]]]] = []
    for (measure, score), own in rows.groupby(["measure", "score"], sort=False):
        body = [_human(row) for _, row in own.iterrows()]
        groups.append((f"{names.table(str(measure))}, {COMPARED.get(str(score), str(score))}", body))
    return [
        Table(
            f"The people behind the test of {construct}",
            [
                "Person",
                "Texts",
                "Person at least as good",
                "Machine at least as good",
                "Difference",
                "t",
                "p adjusted",
                "Machine wins",
            ],
            groups,
            "lrrrrrrl",
            "Shares of texts; ties count for both. The difference is the first share less the second, and is"
            " tested against epsilon.",
        )
    ]


def _human(row: pd.Series) -> list[Cell]:
    won = {"True": Mark("yes", "good"), "False": Mark("no", "bad")}.get(str(row["rejected"]))
    tested = words.known(row["p_adjusted"])
    return [
        str(row["human"]),
        words.count(row["n_items"]),
        words.r(row["human_advantage"]),
        words.r(row["annotator_advantage"]),
        words.r(row["difference"]),
        words.number(row["statistic"]),
        words.p(row["p_adjusted"]),
        won if tested and won is not None else (row["note"] or words.MISSING),
    ]
