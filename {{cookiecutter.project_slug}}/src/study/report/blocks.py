"""What pages are made of. Pages hold text only; the one template that renders them escapes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Mark:
    """A word in a table that the eye should find: `kind` is 'good', 'bad', 'open' or, unjudged, 'plain'."""

    text: str
    kind: str


Cell = str | Mark


@dataclass(frozen=True)
class Heading:
    """A section's title."""

    text: str
    block: str = "heading"


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    block: str = "text"


@dataclass(frozen=True)
class Note:
    """A line in small type about what stands above it."""

    text: str
    block: str = "note"


@dataclass(frozen=True)
class Notice:
    """What a reader must not overlook."""

    title: str
    text: str
    block: str = "notice"


@dataclass(frozen=True)
class Items:
    """A list of sentences."""

    items: Sequence[str]
    block: str = "items"


@dataclass(frozen=True)
class Pairs:
    """Facts: what, and its value."""

    pairs: Sequence[tuple[str, str]]
    block: str = "pairs"


@dataclass(frozen=True)
class Verbatim:
    """Text exactly as it was used, in pieces: (kind, text), kind 'plain', 'token' or 'slot'."""

    caption: str
    pieces: Sequence[tuple[str, str]]
    block: str = "verbatim"


@dataclass(frozen=True)
class Figure:
    """A picture, embedded.

    Attributes
    ----------
    png
        The file's content.
    """

    caption: str
    png: bytes
    block: str = "figure"


@dataclass(frozen=True)
class Missing:
    """What is not there, and why."""

    what: str
    why: str
    block: str = "missing"


@dataclass(frozen=True)
class Table:
    """A table with a caption above and a note below.

    Attributes
    ----------
    columns
        Their titles.
    groups
        Rows under a title each; a group without title has none.
    align
        A letter a column, 'l' for text and 'r' for numbers.
    """

    caption: str
    columns: Sequence[str]
    groups: Sequence[tuple[str, Sequence[Sequence[Cell]]]]
    align: str
    note: str = ""
    block: str = "table"

    @classmethod
    def of(
        cls, caption: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], align: str, note: str = ""
    ) -> Table:
        """Return a table whose rows stand in one group."""
        return cls(caption, columns, [("", rows)], align, note)


Block = Heading | Text | Note | Notice | Items | Pairs | Verbatim | Figure | Missing | Table


@dataclass(frozen=True)
class Page:
    """One part of the report.

    Attributes
    ----------
    number, title
        As in the report's table of contents.
    point
        What the page shows, in one plain sentence that is computed from the tables.
    blocks
        What shows it.
    """

    number: int
    title: str
    point: str
    blocks: Sequence[Block]
