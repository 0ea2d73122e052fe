"""What an LLM's code says about the hand code, learnt on other units (cross-fitting).

A learner sees the LLM's codes of the hand-coded units and learns what people would have said. Every unit's
expectation comes from learners that saw neither it nor, with clusters, any unit of its cluster, so that the
learner's own errors do not enter a correction (Chernozhukov et al. 2018).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.validity.bootstrap import Array


def default_learner(seed: int) -> Any:
    """Return small boosted trees: any shape of a single code, little of the noise of a few hundred units."""
    from sklearn.ensemble import GradientBoostingRegressor

    return GradientBoostingRegressor(max_depth=2, min_samples_leaf=5, random_state=seed)


def seeded(learner: Any, seed: int) -> Any:
    """Return a copy of a learner (or of a pipeline) that draws from `seed` wherever it has no seed yet."""
    from sklearn.base import clone

    copy = clone(learner)
    free = [name for name, value in copy.get_params().items() if value is None]
    return copy.set_params(**{name: seed for name in free if name.split("__")[-1] == "random_state"})


def features(units: pd.DataFrame, columns: list[str]) -> Array:
    """Return what a learner sees of some columns: units x features, nothing missing.

    Numbers stay (the mean where one is missing), categories become indicators, and that a value is missing
    is a feature of its own: an LLM that does not answer says something too.
    """
    parts = []
    for name in columns:
        column = units[name]
        missing = column.isna().to_numpy()
        if column.dtype == object:
            codes, levels = pd.factorize(column, sort=False)
            parts.append((codes[:, None] == np.arange(len(levels))).astype(float))
        else:
            mean = column.mean() if not missing.all() else 0.0
            parts.append(column.fillna(mean).to_numpy(dtype=float)[:, None])
        if missing.any():
            parts.append(missing.astype(float)[:, None])
    return np.column_stack(parts)


def fold_numbers(labelled: Array, groups: Array, folds: int, random: np.random.Generator) -> Array:
    """Return each unit's fold, 0 to `folds` - 1; a group stays whole.

    Groups with hand-coded units are dealt out apart from the others, so that every fold has its share.

    Parameters
    ----------
    labelled, groups
        Whether a unit is hand-coded; its group, an integer from 0.
    folds, random
        How many; the source of chance.
    """
    some = np.zeros(groups.max() + 1, dtype=bool)
    np.logical_or.at(some, groups, labelled)
    fold_of = np.empty(len(some), dtype=int)
    for kind in (np.flatnonzero(some), np.flatnonzero(~some)):
        fold_of[random.permutation(kind)] = np.arange(len(kind)) % folds
    return fold_of[groups]


def cross_fit(learner: Any, X: Array, targets: Array, labelled: Array, fold: Array) -> Array:
    """Predict targets for every unit by learners that were trained on the other folds.

    Parameters
    ----------
    learner
        A scikit-learn regressor, or a classifier for targets of 0 and 1; it is cloned.
    X
        See `features`; units x features.
    targets
        Hand-coded values, units x targets; used where `labelled` only.
    labelled, fold
        Whether a unit is hand-coded; its fold. Units.

    Returns
    -------
    Expected values, units x targets.
    """
    from sklearn import config_context
    from sklearn.base import clone, is_classifier

    if is_classifier(learner) and not np.isin(targets[labelled], (0, 1)).all():
        raise StudyError(
            "The learner is a classifier, but a predicted variable is a number.",
            found=type(learner).__name__,
            hint="Use a regressor, or write C(variable) in the formula.",
        )
    # Units with the same codes get the same prediction: a few rows are predicted instead of a corpus.
    distinct, inverse = np.unique(X, axis=0, return_inverse=True)
    inverse = inverse.reshape(-1)
    expected = np.empty(targets.shape)
    checked = False
    for number in np.unique(fold):
        train, test = labelled & (fold != number), fold == number
        needed = np.unique(inverse[test])
        for j in range(targets.shape[1]):
            # A learner's parameters are checked once: for each tree anew takes as long as growing it.
            with config_context(skip_parameter_validation=checked):
                said = _predict(clone(learner), X[train], targets[train, j], distinct[needed], is_classifier)
            expected[test, j] = said[np.searchsorted(needed, inverse[test])]
            checked = True
    return expected


def _predict(learner: Any, X: Array, target: Array, wanted: Array, is_classifier: Any) -> Array:
    if np.ptp(target) == 0:  # a rare level that these folds lack: classifiers refuse it
        return np.full(len(wanted), target[0])
    learner.fit(X, target)
    if is_classifier(learner):
        return np.asarray(learner.predict_proba(wanted)[:, list(learner.classes_).index(1)])
    return np.asarray(learner.predict(wanted), dtype=float).reshape(-1)
