"""Published figures against the study's own: each is reproduced, not reproduced, or not attempted.

A figure that is printed as .881 stands for everything that is rounded to it, so it is reproduced by a figure
that is off by half a unit of its last digit at most, unless the claim gives another tolerance and says why.
Figures are compared as they are written, in decimals: .8815 is off by .0005 exactly, which binary numbers
cannot hold. Where a source can be read in two ways, each reading is judged in rows of its own.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

from study.errors import StudyError

REPRODUCED = "reproduced"
NOT_REPRODUCED = "not reproduced"
NOT_ATTEMPTED = "not attempted"
VERDICTS = (REPRODUCED, NOT_REPRODUCED, NOT_ATTEMPTED)

AS_PRINTED = ""
"""The `reading` of a figure that is read as its source presents it."""

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_NOT_KEYS = ("table", "column")

Claim = Mapping[str, Any]
Table = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Judged:
    """One published figure in one reading, and the verdict: a row of results/tables/claims.csv.

    Attributes
    ----------
    claim
        The claim's id and the value's name, as 'table4-tweets-vader/pearson_r'.
    published
        As printed.
    reproduced
        As in the study's table; empty where there is none.
    tolerance
        How far the two may differ; empty where nothing is compared.
    verdict
        One of VERDICTS.
    reason
        Why it is not attempted, why the tolerance is another one, or what is known of the difference.
    reading
        What is read differently; AS_PRINTED where nothing is.
    where
        The cell that it is compared with.
    """

    claim: str
    source: str
    published: str
    reproduced: str
    tolerance: str
    verdict: str
    statement: str
    reason: str
    reading: str
    where: str


COLUMNS = tuple(field.name for field in fields(Judged))


def judge(claims: Sequence[Claim], tables: Mapping[str, Table]) -> list[Judged]:
    """Compare every value of every claim with its cell, in the order of the claims.

    Parameters
    ----------
    claims
        With a value for every key of workflow/schemas/claims.schema.yaml.
    tables
        The rows of each table that claims name, as text.

    Returns
    -------
    One row a value and reading; the rows of the other reading follow those of the claim.

    Raises
    ------
    StudyError
        A table that a claim names is not among `tables`.
    """
    missing = sorted(set(tables_of(claims)) - set(tables))
    if missing:
        raise StudyError(
            "A claim is compared with a table that is not there.",
            file="config/claims.yaml",
            found=missing[0],
            allowed=sorted(tables),
        )
    return [row for claim in claims for row in _of_claim(claim, tables)]


def tables_of(claims: Sequence[Claim]) -> list[str]:
    """Return the names of the tables that claims are compared with, sorted."""
    return sorted({cell["table"] for claim in claims for _, cell, _ in _cells(claim)})


def printed(claims: Sequence[Claim], table: str, column: str) -> list[dict[str, Any]]:
    """Return the printed figures that are compared with one column of a table, for a figure that draws them.

    Returns
    -------
    For each figure and reading: 'claim' (its id), 'value' (as printed), 'alternative' (whether it is compared
    with this cell in another reading of the source only) and 'keys' (what tells the cell's row, by column).
    """
    return [
        {
            "claim": claim["id"],
            "value": claim["values"][name],
            "alternative": alternative,
            "keys": _keys(cell),
        }
        for claim in claims
        for name, cell, alternative in _cells(claim)
        if cell["table"] == table and (cell["column"] or name) == column
    ]


def within(published: str, reproduced: str, tolerance: Decimal) -> bool:
    """Whether two written numbers differ by `tolerance` at most; the boundary is within."""
    return abs(Decimal(published) - Decimal(reproduced)) <= tolerance


def half_a_unit(published: str) -> Decimal:
    """Return half a unit of the last printed digit: 0.0005 for '.881', 0.5 for '12'."""
    exponent = Decimal(published).as_tuple().exponent
    assert isinstance(exponent, int), published
    return Decimal(5).scaleb(exponent - 1)


def summary(rows: Sequence[Judged]) -> dict[str, dict[str, int]]:
    """Count the verdicts of each reading: {reading: {verdict: number of figures}}, AS_PRINTED first."""
    counts: dict[str, Counter[str]] = {AS_PRINTED: Counter()}
    for row in rows:
        counts.setdefault(row.reading, Counter())[row.verdict] += 1
    return {reading: {verdict: found[verdict] for verdict in VERDICTS} for reading, found in counts.items()}


def by_statement(rows: Sequence[Judged]) -> dict[tuple[str, str], list[Judged]]:
    """Group rows by source and statement, in the order of the claims."""
    groups: dict[tuple[str, str], list[Judged]] = {}
    for row in rows:
        groups.setdefault((row.source, row.statement), []).append(row)
    return groups


def read(file: Path) -> list[Judged]:
    """Read the table that `write` wrote; every digit is kept."""
    rows = _rows(file)
    if rows and tuple(rows[0]) != COLUMNS:
        raise StudyError("This is no table of claims.", file=file.as_posix(), found=", ".join(rows[0]))
    return [Judged(**row) for row in rows]


def write(rows: Sequence[Judged], file: Path) -> None:
    """Write the table as CSV (UTF-8, line feeds)."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(astuple(row) for row in rows)


def _cells(claim: Claim) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    """Yield the cells that a claim is compared with: value's name, cell, whether in another reading only."""
    if claim["attempt"]:
        yield from ((name, cell, False) for name, cell in claim["where"].items())
    if claim["alternative"]:
        yield from ((name, cell, True) for name, cell in claim["alternative"]["where"].items())


def _keys(cell: Mapping[str, Any]) -> dict[str, Any]:
    """Return what tells a cell's row, by column."""
    return {key: wanted for key, wanted in cell.items() if key not in _NOT_KEYS}


def _of_claim(claim: Claim, tables: Mapping[str, Table]) -> Iterator[Judged]:
    other = claim["alternative"]
    for name in claim["values"]:
        if claim["attempt"]:
            yield _compared(claim, name, claim["where"][name], tables)
        else:
            yield _row(claim, name, verdict=NOT_ATTEMPTED, reason=claim["reason"])
    for name in claim["values"] if other else ():
        if name in other["where"]:
            yield _compared(claim, name, other["where"][name], tables, reading=other["reading"])
        elif other["reason"]:
            found = {"verdict": NOT_ATTEMPTED, "reason": other["reason"], "reading": other["reading"]}
            yield _row(claim, name, **found)


def _compared(
    claim: Claim, name: str, cell: Mapping[str, Any], tables: Mapping[str, Table], reading: str = AS_PRINTED
) -> Judged:
    published, own = claim["values"][name], (claim["tolerance"] or {}).get(name)
    tolerance = half_a_unit(published) if own is None else Decimal(str(own))
    reproduced, problem = _figure(cell, name, tables[cell["table"]])
    agrees = reproduced != "" and within(published, reproduced, tolerance)
    # The claim's reason is about its tolerance where it has one, and else about what does not reproduce.
    explained = own is not None or (claim["tolerance"] is None and not agrees and reading == AS_PRINTED)
    return _row(
        claim,
        name,
        reproduced=reproduced,
        tolerance=f"{tolerance:f}",
        verdict=REPRODUCED if agrees else NOT_REPRODUCED,
        reason=problem or (claim["reason"] if explained else None),
        reading=reading,
        where=_place(cell, name),
    )


def _row(claim: Claim, name: str, **found: str | None) -> Judged:
    values = dict.fromkeys(COLUMNS, "") | {
        "claim": f"{claim['id']}/{name}",
        "source": claim["source"],
        "published": claim["values"][name],
        "statement": claim["statement"],
    }
    return Judged(**values | {key: " ".join((text or "").split()) for key, text in found.items()})


def _figure(cell: Mapping[str, Any], name: str, table: Table) -> tuple[str, str]:
    """Return the figure in a cell, or why there is none."""
    column = cell["column"] or name
    keys = _keys(cell)
    rows = [row for row in table if all(_equal(row.get(key), wanted) for key, wanted in keys.items())]
    if not rows:
        return "", "The table has no such row."
    if len(rows) > 1:
        differ = [key for key in rows[0] if key not in keys and len({row.get(key) for row in rows}) > 1]
        tell = f"; they differ in {', '.join(differ)}" if differ else ""
        return "", f"{len(rows)} rows of the table have these keys{tell}."
    figure = rows[0].get(column)
    if figure is None:
        return "", f"The table has no column '{column}'."
    if not _NUMBER.fullmatch(figure):
        return "", f"The cell holds no number but '{figure}'." if figure else "The cell is empty."
    return figure, ""


def _equal(found: str | None, wanted: object) -> bool:
    """Whether a cell holds what a claim wants there; 0.1 and 0.10 are the same number."""
    text = str(wanted)
    if found is None or found == text:
        return found == text
    return bool(_NUMBER.fullmatch(found) and _NUMBER.fullmatch(text)) and Decimal(found) == Decimal(text)


def _place(cell: Mapping[str, Any], name: str) -> str:
    """Write a cell as a researcher reads it: 'agreement.csv, pearson_r, domain tweets, measure vader'."""
    keys = [f"{key} {wanted}" for key, wanted in _keys(cell).items()]
    return ", ".join([f"{cell['table']}.csv", cell["column"] or name, *keys])


def _rows(file: Path) -> list[dict[str, str]]:
    try:
        text = file.read_text(encoding="utf-8")
        header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    except FileNotFoundError:
        problem = "There is no such table."
    except (UnicodeDecodeError, csv.Error) as error:
        problem = f"The table cannot be read ({error})."
    except ValueError:
        problem = "The table is empty."
    else:
        if all(len(row) == len(header) for row in rows):
            return [dict(zip(header, row, strict=True)) for row in rows]
        problem = "The table has rows of different lengths."
    raise StudyError(problem, file=file.as_posix(), hint="Delete it if it is there, and run Snakemake.")


def _claims(file: Path) -> list[dict[str, Any]]:
    """Read config/claims.yaml with a value for every key; Snakemake has checked it when it started."""
    from study.config import CLAIMS, schema, yaml_file
    from study.errors import raise_all

    document = yaml_file.read(file, CLAIMS)
    if document.value.get("claims", ()) is None:
        document.value["claims"] = []
    raise_all(schema.problems("claims", document))
    claims: list[dict[str, Any]] = schema.complete("claims", document.value)["claims"]
    return claims


def main(*, claims: list[Path], tables: list[Path], table_file: Path, copy_file: Path) -> None:
    """Judge the published figures; `claims` is config/claims.yaml, or nothing in a study without claims."""
    published = [claim for file in claims for claim in _claims(file)]
    rows = judge(published, {file.stem: _rows(file) for file in tables})
    for file in (table_file, copy_file):
        write(rows, file)


if __name__ == "__main__":
    from study.job import run

    run(main)
