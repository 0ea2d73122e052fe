"""Read and write the tables of results so that the same figures give the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

FLOAT_FORMAT = "%.10g"
"""Ten digits: more than any figure carries, fewer than the noise of a sum's order."""


def table(rows: Sequence[dict[str, object]], columns: Sequence[str], keys: Sequence[str]) -> pd.DataFrame:
    """Return rows as a table with exactly these columns, sorted by its keys; empty is a table too."""
    return pd.DataFrame(list(rows), columns=list(columns)).sort_values(list(keys), ignore_index=True)


def write_table(frame: pd.DataFrame, file: Path) -> None:
    """Write a table of results as CSV (UTF-8, line feeds, missing values empty)."""
    file.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(file, index=False, float_format=FLOAT_FORMAT, lineterminator="\n")


def read_table(file: Path, numbers: Sequence[str]) -> pd.DataFrame:
    """Read a table that `write_table` wrote; columns that are not named as numbers are words."""
    words = pd.read_csv(file, dtype=str, keep_default_na=False)
    return words.assign(**{column: pd.to_numeric(words[column]) for column in numbers})
