"""Agreement of every measure with the criterion, and of single humans with each other, by domain.

The rows of humans stand beside those of machines because no measure can be expected to agree with the
criterion better than a human does (Krippendorff 2019; Hutto & Gilbert 2014, Table 4):

- `<criterion>_individual`: every rating against the mean of its unit's listed ratings, the own one included.
  This is the published reading, and it flatters.
- `<criterion>_leave_one_out`: every rating against the mean of the unit's *other* listed ratings.

The listed ratings and a published mean may differ (in Hutto & Gilbert's tweets they do for 196 texts):
machines are compared with the criterion, ratings with the means of the ratings that are listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from study.validity.bootstrap import Array
from study.validity.correlation import pearson, spearman
from study.validity.subsets import Subset, rater_scores, subsets
from study.validity.table import table, write_table

COLUMNS = [
    "construct", "domain", "subset", "measure", "criterion", "n",
    "pearson_r", "ci_low", "ci_high", "spearman_rho", "spearman_ci_low", "spearman_ci_high",
]  # fmt: skip
KEYS = ["construct", "domain", "subset", "measure"]


def agreement_table(
    measures: pd.DataFrame,
    ratings: pd.DataFrame,
    coders: Mapping[str, Mapping[str, str]],
    *,
    criterion: str | None,
    by: str | None = None,
    resamples: int = 2000,
    seed: int = 1,
) -> pd.DataFrame:
    """Correlate every measure with the criterion, with 95% intervals over units.

    Parameters
    ----------
    measures
        The wide table of measures.
    ratings
        The long table of human ratings: unit_id, construct, coder, value, status.
    coders, criterion, by
        See `subsets.subsets`.
    resamples, seed
        Of the bootstrap over units.

    Returns
    -------
    One row for each construct, domain, subset and measure; `n` counts units, never ratings.
    """
    rows: list[dict[str, object]] = []
    for subset in subsets(measures, coders, criterion=criterion, by=by):
        for measure, x, y, unit in _comparisons(subset, ratings):
            stream = f"{subset.name}/{measure}"
            options: dict[str, Any] = {"unit": unit, "resamples": resamples, "seed": seed, "name": stream}
            r, rho = pearson(x, y, **options), spearman(x, y, **options)
            found = [r.n, r.value, r.ci_low, r.ci_high, rho.value, rho.ci_low, rho.ci_high]
            key = {**subset.key, "measure": measure, "criterion": criterion}
            rows.append(key | dict(zip(COLUMNS[5:], found, strict=True)))
    return table(rows, COLUMNS, KEYS)


def _comparisons(
    subset: Subset, ratings: pd.DataFrame
) -> Iterator[tuple[str, pd.Series, pd.Series, Array | None]]:
    """Yield name, values, what they are compared with, and the unit of each pair (None: one pair a unit)."""
    for measure in subset.measures:
        yield measure, subset.scores(measure), subset.scores(subset.criterion), None
    humans = rater_scores(ratings, subset.construct, subset.criterion)
    humans = humans[humans["unit_id"].isin(subset.units["unit_id"])]
    if not humans.empty:
        unit = humans["unit_id"].to_numpy()
        yield f"{subset.criterion}_individual", humans["value"], humans["mean"], unit
        yield f"{subset.criterion}_leave_one_out", humans["value"], humans["others"], unit


def main(
    *,
    measures_file: Path,
    ratings_file: Path,
    table_file: Path,
    coders: dict[str, Any],
    compare: dict[str, Any],
) -> None:
    """Write the table of agreement.

    `coders` maps construct to coder to type; `compare` is that section of the configuration.
    """
    found = agreement_table(
        pd.read_parquet(measures_file),
        pd.read_parquet(ratings_file),
        coders,
        criterion=compare["criterion"],
        by=compare.get("by"),
        resamples=compare["bootstrap"],
        seed=compare["seed"],
    )
    write_table(found, table_file)


if __name__ == "__main__":
    from study.job import run

    run(main)
