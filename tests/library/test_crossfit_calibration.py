from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV

from study.errors import StudyError
from study.validity import (
    brier_score,
    cross_fitted_calibration,
    expected_calibration_error,
    percentile_interval,
    reliability_diagram,
)
from study.validity.bootstrap import unit_counts

METHODS = ["platt", "isotonic", "temperature"]


def coded(n: int, *, labels: int = 3, temperature: float = 1.0, seed: int = 0):
    """Gold drawn from true probabilities, and those of a coder whose confidence is off by a temperature."""
    random = np.random.default_rng(seed)
    logits = 1.5 * random.normal(size=(n, labels))
    names = ["bad", "good", "mixed", "none"][:labels]
    true = softmax(logits, axis=1)
    gold = [names[random.choice(labels, p=row)] for row in true]
    units = [f"u{i:04}" for i in range(n)]
    stated = pd.DataFrame(softmax(logits / temperature, axis=1), index=units, columns=names)
    return stated, pd.Series(gold, index=units), true


class Stated(ClassifierMixin, BaseEstimator):
    """A classifier for scikit-learn whose scores are its features."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        raise AssertionError("its scores are asked for, never its labels")

    def decision_function(self, X):
        return X[:, 0] if X.shape[1] == 1 else X


def of_scikit_learn(method, P, gold, out):
    """Fit on the units that are not `out` and predict the others."""
    values = P.to_numpy()
    if method == "temperature":
        scores = np.log(values)
        # Of two labels scikit-learn takes x for (-x, x), so half the log-odds are meant.
        scores = (scores[:, 1:] - scores[:, :1]) / 2 if values.shape[1] == 2 else scores
    else:
        scores = np.log(values) - np.log1p(-values)
        scores = scores[:, 1:] if values.shape[1] == 2 else scores
    train = np.flatnonzero(~out)
    own = CalibratedClassifierCV(
        Stated(),
        method={"platt": "sigmoid"}.get(method, method),
        cv=[(np.arange(len(train)), np.arange(len(train)))],
        ensemble=False,
    )
    return own.fit(scores[train], gold.to_numpy()[train]).predict_proba(scores[out])


@pytest.mark.parametrize("labels", [2, 3, 4])
@pytest.mark.parametrize("method", METHODS)
def test_each_fold_equals_scikit_learn_fitted_on_the_others(method, labels):
    stated, gold, _ = coded(150, labels=labels, temperature=0.5, seed=labels)
    found = cross_fitted_calibration(stated, gold, methods=[method], folds=3, resamples=0)
    for number in range(3):
        out = (found.folds == number).to_numpy()
        expected = of_scikit_learn(method, stated, gold, out)
        # Both stop their search for the best fit a little before it.
        assert found.probabilities[method].to_numpy()[out] == pytest.approx(expected, abs=1e-5)


def test_scores_are_those_of_the_held_out_probabilities():
    stated, gold, _ = coded(200, temperature=0.4)
    found = cross_fitted_calibration(stated, gold, resamples=150, seed=3)
    scores = found.scores.set_index("method")
    assert list(scores.index) == ["none", *METHODS]
    assert (scores["n"] == 200).all()
    truth = stated.columns.get_indexer(pd.Index(gold))
    squares = {}
    for method, P in found.probabilities.items():
        values = P.to_numpy()
        assert values.sum(axis=1) == pytest.approx(np.ones(200))
        hit = values.argmax(axis=1) == truth
        row = scores.loc[method]
        assert row["brier"] == pytest.approx(brier_score(values, truth))
        diagram = reliability_diagram(values.max(axis=1), hit)
        assert row["ece"] == pytest.approx(expected_calibration_error(diagram))
        assert row["accuracy"] == pytest.approx(hit.mean())
        squares[method] = ((values - np.eye(3)[truth]) ** 2).sum(axis=1)
    pd.testing.assert_frame_equal(found.probabilities["none"], stated)
    assert np.isnan(scores.loc["none", "brier_change"])
    for method in METHODS:
        change = squares[method] - squares["none"]
        counts = np.concatenate(
            list(unit_counts(200, 150, seed=3, name=f"cross_fitted_calibration/{method}"))
        )
        expected = percentile_interval(counts @ change / 200)
        row = scores.loc[method]
        assert row["brier_change"] == pytest.approx(row["brier"] - scores.loc["none", "brier"])
        assert (row["ci_low"], row["ci_high"]) == pytest.approx(expected)


def test_an_overconfident_coder_is_mended_and_a_calibrated_one_left_alone():
    stated, gold, true = coded(3000, temperature=0.3)
    found = cross_fitted_calibration(stated, gold, resamples=300)
    scores = found.scores.set_index("method")
    assert scores.loc["none", "ece"] > 0.15
    assert (scores.loc[METHODS, "ece"] < 0.04).all()
    assert (scores.loc[METHODS, "ci_high"] < 0).all()
    # The temperature that was put in is found, so the true probabilities are.
    assert found.probabilities["temperature"].to_numpy() == pytest.approx(true, abs=0.03)
    assert scores.loc["temperature", "accuracy"] == scores.loc["none", "accuracy"]
    honest = cross_fitted_calibration(*coded(3000, seed=1)[:2], resamples=300).scores.set_index("method")
    assert (honest["ece"] < 0.03).all()
    assert honest.loc["temperature", "ci_low"] < 0.002
    assert honest.loc["temperature", "ci_high"] > -0.002


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 59))
def test_a_unit_s_own_gold_label_never_reaches_its_probabilities(seed, at):
    stated, gold, _ = coded(60, temperature=0.5, seed=seed)
    before = cross_fitted_calibration(stated, gold, resamples=0)
    unit = gold.index[at]
    other = gold.copy()
    other[unit] = next(label for label in stated.columns if label != gold[unit])
    after = cross_fitted_calibration(stated, other, resamples=0)
    fold = before.folds[before.folds == before.folds[unit]].index
    for method in METHODS:
        same = before.probabilities[method].loc[fold]
        pd.testing.assert_frame_equal(after.probabilities[method].loc[fold], same)
    rest = stated.index.difference(fold)
    assert (
        not before.probabilities["temperature"].loc[rest].equals(after.probabilities["temperature"].loc[rest])
    )


def test_folds_are_even_and_depend_on_the_seed_and_not_on_the_order():
    stated, gold, _ = coded(83)
    found = cross_fitted_calibration(stated, gold, folds=4, resamples=20)
    assert found.folds.value_counts().sort_index().tolist() == [21, 21, 21, 20]
    order = np.random.default_rng(3).permutation(83)
    again = cross_fitted_calibration(stated.iloc[order], gold.iloc[order[::-1]], folds=4, resamples=20)
    pd.testing.assert_series_equal(again.folds, found.folds)
    pd.testing.assert_frame_equal(again.scores, found.scores)
    assert not cross_fitted_calibration(stated, gold, folds=4, seed=2, resamples=0).folds.equals(found.folds)


def test_units_without_gold_or_probabilities_are_left_out():
    stated, gold, _ = coded(60)
    gold = gold.astype(object)
    gold.iloc[:10] = None
    found = cross_fitted_calibration(stated.iloc[:-5], gold, resamples=0)
    assert (found.scores["n"] == 45).all()
    assert list(found.folds.index) == list(stated.index[10:-5])


def test_a_label_that_is_rare_or_certain_is_no_obstacle():
    """One gold unit has it, so the fold that holds the unit out has never seen it."""
    stated, gold, _ = coded(60, seed=2)
    gold = gold.replace("mixed", "good")
    gold.iloc[0] = "mixed"
    stated.iloc[1] = [1.0, 0.0, 0.0]
    stated["never"] = 0.0
    found = cross_fitted_calibration(stated, gold, resamples=0)
    out = found.folds == found.folds[gold.index[0]]
    for method in METHODS:
        values = found.probabilities[method].to_numpy()
        assert np.isfinite(values).all()
        assert values.sum(axis=1) == pytest.approx(np.ones(60))
        assert (values >= 0).all()
    assert (found.probabilities["isotonic"].loc[out, "mixed"] == 0).all()
    assert (found.probabilities["platt"].loc[out, "mixed"] < 0.1).all()


STATED, GOLD, _ = coded(40)


@pytest.mark.parametrize(
    ("probabilities", "gold", "options", "said"),
    [
        (STATED, GOLD, {"methods": ["plat"]}, "Did you mean 'platt'?"),
        (STATED, GOLD.replace("bad", "bat"), {}, "Did you mean 'bad'?"),
        (STATED * 1.1, GOLD, {}, "of unit u0000"),
        (STATED.assign(bad=np.nan), GOLD, {}, "of unit u0000"),
        (STATED.add([-1, 0, 1], axis=1), GOLD, {}, "not numbers from 0 that sum to 1"),
        (STATED.rename(index={"u0001": "u0000"}), GOLD, {}, "A unit occurs twice. Found: 'u0000'"),
        (STATED, GOLD.rename({"u0001": "u0000"}), {}, "A unit occurs twice. Found: 'u0000'"),
        (STATED.set_axis(["bad", "bad", "good"], axis=1), GOLD, {}, "A label occurs twice. Found: 'bad'"),
        (STATED, GOLD, {"folds": 21}, "21 folds, 40 units"),
        (STATED, GOLD, {"folds": 1}, "at least two folds"),
        (STATED, GOLD.rename("x{}".format), {}, "0 units with gold"),
        (STATED, pd.Series("good", index=GOLD.index), {}, "the same. Found: 'good'"),
    ],
)
def test_errors_say_what_is_wrong(probabilities, gold, options, said):
    with pytest.raises(StudyError) as caught:
        cross_fitted_calibration(probabilities, gold, **options)
    assert said in str(caught.value)
