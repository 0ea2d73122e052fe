"""How well human raters agree with each other: Krippendorff's alpha and one-way intraclass correlations.

All of them are fit for raters that cannot be told apart (a rating's position is not a rater). Figures that
need identified raters (kappas, two-way intraclass correlations) are not given here.

Each statistic is a function of sums over units, which makes an exact bootstrap over units cheap: alpha's
observed disagreement is a sum over units (Krippendorff 2019, chapter 12), an analysis of variance needs the
sums of squares alone. The `krippendorff` package gives the same alpha (it is the oracle in the tests) but
holds a units x values x values array, too large for fine scales and thousands of resamples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from study.errors import StudyError
from study.validity.bootstrap import CONSTANT, Array, Estimate, Statistic, unit_bootstrap
from study.validity.subsets import Subset, subsets
from study.validity.table import table, write_table

COLUMNS = [
    "construct", "domain", "subset", "raters", "statistic", "level", "n_units", "n_ratings",
    "estimate", "ci_low", "ci_high", "note",
]  # fmt: skip
KEYS = ["construct", "domain", "subset", "raters", "statistic", "level"]


def krippendorff_alpha(
    unit: Array | pd.Series,
    value: Array | pd.Series,
    *,
    level: str,
    resamples: int = 2000,
    seed: int = 1,
    name: str = "krippendorff_alpha",
) -> Estimate:
    """Krippendorff's alpha (2019) with a percentile interval over units.

    alpha = 1 - observed / expected disagreement, for any number of raters and missing ratings. The squared
    distance of two values is 1 (nominal), their difference squared (interval), or the difference of their
    mid-ranks squared, which is Krippendorff's sum of marginals between them (ordinal).

    Parameters
    ----------
    unit, value
        The unit and the value of every rating; missing values and units with one rating are left out.
        Nominal values may be of any type, others are numbers.
    level
        'nominal', 'ordinal' or 'interval'.
    resamples, seed, name
        See `bootstrap.unit_bootstrap`.

    Returns
    -------
    The estimate; `n` counts units with at least two ratings. NaN where all ratings are equal.

    Raises
    ------
    StudyError
        The level is not one of the three.
    """
    statistics = {"nominal": _nominal_alpha, "ordinal": _ordinal_alpha, "interval": _interval_alpha}
    if level not in statistics:
        raise StudyError(
            "Alpha is not defined for this level of measurement.",
            key="level",
            found=level,
            allowed=statistics,
        )
    codes, values = _pairable(unit, value)
    distinct, columns = np.unique(values, return_inverse=True)
    n_units = int(codes.max()) + 1 if codes.size else 0
    ones = np.ones(codes.size)
    times = sparse.csr_array((ones, (codes, columns)), shape=(n_units, distinct.size))
    return unit_bootstrap(
        statistics[level](times, distinct) if n_units else _undefined,
        n_units,
        resamples=resamples,
        seed=seed,
        name=name,
    )


def icc1(
    unit: Array | pd.Series,
    value: Array | pd.Series,
    *,
    resamples: int = 2000,
    seed: int = 1,
    name: str = "icc1",
) -> Estimate:
    """One-way random-effects intraclass correlation of a *single* rating, ICC(1).

    (MSB - MSW) / (MSB + (k - 1) MSW) of Shrout & Fleiss (1979). With unequal numbers of ratings, k is the
    average of the unbalanced one-way analysis of variance, (N - sum k_i^2 / N) / (n - 1) (Donner 1986).

    Parameters and result are those of `krippendorff_alpha`; values are numbers on an interval scale.
    """
    return _icc(unit, value, averaged=False, resamples=resamples, seed=seed, name=name)


def icc1k(
    unit: Array | pd.Series,
    value: Array | pd.Series,
    *,
    resamples: int = 2000,
    seed: int = 1,
    name: str = "icc1k",
) -> Estimate:
    """One-way random-effects intraclass correlation of the *mean* of a unit's ratings, ICC(1,k).

    (MSB - MSW) / MSB of Shrout & Fleiss (1979). With unequal numbers of ratings it is the reliability of
    the mean of as many ratings as a unit has on average (the k of `icc1`).

    Parameters and result are those of `krippendorff_alpha`; values are numbers on an interval scale.
    """
    return _icc(unit, value, averaged=True, resamples=resamples, seed=seed, name=name)


def reliability_table(
    measures: pd.DataFrame,
    ratings: pd.DataFrame,
    coders: Mapping[str, Mapping[str, str]],
    codebooks: Mapping[str, Mapping[str, Any]],
    *,
    criterion: str | None,
    by: str | None = None,
    resamples: int = 2000,
    seed: int = 1,
) -> pd.DataFrame:
    """Tabulate how well the raters of every human coder agree, on the units that validity is judged on.

    Parameters
    ----------
    measures, coders, criterion, by
        See `subsets.subsets`.
    ratings
        The long table of human ratings.
    codebooks
        construct -> {'level': ...}. Ratings on an ordinal scale also get the interval figures, which most
        published ones are.
    resamples, seed
        Of the bootstrap over units.
    """
    rows: list[dict[str, object]] = []
    for subset in subsets(measures, coders, criterion=criterion, by=by):
        rated = ratings[
            (ratings["construct"] == subset.construct)
            & (ratings["status"] == "ok")
            & ratings["unit_id"].isin(subset.units["unit_id"])
        ]
        for raters in sorted(c for c, kind in coders[subset.construct].items() if kind == "human"):
            own = rated[rated["coder"] == raters]
            level = codebooks[subset.construct]["level"]
            rows += _rows(subset, raters, own, level, resamples=resamples, seed=seed)
    return table(rows, COLUMNS, KEYS)


def _rows(
    subset: Subset, raters: str, rated: pd.DataFrame, level: str, *, resamples: int, seed: int
) -> Iterator[dict[str, object]]:
    # A nominal code may have no number.
    column = "code" if level == "nominal" and rated["value"].isna().all() else "value"
    codes, _ = _pairable(rated["unit_id"], rated[column])
    wanted: list[tuple[str, str, Any]] = [
        ("krippendorff_alpha", found, lambda *a, found=found, **k: krippendorff_alpha(*a, level=found, **k))
        for found in dict.fromkeys([level, "nominal" if level == "nominal" else "interval"])
    ]
    if level != "nominal":
        wanted += [("icc1", "interval", icc1), ("icc1k", "interval", icc1k)]
    for statistic, found, function in wanted:
        name = f"{subset.name}/{raters}/{statistic}/{found}"
        estimate = function(rated["unit_id"], rated[column], resamples=resamples, seed=seed, name=name)
        yield subset.key | {
            "raters": raters,
            "statistic": statistic,
            "level": found,
            "n_units": estimate.n,
            "n_ratings": codes.size,
            "estimate": estimate.value,
            "ci_low": estimate.ci_low,
            "ci_high": estimate.ci_high,
            "note": _note(statistic, codes, estimate),
        }


def _note(statistic: str, codes: Array, estimate: Estimate) -> str:
    if not codes.size:
        return "no unit has two ratings"
    if not np.isfinite(estimate.value):
        return "undefined: the ratings do not vary"
    if statistic == "icc1k":
        return f"reliability of the mean of {_average_ratings(np.bincount(codes)):.1f} ratings"
    return "of a single rating" if statistic == "icc1" else ""


def _pairable(unit: Array | pd.Series, value: Array | pd.Series) -> tuple[Array, Array]:
    """Units (numbered from 0) and values of the ratings that have a partner in their unit."""
    units, values = np.asarray(unit), np.asarray(value)
    there = ~pd.isna(values)
    codes, _ = pd.factorize(units[there])
    kept = np.bincount(codes)[codes] > 1 if codes.size else np.zeros(0, dtype=bool)
    return pd.factorize(codes[kept])[0], values[there][kept]


def _undefined(counts: Array) -> Array:
    return np.full(len(counts), np.nan)


def _one_minus(observed: Array, expected: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 0, 1 - observed / expected, np.nan)


def _interval_alpha(times: sparse.csr_array, values: Array) -> Statistic:
    scaled = values.astype(float) - values.mean()
    scaled /= np.abs(scaled).max() or 1
    m = times.sum(axis=1)
    total, squares = times @ scaled, times @ scaled**2
    within = 2 * (m * squares - total**2) / (m - 1)  # over ordered pairs
    per_unit = np.column_stack([m, total, squares, within])

    def alpha(counts: Array) -> Array:
        n, s, q, observed = (counts @ per_unit).T
        expected = 2 * (q / n - (s / n) ** 2)
        return _one_minus((n - 1) / n**2 * observed, np.where(expected > CONSTANT, expected, 0))

    return alpha if values.size > 1 else _undefined


def _nominal_alpha(times: sparse.csr_array, values: Array) -> Statistic:
    m = times.sum(axis=1)
    within = (m**2 - times.power(2).sum(axis=1)) / (m - 1)

    def alpha(counts: Array) -> Array:
        marginals = (times.T @ counts.T).T
        n = marginals.sum(axis=1)
        return _one_minus((n - 1) * (counts @ within), n**2 - (marginals**2).sum(axis=1))

    return alpha


def _ordinal_alpha(times: sparse.csr_array, values: Array) -> Statistic:
    m = times.sum(axis=1)
    weighted = sparse.csr_array(times.multiply((m / (m - 1))[:, None]))

    def alpha(counts: Array) -> Array:
        marginals = (times.T @ counts.T).T
        n = marginals.sum(axis=1)
        # The ranks are those of this resample: the distance between two values depends on the marginals.
        ranks = np.cumsum(marginals, axis=1) - marginals / 2 - n[:, None] / 2
        totals = (times @ ranks.T).T
        observed = np.einsum("ij,ij->i", (weighted.T @ counts.T).T, ranks**2)
        observed -= (counts * totals**2) @ (1 / (m - 1))
        return _one_minus((n - 1) * observed, n * np.einsum("ij,ij->i", marginals, ranks**2))

    return alpha


def _icc(
    unit: Array | pd.Series, value: Array | pd.Series, *, averaged: bool, resamples: int, seed: int, name: str
) -> Estimate:
    codes, values = _pairable(unit, value)
    numbers = values.astype(float)
    n_units = int(codes.max()) + 1 if codes.size else 0
    if not n_units or np.ptp(numbers) == 0:
        return unit_bootstrap(_undefined, n_units, resamples=0, seed=seed, name=name)
    numbers = (numbers - numbers.mean()) / numbers.std()
    m = np.bincount(codes).astype(float)
    total, squares = np.bincount(codes, numbers), np.bincount(codes, numbers**2)
    per_unit = np.column_stack([np.ones_like(m), m, m**2, total, total**2 / m, squares])

    def statistic(counts: Array) -> Array:
        n, ratings, ratings_squared, s, between, q = (counts @ per_unit).T
        with np.errstate(divide="ignore", invalid="ignore"):
            msb = (between - s**2 / ratings) / (n - 1)
            msw = (q - between) / (ratings - n)
            k = 1 if averaged else (ratings - ratings_squared / ratings) / (n - 1)
            found = (msb - msw) / (msb + (k - 1) * msw)
        return np.where(msb + msw > CONSTANT, found, np.nan)

    return unit_bootstrap(statistic, n_units, resamples=resamples, seed=seed, name=name)


def _average_ratings(ratings: Array) -> float:
    """The k of the unbalanced one-way analysis of variance (Donner 1986)."""
    n, total = ratings.size, ratings.sum()
    return float((total - (ratings.astype(float) ** 2).sum() / total) / (n - 1)) if n > 1 else float(total)


def main(
    *,
    measures_file: Path,
    ratings_file: Path,
    table_file: Path,
    coders: dict[str, Any],
    codebooks: dict[str, Any],
    compare: dict[str, Any],
) -> None:
    """Write the table of reliability.

    `coders` maps construct to coder to type, `codebooks` construct to its level; `compare` is that section of
    the configuration.
    """
    found = reliability_table(
        pd.read_parquet(measures_file),
        pd.read_parquet(ratings_file),
        coders,
        codebooks,
        criterion=compare["criterion"],
        by=compare.get("by"),
        resamples=compare["bootstrap"],
        seed=compare["seed"],
    )
    write_table(found, table_file)


if __name__ == "__main__":
    from study.job import run

    run(main)
