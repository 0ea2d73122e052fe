"""From tables of results to facts: what a sentence has to say, with every figure already printed.

A fact has a kind (what it is about), a way (which way it turned out: a sign, an order, how sure it is) and
slots (names and figures). The kind and the way pick the sentences that are allowed, the slots fill them. So
whatever could be wrong in a sentence is decided here, from the table alone: a direction by an estimate's
sign, a hedge by its 95% interval, a comparison by the difference and its adjusted p, as the report has them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
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
"""Things that one sentence names at most; more of them get a further sentence."""

ABOVE, BELOW, AROUND = "above zero", "below zero", "zero is not excluded"
POSITIVE, NEGATIVE, ZERO = "positive, no interval", "negative, no interval", "zero, no interval"
WAYS = (ABOVE, BELOW, AROUND, POSITIVE, NEGATIVE, ZERO)
"""Where one estimate stands."""

LARGER, SMALLER, ALIKE, REVERSED = "larger", "smaller", "alike", "reversed"
SIZES = (LARGER, SMALLER, ALIKE, REVERSED)
"""What becomes of an uncorrected estimate."""

BOTH, FIRST_ONLY, SECOND_ONLY, NEITHER, UNKNOWN = (
    "zero excluded before and after",
    "zero excluded before only",
    "zero excluded after only",
    "zero excluded neither before nor after",
    "whether zero is excluded is not known",
)
CERTAINTIES = (BOTH, FIRST_ONLY, SECOND_ONLY, NEITHER, UNKNOWN)
"""What becomes of its significance: whether the 95% interval excludes zero."""

PLAIN = "plain"
"""The way of a fact that can turn out in one way only."""

DECIMALS = (2, 6)
"""Decimals of a coefficient: at least, and at most."""

_BY = {"likelihood": "the likelihood method"}
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
        facts = [
            *_agreement(construct, rows, names, criterion or ""),
            *_differences(tests, names, machines),
        ]
        found.append(Paragraph(AGREEMENT, construct, VALIDITY, facts))
    for name, analysis in analyses.items():
        table = tables.get(name, empty_table(name))
        expected = {h["term"]: key for key, h in hypotheses.items() if h["analysis"] == name}
        told = _corrections if analysis["coded"] else _measured
        facts = list(told(_of_terms(table, analysis, expected), names, expected))
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
    return f"r = {words.r(value)}" + ("" if bounds == words.MISSING else f", 95% CI {bounds}")


def _coefficient(range_: _Range, decimals: int) -> str:
    bounds = words.interval(range_.low, range_.high, decimals, bounded=False)
    return words.number(range_.estimate, decimals) + ("" if bounds == words.MISSING else f", 95% CI {bounds}")


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


def _in_groups(items: Sequence[str]) -> Iterator[list[str]]:
    for first in range(0, len(items), LISTED):
        yield list(items[first : first + LISTED])


def _agreement(construct: str, rows: pd.DataFrame, names: Names, criterion: str) -> Iterator[Fact]:
    """Tell how closely each measure agrees with the criterion, and what a single person reaches."""
    people = f"{criterion}_leave_one_out"
    measures = rows[~rows["measure"].isin([f"{criterion}_individual", people])]
    there = [row for _, row in measures[known(measures, "pearson_r")].iterrows()]
    unknown = measures.loc[~known(measures, "pearson_r"), "measure"]
    told = {"criterion": clean(names.prose(criterion)), "construct": clean(construct)}

    def called(measure: str) -> str:
        return clean(names.prose(measure))

    def figured(row: pd.Series) -> str:
        return f"{called(row['measure'])} ({correlation(*_r(row))})"

    same = len({row["n"] for row in there}) == 1 and {row["subset"] for row in there} == {SAMPLE}
    if len(there) > 1 and same:
        yield from _ranking(there, told | {"texts": _texts(there[0]["n"])}, figured)
        for way in (BELOW, AROUND):
            for group in _in_groups([called(row["measure"]) for row in there if _way(_r(row)) == way]):
                yield Fact("doubt", way, {"criterion": told["criterion"], "measures": words.listed(group)})
    else:
        for row in there:
            figures = {
                "texts": _texts(row["n"]),
                "measure": called(row["measure"]),
                "figure": correlation(*_r(row)),
            }
            yield Fact("correlation", _way(_r(row)), told | figures)
    for group in _in_groups([called(measure) for measure in unknown]):
        yield Fact("no correlation", PLAIN, told | {"measures": words.listed(group, "or")})
    single = rows[rows["measure"] == people]
    if there and len(single) and words.known(single["pearson_r"].iloc[0]):
        slots = {"criterion": told["criterion"], "figure": correlation(*_r(single.iloc[0]))}
        yield Fact("yardstick", PLAIN, slots)


def _ranking(rows: Sequence[pd.Series], told: Mapping[str, str], figured: Any) -> Iterator[Fact]:
    """Tell which measures have the highest and the lowest correlation, as these are printed."""
    ordered = sorted(rows, key=lambda row: -row["pearson_r"])
    printed = [words.r(row["pearson_r"]) for row in ordered]
    highest, lowest = printed[0], printed[-1]
    placed = list(zip(ordered, printed, strict=True))
    best = [figured(row) for row, r in placed if r == highest]
    worst = [figured(row) for row, r in placed if r == lowest]
    between = [figured(row) for row, r in placed if r not in (highest, lowest)]
    if highest == lowest:
        yield Fact("tie", PLAIN, dict(told) | {"measures": words.listed(best)})
        return
    yield Fact("ranking", PLAIN, dict(told) | {"best": words.listed(best), "worst": words.listed(worst)})
    for group in _in_groups(between):
        yield Fact("between", PLAIN, {"measures": words.listed(group)})


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


def _differences(tests: pd.DataFrame, names: Names, machines: Sequence[str]) -> Iterator[Fact]:
    """Tell which other measures a language model agrees with the criterion more or less than."""
    for machine in machines:
        rows = [
            row for _, row in tests[tests["measure"] == machine].iterrows() if words.known(row["difference"])
        ]
        for way in (MORE, LESS, OPEN):
            for n in dict.fromkeys(row["n"] for row in rows):
                items = [
                    f"{clean(names.prose(row['other']))} ({_difference(row)})"
                    for row in rows
                    if row["n"] == n and direction(row) == way
                ]
                for group in _in_groups(items):
                    yield Fact(
                        "difference",
                        way,
                        {
                            "texts": _texts(n),
                            "measure": clean(names.prose(machine)),
                            "criterion": clean(names.prose(rows[0]["criterion"])),
                            "others": words.listed(group),
                        },
                    )


def _difference(row: pd.Series) -> str:
    bounds = words.interval(row["ci_low"], row["ci_high"])
    parts = [f"difference {words.r(row['difference'])}"]
    parts += [f"95% CI {bounds}"] if bounds != words.MISSING else []
    parts += [words.p_phrase(row["p_adjusted"], "adjusted p")] if words.known(row["p_adjusted"]) else []
    return ", ".join(parts)


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


def _terms(items: Sequence[str]) -> str:
    return f"the coefficient{'s' * (len(items) > 1)} of {words.listed(items)}"


def _measured(rows: pd.DataFrame, names: Names, expected: Mapping[str, str]) -> Iterator[Fact]:
    """Tell of a regression on measures where each coefficient stands."""
    yield from _standing("uncorrected regression", {}, [row for _, row in rows.iterrows()], expected)


def _standing(
    kind: str, told: Mapping[str, str], rows: Sequence[pd.Series], expected: Mapping[str, str]
) -> Iterator[Fact]:
    for way in WAYS:
        items = [
            f"{_called(row['term'], expected)} ({coefficient(*_range(row))})"
            for row in rows
            if _way(_range(row)) == way
        ]
        for group in _in_groups(items):
            yield Fact(kind, way, dict(told) | {"terms": _terms(group)})


def _corrections(rows: pd.DataFrame, names: Names, expected: Mapping[str, str]) -> Iterator[Fact]:
    """Tell what correcting for a coder's errors does to each coefficient, coder by coder."""
    terms = list(dict.fromkeys(rows["term"]))
    coders = list(dict.fromkeys(rows.loc[rows["estimator"].isin(UNCORRECTED), "coder"]))
    compared: set[str] = set()
    for coder in coders:
        called = clean(names.prose(coder)) if coder else "the measures"
        pairs, alone = [], []
        for term in terms:
            own = rows[(rows["term"] == term) & (rows["coder"] == coder)]
            naive = own[own["estimator"].isin(UNCORRECTED)]
            if naive.empty:
                continue
            deciding = _deciding(rows[rows["term"] == term], coder)
            if deciding is None:
                alone.append(naive.iloc[0])
            else:
                pairs.append((naive.iloc[0], deciding))
                compared.add(term)
        yield from _moved(pairs, called, expected)
        yield from _standing("uncorrected codes", {"coder": called}, alone, expected)
    # An estimate that allows for errors, where there are no uncorrected codes to compare it with.
    for term in terms:
        if term not in compared:
            for coder in dict.fromkeys(rows.loc[rows["estimator"].isin(PREFERRED), "coder"]):
                row = _deciding(rows[rows["term"] == term], coder)
                if row is not None:
                    by = {"estimator": _by(row, names)}
                    yield from _standing("corrected", by, [row], expected)
                    break
    full = [row for _, row in rows[rows["estimator"] == "benchmark"].iterrows()]
    items = [f"{_called(row['term'], expected)} ({coefficient(*_range(row))})" for row in full]
    for group in _in_groups(items):
        yield Fact("benchmark", PLAIN, {"terms": _terms(group)})


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


def _moved(
    pairs: Sequence[tuple[pd.Series, pd.Series]], coder: str, expected: Mapping[str, str]
) -> Iterator[Fact]:
    found: dict[tuple[str, str, str], list[str]] = {}
    for naive, deciding in pairs:
        before, after = _range(naive), _range(deciding)
        decimals = _decimals(before, after)
        by = _by(deciding)
        figures = f"uncorrected {_coefficient(before, decimals)}; by {by} {_coefficient(after, decimals)}"
        key = (by, _size(before, after, decimals), _certainty(before, after))
        found.setdefault(key, []).append(f"{_called(naive['term'], expected)} ({figures})")
    for by, size, certainty in sorted(
        found, key=lambda key: (SIZES.index(key[1]), CERTAINTIES.index(key[2]))
    ):
        for group in _in_groups(found[by, size, certainty]):
            slots = {"coder": coder, "estimator": by, "terms": _terms(group)}
            yield Fact("correction", f"{size}; {certainty}", slots)


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
