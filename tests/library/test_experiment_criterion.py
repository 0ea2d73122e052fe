import numpy as np
import pandas as pd

from library.experiment_study import SCALE
from study.experiment.criterion import criterion_of


def test_the_pilot_is_not_compared():
    measures = pd.DataFrame(
        {"unit_id": ["a", "b", "c"], "pilot": [False, True, False], "tone_humans": [1.0, 1.0, np.nan]}
    )
    options = {"construct": "tone", "scale": SCALE}
    found = criterion_of(measures, pd.Index(["c", "b", "a", "x"]), name="humans", **options)
    assert found.known.tolist() == [False, False, True, False]
    assert found.classes[2] == "positive"
    assert criterion_of(measures, pd.Index(["b"]), name="humans", **options).note == (
        "no text of the experiment has a code by 'humans'"
    )
    assert criterion_of(measures, pd.Index(["a"]), name="crowd", **options).note == (
        "'crowd' does not code tone"
    )
    assert criterion_of(measures, pd.Index(["a"]), name=None, **options).note == "the study has no criterion"


def test_labels_of_people_that_the_codebook_lacks_are_no_class():
    scale = {"level": "nominal", "values": {"yes": None, "no": None}}
    measures = pd.DataFrame(
        {"unit_id": ["a", "b"], "blame_humans": np.nan, "blame_humans_label": ["yes", "perhaps"]}
    )
    found = criterion_of(measures, pd.Index(["a", "b"]), construct="blame", name="humans", scale=scale)
    assert found.by_label
    assert found.classes.tolist() == ["yes", None]
