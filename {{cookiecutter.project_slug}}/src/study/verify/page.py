"""What was found, as one page for readers, as JSON for programs, and as a few lines for the terminal."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from study.report.html import TEMPLATES
from study.report.words import MISSING, listed, plural, visible
from study.verify.checks import Question
from study.verify.values import TOLERANCE
from study.verify.verdicts import FAILED, NOT_APPLICABLE, NOTE, PASSED, Check, Item, overall, some

MOST = 500
"""Rows of one check that the page shows; the JSON file has all."""
WIDTH = 110
"""Characters of a line on the terminal."""

KINDS = {PASSED: "good", FAILED: "bad", NOT_APPLICABLE: "open", NOTE: "open"}


@dataclass(frozen=True)
class Report:
    """What there is to report.

    Attributes
    ----------
    title
        The study's.
    answers
        Each question with its answer.
    origin
        What the study was compared with, in words.
    commit
        That is checked out; None outside git.
    changed
        Files that are not as in the commit.
    versions
        {software: version}.
    date
        Of the verification, as '2026-01-31 12:00 UTC'.
    """

    title: str
    answers: Sequence[tuple[Question, Check]]
    origin: str
    commit: str | None
    changed: Sequence[str]
    versions: Mapping[str, str]
    date: str

    @property
    def verdict(self) -> str:
        """Return PASSED or FAILED."""
        return overall(check for _, check in self.answers)

    def point(self) -> str:
        """Return the verdict in a sentence or two."""
        names = {
            verdict: [question.name.lower() for question, check in self.answers if check.verdict == verdict]
            for verdict in (FAILED, NOT_APPLICABLE)
        }
        if self.verdict == FAILED:
            said = f"The study does not give what it records: {listed(names[FAILED])} failed."
        else:
            said = f"The study gives what it records. It was compared with {self.origin}."
        if names[NOT_APPLICABLE]:
            said += f" Not applicable here: {listed(names[NOT_APPLICABLE])}."
        return said

    def warning(self) -> str:
        """Say that the folder is not the commit; nothing where it is."""
        if not self.changed:
            return ""
        return (
            f"Not as in the commit: {plural(len(self.changed), 'file')}, {some(self.changed)}. The verdict is"
            " about the folder as it lies here, and not about what the commit holds."
        )


def as_html(report: Report) -> str:
    """Return the report as one page without outside addresses."""
    environment = Environment(
        loader=FileSystemLoader([Path(__file__).parent, TEMPLATES]),
        autoescape=True,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    facts = [
        ("Compared with", report.origin),
        ("Commit", report.commit or "none"),
        ("Date", report.date),
        *report.versions.items(),
    ]
    return environment.get_template("page.html").render(
        study=report.title,
        verdict=report.verdict,
        point=report.point(),
        changed=report.warning(),
        parts=[_part(*answer) for answer in report.answers],
        kinds=KINDS,
        tolerance=TOLERANCE,
        facts=facts,
    )


def as_json(report: Report) -> str:
    """Return the report with every item."""
    record = {
        "study": report.title,
        "verdict": report.verdict,
        "checks": [
            {
                "check": question.name,
                "question": question.text,
                "verdict": check.verdict,
                "reason": check.reason,
                "items": [_record(item) for item in check.items],
            }
            for question, check in report.answers
        ],
        "compared_with": report.origin,
        "commit": report.commit,
        "changed": list(report.changed),
        "versions": dict(report.versions),
        "date": report.date,
    }
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def as_text(report: Report, page: Path) -> str:
    """Return a line a check, and where the page is."""
    lines = [f"Verification of '{report.title}', compared with {report.origin}"]
    for place, (question, check) in enumerate(report.answers, 1):
        head = f"  {place} {question.name:<16} {check.verdict:<15} "
        below = " " * len(head)
        lines.append(textwrap.fill(check.reason, WIDTH, initial_indent=head, subsequent_indent=below))
    if report.changed:
        lines.append(textwrap.fill(f"Mind: {report.warning()}", WIDTH, subsequent_indent=" " * 6))
    lines.append(f"{report.verdict.upper()}. The report: {page.as_posix()}")
    return str(visible("\n".join(lines)))


def _part(question: Question, check: Check) -> dict[str, Any]:
    """Return what the page shows of a check."""
    titles = list(dict.fromkeys(title for item in check.items for title in item.figures))
    items = _joined(check.items)
    left = len(items) - MOST
    return {
        "name": question.name,
        "question": question.text,
        "verdict": check.verdict,
        "reason": check.reason,
        "titles": titles,
        "rows": [
            {
                "what": item.what,
                "figures": [item.figures.get(title) or MISSING for title in titles],
                "verdict": item.verdict,
                "said": item.said,
            }
            for item in items[:MOST]
        ],
        "left": f"And {plural(left, 'more')}, which report.json has." if left > 0 else "",
    }


def _joined(items: Sequence[Item]) -> list[Item]:
    """Return the items as the page shows them: what is not applicable for one reason, in one row."""
    rows = [item for item in items if item.verdict != NOT_APPLICABLE]
    alike: dict[str, list[str]] = {}
    for item in items:
        if item.verdict == NOT_APPLICABLE:
            alike.setdefault(item.said, []).append(item.what)
    return [*rows, *(Item(some(names), NOT_APPLICABLE, said) for said, names in alike.items())]


def _record(item: Item) -> dict[str, Any]:
    return {
        "what": item.what,
        "verdict": item.verdict,
        "found": item.said,
        **({"figures": dict(item.figures)} if item.figures else {}),
    }
