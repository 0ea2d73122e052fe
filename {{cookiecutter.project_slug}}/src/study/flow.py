"""What became of the texts, step by step: nothing is left out without a line that says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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


def whole(
    flows: Sequence[pd.DataFrame], sample: pd.DataFrame, codings: Sequence[pd.DataFrame]
) -> pd.DataFrame:
    """Put the steps of a study together: what was read and left out, drawn, and coded with which status.

    Parameters
    ----------
    flows
        Tables of steps, in the order of the study.
    sample
        unit_id and stratum of the drawn texts.
    codings
        Tables of codings: coder, construct, status.
    """
    last = Flow()
    for stratum, n in sample["stratum"].value_counts(sort=False).sort_index().items():
        last.add("sample", str(stratum), int(n))
    for table in codings:
        for (coder, construct), rows in table.groupby(["coder", "construct"], observed=True):
            for status, n in rows["status"].value_counts(sort=False).sort_index().items():
                last.add(f"coded: {status}", f"{coder} {construct}", int(n))
    return pd.concat([*flows, last.frame()], ignore_index=True)


def main(*, flows: list[Path], sample: Path, codings: list[Path], table: Path) -> None:
    """Write the table of all steps."""
    words = {"step": str, "group": str, "note": str}
    found = whole(
        [pd.read_csv(path, dtype=words, keep_default_na=False) for path in flows],
        pd.read_csv(sample, dtype=str, keep_default_na=False),
        [pd.read_parquet(path, columns=["coder", "construct", "status"]) for path in codings],
    )
    found.to_csv(table, index=False, lineterminator="\n")


if __name__ == "__main__":
    from study.job import run

    run(main)
