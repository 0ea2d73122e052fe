"""The section `multiverse`: what is filled in, and what is explained."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from study.config import load
from study.errors import StudyError

GOOD = Path(__file__).parent / "good_study"
EXPERIMENTS = """\
experiments:
  order: {codebook: sentiment, factors: {label_order: [fixed, reversed]}}
"""


def loaded(folder: Path, multiverse: str, before: str = "") -> dict[str, Any]:
    """Load the good study with this section, after another one."""
    study = folder / "study"
    shutil.copytree(GOOD, study)
    path = study / "config/study.yaml"
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{before}{multiverse}\n", encoding="utf-8")
    return load(study)


def test_without_the_section_there_is_no_multiverse(tmp_path: Path) -> None:
    assert loaded(tmp_path, "")["multiverse"] is None


def test_the_analysis_gives_coders_and_the_hypotheses_give_terms(tmp_path: Path) -> None:
    config = loaded(tmp_path, "multiverse: {analysis: domains}")
    assert config["multiverse"] == {
        "analysis": "domains",
        "coders": config["analyses"]["domains"]["coders"],
        "experiments": [],
        "decisions": ["score", "label", "confident"],
        "confident": 0.7,
        "estimators": ["naive", "dsl"],
        "terms": ["C(domain)[T.tweets]"],
    }
    assert "llm" in config["multiverse"]["coders"]


def test_what_is_said_stays(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        "multiverse: {analysis: domains, coders: [], experiments: [order], terms: [year], confident: 0.9}",
        EXPERIMENTS,
    )["multiverse"]
    assert (config["coders"], config["experiments"]) == ([], ["order"])
    assert (config["terms"], config["confident"]) == (["year"], 0.9)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("{}", ("multiverse.analysis", "missing")),
        ("{analysis: domain}", ("multiverse.analysis", "no such analysis", "Did you mean 'domains'?")),
        ("{analysis: sentiment_by_domain}", ("multiverse.analysis", "has no 'coded'", "domains")),
        ("{analysis: domains, coders: [lm]}", ("multiverse.coders", "'lm'", "Did you mean 'llm'?")),
        ("{analysis: domains, coders: [humans]}", ("multiverse.coders", "beside the truth")),
        ("{analysis: domains, experiments: [ordr]}", ("multiverse.experiments", "Did you mean 'order'?")),
        ("{analysis: domains, coders: []}", ("multiverse", "no instrument to compare")),
        ("{analysis: domains, decisions: [labels]}", ("multiverse.decisions", "Did you mean 'label'?")),
        ("{analysis: domains, estimators: [gold_only]}", ("multiverse.estimators", "naive, dsl, ppi")),
        ("{analysis: domains, confident: 70}", ("multiverse.confident", "1 or less")),
        ("{analysis: domains, terms: [yeer]}", ("multiverse.terms", "no such term", "Did you mean 'year'?")),
        ('{analysis: domains, terms: ["domain[T.nyt]"]}', ("multiverse.terms", "C(domain)")),
        ("{analysis: domains, decision: label}", ("multiverse", "no key 'decision'", "'decisions'")),
    ],
)
def test_what_is_wrong_is_explained(tmp_path: Path, section: str, words: tuple[str, ...]) -> None:
    with pytest.raises(StudyError) as caught:
        loaded(tmp_path, f"multiverse: {section}", EXPERIMENTS)
    for word in words:
        assert word in str(caught.value)
    assert "config/study.yaml" in str(caught.value)


def test_an_experiment_on_another_construct_is_refused(tmp_path: Path) -> None:
    before = f"{EXPERIMENTS}  warm: {{codebook: warmth, factors: {{label_order: [fixed, reversed]}}}}\n"
    with pytest.raises(StudyError, match="asks about warmth, and the analysis is of sentiment") as caught:
        loaded(tmp_path, "multiverse: {analysis: domains, experiments: [order, warm]}", before)
    assert "multiverse.experiments" in str(caught.value)
    assert "'warm'" in str(caught.value)
