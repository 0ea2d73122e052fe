"""Part 12: the study's regressions under every estimator, its hypotheses, and how frequent things are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from study.inference.terms import in_words
from study.report import corrected, findings, narrated, words
from study.report.blocks import Block, Figure, Heading, Items, Missing, Notice, Page, Table, Text
from study.report.material import Material
from study.report.names import CORRECTIONS, Names

CAUTION = (
    "These estimates are naive: a measure stands in for what it measures, its errors included. Errors bias"
    " coefficients in any direction, also when a measure agrees well with the criterion. They describe the"
    " measures, not yet the world."
)
_SHORT = {"naive": "uncorrected (naive)", "dictionary": "uncorrected dictionary"}


def page(material: Material) -> Page:
    """Show every analysis."""
    blocks: list[Block] = []
    analyses = material.study["analyses"]
    if not analyses:
        blocks.append(Missing("Regressions", "The configuration names no analysis (section 'analyses')."))
    for name, analysis in analyses.items():
        blocks += [Heading(name), *narrated.blocks(material, name)]
        blocks += (
            _coded(material, name, analysis) if analysis.get("coded") else _measured(material, name, analysis)
        )
    if any(analysis.get("coded") for analysis in analyses.values()):
        blocks += _assumptions(material)
    blocks += _shares(material)
    return Page(12, "Regressions", _point(material), blocks)


def _table(material: Material, name: str) -> pd.DataFrame:
    return material.analyses.get(name, pd.DataFrame())


def _point(material: Material) -> str:
    """Say what became of the hypotheses; without any, what the regressions found."""
    names = Names(material.study)
    said = [corrected.short(outcome, names) for outcome in corrected.outcomes(material)]
    if said:
        return " ".join(words.sentence(text) for text in said)
    parts = [_found(material, name, analysis, names) for name, analysis in material.study["analyses"].items()]
    return " ".join(words.sentence(part) for part in parts) if parts else "The study runs no regression."


def _found(material: Material, name: str, analysis: Mapping[str, Any], names: Names) -> str:
    table = _table(material, name)
    if not analysis.get("coded"):
        increments = material.tables["incremental_r2"]
        rows = increments[(increments["analysis"] == name) & findings.known(increments, "incremental_r2")]
        if rows.empty:
            return f"{_significant(name, table)}; errors of the measures are not corrected for"
        each = [
            f"without {row['dropped']}, R2 of {name} falls from {words.r(row['r2_full'])} to"
            f" {words.r(row['r2_reduced'])}, by {words.r(row['incremental_r2'], 3)}"
            f" {words.interval(row['ci_low'], row['ci_high'], 3)}"
            for _, row in rows.iterrows()
        ]
        sizes = sorted({int(n) for n in rows["n"].dropna()})
        size = f"on {words.plural(sizes[0], 'text')}, " if len(sizes) == 1 else ""
        return f"{size}{'; '.join(each)}; errors of the measures are not corrected for"
    if table.empty or not findings.known(table, "estimate").any():
        return f"{name} has no estimates"
    known = table[findings.known(table, "estimate")]
    deciding = next((e for e in corrected.PREFERRED if (known["estimator"] == e).any()), "naive")
    rows = known[(known["estimator"] == deciding) & (known["term"] != "Intercept")]
    clear = rows[rows["p_adjusted"] < findings.LEVEL]
    first = known[known["estimator"] == deciding].iloc[0]
    how = corrected.estimator(names, first)
    corrects = "" if deciding in corrected.PREFERRED else "; errors are not corrected for"
    return (
        f"in {name} by {how}, {words.count(len(clear))} of {words.plural(len(rows), 'term')} differ from zero"
        f" (adjusted p below {words.r(findings.LEVEL)}){corrects}"
    )


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


def _measured(material: Material, name: str, analysis: Mapping[str, Any]) -> list[Block]:
    """An analysis whose formula names measures."""
    table = _table(material, name)
    blocks: list[Block] = [
        Text(f"Formula: {analysis['formula']} ({analysis['family']}, subset '{analysis['subset']}')"),
        Notice("Errors of measurement are not corrected for.", CAUTION),
        Missing(f"Estimates of {name}", "The table has no rows.") if table.empty else _estimates(name, table),
    ]
    return [*blocks, *_increments(material, name)]


def _estimates(name: str, table: pd.DataFrame) -> Table:
    rows = [
        [
            in_words(row["term"]),
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


def _increments(material: Material, name: str) -> list[Block]:
    rows = material.tables["incremental_r2"]
    rows = rows[rows["analysis"] == name]
    if rows.empty:
        return []
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
    return [
        Table.of(
            f"What {name} loses without a variable and its interactions",
            columns,
            body,
            "lrrrrrl"[: len(columns)],
            "R2 never falls when a term is added, so an interval that begins near zero is no evidence of a"
            " contribution.",
        )
    ]


def _coded(material: Material, name: str, analysis: Mapping[str, Any]) -> list[Block]:
    """An analysis with each coder's codes in turn, corrected with the gold sample."""
    names, table = Names(material.study), _table(material, name)
    coded = words.listed(list(analysis["coded"]))
    facts = [
        f"{analysis['family']}, subset '{analysis['subset']}'",
        f"means by {analysis['aggregate']}" if analysis["aggregate"] else "",
        f"clusters: {analysis['cluster']}" if analysis["cluster"] else "",
    ]
    blocks: list[Block] = [
        Text(
            f"Formula: {analysis['formula']} ({'; '.join(fact for fact in facts if fact)}). The codes of"
            " each coder"
            f" stand for {coded} in turn."
        )
    ]
    said = [corrected.sentence(outcome, names) for outcome in corrected.outcomes(material, name)]
    blocks += [Items([words.sentence(text) for text in said])] if said else []
    if table.empty:
        return [*blocks, Missing(f"Estimates of {name}", "The table has no rows.")]
    png = material.figures.get(f"estimates_{name}")
    caption = f"Figure 6. Coefficients of {name} under every estimator, with 95% intervals."
    blocks.append(Figure(caption, png) if png else Missing("Figure 6", "It was not drawn."))
    blocks.append(_by_term(name, table, names))
    absent = _not_there(table, names)
    blocks += [Items(absent)] if absent else []
    return [*blocks, *_warnings(material, name, names), *_planning(material, name, names)]


def _by_term(name: str, table: pd.DataFrame, names: Names) -> Table:
    known = table[findings.known(table, "estimate")]
    groups = []
    for term in sorted(dict.fromkeys(known["term"]), key=lambda name: name == "Intercept"):
        rows = [
            [
                corrected.ESTIMATORS.get(row["estimator"], row["estimator"]),
                names.table(row["coder"]) if row["coder"] else words.MISSING,
                words.number(row["estimate"], 3),
                words.number(row["std_error"], 3),
                words.interval(row["ci_low"], row["ci_high"], bounded=False),
                words.p(row["p_value"]),
                words.p(row["p_adjusted"]),
                words.count(row["n"]),
                words.count(row["n_gold"]),
                words.count(row["effective_n"]),
            ]
            for _, row in known[known["term"] == term].iterrows()
        ]
        groups.append((in_words(term), rows))
    covariances = [kind for kind in dict.fromkeys(known["covariance"]) if kind]
    first = table.iloc[0]
    note = (
        f"Subset '{first['subset']}'. Standard errors: {words.listed(covariances)}. Effective n: as many"
        " people's"
        " codes alone would be as precise. p adjusted:"
        f" {CORRECTIONS.get(first['correction'], first['correction'])}; family: all terms but the"
        " intercept, within"
        " one estimator and coder."
    )
    columns = [
        "Estimator", "Codes of", "Estimate", "SE", "95% CI", "p", "p adjusted", "n", "Gold n", "Effective n",
    ]  # fmt: skip
    return Table(f"Estimates of {name}, by term", columns, groups, "llrrrrrrrr", note)


def _not_there(table: pd.DataFrame, names: Names) -> list[str]:
    """What could not be estimated, and why; each sentence once."""
    rows = table[~findings.known(table, "estimate") & (table["note"] != "")]
    said: dict[str, None] = {}
    for _, row in rows.iterrows():
        said[f"{corrected.estimator(names, row)}: {row['note']}"] = None
    return [words.sentence(text) for text in said]


def _warnings(material: Material, name: str, names: Names) -> list[Block]:
    table = material.tables["diagnostics"]
    found: list[Block] = []
    for _, row in table[table["analysis"] == name].iterrows():
        meaning = row["meaning"]
        if row["coder"]:
            meaning = meaning.replace(f" {row['coder']} ", f" {names.prose(row['coder'])} ")
        found.append(Notice(words.sentence(row["warning"]), f"{words.sentence(row['found'])} {meaning}"))
    return found


def _planning(material: Material, name: str, names: Names) -> list[Block]:
    """How many more gold units would do, for the terms of hypotheses (for all where there are none)."""
    table = material.tables["planning"]
    rows = table[(table["analysis"] == name) & findings.known(table, "power")]
    if rows.empty:
        return []
    expected = [h["term"] for h in material.study.get("hypotheses", {}).values() if h["analysis"] == name]
    terms = [term for term in dict.fromkeys(rows["term"]) if not expected or term in expected]
    said = [_enough(rows, term, names) for term in terms]
    png = material.figures.get(f"planning_{name}")
    caption = (
        f"Power of {name} by the number of units that people code: the chance that a two-sided test at .05"
        " finds a"
        " coefficient as large as the present estimate; the line at .8 is what is usually wanted."
    )
    note = (
        "An estimate that was picked because it is significant is likely too large, and so is its power."
        " Further"
        " gold units are supposed to resemble the present ones."
    )
    figure: list[Block] = [Figure(caption, png)] if png else []
    return [Heading(f"How many gold units for {name}"), Items([s for s in said if s]), *figure, Text(note)]


def _enough(rows: pd.DataFrame, term: str, names: Names) -> str:
    here = rows[(rows["term"] == term) & (rows["now"] == "True")]
    if here.empty:
        return ""
    parts = []
    for _, row in here.iterrows():
        size, power = words.number(row["std_error"]), words.r(row["power"])
        n, enough = row["n_gold"], row["n_for_power"]
        if not words.known(enough):
            then = ".8 is out of reach even if people code all units"
        elif enough <= n:
            then = f"{words.count(enough)} would be enough for .8"
        else:
            then = f".8 needs {words.count(enough)}, {words.count(enough - n)} more"
        parts.append(f"{corrected.estimator(names, row)}, standard error {size} and power {power} ({then})")
    n = words.plural(int(here["n_gold"].iloc[0]), "gold unit")
    return words.sentence(f"{in_words(term)}, with {n}: {'; '.join(parts)}")


def _assumptions(material: Material) -> list[Block]:
    shown = {row for table in material.analyses.values() for row in table.get("estimator", ())}
    rows = [
        [_SHORT.get(key, corrected.ESTIMATORS[key]), text]
        for key, text in corrected.SUPPOSES.items()
        if key in shown
    ]
    return [
        Heading("What each estimator supposes"),
        Table.of("Assumptions", ["Estimator", "Supposes"], rows, "ll"),
    ]


def _shares(material: Material) -> list[Block]:
    table = material.tables["prevalence"]
    blocks: list[Block] = []
    names = Names(material.study)
    for construct in material.constructs:
        rows = table[(table["construct"] == construct) & findings.known(table, "estimate")]
        if rows.empty:
            continue
        groups = []
        for category in dict.fromkeys(rows["category"]):
            body = [
                [
                    corrected.ESTIMATORS.get(row["estimator"], row["estimator"]),
                    names.table(row["coder"]) if row["coder"] else words.MISSING,
                    words.number(row["estimate"], 3) if category == "mean" else words.r(row["estimate"], 3),
                    words.number(row["std_error"], 3) if category == "mean" else words.r(row["std_error"], 3),
                    words.interval(row["ci_low"], row["ci_high"], 3, bounded=category != "mean"),
                    words.count(row["n"]),
                    words.count(row["n_gold"]),
                ]
                for _, row in rows[rows["category"] == category].iterrows()
            ]
            groups.append((category, body))
        columns = ["Estimator", "Codes of", "Share or mean", "SE", "95% CI", "n", "Gold n"]
        note = (
            f"Subset '{rows.iloc[0]['subset']}'. An uncorrected figure is of what the coder says; the"
            " others are"
            " of what people would say of all these texts."
        )
        if not blocks:
            blocks.append(Heading("How frequent: shares and means"))
        blocks.append(Table(f"Shares and means of {construct}", columns, groups, "llrrrrr", note))
    return blocks
