"""Experiments in the configuration: what is filled in, and what cannot be tried."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from study.config import load
from study.config.experiments import base
from study.errors import StudyError

GOOD = Path(__file__).parent / "good_study"
ORDER = {"codebook": "sentiment", "factors": {"label_order": ["fixed", "rotation_1"]}}


def write(folder: Path, experiment: dict[str, Any], **sections: Any) -> Path:
    """Write the good study with one experiment."""
    study = folder / "study"
    shutil.copytree(GOOD, study)
    file = study / "config/study.yaml"
    config = yaml.safe_load(file.read_text(encoding="utf-8"))
    config["experiments"] = {"order": experiment}
    for section, keys in sections.items():
        config[section] = {**config.get(section, {}), **keys}
    file.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return study


def loaded(folder: Path, experiment: dict[str, Any], **sections: Any) -> dict[str, Any]:
    found: dict[str, Any] = load(write(folder, experiment, **sections))["experiments"]["order"]
    return found


def test_a_study_without_experiments_has_none() -> None:
    assert load(GOOD)["experiments"] == {}


def test_what_is_not_said_is_filled_in(tmp_path: Path) -> None:
    experiment = loaded(tmp_path, ORDER)
    assert experiment["coder"] == "llm"
    assert experiment["texts"] == "all"
    assert (experiment["fraction"], experiment["repeats"], experiment["mask"]) == (1, 1, [])


def test_rotations_stand_for_every_rotation(tmp_path: Path) -> None:
    factors = {"label_order": ["rotations", "random", "rotation_2"], "sparsity": [0, 0.5]}
    experiment = loaded(tmp_path, {**ORDER, "factors": factors})
    assert experiment["factors"] == {
        "label_order": ["fixed", "rotation_1", "rotation_2", "random"],
        "sparsity": [0.0, 0.5],
    }


def test_factors_stay_in_the_researchers_order(tmp_path: Path) -> None:
    factors = {"surface": ["as_written", "typos"], "label_order": ["fixed", "random"], "examples": []}
    assert list(loaded(tmp_path, {**ORDER, "factors": factors})["factors"]) == ["surface", "label_order"]


def test_what_is_not_varied_is_as_coder_and_codebook_have_it(tmp_path: Path) -> None:
    config = load(write(tmp_path, ORDER))
    assert base(config, config["experiments"]["order"]) == {
        "wording": "main",
        "label_order": "fixed",
        "rationale": "none",
        "examples": "none",
        "temperature": 0.0,
        "seed": 1,
        "model": "smollm2-135m",
        "quantisation": "as_shipped",
        "sparsity": 0.0,
        "surface": "as_written",
    }


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"codebook": None}, ("experiments.order.codebook", "name one", "sentiment, warmth")),
        ({"codebook": "sentimnt"}, ("experiments.order.codebook", "Did you mean 'sentiment'?")),
        ({"coder": "vader"}, ("experiments.order.coder", "'vader'", "llm")),
        ({"factors": {}}, ("experiments.order.factors",)),
        ({"factors": {"tone": ["a", "b"]}}, ("tone", "wording, label_order, rationale")),
        ({"factors": {"wording": ["main", "mian"]}}, ("factors.wording", "Did you mean 'main'?")),
        ({"factors": {"label_order": ["fixed", "backwards"]}}, ("label_order", "'backwards'", "reversed")),
        ({"factors": {"label_order": ["fixed", "rotation_3"]}}, ("3 rotations", "rotation_2")),
        ({"factors": {"rationale": ["none", "during"]}}, ("'during'", "before", "after")),
        ({"factors": {"examples": ["none", "random 2"]}}, ("factors.examples", "random 2 of 0")),
        ({"factors": {"examples": ["none", "a few"]}}, ("factors.examples", "'a few'", "diverse 3")),
        ({"factors": {"temperature": [0, -1]}}, ("temperature", "-1")),
        ({"factors": {"sparsity": [0, 0.95]}}, ("sparsity", "0.95", "0.9 or less")),
        ({"factors": {"quantisation": ["F16", "Q2"]}}, ("quantisation", "'Q2'", "Q4_0")),
        (
            {"factors": {"quantisation": ["as_shipped", "F16"], "sparsity": [0, 0.5]}},
            ("factors.quantisation", "run in F16"),
        ),
        ({"factors": {"model": ["smollm2-135m", "smollm2-1b"]}}, ("factors.model", "'smollm2-1b'")),
        ({"factors": {"surface": ["as_written", "masked"]}}, ("experiments.order.mask", "'mask'")),
        ({"factors": {"rationale": ["none"]}}, ("experiments.order.factors", "Nothing is varied")),
        ({"fraction": 2}, ("experiments.order.fraction", "Found: 2")),
        ({"repeats": 3}, ("experiments.order.repeats", "temperature")),
        ({"texts": {"n": 10, "by": "domian"}}, ("experiments.order.texts.by", "'domain'")),
        ({"texts": "some"}, ("experiments.order.texts", "'some'")),
        ({"sample": 10}, ("experiments.order.sample", "There is no key 'sample'")),
    ],
)
def test_what_cannot_be_tried_is_explained(
    changed: dict[str, Any], words: tuple[str, ...], tmp_path: Path
) -> None:
    with pytest.raises(StudyError) as error:
        loaded(tmp_path, {**ORDER, **changed})
    said = str(error.value)
    assert "config/study.yaml, line" in said
    for word in words:
        assert word in said, said


def test_a_model_may_not_have_the_name_of_another_ones_version(tmp_path: Path) -> None:
    quantised = {**ORDER, "factors": {"quantisation": ["as_shipped", "Q8_0"]}}
    models = {"smollm2-135m.Q8_0": {"path": "other.gguf"}}
    with pytest.raises(StudyError, match="another version of a model"):
        loaded(tmp_path, quantised, models=models)


def test_repeats_need_a_temperature_that_some_level_has(tmp_path: Path) -> None:
    factors = {**ORDER["factors"], "temperature": [0, 1]}
    assert loaded(tmp_path, {**ORDER, "factors": factors, "repeats": 3})["repeats"] == 3
