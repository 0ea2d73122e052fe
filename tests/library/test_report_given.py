"""The report of a study whose codes were made elsewhere: who made them, and what is not known of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path

import pandas as pd
import pytest

from library.given_study import write
from study import corpus, flow, measures, sample
from study.codebook import Codebook
from study.coders import given, human
from study.config import load
from study.config.names import role
from study.report.html import render
from study.report.material import Material, tables
from study.report.methods import paragraph
from study.report.names import Names, made_elsewhere
from study.report.pages import PAGES
from study.validity import (
    agreement_table,
    calibration_table,
    classification_tables,
    comparison_table,
    reliability_table,
)
from study.validity.table import write_table

SCALES = {
    "county_wrong": {"level": "nominal", "type": "classify", "values": {"yes": 1, "no": 0}, "classes": True}
}


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Material]:
    """The report's material, made by the programs of the rules."""
    with pytest.MonkeyPatch.context() as patch:
        folder = write(tmp_path_factory.mktemp("given"))
        patch.chdir(folder)
        yield _build(folder)


def _build(folder: Path) -> Material:
    study = load(folder)
    units_file, drawn_file, ratings_file = Path("units.parquet"), Path("sample.csv"), Path("ratings.parquet")
    flows = [Path("corpus.csv"), Path("human.csv")]
    corpus.main(corpus=study["corpus"], units=study["units"], units_file=units_file, flow_file=flows[0])
    sample.main(units_file, study["sample"], drawn_file)
    human.main(
        units_file=units_file,
        coders={},
        codebooks=[],
        ratings_file=ratings_file,
        flow_file=flows[1],
        codings_files=[],
    )
    book = study["codebooks"]["county_wrong"]
    codings = {}
    for name, coder in study["coders"].items():
        file = Path(f"{name}.parquet")
        given.main(
            units_file=units_file,
            name=name,
            coder=coder,
            codebooks=[book],
            codings_file=file,
            flow_file=Path(f"{name}.csv"),
        )
        codings[name] = pd.read_parquet(file)
    Path("tables").mkdir()
    flow.main(
        flows=flows,
        sample=drawn_file,
        codings=[Path(f"{name}.parquet") for name in codings],
        table=Path("tables/flow.csv"),
    )
    units, drawn = pd.read_parquet(units_file), pd.read_csv(drawn_file)
    ratings = pd.read_parquet(ratings_file)
    wide = measures.wide(units, list(drawn["unit_id"]), list(codings.values()))
    coders = {"county_wrong": {name: role(coder) for name, coder in study["coders"].items()}}
    often = {"resamples": study["compare"]["bootstrap"], "seed": 1}
    where = {"criterion": "experts", "by": None}
    averages, cells = classification_tables(wide, ratings, coders, SCALES, **where)
    written = {
        "agreement": agreement_table(wide, ratings, coders, **where, **often),
        "reliability": reliability_table(wide, ratings, coders, SCALES, **where, **often),
        "classification": averages,
        "confusion": cells,
        "comparison": comparison_table(wide, coders, **where, **often),
        "calibration": calibration_table(wide, codings, coders, SCALES, **where),
    }
    for name, table in written.items():
        write_table(table, Path(f"tables/{name}.csv"))
    fixed, analyses = tables(sorted(Path("tables").glob("*.csv")))
    return Material(
        study=study,
        codebooks={"county_wrong": Codebook.from_dict(book)},
        tables=fixed,
        analyses=analyses,
        units=units,
        sample=drawn,
        measures=wide,
        codings=codings,
        versions={"Python": "3.11.2"},
    )


def shown(name: str, material: Material) -> str:
    page = render(PAGES[name](material), material.study["title"])
    return " ".join(unescape(re.sub(r"<style.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)).split())


def test_a_coder_counts_as_what_made_its_codes(material: Material) -> None:
    assert material.coders("llm") == material.given("llm") == ["gpt4"]
    assert material.coders("human") == ["experts"]
    assert material.coders("given") == material.given("dictionary") == []
    names = Names(material.study)
    assert (names.table("gpt4"), names.prose("gpt4"), names.prose("experts")) == ("LLM", "the LLM", "experts")


def test_the_methods_say_what_is_not_known(material: Material) -> None:
    said = paragraph(material)[0]
    for words in (
        "120 units in the language zh, whose texts are not at hand",
        "'gpt4' is a language model, whose codes of 120 texts were made elsewhere (column machine)",
        "the model, its prompt and the probabilities of its labels are not recorded here",
        "'experts', the criterion, is people, whose codes of 40 texts were made elsewhere (column expert)",
        "single ratings are not recorded here",
    ):
        assert words in said, words


def test_the_pages_show_the_codes_and_say_what_is_not_there(material: Material) -> None:
    flow_page = shown("02_flow", material)
    assert "the codes of 120 units by the LLM were made elsewhere (column machine)" in flow_page
    assert "left out, which gives 120 units" in flow_page
    codebook = shown("03_codebook", material)
    assert "The codes of the LLM were made elsewhere (column machine)" in codebook
    assert "how the model was asked is not recorded here" in codebook
    assert "Order of the labels" not in codebook
    corpus_page = shown("04_corpus", material)
    assert "120 units in the language 'zh', whose texts are not at hand" in corpus_page
    assert "Different texts" not in corpus_page
    assert "Shortest" not in corpus_page
    assert corpus_page.count("The texts are not at hand.") == 2
    assert "the study asks no language model: the codes of one were made elsewhere" in shown(
        "15_appendix", material
    )


def test_agreement_is_judged_and_reliability_cannot_be(material: Material) -> None:
    rows = material.tables["agreement"].set_index(["subset", "measure"])
    # Right in five of six of the 40 complaints that experts coded, all of them where 6 divides the number.
    data = material.measures.dropna(subset=["county_wrong_experts"])
    assert rows.loc[("all", "gpt4"), "n"] == len(data) == 40
    by_hand = data["county_wrong_gpt4"].corr(data["county_wrong_experts"])
    assert rows.loc[("all", "gpt4"), "pearson_r"] == pytest.approx(by_hand)
    reliability = material.tables["reliability"]
    assert not reliability.empty
    assert reliability["estimate"].isna().all()
    assert set(reliability["n_units"]) == {0}
    assert (reliability["note"] != "").all()
    assert "no text has two ratings" in shown("05_reliability", material) + shown("01_verdict", material)
    assert "come without the probabilities of the labels" in shown("08_confusion", material)


@pytest.mark.parametrize("name", sorted(PAGES))
def test_every_page_can_be_made(material: Material, name: str) -> None:
    page = PAGES[name](material)
    assert re.fullmatch(r"[A-Z0-9].*[.!?]", page.point, re.DOTALL)
    assert "nan" not in shown(name, material).split()


def test_label_probabilities_belong_to_models_that_the_study_asks(material: Material) -> None:
    assert material.tables["calibration"].empty
    assert not [column for column in material.codings["gpt4"] if column.startswith("p_")]


def test_rows_that_hold_the_codes_are_named() -> None:
    where = {"variable": ["AFINN", "HuLiu"], "run": 1}
    columns = {"mood": {"column": "value", "where": where}, "effort": {"column": "hours", "where": {}}}
    assert made_elsewhere({"columns": columns}) == (
        "made elsewhere (columns value where variable is AFINN or HuLiu and run is 1, hours)"
    )


def test_codes_in_tables_of_their_own_are_counted_by_coder(material: Material) -> None:
    more = pd.DataFrame(
        [
            ("read", "gpt4", 240.0, "codes.csv"),
            ("codes", "gpt4 county_wrong", 118.0, ""),
            ("codes left out: unit not in the corpus", "gpt4 county_wrong", 7.0, "c900"),
            ("units without a code", "gpt4 county_wrong", 2.0, "c001, c002"),
        ],
        columns=["step", "group", "n", "note"],
    )
    flow_table = pd.concat([material.tables["flow"], more], ignore_index=True)
    changed = replace(material, tables={**material.tables, "flow": flow_table})
    said = shown("02_flow", changed)
    assert "Codes that were made elsewhere" in said
    assert "gpt4 county_wrong 118 7 2" in said
    # They are no ratings of single people.
    assert "No ratings of single people were read" in said
    assert "Codes that were made elsewhere" not in shown("02_flow", material)
