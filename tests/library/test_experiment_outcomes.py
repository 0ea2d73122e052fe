import numpy as np
import pandas as pd
import pytest

from library.experiment_study import CRITERION, LABELS, SCALE, arranged, factorial, rows_of, simulated
from study.experiment.cells import experiment_cells
from study.experiment.levels import experiment_levels
from study.experiment.outcomes import MAPPED, NO_PROBABILITIES, OUTCOMES, calibration_error, outcomes
from study.validity import calibration_table, classification_tables

FACTOR = {"wording": ["default", "short"]}


def test_outcomes_by_hand():
    rows = rows_of(factorial(FACTOR), {("a", 1): ["good", "bad"], ("b", 1): ["mixed", None]})
    found = outcomes(arranged(rows, FACTOR, {"a": 1.0, "b": 0.0}))
    assert tuple(found.values) == OUTCOMES
    assert found.values["score"][0] == pytest.approx([0.7, -0.7])
    assert found.values["correct"].tolist() == [[1, 0], [1, pytest.approx(np.nan, nan_ok=True)]]
    assert found.values["absolute_error"][0] == pytest.approx([0.3, 1.7])
    # right: (.8 - 1)^2 + 2 (.1)^2; wrong: (.1 - 1)^2 + .1^2 + .8^2
    assert found.values["brier"][0] == pytest.approx([0.06, 1.46])
    assert found.confidence[0] == pytest.approx([0.8, 0.8])
    assert found.likeliest[0].tolist() == [1, 0]
    assert not any(found.notes.values())


def test_each_cell_is_judged_as_the_tables_judge_a_coder():
    factors = {"wording": ["default", "short", "long"]}
    rows, truth = simulated(factors, n=150, effects={("wording", "short"): 0.4})
    found = outcomes(arranged(rows, factors, truth))
    for place in range(3):
        own = rows[rows["cell"] == place + 1]
        measures = pd.DataFrame({"unit_id": list(truth), "sample": True})
        measures[f"tone_{CRITERION}"] = list(truth.values())
        measures["tone_llm"], measures["tone_llm_label"] = own["score"].to_numpy(), own["label"].to_numpy()
        given = measures, {"tone": {CRITERION: "human", "llm": "llm"}}, {"tone": SCALE}
        no_ratings = pd.DataFrame(columns=["unit_id", "construct", "coder", "value", "status"])
        classified, _ = classification_tables(measures, no_ratings, *given[1:], criterion=CRITERION)
        label = classified[(classified["rule"] == "label") & (classified["subset"] == "all")].iloc[0]
        assert found.values["correct"][:, place].mean() == pytest.approx(label["accuracy"])
        codings = own.assign(coder="llm")
        diagram = calibration_table(measures, {"llm": codings}, *given[1:], criterion=CRITERION)
        whole = diagram[diagram["subset"] == "all"].iloc[0]
        assert found.values["brier"][:, place].mean() == pytest.approx(whole["brier"])
        error = calibration_error(found.confidence[:, place], found.likeliest[:, place])
        assert error == pytest.approx(whole["ece"])


def test_repeats_are_averaged():
    rows = rows_of(factorial(FACTOR), {("a", r): ["good", "good" if r < 3 else "bad"] for r in (1, 2, 3)})
    found = outcomes(arranged(rows, FACTOR, {"a": 1.0}))
    assert found.values["correct"][0] == pytest.approx([1, 2 / 3])
    assert found.values["score"][0] == pytest.approx([0.7, 0.7 / 3])
    p = np.array([1.0, 0.3, 1.7]) / 3  # bad, mixed, good: .1 .1 .8 twice, .8 .1 .1 once
    assert found.values["brier"][0, 1] == pytest.approx(((p - [0, 0, 1]) ** 2).sum())


def test_a_criterion_on_another_scale_is_met_by_one_mapping_for_all_cells():
    factors = {"wording": ["default", "short"]}
    rows, truth = simulated(factors, n=40, effects={("wording", "short"): 0.5})
    codes = arranged(rows, factors, {unit: 50 + 30 * value for unit, value in truth.items()})
    found = outcomes(codes)
    assert found.notes["absolute_error"] == MAPPED
    score, target = found.values["score"].ravel(), np.repeat(codes.criterion.score, 2)
    slope, intercept = np.polyfit(score, target, 1)
    expected = np.abs(intercept + slope * score - target).reshape(-1, 2)
    assert found.values["absolute_error"] == pytest.approx(expected)


def test_nominal_labels_are_compared_as_labels():
    scale = {"level": "nominal", "classes": True, "values": {"yes": None, "no": None, "unclear": None}}
    values = {"yes": np.nan, "no": np.nan, "unclear": np.nan}
    cells = factorial(FACTOR)
    rows = rows_of(cells, {("a", 1): ["yes", "no"], ("b", 1): ["no", "no"]}, construct="blame", values=values)
    measures = pd.DataFrame(
        {"unit_id": ["a", "b"], "blame_humans": np.nan, "blame_humans_label": ["yes", "no"]}
    )
    from study.experiment.grid import read_codes

    codes = read_codes(
        rows,
        experiment="trial",
        construct="blame",
        factors=FACTOR,
        scale=scale,
        measures=measures,
        criterion="humans",
    )
    found = outcomes(codes)
    assert found.values["correct"].tolist() == [[1, 0], [1, 1]]
    assert found.values["brier"][0] == pytest.approx([0.06, 1.46])
    assert found.notes["score"] == "the labels have no values"
    assert found.notes["absolute_error"] == "no text has both a score and the criterion's"
    assert found.notes["correct"] == found.notes["brier"] == ""


def test_numbers_have_classes_only_where_they_have_signs():
    rows = rows_of(factorial(FACTOR), {("a", 1): ["good", "bad"], ("b", 1): ["bad", "bad"]})
    rows = rows.drop(columns=["label", "valid_mass", *(f"p_{label}" for label in LABELS)]).assign(
        offered=None
    )
    truth = {"a": 1.0, "b": -1.0}
    signed = {"level": "interval", "type": "number", "classes": True, "values": {}}
    found = outcomes(arranged(rows, FACTOR, truth, signed))
    assert found.values["correct"].tolist() == [[1, 0], [1, 1]]
    assert found.notes["valid_mass"] == found.notes["brier"] == "there are no labels"
    count = outcomes(arranged(rows, FACTOR, truth, signed | {"classes": False}))
    assert np.isnan(count.values["correct"]).all()
    assert count.notes["correct"] == "these numbers have no classes"


def test_thresholds_hold_for_labels_and_criterion():
    rows = rows_of(factorial(FACTOR), {("a", 1): ["good", "mixed"]})
    codes = arranged(rows, FACTOR, {"a": 1.0})
    assert outcomes(codes, (0, 0)).values["correct"].tolist() == [[1, 0]]
    # Above 1 only is positive: the labels are both neutral now, the criterion was judged when it was read.
    assert outcomes(codes, (0, 1)).values["correct"].tolist() == [[0, 0]]


def test_without_a_criterion_there_are_scores_alone():
    rows = rows_of(factorial(FACTOR), {("a", 1): ["good", "mixed"]})
    found = outcomes(arranged(rows, FACTOR))
    assert np.isfinite(found.values["score"]).all()
    for name in ("correct", "absolute_error", "brier"):
        assert np.isnan(found.values[name]).all()
        assert found.notes[name] == "the study has no criterion"


def test_no_text_was_coded():
    rows = rows_of(factorial(FACTOR), {("a", 1): [None, None], ("b", 1): [None, None]})
    found = outcomes(arranged(rows, FACTOR, {"a": 1.0, "b": 0.0}))
    assert set(found.notes.values()) == {"no text was coded"}
    assert np.isnan(calibration_error(found.confidence[:, 0], found.likeliest[:, 0]))


def without_probabilities(rows, cell=None):
    """Take the probabilities away, as of a server that gives none: the score is the label's value."""
    own = rows["cell"] == cell if cell else rows["cell"] > 0
    rows = rows.assign(score=rows["score"].where(~own, rows["label"].map(LABELS)))
    rows.loc[own, [*(f"p_{label}" for label in LABELS), "valid_mass"]] = np.nan
    return rows


def test_without_probabilities_the_notes_say_that_figures_are_not_available():
    labels = {("a", 1): ["good", "bad"], ("b", 1): ["mixed", "good"], ("c", 1): ["bad", "bad"]}
    rows = without_probabilities(rows_of(factorial(FACTOR), labels))
    codes = arranged(rows, FACTOR, {"a": 1.0, "b": 0.0, "c": -1.0})
    found = outcomes(codes)
    assert found.values["score"][:, 0].tolist() == [1, 0, -1]
    assert found.values["correct"][:, 0].tolist() == [1, 1, 1]
    for name in ("valid_mass", "brier"):
        assert np.isnan(found.values[name]).all()
        assert found.notes[name] == NO_PROBABILITIES
    assert not found.notes["correct"]


def test_cells_and_levels_say_which_of_them_have_no_probabilities():
    factors = FACTOR | {"surface": ["as_written", "typos"]}
    labels = {("a", 1): ["good", "bad", "good", "bad"], ("b", 1): ["mixed", "good", "bad", "good"],
              ("c", 1): ["bad", "mixed", "mixed", "bad"]}  # fmt: skip
    rows = without_probabilities(rows_of(factorial(factors), labels), cell=2)
    codes = arranged(rows, factors, {"a": 1.0, "b": 0.0, "c": -1.0})
    judged = outcomes(codes)
    cells = experiment_cells(codes, judged, resamples=50).set_index("cell")
    assert [NO_PROBABILITIES in note for note in cells["note"]] == [False, True, False, False]
    assert cells["brier"].isna().tolist() == [False, True, False, False]
    levels = experiment_levels(codes, judged, resamples=50).set_index("level")
    assert f"{NO_PROBABILITIES} in 1 of 2 cells" in levels.loc["typos", "note"]
    assert f"{NO_PROBABILITIES} in 1 of 2 cells" in levels.loc["default", "note"]
    assert NO_PROBABILITIES not in levels.loc["short", "note"]
