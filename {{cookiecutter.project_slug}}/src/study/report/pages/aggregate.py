"""Part 11: how valid means are: of documents, persons, years, and of the domains."""

from __future__ import annotations

import pandas as pd

from study.report import findings, words
from study.report.blocks import Block, Heading, Missing, Page, Table, Text
from study.report.material import Material
from study.report.names import Names
from study.report.notes import joined, left_out
from study.report.pictures import figure

UNIT, JOINT, OWN = "unit", "joint", "own"
LEVELS = (UNIT, "domain", "document", "person", "year")
READINGS = {JOINT: "texts that both have coded", OWN: "each side's own texts"}
SINGLE_TEXTS = "every one of them is a single text"
"""How the table's note on a level begins that repeats the level of texts."""
FEW = 10
"""Fewer means than this tell nothing about what errors do in them."""
CANCEL, SHARED, OPEN, TOO_FEW = "cancel", "shared", "open", "too few"
SAID = {
    CANCEL: "errors cancel in means {}",
    SHARED: "errors do not cancel in means {}, whose texts share them",
    OPEN: "{} the intervals leave that open",
    TOO_FEW: "{} there are too few means to tell",
}
"""What follows from the intervals, `{}` being 'by document and by year'."""
ALONE = SAID | {
    OPEN: "whether errors cancel in means {} the intervals leave open",
    TOO_FEW: "there are too few means {} to tell whether errors cancel in them",
}
"""What is said where nothing else is."""
NO_BIAS = "no bias, "
"""How the part of a note begins that says why two scores have no difference."""


def page(material: Material) -> Page:
    """Show correlations of single texts and of means side by side."""
    points, blocks = [], []
    for construct in material.constructs:
        own: list[Block] = [Heading(construct)] if len(material.constructs) > 1 else []
        rows = shown(material, construct)
        points.append(_point(material, construct, rows))
        if not findings.known(rows, "pearson_r").any():
            own.append(
                Missing(f"Aggregate validity of {construct}", words.sentence(_why(material, construct)))
            )
        else:
            own += figure(
                material,
                "aggregate",
                construct,
                "Figure 5. Correlation with the criterion of single texts and of means, by measure, with 95%"
                " intervals over texts or over what the means are of.",
            )
            own.append(_table(material, construct, rows))
        blocks += own
    blocks.append(
        Text(
            "A mean over many texts loses the errors that go in all directions and keeps those that its texts"
            " share. So means can agree better than single texts, or worse, and a study that concludes about"
            " documents, persons or years needs the figure of that level. Means that differ more from each"
            " other than texts do raise r as well. Over the texts that both have coded only the measure's"
            " errors are compared. Over each side's own texts it is also which texts each has: that is what a"
            " reader gets who has the criterion from elsewhere. Bias is what no mean takes away. Intervals at"
            " a level resample what the means are of; fewer than ten means have none, because resampling so"
            " few tells nothing, and their correlation says little."
        )
    )
    return Page(11, "Aggregate validity", " ".join(points), blocks)


def shown(material: Material, construct: str) -> pd.DataFrame:
    """Return the rows that the page speaks of: its subset, and each side's own texts, which are all of them.

    Levels whose means are single texts, all of them, are left out: their figures are those of texts. So are
    each side's own texts where they are the texts that both have coded.
    """
    rows = material.tables["aggregate_validity"]
    rows = rows[rows["construct"] == construct]
    rows = rows[(rows["subset"] == material.subset(construct)) | (rows["reading"] == OWN)]
    rows = rows[~rows["note"].str.startswith(SINGLE_TEXTS)] if len(rows) else rows
    rows = rows[~_repeated(rows)]
    place = {level: number for number, level in enumerate(LEVELS)}
    rows = rows.sort_values(
        ["level", "reading"],
        key=lambda column: column.map(place) if column.name == "level" else column,
        kind="stable",
    )
    return findings.ordered(material, construct, rows)


def _repeated(rows: pd.DataFrame) -> pd.Series:
    """Return which rows of each side's own texts stand on the very texts that both have coded."""
    key = ["level", "measure", "n", "n_units", "n_criterion_units"]
    joint = set(rows.loc[rows["reading"] == JOINT, key].itertuples(index=False, name=None))
    again = [cells in joint for cells in rows[key].itertuples(index=False, name=None)]
    return (rows["reading"] == OWN) & pd.Series(again, index=rows.index, dtype=bool)


def level_name(material: Material, level: str) -> str:
    """Return what a level is called: 'single texts', 'means by domain', 'means of documents'."""
    if level == UNIT:
        return "single texts"
    by = material.study["compare"]["by"] or level
    return f"means by {by}" if level == "domain" else f"means of {level}s"


def compared(unit: pd.Series, mean: pd.Series) -> str:
    """Return how a mean's correlation stands to that of texts, as far as their two intervals tell.

    Intervals that overlap leave it open; so few means that there is no interval, or hardly one, tell nothing.
    """
    if mean["n"] < FEW or not words.known(mean["ci_low"]) or not words.known(unit["ci_low"]):
        return TOO_FEW
    if mean["ci_low"] > unit["ci_high"]:
        return CANCEL
    return SHARED if mean["ci_high"] < unit["ci_low"] else OPEN


def _point(material: Material, construct: str, rows: pd.DataFrame) -> str:
    names = Names(material.study)
    rows = rows[findings.known(rows, "pearson_r") & (rows["reading"] == JOINT)]
    measures = [m for m in material.coders("llm") if m in set(rows["measure"])] or list(
        dict.fromkeys(rows["measure"])
    )
    said = []
    for measure in measures:
        own = rows[rows["measure"] == measure]
        unit = findings.one(own, level=UNIT)
        means = own[own["level"] != UNIT]
        if unit is None:
            continue
        rs = [f"{words.r(unit['pearson_r'])} by text (n = {words.count(unit['n'])})"]
        found: dict[str, list[str]] = {}
        for _, mean in means.iterrows():
            by = _by(material, mean["level"])
            rs.append(f"{words.r(mean['pearson_r'])} {by} ({words.count(mean['n'])})")
            found.setdefault(compared(unit, mean), []).append(by)
        if found:
            said_of = SAID if {CANCEL, SHARED} & set(found) else ALONE
            told = [said_of[how].format(words.listed(found[how])) for how in SAID if how in found]
            said.append(
                f"the r of {names.prose(measure)} with {names.prose(material.criterion)} is"
                f" {words.listed(rs)}: {'; '.join(told)}"
            )
    if not said:
        return words.sentence(
            f"whether means of {construct} agree better than single texts is not known:"
            f" {_why(material, construct)}"
        )
    named = f"{construct}: " if len(material.constructs) > 1 else ""
    return " ".join(words.sentence(named + text) for text in said)


def _by(material: Material, level: str) -> str:
    return f"by {material.study['compare']['by'] or level}" if level == "domain" else f"by {level}"


def _why(material: Material, construct: str) -> str:
    found = material.tables["aggregate_validity"]
    found = found[(found["construct"] == construct) & (found["subset"] == material.subset(construct))]
    if not findings.known(found, "pearson_r").any():
        return findings.why_no_agreement(material, construct)
    means = found[found["level"] != UNIT]
    notes = [note.partition("; ")[0] for note in means["note"] if note and not note.startswith(NO_BIAS)]
    if means.empty:
        return "texts have no domain, document, person or year that several of them share."
    return f"{words.listed(list(dict.fromkeys(notes)))}." if notes else "no means have a correlation."


def _table(material: Material, construct: str, rows: pd.DataFrame) -> Table:
    names = Names(material.study)
    there = findings.known(rows, "pearson_r") | findings.known(rows, "bias")
    groups = [
        (names.table(str(measure)), [_row(material, row) for _, row in own.iterrows()])
        for measure, own in rows[there].groupby("measure", sort=False)
    ]
    columns = ["Level", "Over", "n", "Texts", "r", "95% CI", "rho", "95% CI", "Bias"]
    owns = bool((rows["reading"] == OWN).any())
    if not owns:
        columns = [columns[0], *columns[2:]]
        groups = [(title, [[row[0], *row[2:]] for row in cells]) for title, cells in groups]
    left = left_out(
        rows[~there], lambda row: f"{names.table(row['measure'])}, {level_name(material, row['level'])}"
    )
    note = (
        "n counts texts or means; 'Texts' those behind them, of the measure and of the criterion where they"
        " differ. Bias: mean of measure less criterion."
    )
    same = "" if owns else "Each side's own texts are the texts that both have coded."
    also = ", and each side's own texts" if owns else ""
    return Table(
        f"Agreement on {construct} with {names.prose(material.criterion)} by level, subset"
        f" '{material.subset(construct)}'{also}",
        columns,
        groups,
        "".join("l" if column in ("Level", "Over") else "r" for column in columns),
        joined([note, same, _noted(material, rows[there]), _no_bias(names, rows[there]), left]),
    )


def _row(material: Material, row: pd.Series) -> list[str]:
    texts = [words.count(row["n_units"]), words.count(row["n_criterion_units"])]
    unit = row["level"] == UNIT
    few = not unit and row["n"] < FEW
    return [
        level_name(material, row["level"]),
        "" if unit else READINGS.get(row["reading"], row["reading"]),
        words.count(row["n"]),
        texts[0] if texts[0] == texts[1] else " / ".join(texts),
        words.r(row["pearson_r"], 3),
        words.MISSING if few else words.interval(row["ci_low"], row["ci_high"], 3),
        words.r(row["spearman_rho"], 3),
        words.MISSING if few else words.interval(row["spearman_ci_low"], row["spearman_ci_high"], 3),
        words.number(row["bias"], 3),
    ]


def _noted(material: Material, rows: pd.DataFrame) -> str:
    """Say once what notes say of a level."""
    found = {
        f"{level_name(material, row['level'])}: {part}": None
        for _, row in rows.iterrows()
        for part in row["note"].split("; ")
        if part and not part.startswith(NO_BIAS)
    }
    return " ".join(words.sentence(text) for text in found)


def _no_bias(names: Names, rows: pd.DataFrame) -> str:
    """Say once of whom there is no bias, and why."""
    of_measure: dict[str, str] = {}
    for _, row in rows.iterrows():
        for part in row["note"].split("; "):
            if part.startswith(NO_BIAS):
                of_measure.setdefault(names.table(row["measure"]), part.removeprefix(NO_BIAS))
    reasons: dict[str, list[str]] = {}
    for measure, reason in of_measure.items():
        reasons.setdefault(reason, []).append(measure)
    said = [f"{words.listed(who)} ({reason})" for reason, who in reasons.items()]
    return f"No bias of {'; '.join(said)}." if said else ""
