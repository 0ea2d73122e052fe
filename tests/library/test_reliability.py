import krippendorff
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.errors import StudyError
from study.validity import icc1, icc1k, krippendorff_alpha, percentile_interval
from study.validity.bootstrap import unit_counts
from study.validity.reliability import main
from study_data import hutto_gilbert_measures, hutto_gilbert_ratings

# Krippendorff's example 'C', 4 observers x 12 units, 0 for a missing rating (in the R packages irr and
# DescTools, whose printed results are nominal .743, ordinal .815, interval .849).
EXAMPLE_C = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
        [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
    ],
    dtype=float,
)
# Shrout & Fleiss (1979), table 2: 6 targets x 4 judges; ICC(1,1) = .17, ICC(1,4) = .44.
SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float
)


def long(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Raters x units to unit, value."""
    units = np.broadcast_to(np.arange(table.shape[1]), table.shape)
    return units.ravel(), table.ravel()


@pytest.mark.parametrize(("level", "printed"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_krippendorffs_own_example(level, printed):
    table = np.where(EXAMPLE_C == 0, np.nan, EXAMPLE_C)
    found = krippendorff_alpha(*long(table), level=level, resamples=0)
    assert round(found.value, 3) == printed
    assert found.n == 11  # the twelfth unit has one rating


TABLES = st.integers(2, 5).flatmap(
    lambda raters: st.lists(
        st.lists(st.sampled_from([-4.0, -1.5, 0, 0.25, 3, np.nan]), min_size=raters, max_size=raters),
        min_size=2,
        max_size=15,
    )
)


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
@given(table=TABLES)
def test_alpha_equals_the_library(level, table):
    table = np.array(table).T
    kept = table[:, (~np.isnan(table)).sum(axis=0) > 1]
    found = krippendorff_alpha(*long(table), level=level, resamples=0).value
    if np.unique(kept[~np.isnan(kept)]).size < 2:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(krippendorff.alpha(kept, level_of_measurement=level), abs=1e-9)


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
def test_interval_equals_a_naive_loop_over_the_same_resamples(level):
    random = np.random.default_rng(4)
    table = (random.normal(size=25) + random.normal(size=(6, 25))).round()
    table[2:][random.random((4, 25)) < 0.3] = np.nan  # every unit keeps two ratings
    units, values = long(table)
    draws = []
    for counts in np.concatenate(list(unit_counts(25, 100, seed=3, name="naive"))):
        resample = np.repeat(table, counts.astype(int), axis=1)
        draws.append(krippendorff.alpha(resample, level_of_measurement=level))
    found = krippendorff_alpha(units, values, level=level, resamples=100, seed=3, name="naive")
    assert (found.ci_low, found.ci_high) == pytest.approx(percentile_interval(np.array(draws)))


def test_codes_without_numbers_have_a_nominal_alpha():
    units, labels = ["a", "a", "b", "b", "c", "c"], ["x", "x", "y", "y", "x", "y"]
    by_number = krippendorff_alpha(units, [1, 1, 2, 2, 1, 2], level="nominal", resamples=0)
    by_label = krippendorff_alpha(units, labels, level="nominal", resamples=0)
    assert by_label.value == by_number.value == pytest.approx(1 - 5 * 2 / 18)
    with pytest.raises(StudyError, match="Did you mean 'nominal'"):
        krippendorff_alpha(units, labels, level="nominale")


def test_intraclass_correlations_of_shrout_and_fleiss():
    units, values = long(SHROUT_FLEISS.T)
    assert round(icc1(units, values, resamples=0).value, 2) == 0.17
    assert round(icc1k(units, values, resamples=0).value, 2) == 0.44


def test_intraclass_correlations_with_unequal_numbers_equal_the_components_of_variance():
    # Three units with 2, 3 and 4 ratings, by hand: SSB = 2(3-5)^2 + 3(4-5)^2 + 4(6.75-5)^2 with grand mean 5,
    # SSW = 2 + 2 + 4.75, k = (9 - 29/9) / 2.
    units = np.repeat([0, 1, 2], [2, 3, 4])
    values = np.array([2, 4, 3, 4, 5, 5, 7, 7, 8], dtype=float)
    msb, msw, k = (8 + 3 + 12.25) / 2, (2 + 2 + 4.75) / 6, (9 - 29 / 9) / 2
    assert icc1(units, values, resamples=0).value == pytest.approx((msb - msw) / (msb + (k - 1) * msw))
    assert icc1k(units, values, resamples=0).value == pytest.approx((msb - msw) / msb)


def test_ratings_that_do_not_vary_have_no_reliability():
    units, values = np.repeat(np.arange(5), 3), np.full(15, 0.1)
    for found in (
        icc1(units, values),
        icc1k(units, values),
        krippendorff_alpha(units, values, level="interval"),
    ):
        assert np.isnan([found.value, found.ci_low]).all()
    assert krippendorff_alpha([], [], level="ordinal").n == 0


def test_hutto_and_gilberts_raters(tmp_path):
    """Interval alpha of all ratings: .783 tweets, .820 Amazon, .798 films, .532 NYT."""
    hutto_gilbert_measures().to_parquet(tmp_path / "measures.parquet")
    hutto_gilbert_ratings().to_parquet(tmp_path / "ratings.parquet")
    main(
        measures_file=tmp_path / "measures.parquet",
        ratings_file=tmp_path / "ratings.parquet",
        table_file=tmp_path / "reliability.csv",
        coders={"sentiment": {"humans": "human"}},
        codebooks={"sentiment": {"level": "ordinal"}},
        compare={"criterion": "humans", "by": "domain", "bootstrap": 200, "seed": 1},
    )
    table = pd.read_csv(tmp_path / "reliability.csv").set_index(["statistic", "level", "domain"])
    alpha = table.loc["krippendorff_alpha"].loc["interval"]
    printed = {"tweets": 0.783, "amazon": 0.820, "movies": 0.798, "nyt": 0.532}
    assert alpha["estimate"].round(3).drop("all").to_dict() == printed
    assert alpha["n_units"].to_dict() == {
        "all": 23703,
        "tweets": 4200,
        "amazon": 3708,
        "movies": 10605,
        "nyt": 5190,
    }
    assert alpha.loc["nyt", "n_ratings"] == 5190 * 20
    assert ((table["ci_low"] < table["estimate"]) & (table["estimate"] < table["ci_high"])).all()
    assert table.loc[("icc1k", "interval", "nyt"), "note"] == "reliability of the mean of 20.0 ratings"
    # Every unit of NYT has 20 ratings: the mean's reliability is Spearman & Brown's of the single one.
    single, mean = (table.loc[(s, "interval", "nyt"), "estimate"] for s in ("icc1", "icc1k"))
    assert mean == pytest.approx(20 * single / (1 + 19 * single))


def test_alpha_of_the_first_twenty_positions_of_tweets():
    ratings = hutto_gilbert_ratings("tweets")
    first = ratings[ratings["rater"].isin([f"position {i}" for i in range(1, 21)])]
    found = krippendorff_alpha(first["unit_id"], first["value"], level="interval", resamples=0)
    assert round(found.value, 3) == 0.756


def test_ordinal_alpha_of_tweets_equals_the_library():
    ratings = hutto_gilbert_ratings("tweets")
    counts = pd.crosstab(ratings["unit_id"], ratings["value"])
    expected = krippendorff.alpha(
        value_counts=counts.to_numpy(), value_domain=counts.columns.to_numpy(), level_of_measurement="ordinal"
    )
    found = krippendorff_alpha(ratings["unit_id"], ratings["value"], level="ordinal", resamples=0)
    assert found.value == pytest.approx(expected)
