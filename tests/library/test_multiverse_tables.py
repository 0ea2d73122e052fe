"""The program that writes the tables of the multiverse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from library import multiverse_study
from library.multiverse_study import ANALYSIS, KINDS, SCALES, TERM
from study.config.names import FIXED_TABLES
from study.inference.estimators import Analysis
from study.multiverse import specifications, summary, variance
from study.multiverse.specifications import same_texts
from study.multiverse.tables import main

SETTINGS = {
    "analysis": "reporting",
    "coders": ["even", "uneven"],
    "experiments": ["asking"],
    "decisions": ["score", "label", "confident"],
    "confident": 0.7,
    "estimators": ["naive", "dsl"],
    "terms": [TERM],
}
NAMES = ("specifications", "summary", "variance")


def write(folder: Path, multiverse: dict[str, Any] | None, units: pd.DataFrame | None) -> dict[str, Path]:
    """Run the program on files as rules write them."""
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, list[Path]] = {"measures": [], "sample": [], "gold": [], "codings": [], "experiment": []}
    if units is not None:
        study = multiverse_study.study(units)
        files = {"measures": [folder / "measures.parquet"]}
        files |= {name: [folder / f"{name}.csv"] for name in ("sample", "gold")}
        study.measures.to_parquet(files["measures"][0])
        units[["unit_id"]].assign(stratum="all", probability=1.0).to_csv(files["sample"][0], index=False)
        study.gold.to_csv(files["gold"][0], index=False)
        made = multiverse_study.tables(units)
        files["codings"] = [folder / f"{name}.parquet" for name in ("even", "uneven")]
        files["experiment"] = [folder / "asking.parquet"]
        for file in files["codings"]:
            made[file.stem].to_parquet(file)
        multiverse_study.experiment(units).to_parquet(files["experiment"][0])
    written = {name: folder / "out" / f"{name}.csv" for name in NAMES}
    main(
        multiverse=multiverse,
        analyses={"reporting": ANALYSIS},
        coders=KINDS,
        codebooks=SCALES,
        experiments={"asking": "even"},
        gold={"truth": "humans", "probability": None, "draw": {"from": "sample"}},
        **{f"{name}_files": found for name, found in files.items()},
        **{f"{name}_file": file for name, file in written.items()},
    )
    return written


def test_three_tables_of_coders_and_cells(tmp_path: Path) -> None:
    written = write(tmp_path, SETTINGS, multiverse_study.texts(600))
    table = pd.read_csv(written["specifications"])
    assert list(table.columns) == list(specifications.COLUMNS)
    assert len(table) == 6 * 3 * 2
    totals = pd.read_csv(written["summary"]).set_index("estimator")
    assert totals.loc["naive", "gold_estimator"] == "benchmark"
    assert totals.loc["naive", "share_sign_flip"] > totals.loc["dsl", "share_sign_flip"] == 0
    assert totals.loc["dsl", "share_covering_gold"] > totals.loc["naive", "share_covering_gold"]
    by_choice = pd.read_csv(written["variance"])
    asking = by_choice[(by_choice["over"] == "experiment asking") & (by_choice["estimator"] == "naive")]
    assert asking.set_index("choice")["share"].idxmax() == "wording"


def test_the_same_study_gives_the_same_bytes(tmp_path: Path) -> None:
    units = multiverse_study.texts(300)
    first, second = (write(tmp_path / name, SETTINGS, units) for name in ("one", "two"))
    for name in NAMES:
        assert first[name].read_bytes() == second[name].read_bytes()


def test_a_study_without_a_multiverse_has_tables_with_headers_only(tmp_path: Path) -> None:
    written = write(tmp_path, None, None)
    for name, columns in zip(NAMES, (specifications.COLUMNS, summary.COLUMNS, variance.COLUMNS), strict=True):
        assert written[name].read_text(encoding="utf-8") == ",".join(columns) + "\n"


def test_the_columns_are_those_that_claims_and_pages_know() -> None:
    assert FIXED_TABLES["multiverse"] == specifications.COLUMNS
    assert FIXED_TABLES["multiverse_summary"] == summary.COLUMNS
    assert FIXED_TABLES["multiverse_variance"] == variance.COLUMNS


def test_dsl_is_the_one_of_the_analysis_with_a_linear_learner(tmp_path: Path) -> None:
    """The multiverse's learner is a choice of its own: the same figures come from the analysis with it."""
    units = multiverse_study.texts(600)
    study = multiverse_study.study(units)
    table = pd.read_csv(write(tmp_path, SETTINGS | {"experiments": []}, units)["specifications"])
    settings = ANALYSIS | {"estimators": ["dsl"], "learner": "linear"}
    analysis = same_texts(study, settings, multiverse_study.instruments(units, "even"))
    fit = next(iter(Analysis(settings, analysis.units, SCALES, analysis.gold).fits({"even": "llm"})))
    assert fit.result is not None
    own = table[(table["instrument"] == "coder even") & (table["decision"] == "score")]
    found = own[own["estimator"] == "dsl"]["estimate"].iloc[0]
    assert found == pytest.approx(fit.result.params[TERM])
