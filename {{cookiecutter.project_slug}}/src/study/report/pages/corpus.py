"""Part 4, table 1: the texts, whose they are, and which were drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from study.report import verdict, words
from study.report.blocks import Block, Missing, Notice, Page, Pairs, Table
from study.report.material import Material
from study.sample import is_drawn

EXAMPLE = 240
"""Characters of an example text that are shown."""
SHARE = {True: "the texts travel with the study", False: "the texts are not shared, and none is shown here"}
NOT_AT_HAND = {
    True: "the texts are not at hand; the table of units travels with the study",
    False: "the texts are not at hand; the table of units is not shared, but for its columns in the results",
}


def page(material: Material) -> Page:
    """Describe the corpus and the sample; texts are shown only where they may be shared."""
    corpus = material.study["corpus"]
    blocks: list[Block] = []
    if notice := verdict.contamination_notice(material):
        blocks.append(Notice(*notice))
    blocks += [
        _facts(material),
        _by_domain(material),
        _lengths(material),
        _sample(material),
    ]
    if material.has_texts and corpus["share"]:
        blocks.append(_examples(material))
    else:
        why = "The corpus is not shared." if material.has_texts else "The texts are not at hand."
        blocks.append(Missing("Example texts", why))
    return Page(4, "Corpus", _point(material), blocks)


def _point(material: Material) -> str:
    units, corpus = material.units, material.study["corpus"]
    domains = _domain_of(material)
    several = domains.nunique()
    by = material.study["compare"]["by"]
    text = f"{words.plural(len(units), 'unit')} in the language '{corpus['language']}'"
    if not material.has_texts:
        text += ", whose texts are not at hand"
    if several > 1:
        text += f", of {words.plural(several, 'domain')} (by {by})"
    drawn = len(material.sample)
    drew = (
        "all of them are coded"
        if drawn == len(units)
        else f"{words.count(drawn)} of them are the sample that is coded by every coder"
    )
    return words.sentence(f"{text}; {drew}")


def _domain_of(material: Material) -> pd.Series:
    by = material.study["compare"]["by"]
    if by is None or by not in material.units:
        return pd.Series("all", index=material.units.index)
    return material.units[by].map(str)


def _facts(material: Material) -> Pairs:
    corpus, units = material.study["corpus"], material.study["units"]
    public = corpus["public_since"]
    pairs = [
        ("Texts", corpus["description"] or "not described in the configuration"),
        ("Language", corpus["language"]),
        ("Licence", corpus["licence"] or "not stated"),
        ("Sharing", (SHARE if material.has_texts else NOT_AT_HAND)[bool(corpus["share"])]),
        ("Public since", "never, as far as is known" if public is None else str(public)),
        ("Unit of coding", _unit(units)),
        ("Weights", _weights(material.units)),
    ]
    frame = material.units
    if "year" in frame:
        years = pd.to_numeric(frame["year"], errors="coerce").dropna()
        pairs.append(("Years", f"{years.min():.0f} to {years.max():.0f}" if len(years) else "not known"))
    if "person" in frame:
        pairs.append(("Persons", words.count(frame["person"].nunique())))
    return Pairs(pairs)


def _unit(units: Mapping[str, Any]) -> str:
    if units["segment"] == "none":
        return "each text as a whole"
    if units["segment"] == "window":
        return f"stretches of {words.plural(units['window'], 'word')}"
    return f"each {units['segment']}"


def _weights(units: pd.DataFrame) -> str:
    if "weight" not in units:
        return "none: every text counts the same"
    weights = units["weight"].astype(float)
    effective = weights.sum() ** 2 / (weights**2).sum() if (weights > 0).any() else math.nan
    span = f"{words.number(weights.min())} to {words.number(weights.max())}"
    return f"{span}; effective n {words.count(effective)} (Kish)"


def _groups(material: Material) -> list[tuple[str, pd.DataFrame]]:
    domain = _domain_of(material)
    single = [(name, material.units[domain == name]) for name in sorted(domain.unique())]
    return [*single, ("all together", material.units)] if len(single) > 1 else [("all", material.units)]


def _by_domain(material: Material) -> Table:
    drawn = set(material.sample["unit_id"])
    columns = ["Domain", "Units", "Documents"]
    columns += [name.capitalize() + "s" for name in ("person",) if name in material.units]
    columns += ["Different texts"] * material.has_texts + ["In the sample", "Share sampled"]
    rows = []
    for name, units in _groups(material):
        here = int(units["unit_id"].isin(drawn).sum())
        cells = [name, words.count(len(units)), words.count(units["document_id"].nunique())]
        if "person" in units:
            cells.append(words.count(units["person"].nunique()))
        if material.has_texts:
            cells.append(words.count(units["text_sha256"].nunique()))
        rows.append([*cells, words.count(here), words.percent(here, len(units))])
    return Table.of("Table 1. The corpus", columns, rows, "l" + "r" * (len(columns) - 1))


def _lengths(material: Material) -> Table | Missing:
    if not material.has_texts:
        return Missing("Length of the texts", "The texts are not at hand.")
    rows = []
    for name, units in _groups(material):
        length = units["text"].str.len()
        middle = length.quantile([0.05, 0.5, 0.95])
        rows.append(
            [
                name,
                words.count(length.min()),
                *map(words.count, middle),
                words.count(length.max()),
                words.count(length.mean()),
            ]
        )
    columns = ["Domain", "Shortest", "5%", "Median", "95%", "Longest", "Mean"]
    return Table.of("Length of the texts, in characters", columns, rows, "l" + "r" * 6)


def _sample(material: Material) -> Table:
    settings = material.study["sample"]
    if isinstance(settings, str):
        caption = "The sample: every text"
    else:
        by = settings["by"]
        strata = f" from each stratum of {words.listed([by] if isinstance(by, str) else by)}" if by else ""
        caption = (
            f"The sample: {words.plural(settings['n'], 'text')}{strata}, drawn at random with seed"
            f" {settings['seed']}"
        )
    rows = [
        [str(stratum), words.count(len(own)), words.number(own["probability"].min(), 4)]
        for stratum, own in material.sample.groupby("stratum", sort=True)
    ]
    note = (
        "Whether a text is drawn depends on its id and the seed alone: not on the order of rows, and a larger"
        " sample keeps this one."
    )
    return Table.of(caption, ["Stratum", "Drawn", "Probability of being drawn"], rows, "lrr", note)


def _examples(material: Material) -> Table:
    rows = []
    drawn = material.units[is_drawn(material.units["unit_id"], material.sample["unit_id"])]
    domain = _domain_of(material)
    for name in sorted(domain.unique()):
        own = drawn[domain.loc[drawn.index] == name]
        if not own.empty:
            first = own.iloc[0]
            text = first["text"]
            rows.append([name, first["unit_id"], text[:EXAMPLE] + ("…" if len(text) > EXAMPLE else "")])
    return Table.of("The first text of the sample in each domain", ["Domain", "Unit", "Text"], rows, "lll")
