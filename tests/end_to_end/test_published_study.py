"""The study of Hutto & Gilbert (2014), generated and run whole with the real model on a few dozen texts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from end_to_end.studies import (
    asked,
    contents,
    edit,
    generate,
    planned,
    run,
    settings,
    snakemake,
    write_settings,
)

pytestmark = pytest.mark.slow

EACH = 8
"""Texts that the model codes in each of the four domains."""
DOMAINS = ("amazon", "movies", "nyt", "tweets")
MEASURES = ("llm", "supervised", "vader", "vader_2014", "humans_individual", "humans_leave_one_out")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study after its first run."""
    folder = generate(tmp_path_factory.mktemp("published"), "hutto-gilbert-2014")
    changed = settings(folder)
    changed["sample"]["n"] = EACH
    changed["compare"]["bootstrap"] = 100
    write_settings(folder, changed)
    snakemake(folder)
    return folder


def agreement(study: Path) -> pd.DataFrame:
    return pd.read_csv(study / "results/tables/agreement.csv").set_index(["domain", "subset", "measure"])


def test_every_measure_agrees_with_people_by_domain_with_n_and_interval(study: Path) -> None:
    table = agreement(study)
    for domain in DOMAINS:
        sampled = table.loc[domain, "sample"]
        assert set(MEASURES) <= set(sampled.index)
        # The same units for all, so that they may be compared.
        assert set(sampled.loc[["llm", "vader", "vader_2014", "supervised"], "n"]) == {EACH}
        everywhere = table.loc[domain, "all"]
        assert set(MEASURES) - {"llm"} <= set(everywhere.index)
        assert "llm" not in everywhere.index
        intervals = everywhere.loc[everywhere["n"] > 100]
        assert (intervals["ci_low"] < intervals["pearson_r"]).all()
        assert (intervals["pearson_r"] < intervals["ci_high"]).all()


def test_dictionaries_on_the_whole_corpus_give_the_known_figures(study: Path) -> None:
    r = agreement(study)["pearson_r"]
    known = {
        "vader": (0.872, 0.590, 0.427, 0.503),
        "vader_2014": (0.8812, 0.5709, 0.4165, 0.4915),
    }
    for measure, figures in known.items():
        for domain, figure in zip(("tweets", "amazon", "movies", "nyt"), figures, strict=True):
            digits = 3 if measure == "vader" else 4
            assert round(r[domain, "all", measure], digits) == figure, (measure, domain)


def test_each_coding_keeps_the_probability_of_every_label(study: Path) -> None:
    codings = pd.read_parquet(study / "results/codings/llm.parquet")
    assert len(codings) == EACH * len(DOMAINS)
    assert set(codings["status"]) == {"ok"}
    probabilities = codings[["p_positive", "p_negative", "p_neutral"]]
    assert (probabilities > 0).all(axis=None)
    assert probabilities.sum(axis=1).round(12).eq(1).all()
    assert codings["valid_mass"].between(0, 1, inclusive="neither").all()
    assert (
        codings["score"]
        .round(12)
        .equals((probabilities["p_positive"] - probabilities["p_negative"]).round(12))
    )


def test_published_figures_are_shown_whether_they_reproduce_or_not(study: Path) -> None:
    claims = pd.read_csv(study / "results/claims.csv")
    assert claims.equals(pd.read_csv(study / "results/tables/claims.csv"))
    assert {"reproduced", "not reproduced", "not attempted"} == set(claims["verdict"])
    obtained = claims[claims["verdict"] == "reproduced"]
    assert len(obtained) >= 20
    off = (obtained["reproduced"] - obtained["published"]).abs()
    assert (off <= obtained["tolerance"] + 1e-12).all()


def test_the_report_is_one_page_without_outside_addresses(study: Path) -> None:
    snakemake(study, "--report", "report.html")
    page = (study / "report.html").read_text(encoding="utf-8")
    for part in (
        "01 Verdict",
        "02 Flow",
        "03 Codebook and prompt",
        "06 Validity",
        "14 Claims",
        "15 Appendix",
    ):
        assert part in page
    for address in ('src="http', "src='http", 'rel="stylesheet" href="http', "@import"):
        assert address not in page


def test_a_second_run_has_nothing_to_do(study: Path) -> None:
    assert "Nothing to be done" in snakemake(study).stderr


def test_data_and_results_are_versioned_and_can_be_pushed(study: Path, tmp_path: Path) -> None:
    for pointer in ("data/corpus.dvc", "data/gold.dvc", "data/responses.dvc", "results.dvc"):
        assert (study / pointer).is_file(), pointer
    run(study, "git", "add", "--all")
    run(study, "git", "commit", "--quiet", "--message", "Run the study")
    tracked = run(study, "git", "ls-files").stdout.splitlines()
    assert not [name for name in tracked if name.startswith(("results/", "data/corpus/", "data/responses/"))]
    run(study, "dvc", "remote", "add", "--local", "--default", "folder", str(tmp_path / "remote"))
    run(study, "dvc", "push", "--quiet")
    assert any((tmp_path / "remote").rglob("*.dir"))
    assert run(study, "dvc", "data", "status", "--not-in-remote").stdout.count("not in remote") == 0
    # Everything is versioned: a third run and a status find nothing new.
    assert run(study, "git", "status", "--porcelain").stdout == ""


def test_results_come_back_byte_by_byte_and_the_model_is_not_asked(study: Path) -> None:
    before = contents(study / "results/tables")
    responses = contents(study / "data/responses/segments")
    shutil.rmtree(study / "results")
    snakemake(study)
    assert asked(study) == 0
    assert contents(study / "results/tables") == before
    assert contents(study / "data/responses/segments") == responses


def test_a_comment_in_a_figure_module_draws_figures_again_and_nothing_else(study: Path) -> None:
    module = study / "src/study/figures/scatter.py"
    text = module.read_text(encoding="utf-8")
    module.write_text(text + "# A comment.\n", encoding="utf-8")
    assert planned(study) == {"figures", "pages"}
    module.write_text(text, encoding="utf-8")
    assert planned(study) == set()


def test_a_changed_constant_that_coding_imports_runs_coding_again_and_asks_nothing(study: Path) -> None:
    edit(study / "src/study/store.py", 'FAILED = "failed"', 'FAILED = "failed"\nANOTHER = 1')
    assert {"ask", "codings"} <= planned(study)
    assert "corpus" not in planned(study)
    before = contents(study / "results/tables")
    snakemake(study)
    assert asked(study) == 0
    assert contents(study / "results/tables") == before


def test_a_broken_configuration_is_one_paragraph_and_costs_nothing(study: Path) -> None:
    before = contents(study / "data") | contents(study / "results")
    original = (study / "config/study.yaml").read_text(encoding="utf-8")
    for old, new, said in (
        ("type: llm", "type: lllm", "Did you mean 'llm'?"),
        ("model: smollm2-135m", "model: smollm3", "coders.llm.model"),
        ("n: 8", "n: eight", "sample.n"),
        ("criterion: humans", "criterion: human", "Did you mean 'humans'?"),
    ):
        edit(study / "config/study.yaml", old, new)
        done = snakemake(study, check=False)
        assert done.returncode != 0
        assert said in done.stderr
        assert "Traceback" not in done.stderr
        (study / "config/study.yaml").write_text(original, encoding="utf-8")
    assert contents(study / "data") | contents(study / "results") == before
    assert planned(study) == set()
