"""Whatever an experiment lacks, all seven tables are written, and a row without a figure says why."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from library.experiment_study import CRITERION, LABELS, SCALE, factorial, rows_of, simulated
from study.experiment.tables import COLUMNS, main
from study.job import run

FACTORS = {
    "wording": ["default", "short"],
    "label_order": ["fixed", "rotation_1", "rotation_2"],
    "temperature": [0.0, 0.8],
}
COMPARE = {"criterion": CRITERION, "bootstrap": 60, "seed": 1, "thresholds": [0, 0], "correction": "holm"}
OF_PAIRS = ["mean_change", "mean_change_ci_low", "r_difference", "r_difference_ci_low"]
FIGURES = {
    "cells": ["pearson_r", "accuracy"],
    "levels": ["pearson_r", "accuracy"],
    "effects": ["p_value"],
    "variance": ["share", "ci_low"],
    "flips": ["flip_rate", "ci_low", "mean_absolute_change", *OF_PAIRS],
    "stability": ["estimate", "ci_low"],
    "positions": ["share_chosen"],
}
"""Table -> the figures without which a row needs a note."""


def study():
    rows, truth = simulated(FACTORS, n=30, repeats=3, effects={("wording", "short"): 0.3})
    names = list(LABELS)
    rotation = {order: names[i:] + names[:i] for i, order in enumerate(FACTORS["label_order"])}
    rows["offered"] = [json.dumps(rotation[order]) for order in rows["label_order"]]
    measures = pd.DataFrame({"unit_id": list(truth), f"tone_{CRITERION}": list(truth.values())})
    return rows, measures


def written(folder, rows, measures, *, codebooks=None, compare=COMPARE, factors=FACTORS):
    """Run the program as its rule does, and read its tables."""
    measures.to_parquet(folder / "measures.parquet")
    arguments = ["--measures-file", str(folder / "measures.parquet"), "--experiment-files"]
    if rows is not None:
        rows.to_parquet(folder / "trial.parquet")
        arguments.append(str(folder / "trial.parquet"))
    for name in COLUMNS:
        arguments += [f"--{name}-file", str(folder / "tables" / f"experiment_{name}.csv")]
    arguments += ["--experiments", json.dumps({} if rows is None else {"trial": {"factors": factors}})]
    arguments += ["--codebooks", json.dumps(codebooks or {"tone": SCALE}), "--compare", json.dumps(compare)]
    run(main, arguments)
    words = {"note": str, "level": str, "reference": str, "factor": str, "factor_level": str}
    return {
        name: pd.read_csv(folder / "tables" / f"experiment_{name}.csv", dtype=words, keep_default_na=True)
        for name in COLUMNS
    }


def say_why(found):
    for name, figures in FIGURES.items():
        for figure in figures:
            bare = found[name][found[name][figure].isna()]
            if figure in OF_PAIRS:
                bare = bare[bare["level"] != "any"]
            silent = bare[bare["note"].isna()]
            assert silent.empty, f"{name} has rows without {figure} and without a note:\n{silent.to_string()}"
        said = found[name]["note"].dropna()
        assert not said.str.contains(r"\bnan\b|None|Traceback|StudyError").any(), name


def test_the_tables_of_an_experiment(tmp_path):
    found = written(tmp_path, *study())
    for name, columns in COLUMNS.items():
        assert list(found[name].columns) == columns
        assert set(found[name]["experiment"]) == {"trial"}
        assert set(found[name]["construct"]) == {"tone"}
    say_why(found)
    assert len(found["cells"]) == 12
    assert found["levels"]["level"].tolist() == [
        "default", "short", "fixed", "rotation_1", "rotation_2", "0", "0.8",
    ]  # fmt: skip
    effect = found["effects"].query("outcome == 'score' and level == 'short'").iloc[0]
    means = found["cells"].groupby("wording")["mean_score"].mean()
    assert effect["estimate"] == pytest.approx(means["short"] - means["default"])
    shift = found["flips"].query("factor == 'wording' and level == 'short'").iloc[0]
    assert shift["mean_change"] == pytest.approx(effect["estimate"])
    level = found["levels"].query("factor == 'wording' and level == 'short'").iloc[0]
    for bound in ("", "_ci_low", "_ci_high"):
        assert shift[f"r_difference{bound}"] == pytest.approx(level[f"difference{bound}"])
    assert found["positions"]["n"].tolist() == [30, 30, 30]


def test_the_same_data_give_the_same_bytes(tmp_path):
    files = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        rows, measures = study()
        written(tmp_path / name, rows.sample(frac=1, random_state=len(name)), measures)
        files.append([file.read_bytes() for file in sorted((tmp_path / name / "tables").iterdir())])
    assert files[0] == files[1]
    assert len(files[0]) == 7


def test_a_study_without_experiments_has_headers_only(tmp_path):
    found = written(tmp_path, None, pd.DataFrame({"unit_id": ["a"]}))
    for name, columns in COLUMNS.items():
        assert list(found[name].columns) == columns
        assert found[name].empty


def test_constructs_that_have_no_codebook_have_no_rows(tmp_path):
    rows, measures = study()
    whole = rows.assign(construct="tones", label="good; bad")
    found = written(tmp_path, pd.concat([rows, whole], ignore_index=True), measures)
    assert set(found["cells"]["construct"]) == {"tone"}


def no_criterion(rows, measures):
    return rows, measures.drop(columns=f"tone_{CRITERION}")


def one_unit(rows, measures):
    return rows[rows["unit_id"] == "u0000"], measures


def one_cell(rows, measures):
    return rows[rows["cell"] == 1], measures


def every_text_failed(rows, measures):
    return rows.assign(status="too_long", label=None, score=np.nan), measures


def some_texts_failed(rows, measures):
    failed = (rows["unit_id"] < "u0005") & (rows["cell"] == 2)
    return rows.assign(
        status=rows["status"].where(~failed, "failed"),
        label=rows["label"].where(~failed),
        score=rows["score"].where(~failed),
    ), measures


def a_cell_failed(rows, measures):
    failed = rows["cell"] == 1
    return rows.assign(status=rows["status"].where(~failed, "failed")), measures


def no_unit_in_every_cell(rows, measures):
    numbers = rows["unit_id"].str[1:].astype(int) % 12 + 1
    return rows.assign(status=rows["status"].where(numbers != rows["cell"], "not_codable")), measures


def constant_codes(rows, measures):
    same = {f"p_{label}": float(label == "good") for label in LABELS}
    return rows.assign(label="good", score=1.0, valid_mass=1.0, **same), measures


def constant_criterion(rows, measures):
    return rows, measures.assign(**{f"tone_{CRITERION}": 1.0})


def nobody_in_common(rows, measures):
    return rows, measures.assign(unit_id="x" + measures["unit_id"])


def all_are_pilot_units(rows, measures):
    return rows, measures.assign(pilot=True)


def no_probabilities(rows, measures):
    return rows.drop(columns=[f"p_{label}" for label in LABELS]), measures


def another_scale(rows, measures):
    return rows, measures.assign(**{f"tone_{CRITERION}": 10 * measures[f"tone_{CRITERION}"] + 50})


@pytest.mark.parametrize(
    "change",
    [
        no_criterion, one_unit, one_cell, every_text_failed, some_texts_failed, a_cell_failed,
        no_unit_in_every_cell, constant_codes, constant_criterion, nobody_in_common, all_are_pilot_units,
        no_probabilities, another_scale,
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("error")
def test_whatever_is_wrong_a_row_without_a_figure_says_why(tmp_path, change):
    found = written(tmp_path, *change(*study()))
    say_why(found)
    assert len(found["levels"]) == 7
    assert len(found["effects"]) == 5 * 4


@pytest.mark.filterwarnings("error")
def test_no_criterion_in_the_study(tmp_path):
    found = written(tmp_path, *study(), compare=COMPARE | {"criterion": None})
    say_why(found)
    assert found["cells"]["pearson_r"].isna().all()
    assert set(found["cells"]["note"]) == {"the study has no criterion"}
    assert found["effects"].query("outcome == 'score'")["p_value"].notna().all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "scale",
    [
        {"level": "interval", "type": "count", "classes": False, "values": {}},
        {"level": "interval", "type": "number", "classes": True, "values": {}},
        {"level": "nominal", "type": "classify", "classes": True, "values": dict.fromkeys(LABELS)},
        {"level": "nominal", "type": "classify", "classes": True, "values": LABELS},
    ],
)
def test_every_kind_of_answer(tmp_path, scale):
    rows, measures = study()
    if not scale["values"]:
        rows = rows.drop(columns=["label", "valid_mass", *(f"p_{label}" for label in LABELS)])
        rows = rows.assign(offered=None)
    elif None in scale["values"].values():
        names = {value: label for label, value in LABELS.items()}
        column = f"tone_{CRITERION}"
        measures[f"{column}_label"] = measures[column].map(names)
        measures[column] = np.nan
        rows = rows.assign(score=np.nan)
    found = written(tmp_path, rows, measures, codebooks={"tone": scale})
    say_why(found)
    if scale["type"] == "classify":
        assert found["cells"]["accuracy"].notna().all()


def test_rows_keep_the_order_in_which_levels_are_declared(tmp_path):
    factors = {"surface": ["as_written", "typos", "lower_case"]}
    labels = {(unit, 1): ["good", "bad", unit] for unit in ("good", "bad", "mixed")}
    rows = rows_of(factorial(factors), labels)
    measures = pd.DataFrame({"unit_id": ["good"], f"tone_{CRITERION}": [1.0]})
    found = written(tmp_path, rows, measures, factors=factors)
    assert found["flips"]["level"].tolist() == ["typos", "lower_case", "lower_case", "any"]
    assert found["flips"]["reference"].fillna("").tolist() == ["as_written", "as_written", "typos", ""]
    say_why(found)
