"""Sealing: people's codes of the units that count are read only once it is fixed what they shall tell.

Until config/frozen.json exists, a sealed unit has no rating, no label and no score in any file of the study;
that it was coded is all that can be seen. The sheets themselves stay where they are: the seal keeps results
from being looked at on the way, it does not hide a file from who opens it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from study.coders import codings as of_coder
from study.errors import StudyError
from study.gold import frozen as record
from study.gold import parts

SEALED = "sealed"
"""The status of a unit that was coded, and whose code is not read yet."""

_Ratings = TypeVar("_Ratings")


def sealed_units(sample: pd.DataFrame, frozen: Collection[Any]) -> set[str]:
    """Return the units whose human codes must not be read: those to evaluate, before the study is frozen.

    Parameters
    ----------
    sample
        data/gold/sample.csv: unit_id and part.
    frozen
        The entries of config/frozen.json; empty where the study is not frozen.

    Raises
    ------
    StudyError
        No gold sample was drawn: what is to be sealed is not known.
    """
    if frozen:
        return set()
    if sample.empty:
        raise StudyError(
            "Only a gold sample that is drawn here can be sealed.",
            file="config/study.yaml",
            key="gold.seal",
            found=True,
            hint="Say under gold.draw how it is drawn.",
        )
    return parts.units_of(sample, parts.EVALUATE)


def read_sealed(sample_file: Path, frozen_file: Path) -> set[str]:
    """Return `sealed_units` of the study's files."""
    return sealed_units(parts.read(sample_file), record.read(frozen_file))


def open_ratings(ratings: Mapping[str, _Ratings], sealed: Collection[str]) -> dict[str, _Ratings]:
    """Return the ratings of the units that are not sealed, in their order."""
    hidden = set(sealed)
    return {unit: found for unit, found in ratings.items() if unit not in hidden}


def masked(
    codings: pd.DataFrame,
    sealed: Collection[str],
    n_ratings: Mapping[str, int],
    *,
    construct: str,
    coder: str,
) -> pd.DataFrame:
    """Return one construct's codings by one human coder, the sealed units as such among them.

    Parameters
    ----------
    codings
        As `study.coders.codings` gives them; may have no rows.
    sealed
        Ids of the sealed units; those that nobody coded get no row.
    n_ratings
        How often each unit was coded.

    Returns
    -------
    DataFrame
        Sealed units have the status 'sealed', no label, no score and no other figure but the number of
        ratings. Sorted by unit_id.
    """
    there = set(codings["unit_id"])
    hidden = sorted(unit for unit in set(sealed) if n_ratings.get(unit, 0) > 0 or unit in there)
    if not hidden:
        return codings
    rows = of_coder(
        hidden,
        construct=construct,
        coder=coder,
        status=[SEALED] * len(hidden),
        score=[math.nan] * len(hidden),
        counts={"n_ratings": [n_ratings.get(unit, 0) for unit in hidden]},
    )
    shown = codings[~codings["unit_id"].isin(hidden)]
    table = pd.concat([shown, rows], ignore_index=True) if len(shown) else rows
    return table.sort_values("unit_id", ignore_index=True)
