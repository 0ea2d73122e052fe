"""The sheets that are sent out: one for each person, and the same texts for Label Studio."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from study.codebook import Codebook
from study.errors import StudyError
from study.gold import parts
from study.gold.sheets import label_studio
from study.gold.sheets.codes import on_sheets
from study.gold.sheets.files import Planned, next_name, write_all
from study.gold.sheets.returned import read_folder
from study.gold.sheets.sheet import Unit, coding_sheet

TASKS, CONFIGURATION = "label_studio_tasks.json", "label_studio_config.xml"

_NO_CODER = (
    "Put this below `coders`, with a name of your choice: "
    "people: {type: human, layout: sheets, folder: data/gold/coded}."
)


def to_code(units: pd.DataFrame, sample: pd.DataFrame, gold: pd.DataFrame) -> list[Unit]:
    """Return the units that people code: the gold sample with its pilot, else the whole sample.

    Parameters
    ----------
    units
        unit_id, text, text_sha256.
    sample
        unit_id of the study's sample.
    gold
        unit_id and part; no rows where no gold sample is drawn.

    Raises
    ------
    StudyError
        The corpus has no texts.
    """
    drawn = set(gold["unit_id"][gold["part"].isin([parts.EVALUATE, parts.PILOT])])
    chosen = units[units["unit_id"].isin(drawn or set(sample["unit_id"]))]
    if "text" not in chosen or chosen["text"].isna().any():
        raise StudyError(
            "The texts of this corpus are not at hand, so nobody can read them on a sheet.",
            file="config/study.yaml",
            key="corpus.text",
        )
    return list(chosen[["unit_id", "text", "text_sha256"]].itertuples(index=False, name=None))


def main(
    *,
    units_file: Path,
    sample_file: Path,
    gold_sample: Path,
    coders: dict,  # type: ignore[type-arg]
    codebooks: list,  # type: ignore[type-arg]
    raters: list[str],
    folder: Path = Path("sheets"),
) -> None:
    """Write the sheets of all raters and the files for Label Studio.

    Parameters
    ----------
    coders, codebooks
        The human coders that read sheets, and the constructs that they code.
    raters
        The people.
    """
    if not coders:
        raise StudyError(
            "No human coder of this study reads coding sheets.",
            file="config/study.yaml",
            key="coders",
            hint=_NO_CODER,
        )
    units = pd.read_parquet(units_file)
    sample = pd.read_csv(sample_file, dtype=str, keep_default_na=False)
    chosen = to_code(units, sample, parts.read(gold_sample))
    every = {book["construct"]: Codebook.from_dict(book) for book in codebooks}
    books: dict[str, Codebook] = {}
    folders, returned = [], []
    for name, keys in coders.items():
        own = on_sheets({construct: every[construct] for construct in keys["codebooks"]}, name)
        books |= own
        folders.append(Path(keys["folder"]))
        returned.append(read_folder(folders[-1], list(own.values()), units))
    listed = list(on_sheets(books, next(iter(coders))).values())
    planned = []
    for rater in raters:
        done = {unit for one in returned for unit in one.coded_by(rater)}
        left = [unit for unit in chosen if unit[0] not in done]
        if left:
            sheet = coding_sheet(next_name(rater, *folders), rater, listed, left)
            planned.append(Planned(sheet, _what(left, done), folders[0]))
        else:
            print(f"{rater} has coded all {len(chosen)} texts.", file=sys.stderr)
    write_all(planned, folder)
    (folder / TASKS).write_text(label_studio.tasks(chosen), encoding="utf-8")
    (folder / CONFIGURATION).write_text(label_studio.configuration(listed), encoding="utf-8")
    print(f"For Label Studio: {folder / TASKS} and {folder / CONFIGURATION}.", file=sys.stderr)
    if not raters:
        print("gold.raters names nobody, so there are no other sheets.", file=sys.stderr)


def _what(left: Sequence[Unit], done: set[str]) -> str:
    texts = f"{len(left)} text{'s' if len(left) != 1 else ''}"
    return f"{texts}, without those that came back coded" if done else texts


if __name__ == "__main__":
    from study.job import run

    run(main)
