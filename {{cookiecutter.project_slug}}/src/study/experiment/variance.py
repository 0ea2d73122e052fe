"""Where the variance of an outcome lies: in texts, factors, their interactions, or texts x factors.

All units are coded in the same cells, so that the analysis of variance is one of projections in the space of
cells: a factor is the subspace of vectors that are constant within its levels, an interaction the part of the
joint subspace that its factors do not span. In a full factorial the subspaces are orthogonal and the sums of
squares those of the classical tables. In a fraction they are sequential, in the declared order: main effects,
then interactions; what is aliased with an earlier source has no degrees of freedom left.

A share is a sum of squares divided by the total, a description of these texts and settings and not an
estimate of a population's: chance alone gives every source some of it, the more the fewer the texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from study.experiment.grid import Codes, complete, joined
from study.experiment.outcomes import Outcomes
from study.validity.bootstrap import Array, Estimate, Statistic, bootstrap_of_sums

COLUMNS = [
    "experiment", "construct", "outcome", "source", "df", "sum_of_squares", "share", "ci_low", "ci_high",
    "n_units", "n_cells", "note",
]  # fmt: skip
UNIT, REST, BY = "unit", "rest", " x "
TOLERANCE = 1e-9
ALIASED = "aliased: in these cells it is the same as sources before it"
PARTLY = "partly aliased with sources before it"


@dataclass(frozen=True)
class Source:
    """One row of an analysis of variance; the sum of squares in squared units of the outcome.

    `share` has the interval over units; `df_full` are the degrees of freedom in a full factorial.
    """

    name: str
    df: int
    df_full: int
    sum_of_squares: float
    share: Estimate


def experiment_variance(
    codes: Codes, judged: Outcomes, *, resamples: int = 2000, seed: int = 1
) -> pd.DataFrame:
    """Return one row an outcome and source.

    Parameters
    ----------
    codes, judged
        The codes of one construct, and what `outcomes` says of them.
    resamples, seed
        Of the bootstrap over units.
    """
    rows: list[dict[str, object]] = []
    for outcome, values in judged.values.items():
        used = complete(np.isfinite(values), list(codes.cells.index))
        own = values[np.ix_(used.units, used.cells)]
        key = codes.key | {"outcome": outcome, "n_units": len(used.units), "n_cells": len(used.cells)}
        why = _why_not(own, judged.notes[outcome], used.note)
        if why:
            names = _names(codes.factors)
            rows += [key | {"source": name, "note": why} for name in names]
            continue
        settings = codes.settings.iloc[used.cells]
        name = f"{codes.name}/variance/{outcome}"
        for source in decomposition(own, settings, resamples=resamples, seed=seed, name=name):
            alone = "one unit has no interval" if len(used.units) == 1 else _aliased(source)
            notes = [alone, judged.notes[outcome], used.note]
            figures = {"df": source.df, "sum_of_squares": source.sum_of_squares, "share": source.share.value}
            bounds = {"ci_low": source.share.ci_low, "ci_high": source.share.ci_high}
            rows.append(key | {"source": source.name} | figures | bounds | {"note": joined(notes)})
    return pd.DataFrame(rows, columns=COLUMNS)


def decomposition(
    values: Array, settings: pd.DataFrame, *, resamples: int = 2000, seed: int = 1, name: str = "variance"
) -> list[Source]:
    """Decompose the variance of an outcome that varies.

    Parameters
    ----------
    values
        Units x cells, without holes.
    settings
        Cells x factors: the level of each.
    resamples, seed, name
        See `bootstrap.unit_bootstrap`; a drawn unit brings its values in all cells.

    Returns
    -------
    The sources: 'unit', every factor, every two factors ('a x b'), 'unit x a' for every factor, and 'rest':
    all higher interactions, and what changes from text to text without a pattern. Their sums of squares add
    up to the total.
    """
    n, cells = values.shape
    scale = float(values.std())
    y = (values - values.mean()) / scale
    bases, full = _bases(settings)
    mains = list(settings.columns)
    own = {factor: y @ bases[factor] for factor in mains}
    columns = [y, (y**2).sum(axis=1), y.mean(axis=1) ** 2, *((own[f] ** 2).sum(axis=1) for f in mains)]
    per_unit = np.column_stack(columns)

    def grand(sums: Array) -> Array:
        return n * cells * (sums[:, :cells].mean(axis=1) / n) ** 2

    def of_units(sums: Array) -> Array:
        return cells * sums[:, cells + 1] - grand(sums)

    def of_cells(basis: Array) -> Statistic:
        return lambda sums: ((sums[:, :cells] @ basis) ** 2).sum(axis=1) / n

    def by_unit(place: int, factor: str) -> Statistic:
        return lambda sums: sums[:, cells + 2 + place] - squares[factor](sums)

    def total(sums: Array) -> Array:
        return sums[:, cells] - grand(sums)

    def rest(sums: Array) -> Array:
        return total(sums) - np.sum(
            [part(sums) for source, part in squares.items() if source != REST], axis=0
        )

    squares: dict[str, Statistic] = {UNIT: of_units}
    squares |= {source: of_cells(basis) for source, basis in bases.items()}
    squares |= {UNIT + BY + factor: by_unit(place, factor) for place, factor in enumerate(mains)}
    squares[REST] = rest
    shares = bootstrap_of_sums(
        per_unit,
        {source: _share(part, total) for source, part in squares.items()},
        resamples=resamples,
        seed=seed,
        name=name,
    )
    df = {UNIT: n - 1} | {source: basis.shape[1] for source, basis in bases.items()}
    df |= {UNIT + BY + factor: (n - 1) * df[factor] for factor in mains}
    df[REST] = n * cells - 1 - sum(df.values())
    full |= {UNIT: n - 1, REST: df[REST]} | {UNIT + BY + factor: (n - 1) * full[factor] for factor in mains}
    every = scale**2 * y.size
    return [
        Source(source, df[source], full[source], shares[source].value * every, shares[source])
        for source in squares
    ]


def _names(factors: Mapping[str, object]) -> list[str]:
    pairs = [BY.join(pair) for pair in combinations(factors, 2)]
    return [UNIT, *factors, *pairs, *(UNIT + BY + factor for factor in factors), REST]


def _why_not(values: Array, note: str, left_out: str) -> str:
    if not values.size:
        return note or left_out or "no unit is coded in every cell"
    if np.ptp(values) <= TOLERANCE * max(1.0, float(np.abs(values).max())):
        return f"the outcome is {values.flat[0]:.4g} for every unit in every cell"
    return ""


def _aliased(source: Source) -> str:
    if source.df < source.df_full:
        return PARTLY if source.df else ALIASED
    one = not source.df_full and source.name not in (UNIT, REST)
    return "there is one level only, in the cells with codes" if one else ""


def _bases(settings: pd.DataFrame) -> tuple[dict[str, Array], dict[str, int]]:
    """Orthonormal bases of every factor and every two, each without those before it, and their full size."""
    seen = np.full((len(settings), 1), len(settings) ** -0.5)
    bases: dict[str, Array] = {}
    full: dict[str, int] = {}
    for name, indicators, size in _subspaces(settings):
        left = indicators - seen @ (seen.T @ indicators)
        left -= seen @ (seen.T @ left)  # once more, for what rounding left
        vectors, lengths, _ = np.linalg.svd(left, full_matrices=False)
        bases[name], full[name] = vectors[:, lengths > TOLERANCE * len(settings)], size
        seen = np.hstack([seen, bases[name]])
    return bases, full


def _subspaces(settings: pd.DataFrame) -> Iterator[tuple[str, Array, int]]:
    sizes = {factor: settings[factor].nunique() - 1 for factor in settings}
    for factor in settings:
        yield str(factor), _indicators(settings[factor]), sizes[factor]
    for one, other in combinations(settings, 2):
        both = settings[one].astype(str) + "\0" + settings[other].astype(str)
        yield f"{one}{BY}{other}", _indicators(both), sizes[one] * sizes[other]


def _indicators(levels: pd.Series) -> Array:
    return pd.get_dummies(levels).to_numpy(dtype=float)


def _share(part: Statistic, total: Statistic) -> Statistic:
    """A source's share of the total; NaN where nothing varies."""

    def statistic(sums: Array) -> Array:
        whole = total(sums)
        known = whole > TOLERANCE
        found = np.divide(part(sums), whole, out=np.full(len(sums), np.nan), where=known)
        # What rounding leaves of nothing would differ from machine to machine.
        return np.where(np.abs(found) < TOLERANCE, 0.0, found)

    return statistic
