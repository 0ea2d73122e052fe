"""The folder of sheets that came back: which files in it are read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from study.errors import StudyError

SHEETS, EXPORT = (".xlsx", ".csv"), ".json"
ENDINGS = (*SHEETS, EXPORT)
OTHER_PROGRAMS = (".xls", ".xlsm", ".xlsb", ".ods", ".fods", ".numbers", ".gsheet", ".tsv", ".tab", ".xml")
"""Files that may hold codes and are not read."""


def files_in(folder: Path) -> list[Path]:
    """Return the files that are read, sorted; hidden ones and those that programs leave behind are none."""
    return [path for path in _listed(folder) if path.suffix.lower() in ENDINGS]


def unread(folder: Path) -> Iterator[StudyError]:
    """Yield an error for every file of a kind that may hold codes and is not read."""
    for path in _listed(folder):
        if path.suffix.lower() in OTHER_PROGRAMS:
            yield StudyError(
                "A file of this kind is not read.",
                file=path.as_posix(),
                found=path.suffix,
                allowed=", ".join(ENDINGS),
                hint="Open it in the program that made it, and save it as .xlsx or as CSV (UTF-8).",
            )


def _listed(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
    # A program that has anna.xlsx open marks it with ~$anna.xlsx.
    return [path for path in found if not any(p.startswith((".", "~$")) for p in _below(path, folder))]


def _below(path: Path, folder: Path) -> tuple[str, ...]:
    return path.relative_to(folder).parts
