"""What raters chose, as comparable codes: labels of a nominal codebook, numbers of any other.

A rater may write a label ('Yes', 'yes') or its number; both are one code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

MOST_CATEGORIES = 30
"""Numbers with more different values are a fine scale, on which equal codes are chance."""


@dataclass(frozen=True)
class RatingCodes:
    """Codes of ratings.

    Attributes
    ----------
    values
        One a rating, missing where it has none: labels, or numbers.
    categories
        All codes that there are, in their order: the codebook's (also those that nobody used), or where the
        raters used another scale the numbers that occur.
    names
        Code -> its label.
    """

    values: pd.Series
    categories: Sequence[object]
    names: Mapping[Any, str]

    def commonest(self) -> tuple[str, float]:
        """Return the label that most ratings have, and its share of them."""
        shares = self.values.value_counts(normalize=True)
        if shares.empty:
            return "", float("nan")
        code = min(shares.index[shares == shares.max()], key=str)
        return self.names.get(code, f"{code:g}" if isinstance(code, float) else str(code)), float(
            shares.max()
        )


def rating_codes(rated: pd.DataFrame, level: str, values: Mapping[str, float | None]) -> RatingCodes:
    """Return the codes of ratings.

    Parameters
    ----------
    rated
        Ratings of one construct: code (as it was written) and value.
    level
        Of the construct: nominal codes are labels, all others numbers.
    values
        Label -> value (None: it has none); empty where the codebook has no labels.
    """
    if level == "nominal":
        given = _labels(rated, values)
        extra = sorted(set(given.dropna()) - set(values), key=str)
        return RatingCodes(given, [*values, *extra], {label: label for label in values})
    numbers = rated["value"].astype(float)
    known = {float(value): label for label, value in values.items() if value is not None}
    used = set(numbers.dropna())
    return RatingCodes(numbers, sorted(known if used <= known.keys() else used), known)


def label_codes(labels: pd.Series, level: str, values: Mapping[str, float | None]) -> pd.Series:
    """Return the codes of labels that a coder gave, comparable with those of `rating_codes`."""
    if level == "nominal":
        return labels.astype(object)
    numbers = {label: np.nan if value is None else float(value) for label, value in values.items()}
    return labels.map(numbers).astype(float)


def _labels(rated: pd.DataFrame, values: Mapping[str, float | None]) -> pd.Series:
    """The label of each rating, whichever way it was written; the code itself where it is none of them."""
    written = {label.casefold(): label for label in values}
    number = {float(value): label for label, value in values.items() if value is not None}
    distinct = rated[["code", "value"]].drop_duplicates()
    meant = {
        (code, value): written.get(str(code).casefold(), number.get(value, code))
        for code, value in zip(distinct["code"], distinct["value"].fillna(np.inf), strict=True)
    }
    keys = zip(rated["code"], rated["value"].fillna(np.inf), strict=True)
    return pd.Series([meant[key] for key in keys], index=rated.index, dtype=object)
