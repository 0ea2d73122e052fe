import numpy as np
import pytest

from study.errors import StudyError
from study.validity import adjust


def test_holm_by_hand():
    # sorted .005 .01 .03 .04: x4 = .02, x3 = .03, x2 = .06, then the running maximum
    assert adjust([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_other_corrections():
    assert adjust([0.01, 0.4], "bonferroni") == pytest.approx([0.02, 0.8])
    assert adjust([0.01, 0.04, 0.03], "fdr_bh") == pytest.approx([0.03, 0.04, 0.04])
    assert adjust([0.01, 0.4], "none") == pytest.approx([0.01, 0.4])


def test_a_test_that_could_not_be_made_does_not_count():
    found = adjust([0.01, np.nan, 0.04])
    assert found[[0, 2]] == pytest.approx([0.02, 0.04])
    assert np.isnan(found[1])
    assert adjust([]).size == 0


def test_an_unknown_correction_names_the_nearest():
    with pytest.raises(StudyError, match=r"compare\.correction.*Did you mean 'holm'"):
        adjust([0.1], "hollm")
