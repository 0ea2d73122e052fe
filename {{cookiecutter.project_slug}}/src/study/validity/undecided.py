"""Units that people have rated and that have no criterion, because they could not agree (a tie).

Validity cannot be judged there, but how well people agree must be: without the units on which they disagreed
most, they would seem to agree better than they do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from study.validity.subsets import POOLED, SAMPLE, Subset, subsets


def subsets_with_undecided(
    measures: pd.DataFrame,
    coders: Mapping[str, Mapping[str, str]],
    *,
    criterion: str | None,
    by: str | None,
) -> Iterator[tuple[Subset, pd.DataFrame]]:
    """Yield every subset of `subsets.subsets`, and its units with those of its domain without a criterion.

    Parameters are those of `subsets.subsets`. In the subset 'sample' the further units are sampled ones.
    """
    found = list(subsets(measures, coders, criterion=criterion, by=by))
    if "pilot" in measures:
        measures = measures[~measures["pilot"].astype(bool)]
    with_criterion = {
        each.construct: set(each.units["unit_id"])
        for each in found
        if each.domain == POOLED and each.subset == POOLED
    }
    for each in found:
        own = set(each.units["unit_id"])
        kept = measures["unit_id"].isin(own)
        further = ~measures["unit_id"].isin(with_criterion[each.construct])
        if each.subset == SAMPLE:
            further &= measures["sample"].astype(bool)
        if by is not None and each.domain != POOLED:
            further &= measures[by].astype(str) == each.domain
        yield each, measures[kept | further]
