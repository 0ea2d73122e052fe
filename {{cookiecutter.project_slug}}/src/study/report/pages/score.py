"""Part 7: each score against the criterion: how much of the range it uses, and how high agreement can be."""

from __future__ import annotations

import math

import pandas as pd

from study.report import findings, words
from study.report.blocks import Block, Heading, Missing, Page, Table, Text
from study.report.material import Material
from study.report.names import Names, domain
from study.report.pictures import figure

OFTEN = 0.05
"""A score is named as the most frequent one from this share of texts on."""


def page(material: Material) -> Page:
    """Show spread, extremes and the ceiling that the criterion's own reliability sets."""
    points, blocks = [], []
    for construct in material.constructs:
        own: list[Block] = [Heading(construct)] if len(material.constructs) > 1 else []
        own += figure(
            material,
            "scatter",
            construct,
            "Figure 2. Each measure against the criterion, by domain, on the texts that every measure has"
            " coded.",
        )
        own += [_spread(material, construct), _ceiling(material, construct)]
        points.append(_point(material, construct))
        blocks += own
    blocks.append(
        Text(
            "Scores stand on scales of their own, so the spread of two measures is not compared here; what is"
            " compared is how much of its own range each uses. A score is compressed when most texts get"
            " nearly the same value. No measure can be expected to correlate with the criterion above the"
            " square root of the criterion's reliability (Spearman 1904); that is the ceiling."
        )
    )
    return Page(7, "Score against criterion", " ".join(points), blocks)


def scores(material: Material, construct: str) -> pd.DataFrame:
    """Return the scores of every coder on the texts that the pages speak of, one column a coder."""
    coders = [c for c in findings.coders_of(material, construct) if f"{construct}_{c}" in material.measures]
    frame = material.measures
    if material.subset(construct) == "sample":
        machines = [c for c in coders if c not in material.coders("human") or c == material.criterion]
        given = [f"{construct}_{c}" for c in machines if frame[f"{construct}_{c}"].notna().any()]
        frame = frame[frame["sample"].astype(bool)].dropna(subset=given)
    found = frame[[f"{construct}_{c}" for c in coders]].astype(float)
    found.columns = pd.Index(coders)
    return found


def middle_half(values: pd.Series) -> float:
    """Return the interquartile range as a share of the observed range; NaN where values do not vary."""
    span = values.max() - values.min()
    return float((values.quantile(0.75) - values.quantile(0.25)) / span) if span > 0 else math.nan


def ceilings(material: Material, construct: str) -> pd.DataFrame:
    """Return the reliability of the criterion's mean by domain, where there is one."""
    rows = material.rows("reliability", construct, subset="all", raters=material.criterion, statistic="icc1k")
    return rows[rows["estimate"] > 0]


def _point(material: Material, construct: str) -> str:
    found, names = scores(material, construct), Names(material.study)
    parts = []
    for model in material.coders("llm"):
        if model in found and material.criterion in found and found[model].nunique() > 1:
            own, human = middle_half(found[model]), middle_half(found[material.criterion])
            if words.known(human):
                how = "more" if own < human else "less" if own > human else "as"
                parts.append(
                    f"{names.prose(model)} puts the middle half of the texts into {words.percent(own, 1)} of"
                    f" the range that it uses, {names.prose(material.criterion)} into"
                    f" {words.percent(human, 1)}: its scores are {how} compressed"
                    f" {'as' if how == 'as' else 'than'} theirs"
                )
    rows = ceilings(material, construct)
    pooled = findings.one(rows, domain=findings.POOLED)
    if pooled is not None:
        parts.append(
            f"no measure of {construct} can be expected to correlate with this criterion above "
            f"r = {words.r(math.sqrt(pooled['estimate']), 3)}"
        )
    if not parts:
        return words.sentence(f"{construct}: {findings.why_no_agreement(material, construct)}")
    return words.sentence("; ".join(parts))


def _spread(material: Material, construct: str) -> Table | Missing:
    found, names = scores(material, construct), Names(material.study)
    rows = []
    for coder in found:
        values = found[coder].dropna()
        if values.empty:
            continue
        most = values.mode().iloc[0]
        times = int((values == most).sum())
        rows.append(
            [
                names.table(str(coder)),
                words.count(len(values)),
                words.number(values.mean()),
                words.number(values.std()),
                f"{words.number(values.min())} to {words.number(values.max())}",
                words.percent(middle_half(values), 1) if words.known(middle_half(values)) else words.MISSING,
                (
                    f"{words.number(most)} ({words.percent(times, len(values))})"
                    if times / len(values) >= OFTEN
                    else words.MISSING
                ),
            ]
        )
    if not rows:
        return Missing(f"Scores of {construct}", "Its labels have no values, so there are no scores.")
    return Table.of(
        f"Scores of {construct}, subset '{material.subset(construct)}', all domains together",
        ["Measure", "n", "Mean", "SD", "Range used", "Middle half of texts", "Most frequent score"],
        rows,
        "lrrrrrr",
        "'Middle half of texts': the interquartile range as a share of the range used. 'Most frequent score'"
        " with its share of texts: for a word list, the texts without any of its words.",
    )


def _ceiling(material: Material, construct: str) -> Table | Missing:
    rows = ceilings(material, construct)
    if rows.empty:
        return Missing(
            "The ceiling", "No reliability of the mean of several ratings is known for the criterion."
        )
    agreement = material.rows("agreement", construct)
    names = Names(material.study)
    models = [m for m in dict.fromkeys(agreement["measure"]) if m not in findings.raters(material)]
    body = []
    for place in findings.domains(rows):
        row = findings.one(rows, domain=place)
        assert row is not None
        highest = math.sqrt(row["estimate"])
        cells = []
        for model in models:
            machine = findings.one(agreement, measure=model, domain=place)
            known = machine is not None and words.known(machine["pearson_r"])
            cells.append(words.r(machine["pearson_r"]) if machine is not None and known else words.MISSING)
        body.append([domain(place), words.r(row["estimate"], 3), words.r(highest, 3), *cells])
    return Table.of(
        "The ceiling that the reliability of the criterion sets, and what measures reach (r), subset"
        f" '{material.subset(construct)}'",
        ["Domain", "Reliability of the mean, ICC(1,k)", "Highest r to expect", *map(names.table, models)],
        body,
        "l" + "r" * (2 + len(models)),
    )
