"""Codes that were made elsewhere and are columns of the corpus: a published study's, or another model's.

A code is read as people's are (`study.coders.ratings`): a label of the codebook, or a number, and anything
else is refused. A text whose cell is empty, or NA, has no row: nothing says whether anybody tried to code it,
so it counts as not coded, and not as a failure.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from study.codebook import Codebook
from study.coders import codings
from study.coders.ratings import Rating, _labels_of_numbers, _rating
from study.corpus import Part
from study.errors import StudyError
from study.reading import Reading, to_text


def code(units: pd.DataFrame, column: str, codebook: Codebook, *, name: str) -> pd.DataFrame:
    """Return the codes of one construct.

    Parameters
    ----------
    units
        unit_id and covariates, one row a unit.
    column
        The covariate that holds the codes.
    codebook
        Of the construct.
    name
        The coder's name.

    Returns
    -------
    DataFrame
        As `study.coders.codings` gives it, a row for each unit with a code; the score is the label's value or
        the number, the label missing where people or the machine used a finer scale than the categories'.

    Raises
    ------
    StudyError
        There is no such column, it has no code at all, or a cell is no code; names the unit.
    """
    key = f"coders.{name}.columns.{codebook.construct}"
    if column not in units:
        raise StudyError(
            "There is no such covariate.",
            file="config/study.yaml",
            key=key,
            found=column,
            allowed=[one for one in units.columns if one not in ("text", "text_sha256")],
        )
    source = Part({}, column, f"column {column} of the corpus", Reading(units[[column]], [], written=True))
    there = units[column].notna()
    cells = [
        (to_text(cell) or "").strip() if given else ""
        for cell, given in zip(units[column].tolist(), there, strict=True)
    ]
    known: dict[str, Rating | None] = {}
    for unit, cell in zip(units["unit_id"], cells, strict=True):
        if cell not in known:
            known[cell] = _rating(cell, codebook, source, f"unit {unit}")
    label_of = _labels_of_numbers(known, codebook)
    found = [
        (unit, rating)
        for unit, cell in zip(units["unit_id"], cells, strict=True)
        if (rating := known[cell]) is not None
    ]
    if not found:
        raise StudyError("The column holds no code.", file="config/study.yaml", key=key, found=column)
    return codings(
        [unit for unit, _ in found],
        construct=codebook.construct,
        coder=name,
        status=[rating.status for _, rating in found],
        label=[
            (rating.label or label_of.get(rating.value)) if rating.status == "ok" else None
            for _, rating in found
        ],
        score=[rating.value for _, rating in found],
    )


def main(
    *,
    units_file: Path,
    name: str,
    columns: dict,  # type: ignore[type-arg]
    codebooks: list,  # type: ignore[type-arg]
    codings_file: Path,
) -> None:
    """Write the codings of one coder; `columns` has the column of each construct."""
    of: Mapping[str, str] = columns
    units = pd.read_parquet(units_file)
    books = [Codebook.from_dict(book) for book in codebooks]
    tables = [code(units, of[book.construct], book, name=name) for book in books]
    pd.concat(tables, ignore_index=True).to_parquet(codings_file, index=False)


if __name__ == "__main__":
    from study.job import run

    run(main)
