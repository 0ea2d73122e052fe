"""Whatever a study lacks, every table of validity is written, and a row without a figure says why."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from library.rated_study import CODEBOOKS, CODERS, IDENTIFIED, rated_study
from study.validity import (
    aggregate_validity,
    agreement,
    coder_agreement,
    error_tables,
    recalibration,
    reliability,
)

COMPARE = {
    "criterion": "humans",
    "by": "domain",
    "bootstrap": 100,
    "seed": 1,
    "thresholds": [0, 0],
    "correction": "holm",
    "epsilon": 0.2,
    "error_by": ["domain", "year"],
}
FIGURES = {
    "reliability": "estimate",
    "coder_agreement": "estimate",
    "alternative_annotator": "winning_rate",
    "error_by_covariates": "statistic",
    "error_levels": "ci_low",
    "aggregate_validity": "pearson_r",
    "disattenuated": "corrected_r",
    "multitrait_multimethod": "r",
    "campbell_fiske": "value",
    "recalibration": "ece",
}
"""Table -> the figure without which a row needs a note."""

Study = dict[str, Any]


def study() -> Study:
    measures, ratings = rated_study()
    p = {label: (measures["blame_llm_label"] == label) * 0.7 + 0.1 for label in CODEBOOKS["blame"]["values"]}
    codings = pd.DataFrame({f"p_{label}": values for label, values in p.items()})
    codings = codings.assign(unit_id=measures["unit_id"], construct="blame", status="ok")
    return {
        "measures": measures,
        "ratings": ratings,
        "codings": codings,
        "coders": CODERS,
        "codebooks": CODEBOOKS,
        "compare": COMPARE,
        "identified": IDENTIFIED,
    }


def write_all(given: Study, folder: Path) -> dict[str, pd.DataFrame]:
    """Run the programs of the rules, one after another, as the workflow does."""
    for name in ("measures", "ratings"):
        given[name].to_parquet(folder / f"{name}.parquet")
    given["codings"].to_parquet(folder / "llm.parquet")
    tables = {
        "table": "reliability",
        "agreement": "coder_agreement",
        "annotator": "alternative_annotator",
        "humans": "alternative_annotator_humans",
        "tests": "error_by_covariates",
        "terms": "error_terms",
        "levels": "error_levels",
        "aggregate": "aggregate_validity",
        "disattenuated": "disattenuated",
        "matrix": "multitrait_multimethod",
        "criteria": "campbell_fiske",
        "recalibration": "recalibration",
    }
    files = {f"{key}_file": folder / f"{name}.csv" for key, name in tables.items()}
    files |= {f"{name}_file": folder / f"{name}.parquet" for name in ("measures", "ratings")}
    common = files | {key: given[key] for key in ("coders", "codebooks", "compare", "identified")}
    common |= {"codings_files": [folder / "llm.parquet"], "scores": {"humans": "mean"}}

    def run(main: Callable[..., None], **others: Path) -> None:
        wanted = inspect.signature(main).parameters
        main(**{key: value for key, value in (common | others).items() if key in wanted})

    run(reliability.main)
    run(coder_agreement.main)
    run(error_tables.main)
    run(recalibration.main, table_file=folder / "calibration.csv")
    run(agreement.main, table_file=folder / "agreement.csv")
    run(
        aggregate_validity.main,
        agreement_file=folder / "agreement.csv",
        reliability_file=folder / "reliability.csv",
    )
    words = {"note": str, "correction": str}
    return {name: pd.read_csv(folder / f"{name}.csv", dtype=words) for name in tables.values()}


def without_figures(found: dict[str, pd.DataFrame]) -> dict[str, set[str]]:
    """Table -> the notes of its rows without a figure; a row with neither fails the test."""
    notes = {}
    for name, figure in FIGURES.items():
        bare = found[name][found[name][figure].isna()]
        silent = bare[bare["note"].isna()]
        assert silent.empty, f"{name} has rows with neither figure nor note:\n{silent.to_string()}"
        notes[name] = set(bare["note"])
        inside = found[name]["note"].dropna()
        assert not inside.str.contains("nan|None|Traceback|StudyError").any(), name
    return notes


def changed(column: str, value: object) -> Callable[[Study], None]:
    def change(given: Study) -> None:
        given["measures"] = given["measures"].assign(**{column: value})

    return change


def one_unit(given: Study) -> None:
    given["measures"] = given["measures"].head(1)


def one_rated_unit(given: Study) -> None:
    given["ratings"] = given["ratings"][given["ratings"]["unit_id"] == "u001"]


def no_units(given: Study) -> None:
    given["measures"] = given["measures"].head(0)


def no_ratings(given: Study) -> None:
    given["ratings"] = given["ratings"].head(0)


def one_rating_each(given: Study) -> None:
    given["ratings"] = given["ratings"].drop_duplicates(["unit_id", "construct"])


def constant_scores(given: Study) -> None:
    scores = {f"tone_{coder}": 0.1 for coder in CODERS["tone"]}
    labels = {
        f"{c}_{coder}_label": label
        for c, label in (("tone", "good"), ("blame", "no"))
        for coder in ("llm", "humans")
    }
    given["measures"] = given["measures"].assign(**scores, **labels)
    codes = {"tone": "good", "blame": "no"}
    rated = given["ratings"]
    given["ratings"] = rated.assign(
        code=rated["construct"].map(codes), value=np.where(rated["construct"] == "tone", 1.0, np.nan)
    )


def all_missing(given: Study) -> None:
    columns = [c for c in given["measures"] if c.startswith(("tone_", "blame_"))]
    given["measures"] = given["measures"].assign(**dict.fromkeys(columns, np.nan))


def nothing_in_common(given: Study) -> None:
    first = given["measures"]["unit_id"] < "u100"
    measures = given["measures"].copy()
    for column in ("tone_llm", "tone_llm_label", "blame_llm_label", "tone_words"):
        measures[column] = measures[column].where(first)
    for column in ("tone_humans", "tone_humans_label", "blame_humans_label"):
        measures[column] = measures[column].where(~first)
    given["measures"] = measures


def no_labels(given: Study) -> None:
    labels = [c for c in given["measures"] if c.endswith("_label")]
    given["measures"] = given["measures"].drop(columns=labels)


def no_values(given: Study) -> None:
    given["codebooks"] = {c: book | {"values": {}} for c, book in CODEBOOKS.items()}


def a_coder_that_coded_nothing(given: Study) -> None:
    columns = [c for c in given["measures"] if "_llm" in c]
    given["measures"] = given["measures"].drop(columns=columns)
    given["codings"] = given["codings"].head(0)


def nothing_is_coded_ok(given: Study) -> None:
    given["ratings"] = given["ratings"].assign(status="not_codable", value=np.nan)


def no_criterion(given: Study) -> None:
    given["compare"] = COMPARE | {"criterion": None}


def the_model_is_the_criterion(given: Study) -> None:
    given["compare"] = COMPARE | {"criterion": "llm"}


def no_groups(given: Study) -> None:
    given["compare"] = COMPARE | {"by": None, "error_by": []}
    given["measures"] = given["measures"].drop(columns=["domain", "year", "document_id"])


def all_are_pilot_units(given: Study) -> None:
    given["measures"] = given["measures"].assign(pilot=True)


def missing_covariates(given: Study) -> None:
    given["measures"] = given["measures"].assign(year=np.nan, domain=None)


def a_rater_without_a_name(given: Study) -> None:
    given["ratings"] = given["ratings"].assign(rater="")


def older_settings(given: Study) -> None:
    given["compare"] = {k: v for k, v in COMPARE.items() if k not in ("epsilon", "error_by", "correction")}


BAD = [
    one_unit, one_rated_unit, no_units, no_ratings, one_rating_each, constant_scores, all_missing,
    nothing_in_common, no_labels, no_values, a_coder_that_coded_nothing, nothing_is_coded_ok, no_criterion,
    the_model_is_the_criterion, no_groups, all_are_pilot_units, missing_covariates, a_rater_without_a_name,
    older_settings,
]  # fmt: skip


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("change", BAD, ids=lambda change: change.__name__)
def test_every_table_is_written_and_says_what_it_lacks(change, tmp_path):
    given = study()
    change(given)
    without_figures(write_all(given, tmp_path))


def test_a_sound_study_lacks_little(tmp_path):
    found = write_all(study(), tmp_path)
    notes = without_figures(found)
    assert all(
        found[name][figure].notna().any()
        for name, figure in FIGURES.items()
        if name not in ("multitrait_multimethod", "campbell_fiske")
    )
    assert notes["error_levels"] == notes["recalibration"] == set()
    assert "no unit has two ratings" not in notes["reliability"]


def test_notes_say_what_is_the_matter(tmp_path):
    given = study()
    constant_scores(given)
    notes = without_figures(write_all(given, tmp_path))
    assert "undefined: the ratings do not vary" in notes["reliability"]
    assert "undefined: the codes do not vary" in notes["coder_agreement"]
    assert "undefined: the scores do not vary" in notes["aggregate_validity"]
    assert "nothing can be calibrated where all gold labels are the same" in notes["recalibration"]
