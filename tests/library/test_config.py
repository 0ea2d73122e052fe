"""The configuration as a whole: defaults, short forms, overrides, speed, and what can never happen."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from library.broken_studies import BOOK, CLAIMS, SCALE, STUDY
from study.config import load, read_codebook, schema
from study.config.__main__ import main as check_main
from study.config.overrides import recode_options
from study.errors import ProblemsError, StudyError

GOOD = Path(__file__).parent / "good_study"
FOLDER = Path(schema.SCHEMAS).parents[1]
SHA = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"

MINIMAL = """\
title: T
question: Q?
corpus: {file: data/corpus/x.csv, language: de}
coders:
  humans: {type: human, file: data/gold/codes.csv}
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    shutil.copytree(GOOD, tmp_path / "study")
    return tmp_path / "study"


def rewrite(study: Path, file: str, change: Callable[[dict[str, Any]], object]) -> None:
    content = yaml.safe_load((study / file).read_text(encoding="utf-8"))
    change(content)
    (study / file).write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")


def message_of(study: Path, overrides: dict[str, Any] | None = None) -> str:
    with pytest.raises(StudyError) as caught:
        load(study, overrides)
    return str(caught.value)


def test_a_good_study_is_loaded_with_every_default(study: Path) -> None:
    config = load(study)
    assert config["corpus"]["empty"] == "exclude"
    assert config["corpus"]["sources"][0]["sha256"] == SHA
    assert config["corpus"]["sources"][1]["add"] == {"domain": "nyt"}
    assert config["corpus"]["sources"][1]["columns"] == ["id", "human_mean", "text", "year_written"]
    assert config["units"] == {
        "segment": "none",
        "window": 200,
        "document": None,
        "person": None,
        "year": "year_written",
        "weight": None,
        "too_long": "refuse",
    }
    assert config["coders"]["llm"]["codebooks"] == ["sentiment", "warmth"]
    assert (config["coders"]["llm"]["temperature"], config["coders"]["llm"]["repeats"]) == (0, 1)
    assert config["coders"]["humans"]["id"] == "id"
    assert config["coders"]["supervised"]["seed"] == 1
    assert config["analyses"]["sentiment_by_domain"]["family"] == "linear"
    assert config["coding"] == {
        "threads": 2, "shards": 1, "context": 2048, "gpus": 0, "memory": None, "minutes": None,
    }  # fmt: skip
    assert config["serving"] == {}
    assert all("server" not in model for model in config["models"].values())
    assert config["codebooks"]["sentiment"]["revisions"][0]["date"] == "2025-03-31"
    assert config["codebooks"]["warmth"]["scale"]["anchors"] == {"0": "not at all", "10": "entirely"}
    assert config["claims"][0]["values"]["pearson_r"] == "0.880"
    assert config["claims"][0]["where"]["pearson_r"]["column"] is None
    assert config["claims"][1]["attempt"] is False


def test_what_is_loaded_is_plain_json(study: Path) -> None:
    config = load(study)
    assert json.loads(json.dumps(config, allow_nan=False)) == config


def test_two_loads_share_nothing(study: Path) -> None:
    first = load(study)
    first["coders"]["llm"]["codebooks"].append("x")
    first["codebooks"]["warmth"]["wording"]["main"] = "x"
    first["units"]["segment"] = "x"
    assert load(study) != first
    assert "x" not in load(study)["coders"]["llm"]["codebooks"]


def test_a_minimal_study_needs_five_lines(tmp_path: Path) -> None:
    (tmp_path / "config/codebooks").mkdir(parents=True)
    (tmp_path / STUDY).write_text(MINIMAL)
    shutil.copy(GOOD / SCALE, tmp_path / SCALE)
    config = load(tmp_path)
    assert config["claims"] == []
    assert config["sample"] == "all"
    assert config["compare"]["criterion"] == "humans"
    assert config["corpus"]["sources"][0]["file"] == "data/corpus/x.csv"
    assert config["corpus"]["sources"][0]["format"] is None
    assert config["coders"]["humans"]["sources"][0]["file"] == "data/gold/codes.csv"
    assert config["coders"]["humans"]["id"] == "unit_id"


def test_sections_whose_lines_are_commented_out_are_not_there(study: Path) -> None:
    def empty(config: dict[str, Any]) -> None:
        for section in ("analyses", "hypotheses", "gold", "coding", "units", "authors"):
            config[section] = None
        config["compare"] = {"by": "domain"}

    rewrite(study, STUDY, empty)
    (study / CLAIMS).write_text("claims:\n#  - id: x\n")
    config = load(study)
    assert config["analyses"] == {}
    assert config["coding"]["threads"] == 2
    assert config["claims"] == []


def test_only_codebooks_that_coders_use_are_read(study: Path) -> None:
    (study / "config/codebooks/draft.yaml").write_text("construct: ???")
    rewrite(study, STUDY, lambda config: config["coders"]["llm"].update(codebooks=["sentiment"]))
    assert list(load(study)["codebooks"]) == ["sentiment"]


def test_a_folder_names_its_texts_id(study: Path) -> None:
    def folder(config: dict[str, Any]) -> None:
        config["corpus"] = {"language": "en", "sources": [{"folder": "data/corpus/texts"}]}
        config["sample"], config["compare"]["by"], config["units"] = "all", None, {}
        config["coders"]["humans"]["score"], config["coders"]["humans"]["id"] = "mean", "id"
        for section in ("analyses", "hypotheses", "gold"):
            del config[section]

    rewrite(study, STUDY, folder)
    (study / CLAIMS).unlink()
    assert load(study)["corpus"]["id"] == "id"


# What the table of broken studies cannot show: files, links, several problems.


def test_a_symbolic_link_out_of_the_study_is_refused(study: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (study / "config/dictionaries").symlink_to(tmp_path / "elsewhere")
    assert "symbolic link" in message_of(study)


def test_a_loop_of_links_is_refused(study: Path) -> None:
    (study / "config/dictionaries").symlink_to(study / "config/dictionaries")
    with pytest.raises(StudyError):
        load(study)


def test_a_study_reached_through_a_link_is_fine(study: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(study)
    assert load(tmp_path / "link") == load(study)


def test_missing_files_are_named(study: Path) -> None:
    for file in (BOOK, SCALE):
        (study / file).unlink()
    assert "sentiment.yaml" in message_of(study)
    shutil.rmtree(study / "config/codebooks")
    rewrite(study, STUDY, lambda config: config.update(coders={"llm": config["coders"]["llm"]}))
    assert "config/codebooks: There is no codebook" in message_of(study)
    (study / STUDY).unlink()
    assert "config/study.yaml" in message_of(study)


def test_a_codebook_with_another_ending_is_not_passed_over(study: Path) -> None:
    (study / SCALE).rename(study / "config/codebooks/warmth.yml")
    assert "Rename it to warmth.yaml" in message_of(study)


def test_files_of_editors_are_passed_over(study: Path) -> None:
    (study / "config/codebooks/._sentiment.yaml").write_bytes(b"\x00\x05")
    (study / "config/codebooks/notes.txt").write_text("x")
    load(study)


def test_several_problems_are_told_in_a_paragraph_each(study: Path) -> None:
    def spoil(config: dict[str, Any]) -> None:
        config["sample"]["n"] = "x"
        config["corpus"]["share"] = 3
        config["coding"]["threads"] = 0
        config["compare"]["seed"] = -1
        config["units"]["segment"] = "word"

    rewrite(study, STUDY, spoil)
    with pytest.raises(ProblemsError) as caught:
        load(study)
    assert len(caught.value.problems) == 5
    paragraphs = str(caught.value).split("\n\n")
    assert len(paragraphs) == 4
    assert "corpus.share" in paragraphs[0]
    assert paragraphs[-1] == "There are 2 more problems."
    assert all("\n" not in paragraph for paragraph in paragraphs)


def test_one_wrong_anchor_is_one_problem(study: Path) -> None:
    path = study / STUDY
    path.write_text(path.read_text().replace("pypi: vaderSentiment==3.3.2", "pypi: vaderSentiment", 1))
    assert "\n" not in message_of(study)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["compare"].update(criterion=None) or c["coders"].pop("humans"), "there is none"),
        (
            lambda c: (
                c["compare"].pop("criterion"),
                c["coders"].update(crowd=c["coders"]["humans"]),
            ),
            "There are several human coders",
        ),
        (lambda c: c["corpus"].update(id="text"), "same column"),
        (lambda c: c["corpus"]["covariates"].append("year"), "cannot be a covariate"),
        (lambda c: c["compare"].update(by="year_written"), "The column is 'year' in the study"),
        (lambda c: c["corpus"]["sources"][0]["add"].update(domain="all"), "tables use for all values"),
        (lambda c: c["coders"]["words"].update(file="a\x7fb"), "U+007F"),
        (lambda c: c["coders"]["words"].update(file="x" * 5000 + ".dic"), "path"),
        (lambda c: c["corpus"]["sources"][0].update(format="parquet"), "names its own columns"),
        (lambda c: c["corpus"].update(sources=[], file=None), "Nothing says where the table is"),
        (lambda c: c["corpus"].update(sources=[{"folder": "a", "member": "b"}]), "has no 'member'"),
        (lambda c: c["models"].update({"Smollm2-135M": {"path": "x.gguf"}}), "differ only in case"),
        (lambda c: c["models"]["smollm2-135m"].update(file="../x.gguf"), "no file of the package"),
        (lambda c: c["coders"]["words"].update(negative="posemo"), "for and against"),
        (lambda c: c["coders"]["words"].update(language="eng"), "another language"),
        (lambda c: c["coders"].update(agreement_n=1), "wrong kind"),
        (lambda c: c["coders"]["humans"].pop("type"), "'type' is missing"),
        (lambda c: c["analyses"]["sentiment_by_domain"].update(formula="a ~ b"), "no such column"),
        (lambda c: c["coders"]["words"].update(source="x"), "wrong kind"),
        (lambda c: c["coders"]["vader_2014"].update(source=None), "archive of 2014"),
    ],
)
def test_further_mistakes(study: Path, change: Callable[[dict[str, Any]], object], words: str) -> None:
    rewrite(study, STUDY, change)
    assert words in message_of(study)


@pytest.mark.parametrize(
    ("level", "categories", "words"),
    [
        ("nominal", {"a": None, "b": None}, None),
        ("nominal", {"a": {"value": 1}, "b": {"value": 0}}, None),
        ("nominal", {"a": {"value": 1}, "b": None}, "'b' has no value, but other labels have one"),
        ("interval", {"a": {"value": 1.5}, "b": {}}, "the level is interval"),
        ("ordinal", {"low": {"value": 1}, "high": {"value": 3}, "middle": {"value": 2}}, None),
        ("nominal", {"Stra\u00dfe": {}, "STRASSE": {}}, "differ only in case"),
        ("nominal", {"\uff21": {}, "a": {}}, "differ only in case"),
        ("nominal", {"a b": {}, "a\u00a0b": {}}, "invisible character U+00A0"),
        ("nominal", {"\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645": {}, "no": {}}, None),
    ],
)
def test_categories_by_level(study: Path, level: str, categories: dict[str, Any], words: str | None) -> None:
    rewrite(study, BOOK, lambda book: book.update(level=level, categories=categories))
    if words is None:
        read = read_codebook(study / BOOK)["categories"]
        assert list(read) == list(categories)
        assert all(set(keys) == {"value", "define", "example"} for keys in read.values())
    else:
        with pytest.raises(StudyError) as caught:
            read_codebook(study / BOOK)
        assert words in str(caught.value)


def test_nominal_labels_without_values_have_no_mean(study: Path) -> None:
    rewrite(study, BOOK, lambda book: book.update(level="nominal", categories={"a": None, "b": None}))
    rewrite(study, STUDY, lambda config: config["coders"]["humans"].update(score="mean"))
    message = message_of(study)
    assert "have no mean" in message
    assert "coders.supervised.learner" in message


# Snakemake's --config


def test_repeats_need_a_temperature(study: Path) -> None:
    llm = load(study, {"coders": {"llm": {"temperature": 0.7, "repeats": 5}}})["coders"]["llm"]
    assert (llm["temperature"], llm["repeats"]) == (0.7, 5)


def test_draws_are_not_calibrated(study: Path) -> None:
    rewrite(study, BOOK, lambda book: book.update(calibration={"method": "contextual"}))
    load(study)
    with pytest.raises(StudyError, match=r"key 'coders\.llm\.temperature': The labels of .* are calibrated"):
        load(study, {"coders": {"llm": {"temperature": 1}}})


def test_overrides_are_merged_over_the_file(study: Path) -> None:
    config = load(study, {"sample": {"n": 5}, "question": "Another?", "coders": {"llm": {"code": "all"}}})
    assert config["sample"] == {"n": 5, "by": "domain", "seed": 1}
    assert config["question"] == "Another?"
    assert config["coders"]["llm"]["code"] == "all"
    assert config["coders"]["llm"]["model"] == "smollm2-135m"


def test_words_of_the_command_line_become_numbers_where_these_are_wanted(study: Path) -> None:
    # What Snakemake makes of --config sample='{n: 5, by: null}' corpus='{share: false}' title=2024
    overrides = {"sample": {"n": "5", "by": "null"}, "corpus": {"share": "false"}, "title": 2024}
    config = load(study, overrides)
    assert config["sample"] == {"n": 5, "by": None, "seed": 1}
    assert config["corpus"]["share"] is False
    assert config["title"] == "2024"


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"sample": {"n": "five"}}, "sample.n"),
        ({"sampel": "all"}, "Did you mean 'sample'?"),
        ({"coders": {"llm": {"model": "other"}}}, "coders.llm.model"),
        ({True: 1}, "A key must be a word"),
        ({"title": object()}, "cannot be used"),
        ({"corpus": None}, "Nothing stands here"),
        ({"coders": {"vader": "none"}}, "coders.vader"),
    ],
)
def test_a_wrong_override_is_not_blamed_on_a_line(study: Path, overrides: dict[str, Any], words: str) -> None:
    message = message_of(study, overrides)
    assert words in message
    assert "command line" in message
    assert "line 3" not in message


def test_options_of_recode_are_no_keys_of_the_configuration(study: Path) -> None:
    assert load(study, {"fraction": 0.2, "seed": 3}) == load(study)
    assert recode_options({"fraction": 1, "title": "A"}) == {"fraction": 1.0, "seed": 1}
    assert recode_options({}) == {"fraction": 0.05, "seed": 1}
    rewrite(study, STUDY, lambda settings: settings.update(fraction=0.2))
    assert "fraction" in message_of(study)


@pytest.mark.parametrize(
    ("name", "value"),
    [("fraction", value) for value in (0, 2, -0.1, "abc", True, None, float("nan"), [0.1], {"a": 1})]
    + [("seed", value) for value in (-1, 2**32, 1.5, "abc", False, None)],
)
def test_a_wrong_option_of_recode_is_named(study: Path, name: str, value: Any) -> None:
    message = message_of(study, {name: value})
    assert message.startswith(f"the command line (--config or --configfile), key '{name}': This is no ")
    assert "Allowed: a" in message
    assert "\n" not in message


def test_overriding_with_what_the_file_says_changes_nothing(study: Path) -> None:
    same = yaml.safe_load((study / STUDY).read_text())
    assert load(study, same) == load(study)


# Speed: the configuration is read whenever Snakemake starts.


def test_reading_the_configuration_imports_nothing_heavy() -> None:
    program = (
        "import sys; from pathlib import Path; from study.config import load; load(Path(sys.argv[1]));"
        "heavy = {'pandas', 'numpy', 'scipy', 'sklearn', 'statsmodels', 'requests'};"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(GOOD)],
        env={"PYTHONPATH": str(FOLDER / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == ""


def test_the_command_says_that_all_is_well(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_main(study)
    assert "in order: 2 codebooks, 6 coders, 2 claims." in capsys.readouterr().out


def test_the_command_counts_one_thing_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("config/codebooks", "data/corpus", "data/gold"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / STUDY).write_text(MINIMAL)
    shutil.copy(GOOD / SCALE, tmp_path / SCALE)
    check_main(tmp_path)
    assert "in order: 1 codebook, 1 coder, 0 claims." in capsys.readouterr().out


def test_the_command_ends_with_one_paragraph_and_status_1(study: Path) -> None:
    (study / STUDY).write_text("title: ]")
    done = subprocess.run(
        [sys.executable, "-m", "study.config", "--root", str(study)],
        env={"PYTHONPATH": str(FOLDER / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: config/study.yaml, line 1")
    assert len(done.stderr.strip().splitlines()) == 1


def test_claims_that_cannot_be_found_are_not_taken_for_none(study: Path) -> None:
    (study / CLAIMS).unlink()
    assert load(study)["claims"] == []
    (study / CLAIMS).symlink_to("nowhere.yaml")
    assert "cannot be read" in message_of(study)


def test_a_file_of_another_kind_is_explained_once_and_soon(study: Path) -> None:
    with (study / STUDY).open("a", encoding="utf-8") as stream:
        stream.write("".join(f"key_{i}: 1\n" for i in range(20_000)))
    assert "There is no key 'key_0'" in message_of(study)
    with pytest.raises(ProblemsError) as caught:
        load(study)
    assert len(caught.value.problems) == schema.MOST_UNKNOWN
