"""What an experiment compares between its cells: a figure for every unit and cell.

The same rules as in the tables of the coder itself: labels are judged by `classification`, probabilities by
`calibration`. Where a cell has repeats, a figure is the mean over them: `correct` is then the share of a
text's codings that are right, which is how good a single coding is (the vote of all of them may be better).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.experiment.grid import NO_CODES, Codes, joined, mean_over_repeats
from study.validity.bootstrap import Array
from study.validity.calibration import class_probabilities, expected_calibration_error, reliability_diagram
from study.validity.classification import label_values, sign_class
from study.validity.common_scale import linear_mapping, other_scale

OUTCOMES = ("score", "valid_mass", "correct", "absolute_error", "brier")
NO_LABELS = "there are no labels"
NO_PROBABILITIES = "not available: the labels have no probabilities"
MAPPED = "scores were first mapped linearly onto the criterion's scale, alike in all cells"


@dataclass(frozen=True)
class Outcomes:
    """Figures of every unit and cell; NaN where there is none.

    Attributes
    ----------
    values
        Each of `OUTCOMES`, units x cells:

        - score: in the units of the construct's values;
        - valid_mass: how much of what the model would say is a label, 0 to 1;
        - correct: whether the class of the label (without labels that of the score) is the criterion's,
          0 or 1;
        - absolute_error: distance of the score from the criterion, in the criterion's units;
        - brier: squared distance of the class probabilities from the criterion's class, 0 to 2.
    notes
        Outcome -> why it is missing, or what was done to have it; '' for nothing.
    confidence, likeliest
        Units x cells: the probability of the class of the most probable label, and whether that class is the
        criterion's (0 or 1), see `calibration`.
    """

    values: Mapping[str, Array]
    notes: Mapping[str, str]
    confidence: Array
    likeliest: Array


def outcomes(codes: Codes, thresholds: tuple[float, float] = (0, 0)) -> Outcomes:
    """Judge every unit in every cell.

    Parameters
    ----------
    codes
        See `grid.Codes`.
    thresholds
        See `classification.sign_class`.
    """
    score = mean_over_repeats(codes.score)
    values = {"score": score, "valid_mass": mean_over_repeats(codes.valid_mass)}
    values["correct"] = _correct(codes, thresholds)
    values["absolute_error"], mapping = _absolute_error(codes, score)
    values["brier"], confidence, likeliest = _calibrated(codes, thresholds)
    bare = without_probabilities(codes, range(len(codes.cells))) == NO_PROBABILITIES
    reasons = {
        "score": "the labels have no values" if codes.labels else "there are no scores",
        "valid_mass": (
            NO_LABELS if not codes.labels else NO_PROBABILITIES if bare else "there is no valid mass"
        ),
        "correct": codes.criterion.note or _no_classes(codes),
        "absolute_error": codes.criterion.note or "no text has both a score and the criterion's",
        "brier": codes.criterion.note
        or (NO_LABELS if not codes.labels else _no_classes(codes) or (NO_PROBABILITIES if bare else "")),
    }
    notes = {
        name: (reasons[name] or "no text has both a code and the criterion's")
        if not np.isfinite(found).any()
        else ""
        for name, found in values.items()
    }
    if not codes.coded.any():
        notes = dict.fromkeys(notes, NO_CODES)
    notes["absolute_error"] = joined([notes["absolute_error"], mapping])
    return Outcomes(values, notes, confidence, likeliest)


def without_probabilities(codes: Codes, places: Iterable[int]) -> str:
    """Say in how many of some cells labels come without probabilities (of a server); '' where in none."""
    cells = list(places)
    there = np.asarray(np.isfinite(codes.probabilities).all(axis=2))
    bare = sum(bool(codes.has_label[:, cell].any() and not there[:, cell].any()) for cell in cells)
    if not codes.labels or not bare:
        return ""
    return NO_PROBABILITIES if bare == len(cells) else f"{NO_PROBABILITIES} in {bare} of {len(cells)} cells"


def calibration_error(confidence: Array, likeliest: Array) -> float:
    """Return the expected calibration error over units (see `calibration`); NaN without any."""
    there = np.isfinite(confidence) & np.isfinite(likeliest)
    if not there.any():
        return float("nan")
    return expected_calibration_error(reliability_diagram(confidence[there], likeliest[there]))


def _no_classes(codes: Codes) -> str:
    if not codes.labels:
        return "" if codes.scale.get("classes", True) else "these numbers have no classes"
    without = all(value is None for value in codes.scale["values"].values())
    return "the labels have no values" if without and not codes.criterion.by_label else ""


def _correct(codes: Codes, thresholds: tuple[float, float]) -> Array:
    truth = codes.criterion.classes[:, None, None]
    if not codes.scale.get("classes", True):
        return np.full(codes.coded.shape, np.nan)
    if codes.labels:
        named = pd.Series(codes.labels, dtype=object)
        classes = named if codes.criterion.by_label else _signs(codes, thresholds)
        # One more, which the place -1 finds: a text without a label has no class.
        given = np.array([*classes, None], dtype=object)[codes.label]
    elif codes.criterion.by_label:
        return np.full(codes.coded.shape, np.nan)
    else:
        given = sign_class(codes.score.ravel(), thresholds).reshape(codes.score.shape)
    known = pd.notna(given) & pd.notna(truth)
    return mean_over_repeats(np.where(known, (given == truth).astype(float), np.nan))


def _signs(codes: Codes, thresholds: tuple[float, float]) -> Array:
    labels = pd.Series(codes.labels, dtype=object)
    return sign_class(label_values(labels, codes.scale["values"]), thresholds)


def _absolute_error(codes: Codes, score: Array) -> tuple[Array, str]:
    truth = codes.criterion.score
    if not np.isfinite(score).any() or not np.isfinite(truth).any():
        return np.full(score.shape, np.nan), ""
    own, target = pd.Series(score.ravel()), pd.Series(np.repeat(truth, score.shape[1]))
    if not other_scale("llm", codes.scale, own, target, labels=codes.labelled):
        return np.abs(score - truth[:, None]), ""
    mapped = linear_mapping(own, target)
    if mapped is None:
        return np.full(score.shape, np.nan), "too few units, or scores that do not vary, for a linear mapping"
    return np.abs(mapped.to_numpy().reshape(score.shape) - truth[:, None]), MAPPED


def _calibrated(codes: Codes, thresholds: tuple[float, float]) -> tuple[Array, Array, Array]:
    """Brier score, confidence and whether the likeliest class is right."""
    shape = codes.coded.shape
    brier, confidence, likeliest = (np.full(shape, np.nan) for _ in range(3))
    truth = np.broadcast_to(codes.criterion.classes[:, None], shape)
    judged = pd.notna(truth)
    if codes.labels:
        judged &= np.isfinite(codes.probabilities).all(axis=2)
    if not codes.labels or not judged.any():
        return brier, confidence, likeliest
    rows = pd.DataFrame(codes.probabilities[judged], columns=list(codes.labels))
    by_label = codes.criterion.by_label
    summed, predicted = class_probabilities(rows, codes.scale["values"], thresholds, by_label=by_label)
    names = summed.columns
    p, actual = summed.to_numpy(), names.get_indexer(pd.Index(truth[judged], dtype=object))
    brier[judged] = ((p - np.eye(len(names))[actual]) ** 2).sum(axis=1)
    place = names.get_indexer(pd.Index(predicted, dtype=object))
    confidence[judged] = np.where(place >= 0, p[np.arange(len(p)), place], np.nan)
    likeliest[judged] = (place == actual).astype(float)
    return brier, confidence, likeliest
