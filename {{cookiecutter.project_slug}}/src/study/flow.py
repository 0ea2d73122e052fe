"""What became of the texts, step by step: nothing is left out without a line that says so."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd


class Flow:
    """A table of steps: how many texts or codes, of which group, and what a reader should know about them."""

    def __init__(self) -> None:
        """Begin without steps."""
        self._rows: list[dict[str, object]] = []

    def add(self, step: str, group: str, n: int, note: str = "") -> None:
        """Append a line."""
        self._rows.append({"step": step, "group": group, "n": n, "note": note})

    def frame(self) -> pd.DataFrame:
        """Return the columns step, group, n, note."""
        return pd.DataFrame(self._rows, columns=["step", "group", "n", "note"])

    def write(self, path: Path) -> None:
        """Write the table as CSV."""
        self.frame().to_csv(path, index=False, lineterminator="\n")


def examples(names: Iterable[object], most: int = 5) -> str:
    """Return the first few names in a sentence's form: 'a, b and 7 more'."""
    listed = [str(name) for name in names]
    shown = ", ".join(listed[:most])
    return f"{shown} and {len(listed) - most} more" if len(listed) > most else shown
