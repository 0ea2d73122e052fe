"""Constructs that several coders measure: the multitrait-multimethod matrix and what it is read for."""

from __future__ import annotations

import pandas as pd

from study.report import findings, words
from study.report.blocks import Block, Cell, Heading, Mark, Missing, Table, Text
from study.report.material import Material
from study.report.names import Names
from study.report.notes import left_out

MOST_MEASURES = 15
"""Measures whose matrix is shown; a larger one is in the table of results only."""
CRITERIA = {
    "convergent": "Convergent: two coders' measures of one construct correlate above zero (p < .05,"
    " adjusted)",
    "heteromethod": "Discriminant, across coders: they correlate more than measures of different constructs"
    " by different coders",
    "monomethod": "Discriminant, within a coder: they correlate more than measures of different constructs"
    " by one coder",
    "concordance": "Pattern: constructs relate to each other alike for every coder and pair of coders"
    " (Kendall's W, 0 to 1)",
}
"""Campbell and Fiske's four criteria in words, in their order."""
VALIDITY, RELIABILITY = "validity", "reliability"


def blocks(material: Material) -> list[Block]:
    """Show the matrix, its validity coefficients and the criteria of Campbell and Fiske."""
    what = "Multitrait-multimethod matrix"
    pairs, criteria = material.tables["multitrait_multimethod"], material.tables["campbell_fiske"]
    if pairs.empty:
        return [Missing(what, words.sentence(_why(material)))]
    found: list[Block] = [Heading("Constructs against each other")]
    told = sentence(criteria)
    found += [Text(told)] if told else []
    found.append(_matrix(material, pairs))
    found.append(_validities(material, pairs))
    found.append(_criteria(material, criteria))
    return found


def sentence(criteria: pd.DataFrame) -> str:
    """Say how often the criteria are met; empty where none could be counted."""
    rows = criteria[findings.known(criteria, "comparisons")]
    said = []
    convergent = findings.one(rows, criterion="convergent")
    if convergent is not None:
        said.append(
            f"of {words.plural(int(convergent['comparisons']), 'correlation')} of two coders' measures of one"
            f" construct, {words.count(convergent['met'])} are above zero"
        )
    for name, where in (("heteromethod", "across coders"), ("monomethod", "within coders")):
        row = findings.one(rows, criterion=name)
        if row is not None:
            said.append(
                f"they exceed those of different constructs {where} in {words.count(row['met'])} of"
                f" {words.plural(int(row['comparisons']), 'comparison')}"
            )
    return words.sentence("; ".join(said)) if said else ""


def _why(material: Material) -> str:
    if len(material.constructs) < 2:
        return "it needs two constructs, and the study has one."
    coders = {c for construct in material.constructs for c in findings.coders_of(material, construct)}
    if len(coders) < 2:
        return "it needs two coders, and the study has one."
    return "it needs scores of two constructs by two coders."


def _measures(material: Material, pairs: pd.DataFrame) -> list[tuple[str, str]]:
    """Return (coder, construct) of every measure, the constructs of a coder together."""
    there = {
        *zip(pairs["coder"], pairs["construct"], strict=True),
        *zip(pairs["other_coder"], pairs["other_construct"], strict=True),
    }
    coders = [*material.study["coders"], *sorted({coder for coder, _ in there})]
    wanted = [(coder, construct) for coder in dict.fromkeys(coders) for construct in material.constructs]
    return [measure for measure in wanted if measure in there]


def _matrix(material: Material, pairs: pd.DataFrame) -> Table | Missing:
    names = Names(material.study)
    measures = _measures(material, pairs)
    if len(measures) > MOST_MEASURES:
        why = (
            f"It has {len(measures)} measures, too many for a page;"
            " results/tables/multitrait_multimethod.csv has every correlation with its interval."
        )
        return Missing("Multitrait-multimethod matrix", why)
    cells = {
        frozenset([(row["coder"], row["construct"]), (row["other_coder"], row["other_construct"])]): row
        for _, row in pairs.iterrows()
    }
    groups: list[tuple[str, list[list[Cell]]]] = []
    for place, measure in enumerate(measures):
        coder, construct = measure
        if not groups or groups[-1][0] != names.table(coder):
            groups.append((names.table(coder), []))
        own: list[Cell] = [
            _cell(cells.get(frozenset([measure, other]))) if at <= place else ""
            for at, other in enumerate(measures)
        ]
        groups[-1][1].append([f"{place + 1} {construct}", *own])
    shown = pairs[findings.known(pairs, "r")]
    few, many = (words.count(shown["n"].min()), words.count(shown["n"].max()))
    n = few if few == many else f"{few} to {many}"
    note = (
        f"Pearson correlations; n = {n} texts. Bold: one construct by two coders (validity coefficients),"
        " with intervals in the next table. In brackets: the reliability of the criterion's mean rating,"
        " ICC(1,k). All others are of different constructs; results/tables/multitrait_multimethod.csv has"
        " their intervals."
    )
    unknown = pairs[~findings.known(pairs, "r")]
    said = left_out(unknown, lambda row: _called(names, row))
    return Table(
        "Multitrait-multimethod matrix, all texts that both have coded",
        ["", *(str(number) for number in range(1, len(measures) + 1))],
        groups,
        "l" + "r" * len(measures),
        f"{note} {said}".strip(),
    )


def _called(names: Names, row: pd.Series) -> str:
    first = f"{row['construct']} by {names.table(row['coder'])}"
    return f"{first} – {row['other_construct']} by {names.table(row['other_coder'])}"


def _cell(row: pd.Series | None) -> Cell:
    if row is None:
        return ""
    text = words.r(row["r"])
    if row["kind"] == VALIDITY:
        return Mark(text, "plain")
    return f"({text})" if row["kind"] == RELIABILITY else text


def _validities(material: Material, pairs: pd.DataFrame) -> Table | Missing:
    names = Names(material.study)
    rows = pairs[(pairs["kind"] == VALIDITY) & findings.known(pairs, "r")]
    if rows.empty:
        return Missing("Validity coefficients", "No construct has scores by two coders.")
    groups = [
        (
            construct,
            [
                [
                    _coders(material, names, row),
                    words.count(row["n"]),
                    words.r(row["r"], 3),
                    words.interval(row["ci_low"], row["ci_high"], 3),
                ]
                for _, row in rows[rows["construct"] == construct].iterrows()
            ],
        )
        for construct in material.constructs
        if (rows["construct"] == construct).any()
    ]
    return Table(
        "Validity coefficients: one construct by two coders",
        ["Coders", "Texts", "r", "95% CI"],
        groups,
        "lrrr",
        "Intervals by Fisher's z.",
    )


def _coders(material: Material, names: Names, row: pd.Series) -> str:
    """Return the two coders of a pair, in the configuration's order."""
    order = list(material.study["coders"])
    both = sorted(
        [row["coder"], row["other_coder"]], key=lambda who: order.index(who) if who in order else len(order)
    )
    return " – ".join(names.table(who) for who in both)


def _criteria(material: Material, criteria: pd.DataFrame) -> Table | Missing:
    rows = criteria[findings.known(criteria, "value")]
    what = "Criteria of Campbell & Fiske (1959)"
    if rows.empty:
        notes = [note for note in criteria["note"] if note]
        return Missing(what, words.sentence(notes[0] if notes else "there is no pair to compare"))
    rows = rows.sort_values("criterion", key=lambda c: c.map({k: i for i, k in enumerate(CRITERIA)}))
    body = [
        [
            CRITERIA.get(row["criterion"], row["counted"]),
            words.count(row["met"]),
            words.count(row["comparisons"]),
            words.r(row["value"]),
        ]
        for _, row in rows.iterrows()
    ]
    first, names = rows.iloc[0], Names(material.study)
    coders = words.listed([names.table(coder) for coder in first["coders"].split(", ")])
    constructs = words.listed(first["constructs"].split(", "))
    return Table.of(
        what,
        ["Criterion", "Met", "Of", "Share met, or W"],
        body,
        "lrrr",
        f"Counted over {constructs}, each by {coders}, on the {words.count(first['n'])} texts that all of"
        " them have scored. They are counted, not judged: no share is enough by itself.",
    )
