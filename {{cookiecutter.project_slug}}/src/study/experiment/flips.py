"""How often a label flips, and how far a score moves, when one setting alone is changed.

Cells are compared that differ in one factor only, text by text. The flip rate is the share of these pairs
whose labels differ; codes that change both ways leave the mean as it is, and flip all the same. Agreement
with the criterion is compared between the same pairs of cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from study.experiment.comparison import compare, difference_of_r
from study.experiment.grid import NO_CODES, Codes, complete, joined
from study.experiment.outcomes import Outcomes
from study.validity.bootstrap import Array, Estimate, unit_bootstrap

COLUMNS = [
    "experiment", "construct", "factor", "level", "reference", "n_pairs", "n_units", "flip_rate", "ci_low",
    "ci_high", "mean_change", "mean_change_ci_low", "mean_change_ci_high", "mean_absolute_change",
    "r_difference", "r_difference_ci_low", "r_difference_ci_high", "note",
]  # fmt: skip
ANY = "any"
"""The name of all levels of a factor together."""
NO_LABELS = "flips are not defined: there are no labels"
NO_PAIR = "no two cells with codes differ in this factor alone"
ONE_UNIT = "one unit has no interval"
Pairs = list[tuple[int, int]]
Key = tuple[str, str, str]
"""Factor, level and reference of a row."""


def experiment_flips(codes: Codes, judged: Outcomes, *, resamples: int = 2000, seed: int = 1) -> pd.DataFrame:
    """Return one row a factor and two of its levels, and one a factor over all its levels.

    Parameters
    ----------
    codes, judged
        The codes of one construct, and what `outcomes` says of them.
    resamples, seed
        Of the bootstrap over units.

    Returns
    -------
    DataFrame
        `COLUMNS`. `reference` is the level that is declared first; the change of the score is that of `level`
        less that of `reference`, in the units of the values, of means over repeats. The difference of
        Pearson's r with the criterion is likewise the mean over pairs of cells. `n_pairs` counts units x
        pairs of cells x repeats. The row 'any' has no reference, no mean change and no difference of r, whose
        signs would depend on an order.
    """
    pairs_of_rows = _pairs(codes)
    score = judged.values["score"]
    scored = {key: _chosen(np.isfinite(score), codes, pairs) for key, pairs in pairs_of_rows.items()}
    options = {"resamples": resamples, "seed": seed}
    differences = _differences(codes, judged, scored, **options)
    rows = []
    for key, pairs in pairs_of_rows.items():
        row = _row(codes, score, key, pairs, scored[key], difference=differences.get(key), **options)
        rows.append(codes.key | dict(zip(("factor", "level", "reference"), key, strict=True)) | row)
    return pd.DataFrame(rows, columns=COLUMNS)


def flip_rate(label: Array, pairs: Pairs, *, resamples: int, seed: int, name: str) -> Estimate:
    """Return the share of pairs of cells whose labels differ, with an interval over units.

    Parameters
    ----------
    label
        Units x cells x repeats, without holes; labels of one repeat are compared.
    pairs
        Places of two cells each.
    """
    first, second = _sides(pairs)
    flipped: Array = np.not_equal(label[:, first], label[:, second])
    per_unit = flipped.mean(axis=(1, 2))
    n = len(per_unit)
    return unit_bootstrap(lambda counts: counts @ per_unit / n, n, resamples=resamples, seed=seed, name=name)


def changes(score: Array, pairs: Pairs, *, resamples: int, seed: int, name: str) -> tuple[Estimate, float]:
    """Return the mean change of scores with an interval over units, and the mean absolute change.

    Parameters
    ----------
    score
        Units x cells, without holes.
    pairs
        Places of two cells each; a change is the second's score less the first's.
    """
    first, second = _sides(pairs)
    change = score[:, second] - score[:, first]
    per_unit = change.mean(axis=1)
    n = len(per_unit)
    mean = unit_bootstrap(lambda counts: counts @ per_unit / n, n, resamples=resamples, seed=seed, name=name)
    return mean, float(np.abs(change).mean())


def _pairs(codes: Codes) -> dict[Key, Pairs]:
    """The pairs of cells of every row, in the order of the table."""
    found: dict[Key, Pairs] = {}
    for factor, levels in codes.factors.items():
        blocks = codes.blocks(factor)
        every: Pairs = []
        for reference, level in combinations(levels, 2):
            pairs = [(block[reference], block[level]) for block in blocks if {reference, level} <= set(block)]
            every += pairs
            found[factor, level, reference] = pairs
        found[factor, ANY, ""] = every
    return found


def _row(
    codes: Codes,
    score: Array,
    key: Key,
    pairs: Pairs,
    scored: _Chosen,
    *,
    difference: _Difference | None,
    resamples: int,
    seed: int,
) -> dict[str, object]:
    row: dict[str, object] = {"n_pairs": 0, "n_units": 0}
    if not codes.coded.any():
        return row | {"note": NO_CODES}
    notes = []
    name = "/".join(key)
    used = _chosen(codes.has_label, codes, pairs)
    if not codes.labelled:
        notes.append(NO_LABELS)
    elif used.pairs and used.units.size:
        stream = f"{codes.name}/flips/{name}"
        rate = flip_rate(codes.label[used.units], used.pairs, resamples=resamples, seed=seed, name=stream)
        row |= {"flip_rate": rate.value, "ci_low": rate.ci_low, "ci_high": rate.ci_high, "n_units": rate.n}
        row["n_pairs"] = rate.n * len(used.pairs) * codes.label.shape[2]
        notes += [used.note, ONE_UNIT if rate.n == 1 else ""]
    else:
        notes.append(used.note)
    if not codes.labelled:
        notes.append(scored.note)
    if not np.isfinite(score).any():
        notes.append("changes are not defined: the labels have no values")
    elif scored.pairs and scored.units.size:
        stream = f"{codes.name}/changes/{name}"
        draws = 0 if key[1] == ANY else resamples
        mean, absolute = changes(score[scored.units], scored.pairs, resamples=draws, seed=seed, name=stream)
        row["mean_absolute_change"] = absolute
        if key[1] != ANY:
            row |= {"mean_change": mean.value, "mean_change_ci_low": mean.ci_low}
            row |= {"mean_change_ci_high": mean.ci_high}
            notes.append(ONE_UNIT if mean.n == 1 else "")
        if not codes.labelled:
            row |= {"n_pairs": len(scored.units) * len(scored.pairs), "n_units": len(scored.units)}
        if codes.criterion.note:
            # Of the row 'any' too, so that a page says once what all rows note.
            notes.append(f"no difference of r: {codes.criterion.note}")
    if difference is not None:
        found = difference.estimate
        row |= {"r_difference": found.value, "r_difference_ci_low": found.ci_low}
        row |= {"r_difference_ci_high": found.ci_high}
        notes.append(difference.note)
    return row | {"note": joined(notes)}


@dataclass(frozen=True)
class _Chosen:
    """The pairs of cells that have codes, and the units that are coded in all of them."""

    units: Array
    pairs: Pairs
    note: str


@dataclass(frozen=True)
class _Difference:
    """The difference of r between two levels, and why something is missing."""

    estimate: Estimate
    note: str


def _differences(
    codes: Codes, judged: Outcomes, scored: Mapping[Key, _Chosen], *, resamples: int, seed: int
) -> dict[Key, _Difference]:
    """The difference of r of every pair of levels whose scores can be compared with a criterion's.

    Pairs of levels that stand on the same units share one bootstrap; without holes in the codes there is one.
    """
    if codes.criterion.note:
        return {}
    on_units: dict[bytes, list[Key]] = {}
    for key, chosen in scored.items():
        if key[1] != ANY and chosen.pairs and chosen.units.size:
            on_units.setdefault(chosen.units.tobytes(), []).append(key)
    found: dict[Key, _Difference] = {}
    for keys in on_units.values():
        units = scored[keys[0]].units
        compared = compare(codes, judged, units)
        statistics, defined = {}, {}
        for key in keys:
            defined[key] = [pair for pair in scored[key].pairs if np.isfinite(compared.r[list(pair)]).all()]
            first, second = _sides(defined[key])
            statistics["/".join(key)] = difference_of_r(second, first)
        estimates = compared.estimates(statistics, resamples=resamples, seed=seed)
        known = bool(np.isfinite(codes.criterion.score[units]).any())
        for key in keys:
            estimate, n = estimates["/".join(key)], len(scored[key].pairs)
            reason = _why(codes.criterion.name, estimate, n, n - len(defined[key]), known=known)
            found[key] = _Difference(estimate, reason)
    return found


def _why(criterion: str, estimate: Estimate, n: int, lost: int, *, known: bool) -> str:
    if not known:
        return f"no difference of r: no text of the comparison has a score by '{criterion}'"
    if not np.isfinite(estimate.value):
        return "no difference of r: the scores or the criterion do not vary"
    notes = [f"r is undefined in {lost} of {n} pairs of cells, whose scores do not vary" if lost else ""]
    if not np.isfinite(estimate.ci_low):
        notes.append("no interval of the difference of r: r is undefined in too many resamples")
    return joined(notes)


def _chosen(there: Array, codes: Codes, pairs: Pairs) -> _Chosen:
    filled = np.asarray(there.any(axis=0))
    kept = [pair for pair in pairs if filled[list(pair)].all()]
    if not kept:
        return _Chosen(np.zeros(0, dtype=int), [], NO_PAIR)
    used = complete(there, list(codes.cells.index), np.array(kept).ravel())
    lost = len(pairs) - len(kept)
    notes = [f"{lost} of {len(pairs)} pairs of cells are left out, where one has no codes" if lost else ""]
    if not used.units.size:
        notes.append("no unit has a code in all cells of the comparison")
    return _Chosen(used.units, kept, joined([*notes, used.note]))


def _sides(pairs: Sequence[tuple[int, int]]) -> tuple[Array, Array]:
    both = np.array(pairs, dtype=int).reshape(-1, 2)
    return both[:, 0], both[:, 1]
