"""Table 2 of van Atteveldt et al. (2021): accuracy and alpha of people, crowd, classifiers, dictionaries.

The English dictionaries are those on the headlines as DeepL translated them. Methods with several runs have
the mean over them. Three rows do not follow from the signs of the stored scores, DANEW, Pattern and Polyglot;
they do from the scores as rounded to -1, 0 or 1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import ecosent
from study.validity import krippendorff_alpha

HALF_A_UNIT = 0.005

REPRODUCED = {
    "AFINN_deepl": (0.43, 0.27),
    "db_deepl": (0.42, 0.07),
    "GenInq_deepl": (0.41, 0.26),
    "HuLiu_deepl": (0.46, 0.34),
    "LMD_deepl": (0.50, 0.29),
    "LSD_deepl": (0.46, 0.33),
    "muddiman_deepl": (0.48, 0.27),
    "nrc_deepl": (0.42, 0.23),
    "RID_deepl": (0.42, 0.06),
    "db_nl": (0.41, 0.05),
    "muddiman_nl": (0.49, 0.31),
    "nrc_nl": (0.47, 0.32),
    "cnn": (0.63, 0.50),
    "nb": (0.58, 0.39),
    "svm": (0.57, 0.41),
    "crowd1": (0.72, 0.75),
    "crowd3": (0.77, 0.81),
    "crowd5": (0.77, 0.81),
    "manual1": (0.82, 0.82),
    "manual3": (0.88, 0.90),
}
NOT_REPRODUCED = {"DANEW": (0.42, 0.10), "pattern": (0.39, 0.07), "polyglot": (0.42, 0.26)}


def found(variable: str, reduced: Callable[[np.ndarray], np.ndarray] = np.sign) -> tuple[float, float]:
    """Return accuracy and ordinal alpha with the gold codes, the mean over runs."""
    gold, rows = ecosent.gold(), ecosent.predictions(variable)
    accuracies, alphas = [], []
    for _, run in rows.groupby(rows["repetition"].fillna(0)):
        code, true = reduced(run["value"].to_numpy()), gold[run["id"]].to_numpy()
        accuracies.append(float((code == true).mean()))
        both = np.concatenate([code, true])
        units = np.concatenate([run["id"], run["id"]])
        alphas.append(krippendorff_alpha(units, both, level="ordinal", resamples=0).value)
    return float(np.mean(accuracies)), float(np.mean(alphas))


def agrees(
    variable: str,
    printed: tuple[float, float],
    reduced: Callable[[np.ndarray], np.ndarray] = np.sign,
) -> bool:
    pairs = zip(found(variable, reduced), printed, strict=True)
    return all(abs(a - b) <= HALF_A_UNIT + 1e-9 for a, b in pairs)


@pytest.mark.parametrize("variable", REPRODUCED)
def test_a_row_reproduces_from_the_stored_codes(variable: str) -> None:
    assert agrees(variable, REPRODUCED[variable]), found(variable)


def test_three_rows_do_not_and_that_is_all() -> None:
    assert not any(agrees(variable, printed) for variable, printed in NOT_REPRODUCED.items())
    assert len(REPRODUCED) + len(NOT_REPRODUCED) == 23


@pytest.mark.parametrize("variable", NOT_REPRODUCED)
def test_they_do_when_scores_are_rounded(variable: str) -> None:
    assert agrees(variable, NOT_REPRODUCED[variable], np.rint), found(variable, np.rint)
