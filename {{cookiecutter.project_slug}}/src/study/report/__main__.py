"""Write the pages: `python -m study.report`."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from study.codebook import Codebook
from study.coded import read_codings
from study.errors import StudyError
from study.gold import frozen as freezing
from study.imported import of_pointer
from study.instrument import Instrument
from study.report.html import render
from study.report.material import Material, tables
from study.report.pages import PAGES

PACKAGES = (
    "snakemake",
    "dvc",
    "pandas",
    "numpy",
    "scipy",
    "statsmodels",
    "scikit-learn",
    "matplotlib",
    "seaborn",
    "vaderSentiment",
)
"""Packages whose versions the report names; requirements.lock has all."""

NOT_SHOWN = ("text_sha256", "instrument_id", "spans", "rationale")
"""Columns of codings that are large, and that no page reads; labels' probabilities are as large together."""


def versions(lock: Path | None) -> dict[str, str]:
    """Return the versions of Python and of the packages that are installed, and the hash of the lock."""
    found = {"Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    if lock is not None:
        found["requirements.lock"] = f"sha256 {hashlib.sha256(lock.read_bytes()).hexdigest()}"
    return found


def _shown(column: str, books: Sequence[Codebook]) -> bool:
    """Whether pages read a column; of probabilities that of the first label, which says if there are any."""
    if column.startswith(("p_", "raw_")):
        return column in {f"p_{book.labels[0]}" for book in books if book.labels}
    return column not in NOT_SHOWN


def read(
    study: dict[str, Any],
    codebooks: Sequence[dict[str, Any]],
    *,
    units_file: Path,
    sample_file: Path,
    measures_file: Path,
    tables_files: Sequence[Path],
    codings_files: Sequence[Path],
    instruments: Sequence[Path],
    figures: Sequence[Path],
    lock: Path | None,
    imports: Sequence[Path] = (),
    frozen: Path | None = None,
) -> Material:
    """Read everything that the pages are made of."""
    books = [Codebook.from_dict(book) for book in codebooks]
    fixed, analyses = tables(tables_files)
    return Material(
        study=study,
        codebooks={book.construct: book for book in books},
        tables=fixed,
        analyses=analyses,
        units=pd.read_parquet(units_file),
        sample=pd.read_csv(sample_file, dtype={"unit_id": str, "stratum": str}, keep_default_na=False),
        measures=pd.read_parquet(measures_file),
        codings=read_codings(codings_files, lambda column: _shown(column, books)),
        instruments=[Instrument.read(path) for path in instruments],
        figures={file.stem: file.read_bytes() for file in figures if file.suffix == ".png"},
        versions=versions(lock),
        frozen=freezing.read(frozen) if frozen else [],
        imports=[origin for pointer in imports for origin in of_pointer(pointer, Path())],
    )


def main(
    *,
    study: dict,  # type: ignore[type-arg]
    codebooks: list,  # type: ignore[type-arg]
    units_file: Path,
    sample_file: Path,
    measures_file: Path,
    tables_files: list[Path],
    codings_files: list[Path],
    instruments: list[Path],
    figures: list[Path],
    pages: list[Path],
    lock: Path | None = None,
    imports: list[Path] | None = None,
    frozen: Path | None = None,
) -> None:
    """Write the report's pages.

    `study` is the configuration (config/study.yaml), `codebooks` a list of codebooks; a page's file name says
    which page it is; `imports` are DVC's pointers of what was imported, as paths inside the study; `frozen`
    is config/frozen.json.
    """
    unknown = [page.name for page in pages if page.stem not in PAGES]
    if unknown:
        raise StudyError("The report has no such page.", found=unknown[0], allowed=PAGES)
    material = read(
        study,
        codebooks,
        units_file=units_file,
        sample_file=sample_file,
        measures_file=measures_file,
        tables_files=tables_files,
        codings_files=codings_files,
        instruments=instruments,
        figures=figures,
        lock=lock,
        imports=imports or [],
        frozen=frozen,
    )
    made = {file: PAGES[file.stem](material) for file in pages}
    contents = [(page.number, page.title) for page in made.values()]
    for file, page in made.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        html = render(page, study["title"], contents)
        file.write_text(html, encoding="utf-8")


if __name__ == "__main__":
    from study.job import run

    run(main)
