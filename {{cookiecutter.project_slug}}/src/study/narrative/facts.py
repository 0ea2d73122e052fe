"""From tables of results to facts: what a sentence has to say, with every figure already printed.

A fact has a kind (what it is about), a way (which way it turned out: a sign, an order, how sure it is) and
slots (names and figures). The kind and the way pick the sentences that are allowed, the slots fill them. So
whatever could be wrong in a sentence is decided here, from the table alone: a direction by an estimate's
sign, a hedge by its 95% interval, a comparison by the difference and its adjusted p, as the report has them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from study.config.names import role
from study.inference.terms import in_words
from study.report import words
from study.report.corrected import ESTIMATORS, PREFERRED, UNCORRECTED
from study.report.findings import LESS, MORE, OPEN, POOLED, direction, known
from study.report.material import empty_table, read_table
from study.report.names import Names

AGREEMENT, COMPARISON = "agreement", "comparison"
VALIDITY, REGRESSIONS = "06_validity", "12_regressions"
"""The pages on which paragraphs stand, as their files are named."""

SAMPLE, ALL = "sample", "all"
LISTED = 3
"""Things with figures that one sentence names at most; more of them get a further sentence."""
NAMED = 5
"""Measures that are named one by one; where there are more, the ends are named and the rest is counted."""
COMPARED = 4
"""Comparisons of one coder that are told one by one; where there are more, they are counted."""
NEAREST = 2
"""Measures that are named of those that are counted."""
LONGEST = 8
"""Sentences that a paragraph has at most."""

ABOVE, BELOW, AROUND = "above zero", "below zero", "zero is not excluded"
POSITIVE, NEGATIVE, ZERO = "positive, no interval", "negative, no interval", "zero, no interval"
WAYS = (ABOVE, BELOW, AROUND, POSITIVE, NEGATIVE, ZERO)
"""Where one estimate stands."""

LARGER, SMALLER, ALIKE, REVERSED = "larger", "smaller", "alike", "reversed"
"""What becomes of an uncorrected estimate."""

BOTH, FIRST_ONLY, SECOND_ONLY, NEITHER, UNKNOWN = (
    "zero excluded before and after",
    "zero excluded before only",
    "zero excluded after only",
    "zero excluded neither before nor after",
    "whether zero is excluded is not known",
)
"""What becomes of its significance: whether the 95% interval excludes zero."""

WITH_ERRORS = "errors of measurement are not corrected"
"""The way of a regression on measures."""

PLAIN = "plain"
"""The way of a fact that can turn out in one way only."""

DECIMALS = (2, 6)
"""Decimals of a coefficient: at least, and at most."""

_BY = {"likelihood": "the likelihood method"}
_CI = ", 95% CI "
_INTERCEPT = "Intercept"
_OF_OWN = tuple(name for name in PREFERRED if name != "gold_only")


@dataclass(frozen=True)
class Fact:
    """What one sentence says.

    Attributes
    ----------
    kind, way
        What it is about, and which way it turned out: `study.narrative.wordings` has sentences for each.
    slots
        Names and printed figures, by the names that the sentences have for them.
    """

    kind: str
    way: str
    slots: Mapping[str, str]

    @property
    def neutral(self) -> str:
        """The fact as a list of its parts, a line each, without a sentence."""
        parts = {"finding": self.way} | dict(self.slots)
        return "\n".join(f"{name}: {value}" for name, value in parts.items())


@dataclass(frozen=True)
class Paragraph:
    """What is said about one table, or about one construct's rows of it.

    Attributes
    ----------
    table, construct
        The table, and the construct; empty for a regression.
    place
        The page on which it stands.
    facts
        In the order of the sentences.
    """

    table: str
    construct: str
    place: str
    facts: Sequence[Fact]


class _Range(NamedTuple):
    """An estimate with its interval; a missing bound is NaN."""

    estimate: float
    low: float
    high: float

    @property
    def bounded(self) -> bool:
        return words.known(self.low) and words.known(self.high)

    @property
    def clear(self) -> bool:
        """Whether the interval excludes zero."""
        return self.bounded and (self.low > 0 or self.high < 0)


def paragraphs(
    tables: Mapping[str, pd.DataFrame],
    *,
    constructs: Sequence[str],
    coders: Mapping[str, Mapping[str, Any]],
    criterion: str | None,
    analyses: Mapping[str, Mapping[str, Any]],
    hypotheses: Mapping[str, Mapping[str, Any]],
) -> list[Paragraph]:
    """Return what is to be said about the tables of a study; where nothing is known, there is no paragraph.

    Parameters
    ----------
    tables
        'agreement', 'comparison' and those of the analyses, as `study.report.material.read_table` reads them.
    constructs, coders, criterion, analyses, hypotheses
        The configuration's, in its order: of a coder what `study.report.names.Names` needs, of an analysis
        `formula` and `coded`, of a hypothesis `analysis` and `term`.
    """
    names = Names({"coders": coders, "compare": {"criterion": criterion}})
    machines = [name for name, coder in coders.items() if role(coder) == "llm"]
    found = []
    for construct in constructs:
        rows, tests = (
            _pooled(tables.get(name, empty_table(name)), construct) for name in (AGREEMENT, COMPARISON)
        )
        facts = list(_agreement(construct, rows, names, criterion or ""))
        facts += _differences(tests, names, machines, room=LONGEST - len(facts))
        found.append(Paragraph(AGREEMENT, construct, VALIDITY, facts))
    for name, analysis in analyses.items():
        table = tables.get(name, empty_table(name))
        expected = {h["term"]: key for key, h in hypotheses.items() if h["analysis"] == name}
        told = _corrections if analysis["coded"] else _measured
        facts = told(_of_terms(table, analysis, expected), names, expected)
        found.append(Paragraph(name, "", REGRESSIONS, facts))
    return [paragraph for paragraph in found if paragraph.facts]


def read(tables: Sequence[Path], settings: Mapping[str, Any]) -> list[Paragraph]:
    """Return what is to be said about tables in files; `settings` are the other arguments of `paragraphs`."""
    return paragraphs({file.stem: read_table(file) for file in tables}, **settings)


def coefficient(value: float, low: float, high: float) -> str:
    """Return a coefficient with its 95% interval; half the interval's width has two digits at least."""
    return _coefficient(_Range(value, low, high), _decimals(_Range(value, low, high)))


def correlation(value: float, low: float, high: float) -> str:
    """Return a correlation with its 95% interval: 'r = .62, 95% CI [.51, .71]'."""
    bounds = words.interval(low, high)
    return f"r = {words.r(value)}" + ("" if bounds == words.MISSING else f"{_CI}{bounds}")


def _coefficient(range_: _Range, decimals: int) -> str:
    bounds = words.interval(range_.low, range_.high, decimals, bounded=False)
    return words.number(range_.estimate, decimals) + ("" if bounds == words.MISSING else f"{_CI}{bounds}")


def _decimals(*ranges: _Range) -> int:
    least, most = DECIMALS
    widths = [(one.high - one.low) / 2 for one in ranges if one.bounded and one.high > one.low]
    wanted = [1 - math.floor(math.log10(width)) for width in widths]
    return min(max([least, *wanted]), most)


def clean(name: object) -> str:
    """Return a name as it stands in a sentence: on one line, with every character to be seen."""
    return " ".join(str(words.visible(str(name))).split())


def _pooled(table: pd.DataFrame, construct: str) -> pd.DataFrame:
    """Return a construct's rows over all domains, of the subset in which measures stand on the same texts."""
    rows = table[(table["construct"] == construct) & (table["domain"] == POOLED) & (table["n"] > 0)]
    return rows[rows["subset"] == (SAMPLE if SAMPLE in set(rows["subset"]) else ALL)]


def _texts(n: float) -> str:
    return words.plural(int(n), "text")


def _in_groups(items: Sequence[Any]) -> Iterator[list[Any]]:
    for first in range(0, len(items), LISTED):
        yield list(items[first : first + LISTED])


def _once(figures: Sequence[str]) -> list[str]:
    """Return the figures of one sentence, in its order: only the first interval says that it is a 95% CI."""
    first = next((number for number, figure in enumerate(figures) if _CI in figure), len(figures))
    return [figure.replace(_CI, " ") if number > first else figure for number, figure in enumerate(figures)]


def _with_figures(names: Sequence[str], figures: Sequence[str]) -> list[str]:
    return [f"{name} ({figure})" for name, figure in zip(names, _once(figures), strict=True)]


def _agreement(construct: str, rows: pd.DataFrame, names: Names, criterion: str) -> Iterator[Fact]:
    """Tell how closely each measure agrees with the criterion, and what a single person reaches."""
    people = f"{criterion}_leave_one_out"
    measures = rows[~rows["measure"].isin([f"{criterion}_individual", people])]
    there = [row for _, row in measures[known(measures, "pearson_r")].iterrows()]
    unknown = measures.loc[~known(measures, "pearson_r"), "measure"]
    told = {"criterion": clean(names.prose(criterion)), "construct": clean(construct)}

    def called(measure: str) -> str:
        return clean(names.prose(measure))

    def named(measures: Sequence[str], many: str, last: str = "and") -> str:
        return words.listed([*map(called, measures)], last) if len(measures) <= NAMED else many

    def correlated(row: pd.Series) -> Fact:
        figures = {
            "texts": _texts(row["n"]),
            "measure": called(row["measure"]),
            "figure": correlation(*_r(row)),
        }
        return Fact("correlation", _way(_r(row)), told | figures)

    same = len({row["n"] for row in there}) == 1 and {row["subset"] for row in there} == {SAMPLE}
    if len(there) == 1 or (len(there) <= LISTED and not same):
        yield from map(correlated, there)
    elif there:
        group = _largest(there)
        rest = [row for row in there if row["n"] != group[0]["n"]]
        if len(group) == 1:
            yield correlated(group[0])
        else:
            texts = ("the same " if same else "") + _texts(group[0]["n"])
            yield from _ranking(group, told | {"texts": texts}, called)
        if rest:
            yield _elsewhere(rest, told["criterion"], called)
        for way in (BELOW, AROUND):
            found = [row["measure"] for row in (there if len(group) > 1 else rest) if _way(_r(row)) == way]
            if found:
                slot = named(found, f"{words.count(len(found))} of these measures")
                yield Fact("doubt", way, {"criterion": told["criterion"], "measures": slot})
    if len(unknown):
        slot = named(list(unknown), words.plural(len(unknown), "measure"), "or")
        yield Fact("no correlation", PLAIN, told | {"measures": slot})
    single = rows[rows["measure"] == people]
    if there and len(single) and words.known(single["pearson_r"].iloc[0]):
        slots = {"criterion": told["criterion"], "figure": correlation(*_r(single.iloc[0]))}
        yield Fact("yardstick", PLAIN, slots)


def _largest(rows: Sequence[pd.Series]) -> list[pd.Series]:
    """Return the rows of the number of texts that most rows have; of two such numbers, the larger one."""
    found: dict[float, list[pd.Series]] = {}
    for row in rows:
        found.setdefault(row["n"], []).append(row)
    return max(found.values(), key=lambda group: (len(group), group[0]["n"]))


def _ranking(
    rows: Sequence[pd.Series], told: Mapping[str, str], called: Callable[[str], str]
) -> Iterator[Fact]:
    """Tell which measures have the highest and the lowest correlation, as these are printed."""
    ordered = sorted(rows, key=lambda row: -row["pearson_r"])
    highest, lowest = (words.r(ordered[end]["pearson_r"]) for end in (0, -1))
    many = len(ordered) > NAMED
    most = NEAREST if many else NAMED
    best = [row for row in ordered if words.r(row["pearson_r"]) == highest][:most]
    worst = [row for row in ordered if words.r(row["pearson_r"]) == lowest][-most:]
    measures = words.plural(len(ordered), "measure")

    def figured(rows: Sequence[pd.Series]) -> list[str]:
        return _with_figures(
            [called(row["measure"]) for row in rows], [correlation(*_r(row)) for row in rows]
        )

    if highest == lowest:
        slots = {"measures": measures, "figure": f"r = {highest}"}
        if not many:
            slots = {"measures": words.listed(figured(ordered))}
        yield Fact("tie of many" if many else "tie", PLAIN, dict(told) | slots)
        return
    ends = figured([*best, *worst])
    slots = {"best": words.listed(ends[: len(best)]), "worst": words.listed(ends[len(best) :])}
    between = ordered[len(best) : -len(worst)]
    if many:
        slots |= {"measures": measures, "others": words.count(len(between)), "range": _spread(between)}
        yield Fact("ranking of many", PLAIN, dict(told) | slots)
        return
    yield Fact("ranking", PLAIN, dict(told) | slots)
    if between:
        yield Fact("between", PLAIN, {"measures": words.listed(figured(between))})


def _elsewhere(rows: Sequence[pd.Series], criterion: str, called: Callable[[str], str]) -> Fact:
    """Tell of measures on another number of texts than most have."""
    if len(rows) <= LISTED:
        figures = [f"{_texts(row['n'])}, {correlation(*_r(row))}" for row in rows]
        items = _with_figures([called(row["measure"]) for row in rows], figures)
        return Fact("elsewhere", PLAIN, {"criterion": criterion, "measures": words.listed(items)})
    low, high = (end(row["n"] for row in rows) for end in (min, max))
    slots = {
        "criterion": criterion,
        "measures": f"{words.count(len(rows))} measures",
        "texts": _texts(high) if low == high else f"{words.count(low)} to {_texts(high)}",
        "range": _spread(rows),
    }
    return Fact("elsewhere of many", PLAIN, slots)


def _spread(rows: Sequence[pd.Series]) -> str:
    """Return the lowest and the highest correlation: 'r = .12 to .58'."""
    ends = [words.r(end(row["pearson_r"] for row in rows)) for end in (min, max)]
    return f"r = {' to '.join(dict.fromkeys(ends))}"


def _r(row: pd.Series) -> _Range:
    return _Range(row["pearson_r"], row["ci_low"], row["ci_high"])


def _way(range_: _Range) -> str:
    """Return where an estimate stands: by its interval; by its sign as printed where there is none."""
    if range_.bounded:
        return AROUND if not range_.clear else ABOVE if range_.low > 0 else BELOW
    text = words.number(range_.estimate)
    if not any(digit in "123456789" for digit in text):
        return ZERO
    return POSITIVE if range_.estimate > 0 else NEGATIVE


def _differences(tests: pd.DataFrame, names: Names, machines: Sequence[str], room: int) -> list[Fact]:
    """Tell which other measures a language model agrees with the criterion more or less than.

    A model is told of with every way that its comparisons turned out, or not at all: `room` is the number of
    sentences, the last of which says how many comparisons are left to the table.
    """
    found = {
        machine: [
            row for _, row in tests[tests["measure"] == machine].iterrows() if words.known(row["difference"])
        ]
        for machine in machines
    }
    left, facts = sum(map(len, found.values())), list[Fact]()
    for rows in filter(None, found.values()):
        choices = [(_one_by_one(rows, names), rows)] if len(rows) <= COMPARED else []
        choices.append((_counted(_largest(rows), names), _largest(rows)))
        for told, of in choices:
            if len(facts) + len(told) + (left > len(of)) <= room:
                facts += told
                left -= len(of)
                break
        else:
            break
    return facts + ([_left(left, "comparison")] if left else [])


def _left(number: int, noun: str) -> Fact:
    return Fact("left", PLAIN, {"rest": words.plural(number, f"further {noun}")})


def _one_by_one(rows: Sequence[pd.Series], names: Names) -> list[Fact]:
    """Tell each comparison of a language model with its figures."""
    return [
        Fact("difference", way, _sides(group[0], names) | {"others": _others(group, names)})
        for way in (MORE, LESS, OPEN)
        for n in dict.fromkeys(row["n"] for row in rows)
        for group in _in_groups([row for row in rows if row["n"] == n and direction(row) == way])
    ]


def _counted(rows: Sequence[pd.Series], names: Names) -> list[Fact]:
    """Tell how many comparisons of a language model, on one number of texts, turned out in each way."""
    facts = []
    for way in (MORE, LESS, OPEN):
        found = sorted((row for row in rows if direction(row) == way), key=lambda row: abs(row["difference"]))
        if len(found) > NEAREST:
            share = f"{words.count(len(found))} of the" if len(found) < len(rows) else "all"
            slots = {
                "others": f"{share} {words.count(len(rows))} measures tested",
                "nearest": _others(found[:NEAREST], names),
            }
            facts.append(Fact("difference of many", way, _sides(rows[0], names) | slots))
        elif found:
            slots = {"others": _others(found, names)}
            facts.append(Fact("difference", way, _sides(rows[0], names) | slots))
    return facts


def _sides(row: pd.Series, names: Names) -> dict[str, str]:
    return {
        "texts": _texts(row["n"]),
        "measure": clean(names.prose(row["measure"])),
        "criterion": clean(names.prose(row["criterion"])),
    }


def _others(rows: Sequence[pd.Series], names: Names) -> str:
    called = [clean(names.prose(row["other"])) for row in rows]
    return words.listed(_with_figures(called, [_difference(row) for row in rows]))


def _difference(row: pd.Series) -> str:
    bounds = words.interval(row["ci_low"], row["ci_high"])
    text = f"difference {words.r(row['difference'])}" + ("" if bounds == words.MISSING else f"{_CI}{bounds}")
    return text + (
        f", {words.p_phrase(row['p_adjusted'], 'adjusted p')}" if words.known(row["p_adjusted"]) else ""
    )


def _of_terms(table: pd.DataFrame, analysis: Mapping[str, Any], expected: Mapping[str, str]) -> pd.DataFrame:
    """Return the estimates that are told of: the hypotheses' terms; else those that the codes touch."""
    rows = table[known(table, "estimate")]
    if expected:
        return rows[rows["term"].isin(list(expected))]
    rows = rows[rows["term"] != _INTERCEPT]
    outcome = analysis["formula"].partition("~")[0].strip()
    if not analysis["coded"] or outcome in analysis["coded"]:
        return rows
    coded = "|".join(map(re.escape, analysis["coded"]))
    return rows[rows["term"].str.contains(rf"(?<!\w)(?:{coded})(?!\w)").astype(bool)]


def _called(term: str, expected: Mapping[str, str]) -> str:
    name = clean(in_words(term))
    return f"{name} ({clean(expected[term])})" if term in expected else name


def _range(row: pd.Series) -> _Range:
    return _Range(row["estimate"], row["ci_low"], row["ci_high"])


def _terms(rows: Sequence[pd.Series], expected: Mapping[str, str]) -> str:
    items = _with_figures(
        [_called(row["term"], expected) for row in rows], [coefficient(*_range(row)) for row in rows]
    )
    return f"the coefficient{'s' * (len(items) > 1)} of {words.listed(items)}"


def _measured(rows: pd.DataFrame, names: Names, expected: Mapping[str, str]) -> list[Fact]:
    """Tell of a regression on measures where each coefficient stands."""
    each = [row for _, row in rows.iterrows()]
    first = Fact("measures as they are", WITH_ERRORS, {})

    def tell(terms: Sequence[str], coders: Sequence[str]) -> tuple[list[Fact], int]:
        kept = [row for row in each if row["term"] in terms]
        return [first, *_standing("uncorrected regression", {}, kept, expected)], len(kept)

    return _shortened(tell, list(dict.fromkeys(rows["term"])), [])


def _shortened(
    tell: Callable[[Sequence[str], Sequence[str]], tuple[list[Fact], int]],
    terms: list[str],
    coders: list[str],
) -> list[Fact]:
    """Tell of as many terms and coders, in their order, as a paragraph has sentences for.

    Whole terms and whole coders are left to the table, so that no way of turning out is told more often than
    another. `tell` returns the facts of some terms and coders, and of how many coefficients they are.
    """
    if not terms:
        return []
    terms, coders = [*terms], [*coders]
    facts, every = tell(terms, coders)
    number = every
    while len(facts) + (number < every) > LONGEST and max(len(terms), len(coders)) > 1:
        (terms if len(terms) >= len(coders) else coders).pop()
        facts, number = tell(terms, coders)
    return facts + ([_left(every - number, "coefficient")] if number < every else [])


def _standing(
    kind: str, told: Mapping[str, str], rows: Sequence[pd.Series], expected: Mapping[str, str]
) -> Iterator[Fact]:
    for way in WAYS:
        for group in _in_groups([row for row in rows if _way(_range(row)) == way]):
            yield Fact(kind, way, dict(told) | {"terms": _terms(group, expected)})


def _corrections(rows: pd.DataFrame, names: Names, expected: Mapping[str, str]) -> list[Fact]:
    """Tell what correcting for a coder's errors does to each coefficient, coder by coder."""
    every = list(dict.fromkeys(rows["term"]))
    pairs: list[tuple[pd.Series, pd.Series | None]] = []
    for _, naive in rows[rows["estimator"].isin(UNCORRECTED)].iterrows():
        pairs.append((naive, _deciding(rows[rows["term"] == naive["term"]], naive["coder"])))
    compared = {naive["term"] for naive, deciding in pairs if deciding is not None}
    # An estimate that allows for errors, where there are no uncorrected codes to compare it with.
    lonely = []
    for term in (term for term in every if term not in compared):
        own = rows[rows["term"] == term]
        found = own.loc[own["estimator"].isin(PREFERRED), "coder"]
        deciding = _deciding(own, found.iloc[0]) if len(found) else None
        lonely += [] if deciding is None else [deciding]
    full = [row for _, row in rows[rows["estimator"] == "benchmark"].iterrows()]

    def tell(terms: Sequence[str], coders: Sequence[str]) -> tuple[list[Fact], int]:
        facts: list[Fact] = []
        kept = [pair for pair in pairs if pair[0]["term"] in terms and pair[0]["coder"] in coders]
        for coder in coders:
            own = [pair for pair in kept if pair[0]["coder"] == coder]
            called = clean(names.prose(coder)) if coder else "the measures"
            facts += [_moved(naive, after, called, expected) for naive, after in own if after is not None]
            alone = [naive for naive, after in own if after is None]
            facts += _standing("uncorrected codes", {"coder": called}, alone, expected)
        single = [row for row in lonely if row["term"] in terms]
        for row in single:
            facts += _standing("corrected", {"estimator": _by(row, names)}, [row], expected)
        for group in _in_groups([row for row in full if row["term"] in terms]):
            facts.append(Fact("benchmark", PLAIN, {"terms": _terms(group, expected)}))
        return facts, len(kept) + len(single)

    return _shortened(tell, every, list(dict.fromkeys(naive["coder"] for naive, _ in pairs)))


def _deciding(rows: pd.DataFrame, coder: str) -> pd.Series | None:
    """Return the estimate that counts: of the coder's own corrected ones the first, else people's alone."""
    for estimator in _OF_OWN:
        own = rows[(rows["estimator"] == estimator) & (rows["coder"] == coder)]
        if len(own):
            return own.iloc[0]
    alone = rows[rows["estimator"] == "gold_only"]
    return alone.iloc[0] if len(alone) else None


def _by(row: pd.Series, names: Names | None = None) -> str:
    estimator = _BY.get(row["estimator"], ESTIMATORS.get(row["estimator"], str(row["estimator"])))
    if names is None or not row["coder"]:
        return estimator
    return f"{estimator} with the codes of {clean(names.prose(row['coder']))}"


def _moved(naive: pd.Series, deciding: pd.Series, coder: str, expected: Mapping[str, str]) -> Fact:
    before, after = _range(naive), _range(deciding)
    decimals = _decimals(before, after)
    # Every sentence has the corrected estimate first.
    figures = _once([_coefficient(after, decimals), _coefficient(before, decimals)])
    slots = {
        "coder": coder,
        "term": _called(naive["term"], expected),
        "after": figures[0],
        "before": figures[1],
    }
    way = f"{_size(before, after, decimals)}; {_certainty(before, after)}"
    if deciding["estimator"] == "gold_only":
        return Fact("people alone", way, slots)
    return Fact("correction", way, slots | {"estimator": _by(deciding)})


def _size(before: _Range, after: _Range, decimals: int) -> str:
    """Return what became of an estimate, as the two are printed."""
    one, other = (round(range_.estimate, decimals) for range_ in (before, after))
    if one * other < 0:
        return REVERSED
    if abs(one) == abs(other):
        return ALIKE
    return LARGER if abs(other) > abs(one) else SMALLER


def _certainty(before: _Range, after: _Range) -> str:
    if not before.bounded or not after.bounded:
        return UNKNOWN
    if before.clear:
        return BOTH if after.clear else FIRST_ONLY
    return SECOND_ONLY if after.clear else NEITHER
