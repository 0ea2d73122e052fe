"""The sheet on which somebody decides what coders do not agree on."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from study.codebook import Codebook
from study.coders.ratings import Rating
from study.errors import StudyError
from study.gold.sheets.codes import on_sheets
from study.gold.sheets.decisions import agree
from study.gold.sheets.files import Planned, next_name, write_all
from study.gold.sheets.returned import Returned, read_folder
from study.gold.sheets.sheet import Unit, adjudication_sheet, place

NAME = "adjudication"


def undecided(
    ratings: pd.DataFrame, coder: str, book: Codebook, returned: Returned
) -> dict[str, list[Rating]]:
    """Return the units on which a coder's raters do not agree, and nobody has decided, with their codes.

    Parameters
    ----------
    ratings
        The study's table of ratings: unit_id, construct, coder, rater, code, value, status.
    """
    own = ratings[(ratings["coder"] == coder) & (ratings["construct"] == book.construct)]
    done = returned.decisions.get(book.construct, {})
    found = {}
    for unit, rows in own.groupby("unit_id", sort=True):
        columns = (rows[name].tolist() for name in ("rater", "code", "value", "status"))
        codes = [
            Rating(rater, code, None, value, status)
            for rater, code, value, status in zip(*columns, strict=True)
        ]
        if unit not in done and not agree(codes, book):
            found[str(unit)] = codes
    return found


def main(
    *,
    units_file: Path,
    ratings_file: Path,
    coders: dict,  # type: ignore[type-arg]
    codebooks: list,  # type: ignore[type-arg]
    folder: Path = Path("sheets"),
) -> None:
    """Write a sheet for each human coder whose raters do not agree, with what they do not agree on."""
    if not coders:
        raise StudyError(
            "No human coder of this study reads coding sheets.",
            file="config/study.yaml",
            key="coders",
            hint="Only codes that came back on sheets are adjudicated: layout: sheets.",
        )
    units = pd.read_parquet(units_file)
    ratings = pd.read_parquet(ratings_file)
    texts: dict[str, Unit] = {
        unit[0]: unit for unit in units[["unit_id", "text", "text_sha256"]].itertuples(index=False, name=None)
    }
    every = {book["construct"]: Codebook.from_dict(book) for book in codebooks}
    planned = []
    for coder, keys in coders.items():
        came_back = Path(keys["folder"])
        books = on_sheets({c: every[c] for c in keys["codebooks"]}, coder)
        returned = read_folder(came_back, list(books.values()), units)
        cases = []
        for book in books.values():
            apart = undecided(ratings, coder, book, returned)
            for unit in sorted(apart, key=lambda unit: place("order", NAME, unit)):
                # Who is first changes from row to row.
                shuffled = sorted(apart[unit], key=lambda r: place(unit, book.construct, r.rater))
                cases.append((book, texts[unit], [rating.code for rating in shuffled]))
        if not cases:
            print(f"{coder}: there is nothing to decide.", file=sys.stderr)
            continue
        name = next_name(NAME if len(coders) == 1 else f"{NAME}_{coder}", came_back)
        sheet = adjudication_sheet(name, list(books.values()), cases)
        planned.append(Planned(sheet, f"{len(cases)} decision{'s' if len(cases) != 1 else ''}", came_back))
    write_all(planned, folder)


if __name__ == "__main__":
    from study.job import run

    run(main)
