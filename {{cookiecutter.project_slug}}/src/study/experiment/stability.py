"""How alike the codes of one text are when a prompt is repeated, or put another way (Barrie et al. 2024).

Krippendorff's alpha takes repeats of one prompt for raters (intra-prompt stability), or the levels of one
factor, the other settings alike (inter-prompt stability). Where it can be had at several settings of the
other factors, it is the mean over them. It needs no criterion: codes can be stable and wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import sparse

from study.experiment.grid import NO_CODES, Codes, complete, in_words, joined
from study.validity.bootstrap import Array, Estimate, Statistic, unit_bootstrap
from study.validity.rating_codes import label_codes
from study.validity.reliability import alpha_statistic

COLUMNS = [
    "experiment", "construct", "kind", "factor", "factor_level", "statistic", "level", "n_cells", "n_units",
    "n_codes", "estimate", "ci_low", "ci_high", "note",
]  # fmt: skip
INTRA, INTER, ALPHA = "intra", "inter", "krippendorff_alpha"
GREEDY = "1 by construction: decoding is greedy, so that every repeat says the same"
ONE_REPEAT = "texts were coded once, so that there is nothing to compare"
TEMPERATURE = "temperature"
Raters = list[tuple[int, int]]
"""The cell and the repeat that each rater stands for."""


def experiment_stability(codes: Codes, *, resamples: int = 2000, seed: int = 1) -> pd.DataFrame:
    """Return the stability over repeats, and over the levels of each factor.

    Parameters
    ----------
    codes
        The codes of one construct.
    resamples, seed
        Of the bootstrap over units.

    Returns
    -------
    DataFrame
        `COLUMNS`. Kind 'intra' has one row over all cells and, where the temperature is varied, one row a
        level; 'inter' one row a factor. `level` is the construct's level of measurement, `n_codes` counts the
        codes that are compared.
    """
    options = {"resamples": resamples, "seed": seed}
    rows = [_intra(codes, "", np.arange(len(codes.cells)), **options)]
    if TEMPERATURE in codes.factors:
        rows += [_intra(codes, level, places, **options) for level, places in codes.levels(TEMPERATURE)]
    rows += [_inter(codes, factor, **options) for factor in codes.factors]
    return pd.DataFrame(rows, columns=COLUMNS)


def mean_alpha(
    values: Array, groups: Sequence[Raters], level: str, *, resamples: int, seed: int, name: str
) -> tuple[Estimate, int]:
    """Return the mean of Krippendorff's alpha over groups of raters, with an interval over units.

    Parameters
    ----------
    values
        Units x cells x repeats, without holes in what the groups use: numbers, of nominal labels their
        places.
    groups
        For each alpha, the cell and repeat of every rater (two or more).
    level
        'nominal', 'ordinal' or 'interval'.
    resamples, seed, name
        See `bootstrap.unit_bootstrap`; all alphas of a resample stand on the same units.

    Returns
    -------
    The estimate, over the groups whose codes vary, and how many these are.
    """
    statistics = []
    ones = np.ones((1, len(values)))
    for raters in groups:
        cells, repeats = np.array(raters).T
        statistic = _alpha(values[:, cells, repeats], level)
        if np.isfinite(statistic(ones)[0]):
            statistics.append(statistic)

    def mean(counts: Array) -> Array:
        if not statistics:
            return np.full(len(counts), np.nan)
        return np.mean([statistic(counts) for statistic in statistics], axis=0)

    found = unit_bootstrap(mean, len(values), resamples=resamples, seed=seed, name=name)
    return found, len(statistics)


def _alpha(ratings: Array, level: str) -> Statistic:
    """Alpha of units x raters as a function of how often each unit was drawn."""
    units, raters = ratings.shape
    distinct, columns = np.unique(ratings, return_inverse=True)
    rows = np.repeat(np.arange(units), raters)
    times = sparse.csr_array((np.ones(ratings.size), (rows, columns.ravel())), shape=(units, distinct.size))
    return alpha_statistic(times, distinct, level)


def _intra(codes: Codes, level: str, places: Array, **options: int) -> dict[str, object]:
    row = _key(codes, INTRA) | {"factor": TEMPERATURE if level else "", "factor_level": level}
    greedy = np.array([in_words(TEMPERATURE, t) == "0" for t in codes.cells[TEMPERATURE]])
    drawn = [place for place in places if not greedy[place]]
    repeated = [place for place in drawn if codes.repeats[place] > 1]
    if not codes.coded[:, places].any():
        return row | {"note": NO_CODES}
    if not drawn:
        n = int(codes.coded[:, places].any(axis=1).sum())
        return row | {"n_cells": len(places), "n_units": n, "estimate": 1.0, "note": GREEDY}
    if not repeated:
        return row | {"note": ONE_REPEAT}
    groups = [[(place, repeat) for repeat in range(codes.score.shape[2])] for place in repeated]
    note = "over the cells with a temperature above 0" if len(drawn) < len(places) else ""
    return row | _estimated(codes, groups, f"intra/{level}", note, **options)


def _inter(codes: Codes, factor: str, **options: int) -> dict[str, object]:
    row = _key(codes, INTER) | {"factor": factor, "factor_level": ""}
    if not codes.coded.any():
        return row | {"note": NO_CODES}
    repeats = range(int(codes.repeats.max()))
    blocks = [list(block.values()) for block in codes.blocks(factor) if len(block) > 1]
    groups = [[(place, repeat) for place in block] for block in blocks for repeat in repeats]
    if not groups:
        return row | {"note": "no two cells differ in this factor alone"}
    return row | _estimated(codes, groups, f"inter/{factor}", "", **options)


def _estimated(
    codes: Codes, groups: Sequence[Raters], name: str, note: str, **options: int
) -> dict[str, object]:
    values = _values(codes)
    there = np.asarray(np.isfinite(values).all(axis=2))
    among = np.array([place for raters in groups for place, _ in raters])
    used = complete(there, list(codes.cells.index), among)
    filled = set(used.cells)
    kept = [[rater for rater in raters if rater[0] in filled] for raters in groups]
    kept = [raters for raters in kept if len(raters) > 1]
    n_cells = len({place for raters in kept for place, _ in raters})
    row: dict[str, object] = {"n_cells": n_cells, "n_units": len(used.units), "n_codes": 0}
    if not kept or not used.units.size:
        return row | {"note": joined(["no unit has codes in all cells of the comparison", used.note])}
    own = values[used.units]
    found, n = mean_alpha(own, kept, codes.scale["level"], name=f"{codes.name}/stability/{name}", **options)  # type: ignore[arg-type]
    row["n_codes"] = len(used.units) * sum(len(raters) for raters in kept)
    bounds = {"estimate": found.value, "ci_low": found.ci_low, "ci_high": found.ci_high}
    return row | bounds | {"note": joined([_undefined(found, n, len(kept)), note, used.note])}


def _undefined(found: Estimate, n: int, groups: int) -> str:
    if not n:
        return "alpha is undefined: the codes do not vary"
    if n < groups:
        return f"alpha is undefined in {groups - n} of {groups} settings, where the codes do not vary"
    return "" if np.isfinite(found.ci_low) else "no interval: alpha is undefined in too many resamples"


def _values(codes: Codes) -> Array:
    """The codes as numbers: of labels their places (nominal) or values, else the scores."""
    if not codes.labelled:
        return codes.score
    if codes.scale["level"] == "nominal":
        return np.where(codes.label >= 0, codes.label, np.nan)
    labels = pd.Series(codes.labels, dtype=object)
    of_labels = label_codes(labels, codes.scale["level"], codes.scale["values"]).to_numpy(dtype=float)
    return np.append(of_labels, np.nan)[codes.label]


def _key(codes: Codes, kind: str) -> dict[str, object]:
    own = {"kind": kind, "statistic": ALPHA, "level": codes.scale["level"]}
    return codes.key | own | {"n_cells": 0, "n_units": 0, "n_codes": 0}
