"""The reference pages name what there is: every column of every table, and every public function."""

from __future__ import annotations

import re
from pathlib import Path

import study.inference
import study.validity
from study.config.manual import MANUAL
from study.config.names import ANALYSIS_TABLE, FIXED_TABLES

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"


def documented_tables() -> dict[str, tuple[str, ...]]:
    sections = re.split(r"^## ", (REFERENCE / "tables.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = {}
    for section in sections[1:]:
        title = re.match(r"`(.+)\.csv`\n", section)
        if title:
            found[title[1]] = tuple(re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE))
    return found


def test_the_tables_page_has_every_table_with_its_columns_in_order() -> None:
    assert documented_tables() == FIXED_TABLES | {"<analysis>": ANALYSIS_TABLE}


def documented_names(page: str) -> set[str]:
    lines = re.findall(r":members: (.+)", (REFERENCE / page).read_text(encoding="utf-8"))
    return {name.strip() for line in lines for name in line.split(",")}


def test_the_python_pages_have_every_public_name() -> None:
    for package, page in ((study.validity, "validity.md"), (study.inference, "inference.md")):
        assert set(package._MODULE_OF) <= documented_names(page), page


def test_the_configuration_page_is_the_study_s_own_manual() -> None:
    page = (REFERENCE / "configuration.md").read_text(encoding="utf-8")
    included = re.search(r"\{include\} (\S+)", page)
    assert included is not None
    assert (REFERENCE / included[1]).resolve() == ROOT / "{{cookiecutter.project_slug}}" / MANUAL


def test_the_page_on_the_report_has_its_sections_in_their_order() -> None:
    rules = ROOT / "{{cookiecutter.project_slug}}" / "workflow" / "rules" / "report.smk"
    sections = re.findall(r'^    "\d\d_\w+": "\d\d (.+)",$', rules.read_text(encoding="utf-8"), re.MULTILINE)
    page = (ROOT / "docs" / "explanation" / "report.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", page, re.MULTILINE)
    assert sections
    assert headings[: len(sections)] == sections
