"""What a check says: its verdict, why, and what it found of every thing that it looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from study.report.words import count, listed, plural

PASSED, FAILED, NOT_APPLICABLE = "passed", "failed", "not applicable"
NOTE = "note"
"""What a reader should know and is no fault."""

SHOWN = 3
"""Names that are spelt out in a sentence."""


@dataclass(frozen=True)
class Item:
    """One thing that a check looked at.

    Attributes
    ----------
    what
        Its name: a file, a claim.
    verdict
        PASSED, FAILED, NOT_APPLICABLE or NOTE.
    said
        What was found, a sentence; may be empty where all is well.
    figures
        {title of a column: figure}.
    """

    what: str
    verdict: str
    said: str = ""
    figures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """The answer to one question about the study.

    Attributes
    ----------
    verdict
        PASSED, FAILED or NOT_APPLICABLE.
    reason
        The verdict's, a sentence or two.
    items
        What was looked at, faults first.
    """

    verdict: str
    reason: str
    items: Sequence[Item] = ()


def judged(items: Sequence[Item], reason: str) -> Check:
    """Return a check that has looked at `items`: one fault is one too many."""
    found = {item.verdict for item in items}
    verdict = FAILED if FAILED in found else PASSED if found & {PASSED, NOTE} else NOT_APPLICABLE
    order = (FAILED, NOTE, PASSED, NOT_APPLICABLE)
    return Check(verdict, reason, sorted(items, key=lambda item: order.index(item.verdict)))


def overall(checks: Iterable[Check]) -> str:
    """Return the verdict on the study: passed when no check has failed."""
    return FAILED if any(check.verdict == FAILED for check in checks) else PASSED


def faults(items: Iterable[Item]) -> list[Item]:
    """Return the items that have failed."""
    return [item for item in items if item.verdict == FAILED]


def some(names: Sequence[str]) -> str:
    """Return names as in a sentence, the first few and how many more."""
    if len(names) > SHOWN:
        return listed([*names[:SHOWN], f"{count(len(names) - SHOWN)} more"])
    return listed(names)


def of_files(what: str, names: Sequence[str], whole: int) -> str:
    """Return 'Not on disk: 2 of 10 files, a and b.'; nothing where there are none."""
    return f"{what}: {count(len(names))} of {plural(whole, 'file')}, {some(names)}." if names else ""
