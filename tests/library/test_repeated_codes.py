"""One code of several: the mean over repeats of each repeat's agreement, not the agreement of their mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ecosent
from study.config.names import FIXED_TABLES
from study.validity import krippendorff_alpha, repeated_codes_table
from study.validity.repeated_codes import COLUMNS, main

TONE = {"level": "ordinal", "values": {"good": 1, "neither": 0, "bad": -1}, "classes": True}
NAMES = {1: "good", 0: "neither", -1: "bad"}


def coded(coder: str, repeats: list[list[float | None]], construct: str = "tone") -> pd.DataFrame:
    """Return codings; None in a repeat is a unit that it has not coded."""
    rows = [
        (f"u{unit:03d}", construct, coder, number, "ok", NAMES.get(value), value)
        for number, values in enumerate(repeats, start=1)
        for unit, value in enumerate(values)
        if value is not None
    ]
    names = ["unit_id", "construct", "coder", "repeat", "status", "label", "score"]
    return pd.DataFrame(rows, columns=names)


def measured(true: list[float], *codings: pd.DataFrame, **columns: Any) -> pd.DataFrame:
    found = pd.DataFrame(
        {"unit_id": [f"u{i:03d}" for i in range(len(true))], "sample": False, "tone_gold": true}
    )
    found["tone_gold_label"] = [NAMES[value] for value in true]
    for table in codings:
        name = f"tone_{table['coder'].iloc[0]}"
        found[name] = found["unit_id"].map(table.groupby("unit_id")["score"].mean())
    return found.assign(**columns)


def rows(measures: pd.DataFrame, codings: pd.DataFrame, **options: Any) -> pd.DataFrame:
    coders = {"tone": {"gold": "human", **dict.fromkeys(codings["coder"].unique(), "supervised")}}
    found = repeated_codes_table(measures, codings, coders, {"tone": TONE}, criterion="gold", **options)
    assert list(found.columns) == COLUMNS == list(FIXED_TABLES["repeated_codes"])
    return found.set_index(["measure", "statistic"])


def test_by_hand() -> None:
    true = [1, 0, -1, 1]
    runs = coded("cnn", [[1, 0, -1, -1], [1, 1, 1, None]])
    found = rows(measured(true, runs), runs).loc["cnn"]
    accuracy = found.loc["accuracy"]
    assert accuracy["estimate"] == pytest.approx((3 / 4 + 1 / 3) / 2)
    assert (accuracy["lowest"], accuracy["highest"]) == (pytest.approx(1 / 3), 0.75)
    assert (accuracy["n_repeats"], accuracy["n"], accuracy["level"]) == (2, 4, "nominal")
    assert accuracy["note"] == "mean over 2 repeats, each on its own"
    # The second run does not vary, so it has no correlation.
    correlation = found.loc["pearson_r"]
    assert correlation["estimate"] == pytest.approx(np.corrcoef(true, [1, 0, -1, -1])[0, 1])
    assert correlation["note"] == "mean over 1 repeat"


def test_a_coder_with_one_code_a_unit_has_no_row() -> None:
    once, twice = coded("svm", [[1, 0, -1]]), coded("cnn", [[1, 0, -1], [0, 0, -1]])
    both = pd.concat([once, twice])
    assert set(rows(measured([1, 0, -1], once, twice), both).index.get_level_values("measure")) == {"cnn"}


def test_units_of_the_pilot_and_codes_that_failed_do_not_count() -> None:
    true = [1, 0, -1, 1]
    runs = coded("cnn", [[1, 0, -1, -1], [1, 0, -1, -1]])
    pilot = rows(measured(true, runs, pilot=[False, False, False, True]), runs)
    assert pilot.loc[("cnn", "accuracy"), "estimate"] == 1
    runs.loc[runs["unit_id"] == "u003", "status"] = "failed"
    assert rows(measured(true, runs), runs).loc[("cnn", "accuracy"), ["n", "estimate"]].tolist() == [3, 1]


def test_domains_and_thresholds() -> None:
    runs = coded("cnn", [[0.5, 0.2, -1, 1], [0.5, 0.2, -1, 1]])
    measures = measured([1, 0, -1, 1], runs, paper=["a", "a", "b", "b"])
    found = rows(measures, runs, by="paper", thresholds=(-0.3, 0.3)).loc[("cnn", "accuracy")]
    assert found.set_index("domain")["estimate"].to_dict() == {"a": 1, "all": 1, "b": 1}
    assert (
        rows(measures, runs, by="paper").loc[("cnn", "accuracy")].set_index("domain").loc["a", "estimate"]
        == 0.5
    )


def test_without_values_the_labels_are_the_classes() -> None:
    book = {"level": "nominal", "values": {"good": None, "neither": None, "bad": None}, "classes": True}
    runs = coded("cnn", [[1, 0, -1], [1, 0, 1]]).assign(score=np.nan)
    measures = measured([1, 0, -1], runs).assign(tone_gold=np.nan, tone_cnn_label="good")
    found = repeated_codes_table(
        measures, runs, {"tone": {"gold": "human", "cnn": "supervised"}}, {"tone": book}, criterion="gold"
    ).set_index("statistic")
    assert found.loc["accuracy", "estimate"] == pytest.approx((1 + 2 / 3) / 2)
    assert set(found.index) == {"accuracy", "krippendorff_alpha"}
    assert found.loc["krippendorff_alpha", "level"] == "nominal"


@pytest.mark.parametrize(
    ("variable", "accuracy", "alpha"), [("cnn", 0.63, 0.50), ("crowd1", 0.72, 0.75), ("crowd3", 0.77, 0.81)]
)
def test_the_published_means_over_runs(variable: str, accuracy: float, alpha: float) -> None:
    """Table 2 of van Atteveldt et al. (2021)."""
    gold, codes = ecosent.gold(), ecosent.predictions(variable)
    runs = codes.assign(
        unit_id=codes["id"].astype(str), construct="tone", coder="cnn", repeat=codes["repetition"],
        status="ok", score=codes["value"], label=codes["value"].map(NAMES),
    )  # fmt: skip
    measures = pd.DataFrame(
        {"unit_id": gold.index.astype(str), "sample": False, "tone_gold": gold.to_numpy()}
    )
    measures["tone_gold_label"] = measures["tone_gold"].map(NAMES)
    measures["tone_cnn"] = measures["unit_id"].map(runs.groupby("unit_id")["score"].mean())
    found = rows(measures, runs).loc["cnn"]
    assert round(found.loc["accuracy", "estimate"], 2) == accuracy
    assert round(found.loc["krippendorff_alpha", "estimate"], 2) == alpha
    # The mean of the codes agrees better than one of them does on average.
    mean = np.sign(np.round(measures["tone_cnn"], 12))
    units = np.concatenate([measures["unit_id"]] * 2)
    both = np.concatenate([mean, measures["tone_gold"]])
    assert (
        krippendorff_alpha(units, both, level="ordinal", resamples=0).value
        > found.loc["krippendorff_alpha", "estimate"]
    )


def test_the_program_writes_a_table_also_without_such_coders(tmp_path: Path) -> None:
    runs = coded("cnn", [[1, 0, -1], [1, 0, 0]])
    measured([1, 0, -1], runs).to_parquet(tmp_path / "measures.parquet")
    runs.to_parquet(tmp_path / "cnn.parquet")
    for files, n in (([tmp_path / "cnn.parquet"], 3), ([], 0)):
        main(
            measures_file=tmp_path / "measures.parquet",
            codings_files=files,
            coders={"tone": {"gold": "human", "cnn": "supervised"}},
            codebooks={"tone": TONE},
            compare={"criterion": "gold", "by": None, "thresholds": [0, 0]},
            table_file=tmp_path / "repeated_codes.csv",
        )
        assert len(pd.read_csv(tmp_path / "repeated_codes.csv")) == n
