"""Part 1: what may and what may not be concluded."""

from __future__ import annotations

from collections.abc import Sequence

from study.report import corrected, findings, laboratory, verdict, words
from study.report.blocks import Block, Cell, Figure, Heading, Items, Mark, Notice, Page, Table, Text
from study.report.material import Material
from study.report.names import Names


def page(material: Material) -> Page:
    """Apply the rules, and show each with what it found."""
    point = findings.headlines(material)
    blocks: list[Block] = [Text(f"The study asks: {material.study['question']}")]
    if material.study["authors"]:
        authors = words.listed([author["name"] for author in material.study["authors"]])
        blocks.append(Text(f"Done by {authors}."))
    if notice := verdict.contamination_notice(material):
        blocks.append(Notice(*notice))
    blocks += _hypotheses(material)
    blocks += _experiments(material)
    general = verdict.findings_on_study(material)
    if len(material.constructs) == 1:
        found = verdict.findings_on(material, material.constructs[0]) + general
        blocks += [Text(verdict.paragraph(found)), _rules("The rules, and what they found", found)]
        return Page(1, "Verdict", point, blocks)
    for construct in material.constructs:
        found = verdict.findings_on(material, construct)
        blocks += [
            Heading(construct),
            Text(verdict.paragraph(found)),
            _rules(f"Rules for {construct}", found),
        ]
    if general:
        blocks += [
            Heading("The study as a whole"),
            Text(verdict.paragraph(general)),
            _rules("Rules", general),
        ]
    return Page(1, "Verdict", point, blocks)


def _hypotheses(material: Material) -> list[Block]:
    """What became of the hypotheses, with the figure of the analyses that test them."""
    names = Names(material.study)
    said = [corrected.short(outcome, names) for outcome in corrected.outcomes(material)]
    tested = dict.fromkeys(h["analysis"] for h in material.study.get("hypotheses", {}).values())
    return [
        *([Items(said)] if said else []),
        *(
            Figure(f"Coefficients of {name} under every estimator, with 95% intervals (part 12).", png)
            for name in tested
            if (png := material.figures.get(f"estimates_{name}"))
        ),
    ]


def _experiments(material: Material) -> list[Block]:
    """What experiments on a language model ask and found, in a sentence each."""
    made = laboratory.all_of(material.tables, material.study.get("experiments") or {})
    if not made:
        return []
    said = [f"{laboratory.question(one)} {laboratory.sentences(one)[0]}" for one in made]
    return [Text("Experiments on the language model (part 16 has more of each):"), Items(said)]


def _rules(caption: str, found: Sequence[verdict.Finding]) -> Table:
    rows: list[list[Cell]] = [
        [finding.rule, finding.found, _answer(finding), finding.conclusion] for finding in found
    ]
    note = "The rules are the same in every study; they read the tables of the parts that follow."
    return Table.of(caption, ["Rule", "Found", "May it be concluded", "that"], rows, "llll", note)


def _answer(finding: verdict.Finding) -> Mark:
    if finding.allowed is None:
        return Mark("cannot tell", "open")
    return Mark("yes", "good") if finding.allowed else Mark("no", "bad")
