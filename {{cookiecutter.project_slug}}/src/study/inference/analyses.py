"""The study's regressions as tables: each analysis under every estimator, hypotheses, shares, warnings.

Analyses that name measures (rating_humans ~ rating_llm) are fitted as they are; those that name constructs
under `coded` are fitted with each coder's codes and corrected with the gold sample (`estimators`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.inference.diagnostics import COLUMNS as DIAGNOSTICS
from study.inference.diagnostics import diagnostics
from study.inference.estimators import CORRECTED, GOLD_ONLY, Analysis, Fit, effective_n
from study.inference.gold_codes import GoldCodes, gold_codes
from study.inference.gold_plan import gold_plan, table
from study.inference.regression import INCREMENTAL_COLUMNS, incremental_r2, linear_regression
from study.inference.shares import COLUMNS as SHARES
from study.inference.shares import shares
from study.inference.verdicts import hypotheses
from study.validity.multiplicity import adjust
from study.validity.table import write_table

COLUMNS = [
    "term", "estimator", "coder", "estimate", "std_error", "ci_low", "ci_high", "n", "n_gold", "effective_n",
    "statistic", "reference", "p_value", "p_adjusted", "correction", "family", "covariance", "subset", "note",
]  # fmt: skip
SAMPLE = "sample"
ALONE = "no standard error: one cluster alone decides it"


@dataclass(frozen=True)
class Study:
    """What every analysis needs of the study.

    Attributes
    ----------
    measures
        The table of measures.
    kinds
        construct -> coder -> 'llm', 'dictionary', 'supervised' or 'human'.
    scales
        construct -> 'level' and 'values'.
    truth
        The coder whose codes are true; None where there is none.
    gold
        The gold sample that was drawn, see `study.gold.draw`; empty where none was.
    drawn
        unit_id -> the probability of being in the sample, of the units that are in it.
    draw
        The key `gold.draw` of the configuration.
    probability
        The key `gold.probability`.
    weight
        The column of survey weights.
    """

    measures: pd.DataFrame
    kinds: Mapping[str, Mapping[str, str]]
    scales: Mapping[str, Mapping[str, Any]]
    truth: str | None
    gold: pd.DataFrame
    drawn: pd.Series
    draw: Mapping[str, Any] | None = None
    probability: str | float | None = None
    weight: str | None = None

    def units(self, subset: str) -> pd.DataFrame:
        """Return the rows of the table of measures of a subset, numbered anew."""
        found = self.measures[self.measures["sample"].astype(bool)] if subset == SAMPLE else self.measures
        return found.reset_index(drop=True)

    def sampling(self, subset: str) -> dict[str, Any]:
        """Return what `gold_codes` needs to know of how gold units of a subset were drawn."""
        beyond = subset != SAMPLE and self.draw is not None and self.draw["from"] == SAMPLE
        return {
            "sample": self.gold,
            "within": self.drawn if beyond and len(self.drawn) < len(self.measures) else None,
            "probability": self.probability,
        }

    def analysis(self, settings: Mapping[str, Any]) -> Analysis:
        """Return an analysis with `coded`, ready to be fitted."""
        units = self.units(settings["subset"])
        bare = Analysis(settings, units, self.scales, None, self.weight)
        gold: GoldCodes | None = None
        if self.truth is not None and all(self.truth in self.kinds[c] for c in bare.coded):
            sampling = self.sampling(settings["subset"])
            gold = gold_codes(
                units, self.truth, bare.coded, self.scales, categories=bare.categories, **sampling
            )
        return Analysis(settings, units, self.scales, gold, self.weight)


def estimates(fits: Sequence[Fit], name: str, *, subset: str, correction: str) -> pd.DataFrame:
    """Return the table of an analysis with `coded`: a row a term, estimator and coder.

    Parameters
    ----------
    fits
        As `Analysis.fits` yields them.
    name
        Of the analysis: the family of tests is its terms but the intercept, with one estimator and coder.
    subset
        'all' or 'sample'.
    correction
        See `multiplicity.adjust`.

    Returns
    -------
    DataFrame
        `COLUMNS`. An estimator without a result has a row for each term, without figures and with a note.
    """
    terms = next((list(fit.result.params.index) for fit in fits if fit.result is not None), [""])
    effective = effective_n(fits)
    blocks = []
    for number, fit in enumerate(fits):
        block = _block(fit, terms, effective.get(number))
        tested = ~block["term"].isin(["Intercept", ""])
        block.loc[tested, "p_adjusted"] = adjust(
            block.loc[tested, "p_value"].to_numpy(dtype=float), correction
        )
        block["family"] = f"{name}: all terms but the intercept ({int(tested.sum())} tests)"
        blocks.append(block)
    found = pd.concat(blocks, ignore_index=True) if blocks else pd.DataFrame()
    return found.assign(subset=subset, correction=correction).reindex(columns=COLUMNS)


def _block(fit: Fit, terms: list[str], effective: pd.Series[float] | None) -> pd.DataFrame:
    head = {"estimator": fit.estimator, "coder": fit.coder, "note": fit.problem}
    if fit.result is None:
        empty = dict.fromkeys(("estimate", "std_error", "ci_low", "ci_high", "statistic", "p_value"), np.nan)
        return pd.DataFrame([{"term": term} | head | empty for term in terms]).assign(p_adjusted=np.nan)
    found = fit.result.summary().rename_axis("term").reset_index()
    gold = fit.result.n_labelled if fit.estimator in (GOLD_ONLY, *CORRECTED) else np.nan
    return found.assign(
        **head,
        n=fit.result.nobs,
        n_gold=gold,
        effective_n=np.nan if effective is None else found["term"].map(effective),
        reference=fit.result.reference,
        covariance=fit.result.covariance_type,
        p_adjusted=np.nan,
    ).assign(note=lambda rows: np.where(rows["std_error"].isna(), ALONE, ""))


def measured(study: Study, name: str, settings: Mapping[str, Any], correction: str) -> pd.DataFrame:
    """Return the table of an analysis whose formula names measures: as they are, errors and all."""
    subset = settings["subset"]
    if settings["family"] == "linear" and not settings["cluster"] and not settings["aggregate"]:
        found = linear_regression(
            study.measures,
            settings["formula"],
            name=name,
            subset=subset,
            weight=study.weight,
            correction=correction,
        )
        return found.assign(coder="").reindex(columns=COLUMNS)
    plain = Analysis({**settings, "coded": []}, study.units(subset), {}, None, study.weight)
    return estimates([plain.as_it_is()], name, subset=subset, correction=correction)


def main(
    *,
    measures_file: Path,
    sample_file: Path,
    gold_file: Path,
    table_files: list[Path],
    incremental_file: Path,
    hypotheses_file: Path,
    prevalence_file: Path,
    planning_file: Path,
    diagnostics_file: Path,
    analyses: dict[str, Any],
    expected: dict[str, Any],
    coders: dict[str, Any],
    codebooks: dict[str, Any],
    compare: dict[str, Any],
    gold: dict[str, Any],
    weight: str | None = None,
) -> None:
    """Write the table of every analysis, and those of incremental R2, hypotheses, shares and warnings.

    The tables' file names are the analyses' names. `coders` maps construct to coder to kind, `codebooks`
    construct to its level and values; `analyses`, `expected` (hypotheses), `compare` and `gold` are sections
    of the configuration; `weight` is the column of survey weights.
    """
    drawn = pd.read_csv(sample_file, dtype={"unit_id": str, "stratum": str}, keep_default_na=False)
    study = Study(
        measures=pd.read_parquet(measures_file),
        kinds=coders,
        scales=codebooks,
        truth=gold["truth"],
        gold=pd.read_csv(
            gold_file, dtype={"unit_id": str, "stratum": str, "part": str}, keep_default_na=False
        ),
        drawn=drawn.set_index("unit_id")["probability"].astype(float),
        draw=gold["draw"],
        probability=gold["probability"],
        weight=weight,
    )
    named = {file.stem: file for file in table_files}
    tables: dict[str, pd.DataFrame] = {}
    increments, warnings, plans = [], [], []
    correction = compare["correction"]
    for name, settings in sorted(analyses.items()):
        subset = settings["subset"]
        if settings["coded"]:
            analysis = study.analysis(settings)
            everybody = study.kinds[settings["coded"][0]]
            fits = list(analysis.fits({coder: everybody[coder] for coder in settings["coders"]}))
            tables[name] = estimates(fits, name, subset=subset, correction=correction)
            warnings += diagnostics(name, analysis, fits)
            plans += gold_plan(name, fits)
        else:
            tables[name] = measured(study, name, settings, correction)
        write_table(tables[name], named[name])
        for dropped in settings["incremental"]:
            options = {"name": name, "subset": subset, "weight": weight}
            options |= {"resamples": compare["bootstrap"], "seed": compare["seed"]}
            increments.append(incremental_r2(study.measures, settings["formula"], dropped, **options))
    write_table(pd.DataFrame(increments, columns=INCREMENTAL_COLUMNS), incremental_file)
    write_table(hypotheses(expected, tables), hypotheses_file)
    write_table(pd.DataFrame(warnings, columns=DIAGNOSTICS), diagnostics_file)
    write_table(table(plans), planning_file)
    write_table(_prevalence(study, compare["seed"]), prevalence_file)


def _prevalence(study: Study, seed: int) -> pd.DataFrame:
    rows = []
    units = study.units(SAMPLE)
    for construct, kinds in sorted(study.kinds.items()):
        machines = {coder: kind for coder, kind in kinds.items() if kind != "human" and coder != study.truth}
        truth = study.truth if study.truth in kinds else None
        options = {"weight": study.weight, "seed": seed, **study.sampling(SAMPLE)}
        rows += list(shares(units, construct, machines, study.scales[construct], truth, **options))
    return pd.DataFrame(rows).assign(subset=SAMPLE).reindex(columns=SHARES)


if __name__ == "__main__":
    from study.job import run

    run(main)
