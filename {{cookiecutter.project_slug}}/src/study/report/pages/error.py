"""Part 10: is the error of a measure related to what is studied?"""

from __future__ import annotations

import math
import re

import pandas as pd

from study.report import findings, words
from study.report.blocks import Block, Cell, Heading, Items, Mark, Missing, Page, Table, Text
from study.report.material import Material
from study.report.names import CORRECTIONS, Names
from study.report.notes import left_out
from study.report.pictures import figure

JOINT, SINGLE = "joint", "covariate"
LABEL = "label"
INTERCEPT = "Intercept"
MOST_TERMS = 60
"""Rows of coefficients that are shown; more are in the table of results only."""


def page(material: Material) -> Page:
    """Show errors by level, the tests, what each means, and the coefficients that are the bias."""
    points, blocks = [], []
    for construct in material.constructs:
        own: list[Block] = [Heading(construct)] if len(material.constructs) > 1 else []
        rows = _rows(material, "error_by_covariates", construct)
        joint = rows[rows["test"] == JOINT]
        points.append(_point(material, construct, rows))
        if not findings.known(joint, "p_value").any() and not joint["sentence"].astype(bool).any():
            own.append(Missing(f"Errors of {construct}", words.sentence(why(material, construct))))
        else:
            own += figure(
                material,
                "errors",
                construct,
                "Figure 4. Mean error of each measure at every level of a covariate, with 95% intervals over"
                " texts; the dashed line is its mean error over all levels (of mapped measures zero).",
            )
            own += [_sentences(material, joint), *_notes(material, joint), _tests(material, construct, rows)]
            own += _terms(material, construct, joint)
        blocks += own
    blocks += _regressions(material)
    blocks.append(
        Text(
            "The error is regressed on all covariates at once; F-tests with standard errors that are robust"
            " to unequal variances (HC3). The error of a score is the measure less the criterion; a measure"
            " on another scale is first mapped onto the criterion by least squares on the same texts. Of"
            " labels it is whether they are wrong. That no dependence is found does not show that there is"
            " none: the intervals say how much there could be. The criterion is taken for the truth; where"
            " people's own errors depend on a covariate, so do these."
        )
    )
    if any(_depends(material, construct) for construct in material.constructs):
        points.append("Comparisons along such a covariate by such a measure are biased.")
    return Page(10, "Error by covariate", " ".join(points), blocks)


def _depends(material: Material, construct: str) -> bool:
    rows = material.rows("error_by_covariates", construct, test=JOINT)
    return bool((rows["differential"].astype(str) == "True").any())


def _rows(material: Material, table: str, construct: str) -> pd.DataFrame:
    return findings.ordered(material, construct, material.rows(table, construct))


def why(material: Material, construct: str) -> str:
    """Say why no error was tested."""
    if not material.criterion:
        return "the study has no coder that the others are compared with."
    if material.criterion not in findings.coders_of(material, construct):
        return f"{Names(material.study).prose(material.criterion)} did not code it."
    rows = material.rows("error_by_covariates", construct)
    notes = list(dict.fromkeys(note for note in rows["note"] if note))
    if notes:
        return "; ".join(notes)
    if not material.study["compare"].get("error_by"):
        return "no covariate is named on which errors could depend (compare: error_by)."
    return "no text has both a code and a criterion."


def called(names: Names, row: pd.Series, *, prose: bool = False) -> str:
    """Return a measure's name, and that its labels are judged where they are."""
    name = names.prose(row["measure"]) if prose else names.table(row["measure"])
    return f"{name} (labels)" if row["kind"] == LABEL else name


def on_which(rows: pd.DataFrame, measure: str) -> list[str]:
    """Return the covariates on which a measure's error depends, each tested by itself."""
    own = rows[(rows["measure"] == measure) & (rows["test"] == SINGLE)]
    return [row["covariate"] for _, row in own.iterrows() if str(row["differential"]) == "True"]


def _tested(rows: pd.DataFrame, measure: str) -> list[str]:
    own = rows[(rows["measure"] == measure) & (rows["test"] == SINGLE) & findings.known(rows, "p_value")]
    return list(own["covariate"])


def _point(material: Material, construct: str, rows: pd.DataFrame) -> str:
    names, joint = Names(material.study), rows[rows["test"] == JOINT]
    depends: dict[str, list[str]] = {}
    others: list[str] = []
    for _, row in joint.iterrows():
        who = called(names, row, prose=True)
        if str(row["differential"]) == "True":
            certain = on_which(rows, row["measure"])
            together = f"{words.listed(_tested(rows, row['measure']))} taken together"
            depends.setdefault(words.listed(certain) if certain else together, []).append(who)
        elif str(row["differential"]) == "False":
            others.append(who)
    if not depends and not others:
        said = why(material, construct)
        # Without a reason in words a test had nothing to explain: no error, or the same on every text.
        if joint["sentence"].astype(bool).any():
            said = "it is the same on every text."
        return words.sentence(f"whether the error of {construct} depends on covariates is not tested: {said}")
    n = words.plural(int(joint["n"].max()), "text")
    if not depends:
        covariates = list(dict.fromkeys(rows.loc[rows["test"] == SINGLE, "covariate"]))
        return words.sentence(
            f"on {n}, no measure of {construct} was found to have errors that depend on"
            f" {words.listed(covariates, 'or')}"
        )
    parts = [f"those of {words.listed(who)} on {covariates}" for covariates, who in depends.items()]
    parts[0] = (
        parts[0].replace("those of", "the errors of", 1).replace(" on ", f" in {construct} depend on ", 1)
    )
    text = f"on {n}, {words.listed(parts)}"
    if others:
        text += f"; those of {words.listed(others)} were not found to"
    return words.sentence(text)


def _sentences(material: Material, joint: pd.DataFrame) -> Items:
    names = Names(material.study)
    return Items(
        [f"{called(names, row)}: {row['sentence']}" for _, row in joint.iterrows() if row["sentence"]]
    )


def _notes(material: Material, joint: pd.DataFrame) -> list[Block]:
    """Say what was judged where a note does, and which measures have no test."""
    names = Names(material.study)
    without = joint[~joint["sentence"].astype(bool)]
    with_note = joint[joint["sentence"].astype(bool) & joint["note"].astype(bool)]
    said = [f"{words.sentence(note)}" for note in dict.fromkeys(with_note["note"])]
    left = left_out(without, lambda row: called(names, row))
    return [Text(" ".join([*said, left]).strip())] if said or left else []


def _statistic(row: pd.Series) -> str:
    value = row["statistic"]
    if not isinstance(value, float) or math.isnan(value):
        return words.MISSING
    figure_ = words.number(value) if words.known(value) else "∞"
    return f"{figure_} ({words.count(row['df'])}, {words.count(row['df_residual'])})"


def _verdict(row: pd.Series) -> Cell:
    marks = {"True": Mark("depends", "bad"), "False": Mark("not found to", "open")}
    return marks.get(str(row["differential"]), words.MISSING)


def _tests(material: Material, construct: str, rows: pd.DataFrame) -> Table:
    names = Names(material.study)
    rows = rows[rows["measure"].isin(rows.loc[rows["sentence"].astype(bool), "measure"])]
    groups: list[tuple[str, list[list[Cell]]]] = []
    for _, own in rows.groupby("measure", sort=False):
        body: list[list[Cell]] = []
        for _, row in own[~own["note"].astype(bool) | (own["test"] == JOINT)].iterrows():
            joint = row["test"] == JOINT
            body.append(
                [
                    "all together" if joint else row["covariate"],
                    words.count(row["n"]),
                    words.number(row["mean_error"], 3) if joint else "",
                    words.count(row["terms"]),
                    _statistic(row),
                    words.p(row["p_value"]),
                    "" if joint else words.p(row["p_adjusted"]),
                    _verdict(row),
                ]
            )
        groups.append((_title(names, own.iloc[0]), body))
    correction = [name for name in rows["correction"] if name]
    note = "Mean error in units of the measure; of labels, the share that is wrong."
    if correction:
        adjusted = CORRECTIONS.get(correction[0], correction[0])
        note += f" p adjusted over the covariates of a measure: {adjusted}."
    skipped = rows[(rows["test"] == SINGLE) & rows["note"].astype(bool)]
    note = f"{note} {left_out(skipped, lambda row: row['covariate'])}".strip()
    return Table(
        f"Does the error of {construct} depend on covariates? Subset '{material.subset(construct)}'",
        ["Covariate", "n", "Mean error", "Terms", "F (df)", "p", "p adjusted", "Error"],
        groups,
        "lrrrrrrl",
        note,
    )


def _title(names: Names, row: pd.Series) -> str:
    mapped = ", mapped linearly onto the criterion" if row["mapping"] == "linear" else ""
    return called(names, row) + mapped


def _terms(material: Material, construct: str, joint: pd.DataFrame) -> list[Block]:
    """Show the coefficients of measures whose error depends on something."""
    names = Names(material.study)
    wanted = [row["measure"] for _, row in joint.iterrows() if str(row["differential"]) == "True"]
    rows = _rows(material, "error_terms", construct)
    rows = rows[rows["measure"].isin(wanted) & findings.known(rows, "estimate")]
    rows = rows[rows["term"] != INTERCEPT]
    if rows.empty:
        return []
    if len(rows) > MOST_TERMS:
        return [Text(f"results/tables/error_terms.csv has the {words.count(len(rows))} coefficients.")]
    groups = [
        (
            _title(names, own.iloc[0]),
            [
                [
                    row["term"],
                    words.number(row["estimate"], 3),
                    words.interval(row["ci_low"], row["ci_high"], 3, bounded=False),
                    words.p(row["p_value"]),
                ]
                for _, row in own.iterrows()
            ],
        )
        for _, own in rows.groupby("measure", sort=False)
    ]
    return [
        Table(
            f"How the error of {construct} depends on them: coefficients (n ="
            f" {words.count(rows['n'].max())})",
            ["Term", "Estimate", "95% CI", "p"],
            groups,
            "lrrr",
            "Against the first level of each covariate; p is not adjusted. A naive regression of a score on"
            " these covariates is biased by just these coefficients; as a predictor a score biases in ways"
            " that these do not tell.",
        )
    ]


def _regressions(material: Material) -> list[Block]:
    """Say what it means for regressions, and which of the study's it concerns."""
    tables = {
        construct: _rows(material, "error_by_covariates", construct) for construct in material.constructs
    }
    if not any(rows["sentence"].astype(bool).any() for rows in tables.values()):
        return []
    found = [
        (construct, row["measure"], set(on_which(rows, row["measure"])) or set(_tested(rows, row["measure"])))
        for construct, rows in tables.items()
        for _, row in rows[rows["test"] == JOINT].iterrows()
        if str(row["differential"]) == "True"
    ]
    used = [
        name
        for name, analysis in material.study["analyses"].items()
        if any(
            _named(analysis["formula"], {construct, f"{construct}_{measure}"})
            and _named(analysis["formula"], covariates)
            for construct, measure, covariates in found
        )
    ]
    text = (
        "a measure whose error depends on a covariate makes that covariate look related to the construct, or"
        " hides that it is. More texts do not help: they all have the error."
        if found
        else "errors that depend on none of the covariates still cost precision where the measure is the"
        " outcome, and pull its coefficient towards zero where it is a single predictor."
    )
    if used:
        text += (
            f" {words.listed(used)} {'uses' if len(used) == 1 else 'use'} such a measure together with such a"
            " covariate."
        )
    return [
        Heading("What it means for regressions"),
        Text(
            f"{words.sentence(text)} Part 12 shows each estimator's result: the naive ones carry the error,"
            " the design-based ones (DSL, PPI) correct it without assuming anything about what it depends on,"
            " given gold codes that were drawn with known probability."
        ),
    ]


def _named(formula: str, names: set[str]) -> bool:
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", formula) for name in names)
