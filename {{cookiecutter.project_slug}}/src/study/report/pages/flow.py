"""Part 2: what became of every text and every rating."""

from __future__ import annotations

import pandas as pd

from study.report import words
from study.report.blocks import Block, Missing, Page, Table
from study.report.material import Material
from study.report.names import Names, made_elsewhere

LAST_STEP = "units"
"""The step with which the flow of the corpus ends; what follows is that of the ratings."""
SAMPLE, CODED = "sample", "coded: "
MOST_GROUPS = 6
ELSEWHERE = {
    "codes": "Codes",
    "codes left out: unit not in the corpus": "Of other units",
    "units without a code": "Units without a code",
}
"""Steps of codes that were made elsewhere and have tables of their own."""
STATUSES = {
    "ok": "coded",
    "not_codable": "not codable",
    "too_long": "too long",
    "empty": "empty",
    "failed": "failed",
    "not_compared": "not compared",
    "sealed": "sealed",
}


def split(flow: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the flow of the corpus and that of the ratings; sample and codes have tables of their own."""
    ends = flow.index[flow["step"] == LAST_STEP]
    if ends.empty:
        return flow.iloc[:0], flow
    rest = flow.loc[ends[-1] + 1 :]
    own = (rest["step"] == SAMPLE) | rest["step"].str.startswith(CODED)
    return flow.loc[: ends[-1]], rest[~own]


def statuses(codings: pd.DataFrame) -> pd.DataFrame:
    """Count units by construct and status: what came of them at the first repeat."""
    if "repeat" in codings:
        codings = codings[codings["repeat"] == codings["repeat"].min()]
    counted = pd.crosstab(codings["construct"], codings["status"])
    rare = {"not_compared", "sealed"} - set(counted.columns)
    return counted.reindex(columns=[name for name in STATUSES if name not in rare], fill_value=0)


def page(material: Material) -> Page:
    """Show the steps, and the status of every code."""
    corpus, ratings = split(material.tables["flow"])
    blocks: list[Block] = [
        _steps(corpus, "Texts, from the source to the units that are coded", "The corpus' flow"),
        _statuses(material),
        _steps(
            _of_raters(ratings, material),
            "Human ratings",
            "The ratings' flow",
            "No ratings of single people were read.",
        ),
        *_elsewhere(ratings),
    ]
    blocks += _missing(material)
    return Page(2, "Flow", _point(material, corpus), blocks)


def _of_raters(flow: pd.DataFrame, material: Material) -> pd.DataFrame:
    """Leave out the steps of codes that were made elsewhere; which files they are from is in the appendix."""
    coders = {name for name, keys in material.study["coders"].items() if keys["type"] == "given"}
    own = (flow["step"] == "read") & flow["group"].str.split(" ").str[0].isin(coders)
    return flow[~own & ~flow["step"].isin(ELSEWHERE)]


def _elsewhere(flow: pd.DataFrame) -> list[Block]:
    """How many codes a table of its own holds of each coder and construct."""
    rows = flow[flow["step"].isin(ELSEWHERE)]
    if rows.empty:
        return []
    counts = rows.groupby(["group", "step"], sort=False)["n"].sum()
    body = [
        [*group.split(" ", 1), *(words.count(counts.get((group, step), 0)) for step in ELSEWHERE)]
        for group in dict.fromkeys(rows["group"])
    ]
    note = (
        "Joined with the texts by id. The codes of a text that was coded several times count each; those of"
        " units that the corpus does not have are left out."
    )
    head = ["Coder", "Construct", *ELSEWHERE.values()]
    return [Table.of("Codes that were made elsewhere", head, body, "llrrr", note)]


def _missing(material: Material) -> list[Block]:
    """Whether codes are missing by chance: shares by covariate, of coders that left something out."""
    table = material.tables["missing_codes"]
    left = table[(table["covariate"] == "") & (table["not_codable"] + table["missing"] > 0)]
    if left.empty:
        return []
    names = Names(material.study)
    groups = []
    for construct, coder in zip(left["construct"], left["coder"], strict=True):
        own = table[(table["construct"] == construct) & (table["coder"] == coder)]
        rows = [
            [
                "all units" if not row["covariate"] else f"{row['covariate']}: {row['level']}",
                words.count(row["n"]),
                f"{words.count(row['not_codable'])} ({words.r(row['share_not_codable'])})",
                f"{words.count(row['missing'])} ({words.r(row['share_missing'])})",
                words.p(row["p_adjusted"]),
            ]
            for _, row in own.iterrows()
        ]
        groups.append((f"{construct}, {names.table(coder)}", rows))
    columns = ["Units", "n", "Not codable (share)", "No code (share)", "p adjusted"]
    note = (
        "Units that the coder was given. p: whether codes are missing or not codable more often at some"
        " values of the"
        " covariate (chi-square or Fisher's test, adjusted over all tests); if so, results on those that"
        " have a code"
        " need not hold for all."
    )
    return [Table("Are codes missing by chance?", columns, groups, "lrrrr", note)]


def _point(material: Material, corpus: pd.DataFrame) -> str:
    sums = corpus.groupby("step")["n"].sum()
    left_out = int(sums[sums.index.str.startswith("left out")].sum())
    parts = [
        f"of {words.plural(int(sums.get('read', 0)), 'row')} read,"
        f" {'none' if not left_out else words.count(left_out)} {'was' if left_out < 2 else 'were'} left out,"
        f" which gives {words.plural(len(material.units), 'unit')}"
    ]
    for coder in material.coders("llm"):
        codings = material.codings.get(coder)
        if codings is None or codings.empty:
            continue
        counted = statuses(codings).sum()
        if coder in material.given("llm"):
            n = words.plural(codings["unit_id"].nunique(), "unit")
            where = made_elsewhere(material.study["coders"][coder])
            parts.append(f"the codes of {n} by {Names(material.study).prose(coder)} were {where}")
            continue
        rest = [f"{words.count(n)} {STATUSES[str(s)]}" for s, n in counted.items() if n and s != "ok"]
        parts.append(
            f"{Names(material.study).prose(coder)} was given {words.count(counted.sum())} and gave "
            f"{words.plural(int(counted['ok']), 'code')}" + (f" ({words.listed(rest)})" if rest else "")
        )
    return words.sentence("; ".join(parts))


def _steps(
    flow: pd.DataFrame, caption: str, what: str, why: str = "The table of steps has no such rows."
) -> Table | Missing:
    if flow.empty:
        return Missing(what, why)
    steps, groups = list(dict.fromkeys(flow["step"])), list(dict.fromkeys(flow["group"]))
    cells = flow.groupby(["step", "group"], sort=False)["n"].sum()
    if len(groups) > MOST_GROUPS or len(groups) * len(steps) > 2 * len(cells):
        rows = [[row["step"], row["group"], words.count(row["n"])] for _, row in flow.iterrows()]
        return Table.of(caption, ["Step", "Group", "n"], rows, "llr")
    totals = flow.groupby("step")["n"].sum()
    columns = ["Step", *groups] + (["Together"] if len(groups) > 1 else [])
    rows = [
        [step, *(words.count(cells.get((step, group))) for group in groups)]
        + ([words.count(totals[step])] if len(groups) > 1 else [])
        for step in steps
    ]
    return Table.of(caption, columns, rows, "l" + "r" * (len(columns) - 1))


def _statuses(material: Material) -> Table | Missing:
    names = Names(material.study)
    counts = {
        coder: statuses(material.codings[coder])
        for coder in material.study["coders"]
        if coder in material.codings and not material.codings[coder].empty
    }
    if not counts:
        return Missing("Codes", "No coder has coded a text.")
    shown = [name for name in STATUSES if any(name in counted for counted in counts.values())]
    rows = [
        [
            names.table(coder),
            str(construct),
            words.count(row.sum()),
            *(words.count(row.get(s, 0)) for s in shown),
        ]
        for coder, counted in counts.items()
        for construct, row in counted.iterrows()
    ]
    note = (
        "'Not codable' is an answer of the coder; 'empty' had nothing to code (for a word list: no word);"
        " 'too long' did not fit into the model's context. None of them counts as zero, and none is dropped:"
        " they are rows of the codings with this status."
    )
    columns = ["Coder", "Construct", "Units", *(STATUSES[name].capitalize() for name in shown)]
    return Table.of("Codes, by coder", columns, rows, "ll" + "r" * (len(columns) - 2), note)
