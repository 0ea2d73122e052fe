"""Percentile bootstrap over units (Efron & Tibshirani 1993, chapter 13).

Units are drawn, never ratings: the ratings of one text are not independent, and an interval that takes
23 ratings of a text for 23 texts is far too short. A resample is a row of *counts*, how often each unit was
drawn, so a statistic that is a function of sums over units needs one matrix product for many resamples.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from scipy import sparse

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Statistic: TypeAlias = Callable[[Array], Array]
"""Counts (or sums over units), resamples x units (or columns), to one value a resample."""

CHUNK_ELEMENTS = 2**17
"""Counts held at a time: about 1 MB, so that gathers stay inside the processor's cache."""

CONSTANT = 1e-12
"""A variable of unit scale whose variance is below this does not vary: it is rounding."""

KIND_COST = 20
"""Drawing how often a kind of unit occurs costs as much as drawing about so many units."""

UNDEFINED_SHARE = 0.05
"""An interval is not given when more than this share of resamples leaves the statistic undefined."""


@dataclass(frozen=True)
class Estimate:
    """A statistic with its 95% percentile interval and the number of units that it rests on.

    Missing values are NaN: the statistic is undefined on these units, or no interval was asked for.
    """

    value: float
    ci_low: float
    ci_high: float
    n: int


def generator(seed: int, name: str) -> np.random.Generator:
    """Return a random generator of its own for each (seed, name); numpy's global state is never used.

    A name such as 'agreement/sentiment/tweets/all/vader' gives every figure its own resamples, which do not
    change when other figures come or go.
    """
    words = np.frombuffer(hashlib.sha256(name.encode()).digest(), dtype="<u4")
    return np.random.default_rng([seed, *(int(word) for word in words)])


def unit_counts(n_units: int, resamples: int, *, seed: int, name: str) -> Iterator[Array]:
    """Draw `resamples` samples of `n_units` units with replacement and yield how often each unit came.

    Yields
    ------
    Arrays of float, resamples in this chunk x `n_units`; each row sums to `n_units`. The rows do not depend
    on how they are chunked.
    """
    random = generator(seed, name)
    rows = max(1, CHUNK_ELEMENTS // max(1, n_units))
    for start in range(0, resamples, rows):
        size = min(rows, resamples - start)
        drawn = random.integers(0, n_units, size=(size, n_units))
        drawn += np.arange(size)[:, None] * n_units
        yield np.bincount(drawn.ravel(), minlength=size * n_units).reshape(size, n_units).astype(float)


def percentile_interval(draws: Array, level: float = 0.95) -> tuple[float, float]:
    """Return the central `level` of the bootstrap distribution.

    Resamples in which the statistic is undefined (a constant variable) are left out; with more than 5% of
    them, or without resamples, both bounds are NaN.
    """
    defined = draws[np.isfinite(draws)]
    if not defined.size or defined.size < (1 - UNDEFINED_SHARE) * draws.size:
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)


def unit_bootstrap(statistic: Statistic, n_units: int, *, resamples: int, seed: int, name: str) -> Estimate:
    """Estimate a statistic and its 95% percentile interval over units.

    Parameters
    ----------
    statistic
        Maps counts (resamples x units) to values (resamples); all ones is the sample itself.
    n_units
        Number of units. With fewer than two the interval is NaN, with none the value too.
    resamples
        Number of resamples; 0 gives the value without interval.
    seed, name
        See `generator`.
    """
    if n_units < 1:
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    value = float(statistic(np.ones((1, n_units)))[0])
    if n_units < 2 or resamples < 1 or not np.isfinite(value):
        return Estimate(value, float("nan"), float("nan"), n_units)
    draws = np.concatenate([statistic(c) for c in unit_counts(n_units, resamples, seed=seed, name=name)])
    return Estimate(value, *percentile_interval(draws), n_units)


def bootstrap_of_sums(
    per_unit: Array | sparse.csr_array,
    statistics: Mapping[str, Statistic],
    *,
    times: Array | None = None,
    resamples: int,
    seed: int,
    name: str,
) -> dict[str, Estimate]:
    """Estimate several statistics of the same units' sums, all on the same resamples.

    Units whose rows are equal cannot be told apart in a sum, so how often each *kind* of unit is drawn is
    multinomial: where kinds are few (two raters and three labels make nine) it is drawn so, at next to no
    cost.

    Parameters
    ----------
    per_unit
        Units x columns, dense or sparse: what is summed.
    statistics
        Name -> function of sums (resamples x columns) to values (resamples).
    times
        Where rows are kinds of units rather than units: how many units there are of each.
    resamples, seed, name
        See `unit_bootstrap`.

    Returns
    -------
    Name -> the estimate; `n` counts units.
    """
    rows, times = _kinds(per_unit, times)
    n_units = int(times.sum())
    if n_units < 1:
        return {key: Estimate(float("nan"), float("nan"), float("nan"), 0) for key in statistics}
    values = {key: float(function(_summed(times[None], rows))[0]) for key, function in statistics.items()}
    bounds = dict.fromkeys(statistics, (float("nan"), float("nan")))
    if n_units > 1 and resamples > 0 and np.isfinite(list(values.values())).any():
        if len(times) == n_units:
            drawn = unit_counts(n_units, resamples, seed=seed, name=name)
        else:
            draw = generator(seed, name).multinomial(n_units, times / n_units, size=resamples)
            drawn = iter([draw.astype(float)])
        sums = np.concatenate([_summed(counts, rows) for counts in drawn])
        for key in statistics:
            if np.isfinite(values[key]):
                bounds[key] = percentile_interval(statistics[key](sums))
    return {key: Estimate(values[key], *bounds[key], n_units) for key in statistics}


def _kinds(per_unit: Array | sparse.csr_array, times: Array | None) -> tuple[Array | sparse.csr_array, Array]:
    """Kinds of units with how often each occurs; the units themselves where kinds are many."""
    if times is not None:
        return per_unit, np.asarray(times, dtype=float)
    n_units = per_unit.shape[0]
    if isinstance(per_unit, np.ndarray) and n_units > KIND_COST:
        kinds, found = np.unique(per_unit, axis=0, return_counts=True)
        if len(kinds) * KIND_COST <= n_units:
            return kinds, found.astype(float)
    return per_unit, np.ones(n_units)


def _summed(counts: Array, rows: Array | sparse.csr_array) -> Array:
    return np.asarray(counts @ rows if isinstance(rows, np.ndarray) else (rows.T @ counts.T).T)
