"""Which studies there are: every starter with a page for the gallery is one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
STARTERS = ROOT / "{{cookiecutter.project_slug}}" / "starters"

PAGE, SMALL, VERDICTS = "gallery.md", "small.yaml", "verdicts.csv"
"""What a starter's folder holds for the gallery: its page, what makes a small run of it, and the verdict of
every claim at full size. A generated study has none of them."""


@dataclass(frozen=True)
class Study:
    """One study of the gallery.

    Attributes
    ----------
    name
        Of the starter.
    folder
        Where it lies.
    """

    name: str
    folder: Path

    @property
    def title(self) -> str:
        """The first heading of its page."""
        lines = (self.folder / PAGE).read_text(encoding="utf-8").splitlines()
        return next(line.removeprefix("# ").strip() for line in lines if line.startswith("# "))

    @property
    def small(self) -> dict[str, Any]:
        """What a small run has in config/study.yaml instead."""
        found: dict[str, Any] = yaml.safe_load((self.folder / SMALL).read_text(encoding="utf-8"))
        return found


def studies(starters: Path = STARTERS) -> list[Study]:
    """Return the studies of the gallery, by name."""
    return [Study(page.parent.name, page.parent) for page in sorted(starters.glob(f"*/{PAGE}"))]
