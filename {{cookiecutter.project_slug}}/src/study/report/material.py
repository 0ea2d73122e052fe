"""What pages are made of: the configuration, the tables, the texts' facts, the codings, the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from study.codebook import Codebook
from study.config.names import ANALYSIS_TABLE, FIXED_TABLES, role
from study.instrument import Instrument

_FIGURES = {
    "n", "n_units", "n_ratings", "estimate", "std_error", "ci_low", "ci_high", "pearson_r", "spearman_rho",
    "spearman_ci_low", "spearman_ci_high", "precision", "recall", "f1", "accuracy", "r_measure", "r_other",
    "difference", "df", "p_value", "p_adjusted", "bin_low", "bin_high", "mean_probability", "observed_share",
    "ece", "brier", "r2_full", "r2_reduced", "incremental_r2", "n_gold", "effective_n", "power", "kappa",
    "percent_agreement", "alpha", "coded", "not_codable", "missing", "share_not_codable", "share_missing",
    "epsilon", "n_humans", "n_items", "winning_rate", "advantage_probability", "human_advantage",
    "annotator_advantage", "mean_error", "df_residual", "terms", "n_criterion_units", "bias", "reliability",
    "corrected_r", "corrected_ci_low", "corrected_ci_high", "r", "met", "comparisons", "value",
    "brier_change", "effect", "n_for_power", "n_repeats", "lowest", "highest", "cell", "n_coded",
    "n_compared",
    "mean_score", "valid_mass", "accuracy_ci_low", "accuracy_ci_high", "n_cells", "difference_ci_low",
    "difference_ci_high", "sum_of_squares", "share", "n_pairs", "flip_rate", "mean_change",
    "mean_change_ci_low", "mean_change_ci_high", "mean_absolute_change", "r_difference",
    "r_difference_ci_low", "r_difference_ci_high", "n_codes", "n_labels", "position", "share_chosen",
    "probability_ci_low", "probability_ci_high", "expected", "n_specifications", "n_estimated",
    "gold_estimate", "gold_ci_low", "gold_ci_high", "median", "share_sign_flip",
    "share_significance_flip", "share_type_i", "share_type_ii", "share_type_s", "share_covering_gold",
    "specification", "n_responses", "n_failed", "n_requests", "tokens_read", "tokens_written",
    "tokens_unknown", "money", "seconds", "seconds_a_response", "fingerprints",
}  # fmt: skip
"""Columns of numbers; 'statistic' holds names in the tables of reliability and numbers elsewhere."""


_STATISTIC_IS_A_NAME = ("reliability", "coder_agreement", "repeated_codes", "experiment_stability")


@dataclass(frozen=True)
class Material:
    """Everything that a page may show.

    Attributes
    ----------
    study
        The checked sections of config/study.yaml.
    codebooks
        By construct.
    tables
        By name, with the columns of `study.config.names` even where they are empty.
    analyses
        The tables of the analyses, by name.
    units, sample, measures, codings
        As their rules wrote them; codings by coder, without large columns that no page reads. `units` has
        the text.
    instruments
        One for each language model and codebook file.
    figures
        Content of the PNG files by name, without .png.
    versions
        Versions of the packages that made the tables.
    imports
        What was imported from other studies, as `study.imported` has it.
    frozen
        What was frozen, oldest first, as `study.gold.frozen` reads it.
    """

    study: Mapping[str, Any]
    codebooks: Mapping[str, Codebook]
    tables: Mapping[str, pd.DataFrame]
    analyses: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    units: pd.DataFrame = field(default_factory=pd.DataFrame)
    sample: pd.DataFrame = field(default_factory=pd.DataFrame)
    measures: pd.DataFrame = field(default_factory=pd.DataFrame)
    codings: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    instruments: Sequence[Instrument] = ()
    figures: Mapping[str, bytes] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    imports: Sequence[Mapping[str, str]] = ()
    frozen: Sequence[Mapping[str, Any]] = ()

    @property
    def criterion(self) -> str:
        """The coder that others are compared with; empty where there is none."""
        return self.study["compare"]["criterion"] or ""

    def coders(self, kind: str) -> list[str]:
        """Return the names of the coders of one type, in the configuration's order.

        A coder whose codes were made elsewhere counts as what made them.
        """
        return [name for name, coder in self.study["coders"].items() if role(coder) == kind]

    def given(self, kind: str) -> list[str]:
        """Return those whose codes were made elsewhere: there is no prompt, no single rating."""
        return [name for name in self.coders(kind) if self.study["coders"][name]["type"] == "given"]

    @property
    def has_texts(self) -> bool:
        """Whether the texts are at hand; where they are not, all of them are empty."""
        return bool((self.units["text"] != "").any())

    def subset(self, construct: str) -> str:
        """Return the subset that the pages speak of: 'sample', where all coders stand on the same texts."""
        rows = self.tables["agreement"]
        own = rows[(rows["construct"] == construct) & (rows["n"] > 0)]
        return "sample" if "sample" in set(own["subset"]) else "all"

    def rows(self, table: str, construct: str, **cells: str) -> pd.DataFrame:
        """Return the rows of a table with these cells, in the subset that the pages speak of."""
        found = self.tables[table]
        wanted = {"construct": construct, "subset": self.subset(construct)} | cells
        for column, value in wanted.items():
            found = found[found[column] == value]
        return found

    @property
    def constructs(self) -> list[str]:
        """The constructs, in order."""
        return list(self.codebooks)


def read_table(file: Path) -> pd.DataFrame:
    """Read a table of results; a domain may be named 'NA', so only an empty cell of a number is missing."""
    found = pd.read_csv(file, dtype=str, keep_default_na=False)
    numbers = _FIGURES if file.stem in _STATISTIC_IS_A_NAME else _FIGURES | {"statistic"}
    for column in numbers & set(found.columns):
        found[column] = pd.to_numeric(found[column], errors="coerce").astype(float)
    return found


def empty_table(name: str) -> pd.DataFrame:
    """Return a table without rows, with the columns that `study.config.names` gives it."""
    columns = FIXED_TABLES.get(name, ANALYSIS_TABLE)
    return pd.DataFrame({c: pd.Series(dtype=float if c in _FIGURES else object) for c in columns})


def tables(files: Sequence[Path]) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """Return the fixed tables and those of the analyses; a fixed table that is not given is empty."""
    read = {file.stem: read_table(file) for file in files}
    fixed = {name: read.get(name, empty_table(name)) for name in FIXED_TABLES}
    return fixed, {name: table for name, table in read.items() if name not in FIXED_TABLES}
