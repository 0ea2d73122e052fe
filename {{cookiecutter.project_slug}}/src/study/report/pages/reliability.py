"""Part 5, table 2: how well people agree with each other."""

from __future__ import annotations

import pandas as pd

from study.report import findings, words
from study.report.blocks import Block, Heading, Missing, Page, Table, Text
from study.report.material import Material
from study.report.names import Names, domain, statistic


def page(material: Material) -> Page:
    """Show reliability, and single raters against the others beside it."""
    points, blocks = [], []
    for construct in material.constructs:
        found = material.tables["reliability"]
        found = found[found["construct"] == construct]
        points.append(_point(material, construct))
        own: list[Block] = [Heading(construct)] if len(material.constructs) > 1 else []
        if found.empty:
            own.append(Missing(f"Reliability of {construct}", _why(material, construct)))
        else:
            own += [
                _table(material, construct, subset)
                for subset in findings.shown_subsets(material, construct, found)
            ]
            own.append(_beside(material, construct))
        blocks += own
    blocks.append(
        Text(
            "Alpha is Krippendorff's (2019), for any number of raters that need not be the same people from"
            " text to text. ICC(1) is the one-way intraclass correlation of a single rating, ICC(1,k) that of"
            " the mean of a text's ratings (Shrout & Fleiss 1979). Intervals are percentiles of a bootstrap"
            " over texts. A single rating that is compared with a mean in which it is contained agrees with"
            " itself; the row with the own rating left out does not."
        )
    )
    return Page(5, "Reliability", " ".join(points), blocks)


def _point(material: Material, construct: str) -> str:
    everything = {"subset": findings.POOLED, "raters": material.criterion, "statistic": "krippendorff_alpha"}
    rows = material.rows("reliability", construct, **everything)
    level = material.codebooks[construct].level
    rows = rows[(rows["level"] == level) & findings.known(rows, "estimate")]
    if rows.empty:
        return words.sentence(
            f"how well people agree on {construct} is not known: {_why(material, construct)}"
        )
    n = int(rows["n_units"].max())
    rows = rows[rows["domain"].isin(findings.judged(rows))].sort_values("estimate", ascending=False)
    each = [f"{words.r(row['estimate'])} in {row['domain']}" for _, row in rows.iterrows()]
    if list(rows["domain"]) == [findings.POOLED]:
        only = rows.iloc[0]
        each = [f"{words.r(only['estimate'])} {words.interval(only['ci_low'], only['ci_high'])}"]
    text = (
        f"on {words.plural(n, 'text')} with several ratings, people agree on {construct} with a"
        f" Krippendorff's alpha ({level}) of {words.listed(each)}"
    )
    agreement = material.rows("agreement", construct, subset=findings.POOLED, domain=findings.POOLED)
    single = findings.one(agreement, measure=f"{material.criterion}_leave_one_out")
    if single is not None and words.known(single["pearson_r"]):
        text += (
            f"; a single rating correlates with the mean of the others at r = {words.r(single['pearson_r'])}"
        )
    return words.sentence(text)


def _why(material: Material, construct: str) -> str:
    humans = [c for c in material.coders("human") if c in findings.coders_of(material, construct)]
    if not humans:
        return "no human coder coded it."
    rows = material.tables["reliability"]
    notes = [n for n in rows.loc[rows["construct"] == construct, "note"].unique() if n]
    return f"{notes[0]}." if notes else "no text has two ratings."


def _table(material: Material, construct: str, subset: str) -> Table:
    rows = material.tables["reliability"]
    rows = rows[(rows["construct"] == construct) & (rows["subset"] == subset)]
    groups = []
    for place in findings.domains(rows):
        own = rows[rows["domain"] == place]
        groups.append((domain(place), [_row(material, row) for _, row in own.iterrows()]))
    return Table(
        f"Table 2. Agreement of raters on {construct}, subset '{subset}'",
        ["Raters", "Statistic", "Level", "Texts", "Ratings", "Estimate", "95% CI", "Note"],
        groups,
        "lllrrrrl",
    )


def _row(material: Material, row: pd.Series) -> list[str]:
    return [
        Names(material.study).table(row["raters"]),
        statistic(row["statistic"]),
        row["level"],
        words.count(row["n_units"]),
        words.count(row["n_ratings"]),
        words.r(row["estimate"], 3),
        words.interval(row["ci_low"], row["ci_high"], 3),
        row["note"],
    ]


def _beside(material: Material, construct: str) -> Table | Missing:
    rows = material.tables["agreement"]
    rows = rows[(rows["construct"] == construct) & rows["measure"].isin(findings.raters(material))]
    if rows.empty:
        return Missing(
            "Single raters against the others", "No ratings of the criterion are listed one by one."
        )
    names = Names(material.study)
    groups = []
    for subset in findings.shown_subsets(material, construct, rows):
        own = rows[rows["subset"] == subset]
        cells = [
            [
                names.table(row["measure"]),
                domain(place),
                words.count(row["n"]),
                words.r(row["pearson_r"], 3),
                words.interval(row["ci_low"], row["ci_high"], 3),
                words.r(row["spearman_rho"], 3),
            ]
            for place in findings.domains(own)
            for _, row in own[own["domain"] == place].iterrows()
        ]
        groups.append((f"subset '{subset}'", cells))
    return Table(
        f"Single ratings of {construct} against the mean of their text's ratings",
        ["Who", "Domain", "Texts", "Pearson's r", "95% CI", "Spearman's rho"],
        groups,
        "llrrrr",
        "n counts texts, never ratings; intervals resample texts.",
    )
