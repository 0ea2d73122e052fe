"""Whether coders agree on a text, and the code that counts after somebody has decided where they do not.

Coders agree on a label when all give the same one, and on a count, a number or a number of passages likewise.
On a scale (type rate) they agree when their codes lie within a tenth of it: 6 and 7 of 0 to 10 are no matter
for a decision, and their mean counts. That a text is not codable is a code like the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from study.codebook import Codebook
from study.coders.ratings import Rating

OF_THE_SCALE = 0.1
"""Codes on a scale agree when they differ by no more than this part of it."""


def agree(ratings: Sequence[Rating], book: Codebook) -> bool:
    """Whether several codes of one text need no decision; a single code does not."""
    if len({rating.status for rating in ratings}) > 1:
        return False
    if book.type == "rate" and ratings[0].status == "ok":
        low, high = book.scale or (0, 0)
        values = [rating.value for rating in ratings]
        return max(values) - min(values) <= OF_THE_SCALE * (high - low)
    return len({rating.code for rating in ratings}) == 1


def decided(
    ratings: Sequence[Rating], decision: Rating | None, book: Codebook
) -> tuple[str, str | None, float]:
    """Make one code of several.

    Returns
    -------
    status, label, score
        What was decided; else what all agree on (the mean of codes on a scale, whose label is missing unless
        it is the same); else 'failed'.
    """
    if decision is not None:
        return decision.status, None if decision.status != "ok" else decision.label, decision.value
    if not agree(ratings, book):
        return "failed", None, math.nan
    if ratings[0].status != "ok":
        return ratings[0].status, None, math.nan
    same = len({rating.label for rating in ratings}) == 1
    return "ok", ratings[0].label if same else None, fmean(rating.value for rating in ratings)
