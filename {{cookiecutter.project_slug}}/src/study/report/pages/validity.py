"""Part 6: how closely each measure agrees with the criterion, and whether it may stand in for people."""

from __future__ import annotations

import pandas as pd

from study.report import alternative, findings, narrated, traits, words
from study.report.blocks import Block, Heading, Missing, Page, Table, Text
from study.report.material import Material
from study.report.names import Names, domain, statistic
from study.report.notes import joined, left_out, why_none
from study.report.pictures import figure

_IN_AGREEMENT = "agreement.csv, pearson_r, "


def page(material: Material) -> Page:
    """Show agreement by domain and subset, the alternative annotator test, and what unreliability does."""
    blocks: list[Block] = []
    for construct in material.constructs:
        blocks += [Heading(construct)] if len(material.constructs) > 1 else []
        blocks += narrated.blocks(material, "agreement", construct)
        blocks += figure(
            material,
            "agreement",
            construct,
            "Figure 1. Correlation with the criterion by measure and domain, with 95% intervals over texts;"
            " published values are marked where there are any.",
        )
        blocks += _tables(material, construct)
        blocks += alternative.blocks(material, construct)
        blocks.append(_disattenuated(material, construct))
    blocks += traits.blocks(material)
    blocks.append(
        Text(
            "In the subset 'sample' every measure stands on the same texts: only there may measures be"
            " compared. The subset 'all' has every text with a criterion, and the measures that cover them."
            " Intervals are percentiles of a bootstrap over texts"
            f" ({words.count(material.study['compare']['bootstrap'])} resamples, seed"
            f" {material.study['compare']['seed']}). Single people are shown as what a measure can be held"
            " against."
        )
    )
    return Page(6, "Validity", _point(material), blocks)


def _point(material: Material) -> str:
    return " ".join(
        findings.headline(material, construct)
        + _by_domain(material, construct)
        + alternative.point(material, construct)
        for construct in material.constructs
    )


def _by_domain(material: Material, construct: str) -> str:
    """Say in how many domains a language model agrees less or more than each other measure."""
    agreement = material.rows("agreement", construct)
    places = findings.judged(agreement)
    models = [m for m in material.coders("llm") if m in set(agreement["measure"])]
    if len(places) < 2 or not models:
        return ""
    names = Names(material.study)
    said = []
    for model in models:
        found = agreement[(agreement["measure"] == model) & agreement["domain"].isin(places)]
        found = found[findings.known(found, "pearson_r")].sort_values("pearson_r")
        if len(found) > 1:
            low, high = found.iloc[0], found.iloc[-1]
            said.append(
                f" By domain, the r of {names.prose(model)} goes from {words.r(low['pearson_r'])}"
                f" ({low['domain']}) to {words.r(high['pearson_r'])} ({high['domain']})."
            )
    return "".join(said)


def published(material: Material) -> dict[int, list[str]]:
    """Return the printed correlations that a row of the table of agreement is compared with, by its index."""
    agreement = material.tables["agreement"]
    found: dict[int, list[str]] = {}
    for _, claim in material.tables["claims"].iterrows():
        if not claim["where"].startswith(_IN_AGREEMENT):
            continue
        cells = dict(part.split(" ", 1) for part in claim["where"].split(", ")[2:] if " " in part)
        keys = [key for key in cells if key in agreement]
        hit = agreement
        for key in keys:
            hit = hit[hit[key] == cells[key]]
        if len(hit) == 1:
            text = (
                claim["published"].lstrip("0") if claim["published"].startswith("0.") else claim["published"]
            )
            found.setdefault(int(hit.index[0]), []).append(text + ("*" if claim["reading"] else ""))
    return found


def _tables(material: Material, construct: str) -> list[Block]:
    rows = material.tables["agreement"]
    rows = rows[(rows["construct"] == construct) & (rows["n"] > 0)]
    if rows.empty:
        return [
            Missing(
                f"Agreement on {construct}", words.sentence(findings.why_no_agreement(material, construct))
            )
        ]
    printed = published(material)
    subsets = findings.shown_subsets(material, construct, rows)
    return [
        _table(material, construct, rows[rows["subset"] == subset], subset, printed) for subset in subsets
    ]


def _table(
    material: Material, construct: str, rows: pd.DataFrame, subset: str, printed: dict[int, list[str]]
) -> Table:
    names = Names(material.study)
    groups = []
    for place in findings.domains(rows):
        own = findings.ordered(material, construct, rows[rows["domain"] == place])
        cells = [
            [
                names.table(row["measure"]),
                words.count(row["n"]),
                words.r(row["pearson_r"], 3),
                words.interval(row["ci_low"], row["ci_high"], 3),
                words.r(row["spearman_rho"], 3),
                words.interval(row["spearman_ci_low"], row["spearman_ci_high"], 3),
                ", ".join(printed.get(int(str(index)), [])),
            ]
            for index, row in own.iterrows()
        ]
        groups.append((domain(place), cells))
    columns = ["Measure", "n", "r", "95% CI", "rho", "95% CI", "r as published"]
    marked = any(row[-1] for _, cells in groups for row in cells)
    if not marked:
        columns, groups = columns[:-1], [(title, [row[:-1] for row in cells]) for title, cells in groups]
    starred = any("*" in row[-1] for _, cells in groups for row in cells) if marked else False
    note = "Pearson's r and Spearman's rho with the criterion; n counts texts."
    if starred:
        note += " * in another reading of the source (part 14)."
    caption = f"Agreement on {construct} with {names.prose(material.criterion)}, subset '{subset}'"
    return Table(caption, columns, groups, "l" + "r" * (len(columns) - 1), note)


def _disattenuated(material: Material, construct: str) -> Table | Missing:
    """Show what correlations would be, were the criterion measured without error."""
    names = Names(material.study)
    rows = findings.ordered(material, construct, material.rows("disattenuated", construct))
    what = f"Correlations on {construct} corrected for the criterion's unreliability"
    if rows.empty:
        return Missing(what, words.sentence(findings.why_no_agreement(material, construct)))
    there = findings.known(rows, "corrected_r")

    def called(row: pd.Series) -> str:
        return f"{names.table(row['measure'])}, {domain(row['domain'])}"

    if not there.any():
        return Missing(what, why_none(rows, called))
    said = left_out(rows[~there], called)
    groups = []
    for place in findings.domains(rows[there]):
        own = rows[there & (rows["domain"] == place)]
        groups.append((domain(place), [_corrected(names, row) for _, row in own.iterrows()]))
    known_as = words.listed(sorted({statistic(name) for name in rows.loc[there, "reliability_statistic"]}))
    note = (
        f"r / sqrt(reliability) (Spearman 1904); the reliability is that of the criterion's mean rating,"
        f" {known_as}, and taken as known, so the interval is too short. It is what r would be, were the"
        " criterion measured without error and the errors of both independent; the measure's own errors are"
        " not corrected for."
    )
    columns = ["Measure", "n", "r", "95% CI", "Reliability", "Corrected r", "95% CI", "Note"]
    if not any(row[-1] for _, cells in groups for row in cells):
        columns, groups = columns[:-1], [(title, [row[:-1] for row in cells]) for title, cells in groups]
    caption = f"{what}, subset '{material.subset(construct)}'"
    return Table(caption, columns, groups, "lrrrrrrl"[: len(columns)], joined([note, said]))


def _corrected(names: Names, row: pd.Series) -> list[str]:
    return [
        names.table(row["measure"]),
        words.count(row["n"]),
        words.r(row["pearson_r"], 3),
        words.interval(row["ci_low"], row["ci_high"], 3),
        words.r(row["reliability"], 3),
        words.r(row["corrected_r"], 3),
        words.interval(row["corrected_ci_low"], row["corrected_ci_high"], 3),
        row["note"],
    ]
