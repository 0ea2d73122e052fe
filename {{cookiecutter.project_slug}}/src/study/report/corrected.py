"""What the estimators of an analysis say together: the one that counts, and what became of hypotheses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from study.inference.terms import in_words
from study.report import findings, words
from study.report.material import Material
from study.report.names import Names

PREFERRED = ("dsl", "ppi", "likelihood", "gold_only")
"""Estimators that allow for a coder's errors, those that suppose least first."""
UNCORRECTED = ("naive", "dictionary")
UNAWARE = "the intervals of uncorrected estimates know nothing of the errors"
SUPPORTED, NOT_SUPPORTED, CONTRADICTED = "supported", "not supported", "contradicted"

ESTIMATORS = {
    "naive": "uncorrected",
    "dictionary": "uncorrected",
    "gold_only": "people's codes alone",
    "dsl": "DSL",
    "ppi": "PPI++",
    "likelihood": "likelihood",
    "benchmark": "people's codes of all texts",
    "rogan_gladen": "Rogan-Gladen",
}
"""What tables and sentences call an estimator."""

SUPPOSES = {
    "naive": (
        "The codes are the truth. Errors bias the coefficients in any direction, and intervals do not know"
        " it."
    ),
    "dictionary": "The same of a dictionary's codes.",
    "gold_only": (
        "Nothing about any coder: people's codes of the gold sample alone, each unit weighted by one over the"
        " probability with which it was drawn. Valid, and as imprecise as the gold sample is small."
    ),
    "dsl": (
        "The gold units were drawn with known probabilities, and people's codes are right. Nothing about the"
        " coder's errors, nor that the regression is the right one (Egami et al. 2023)."
    ),
    "ppi": (
        "The gold units are a simple random sample, and people's codes are right. It corrects an outcome, not"
        " a covariate (Angelopoulos et al. 2023)."
    ),
    "likelihood": (
        "The regression is right, and so is the model of the coder's errors, which may depend on the other"
        " variables (TeBlunthuis et al. 2024). More precise, and misleading where that does not hold."
    ),
    "benchmark": (
        "People coded (nearly) all texts here, which a study seldom has: what the other estimators try to"
        " find out from a part of these codes."
    ),
}
"""What each estimator takes for granted, in words."""


@dataclass(frozen=True)
class Outcome:
    """What became of a hypothesis.

    Attributes
    ----------
    name, statement
        The hypothesis, and what it says.
    deciding
        The row of `hypotheses.csv` that counts: of the first estimator of `PREFERRED` that has one; None
        where none has.
    others
        The rows of the other estimators that allow for errors.
    benchmark
        The row of people's codes of all texts, where they are known.
    uncorrected
        The rows of the codes as they are.
    """

    name: str
    statement: str
    deciding: pd.Series | None
    others: list[pd.Series]
    benchmark: pd.Series | None
    uncorrected: list[pd.Series]

    @property
    def verdict(self) -> str:
        """Return 'supported', 'not supported', 'contradicted' or 'not available'."""
        return "not available" if self.deciding is None else str(self.deciding["verdict"])

    @property
    def misled(self) -> list[pd.Series]:
        """Return the uncorrected rows that say something else than the deciding one."""
        if self.deciding is None:
            return []
        return [row for row in self.uncorrected if row["verdict"] not in (self.verdict, "not available")]


def outcomes(material: Material, analysis: str | None = None) -> Iterator[Outcome]:
    """Yield what became of every hypothesis, of one analysis or of all."""
    table = material.tables["hypotheses"]
    for name, hypothesis in material.study.get("hypotheses", {}).items():
        if analysis is not None and hypothesis["analysis"] != analysis:
            continue
        rows = table[(table["hypothesis"] == name) & findings.known(table, "estimate")]
        decided = [
            row for estimator in PREFERRED for _, row in rows[rows["estimator"] == estimator].iterrows()
        ]
        uncorrected = [row for _, row in rows[rows["estimator"].isin(UNCORRECTED)].iterrows()]
        benchmark = [row for _, row in rows[rows["estimator"] == "benchmark"].iterrows()]
        way = hypothesis["direction"]
        expected = (
            f"{in_words(hypothesis['term'])} {'differs from zero' if way == 'different' else f'is {way}'}"
        )
        statement = (hypothesis["statement"] or "").strip().rstrip(".") or expected
        yield Outcome(
            name,
            statement,
            decided[0] if decided else None,
            decided[1:],
            benchmark[0] if benchmark else None,
            uncorrected,
        )


def estimator(names: Names, row: pd.Series) -> str:
    """Return what a row rests on, as it stands in a sentence: 'DSL (LLM)', 'the LLM as it is'."""
    word = ESTIMATORS.get(row["estimator"], row["estimator"])
    if row["estimator"] in UNCORRECTED:
        return f"{names.prose(row['coder'])}, uncorrected" if row["coder"] else "the measures, uncorrected"
    return f"{word} ({names.table(row['coder'])})" if row["coder"] else word


def figure_of(row: pd.Series) -> str:
    """Return a coefficient with its interval."""
    bounds = words.interval(row["ci_low"], row["ci_high"], bounded=False)
    return f"{words.number(row['estimate'])} {bounds}"


def short(outcome: Outcome, names: Names) -> str:
    """Say in one sentence what became of a hypothesis."""
    if outcome.deciding is None:
        return sentence(outcome, names)
    said = (
        f"{outcome.name} ({outcome.statement}) is {outcome.verdict} by {estimator(names, outcome.deciding)}"
    )
    otherwise = "; uncorrected codes would have said otherwise" if outcome.misled else ""
    return f"{said}: {figure_of(outcome.deciding)}{otherwise}."


def sentence(outcome: Outcome, names: Names) -> str:
    """Say what became of a hypothesis, and where codes as they are would have misled."""
    said = f"{outcome.name} ({outcome.statement})"
    if outcome.deciding is None:
        if not outcome.uncorrected:
            return f"{said} could not be tested."
        each = [f"{estimator(names, row)}: {row['verdict']}, {figure_of(row)}" for row in outcome.uncorrected]
        return (
            f"{said} could not be tested with errors corrected for; without that, {'; '.join(each)}. These"
            " are"
            " figures about the codes."
        )
    row = outcome.deciding
    text = f"{said} is {outcome.verdict} by {estimator(names, row)}: {figure_of(row)}"
    text += ", which leaves it open." if outcome.verdict == NOT_SUPPORTED else "."
    apart = [other for other in outcome.others if other["verdict"] != outcome.verdict]
    if apart:
        text += f" Not all that allow for errors agree: {_each(apart, names)}."
    for judged in (SUPPORTED, CONTRADICTED, NOT_SUPPORTED):
        rows = [other for other in outcome.misled if other["verdict"] == judged]
        moved = [other for other in rows if not row["ci_low"] <= other["estimate"] <= row["ci_high"]]
        if moved:
            text += f" Errors moved the coefficient: it would have been {judged} by {_each(moved, names)}."
        blind = [other for other in rows if not any(other is one for one in moved)]
        if blind:
            text += f" It would have been {judged} by {_each(blind, names)}; {UNAWARE}."
    if outcome.benchmark is not None:
        row = outcome.benchmark
        text += f" People's codes of all texts: {row['verdict']}, {figure_of(row)}."
    return text


def _each(rows: Sequence[pd.Series], names: Names) -> str:
    return "; ".join(f"{estimator(names, row)} ({figure_of(row)})" for row in rows)
