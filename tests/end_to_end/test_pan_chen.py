"""The study of Pan & Chen (2018) from codes that were made elsewhere: no text, no model, the same figures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pandas as pd
import pytest

from end_to_end.studies import edit, generate, planned, run, snakemake

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The study after its first run, on a machine on which no model can be loaded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLM_STUDY_MODEL_UNREACHABLE", "1")
        patch.setenv("LLM_STUDY_CACHE", str(tmp_path_factory.mktemp("cache")))
        folder = generate(tmp_path_factory.mktemp("published"), "pan-chen-2018")
        edit(folder / "config/study.yaml", "bootstrap: 2000", "bootstrap: 200")
        snakemake(folder)
        run(folder, "git", "add", "--all")
        run(folder, "git", "commit", "--quiet", "--message", "Run the study")
        yield folder


def estimates(study: Path) -> pd.DataFrame:
    return pd.read_csv(study / "results/tables/reporting.csv").set_index(["estimator", "term"])


def page(study: Path, name: str) -> str:
    text = (study / f"results/report/{name}.html").read_text(encoding="utf-8")
    return " ".join(unescape(re.sub(r"<style.*?</style>|<[^>]+>", " ", text, flags=re.DOTALL)).split())


def test_every_published_figure_is_found_again(study: Path) -> None:
    claims = pd.read_csv(study / "results/claims.csv")
    assert len(claims) == 20
    assert set(claims["verdict"]) == {"reproduced"}
    # Cross-fitting divides by chance: R's own figures differ by that much from run to run.
    assert claims["tolerance"].max() == 0.005
    assert (claims["reproduced"] - claims["published"]).abs().max() < 0.005


def test_the_codes_as_they_are_would_have_told_another_story(study: Path) -> None:
    table = estimates(study)
    naive, dsl, gold = (table.loc[(name, "county_wrong")] for name in ("naive", "dsl", "gold_only"))
    assert naive["ci_high"] < -1
    assert dsl["ci_low"] < 0 < dsl["ci_high"]
    assert gold["ci_low"] < 0 < gold["ci_high"]
    assert (dsl["n"], dsl["n_gold"], gold["n"]) == (1412, 500, 500)
    assert dsl["std_error"] < gold["std_error"]
    # Which has a reason: GPT-4's errors depend on whether a complaint was reported.
    errors = pd.read_csv(study / "results/tables/error_by_covariates.csv").set_index(["subset", "covariate"])
    assert errors.loc[("all", "SendOrNot"), "p_adjusted"] < 0.001
    hypotheses = pd.read_csv(study / "results/tables/hypotheses.csv").set_index("estimator")["verdict"]
    assert (hypotheses["naive"], hypotheses["dsl"]) == ("supported", "not supported")


def test_codes_are_columns_and_nothing_was_asked(study: Path) -> None:
    codings = {
        name: pd.read_parquet(study / f"results/codings/{name}.parquet") for name in ("gpt4", "experts")
    }
    assert {name: len(table) for name, table in codings.items()} == {"gpt4": 1412, "experts": 500}
    assert all(set(table["status"]) == {"ok"} for table in codings.values())
    units = pd.read_parquet(study / "data/corpus/units.parquet")
    assert set(units["text"]) == {""}
    for nothing in ("results/index", "results/instruments", "results/models", "data/responses/segments"):
        assert not list((study / nothing).rglob("*")), nothing
    reliability = pd.read_csv(study / "results/tables/reliability.csv")
    assert set(reliability["note"]) == {"no unit has two ratings"}
    agreement = pd.read_csv(study / "results/tables/agreement.csv")
    assert set(agreement["n"]) == {500}


def test_the_report_says_where_the_codes_are_from(study: Path) -> None:
    assert "The codes of the LLM were made elsewhere (column pred_countyWrong)" in page(study, "03_codebook")
    assert "whose texts are not at hand" in page(study, "04_corpus")
    assert "20 of 20" in page(study, "01_verdict")
    assert "the codes of one were made elsewhere" in page(study, "15_appendix")


def test_a_second_run_has_nothing_to_do_and_the_study_verifies(study: Path) -> None:
    assert planned(study) == set()
    said = snakemake(study, "verify")
    assert "20 of 20 published figures" in said.stdout + said.stderr
    assert "PASSED" in said.stdout + said.stderr


def test_the_table_of_units_can_be_kept_back(study: Path, tmp_path: Path) -> None:
    edit(study / "config/study.yaml", "share: true", "share: false")
    snakemake(study)
    assert "push: false" in (study / "data/corpus.dvc").read_text(encoding="utf-8")
    assert "push: false" not in (study / "results.dvc").read_text(encoding="utf-8")
    run(study, "git", "add", "--all")
    run(study, "git", "commit", "--quiet", "--message", "Keep the corpus")
    run(study, "dvc", "remote", "add", "--local", "--default", "folder", str(tmp_path / "remote"))
    run(study, "dvc", "push", "--quiet")
    said = snakemake(study, "archive")
    assert "Kept back, with their hashes in WITHHELD.csv: 2 files" in said.stdout + said.stderr
