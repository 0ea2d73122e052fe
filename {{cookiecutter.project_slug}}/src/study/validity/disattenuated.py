"""Correlations with the criterion, corrected for the criterion's unreliability (Spearman 1904), as a table.

The criterion is a mean of several ratings, so its reliability is that of the mean, ICC(1,k), and not that of
a single rating. It is taken as known: the interval is that of the correlation, divided by the same root.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from study.validity.attenuation import disattenuate
from study.validity.table import table

COLUMNS = [
    "construct", "domain", "subset", "measure", "criterion", "n", "pearson_r", "ci_low", "ci_high",
    "reliability", "reliability_statistic", "corrected_r", "corrected_ci_low", "corrected_ci_high", "note",
]  # fmt: skip
KEYS = ["construct", "domain", "subset", "measure"]
STATISTIC = "icc1k"
CORRECTED = {"corrected_r": "pearson_r", "corrected_ci_low": "ci_low", "corrected_ci_high": "ci_high"}


def disattenuated_table(
    agreement: pd.DataFrame,
    reliability: pd.DataFrame,
    coders: Mapping[str, Mapping[str, str]],
    scores: Mapping[str, object] | None = None,
) -> pd.DataFrame:
    """Correct the correlations of `agreement.csv` with the reliabilities of `reliability.csv`.

    Parameters
    ----------
    agreement, reliability
        The two tables.
    coders
        construct -> coder -> type; single ratings, which are no coder, have no row.
    scores
        Human coder -> how its score is made of ratings: 'mean', 'median', 'majority', 'adjudicated', or
        {'column': ...} of published values. Others than a mean (and published values, which are taken for
        means) are not corrected, because ICC(1,k) is the reliability of a mean. Without it all are means.

    Returns
    -------
    One row for each row of agreement that is a coder's.
    """
    means = reliability[reliability["statistic"] == STATISTIC]
    known = means.set_index(["construct", "domain", "subset", "raters"])["estimate"].to_dict()
    rows: list[dict[str, object]] = []
    for row in agreement.to_dict("records"):
        construct, criterion = str(row["construct"]), str(row["criterion"])
        if row["measure"] not in coders.get(construct, {}):
            continue
        found = known.get((construct, row["domain"], row["subset"], criterion))
        rule = (scores or {}).get(criterion, "mean")
        kept = {column: row[column] for column in [*KEYS, "criterion", "n", "pearson_r", "ci_low", "ci_high"]}
        note = _why(coders[construct].get(criterion), rule, found, row["pearson_r"])
        if note:
            rows.append(kept | {"note": note})
            continue
        assert found is not None
        corrected = {new: disattenuate(float(row[old]), 1, found) for new, old in CORRECTED.items()}
        said = "above 1: chance, or errors that are not independent" if corrected["corrected_r"] > 1 else ""
        known_as = {"reliability": found, "reliability_statistic": STATISTIC}
        rows.append(kept | known_as | corrected | {"note": said})
    return table(rows, COLUMNS, KEYS)


def _why(kind: str | None, rule: object, found: float | None, r: float) -> str:
    """Say why a correlation cannot be corrected; '' when it can."""
    if kind != "human":
        return "the criterion is no human coder, so its reliability is not known"
    if isinstance(rule, str) and rule != "mean":
        return f"the criterion's score is not a mean ({rule}), and ICC(1,k) is the reliability of a mean"
    if found is None:
        return "the criterion's labels have no mean, and so no reliability of a mean"
    if pd.isna(found):
        return "the criterion's reliability is not known: no text has two ratings, or they do not vary"
    if found <= 0:
        return f"the criterion's reliability is not above zero ({found:.2f})"
    return "there is no correlation to correct" if pd.isna(r) else ""
