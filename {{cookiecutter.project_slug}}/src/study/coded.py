"""Tables as far as a program needs them: all columns of the codings of a million texts fill the memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
from pyarrow import parquet


def read_columns(file: Path, wanted: Callable[[str], bool]) -> pd.DataFrame:
    """Read those columns of a Parquet file that are `wanted` by their name, in the order of the file."""
    return pd.read_parquet(file, columns=[name for name in parquet.read_schema(file).names if wanted(name)])


def read_codings(files: Sequence[Path], wanted: Callable[[str], bool]) -> dict[str, pd.DataFrame]:
    """Read some columns of every coder's codings: {coder: its table}; a file's name is the coder's."""
    return {file.stem: read_columns(file, wanted) for file in files}


def of_distributions(name: str) -> bool:
    """Whether a column says how probable labels are, of which unit and construct, and if it was coded."""
    return name in ("unit_id", "construct", "status", "valid_mass") or name.startswith("p_")
