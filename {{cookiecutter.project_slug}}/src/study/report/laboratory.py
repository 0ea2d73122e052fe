"""What experiments on a language model found, in sentences that rules write from their tables.

Every figure is one of the tables' own; a difference is spoken of only where its 95% interval excludes zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from study.report import experiment as experiments_
from study.report import factors, words
from study.report.experiment import ANY, Experiment, there
from study.report.limits import ALPHA, TENTATIVE, VALID_MASS
from study.report.words import known

Row = Mapping[str, Any]
Rows = Mapping[str, Row]
"""A factor's rows of a table by level, the one that others are compared with first."""

OPEN = "no difference could be shown"
MOST = 5
"""Levels, factors or sources in one sentence; the tables have all."""
_SHORT = {
    "wording": "wordings",
    "label_order": "orders",
    "rationale": "settings",
    "examples": "choices",
    "temperature": "temperatures",
    "seed": "seeds",
    "model": "models",
    "quantisation": "types",
    "sparsity": "shares",
    "surface": "surfaces",
}
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_LEVELS = ("nominal", "ordinal", "interval", "ratio")


def all_of(tables: Mapping[str, pd.DataFrame], experiments: Mapping[str, Any]) -> list[Experiment]:
    """Return the study's experiments with their rows of the tables."""
    return [experiments_.of(tables, name, settings) for name, settings in experiments.items()]


def answers(tables: Mapping[str, pd.DataFrame], experiments: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return name, question and answer of every experiment.

    Parameters
    ----------
    tables
        By their names in results/tables.
    experiments
        That section of the configuration.
    """
    return [(one.name, question(one), " ".join(sentences(one))) for one in all_of(tables, experiments)]


def question(experiment: Experiment) -> str:
    """Return the experiment's question; one made of its factors where the researcher wrote none."""
    given = experiment.settings.get("question")
    if given:
        return str(given)
    named = [f"the {factors.name(factor)}" for factor in experiment.varied]
    return f"What do codes owe to {words.listed(named)}?"


def sentences(experiment: Experiment) -> list[str]:
    """Return the answer to an experiment's question; the first sentence is the shortest answer."""
    said: list[str] = []
    for construct in experiment.constructs:
        # Where several constructs were coded, their sentences stand one after the other.
        named = f"{construct}: " if len(experiment.constructs) > 1 else ""
        own = [text for text in _answer(experiment, construct) if text]
        said += [words.sentence(named + text) for text in own]
    return said or ["No code could be compared, so the question stays open."]


def point(experiments: Sequence[Experiment]) -> str:
    """Return what all experiments say together, in one sentence.

    Of a factor that several experiments vary, the one with most levels of it speaks.
    """
    widest: dict[str, Experiment] = {}
    for one in experiments:
        for factor in one.varied:
            other = widest.get(factor)
            if other is None or _n_levels(one, factor) > _n_levels(other, factor):
                widest[factor] = one
    clauses = [
        _clause(one, name, factor)
        for one in experiments
        for name in one.constructs
        for factor in one.varied
        if widest[factor] is one
    ]
    found = [clause for clause in clauses if clause is not None]
    counted = words.plural(len(experiments), "experiment")
    if not found:
        return words.sentence(f"{counted} found no two codes that could be compared")
    if all(clause.rate == 0 for clause in found):
        return words.sentence(f"in {counted}, no code changed with how the model was asked")
    return words.sentence(_most_changed(found))


def headline(experiment: Experiment) -> str:
    """Return under what most codes of an experiment change: the title of its figure."""
    found = [clause for name in experiment.constructs for clause in _clauses(experiment, name)]
    return words.sentence(_most_changed(found)) if found else "No code could be compared."


def by_factor(experiment: Experiment, construct: str, factor: str) -> list[str]:
    """Return everything that is said of one factor."""
    said = [
        flips(experiment, construct, factor),
        position(experiment, construct) if factor == "label_order" else "",
        changes(experiment, construct, factor) if factor not in factors.EXCHANGEABLE else "",
        agreement(experiment, construct, factor),
        alike(experiment, construct, factor),
        variance(experiment, construct, factor),
    ]
    return [words.sentence(text) for text in said if text]


def _answer(experiment: Experiment, construct: str) -> list[str]:
    """What is said depends on what is varied: one factor in full, two in short, more of them together.

    Of two factors, the one that the question names is answered first and more fully.
    """
    varied = factors.named_first(experiment.settings.get("question") or "", experiment.varied)
    if len(varied) > 2:
        found = _clauses(experiment, construct)
        return [
            _most_changed(found) if found else "",
            _agreement_overall(experiment, construct),
            _variance_overall(experiment, construct),
            _repeated(experiment, construct),
        ]
    first = varied[0]
    if set(varied) == {"sparsity", "quantisation"}:
        return [say(experiment, construct, factor) for factor in varied for say in (flips, agreement)]
    codes = alike(experiment, construct, first)
    special = {
        "label_order": position(experiment, construct),
        "rationale": changes(experiment, construct, first),
    }.get(first, "")
    said = [
        flips(experiment, construct, first),
        special or codes,
        agreement(experiment, construct, first),
    ]
    if len(varied) == 2:
        return [*said, flips(experiment, construct, varied[1])]
    rest = [codes if special else "", variance(experiment, construct, first)]
    return [*said, "; ".join(text for text in rest if text)]


# How many codes change


def flips(experiment: Experiment, construct: str, factor: str) -> str:
    """Say how many codes differ between levels of a factor; '' where none can be compared."""
    if factor in factors.EXCHANGEABLE:
        row = _any(experiment, construct, factor)
        if row is None or not known(row["flip_rate"]):
            return _moved(row, factor)
        several = f"{len(experiment.levels(factor))} {_SHORT[factor]}"
        n = f"{words.plural(int(row['n_units']), 'text')}, {several}"
        if row["flip_rate"] == 0:
            return f"between two {factors.PLURALS[factor]}, none of the codes differ ({n})"
        hedge = f"{OPEN}; " if _may_be_none(row) else ""
        return (
            f"between two {factors.PLURALS[factor]}, {share(row['flip_rate'])} of the codes differ, 95% CI"
            f" {shares(row['ci_low'], row['ci_high'])} ({hedge}{n})"
        )
    reference, *others = experiment.levels(factor)
    rows = [(level, experiment.flips(construct, factor, level, reference)) for level in others]
    there = [(level, row) for level, row in rows if row is not None and known(row["flip_rate"])]
    if not there:
        return _moved(_any(experiment, construct, factor), factor)
    parts = [
        f"{_rate(row)}{' change' if not place else ''} {_named(factor, level, place)}{_hedge(row)}"
        for place, (level, row) in enumerate(_some(there))
    ]
    n = words.plural(max(int(row["n_units"]) for _, row in there), "text")
    return (
        f"of the codes {factors.with_level(factor, reference)} ({n}, 95% CI in brackets),"
        f" {words.listed(parts)}"
    )


def _named(factor: str, level: str, place: int) -> str:
    """Name a level in a list of them: in full where it is the first."""
    return factors.again(factor, level) if place else factors.with_level(factor, level)


def _moved(row: pd.Series | None, factor: str) -> str:
    """Say how far scores are apart, where there are no labels that could differ."""
    if row is None or not known(row["mean_absolute_change"]):
        return ""
    return (
        f"between two {factors.PLURALS[factor]}, scores of the same text are"
        f" {words.number(row['mean_absolute_change'])} apart on average"
        f" ({words.plural(int(row['n_units']), 'text')})"
    )


def _any(experiment: Experiment, construct: str, factor: str) -> pd.Series | None:
    """Return the row of flips over all pairs of a factor's levels."""
    row = experiment.row("flips", construct, factor=factor, level=ANY)
    levels = experiment.levels(factor)
    if row is None and len(levels) == 2:
        return experiment.flips(construct, factor, levels[1], levels[0])
    return row


@dataclass(frozen=True)
class Clause:
    """The share of codes that a factor changes at most, with its interval in words, and where that is."""

    rate: float
    found: str
    where: str


def _clause(experiment: Experiment, construct: str, factor: str) -> Clause | None:
    if factor in factors.EXCHANGEABLE:
        row, where = _any(experiment, construct, factor), f"between two {factors.PLURALS[factor]}"
    else:
        reference, *others = experiment.levels(factor)
        rows = {level: experiment.flips(construct, factor, level, reference) for level in others}
        there = {level: row for level, row in rows.items() if row is not None and known(row["flip_rate"])}
        if not there:
            return None
        level = max(there, key=lambda one: float(there[one]["flip_rate"]))
        row, where = there[level], factors.with_level(factor, level)
    if row is None or not known(row["flip_rate"]):
        return None
    named = f" ({construct})" if len(experiment.constructs) > 1 else ""
    return Clause(float(row["flip_rate"]), _rate(row), f"{where}{named}{_hedge(row)}")


def _n_levels(experiment: Experiment, factor: str) -> int:
    return len(experiment.settings["factors"][factor])


def _clauses(experiment: Experiment, construct: str) -> list[Clause]:
    found = [_clause(experiment, construct, factor) for factor in experiment.varied]
    return [clause for clause in found if clause is not None]


def _most_changed(found: Sequence[Clause]) -> str:
    ranked = sorted(found, key=lambda clause: -clause.rate)[:MOST]
    each = [
        f"{clause.found}{'' if place else ' change'} {clause.where}" for place, clause in enumerate(ranked)
    ]
    more = len(found) - len(ranked)
    rest = "; fewer under other factors" if more else ""
    return f"of the codes (95% CI in brackets), {words.listed(each)}{rest}"


def _rate(row: pd.Series) -> str:
    """Return a share of changed codes; where none changed, resamples have none either: no interval."""
    if row["flip_rate"] == 0:
        return "none"
    return _with(share(row["flip_rate"]), shares(row["ci_low"], row["ci_high"]))


def _may_be_none(row: pd.Series) -> bool:
    return known(row["ci_low"]) and row["ci_low"] <= 0 < row["flip_rate"]


def _hedge(row: pd.Series) -> str:
    """Say that a share of changed codes may be none, where its interval contains 0."""
    return f" ({OPEN})" if _may_be_none(row) else ""


# How scores change


def changes(experiment: Experiment, construct: str, factor: str) -> str:
    """Say how the mean score changes against the reference level; '' where there is no estimate."""
    rows = experiment.by_level("effects", construct, factor, outcome="score")
    found = [(level, row) for level, row in rows.items() if known(row["estimate"])]
    parts = [
        f"by {_change(row)} {_named(factor, level, place)}"
        f"{f' ({OPEN})' if _open(row['ci_low'], row['ci_high']) else ''}"
        for place, (level, row) in enumerate(_some(found))
    ]
    return f"the mean score changes {words.listed(parts)}" if parts else ""


def _change(row: Row) -> str:
    digits = 3 if _near_zero(row["ci_low"], row["ci_high"]) else 2
    interval = words.interval(row["ci_low"], row["ci_high"], digits, bounded=False)
    return _with(words.number(row["estimate"]), interval)


# How agreement with the criterion changes


def agreement(experiment: Experiment, construct: str, factor: str) -> str:
    """Say how the agreement with the criterion depends on a factor; '' without a criterion."""
    rows = experiment.by_level("levels", construct, factor)
    reference = experiment.levels(factor)[0]
    if reference not in rows:
        return ""
    base = rows[reference]
    if not known(base["pearson_r"]):
        return _accuracy(experiment, construct, factor, rows)
    head = (
        f"the correlation with the criterion (r) is {_r(base, 'pearson_r', 'ci_low', 'ci_high')}"
        f" {factors.with_level(factor, reference)}"
    )
    return "; ".join([head, *_compared(factor, rows, _ways(rows))])


def _ways(rows: Rows) -> dict[str, str]:
    """Return the levels whose r could be compared with the first level's: lower, higher, or open."""
    return {level: way for level, row in rows.items() if (way := _way(row))}


def _compared(factor: str, rows: Rows, judged: Mapping[str, str]) -> list[str]:
    """Say at which levels r is lower or higher than at the reference, and at which it cannot be told."""
    by_way = {way: [level for level, found in judged.items() if found == way] for way in _WAYS}
    undecided = by_way[OPEN]
    if len(undecided) == len(judged):
        return _none_differs(factor, rows, undecided)
    if factor == "sparsity" and (curve := _curve(rows, judged)):
        return curve
    parts = []
    for way in ("lower", "higher"):
        ranked = sorted(by_way[way], key=lambda level: -abs(float(rows[level]["difference"])))
        each = [
            f"{_named(factor, level, place)} ({_figures(rows[level])})"
            for place, level in enumerate(ranked[:3])
        ]
        if each:
            more = f" and in {len(ranked) - 3} more" if len(ranked) > 3 else ""
            parts.append(f"it is {way} {words.listed(each)}{more}")
    if 0 < len(undecided) <= 2:
        named = [f"{factors.with_level(factor, level)}" for level in undecided]
        parts.append(f"{words.listed(named, 'or')} {OPEN}")
    elif undecided:
        parts.append(f"for the other {len(undecided)} {_SHORT[factor]} {OPEN}")
    return parts


def _none_differs(factor: str, rows: Rows, levels: Sequence[str]) -> list[str]:
    if not levels:
        return []
    if len(levels) == 1:
        row = rows[levels[0]]
        return [f"{factors.with_level(factor, levels[0])} it is {_figures(row)}: {OPEN}"]
    values = [rows[level]["pearson_r"] for level in levels]
    return [f"over the other {len(levels)} {_SHORT[factor]} it {_range(values)}, and {OPEN}"]


def decay(experiment: Experiment, construct: str, factor: str) -> str:
    """Say in short from where on a smaller model agrees less, or codes otherwise: the title of a figure."""
    rows = experiment.by_level("levels", construct, factor)
    ways = _ways(rows)
    lower = [level for level, way in ways.items() if way == "lower"]
    if not ways:
        return words.sentence(flips(experiment, construct, factor) or "no code could be compared")
    if not lower:
        where = (
            "whatever share of the weights is set to zero"
            if factor == "sparsity"
            else "for any type of weights"
        )
        return words.sentence(f"no loss of agreement with the criterion could be shown {where}")
    if factor == "sparsity" and _curve(rows, ways):
        at = [level for level in sorted(ways, key=float) if level not in lower]
        kept = f"up to {factors.level_name(factor, at[-1])} no difference could be shown, and " if at else ""
        first = factors.level_name(factor, min(lower, key=float))
        return words.sentence(
            f"{kept}from {first} of the weights set to zero on, the model agrees less with the criterion"
        )
    named = [_named(factor, level, place) for place, level in enumerate(lower[:MOST])]
    return words.sentence(f"the model agrees less with the criterion {words.listed(named)}")


def _range(values: Sequence[float]) -> str:
    low, high = words.r(min(values)), words.r(max(values))
    return f"is {low}" if low == high else f"goes from {low} to {high}"


def _curve(rows: Rows, judged: Mapping[str, str]) -> list[str]:
    """Say from which share of zeros on r is lower; nothing where it is not from one share on."""
    ordered = sorted(judged, key=float)
    first = next((place for place, level in enumerate(ordered) if judged[level] == "lower"), None)
    if first is None or {judged[level] for level in ordered[first:]} != {"lower"}:
        return []
    if {judged[level] for level in ordered[:first]} - {OPEN}:
        return []
    parts = []
    if first:
        parts.append(f"up to {factors.level_name('sparsity', ordered[first - 1])} {OPEN}")
    parts.append(
        f"{factors.with_level('sparsity', ordered[first])} it is lower ({_figures(rows[ordered[first]])})"
    )
    if first < len(ordered) - 1:
        parts.append(f"{factors.again('sparsity', ordered[-1])} it is {_figures(rows[ordered[-1]])}")
    return parts


def _figures(row: Row) -> str:
    difference = _r(row, "difference", "difference_ci_low", "difference_ci_high")
    return f"{words.r(row['pearson_r'])}, difference {difference}"


_WAYS = ("lower", "higher", OPEN)


def _way(row: Row) -> str:
    low, high = row["difference_ci_low"], row["difference_ci_high"]
    if not known(low) or not known(high):
        return ""
    return OPEN if _open(low, high) else ("lower" if high < 0 else "higher")


def _open(low: object, high: object) -> bool:
    return not known(low) or not known(high) or low <= 0 <= high


def _accuracy(experiment: Experiment, construct: str, factor: str, rows: Rows) -> str:
    """Say how many codes are the criterion's, for labels that have no correlation."""
    effects = experiment.by_level("effects", construct, factor, outcome="correct")
    reference = experiment.levels(factor)[0]
    parts = []
    for place, level in enumerate(_some([level for level, row in rows.items() if known(row["accuracy"])])):
        row, effect = rows[level], effects.get(level)
        right = _with(share(row["accuracy"]), shares(row["accuracy_ci_low"], row["accuracy_ci_high"]))
        judged = effect is not None and known(effect["estimate"])
        hedge = f" ({OPEN})" if effect and judged and _open(effect["ci_low"], effect["ci_high"]) else ""
        parts.append(f"{right} {_named(factor, level, place)}{hedge}")
    if not parts or not known(rows[reference]["accuracy"]):
        return ""
    return f"the share of codes in the criterion's class is {words.listed(parts)}"


def _agreement_overall(experiment: Experiment, construct: str) -> str:
    rows = [
        (factor, level, row)
        for factor in experiment.varied
        for level, row in experiment.by_level("levels", construct, factor).items()
        if known(row["pearson_r"])
    ]
    ways = [_way(row) for _, _, row in rows]
    if not any(ways):
        return ""
    clear = [one for one, way in zip(rows, ways, strict=True) if way in ("lower", "higher")]
    if not clear:
        values = [row["pearson_r"] for _, _, row in rows]
        return f"over all levels the correlation with the criterion (r) {_range(values)}, and {OPEN}"
    ranked = sorted(clear, key=lambda one: -abs(float(one[2]["difference"])))
    parts = [
        f"{_way(row)} {factors.with_level(factor, level)} ({_figures(row)})"
        for factor, level, row in ranked[:3]
    ]
    more = f"; the table has {len(ranked) - 3} more" if len(ranked) > 3 else f"; for other levels {OPEN}"
    return (
        f"against the levels that come first, the correlation with the criterion (r) is {words.listed(parts)}"
        f"{more}"
    )


# Where a label stands


def position(experiment: Experiment, construct: str) -> str:
    """Say which places in the list of labels are chosen too often or too seldom; '' where it is unknown."""
    rows = experiment.rows("positions", construct)
    rows = there(rows, "ci_low")
    if rows.empty:
        return ""
    expected = rows["expected"].iloc[0]
    away = rows[(rows["ci_low"] > rows["expected"]) | (rows["ci_high"] < rows["expected"])]
    if away.empty:
        return (
            f"no place in the list is chosen more or less often than the expected {share(expected)}, as far"
            " as could be shown"
        )
    ranked = away.reindex((away["share_chosen"] - away["expected"]).abs().sort_values(ascending=False).index)
    first, *others = [
        (
            f"the label offered {_ordinal(int(row['position']))}",
            f"in {share(row['share_chosen'])} {shares(row['ci_low'], row['ci_high'])}",
        )
        for _, row in ranked.head(2).iterrows()
    ]
    more = "".join(f", {where} {found}" for where, found in others)
    return (
        f"{first[0]} is chosen {first[1]} of the answers{more}, where {share(expected)} would be expected if"
        " places did not matter"
    )


def _ordinal(place: int) -> str:
    return _ORDINALS[place - 1] if 0 < place <= len(_ORDINALS) else f"in place {place}"


# What the codes' variance is made of, and how alike repeated codes are


def alike(experiment: Experiment, construct: str, factor: str) -> str:
    """Say how alike the codes are over a factor's levels; '' where there is no alpha."""
    row = alpha(experiment, construct, "inter", factor)
    if row is None:
        return ""
    return (
        f"over the {len(experiment.levels(factor))} {_SHORT[factor]}, Krippendorff's alpha of the"
        f" codes is {_r(row, 'estimate', 'ci_low', 'ci_high')},"
        f" {_judged(row['estimate'])}"
    )


def variance(experiment: Experiment, construct: str, factor: str) -> str:
    """Say which part of the variance of the scores a factor has; '' where it is unknown."""
    found = _sources(experiment, construct)
    if factor not in found:
        return ""
    each = [f"{_part(found[factor])} lies between the {_SHORT[factor]}"]
    if (both := f"unit x {factor}") in found:
        each.append(f"{_part(found[both])} in how single texts react to them")
    if "unit" in found:
        each.append(f"{_part(found['unit'])} between texts")
    return f"of the variance of the scores, {words.listed(each)}"


def alpha(experiment: Experiment, construct: str, kind: str, factor: str | None = None) -> pd.Series | None:
    """Return the row of Krippendorff's alpha, over levels ('inter') or repeats ('intra'), or None."""
    rows = experiment.rows("stability", construct, kind=kind, statistic="krippendorff_alpha")
    if factor is not None:
        rows = rows[rows["factor"] == factor]
    rows = there(rows, "estimate")
    if rows.empty:
        return None
    # Several levels of measurement: that of the construct is the one that asks most of its labels.
    ranks = [_LEVELS.index(level) if level in _LEVELS else -1 for level in rows["level"]]
    return rows.iloc[ranks.index(max(ranks))]


def _judged(estimate: float) -> str:
    if estimate >= ALPHA:
        return f"at least the {words.r(ALPHA, 3)} that is asked of reliable codes"
    if estimate >= TENTATIVE:
        return f"enough for tentative conclusions ({words.r(TENTATIVE, 3)}) and below {words.r(ALPHA, 3)}"
    return f"below the {words.r(TENTATIVE, 3)} that even tentative conclusions need"


def _sources(experiment: Experiment, construct: str) -> dict[str, pd.Series]:
    """Return the parts of the variance of the scores by their source."""
    rows = experiment.rows("variance", construct, outcome="score")
    return {str(row["source"]): row for _, row in rows.iterrows() if known(row["share"])}


def _part(row: pd.Series) -> str:
    return _with(share(row["share"]), shares(row["ci_low"], row["ci_high"]))


def _variance_overall(experiment: Experiment, construct: str) -> str:
    found = _sources(experiment, construct)
    ours = {source: row for source, row in found.items() if source not in ("unit", "rest")}
    ranked = sorted(ours, key=lambda source: -float(ours[source]["share"]))[:3]
    parts = [f"{_part(ours[source])} is due to {source_name(source)}" for source in ranked]
    if "unit" in found:
        parts.insert(0, f"{_part(found['unit'])} lies between texts")
    return f"of the variance of the scores, {words.listed(parts)}" if parts else ""


def source_name(source: str) -> str:
    """Return what a source of variance is called: 'how single texts react to the order of the labels'."""
    if source in ("unit", "rest"):
        return "differences between texts" if source == "unit" else "all else"
    first, *others = source.split(" x ")
    if first == "unit" and others:
        return f"how single texts react to {words.listed([f'the {factors.name(one)}' for one in others])}"
    named = words.listed([f"the {factors.name(one)}" for one in (first, *others)])
    return f"{named} together" if others else named


def _repeated(experiment: Experiment, construct: str) -> str:
    row = alpha(experiment, construct, "intra")
    # Without an interval it is 1 by construction: at temperature 0 every repeat says the same.
    if row is None or not known(row["ci_low"]):
        lowest = [
            (float(found["estimate"]), factor, found)
            for factor in experiment.varied
            if (found := alpha(experiment, construct, "inter", factor)) is not None
        ]
        if not lowest:
            return ""
        _, factor, found = min(lowest, key=lambda one: one[0])
        return (
            f"codes are least alike over the {len(experiment.levels(factor))} {factors.PLURALS[factor]}:"
            f" Krippendorff's alpha {_r(found, 'estimate', 'ci_low', 'ci_high')},"
            f" {_judged(found['estimate'])}"
        )
    return (
        "asked again under the same settings, Krippendorff's alpha of the codes is"
        f" {_r(row, 'estimate', 'ci_low', 'ci_high')}, {_judged(row['estimate'])}"
    )


def imposed(experiment: Experiment, construct: str) -> str:
    """Say at which levels the labels are imposed on the model rather than its own words; '' where nowhere."""
    rows = there(experiment.rows("levels", construct), "valid_mass")
    low = rows[rows["valid_mass"] < VALID_MASS]
    if low.empty:
        return ""
    if len(low) == len(rows):
        where = f"over all levels it {_range(list(low['valid_mass']))}"
    else:
        each = [
            f"{words.r(row['valid_mass'])} {factors.with_level(row['factor'], row['level'])}"
            for _, row in low.sort_values("valid_mass").head(MOST).iterrows()
        ]
        where = words.listed([*each, "less than half elsewhere"] if len(low) > MOST else each)
    return (
        "The labels are only a small part of what the model would say if it were free (mean valid mass:"
        f" {where}): the codes are then imposed on it rather than its own answers."
    )


# Figures in words


def share(value: object) -> str:
    """Return a share in per cent: '23%', and '0.4%' of what would look like none or all."""
    if not known(value):
        return words.MISSING
    rounded = round(100 * value)
    plain = 0 < abs(rounded) < 100 or value in (0, 1)
    return words.number(100 * value, 0 if plain else 1) + "%"


def shares(low: object, high: object) -> str:
    """Return an interval of shares: '[18%, 28%]'."""
    return f"[{share(low)}, {share(high)}]" if known(low) and known(high) else words.MISSING


def _with(figure: str, interval: str) -> str:
    """Return a figure with its interval, where it has one."""
    return figure if interval == words.MISSING else f"{figure} {interval}"


def _r(row: Row | pd.Series, figure: str, low: str, high: str) -> str:
    """Return a correlation, or a difference of two, with its interval; a bound next to zero in full."""
    digits = 3 if _near_zero(row[low], row[high]) else 2
    return _with(words.r(row[figure]), words.interval(row[low], row[high], digits))


def _near_zero(low: object, high: object) -> bool:
    """Whether a bound would look like zero, which it is not."""
    return any(known(bound) and 0 < abs(bound) < 0.005 for bound in (low, high))


def _some(found: Sequence[Any]) -> list[Any]:
    """Return at most so many as a sentence holds, evenly spread and with both ends."""
    if len(found) <= MOST:
        return list(found)
    places = [round(place * (len(found) - 1) / (MOST - 1)) for place in range(MOST)]
    return [found[place] for place in places]
