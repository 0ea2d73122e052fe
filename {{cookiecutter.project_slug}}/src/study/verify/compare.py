"""Compare two files as what they are: tables, pages, figures, records; every other file byte by byte."""

from __future__ import annotations

import filecmp
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from study.verify.figures import compare_pdf, compare_png
from study.verify.hypertext import compare_html
from study.verify.tables import compare_csv, compare_parquet
from study.verify.values import Difference, differences

MOST = 1000
"""Differences of one file that are counted."""


def compare(recorded: Path, now: Path, name: str) -> list[Difference]:
    """Return what differs in two files, the first `MOST` places.

    Parameters
    ----------
    recorded, now
        The files; the recorded one may lie in a cache, under a name that tells nothing.
    name
        Whose ending says what they are.
    """
    ending = Path(name).suffix.lower()
    # Two blank figures are equal, and wrong.
    if ending != ".png" and filecmp.cmp(recorded, now, shallow=False):
        return []
    try:
        return list(islice(_compare(recorded, now, ending), MOST))
    except Exception as error:
        # Whatever a reader of some format raises about a damaged file, this is what it means.
        return [Difference("", "a file", f"one that cannot be compared with it ({_said(error)})")]


def _compare(recorded: Path, now: Path, ending: str) -> Iterator[Difference]:
    if ending in (".csv", ".tsv"):
        yield from compare_csv(recorded, now, "\t" if ending == ".tsv" else ",")
    elif ending == ".parquet":
        yield from compare_parquet(recorded, now)
    elif ending == ".html":
        yield from compare_html(recorded.read_text(encoding="utf-8"), now.read_text(encoding="utf-8"))
    elif ending == ".png":
        yield from compare_png(recorded.read_bytes(), now.read_bytes())
    elif ending == ".pdf":
        yield from compare_pdf(recorded, now)
    elif ending in (".json", ".jsonl"):
        yield from differences(_read(recorded, ending), _read(now, ending))
    else:
        yield Difference("", f"{recorded.stat().st_size} bytes", f"{now.stat().st_size} other bytes")


def _read(file: Path, ending: str) -> object:
    text = file.read_text(encoding="utf-8")
    return json.loads(text) if ending == ".json" else [json.loads(line) for line in text.splitlines()]


def _said(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
