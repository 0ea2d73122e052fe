"""Does a coder's error depend on what is studied? `error_analysis`, tabulated for every coder.

The error of a score is a difference, so both must be on one scale. Where they are not (a dictionary's
scores), the measure is first mapped linearly onto the criterion, by least squares on the same units; the
error is then what a line through all units leaves over. The column `mapping` says so. Labels of a nominal
construct are right or wrong; where there are two, one counts as 1 and the other as 0, because then errors
have a direction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.validity.bootstrap import Array
from study.validity.calibration import wilson_interval
from study.validity.common_scale import LINEAR, NO_MAPPING, linear_mapping, other_scale
from study.validity.error_analysis import MOST_LEVELS, ErrorAnalysis, error_by_covariates
from study.validity.rating_codes import label_codes
from study.validity.subsets import POOLED, Subset, subsets
from study.validity.table import table, write_table

_KEY = ["construct", "domain", "subset", "measure", "criterion", "kind", "mapping"]
COLUMNS = [
    *_KEY, "test", "covariate", "terms", "n", "mean_error", "statistic", "df", "df_residual", "p_value",
    "p_adjusted", "correction", "family", "differential", "sentence", "note",
]  # fmt: skip
TERM_COLUMNS = [
    *_KEY, "covariate", "term", "estimate", "std_error", "statistic", "ci_low", "ci_high", "p_value", "n",
    "note",
]  # fmt: skip
LEVEL_COLUMNS = [*_KEY, "covariate", "level", "n", "mean_error", "ci_low", "ci_high", "note"]
KEYS = ["construct", "domain", "subset", "measure", "test", "covariate"]
JOINT, SINGLE = "joint", "covariate"
SCORE, LABEL = "score", "label"
MOST_NUMBERS = 10
"""A numeric covariate with more values than this is shown in quarters."""
LEAST_UNITS = 2
CONSTANT_ERROR = "the error is the same on all units, so it depends on nothing"
NAN = float("nan")


@dataclass(frozen=True)
class _Judged:
    """A measure and the criterion, indexed by unit, as they are compared; or why they are not."""

    kind: str
    mapping: str
    measure: pd.Series | None
    criterion: pd.Series | None
    note: str = ""


def error_by_covariates_tables(
    measures: pd.DataFrame,
    coders: Mapping[str, Mapping[str, str]],
    codebooks: Mapping[str, Mapping[str, Any]],
    *,
    criterion: str | None,
    by: str | None = None,
    error_by: Sequence[str] | None = None,
    correction: str = "holm",
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Regress every coder's error on covariates, over all domains together.

    Parameters
    ----------
    measures, coders, criterion
        See `subsets.subsets`.
    codebooks
        construct -> {'level': ..., 'values': {label: value}, 'type': ...}.
    by, error_by
        The covariates are `error_by`; without them `by`, and person and year where there are such columns.
    correction
        Of the covariates' p-values, see `multiplicity.adjust`.

    Returns
    -------
    Tests (one joint row, with the sentence, and one a covariate), terms of the regression, and the mean error
    (labels: the share of wrong ones) at every level of each covariate. A covariate that cannot enter (it does
    not vary, is an identifier, or is a combination of the others) has a note and is left out of the
    regression.
    """
    wanted = chosen_covariates(measures, by, error_by)
    tests: list[dict[str, object]] = []
    terms: list[dict[str, object]] = []
    levels: list[dict[str, object]] = []
    for subset in subsets(measures, coders, criterion=criterion, by=None):
        kinds, book = coders[subset.construct], codebooks[subset.construct]
        units = subset.units.set_index("unit_id")
        for measure in subset.measures:
            judged = _judged(units, subset, measure, kinds[measure], book)
            key: dict[str, object] = {
                **subset.key,
                "domain": POOLED,
                "measure": measure,
                "criterion": subset.criterion,
                "kind": judged.kind,
                "mapping": judged.mapping,
            }
            found, own = _tests(units, judged, wanted, correction)
            family = f"{subset.construct}, subset {subset.subset}, {measure}: covariates of the error"
            tests += [key | {"family": family if row["test"] == SINGLE else ""} | row for row in found]
            terms += [key | row for row in own]
            levels += [key | row for row in _levels(units, judged, wanted)]
    order = KEYS[:4]
    # The levels of a covariate keep their order.
    by_level = pd.DataFrame(levels, columns=LEVEL_COLUMNS)
    return (
        table(tests, COLUMNS, KEYS),
        table(terms, TERM_COLUMNS, [*order, "covariate", "term"]),
        by_level.sort_values([*order, "covariate"], kind="stable", ignore_index=True),
    )


def chosen_covariates(measures: pd.DataFrame, by: str | None, error_by: Sequence[str] | None) -> list[str]:
    """Return the covariates that errors are regressed on: those that are named, else the usual ones."""
    if error_by:
        return list(dict.fromkeys(error_by))
    usual = [by] if by is not None else []
    return list(dict.fromkeys([*usual, *(role for role in ("person", "year") if role in measures)]))


def _judged(units: pd.DataFrame, subset: Subset, measure: str, kind: str, book: Mapping[str, Any]) -> _Judged:
    own, truth = (f"{subset.construct}_{coder}" for coder in (measure, subset.criterion))
    level, values = book["level"], book.get("values") or {}
    labels = [f"{x}_label" in units and bool(units[f"{x}_label"].notna().any()) for x in (own, truth)]
    if level == "nominal" and not (units[own].notna().any() and units[truth].notna().any()):
        if not all(labels):
            return _Judged(LABEL, NO_MAPPING, None, None, "the coder or the criterion gives no labels")
        mine, theirs = (label_codes(units[f"{name}_label"], level, values) for name in (own, truth))
        return _labels(mine, theirs, values)
    why = other_scale(kind, book, units[own], units[truth], labels=labels[0])
    if not why:
        return _Judged(SCORE, NO_MAPPING, units[own], units[truth])
    mapped = linear_mapping(units[own], units[truth])
    if mapped is None:
        note = "the measure does not vary, or too few units have it and the criterion, for a linear mapping"
        return _Judged(SCORE, LINEAR, None, None, note)
    return _Judged(SCORE, LINEAR, mapped, units[truth])


def _labels(own: pd.Series, truth: pd.Series, values: Mapping[str, float | None]) -> _Judged:
    if len(values) != 2:
        return _Judged(LABEL, NO_MAPPING, own, truth)
    first, second = values
    one = second if values[second] is None or (values[second] or 0) > (values[first] or 0) else first
    zero = first if one == second else second
    numbers = {one: 1.0, zero: 0.0}
    note = f"'{one}' counts as 1 and '{zero}' as 0"
    return _Judged(SCORE, NO_MAPPING, own.map(numbers).astype(float), truth.map(numbers).astype(float), note)


def _tests(
    units: pd.DataFrame, judged: _Judged, wanted: Sequence[str], correction: str
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """The rows of the tests and of the terms."""
    if judged.measure is None or judged.criterion is None or not wanted:
        note = judged.note or "no covariate was named (compare.error_by, or compare.by)"
        return [{"test": JOINT, "covariate": "", "note": note}], []
    complete = (judged.measure.notna() & judged.criterion.notna()).to_numpy()
    entered, notes = _enterable(units[complete], wanted)
    analysis: ErrorAnalysis | None = None
    failed = ""
    while entered and analysis is None:
        try:
            analysis = error_by_covariates(
                judged.measure, judged.criterion, units[entered], kind=judged.kind, correction=correction
            )
        except StudyError as error:
            failed = _said(error)
            notes[entered.pop()] = failed
    skipped: list[dict[str, object]] = [
        {"test": SINGLE, "covariate": covariate, "note": note} for covariate, note in notes.items()
    ]
    if analysis is None:
        note = failed or "none of the covariates can enter a regression"
        n = int(complete.sum())
        return [{"test": JOINT, "covariate": "", "n": n, "note": note}, *skipped], []
    # What a line through the units leaves over is zero on average, up to rounding.
    still = CONSTANT_ERROR if analysis.differential is None else ""
    common: dict[str, object] = {"n": analysis.n, "mean_error": round(analysis.mean_error, 12) + 0.0}
    joint: dict[str, object] = {
        "test": JOINT,
        "covariate": "",
        "terms": int(analysis.tests["terms"].sum()),
        "statistic": analysis.statistic,
        "df": analysis.df,
        "df_residual": analysis.df_residual,
        "p_value": analysis.p_value,
        "differential": analysis.differential,
        "sentence": _sentence(analysis, judged),
        "note": "; ".join(part for part in (judged.note, still) if part),
    }
    each: list[dict[str, object]] = [
        {str(k): v for k, v in row.items()}
        | {
            "test": SINGLE,
            "correction": correction,
            "note": still,
            "differential": None if np.isnan(row["p_adjusted"]) else bool(row["p_adjusted"] < 0.05),
        }
        for row in analysis.tests.to_dict("records")
    ]
    terms = [
        {str(k): v for k, v in row.items()} | {"n": analysis.n, "note": still}
        for row in analysis.terms.to_dict("records")
    ]
    return [common | joint, *(common | row for row in each), *skipped], terms


def _enterable(units: pd.DataFrame, wanted: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The covariates that a regression may hold, and why the others may not."""
    notes: dict[str, str] = {}
    for covariate in wanted:
        values = units[covariate].dropna() if covariate in units else None
        if values is None:
            notes[covariate] = "there is no such covariate in the corpus"
        elif values.nunique() < 2:
            notes[covariate] = "the covariate does not vary on these units"
        elif not _numeric(values) and values.nunique() > MOST_LEVELS:
            notes[covariate] = f"{values.nunique()} levels: an identifier, no covariate"
    return [covariate for covariate in wanted if covariate not in notes], notes


def _sentence(analysis: ErrorAnalysis, judged: _Judged) -> str:
    if judged.mapping == NO_MAPPING:
        return analysis.sentence
    return f"{analysis.sentence} The measure was first mapped linearly onto the criterion's scale."


def _levels(units: pd.DataFrame, judged: _Judged, wanted: Sequence[str]) -> Iterator[dict[str, object]]:
    """The mean error at each level of each covariate."""
    if judged.measure is None or judged.criterion is None:
        return
    both = (judged.measure.notna() & judged.criterion.notna()).to_numpy()
    own, truth = judged.measure[both], judged.criterion[both]
    error = (
        (own != truth).to_numpy(dtype=float) if judged.kind == LABEL else (own - truth).to_numpy(dtype=float)
    )
    for covariate in wanted:
        if covariate not in units:
            continue
        for level, members in _groups(units.loc[both, covariate]):
            yield {"covariate": covariate, "level": level} | _mean(error[members], judged.kind)


def _groups(values: pd.Series) -> list[tuple[str, Array]]:
    """Name and members of each level; numbers with many values fall into quarters."""
    if _numeric(values) and values.nunique() > MOST_NUMBERS:
        numbers = values.to_numpy(dtype=float)
        edges = np.unique(np.nanquantile(numbers, [0, 0.25, 0.5, 0.75, 1]))
        index = np.clip(np.searchsorted(edges, numbers, side="left") - 1, 0, len(edges) - 2)
        groups = []
        for quarter in range(len(edges) - 1):
            members = (index == quarter) & np.isfinite(numbers)
            if members.any():
                groups.append((f"{numbers[members].min():g} to {numbers[members].max():g}", members))
        return groups
    levels = values.dropna().unique()
    if len(levels) > MOST_LEVELS:
        return []
    ordered = sorted(levels) if _numeric(values) else sorted(levels, key=str)
    return [(f"{v:g}" if _numeric(values) else str(v), (values == v).to_numpy()) for v in ordered]


def _mean(error: Array, kind: str) -> dict[str, object]:
    n, mean = len(error), float(error.mean())
    if kind == LABEL:
        low, high = wilson_interval(int(error.sum()), n)
        return {"n": n, "mean_error": mean, "ci_low": float(low), "ci_high": float(high), "note": ""}
    if n < LEAST_UNITS:
        return {"n": n, "mean_error": mean, "note": "one unit has no interval"}
    from scipy.special import stdtrit

    half = float(stdtrit(n - 1, 0.975) * error.std(ddof=1) / np.sqrt(n))
    return {"n": n, "mean_error": mean, "ci_low": mean - half, "ci_high": mean + half, "note": ""}


def _numeric(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _said(error: StudyError) -> str:
    """What was found, which names the terms; else the problem."""
    found = str(error.found) if error.found is not None else error.problem.rstrip(".")
    return found[:1].lower() + found[1:]


def main(
    *,
    measures_file: Path,
    tests_file: Path,
    terms_file: Path,
    levels_file: Path,
    coders: dict[str, Any],
    codebooks: dict[str, Any],
    compare: dict[str, Any],
) -> None:
    """Write the tables of errors by covariates: tests, terms and means.

    `coders` maps construct to coder to type, `codebooks` construct to its level, its type and its labels'
    values; `compare` is that section of the configuration.
    """
    tests, terms, levels = error_by_covariates_tables(
        pd.read_parquet(measures_file),
        coders,
        codebooks,
        criterion=compare["criterion"],
        by=compare.get("by"),
        error_by=compare.get("error_by"),
        correction=compare.get("correction", "holm"),
    )
    write_table(tests, tests_file)
    write_table(terms, terms_file)
    write_table(levels, levels_file)


if __name__ == "__main__":
    from study.job import run

    run(main)
