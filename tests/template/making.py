"""Where the template lies, and what its tests do with git."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STUDY = "{{cookiecutter.project_slug}}"
TEMPLATE = ROOT / STUDY

Bake = Callable[..., Path]
"""What the fixture `bake` is: it makes a study from answers and returns its folder."""


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, and return what it said."""
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path) -> str:
    """Commit everything in a folder, and return the commit's name."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "A change")
    return git(folder, "rev-parse", "HEAD")
