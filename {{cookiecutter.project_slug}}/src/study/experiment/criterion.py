"""What the codes of an experiment are compared with: the criterion's codes of its texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from study.validity.bootstrap import Array
from study.validity.classification import SIGNS, criterion_classes


@dataclass(frozen=True)
class Criterion:
    """The codes that an experiment's codes are compared with.

    Attributes
    ----------
    name
        The coder; '' where the study compares with nothing.
    score
        One a unit, in the criterion's own units; NaN where it has none.
    classes
        The class of each unit (see `classification.criterion_classes`); None where it has none.
    by_label
        Whether classes are labels rather than signs.
    note
        Why there is nothing to compare with; '' where there is something.
    """

    name: str
    score: Array
    classes: Array
    by_label: bool
    note: str

    @property
    def known(self) -> Array:
        """Whether each unit has a score or a class."""
        return np.asarray(np.isfinite(self.score) | pd.notna(self.classes))


def criterion_of(
    measures: pd.DataFrame,
    units: pd.Index,
    *,
    construct: str,
    name: str | None,
    scale: Mapping[str, Any],
    thresholds: Sequence[float] = (0, 0),
) -> Criterion:
    """Return the criterion's codes of an experiment's units.

    Units of the pilot, on which the codebook was tried out, have none: as in the table of agreement.
    """
    nothing = np.full(len(units), np.nan), np.full(len(units), None, dtype=object)
    if name is None:
        return Criterion("", *nothing, False, "the study has no criterion")
    column = f"{construct}_{name}"
    if column not in measures:
        return Criterion(name, *nothing, False, f"'{name}' does not code {construct}")
    if "pilot" in measures:
        measures = measures[~measures["pilot"].astype(bool)]
    classes, by_label = criterion_classes(measures, construct, name, scale["level"], thresholds)
    both = {
        "score": measures[column].astype(float),
        "class": pd.Series(classes, measures.index, dtype=object),
    }
    known = pd.DataFrame(both).set_index(pd.Index(measures["unit_id"])).reindex(units)
    named = known["class"].isin(list(scale["values"]) if by_label else list(SIGNS))
    found = Criterion(
        name,
        known["score"].to_numpy(dtype=float),
        known["class"].where(named, None).to_numpy(dtype=object),
        by_label,
        "",
    )
    if found.known.any():
        return found
    return Criterion(name, *nothing, by_label, f"no text of the experiment has a code by '{name}'")
