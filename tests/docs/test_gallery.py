"""The gallery: its studies are whole, its pages say what was found, and a study that fails says why."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml
from gallery import documentation, verdicts
from gallery.page import render
from gallery.run import Outcome, carry_out, merged
from gallery.studies import STARTERS, Study, studies

NAMES = [study.name for study in studies()]
ROW = {
    "claim": "table1/r",
    "statement": "A <b>measure</b>",
    "source": "Table 1",
    "reading": "",
    "published": "0.88",
    "reproduced": "0.881",
    "tolerance": "0.005",
    "verdict": "reproduced",
    "reason": "",
}


def values(study: Study) -> set[str]:
    """Return the published figures of a study as the table of claims names them."""
    claims = yaml.safe_load((study.folder / "config/claims.yaml").read_text(encoding="utf-8"))["claims"]
    return {f"{claim['id']}/{value}" for claim in claims for value in claim["values"]}


def test_every_starter_with_claims_is_a_study_of_the_gallery() -> None:
    with_claims = {path.parents[1].name for path in STARTERS.glob("*/config/claims.yaml")}
    assert set(NAMES) == with_claims
    assert {"benoit-2016", "hutto-gilbert-2014", "llm-laboratory", "pan-chen-2018"} <= set(NAMES)


@pytest.mark.parametrize("study", studies(), ids=NAMES)
def test_a_study_is_whole(study: Study) -> None:
    page = (study.folder / "gallery.md").read_text(encoding="utf-8")
    assert page.startswith("# ")
    assert f"starter={study.name}" in page
    for heading in ("## What the study does", "## What reproduces", "## What does not"):
        assert heading in page
    # What makes a small run are keys that the study has.
    written = (study.folder / "config/study.yaml").read_text(encoding="utf-8")
    config = yaml.safe_load(re.sub(r"\{\{.*?\}\}", "null", written).replace("'null'", "x"))
    assert merged(config, study.small).keys() - {"claims"} == config.keys()


@pytest.mark.parametrize("study", studies(), ids=NAMES)
def test_every_published_figure_has_its_verdict(study: Study) -> None:
    found = verdicts.read(study.folder)
    assert {row["claim"] for row in found} == values(study)
    assert {row["verdict"] for row in found} <= {"reproduced", "not reproduced", "not attempted"}
    for row in found:
        # What differs is explained, or read in another way.
        others = [other for other in found if other["claim"] == row["claim"] and other["reading"]]
        assert row["verdict"] == "reproduced" or row["reason"] or others, row["claim"]


def test_the_documentation_has_a_page_a_study(tmp_path: Path) -> None:
    (tmp_path / "gallery").mkdir()
    (tmp_path / "gallery" / "gone.md").write_text("# Gone\n")
    documentation.write(tmp_path / "gallery")
    assert sorted(path.stem for path in (tmp_path / "gallery").iterdir()) == sorted(NAMES)
    page = (tmp_path / "gallery" / "pan-chen-2018.md").read_text(encoding="utf-8")
    assert "## Every published figure" in page
    assert "20 reproduced" in page


def test_the_index_says_what_failed_and_escapes_what_it_shows(tmp_path: Path) -> None:
    study = studies()[0]
    good = Outcome(study, tmp_path / "good", verified=True, seconds=90, claims=[ROW])
    bad = Outcome(study, tmp_path / "bad", problem="Error: <config> is wrong")
    page = render([good, bad], tmp_path)
    assert "1 reproduced" in page
    assert "1.5" in page
    assert "the run failed" in page
    assert "Error: &lt;config&gt; is wrong" in page
    assert "A &lt;b&gt;measure&lt;/b&gt;" in page


def test_figures_are_shown_with_four_digits_and_counts_whole() -> None:
    assert [verdicts.shown(figure) for figure in ("0.4295774648", "-1.335998", "0.5", "18263", "")] == [
        "0.4296",
        "-1.336",
        "0.5",
        "18263",
        "",
    ]


def test_a_small_run_changes_the_named_keys_only() -> None:
    config = {"sample": {"n": 200, "by": "domain"}, "compare": {"bootstrap": 2000}, "list": [1, 2]}
    small = {"sample": {"n": 2}, "list": [1]}
    assert merged(config, small) == {
        "sample": {"n": 2, "by": "domain"},
        "compare": {"bootstrap": 2000},
        "list": [1],
    }


def test_a_study_that_cannot_run_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "starters" / "blank"
    shutil.copytree(STARTERS / "blank", folder)
    (folder / "gallery.md").write_text("# A study\n")
    (folder / "small.yaml").write_text("corpus: {file: config/example/nothing.csv}\n")
    outcome = carry_out(Study("blank", folder), tmp_path / "made", small=True, cores="1")
    assert outcome.verified is None
    assert "config/example/nothing.csv" in outcome.problem
    assert outcome.claims == []
