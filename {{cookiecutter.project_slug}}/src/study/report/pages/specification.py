"""Part 13: one analysis under every choice of the multiverse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from study.inference.terms import in_words
from study.report import findings, specification, words
from study.report.blocks import Block, Cell, Figure, Heading, Items, Missing, Page, Table, Text, Verbatim
from study.report.corrected import ESTIMATORS
from study.report.material import Material
from study.report.names import Names

SHARES = ("sign_flip", "significance_flip", "type_i", "type_ii", "type_s", "covering_gold")
_EXAMPLE = """\
multiverse:
  analysis: {analysis}
  coders: null                      # the analysis' own; [] for none
  experiments: []                   # names of experiments, whose trials are instruments too
  decisions: [score, label, confident]
  confident: 0.7
  estimators: [naive, dsl]
"""
CAUTION = (
    "A specification is one instrument (a coder, or one trial of an experiment) with one decision rule; all"
    " are estimated on the same texts (Simonsohn, Simmons & Nelson 2020). Specifications are not a sample:"
    " the shares are of the choices that this study tried, and other choices would give other shares."
    " Intervals of codes as they are know nothing of the codes' errors, and codes on another scale than"
    " people's give coefficients on that scale: compare their signs and conclusions, not their size."
    " Corrected estimates are less precise, so that they miss (type II) more easily than they invent (type"
    " I). The gold analysis is the yardstick, not the truth: its own interval is the band in the figure."
    " Where that holds zero, the sign of an estimate says little."
)
COMPUTED = (
    "Errors are named as by Baumann et al. (2025). DSL predicts people's codes from the codes of one"
    " specification with a straight line here, whatever the analysis itself uses: it is right with any"
    " learner. Shares of variance are type II sums of squares of the estimates, sampling error included; an"
    " interaction is what a choice does only together with another (McLaren et al. 2026)."
)


def page(material: Material) -> Page:
    """Show the curves, what they come to, and which choices matter."""
    asked = specification.settings(material)
    point = specification.point(material)
    if asked is None:
        return Page(13, "Specification curve", point, _how_to(material))
    table = material.tables["multiverse"]
    blocks: list[Block] = [Text(_tried(material, asked)), Items(list(specification.decisions(asked)))]
    for term in specification.terms(material)[: specification.MOST_TERMS]:
        said = list(specification.sentences(material, term))
        blocks += [Text(" ".join(words.sentence(text) for text in said))] if said else []
    png = material.figures.get(f"specification_{asked['analysis']}")
    caption = (
        f"Figure 7. {asked['analysis']} under every choice. Above, estimates with 95% intervals, sorted; the"
        " line is the gold analysis and the band its interval; dark specifications conclude otherwise. Below,"
        " which choices each specification made."
    )
    blocks.append(Figure(caption, png) if png else Missing("Figure 7", "It was not drawn."))
    if findings.known(table, "estimate").any():
        blocks.append(_summary(material))
        blocks += _variances(material)
    names = Names(material.study)
    absent = specification.absent(material, {c: names.table(c) for c in material.study["coders"]})
    blocks += [Heading("What could not be estimated"), Items(absent)] if absent else []
    blocks += [Heading("How to read this"), Text(CAUTION), Text(COMPUTED)]
    return Page(13, "Specification curve", point, blocks)


def _how_to(material: Material) -> list[Block]:
    coded = [name for name, keys in material.study["analyses"].items() if keys.get("coded")]
    if not coded:
        return [
            Missing(
                "Specification curve",
                "It repeats an analysis in which coders' codes stand for constructs (key 'coded'); the study"
                " has none.",
            )
        ]
    return [
        Missing("Specification curve", "The configuration has no section 'multiverse'."),
        Text(
            "It repeats an analysis with the codes of every instrument, under several rules of turning"
            " codings into codes, corrected and not, and counts how many of these choices lead to another"
            " conclusion. It is declared as follows; config/README.md explains every key."
        ),
        Verbatim("In config/study.yaml", [("plain", _EXAMPLE.format(analysis=coded[0]))]),
    ]


def _tried(material: Material, asked: Mapping[str, Any]) -> str:
    """Say which analysis was repeated, with what."""
    table, names = material.tables["multiverse"], Names(material.study)
    analysis = material.study["analyses"][asked["analysis"]]
    instruments = table.drop_duplicates("instrument")
    coders = [names.prose(coder) for coder in instruments["coder"][instruments["experiment"] == ""]]
    cells = instruments["experiment"][instruments["experiment"] != ""].value_counts(sort=False)
    parts = [
        *coders,
        *(
            f"{words.plural(int(n), 'combination')} of settings in the experiment {name}"
            for name, n in cells.items()
        ),
    ]
    return (
        f"The analysis {asked['analysis']} ({analysis['formula']}) is repeated with the codes of"
        f" {words.listed(parts)}, each under {words.plural(len(asked['decisions']), 'decision rule')}:"
    )


def _summary(material: Material) -> Table:
    table = material.tables["multiverse_summary"]
    groups = []
    for term in specification.terms(material):
        rows: list[list[Cell]] = [
            [
                ESTIMATORS.get(row["estimator"], row["estimator"]),
                f"{words.count(row['n_estimated'])} of {words.count(row['n_specifications'])}",
                words.number(row["median"]),
                words.interval(row["lowest"], row["highest"], bounded=False),
                *(words.percent(row[f"share_{share}"], 1) for share in SHARES),
            ]
            for _, row in table[table["term"] == term].iterrows()
        ]
        groups.append((in_words(term), rows))
    columns = [
        "Estimator", "Estimated", "Median", "Range", "Other sign", "Other conclusion", "I", "II", "S",
        "Holds gold",
    ]  # fmt: skip
    note = (
        "Shares of the specifications that were estimated. Other conclusion: one 95% interval excludes zero"
        " and the other does not (I: only that of the specification; II: only that of the gold analysis), or"
        " they exclude it on different sides (S). Holds gold: the interval holds the gold estimate."
    )
    return Table("What the specifications come to, by term", columns, groups, "lrrrrrrrrr", note)


def _variances(material: Material) -> list[Block]:
    table = material.tables["multiverse_variance"]
    blocks: list[Block] = []
    for term in specification.terms(material)[: specification.MOST_TERMS]:
        own = table[(table["term"] == term) & findings.known(table, "share")]
        if own.empty:
            continue
        said = [
            specification.largest(material, term, estimator, over)
            for over in specification.overs(own)
            for estimator in dict.fromkeys(own["estimator"])
            if estimator != "all"
        ]
        blocks += [Items([text for text in said if text]), _variance(term, own)]
    return [Heading("Which choices matter"), *blocks] if blocks else []


def _variance(term: str, own: pd.DataFrame) -> Table:
    estimators = list(dict.fromkeys(own["estimator"]))
    groups = []
    for over in specification.overs(own):
        shares = own[own["over"] == over].pivot(index="choice", columns="estimator", values="share")
        found = dict.fromkeys(own["choice"][own["over"] == over])
        choices = sorted(found, key=lambda name: (name == specification.REST, specification.TIMES in name))
        shares = shares.reindex(index=choices, columns=estimators)
        rows: list[Sequence[Cell]] = [
            [specification.choice_name(str(choice)), *(_percent(value) for value in row)]
            for choice, row in zip(shares.index, shares.to_numpy(dtype=float), strict=True)
            if specification.TIMES not in str(choice) or (row > specification.SMALL).any()
        ]
        groups.append((over, rows))
    titles = {"all": "all estimators"}
    columns = ["Choice", *(titles.get(name, ESTIMATORS.get(name, name)) for name in estimators)]
    note = (
        f"Interactions with {words.percent(specification.SMALL, 1)} or less, and those that the design cannot"
        " tell apart, are in results/tables/multiverse_variance.csv. Shares add up to 100% where every"
        " combination was estimated."
    )
    caption = f"Shares of the variance of the estimates of {in_words(term)}"
    return Table(caption, columns, groups, "l" + "r" * len(estimators), note)


def _percent(value: float) -> str:
    return words.percent(value, 1) if words.known(value) else words.MISSING
