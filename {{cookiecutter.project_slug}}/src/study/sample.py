"""The random sample of texts that costly coders code.

Each text has a fixed place in a line that its id and the seed decide; a stratum's sample are the first n in
line. So the sample does not depend on the order of rows, a larger n keeps the smaller sample, and added texts
displace at most as many as they are.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.coded import read_columns
from study.errors import StudyError

EVERYTHING = "all"
"""Draw every text; also the name of the one stratum of an unstratified sample."""

NOT_DRAWN_BY = ("text", "text_sha256", "start", "end")
"""Columns of the units whose values are no strata."""

MISSING = "(missing)"
"""The stratum of texts without the covariate."""


def place_in_line(unit_id: str, seed: int) -> str:
    """Return the sha256 of seed and id: as good as random, and the same for ever."""
    return hashlib.sha256(f"{seed}|{unit_id}".encode()).hexdigest()


def draw(units: pd.DataFrame, sample: str | Mapping[str, Any]) -> pd.DataFrame:
    """Draw a sample.

    Parameters
    ----------
    units
        unit_id and the covariates.
    sample
        'all', or n (texts from each stratum), by (a covariate or several, whose values are the strata; None
        for one stratum) and seed.

    Returns
    -------
    DataFrame
        unit_id, stratum and probability (of being drawn: n/N in a stratum of N texts, 1 where N is at most
        n), sorted by unit_id.

    Raises
    ------
    StudyError
        There is no such covariate, or n is no positive number.
    """
    if isinstance(sample, str):
        if sample != EVERYTHING:
            raise StudyError(
                "A sample is the word all, or has the keys n, by and seed.",
                file="config/study.yaml",
                key="sample",
                found=sample,
                allowed=[EVERYTHING],
            )
        everything = units[["unit_id"]].assign(stratum=EVERYTHING, probability=1.0)
        return everything.sort_values("unit_id", ignore_index=True)
    n, seed = sample.get("n"), sample.get("seed", 1)
    if not isinstance(n, int) or isinstance(n, bool) or n < 1:
        raise StudyError(
            "The size of a sample is a whole number, at least 1.",
            file="config/study.yaml",
            key="sample.n",
            found=n,
        )
    lined_up = units[["unit_id"]].assign(
        stratum=_strata(units, sample.get("by")), place=[place_in_line(u, seed) for u in units["unit_id"]]
    )
    lined_up = lined_up.sort_values(["place", "unit_id"], kind="stable")
    strata = lined_up.groupby("stratum", observed=True)["place"]
    drawn = lined_up[strata.cumcount() < n].copy()
    sizes = strata.size()
    drawn["probability"] = [min(1.0, n / sizes[stratum]) for stratum in drawn["stratum"]]
    return drawn[["unit_id", "stratum", "probability"]].sort_values("unit_id", ignore_index=True)


def is_drawn(units: pd.Series, drawn: pd.Series | Sequence[str]) -> np.ndarray:
    """Return whether each id is among those that were drawn; of millions `isin` takes ten times as long."""
    return np.asarray(pd.Index(pd.Series(drawn, dtype=units.dtype).unique()).get_indexer(units) >= 0)


def small_strata(units: pd.DataFrame, sample: str | Mapping[str, Any]) -> dict[str, int]:
    """Return the strata that hold fewer texts than were asked for, and how many they hold."""
    if isinstance(sample, str):
        return {}
    sizes = _strata(units, sample.get("by")).value_counts()
    return {str(stratum): int(size) for stratum, size in sorted(sizes.items()) if size < sample["n"]}


def _strata(units: pd.DataFrame, by: str | Sequence[str] | None) -> pd.Series:
    if not by:
        return pd.Series(EVERYTHING, index=units.index)
    columns = [by] if isinstance(by, str) else list(by)
    for column in columns:
        if column not in units or column in NOT_DRAWN_BY:
            raise StudyError(
                "There is no such covariate to draw by.",
                file="config/study.yaml",
                key="sample.by",
                found=column,
                allowed=[c for c in units if c not in ("unit_id", *NOT_DRAWN_BY)],
            )
    labels = [
        units[column].astype(object).where(units[column].notna(), MISSING).map(str) for column in columns
    ]
    return pd.Series([" / ".join(parts) for parts in zip(*labels, strict=True)], index=units.index)


def main(units_file: Path, sample: dict, sample_file: Path) -> None:  # type: ignore[type-arg]
    """Draw the sample; say which strata are smaller than it should be."""
    units = read_columns(units_file, lambda name: name not in NOT_DRAWN_BY)
    draw(units, sample).to_csv(sample_file, index=False, lineterminator="\n")
    for stratum, size in small_strata(units, sample).items():
        print(f"Stratum '{stratum}' has {size} texts, not {sample['n']}: all are drawn.", file=sys.stderr)


if __name__ == "__main__":
    from study.job import run

    run(main)
