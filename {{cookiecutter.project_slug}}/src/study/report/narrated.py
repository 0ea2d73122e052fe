"""The paragraph about a table, from narrative.csv, and who chose its words."""

from __future__ import annotations

from study.report.blocks import Block, Note, Text
from study.report.material import Material

FIXED = "These are fixed sentences, filled from the table."
CHOSEN = (
    "A language model chose the wording among sentences of equal meaning; figures, directions and"
    " reservations are the table's."
)
PARTLY = (
    "A language model chose the wording of some of these sentences among others of equal meaning; figures,"
    " directions and reservations are the table's."
)


def blocks(material: Material, table: str, construct: str = "") -> list[Block]:
    """Return the paragraph about a table (of agreement: about one construct) and a line on its wording.

    Nothing where nothing is said about it.
    """
    rows = material.tables.get("narrative")
    if rows is None:
        return []
    rows = rows[(rows["table"] == table) & (rows["construct"] == construct)]
    if rows.empty:
        return []
    chosen = set(rows["wording"])
    line = CHOSEN if chosen == {"model"} else FIXED if chosen == {"fixed"} else PARTLY
    return [Text(" ".join(rows["sentence"])), Note(line)]
