"""A file written in parts is the file that would have been written at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from study import parquet_parts
from study.parquet_parts import ParquetParts


def table(n: int, seed: int = 1) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    names = pd.Series([f"u{i}" for i in random.integers(0, 50, n)], dtype="str")
    return pd.DataFrame(
        {
            "unit_id": names,
            "construct": "tone",
            "score": np.where(random.random(n) < 0.3, np.nan, random.random(n)),
            "n": random.integers(0, 9, n),
            "label": names.where(names < "u3"),
            "count": pd.arrays.IntegerArray(random.integers(0, 9, n), random.random(n) < 0.5),
        }
    )


def write(path: Path, whole: pd.DataFrame, ends: list[int]) -> bytes:
    with ParquetParts(path) as file:
        for begin, end in zip([0, *ends], [*ends, len(whole)], strict=True):
            file.write(whole.iloc[begin:end])
    return path.read_bytes()


@given(st.integers(0, 60), st.lists(st.integers(0, 60), max_size=6), st.integers(1, 25))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_bytes_are_those_of_the_whole_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n: int, ends: list[int], rows: int
) -> None:
    monkeypatch.setattr(parquet_parts, "ROW_GROUP", rows)
    whole = table(n)
    whole.to_parquet(tmp_path / "once", index=False, row_group_size=rows)
    assert (
        write(tmp_path / "parts", whole, sorted(min(end, n) for end in ends))
        == (tmp_path / "once").read_bytes()
    )


def test_row_groups_are_those_of_pandas(tmp_path: Path) -> None:
    """As many rows as pandas itself keeps together, and some more."""
    whole = pd.DataFrame({"n": np.arange(parquet_parts.ROW_GROUP + 5) // 7})
    whole.to_parquet(tmp_path / "once", index=False)
    ends = [100_000, parquet_parts.ROW_GROUP, parquet_parts.ROW_GROUP + 1]
    assert write(tmp_path / "parts", whole, ends) == (tmp_path / "once").read_bytes()


def test_a_part_with_other_columns_is_refused(tmp_path: Path) -> None:
    def two_tables() -> None:
        with ParquetParts(tmp_path / "parts") as file:
            file.write(table(3))
            file.write(table(3).drop(columns="n"))

    with pytest.raises(ValueError, match=r"[Ss]chema"):
        two_tables()
