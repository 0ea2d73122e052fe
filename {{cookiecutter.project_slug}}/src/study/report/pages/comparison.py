"""Part 9, table 3: the language model less each other measure, on the same texts."""

from __future__ import annotations

import pandas as pd

from study.config.names import role
from study.report import findings, words
from study.report.blocks import Block, Cell, Heading, Mark, Missing, Page, Table, Text
from study.report.material import Material
from study.report.names import CORRECTIONS, Names, domain

WAYS = {
    findings.LESS: ("less", "bad"),
    findings.MORE: ("more", "good"),
    findings.OPEN: ("not told apart", "open"),
}


def page(material: Material) -> Page:
    """Show differences of dependent correlations, and the family within which p was adjusted."""
    points, blocks = [], []
    for construct in material.constructs:
        own: list[Block] = [Heading(construct)] if len(material.constructs) > 1 else []
        rows = material.rows("comparison", construct)
        points.append(_point(material, construct, rows))
        if rows.empty:
            own.append(Missing(f"Differences for {construct}", words.sentence(why(material, construct))))
        else:
            own += [_table(material, construct, rows), *_others(material, construct)]
        blocks += own
    blocks.append(
        Text(
            "Two measures of the same texts against one criterion give correlations that depend on each"
            " other: the test is Williams's t (Steiger 1980), the interval a bootstrap over texts, which"
            " does not assume normal variables. 'Less' and 'more' say that the adjusted p is below"
            f" {words.r(findings.LEVEL)}; 'not told apart' is no evidence of equality."
        )
    )
    return Page(9, "LLM minus dictionary", " ".join(points), blocks)


def why(material: Material, construct: str) -> str:
    """Say why there is no comparison."""
    coders = findings.coders_of(material, construct)
    types = {role(material.study["coders"][c]) for c in coders}
    if "llm" not in types:
        return "no language model codes it."
    if not types & {"dictionary", "supervised"}:
        return "no dictionary and no classifier codes it."
    return findings.why_no_agreement(material, construct)


def _point(material: Material, construct: str, rows: pd.DataFrame) -> str:
    tests = rows[findings.known(rows, "p_adjusted")]
    if tests.empty:
        return words.sentence(f"{construct}: no difference could be tested: {why(material, construct)}")
    ways = [findings.direction(row) for _, row in tests.iterrows()]
    first, further = "the language model agrees {} than the other measure", "it agrees {}"
    counted: list[str] = []
    for way, what in ((findings.LESS, "less"), (findings.MORE, "more")):
        if way in ways:
            counted.append(
                f"in {words.count(ways.count(way))} {(further if counted else first).format(what)}"
            )
    if findings.OPEN in ways:
        counted.append(f"in {words.count(ways.count(findings.OPEN))} the two are not told apart")
    correction = CORRECTIONS.get(tests["correction"].iloc[0], tests["correction"].iloc[0])
    return words.sentence(
        f"of {words.plural(len(tests), 'comparison')} on {construct} (p adjusted within the family:"
        f" {correction}), {words.listed(counted)}"
    )


def _table(material: Material, construct: str, rows: pd.DataFrame) -> Table:
    names = Names(material.study)
    groups: list[tuple[str, list[list[Cell]]]] = []
    for place in findings.domains(rows):
        body: list[list[Cell]] = []
        for _, row in rows[rows["domain"] == place].iterrows():
            tested = words.known(row["p_adjusted"])
            text, kind = WAYS[findings.direction(row)]
            body.append(
                [
                    f"{names.table(row['measure'])} – {names.table(row['other'])}",
                    words.count(row["n"]),
                    words.r(row["r_measure"], 3),
                    words.r(row["r_other"], 3),
                    words.r(row["difference"], 3),
                    words.interval(row["ci_low"], row["ci_high"], 3),
                    (
                        f"{words.number(row['statistic'])} ({words.count(row['df'])})"
                        if tested
                        else words.MISSING
                    ),
                    words.p(row["p_value"]),
                    words.p(row["p_adjusted"]),
                    Mark(text, kind) if tested else words.MISSING,
                ]
            )
        groups.append((domain(place), body))
    family = rows["family"].dropna()
    correction = rows["correction"].iloc[0]
    note = (
        f"Correction: {CORRECTIONS.get(correction, correction)}. Family: {family.iloc[0]}."
        if len(family)
        else ""
    )
    return Table(
        f"Table 3. Difference of correlations with the criterion, {construct}, subset"
        f" '{material.subset(construct)}'",
        [
            "Measures",
            "n",
            "r first",
            "r second",
            "Difference",
            "95% CI",
            "t (df)",
            "p",
            "p adjusted",
            "The first agrees",
        ],
        groups,
        "lrrrrrrrrl",
        note,
    )


def _others(material: Material, construct: str) -> list[Block]:
    """Say that the table has another subset, where it has."""
    rows = material.tables["comparison"]
    rows = rows[(rows["construct"] == construct) & (rows["subset"] != material.subset(construct))]
    if rows.empty:
        return []
    other = words.listed(sorted(set(rows["subset"])))
    return [
        Text(
            f"results/tables/comparison.csv has the same comparisons on the subset {other}, a family of their"
            " own."
        )
    ]
