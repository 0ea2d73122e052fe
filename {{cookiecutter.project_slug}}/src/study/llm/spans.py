"""Where a passage stands in a text."""

from __future__ import annotations

import re
from collections.abc import Sequence


def located(written: str, text: str, taken: Sequence[Sequence[int]]) -> list[int] | None:
    """Return where a passage stands: its first place that no earlier passage has, or None."""
    passage = written.strip()
    at = text.find(passage) if passage else -1
    while at >= 0:
        if all(at >= end or at + len(passage) <= start for start, end in taken):
            return [at, at + len(passage)]
        at = text.find(passage, at + 1)
    return None


def located_nearly(written: str, text: str, taken: Sequence[Sequence[int]]) -> list[int] | None:
    """Return where a passage stands; any white space may stand for any other."""
    exact = located(written, text, taken)
    if exact is not None or not written.strip():
        return exact
    pattern = r"\s+".join(map(re.escape, written.split()))
    for match in re.finditer(pattern, text):
        if all(match.start() >= end or match.end() <= start for start, end in taken):
            return [match.start(), match.end()]
    return None
