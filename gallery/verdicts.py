"""The verdict of every claim, as the gallery's pages have it."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from gallery.studies import VERDICTS, Study

COLUMNS = (
    "claim",
    "statement",
    "source",
    "reading",
    "published",
    "reproduced",
    "tolerance",
    "verdict",
    "reason",
)


def write(study: Study, claims: Sequence[Mapping[str, str]]) -> None:
    """Write the verdicts into the folder of the starter."""
    with (study.folder / VERDICTS).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "reproduced": shown(row["reproduced"])} for row in claims)


def shown(figure: str) -> str:
    """Return a decimal number with four significant digits, more than any source prints; others stay."""
    return f"{float(figure):.4g}" if "." in figure else figure


def read(folder: Path) -> list[dict[str, str]]:
    """Return the verdicts that were written into a starter's folder; none where there are none."""
    path = folder / VERDICTS
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def counted(claims: Sequence[Mapping[str, str]]) -> str:
    """Say how many figures have which verdict."""
    if not claims:
        return "no claim"
    counts = Counter(row["verdict"] for row in claims)
    order = ("reproduced", "not reproduced", "not attempted")
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in order if counts[verdict])
