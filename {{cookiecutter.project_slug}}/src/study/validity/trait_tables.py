"""Constructs measured by several coders: every correlation, and the criteria of Campbell & Fiske (1959).

See `multitrait`. Traits are constructs, methods are coders. A pair is correlated on the units that both have
scored; the criteria need one set of units, and traits that every method has measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.validity.bootstrap import CONSTANT
from study.validity.calibration import Z95
from study.validity.multitrait import multitrait_multimethod
from study.validity.subsets import POOLED
from study.validity.table import table

COLUMNS = [
    "construct", "coder", "other_construct", "other_coder", "kind", "r", "ci_low", "ci_high", "n", "note",
]  # fmt: skip
CRITERIA_COLUMNS = [
    "criterion", "met", "comparisons", "value", "counted", "n", "constructs", "coders", "note",
]  # fmt: skip
KEYS = ["construct", "coder", "other_construct", "other_coder"]
RELIABILITY, VALIDITY = "reliability", "validity"
MONOMETHOD, HETEROMETHOD = "heterotrait_monomethod", "heterotrait_heteromethod"
CONCORDANCE = "Kendall's W of the patterns of correlations between traits"
LEAST_UNITS = 4


def multitrait_tables(
    measures: pd.DataFrame,
    coders: Mapping[str, Mapping[str, str]],
    *,
    reliability: pd.DataFrame | None = None,
    criterion: str | None = None,
    correction: str = "holm",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tabulate the multitrait-multimethod matrix and its criteria.

    Parameters
    ----------
    measures
        The wide table of measures; units of the pilot are left out, and so are labels without values.
    coders
        construct -> coder -> type.
    reliability, criterion
        The table `reliability.csv`, whose ICC(1,k) of the criterion stands in the diagonal.
    correction
        Of the p-values of the validity coefficients, see `multiplicity.adjust`.

    Returns
    -------
    Pairs: construct, coder, other_construct, other_coder; kind ('validity': one construct, two coders;
    'heterotrait_monomethod': two constructs, one coder; 'heterotrait_heteromethod'; 'reliability': a measure
    with itself); r with the interval of Fisher's z; n. Criteria: see `multitrait.MultitraitMultimethod`, with
    the share met as value, and the concordance. Both are empty with fewer than two constructs or coders.
    """
    if "pilot" in measures:
        measures = measures[~measures["pilot"].astype(bool)]
    scored = {
        (construct, coder): f"{construct}_{coder}"
        for construct in sorted(coders)
        for coder in sorted(coders[construct])
        if f"{construct}_{coder}" in measures and measures[f"{construct}_{coder}"].notna().any()
    }
    if min(len({name[i] for name in scored}) for i in range(2)) < 2:
        return table([], COLUMNS, KEYS), table([], CRITERIA_COLUMNS, ["criterion"])
    values = measures[list(scored.values())].astype(float)
    rows = [
        {"construct": a[0], "coder": a[1], "other_construct": b[0], "other_coder": b[1], "kind": _kind(a, b)}
        | _correlation(values[scored[a]], values[scored[b]])
        for a, b in combinations(scored, 2)
    ]
    diagonal = _diagonal(reliability, criterion)
    for construct, coder in scored:
        if coder == criterion and construct in diagonal:
            r, low, high, n = diagonal[construct]
            found = {"r": r, "ci_low": low, "ci_high": high, "n": n, "note": "ICC(1,k) of the mean rating"}
            key = {"construct": construct, "coder": coder, "other_construct": construct, "other_coder": coder}
            rows.append(key | {"kind": RELIABILITY} | found)
    return table(rows, COLUMNS, KEYS), _criteria(values, scored, correction)


def _kind(a: tuple[str, str], b: tuple[str, str]) -> str:
    if a[0] == b[0]:
        return VALIDITY
    return MONOMETHOD if a[1] == b[1] else HETEROMETHOD


def _correlation(x: pd.Series, y: pd.Series) -> dict[str, object]:
    both = (x.notna() & y.notna()).to_numpy()
    n = int(both.sum())
    a, b = (v.to_numpy()[both] for v in (x, y))
    if n < 2:
        return {"n": n, "note": "fewer than two units have both scores"}
    a, b = a - a.mean(), b - b.mean()
    spread = np.sqrt((a @ a) * (b @ b))
    scale = n * max(1.0, float(np.abs(x).max())) * max(1.0, float(np.abs(y).max()))
    if spread <= CONSTANT * scale:
        return {"n": n, "note": "undefined: a measure does not vary on the units that have both"}
    r = float(np.clip((a @ b) / spread, -1, 1))
    if n < LEAST_UNITS:
        return {"n": n, "r": r, "note": "too few units for an interval"}
    if abs(r) > 1 - CONSTANT:
        return {"n": n, "r": r, "ci_low": r, "ci_high": r, "note": ""}
    half = Z95 / np.sqrt(n - 3)
    low, high = np.tanh(np.arctanh(r) + np.array([-half, half]))
    return {"n": n, "r": r, "ci_low": float(low), "ci_high": float(high), "note": ""}


def _diagonal(
    reliability: pd.DataFrame | None, criterion: str | None
) -> dict[str, tuple[float, float, float, int]]:
    """The reliability of the criterion's mean by construct, over all units."""
    if reliability is None or criterion is None:
        return {}
    rows = reliability[
        (reliability["statistic"] == "icc1k")
        & (reliability["raters"] == criterion)
        & (reliability["domain"] == POOLED)
        & (reliability["subset"] == POOLED)
        & reliability["estimate"].notna()
    ]
    return {
        str(row["construct"]): (row["estimate"], row["ci_low"], row["ci_high"], int(row["n_units"]))
        for row in rows.to_dict("records")
    }


def _criteria(values: pd.DataFrame, scored: Mapping[tuple[str, str], str], correction: str) -> pd.DataFrame:
    constructs, methods = _complete(set(scored))
    common: dict[str, object] = {"constructs": ", ".join(constructs), "coders": ", ".join(methods)}
    if len(constructs) < 2 or len(methods) < 2:
        note = "no two constructs were both scored by the same two coders"
        return table([{"criterion": "convergent", "note": note}], CRITERIA_COLUMNS, ["criterion"])
    columns = {scored[c, m]: (m, c) for m in methods for c in constructs}
    try:
        found = multitrait_multimethod(values, columns, correction=correction)
    except StudyError as error:
        said = error.problem.rstrip(".")
        note = said[:1].lower() + said[1:] + (f" ({error.found})" if error.found is not None else "")
        return table([common | {"criterion": "convergent", "note": note}], CRITERIA_COLUMNS, ["criterion"])
    common["n"] = found.n
    rows = [
        common | {str(k): v for k, v in row.items()} | {"value": row["met"] / row["comparisons"], "note": ""}
        for row in found.criteria.to_dict("records")
    ]
    few = "fewer than three constructs have no pattern" if len(constructs) < 3 else ""
    rows.append(
        common | {"criterion": "concordance", "value": found.concordance, "counted": CONCORDANCE, "note": few}
    )
    return table(rows, CRITERIA_COLUMNS, ["criterion"])


def _complete(scored: set[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """The constructs and coders of the largest block without a gap, and of these the one with most coders."""
    coders = sorted({coder for _, coder in scored})
    constructs = sorted({construct for construct, _ in scored})
    of = {coder: [c for c in constructs if (c, coder) in scored] for coder in coders}
    best: tuple[list[str], list[str]] = ([], [])
    # Blocks are found from the constructs of one coder or those that two have in common.
    seeds = [set(of[a]) & set(of[b]) for a in coders for b in coders]
    for seed in seeds:
        methods = [coder for coder in coders if seed <= set(of[coder])]
        if len(seed) > 1 and len(methods) > 1 and _size(seed, methods) > _size(*best):
            best = sorted(seed), methods
    return best


def _size(constructs: Any, methods: Any) -> tuple[int, int]:
    return len(constructs) * len(methods), len(methods)
