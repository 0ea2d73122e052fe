"""Everything that has come back: sheets, exports of Label Studio and adjudications, each cell checked.

All problems of all files are found before anything is said, so that a coder is asked once. A half-filled
sheet is none: what is empty is not coded yet.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from study.codebook import Codebook
from study.coders.ratings import Rating, Ratings
from study.errors import ProblemsError, StudyError
from study.flow import Flow, examples
from study.gold.sheets import DECISION, TEXT_NUMBER, cells, entries, label_studio, table
from study.gold.sheets.codes import read_code
from study.gold.sheets.entries import Entries, Entry
from study.gold.sheets.folder import EXPORT, files_in, unread
from study.gold.sheets.text_numbers import TextNumbers

MOST_PROBLEMS = 20


@dataclass
class Returned:
    """What people coded.

    Attributes
    ----------
    ratings
        {construct: ratings}; a construct that nobody has coded has none.
    decisions
        {construct: {unit: what was decided where coders did not agree}}; its rater is ''.
    given
        {rater: the units on their sheets}.
    blank
        {construct: cells without a code}.
    changed
        Units whose text is not the one that was coded: the corpus was changed, or the text on the sheet.
    skipped
        How many texts were skipped in Label Studio.
    files
        For each file: whose it is, where it is, and how many rows it has.
    """

    ratings: dict[str, Ratings] = field(default_factory=dict)
    decisions: dict[str, dict[str, Rating]] = field(default_factory=dict)
    given: dict[str, set[str]] = field(default_factory=dict)
    blank: Counter[str] = field(default_factory=Counter)
    changed: set[str] = field(default_factory=set)
    skipped: int = 0
    files: list[tuple[str, str, int]] = field(default_factory=list)

    def coded_by(self, rater: str) -> set[str]:
        """Return the units of which a rater has coded something."""
        return {
            unit
            for ratings in self.ratings.values()
            for unit, found in ratings.items()
            if any(rating.rater.casefold() == rater.casefold() for rating in found)
        }


def read_folder(folder: Path, books: Sequence[Codebook], units: pd.DataFrame) -> Returned:
    """Read what has come back.

    Parameters
    ----------
    folder
        Where it lies, in subfolders too; may be empty, or not there.
    books
        The constructs that are coded.
    units
        unit_id, text and text_sha256 of the corpus.

    Raises
    ------
    StudyError
        One problem, or a ProblemsError that shows the first twenty.
    """
    numbers = TextNumbers(zip(units["unit_id"], units["text_sha256"], strict=True))
    returned = Returned({book.construct: {} for book in books}, {book.construct: {} for book in books})
    problems = [*unread(folder)]
    everything: list[Entry] = []
    for path in files_in(folder):
        try:
            found, whose = _read(path, books, returned)
        except StudyError as error:
            problems.append(error)
            continue
        returned.files.append((whose, path.as_posix(), found.rows))
        everything += found.found
        problems += found.problems
    problems += _take(everything, {book.construct: book for book in books}, numbers, units, returned)
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise ProblemsError(problems, limit=MOST_PROBLEMS)
    return returned


def read_returned(
    folder: Path,
    books: Mapping[str, Codebook],
    units: pd.DataFrame,
    flow: Flow,
    *,
    name: str,
    drawn: Iterable[str] = (),
) -> Returned:
    """Read what has come back for one human coder, and count it in the flow.

    Parameters
    ----------
    drawn
        The units that everybody was to code; none: those that are on anybody's sheet.

    Raises
    ------
    StudyError
        As `read_folder`; nothing has come back, or of a construct nothing.
    """
    if not files_in(folder) and not [*unread(folder)]:
        raise StudyError(
            "No coding sheet has come back yet.",
            file=folder.as_posix(),
            key=f"coders.{name}.folder",
            hint="'snakemake sheets' makes them. Put each that is filled in, even in part, into this folder.",
        )
    returned = read_folder(folder, list(books.values()), units)
    for whose, file, rows in returned.files:
        digest = hashlib.sha256(Path(file).read_bytes()).hexdigest()
        flow.add("read", f"{name} {whose}", rows, f"{file}; sha256 {digest}")
    flow.add("texts skipped in Label Studio", name, returned.skipped)
    flow.add(
        "texts that differ from what was coded",
        name,
        len(returned.changed),
        examples(sorted(returned.changed)),
    )
    expected = set(drawn) or {unit for given in returned.given.values() for unit in given}
    for construct in books:
        ratings, group = returned.ratings[construct], f"{name} {construct}"
        if not ratings:
            raise StudyError(
                f"Nobody has coded '{construct}' yet.",
                file=folder.as_posix(),
                hint=f"Wait for a sheet with codes in this column, or leave '{construct}' out of the coder's "
                "`codebooks`.",
            )
        flow.add("ratings", group, sum(map(len, ratings.values())))
        flow.add("cells without a rating", group, returned.blank[construct])
        flow.add("units with ratings", group, len(ratings))
        without = sorted(set(units["unit_id"]) - ratings.keys())
        flow.add("units without ratings", group, len(without), examples(without))
        for rater in sorted(returned.given):
            done = {unit for unit, found in ratings.items() if any(r.rater == rater for r in found)}
            left = sorted(expected - done)
            flow.add("texts not coded yet", f"{group} {rater}", len(left), examples(left))
    return returned


def _read(path: Path, books: Sequence[Codebook], returned: Returned) -> tuple[Entries, str]:
    """Return a file's entries, and whose they are."""
    if path.suffix.lower() == EXPORT:
        found, skipped = label_studio.read_export(path.read_bytes(), path.as_posix(), books)
        returned.skipped += skipped
        return found, "Label Studio"
    read = table.read_table(path)
    if entries.is_adjudication(read):
        return entries.of_adjudication(read, books), "adjudication"
    found = entries.of_sheet(read, books, path.stem)
    return found, next((entry.rater for entry in found.found), path.stem)


def _take(
    found: Sequence[Entry],
    books: Mapping[str, Codebook],
    numbers: TextNumbers,
    units: pd.DataFrame,
    returned: Returned,
) -> Iterator[StudyError]:
    """Put entries into `returned`, and yield what is wrong with them."""
    texts = dict(zip(units["unit_id"], units["text"], strict=True))
    raters: dict[str, str] = {}
    taken: dict[tuple[str, str, str], tuple[Rating, Entry]] = {}
    cells_given: set[tuple[str, str, str]] = set()
    unknown: set[tuple[str, str]] = set()
    for entry in found:
        number = numbers.read(entry.text_number)
        if number is None:
            # A row has an entry for each construct.
            if (entry.file, entry.place) not in unknown:
                unknown.add((entry.file, entry.place))
                yield StudyError(
                    "No text of the corpus has this number.",
                    file=f"{entry.file}, {entry.place}",
                    key=TEXT_NUMBER,
                    found=entry.text_number,
                    hint="Copy the number from the sheet that was sent.",
                )
            continue
        unit = number.unit_id
        if number.changed or (entry.text and not cells.is_of(entry.text, texts[unit] or "")):
            returned.changed.add(unit)
        rater = raters.setdefault(entry.rater.casefold(), entry.rater)
        if rater:
            returned.given.setdefault(rater, set()).add(unit)
        try:
            rating = read_code(entry.cell, books[entry.construct])
        except StudyError as error:
            yield _placed(error, entry)
            continue
        if rater:
            cells_given.add((unit, rater, entry.construct))
        if rating is None:
            continue
        rating = Rating(rater, rating.code, rating.label, rating.value, rating.status)
        earlier = taken.setdefault((unit, rater, entry.construct), (rating, entry))
        if earlier[0] != rating:
            yield _other_code(earlier[1], entry, rater)
    returned.blank.update(construct for _, _, construct in cells_given - taken.keys())
    for (unit, rater, construct), (rating, _) in sorted(taken.items(), key=lambda item: item[0]):
        if rater:
            returned.ratings[construct].setdefault(unit, []).append(rating)
        else:
            returned.decisions[construct][unit] = rating


def _placed(error: StudyError, entry: Entry) -> StudyError:
    return StudyError(
        error.problem,
        file=f"{entry.file}, {entry.place}",
        key=entry.construct if entry.rater else DECISION,
        found=error.found,
        allowed=error.allowed,
        hint=error.hint,
    )


def _other_code(first: Entry, second: Entry, rater: str) -> StudyError:
    return StudyError(
        f"{f'{rater} has' if rater else 'The decision has'} another code for this text in {first.file}, "
        f"{first.place}.",
        file=f"{second.file}, {second.place}",
        key=second.construct,
        found=f"{second.cell}, and there {first.cell}",
        hint="Keep one of them.",
    )
