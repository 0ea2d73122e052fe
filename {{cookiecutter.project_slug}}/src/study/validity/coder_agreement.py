"""How well each coder agrees with the criterion, in labels and in scores, beside how well people do.

Reliability figures of a pair: the coder and the criterion are two raters. The human-human rows stand beside
the others because no measure can be expected to agree with people better than one person does with the rest:
each rater is compared with the majority label, or the mean score, of the unit's *other* ratings. Where raters
are identified a row is the mean over raters, else all ratings are pooled.

Scores are means (over labels' probabilities, or over ratings), so they are compared as numbers, at interval
level; a correlation forgives a different scale and a shift, agreement does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from study.validity import kappa
from study.validity.bootstrap import Array, Estimate, bootstrap_of_sums
from study.validity.common_scale import other_scale
from study.validity.rating_codes import label_codes, rating_codes
from study.validity.reliability import krippendorff_alpha
from study.validity.subsets import Subset, rater_scores, subsets
from study.validity.table import table, write_table
from study.validity.two_way_icc import alpha_of_sums, icc_of_sums, sums_per_unit

COLUMNS = [
    "construct", "domain", "subset", "pair_type", "coder", "other", "statistic", "level", "n", "estimate",
    "ci_low", "ci_high", "note",
]  # fmt: skip
KEYS = ["construct", "domain", "subset", "pair_type", "coder", "other", "statistic", "level"]
LEAST_UNITS = 10
"""Units on which a rater must be compared to have a figure of his or her own."""
MOST_CELLS = 5000
"""Cells of all raters' tables together; with more, ratings are pooled."""
NAN = float("nan")

Statistics = dict[tuple[str, str], Callable[[Array], Array]]
Rows = Iterator[dict[str, object]]


@dataclass(frozen=True)
class _Pairs:
    """Own code and the code it is compared with, one pair a rating; missing ones are left out."""

    unit: Array
    rater: Array
    own: Array
    rest: Array


def coder_agreement_table(
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
    """Tabulate the agreement of every coder with the criterion, and of raters with the other raters.

    Parameters
    ----------
    measures, coders, criterion, by
        See `subsets.subsets`.
    ratings
        The long table of human ratings.
    codebooks
        construct -> {'level': ..., 'values': {label: value}, 'type': ...}.
    identified
        Human coder -> whether a rater's name is one person throughout; without it nobody is.
    resamples, seed
        Of the bootstrap over units.

    Returns
    -------
    One row for each construct, domain, subset, coder and statistic; `n` counts units. Statistics of labels
    are there for coders that give labels. A row without a figure has a note that says why.
    """
    rows: list[dict[str, object]] = []
    options: dict[str, Any] = {"resamples": resamples, "seed": seed}
    for subset in subsets(measures, coders, criterion=criterion, by=by):
        book, kinds = codebooks[subset.construct], coders[subset.construct]
        for coder in subset.measures:
            key = _key(subset, kinds[coder], kinds[subset.criterion], coder)
            if f"{subset.construct}_{coder}_label" in subset.units and book.get("values"):
                rows += [key | row for row in _labels(subset, coder, book, **options)]
            rows += [key | row for row in _scores(subset, coder, kinds[coder], book, **options)]
        if kinds[subset.criterion] == "human":
            key = _key(subset, "human", "human", f"{subset.criterion}_leave_one_out")
            known = bool((identified or {}).get(subset.criterion, False))
            rows += [key | row for row in _humans(subset, ratings, book, identified=known, **options)]
    return table(rows, COLUMNS, KEYS)


def _key(subset: Subset, kind: str, other: str, coder: str) -> dict[str, object]:
    return {**subset.key, "pair_type": f"{kind}-{other}", "coder": coder, "other": subset.criterion}


def _labels(subset: Subset, coder: str, book: Mapping[str, Any], **options: Any) -> Rows:
    """Agreement of the coder's labels with the criterion's."""
    level, values = book["level"], book["values"]
    statistics = label_statistics(level, len(_categories(level, values)))
    own = label_codes(subset.units[f"{subset.construct}_{coder}_label"], level, values)
    column = f"{subset.construct}_{subset.criterion}_label"
    if column not in subset.units or subset.units[column].isna().all():
        note = f"the criterion has no labels on these units, only scores ({subset.criterion})"
        yield from (_row(key, note=note) for key in statistics)
        return
    rest = label_codes(subset.units[column], level, values)
    both = (own.notna() & rest.notna()).to_numpy()
    if not both.any():
        yield from (_row(key, note="no unit has a label of both") for key in statistics)
        return
    categories = pd.Index(_categories(level, values), dtype=object)
    q = len(categories)
    first, second = (categories.get_indexer(pd.Index(codes[both], dtype=object)) for codes in (own, rest))
    known = (first >= 0) & (second >= 0)
    cells, times = np.unique(first[known] * q + second[known], return_counts=True)
    options |= {"times": times, "name": f"{subset.name}/{coder}/labels"}
    found = _bootstrapped(np.eye(q * q)[cells], statistics, (1, q, q), **options)
    shares = np.bincount(np.concatenate([first[known], second[known]]), minlength=q) / (2 * known.sum())
    names = _names(level, values)
    yield from _label_rows(found, str(names[int(shares.argmax())]), float(shares.max()))


def _scores(subset: Subset, coder: str, kind: str, book: Mapping[str, Any], **options: Any) -> Rows:
    """Agreement of the coder's scores with the criterion's, where both are on one scale."""
    statistics = score_statistics(book["level"])
    own, rest = subset.scores(coder), subset.scores(subset.criterion)
    ratio = [] if book.get("type") != "count" or not statistics else [("krippendorff_alpha", "ratio")]
    values = np.column_stack([own.to_numpy(dtype=float), rest.to_numpy(dtype=float)])
    values = values[np.isfinite(values).all(axis=1)]
    labels = f"{subset.construct}_{coder}_label" in subset.units
    note = other_scale(kind, book, own, rest, labels=labels) if len(values) else "no unit has a score of both"
    if note:
        yield from (_row(key, n=len(values), note=note) for key in [*statistics, *ratio])
        return
    name = f"{subset.name}/{coder}"
    found = _bootstrapped(sums_per_unit(values), statistics, (1, 5), name=f"{name}/scores", **options)
    yield from (_row(key, estimate) for key, estimate in found.items())
    for key in ratio:
        if (values < 0).any():
            yield _row(key, n=len(values), note="a ratio scale has no values below zero")
            continue
        unit = np.repeat(np.arange(len(values)), 2)
        estimate = krippendorff_alpha(unit, values.ravel(), level="ratio", name=f"{name}/ratio", **options)
        yield _row(key, estimate)


def _humans(
    subset: Subset, ratings: pd.DataFrame, book: Mapping[str, Any], *, identified: bool, **options: Any
) -> Rows:
    """Agreement of single raters with the other raters of the same unit."""
    rated = ratings[
        (ratings["construct"] == subset.construct)
        & (ratings["coder"] == subset.criterion)
        & (ratings["status"] == "ok")
        & ratings["unit_id"].isin(subset.units["unit_id"])
    ]
    level, values = book["level"], book.get("values") or {}
    name = f"{subset.name}/{subset.criterion}_leave_one_out"
    if values:
        codes = rating_codes(rated, level, values)
        # On a finer scale than the labels' no coder's label can be compared with a rating.
        if set(codes.categories) <= set(_categories(level, values)) and len(codes.categories):
            q = len(codes.categories)
            pairs = _with_majority(rated, codes.values, codes.categories)
            statistics = label_statistics(level, q)
            found, note = _of_raters(pairs, statistics, q, identified, name=f"{name}/labels", **options)
            commonest, share = codes.commonest()
            yield from _label_rows(found, commonest, share, note=note)
    statistics = score_statistics(level)
    if statistics:
        scores = rater_scores(ratings, subset.construct, subset.criterion)
        scores = scores.assign(rater=_raters_of(ratings, subset.construct, subset.criterion))
        scores = scores[scores["unit_id"].isin(subset.units["unit_id"]) & scores["others"].notna()]
        pairs = _Pairs(*(scores[c].to_numpy() for c in ("unit_id", "rater", "value", "others")))
        found, note = _of_raters(pairs, statistics, None, identified, name=f"{name}/scores", **options)
        yield from (_row(key, estimate, note=note) for key, estimate in found.items())


def _raters_of(ratings: pd.DataFrame, construct: str, coder: str) -> Array:
    """The raters of the rows that `rater_scores` returns."""
    usable = (
        (ratings["construct"] == construct)
        & (ratings["coder"] == coder)
        & (ratings["status"] == "ok")
        & ratings["value"].notna()
    )
    return ratings.loc[usable, "rater"].to_numpy()


def _with_majority(rated: pd.DataFrame, values: pd.Series, categories: Sequence[object]) -> _Pairs:
    """Pair each rating with the commonest code of the unit's others; without one where two are as common."""
    given = values.notna().to_numpy()
    own = pd.Index(list(categories), dtype=object).get_indexer(pd.Index(values[given], dtype=object))
    unit, _ = pd.factorize(rated["unit_id"].to_numpy()[given])
    q = len(categories)
    n_units = int(unit.max()) + 1 if unit.size else 0
    others = np.bincount(unit * q + own, minlength=n_units * q).reshape(-1, q)[unit]
    others[np.arange(len(own)), own] -= 1
    most = others.max(axis=1, initial=0)
    decided = (most > 0) & ((others == most[:, None]).sum(axis=1) == 1)
    rater = rated["rater"].to_numpy()[given]
    return _Pairs(unit[decided], rater[decided], own[decided], others.argmax(axis=1)[decided])


def _of_raters(
    pairs: _Pairs, statistics: Statistics, q: int | None, identified: bool, *, name: str, **options: Any
) -> tuple[dict[tuple[str, str], Estimate], str]:
    """Bootstrap units; the mean over raters where there are several that are known, else of all pairs.

    q is the number of labels, None for scores.
    """
    if not pairs.unit.size:
        return {key: Estimate(NAN, NAN, NAN, 0) for key in statistics}, "no unit has two ratings"
    raters, sizes = np.unique(pairs.rater.astype(str), return_counts=True)
    kept = raters[sizes >= LEAST_UNITS]
    width = 5 if q is None else q * q
    if identified and len(kept) > 1 and len(kept) * width <= MOST_CELLS:
        group = pd.Index(kept).get_indexer(pairs.rater.astype(str))
        note = f"mean over {len(kept)} raters, each against the others"
    else:
        group = np.zeros(pairs.unit.size, dtype=int)
        why = "" if identified else ", because raters are not identified"
        note = f"all ratings pooled{why}, each against the others"
    used = group >= 0
    unit, _ = pd.factorize(pairs.unit[used])
    n_units, n_groups = int(unit.max()) + 1, int(group.max()) + 1
    if q is None:
        both = np.column_stack([pairs.own[used], pairs.rest[used]]).astype(float)
        columns = (group[used] * width)[:, None] + np.arange(width)
        place = (np.repeat(unit, width), columns.ravel())
        per_unit = sparse.csr_array((sums_per_unit(both).ravel(), place), shape=(n_units, n_groups * width))
    else:
        cells = group[used] * width + pairs.own[used] * q + pairs.rest[used]
        per_unit = sparse.csr_array((np.ones(used.sum()), (unit, cells)), shape=(n_units, n_groups * width))
    shape = (n_groups, width) if q is None else (n_groups, q, q)
    sums = per_unit.toarray() if n_groups == 1 else per_unit
    return _bootstrapped(sums, statistics, shape, name=name, **options), note


def _bootstrapped(
    per_unit: Any, statistics: Statistics, shape: tuple[int, ...], **options: Any
) -> dict[tuple[str, str], Estimate]:
    """The mean over raters (the first dimension of `shape`) of each statistic."""

    def mean(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
        def over_raters(sums: Array) -> Array:
            each = function(sums.reshape(len(sums), *shape))
            defined = np.isfinite(each)
            total = np.where(defined, each, 0).sum(axis=1)
            n = defined.sum(axis=1)
            return np.where(n > 0, total / np.maximum(n, 1), np.nan)

        return over_raters

    named = {"/".join(key): mean(function) for key, function in statistics.items()}
    found = bootstrap_of_sums(per_unit, named, **options)
    return {key: found["/".join(key)] for key in statistics}


def label_statistics(level: str, q: int) -> Statistics:
    """Return (statistic, level) -> function of tables (own code x other code, ... x q x q)."""
    found: Statistics = {
        ("percent_agreement", "nominal"): kappa.percent_of_tables,
        ("cohens_kappa", "nominal"): lambda t: kappa.kappa_of_tables(t, np.eye(q)),
        ("gwet_ac1", "nominal"): kappa.ac1_of_tables,
        ("krippendorff_alpha", "nominal"): lambda t: kappa.alpha_of_tables(t, "nominal"),
    }
    if level != "nominal":
        found["krippendorff_alpha", "ordinal"] = lambda t: kappa.alpha_of_tables(t, "ordinal")
        for weights in ("linear", "quadratic"):
            W = kappa.agreement_weights(q, weights)
            found[f"cohens_kappa_{weights}", "ordinal"] = lambda t, W=W: kappa.kappa_of_tables(t, W)  # type: ignore[misc]
    return found


def score_statistics(level: str) -> Statistics:
    """Return (statistic, level) -> function of sums of `two_way_icc.sums_per_unit` of two coders."""
    if level == "nominal":
        return {}
    return {
        ("krippendorff_alpha", "interval"): alpha_of_sums(2),
        ("icc_a1", "interval"): icc_of_sums("icc_a1", 2),
    }


def _label_rows(
    found: Mapping[tuple[str, str], Estimate], commonest: str, share: float, *, note: str = ""
) -> Rows:
    percent = found["percent_agreement", "nominal"].value
    ac1 = found["gwet_ac1", "nominal"].value
    for key, estimate in found.items():
        said = ""
        if key in (("cohens_kappa", "nominal"), ("krippendorff_alpha", "nominal")):
            said = kappa.paradox(percent, estimate.value, ac1, commonest, share)
        yield _row(key, estimate, note="; ".join(part for part in (note, said) if part))


def _row(
    key: tuple[str, str], estimate: Estimate | None = None, *, n: int = 0, note: str = ""
) -> dict[str, object]:
    found = estimate or Estimate(NAN, NAN, NAN, n)
    if estimate is not None and estimate.n and not np.isfinite(estimate.value):
        note = "undefined: the codes do not vary"
    return {
        "statistic": key[0],
        "level": key[1],
        "n": found.n,
        "estimate": found.value,
        "ci_low": found.ci_low,
        "ci_high": found.ci_high,
        "note": note,
    }


def _categories(level: str, values: Mapping[str, float | None]) -> list[object]:
    if level == "nominal":
        return list(values)
    return list(_label_of(values))


def _names(level: str, values: Mapping[str, float | None]) -> list[object]:
    """A label for each of the categories."""
    if level == "nominal":
        return list(values)
    return list(_label_of(values).values())


def _label_of(values: Mapping[str, float | None]) -> dict[float, str]:
    """Value -> label, in the order of values."""
    label = {float(value): label for label, value in values.items() if value is not None}
    return dict(sorted(label.items()))


def main(
    *,
    measures_file: Path,
    ratings_file: Path,
    agreement_file: Path,
    annotator_file: Path,
    humans_file: Path,
    coders: dict[str, Any],
    codebooks: dict[str, Any],
    compare: dict[str, Any],
    identified: dict[str, Any],
) -> None:
    """Write the tables of agreement with the criterion and of the alternative annotator test.

    `coders` maps construct to coder to type, `codebooks` construct to its level, its type and its labels'
    values, `identified` human coder to whether its raters are; `compare` is a section of the configuration.
    """
    from study.validity.annotator_tables import alternative_annotator_tables

    measures, ratings = pd.read_parquet(measures_file), pd.read_parquet(ratings_file)
    criterion = compare["criterion"]
    found = coder_agreement_table(
        measures,
        ratings,
        coders,
        codebooks,
        criterion=criterion,
        by=compare.get("by"),
        identified=identified,
        resamples=compare["bootstrap"],
        seed=compare["seed"],
    )
    write_table(found, agreement_file)
    annotators, humans = alternative_annotator_tables(
        measures,
        ratings,
        coders,
        codebooks,
        criterion=criterion,
        identified=identified,
        epsilon=compare.get("epsilon", 0.15),
    )
    write_table(annotators, annotator_file)
    write_table(humans, humans_file)


if __name__ == "__main__":
    from study.job import run

    run(main)
