import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.errors import StudyError
from study.inference.sandwich import robust


def test_a_mean_by_hand():
    # Outcomes 0, 0, 3, 5: mean 2, residuals -2, -2, 1, 3.
    roots, residuals = np.ones((4, 1)), np.array([[-2.0], [-2], [1], [3]])
    plain = robust(residuals, roots, np.eye(1), small_sample=False)
    assert plain.covariance[0, 0] == pytest.approx((4 + 4 + 1 + 9) / 16)
    hc3 = robust(residuals, roots, np.eye(1), small_sample=True)
    assert hc3.covariance[0, 0] == pytest.approx(18 / 16 / (3 / 4) ** 2)
    assert (hc3.kind, hc3.df) == ("HC3", 3)
    pairs = robust(residuals, roots, np.eye(1), clusters=np.array([0, 0, 1, 1]), small_sample=False)
    assert pairs.covariance[0, 0] == pytest.approx(2 / 1 * (16 + 16) / 16)
    assert (pairs.kind, pairs.df) == ("CR1", 1)
    alone = robust(residuals, roots, np.eye(1), clusters=np.arange(4), small_sample=True)
    assert alone.covariance[0, 0] == pytest.approx(4 / 3 * 18 / 16)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_it_does_not_matter_in_which_coordinates(seed, clustered):
    random = np.random.default_rng(seed)
    X, e = random.normal(size=(40, 3)), random.normal(size=40)
    A = random.normal(size=(3, 3)) + 3 * np.eye(3)
    clusters = np.arange(40) // 4 if clustered else None
    options = {"clusters": clusters, "small_sample": True}
    one = robust(X * e[:, None], X, np.eye(3), **options)
    other = robust(X @ A * e[:, None], X @ A, A, **options)
    assert other.covariance == pytest.approx(one.covariance, rel=1e-6, abs=1e-9)
    assert other.influence == pytest.approx(one.influence, rel=1e-6, abs=1e-9)
    sums = one.influence.reshape(-1, 4, 3).sum(axis=1) if clustered else one.influence
    assert sums.T @ sums == pytest.approx(one.covariance)


def test_what_one_unit_or_cluster_alone_decides():
    X = np.column_stack([np.ones(6), [1, 1, 0, 0, 0, 0], [1.0, 2, 3, 4, 5, 7]])
    e = np.array([1.0, -1, 2, -1, -2, 1])
    found = robust(X * e[:, None], X, np.eye(3), clusters=np.array([0, 0, 1, 1, 2, 2]), small_sample=False)
    assert np.isnan(np.diag(found.covariance)).tolist() == [False, True, False]
    with pytest.raises(StudyError, match="A unit alone decides"):
        robust(X[1:] * e[1:, None], X[1:], np.eye(3), small_sample=False)
    with pytest.raises(StudyError, match=r"two clusters or more.*1 cluster among 6"):
        robust(X * e[:, None], X, np.eye(3), clusters=np.zeros(6, dtype=int), small_sample=True)
