"""How well *one* code agrees with the criterion, where a coder coded the texts several times.

A measure is the mean over a coder's repeats (runs of a classifier, draws of a language model, positions of
crowd workers), and a mean of several codes agrees better than one of them. Published tables often have the
other figure, the mean over runs of each run's own agreement: this is it, with the lowest and the highest run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.validity.bootstrap import Array
from study.validity.classification import criterion_classes, sign_class
from study.validity.rating_codes import label_codes
from study.validity.reliability import krippendorff_alpha
from study.validity.subsets import Subset, subsets
from study.validity.table import table, write_table

COLUMNS = [
    "construct", "domain", "subset", "measure", "criterion", "statistic", "level", "n_repeats", "n",
    "estimate", "lowest", "highest", "note",
]  # fmt: skip
KEYS = ["construct", "domain", "subset", "measure", "statistic", "level"]


def repeated_codes_table(
    measures: pd.DataFrame,
    codings: pd.DataFrame,
    coders: Mapping[str, Mapping[str, str]],
    codebooks: Mapping[str, Mapping[str, Any]],
    *,
    criterion: str | None,
    by: str | None = None,
    thresholds: Sequence[float] = (0, 0),
) -> pd.DataFrame:
    """Tabulate the mean over repeats of each repeat's agreement with the criterion.

    Parameters
    ----------
    measures, coders, criterion, by
        See `subsets.subsets`.
    codings
        unit_id, construct, coder, repeat, status, label, score of the coders with several codes a unit.
    codebooks
        construct -> {'level': ..., 'values': {label: value}, 'classes': whether scores have classes}.
    thresholds
        See `classification.sign_class`.

    Returns
    -------
    One row for each construct, domain, subset, coder with at least two repeats, and statistic: 'accuracy' (as
    in the table of classification), 'krippendorff_alpha' (at the construct's level; of labels, unless the
    level is interval) and 'pearson_r' (of scores). `n` is the mean number of units in a repeat; `lowest` and
    `highest` are those of the repeats.
    """
    rows: list[dict[str, object]] = []
    usable = codings[codings["status"] == "ok"]
    for subset in subsets(measures, coders, criterion=criterion, by=by):
        book = codebooks[subset.construct]
        for coder in subset.measures:
            own = usable[(usable["construct"] == subset.construct) & (usable["coder"] == coder)]
            if own["repeat"].nunique() > 1:
                key = {**subset.key, "measure": coder, "criterion": subset.criterion}
                rows += [key | row for row in _rows(subset, own, book, thresholds)]
    return table(rows, COLUMNS, KEYS)


def _rows(
    subset: Subset, own: pd.DataFrame, book: Mapping[str, Any], thresholds: Sequence[float]
) -> Iterator[dict[str, object]]:
    repeats = [
        subset.units.merge(one[["unit_id", "label", "score"]], on="unit_id")
        for _, one in own.groupby("repeat", sort=True)
    ]
    repeats = [units for units in repeats if len(units)]
    if not repeats:
        return
    level = book["level"]
    if book.get("classes", True):
        yield _row("accuracy", "nominal", repeats, [_accuracy(subset, u, level, thresholds) for u in repeats])
    yield _row("krippendorff_alpha", level, repeats, [_alpha(subset, units, book) for units in repeats])
    if level != "nominal":
        yield _row("pearson_r", "interval", repeats, [_correlation(subset, units) for units in repeats])


def _row(
    statistic: str, level: str, repeats: Sequence[pd.DataFrame], each: Sequence[float]
) -> dict[str, object]:
    values = np.asarray(each, dtype=float)
    defined = values[np.isfinite(values)]
    repeats_of = "1 repeat" if defined.size == 1 else f"{defined.size} repeats, each on its own"
    note = f"mean over {repeats_of}" if defined.size else "no repeat has this figure"
    found = (defined.mean(), defined.min(), defined.max()) if defined.size else (np.nan,) * 3
    return {
        "statistic": statistic,
        "level": level,
        "n_repeats": len(repeats),
        "n": round(float(np.mean([len(units) for units in repeats]))),
        "estimate": found[0],
        "lowest": found[1],
        "highest": found[2],
        "note": note,
    }


def _accuracy(subset: Subset, units: pd.DataFrame, level: str, thresholds: Sequence[float]) -> float:
    true, labels = criterion_classes(units, subset.construct, subset.criterion, level, thresholds)
    code: Array = units["label"].to_numpy(dtype=object) if labels else sign_class(units["score"], thresholds)
    both = pd.notna(true) & pd.notna(code)
    return float((true[both] == code[both]).mean()) if both.any() else float("nan")


def _alpha(subset: Subset, units: pd.DataFrame, book: Mapping[str, Any]) -> float:
    level, values = book["level"], book.get("values") or {}
    column = f"{subset.construct}_{subset.criterion}"
    if level == "interval":
        own, true = units["score"].astype(float), units[column].astype(float)
    elif f"{column}_label" in units:
        own, true = (
            label_codes(units["label"], level, values),
            label_codes(units[f"{column}_label"], level, values),
        )
    else:
        return float("nan")
    both = (own.notna() & true.notna()).to_numpy()
    if not both.any():
        return float("nan")
    unit = np.concatenate([units["unit_id"][both], units["unit_id"][both]])
    codes = np.concatenate([own[both], true[both]])
    return float(krippendorff_alpha(unit, codes, level=level, resamples=0).value)


def _correlation(subset: Subset, units: pd.DataFrame) -> float:
    pairs = units[["score", f"{subset.construct}_{subset.criterion}"]].astype(float).dropna()
    if len(pairs) < 3 or (pairs.nunique() < 2).any():
        return float("nan")
    return float(np.corrcoef(pairs.to_numpy(), rowvar=False)[0, 1])


def main(
    *,
    measures_file: Path,
    codings_files: list[Path],
    coders: dict,  # type: ignore[type-arg]
    codebooks: dict,  # type: ignore[type-arg]
    compare: dict,  # type: ignore[type-arg]
    table_file: Path,
) -> None:
    """Write the table; `codings_files` are those of the coders that coded texts several times."""
    columns = ["unit_id", "construct", "coder", "repeat", "status", "label", "score"]
    codings = [pd.read_parquet(path).reindex(columns=columns) for path in codings_files]
    found = repeated_codes_table(
        pd.read_parquet(measures_file),
        pd.concat(codings, ignore_index=True) if codings else pd.DataFrame(columns=columns),
        coders,
        codebooks,
        criterion=compare["criterion"],
        by=compare.get("by"),
        thresholds=compare["thresholds"],
    )
    write_table(found, table_file)


if __name__ == "__main__":
    from study.job import run

    run(main)
