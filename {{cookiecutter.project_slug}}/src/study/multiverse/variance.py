"""Which choices make the estimates of a multiverse differ: shares of their variance, and of interactions.

Type II sums of squares (Langsrud 2003, Statistics and Computing 13, 163-167): what a choice explains beside
all others, and beside the interactions that it is no part of. In a balanced design they add up to the whole;
where some specifications could not be estimated they need not. In a fraction of a design interactions may be
mixed up with each other and with choices: a choice is then what it explains beside the other choices, and an
interaction that cannot be told apart has no share.

The variance is that of the specifications which were tried, sampling error included: it tells what the
choices do to these estimates, not which choice is right.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from study.experiment.factors import FACTORS
from study.validity.bootstrap import Array

COLUMNS = (
    "analysis", "term", "estimator", "over", "choice", "df", "sum_of_squares", "share", "n_specifications",
    "note",
)  # fmt: skip
EVERY = "all"
"""The estimator of the rows in which estimators are a choice too."""
ALL_INSTRUMENTS = "all instruments"
REST, TIMES = "rest", " x "
ALIASED = "cannot be told apart from other choices in this design"
MIXED = "mixed up with interactions, which are taken for nothing here"
ALIKE = "the estimates do not differ"
SMALL = 1e-9
"""Of the whole variance: what is below is rounding."""


def variance(table: pd.DataFrame) -> pd.DataFrame:
    """Return the shares of every choice, by term and estimator.

    Parameters
    ----------
    table
        See `Multiverse.table`.

    Returns
    -------
    DataFrame
        `COLUMNS`. `over` says which specifications were compared: 'all instruments' (the choices are the
        instrument and the decision) or those of one experiment (its factors and the decision). `estimator` is
        'all' where estimators are a choice too.
    """
    rows: list[dict[str, Any]] = []
    for term, of_term in table.groupby("term", sort=False):
        estimators = list(dict.fromkeys(of_term["estimator"]))
        for estimator in [*estimators, *([EVERY] if len(estimators) > 1 else [])]:
            own = of_term if estimator == EVERY else of_term[of_term["estimator"] == estimator]
            known = own[own["estimate"].notna()]
            for over, part, columns in _groups(known):
                chosen = [*columns, "decision", *(["estimator"] if estimator == EVERY else [])]
                head = {"analysis": own["analysis"].iloc[0], "term": term, "estimator": estimator}
                head |= {"over": over, "n_specifications": len(part)}
                rows += [head | row for row in shares(part["estimate"].to_numpy(dtype=float), part[chosen])]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _groups(known: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, list[str]]]:
    """The specifications that can be compared by the same choices."""
    yield ALL_INSTRUMENTS, known, ["instrument"]
    for experiment in dict.fromkeys(known["experiment"]):
        if experiment:
            yield f"experiment {experiment}", known[known["experiment"] == experiment], list(FACTORS)


def shares(values: Array, choices: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the sum of squares of each choice and of each pair of choices, and what is left.

    Parameters
    ----------
    values
        One a specification.
    choices
        Specifications x choices; a choice of which there is one level only is left out.

    Returns
    -------
    Rows with choice, df, sum_of_squares (in squared units of the values), share (of the sum of squares around
    the mean, from 0 to 1) and note. None where fewer than two specifications, or no choice, are left.
    """
    varied = [str(name) for name in choices if choices[name].nunique() > 1]
    if len(values) < 2 or not varied:
        return []
    total = float(((values - values.mean()) ** 2).sum())
    if total <= SMALL * float((values**2).sum()):
        return [{"choice": name, "df": choices[name].nunique() - 1, "note": ALIKE} for name in varied]
    columns: dict[tuple[str, ...], Array] = {(name,): _contrasts(choices[name]) for name in varied}
    for one, other in itertools.combinations(varied, 2):
        columns[one, other] = _products(columns[one,], columns[other,])
    fits = _Fits(values, columns)
    rows = [_row(fits, term, columns, total) for term in columns]
    left, rank = fits.of(list(columns))
    rows.append(_figures(REST, len(values) - rank, left, total))
    return rows


def _row(
    fits: _Fits, term: tuple[str, ...], columns: Mapping[tuple[str, ...], Array], total: float
) -> dict[str, Any]:
    others = [other for other in columns if not set(term) <= set(other)]
    df, explained = fits.beside(others, term)
    name = TIMES.join(term)
    if len(term) == 1:
        alone, explained_alone = fits.beside([other for other in others if len(other) == 1], term)
        if df < alone:
            return _figures(name, alone, explained_alone, total) | {"note": MIXED}
    if df == 0:
        return {"choice": name, "df": 0, "sum_of_squares": 0.0, "share": np.nan, "note": ALIASED}
    return _figures(name, df, explained, total)


def _figures(name: str, df: int, explained: float, total: float) -> dict[str, Any]:
    explained = explained if explained > SMALL * total else 0.0
    return {"choice": name, "df": df, "sum_of_squares": explained, "share": explained / total, "note": ""}


class _Fits:
    """Residual sums of squares of models, each fitted once."""

    def __init__(self, values: Array, columns: Mapping[tuple[str, ...], Array]) -> None:
        self.values, self.columns = values, columns
        self.known: dict[frozenset[tuple[str, ...]], tuple[float, int]] = {}

    def of(self, terms: Sequence[tuple[str, ...]]) -> tuple[float, int]:
        """Return the residual sum of squares and the rank, the mean included."""
        key = frozenset(terms)
        if key not in self.known:
            X = np.column_stack([np.ones(len(self.values)), *(self.columns[term] for term in terms)])
            solution, _, rank, _ = np.linalg.lstsq(X, self.values, rcond=SMALL)
            self.known[key] = float(((self.values - X @ solution) ** 2).sum()), int(rank)
        return self.known[key]

    def beside(self, others: Sequence[tuple[str, ...]], term: tuple[str, ...]) -> tuple[int, float]:
        """Return the degrees of freedom and the sum of squares of a term beside others."""
        without, with_it = self.of(others), self.of([*others, term])
        return with_it[1] - without[1], without[0] - with_it[0]


def _contrasts(levels: pd.Series) -> Array:
    """Specifications x (levels - 1): 1 for a level, -1 for the last, so that interactions are about means."""
    codes, names = pd.factorize(levels)
    identity = np.eye(len(names) - 1)
    return np.vstack([identity, -np.ones(len(names) - 1)])[codes]


def _products(one: Array, other: Array) -> Array:
    return (one[:, :, None] * other[:, None, :]).reshape(len(one), -1)
