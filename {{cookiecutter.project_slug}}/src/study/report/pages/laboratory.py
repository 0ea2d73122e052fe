"""Part 16: experiments on a language model, each with its question and its answer."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from study.report import factors, laboratory, words
from study.report.blocks import (
    Block,
    Cell,
    Figure,
    Heading,
    Items,
    Missing,
    Notice,
    Page,
    Table,
    Text,
    Verbatim,
)
from study.report.experiment import ANY, Experiment, there
from study.report.laboratory import share, shares
from study.report.material import Material
from study.report.names import Names, statistic
from study.report.words import known

NONE = "The study makes no experiment on a language model: how far its codes depend on settings is unknown."
_EXAMPLE = """\
experiments:
  order:
    question: How much does the order of the labels matter?
    coder: {coder}
    codebook: {codebook}
    texts: {{n: 100, seed: 1}}
    factors:
      label_order: [rotations, random]     # the first level is what others are compared with
      rationale: [none, before, after]
"""
_CAPTIONS = {
    "effects": (
        "What each level does, all other settings taken together: agreement with the criterion, codes that"
        " differ from the first level's, and how much of the model's own answer the labels are. Lines are 95%"
        " intervals over texts."
    ),
    "sparsity": (
        "What is left of the model when weights are set to zero or stored in fewer bits: agreement with the"
        " criterion, and with the same model's own codes before. Bars are 95% intervals over texts."
    ),
    "rationale": (
        "No rationale, a rationale before and one after the answer, each pair compared: codes that differ,"
        " and changes of the mean score and of the agreement with the criterion, with 95% intervals."
    ),
    "positions": (
        "How probable a label is, and how often it is chosen, by its place in the list of labels. If places"
        " did not matter, every place would lie on the dashed line."
    ),
}
_EXPLAINED = {
    "quantisation": "Quantisation is the type in which weights are stored: its digits are the bits of each.",
    "sparsity": "Of the model's weights, the smallest ones were set to zero.",
    "surface": "Changes of the surface leave what a text means as it is.",
}
_OUTCOMES = {
    "score": "score",
    "valid_mass": "valid mass",
    "correct": "share of codes that equal the criterion's",
    "absolute_error": "absolute error",
    "brier": "Brier score",
}


def page(material: Material) -> Page:
    """Show every experiment: question, answer, design, figures, tables; then how it was computed."""
    settings = material.study.get("experiments") or {}
    if not settings:
        return Page(16, "Laboratory", NONE, _how_to(material))
    found = laboratory.all_of(material.tables, settings)
    blocks: list[Block] = []
    for experiment in found:
        blocks += _experiment(material, experiment)
    return Page(16, "Laboratory", laboratory.point(found), [*blocks, *_computed(material, found)])


def _how_to(material: Material) -> list[Block]:
    made_elsewhere = material.given("llm")
    coder = next((name for name in material.coders("llm") if name not in made_elsewhere), "")
    if not coder:
        return [Text("Experiments need a language model that the study itself asks; it asks none.")]
    construct = next(iter(material.study["coders"][coder].get("codebooks", ())), "")
    codebook = material.codebooks[construct].asked_in if construct in material.codebooks else construct
    example = _EXAMPLE.format(coder=coder, codebook=codebook)
    return [
        Text(
            "An experiment codes the same texts under several settings and compares the codes. What can be"
            f" varied: {words.listed(list(factors.NAMES.values()))}. Each is declared in the configuration as"
            " follows; config/README.md explains every key."
        ),
        Verbatim("In config/study.yaml", [("plain", example)]),
    ]


def _experiment(material: Material, experiment: Experiment) -> list[Block]:
    blocks: list[Block] = [
        Heading(laboratory.question(experiment)),
        *(Text(text) for text in [" ".join(laboratory.sentences(experiment))]),
        *(
            Notice("Imposed labels.", text)
            for construct in experiment.constructs
            if (text := laboratory.imposed(experiment, construct))
        ),
        Text(design(material, experiment)),
    ]
    for kind in factors.kinds(experiment.factors):
        png = material.figures.get(f"{kind}_{experiment.name}")
        if kind == "positions" and (why := _no_places(experiment)):
            blocks.append(Missing("Places of the labels", why))
        elif png:
            blocks.append(Figure(_CAPTIONS[kind], png))
        else:
            blocks.append(Missing(f"Figure '{kind}' of {experiment.name}", "It was not drawn."))
    for construct in experiment.constructs:
        blocks += _details(experiment, construct)
    return blocks


def _no_places(experiment: Experiment) -> str:
    """Say why places of labels cannot be judged; '' where they can."""
    rows = experiment.tables["positions"]
    if rows["share_chosen"].notna().any() or rows.empty:
        return ""
    notes = [note for note in rows["note"] if note]
    return words.sentence(notes[0] if notes else "no label was offered in a known place")


def design(material: Material, experiment: Experiment) -> str:
    """Say how an experiment was made: coder, codebook, texts, settings, combinations, repeats."""
    settings = experiment.settings
    cells = int(experiment.tables["cells"]["cell"].nunique())
    n = max((experiment.size(construct) for construct in experiment.constructs), default=0)
    who = Names(material.study).prose(str(settings.get("coder", "")))
    book = settings.get("codebook")
    texts = f"{words.plural(n, 'text')}{_drawn(settings.get('texts'))}"
    parts = [
        f"In the experiment '{experiment.name}', the same {texts} were coded by {who}"
        f"{f' with the codebook {book}' if book else ''} under"
        f" {words.plural(cells, 'combination of settings', 'combinations of settings')}."
    ]
    parts.append(
        "; ".join(
            f"{factors.title(factor)}: {words.listed([factors.level_name(factor, x) for x in levels])}"
            for factor in experiment.varied
            if (levels := experiment.levels(factor))
        )
        + "."
    )
    parts += [text for factor, text in _EXPLAINED.items() if factor in experiment.varied]
    if any(str(level).startswith("rotation_") for level in experiment.factors.get("label_order", ())):
        parts.append("An order that is rotated by 1 begins with the second label, and so on.")
    fraction, repeats = settings.get("fraction", 1), settings.get("repeats", 1)
    if fraction > 1:
        parts.append(
            f"That is one in {words.count(fraction)} of all combinations, chosen so that every level is tried"
            " equally often, as far as that is possible; some interactions cannot be told apart."
        )
    parts.append(
        f"Every text was asked about {words.count(repeats)} times under each."
        if repeats > 1
        else "Every text was asked about once under each."
    )
    if settings.get("mask"):
        parts.append(f"Masked were: {words.listed([str(word) for word in settings['mask']])}.")
    lost = _without_code(experiment)
    return " ".join([*parts, *([lost] if lost else [])])


def _drawn(texts: object) -> str:
    if not isinstance(texts, dict):
        return ""
    by = texts.get("by")
    columns = [by] if isinstance(by, str) else list(by or [])
    strata = f" from each {words.listed(columns)}" if columns else ""
    return f" (drawn at random{strata}, seed {texts.get('seed', 1)})"


def _without_code(experiment: Experiment) -> str:
    cells = experiment.tables["cells"]
    cells = there(there(cells, "n"), "n_coded")
    asked, coded = float(cells["n"].sum()), float(cells["n_coded"].sum())
    if not asked or asked == coded:
        return ""
    return f"No code came of {words.percent(asked - coded, asked)} of the answers."


def _details(experiment: Experiment, construct: str) -> list[Block]:
    named = f" of {construct}" if len(experiment.constructs) > 1 else ""
    blocks: list[Block] = []
    for factor in experiment.varied:
        said = laboratory.by_factor(experiment, construct, factor)
        if len(experiment.varied) > 1 and said:
            blocks += [Text(f"{factors.title(factor)}{named}:"), Items(said)]
    made = (_levels, _flips, _effects, _variance, _stability)
    return [*blocks, *(table for make in made for table in make(experiment, construct, named))]


def _groups(
    experiment: Experiment, rows: pd.DataFrame, cells: dict[int, list[Cell]]
) -> list[tuple[str, list[list[Cell]]]]:
    """Put rows under the names of their factors, levels in their order."""
    groups = []
    for factor in experiment.varied:
        order = {level: place for place, level in enumerate(experiment.levels(factor))}
        own = rows[rows["factor"] == factor]
        own = own.sort_values("level", key=lambda col: col.map(order).fillna(len(order)), kind="stable")
        if len(own):
            groups.append((factors.title(factor), [cells[int(str(index))] for index in own.index]))
    return groups


def _table(
    caption: str,
    columns: Sequence[str],
    groups: list[tuple[str, list[list[Cell]]]],
    align: str,
    note: str,
) -> Table:
    """Return a table without the columns that have nothing in them; a note of every row stands below it."""
    rows = [row for _, own in groups for row in own]
    if columns[-1] == "Note" and len(said := {row[-1] for row in rows}) == 1 and "" not in said:
        note = f"{note} {words.sentence(str(rows[0][-1]))}"
        groups = [(title, [[*row[:-1], ""] for row in own]) for title, own in groups]
        rows = [row for _, own in groups for row in own]
    kept = [i for i in range(len(columns)) if not i or any(row[i] not in ("", words.MISSING) for row in rows)]
    return Table(
        caption,
        [columns[i] for i in kept],
        [(title, [[row[i] for i in kept] for row in own]) for title, own in groups],
        "".join(align[i] for i in kept),
        note,
    )


def _levels(experiment: Experiment, construct: str, named: str) -> list[Block]:
    rows = experiment.rows("levels", construct)
    if rows.empty:
        return [Missing(f"Levels of {experiment.name}", "The table has no rows.")]
    cells: dict[int, list[Cell]] = {
        int(str(index)): [
            factors.level_name(row["factor"], row["level"]),
            words.count(row["n_cells"]),
            words.count(row["n_units"]),
            words.number(row["mean_score"]),
            words.r(row["valid_mass"]),
            share(row["accuracy"]),
            words.r(row["pearson_r"]),
            words.interval(row["ci_low"], row["ci_high"]),
            words.r(row["difference"]),
            words.interval(row["difference_ci_low"], row["difference_ci_high"]),
            row["note"],
        ]
        for index, row in rows.iterrows()
    }
    columns = [
        "Level", "Combinations", "n", "Mean score", "Valid mass", "As the criterion", "r", "95% CI",
        "Difference of r", "95% CI", "Note",
    ]  # fmt: skip
    note = (
        "Each row takes all combinations with this level together, as the mean of their figures; n counts"
        " texts. 'As the criterion': share of codes in the criterion's class. The first level of each factor"
        " is the one that others are compared with; a dash stands where nothing is compared."
    )
    groups = _groups(experiment, rows, cells)
    return [_table(f"Levels in '{experiment.name}'{named}", columns, groups, "l" + "r" * 9 + "l", note)]


def _flips(experiment: Experiment, construct: str, named: str) -> list[Block]:
    rows = experiment.rows("flips", construct)
    if rows.empty:
        return [Missing(f"Codes that change in {experiment.name}", "The table has no rows.")]
    rows = rows[_shown_pairs(experiment, rows)]
    cells: dict[int, list[Cell]] = {}
    for index, row in rows.iterrows():
        pair = [factors.level_name(row["factor"], row[side]) for side in ("level", "reference")]
        cells[int(str(index))] = [
            *(["any", "any other"] if row["level"] == ANY else pair),
            words.count(row["n_units"]),
            words.count(row["n_pairs"]),
            share(row["flip_rate"]),
            shares(row["ci_low"], row["ci_high"]) if row["flip_rate"] else words.MISSING,
            words.number(row["mean_change"]),
            words.number(row["mean_absolute_change"]),
            row["note"],
        ]
    columns = [
        "Level", "Compared with", "n", "Pairs of codes", "Differ", "95% CI", "Mean change of score",
        "Mean size of change", "Note",
    ]  # fmt: skip
    note = (
        "Codes of the same text under settings that differ in this factor alone; n counts texts. Shown are"
        " pairs with a factor's first level, and all pairs together; experiment_flips.csv has every pair."
        " Where no code differs there is no interval: resamples of these texts have no change either."
    )
    groups = _groups(experiment, rows, cells)
    caption = f"Codes that change in '{experiment.name}'{named}"
    return [_table(caption, columns, groups, "ll" + "r" * 6 + "l", note)]


def _shown_pairs(experiment: Experiment, rows: pd.DataFrame) -> pd.Series:
    """Whether a pair is shown: those with the reference, all pairs together, and every pair of few levels."""
    first = {factor: experiment.levels(factor)[0] for factor in experiment.varied}
    few = {factor for factor in experiment.varied if len(experiment.levels(factor)) <= 3}
    reference = [
        row["level"] == ANY
        or row["factor"] in few
        or first.get(row["factor"]) in (row["level"], row["reference"])
        for _, row in rows.iterrows()
    ]
    return pd.Series(reference, index=rows.index, dtype=bool)


def _effects(experiment: Experiment, construct: str, named: str) -> list[Block]:
    rows = experiment.rows("effects", construct, outcome="score")
    rows = there(rows, "estimate")
    if rows.empty:
        return []
    cells: dict[int, list[Cell]] = {
        int(str(index)): [
            factors.level_name(row["factor"], row["level"]),
            words.number(row["estimate"], 3),
            words.interval(row["ci_low"], row["ci_high"], 3, bounded=False),
            words.p(row.get("p_value")),
            words.p(row["p_adjusted"]),
        ]
        for index, row in rows.iterrows()
    }
    note = (
        "How much higher the mean score is than at the factor's first level, all factors in one model;"
        " experiment_effects.csv has the same for"
        f" {words.listed([name for key, name in _OUTCOMES.items() if key != 'score'])}."
    )
    columns = ["Level", "Change of score", "95% CI", "p", "p adjusted"]
    groups = _groups(experiment, rows, cells)
    return [
        _table(
            f"Effects on the score in '{experiment.name}'{named}",
            columns,
            groups,
            "lrrrr",
            note,
        )
    ]


def _variance(experiment: Experiment, construct: str, named: str) -> list[Block]:
    rows = experiment.rows("variance", construct)
    rows = there(rows, "share")
    rows = rows[rows["outcome"] == "score"] if (rows["outcome"] == "score").any() else rows
    if rows.empty:
        return []
    groups: list[tuple[str, list[list[Cell]]]] = []
    for outcome in dict.fromkeys(rows["outcome"]):
        own = rows[rows["outcome"] == outcome].sort_values("share", ascending=False, kind="stable")
        body: list[list[Cell]] = [
            [
                words.sentence(laboratory.source_name(row["source"])).rstrip("."),
                share(row["share"]),
                shares(row["ci_low"], row["ci_high"]),
            ]
            for _, row in own.iterrows()
        ]
        groups.append((_OUTCOMES.get(outcome, outcome) if outcome != "score" else "", body))
    caption = f"What the variance of the scores is made of in '{experiment.name}'{named}"
    return [
        _table(
            caption,
            ["Source", "Share", "95% CI"],
            groups,
            "lrr",
            "Shares of the sum of squares; chance alone gives every source some.",
        )
    ]


def _stability(experiment: Experiment, construct: str, named: str) -> list[Block]:
    rows = experiment.rows("stability", construct)
    rows = rows[
        [known(value) or bool(note) for value, note in zip(rows["estimate"], rows["note"], strict=True)]
    ]
    if rows.empty:
        return []
    body: list[list[Cell]] = [
        [
            _over(row),
            f"{statistic(row['statistic'])}{f' ({level})' if (level := row['level']) else ''}",
            words.count(row["n_units"]),
            words.count(row["n_codes"]),
            words.r(row["estimate"]),
            words.interval(row["ci_low"], row["ci_high"]),
            row["note"],
        ]
        for _, row in rows.iterrows()
    ]
    columns = ["Over", "Statistic", "n", "Codes", "Estimate", "95% CI", "Note"]
    note = (
        "1 where the codes of a text are always the same; n counts texts. Codes at temperature 0 are the same"
        " in every repeat by construction, which says nothing of how stable they are."
    )
    caption = f"How alike the codes are in '{experiment.name}'{named}"
    return [_table(caption, columns, [("", body)], "llrrrrl", note)]


def _over(row: pd.Series) -> str:
    if row["kind"] == "inter":
        return factors.PLURALS.get(row["factor"], row["factor"])
    at = f" {factors.with_level(row['factor'], row['factor_level'])}" if row["factor"] else ""
    return f"repeats under the same settings{at}"


def _computed(material: Material, found: Sequence[Experiment]) -> list[Block]:
    compare = material.study["compare"]
    criterion = next((one.criterion for one in found if one.criterion), "")
    said = [
        "All figures are over the texts of the experiment. Two codes of one text differ where their labels do"
        " (scores, where there are no labels); they are compared where all other settings are alike.",
        "Intervals of r, of its differences and of shares of changed codes are percentiles of a bootstrap"
        f" over texts ({words.count(compare['bootstrap'])} resamples, seed {compare['seed']}): all codes of"
        " a text stay together. 'No difference could be shown' means that the interval contains zero, not"
        " that there is no difference. Intervals are not adjusted for how many there are.",
        "Effects come of generalised estimating equations, linear in the outcome, with texts as clusters;"
        " their p-values are adjusted within an outcome.",
        "Shares of variance are sums of squares of texts, factors, pairs of factors and texts' reactions to"
        " factors; chance alone gives each of them some, the more the fewer the texts.",
        "Stability is that of Barrie et al. (2024): Krippendorff's alpha over the levels of a factor, and"
        " over repeats.",
    ]
    if criterion:
        name = Names(material.study).table(criterion)
        said.insert(0, f"The criterion is the coder {name}; r is Pearson's correlation with its score.")
    else:
        said.insert(0, "There is no criterion, so codes are compared with each other alone.")
    return [Heading("How it was computed"), Items(said)]
