"""Which units have no code, or were not codable: at random, or more often in some places than in others?

Where codes are missing more often at some levels of a covariate, the coded units are not a random part of the
corpus, and what is estimated on them need not hold for all (Little & Rubin 2002). The test is of the table of
a covariate's levels by what became of the units (coded, not codable, missing): Pearson's chi-square, or
Fisher's exact test (Freeman & Halton 1951) where expected numbers are small (Cochran 1954).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from study.sample import MISSING as NO_VALUE
from study.validity.multiplicity import adjust
from study.validity.table import write_table

COLUMNS = (
    "construct", "coder", "covariate", "level", "n", "coded", "not_codable", "missing",
    "share_not_codable", "share_missing", "test", "p_value", "p_adjusted", "note",
)  # fmt: skip
ROLES = ("human", "llm")
"""Coders that may leave a unit out; a dictionary or a classifier codes every text."""
CODED, NOT_CODABLE, MISSING = "coded", "not_codable", "missing"
OUTCOMES = (CODED, NOT_CODABLE, MISSING)

EVERYTHING = "all"
MOST_LEVELS, PARTS = 30, 4
MOST_NUMBERS = 10
"""A covariate of more different numbers is divided at its quartiles."""
SMALL, FEW, SHARE = 5, 1, 0.2
"""Cochran's rule: no expected number below 1, and at most a fifth of them below 5."""
RESAMPLES = 9_999


def outcomes(codings: pd.DataFrame, units: Sequence[str]) -> pd.Series:
    """Return what became of units with one construct and coder.

    Parameters
    ----------
    codings
        unit_id and status, a row a unit and repeat.
    units
        The units that the coder was given.

    Returns
    -------
    Series
        One of OUTCOMES by unit_id: 'coded' where any repeat is, else 'not_codable' where any is; 'missing'
        where all failed, or there is no row.
    """
    rank = {"ok": 0, "not_codable": 1}
    found = codings["status"].map(rank).fillna(2).groupby(codings["unit_id"]).min()
    return found.reindex(list(units)).fillna(2).astype(int).map(dict(enumerate(OUTCOMES)))


def levels(covariate: pd.Series) -> pd.Series:
    """Return the levels of a covariate as text; many different numbers become four intervals."""
    number = pd.api.types.is_numeric_dtype(covariate) and not pd.api.types.is_bool_dtype(covariate)
    if number and covariate.nunique() > MOST_NUMBERS:
        intervals = pd.qcut(covariate, PARTS, duplicates="drop")
        groups = covariate.groupby(intervals, observed=True)
        low, high = groups.transform("min"), groups.transform("max")
        texts = pd.Series(
            [f"{a:.6g} to {b:.6g}" for a, b in zip(low, high, strict=True)], index=covariate.index
        )
    elif number:
        texts = covariate.map(lambda value: f"{value:.10g}")
    else:
        texts = covariate.astype(object).map(str)
    return texts.where(covariate.notna(), NO_VALUE).astype(object)


def association(table: np.ndarray, seed: int = 1) -> tuple[str, float]:
    """Test whether rows and columns of a table of counts are independent.

    Parameters
    ----------
    table
        Counts, at least two rows and two columns, none of them empty.
    seed
        Of the tables that are drawn for Fisher's test where there are more than two rows or columns.

    Returns
    -------
    test, p_value
        'chi-square' (without Yates' correction) or 'Fisher'.
    """
    from scipy import stats

    result = stats.chi2_contingency(table, correction=False)
    expected = result.expected_freq
    if expected.min() >= FEW and (expected < SMALL).mean() <= (SHARE if table.size > 4 else 0):
        return "chi-square", float(result.pvalue)
    if table.shape == (2, 2):
        return "Fisher", float(stats.fisher_exact(table).pvalue)
    method = stats.MonteCarloMethod(n_resamples=RESAMPLES, rng=np.random.default_rng(seed))
    # SciPy returns an array of one where every row has a single unit.
    return "Fisher", float(np.ravel(stats.fisher_exact(table, method=method).pvalue)[0])


def missing_codes(
    measures: pd.DataFrame,
    codings: pd.DataFrame,
    *,
    coders: Mapping[str, Mapping[str, str]],
    given: Mapping[str, Sequence[str]],
    covariates: Sequence[str],
    correction: str = "holm",
) -> pd.DataFrame:
    """Count what became of the units that each coder was given, at the levels of covariates.

    Parameters
    ----------
    measures
        unit_id, the covariates, and the columns that `given` names.
    codings
        Of all coders: unit_id, construct, coder, status.
    coders
        {construct: {coder: its role}}.
    given
        {coder: columns of `measures` that are true for the units that the coder was given}; a coder without
        any was given the units that have a row.
    covariates
        Columns of `measures`.
    correction
        Of the p-values of the whole table, see `multiplicity.adjust`.

    Returns
    -------
    DataFrame
        COLUMNS, sorted: for each construct and coder one row for all units (level 'all', no covariate), then
        a row a level of each covariate, with the covariate's test. Sealed units do not count.
    """
    rows: list[dict[str, object]] = []
    indexed = measures.set_index("unit_id")
    for construct, roles in sorted(coders.items()):
        for coder, role in sorted(roles.items()):
            if role not in ROLES:
                continue
            own = codings[(codings["construct"] == construct) & (codings["coder"] == coder)]
            units = _units(indexed, own, given.get(coder, ()))
            became = outcomes(own, units)
            for row in _rows(became, indexed.loc[units], covariates):
                rows.append({"construct": construct, "coder": coder, **row})
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table = table.sort_values(["construct", "coder", "covariate", "level"], ignore_index=True)
    tested = table["p_value"].notna() & ~table.duplicated(["construct", "coder", "covariate"])
    adjusted = pd.Series(np.nan, index=table.index)
    adjusted[tested] = adjust(table.loc[tested, "p_value"].to_numpy(dtype=float), correction)
    same = [table[column] for column in ("construct", "coder", "covariate")]
    table["p_adjusted"] = adjusted.groupby(same).transform("max")
    return table


def _units(measures: pd.DataFrame, own: pd.DataFrame, given: Sequence[str]) -> list[str]:
    sealed = set(own.loc[own["status"] == "sealed", "unit_id"])
    if not given:
        return [unit for unit in own["unit_id"].unique() if unit not in sealed]
    wanted = measures[list(given)].any(axis=1)
    if sealed:
        # Which of them are coded is not told yet.
        wanted &= ~measures["gold"]
    return list(measures.index[wanted])


def _rows(became: pd.Series, units: pd.DataFrame, covariates: Sequence[str]) -> Iterator[dict[str, object]]:
    nothing = "no unit" if became.empty else ""
    yield {"covariate": "", "level": EVERYTHING, **_counts(became), "test": "", "note": nothing}
    for covariate in covariates if not became.empty else ():
        found = levels(units[covariate])
        if found.nunique() > MOST_LEVELS:
            note = f"{found.nunique()} levels are too many for a test"
            yield {"covariate": covariate, "level": "", "test": "", "note": note}
            continue
        counts = pd.crosstab(found, became)
        test, p_value, note = "", float("nan"), ""
        if counts.shape[1] < 2:
            what = str(counts.columns[0]).replace("_", " ")
            note = f"every unit is {what}: there is nothing to test"
        elif counts.shape[0] < 2:
            note = "there is only one level"
        else:
            test, p_value = association(counts.to_numpy())
        for level in counts.index:
            own = _counts(became[found == level])
            yield {
                "covariate": covariate, "level": level, **own, "test": test, "p_value": p_value, "note": note,
            }  # fmt: skip


def _counts(became: pd.Series) -> dict[str, object]:
    n = len(became)
    counts = {outcome: int((became == outcome).sum()) for outcome in OUTCOMES}
    shares = {
        f"share_{outcome}": counts[outcome] / n if n else float("nan") for outcome in (NOT_CODABLE, MISSING)
    }
    return {"n": n, **counts, **shares}


def main(
    *,
    measures_file: Path,
    codings_files: list[Path],
    coders: dict,  # type: ignore[type-arg]
    given: dict,  # type: ignore[type-arg]
    covariates: list,  # type: ignore[type-arg]
    correction: str,
    table_file: Path,
) -> None:
    """Write the table of missing codes."""
    columns = ["unit_id", "construct", "coder", "status"]
    codings = [pd.read_parquet(path, columns=columns) for path in codings_files]
    table = missing_codes(
        pd.read_parquet(measures_file),
        pd.concat(codings, ignore_index=True),
        coders=coders,
        given=given,
        covariates=covariates,
        correction=correction,
    )
    for column in ("n", *OUTCOMES):
        table[column] = table[column].astype("Int64")
    write_table(table, table_file)


if __name__ == "__main__":
    from study.job import run

    run(main)
