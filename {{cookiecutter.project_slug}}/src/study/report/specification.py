"""What the multiverse says, in sentences: how many specifications conclude otherwise, and what matters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from study.inference.terms import in_words
from study.report import factors, findings, words
from study.report.corrected import ESTIMATORS
from study.report.material import Material

AS_THEY_ARE = "naive"
MOST_TERMS = 3
SMALL = 0.01
"""A choice with less of the variance than this is not worth a word, nor an interaction a row."""
GOLD = {"benchmark": "people's codes of all texts", "gold_only": "people's codes of the gold sample"}
DECISIONS = {
    "score": "the mean of the labels' values, weighted by their probabilities",
    "label": "the value of the label",
    "confident": "the value of the label, and none where its probability is below {}",
}
TIMES, REST = " x ", "rest"
CHOICES = {
    "decision": "decision rule",
    "instrument": "instrument",
    "estimator": "estimator",
    REST: "the rest",
}
ERRORS = {
    "I": ("finds what the gold analysis does not find", "find what the gold analysis does not find"),
    "II": ("does not find what it finds", "do not find what it finds"),
    "S": ("finds the opposite", "find the opposite"),
}
"""What the specifications with an error of each type do: one of them, several."""


@dataclass(frozen=True)
class Counted:
    """The specifications of one term and estimator.

    Attributes
    ----------
    estimator
        'naive', 'dsl', 'ppi' or 'likelihood'.
    n
        Those that were estimated.
    lowest, highest
        Of their estimates.
    signs, flips
        How many have another sign than the gold analysis, and how many another conclusion.
    errors
        Those by type: 'I', 'II', 'S'.
    """

    estimator: str
    n: int
    lowest: float
    highest: float
    signs: int
    flips: int
    errors: Mapping[str, int]


def settings(material: Material) -> Mapping[str, Any] | None:
    """Return the section `multiverse` of the configuration."""
    found: Mapping[str, Any] | None = material.study.get("multiverse")
    return found


def terms(material: Material) -> list[str]:
    """Return the terms of the regression that were looked at."""
    return [term for term in dict.fromkeys(material.tables["multiverse"]["term"]) if term]


def counted(material: Material, term: str) -> list[Counted]:
    """Return the counts of one term, an entry an estimator that estimated something."""
    table = material.tables["multiverse"]
    table = table[(table["term"] == term) & findings.known(table, "estimate")]
    return [
        Counted(
            str(estimator),
            len(own),
            float(own["estimate"].min()),
            float(own["estimate"].max()),
            int((own["sign_flip"] == "True").sum()),
            int((own["significance_flip"] == "True").sum()),
            {error: int((own["error_type"] == error).sum()) for error in ("I", "II", "S")},
        )
        for estimator, own in table.groupby("estimator", sort=False)
    ]


def gold(material: Material, term: str) -> pd.Series | None:
    """Return the row of the summary with the gold analysis of a term; None where there is none."""
    table = material.tables["multiverse_summary"]
    rows = table[(table["term"] == term) & findings.known(table, "gold_estimate")]
    return None if rows.empty else rows.iloc[0]


def point(material: Material) -> str:
    """Say what the page shows: for each term, how many specifications conclude otherwise."""
    asked = settings(material)
    if asked is None:
        return "The study repeats no analysis with other instruments and decisions."
    said = [text for term in terms(material)[:MOST_TERMS] if (text := _short(material, term))]
    if not said:
        return f"Whether choices flip {asked['analysis']} cannot be said: {_why_not(material)}."
    return " ".join(words.sentence(text) for text in said)


def _why_not(material: Material) -> str:
    table = material.tables["multiverse"]
    if findings.known(table, "estimate").any():
        notes = [note for note in material.tables["multiverse_summary"]["note"] if note]
        return notes[0] if notes else "there is no gold analysis"
    notes = [note for note in table["note"] if note]
    return notes[0] if notes else "nothing was estimated"


def _short(material: Material, term: str) -> str:
    if gold(material, term) is None:
        return ""
    parts = [
        f"{words.count(one.flips)} of {words.plural(one.n, 'specification')} {_how(one.estimator)}"
        for one in counted(material, term)
        if one.n
    ]
    if not parts:
        return ""
    return f"about {in_words(term)}, {words.listed(parts)} conclude otherwise than the gold analysis"


def _how(estimator: str) -> str:
    if estimator == AS_THEY_ARE:
        return "with codes as they are"
    return f"corrected by {ESTIMATORS[estimator]}"


def sentences(material: Material, term: str) -> Iterator[str]:
    """Yield what was found about a term, estimator by estimator."""
    true = gold(material, term)
    found = counted(material, term)
    if true is None:
        for one in found:
            yield (
                f"about {in_words(term)}, {_how(one.estimator)}: estimates from {words.number(one.lowest)} to"
                f" {words.number(one.highest)} in {words.plural(one.n, 'specification')}."
            )
        return
    noun = material.study["analyses"][true["analysis"]]["aggregate"] or "text"
    n = f" ({words.plural(int(true['n_gold']), noun)})" if words.known(true["n_gold"]) else ""
    yield (
        f"about {in_words(term)}, the gold analysis, {GOLD.get(true['gold_estimator'], 'people')}{n}, says"
        f" {words.number(true['gold_estimate'])}"
        f" {words.interval(true['gold_ci_low'], true['gold_ci_high'], bounded=False)}."
    )
    for one in found:
        yield _of_estimator(one)


def _of_estimator(one: Counted) -> str:
    how = _how(one.estimator)
    said = (
        f"{how[:1].upper()}{how[1:]}, {words.plural(one.n, 'specification')} give estimates from"
        f" {words.number(one.lowest)} to {words.number(one.highest)};"
        f" {words.count(one.signs)} of them {'has' if one.signs == 1 else 'have'} the other sign."
    )
    parts = [
        f"{words.count(n)} {ERRORS[error][n > 1]} (type {error})" for error, n in one.errors.items() if n
    ]
    if not parts:
        return f"{said} None concludes otherwise than the gold analysis."
    share = words.percent(one.flips, one.n)
    verb = "concludes" if one.flips == 1 else "conclude"
    return (
        f"{said} {words.count(one.flips)} of the {words.count(one.n)} ({share}) {verb} otherwise:"
        f" {words.listed(parts)}."
    )


def choice_name(choice: str) -> str:
    """Return what a choice, or a pair of choices, is called."""
    return " × ".join(CHOICES.get(part, factors.name(part)) for part in choice.split(TIMES))


def largest(material: Material, term: str, estimator: str, over: str, most: int = 2) -> str:
    """Say which choices make most of the estimates' differences; empty where that is not known."""
    table = material.tables["multiverse_variance"]
    rows = table[
        (table["term"] == term)
        & (table["estimator"] == estimator)
        & (table["over"] == over)
        & (table["choice"] != REST)
        & findings.known(table, "share")
    ]
    rows = rows[rows["share"] > SMALL].sort_values("share", ascending=False, kind="stable").head(most)
    if rows.empty:
        return ""
    each = [f"{choice_name(row['choice'])} ({words.percent(row['share'], 1)}" for _, row in rows.iterrows()]
    each[0] += " of their variance"
    where = "" if over == "all instruments" else f" within the {over}"
    return words.sentence(
        f"estimates of {in_words(term)} {_how(estimator)} differ most{where} by"
        f" {words.listed([f'{text})' for text in each])}"
    )


def overs(table: pd.DataFrame) -> list[str]:
    """Return which specifications variances were divided over: all instruments, and each experiment."""
    return list(dict.fromkeys(table["over"]))


def absent(material: Material, name: Mapping[str, str]) -> list[str]:
    """Say what could not be estimated, and why: each reason once, with the instruments that it concerns.

    Parameters
    ----------
    name
        Coder -> its name in tables.
    """
    table = material.tables["multiverse"]
    rows = table[~findings.known(table, "estimate") & (table["note"] != "")]
    reasons: dict[str, dict[str, None]] = {}
    for _, row in rows.iterrows():
        who = f"experiment {row['experiment']}" if row["experiment"] else name.get(row["coder"], row["coder"])
        how = ESTIMATORS.get(row["estimator"], row["estimator"])
        needed = "" if row["note"].startswith("not available: the instrument") else f", {how}"
        reasons.setdefault(row["note"], {})[f"{who} ({row['decision']}{needed})"] = None
    return [words.sentence(f"{words.listed(list(whom))}: {note}") for note, whom in reasons.items()]


def decisions(asked: Mapping[str, Any]) -> Sequence[str]:
    """Say what each decision rule does."""
    least = words.r(asked["confident"])
    return [words.sentence(f"{name}: {DECISIONS[name].format(least)}") for name in asked["decisions"]]
