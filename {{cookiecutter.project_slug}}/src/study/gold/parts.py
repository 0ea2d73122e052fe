"""The parts of a drawn gold sample, as data/gold/sample.csv has them.

Every unit that could be drawn has a row with its probabilities: corrected estimates need those of all.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

EVALUATE = "evaluate"
"""Units whose human codes count as gold."""
PILOT = "pilot"
"""Units on which codebook and prompts are tried out: they never enter an estimate."""
REST = "rest"
"""Units that could have been drawn, and were not."""

COLUMNS = ["unit_id", "part", "stratum", "probability", "sampling_probability"]


def read(file: Path) -> pd.DataFrame:
    """Return the gold sample: COLUMNS, the probabilities as numbers; no rows where none was drawn."""
    sample = pd.read_csv(file, dtype=str, keep_default_na=False)
    for column in ("probability", "sampling_probability"):
        sample[column] = pd.to_numeric(sample[column]).astype(float)
    return sample


def units_of(sample: pd.DataFrame, part: str) -> set[str]:
    """Return the ids of a part's units."""
    return set(sample.loc[sample["part"] == part, "unit_id"])
