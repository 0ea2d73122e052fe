"""Is the language model closer to the criterion than another measure is? Dependent correlations compared.

Two measures of the same units against the same criterion give two correlations that are themselves
correlated. Steiger (1980) recommends Williams's t for them. It assumes normal variables; the interval
beside it, a bootstrap over units, does not. p-values are corrected within the family that is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.validity.bootstrap import Array, unit_bootstrap
from study.validity.correlation import pearson_moments, pearson_of_moments
from study.validity.multiplicity import adjust
from study.validity.subsets import Subset, subsets
from study.validity.table import table, write_table

COLUMNS = [
    "construct", "domain", "subset", "criterion", "measure", "other", "n", "r_measure", "r_other",
    "difference", "ci_low", "ci_high", "statistic", "df", "p_value", "p_adjusted", "correction", "family",
]  # fmt: skip
KEYS = ["construct", "domain", "subset", "measure", "other"]
NAN = float("nan")


@dataclass(frozen=True)
class CorrelationComparison:
    """Two dependent correlations, their difference with its 95% interval, and Williams's t."""

    n: int
    r_measure: float
    r_other: float
    difference: float
    ci_low: float
    ci_high: float
    statistic: float
    df: int
    p_value: float


def williams_t(r_measure: float, r_other: float, r_between: float, n: int) -> tuple[float, float]:
    """Test whether two dependent, overlapping correlations are equal (Williams 1959; Steiger 1980).

    Parameters
    ----------
    r_measure, r_other
        Correlations of two measures with the same criterion.
    r_between
        Correlation of the two measures with each other.
    n
        Number of units.

    Returns
    -------
    t on n - 3 degrees of freedom, and its two-sided p-value; NaN with fewer than four units or where the two
    measures are the same up to scale.
    """
    if n < 4 or not np.isfinite([r_measure, r_other, r_between]).all() or r_between >= 1 - 1e-12:
        return NAN, NAN
    determinant = 1 - r_measure**2 - r_other**2 - r_between**2 + 2 * r_measure * r_other * r_between
    mean = (r_measure + r_other) / 2
    spread = 2 * (n - 1) / (n - 3) * max(determinant, 0) + mean**2 * (1 - r_between) ** 3
    if spread <= 0:
        return NAN, NAN
    from scipy.special import stdtr

    t = (r_measure - r_other) * np.sqrt((n - 1) * (1 + r_between) / spread)
    return float(t), float(2 * stdtr(n - 3, -abs(t)))


def compare_correlations(
    measure: Array | pd.Series,
    other: Array | pd.Series,
    criterion: Array | pd.Series,
    *,
    resamples: int = 2000,
    seed: int = 1,
    name: str = "comparison",
) -> CorrelationComparison:
    """Compare r(measure, criterion) with r(other, criterion) on the units that have all three.

    Parameters
    ----------
    measure, other, criterion
        Scores, one a unit.
    resamples, seed, name
        Of the percentile interval of the difference, see `bootstrap.unit_bootstrap`.
    """
    scores = np.column_stack([np.asarray(column, dtype=float) for column in (measure, other, criterion)])
    x, z, y = scores[np.isfinite(scores).all(axis=1)].T
    per_unit = np.hstack([pearson_moments(x, y), pearson_moments(z, y), pearson_moments(x, z)])
    if not x.size:
        return CorrelationComparison(0, NAN, NAN, NAN, NAN, NAN, NAN, 0, NAN)
    sums_of_all = per_unit.sum(axis=0).reshape(3, 6)
    r_x, r_z, r_xz = (float(r) for r in pearson_of_moments(sums_of_all))

    def difference(counts: Array) -> Array:
        sums = counts @ per_unit[:, :12]
        return pearson_of_moments(sums[:, :6]) - pearson_of_moments(sums[:, 6:])

    found = unit_bootstrap(difference, x.size, resamples=resamples, seed=seed, name=name)
    t, p = williams_t(r_x, r_z, r_xz, x.size)
    return CorrelationComparison(
        x.size, r_x, r_z, found.value, found.ci_low, found.ci_high, t, max(x.size - 3, 0), p
    )


def comparison_table(
    measures: pd.DataFrame,
    coders: Mapping[str, Mapping[str, str]],
    *,
    criterion: str | None,
    by: str | None = None,
    resamples: int = 2000,
    seed: int = 1,
    correction: str = "holm",
) -> pd.DataFrame:
    """Compare every language model with every dictionary and classifier, by domain.

    A family is all comparisons of one construct on one subset, the pooled domain included.

    Parameters
    ----------
    measures, coders, criterion, by
        See `subsets.subsets`.
    resamples, seed
        Of the bootstrap over units.
    correction
        See `multiplicity.adjust`.
    """
    rows: list[dict[str, object]] = []
    for subset in subsets(measures, coders, criterion=criterion, by=by):
        for measure, other in _opponents(subset, coders[subset.construct]):
            found = compare_correlations(
                subset.scores(measure),
                subset.scores(other),
                subset.scores(subset.criterion),
                resamples=resamples,
                seed=seed,
                name=f"{subset.name}/{measure}/{other}",
            )
            key = {**subset.key, "criterion": subset.criterion, "measure": measure, "other": other}
            rows.append(key | vars(found))
    compared = table(rows, COLUMNS, KEYS)
    compared["correction"] = correction
    compared["family"] = compared["family"].astype(object)
    for (construct, subset_name), family in compared.groupby(["construct", "subset"]):
        compared.loc[family.index, "p_adjusted"] = adjust(family["p_value"].to_numpy(dtype=float), correction)
        compared.loc[family.index, "family"] = (
            f"{construct}, subset {subset_name}: {', '.join(sorted(set(family['measure'])))} against "
            f"{', '.join(sorted(set(family['other'])))} in {', '.join(sorted(set(family['domain'])))} "
            f"({family['p_value'].notna().sum()} tests)"
        )
    return compared


def _opponents(subset: Subset, types: Mapping[str, str]) -> list[tuple[str, str]]:
    models = [m for m in subset.measures if types[m] == "llm"]
    others = [m for m in subset.measures if types[m] not in ("llm", "human")]
    return [(model, other) for model in models for other in others]


def main(*, measures_file: Path, table_file: Path, coders: dict[str, Any], compare: dict[str, Any]) -> None:
    """Write the table of comparisons.

    `coders` maps construct to coder to type; `compare` is that section of the configuration.
    """
    found = comparison_table(
        pd.read_parquet(measures_file),
        coders,
        criterion=compare["criterion"],
        by=compare.get("by"),
        resamples=compare["bootstrap"],
        seed=compare["seed"],
        correction=compare["correction"],
    )
    write_table(found, table_file)


if __name__ == "__main__":
    from study.job import run

    run(main)
