import numpy as np
import pytest

from study.validity import percentile_interval, unit_bootstrap
from study.validity.bootstrap import generator, unit_counts


def drawn(n_units: int, resamples: int, name: str = "figure", seed: int = 1) -> np.ndarray:
    return np.concatenate(list(unit_counts(n_units, resamples, seed=seed, name=name)))


def test_every_resample_draws_as_many_units_as_there_are():
    counts = drawn(37, 200)
    assert counts.shape == (200, 37)
    assert (counts.sum(axis=1) == 37).all()
    assert counts.mean() == pytest.approx(1)
    assert counts.var() == pytest.approx(1, abs=0.05)  # nearly Poisson


def test_resamples_do_not_depend_on_how_they_are_chunked(monkeypatch):
    whole = drawn(50, 100)
    monkeypatch.setattr("study.validity.bootstrap.CHUNK_ELEMENTS", 150)
    assert (drawn(50, 100) == whole).all()


def test_a_figure_keeps_its_resamples_whatever_happens_around_it():
    first = drawn(20, 10, "agreement/tweets/vader")
    np.random.seed(0)
    assert (drawn(20, 10, "agreement/tweets/vader") == first).all()
    assert (drawn(20, 10, "agreement/tweets/llm") != first).any()
    assert (drawn(20, 10, "agreement/tweets/vader", seed=2) != first).any()
    assert generator(1, "ü").integers(10**9) == generator(1, "ü").integers(10**9)


def test_interval_of_a_mean_has_the_textbook_width():
    values = np.random.default_rng(3).normal(size=400)
    estimate = unit_bootstrap(lambda c: c @ values / c.sum(axis=1), 400, resamples=4000, seed=1, name="mean")
    half = 1.96 * values.std() / 20
    assert estimate.value == pytest.approx(values.mean())
    assert estimate.ci_low == pytest.approx(values.mean() - half, abs=0.01)
    assert estimate.ci_high == pytest.approx(values.mean() + half, abs=0.01)


def test_a_resample_without_a_value_is_left_out_but_not_many():
    draws = np.linspace(0, 1, 1001)
    few = np.where(np.arange(1001) % 50 == 1, np.nan, draws)
    assert percentile_interval(few) == pytest.approx((0.025, 0.975), abs=0.002)
    many = np.where(np.arange(1001) % 10 == 1, np.nan, draws)
    assert np.isnan(percentile_interval(many)).all()
    assert np.isnan(percentile_interval(np.array([]))).all()


def test_one_unit_has_a_value_and_no_interval():
    one = unit_bootstrap(lambda c: c[:, 0] * 3, 1, resamples=100, seed=1, name="one")
    assert (one.value, one.n) == (3, 1)
    assert np.isnan([one.ci_low, one.ci_high]).all()
    none = unit_bootstrap(lambda c: c[:, 0], 0, resamples=100, seed=1, name="none")
    assert none.n == 0
    assert np.isnan(none.value)
