"""People's codes of the gold sample, and the probability with which each unit was drawn for it.

Units of the pilot have no gold code: codebook and prompts were fitted to them. Where people coded only some
of the units that were drawn, the probability of being drawn *and coded* is the stratum's share of coded units
times the probability of being drawn; that supposes that what is missing is missing by chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.inference.coded import codes

PART, EVALUATE = "part", "evaluate"


@dataclass(frozen=True)
class GoldCodes:
    """The gold codes of one analysis, all in the order of the units that were given.

    Attributes
    ----------
    codes
        One column a construct; missing in every one of them where a unit is not labelled.
    labelled
        Which units have all the codes and count as gold.
    probability
        Of being drawn and coded; None where it is not known, and all units are supposed to be equally likely.
    drawn
        How many of the units were drawn to be coded; None where that is not known.
    everything
        People's codes of all units, gold or not, with the same columns.
    """

    codes: pd.DataFrame
    labelled: pd.Series
    probability: pd.Series | None
    drawn: int | None
    everything: pd.DataFrame


def gold_codes(
    units: pd.DataFrame,
    truth: str,
    constructs: Sequence[str],
    scales: Mapping[str, Mapping[str, Any]],
    *,
    categories: Sequence[str] = (),
    sample: pd.DataFrame | None = None,
    within: pd.Series | None = None,
    probability: str | float | None = None,
) -> GoldCodes:
    """Return the gold codes of some units.

    Parameters
    ----------
    units
        Rows of the table of measures.
    truth
        The coder whose codes are true.
    constructs
        Those that the analysis needs.
    scales
        construct -> level and values, see `coded.codes`.
    categories
        Constructs that are used as categories.
    sample
        The gold sample that was drawn: unit_id, part, stratum, sampling_probability; None or empty where none
        was drawn here.
    within
        unit_id -> the probability of being in the sample that the gold sample was drawn from, where the units
        are more than that sample; None where they are not.
    probability
        Otherwise: a column of the units, or one number; None when it is not known.

    Raises
    ------
    StudyError
        A probability is no number above 0 and at most 1.
    """
    everything = pd.DataFrame(
        {
            construct: codes(units, construct, truth, scales[construct], as_category=construct in categories)
            for construct in constructs
        },
        index=units.index,
    )
    coded = everything.notna().all(axis=1)
    if sample is None or sample.empty:
        known = None if probability is None else _stated(units, probability)
        return GoldCodes(everything.where(coded), coded, known, None, everything)
    drawn = sample.set_index("unit_id")
    part = units["unit_id"].map(drawn[PART])
    chosen = part == EVALUATE
    labelled = chosen & coded
    if within is not None:
        drawn = drawn.assign(sampling_probability=drawn["sampling_probability"].astype(float) * within)
    stratum = units["unit_id"].map(drawn["stratum"]).astype(object)
    pi = units["unit_id"].map(drawn["sampling_probability"].astype(float))
    coded_of, drawn_of = (which.astype(float).groupby(stratum).sum() for which in (labelled, chosen))
    share = coded_of / drawn_of
    answered = stratum.map(share).astype(float).fillna(1.0)
    pi = pi * answered.where(answered > 0, 1.0)
    # Units outside of the sample that was drawn from have no gold code, and their probability plays no part.
    return GoldCodes(
        everything.where(labelled), labelled, pi.fillna(pi.mean()), int(chosen.sum()), everything
    )


def _stated(units: pd.DataFrame, probability: str | float) -> pd.Series:
    if not isinstance(probability, str):
        return pd.Series(float(probability), index=units.index)
    found = pd.to_numeric(units[probability], errors="coerce").astype(float)
    bad = ~((found > 0) & (found <= 1))
    if bad.any():
        unit = units.loc[bad, "unit_id"].iloc[0]
        value = found[bad].iloc[0]
        raise StudyError(
            f"The probability of being hand-coded is not above 0 and at most 1 ({int(bad.sum())} units).",
            file="config/study.yaml",
            key="gold.probability",
            found=f"{'nothing' if np.isnan(value) else f'{value:g}'} in unit {unit}",
        )
    return found
