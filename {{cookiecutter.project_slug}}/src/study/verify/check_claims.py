"""Check 1: published figures against the tables, by the tolerance of each."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from typing import Any

from study.claims import AS_PRINTED, NOT_ATTEMPTED, REPRODUCED, Judged, judge, tables_of
from study.report.words import count, listed, plural
from study.verify.subject import Subject
from study.verify.verdicts import FAILED, NOT_APPLICABLE, NOTE, PASSED, Check, Item, judged


def check_claims(study: Subject) -> Check:
    """Judge every published figure by the tables that were computed again, or else by the recorded ones."""
    claims = study.config["claims"]
    if not claims:
        return Check(NOT_APPLICABLE, "config/claims.yaml names no published figure.")
    tables, lost = {}, []
    for name in tables_of(claims):
        file = study.table(f"results/tables/{name}.csv")
        if file is None:
            lost.append(name)
            continue
        with file.open(encoding="utf-8", newline="") as stream:
            tables[name] = list(csv.DictReader(stream))
    if lost:
        items = [Item(f"results/tables/{name}.csv", FAILED, "There is no such table.") for name in lost]
        return judged(items, f"Tables that figures are compared with are not there: {listed(lost)}.")
    by_id = {claim["id"]: claim for claim in claims}
    rows = judge(claims, tables)
    items = [_item(row, by_id[row.claim.rpartition("/")[0]]) for row in rows]
    return judged(items, _reason(rows, items))


def _item(row: Judged, claim: Mapping[str, Any]) -> Item:
    figures = {"Published": row.published, "Here": row.reproduced, "Tolerance": row.tolerance}
    said = row.reason
    if row.reading != AS_PRINTED:
        what = f"{row.claim}, in another reading"
        said = " ".join(f"{part.rstrip('.')}." for part in (row.reading, row.reason) if part)
        verdict = {REPRODUCED: PASSED, NOT_ATTEMPTED: NOT_APPLICABLE}.get(row.verdict, NOTE)
    else:
        what = row.claim
        verdict = {REPRODUCED: PASSED, NOT_ATTEMPTED: NOT_APPLICABLE}.get(row.verdict, FAILED)
        if verdict == FAILED and _excused(row, claim):
            verdict = NOTE
    return Item(what, verdict, said, figures)


def _excused(row: Judged, claim: Mapping[str, Any]) -> bool:
    """Whether a written reason says that a figure does not reproduce.

    The reason of a claim with a tolerance of its own is about the tolerance, and a cell that is not there is
    no figure.
    """
    return row.reproduced != "" and claim["tolerance"] is None and bool(claim["reason"])


def _reason(rows: list[Judged], items: list[Item]) -> str:
    printed = [
        item.verdict
        for row, item in zip(rows, items, strict=True)
        if row.reading == AS_PRINTED and item.verdict != NOT_APPLICABLE
    ]
    if not printed:
        return "No published figure is compared with the study's own."
    found = Counter(printed)
    said = f"Within the tolerance: {count(found[PASSED])} of {plural(len(printed), 'published figure')}"
    if found[NOTE]:
        said += f"; out of it, for a written reason: {count(found[NOTE])}"
    if found[FAILED]:
        said += f"; out of it, without a reason: {count(found[FAILED])}"
    return f"{said}."
