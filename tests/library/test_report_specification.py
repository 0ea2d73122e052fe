"""Part 13: every sentence follows from the tables of the multiverse."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from library import multiverse_study, report_study
from library.multiverse_study import ANALYSIS, TERM
from study.config import schema
from study.config.document import Document
from study.multiverse.specifications import Multiverse, same_texts
from study.multiverse.summary import summary
from study.multiverse.variance import variance
from study.report import specification
from study.report.blocks import Figure, Items, Missing, Table, Text, Verbatim
from study.report.html import render
from study.report.material import Material, read_table
from study.report.pages import PAGES
from study.validity.table import write_table

ASKED: dict[str, Any] = {
    "analysis": "reporting",
    "coders": ["even", "uneven", "words"],
    "experiments": ["asking"],
    "decisions": ["score", "label", "confident"],
    "confident": 0.7,
    "estimators": ["naive", "dsl"],
    "terms": [TERM],
}


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return report_study.build(tmp_path_factory.mktemp("study"), n=20)


def tables(folder: Path, units: pd.DataFrame, *, coded: bool = True) -> dict[str, pd.DataFrame]:
    """Make the tables of a multiverse, and read them as the report does."""
    study = multiverse_study.study(units)
    if not coded:
        study.measures[["anger_humans", "anger_humans_label"]] = [np.nan, None]
    instruments = multiverse_study.instruments(units, *ASKED["coders"], cells=True)
    made = Multiverse(
        "reporting",
        same_texts(study, ANALYSIS, instruments),
        instruments,
        ASKED["decisions"],
        ASKED["estimators"],
        ASKED["confident"],
    )
    gold = made.gold()
    table = made.table([TERM], gold)
    found = {"multiverse": table, "multiverse_summary": summary(table, gold)}
    found["multiverse_variance"] = variance(table)
    for name, rows in found.items():
        write_table(rows, folder / f"{name}.csv")
    return {name: read_table(folder / f"{name}.csv") for name in found}


def told(bare: Material, found: dict[str, pd.DataFrame]) -> Material:
    coders = {
        "even": {"type": "llm", "codebooks": ["anger"]},
        "uneven": {"type": "llm", "codebooks": ["anger"]},
        "words": {"type": "dictionary", "codebooks": ["anger"], "rules": None},
    }
    study = {
        **bare.study,
        "coders": {**bare.study["coders"], **coders},
        "analyses": {"reporting": ANALYSIS},
        "multiverse": ASKED,
    }
    return replace(
        bare, study=study, tables={**bare.tables, **found}, figures={"specification_reporting": b"png"}
    )


@pytest.fixture(scope="module")
def material(bare: Material, tmp_path_factory: pytest.TempPathFactory) -> Material:
    return told(bare, tables(tmp_path_factory.mktemp("tables"), multiverse_study.texts()))


def of(material: Material, estimator: str) -> specification.Counted:
    return next(one for one in specification.counted(material, TERM) if one.estimator == estimator)


def test_counts_are_those_of_the_table(material: Material) -> None:
    table = material.tables["multiverse"]
    naive = table[(table["estimator"] == "naive") & table["estimate"].notna()]
    found = of(material, "naive")
    assert found.n == len(naive) == 19  # of 21, as the word list has no labels
    assert found.flips == (naive["significance_flip"] == "True").sum() == sum(found.errors.values())
    assert found.signs == (naive["estimate"] < 0).sum()
    assert (found.lowest, found.highest) == (naive["estimate"].min(), naive["estimate"].max())
    totals = material.tables["multiverse_summary"].set_index("estimator")
    assert found.flips / found.n == pytest.approx(totals.loc["naive", "share_significance_flip"])


def test_the_point_counts_what_concludes_otherwise(material: Material) -> None:
    naive, dsl = of(material, "naive"), of(material, "dsl")
    assert specification.point(material) == (
        f"About group: b, {naive.flips} of 19 specifications with codes as they are and {dsl.flips} of 19"
        " specifications corrected by DSL conclude otherwise than the gold analysis."
    )
    assert naive.flips > dsl.flips == 0


def test_sentences_give_the_gold_analysis_and_the_errors_by_type(material: Material) -> None:
    first, naive, dsl = specification.sentences(material, TERM)
    gold = material.tables["multiverse_summary"].iloc[0]
    assert first.startswith(
        "about group: b, the gold analysis, people's codes of all texts (1,200 texts), says 0."
    )
    assert f"{gold['gold_estimate']:.2f}" in first
    counts = of(material, "naive")
    assert f"{counts.signs} of them have the other sign" in naive
    assert f"{counts.errors['S']} find the opposite (type S)" in naive
    assert "None concludes otherwise than the gold analysis." in dsl


def test_one_specification_is_said_in_the_singular(material: Material) -> None:
    table = material.tables["multiverse"]
    row = table[(table["estimator"] == "naive") & (table["error_type"] == "S")].head(1)
    alone = replace(material, tables={**material.tables, "multiverse": row})
    said = list(specification.sentences(alone, TERM))[1]
    assert "1 of them has the other sign. 1 of the 1 (100%) concludes otherwise: 1 finds the opposite" in said


def test_the_choice_that_matters_is_named(material: Material) -> None:
    said = specification.largest(material, TERM, "naive", "experiment asking", most=1)
    share = material.tables["multiverse_variance"].query(
        "estimator == 'naive' and over == 'experiment asking' and choice == 'wording'"
    )["share"]
    assert said == (
        "Estimates of group: b with codes as they are differ most within the experiment asking by wording of"
        f" the question ({round(100 * share.iloc[0])}% of their variance)."
    )
    assert specification.choice_name("label_order x decision") == "order of the labels × decision rule"


def test_the_page_shows_figure_tables_and_what_is_missing(material: Material) -> None:
    page = PAGES["13_specification"](material)
    assert (page.number, page.title) == (13, "Specification curve")
    assert [block.png for block in page.blocks if isinstance(block, Figure)] == [b"png"]
    totals, shares = (block for block in page.blocks if isinstance(block, Table))
    ((title, rows),) = totals.groups
    assert title == "group: b"
    assert [list(row)[:2] for row in rows] == [["uncorrected", "19 of 21"], ["DSL", "19 of 21"]]
    assert list(rows[1][4:6]) == ["0%", "0%"]
    assert list(shares.columns) == ["Choice", "uncorrected", "DSL", "all estimators"]
    assert [title for title, _ in shares.groups] == ["all instruments", "experiment asking"]
    items = [item for block in page.blocks if isinstance(block, Items) for item in block.items]
    assert any(
        item == "Words (label) and words (confident): not available: the instrument gives no labels."
        for item in items
    ), items
    texts = [block.text for block in page.blocks if isinstance(block, Text)]
    assert "(anger ~ group) is repeated with the codes of the LLM 'even', the LLM 'uneven'" in texts[0]
    assert "4 combinations of settings in the experiment asking, each under 3 decision rules:" in texts[0]
    assert "Confident: the value of the label, and none where its probability is below .70." in items
    assert "Specification curve" in render(page, "title", [(13, page.title)])


def test_without_people_there_is_no_yardstick_and_the_page_says_so(bare: Material, tmp_path: Path) -> None:
    material = told(bare, tables(tmp_path, multiverse_study.texts(300), coded=False))
    point = specification.point(material)
    assert point.startswith("Whether choices flip reporting cannot be said: no gold analysis: not available")
    assert not point.endswith("..")
    (said,) = specification.sentences(material, TERM)
    assert said.startswith("about group: b, with codes as they are: estimates from")
    page = PAGES["13_specification"](material)
    items = [item for block in page.blocks if isinstance(block, Items) for item in block.items]
    assert any("nobody has coded the gold sample yet" in item for item in items)


def test_a_study_without_a_multiverse_is_told_how_to_declare_one(bare: Material) -> None:
    page = PAGES["13_specification"](bare)
    assert page.point == "The study repeats no analysis with other instruments and decisions."
    (missing,) = (block for block in page.blocks if isinstance(block, Missing))
    assert "'coded'" in missing.why  # its only analysis names measures
    coded = replace(bare, study={**bare.study, "analyses": {"tone": ANALYSIS}, "multiverse": None})
    (example,) = (block for block in PAGES["13_specification"](coded).blocks if isinstance(block, Verbatim))
    assert "multiverse:\n  analysis: tone\n" in example.pieces[0][1]


def test_the_example_is_a_valid_section(bare: Material) -> None:
    coded = replace(bare, study={**bare.study, "analyses": {"tone": ANALYSIS}})
    (example,) = (block for block in PAGES["13_specification"](coded).blocks if isinstance(block, Verbatim))
    section = yaml.safe_load(example.pieces[0][1])
    minimal = {
        "title": "t",
        "question": "q",
        "corpus": {"language": "en"},
        "coders": {"a": {"type": "llm", "model": "m"}},
    }
    assert schema.problems("study", Document("study.yaml", {**minimal, **section})) == []


def test_means_of_groups_are_counted_as_what_they_are(material: Material) -> None:
    analyses = {"reporting": ANALYSIS | {"aggregate": "document"}}
    grouped = replace(material, study={**material.study, "analyses": analyses})
    assert "(1,200 documents)" in next(iter(specification.sentences(grouped, TERM)))
