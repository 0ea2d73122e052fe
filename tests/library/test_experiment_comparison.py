import numpy as np
import pandas as pd
import pytest

from library.experiment_study import arranged, simulated
from study.experiment.cells import accuracy, correlation
from study.experiment.comparison import compare, difference_of_r, mean_of
from study.experiment.outcomes import outcomes

FACTORS = {"wording": ["default", "short"], "surface": ["as_written", "typos"]}
OPTIONS = {"resamples": 200, "seed": 3}


@pytest.fixture(scope="module")
def codes():
    rows, truth = simulated(FACTORS, n=50, effects={("wording", "short"): 0.5})
    # The second cell says the same of every text.
    same = rows["cell"] == 2
    rows.loc[same, "score"] = 0.3
    return arranged(rows, FACTORS, dict(list(truth.items())[:40]))


def test_r_of_each_cell_is_that_of_the_units(codes):
    units = np.arange(5, 45)
    compared = compare(codes, outcomes(codes), units)
    truth = codes.criterion.score[5:40]
    for place in (0, 2, 3):
        expected = np.corrcoef(codes.score[5:40, place, 0], truth)[0, 1]
        assert compared.r[place] == pytest.approx(expected)
    assert np.isnan(compared.r[1])
    assert compared.varying(np.arange(4)).tolist() == [0, 2, 3]


def test_estimates_stand_on_the_units_with_a_criterion(codes):
    judged = outcomes(codes)
    compared = compare(codes, judged, np.arange(50))
    places, other = np.array([2, 3]), np.array([0])
    found = compared.estimates(
        {
            "r": mean_of(correlation, places),
            "accuracy": mean_of(accuracy, places),
            "difference": difference_of_r(places, other),
            "turned": difference_of_r(other, places),
            "nothing": mean_of(correlation, np.zeros(0, dtype=int)),
        },
        **OPTIONS,
    )
    assert found["r"].n == 40
    assert found["r"].value == pytest.approx(compared.r[2:].mean())
    assert found["accuracy"].value == pytest.approx(judged.values["correct"][:40, 2:].mean())
    difference, turned = found["difference"], found["turned"]
    assert difference.value == pytest.approx(compared.r[2:].mean() - compared.r[0])
    # One resample for all: the other way round, the interval is the same one with its signs turned.
    assert difference.ci_low < difference.value < difference.ci_high
    assert (turned.ci_low, turned.ci_high) == pytest.approx((-difference.ci_high, -difference.ci_low))
    assert np.isnan(found["nothing"].value)


def test_no_units_and_no_criterion(codes):
    bare = arranged(simulated(FACTORS, n=5)[0], FACTORS)
    for own, units in ((codes, np.zeros(0, dtype=int)), (bare, np.arange(5))):
        compared = compare(own, outcomes(own), units)
        assert np.isnan(compared.r).all()
        found = compared.estimates({"r": mean_of(correlation, np.arange(4))}, **OPTIONS)["r"]
        assert pd.isna([found.value, found.ci_low, found.ci_high]).all()
        assert found.n == 0
