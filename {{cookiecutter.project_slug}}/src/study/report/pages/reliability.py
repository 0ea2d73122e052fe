"""Part 5, table 2: how well people agree with each other, and how well machines agree with people."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from study.report import findings, words
from study.report.blocks import Block, Heading, Missing, Notice, Page, Table, Text
from study.report.material import Material
from study.report.names import STATISTICS, Names, domain, statistic
from study.report.notes import joined, left_out, why_none

PARADOX = "low although"
"""How the tables' note on the prevalence paradox begins."""
ALPHA = "krippendorff_alpha"
HUMAN = "human-human"


def page(material: Material) -> Page:
    """Show reliability, coders against the criterion, and single raters against the others beside it."""
    points, blocks = [], []
    for construct in material.constructs:
        found = material.tables["reliability"]
        found = found[found["construct"] == construct]
        points.append(_point(material, construct))
        own: list[Block] = [Heading(construct)] if len(material.constructs) > 1 else []
        own += _paradox(material, construct)
        if found.empty:
            own.append(Missing(f"Reliability of {construct}", words.sentence(_why(material, construct))))
        else:
            own += [
                _table(material, construct, subset)
                for subset in findings.shown_subsets(material, construct, found)
            ]
        own += _machines(material, construct)
        if not found.empty:
            own.append(_beside(material, construct))
        blocks += own
    blocks.append(
        Text(
            "Alpha is Krippendorff's (2019), for any number of raters that need not be the same people from"
            " text to text. ICC(1) is the one-way intraclass correlation of a single rating, ICC(1,k) that of"
            " the mean of a text's ratings (Shrout & Fleiss 1979); ICC(A,1) and ICC(C,1) are two-way, of"
            " agreement and of consistency (McGraw & Wong 1996). Gwet's AC1 and AC2 (2008) take less of the"
            " agreement for chance where one label is common. Kappas and two-way correlations need raters"
            " that are the same people throughout. Intervals are percentiles of a bootstrap over texts. A"
            " single rating that is compared with a mean in which it is contained agrees with itself; the row"
            " with the own rating left out does not."
        )
    )
    return Page(5, "Reliability", " ".join(points), blocks)


def _point(material: Material, construct: str) -> str:
    everything = {"subset": findings.POOLED, "raters": material.criterion, "statistic": ALPHA}
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
        interval = words.interval(only["ci_low"], only["ci_high"])
        each = [words.r(only["estimate"]) + ("" if interval == words.MISSING else f" {interval}")]
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
    return words.sentence(text + _machines_beside(material, construct))


def _machines_beside(material: Material, construct: str) -> str:
    """Say how machines agree with the criterion where a person's agreement with the others is known too."""
    rows = _pairs(material, construct)
    chosen = _leading(material, construct, rows)
    if chosen is None:
        return ""
    names, rows = Names(material.study), rows[rows["domain"] == findings.POOLED]
    rows = rows[findings.known(rows, "estimate")]
    rows = rows[(rows["statistic"] == chosen[0]) & (rows["level"] == chosen[1])]
    each = [
        f"{words.r(row['estimate'])} for {names.prose(row['coder'])}"
        for _, row in rows[rows["pair_type"] != HUMAN].iterrows()
    ]
    person = rows[rows["pair_type"] == HUMAN].iloc[0]
    return (
        f"; {statistic(chosen[0])} ({chosen[1]}) with {names.prose(material.criterion)} is"
        f" {words.listed(each)}, and {words.r(person['estimate'])} for one person with the others"
    )


def _why(material: Material, construct: str) -> str:
    humans = [c for c in material.coders("human") if c in findings.coders_of(material, construct)]
    if not humans:
        return "no human coder coded it."
    rows = material.tables["reliability"]
    rows = rows[(rows["construct"] == construct) & (rows["statistic"] == ALPHA)]
    notes = [n for n in rows["note"].unique() if n]
    return f"{notes[0]}." if notes else "no text has two ratings."


def _paradox(material: Material, construct: str) -> list[Block]:
    """Warn of coefficients that are low only because one label is common, the first one's reason in full."""
    names = Names(material.study)
    reliability = material.rows("reliability", construct)
    pairs = material.rows("coder_agreement", construct)
    rows = pd.concat(
        [
            reliability.assign(who=[names.table(who) for who in reliability["raters"]]),
            pairs.assign(who=[_pair(names, row) for _, row in pairs.iterrows()]),
        ]
    )
    rows = rows[rows["note"].str.contains(PARADOX, regex=False)] if len(rows) else rows
    if rows.empty:
        return []
    # All together first: there the reason rests on most texts.
    rows = rows.sort_values("domain", key=lambda domains: domains != findings.POOLED, kind="stable")
    first = rows.iloc[0]
    where = "" if first["domain"] == findings.POOLED else f" in {first['domain']}"
    said = f"{statistic(first['statistic'])} of {first['who']}{where} is {PARADOX}"
    said = f"{said}{first['note'].partition(PARADOX)[2]}."
    others = [who for who in dict.fromkeys(rows["who"]) if who != first["who"]]
    if others:
        said += f" So it is for {words.listed(others)}, where the tables say so."
    return [Notice("Prevalence paradox.", said)]


def _note(note: str) -> str:
    """Return the note of a row; what the notice says in full is named only."""
    rest, marker, _ = note.partition(PARADOX)
    return f"{rest}prevalence paradox" if marker else note


def _in_order(rows: pd.DataFrame) -> pd.DataFrame:
    place = {name: number for number, name in enumerate(STATISTICS)}
    return rows.sort_values("statistic", key=lambda s: s.map(place).fillna(len(place)), kind="stable")


def _table(material: Material, construct: str, subset: str) -> Table | Missing:
    names = Names(material.study)
    rows = material.tables["reliability"]
    rows = rows[(rows["construct"] == construct) & (rows["subset"] == subset)]
    own_level = material.codebooks[construct].level
    rows = _in_order(rows.sort_values("level", key=lambda level: level != own_level, kind="stable"))
    there = findings.known(rows, "estimate")
    raters = list(dict.fromkeys(rows["raters"]))
    whose = f" ({names.table(raters[0])})" if len(raters) == 1 else ""
    caption = f"Table 2. Agreement of raters{whose} on {construct}, subset '{subset}'"

    def called(row: pd.Series) -> str:
        return _of_level(row["statistic"], row["level"])

    if not there.any():
        return Missing(caption.removeprefix("Table 2. "), why_none(rows, called))

    def label(row: pd.Series) -> str:
        return domain(row["domain"]) if whose else f"{names.table(row['raters'])}, {domain(row['domain'])}"

    groups = []
    for (name, level), own in rows[there].groupby(["statistic", "level"], sort=False):
        places = [own[(own["raters"] == who) & (own["domain"] == place)]
                  for who in raters for place in findings.domains(own)]  # fmt: skip
        groups.append((_of_level(str(name), str(level)), pd.concat(places)))
    return _grouped(
        caption,
        "Domain" if whose else "Raters",
        groups,
        label,
        n="n_units",
        note=left_out(rows[~there], called),
    )


def _grouped(
    caption: str,
    first: str,
    groups: Sequence[tuple[str, pd.DataFrame]],
    label: Callable[[pd.Series], str],
    *,
    n: str,
    note: str = "",
) -> Table:
    """Return a table of groups of rows; a note that all rows of a group have stands in the group's title.

    Parameters
    ----------
    first
        The title of the first column, which holds what `label` says of a row.
    n
        The column that counts texts; where it is 'n_units' there is one that counts ratings.
    """
    counts = {n: "Texts"} | ({"n_ratings": "Ratings"} if n == "n_units" else {})
    body: list[tuple[str, list[list[str]]]] = []
    for title, rows in groups:
        notes = [_note(text) for text in rows["note"]]
        shared = notes[0] if len(set(notes)) == 1 else ""
        cells = [
            [
                label(row),
                *(words.count(row[column]) for column in counts),
                words.r(row["estimate"], 3),
                words.interval(row["ci_low"], row["ci_high"], 3),
                "" if shared else own,
            ]
            for (_, row), own in zip(rows.iterrows(), notes, strict=True)
        ]
        body.append((f"{title}: {shared}" if shared else title, cells))
    columns = [first, *counts.values(), "Estimate", "95% CI", "Note"]
    align = "l" + "r" * (len(columns) - 2) + "l"
    if not any(cells[-1] for _, own in body for cells in own):
        columns, align = columns[:-1], align[:-1]
        body = [(title, [cells[:-1] for cells in own]) for title, own in body]
    return Table(caption, columns, body, align, note)


def _pairs(material: Material, construct: str) -> pd.DataFrame:
    """Return how coders agree with the criterion, people first, in the subset that the pages speak of."""
    rows = _in_order(material.rows("coder_agreement", construct))
    place = {name: number for number, name in enumerate(material.study["coders"])}
    return rows.sort_values("coder", key=lambda coders: coders.map(place).fillna(-1), kind="stable")


def _pair(names: Names, row: pd.Series) -> str:
    """Return what a pair is called: 'LLM – humans', 'one of humans – the others'."""
    if row["coder"] == f"{row['other']}_leave_one_out":
        return f"one of {names.table(row['other'])} – the others"
    return f"{names.table(row['coder'])} – {names.table(row['other'])}"


def _leading(material: Material, construct: str, rows: pd.DataFrame) -> tuple[str, str] | None:
    """Return the statistic that the point speaks of: one that machines and single people both have."""
    rows = rows[findings.known(rows, "estimate") & (rows["domain"] == findings.POOLED)]
    for level in (material.codebooks[construct].level, "interval", "nominal"):
        own = rows[(rows["statistic"] == ALPHA) & (rows["level"] == level)]
        if set(own["pair_type"]) > {HUMAN}:
            return ALPHA, level
    return None


def _machines(material: Material, construct: str) -> list[Block]:
    """Show machines against people beside people against people: each statistic, and one by domain."""
    rows = _pairs(material, construct)
    what = f"Machines and people on {construct}"
    if rows.empty:
        return [Missing(what, words.sentence(_why_no_pairs(material, construct)))]
    names = Names(material.study)
    pooled = rows[rows["domain"] == findings.POOLED]
    there = findings.known(pooled, "estimate")

    def called(row: pd.Series) -> str:
        return f"{_pair(names, row)}: {_of_level(row['statistic'], row['level'])}"

    if not there.any():
        return [Missing(what, why_none(pooled, called))]
    caption = f"Agreement with the criterion on {construct}, machines beside people"
    subset = f"subset '{material.subset(construct)}'"
    people, shown = _people_alike(pooled[there])
    note = "No measure can be expected to agree with people better than one person does with the others."
    groups = [
        (_of_level(str(name), str(level)), own)
        for (name, level), own in _in_order(shown).groupby(["statistic", "level"], sort=False)
    ]
    blocks: list[Block] = [
        _grouped(
            f"{caption}, {subset}, all domains together",
            "Pair",
            groups,
            lambda row: _pair(names, row),
            n="n",
            note=joined([note, people, left_out(pooled[~there], called)]),
        )
    ]
    chosen = _leading(material, construct, rows)
    if chosen is not None and len(findings.domains(rows)) > 1:
        blocks.append(_by_domain(names, rows, chosen, f"{caption}, by domain, {subset}"))
    return blocks


def _people_alike(rows: pd.DataFrame) -> tuple[str, pd.DataFrame]:
    """Return how people were compared, where it is the same in all rows, and the rows without that note."""
    people = rows["pair_type"] == HUMAN
    said = {note.partition("; ")[0] for note in rows.loc[people, "note"]}
    shared = said.pop() if len(said) == 1 else ""
    if not shared or PARADOX in shared:
        return "", rows
    rest = rows["note"].str.removeprefix(shared).str.removeprefix("; ")
    return f"One of them with the others: {shared}.", rows.assign(note=rows["note"].where(~people, rest))


def _of_level(name: str, level: str) -> str:
    text = statistic(name)
    return f"{text[:1].upper()}{text[1:]} ({level})"


def _by_domain(names: Names, rows: pd.DataFrame, chosen: tuple[str, str], caption: str) -> Table:
    rows = rows[(rows["statistic"] == chosen[0]) & (rows["level"] == chosen[1])]
    rows = rows[findings.known(rows, "estimate")].assign(note="")
    groups = [(domain(place), rows[rows["domain"] == place]) for place in findings.domains(rows)]
    title = f"{caption}: {_of_level(*chosen)}"
    return _grouped(title, "Pair", groups, lambda row: _pair(names, row), n="n")


def _why_no_pairs(material: Material, construct: str) -> str:
    if not material.criterion:
        return "the study has no coder that the others are compared with."
    if material.criterion not in findings.coders_of(material, construct):
        return f"{Names(material.study).prose(material.criterion)} did not code it."
    return "no text has both a code and a criterion."


def _beside(material: Material, construct: str) -> Table | Missing:
    rows = material.tables["agreement"]
    rows = rows[(rows["construct"] == construct) & rows["measure"].isin(findings.raters(material))]
    if rows.empty:
        return Missing(
            "Single raters against the others", "No ratings of the criterion are listed one by one."
        )
    names = Names(material.study)
    groups: list[tuple[str, Sequence[Sequence[str]]]] = []
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
