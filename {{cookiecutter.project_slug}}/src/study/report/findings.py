"""Findings that several pages speak of, each computed from the tables in one place."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from study.report import words
from study.report.material import Material
from study.report.names import Names

POOLED = "all"
LEVEL = 0.05
"""A difference counts when its adjusted p is below this."""
LESS, MORE, OPEN = "less", "more", "open"
MOST_NAMED = 5
"""Measures that are named one by one, where a language model compares alike with all of them."""


def known(rows: pd.DataFrame, column: str) -> pd.Series:
    """Return which rows have a finite number in a column; an empty table has none."""
    return pd.Series([words.known(value) for value in rows[column]], index=rows.index, dtype=bool)


def direction(row: pd.Series) -> str:
    """Return whether a comparison found the measure to agree less, more, or leaves it open."""
    if not words.known(row["p_adjusted"]) or row["p_adjusted"] >= LEVEL:
        return OPEN
    return MORE if row["difference"] > 0 else LESS


def rivals(material: Material, construct: str, model: str) -> pd.DataFrame:
    """Return the pooled comparisons of a language model with every other measure."""
    return material.rows("comparison", construct, measure=model, domain=POOLED)


def headline(material: Material, construct: str) -> str:
    """Say how the language models agree with the criterion, against other measures on the same texts."""
    names = Names(material.study)
    criterion = names.prose(material.criterion)
    said: list[str] = []
    for model in material.coders("llm"):
        found = rivals(material, construct, model)
        found = found[known(found, "difference")]
        if not found.empty:
            said.append(_compared(names, criterion, model, found))
    if not said:
        return _best(material, names, construct, criterion)
    # Where a study has several constructs, their sentences stand one after the other.
    named = f"{construct}: " if len(material.constructs) > 1 else ""
    return " ".join(words.sentence(named + text[:1].lower() + text[1:]) for text in said)


def headlines(material: Material) -> str:
    """Say it of every construct; of those that people did not code, in one sentence."""
    bare = [c for c in material.constructs if material.criterion and not _has_criterion(material, c)]
    if len(bare) < 2:
        return " ".join(headline(material, construct) for construct in material.constructs)
    criterion = Names(material.study).prose(material.criterion)
    said = [headline(material, construct) for construct in material.constructs if construct not in bare]
    return " ".join(
        [
            *said,
            f"Whether measures of {words.listed(bare)} agree with people cannot be said: {criterion} did not"
            " code them.",
        ]
    )


def _has_criterion(material: Material, construct: str) -> bool:
    return material.criterion in coders_of(material, construct)


def _compared(names: Names, criterion: str, model: str, found: pd.DataFrame) -> str:
    ways = {
        LESS: "agrees with {} less than {}",
        MORE: "agrees with {} more than {}",
        OPEN: "is not found to agree with {} more or less than {}",
    }
    parts = []
    for way in (LESS, MORE, OPEN):
        rows = [row for _, row in found.iterrows() if direction(row) == way]
        if len(rows) > MOST_NAMED:
            parts.append(ways[way].format(criterion, several(rows, every=way != OPEN)))
        elif rows:
            others = [
                f"{names.prose(row['other'])} (r {words.r(row['r_measure'])} against"
                f" {words.r(row['r_other'])})"
                for row in rows
            ]
            parts.append(ways[way].format(criterion, words.listed(others, "or" if way == OPEN else "and")))
    sizes = sorted({int(n) for n in found["n"]})
    texts = words.plural(sizes[-1], "text")
    same = (
        f"On the same {texts}" if len(sizes) == 1 else f"On the same texts (at most {words.count(sizes[-1])})"
    )
    return f"{same}, {names.prose(model)} {'; it '.join(parts)}"


def several(rows: Sequence[pd.Series], *, every: bool = True) -> str:
    """Name many measures at once: 'each of 20 other automatic measures (r .70 against .11 to .58)'."""
    own, other = (sorted(float(row[column]) for row in rows) for column in ("r_measure", "r_other"))
    mine = " to ".join(dict.fromkeys([words.r(own[0]), words.r(own[-1])]))
    return (
        f"{'each' if every else 'any'} of {words.count(len(rows))} other automatic measures (r {mine} against"
        f" {words.r(other[0])} to {words.r(other[-1])})"
    )


def _best(material: Material, names: Names, construct: str, criterion: str) -> str:
    found = material.rows("agreement", construct, domain=POOLED)
    found = found[known(found, "pearson_r") & ~found["measure"].isin(raters(material))]
    if found.empty:
        return (
            f"Whether measures of {construct} agree with people cannot be said:"
            f" {why_no_agreement(material, construct)}"
        )
    each = []
    for _, row in found.sort_values("pearson_r", ascending=False).iterrows():
        interval = words.interval(row["ci_low"], row["ci_high"])
        figure = [words.r(row["pearson_r"])] + ([] if interval == words.MISSING else [interval])
        each.append(f"{' '.join(figure)} for {names.prose(row['measure'])}")
    n = words.plural(int(found["n"].max()), "text")
    named = f"{construct}: " if len(material.constructs) > 1 else ""
    return words.sentence(
        f"{named}on {n}, the correlation with {criterion} (r, 95% CI) is {words.listed(each)}"
    )


def why_no_agreement(material: Material, construct: str) -> str:
    """Say why there is no correlation with the criterion."""
    if not material.criterion:
        return "the study has no coder that the others are compared with."
    if not _has_criterion(material, construct):
        return f"{Names(material.study).prose(material.criterion)} did not code it."
    rows = material.rows("agreement", construct, domain=POOLED)
    if (
        material.codebooks[construct].level == "nominal"
        and not any(value is not None for value in material.codebooks[construct].values)
        and len(material.tables["agreement"])
    ):
        return "its labels are names without an order, which have no correlation; part 8 compares the labels."
    if rows.empty or not (rows["n"] > 0).any():
        return "no text has both a code and a criterion."
    return f"{words.plural(int(rows['n'].max()), 'text')} are too few, or their scores do not vary."


def coders_of(material: Material, construct: str) -> list[str]:
    """Return the coders of a construct, in the configuration's order."""
    return [name for name, coder in material.study["coders"].items() if construct in coder["codebooks"]]


def shown_subsets(material: Material, construct: str, rows: pd.DataFrame) -> list[str]:
    """Return the subsets of a table to show, that of the pages first; once where the sample is every text."""
    found = sorted(set(rows["subset"]), key=lambda name: name != material.subset(construct))
    return found[:1] if material.study["sample"] == POOLED else found


def ordered(material: Material, construct: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows of measures in the configuration's order of coders, single raters last."""
    order = [*coders_of(material, construct), *raters(material)]
    place = {measure: number for number, measure in enumerate(order)}
    return rows.sort_values("measure", key=lambda names: names.map(place).fillna(len(order)), kind="stable")


def raters(material: Material) -> Sequence[str]:
    """Return what tables call the single ratings of the criterion."""
    return (f"{material.criterion}_individual", f"{material.criterion}_leave_one_out")


def domains(rows: pd.DataFrame) -> list[str]:
    """Return the domains of a table in order, the pooled one last."""
    found = list(dict.fromkeys(rows["domain"]))
    return [d for d in found if d != POOLED] + ([POOLED] if POOLED in found else [])


def judged(rows: pd.DataFrame) -> list[str]:
    """Return the domains on which something is judged one by one: the single ones where there are several."""
    found = domains(rows)
    return found[:-1] if len(found) > 1 and found[-1] == POOLED else found


def one(rows: pd.DataFrame, **cells: str) -> pd.Series | None:
    """Return the row with these cells, or None."""
    for column, value in cells.items():
        rows = rows[rows[column] == value]
    return None if rows.empty else rows.iloc[0]


def valid_mass(material: Material, coder: str, construct: str) -> pd.Series:
    """Return the valid mass of every text that a language model was asked about, by unit."""
    codings = material.codings.get(coder)
    if codings is None or "valid_mass" not in codings:
        return pd.Series(dtype=float)
    own = codings[codings["construct"] == construct]
    return own.groupby("unit_id")["valid_mass"].mean().dropna()  # over repeats


def confidence(rows: pd.DataFrame) -> tuple[int, float, float, float, float]:
    """Return n, mean probability, share of hits, ECE and Brier score of one reliability diagram."""
    n = float(rows["n"].sum())
    stated = float((rows["n"] * rows["mean_probability"]).sum() / n)
    hits = float((rows["n"] * rows["observed_share"]).sum() / n)
    return int(n), stated, hits, float(rows["ece"].iloc[0]), float(rows["brier"].iloc[0])
