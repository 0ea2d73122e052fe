"""An experiment with the real model: asked once, tabulated without it, a row a trial and text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from library.embedded import MODEL, model_file
from library.laboratory import BASE, TEXTS, book, experiment, units
from study.experiment import asking, codings
from study.experiment.factors import FACTORS
from study.llm.model import read_card

pytestmark = pytest.mark.filterwarnings("ignore:llama_token_get_attr is deprecated")

FACTORS_TRIED: dict[str, list[Any]] = {
    "label_order": ["fixed", "rotation_1", "rotated"],
    "surface": ["as_written", "typos"],
}


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    return read_card(model_file(), "small", None)


class Study:
    """A folder with units, trials and responses."""

    def __init__(self, folder: Path, card: dict[str, Any]) -> None:
        self.folder, self._card = folder, card
        self.units, self.sample = folder / "units.parquet", folder / "sample.csv"
        units().to_parquet(self.units)
        self.sample.write_text("unit_id\n")

    def run(self, factors: dict[str, list[Any]], model: dict[str, Any] = MODEL) -> pd.DataFrame:
        """Ask, tabulate, and return the table."""
        trials, index = self.folder / "order.json", self.folder / "order.csv"
        trials.write_text(experiment(self.folder, self._card, factors).to_json(), encoding="utf-8")
        shared = {
            "units": self.units,
            "sample": self.sample,
            "trials": trials,
            "store": self.folder / "responses",
        }
        asking.main(name="small", model=model, index=index, threads=1, **shared)
        table = self.folder / "order.parquet"
        codings.main(codebooks=[book(self.folder)], indexes=[index], codings=table, **shared)
        return pd.read_parquet(table)


@pytest.fixture
def study(tmp_path: Path, card: dict[str, Any]) -> Study:
    return Study(tmp_path, card)


def asked(said: str) -> list[str]:
    return [line for line in said.splitlines() if "asked" in line]


def test_every_trial_codes_every_text(study: Study, capfd: pytest.CaptureFixture[str]) -> None:
    table = study.run(FACTORS_TRIED)
    assert len(table) == 6 * len(TEXTS)
    assert list(table)[: 2 + len(FACTORS)] == ["experiment", "cell", *FACTORS]
    assert set(table["status"]) == {"ok"}
    probabilities = table[["p_good", "p_bad", "p_neither"]]
    assert probabilities.sum(axis=1).round(9).eq(1).all()
    assert "rationale" not in set(table) - set(FACTORS)
    # What the labels' order was, but not where several were averaged.
    offered = table.groupby("label_order")["offered"].agg(lambda of: of.iloc[0])
    assert json.loads(offered["fixed"]) == ["good", "bad", "neither"]
    assert json.loads(offered["rotation_1"]) == ["bad", "neither", "good"]
    assert table.loc[table["label_order"] == "rotated", "offered"].isna().all()
    assert asked(capfd.readouterr().err) == [
        "The model was asked 18 times; 0 of 18 responses were in the store."
    ]

    # What is known is not asked again, and a new level asks for itself alone.
    more = {**FACTORS_TRIED, "surface": ["as_written", "typos", "upper_case"]}
    study.run(more)
    assert asked(capfd.readouterr().err) == [
        "The model was asked 9 times; 18 of 27 responses were in the store."
    ]
    # What is known needs no model.
    again = study.run(FACTORS_TRIED, {**MODEL, "package": "no-such-package"})
    assert asked(capfd.readouterr().err) == [
        "All 18 responses are in the store; the model was asked 0 times."
    ]
    pd.testing.assert_frame_equal(again, table)


def test_an_order_changes_codes_and_not_the_labels_that_have_them(study: Study) -> None:
    table = study.run({"label_order": ["fixed", "rotation_1"]}).set_index(
        ["unit_id", "label_order"], drop=False
    )
    fixed, rotated = (table.xs(order, level="label_order") for order in ("fixed", "rotation_1"))
    assert not fixed["p_good"].equals(rotated["p_good"])
    assert set(table["label"]) <= {"good", "bad", "neither"}
    assert fixed["cell"].eq(1).all()
    assert {name: fixed[name].iloc[0] for name in FACTORS} == BASE
