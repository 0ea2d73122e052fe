import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from library.experiment_study import LABELS, arranged, factorial, rows_of
from study.experiment.outcomes import NO_PROBABILITIES
from study.experiment.positions import COLUMNS, OVER_ALL, complete_rotations, experiment_positions

OPTIONS = {"resamples": 200, "seed": 8}
ORDERS = {"label_order": ["fixed", "rotation_1", "rotation_2"]}
NAMES = list(LABELS)
ROTATED = [NAMES[first:] + NAMES[:first] for first in range(3)]


def codes_of(labels, factors=ORDERS, orders=ROTATED, cells=None, **options):
    rows = rows_of(factorial(factors) if cells is None else cells, labels, orders=orders, **options)
    return arranged(rows, factors)


def table(labels, **options):
    return experiment_positions(codes_of(labels, **options), **OPTIONS)


def test_a_coder_that_always_takes_the_first_label():
    labels = {(unit, 1): [order[0] for order in ROTATED] for unit in "abcd"}
    found = table(labels)
    assert list(found.columns) == COLUMNS
    assert found["position"].tolist() == [1, 2, 3]
    assert found["share_chosen"].tolist() == [1, 0, 0]
    assert found["mean_probability"].tolist() == pytest.approx([0.8, 0.1, 0.1])
    assert found["expected"].tolist() == pytest.approx([1 / 3] * 3)
    assert (found["n_cells"] == 3).all()
    assert (found["n"] == 4).all()
    assert (found["note"] == "").all()


@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=8), st.floats(0.4, 0.9))
@settings(max_examples=25, deadline=None)
def test_a_coder_that_does_not_care_for_positions_chooses_each_alike(given_labels, p):
    # The same label in whatever order it is offered.
    labels = {(f"u{i}", 1): [label] * 3 for i, label in enumerate(given_labels)}
    found = table(labels, p=p)
    assert found["share_chosen"].tolist() == pytest.approx([1 / 3] * 3)
    assert found["mean_probability"].tolist() == pytest.approx([1 / 3] * 3)


def test_by_hand_with_intervals_over_units():
    # Rotations: bad mixed good | mixed good bad | good bad mixed
    labels = {("a", 1): ["bad", "mixed", "bad"], ("b", 1): ["good", "good", "good"]}
    found = table(labels)
    assert found["share_chosen"].tolist() == pytest.approx([(2 / 3 + 1 / 3) / 2, (1 / 3 + 1 / 3) / 2, 1 / 6])
    first = found.iloc[0]
    assert (first["ci_low"], first["ci_high"]) == pytest.approx((1 / 3, 2 / 3))
    assert found["share_chosen"].sum() == pytest.approx(1)
    assert found["mean_probability"].sum() == pytest.approx(1)


def test_every_setting_of_the_other_factors_needs_all_rotations():
    factors = ORDERS | {"surface": ["as_written", "typos"]}
    cells = factorial(factors)
    orders = [ROTATED[i // 2] for i in range(6)]
    labels = {("a", 1): [order[0] for order in orders]}
    whole = codes_of(labels, factors, orders, cells)
    assert complete_rotations(whole).cells.tolist() == [0, 1, 2, 3, 4, 5]
    # Without one of the cells with typos, only the texts as written are balanced.
    part = codes_of({("a", 1): [order[0] for order in orders[:5]]}, factors, orders[:5], cells[:5])
    found = complete_rotations(part)
    assert found.cells.tolist() == [0, 2, 4]
    assert found.note == ""


def test_a_fraction_may_be_balanced_over_the_whole_design_only():
    factors = ORDERS | {"wording": ["default", "b", "c"]}
    cells = factorial(factors)
    chosen = [0, 4, 8]  # each rotation once, each wording once
    orders = [ROTATED[i] for i in range(3)]
    labels = {("a", 1): [order[0] for order in orders], ("b", 1): [order[0] for order in orders]}
    found = table(labels, factors=factors, orders=orders, cells=[cells[i] for i in chosen])
    assert found["share_chosen"].tolist() == [1, 0, 0]
    assert (found["note"] == OVER_ALL).all()


def test_other_orders_take_no_part():
    factors = {"label_order": [*ORDERS["label_order"], "reversed", "random", "rotated"]}
    orders = [*ROTATED, NAMES[::-1], ["mixed", "bad", "good"], NAMES]
    rows = rows_of(factorial(factors), {("a", 1): [*NAMES, "good", "good", "good"]}, orders=orders)
    rows.loc[rows["label_order"] == "rotated", "offered"] = None
    assert complete_rotations(arranged(rows, factors)).cells.tolist() == [0, 1, 2]


def test_an_order_that_comes_twice_counts_once():
    # Of two labels the reverse is a rotation.
    factors = {"label_order": ["fixed", "rotation_1", "reversed"]}
    values = {"no": 0.0, "yes": 1.0}
    scale = {"level": "nominal", "classes": True, "values": values}
    orders = [["no", "yes"], ["yes", "no"], ["yes", "no"]]
    labels = {("a", 1): ["no", "yes", "no"], ("b", 1): ["no", "yes", "no"]}
    rows = rows_of(factorial(factors), labels, values=values, orders=orders)
    codes = arranged(rows, factors, scale=scale)
    assert complete_rotations(codes).cells.tolist() == [0, 1]
    assert experiment_positions(codes, **OPTIONS)["share_chosen"].tolist() == [1, 0]


def test_not_codable_takes_no_part():
    orders = [[*order, "not codable"] for order in ROTATED]
    labels = {("a", 1): [order[0] for order in ROTATED], ("b", 1): [None, "good", "good"]}
    found = table(labels, orders=orders)
    assert found["n_labels"].tolist() == [3, 3, 3]
    assert found["share_chosen"].tolist() == [1, 0, 0]
    assert (found["n"] == 1).all()
    assert found["note"].str.contains("1 of 2 units lack a code").all()


@pytest.mark.parametrize(
    ("factors", "orders"),
    [
        ({"label_order": ["fixed", "rotation_1"]}, ROTATED[:2]),
        ({"wording": ["default", "short", "long"]}, [NAMES] * 3),
        ({"label_order": ["fixed", "reversed"]}, [NAMES, NAMES[::-1]]),
    ],
)
def test_without_a_complete_set_of_rotations_there_is_one_row_that_says_so(factors, orders):
    found = table({("a", 1): ["good"] * len(orders)}, factors=factors, orders=orders)
    assert len(found) == 1
    assert found["note"].iloc[0] == "not balanced: the design has no complete set of rotations of the labels"
    assert found[["position", "share_chosen", "expected"]].isna().all(axis=None)


def test_no_labels_no_codes_and_an_empty_rotation():
    rows = rows_of(factorial(ORDERS), {("a", 1): ["good"] * 3})
    bare = rows.drop(columns=["label", *(f"p_{label}" for label in LABELS)]).assign(offered=None)
    scale = {"level": "interval", "type": "number", "classes": True, "values": {}}
    found = experiment_positions(arranged(bare, ORDERS, scale=scale), **OPTIONS)
    assert found["note"].tolist() == ["there are no labels"]
    assert table({("a", 1): [None] * 3})["note"].tolist() == ["no text was coded"]
    empty = table({("a", 1): ["good", "good", None], ("b", 1): ["bad", "good", None]})
    assert empty["note"].iloc[0].startswith("no unit has a label in every rotation")
    assert np.isnan(empty["share_chosen"].iloc[0])


def test_without_probabilities_only_the_choices_are_tabulated():
    labels = {(unit, 1): [order[0] for order in ROTATED] for unit in "abcd"}
    rows = rows_of(factorial(ORDERS), labels, orders=ROTATED)
    columns = [f"p_{label}" for label in LABELS]
    for cells, said in (({1, 2, 3}, NO_PROBABILITIES), ({2}, f"{NO_PROBABILITIES} in 1 of 3 cells")):
        bare = rows.copy()
        bare.loc[bare["cell"].isin(cells), columns] = np.nan
        found = experiment_positions(arranged(bare, ORDERS), **OPTIONS)
        assert found["share_chosen"].tolist() == [1, 0, 0]
        assert found["mean_probability"].isna().all()
        assert set(found["note"]) == {said}
    rows.loc[rows["unit_id"] == "a", columns] = np.nan
    found = experiment_positions(arranged(rows, ORDERS), **OPTIONS)
    assert set(found["note"]) == {"not available: labels of some texts have no probabilities"}
