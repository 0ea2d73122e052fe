import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.validity import adjust, compare_correlations, comparison_table, percentile_interval, williams_t
from study.validity.bootstrap import unit_counts
from study.validity.comparison import COLUMNS, main


@pytest.mark.parametrize(
    ("given_", "t", "p"),
    [
        # Silver, Hittner & May (2006), the depcor program; also the test of the R package cocor.
        ((0.3, 0.4, 0.5, 100), "-1.0767", "0.2843"),
        # The documentation of bruceR's cor_diff: t(97) = -4.56, p = 1e-05.
        ((0.2, 0.45, 0.8, 100), "-4.56", "0.00001"),
        # Printed by r.test of the R package psych.
        ((0.5, 0.1, 0.1, 30), "1.76", "0.09"),
        ((0.5, 0.1, 0.7, 30), "3.38", None),
        # Steiger (1980), p. 249, case A: his z of the same comparison is -.8913.
        ((0.4, 0.5, 0.1, 103), "-0.89", None),
    ],
)
def test_printed_examples(given_, t, p):
    found = dict(zip(("t", "p"), williams_t(*given_), strict=True))
    for name, printed in (("t", t), ("p", p)):
        if printed is not None:
            assert f"{found[name]:.{len(printed.partition('.')[2])}f}" == printed


CORRELATION = st.floats(-0.95, 0.95)


@given(CORRELATION, CORRELATION, st.integers(4, 10_000), st.integers(0, 2**32 - 1))
def test_exchanging_the_measures_changes_the_sign_alone(r_xy, r_zy, n, seed):
    # A third correlation that goes with the two: partial correlation between -.9 and .9.
    partial = np.random.default_rng(seed).uniform(-0.9, 0.9)
    r_xz = r_xy * r_zy + partial * np.sqrt((1 - r_xy**2) * (1 - r_zy**2))
    t, p = williams_t(r_xy, r_zy, r_xz, n)
    other_t, other_p = williams_t(r_zy, r_xy, r_xz, n)
    assert t == pytest.approx(-other_t)
    assert p == pytest.approx(other_p)
    assert 0 <= p <= 1


def test_what_cannot_be_tested_has_no_p():
    assert np.isnan(williams_t(0.5, 0.4, 0.3, 3)).all()
    assert np.isnan(williams_t(0.5, 0.5, 1.0, 50)).all()
    assert np.isnan(williams_t(np.nan, 0.4, 0.3, 50)).all()


def three_scores(n: int = 80) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(8)
    y = random.normal(size=n)
    return y + random.normal(size=n), y + 2 * random.normal(size=n), y


def test_comparison_uses_the_units_that_have_all_three():
    x, z, y = three_scores()
    x[:5], z[5:9] = np.nan, np.nan
    found = compare_correlations(x, z, y, resamples=200, seed=2, name="naive")
    x, z, y = x[9:], z[9:], y[9:]
    r_x, r_z, r_xz = np.corrcoef(x, y)[0, 1], np.corrcoef(z, y)[0, 1], np.corrcoef(x, z)[0, 1]
    assert (found.n, found.df) == (71, 68)
    assert found.difference == pytest.approx(r_x - r_z)
    assert (found.statistic, found.p_value) == pytest.approx(williams_t(r_x, r_z, r_xz, 71))
    draws = []
    for counts in np.concatenate(list(unit_counts(71, 200, seed=2, name="naive"))):
        a, b, c = (np.repeat(v, counts.astype(int)) for v in (x, z, y))
        draws.append(np.corrcoef(a, c)[0, 1] - np.corrcoef(b, c)[0, 1])
    assert (found.ci_low, found.ci_high) == pytest.approx(percentile_interval(np.array(draws)))


def test_a_family_is_named_and_corrected_together(tmp_path):
    x, z, y = three_scores()
    measures = pd.DataFrame(
        {
            "unit_id": [f"{i:02}" for i in range(80)],
            "domain": ["a", "b"] * 40,
            "sample": [True] * 60 + [False] * 20,
            "tone_humans": y,
            "tone_llm": np.where(np.arange(80) < 60, x, np.nan),
            "tone_words": z,
            "tone_bayes": z[::-1],
        }
    )
    measures.to_parquet(tmp_path / "measures.parquet")
    main(
        measures_file=tmp_path / "measures.parquet",
        table_file=tmp_path / "comparison.csv",
        coders={
            "tone": {"humans": "human", "llm": "llm", "words": "dictionary", "bayes": "supervised"},
        },
        compare={"criterion": "humans", "by": "domain", "bootstrap": 100, "seed": 1, "correction": "holm"},
    )
    table = pd.read_csv(tmp_path / "comparison.csv")
    assert list(table.columns) == COLUMNS
    assert set(table["subset"]) == {"sample"}  # the model has coded the sample alone
    assert len(table) == 6
    assert set(table["family"]) == {"tone, subset sample: llm against bayes, words in a, all, b (6 tests)"}
    assert table["p_adjusted"].to_numpy() == pytest.approx(adjust(table["p_value"].to_numpy()))
    assert (table["n"] == np.where(table["domain"] == "all", 60, 30)).all()


def test_without_a_model_the_table_is_empty_with_its_columns():
    measures = pd.DataFrame({"unit_id": ["a"], "sample": [False], "tone_humans": [1.0], "tone_words": [1.0]})
    table = comparison_table(
        measures, {"tone": {"humans": "human", "words": "dictionary"}}, criterion="humans"
    )
    assert table.empty
    assert list(table.columns) == COLUMNS
