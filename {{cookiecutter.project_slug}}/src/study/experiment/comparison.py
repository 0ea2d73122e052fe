"""Agreement of an experiment's cells with the criterion, on the same units and the same resamples.

The interval of a difference between cells is then that of a paired comparison. All tables draw from one
stream of random numbers: on the same units, the same difference has the same interval in each of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from study.experiment.cells import MOMENTS, agreement_sums, correlation
from study.experiment.grid import Codes
from study.experiment.outcomes import Outcomes
from study.validity.bootstrap import Array, Estimate, Statistic, bootstrap_of_sums

WIDTH = MOMENTS + 2
"""Columns that each cell has in the sums of a resample; see `cells.agreement_sums`."""


@dataclass(frozen=True)
class Comparison:
    """The cells of an experiment on units that they share.

    Attributes
    ----------
    name
        Of the stream of random numbers.
    per_unit
        Units x cells * `WIDTH`: what r and accuracy are made of, zeros where a unit has no criterion.
    r
        Cells: Pearson's r with the criterion, in -1 to 1; NaN where it is undefined.
    """

    name: str
    per_unit: Array
    r: Array

    def varying(self, places: Array) -> Array:
        """Return those of these cells whose correlation is defined."""
        return places[np.isfinite(self.r[places])]

    def estimates(
        self, statistics: Mapping[str, Statistic], *, resamples: int, seed: int
    ) -> dict[str, Estimate]:
        """Estimate several statistics on the same resamples of the units that have a criterion.

        Parameters
        ----------
        statistics
            Name -> function of the sums of all cells (resamples x cells * `WIDTH`); see `mean_of`.
        resamples, seed
            See `bootstrap.unit_bootstrap`.
        """
        known = self.per_unit[self.per_unit.any(axis=1)]
        return bootstrap_of_sums(known, statistics, resamples=resamples, seed=seed, name=self.name)


def compare(codes: Codes, judged: Outcomes, units: Array) -> Comparison:
    """Compare the cells of an experiment on some of its units.

    Parameters
    ----------
    codes, judged
        The codes of one construct, and what `outcomes` says of them.
    units
        Places of the units. In the cells that are of interest, all of them should be coded.
    """
    score, correct = judged.values["score"][units], judged.values["correct"][units]
    truth = codes.criterion.score[units]
    cells = range(len(codes.cells))
    sums = [agreement_sums(score[:, place], truth, correct[:, place]) for place in cells]
    r = np.array([correlation(own.sum(axis=0, keepdims=True))[0] for own in sums])
    return Comparison(f"{codes.name}/levels", np.hstack(sums), r)


def mean_of(function: Statistic, places: Array) -> Statistic:
    """Return the mean over cells of a function of each cell's sums; NaN over no cells.

    Parameters
    ----------
    function
        `cells.correlation` or `cells.accuracy`.
    places
        Of the cells.
    """

    def statistic(sums: Array) -> Array:
        if not places.size:
            return np.full(len(sums), np.nan)
        return np.mean([function(sums[:, place * WIDTH : (place + 1) * WIDTH]) for place in places], axis=0)

    return statistic


def difference_of_r(places: Array, reference: Array) -> Statistic:
    """Return the mean r of some cells less that of others; NaN where there are none of either."""
    own, other = mean_of(correlation, places), mean_of(correlation, reference)
    return lambda sums: own(sums) - other(sums)
