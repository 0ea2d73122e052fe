"""The documentation: `make docs` builds it strictly, without network."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# The documented code is the template's own: it is copied verbatim, so it can be imported in place.
sys.path.insert(0, str(ROOT / "{{cookiecutter.project_slug}}" / "src"))
sys.path.insert(0, str(ROOT))

from gallery import documentation  # noqa: E402

documentation.write(ROOT / "docs" / "gallery")

project = "cookiecutter-llm-study"
author = "The cookiecutter-llm-study authors"
copyright = f"2026, {author}"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = project
exclude_patterns = ["_build"]

myst_heading_anchors = 3
# In docstrings `name` is code.
default_role = "code"
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_ivar = True


def _returns_as_prose(*event: Any) -> None:
    """Napoleon takes the first line below 'Returns' for a type; where it is a sentence, keep it one."""
    lines = event[-1]
    for header in ("Returns", "Yields"):
        if header not in lines:
            continue
        at = lines.index(header)
        after = lines.index("", at) if "" in lines[at:] else len(lines)
        said = lines[at + 2 : after]
        if len(said) > 1 and said[1].startswith(" "):
            continue
        # Two empty lines end the section before it.
        lines[at:after] = ["", "", f":returns: {said[0]}", *(f"    {line}" for line in said[1:])]


def setup(app: Any) -> None:
    """Read docstrings before napoleon does."""
    app.connect("autodoc-process-docstring", _returns_as_prose, priority=100)
