import numpy as np
import pandas as pd
import pytest

from library.experiment_study import BASE, LABELS, arranged, factorial, rows_of, simulated
from study.errors import StudyError
from study.experiment.factors import FACTORS
from study.experiment.grid import complete, in_words

FACTOR = {"wording": ["default", "short"]}


def test_codes_are_units_by_cells_by_repeats():
    rows = rows_of(factorial(FACTOR), {("b", 1): ["good", "bad"], ("a", 1): ["mixed", None]})
    codes = arranged(rows, FACTOR)
    assert list(codes.units) == ["a", "b"]
    assert codes.label[:, :, 0].tolist() == [[1, -1], [2, 0]]
    assert codes.score[1, :, 0] == pytest.approx([0.7, -0.7])
    assert codes.coded.tolist() == [[True, False], [True, True]]
    assert codes.probabilities[1, 0] == pytest.approx([0.1, 0.1, 0.8])
    assert np.isnan(codes.probabilities[0, 1]).all()  # what was not codable has no distribution
    assert codes.offered == (tuple(LABELS),) * 2
    assert codes.factors == {"wording": ("default", "short")}
    assert [(level, list(places)) for level, places in codes.levels("wording")] == [
        ("default", [0]),
        ("short", [1]),
    ]


def test_the_order_of_rows_does_not_matter():
    rows, truth = simulated({"wording": ["default", "b"], "rationale": ["none", "after"]}, n=8)
    factors = {"wording": ["default", "b"], "rationale": ["none", "after"]}
    one, other = (arranged(given, factors, truth) for given in (rows, rows.sample(frac=1, random_state=1)))
    assert np.array_equal(one.label, other.label)
    assert np.array_equal(one.score, other.score)
    assert one.cells.equals(other.cells)


def test_a_cell_that_was_coded_once_stands_for_every_repeat():
    factors = {"temperature": [0.0, 0.7]}
    rows, _ = simulated(factors, n=5, repeats=3)
    codes = arranged(rows, factors)
    assert codes.repeats.tolist() == [1, 3]
    assert codes.label.shape == (5, 2, 3)
    assert (codes.score[:, 0] == codes.score[:, 0, :1]).all()
    assert (codes.score[:, 1] != codes.score[:, 1, :1]).any()
    assert codes.settings["temperature"].tolist() == ["0", "0.7"]


def test_a_cell_whose_only_repeat_is_not_the_first():
    rows = rows_of(factorial(FACTOR), {("a", 1): ["good", "bad"], ("a", 2): ["good", "bad"]})
    codes = arranged(rows[~((rows["cell"] == 1) & (rows["repeat"] == 1))], FACTOR)
    assert codes.repeats.tolist() == [1, 2]
    assert codes.label[0].tolist() == [[2, 2], [0, 0]]


def test_orders_that_differ_between_texts_are_no_order_of_the_cell():
    rows = rows_of(factorial(FACTOR), {("a", 1): ["good", "good"], ("b", 1): ["good", "good"]})
    other = (rows["unit_id"] == "b") & (rows["cell"] == 2)
    rows.loc[other, "offered"] = '["good", "mixed", "bad"]'
    assert arranged(rows, FACTOR).offered == (tuple(LABELS), None)
    rows.loc[other, "offered"] = None
    assert arranged(rows, FACTOR).offered == (tuple(LABELS), None)


def test_blocks_are_cells_that_differ_in_one_factor():
    factors = {"wording": ["default", "b", "c"], "surface": ["as_written", "typos"]}
    rows = rows_of(factorial(factors), {("a", 1): ["good"] * 6})
    codes = arranged(rows, factors)
    assert codes.blocks("wording") == [{"default": 0, "b": 2, "c": 4}, {"default": 1, "b": 3, "c": 5}]
    assert codes.blocks("surface")[1] == {"as_written": 2, "typos": 3}


@pytest.mark.parametrize(
    ("factor", "level", "words"),
    [
        ("sparsity", 0.3, "0.3"),
        ("temperature", 1.0, "1"),
        ("seed", 20260101, "20260101"),
        ("model", "1.0", "1.0"),
    ],
)
def test_levels_in_words(factor, level, words):
    assert in_words(factor, level) == words


def test_complete_units_by_hand():
    coded = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 0], [0, 0, 0]], dtype=bool)
    found = complete(coded, [11, 12, 13])
    assert found.units.tolist() == [0, 2]
    assert found.cells.tolist() == [0, 1]
    assert found.note == (
        "cells without any code are left out: 13; "
        "1 of 3 units lack a code in some cell and are left out (cell 12 lacks 1)"
    )
    assert complete(coded, [11, 12, 13], np.array([0])).units.tolist() == [0, 1, 2]
    assert complete(coded[:, 2:], [13]).note == "no text was coded"
    assert complete(coded[:1, :2], [11, 12]).note == ""


def test_files_that_do_not_fit_the_design():
    rows = rows_of(factorial(FACTOR), {("a", 1): ["good", "bad"]})
    with pytest.raises(StudyError, match="two codes of one cell"):
        arranged(pd.concat([rows, rows]), FACTOR)
    with pytest.raises(StudyError, match=r"a level of 'wording'.*short.*longer"):
        arranged(rows, {"wording": ["default", "longer"]})
    with pytest.raises(StudyError, match="two settings"):
        arranged(rows.assign(cell=1, unit_id=["a", "b"]), FACTOR)


def test_base_settings_name_every_factor():
    assert tuple(BASE) == FACTORS
