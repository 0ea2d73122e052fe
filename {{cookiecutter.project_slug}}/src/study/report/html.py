"""Render pages: one template that escapes everything, its style inside, no script, no outside address."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from study.report.blocks import Page
from study.report.words import visible

TEMPLATES = Path(__file__).parent / "templates"


def render(page: Page, study: str, contents: Sequence[tuple[int, str]] = ()) -> str:
    """Return the page as an HTML document.

    Parameters
    ----------
    page
        What to show.
    study
        The study's title.
    contents
        Number and title of every page.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["base64"] = lambda content: base64.b64encode(content).decode("ascii")
    return environment.get_template("page.html").render(page=page, study=study, contents=contents)
