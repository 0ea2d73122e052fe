"""Only those columns are read that are asked for."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from study.coded import of_distributions, read_codings, read_columns

TABLE = pd.DataFrame(
    {
        "unit_id": ["a"],
        "construct": ["tone"],
        "text_sha256": ["0"],
        "status": ["ok"],
        "p_good": [0.5],
        "raw_p_good": [0.4],
        "valid_mass": [0.9],
    }
)


def test_columns_keep_the_order_of_the_file(tmp_path: Path) -> None:
    TABLE.to_parquet(tmp_path / "llm.parquet")
    found = read_columns(tmp_path / "llm.parquet", {"status", "unit_id", "absent"}.__contains__)
    assert found.equals(TABLE[["unit_id", "status"]])


def test_the_probabilities_of_every_coder(tmp_path: Path) -> None:
    for name in ("llm", "wordlist"):
        TABLE.drop(columns=[] if name == "llm" else ["p_good"]).to_parquet(tmp_path / f"{name}.parquet")
    found = read_codings([tmp_path / "llm.parquet", tmp_path / "wordlist.parquet"], of_distributions)
    assert {name: list(table) for name, table in found.items()} == {
        "llm": ["unit_id", "construct", "status", "p_good", "valid_mass"],
        "wordlist": ["unit_id", "construct", "status", "valid_mass"],
    }
