"""Reliability and validity: how well humans agree, and how well each measure agrees with them.

The names below are the public interface; they are imported when they are first used, because a rule's
program should pay for (and depend on) its own module only. The stub beside this file tells type checkers.
"""

from __future__ import annotations

import importlib

_MODULE_OF = {
    "Estimate": "bootstrap",
    "adjust": "multiplicity",
    "aggregate_validity_table": "aggregate_validity",
    "agreement_table": "agreement",
    "alternative_annotator_tables": "annotator_tables",
    "alternative_annotator_test": "alternative_annotator",
    "attenuation_corrected_r": "attenuation",
    "bootstrap_of_sums": "bootstrap",
    "brier_score": "calibration",
    "calibration_table": "calibration",
    "campbell_fiske": "multitrait",
    "classification_scores": "classification",
    "classification_tables": "classification",
    "coder_agreement_table": "coder_agreement",
    "cohens_kappa": "kappa",
    "compare_correlations": "comparison",
    "comparison_table": "comparison",
    "confusion": "classification",
    "cross_fitted_calibration": "crossfit_calibration",
    "disattenuate": "attenuation",
    "disattenuated_table": "disattenuated",
    "error_by_covariates": "error_analysis",
    "error_by_covariates_tables": "error_tables",
    "expected_calibration_error": "calibration",
    "fleiss_kappa": "kappa",
    "gwet_ac": "kappa",
    "icc1": "reliability",
    "icc1k": "reliability",
    "icc_a1": "two_way_icc",
    "icc_c1": "two_way_icc",
    "krippendorff_alpha": "reliability",
    "multitrait_multimethod": "multitrait",
    "multitrait_tables": "trait_tables",
    "pearson": "correlation",
    "percent_agreement": "kappa",
    "percentile_interval": "bootstrap",
    "recalibration_table": "recalibration",
    "reliability_diagram": "calibration",
    "reliability_table": "reliability",
    "repeated_codes_table": "repeated_codes",
    "sign_class": "classification",
    "spearman": "correlation",
    "spearman_brown": "attenuation",
    "unit_bootstrap": "bootstrap",
    "williams_t": "comparison",
    "wilson_interval": "calibration",
}


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULE_OF])
