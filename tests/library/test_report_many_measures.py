"""Where a language model compares alike with many measures, the report says it once for all of them."""

from __future__ import annotations

import pandas as pd
import pytest

from library import report_study
from library.test_report_pages import changed, everything, page
from study.report import findings
from study.report.material import Material


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return report_study.build(tmp_path_factory.mktemp("study"))


def against(material: Material, *others: tuple[str, float, float, float]) -> Material:
    """Return the material with comparisons of the LLM with others: name, r, difference, adjusted p."""
    table = material.tables["comparison"]
    pooled = table[(table["domain"] == "all") & (table["subset"] == "sample")].iloc[0]
    rows = [
        pooled.to_dict() | {"other": name, "r_measure": 0.7, "r_other": r, "difference": d, "p_adjusted": p}
        for name, r, d, p in others
    ]
    return changed(material, comparison=pd.DataFrame(rows, columns=table.columns))


def worse(n: int) -> list[tuple[str, float, float, float]]:
    return [(f"list_{i}", 0.1 + i / 100, 0.6 - i / 100, 0.001 * i + 0.0001) for i in range(n)]


def test_a_few_measures_are_named_one_by_one(material: Material) -> None:
    few = against(material, *worse(findings.MOST_NAMED))
    point = page("01_verdict", few).point
    assert "more than list_0 (r .70 against .10), list_1 (r .70 against .11)" in point
    assert everything("01_verdict", few).count("agrees with the criterion more than list_") >= 5


def test_many_are_said_at_once(material: Material) -> None:
    many = against(material, *worse(20), ("better", 0.9, -0.2, 0.001))
    point = page("01_verdict", many).point
    assert point.endswith(
        "the LLM agrees with humans less than better (r .70 against .90); it agrees with humans more than"
        " each of 20 other automatic measures (r .70 against .10 to .29)."
    )
    shown = everything("01_verdict", many)
    assert "the LLM agrees with the criterion more than each of 20 other automatic measures" in shown
    assert "r .70 against .10 to .29), adjusted p < .001 to p = .019, n = " in shown
    assert "better agrees with the criterion more than the LLM" in shown
    assert "list_3" not in shown


def test_many_that_are_left_open_are_not_concluded(material: Material) -> None:
    open_ = against(material, *((f"list_{i}", 0.68, 0.02, 0.6) for i in range(7)))
    shown = everything("01_verdict", open_)
    assert "is not found to agree with humans more or less than any of 7 other automatic measures" in shown
    assert "the LLM and 7 other automatic measures differ in agreement over all texts" in shown
    assert "adjusted p = .600 each" in shown
