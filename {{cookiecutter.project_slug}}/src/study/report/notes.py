"""Notes of tables: why a figure is not there is said once, below the table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from study.report import words


def left_out(rows: pd.DataFrame, name: Callable[[pd.Series], str]) -> str:
    """Say what has no figure, and why.

    Parameters
    ----------
    rows
        The rows of a table that are not shown, with their `note`.
    name
        How a row is called.

    Returns
    -------
    'Without a figure: Fleiss' kappa (raters are not identified).' Empty without rows. Rows that are called
    alike and have the same note are named once.
    """
    reasons: dict[str, list[str]] = {}
    for _, row in rows.iterrows():
        reasons.setdefault(row["note"] or "no reason is given", []).append(name(row))
    said = [f"{words.listed(list(dict.fromkeys(each)))} ({reason})" for reason, each in reasons.items()]
    return f"Without a figure: {'; '.join(said)}." if said else ""


def why_none(rows: pd.DataFrame, name: Callable[[pd.Series], str]) -> str:
    """Say why none of the rows has a figure: the one reason, or which has which.

    Parameters
    ----------
    rows, name
        As `left_out` takes them.
    """
    reasons = set(rows["note"])
    return words.sentence(reasons.pop()) if len(reasons) == 1 and "" not in reasons else left_out(rows, name)


def joined(sentences: Sequence[str]) -> str:
    """Return sentences as one note; empty ones are left out."""
    return " ".join(sentence for sentence in sentences if sentence)
