"""The columns that a study will have, as far as its configuration tells: covariates and measures."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from study.config.document import KeyPath
from study.config.yaml_values import INVISIBLE
from study.experiment.factors import FACTORS

UNIT_COLUMNS = ("unit_id", "document_id", "text", "text_sha256", "start", "end", "sample", "gold", "pilot")
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
    "deviations": ("what", "name", "key", "frozen", "now", "note"),
    "pilot_rounds": (
        "round", "date", "change", "construct", "coder", "criterion", "level", "n",
        "percent_agreement", "kappa", "pearson_r", "alpha", "changed", "sha256", "note",
    ),
    "missing_codes": (
        "construct", "coder", "covariate", "level", "n", "coded", "not_codable", "missing",
        "share_not_codable", "share_missing", "test", "p_value", "p_adjusted", "note",
    ),
    "coder_agreement": (
        "construct", "domain", "subset", "pair_type", "coder", "other", "statistic", "level", "n",
        "estimate", "ci_low", "ci_high", "note",
    ),
    "repeated_codes": (
        "construct", "domain", "subset", "measure", "criterion", "statistic", "level", "n_repeats", "n",
        "estimate", "lowest", "highest", "note",
    ),
    "alternative_annotator": (
        "construct", "domain", "subset", "measure", "raters", "score", "epsilon", "n_humans", "n_items",
        "winning_rate", "advantage_probability", "passed", "note",
    ),
    "alternative_annotator_humans": (
        "construct", "domain", "subset", "measure", "raters", "score", "human", "n_items",
        "human_advantage", "annotator_advantage", "difference", "statistic", "p_value", "p_adjusted",
        "rejected", "note",
    ),
    "error_by_covariates": (
        "construct", "domain", "subset", "measure", "criterion", "kind", "mapping", "test", "covariate",
        "terms", "n", "mean_error", "statistic", "df", "df_residual", "p_value", "p_adjusted", "correction",
        "family", "differential", "sentence", "note",
    ),
    "error_terms": (
        "construct", "domain", "subset", "measure", "criterion", "kind", "mapping", "covariate", "term",
        "estimate", "std_error", "statistic", "ci_low", "ci_high", "p_value", "n", "note",
    ),
    "error_levels": (
        "construct", "domain", "subset", "measure", "criterion", "kind", "mapping", "covariate", "level",
        "n", "mean_error", "ci_low", "ci_high", "note",
    ),
    "aggregate_validity": (
        "construct", "domain", "subset", "level", "reading", "measure", "criterion", "n", "n_units",
        "n_criterion_units", "pearson_r", "ci_low", "ci_high", "spearman_rho", "spearman_ci_low",
        "spearman_ci_high", "bias", "note",
    ),
    "disattenuated": (
        "construct", "domain", "subset", "measure", "criterion", "n", "pearson_r", "ci_low", "ci_high",
        "reliability", "reliability_statistic", "corrected_r", "corrected_ci_low", "corrected_ci_high",
        "note",
    ),
    "multitrait_multimethod": (
        "construct", "coder", "other_construct", "other_coder", "kind", "r", "ci_low", "ci_high", "n", "note",
    ),
    "campbell_fiske": (
        "criterion", "met", "comparisons", "value", "counted", "n", "constructs", "coders", "note",
    ),
    "recalibration": (
        "construct", "domain", "subset", "measure", "method", "n", "accuracy", "ece", "brier",
        "brier_change", "ci_low", "ci_high", "note",
    ),
    "hypotheses": (
        "hypothesis", "analysis", "term", "direction", "estimator", "coder", "estimate", "std_error",
        "ci_low", "ci_high", "p_value", "n", "n_gold", "verdict", "statement",
    ),
    "prevalence": (
        "construct", "category", "subset", "estimator", "coder", "estimate", "std_error", "ci_low", "ci_high",
        "n", "n_gold", "note",
    ),
    "diagnostics": ("analysis", "estimator", "coder", "warning", "found", "meaning"),
    "planning": (
        "analysis", "term", "estimator", "coder", "n_gold", "std_error", "power", "effect", "now",
        "n_for_power", "note",
    ),
    "multiverse": (
        "analysis", "term", "specification", "estimator", "decision", "instrument", "coder", "experiment",
        "cell", *FACTORS, "estimate", "std_error", "ci_low", "ci_high", "p_value", "n", "n_gold", "sign_flip",
        "significance_flip", "error_type", "note",
    ),
    "multiverse_summary": (
        "analysis", "term", "estimator", "n_specifications", "n_estimated", "gold_estimator", "gold_estimate",
        "gold_ci_low", "gold_ci_high", "median", "lowest", "highest", "share_sign_flip",
        "share_significance_flip", "share_type_i", "share_type_ii", "share_type_s", "share_covering_gold",
        "n", "n_gold", "note",
    ),
    "multiverse_variance": (
        "analysis", "term", "estimator", "over", "choice", "df", "sum_of_squares", "share",
        "n_specifications", "note",
    ),
    "experiment_cells": (
        "experiment", "construct", "cell", *FACTORS, "criterion", "n", "n_coded", "n_compared", "mean_score",
        "valid_mass", "accuracy", "accuracy_ci_low", "accuracy_ci_high", "pearson_r", "ci_low", "ci_high",
        "ece", "brier", "note",
    ),
    "experiment_levels": (
        "experiment", "construct", "factor", "level", "reference", "criterion", "n_cells", "n_units",
        "n_compared", "mean_score", "valid_mass", "accuracy", "accuracy_ci_low", "accuracy_ci_high",
        "pearson_r", "ci_low", "ci_high", "difference", "difference_ci_low", "difference_ci_high", "ece",
        "brier", "note",
    ),
    "experiment_effects": (
        "experiment", "construct", "outcome", "factor", "level", "reference", "estimate", "std_error",
        "ci_low", "ci_high", "statistic", "p_value", "p_adjusted", "correction", "family", "n", "n_units",
        "method", "note",
    ),
    "experiment_variance": (
        "experiment", "construct", "outcome", "source", "df", "sum_of_squares", "share", "ci_low", "ci_high",
        "n_units", "n_cells", "note",
    ),
    "experiment_flips": (
        "experiment", "construct", "factor", "level", "reference", "n_pairs", "n_units", "flip_rate",
        "ci_low", "ci_high", "mean_change", "mean_change_ci_low", "mean_change_ci_high",
        "mean_absolute_change", "r_difference", "r_difference_ci_low", "r_difference_ci_high", "note",
    ),
    "experiment_stability": (
        "experiment", "construct", "kind", "factor", "factor_level", "statistic", "level", "n_cells",
        "n_units", "n_codes", "estimate", "ci_low", "ci_high", "note",
    ),
    "experiment_positions": (
        "experiment", "construct", "position", "n_labels", "n_cells", "n", "share_chosen", "ci_low",
        "ci_high", "mean_probability", "probability_ci_low", "probability_ci_high", "expected", "note",
    ),
    "narrative": ("table", "place", "construct", "sentence_number", "sentence", "wording"),
    "flow": ("step", "group", "n", "note"),
    "costs": (
        "coder", "model", "server", "n_responses", "n_failed", "n_requests", "tokens_read", "tokens_written",
        "tokens_unknown", "money", "currency", "seconds", "seconds_a_response", "first_date", "last_date",
        "models_reported", "fingerprints", "note",
    ),
    "claims": (
        "claim", "source", "published", "reproduced", "tolerance", "verdict",
        "statement", "reason", "reading", "where",
    ),
}  # fmt: skip
"""The tables in results/tables of every study, with their columns."""

ANALYSIS_TABLE = (
    "term", "estimator", "coder", "estimate", "std_error", "ci_low", "ci_high", "n", "n_gold", "effective_n",
    "statistic", "reference", "p_value", "p_adjusted", "correction", "family", "covariance", "subset", "note",
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


def fit_to_analyse(config: dict[str, Any], coded: list[str]) -> list[str]:
    """Return the coders whose codes of some constructs can stand in for the truth, in their order."""
    truth = config["gold"]["truth"]
    return [
        name
        for name, coder in config["coders"].items()
        if name != truth and role(coder) != "human" and set(coded) <= set(coder["codebooks"])
    ]


def role(coder: Mapping[str, Any]) -> str:
    """Return what a coder counts as: its type, or who made the codes that are given."""
    return str(coder["of"] if coder["type"] == "given" else coder["type"])


def levels(config: dict[str, Any], column: str) -> list[str] | None:
    """Return the values of a column that every source adds, or None where only the files can tell."""
    added = [source["add"].get(column) for source in config["corpus"]["sources"]]
    return None if None in added else list(dict.fromkeys(str(value) for value in added))


def holders(config: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield the places whose `sources` (or `file`) say where a table is: the corpus and coders with codes."""
    yield ("corpus",)
    for name, coder in config["coders"].items():
        if coder["type"] in ("human", "given"):
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
