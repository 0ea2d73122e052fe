"""The columns that a study will have, as far as its configuration tells: covariates and measures."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any

from study.config.document import KeyPath
from study.config.yaml_values import INVISIBLE

UNIT_COLUMNS = ("unit_id", "document_id", "text", "text_sha256", "start", "end", "sample")
"""Columns that the tables of units and measures have of their own."""

FIXED_TABLES: dict[str, tuple[str, ...]] = {
    "agreement": (
        "construct", "domain", "subset", "measure", "criterion", "n",
        "pearson_r", "ci_low", "ci_high", "spearman_rho", "spearman_ci_low", "spearman_ci_high",
    ),
    "reliability": (
        "construct", "domain", "subset", "raters", "statistic", "level", "n_units", "n_ratings",
        "estimate", "ci_low", "ci_high", "note",
    ),
    "classification": (
        "construct", "domain", "subset", "measure", "criterion", "rule", "n",
        "precision", "recall", "f1", "accuracy",
    ),
    "confusion": (
        "construct", "domain", "subset", "measure", "criterion", "rule",
        "criterion_class", "measure_class", "n",
    ),
    "comparison": (
        "construct", "domain", "subset", "criterion", "measure", "other", "n",
        "r_measure", "r_other", "difference", "ci_low", "ci_high",
        "statistic", "df", "p_value", "p_adjusted", "correction", "family",
    ),
    "calibration": (
        "construct", "domain", "subset", "measure", "bin_low", "bin_high", "n",
        "mean_probability", "observed_share", "ci_low", "ci_high", "ece", "brier",
    ),
    "incremental_r2": (
        "analysis", "dropped", "r2_full", "r2_reduced", "incremental_r2", "ci_low", "ci_high",
        "n", "subset", "note",
    ),
    "flow": ("step", "group", "n", "note"),
    "claims": (
        "claim", "source", "published", "reproduced", "tolerance", "verdict",
        "statement", "reason", "reading", "where",
    ),
}  # fmt: skip
"""The tables in results/tables of every study, with their columns."""

ANALYSIS_TABLE = (
    "term", "estimator", "estimate", "std_error", "statistic", "reference", "ci_low", "ci_high", "p_value",
    "p_adjusted", "correction", "family", "covariance", "n", "subset", "note",
)  # fmt: skip
"""The columns of the table of each analysis."""

ROLES = ("person", "year", "weight")
"""Columns of the corpus that get these names when the section `units` says which they are."""

_RATERS_AS_MEASURES = ("individual", "leave_one_out")


def fold(name: str) -> str:
    """Return what a reader sees of a name: case, white space, composition and invisible characters apart."""
    seen = "".join(c for c in unicodedata.normalize("NFKC", name) if c not in INVISIBLE)
    return " ".join(unicodedata.normalize("NFKC", seen.casefold()).split())


def measures(config: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Return {measure: (construct, coder)} of everything that the coders code."""
    return {
        f"{construct}_{name}": (construct, name)
        for name, coder in config["coders"].items()
        for construct in coder["codebooks"]
    }


def companions(config: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Return the further columns that there are: labels, numbers of ratings, multilabels as a whole."""
    found: dict[str, tuple[str, str]] = {}
    for construct, name in _whole(config):
        found |= {f"{construct}_{name}": (construct, name), f"{construct}_{name}_label": (construct, name)}
    for measure, (construct, name) in measures(config).items():
        found[f"{measure}_label"] = (construct, name)
        if config["coders"][name]["type"] == "human":
            found[f"{measure}_n"] = (construct, name)
    return found


def _whole(config: dict[str, Any]) -> dict[tuple[str, str], None]:
    """Return the multilabel files, and the language models that code them: they have a row for the whole."""
    return {
        (config["codebooks"][construct]["asked_in"], name): None
        for name, coder in config["coders"].items()
        if coder["type"] == "llm"
        for construct in coder["codebooks"]
        if config["codebooks"][construct]["category"] is not None
    }


def rows_of_raters(config: dict[str, Any]) -> list[str]:
    """Return what tables call the single ratings of human coders, in the column `measure`."""
    humans = [name for name, coder in config["coders"].items() if coder["type"] == "human"]
    return [f"{name}_{kind}" for name in humans for kind in _RATERS_AS_MEASURES]


def source_columns(config: dict[str, Any]) -> set[str] | None:
    """Return the columns that the corpus has, or None where only its files can tell."""
    found: set[str] = set()
    for source in config["corpus"]["sources"]:
        if not source["columns"]:
            return None
        found |= {*source["columns"], *source["add"]}
    return found


def covariates(config: dict[str, Any]) -> list[str] | None:
    """Return the names by which units can be grouped and analysed, or None where only the files can tell."""
    corpus, units = config["corpus"], config["units"]
    kept = corpus["covariates"]
    if kept is None:
        columns = source_columns(config)
        if columns is None:
            return None
        kept = sorted(columns - {corpus["id"], corpus["text"], units["document"], *(units[r] for r in ROLES)})
    return list(dict.fromkeys([*kept, *(role for role in ROLES if units[role] is not None)]))


def levels(config: dict[str, Any], column: str) -> list[str] | None:
    """Return the values of a column that every source adds, or None where only the files can tell."""
    added = [source["add"].get(column) for source in config["corpus"]["sources"]]
    return None if None in added else list(dict.fromkeys(str(value) for value in added))


def holders(config: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield the places whose `sources` (or `file`) say where a table is: the corpus and the human coders."""
    yield ("corpus",)
    for name, coder in config["coders"].items():
        if coder["type"] == "human":
            yield ("coders", name)


def listed_sources(config: dict[str, Any]) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    """Yield every source of the study with its place, as the researcher wrote it."""
    for place in holders(config):
        holder = config["corpus"] if place == ("corpus",) else config["coders"][place[1]]
        for i, source in enumerate(holder["sources"]):
            yield place if holder["file"] is not None else (*place, "sources", i), source
    for name, coder in config["coders"].items():
        if coder["type"] == "dictionary" and coder["source"] is not None:
            yield ("coders", name, "source"), coder["source"]
