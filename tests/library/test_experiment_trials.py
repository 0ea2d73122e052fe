"""The trials of an experiment: what each asks, and that a new level asks for nothing that is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from library.embedded import model_file
from library.laboratory import BASE, TEXTS, experiment, units
from study.errors import StudyError
from study.experiment.trials import Experiment, columns_of
from study.llm.model import read_card


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    return read_card(model_file(), "small", None)


def keys(of: Experiment) -> dict[int, set[str]]:
    """Return the keys of the responses that each cell asks for."""
    tasks = of.tasks(units(), Path("no-such-file"))
    return {trial.cell: {request.key for request in task.wanted} for trial, task in tasks}


def test_each_combination_is_an_instrument_of_its_own(tmp_path: Path, card: dict[str, Any]) -> None:
    factors = {"label_order": ["fixed", "rotation_1"], "wording": ["main", "short"]}
    made = experiment(tmp_path, card, factors)
    assert [trial.cell for trial in made.trials] == [1, 2, 3, 4]
    assert len({trial.instrument.instrument_id for trial in made.trials}) == 4
    assert all(set(trial.levels) == set(BASE) for trial in made.trials)
    shown = made.trials[2].instrument.questions[0]
    assert (made.trials[2].levels["label_order"], made.trials[2].levels["wording"]) == ("rotation_1", "main")
    assert "bad, neither or good" in shown.prompt_in_order(shown.orders("")[0]).after


def test_a_new_level_asks_for_itself_alone(tmp_path: Path, card: dict[str, Any]) -> None:
    before = keys(experiment(tmp_path, card, {"label_order": ["fixed", "rotation_1"]}))
    after = keys(experiment(tmp_path, card, {"label_order": ["fixed", "random", "rotation_1"]}))
    known, wanted = set.union(*before.values()), set.union(*after.values())
    assert known < wanted
    assert wanted - known == after[2]


def test_another_factor_leaves_its_reference_as_it_is(tmp_path: Path, card: dict[str, Any]) -> None:
    before = keys(experiment(tmp_path, card, {"label_order": ["fixed", "rotation_1"]}))
    factors = {"label_order": ["fixed", "rotation_1"], "rationale": ["none", "before"]}
    after = keys(experiment(tmp_path, card, factors))
    assert (after[1], after[3]) == (before[1], before[2])


def test_a_changed_text_is_asked_about_under_its_own_hash(tmp_path: Path, card: dict[str, Any]) -> None:
    made = experiment(tmp_path, card, {"surface": ["as_written", "upper_case", "masked"]}, mask=["library"])
    shown = [list(task.texts["text"]) for _, task in made.tasks(units(), Path("no-such-file"))]
    assert shown[0] == list(TEXTS)
    assert shown[1] == [text.upper() for text in TEXTS]
    assert "library" not in shown[2][0]
    # A text in which nothing is masked is the same text: it is not asked about again.
    wanted = keys(made)
    assert len(wanted[3] - wanted[1]) == 1
    assert not wanted[2] & wanted[1]
    assert made.changes_texts


def test_answers_are_repeated_only_where_they_are_drawn(tmp_path: Path, card: dict[str, Any]) -> None:
    made = experiment(tmp_path, card, {"temperature": [0.0, 1.0]}, repeats=4)
    assert [len(found) for found in keys(made).values()] == [len(TEXTS), 4 * len(TEXTS)]


def test_another_seed_draws_other_answers(tmp_path: Path, card: dict[str, Any]) -> None:
    cold = keys(experiment(tmp_path, card, {"seed": [1, 2]}))
    assert cold[1] == cold[2]  # nothing is drawn, so the seed decides nothing
    warm = keys(experiment(tmp_path, card, {"temperature": [1.0], "seed": [1, 2]}))
    assert not warm[1] & warm[2]


def test_texts_are_drawn_from_those_of_the_coder(tmp_path: Path, card: dict[str, Any]) -> None:
    sample = tmp_path / "sample.csv"
    sample.write_text("unit_id\nu0\nu1\n")
    of_the_sample = experiment(tmp_path, card, {"seed": [1, 2]}, which="sample")
    (_, task), *_ = of_the_sample.tasks(units(), sample)
    assert list(task.texts["unit_id"]) == ["u0", "u1"]
    drawn = experiment(tmp_path, card, {"seed": [1, 2]}, texts={"n": 1, "by": "group", "seed": 1})
    assert columns_of(drawn) == ["group"]
    (_, task), *_ = drawn.tasks(units(), sample)
    assert len(task.texts) == 2
    assert set(units().set_index("unit_id").loc[task.texts["unit_id"], "group"]) == {"a", "b"}


def test_what_is_written_is_read(tmp_path: Path, card: dict[str, Any]) -> None:
    made = experiment(tmp_path, card, {"temperature": [0.0, 1.0], "label_order": ["random", "reversed"]})
    file = tmp_path / "order.json"
    file.write_text(made.to_json(), encoding="utf-8")
    read = Experiment.read(file)
    assert read.to_json() == made.to_json()
    assert keys(read) == keys(made)


@pytest.mark.parametrize(
    ("content", "words"), [("{", "no trials"), ("[]", "no trials"), ('{"trials": [{}]}', "KeyError")]
)
def test_a_file_of_something_else_is_refused(content: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "order.json"
    file.write_text(content)
    with pytest.raises(StudyError, match=words):
        Experiment.read(file)


def test_an_instrument_that_was_edited_is_refused(tmp_path: Path, card: dict[str, Any]) -> None:
    made = json.loads(experiment(tmp_path, card, {"seed": [1, 2]}).to_json())
    made["trials"][0]["instrument"]["questions"][0]["labels"] = ["good", "bad", "ugly"]
    file = tmp_path / "order.json"
    file.write_text(json.dumps(made))
    with pytest.raises(StudyError, match="edited by hand"):
        Experiment.read(file)
