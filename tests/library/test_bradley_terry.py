"""Bradley-Terry and Davidson scores: published, by other programs, by hand, and under known truth."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from study.bradley_terry import BradleyTerry, bradley_terry
from study.errors import StudyError
from study.pairs import draw

COLUMNS = ["first", "second", "p_first", "p_second", "p_tie"]

# Agresti (2002), Categorical Data Analysis, 2nd edition, page 438: games of 1987, won by the team at home and
# by the other. Each row is a team at home against the teams in the order of the rows.
TEAMS = ["Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore"]
GAMES = [
    "--- 4-3 4-2 4-3 6-1 4-2 6-0",
    "3-3 --- 4-2 4-3 6-0 6-1 4-3",
    "2-5 4-3 --- 2-4 4-3 4-2 6-0",
    "3-3 5-1 2-5 --- 4-3 4-2 6-1",
    "5-1 2-5 3-3 4-2 --- 5-2 6-0",
    "2-5 3-3 3-4 4-3 4-2 --- 2-4",
    "2-5 1-5 1-6 2-4 1-6 3-4 ---",
]

# Davidson (1970), example 2: chocolate puddings i and j, how many people preferred i, j, and neither.
PUDDINGS = [
    (1, 2, 19, 22, 16), (1, 3, 16, 19, 12), (2, 3, 19, 19, 10), (1, 4, 18, 23, 13), (2, 4, 23, 19, 9),
    (3, 4, 19, 20, 15), (1, 5, 13, 19, 18), (2, 5, 16, 20, 12), (3, 5, 16, 15, 17), (4, 5, 17, 14, 16),
    (1, 6, 18, 21, 12), (2, 6, 22, 20, 12), (3, 6, 13, 18, 10), (4, 6, 14, 19, 18), (5, 6, 11, 21, 12),
]  # fmt: skip


def choices(counts: list[tuple[object, object, int, int, int]]) -> pd.DataFrame:
    """One row a choice, from how often the first was chosen, the second, and neither."""
    rows = [
        (first, second, *np.eye(3)[outcome])
        for first, second, *times in counts
        for outcome in range(3)
        for _ in range(times[outcome])
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def baseball() -> pd.DataFrame:
    return choices(
        [
            (home, away, *(int(n) for n in cell.split("-")), 0)
            for home, line in zip(TEAMS, GAMES, strict=True)
            for away, cell in zip(TEAMS, line.split(), strict=True)
            if home != away
        ]
    )


def probabilities(difference: np.ndarray, nu: float) -> np.ndarray:
    """What the model says of a difference: first, second, tie (rows x 3)."""
    weight = np.column_stack([np.exp(difference / 2), np.exp(-difference / 2), np.full(len(difference), nu)])
    return weight / weight.sum(axis=1, keepdims=True)


def compared(
    n: int, rounds: int, *, seed: int = 1, nu: float = 0.0, concentration: float | None = 8
) -> tuple[pd.DataFrame, np.ndarray]:
    """Comparisons of n texts in both orders, and the true scores.

    The order effect is .4. Each row strays from the model by chance, with the Dirichlet distribution whose
    mean the model's probabilities are, unless `concentration` is None.
    """
    random = np.random.default_rng(seed)
    items = [f"{i:03}" for i in range(n)]
    truth = random.normal(0, 1.2, n)
    truth -= truth.mean()
    both = [pair for a, b in draw(items, rounds, seed) for pair in ((a, b), (b, a))]
    table = pd.DataFrame(both, columns=["first", "second"])
    first, second = (table[side].astype(int).to_numpy() for side in ("first", "second"))
    p = probabilities(truth[first] - truth[second] + 0.4, nu)
    if concentration is not None:
        kinds = 3 if nu else 2
        p = np.array([[*random.dirichlet(row[:kinds] * concentration), 0][:3] for row in p])
    table[["p_first", "p_second", "p_tie"]] = p
    return table, truth


def score(fit: BradleyTerry) -> dict[str, float]:
    return dict(zip(fit.scores["item"], fit.scores["score"], strict=True))


# Published figures


def test_baseball_without_home_advantage() -> None:
    fit = bradley_terry(baseball(), order_effect=False, penalty=0, bootstrap=0)
    found = {team: round(value - score(fit)["Baltimore"], 2) for team, value in score(fit).items()}
    # Agresti (2002), Table 10.11, third column.
    assert found == {
        "Milwaukee": 1.58,
        "Detroit": 1.44,
        "Toronto": 1.29,
        "New York": 1.25,
        "Boston": 1.11,
        "Cleveland": 0.68,
        "Baltimore": 0.0,
    }
    assert fit.order_effect is None
    assert (fit.n_comparisons, fit.n_pairs) == (273, 21)


def test_baseball_with_home_advantage() -> None:
    fit = bradley_terry(baseball(), penalty=0, bootstrap=0)
    strength = np.exp(fit.scores["score"])
    # Agresti (2002), Table 10.11, fifth column.
    assert sorted((strength / strength.sum()).round(3)) == [0.044, 0.088, 0.137, 0.157, 0.164, 0.19, 0.22]
    assert fit.order_effect is not None
    assert round(fit.order_effect.value, 3) == 0.302
    # Turner & Firth (2012), Bradley-Terry models in R: the same with its standard error.
    assert round(fit.order_effect.se_model, 4) == 0.1309


def test_puddings_with_ties() -> None:
    fit = bradley_terry(choices(PUDDINGS), ties=True, order_effect=False, penalty=0, bootstrap=0)
    strength = np.exp(fit.scores["score"])
    # Davidson (1970), example 2, as R's PlackettLuce reproduces it (vignette, section 2.1.1); both stopped
    # after seven iterations.
    published = [0.1388005, 0.1729985, 0.1617420, 0.1653930, 0.1586805, 0.2023855]
    assert (strength / strength.sum()).to_numpy() == pytest.approx(np.array(published), abs=3e-5)
    assert fit.tie is not None
    assert fit.tie.value == pytest.approx(0.7468147, abs=3e-5)
    # The same vignette, section 2.2: standard errors of the centred scores and of log nu, and the deviance.
    errors = [0.121949, 0.121818, 0.126823, 0.122003, 0.127054, 0.126594]
    assert fit.scores["se_model"].to_numpy() == pytest.approx(np.array(errors), abs=1e-6)
    assert fit.tie.se_model / fit.tie.value == pytest.approx(0.082499, abs=1e-6)
    assert -2 * fit.log_likelihood == pytest.approx(1619.4, abs=0.05)


# Other programs


@pytest.mark.parametrize(
    ("penalty", "expected"),
    [
        (0.0, [0.4536344072, -0.2323561339, 0.1106707035, -0.5710339668, 0.2390849899]),
        (0.1, [0.4422848511, -0.2258354510, 0.1103843505, -0.5502586373, 0.2234248866]),
        (1.0, [0.3632925016, -0.1820068507, 0.1057789253, -0.4217153690, 0.1346507929]),
    ],
)
def test_scores_equal_those_of_choix(penalty: float, expected: list[float]) -> None:
    # choix 0.4.1: ilsr_pairwise (penalty 0), and opt_pairwise with alpha = penalty / 2, centred.
    table = choices(
        [(0, 1, 3, 1, 0), (1, 2, 2, 2, 0), (2, 3, 4, 1, 0), (3, 0, 2, 3, 0), (4, 0, 1, 2, 0), (4, 2, 3, 2, 0)]
    )
    fit = bradley_terry(table, order_effect=False, penalty=penalty, bootstrap=0)
    assert fit.scores["score"].to_numpy() == pytest.approx(np.array(expected), abs=1e-7)
    if not penalty:
        assert fit.log_likelihood == pytest.approx(-16.86072117)


def differences(table: pd.DataFrame, n: int) -> np.ndarray:
    rows = np.arange(len(table))
    X = np.zeros((len(table), n))
    X[rows, table["first"].astype(int)] += 1
    X[rows, table["second"].astype(int)] -= 1
    return X


def test_a_model_without_ties_is_the_logistic_regression_of_statsmodels() -> None:
    n = 40
    table, _ = compared(n, 4, nu=0.5)
    share = table["p_first"] / (table["p_first"] + table["p_second"])
    X = np.column_stack([differences(table, n)[:, 1:], np.ones(len(table))])
    pair = [min(a, b) + max(a, b) for a, b in zip(table["first"], table["second"], strict=True)]
    model = sm.GLM(share, X, family=sm.families.Binomial())
    plain = model.fit(tol=1e-13)
    groups = {"groups": pd.factorize(pd.Series(pair))[0], "use_correction": False}
    clustered = model.fit(tol=1e-13, cov_type="cluster", cov_kwds=groups)
    # Each score is its coefficient (the first item's is zero) less the mean of all.
    centring = np.zeros((n + 1, n))
    centring[:n, :-1] = (np.eye(n) - 1 / n)[:, 1:]
    centring[n, -1] = 1
    fit = bradley_terry(table, penalty=0, bootstrap=0)
    assert fit.order_effect is not None
    mine = np.append(fit.scores["score"], fit.order_effect.value)
    assert mine == pytest.approx(centring @ plain.params.to_numpy(), abs=1e-9)
    mine = np.append(fit.scores["se_model"], fit.order_effect.se_model)
    assert mine == pytest.approx(plain.t_test(centring).sd.ravel(), rel=1e-6)
    widening = fit.n_pairs / (fit.n_pairs - n + 1)
    mine = np.append(
        fit.scores["se_sandwich"] / widening, fit.order_effect.se_sandwich * (fit.n_pairs - 1) / fit.n_pairs
    )
    assert mine == pytest.approx(clustered.t_test(centring).sd.ravel(), rel=1e-6)


def test_a_model_with_ties_is_the_loglinear_model_of_statsmodels() -> None:
    # Davidson's model is loglinear (Fienberg 1979): Poisson counts with a term for each comparison.
    n = 8
    table, _ = compared(n, 3, nu=0.7)
    half, rows, nothing = differences(table, n)[:, 1:] / 2, np.eye(len(table)), np.zeros(len(table))
    blocks = [
        np.column_stack([rows, sign * half, sign / 2 + nothing, tie + nothing])
        for sign, tie in ((1, 0), (-1, 0), (0, 1))
    ]
    counts = table[["p_first", "p_second", "p_tie"]].to_numpy().T.ravel()
    loglinear = sm.GLM(counts, np.vstack(blocks), family=sm.families.Poisson()).fit(tol=1e-13)
    scores = np.append(0, loglinear.params[-n - 1 : -2])
    fit = bradley_terry(table, ties=True, penalty=0, bootstrap=0)
    assert fit.order_effect is not None
    assert fit.tie is not None
    assert fit.scores["score"].to_numpy() == pytest.approx(scores - scores.mean(), abs=1e-7)
    assert fit.order_effect.value == pytest.approx(loglinear.params[-2], abs=1e-7)
    assert fit.order_effect.se_model == pytest.approx(loglinear.bse[-2], rel=1e-5)
    assert math.log(fit.tie.value) == pytest.approx(loglinear.params[-1], abs=1e-7)
    assert fit.tie.se_model / fit.tie.value == pytest.approx(loglinear.bse[-1], rel=1e-5)


# By hand


def test_two_items() -> None:
    table = pd.DataFrame([("a", "b", 0.9, 0.1), ("b", "a", 0.4, 0.6)], columns=COLUMNS[:4])
    fit = bradley_terry(table, penalty=0)
    # logit(.9) = difference + order effect, logit(.4) = order effect - difference.
    shown, swapped = math.log(9), math.log(4 / 6)
    assert score(fit) == pytest.approx({"a": (shown - swapped) / 4, "b": (swapped - shown) / 4})
    assert fit.order_effect is not None
    assert fit.order_effect.value == pytest.approx((shown + swapped) / 2)
    # One pair has nothing to stray from.
    assert fit.scores[["se", "se_sandwich"]].isna().all(axis=None)
    assert math.isnan(fit.reliability)
    assert fit.scores["comparisons"].tolist() == [2, 2]


def test_three_items_that_beat_each_other_in_a_circle() -> None:
    circle = pd.DataFrame(
        [("a", "b", 0.7, 0.3), ("b", "c", 0.7, 0.3), ("c", "a", 0.7, 0.3)], columns=COLUMNS[:4]
    )
    fit = bradley_terry(circle, order_effect=False, penalty=0, bootstrap=0)
    assert score(fit) == pytest.approx(dict.fromkeys("abc", 0), abs=1e-12)
    # Each pair has curvature 1/4, and strays by .2: with P = I - 1/3, the information is .75 P and the sum of
    # squared scores .12 P. The sandwich is .12/.75^2 P, widened by 3/(3 - 2); the diagonal of P is 2/3.
    assert fit.scores["se_model"].tolist() == pytest.approx([math.sqrt(2 / 3 / 0.75)] * 3)
    assert fit.scores["se_sandwich"].tolist() == pytest.approx([3 * math.sqrt(0.08) / 0.75] * 3)
    # A circle says that whoever comes first wins: logit(.7).
    with_order = bradley_terry(circle, penalty=0, bootstrap=0)
    assert with_order.order_effect is not None
    assert with_order.order_effect.value == pytest.approx(math.log(7 / 3))


def test_ties_in_a_circle() -> None:
    circle = pd.DataFrame(
        [("a", "b", 0.5, 0.2, 0.3), ("b", "c", 0.5, 0.2, 0.3), ("c", "a", 0.5, 0.2, 0.3)], columns=COLUMNS
    )
    fit = bradley_terry(circle, ties=True, order_effect=False, penalty=0, bootstrap=0)
    assert score(fit) == pytest.approx(dict.fromkeys("abc", 0), abs=1e-12)
    assert fit.tie is not None
    assert fit.tie.value == pytest.approx(6 / 7)  # nu/(2 + nu) = .3


@pytest.mark.parametrize("nu", [0.0, 0.8])
def test_probabilities_of_the_model_itself_are_recovered_without_error(nu: float) -> None:
    table, truth = compared(20, 3, nu=nu, concentration=None)
    fit = bradley_terry(table, ties=nu > 0, penalty=0, bootstrap=20)
    assert fit.scores["score"].to_numpy() == pytest.approx(truth, abs=1e-9)
    assert fit.order_effect is not None
    assert fit.order_effect.value == pytest.approx(0.4)
    if nu:
        assert fit.tie is not None
        assert fit.tie.value == pytest.approx(nu)
    # Nothing strays from the model, so it does not matter which pairs were drawn. The model-based error
    # takes probabilities for choices, and says otherwise.
    assert fit.scores[["se", "se_sandwich"]].to_numpy().max() < 1e-6
    assert fit.scores["se_model"].min() > 0.3
    assert fit.reliability == pytest.approx(1)


# Properties


@pytest.mark.parametrize("ties", [False, True])
def test_wins_that_are_expected_equal_those_observed(ties: bool) -> None:
    """The likelihood's equations: a tie counts as half a win (Davidson 1970)."""
    table, _ = compared(15, 3, nu=0.6)
    fit = bradley_terry(table, ties=ties, penalty=0, bootstrap=0)
    assert fit.order_effect is not None
    at = np.array(list(score(fit).values()))
    first, second = table["first"].astype(int), table["second"].astype(int)
    p = probabilities(at[first] - at[second] + fit.order_effect.value, fit.tie.value if fit.tie else 0)
    y = table[["p_first", "p_second", "p_tie"]].to_numpy() * [1, 1, ties]
    y /= y.sum(axis=1, keepdims=True)
    for outcome in (0, 1):
        more = y[:, outcome] + y[:, 2] / 2 - p[:, outcome] - p[:, 2] / 2
        assert more.sum() == pytest.approx(0, abs=1e-9)
    won = (y - p)[:, 0] + (y - p)[:, 2] / 2
    assert (np.bincount(first, won) - np.bincount(second, won)) == pytest.approx(np.zeros(15), abs=1e-8)


@pytest.mark.parametrize("ties", [False, True])
def test_shown_in_the_other_order_everything_stays_but_the_sign_of_the_order_effect(ties: bool) -> None:
    table, _ = compared(12, 3, nu=0.6)
    swapped = table.rename(
        columns={"first": "second", "second": "first", "p_first": "p_second", "p_second": "p_first"}
    )
    one, other = (bradley_terry(rows, ties=ties, bootstrap=10) for rows in (table, swapped))
    pd.testing.assert_frame_equal(one.scores, other.scores)
    assert one.order_effect is not None
    assert other.order_effect is not None
    assert other.order_effect.value == pytest.approx(-one.order_effect.value)
    assert other.order_effect.se == pytest.approx(one.order_effect.se)


@given(names=st.permutations(list("abcdefghij")))
@settings(max_examples=20)
def test_items_under_other_names_keep_their_scores(names: list[str]) -> None:
    table, _ = compared(10, 2)
    renamed = table.copy()
    for side in ("first", "second"):
        renamed[side] = [names[int(item)] for item in table[side]]
    plain, fit = (bradley_terry(rows, bootstrap=0).scores.set_index("item") for rows in (table, renamed))
    fit = fit.loc[[names[int(item)] for item in plain.index]]
    assert fit.drop(columns="se").to_numpy() == pytest.approx(plain.drop(columns="se").to_numpy())


def test_the_order_of_rows_and_the_sum_of_probabilities_make_no_difference() -> None:
    table, _ = compared(12, 3, nu=0.6)
    shuffled = table.sample(frac=1, random_state=1, ignore_index=True)
    mass = np.linspace(0.2, 1, len(shuffled))
    for column in ("p_first", "p_second", "p_tie"):
        shuffled[column] *= mass
    one, other = bradley_terry(table, ties=True), bradley_terry(shuffled, ties=True)
    pd.testing.assert_frame_equal(one.scores, other.scores)
    pd.testing.assert_frame_equal(one.draws, other.draws)


# Under known truth


def test_bootstrap_intervals_cover_the_true_scores() -> None:
    covered, order, squared, claimed = [], [], [], []
    for seed in range(25):
        table, truth = compared(30, 4, seed=seed)
        fit = bradley_terry(table, bootstrap=60, seed=seed)
        error = fit.scores["score"] - truth
        covered.append((error.abs() < 1.96 * fit.scores["se"]).mean())
        squared.append((error**2).mean())
        claimed.append((fit.scores["se_model"] ** 2).mean())
        assert fit.order_effect is not None
        order.append(abs(fit.order_effect.value - 0.4) < 1.96 * fit.order_effect.se)
    # 750 intervals, not independent; before widening they cover about .85.
    assert 0.92 < np.mean(covered) < 0.98
    assert np.mean(order) > 0.8
    # Model-based errors, of probabilities taken for choices, are far too large.
    assert np.mean(claimed) > 5 * np.mean(squared)


def test_intervals_of_a_model_with_ties_cover_it() -> None:
    covered, nu = [], []
    for seed in range(15):
        table, truth = compared(30, 4, seed=seed, nu=0.7)
        fit = bradley_terry(table, ties=True, bootstrap=60, seed=seed)
        covered.append(((fit.scores["score"] - truth).abs() < 1.96 * fit.scores["se"]).mean())
        assert fit.tie is not None
        nu.append((fit.tie.value - 0.7) / fit.tie.se)
    assert 0.91 < np.mean(covered) < 0.985
    assert np.std(nu) == pytest.approx(1, abs=0.5)


def test_for_choices_the_model_based_error_is_right_and_the_bootstrap_agrees() -> None:
    table, _ = compared(30, 10, concentration=None)
    random = np.random.default_rng(3)
    table = pd.concat([table] * 10, ignore_index=True)
    table["p_first"] = (random.random(len(table)) < table["p_first"]).astype(float)
    table["p_second"] = 1 - table["p_first"]
    fit = bradley_terry(table, bootstrap=100)
    assert fit.scores["se"].mean() == pytest.approx(fit.scores["se_model"].mean(), rel=0.15)


def test_bootstrap_and_sandwich_agree() -> None:
    table, _ = compared(60, 5, nu=0.5)
    fit = bradley_terry(table, ties=True, bootstrap=400)
    assert fit.scores["se"].mean() == pytest.approx(fit.scores["se_sandwich"].mean(), rel=0.05)
    assert np.corrcoef(fit.scores["se"], fit.scores["se_sandwich"])[0, 1] > 0.9
    for term in (fit.order_effect, fit.tie):
        assert term is not None
        assert term.se == pytest.approx(term.se_sandwich, rel=0.15)


def test_draws_are_spread_as_the_standard_error_says_and_have_seeds() -> None:
    table, _ = compared(20, 3)
    fit = bradley_terry(table, bootstrap=50)
    assert fit.draws.shape == (50, 20)
    assert list(fit.draws.columns) == list(fit.scores["item"])
    assert fit.draws.std().to_numpy() == pytest.approx(fit.scores["se"].to_numpy())
    assert fit.draws.sum(axis=1).to_numpy() == pytest.approx(np.zeros(50), abs=1e-8)
    pd.testing.assert_frame_equal(bradley_terry(table, bootstrap=50).draws, fit.draws)
    assert (bradley_terry(table, bootstrap=50, seed=2).draws != fit.draws).all(axis=None)
    assert (bradley_terry(table, bootstrap=50, name="tone").draws != fit.draws).all(axis=None)
    pd.testing.assert_frame_equal(bradley_terry(table, bootstrap=20).draws, fit.draws.head(20))


def test_reliability_is_the_squared_correlation_with_the_truth() -> None:
    table, truth = compared(150, 4, concentration=3)
    fit = bradley_terry(table, bootstrap=60)
    variance = fit.scores["score"].var()
    assert fit.reliability == pytest.approx((variance - (fit.scores["se"] ** 2).mean()) / variance)
    assert fit.reliability == pytest.approx(np.corrcoef(fit.scores["score"], truth)[0, 1] ** 2, abs=0.05)
    assert fit.reliability < 0.97


# Where the maximum does not exist


def won(*pairs: str) -> pd.DataFrame:
    """Certain wins, as 'a>b' (a shown first) or 'b<a' (b shown first)."""
    return choices([(p[0], p[2], int(p[1] == ">"), int(p[1] == "<"), 0) for p in pairs])


CIRCLE = ("a>b", "b<a", "b>c", "c<b", "c>a", "a<c")


@pytest.mark.parametrize(
    ("table", "certain"),
    [
        (won(*CIRCLE, "d>a", "a<d", "d>b"), ("d",)),
        (won(*CIRCLE, "d<a", "a>d", "c>d"), ("d",)),
        (won("a>b", "b>a", "c>d", "d>c", "a>c", "d<b"), ()),
        # a beats b in both orders; of b and c, and of c and a, the first wins: no order effect is too large.
        (won("a>b", "b<a", "b>c", "c>b", "c>a", "a>c"), ()),
    ],
    ids=["wins everything", "loses everything", "a group beats the others", "order effect"],
)
def test_without_a_maximum_the_penalty_decides_and_says_so(
    table: pd.DataFrame, certain: tuple[str, ...]
) -> None:
    with pytest.raises(StudyError, match=r"certainty.*penalty above 0") as refused:
        bradley_terry(table, penalty=0)
    assert all(f"'{item}'" in str(refused.value) for item in certain)
    fit = bradley_terry(table, bootstrap=50)
    assert fit.separable
    assert fit.certain == certain
    assert fit.penalty == 0.01
    assert fit.scores[["score", "se", "se_sandwich", "se_model"]].abs().to_numpy().max() < 15


def test_certain_comparisons_may_have_a_maximum() -> None:
    fit = bradley_terry(won(*CIRCLE, "a>b", "b>a"), penalty=0, bootstrap=0)
    assert not fit.separable
    assert fit.certain == ()


def test_nearly_certain_counts_as_certain_and_doubt_does_not() -> None:
    table = won(*CIRCLE, "d>a", "a<d", "d>b", "b<d")
    doubtful = table.assign(p_first=table["p_first"].clip(0.01, 0.99))
    doubtful["p_second"] = 1 - doubtful["p_first"]
    assert not bradley_terry(doubtful, penalty=0, bootstrap=0).separable
    sure = table.assign(p_first=table["p_first"].clip(1e-6, 1 - 1e-6))
    sure["p_second"] = 1 - sure["p_first"]
    assert bradley_terry(sure, bootstrap=0).certain == ("d",)


@given(wins=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=25))
def test_the_maximum_exists_where_each_item_beats_each_other_by_way_of_others(
    wins: list[tuple[int, int]],
) -> None:
    """Ford (1957): the graph of wins is strongly connected."""
    pairs = [(a, b) for a, b in wins if a != b]
    items = sorted({item for pair in pairs for item in pair})
    ends = np.array([(items.index(a), items.index(b)) for a, b in pairs]).reshape(-1, 2).T
    graph = csr_array((np.ones(len(pairs)), tuple(ends)), shape=(len(items),) * 2)
    if not pairs or connected_components(graph, connection="weak")[0] > 1:
        return
    table = choices([(a, b, 1, 0, 0) for a, b in pairs])
    fit = bradley_terry(table, order_effect=False, bootstrap=0)
    assert fit.separable == (connected_components(graph, connection="strong")[0] > 1)
    if not fit.separable:
        exact = bradley_terry(table, order_effect=False, penalty=0, bootstrap=0)
        assert exact.scores["score"].abs().max() < 30


def test_ties_can_make_a_maximum_and_can_lack_one() -> None:
    circle = [("a", "b", 2, 0, 0), ("b", "c", 2, 0, 0)]
    assert bradley_terry(choices(circle), order_effect=False, bootstrap=0).separable
    circle.append(("a", "c", 0, 0, 1))
    joined = bradley_terry(choices(circle), ties=True, order_effect=False, penalty=0, bootstrap=0)
    assert not joined.separable
    # Each is a step above the next: the larger the step and nu, the better for wins and ties of neighbours.
    steps = choices([("a", "b", 2, 0, 1), ("b", "c", 2, 0, 1)])
    fit = bradley_terry(steps, ties=True, order_effect=False, bootstrap=0)
    assert fit.separable
    with pytest.raises(StudyError, match="penalty"):
        bradley_terry(steps, ties=True, order_effect=False, penalty=0)


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (won(*CIRCLE, "d>e", "e>d"), {}, r"2 groups.*'d, e'"),
        (won("a>b", "b>a", "b>c", "c>b"), {}, "shown first is never the lesser"),
        (won("a<b", "b<a"), {}, "shown second is never the lesser"),
        (won(*CIRCLE), {"ties": True}, "none of the probability.*without ties"),
        (choices([("a", "b", 0, 0, 2)]), {"ties": True, "order_effect": False}, "all of"),
        (won("a>b", "b<c"), {}, "both orders"),
        (won(*CIRCLE).drop(columns="p_second"), {}, "p_second.*column.*missing"),
        (won(*CIRCLE).drop(columns="p_tie"), {"ties": True}, "p_tie.*column.*missing"),
        (won(*CIRCLE).head(0), {}, "no comparisons"),
        (won(*CIRCLE, "a>a"), {}, "with itself.*first a"),
        (won(*CIRCLE).assign(p_first=float("nan")), {}, "not numbers"),
        (won(*CIRCLE).assign(p_first="sure"), {}, "not numbers"),
        (won(*CIRCLE).assign(p_first=-0.1), {}, "not numbers"),
        (won(*CIRCLE).assign(p_first=0, p_second=0), {}, "not numbers"),
        (won(*CIRCLE).assign(second=None), {}, "lacks"),
        (won(*CIRCLE), {"penalty": -1}, "penalty"),
        (won(*CIRCLE), {"penalty": float("nan")}, "penalty"),
    ],
    ids=range(17),
)
def test_what_cannot_be_used_is_refused(
    table: pd.DataFrame, options: dict[str, object], message: str
) -> None:
    with pytest.raises(StudyError, match=message):
        bradley_terry(table, **options)  # type: ignore[arg-type]
