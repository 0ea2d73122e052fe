"""The specifications of a multiverse: each instrument under each decision rule, by each estimator.

All of them are estimated on the same texts. The *gold analysis* that they are compared with is the regression
with people's codes: of all these texts where people coded (nearly) all, else of the gold sample.

A specification concludes otherwise than the gold analysis where one interval excludes zero and the other does
not, or both do on different sides. Following Baumann et al. (2025, arXiv 2509.08825) these are errors of type
I (a finding where the gold analysis has none), type II (none where it has one) and type S (the other sign);
unlike there, the gold analysis of a study has a sampling error of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.experiment.factors import FACTORS
from study.inference.analyses import ALONE, Study
from study.inference.estimators import BENCHMARK, GOLD_ONLY, NAIVE, Analysis, Fit
from study.inference.gold_codes import gold_codes
from study.multiverse.decisions import decide
from study.multiverse.instruments import Instrument

COLUMNS = (
    "analysis", "term", "specification", "estimator", "decision", "instrument", "coder", "experiment", "cell",
    *FACTORS, "estimate", "std_error", "ci_low", "ci_high", "p_value", "n", "n_gold", "sign_flip",
    "significance_flip", "error_type", "note",
)  # fmt: skip
FLIPS = ("sign_flip", "significance_flip", "error_type")
NO_ERROR, TYPE_I, TYPE_II, TYPE_S = "none", "I", "II", "S"
FIGURES = ("estimate", "std_error", "ci_low", "ci_high", "p_value")
LEARNER = "linear"
"""What predicts people's codes for DSL in a multiverse, whatever the analysis itself uses.

DSL is right with any learner: a better one makes it more precise. With one code as the only predictor a
straight line loses little, and takes a fifteenth of the time of boosted trees (0.05 against 0.74 seconds a
specification of 200 texts), so that hundreds of specifications take seconds.
"""
_CODER = "_instrument"
"""The coder whose codes an analysis is given; no coder of a study can have this name."""
ALL_GOLD = "people coded every text, so that nothing is left to correct"


@dataclass(frozen=True)
class Multiverse:
    """What is compared.

    Attributes
    ----------
    name
        Of the analysis.
    analysis
        On the texts that all instruments were asked about.
    instruments
        Whose codes are used.
    decisions, estimators
        Those to be tried.
    least
        The probability below which the decision `confident` has no code.
    """

    name: str
    analysis: Analysis
    instruments: Sequence[Instrument]
    decisions: Sequence[str]
    estimators: Sequence[str]
    least: float

    def gold(self) -> Fit:
        """Return the gold analysis: people's codes of all texts where they are known, else of gold units."""
        settings = {**self.analysis.settings, "estimators": [GOLD_ONLY]}
        fits = list(replace(self.analysis, settings=settings).fits({}))
        known = {fit.estimator: fit for fit in fits if fit.result is not None}
        return known.get(BENCHMARK, known.get(GOLD_ONLY, fits[0]))

    def fits(self) -> Iterator[tuple[int, Instrument, str, Fit]]:
        """Yield number, instrument, decision and result; the estimators of one specification follow."""
        number = 0
        for instrument in self.instruments:
            for decision in self.decisions:
                number += 1
                for fit in self._of(instrument, decision):
                    yield number, instrument, decision, fit

    def _of(self, instrument: Instrument, decision: str) -> Iterator[Fit]:
        try:
            units = self._coded(instrument, decision)
        except StudyError as error:
            problem = error.problem[:1].lower() + error.problem[1:]
            yield from (Fit(estimator, "", None, problem) for estimator in self.estimators)
            return
        settings = {**self.analysis.settings, "estimators": list(self.estimators), "learner": LEARNER}
        analysis = replace(self.analysis, units=units, settings=settings)
        # A dictionary's codes as they are, too, are called naive here. What comes last is the benchmark.
        for fit in islice(analysis.fits({_CODER: "llm"}), len(self.estimators)):
            yield replace(fit, problem=fit.problem.replace(_CODER, instrument.name))

    def _coded(self, instrument: Instrument, decision: str) -> pd.DataFrame:
        """The units with the instrument's codes, in the columns of a coder."""
        columns = {}
        for construct in self.analysis.coded:
            scale = self.analysis.scales[construct]
            words = construct in self.analysis.categories or None in scale["values"].values()
            found = decide(
                instrument.codings[construct], decision, scale, least=self.least, as_category=words
            )
            name = f"{construct}_{_CODER}_label" if words else f"{construct}_{_CODER}"
            columns[name] = self.analysis.units["unit_id"].map(found)
        return self.analysis.units.assign(**columns)

    def table(self, terms: Sequence[str] | None, gold: Fit) -> pd.DataFrame:
        """Return a row a term, specification and estimator.

        Parameters
        ----------
        terms
            Of the regression; None takes all but intercept and thresholds.
        gold
            See `gold`.

        Returns
        -------
        DataFrame
            `COLUMNS`; what an estimator cannot do has rows without figures and with a note.
        """
        fits = list(self.fits())
        wanted = list(terms) if terms else _terms([gold, *(fit for *_, fit in fits)])
        rows: list[dict[str, Any]] = []
        for term in wanted or [""]:
            true = gold_figures(gold, term)
            for number, instrument, decision, fit in fits:
                head = {"analysis": self.name, "term": term, "specification": number}
                head |= {"estimator": fit.estimator, "decision": decision, "instrument": instrument.name}
                head |= {"coder": instrument.coder, "experiment": instrument.experiment}
                head |= dict.fromkeys(FACTORS, "") | {"cell": instrument.cell or "", **instrument.settings}
                row = head | _figures(fit, term) | {"note": self._note(fit, term)}
                rows.append(row | (dict.fromkeys(FLIPS, "") if true is None else flips(row, true)))
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def _note(self, fit: Fit, term: str) -> str:
        if fit.result is None:
            return fit.problem
        if term not in fit.result.params.index:
            return "not estimated: the regression with these codes has no such term"
        if not math.isfinite(fit.result.bse[term]):
            return ALONE
        if fit.estimator != NAIVE and fit.result.n_labelled == fit.result.nobs:
            return ALL_GOLD
        return ""


def same_texts(study: Study, settings: Mapping[str, Any], instruments: Sequence[Instrument]) -> Analysis:
    """Return the analysis on the texts of its subset that every instrument was asked about.

    Parameters
    ----------
    study, settings
        The study, and the entry of `analyses`.
    instruments
        At least one.

    Raises
    ------
    StudyError
        There is no such text.
    """
    asked = frozenset.intersection(*(instrument.asked for instrument in instruments))
    units = study.units(settings["subset"])
    units = units[units["unit_id"].isin(asked)].reset_index(drop=True)
    if units.empty:
        raise StudyError(
            "There is no text that all instruments of the multiverse were asked about.",
            file="config/study.yaml",
            key="multiverse",
            found=", ".join(instrument.name for instrument in instruments[:10]),
            hint="Choose experiments over the same texts, and coders that code them.",
        )
    bare = Analysis(settings, units, study.scales, None, study.weight)
    if study.truth is None or not all(study.truth in study.kinds[c] for c in bare.coded):
        return bare
    subset = "sample" if units["sample"].astype(bool).all() else settings["subset"]
    # Experiments draw their texts in another order than gold units are drawn in, so that the probability of
    # being a gold unit is the same among them.
    options = {"categories": bare.categories, **study.sampling(subset)}
    gold = gold_codes(units, study.truth, bare.coded, study.scales, **options)
    return replace(bare, gold=gold)


def gold_figures(gold: Fit, term: str) -> dict[str, float] | None:
    """Return estimate, ci_low and ci_high of a term in the gold analysis; None where it has no such term."""
    if gold.result is None or term not in gold.result.params.index:
        return None
    rows = gold.result.summary()
    return {name: float(rows[name][term]) for name in ("estimate", "ci_low", "ci_high")}


def flips(row: Mapping[str, Any], gold: Mapping[str, float]) -> dict[str, Any]:
    """Return whether an estimate's sign and conclusion are those of the gold analysis, and the type of error.

    Parameters
    ----------
    row, gold
        With estimate, ci_low and ci_high.

    Returns
    -------
    sign_flip (whether one is above zero and the other is not), significance_flip (whether one interval
    excludes zero and the other does not, or on another side) and error_type, 'none', 'I', 'II' or 'S'; empty
    where an estimate or an interval is missing.
    """
    found: dict[str, Any] = dict.fromkeys(FLIPS, "")
    if math.isfinite(row["estimate"]) and math.isfinite(gold["estimate"]):
        found["sign_flip"] = bool(np.sign(row["estimate"]) != np.sign(gold["estimate"]))
    side, true = _side(row["ci_low"], row["ci_high"]), _side(gold["ci_low"], gold["ci_high"])
    if side is not None and true is not None:
        found["significance_flip"] = side != true
        found["error_type"] = _error(side, true)
    return found


def _error(side: int, true: int) -> str:
    if side == true:
        return NO_ERROR
    if true == 0:
        return TYPE_I
    return TYPE_II if side == 0 else TYPE_S


def _side(low: float, high: float) -> int | None:
    """On which side of zero an interval lies: -1, 1, or 0 where it holds zero; None without an interval."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return None
    return 0 if low <= 0 <= high else int(np.sign(low))


def _terms(fits: Sequence[Fit]) -> list[str]:
    """The terms of the first regression that there is, without the intercept and thresholds."""
    found = next((list(fit.result.params.index) for fit in fits if fit.result is not None), [])
    return [str(term) for term in found if term != "Intercept" and "/" not in str(term).split("[")[0]]


def _figures(fit: Fit, term: str) -> dict[str, Any]:
    if fit.result is None or term not in fit.result.params.index:
        return dict.fromkeys((*FIGURES, "n", "n_gold"), np.nan)
    row = fit.result.summary()
    gold = np.nan if fit.estimator == NAIVE else fit.result.n_labelled
    return {name: row[name][term] for name in FIGURES} | {"n": fit.result.nobs, "n_gold": gold}
