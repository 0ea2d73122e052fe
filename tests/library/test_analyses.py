"""The program that writes the tables of regressions: published figures, every table, and awkward studies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from library.measured import KINDS, NOMINAL, SETTINGS, drawn, measured
from pan_chen import pan_chen
from study.config.names import ANALYSIS_TABLE, FIXED_TABLES
from study.inference import analyses, regression

NAMES = ("incremental", "hypotheses", "prevalence", "planning", "diagnostics")
COMPARE = {"bootstrap": 200, "seed": 1, "correction": "holm"}


class Written:
    """What the program wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __getitem__(self, name: str) -> pd.DataFrame:
        return pd.read_csv(self.folder / f"{name}.csv", dtype={"coder": str}, keep_default_na=True)

    def row(self, name: str, **cells: str) -> pd.Series:
        rows = self[name].fillna({"coder": ""})
        for column, value in cells.items():
            rows = rows[rows[column] == value]
        assert len(rows) == 1, rows
        return rows.iloc[0]


def write(
    folder: Path,
    table: pd.DataFrame,
    settings: dict[str, dict[str, Any]],
    *,
    sample: pd.DataFrame | None = None,
    kinds: dict[str, dict[str, str]] | None = None,
    scales: dict[str, Any] | None = None,
    gold: dict[str, Any] | None = None,
    expected: dict[str, Any] | None = None,
    weight: str | None = None,
) -> Written:
    columns = ["unit_id", "part", "stratum", "probability", "sampling_probability"]
    table.to_parquet(folder / "measures.parquet")
    pd.DataFrame(
        {
            "unit_id": table["unit_id"][table["sample"]],
            "stratum": "all",
            "probability": table["sample"].mean(),
        }
    ).to_csv(folder / "sample.csv", index=False)
    (pd.DataFrame(columns=columns) if sample is None else sample).to_csv(folder / "gold.csv", index=False)
    analyses.main(
        measures_file=folder / "measures.parquet",
        sample_file=folder / "sample.csv",
        gold_file=folder / "gold.csv",
        table_files=[folder / f"{name}.csv" for name in settings],
        analyses=settings,
        expected=expected or {},
        coders=kinds or {"anger": KINDS},
        codebooks=scales or {"anger": NOMINAL},
        compare=COMPARE,
        gold=gold or {"truth": "humans", "probability": None, "draw": None},
        weight=weight,
        **{f"{name}_file": folder / f"{name}.csv" for name in NAMES},
    )
    return Written(folder)


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> Written:
    data = pan_chen().reset_index(drop=True)
    table = data.drop(columns=["countyWrong", "pred_countyWrong"]).assign(sample=True)
    table["unit_id"] = [f"u{i}" for i in range(len(table))]
    for coder, column in (("humans", "countyWrong"), ("llm", "pred_countyWrong")):
        table[f"county_{coder}"] = data[column].astype(float)
        table[f"county_{coder}_label"] = table[f"county_{coder}"].map({1.0: "yes", 0.0: "no"})
    formula = "SendOrNot ~ county + prefecWrong + connect2b + prevalence + regionj + groupIssue"
    settings = SETTINGS | {"formula": formula, "family": "logit", "coded": ["county"], "coders": ["llm"]}
    settings |= {"learner": "boosting", "splits": 10}
    return write(
        tmp_path_factory.mktemp("complaints"),
        table,
        {"reporting": settings},
        kinds={"county": {"humans": "human", "llm": "llm"}},
        scales={"county": NOMINAL},
        expected={
            "H1": {"analysis": "reporting", "term": "county", "direction": "negative", "statement": None}
        },
    )


def test_the_published_regression_of_pan_and_chen(complaints: Written) -> None:
    """The R package dsl prints -0.2573 (SE 0.2220) for the LLM-coded variable; naive is -1.336."""
    expected = {
        ("naive", "llm"): (-1.336, 0.159),
        ("gold_only", ""): (-0.269, 0.229),
        ("dsl", "llm"): (-0.2573, 0.2220),
    }
    for (estimator, coder), (estimate, std_error) in expected.items():
        row = complaints.row("reporting", term="county", estimator=estimator, coder=coder)
        assert row["estimate"] == pytest.approx(estimate, abs=0.005)
        assert row["std_error"] == pytest.approx(std_error, abs=0.005)
    dsl = complaints.row("reporting", term="county", estimator="dsl")
    assert (round(dsl["ci_low"], 2), round(dsl["ci_high"], 2)) == (-0.69, 0.18)
    assert (dsl["n"], dsl["n_gold"]) == (1412, 500)
    assert set(complaints["reporting"]["note"].dropna()) == {
        "PPI++ is not available for a predicted covariate: it corrects the outcome alone"
    }


def test_the_naive_hypothesis_vanishes(complaints: Written) -> None:
    verdicts = complaints["hypotheses"].fillna({"coder": ""}).set_index("estimator")["verdict"]
    assert verdicts["naive"] == "supported"
    assert verdicts["gold_only"] == verdicts["dsl"] == "not supported"
    assert verdicts["ppi"] == "not available"
    moved = complaints["diagnostics"]
    assert "county" in moved[moved["warning"].str.startswith("uncorrected")]["found"].iloc[0]


def test_the_prevalence_of_pan_and_chen(complaints: Written) -> None:
    """PPI's mean, tuned, is .23764 [.2030, .2722]."""
    row = complaints.row("prevalence", category="yes", estimator="ppi")
    assert row["estimate"] == pytest.approx(0.23764, abs=5e-6)
    assert (round(row["ci_low"], 4), round(row["ci_high"], 4)) == (0.2030, 0.2722)


def test_every_table_has_its_columns(complaints: Written) -> None:
    assert list(complaints["reporting"].columns) == list(ANALYSIS_TABLE) == analyses.COLUMNS
    for name in ("hypotheses", "prevalence", "planning", "diagnostics"):
        assert list(complaints[name].columns) == list(FIXED_TABLES[name]), name
    assert list(complaints["incremental"].columns) == regression.INCREMENTAL_COLUMNS


def test_p_values_are_adjusted_within_an_estimator(complaints: Written) -> None:
    table = complaints["reporting"]
    naive = table[table["estimator"] == "naive"].set_index("term")
    tests = naive.drop(index="Intercept")["p_value"].sort_values()
    holm = np.maximum.accumulate(tests * np.arange(len(tests), 0, -1)).clip(upper=1)
    assert np.allclose(naive.loc[tests.index, "p_adjusted"], holm)
    assert np.isnan(naive.loc["Intercept", "p_adjusted"])
    assert naive["family"].iloc[0] == "reporting: all terms but the intercept (6 tests)"


def test_a_study_without_analyses_has_every_table(tmp_path: Path) -> None:
    written = write(tmp_path, measured(), {})
    for name in NAMES:
        if name != "prevalence":
            assert written[name].empty, name
    assert not written["prevalence"].empty


def test_formulas_of_measures_are_fitted_as_they_are(tmp_path: Path) -> None:
    table = measured().assign(n_shared=lambda t: (t["shared"] > 1).astype(int))
    plain = SETTINGS | {"coded": [], "coders": None}
    written = write(
        tmp_path,
        table,
        {
            "straight": plain | {"formula": "shared ~ anger_llm + group", "incremental": ["anger_llm"]},
            "odds": plain | {"formula": "n_shared ~ anger_llm + group", "family": "logit"},
            "nested": plain | {"formula": "shared ~ anger_llm", "cluster": "document_id"},
        },
    )
    assert list(written["straight"]["estimator"].unique()) == ["naive"]
    assert written["straight"]["covariance"].iloc[0] == "HC3"
    assert written["odds"]["covariance"].iloc[0] == "sandwich"
    assert written["nested"]["covariance"].iloc[0] == "CR1"
    assert written["nested"]["reference"].iloc[0] == "t(99)"
    assert list(written["incremental"]["analysis"]) == ["straight"]


def test_a_gold_sample_of_the_sample_counts_in_all_texts_with_both_probabilities(tmp_path: Path) -> None:
    table = measured(n=2000)
    table["sample"] = np.arange(len(table)) % 2 == 0
    frame = table[table["sample"]].reset_index(drop=True)
    sample = drawn(frame, n=300, pilot=0)
    gold = {"truth": "humans", "probability": None, "draw": {"from": "sample"}}
    settings = {"whole": SETTINGS | {"subset": "all"}, "part": SETTINGS}
    written = write(tmp_path, table, settings, sample=sample, gold=gold)
    whole, part = (written.row(name, term="anger", estimator="dsl") for name in ("whole", "part"))
    assert (whole["n"], part["n"]) == (2000, 1000)
    assert whole["n_gold"] == part["n_gold"] == 300
    assert whole["subset"] == "all"
    benchmark = written.row("whole", term="group[T.b]", estimator="benchmark")["estimate"]
    dsl = written.row("whole", term="group[T.b]", estimator="dsl")
    assert dsl["ci_low"] < benchmark < dsl["ci_high"]


def test_survey_weights_multiply_with_sampling_probabilities(tmp_path: Path) -> None:
    """A unit that stands for three counts thrice: corrected estimates are those of the weighted texts."""
    rng = np.random.default_rng(3)
    table = measured(n=3000).assign(weight=lambda t: np.where(rng.random(len(t)) < 0.5, 3.0, 1.0))
    table["shared"] += np.where(table["weight"] == 3, 0.8 * table["anger_humans"], 0.0)
    sample = drawn(table, n=900, pilot=0)
    written = write(tmp_path, table, {"main": SETTINGS}, sample=sample, weight="weight")
    benchmark = written.row("main", term="anger", estimator="benchmark")["estimate"]
    for estimator in ("gold_only", "dsl"):
        row = written.row("main", term="anger", estimator=estimator)
        assert row["ci_low"] < benchmark < row["ci_high"]
    assert benchmark > 0.9  # without weights it would be .9, less
    assert "survey weights" in written.row("main", term="anger", estimator="likelihood")["note"]


@pytest.mark.parametrize(
    "broken",
    [
        {"anger_llm_label": None},
        {"anger_humans_label": None, "anger_humans": np.nan},
        {"shared": 1.0},
        {"shared": np.nan},
        {"group": "a"},
    ],
    ids=" ".join,
)
def test_awkward_data_give_rows_with_a_reason(tmp_path: Path, broken: dict[str, Any]) -> None:
    table = measured()
    sample = drawn(table)
    written = write(tmp_path, table.assign(**broken), {"main": SETTINGS}, sample=sample)
    rows = written["main"]
    assert not rows.empty
    without = rows[rows["estimate"].isna()]
    assert len(without)
    assert without["note"].notna().all()


def test_a_term_that_one_cluster_alone_decides_has_no_standard_error_and_a_reason(tmp_path: Path) -> None:
    table = measured().assign(school=lambda t: t["document_id"].str[:3])
    table["first"] = (table["school"] == "d00").astype(float)
    settings = SETTINGS | {"formula": "shared ~ anger + first", "cluster": "school"}
    written = write(tmp_path, table, {"main": settings}, sample=drawn(table))
    row = written.row("main", term="first", estimator="naive", coder="llm")
    assert np.isfinite(row["estimate"])
    assert np.isnan(row["std_error"])
    assert "one cluster alone" in row["note"]
