"""Covariances of coefficients that suppose nothing about variances, or about dependence inside of clusters.

White (1980); HC3: MacKinnon & White (1985), Long & Ervin (2000); clusters, CR1: Liang & Zeger (1986) with
the small-sample factors of Stata. A unit's score is its contribution to the estimating equations; where a
unit, or a cluster, alone decides a coefficient, its score is zero whatever the truth is, and such a
covariance would call the coefficient exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from study.errors import StudyError
from study.validity.bootstrap import Array

ALONE = 1e-9


@dataclass(frozen=True)
class Robust:
    """A robust covariance.

    Attributes
    ----------
    covariance
        Parameters x parameters; NaN for those that one cluster alone decides.
    influence
        What each unit does to the parameters, units x parameters; the covariance is the sum of the products
        of the units' (of the clusters' summed) influences with themselves.
    kind
        'HC3', 'sandwich' or 'CR1'.
    df
        Of the t distribution; infinite for the normal.
    """

    covariance: Array
    influence: Array
    kind: str
    df: float


def robust(
    scores: Array,
    roots: Array,
    back: Array,
    *,
    clusters: Array | None = None,
    small_sample: bool,
) -> Robust:
    """Return the robust covariance of parameters, at the root of their estimating equations.

    Parameters
    ----------
    scores
        Each unit's contribution to the equations, weights included: units x parameters.
    roots
        Rows whose products with themselves add up to minus the derivative of the equations; as many a unit
        as needed, one block of all units after the other: (blocks x units) x parameters.
    back
        From these parameters to those that are reported, a square matrix.
    clusters
        Each unit's cluster, an integer from 0.
    small_sample
        Whether the regression is linear, for which there are small-sample corrections: without clusters HC3
        and t(n - p), with them the factor (n - 1) / (n - p). Otherwise the plain sandwich and the normal
        distribution. With clusters there is always the factor G / (G - 1), and t(G - 1).

    Raises
    ------
    StudyError
        There is one cluster; a unit alone decides a term.
    """
    n, p = scores.shape
    bread = np.linalg.inv(roots.T @ roots)
    blocks = len(roots) // n
    if clusters is None:
        units = np.tile(np.arange(n), blocks)
        leverage = _leverage(roots, units, bread)
        if _alone(roots, units, bread, leverage).shape[1]:
            raise StudyError(
                "A unit alone decides a term (a category with one unit), so that there is no standard error.",
                hint="Leave the term out, or join the category with another one.",
            )
        if small_sample:
            scores = scores / (1 - leverage)[:, None]
        influence = scores @ (back @ bread).T
        kind, df = ("HC3", float(n - p)) if small_sample else ("sandwich", np.inf)
        return Robust(influence.T @ influence, influence, kind, df)
    G = int(clusters.max()) + 1
    if G < 2:
        raise StudyError(
            "Clustered standard errors need two clusters or more.", found=f"{G} cluster among {n} units"
        )
    factor = G / (G - 1) * ((n - 1) / (n - p) if small_sample else 1.0)
    influence = scores @ (back @ bread).T * np.sqrt(factor)
    sums = np.zeros((G, p))
    np.add.at(sums, clusters, influence)
    covariance = sums.T @ sums
    unknown = decided_alone(roots, np.tile(clusters, blocks), back)
    covariance[unknown, :] = covariance[:, unknown] = np.nan
    return Robust(covariance, influence, "CR1", float(G - 1))


def decided_alone(roots: Array, groups: Array, back: Array) -> Array:
    """Return which parameters would not be identified without one of the groups.

    The sums of scores are zero along such a direction (a cluster's own intercept): zero in the group by the
    equations, and in the others because they have no part in it. What depends on it gets no figure rather
    than a false one.

    Parameters
    ----------
    roots, back
        See `robust`.
    groups
        Each row's group, an integer from 0.
    """
    bread = np.linalg.inv(roots.T @ roots)
    shown = np.abs(back @ _alone(roots, groups, bread, _leverage(roots, groups, bread)))
    return np.asarray((shown > 1e-6 * np.linalg.norm(back, axis=1)[:, None]).any(axis=1))


def _leverage(roots: Array, groups: Array, bread: Array) -> Array:
    return np.bincount(groups, np.einsum("ij,jk,ik->i", roots, bread, roots))


def _alone(roots: Array, groups: Array, bread: Array, leverage: Array) -> Array:
    """Directions (parameters x some, of length 1) that would not be identified without one of the groups."""
    found = [np.empty((len(bread), 0))]
    half = np.linalg.cholesky(bread)  # half' (roots' roots) half = 1
    for group in np.flatnonzero(leverage > 1 - ALONE):
        own = roots[groups == group] @ half
        values, vectors = np.linalg.eigh(own.T @ own)
        found.append(half @ vectors[:, values > 1 - ALONE])
    directions = np.column_stack(found)
    return directions / np.linalg.norm(directions, axis=0)
