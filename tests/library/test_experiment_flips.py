import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from library.experiment_study import LABELS, SCALE, arranged, factorial, rows_of, simulated
from study.experiment.flips import COLUMNS, changes, experiment_flips, flip_rate
from study.experiment.levels import experiment_levels
from study.experiment.outcomes import outcomes
from study.validity.bootstrap import unit_counts

OPTIONS = {"resamples": 500, "seed": 6}
THREE = {"wording": ["default", "short", "long"]}
CHANGE = ["mean_change", "mean_change_ci_low", "mean_change_ci_high"]
DIFFERENCE = ["r_difference", "r_difference_ci_low", "r_difference_ci_high"]
NO_CRITERION = "no difference of r: the study has no criterion"


def table_of(codes):
    return experiment_flips(codes, outcomes(codes), **OPTIONS)


def table(labels, factors=THREE, truth=None):
    return table_of(arranged(rows_of(factorial(factors), labels), factors, truth))


def test_flips_by_hand():
    labels = {("a", 1): ["good", "good", "bad"], ("b", 1): ["bad", "mixed", "bad"]}
    found = table(labels)
    assert list(found.columns) == COLUMNS
    assert found[["level", "reference"]].to_numpy().tolist() == [
        ["short", "default"],
        ["long", "default"],
        ["long", "short"],
        ["any", ""],
    ]
    assert found["flip_rate"].tolist() == pytest.approx([0.5, 0.5, 1, 4 / 6])
    assert found["n_pairs"].tolist() == [2, 2, 2, 6]
    assert found["mean_change"].tolist()[:3] == pytest.approx([0.35, -0.7, -1.05])
    assert np.isnan(found["mean_change"].iloc[3])
    assert found["mean_absolute_change"].tolist() == pytest.approx([0.35, 0.7, 1.05, 4.2 / 6])
    assert found[DIFFERENCE].isna().all(axis=None)
    assert (found["note"] == NO_CRITERION).all()


def test_only_cells_that_differ_in_this_factor_alone_are_compared():
    factors = {"wording": ["default", "short"], "surface": ["as_written", "typos"]}
    # The wording changes nothing; typos change everything.
    labels = {("a", 1): ["good", "bad", "good", "bad"], ("b", 1): ["mixed", "good", "mixed", "good"]}
    found = table(labels, factors).set_index(["factor", "level"])
    assert found.loc[("wording", "short"), "flip_rate"] == 0
    assert found.loc[("surface", "typos"), "flip_rate"] == 1
    assert found.loc[("surface", "typos"), "n_pairs"] == 4
    assert found.loc[("wording", "short"), ["ci_low", "ci_high"]].tolist() == [0, 0]


def test_labels_are_compared_repeat_by_repeat_and_scores_on_average():
    factors = {"wording": ["default", "short"], "temperature": [0.7]}
    labels = {("a", 1): ["good", "good"], ("a", 2): ["bad", "good"], ("a", 3): ["good", "bad"]}
    labels |= {("b", repeat): ["bad", "bad"] for repeat in (1, 2, 3)}
    found = table(labels, factors).iloc[0]
    assert found["n_pairs"] == 6
    assert found["flip_rate"] == pytest.approx(2 / 6)
    assert found["mean_absolute_change"] == pytest.approx(0)


def test_the_interval_is_over_units():
    random = np.random.default_rng(1)
    # A unit flips always or never, in all of its 20 pairs.
    label = np.zeros((100, 40, 1), dtype=int)
    label[random.random(100) < 0.3, 20:] = 1
    pairs = [(cell, cell + 20) for cell in range(20)]
    found = flip_rate(label, pairs, name="units", **OPTIONS)
    share = found.value
    half = 1.96 * np.sqrt(share * (1 - share) / 100)
    assert (found.ci_low, found.ci_high) == pytest.approx((share - half, share + half), abs=0.03)
    assert found.n == 100


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_a_rate_does_not_depend_on_which_level_is_the_reference(seed):
    random = np.random.default_rng(seed)
    label, score = random.integers(0, 3, size=(5, 4, 2)), random.normal(size=(5, 4))
    pairs, turned = [(0, 2), (1, 3)], [(2, 0), (3, 1)]
    options = {"resamples": 50, "seed": 1, "name": "x"}
    one, other = (flip_rate(label, p, **options).value for p in (pairs, turned))
    assert one == other == pytest.approx(np.mean([(label[:, a] != label[:, b]).mean() for a, b in pairs]))
    (mean, absolute), (back, same) = (changes(score, p, **options) for p in (pairs, turned))
    assert mean.value == pytest.approx(-back.value)
    assert (mean.ci_low, mean.ci_high) == pytest.approx((-back.ci_high, -back.ci_low))
    assert absolute == pytest.approx(same)
    assert absolute >= abs(mean.value)


def test_the_interval_of_a_change_is_over_units():
    random = np.random.default_rng(2)
    # 20 pairs of a unit change alike: they are worth no more than one.
    score = np.zeros((100, 40))
    score[:, 20:] = random.normal(0.3, 1, size=(100, 1))
    mean, _ = changes(score, [(cell, cell + 20) for cell in range(20)], name="units", **OPTIONS)
    half = 1.96 * score[:, 20].std() / 10
    assert mean.value == pytest.approx(score[:, 20].mean())
    assert (mean.ci_low, mean.ci_high) == pytest.approx((mean.value - half, mean.value + half), abs=0.03)
    assert mean.n == 100


def test_numbers_change_and_do_not_flip():
    rows = rows_of(factorial(THREE), {("a", 1): ["good", "bad", "good"]})
    rows = rows.drop(columns=["label", *(f"p_{label}" for label in LABELS)])
    scale = {"level": "interval", "type": "count", "classes": False, "values": {}}
    found = table_of(arranged(rows, THREE, scale=scale))
    assert found["flip_rate"].isna().all()
    assert found["mean_change"].tolist()[:3] == pytest.approx([-1.4, 0, 1.4])
    assert found["n_pairs"].tolist() == [1, 1, 1, 3]
    assert found[CHANGE[1:]].isna().all(axis=None)
    assert found["note"].str.startswith("flips are not defined: there are no labels").all()
    assert found["note"].str.contains("one unit has no interval").tolist() == [True] * 3 + [False]


def test_labels_without_values_flip_and_do_not_change():
    scale = {"level": "nominal", "classes": True, "values": dict.fromkeys(LABELS)}
    rows = rows_of(factorial(THREE), {("a", 1): ["good", "bad", "good"], ("b", 1): ["good"] * 3})
    found = table_of(arranged(rows.assign(score=np.nan), THREE, truth={"a": 1.0, "b": -1.0}, scale=scale))
    assert found["flip_rate"].tolist() == pytest.approx([0.5, 0, 0.5, 1 / 3])
    assert found[["mean_absolute_change", *CHANGE, *DIFFERENCE]].isna().all(axis=None)
    assert (found["note"] == "changes are not defined: the labels have no values").all()


def test_a_pair_of_levels_stands_on_the_units_that_it_needs():
    found = table({("a", 1): ["good", "bad", "good"], ("b", 1): ["good", "good", None]})
    assert found["n_units"].tolist() == [2, 1, 1, 1]
    assert found["flip_rate"].tolist() == pytest.approx([0.5, 0, 1, 2 / 3])
    assert found["note"].iloc[0] == NO_CRITERION
    assert "1 of 2 units lack a code in some cell and are left out (cell 3 lacks 1)" in found["note"].iloc[1]


def test_cells_without_codes_leave_their_pairs_out():
    found = table({("a", 1): ["good", "bad", None], ("b", 1): ["good", "good", None]})
    assert found["flip_rate"].iloc[0] == found["flip_rate"].iloc[3] == 0.5
    assert found["flip_rate"].iloc[1:3].isna().all()
    assert found["note"].iloc[1] == "no two cells with codes differ in this factor alone"
    left_out = "2 of 3 pairs of cells are left out, where one has no codes"
    assert found["note"].iloc[3] == f"{left_out}; {NO_CRITERION}"


def test_a_fraction_without_such_pairs():
    factors = {"wording": ["default", "short"], "surface": ["as_written", "typos"]}
    cells = [c for c in factorial(factors) if (c["wording"] == "short") == (c["surface"] == "typos")]
    found = table_of(arranged(rows_of(cells, {("a", 1): ["good", "bad"]}), factors, {"a": 1.0}))
    assert found["flip_rate"].isna().all()
    assert (found["note"] == "no two cells with codes differ in this factor alone").all()


def test_one_unit_and_no_codes():
    one = table({("a", 1): ["good", "bad", "good"]})
    assert one["flip_rate"].tolist()[:3] == [1, 0, 1]
    assert one["ci_low"].isna().all()
    assert one["mean_change"].tolist()[:3] == pytest.approx([-1.4, 0, 1.4])
    assert one[CHANGE[1:]].isna().all(axis=None)
    assert (one["note"] == f"one unit has no interval; {NO_CRITERION}").all()
    none = table({("a", 1): [None] * 3, ("b", 1): [None] * 3})
    assert none["flip_rate"].isna().all()
    assert (none["note"] == "no text was coded").all()


BOTH = {"wording": ["default", "short", "long"], "surface": ["as_written", "typos"]}


def judged_rows(n=60, holes=(), kept=None):
    """Return a trial with a criterion; holes are (cell, unit) without a code."""
    rows, truth = simulated(BOTH, n=n, effects={("wording", "short"): 0.6, ("surface", "typos"): -0.4})
    for cell, unit in holes:
        rows.loc[(rows["cell"] == cell) & (rows["unit_id"] == unit), "status"] = "too_long"
    return rows, dict(list(truth.items())[:kept])


@pytest.mark.parametrize(
    "scale", [SCALE, {"level": "interval", "type": "number", "classes": True, "values": {}}]
)
@pytest.mark.parametrize("kept", [60, 45])
def test_from_the_reference_the_difference_of_r_is_that_of_the_levels(kept, scale):
    rows, truth = judged_rows(kept=kept)
    if not scale["values"]:
        rows = rows.drop(columns=["label", *(f"p_{label}" for label in LABELS)])
    codes = arranged(rows, BOTH, truth, scale=scale)
    found = table_of(codes).set_index(["factor", "level", "reference"])
    levels = experiment_levels(codes, outcomes(codes), **OPTIONS)
    compared = levels[levels["level"] != levels["reference"]]
    assert len(compared) == 3
    for _, level in compared.iterrows():
        row = found.loc[(level["factor"], level["level"], level["reference"])]
        expected = level[["difference", "difference_ci_low", "difference_ci_high"]].tolist()
        assert row[DIFFERENCE].tolist() == pytest.approx(expected, abs=1e-12)
        assert row["r_difference_ci_low"] < row["r_difference_ci_high"]


def test_a_pair_without_the_reference_by_hand():
    rows, truth = judged_rows(n=40)
    row = table_of(arranged(rows, BOTH, truth)).query("level == 'long' and reference == 'short'").iloc[0]
    wide = rows.pivot_table(index="unit_id", columns="cell", values="score").to_numpy()
    y = np.array(list(truth.values()))
    # Cells 3 and 4 are short, 5 and 6 long; without and with typos.
    change = (wide[:, [4, 5]] - wide[:, [2, 3]]).mean()
    assert row["mean_change"] == pytest.approx(change)

    def difference(drawn):
        r = [np.corrcoef(wide[drawn, cell], y[drawn])[0, 1] for cell in range(6)]
        return np.mean([r[4] - r[2], r[5] - r[3]])

    assert row["r_difference"] == pytest.approx(difference(np.arange(40)))
    draws = [
        difference(np.repeat(np.arange(40), counts))
        for chunk in unit_counts(40, 500, seed=6, name="experiment/trial/tone/levels")
        for counts in chunk.astype(int)
    ]
    bounds = np.quantile(draws, [0.025, 0.975])
    assert row[DIFFERENCE[1:]].tolist() == pytest.approx(bounds.tolist())


def test_differences_of_r_stand_on_the_units_of_their_own_pair():
    rows, truth = judged_rows(holes=[(5, "u0000"), (5, "u0001"), (6, "u0002")])
    found = table_of(arranged(rows, BOTH, truth)).set_index(["level", "reference"])
    wide = rows.pivot_table(index="unit_id", columns="cell", values="score").to_numpy()
    y = np.array(list(truth.values()))

    def difference(first, pairs):
        r = [np.corrcoef(wide[first:, cell], y[first:])[0, 1] for cell in range(6)]
        return pytest.approx(np.mean([r[b] - r[a] for a, b in pairs]))

    assert found.loc[("short", "default"), "r_difference"] == difference(0, [(0, 2), (1, 3)])
    assert found.loc[("long", "default"), "r_difference"] == difference(3, [(0, 4), (1, 5)])
    assert found.loc[("long", "short"), "r_difference"] == difference(3, [(2, 4), (3, 5)])


def test_all_levels_together_have_no_difference_of_r():
    rows, truth = judged_rows(n=30)
    found = table_of(arranged(rows, BOTH, truth))
    together = found[found["level"] == "any"]
    assert len(together) == 2
    assert together[CHANGE + DIFFERENCE].isna().all(axis=None)
    assert found[found["level"] != "any"][CHANGE + DIFFERENCE].notna().all(axis=None)
    assert (found["note"] == "").all()


def test_pairs_whose_scores_do_not_vary_have_no_part_in_the_difference_of_r():
    names = {-1.0: "bad", 0.0: "mixed", 1.0: "good"}
    truth = {f"u{i}": float(i % 3 - 1) for i in range(12)}
    labels = {(unit, 1): [names[t], "good", names[-t], names[t], "good", "good"] for unit, t in truth.items()}
    found = table(labels, BOTH, truth).set_index(["level", "reference"])
    # Cells 2, 5 and 6 say 'good' of every text.
    assert found.loc[("short", "default"), "r_difference"] == pytest.approx(-2)
    note = "r is undefined in 1 of 2 pairs of cells, whose scores do not vary"
    assert found.loc[("short", "default"), "note"] == note
    for reference in ("default", "short"):
        row = found.loc[("long", reference)]
        assert row[DIFFERENCE].isna().all()
        assert row[CHANGE].notna().all()
        assert row["note"] == "no difference of r: the scores or the criterion do not vary"


def test_why_there_is_no_difference_of_r():
    rows, truth = judged_rows(n=20)
    elsewhere = table_of(arranged(rows, BOTH, {"other": 1.0}))
    reason = "no difference of r: no text of the experiment has a code by 'humans'"
    assert (elsewhere["note"] == reason).all()
    assert elsewhere[DIFFERENCE].isna().all(axis=None)
    # Only the first text has a criterion, and the cells of 'long' did not code it.
    rows, truth = judged_rows(n=20, holes=[(5, "u0000"), (6, "u0000")], kept=1)
    found = table_of(arranged(rows, BOTH, truth)).set_index(["level", "reference"])
    reason = "no difference of r: no text of the comparison has a score by 'humans'"
    assert found.loc[("long", "short"), "note"].endswith(reason)
    assert found.loc[("short", "default"), "note"].endswith("the scores or the criterion do not vary")
    # One text of thirty makes the scores vary: many resamples are without it.
    labels = {(f"u{i:02}", 1): ["good" if i else "bad"] * 2 + ["good"] for i in range(30)}
    seldom = table(labels, truth={f"u{i:02}": float(i % 2) for i in range(30)}).iloc[0]
    assert seldom["r_difference"] == 0
    assert np.isnan(seldom["r_difference_ci_low"])
    assert seldom["note"] == "no interval of the difference of r: r is undefined in too many resamples"
