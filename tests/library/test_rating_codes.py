import numpy as np
import pandas as pd

from study.validity.rating_codes import label_codes, rating_codes


def ratings(*codes: tuple[str, float]) -> pd.DataFrame:
    return pd.DataFrame(codes, columns=["code", "value"])


def test_a_label_is_one_code_however_it_is_written():
    rated = ratings(("Yes", 1), ("1", 1), ("no", 0), ("0", 0))
    found = rating_codes(rated, "nominal", {"yes": 1, "no": 0, "unclear": None})
    assert list(found.values) == ["yes", "yes", "no", "no"]
    assert list(found.categories) == ["yes", "no", "unclear"]  # also what nobody chose


def test_labels_without_values():
    found = rating_codes(ratings(("NO", np.nan), ("yes", np.nan)), "nominal", {"yes": None, "no": None})
    assert list(found.values) == ["no", "yes"]


def test_ordered_codes_are_numbers():
    values = {"good": 1, "bad": -1, "neutral": 0}
    found = rating_codes(ratings(("good", 1), ("-1", -1)), "ordinal", values)
    assert list(found.values) == [1, -1]
    assert list(found.categories) == [-1, 0, 1]
    finer = rating_codes(ratings(("0.5", 0.5), ("good", 1), ("0.5", 0.5)), "ordinal", values)
    assert list(finer.categories) == [0.5, 1]  # the raters' own scale
    assert finer.commonest() == ("0.5", 2 / 3)
    assert rating_codes(ratings(("good", 1)), "ordinal", values).commonest() == ("good", 1)


def test_labels_of_a_coder_are_comparable_with_them():
    values = {"good": 1, "bad": -1}
    assert label_codes(pd.Series(["bad", None, "good"]), "ordinal", values).tolist()[::2] == [-1, 1]
    assert label_codes(pd.Series(["bad"]), "nominal", values).tolist() == ["bad"]


def test_no_ratings():
    found = rating_codes(ratings(), "nominal", {"yes": None})
    assert found.values.empty
    assert found.commonest()[0] == ""
