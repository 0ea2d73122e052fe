"""Part 14, table 4: what was published, what is obtained here, and the verdict."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from study.claims import (
    AS_PRINTED,
    NOT_ATTEMPTED,
    NOT_REPRODUCED,
    REPRODUCED,
    VERDICTS,
    Judged,
    by_statement,
    summary,
)
from study.report import words
from study.report.blocks import Block, Cell, Heading, Mark, Missing, Page, Table, Text
from study.report.material import Material

_NAMES = {
    "pearson_r": "r",
    "spearman_rho": "rho",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "accuracy": "accuracy",
    "alpha": "Krippendorff's alpha",
}
"""Figures that cannot pass 1, as they are printed."""
KINDS = {REPRODUCED: "good", NOT_REPRODUCED: "bad", NOT_ATTEMPTED: "open"}


def page(material: Material) -> Page:
    """Show counts first, then figures that do not reproduce, then all of them."""
    rows = judged(material)
    if not rows:
        why = "config/claims.yaml names no published figure."
        return Page(
            14, "Claims", "The study has no published figures to reproduce.", [Missing("Claims", why)]
        )
    blocks: list[Block] = [_counts(rows), Heading("What does not reproduce")]
    bad = [row for row in rows if row.verdict == NOT_REPRODUCED and row.reading == AS_PRINTED]
    blocks.append(
        _figures("Figures that do not reproduce, as printed", bad)
        if bad
        else Text("Every attempted figure reproduces.")
    )
    blocks += _readings(rows)
    tried = [row for row in rows if row.verdict != NOT_ATTEMPTED and row.reading == AS_PRINTED]
    if tried:
        blocks += [
            Heading("All figures that were attempted"),
            _figures("Table 4. Published and obtained", tried),
        ]
    blocks += _not_attempted(rows)
    return Page(14, "Claims", _point(rows), blocks)


def judged(material: Material) -> list[Judged]:
    """Return the rows of the table of claims."""
    return [
        Judged(**{str(key): value for key, value in row.items()})
        for row in material.tables["claims"].to_dict("records")
    ]


def _point(rows: Sequence[Judged]) -> str:
    counts = summary(rows)
    printed = counts.pop(AS_PRINTED)
    figures = words.plural(sum(printed.values()), "published figure")
    text = f"of {figures}, {_tried(printed)}"
    for reading, found in counts.items():
        text += f"; in another reading ({reading.rstrip('.')}), {_tried(found)}"
    return words.sentence(text)


def _tried(found: Mapping[str, int]) -> str:
    good, tried = found[REPRODUCED], found[REPRODUCED] + found[NOT_REPRODUCED]
    verb = "is" if tried == 1 else "are"
    return (
        f"{words.count(tried)} {verb} compared and {words.count(good)} of these"
        f" {'reproduces' if good == 1 else 'reproduce'}"
    )


def _counts(rows: Sequence[Judged]) -> Table:
    body = [
        [reading or "as printed", *(words.count(found[verdict]) for verdict in VERDICTS)]
        for reading, found in summary(rows).items()
    ]
    note = (
        "A figure reproduces when it differs by half a unit of its last printed digit at most, unless a"
        " tolerance of its own is given with the reason."
    )
    return Table.of(
        "Verdicts", ["Reading of the source", *(v.capitalize() for v in VERDICTS)], body, "lrrr", note
    )


def _readings(rows: Sequence[Judged]) -> list[Block]:
    """Show both readings side by side where a source can be read in two ways."""
    blocks: list[Block] = []
    for reading in [name for name in summary(rows) if name != AS_PRINTED]:
        claims = {row.claim for row in rows if row.reading == reading}
        pairs = [row for row in rows if row.claim in claims and row.reading in (AS_PRINTED, reading)]
        printed = [row for row in pairs if row.reading == AS_PRINTED and row.verdict == REPRODUCED]
        other = [row for row in pairs if row.reading == reading and row.verdict == REPRODUCED]
        blocks += [
            Heading("Both readings of the source"),
            Text(words.sentence(reading)),
            Text(
                f"Of the {words.plural(len(claims), 'figure')} concerned, {words.count(len(printed))}"
                f" reproduce as printed and {words.count(len(other))} in this reading. Both are shown;"
                " neither replaces the other."
            ),
            _both(pairs, reading),
        ]
    return blocks


def _both(rows: Sequence[Judged], reading: str) -> Table:
    groups: list[tuple[str, list[list[Cell]]]] = []
    for (source, statement), found in by_statement(rows).items():
        body: list[list[Cell]] = []
        for claim in dict.fromkeys(row.claim for row in found):
            first = next((row for row in found if row.claim == claim and row.reading == AS_PRINTED), None)
            second = next(row for row in found if row.claim == claim and row.reading == reading)
            body.append(
                [
                    _value(claim),
                    _printed(second),
                    *([_obtained(first), _mark(first)] if first else [words.MISSING, words.MISSING]),
                    _obtained(second),
                    _mark(second),
                    second.where or second.reason,
                ]
            )
        groups.append((f"{statement} ({source})", body))
    columns = [
        "Figure",
        "Published",
        "As printed",
        "Verdict",
        "Other reading",
        "Verdict",
        "Compared with, or why not",
    ]
    return Table("Both readings, figure by figure", columns, groups, "lrrlrll")


def _figures(caption: str, rows: Sequence[Judged]) -> Table:
    groups: list[tuple[str, list[list[Cell]]]] = []
    for (source, statement), found in by_statement(rows).items():
        body: list[list[Cell]] = []
        said = ""
        for row in found:
            # A remark that holds for several figures is printed once.
            remark, said = ("" if row.reason == said else row.reason), row.reason
            tolerance = _field(row, row.tolerance)
            body.append([_value(row.claim), _printed(row), _obtained(row), tolerance, _mark(row), remark])
        groups.append((f"{statement} ({source})", body))
    columns = ["Figure", "Published", "Obtained", "Tolerance", "Verdict", "Remark"]
    return Table(caption, columns, groups, "lrrrll")


def _not_attempted(rows: Sequence[Judged]) -> list[Block]:
    left = [row for row in rows if row.verdict == NOT_ATTEMPTED and row.reading == AS_PRINTED]
    if not left:
        return []
    body = [
        [
            f"{statement} ({source})",
            ", ".join(f"{_value(row.claim)} {_printed(row)}" for row in found),
            words.listed(list(dict.fromkeys(row.reason for row in found if row.reason))),
        ]
        for (source, statement), found in by_statement(left).items()
    ]
    return [
        Heading("Not attempted"),
        Table.of("Published figures that are not computed here", ["What", "Published", "Why"], body, "lll"),
    ]


def _value(claim: str) -> str:
    name = claim.rpartition("/")[2]
    return _NAMES.get(name, name)


def _mark(row: Judged) -> Mark:
    return Mark(row.verdict, KINDS.get(row.verdict, "open"))


def _printed(row: Judged) -> str:
    """Return a figure as it was printed; a correlation or share without its leading zero."""
    return _field(row, row.published.replace("-", words.MINUS))


def _obtained(row: Judged) -> str:
    """Return the study's figure with one digit more than was printed."""
    try:
        value = float(row.reproduced)
    except ValueError:
        return words.MISSING
    return _field(row, words.number(value, len(row.published.partition(".")[2]) + 1))


def _field(row: Judged, text: str) -> str:
    bounded = row.claim.rpartition("/")[2] in _NAMES
    return re.sub(r"^(\W?)0\.", r"\1.", text) if bounded else text
