"""Part 8: which classes are taken for which, and whether probabilities mean what they say, or could."""

from __future__ import annotations

import pandas as pd

from study.report import findings, recalibration, served, words
from study.report.blocks import Block, Heading, Missing, Page, Table, Text
from study.report.material import Material
from study.report.names import Names, domain
from study.report.notes import joined
from study.report.pictures import figure

_NO_PROBABILITIES = "No coder of it has label probabilities on texts with a criterion."
NEAR = 0.05
"""Stated and observed shares that differ by less are called equal."""
_NO_CLASSES = "its scores are numbers without classes; part 6 correlates them"
_ABSENT = {
    _NO_CLASSES: "their scores are numbers without classes; part 6 correlates them",
    "no text has both a class of a measure and a class of the criterion": None,
}
"""Why there is nothing to compare, of one construct and of several (None: the same words)."""
RULES = {"sign": "sign of the score", "label": "label"}


def page(material: Material) -> Page:
    """Show calibration, label distributions and valid mass, confusions and averages."""
    blocks: list[Block] = []
    for construct in material.constructs:
        own: list[Block] = [Heading(construct)] if len(material.constructs) > 1 else []
        if material.codebooks[construct].type == "compare":
            blocks += [*own, _comparisons(material, construct), _valid_mass(material, construct)]
            continue
        own += _calibration(material, construct)
        own += recalibration.blocks(material, construct)
        own += figure(
            material,
            "labels",
            construct,
            "How often each label is given: its mean probability, the share of texts that it wins, and the"
            " share by the criterion; and the valid mass.",
        )
        own.append(_valid_mass(material, construct))
        own += [_confusions(material, construct), _averages(material, construct)]
        blocks += own
    low, high = material.study["compare"]["thresholds"]
    blocks.append(
        Text(
            f"Classes by sign: a score below {_limit(low)} is negative, above"
            f" {_limit(high)} positive, neutral otherwise; the criterion is classified in the same"
            " way. Precision, recall and F1 are averages over classes, weighted by how often the criterion"
            " has them. ECE is the mean distance of stated probability and observed share over ten bins,"
            " weighted by n (Guo et al. 2017); the Brier score is the mean squared distance from the truth,"
            " from 0 to 2 (Brier 1950)."
        )
    )
    return Page(8, "Confusion and calibration", _points(material), blocks)


def _limit(value: float) -> str:
    return words.number(value, 0 if float(value).is_integer() else 2)


def meaning(stated: float, hits: float) -> str:
    """Say in words how stated probability and observed share of hits compare."""
    if abs(stated - hits) < NEAR:
        return "on average it is right as often as it says"
    return "it says to be surer than it is right" if stated > hits else "it is right more often than it says"


def _points(material: Material) -> str:
    """Say the point of each construct; of those with nothing to compare, once for all."""
    absent: dict[str, list[str]] = {}
    said = []
    for construct in material.constructs:
        why = _absent(material, construct)
        if why is None:
            said.append(_point(material, construct))
        else:
            absent.setdefault(why, []).append(construct)
    for why, constructs in absent.items():
        words_of_several = _ABSENT[why] or why
        said.append(
            words.sentence(f"{words.listed(constructs)}: {why if len(constructs) == 1 else words_of_several}")
        )
    return " ".join(said)


def _absent(material: Material, construct: str) -> str | None:
    """Return why no class of a construct can be compared; None where some can."""
    judged = any(
        not material.rows("calibration", construct, measure=coder, domain=findings.POOLED).empty
        for coder in findings.coders_of(material, construct)
    )
    if judged or _best(material, construct) is not None:
        return None
    no_classes, no_pairs = _ABSENT
    return no_pairs if _classified(material, construct) else no_classes


def _point(material: Material, construct: str) -> str:
    names, parts = Names(material.study), []
    for coder in findings.coders_of(material, construct):
        rows = material.rows("calibration", construct, measure=coder, domain=findings.POOLED)
        if not rows.empty:
            n, stated, hits, ece, _ = findings.confidence(rows)
            parts.append(
                f"for {words.plural(n, 'text')}, {names.prose(coder)} gives its label of {construct} a mean"
                f" probability of {words.r(stated)} and is right in {words.percent(hits, 1)} (calibration"
                f" error {words.r(ece)}): {meaning(stated, hits)}"
            )
    if parts:
        return words.sentence("; ".join(parts))
    best = _best(material, construct)
    assert best is not None
    return words.sentence(
        f"no coder of {construct} has label probabilities that could be judged; the highest F1 is"
        f" {words.r(best['f1'])}, of {names.prose(best['measure'])} (n = {words.count(best['n'])})"
    )


def _best(material: Material, construct: str) -> pd.Series | None:
    rows = material.rows("classification", construct, domain=findings.POOLED)
    rows = rows[findings.known(rows, "f1") & ~rows["measure"].isin(findings.raters(material))]
    return None if rows.empty else rows.sort_values("f1").iloc[-1]


def _classified(material: Material, construct: str) -> bool:
    """Whether its scores have classes: labels of texts have, of numbers the table of classes knows."""
    book = material.codebooks[construct]
    labelled = book.closed and book.type != "compare"
    return labelled or construct in set(material.tables["classification"]["construct"])


def _averages(material: Material, construct: str) -> Table | Missing:
    rows = findings.ordered(material, construct, material.rows("classification", construct))
    rows = rows[rows["n"] > 0]
    if rows.empty:
        return Missing(f"Precision, recall and F1 of {construct}", _why_no_classes(material, construct))
    names = Names(material.study)
    groups = [
        (
            domain(place),
            [
                [
                    names.table(row["measure"]),
                    RULES.get(row["rule"], row["rule"]),
                    words.count(row["n"]),
                    *(words.r(row[column]) for column in ("precision", "recall", "f1", "accuracy")),
                ]
                for _, row in rows[rows["domain"] == place].iterrows()
            ],
        )
        for place in findings.domains(rows)
    ]
    caption = f"Classes of {construct}, subset '{material.subset(construct)}'"
    return Table(
        caption, ["Measure", "Class by", "n", "Precision", "Recall", "F1", "Accuracy"], groups, "llrrrrr"
    )


def _why_no_classes(material: Material, construct: str) -> str:
    if not _classified(material, construct):
        return words.sentence(_NO_CLASSES)
    return "No text has both a class and a criterion."


def _comparisons(material: Material, construct: str) -> Table | Missing:
    """Show how well comparisons tell texts apart, and what it does to be shown first."""
    rows = []
    for model in material.coders("llm"):
        codings = material.codings.get(model)
        if codings is None or "score_se" not in codings:
            continue
        own = codings[(codings["construct"] == construct) & codings["score"].notna()]
        if own.empty:
            continue
        spread, error = float(own["score"].std()), float((own["score_se"] ** 2).mean(skipna=False))
        rows.append(
            [
                Names(material.study).table(model),
                words.count(len(own)),
                words.number(float(own["comparisons"].mean()), 1),
                words.number(float(own["order_effect"].iloc[0]), 2),
                words.number(spread, 2),
                words.number(error**0.5, 2),
                words.r(1 - error / spread**2 if spread > 0 else None),
            ]
        )
    if not rows:
        return Missing(f"Comparisons of {construct}", "No language model has compared its texts.")
    return Table.of(
        f"Comparisons of {construct}: Bradley-Terry scores, in log-odds",
        ["Coder", "Texts", "Comparisons a text", "Shown first", "SD of scores", "SE", "Reliability"],
        rows,
        "lrrrrrr",
        "Shown first: by how much the log-odds favour the text that is shown first (0: not at all); both"
        " orders are asked, so it does not shift the scores. SE: root mean square, over pairs. Reliability:"
        " the share of the scores' variance that is not such error; it says nothing of validity.",
    )


def _confusions(material: Material, construct: str) -> Table | Missing:
    rows = material.rows("confusion", construct, domain=findings.POOLED)
    rows = findings.ordered(material, construct, rows)
    if rows.empty or not (rows["n"] > 0).any():
        return Missing(f"Confusions of {construct}", _why_no_classes(material, construct))
    names = Names(material.study)
    classes = list(dict.fromkeys(rows["criterion_class"]))
    groups = []
    for (measure, rule), own in rows.groupby(["measure", "rule"], sort=False):
        body = []
        for given in classes:
            line = own[own["criterion_class"] == given].set_index("measure_class")["n"]
            total = line.sum()
            shares = [
                f"{words.percent(line.get(c, 0), total)} ({words.count(line.get(c, 0))})" for c in classes
            ]
            body.append([given, *shares, words.count(total)])
        groups.append((f"{names.table(str(measure))}, class by {RULES.get(str(rule), str(rule))}", body))
    return Table(
        f"Confusions of {construct}: shares of each row, and counts; subset '{material.subset(construct)}',"
        " all domains together",
        ["Criterion", *(f"coded {c}" for c in classes), "n"],
        groups,
        "l" + "r" * (len(classes) + 1),
        "Rows of single people count ratings, not texts.",
    )


def _calibration(material: Material, construct: str) -> list[Block]:
    rows = material.rows("calibration", construct)
    if rows.empty:
        why = served.no_probabilities(material, construct) or _NO_PROBABILITIES
        return [Missing(f"Calibration of {construct}", why)]
    names, body = Names(material.study), []
    for place in findings.domains(rows):
        for coder, own in rows[rows["domain"] == place].groupby("measure", sort=False):
            n, stated, hits, ece, brier = findings.confidence(own)
            cells = [words.r(stated), words.r(hits), words.r(ece), words.r(brier)]
            body.append([domain(place), names.table(str(coder)), words.count(n), *cells])
    picture = figure(
        material,
        "calibration",
        construct,
        "Figure 3. Stated probability of the label against the share of texts on which it is the criterion's"
        " class.",
    )
    caption = f"Do the probabilities of {construct} mean what they say? Subset '{material.subset(construct)}'"
    columns = ["Domain", "Coder", "n", "Mean probability", "Share right", "ECE", "Brier"]
    note = served.no_probabilities(material, construct)
    return [*picture, Table.of(caption, columns, body, "llrrrrr", note)]


def _valid_mass(material: Material, construct: str) -> Table | Missing:
    names, rows = Names(material.study), []
    for model in material.coders("llm"):
        mass = findings.valid_mass(material, model, construct)
        if mass.empty:
            continue
        quartiles = [words.r(float(mass.quantile(q)), 3) for q in (0.05, 0.25, 0.5, 0.75, 0.95)]
        below = words.percent(int((mass < 0.5).sum()), len(mass))
        rows.append([names.table(model), words.count(len(mass)), *quartiles, below])
    if not rows:
        why = "No language model codes it."
        if set(material.given("llm")) & set(findings.coders_of(material, construct)):
            why = "Codes that were made elsewhere come without the probabilities of the labels."
        why = served.no_valid_mass(material, construct) or why
        if not material.codebooks[construct].closed:
            why = "There are no labels that could share the probability: a model writes its answer."
        return Missing(f"Valid mass of {construct}", why)
    return Table.of(
        f"Valid mass of {construct}: how much of what the model would say is one of the labels at all",
        ["Coder", "n", "5%", "25%", "Median", "75%", "95%", "Texts below .50"],
        rows,
        "lrrrrrrr",
        joined(
            [
                "The probabilities of all labels before they are made to sum to 1. A small mass says that the"
                " answer was imposed.",
                served.no_valid_mass(material, construct),
            ]
        ),
    )
