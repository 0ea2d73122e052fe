"""One experiment's rows of the tables."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from library import laboratory_tables as made
from study.experiment.tables import COLUMNS
from study.report import experiment as experiments_


def test_every_column_that_is_read_is_one_of_the_tables() -> None:
    assert set(experiments_.TABLES) == set(COLUMNS)
    for kind, columns in experiments_._EXPECTED.items():
        assert set(columns) <= set(COLUMNS[kind]), kind


def test_tables_written_by_hand_have_the_columns_of_real_ones() -> None:
    for kind, table in made.orders().tables.items():
        assert set(table.columns) == set(COLUMNS[kind]), kind


def test_rows_of_other_experiments_are_left_out(tmp_path: Path) -> None:
    both = pd.concat([pd.DataFrame([made.cell(1), made.cell(2)]), pd.DataFrame([made.cell(1)])])
    both["experiment"] = ["trial", "trial", "other"]
    both.to_csv(tmp_path / "experiment_cells.csv", index=False)
    tables = {"experiment_cells": experiments_.read(tmp_path / "experiment_cells.csv")}
    found = experiments_.of(tables, "trial", made.settings({"sparsity": [0, 0.5]}))
    assert list(found.tables["cells"]["cell"]) == [1, 2]
    assert found.size("tone") == 60
    assert found.criterion == "people"
    assert found.tables["flips"].empty


def test_a_level_may_be_called_na(tmp_path: Path) -> None:
    pd.DataFrame([made.flip("wording", ("NA", "main"), 0.2, 0.1, 0.3)]).to_csv(
        tmp_path / "flips.csv", index=False
    )
    tables = {"experiment_flips": experiments_.read(tmp_path / "flips.csv")}
    found = experiments_.of(tables, "trial", made.settings({"wording": ["main", "NA"]}))
    row = found.flips("tone", "wording", "NA", "main")
    assert row is not None
    assert row["flip_rate"] == 0.2


def test_a_pair_is_found_from_both_sides() -> None:
    rows = [made.flip("rationale", ("after", "before"), 0.2, 0.1, 0.3, mean_change=0.4)]
    found = made.trial({"rationale": ["none", "before", "after"]}, flips=rows)
    there, turned = (
        found.flips("tone", "rationale", *pair) for pair in (("after", "before"), ("before", "after"))
    )
    assert there is not None
    assert turned is not None
    assert (there["mean_change"], turned["mean_change"]) == (0.4, -0.4)
    assert there["flip_rate"] == turned["flip_rate"] == 0.2
    assert found.flips("tone", "rationale", "before", "none") is None
