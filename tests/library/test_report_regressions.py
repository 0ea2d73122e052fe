"""Part 12 and the verdict on hypotheses: what is said follows from the tables, and nothing else does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from library import report_study
from library.report_study import changed
from study.config.names import ANALYSIS_TABLE, FIXED_TABLES
from study.inference.verdicts import hypotheses
from study.report import corrected, verdict
from study.report.blocks import Figure, Items, Missing, Notice, Table, Text
from study.report.material import Material
from study.report.names import Names
from study.report.pages import PAGES

TERM = "C(domain)[T.tweets]"
CODED = {
    "formula": "sentiment ~ C(domain)", "family": "linear", "coded": ["sentiment"],
    "coders": ["llm", "vader"], "estimators": ["naive", "dictionary", "gold_only", "dsl"],
    "cluster": None, "aggregate": None,
    "subset": "sample", "incremental": [],
}  # fmt: skip
EXPECTED = {
    "H1": {"analysis": "tone", "term": TERM, "direction": "positive", "statement": "Tweets are warmer."}
}


def row(estimator: str, coder: str, estimate: float, half: float, term: str = TERM) -> dict[str, Any]:
    known = np.isfinite(estimate)
    return dict.fromkeys(ANALYSIS_TABLE, "") | {
        "term": term,
        "estimator": estimator,
        "coder": coder,
        "estimate": estimate,
        "std_error": half / 1.96,
        "ci_low": estimate - half,
        "ci_high": estimate + half,
        "n": 120.0 if known else np.nan,
        "n_gold": 60.0 if estimator in ("dsl", "gold_only") else np.nan,
        "effective_n": 90.0 if estimator == "dsl" else np.nan,
        "statistic": 1.0,
        "p_value": 0.04,
        "p_adjusted": 0.04,
        "covariance": "sandwich",
        "correction": "holm",
        "subset": "sample",
        "note": "" if known else "not estimated: too few units",
    }


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return report_study.build(tmp_path_factory.mktemp("study"))


def told(bare: Material, *rows: dict[str, Any], **tables: pd.DataFrame) -> Material:
    table = pd.DataFrame(list(rows))
    study = {**bare.study, "analyses": {"tone": CODED}, "hypotheses": EXPECTED}
    material = replace(bare, study=study, analyses={"tone": table})
    judged = hypotheses(EXPECTED, {"tone": table if rows else pd.DataFrame(columns=ANALYSIS_TABLE)})
    return changed(material, hypotheses=judged, **tables)


def sentence(material: Material) -> str:
    (outcome,) = corrected.outcomes(material)
    return corrected.sentence(outcome, Names(material.study))


def test_the_estimator_that_supposes_least_decides(bare: Material) -> None:
    material = told(
        bare, row("naive", "llm", 0.9, 0.1), row("gold_only", "", 0.3, 0.1), row("dsl", "llm", 0.4, 0.1)
    )
    assert sentence(material) == "H1 (Tweets are warmer) is supported by DSL (LLM): 0.40 [0.30, 0.50]."
    only = told(bare, row("naive", "llm", 0.9, 0.1), row("gold_only", "", 0.3, 0.1))
    assert "is supported by people's codes alone: 0.30 [0.20, 0.40]" in sentence(only)


def test_errors_that_moved_a_coefficient_are_told_from_intervals_that_are_too_short(bare: Material) -> None:
    moved = sentence(told(bare, row("naive", "llm", 0.9, 0.1), row("dsl", "llm", 0.1, 0.3)))
    assert "is not supported by DSL (LLM): 0.10 [−0.20, 0.40], which leaves it open." in moved
    assert "Errors moved the coefficient: it would have been supported by the LLM, uncorrected (0.90" in moved
    short = sentence(told(bare, row("naive", "llm", 0.2, 0.1), row("dsl", "llm", 0.1, 0.3)))
    assert "would have been supported by the LLM, uncorrected (0.20 [0.10, 0.30])" in short
    assert short.endswith("; the intervals of uncorrected estimates know nothing of the errors.")
    assert "moved" not in short
    against = sentence(told(bare, row("naive", "llm", -0.9, 0.1), row("dsl", "llm", 0.4, 0.1)))
    assert "it would have been contradicted by the LLM, uncorrected" in against


def test_estimators_that_disagree_and_the_benchmark_are_said(bare: Material) -> None:
    rows = [row("dsl", "llm", 0.4, 0.1), row("gold_only", "", 0.1, 0.3), row("benchmark", "", 0.35, 0.05)]
    found = sentence(told(bare, *rows))
    assert "Not all that allow for errors agree: people's codes alone (0.10 [−0.20, 0.40])." in found
    assert found.endswith("People's codes of all texts: supported, 0.35 [0.30, 0.40].")


def test_without_gold_codes_a_hypothesis_is_not_tested(bare: Material) -> None:
    found = sentence(told(bare, row("naive", "llm", 0.9, 0.1), row("dsl", "llm", np.nan, np.nan)))
    assert "could not be tested with errors corrected for" in found
    assert "These are figures about the codes." in found
    assert "could not be tested." in sentence(told(bare, row("dsl", "llm", np.nan, np.nan)))


def test_the_page_shows_figure_table_warnings_plan_and_assumptions(bare: Material) -> None:
    diagnostics = pd.DataFrame(
        [["tone", "naive", "llm", "another scale", "found it", "The codes of llm are in its own units."]],
        columns=FIXED_TABLES["diagnostics"],
    )
    planning = pd.DataFrame(
        [["tone", TERM, "dsl", "llm", 60.0, 0.2, 0.31, 0.4, "True", 210.0, ""]],
        columns=FIXED_TABLES["planning"],
    )
    prevalence = pd.DataFrame(
        [["sentiment", "mean", "sample", "dsl", "llm", 0.25, 0.05, 0.15, 0.35, 120.0, 60.0, ""]],
        columns=FIXED_TABLES["prevalence"],
    )
    rows = [
        row("naive", "llm", 0.9, 0.1),
        row("dsl", "llm", 0.1, 0.3),
        row("dsl", "llm", 0.2, 0.1, "Intercept"),
        row("ppi", "llm", np.nan, np.nan),
    ]
    material = told(bare, *rows, diagnostics=diagnostics, planning=planning, prevalence=prevalence)
    material = replace(material, figures={"estimates_tone": b"png"})
    page = PAGES["12_regressions"](material)
    assert page.point == (
        "H1 (Tweets are warmer) is not supported by DSL (LLM): 0.10 [−0.20, 0.40]; uncorrected codes would"
        " have said otherwise."
    )
    assert any(sentence(material) in block.items for block in page.blocks if isinstance(block, Items))
    assert [block.png for block in page.blocks if isinstance(block, Figure)] == [b"png"]
    table = next(b for b in page.blocks if isinstance(b, Table) and b.caption.startswith("Estimates"))
    assert [title for title, _ in table.groups] == ["domain: tweets", "Intercept"]
    assert list(table.groups[0][1][1][:5]) == ["DSL", "LLM", "0.100", "0.153", "[−0.20, 0.40]"]
    assert list(table.groups[0][1][1][7:]) == ["120", "60", "90"]
    (warning,) = (b for b in page.blocks if isinstance(b, Notice))
    assert warning.text == "Found it. The codes of the LLM are in its own units."
    said = [item for b in page.blocks if isinstance(b, Items) for item in b.items]
    assert "PPI++ (LLM): not estimated: too few units." in said
    assert any(
        "with 60 gold units: DSL (LLM), standard error 0.20 and power .31 (.8 needs 210, 150 more)." in i
        for i in said
    )
    shares = next(b for b in page.blocks if isinstance(b, Table) and b.caption.startswith("Shares"))
    assert shares.groups[0][1][0][2:5] == ["0.250", "0.050", "[0.150, 0.350]"]
    assumptions = next(b for b in page.blocks if isinstance(b, Table) and b.caption == "Assumptions")
    assert [line[0] for line in assumptions.groups[0][1]] == ["uncorrected (naive)", "DSL", "PPI++"]


def test_a_table_without_rows_and_a_figure_that_was_not_drawn_are_said(bare: Material) -> None:
    material = replace(told(bare), analyses={})
    page = PAGES["12_regressions"](changed(material, hypotheses=material.tables["hypotheses"].iloc[:0]))
    assert any(isinstance(b, Missing) for b in page.blocks)
    assert "could not be tested" in page.point


@pytest.mark.parametrize(
    ("rows", "allowed"),
    [
        ([("dsl", "llm", 0.4, 0.1)], [True]),
        ([("dsl", "llm", 0.1, 0.3)], [False]),
        ([("naive", "llm", 0.9, 0.1), ("dsl", "llm", 0.1, 0.3)], [False, False]),
        ([("naive", "llm", 0.9, 0.1)], [None, False]),
    ],
)
def test_the_verdict_follows_the_corrected_estimate(
    bare: Material, rows: list[tuple[str, str, float, float]], allowed: list[bool | None]
) -> None:
    material = told(bare, *(row(*values) for values in rows))
    found = [f for f in verdict.findings_on_study(material) if f.rule.startswith(("Hypoth", "Errors"))]
    assert [finding.allowed for finding in found] == allowed


def test_the_first_page_shows_what_became_of_the_hypotheses(bare: Material) -> None:
    material = told(bare, row("naive", "llm", 0.9, 0.1), row("dsl", "llm", 0.1, 0.3))
    page = PAGES["01_verdict"](replace(material, figures={"estimates_tone": b"png"}))
    assert [block.png for block in page.blocks if isinstance(block, Figure)] == [b"png"]
    items = next(block.items for block in page.blocks if isinstance(block, Items))
    assert items[0].startswith("H1 (Tweets are warmer) is not supported by DSL (LLM)")
    assert not any(isinstance(block, Figure | Items) for block in PAGES["01_verdict"](bare).blocks)


def test_a_study_s_gold_sample_freeze_and_deviations_are_shown(bare: Material) -> None:
    draw = {"n": 30, "by": "domain", "uncertain": None, "from": "sample", "pilot": 5, "seed": 1}
    study = {**bare.study, "gold": {"truth": "humans", "probability": None, "draw": draw, "seal": True}}
    entry = {
        "date": "2026-01-02T03:04:05+00:00",
        "reason": None,
        "git": {"commit": "ab" * 20, "clean": False},
        "coded_units": {"humans": {"evaluate": 0, "pilot": 10}},
        "sha256": {"codebooks": {"sentiment": "cd" * 32}, "hypotheses": "ef" * 32, "analyses": "12" * 32},
    }
    deviations = pd.DataFrame(
        [
            [
                "hypothesis",
                "H1",
                "direction",
                "positive",
                "negative",
                "changed since it was frozen on 2026-01-02",
            ]
        ],
        columns=FIXED_TABLES["deviations"],
    )
    measures = bare.measures.assign(gold=[i < 50 for i in range(len(bare.measures))], pilot=False)
    open_ = replace(bare, study=study, measures=measures)

    def everything(material: Material) -> str:
        return " ".join(map(str, PAGES["03_codebook"](material).blocks))

    sealed = everything(open_)
    assert "30 units of each stratum (domain), from the sample (seed 1)" in sealed
    assert "50 to evaluate" in sealed
    assert "sealed: not read until the study is frozen" in sealed
    assert "The study is not frozen" in sealed
    frozen = everything(changed(replace(open_, frozen=[entry]), deviations=deviations))
    for fact in (
        "2026-01-02T03:04:05",
        "abababababab with uncommitted changes",
        "pilot 10",
        "1 thing differ",
    ):
        assert fact in frozen, fact
    assert "'Changed since', 'nothing'" in everything(replace(open_, frozen=[entry]))
    assert "The gold sample" not in everything(bare)


def test_codes_that_are_missing_more_often_somewhere_are_shown(bare: Material) -> None:
    columns = FIXED_TABLES["missing_codes"]
    rows = [
        ["sentiment", "humans", "", "all", 100.0, 80.0, 15.0, 5.0, 0.15, 0.05, "", np.nan, np.nan, ""],
        [
            "sentiment",
            "humans",
            "domain",
            "nyt",
            50.0,
            35.0,
            12.0,
            3.0,
            0.24,
            0.06,
            "chi-square",
            0.01,
            0.02,
            "",
        ],
        ["sentiment", "llm", "", "all", 100.0, 100.0, 0.0, 0.0, 0.0, 0.0, "", np.nan, np.nan, ""],
    ]
    made = PAGES["02_flow"](changed(bare, missing_codes=pd.DataFrame(rows, columns=columns)))
    table = next(b for b in made.blocks if isinstance(b, Table) and "missing by chance" in b.caption)
    assert [title for title, _ in table.groups] == ["sentiment, humans"]
    assert table.groups[0][1][1] == ["domain: nyt", "50", "12 (.24)", "3 (.06)", ".020"]
    assert not any(isinstance(b, Text) and "missing" in b.text for b in PAGES["02_flow"](bare).blocks)


def test_a_study_builds_in_any_folder(tmp_path: Path) -> None:
    assert report_study.configuration(tmp_path)["hypotheses"] == {}
