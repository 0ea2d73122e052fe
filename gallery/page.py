"""The gallery's index: one HTML page with the verdict of every claim of every study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from gallery.run import Outcome
from gallery.studies import ROOT
from gallery.verdicts import counted, shown

STYLE = ROOT / "{{cookiecutter.project_slug}}" / "src" / "study" / "report" / "templates"
KINDS = {"reproduced": "good", "not reproduced": "bad", "not attempted": "open"}


def render(outcomes: Sequence[Outcome], folder: Path) -> str:
    """Return the index as an HTML document; links are relative to `folder`."""
    environment = Environment(
        loader=FileSystemLoader([Path(__file__).parent, STYLE]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    parts = [
        {
            "name": outcome.study.name,
            "title": outcome.study.title,
            "ran": not outcome.problem or outcome.verified is False,
            "verified": outcome.verified,
            "problem": outcome.problem,
            "minutes": f"{outcome.seconds / 60:.1f}",
            "counted": counted(outcome.claims),
            "claims": [{**row, "reproduced": shown(row["reproduced"])} for row in outcome.claims],
            "report": _link(outcome.folder / "report.html", folder),
        }
        for outcome in outcomes
    ]
    return environment.get_template("index.html").render(parts=parts, kinds=KINDS)


def _link(file: Path, folder: Path) -> str:
    return file.relative_to(folder).as_posix() if file.is_file() else ""
