"""Coders and cells of experiments as instruments."""

from __future__ import annotations

import pandas as pd
import pytest

from library import multiverse_study
from study.errors import StudyError
from study.multiverse.instruments import of_coders, of_experiment


@pytest.fixture(scope="module")
def units() -> pd.DataFrame:
    return multiverse_study.texts(40)


def test_a_coder_is_named_and_knows_which_texts_it_was_asked_about(units: pd.DataFrame) -> None:
    found = list(of_coders(["even"], multiverse_study.tables(units.head(30)), ["anger"]))
    assert [instrument.name for instrument in found] == ["coder even"]
    assert found[0].asked == set(units["unit_id"].head(30))
    assert found[0].settings == {}


def test_each_cell_of_an_experiment_has_its_settings_and_its_own_codes(units: pd.DataFrame) -> None:
    cells = multiverse_study.experiment(units)
    found = list(of_experiment("asking", cells, "even", {}, ["anger"]))
    assert [instrument.name for instrument in found] == [
        f"experiment asking, cell {cell}" for cell in (1, 2, 3, 4)
    ]
    assert [instrument.settings["wording"] for instrument in found] == ["plain"] * 2 + ["leading"] * 2
    assert found[0].settings["temperature"] == "0"
    for instrument in found:
        own = cells[cells["cell"] == instrument.cell].set_index("unit_id")["score"]
        assert instrument.codings["anger"].score.to_dict() == own.to_dict()


def test_a_construct_that_is_not_varied_has_the_coders_own_codes(units: pd.DataFrame) -> None:
    other = multiverse_study.codings(units.head(35), "even", uneven=False, seed=5).assign(construct="joy")
    made = {"even": pd.concat([multiverse_study.tables(units)["even"], other])}
    found = list(of_experiment("asking", multiverse_study.experiment(units), "even", made, ["joy", "anger"]))
    assert len(found) == 4
    for instrument in found:
        assert list(instrument.codings) == ["joy", "anger"]
        assert instrument.codings["joy"].score.to_dict() == other.set_index("unit_id")["score"].to_dict()
        assert len(instrument.asked) == 35


def test_an_experiment_on_something_else_is_refused(units: pd.DataFrame) -> None:
    with pytest.raises(StudyError, match="'asking' has no codings of the constructs"):
        list(of_experiment("asking", multiverse_study.experiment(units), "even", {}, ["joy"]))
