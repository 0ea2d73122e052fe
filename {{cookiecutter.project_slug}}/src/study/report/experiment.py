"""The rows that the laboratory's tables have of one experiment, as figures and sentences read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from study.report import factors
from study.report.words import known

TABLES = ("cells", "levels", "effects", "variance", "flips", "stability", "positions")
"""Named experiment_cells and so on in results/tables."""
ANY = "any"
"""What the table of flips calls all pairs of a factor's levels together."""
_WORDS = {
    "experiment", "construct", "wording", "label_order", "rationale", "examples", "temperature", "seed",
    "model", "quantisation", "sparsity", "surface", "criterion", "note", "factor", "level", "reference",
    "outcome", "correction", "family", "method", "source", "kind", "factor_level",
}  # fmt: skip
"""Columns of words; all others are numbers, but for the names of statistics in the table of stability."""


@dataclass(frozen=True)
class Experiment:
    """One experiment.

    Attributes
    ----------
    name
        In the configuration.
    settings
        Its section of the configuration, written out.
    tables
        Its rows by the names of `TABLES`; numbers are numbers, and levels are spelt as `factors.canonical`.
    """

    name: str
    settings: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]

    @property
    def factors(self) -> Mapping[str, Sequence[object]]:
        """The factors, each with its levels."""
        found: Mapping[str, Sequence[object]] = self.settings["factors"]
        return found

    @property
    def varied(self) -> list[str]:
        """The factors with more than one level."""
        return factors.varied(self.factors)

    @property
    def constructs(self) -> list[str]:
        """The constructs that were coded, in order."""
        return list(dict.fromkeys(str(name) for name in self.tables["cells"]["construct"]))

    @property
    def criterion(self) -> str:
        """The coder that the codes are compared with; empty without one."""
        return next((str(name) for name in self.tables["cells"]["criterion"] if name), "")

    def levels(self, factor: str) -> list[str]:
        """Return a factor's levels in the order in which they are shown."""
        return factors.levels(factor, self.factors[factor])

    def rows(self, table: str, construct: str, **cells: str) -> pd.DataFrame:
        """Return the rows of a table with these cells."""
        found = self.tables[table]
        for column, value in {"construct": construct, **cells}.items():
            found = found[found[column] == value]
        return found

    def row(self, table: str, construct: str, **cells: str) -> pd.Series | None:
        """Return the first row of a table with these cells, or None."""
        found = self.rows(table, construct, **cells)
        return None if found.empty else found.iloc[0]

    def by_level(self, table: str, construct: str, factor: str, **cells: str) -> dict[str, dict[str, Any]]:
        """Return a factor's rows by level, in the order in which levels are shown."""
        rows = self.rows(table, construct, factor=factor, **cells)
        found = {str(row["level"]): dict(row) for _, row in rows.iterrows()}
        return {level: found[level] for level in self.levels(factor) if level in found}

    def flips(self, construct: str, factor: str, level: str, reference: str) -> pd.Series | None:
        """Return the row of a pair of levels, whichever of them the table calls the reference.

        Changes of scores are those from `reference` to `level`.
        """
        row = self.row("flips", construct, factor=factor, level=level, reference=reference)
        if row is not None:
            return row
        row = self.row("flips", construct, factor=factor, level=reference, reference=level)
        return None if row is None else _turned(row, level, reference)

    def size(self, construct: str) -> int:
        """Return the number of texts."""
        n = [int(value) for value in self.rows("cells", construct)["n"] if known(value)]
        return max(n, default=0)


def of(tables: Mapping[str, pd.DataFrame], name: str, settings: Mapping[str, Any]) -> Experiment:
    """Return one experiment's part of the tables.

    Parameters
    ----------
    tables
        By their names in results/tables; a table that is not there, or has no rows, counts as empty.
    settings
        The experiment's section of the configuration, written out.
    """
    return Experiment(name, settings, {kind: _own(tables, kind, name) for kind in TABLES})


def there(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the rows that have a finite number in a column."""
    kept = pd.Series([known(value) for value in rows[column]], index=rows.index, dtype=bool)
    return rows[kept]


def read(file: Path) -> pd.DataFrame:
    """Read a table; every cell is text until `of` takes it up, so that a level may be called 'NA'."""
    return pd.read_csv(file, dtype=str, keep_default_na=False)


def _own(tables: Mapping[str, pd.DataFrame], kind: str, name: str) -> pd.DataFrame:
    table = tables.get(f"experiment_{kind}", pd.DataFrame())
    if table.empty:
        return pd.DataFrame(columns=_EXPECTED[kind])
    found = table[table["experiment"] == name].copy()
    words = _WORDS | ({"statistic"} if kind == "stability" else set())
    for column in found:
        if column not in words:
            found[column] = pd.to_numeric(found[column], errors="coerce").astype(float)
    if "factor" in found:
        for column in ("level", "reference"):
            if column in found and kind != "stability":
                pairs = zip(found["factor"], found[column], strict=True)
                found[column] = [factors.canonical(factor, level) for factor, level in pairs]
    for factor in factors.NAMES:
        if factor in found:
            found[factor] = [factors.canonical(factor, level) for level in found[factor]]
    return found.reset_index(drop=True)


_TURNED = (
    ("mean_change_ci_low", "mean_change_ci_high"),
    ("r_difference_ci_low", "r_difference_ci_high"),
)


def _turned(row: pd.Series, level: str, reference: str) -> pd.Series:
    """Return a pair of levels the other way round."""
    turned = row.copy()
    turned["level"], turned["reference"] = level, reference
    for column in ("mean_change", "r_difference"):
        if column in row:
            turned[column] = -row[column]
    for low, high in _TURNED:
        if low in row:
            turned[low], turned[high] = -row[high], -row[low]
    return turned


_EXPECTED = {
    "cells": ["experiment", "construct", "cell", "criterion", "n", "n_coded", "valid_mass", *factors.NAMES],
    "levels": ["experiment", "construct", "factor", "level", "reference", "criterion", "n_cells", "n_units",
               "mean_score", "valid_mass", "accuracy", "accuracy_ci_low", "accuracy_ci_high",
               "pearson_r", "ci_low", "ci_high", "difference",
               "difference_ci_low", "difference_ci_high", "ece", "brier", "note"],
    "effects": ["experiment", "construct", "outcome", "factor", "level", "estimate", "ci_low", "ci_high",
                "p_value", "p_adjusted"],
    "variance": ["experiment", "construct", "outcome", "source", "share", "ci_low", "ci_high"],
    "flips": ["experiment", "construct", "factor", "level", "reference", "n_pairs", "n_units", "flip_rate",
              "ci_low", "ci_high", "mean_change", "mean_change_ci_low", "mean_change_ci_high",
              "mean_absolute_change", "r_difference", "r_difference_ci_low", "r_difference_ci_high", "note"],
    "stability": ["experiment", "construct", "kind", "factor", "factor_level", "statistic", "level",
                  "n_units", "n_codes", "estimate", "ci_low", "ci_high", "note"],
    "positions": ["experiment", "construct", "position", "n_labels", "n", "share_chosen", "ci_low", "ci_high",
                  "mean_probability", "probability_ci_low", "probability_ci_high", "expected", "note"],
}  # fmt: skip
"""The columns that are read here, for tables without rows."""
