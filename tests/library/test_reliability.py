import krippendorff
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from library.rated_study import CODEBOOKS, CODERS, IDENTIFIED, rated_study
from study.errors import StudyError
from study.validity import (
    cohens_kappa,
    fleiss_kappa,
    gwet_ac,
    icc1,
    icc1k,
    icc_a1,
    krippendorff_alpha,
    percent_agreement,
    percentile_interval,
    reliability_table,
)
from study.validity.bootstrap import unit_counts
from study.validity.reliability import NOT_IDENTIFIED, main
from study_data import hutto_gilbert_measures, hutto_gilbert_ratings

# Krippendorff's example 'C', 4 observers x 12 units, 0 for a missing rating (in the R packages irr and
# DescTools, whose printed results are nominal .743, ordinal .815, interval .849, ratio .797).
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


@pytest.mark.parametrize(
    ("level", "printed"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
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


@given(table=TABLES)
def test_ratio_alpha_equals_the_library(table):
    table = np.abs(np.array(table).T) + 0.5  # the library divides zero by zero
    kept = table[:, (~np.isnan(table)).sum(axis=0) > 1]
    found = krippendorff_alpha(*long(table), level="ratio", resamples=0).value
    if np.unique(kept[~np.isnan(kept)]).size < 2:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(krippendorff.alpha(kept, level_of_measurement="ratio"), abs=1e-9)


def test_ratio_alpha_by_hand():
    # Units (0, 0), (1, 3), (2, 2): two zeros do not differ, zero and anything else do by 1.
    found = krippendorff_alpha([1, 1, 2, 2, 3, 3], [0, 0, 1, 3, 2, 2], level="ratio", resamples=0)
    one_three, one_two, two_three = (2 / 4) ** 2, (1 / 3) ** 2, (1 / 5) ** 2
    observed = 2 * one_three / 6
    expected = 2 * (2 * 4 * 1 + one_three + 2 * one_two + 2 * two_three) / (6 * 5)
    assert found.value == pytest.approx(1 - observed / expected)
    with pytest.raises(StudyError, match="no values below zero"):
        krippendorff_alpha([1, 1], [-1, 2], level="ratio")


def test_ratio_alpha_of_many_different_values():
    """A thousand values, over seven orders of magnitude, against the definition."""
    random = np.random.default_rng(0)
    level = np.exp(random.normal(0, 3, size=500))
    table = (level * np.exp(random.normal(0, 0.3, size=(2, 500)))).round(6)
    values = table.ravel()
    expected = ((values[:, None] - values) / (values[:, None] + values)) ** 2
    observed = (((table[0] - table[1]) / table.sum(axis=0)) ** 2).mean()
    found = krippendorff_alpha(*long(table), level="ratio", resamples=0).value
    assert found == pytest.approx(1 - observed / (expected.sum() / (1000 * 999)), abs=1e-10)


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval", "ratio"])
def test_interval_equals_a_naive_loop_over_the_same_resamples(level):
    random = np.random.default_rng(4)
    table = (random.normal(size=25) + random.normal(size=(6, 25))).round() + 9
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
    two_way = table.index.get_level_values("statistic").isin(["icc_a1", "icc_c1"])
    assert (table.loc[two_way, "note"] == NOT_IDENTIFIED).all()  # a position in a list is no rater
    assert table.loc[two_way, "estimate"].isna().all()
    table = table[~two_way]
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


def rated(construct: str, **changes: object) -> pd.DataFrame:
    """The table of the example's reliability, pooled, by statistic and level."""
    measures, ratings = rated_study()
    options = {"criterion": "humans", "identified": IDENTIFIED, "resamples": 50} | changes
    table = reliability_table(measures, ratings, CODERS, CODEBOOKS, **options)
    return table[(table["construct"] == construct) & (table["subset"] == "all")].set_index(
        ["statistic", "level"]
    )


def test_labels_of_known_raters():
    table = rated("blame")
    _, ratings = rated_study()
    own = ratings[ratings["construct"] == "blame"]
    unit, label = own["unit_id"], own["code"].str.lower()  # ben writes capitals
    assert set(table.index) == {
        (name, "nominal")
        for name in ("krippendorff_alpha", "percent_agreement", "gwet_ac1", "fleiss_kappa", "cohens_kappa")
    }
    for name, function in (
        ("percent_agreement", percent_agreement),
        ("gwet_ac1", gwet_ac),
        ("fleiss_kappa", fleiss_kappa),
    ):
        assert table.loc[(name, "nominal"), "estimate"] == pytest.approx(
            function(unit, label, resamples=0).value
        )
    alpha = krippendorff_alpha(unit, label, level="nominal", resamples=0).value
    assert table.loc[("krippendorff_alpha", "nominal"), "estimate"] == pytest.approx(alpha)
    kappa = table.loc[("cohens_kappa", "nominal")]
    assert np.isnan(kappa["estimate"])
    assert kappa["note"] == "there are 4 raters, and Cohen's kappa compares two: see Fleiss' kappa"


def test_ordinal_ratings_of_known_raters():
    table = rated("tone")
    _, ratings = rated_study()
    own = ratings[ratings["construct"] == "tone"]
    two_way = table.loc[("icc_a1", "interval")]
    assert two_way["estimate"] == pytest.approx(
        icc_a1(own["unit_id"], own["rater"], own["value"], resamples=0).value
    )
    complete = (own.groupby("unit_id").size() == 4).sum()
    assert two_way["n_units"] == complete < table.loc[("icc1", "interval"), "n_units"]
    assert two_way["note"] == "of a single rating, on the units that all 4 raters have rated"
    ac2 = gwet_ac(own["unit_id"], own["value"], weights="quadratic", resamples=0)
    assert table.loc[("gwet_ac2", "ordinal"), "estimate"] == pytest.approx(ac2.value)


def test_two_known_raters_have_cohens_kappas():
    measures, ratings = rated_study()
    two = ratings[ratings["rater"].isin(["anna", "ben"])]
    table = reliability_table(
        measures, two, CODERS, CODEBOOKS, criterion="humans", identified=IDENTIFIED, resamples=0
    )
    table = table[(table["construct"] == "tone") & (table["subset"] == "all")].set_index("statistic")
    wide = two[two["construct"] == "tone"].pivot(index="unit_id", columns="rater", values="value")
    for weights in ("identity", "linear", "quadratic"):
        found = cohens_kappa(wide["anna"], wide["ben"], weights=weights, resamples=0)
        name = "cohens_kappa" if weights == "identity" else f"cohens_kappa_{weights}"
        assert table.loc[name, "estimate"] == pytest.approx(found.value)
        assert table.loc[name, "n_units"] == found.n == len(wide.dropna())


def test_figures_that_need_known_raters_say_so():
    known, unknown = rated("tone"), rated("tone", identified=None)
    needed = [
        "cohens_kappa",
        "cohens_kappa_linear",
        "cohens_kappa_quadratic",
        "fleiss_kappa",
        "icc_a1",
        "icc_c1",
    ]
    assert unknown.loc[needed, "estimate"].isna().all()
    assert (unknown.loc[needed, "note"] == NOT_IDENTIFIED).all()
    pd.testing.assert_frame_equal(known.drop(needed), unknown.drop(needed))


def test_the_prevalence_paradox_is_said_where_it_bites():
    units = np.repeat([f"u{i:03}" for i in range(100)], 2)
    codes = ["no", "no"] * 92 + ["yes", "no"] * 7 + ["yes", "yes"]
    ratings = pd.DataFrame({"unit_id": units, "code": codes, "rater": ["anna", "ben"] * 100})
    ratings = ratings.assign(construct="blame", coder="humans", value=np.nan, status="ok")
    measures = pd.DataFrame({"unit_id": np.unique(units), "sample": False, "blame_humans": np.nan})
    measures["blame_humans_label"] = "no"
    table = reliability_table(
        measures,
        ratings,
        {"blame": {"humans": "human"}},
        {"blame": {"level": "nominal", "values": {"yes": None, "no": None}}},
        criterion="humans",
        identified=IDENTIFIED,
        resamples=0,
    ).set_index("statistic")
    said = "low although 93% of the pairs agree: 96% of the codes are 'no'"
    for low in ("krippendorff_alpha", "fleiss_kappa", "cohens_kappa"):
        assert table.loc[low, "estimate"] < 0.3
        assert table.loc[low, "note"].startswith(said)
    assert table.loc["gwet_ac1", "estimate"] > 0.9
    assert table.loc["gwet_ac1", "note"] == table.loc["percent_agreement", "note"] == ""


def test_a_fine_scale_has_no_labels():
    measures, ratings = rated_study()
    random = np.random.default_rng(0)
    fine = ratings.assign(value=random.normal(size=len(ratings)).round(3))
    table = reliability_table(
        measures,
        fine,
        {"tone": CODERS["tone"]},
        CODEBOOKS,
        criterion="humans",
        identified=IDENTIFIED,
        resamples=0,
    ).set_index("statistic")
    assert table.loc["percent_agreement", "note"].str.contains("different values, which are no labels").all()
    assert table.loc["krippendorff_alpha", "estimate"].notna().all()


def test_counts_have_the_alpha_of_a_ratio_scale_too():
    _, ratings = rated_study()
    counts = ratings[ratings["construct"] == "tone"].assign(value=lambda r: r["value"] + 1)
    measures = pd.DataFrame({"unit_id": counts["unit_id"].unique(), "sample": False, "tone_humans": 1.0})
    table = reliability_table(
        measures,
        counts,
        {"tone": {"humans": "human"}},
        {"tone": {"level": "interval", "values": {}, "type": "count"}},
        criterion="humans",
        resamples=0,
    )
    found = table[table["statistic"] == "krippendorff_alpha"].set_index("level")["estimate"]
    expected = krippendorff_alpha(counts["unit_id"], counts["value"], level="ratio", resamples=0).value
    assert found["ratio"] == pytest.approx(expected)
    assert found["interval"] != found["ratio"]
    assert "percent_agreement" not in set(table["statistic"])  # there are no labels


def test_units_that_people_could_not_decide_on_count():
    """Three units with a criterion and perfect agreement, and one tie, which has none."""
    ratings = pd.DataFrame({"unit_id": list("aabbccdd"), "code": ["x", "x", "y", "y", "x", "x", "x", "y"]})
    ratings = ratings.assign(construct="blame", coder="humans", rater="?", value=np.nan, status="ok")
    measures = pd.DataFrame({"unit_id": list("abcd"), "sample": False, "blame_humans": np.nan})
    measures["blame_humans_label"] = ["x", "y", "x", None]
    book = {"blame": {"level": "nominal", "values": {"x": None, "y": None}}}
    coders = {"blame": {"humans": "human"}}
    table = reliability_table(measures, ratings, coders, book, criterion="humans", resamples=0)
    percent = table.set_index("statistic").loc["percent_agreement"]
    assert (percent["n_units"], percent["estimate"]) == (4, 0.75)
