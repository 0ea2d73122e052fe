"""The pages in the order of the report; a further part is one more module, under its number."""

from __future__ import annotations

from collections.abc import Callable

from study.report.blocks import Page
from study.report.material import Material
from study.report.pages import (
    aggregate,
    appendix,
    claims,
    codebook,
    comparison,
    confusion,
    corpus,
    error,
    flow,
    laboratory,
    regressions,
    reliability,
    score,
    specification,
    validity,
    verdict,
)

PAGES: dict[str, Callable[[Material], Page]] = {
    "01_verdict": verdict.page,
    "02_flow": flow.page,
    "03_codebook": codebook.page,
    "04_corpus": corpus.page,
    "05_reliability": reliability.page,
    "06_validity": validity.page,
    "07_score": score.page,
    "08_confusion": confusion.page,
    "09_comparison": comparison.page,
    "10_error": error.page,
    "11_aggregate": aggregate.page,
    "12_regressions": regressions.page,
    "13_specification": specification.page,
    "14_claims": claims.page,
    "15_appendix": appendix.page,
    "16_laboratory": laboratory.page,
}
"""File's name, without .html, and what makes the page."""
