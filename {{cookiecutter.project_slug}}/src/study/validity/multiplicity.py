"""Correct p-values for having been many: the family is named wherever the result is shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from study.errors import StudyError
from study.validity.bootstrap import Array

CORRECTIONS = ("holm", "bonferroni", "fdr_bh", "none")
"""statsmodels' names: family-wise error (Holm, Bonferroni), false discovery rate (Benjamini-Hochberg)."""


def adjust(p_values: Sequence[float] | Array, correction: str = "holm") -> Array:
    """Adjust the p-values of one family (Holm 1979 by default).

    Parameters
    ----------
    p_values
        One a test; NaN (a test that could not be made) stays NaN and does not count.
    correction
        'holm', 'bonferroni', 'fdr_bh' or 'none'.

    Returns
    -------
    Adjusted p-values in the given order, at most 1.
    """
    if correction not in CORRECTIONS:
        raise StudyError(
            "This correction for multiple comparisons is not known.",
            key="compare.correction",
            found=correction,
            allowed=CORRECTIONS,
        )
    given = np.asarray(p_values, dtype=float)
    adjusted = given.copy()
    made = np.isfinite(given)
    if correction != "none" and made.sum() > 1:
        from statsmodels.stats.multitest import multipletests

        adjusted[made] = multipletests(given[made], method=correction)[1]
    return adjusted
