"""Calibration of label probabilities, by hand and in general."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.prior import calibrated, log_sum, normalised


def probabilities(log_p: np.ndarray) -> np.ndarray:
    return np.exp(log_p)


def test_one_text_by_hand() -> None:
    # .6/.5, .3/.25, .1/.25 = 1.2, 1.2, .4, which sum to 2.8.
    found = calibrated(np.log([[0.6, 0.3, 0.1]]), np.log([[0.5, 0.25, 0.25]]))
    assert probabilities(found) == pytest.approx(np.array([[3 / 7, 3 / 7, 1 / 7]]))


def test_the_mean_of_several_reference_texts_by_hand() -> None:
    # Means .5, .25, .25: those of the probabilities, not of their logarithms.
    reference = np.log([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]])
    found = calibrated(np.log([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]]), reference)
    # The second text: .4, .8, 2.4, which sum to 3.6.
    expected = np.array([[3 / 7, 3 / 7, 1 / 7], [1 / 9, 2 / 9, 6 / 9]])
    assert probabilities(found) == pytest.approx(expected)


def test_what_is_no_label_takes_no_part() -> None:
    """Label probabilities are renormalised first, those of each reference text for itself."""
    reference = np.log([[0.07, 0.02, 0.01], [0.0003, 0.0003, 0.0004]])
    found = calibrated(np.log([[0.006, 0.003, 0.001]]), reference)
    assert probabilities(found) == pytest.approx(np.array([[3 / 7, 3 / 7, 1 / 7]]))


def test_a_text_that_is_answered_as_the_reference_says_nothing() -> None:
    found = calibrated(np.log([[0.8, 0.15, 0.05]]), np.log([[0.8, 0.15, 0.05]]))
    assert probabilities(found) == pytest.approx(np.full((1, 3), 1 / 3))


def test_a_reference_without_preference_changes_nothing() -> None:
    found = calibrated(np.log([[0.4, 0.1]]), np.log([[0.3, 0.3], [0.01, 0.01]]))
    assert probabilities(found) == pytest.approx(np.array([[0.8, 0.2]]))


def test_probabilities_that_no_float_can_hold() -> None:
    with np.errstate(all="raise", under="ignore"):
        found = calibrated(
            np.array([[-2000.0, -1.0], [-2000.0, -2000.0 + math.log(3)]]),
            np.array([[-1500.0, -1.0], [-1500.0, -1.0]]),
        )
    # The first text: exp(-1999) / exp(-1499) against 1. The second: .25 and .75 against exp(-1499) and 1.
    assert found == pytest.approx(np.array([[-500.0, 0.0], [0.0, -1499.0 + math.log(3)]]))


LOG_P = st.lists(st.lists(st.floats(-700, 0), min_size=3, max_size=3), min_size=1, max_size=6)


@given(LOG_P, LOG_P)
def test_calibrated_probabilities_sum_to_1_and_undo_the_reference(
    texts: list[list[float]], reference: list[list[float]]
) -> None:
    log_p, given_reference = np.array(texts), np.array(reference)
    found = calibrated(log_p, given_reference)
    assert probabilities(found).sum(axis=1) == pytest.approx(np.ones(len(texts)))
    # The odds of two labels are divided by those of the mean reference.
    mean = log_sum(normalised(given_reference), axis=0)[0]
    odds = found[:, 0] - found[:, 1]
    assert odds == pytest.approx(log_p[:, 0] - log_p[:, 1] - (mean[0] - mean[1]), abs=1e-9)


@given(LOG_P, LOG_P)
def test_neither_order_nor_number_of_equal_references_matters(
    texts: list[list[float]], reference: list[list[float]]
) -> None:
    log_p = np.array(texts)
    found = calibrated(log_p, np.array(reference))
    assert calibrated(log_p, np.array(reference[::-1] * 2)) == pytest.approx(found, abs=1e-9)
    # A text is calibrated for itself: the others that are coded change nothing.
    assert calibrated(log_p[:1], np.array(reference)) == pytest.approx(found[:1])


def test_log_sum_by_hand() -> None:
    assert log_sum(np.log([[0.5, 0.25], [0.1, 0.1]]), axis=1) == pytest.approx(np.log([[0.75], [0.2]]))
    assert log_sum(np.log([[0.5, 0.25], [0.1, 0.1]]), axis=0) == pytest.approx(np.log([[0.6, 0.35]]))
