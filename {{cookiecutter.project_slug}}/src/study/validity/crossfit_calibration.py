"""Can a coder's probabilities be made to mean what they say? Recalibration on gold, cross-fitted.

Three maps from stated to calibrated label probabilities: Platt scaling (Platt 1999), isotonic regression
(Zadrozny & Elkan 2002) and temperature scaling (Guo et al. 2017). Each is learnt on the gold labels of all
folds but one and judged on that one, so no figure comes from a unit that the map was fitted to.

Platt and isotonic scaling calibrate each label against all others, from its log-odds, and then renormalise.
scikit-learn's `CalibratedClassifierCV` gives the same (it is the oracle in the tests), but refuses a fold
that lacks one of the labels, which small gold samples have.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.validity.bootstrap import Array, unit_bootstrap
from study.validity.calibration import BINS, brier_score, expected_calibration_error, reliability_diagram

Map: TypeAlias = Callable[[Array], Array]
"""Stated probabilities, units x labels, to calibrated ones."""

STATED = "none"
SMALLEST = 1e-12
"""A stated probability below this counts as this: the logarithm of zero is not a number."""
MOST_LOG_TEMPERATURE = 10.0
"""Bounds of the logarithm of a temperature, as in scikit-learn."""
SUM_TOLERANCE = 1e-6
COLUMNS = ["method", "n", "accuracy", "ece", "brier", "brier_change", "ci_low", "ci_high"]


@dataclass(frozen=True)
class CrossFittedCalibration:
    """What `cross_fitted_calibration` finds.

    Attributes
    ----------
    scores
        One row a method, 'none' (the probabilities as stated) first: method; n; accuracy, the share of units
        whose likeliest label is the gold one; ece, the expected calibration error of the likeliest label,
        0 to 1; brier, the Brier score, 0 to 2; brier_change, its difference from 'none' (below zero is
        better), with a 95% percentile interval over units, ci_low and ci_high, that takes the fitted maps as
        given.
    probabilities
        method -> units x labels, each unit's by maps that have not seen its gold label; rows sum to 1. For
        `calibration.reliability_diagram` and the like.
    folds
        The fold, 0 to folds - 1, of every unit.
    """

    scores: pd.DataFrame
    probabilities: dict[str, pd.DataFrame]
    folds: pd.Series


def cross_fitted_calibration(
    probabilities: pd.DataFrame,
    gold: pd.Series,
    *,
    methods: Sequence[str] = ("platt", "isotonic", "temperature"),
    folds: int = 5,
    seed: int = 1,
    bins: int = BINS,
    resamples: int = 2000,
) -> CrossFittedCalibration:
    """Recalibrate label probabilities on gold and judge them on units that were held out.

    Folds depend on the seed and on the names of the units with gold: neither the order of rows nor the labels
    change them.

    Parameters
    ----------
    probabilities
        Units (index) x labels (columns), rows sum to 1.
    gold
        The gold label by unit; missing ones, and units without probabilities, are left out.
    methods
        Of 'platt', 'isotonic' and 'temperature'.
    folds
        Number of folds, at least 2, with at least two gold units each.
    seed
        Of the folds and the bootstrap.
    bins
        Of the calibration error, see `calibration.reliability_diagram`.
    resamples
        Of the bootstrap over units; 0 gives no interval.

    Raises
    ------
    StudyError
        A method is not known; probabilities are negative, missing or do not sum to 1; a unit occurs twice; a
        gold label is not among the columns; too few gold units for the folds, or all with one label.
    """
    fits = {"platt": _platt, "isotonic": _isotonic, "temperature": _temperature}
    for method in methods:
        if method not in fits:
            raise StudyError("This calibration is not known.", key="methods", found=method, allowed=fits)
    stated, truth = _judged(probabilities, gold, folds)
    fold = _folds(stated.index, folds, seed)
    P, labels = stated.to_numpy(dtype=float), pd.Index(stated.columns)
    found = {STATED: P}
    for method in methods:
        calibrated = np.empty_like(P)
        for number in range(folds):
            out = fold == number
            calibrated[out] = fits[method](P[~out], truth[~out])(P[out])
        found[method] = calibrated
    options = {"bins": bins, "resamples": resamples, "seed": seed}
    rows = [_scores(method, found, truth, **options) for method in found]
    return CrossFittedCalibration(
        scores=pd.DataFrame(rows, columns=COLUMNS),
        probabilities={m: pd.DataFrame(p, index=stated.index, columns=labels) for m, p in found.items()},
        folds=pd.Series(fold, index=stated.index, name="fold"),
    )


def _judged(probabilities: pd.DataFrame, gold: pd.Series, folds: int) -> tuple[pd.DataFrame, Array]:
    """The probabilities of the units with gold, sorted by unit, and the column number of each gold label."""
    for key, axis in (
        ("probabilities", probabilities.index),
        ("probabilities", probabilities.columns),
        ("gold", gold.index),
    ):
        if not axis.is_unique:
            what = "A label" if axis is probabilities.columns else "A unit"
            raise StudyError(f"{what} occurs twice.", key=key, found=str(axis[axis.duplicated()][0]))
    known = gold.dropna()
    units = sorted(probabilities.index.intersection(known.index), key=str)
    known, stated = known.loc[units], probabilities.loc[units]
    truth = stated.columns.get_indexer(pd.Index(known))
    if (truth < 0).any():
        wrong = known.to_numpy(dtype=object)[truth < 0][0]
        allowed = [str(label) for label in stated.columns]
        raise StudyError("A gold label has no probability.", key="gold", found=str(wrong), allowed=allowed)
    P = stated.to_numpy(dtype=float)
    bad = ~((P >= 0).all(axis=1) & (np.abs(P.sum(axis=1) - 1) <= SUM_TOLERANCE))
    if bad.any():
        raise StudyError(
            "A unit's label probabilities are not numbers from 0 that sum to 1.",
            key="probabilities",
            found=f"{P[bad][0].tolist()} of unit {stated.index[bad][0]}",
        )
    if folds < 2 or len(units) < 2 * folds:
        raise StudyError(
            "Each fold needs two gold units, and there are at least two folds.",
            key="folds",
            found=f"{folds} folds, {len(units)} units with gold and probabilities",
        )
    if len(set(truth)) < 2:
        raise StudyError(
            "Nothing can be calibrated where all gold labels are the same.",
            key="gold",
            found=str(known.iloc[0]),
        )
    return stated, truth


def _folds(units: pd.Index, folds: int, seed: int) -> Array:
    """Deal the units out in the order of a hash, so that folds differ by one unit at most."""
    keys = [hashlib.sha256(f"{seed}|{unit}".encode()).hexdigest() for unit in units]
    fold = np.empty(len(keys), dtype=int)
    fold[np.argsort(np.array(keys), kind="stable")] = np.arange(len(keys)) % folds
    return fold


def _scores(
    method: str, found: dict[str, Array], truth: Array, *, bins: int, resamples: int, seed: int
) -> dict[str, object]:
    P = found[method]
    likeliest = P.argmax(axis=1)
    hit = likeliest == truth
    # One label may be all that is predicted with certainty: rounding above 1 is not another bin.
    diagram = reliability_diagram(np.minimum(P.max(axis=1), 1), hit, bins)
    row: dict[str, object] = {
        "method": method,
        "n": len(truth),
        "accuracy": hit.mean(),
        "ece": expected_calibration_error(diagram),
        "brier": brier_score(P, truth),
    }
    if method != STATED:
        change = _squares(P, truth) - _squares(found[STATED], truth)
        estimate = unit_bootstrap(
            lambda counts: counts @ change / len(change),
            len(change),
            resamples=resamples,
            seed=seed,
            name=f"cross_fitted_calibration/{method}",
        )
        row |= {"brier_change": estimate.value, "ci_low": estimate.ci_low, "ci_high": estimate.ci_high}
    return row


def _squares(P: Array, truth: Array) -> Array:
    """Each unit's squared distance from the truth; their mean is the Brier score."""
    hit = np.zeros_like(P)
    hit[np.arange(len(truth)), truth] = 1
    return np.asarray(((P - hit) ** 2).sum(axis=1))


def _log_odds(P: Array) -> Array:
    P = np.clip(P, SMALLEST, 1 - SMALLEST)
    return np.log(P) - np.log1p(-P)


def _renormalised(P: Array) -> Array:
    total = P.sum(axis=1, keepdims=True)
    # Where every label got a probability of zero, nothing is known.
    return np.where(total > 0, P / np.where(total > 0, total, 1), 1 / P.shape[1])


def _one_against_all(P: Array, truth: Array, fit: Callable[[Array, Array], Callable[[Array], Array]]) -> Map:
    """Calibrate every label's log-odds against all others; of two labels, one decides the other."""
    n_labels = P.shape[1]
    own = [fit(_log_odds(P[:, k]), truth == k) for k in (range(n_labels) if n_labels > 2 else [1])]

    def calibrated(new: Array) -> Array:
        if n_labels == 2:
            second = own[0](_log_odds(new[:, 1]))
            return np.column_stack([1 - second, second])
        return _renormalised(np.column_stack([f(_log_odds(new[:, k])) for k, f in enumerate(own)]))

    return calibrated


def _platt(P: Array, truth: Array) -> Map:
    return _one_against_all(P, truth, _sigmoid)


def _isotonic(P: Array, truth: Array) -> Map:
    return _one_against_all(P, truth, _steps)


def _sigmoid(score: Array, hit: Array) -> Callable[[Array], Array]:
    """Logistic regression on Platt's targets, which keep a perfect separation from certainty."""
    from sklearn.linear_model import LogisticRegression

    n_hits, n_misses = hit.sum(), (~hit).sum()
    target = np.where(hit, (n_hits + 1) / (n_hits + 2), 1 / (n_misses + 2))
    # A target of .9 is nine tenths of a hit and one tenth of a miss.
    X, y = np.concatenate([score, score])[:, None], np.repeat([1, 0], len(score))
    model = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000)
    model.fit(X, y, sample_weight=np.concatenate([target, 1 - target]))
    return lambda new: np.asarray(model.predict_proba(new[:, None])[:, 1])


def _steps(score: Array, hit: Array) -> Callable[[Array], Array]:
    from sklearn.isotonic import IsotonicRegression

    model = IsotonicRegression(out_of_bounds="clip").fit(score, hit.astype(float))
    return lambda new: np.asarray(model.predict(new))


def _temperature(P: Array, truth: Array) -> Map:
    """P^(1/T), renormalised, with the T that makes the gold labels likeliest."""
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    def log_p(stated: Array, log_beta: float) -> Array:
        return np.asarray(log_softmax(np.exp(log_beta) * np.log(np.maximum(stated, SMALLEST)), axis=1))

    rows = np.arange(len(truth))
    found = minimize_scalar(
        lambda log_beta: -log_p(P, log_beta)[rows, truth].mean(),
        bounds=(-MOST_LOG_TEMPERATURE, MOST_LOG_TEMPERATURE),
        method="bounded",
        options={"xatol": 1e-10},
    )
    return lambda new: np.exp(log_p(new, float(found.x)))
