import numpy as np
import pandas as pd
import pytest

from study.validity.common_scale import linear_mapping, other_scale

LABELS = {"level": "ordinal", "type": "classify", "values": {"good": 1, "bad": -1}}
OPEN = {"level": "interval", "type": "number", "values": {}}
NARROW, WIDE = pd.Series([-1, 0.5, np.nan]), pd.Series([-4, 2.0])


@pytest.mark.parametrize(
    ("kind", "book", "measure", "criterion", "said"),
    [
        ("llm", LABELS, NARROW, NARROW, ""),
        ("llm", LABELS, NARROW, WIDE, "the criterion goes from -4 to 2, the labels' values from -1 to 1"),
        ("llm", LABELS, WIDE, NARROW, "the measure goes from -4 to 2"),
        ("supervised", LABELS, NARROW, WIDE, ""),  # it has learnt the criterion's scale
        ("human", LABELS, NARROW, WIDE, ""),
        ("dictionary", LABELS, NARROW, NARROW, "a dictionary's scores have a scale of their own"),
        ("llm", OPEN, NARROW, WIDE, ""),
        ("llm", OPEN | {"type": "compare"}, NARROW, WIDE, "comparisons are scored in log-odds"),
        ("llm", {"level": "nominal", "values": {"yes": None}}, NARROW, WIDE, ""),
    ],
)
def test_which_scores_share_a_scale(kind, book, measure, criterion, said):
    found = other_scale(kind, book, measure, criterion)
    assert found.startswith("other scale: ") if said else found == ""
    assert said in found


def test_a_dictionary_that_gives_labels_is_on_their_scale():
    assert other_scale("dictionary", LABELS, NARROW, NARROW, labels=True) == ""


def test_a_linear_mapping_is_least_squares():
    random = np.random.default_rng(0)
    x = pd.Series(random.normal(size=50))
    y = 3 - 2 * x + random.normal(size=50)
    y[:5] = np.nan
    slope, intercept = np.polyfit(x[5:], y[5:], 1)
    mapped = linear_mapping(x, y)
    assert mapped is not None
    assert mapped.to_numpy() == pytest.approx((intercept + slope * x).to_numpy())  # also without a criterion
    assert (mapped - y).mean() == pytest.approx(0, abs=1e-12)


def test_what_cannot_be_mapped():
    assert linear_mapping(pd.Series([1.0, 1, 1]), pd.Series([1.0, 2, 3])) is None
    assert linear_mapping(pd.Series([1.0, 2]), pd.Series([1.0, 2])) is None
