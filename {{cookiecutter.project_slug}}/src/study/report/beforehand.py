"""What was decided before the gold codes were looked at: gold sample, pilot, freeze, and deviations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from study.report import words
from study.report.blocks import Block, Heading, Missing, Notice, Pairs, Table
from study.report.material import Material
from study.report.names import Names

DIGITS = 12
"""Of a sha256 that a page shows."""


def blocks(material: Material) -> list[Block]:
    """Return what pages say of it: nothing where the study neither draws a gold sample nor is frozen."""
    found: list[Block] = []
    if material.study["gold"]["draw"] is not None:
        found += [Heading("The gold sample"), _drawn(material)]
    if material.frozen:
        found += [Heading("What was decided beforehand"), *_frozen(material)]
    elif material.study["gold"]["draw"] is not None:
        found.append(
            Missing(
                "What was decided beforehand",
                "The study is not frozen: hypotheses and analyses could still change after results were seen"
                " ('snakemake freeze' records them with their date).",
            )
        )
    rounds = material.tables["pilot_rounds"]
    if not rounds.empty:
        found += [Heading("Pilot rounds"), _rounds(rounds, Names(material.study))]
    return found


def _drawn(material: Material) -> Pairs:
    draw: Mapping[str, Any] = material.study["gold"]["draw"]
    measures = material.measures
    by = [draw["by"]] if isinstance(draw["by"], str) else list(draw["by"] or [])
    rule = f"{words.count(draw['n'])} units" + (f" of each stratum ({' by '.join(by)})" if by else "")
    if draw["uncertain"]:
        rule += f", those more often of which {Names(material.study).prose(draw['uncertain'])} is uncertain"
    rule += f", from {'the sample' if draw['from'] == 'sample' else 'all texts'} (seed {draw['seed']})"
    evaluate, pilot = (int(measures[part].sum()) if part in measures else 0 for part in ("gold", "pilot"))
    parts = f"{words.count(evaluate)} to evaluate"
    if pilot:
        parts += f", {words.count(pilot)} for the pilot, which enter no estimate"
    facts = [("Drawn", rule), ("Parts", parts)]
    facts.append(("Probabilities", "known for every unit (data/gold/sample.csv)"))
    if material.study["gold"]["seal"]:
        seal = (
            "open, since the study is frozen"
            if material.frozen
            else "sealed: not read until the study is frozen"
        )
        facts.append(("People's codes of the units to evaluate", seal))
    return Pairs(facts)


def _frozen(material: Material) -> list[Block]:
    found: list[Block] = []
    for number, entry in enumerate(material.frozen, 1):
        git = entry["git"]
        commit = git.get("commit")
        hashes = entry["sha256"]
        facts = [("Frozen", str(entry["date"]))]
        if entry.get("reason"):
            facts.append(("Frozen again, because", str(entry["reason"])))
        if commit:
            facts.append(
                ("Version", f"{commit[:DIGITS]}{'' if git.get('clean') else ' with uncommitted changes'}")
            )
        facts += [(f"Codebook {name}", f"sha256 {sha[:DIGITS]}") for name, sha in hashes["codebooks"].items()]
        facts += [
            (f"Section {name}", f"sha256 {hashes[name][:DIGITS]}") for name in ("hypotheses", "analyses")
        ]
        coded = entry["coded_units"]
        if coded:
            each = [f"{name}: {_count(n)}" for name, n in coded.items()]
            facts.append(("Units that people had coded by then", words.listed(each)))
        if len(material.frozen) > 1:
            found.append(Heading(f"Entry {number}"))
        found.append(Pairs(facts))
    return [*found, *_deviations(material.tables["deviations"])]


def _count(n: object) -> str:
    if isinstance(n, Mapping):
        return words.listed([f"{key} {_count(value)}" for key, value in n.items()])
    return words.count(n) if words.known(n) else str(n)


def _deviations(table: pd.DataFrame) -> list[Block]:
    if table.empty:
        return [Pairs([("Changed since", "nothing")])]
    rows = [
        [
            row["what"],
            row["name"],
            row["key"],
            row["frozen"] or words.MISSING,
            row["now"] or words.MISSING,
            row["note"],
        ]
        for _, row in table.iterrows()
    ]
    columns = ["What", "Name", "Key", "Frozen", "Now", "Note"]
    return [
        Notice(
            f"{words.plural(len(rows), 'thing')} differ from what was frozen.",
            "What was changed after the gold codes could be looked at is exploratory; the table says what.",
        ),
        Table.of("Deviations", columns, rows, "llllll"),
    ]


def _rounds(table: pd.DataFrame, names: Names) -> Table:
    groups = []
    for number in dict.fromkeys(table["round"]):
        own = table[table["round"] == number]
        rows = [
            [
                row["construct"],
                names.table(row["coder"]),
                words.count(row["n"]),
                words.r(row["percent_agreement"]),
                words.r(row["kappa"]),
                words.r(row["pearson_r"]),
                words.r(row["alpha"]),
            ]
            for _, row in own.iterrows()
        ]
        first = own.iloc[0]
        changed = f"; changed: {first['changed']}" if first["changed"] else ""
        groups.append((f"Round {number}, {first['date'][:10]}: {first['change']}{changed}", rows))
    columns = ["Construct", "Coder", "n", "Same label", "Kappa", "r", "Alpha (people)"]
    note = (
        "On pilot units, with which codebook and prompts were tuned: how the codebook came about, no"
        " evidence of how"
        " well it measures."
    )
    return Table("Agreement in each round of the pilot", columns, groups, "llrrrrr", note)
