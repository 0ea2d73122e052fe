"""Part 12: the study's regressions, and what each measure adds."""

from __future__ import annotations

import pandas as pd

from study.report import findings, words
from study.report.blocks import Block, Heading, Missing, Notice, Page, Table, Text
from study.report.material import Material
from study.report.names import CORRECTIONS

CAUTION = (
    "These estimates are naive: a measure stands in for what it measures, its errors included. Errors bias"
    " coefficients in any direction, also when a measure agrees well with the criterion. They describe the"
    " measures, not yet the world."
)


def page(material: Material) -> Page:
    """Show every analysis."""
    blocks: list[Block] = []
    if material.study["analyses"]:
        blocks.append(Notice("Errors of measurement are not corrected for.", CAUTION))
    else:
        blocks.append(Missing("Regressions", "The configuration names no analysis (section 'analyses')."))
    for name, analysis in material.study["analyses"].items():
        table = material.analyses.get(name, pd.DataFrame())
        blocks += [
            Heading(name),
            Text(f"Formula: {analysis['formula']} ({analysis['family']}, subset '{analysis['subset']}')"),
        ]
        blocks.append(
            Missing(f"Estimates of {name}", "The table has no rows.")
            if table.empty
            else _estimates(name, table)
        )
        blocks.append(_increments(material, name))
    return Page(12, "Regressions", _point(material), blocks)


def _point(material: Material) -> str:
    parts = []
    for name in material.study["analyses"]:
        rows = material.tables["incremental_r2"]
        rows = rows[(rows["analysis"] == name) & findings.known(rows, "incremental_r2")]
        for _, row in rows.iterrows():
            parts.append(
                f"without {row['dropped']}, R2 of {name} falls from {words.r(row['r2_full'])} to"
                f" {words.r(row['r2_reduced'])}, by {words.r(row['incremental_r2'], 3)}"
                f" {words.interval(row['ci_low'], row['ci_high'], 3)}"
            )
        if rows.empty:
            parts.append(_significant(name, material.analyses.get(name, pd.DataFrame())))
    if not parts:
        return "The study runs no regression."
    n = sorted({int(v) for v in material.tables["incremental_r2"]["n"].dropna()})
    size = f"On {words.plural(n[0], 'text')}, " if len(n) == 1 else ""
    text = "; ".join(parts) + "; errors of the measures are not corrected for"
    return size + text + "." if size else words.sentence(text)


def _significant(name: str, table: pd.DataFrame) -> str:
    if table.empty or not findings.known(table, "estimate").any():
        notes = [note for note in table.get("note", pd.Series(dtype=object)) if note]
        return f"{name} is {notes[0]}" if notes else f"{name} has no estimates"
    terms = table[table["term"] != "Intercept"]
    clear = terms[terms["p_adjusted"] < findings.LEVEL]
    return (
        f"in {name}, {words.count(len(clear))} of {words.plural(len(terms), 'term')} differ from zero"
        f" (adjusted p below {words.r(findings.LEVEL)})"
    )


def _estimates(name: str, table: pd.DataFrame) -> Table:
    rows = [
        [
            row["term"],
            words.number(row["estimate"], 3),
            words.number(row["std_error"], 3),
            f"{words.number(row['statistic'])}",
            words.interval(row["ci_low"], row["ci_high"], 3, bounded=False),
            words.p(row["p_value"]),
            words.p(row["p_adjusted"]),
        ]
        for _, row in table.iterrows()
    ]
    first = table.iloc[0]
    facts = [
        f"n = {words.count(first['n'])}, subset '{first['subset']}', estimator: {first['estimator']}",
        (
            f"standard errors {first['covariance']}, test distribution {first['reference']}"
            if first["reference"]
            else ""
        ),
        f"correction: {CORRECTIONS.get(first['correction'], first['correction'])}; family: {first['family']}",
        first["note"],
    ]
    note = f"{'; '.join(fact for fact in facts if fact)}."
    columns = ["Term", "Estimate", "SE", "t", "95% CI", "p", "p adjusted"]
    return Table.of(f"Estimates of {name}", columns, rows, "lrrrrrr", note)


def _increments(material: Material, name: str) -> Table | Missing:
    rows = material.tables["incremental_r2"]
    rows = rows[rows["analysis"] == name]
    if rows.empty:
        return Missing(f"Incremental R2 of {name}", "No variable is listed under 'incremental'.")
    body = [
        [
            row["dropped"],
            words.count(row["n"]),
            words.r(row["r2_full"], 3),
            words.r(row["r2_reduced"], 3),
            words.r(row["incremental_r2"], 3),
            words.interval(row["ci_low"], row["ci_high"], 3),
            row["note"],
        ]
        for _, row in rows.iterrows()
    ]
    if not any(row[-1] for row in body):
        body = [row[:-1] for row in body]
    columns = ["Without", "n", "R2 full", "R2 without", "Incremental R2", "95% CI", "Note"][: len(body[0])]
    return Table.of(
        f"What {name} loses without a variable and its interactions",
        columns,
        body,
        "lrrrrrl"[: len(columns)],
        "R2 never falls when a term is added, so an interval that begins near zero is no evidence of a"
        " contribution.",
    )
