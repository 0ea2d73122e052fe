"""Which constructs a study has, and which coder codes them: by file, by construct, or all."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from library.good_codebooks import GOOD
from study.codebook import asked_together
from study.config import load, read_codebook
from study.config.__main__ import main as check_main
from study.config.codebooks import read_file
from study.config.names import companions, measures
from study.errors import StudyError

STUDY = "config/study.yaml"
SPEECH = [f"speech_{field}" for field in ("tone", "genre", "promises", "minutes", "thanks")]
TOPICS = ["topics_health_care", "topics_schools"]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "config/codebooks"
    folder.mkdir(parents=True)
    for stem, text in GOOD.items():
        (folder / f"{stem}.yaml").write_text(text)
    content = {
        "title": "T",
        "question": "Q?",
        "corpus": {"file": "data/corpus/x.csv", "language": "en"},
        "models": {"small": {"path": "x.gguf"}},
        "coders": {
            "llm": {"type": "llm", "model": "small"},
            "humans": {"type": "human", "file": "data/gold/codes.csv"},
        },
    }
    (tmp_path / STUDY).write_text(yaml.safe_dump(content, sort_keys=False))
    return tmp_path


def with_codebooks(study: Path, **of_coders: list[str]) -> dict[str, Any]:
    return load(study, {"coders": {coder: {"codebooks": names} for coder, names in of_coders.items()}})


def message_of(call: Callable[[], object]) -> str:
    with pytest.raises(StudyError) as caught:
        call()
    return str(caught.value)


def test_all_files_are_all_their_constructs_sorted(study: Path) -> None:
    config = load(study)
    expected = sorted([*(set(GOOD) - {"speech", "topics"}), *SPEECH, *TOPICS])
    assert list(config["codebooks"]) == expected
    assert config["coders"]["llm"]["codebooks"] == expected
    assert config["coders"]["humans"]["codebooks"] == expected


def test_what_is_asked_together_comes_in_the_order_of_the_file(study: Path) -> None:
    together = asked_together(load(study)["codebooks"])
    assert list(together) == sorted(GOOD)
    assert together["speech"] == SPEECH
    assert together["topics"] == TOPICS
    assert together["anger"] == ["anger"]


def test_a_coder_names_files_or_single_constructs(study: Path) -> None:
    config = with_codebooks(study, llm=["topics", "hurt"], humans=["topics_schools", "hurt"])
    assert config["coders"]["llm"]["codebooks"] == [*TOPICS, "hurt"]
    assert config["coders"]["humans"]["codebooks"] == ["topics_schools", "hurt"]
    assert list(config["codebooks"]) == ["hurt", *TOPICS]


def test_a_model_is_asked_for_all_constructs_of_a_file(study: Path) -> None:
    config = with_codebooks(study, llm=["speech_tone"], humans=["speech_promises", "hurt"])
    assert config["coders"]["llm"]["codebooks"] == SPEECH
    assert config["coders"]["humans"]["codebooks"] == ["speech_promises", "hurt"]
    assert list(config["codebooks"]) == sorted(["hurt", *SPEECH])


def test_a_file_and_a_construct_of_it_are_the_construct_once(study: Path) -> None:
    config = with_codebooks(study, llm=["topics_schools", "topics"], humans=["topics_schools", "topics"])
    assert config["coders"]["llm"]["codebooks"] == TOPICS
    assert config["coders"]["humans"]["codebooks"] == TOPICS[::-1]


def test_a_multilabel_as_a_whole_is_a_column_of_its_own(study: Path) -> None:
    config = with_codebooks(study, llm=["topics"], humans=["topics_schools"])
    assert {"topics_llm", "topics_llm_label", "topics_schools_llm_label"} <= companions(config).keys()
    assert "topics_humans" not in companions(config)
    assert "topics_llm" not in measures(config)


def test_constructs_that_nobody_codes_are_not_in_the_study(study: Path) -> None:
    config = with_codebooks(study, llm=["hurt"], humans=["speech_tone"])
    assert list(config["codebooks"]) == ["hurt", "speech_tone"]
    assert asked_together(config["codebooks"]) == {"hurt": ["hurt"], "speech": ["speech_tone"]}


def test_drafts_that_nobody_names_are_not_read(study: Path) -> None:
    (study / "config/codebooks/draft.yaml").write_text("construct: ???")
    assert list(with_codebooks(study, llm=["hurt"], humans=["hurt"])["codebooks"]) == ["hurt"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "topics_school",
            ("nor a construct 'topics_school'", "Did you mean 'topics_schools'?", "humans.codebooks[1]"),
        ),
        ("topcs", ("no codebook config/codebooks/topcs.yaml.", "Did you mean 'topics'?")),
    ],
)  # fmt: skip
def test_what_does_not_exist_is_named(study: Path, name: str, words: tuple[str, ...]) -> None:
    message = message_of(lambda: with_codebooks(study, humans=[name]))
    for word in words:
        assert word in message


def test_a_construct_is_sought_in_every_file_whose_name_it_begins_with(study: Path) -> None:
    folder = study / "config/codebooks"
    second = GOOD["speech"].replace("construct: speech", "construct: speech_new")
    (folder / "speech_new.yaml").write_text(second)
    config = with_codebooks(study, humans=["speech_new_tone", "speech_tone"], llm=["hurt"])
    assert {book["asked_in"] for book in config["codebooks"].values()} == {"hurt", "speech", "speech_new"}


def test_a_field_with_the_name_of_another_file_is_refused(study: Path) -> None:
    (study / "config/codebooks/speech_tone.yaml").write_text(
        GOOD["hurt"].replace("construct: hurt", "construct: speech_tone")
    )
    message = message_of(lambda: load(study))
    assert message.startswith("config/codebooks/speech.yaml, line 7, key 'fields.tone'")
    assert "'speech_tone', and config/codebooks/speech_tone.yaml" in message


def test_constructs_of_two_files_with_one_name_are_refused(study: Path) -> None:
    folder = study / "config/codebooks"
    (folder / "a.yaml").write_text(
        "construct: a\ntype: record\nfields:\n  b_c: {question: Q, type: count, scale: {low: 0, high: 9}}\n"
    )
    (folder / "a_b.yaml").write_text(
        "construct: a_b\ntype: multilabel\nquestion: '{category}?'\ncategories: {c: , d: }\n"
    )
    message = message_of(lambda: load(study))
    assert message.startswith("config/codebooks/a_b.yaml, line 4, key 'categories.c'")
    assert "'a_b_c'" in message
    assert "config/codebooks/a.yaml" in message


def test_people_may_code_labels_with_and_without_values(study: Path) -> None:
    # speech_genre has labels without values: its score is the majority, and the others' the mean.
    assert with_codebooks(study, humans=["speech"])["coders"]["humans"]["score"] == "mean"
    message = message_of(lambda: with_codebooks(study, humans=["speech_genre"]))
    assert "labels of 'speech_genre' have no values" in message


def test_people_have_a_column_for_each_construct(study: Path) -> None:
    overrides = {"coders": {"humans": {"codebooks": ["topics"], "rating": "code"}}}
    assert "topics_health_care, topics_schools" in message_of(lambda: load(study, overrides))


def test_classes_are_not_learned_where_there_are_none(study: Path) -> None:
    learner = {"type": "supervised", "codebooks": ["hurt", "politeness", "anger"], "learner": "logistic"}
    message = message_of(lambda: load(study, {"coders": {"tfidf": learner}}))
    assert "codes of 'hurt' are numbers" in message
    assert "codes of 'politeness' are numbers" in message
    assert "'anger'" not in message
    ridge = load(study, {"coders": {"tfidf": {**learner, "learner": "ridge"}}})
    assert ridge["coders"]["tfidf"]["codebooks"] == ["hurt", "politeness", "anger"]


def test_a_file_of_several_constructs_is_not_one(tmp_path: Path) -> None:
    (tmp_path / "topics.yaml").write_text(GOOD["topics"])
    assert list(read_file(tmp_path / "topics.yaml").constructs) == TOPICS
    assert "topics_health_care" in message_of(lambda: read_codebook(tmp_path / "topics.yaml"))


def test_the_command_counts_files_and_constructs(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (study / "data/corpus").mkdir(parents=True)
    (study / "data/gold").mkdir()
    check_main(study)
    assert "in order: 8 codebooks of 13 constructs, 2 coders, 0 claims." in capsys.readouterr().out


def test_codebooks_of_one_construct_are_counted_as_before(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for stem in ("topics", "speech"):
        (study / f"config/codebooks/{stem}.yaml").unlink()
    check_main(study)
    assert "in order: 6 codebooks, 2 coders" in capsys.readouterr().out
    shutil.rmtree(study / "config/codebooks")
    assert "There is no codebook" in message_of(lambda: check_main(study))
