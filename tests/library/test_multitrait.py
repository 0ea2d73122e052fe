from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from study.errors import StudyError
from study.validity import adjust, campbell_fiske, multitrait_multimethod

# Table 1 of Campbell & Fiske (1959), a synthetic matrix: three methods, traits A, B, C in each.
TABLE_1 = """
.89
.51 .89
.38 .37 .76
.57 .22 .09 .93
.22 .57 .10 .68 .94
.11 .11 .46 .59 .58 .84
.56 .22 .11 .67 .42 .33 .94
.23 .58 .12 .43 .66 .34 .67 .92
.11 .11 .45 .34 .32 .58 .58 .60 .85
"""
NAMES = pd.MultiIndex.from_product([["1", "2", "3"], ["A", "B", "C"]], names=["method", "trait"])


def table_1() -> pd.DataFrame:
    values = np.zeros((9, 9))
    for i, line in enumerate(TABLE_1.split("\n")[1:-1]):
        values[i, : i + 1] = [float(cell) for cell in line.split()]
    return pd.DataFrame(values + np.tril(values, -1).T, index=NAMES, columns=NAMES)


def test_the_synthetic_matrix_of_campbell_and_fiske_counted_by_hand():
    found = campbell_fiske(table_1(), n=100)
    criteria = found.criteria.set_index("criterion")
    assert criteria["comparisons"].to_dict() == {"convergent": 9, "heteromethod": 36, "monomethod": 36}
    assert criteria["met"].to_dict() == {"convergent": 9, "heteromethod": 36, "monomethod": 16}
    validities = found.validities.set_index(["trait", "method", "other_method"])
    assert validities.loc[("A", "1", "2"), "r"] == 0.57
    # .57 is above .51 and .38 inside method 1, and below .68 and .59 inside method 2.
    assert validities.loc[("A", "1", "2"), "monomethod_met"] == 2
    # .67 is above .59 and twice .58's and not above .68 and the .67 of A and B in method 3.
    assert validities.loc[("A", "2", "3"), "monomethod_met"] == 2
    assert validities.loc[("C", "2", "3"), "monomethod_met"] == 0
    # Ranks of AB, AC, BC: 3 2 1, 3 2 1, 3 1 2 inside the methods, 3 1 2, 3 1 2, 3 2 1 across; sums 18, 9, 9.
    assert found.concordance == pytest.approx(12 * (6**2 + 3**2 + 3**2) / (6**2 * 24))
    pd.testing.assert_frame_equal(found.matrix, table_1())


def test_validity_coefficients_are_tested_with_t_and_adjusted_together():
    found = campbell_fiske(table_1(), n=20).validities
    t = found["r"] * np.sqrt(18 / (1 - found["r"] ** 2))
    assert found["p_value"].to_numpy() == pytest.approx(2 * stats.t.sf(t, 18))
    assert found["p_adjusted"].to_numpy() == pytest.approx(adjust(found["p_value"], "holm"))
    unknown = campbell_fiske(table_1())
    assert unknown.n is None
    assert unknown.validities["p_value"].isna().all()
    assert list(unknown.criteria["criterion"]) == ["heteromethod", "monomethod"]


def test_negative_validity_coefficients_do_not_converge():
    matrix = table_1()
    turned = np.ones(9)
    turned[3:6] = -1  # all scales of method 2 the wrong way round
    found = campbell_fiske(matrix * np.outer(turned, turned), n=500)
    criteria = found.criteria.set_index("criterion")["met"]
    assert criteria["convergent"] == 3
    assert criteria["heteromethod"] == 12  # none of those with method 2


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 4), st.integers(2, 4))
def test_order_and_the_direction_of_a_trait_do_not_matter(seed, n_methods, n_traits):
    random = np.random.default_rng(seed)
    names = [(f"m{i}", f"t{j}") for i in range(n_methods) for j in range(n_traits)]
    index = pd.MultiIndex.from_tuples(names, names=["method", "trait"])
    r = np.corrcoef(random.normal(size=(len(names), 12)))
    matrix = pd.DataFrame(r, index=index, columns=index)
    found = campbell_fiske(matrix, n=12, correction="none")
    order = random.permutation(len(names))
    again = campbell_fiske(matrix.iloc[order, order], n=12, correction="none")
    pd.testing.assert_frame_equal(again.criteria, found.criteria)
    assert again.concordance == pytest.approx(found.concordance, nan_ok=True)
    turned = np.where(index.get_level_values("trait") == "t0", -1, 1)
    reflected = campbell_fiske(matrix * np.outer(turned, turned), n=12, correction="none")
    pd.testing.assert_frame_equal(reflected.criteria, found.criteria)
    assert len(found.validities) == n_traits * n_methods * (n_methods - 1) // 2
    assert (found.validities["comparisons"] == 2 * (n_traits - 1)).all()
    assert np.isnan(found.concordance) == (n_traits < 3)
    assert n_traits < 3 or 0 <= found.concordance <= 1


def test_a_pattern_that_is_the_same_in_every_triangle_has_concordance_one():
    pattern = np.array([[1.0, 0.5, 0.3], [0.5, 1.0, 0.1], [0.3, 0.1, 1.0]])
    matrix = pd.DataFrame(np.kron([[1, 0.8], [0.8, 1]], pattern), index=NAMES[:6], columns=NAMES[:6])
    assert campbell_fiske(matrix).concordance == pytest.approx(1)
    equal = np.where(np.eye(3), 1, 0.4)
    matrix = pd.DataFrame(np.kron([[1, 0.8], [0.8, 1]], equal), index=NAMES[:6], columns=NAMES[:6])
    assert np.isnan(campbell_fiske(matrix).concordance)  # nothing to be concordant about


COLUMNS = {
    "tone_llm": ("llm", "tone"),
    "anger_llm": ("llm", "anger"),
    "tone_words": ("words", "tone"),
    "anger_words": ("words", "anger"),
}


def scores(n: int = 300) -> pd.DataFrame:
    random = np.random.default_rng(6)
    tone, anger = random.normal(size=(2, n))
    halo = random.normal(size=n)
    return pd.DataFrame(
        {
            "tone_llm": tone + 2 * halo,
            "anger_llm": anger + 2 * halo,
            "tone_words": tone + random.normal(size=n),
            "anger_words": anger + random.normal(size=n),
        }
    )


def test_scores_are_correlated_on_the_units_that_have_them_all():
    measures = scores()
    measures.loc[:9, "tone_words"] = np.nan
    found = multitrait_multimethod(measures, COLUMNS, reliabilities={"tone_llm": 0.9})
    assert found.n == 290
    expected = measures.dropna().corr()
    for a, b in [("tone_llm", "tone_words"), ("anger_llm", "tone_words"), ("tone_llm", "anger_llm")]:
        assert found.matrix.loc[COLUMNS[a], COLUMNS[b]] == pytest.approx(expected.loc[a, b])
    assert np.diag(found.matrix)[0] == 0.9
    assert np.isnan(np.diag(found.matrix)[1:]).all()
    # A halo inside one method: traits correlate there more than each converges with the other method.
    met = found.criteria.set_index("criterion")["met"].to_dict()
    assert met == {"convergent": 2, "heteromethod": 4, "monomethod": 2}


def with_names(names: list[tuple[str, str]]) -> pd.DataFrame:
    index = pd.MultiIndex.from_tuples(names)
    return pd.DataFrame(np.eye(len(names)), index=index, columns=index)


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        (with_names([("1", "A"), ("1", "B")]), "At least two methods"),
        (with_names([("1", "A"), ("2", "A")]), "At least two traits"),
        (with_names([("1", "A"), ("1", "B"), ("2", "A")]), "The trait 'B' is not measured by '2'"),
        (with_names([("1", "A"), ("1", "B"), ("2", "A"), ("2", "B"), ("2", "B")]), "measured twice"),
        (table_1().reset_index(drop=True), "pairs (method, trait)"),
        (table_1().iloc[:, ::-1], "pairs (method, trait)"),
        (table_1() * 2, "from -1 to 1"),
        (table_1().mask(table_1() == 0.09), "from -1 to 1"),
        (table_1().mask(np.tril(np.ones((9, 9)), -1) > 0, 0.5), "symmetric"),
    ],
)
def test_errors_of_a_matrix(matrix, said):
    with pytest.raises(StudyError) as caught:
        campbell_fiske(matrix)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("measures", "columns", "said"),
    [
        (scores(), COLUMNS | {"tone_lmm": ("lmm", "tone")}, "Did you mean 'tone_llm'?"),
        (scores().astype({"tone_llm": str}), COLUMNS, "Only numbers correlate"),
        (scores(3), COLUMNS, "Found: '3 units'"),
        (scores().assign(tone_llm=1.0), COLUMNS, "does not vary"),
    ],
)
def test_errors_of_measures(measures, columns, said):
    with pytest.raises(StudyError) as caught:
        multitrait_multimethod(measures, columns)
    assert said in str(caught.value)
