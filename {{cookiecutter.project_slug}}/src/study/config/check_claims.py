"""Published figures: each says where it is printed, and with which cell of which table it is compared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from study.config.document import Document, KeyPath
from study.config.names import ANALYSIS_TABLE, FIXED_TABLES, levels, rows_of_raters
from study.errors import StudyError

SUBSETS = ("all", "sample")


def check_claims(
    document: Document, claims: list[dict[str, Any]], config: dict[str, Any]
) -> Iterator[StudyError]:
    """Yield what is wrong with the claims.

    Parameters
    ----------
    document
        config/claims.yaml.
    claims
        Its claims with defaults.
    config
        The study with defaults and its codebooks.
    """
    first: dict[str, int] = {}
    for i, claim in enumerate(claims):
        place = ("claims", i)
        if first.setdefault(claim["id"], i) != i:
            yield document.error(
                (*place, "id"),
                f"Claim {first[claim['id']] + 1} has the same id.",
                found=claim["id"],
                hint="Ids are unique.",
            )
        if claim["attempt"]:
            yield from _cells(
                document, (*place, "where"), claim["where"], claim["values"], config, complete=True
            )
        elif not (claim["reason"] or "").strip():
            yield document.error(
                (*place, "reason"),
                "A claim that is not attempted needs the reason.",
                hint="Write, say, reason: licensed lexicon.",
            )
        if claim["tolerance"] is not None:
            yield from _tolerance(document, place, claim)
        if claim["alternative"] is not None:
            where = claim["alternative"]["where"]
            if not where and not (claim["alternative"]["reason"] or "").strip():
                yield document.error(
                    (*place, "alternative"),
                    "Nothing is compared in this reading.",
                    hint="Name cells with the key 'where', or say with 'reason' why there are none.",
                )
            yield from _cells(
                document, (*place, "alternative", "where"), where, claim["values"], config, complete=False
            )


def _tolerance(document: Document, place: KeyPath, claim: dict[str, Any]) -> Iterator[StudyError]:
    for value in claim["tolerance"]:
        if value not in claim["values"]:
            yield document.error(
                (*place, "tolerance"), "The claim has no such value.", found=value, allowed=claim["values"]
            )
    if not (claim["reason"] or "").strip():
        yield document.error(
            (*place, "reason"),
            "A tolerance of your own needs the reason.",
            hint="Write why the figure may be off by so much.",
        )


def _cells(
    document: Document,
    place: KeyPath,
    where: dict[str, Any],
    values: dict[str, str],
    config: dict[str, Any],
    *,
    complete: bool,
) -> Iterator[StudyError]:
    for value in where:
        if value not in values:
            yield document.error((*place, value), "The claim has no such value.", found=value, allowed=values)
    for value in values:
        if value not in where and complete:
            yield document.error(
                (*place, value),
                f"Nothing says with what '{value}' is compared.",
                hint="Add it to 'where', or set attempt to false with a reason.",
            )
    for value, cell in where.items():
        yield from _cell(document, (*place, value), value, cell, config)


def _cell(
    document: Document, place: KeyPath, value: str, cell: dict[str, Any], config: dict[str, Any]
) -> Iterator[StudyError]:
    tables = {name: columns for name, columns in FIXED_TABLES.items() if name != "claims"}
    tables |= dict.fromkeys(config["analyses"], ANALYSIS_TABLE)
    table = cell["table"]
    if table not in tables:
        yield document.error((*place, "table"), "There is no such table.", found=table, allowed=tables)
        return
    columns = tables[table]
    column = cell["column"] or value
    if column not in columns:
        yield document.error(
            (*place, "column") if cell["column"] else place,
            f"The table '{table}' has no such column.",
            found=column,
            allowed=columns,
            hint=None
            if cell["column"]
            else "Name the column with the key 'column' when the value is called otherwise.",
        )
    coders = [*config["coders"], *rows_of_raters(config)]
    domain = config["compare"]["by"]
    domains = levels(config, domain) if domain else []
    allowed: dict[str, Any] = {
        "construct": list(config["codebooks"]),
        "subset": SUBSETS,
        "measure": coders,
        "other": coders,
        "criterion": coders,
        "domain": None if domains is None else [*domains, "all"],
    }
    for key, wanted in cell.items():
        if key in ("table", "column"):
            continue
        if key not in columns:
            yield document.error(
                (*place, key), f"The table '{table}' has no such column.", found=key, allowed=columns
            )
        elif allowed.get(key) is not None and str(wanted) not in allowed[key]:
            yield document.error(
                (*place, key), "No row of the table has this value.", found=wanted, allowed=allowed[key]
            )
