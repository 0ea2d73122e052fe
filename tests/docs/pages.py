"""The blocks of a documentation page: commands to run, and files with their names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"

_BLOCK = re.compile(
    r"^```(?:\{code-block\} )?(?P<language>\w+)\n(?::caption: (?P<caption>[^\n]+)\n\n)?(?P<body>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
PART = ", in part"
"""A file's caption ends so where the page shows some of its lines."""


@dataclass(frozen=True)
class Block:
    """A fenced block: `file` is the name of the file that it is (or a part of), empty for commands."""

    language: str
    file: str
    part: bool
    body: str


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page in their order."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = []
    for match in _BLOCK.finditer(text):
        caption = match["caption"] or ""
        found.append(
            Block(match["language"], caption.removesuffix(PART), caption.endswith(PART), match["body"])
        )
    return found


def write_files(page: str, root: Path) -> list[str]:
    """Write the whole files of a page below `root` and return their names."""
    names = []
    for block in blocks(page):
        if block.file and not block.part:
            target = root / block.file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.body, encoding="utf-8")
            names.append(block.file)
    return names
