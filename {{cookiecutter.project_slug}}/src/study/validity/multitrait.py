"""Do measures of one construct converge, and do those of different constructs keep apart?

The multitrait-multimethod matrix of Campbell & Fiske (1959) holds the correlations of several traits
(constructs), each measured by several methods (coders). A *validity coefficient* is the correlation of two
methods' measures of one trait. Their four criteria are counted here, not judged: no number of comparisons met
is 'enough'. Correlations of different traits count by their size: a trait that correlates with another at -.8
is as little distinct from it as at .8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.validity.bootstrap import Array
from study.validity.multiplicity import adjust

LEVEL = 0.05
NAMES = ["method", "trait"]
CRITERIA = {
    "convergent": "validity coefficients above zero (p < .05, adjusted)",
    "heteromethod": "validity coefficients above correlations of the trait with others across the methods",
    "monomethod": "validity coefficients above correlations of the trait with others inside a method",
}
VALIDITY_COLUMNS = [
    "trait", "method", "other_method", "r", "p_value", "p_adjusted", "heteromethod_met", "monomethod_met",
    "comparisons",
]  # fmt: skip


@dataclass(frozen=True)
class MultitraitMultimethod:
    """The matrix and its criteria.

    Attributes
    ----------
    matrix
        Correlations, measures x measures, both (method, trait) with the traits of one method together as in
        the paper; the diagonal holds reliabilities, NaN where none was given.
    validities
        One row a validity coefficient: trait, method, other_method, r; p_value (two-sided, t on n - 2) and
        p_adjusted over all of them; heteromethod_met and monomethod_met, how many of `comparisons` it
        exceeds.
    criteria
        Criterion ('convergent', 'heteromethod', 'monomethod': the first three of the paper), met,
        comparisons, and what is counted. 'convergent' is missing where the number of units is not known.
    concordance
        The fourth criterion, the same pattern of correlations between traits inside every method and across
        every two methods: Kendall's W of their ranks, 0 to 1, across methods those of the mean of a pair's
        two correlations. NaN with fewer than three traits. The patterns are not independent, so it has no
        p-value.
    n
        Number of units; None where it is not known.
    """

    matrix: pd.DataFrame
    validities: pd.DataFrame
    criteria: pd.DataFrame
    concordance: float
    n: int | None


def multitrait_multimethod(
    measures: pd.DataFrame,
    columns: Mapping[str, tuple[str, str]],
    *,
    reliabilities: Mapping[str, float] | None = None,
    correction: str = "holm",
) -> MultitraitMultimethod:
    """Correlate several methods' measures of several traits; count the criteria of Campbell & Fiske (1959).

    Parameters
    ----------
    measures
        One row a unit; units without all the columns are left out.
    columns
        Column -> (method, trait); every trait is measured by every method.
    reliabilities
        Column -> reliability, shown in the diagonal.
    correction
        Of the p-values of the validity coefficients, see `multiplicity.adjust`.

    Raises
    ------
    StudyError
        A column is not there, is not numeric or does not vary; fewer than four units; or as `campbell_fiske`.
    """
    for column in [*columns, *(reliabilities or {})]:
        if column not in measures:
            raise StudyError("There is no such measure.", found=column, allowed=list(measures.columns))
        if not pd.api.types.is_numeric_dtype(measures[column]):
            raise StudyError(
                "Only numbers correlate.", found=f"{column}, which holds {measures[column].dtype}"
            )
    scores = measures[list(columns)].astype(float).dropna()
    if len(scores) < 4:
        raise StudyError(
            "Too few units have all the measures.", found=f"{len(scores)} units", allowed="4 or more"
        )
    constant = [column for column in columns if np.ptp(scores[column].to_numpy()) == 0]
    if constant:
        raise StudyError("A measure that does not vary correlates with nothing.", found=constant[0])
    names = pd.MultiIndex.from_tuples(list(columns.values()), names=NAMES)
    values = np.corrcoef(scores.to_numpy().T)
    np.fill_diagonal(values, [float((reliabilities or {}).get(column, np.nan)) for column in columns])
    matrix = pd.DataFrame(values, index=names, columns=names)
    return campbell_fiske(matrix, n=len(scores), correction=correction)


def campbell_fiske(
    matrix: pd.DataFrame, *, n: int | None = None, correction: str = "holm"
) -> MultitraitMultimethod:
    """Count the criteria of Campbell & Fiske (1959) in a matrix of correlations.

    Parameters
    ----------
    matrix
        Measures x measures, symmetric, index and columns (method, trait) in the same order; the diagonal is
        not used.
    n
        Number of units behind every correlation; None: not known, and validity coefficients are not tested.
    correction
        Of the p-values of the validity coefficients, see `multiplicity.adjust`.

    Raises
    ------
    StudyError
        Fewer than two traits or methods, a trait that is not measured by every method, a measure that occurs
        twice, or a matrix that is not one of correlations.
    """
    methods, traits = _checked(matrix)
    order = pd.MultiIndex.from_product([methods, traits], names=NAMES)
    ordered = matrix.set_axis(pd.MultiIndex.from_tuples(list(matrix.index), names=NAMES), axis=0)
    ordered = ordered.set_axis(ordered.index, axis=1).loc[order, order]
    r = ordered.to_numpy(dtype=float).reshape(len(methods), len(traits), len(methods), len(traits))
    validities = _validities(r, methods, traits, n)
    validities["p_adjusted"] = adjust(validities["p_value"].to_numpy(dtype=float), correction)
    return MultitraitMultimethod(
        matrix=ordered,
        validities=validities,
        criteria=_criteria(validities, n),
        concordance=_concordance(r),
        n=n,
    )


def _checked(matrix: pd.DataFrame) -> tuple[list[str], list[str]]:
    names = [tuple(name) if isinstance(name, tuple) else (name,) for name in matrix.index]
    if any(len(name) != 2 for name in names) or list(matrix.index) != list(matrix.columns):
        raise StudyError("Rows and columns of the matrix are the same pairs (method, trait).", key="matrix")
    methods, traits = (list(dict.fromkeys(name[i] for name in names)) for i in range(2))
    for what, found in (("methods", methods), ("traits", traits)):
        if len(found) < 2:
            raise StudyError(f"At least two {what} are compared.", key="matrix", found=found)
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise StudyError("A trait is measured twice by one method.", key="matrix", found=list(twice))
    for method in methods:
        for trait in traits:
            if (method, trait) not in names:
                raise StudyError(
                    f"The trait '{trait}' is not measured by '{method}'.",
                    key="matrix",
                    hint="Leave out the trait or the method.",
                )
    values = matrix.to_numpy(dtype=float)
    off = values[~np.eye(len(values), dtype=bool)]
    if not (np.isfinite(off).all() and (np.abs(off) <= 1 + 1e-9).all()):
        raise StudyError("Correlations are numbers from -1 to 1.", key="matrix")
    if not np.allclose(values, values.T, equal_nan=True):
        raise StudyError("A matrix of correlations is symmetric.", key="matrix")
    return methods, traits


def _validities(r: Array, methods: list[str], traits: list[str], n: int | None) -> pd.DataFrame:
    """r is methods x traits x methods x traits."""
    rows: list[dict[str, object]] = []
    for (i, method), (j, other) in combinations(enumerate(methods), 2):
        for t, trait in enumerate(traits):
            validity = float(r[i, t, j, t])
            rest = [s for s in range(len(traits)) if s != t]
            across = np.abs(np.concatenate([r[i, t, j, rest], r[i, rest, j, t]]))
            inside = np.abs(np.concatenate([r[i, t, i, rest], r[j, t, j, rest]]))
            rows.append(
                {
                    "trait": trait,
                    "method": method,
                    "other_method": other,
                    "r": validity,
                    "p_value": _p_value(validity, n),
                    "heteromethod_met": int((validity > across).sum()),
                    "monomethod_met": int((validity > inside).sum()),
                    "comparisons": len(across),
                }
            )
    return pd.DataFrame(rows, columns=VALIDITY_COLUMNS)


def _p_value(r: float, n: int | None) -> float:
    if n is None or n < 3:
        return float("nan")
    if abs(r) >= 1:
        return 0.0
    from scipy.special import stdtr

    return float(2 * stdtr(n - 2, -abs(r) * np.sqrt((n - 2) / (1 - r**2))))


def _criteria(validities: pd.DataFrame, n: int | None) -> pd.DataFrame:
    above = (validities["p_adjusted"] < LEVEL) & (validities["r"] > 0)
    total = int(validities["comparisons"].sum())
    counts = {
        "convergent": (int(above.sum()), len(validities)),
        "heteromethod": (int(validities["heteromethod_met"].sum()), total),
        "monomethod": (int(validities["monomethod_met"].sum()), total),
    }
    if n is None:
        del counts["convergent"]
    rows = [(name, *count, CRITERIA[name]) for name, count in counts.items()]
    return pd.DataFrame(rows, columns=["criterion", "met", "comparisons", "counted"])


def _concordance(r: Array) -> float:
    """Kendall's W, corrected for ties (Kendall & Gibbons 1990), of the blocks' correlations of traits."""
    n_methods, n_traits = r.shape[:2]
    if n_traits < 3:
        return float("nan")
    from scipy.stats import rankdata

    # The block of two methods has two triangles, and what is in which depends on the order of the
    # traits: their mean does not.
    blocks = [r[i, :, j, :] for i in range(n_methods) for j in range(i, n_methods)]
    patterns = [((block + block.T) / 2)[np.triu_indices(n_traits, k=1)] for block in blocks]
    ranks = np.apply_along_axis(rankdata, 1, np.round(np.array(patterns), 12))
    m, k = ranks.shape
    times = [np.unique(row, return_counts=True)[1].astype(float) for row in ranks]
    ties = sum(float((count**3 - count).sum()) for count in times)
    spread = float(((ranks.sum(axis=0) - m * (k + 1) / 2) ** 2).sum())
    possible = m**2 * (k**3 - k) - m * ties
    return 12 * spread / possible if possible > 0 else float("nan")
