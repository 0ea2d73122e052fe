import numpy as np
import pytest
from scipy import sparse, stats

from study.validity import bootstrap_of_sums, percentile_interval, unit_bootstrap
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


def mean(sums: np.ndarray) -> np.ndarray:
    return sums[:, 1] / sums[:, 0]


def test_statistics_of_sums_are_those_of_the_plain_bootstrap():
    values = np.random.default_rng(0).normal(size=60)
    per_unit = np.column_stack([np.ones(60), values])
    options = {"resamples": 300, "seed": 4, "name": "sums"}
    found = bootstrap_of_sums(per_unit, {"mean": mean, "twice": lambda sums: 2 * mean(sums)}, **options)
    expected = unit_bootstrap(lambda counts: counts @ values / 60, 60, **options)
    assert found["mean"].n == 60
    for bound in ("value", "ci_low", "ci_high"):
        assert getattr(found["mean"], bound) == pytest.approx(getattr(expected, bound))
        # Both statistics stand on the same resamples.
        assert getattr(found["twice"], bound) == pytest.approx(2 * getattr(expected, bound))
    sparse_too = bootstrap_of_sums(sparse.csr_array(per_unit), {"mean": mean}, **options)
    assert sparse_too["mean"].ci_low == pytest.approx(found["mean"].ci_low)


def test_few_kinds_of_units_have_the_same_distribution():
    # 1,000 units of two kinds, a share of .3: the interval is that of a binomial.
    hit = np.arange(1000) < 300
    per_unit = np.column_stack([np.ones(1000), hit])
    found = bootstrap_of_sums(per_unit, {"share": mean}, resamples=20000, seed=1, name="kinds")["share"]
    given = bootstrap_of_sums(
        np.array([[1.0, 1], [1, 0]]),
        {"share": mean},
        times=np.array([300, 700]),
        resamples=20000,
        seed=2,
        name="kinds",
    )["share"]
    low, high = stats.binom.ppf([0.025, 0.975], 1000, 0.3) / 1000
    for estimate in (found, given):
        assert (estimate.value, estimate.n) == (0.3, 1000)
        assert (estimate.ci_low, estimate.ci_high) == pytest.approx((low, high), abs=0.002)
    # Kinds are counted, so the order of the units does not matter.
    again = bootstrap_of_sums(per_unit[::-1], {"share": mean}, resamples=20000, seed=1, name="kinds")["share"]
    assert again == found


def test_sums_of_nothing():
    found = bootstrap_of_sums(np.empty((0, 2)), {"mean": mean}, resamples=10, seed=1, name="none")["mean"]
    assert found.n == 0
    assert np.isnan(found.value)
    one = bootstrap_of_sums(np.ones((1, 2)), {"mean": mean}, resamples=10, seed=1, name="one")["mean"]
    assert (one.value, one.n) == (1, 1)
    assert np.isnan(one.ci_low)
