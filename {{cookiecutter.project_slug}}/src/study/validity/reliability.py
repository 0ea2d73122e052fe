"""How well human raters agree with each other: Krippendorff's alpha, intraclass correlations, kappas.

Alpha, one-way intraclass correlations, percent agreement and Gwet's AC are fit for raters that cannot be told
apart (a rating's position is not a rater). Kappas and two-way intraclass correlations need raters who are the
same persons throughout; the table says so where they are not. The latter two, and agreement in labels, are
computed by `two_way_icc` and `kappa`.

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
from study.validity.kappa import cohens_kappa, label_agreement, paradox
from study.validity.rating_codes import MOST_CATEGORIES, RatingCodes, rating_codes
from study.validity.subsets import Subset
from study.validity.table import table, write_table
from study.validity.two_way_icc import TWO_WAY, two_way_icc
from study.validity.undecided import subsets_with_undecided

COLUMNS = [
    "construct", "domain", "subset", "raters", "statistic", "level", "n_units", "n_ratings",
    "estimate", "ci_low", "ci_high", "note",
]  # fmt: skip
KEYS = ["construct", "domain", "subset", "raters", "statistic", "level"]
NOT_IDENTIFIED = "raters are not identified, as this figure needs them to be"
ONE_RATER = "there is one rater only"
UNKNOWN = Estimate(float("nan"), float("nan"), float("nan"), 0)
"""Stands where a figure is not even attempted; the note says why."""
SIMILAR = 1e-13
"""What a decomposition of similarities from 0 to 1 may leave unexplained."""


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
    distance of two values is 1 (nominal), their difference squared (interval), the difference of their
    mid-ranks squared, which is Krippendorff's sum of marginals between them (ordinal), or their difference
    over their sum, squared (ratio; two zeros do not differ).

    Parameters
    ----------
    unit, value
        The unit and the value of every rating; missing values and units with one rating are left out.
        Nominal values may be of any type, others are numbers.
    level
        'nominal', 'ordinal', 'interval' or 'ratio'.
    resamples, seed, name
        See `bootstrap.unit_bootstrap`.

    Returns
    -------
    The estimate; `n` counts units with at least two ratings. NaN where all ratings are equal.

    Raises
    ------
    StudyError
        The level is not one of the four, or values of a ratio scale are below zero.
    """
    codes, values = _pairable(unit, value)
    distinct, columns = np.unique(values, return_inverse=True)
    if level == "ratio" and distinct.size and distinct[0] < 0:
        raise StudyError("A ratio scale has no values below zero.", key="value", found=float(distinct[0]))
    n_units = int(codes.max()) + 1 if codes.size else 0
    ones = np.ones(codes.size)
    times = sparse.csr_array((ones, (codes, columns)), shape=(n_units, distinct.size))
    statistic = alpha_statistic(times, distinct, level)
    return unit_bootstrap(
        statistic if n_units else _undefined,
        n_units,
        resamples=resamples,
        seed=seed,
        name=name,
    )


def alpha_statistic(times: sparse.csr_array, values: Array, level: str) -> Statistic:
    """Return Krippendorff's alpha as a function of how often each unit was drawn.

    Parameters
    ----------
    times
        Units x values: how often a unit was given each value; two ratings a unit or more.
    values
        The distinct values, ascending.
    level
        See `krippendorff_alpha`.
    """
    statistics = {
        "nominal": _nominal_alpha,
        "ordinal": _ordinal_alpha,
        "interval": _interval_alpha,
        "ratio": _ratio_alpha,
    }
    if level not in statistics:
        raise StudyError(
            "Alpha is not defined for this level of measurement.",
            key="level",
            found=level,
            allowed=statistics,
        )
    return statistics[level](times, values) if values.size else _undefined


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
    identified: Mapping[str, bool] | None = None,
    resamples: int = 2000,
    seed: int = 1,
) -> pd.DataFrame:
    """Tabulate how well the raters of every human coder agree, on the units that validity is judged on.

    Units that raters could not decide on, which have no criterion, count here too.

    Parameters
    ----------
    measures, coders, criterion, by
        See `subsets.subsets`.
    ratings
        The long table of human ratings.
    codebooks
        construct -> {'level': ..., 'values': {label: value}, 'type': ...}. Ratings on an ordinal scale also
        get the interval figures, which most published ones are, and counts those of a ratio scale. Where
        there are labels, agreement in labels is tabulated too.
    identified
        Human coder -> whether a rater's name is one person throughout; without it nobody is.
    resamples, seed
        Of the bootstrap over units.
    """
    rows: list[dict[str, object]] = []
    options: dict[str, Any] = {"resamples": resamples, "seed": seed}
    for subset, units in subsets_with_undecided(measures, coders, criterion=criterion, by=by):
        rated = ratings[
            (ratings["construct"] == subset.construct)
            & (ratings["status"] == "ok")
            & ratings["unit_id"].isin(units["unit_id"])
        ]
        for raters in sorted(c for c, kind in coders[subset.construct].items() if kind == "human"):
            own = rated[rated["coder"] == raters]
            known = bool((identified or {}).get(raters, False))
            rows += _rows(subset, raters, own, codebooks[subset.construct], identified=known, **options)
    return table(rows, COLUMNS, KEYS)


def _rows(
    subset: Subset,
    raters: str,
    rated: pd.DataFrame,
    book: Mapping[str, Any],
    *,
    identified: bool,
    resamples: int,
    seed: int,
) -> Iterator[dict[str, object]]:
    level = book["level"]
    codes = rating_codes(rated, level, book.get("values") or {})
    paired, _ = _pairable(rated["unit_id"], codes.values)
    options: dict[str, Any] = {"resamples": resamples, "seed": seed}
    found: dict[tuple[str, str], tuple[Estimate, str]] = {}
    for of in alpha_levels(level, book.get("type")):
        name = f"{subset.name}/{raters}/krippendorff_alpha/{of}"
        value = codes.values if of == "nominal" else rated["value"]
        estimate = krippendorff_alpha(rated["unit_id"], value, level=of, name=name, **options)
        found["krippendorff_alpha", of] = estimate, ""
    if level != "nominal":
        for statistic, function in (("icc1", icc1), ("icc1k", icc1k)):
            name = f"{subset.name}/{raters}/{statistic}/interval"
            estimate = function(rated["unit_id"], rated["value"], name=name, **options)
            found[statistic, "interval"] = estimate, _of_what(statistic, paired)
        found |= _two_way(rated, identified, name=f"{subset.name}/{raters}/two_way_icc", **options)
    if book.get("values"):
        stream = f"{subset.name}/{raters}/labels"
        found |= _in_labels(rated, codes, level, identified, found, name=stream, **options)
    for (statistic, of), (estimate, note) in found.items():
        yield subset.key | {
            "raters": raters,
            "statistic": statistic,
            "level": of,
            "n_units": estimate.n,
            "n_ratings": paired.size,
            "estimate": estimate.value,
            "ci_low": estimate.ci_low,
            "ci_high": estimate.ci_high,
            "note": _note(paired, estimate, note),
        }


def alpha_levels(level: str, kind: str | None = None) -> list[str]:
    """Return the levels at which alpha is given: the construct's, and what others publish beside it."""
    if level == "nominal":
        return ["nominal"]
    # A count has a true zero: two and four differ as much as twenty and forty.
    also = ["ratio"] if kind == "count" else []
    return list(dict.fromkeys([level, "interval", *also]))


def _two_way(
    rated: pd.DataFrame, identified: bool, **options: Any
) -> dict[tuple[str, str], tuple[Estimate, str]]:
    if not identified:
        return {(statistic, "interval"): (UNKNOWN, NOT_IDENTIFIED) for statistic in TWO_WAY}
    n_raters = rated.loc[rated["value"].notna(), "rater"].nunique()
    estimates = two_way_icc(rated["unit_id"], rated["rater"], rated["value"], **options)
    if n_raters < 2:
        return {(statistic, "interval"): (UNKNOWN, ONE_RATER) for statistic in TWO_WAY}
    if estimates["icc_a1"].n < 2:
        note = f"fewer than two units were rated by all {n_raters} raters"
        return {(statistic, "interval"): (UNKNOWN, note) for statistic in TWO_WAY}
    note = f"of a single rating, on the units that all {n_raters} raters have rated"
    return {(statistic, "interval"): (estimates[statistic], note) for statistic in TWO_WAY}


def _in_labels(
    rated: pd.DataFrame,
    codes: RatingCodes,
    level: str,
    identified: bool,
    alphas: Mapping[tuple[str, str], tuple[Estimate, str]],
    **options: Any,
) -> dict[tuple[str, str], tuple[Estimate, str]]:
    """Percent agreement, AC and kappas of the labels."""
    wanted = [("percent_agreement", "nominal"), ("gwet_ac1", "nominal"), ("fleiss_kappa", "nominal")]
    kappas = [("cohens_kappa", "nominal", "identity")]
    if level != "nominal":
        wanted.append(("gwet_ac2", "ordinal"))
        kappas += [(f"cohens_kappa_{weights}", "ordinal", weights) for weights in ("linear", "quadratic")]
    if len(codes.categories) > MOST_CATEGORIES:
        note = f"the ratings have {len(codes.categories)} different values, which are no labels"
        return {(key[0], key[1]): (UNKNOWN, note) for key in [*wanted, *kappas]}
    weights = "identity" if level == "nominal" else "quadratic"
    together = label_agreement(
        rated["unit_id"], codes.values, weights=weights, categories=codes.categories, **options
    )
    found = {key: (together[key[0]], "") for key in wanted}
    pair = _two_raters(rated, codes)
    for statistic, of, weights in kappas:
        if isinstance(pair, str):
            found[statistic, of] = UNKNOWN, pair
            continue
        stream = options | {"name": f"{options['name']}/{statistic}"}
        estimate = cohens_kappa(*pair, weights=weights, categories=codes.categories, **stream)
        apart = (UNKNOWN, "the two raters have no unit in common")
        found[statistic, of] = (estimate, "") if estimate.n else apart
    if not identified:
        found |= {key: (UNKNOWN, NOT_IDENTIFIED) for key in found if "kappa" in key[0]}
    percent, ac1 = together["percent_agreement"].value, together["gwet_ac1"].value
    commonest, share = codes.commonest()
    for key, (estimate, note) in {**alphas, **found}.items():
        if key[0] in ("krippendorff_alpha", "cohens_kappa", "fleiss_kappa") and key[1] == "nominal":
            said = paradox(percent, estimate.value, ac1, commonest, share)
            found[key] = estimate, said or note
    return found


def _two_raters(rated: pd.DataFrame, codes: RatingCodes) -> tuple[pd.Series, pd.Series] | str:
    """The labels of two raters, aligned by unit; or why there is no such pair."""
    given = codes.values.notna()
    names = sorted(rated.loc[given, "rater"].unique())
    if len(names) != 2:
        if len(names) < 2:
            return ONE_RATER
        return f"there are {len(names)} raters, and Cohen's kappa compares two: see Fleiss' kappa"
    first, second = (
        codes.values[given & (rated["rater"] == name)].set_axis(
            rated.loc[given & (rated["rater"] == name), "unit_id"]
        )
        for name in names
    )
    return first, second.reindex(first.index)


def _of_what(statistic: str, paired: Array) -> str:
    if statistic == "icc1" or not paired.size:
        return "of a single rating"
    return f"reliability of the mean of {_average_ratings(np.bincount(paired)):.1f} ratings"


def _note(paired: Array, estimate: Estimate, note: str) -> str:
    if not paired.size:
        return "no unit has two ratings"
    if np.isfinite(estimate.value) or estimate is UNKNOWN:
        return note
    return "undefined: the ratings do not vary" if estimate.n > 1 else "undefined for a single unit"


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


def _ratio_alpha(times: sparse.csr_array, values: Array) -> Statistic:
    m = times.sum(axis=1)
    projected = times @ _ratio_similarity(values)
    within = (m**2 - (projected**2).sum(axis=1)) / (m - 1)
    per_unit = np.column_stack([m, within, projected])

    def alpha(counts: Array) -> Array:
        sums = counts @ per_unit
        n, observed = sums[:, 0], sums[:, 1]
        expected = n**2 - (sums[:, 2:] ** 2).sum(axis=1)
        return _one_minus((n - 1) * observed, np.where(expected > CONSTANT * n**2, expected, 0))

    return alpha


def _ratio_similarity(values: Array) -> Array:
    """A matrix L whose rows multiply to 1 less the ratio distance: 4ck / (c + k)^2, 1 for two zeros.

    A pivoted Cholesky decomposition. The matrix is positive semidefinite and of low numerical rank, so that
    sums over pairs of values become sums over units, however many values there are.
    """
    c = values.astype(float)
    left, columns = np.ones(c.size), np.zeros((c.size, 0))
    while left.max(initial=0) > SIMILAR and columns.shape[1] < c.size:
        pivot = int(left.argmax())
        total = c + c[pivot]
        own = np.where(total > 0, 4 * c * c[pivot] / np.where(total > 0, total, 1) ** 2, 1)
        new = (own - columns @ columns[pivot]) / np.sqrt(left[pivot])
        columns = np.column_stack([columns, new])
        left = np.maximum(left - new**2, 0)
    return columns


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
    identified: dict[str, Any] | None = None,
) -> None:
    """Write the table of reliability.

    `coders` maps construct to coder to type, `codebooks` construct to its level and the values of its labels,
    `identified` human coder to whether its raters are; `compare` is that section of the configuration.
    """
    found = reliability_table(
        pd.read_parquet(measures_file),
        pd.read_parquet(ratings_file),
        coders,
        codebooks,
        criterion=compare["criterion"],
        by=compare.get("by"),
        identified=identified,
        resamples=compare["bootstrap"],
        seed=compare["seed"],
    )
    write_table(found, table_file)


if __name__ == "__main__":
    from study.job import run

    run(main)
