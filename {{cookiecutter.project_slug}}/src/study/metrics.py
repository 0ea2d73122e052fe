"""The study's main figures as one small file, which `dvc metrics` compares between versions of the study."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from study import claims
from study.coded import read_codings

POOLED = "all"
"""The domain in which all are together."""

FIGURES = ("pearson_r", "spearman_rho", "n")
"""What is taken from the table of agreement."""


def metrics(
    agreement: pd.DataFrame,
    codings: Mapping[str, pd.DataFrame],
    verdicts: Sequence[claims.Judged],
) -> dict[str, Any]:
    """Return the figures by section; what a study does not have is left out.

    Parameters
    ----------
    agreement
        results/tables/agreement.csv.
    codings
        The codings of each language model.
    verdicts
        results/tables/claims.csv.

    Returns
    -------
    dict
        agreement: {construct: {coder: {subset: pearson_r, spearman_rho (with the criterion, all domains
        together) and n (units)}}} of the language models; valid_mass: {construct: {coder: mean over the texts
        that were coded}}; claims: {verdict: how many figures}, in the reading that their source presents.
    """
    found: dict[str, Any] = {"agreement": {}, "valid_mass": {}, "claims": {}}
    rows = agreement[(agreement["domain"] == POOLED) & agreement["measure"].isin(set(codings))]
    for row in rows.to_dict("records"):
        own = {name: row[name] for name in FIGURES if not math.isnan(row[name])}
        if own.get("n"):
            own["n"] = int(own["n"])
            by_coder = found["agreement"].setdefault(row["construct"], {})
            by_coder.setdefault(row["measure"], {})[row["subset"]] = own
    for coder, table in codings.items():
        if "valid_mass" in table:
            coded = table[table["valid_mass"].notna()]
            for construct, masses in coded.groupby("construct")["valid_mass"]:
                # Ten digits, as in the tables: sums may differ in the last ones between machines.
                mean = float(f"{masses.mean():.10g}")
                found["valid_mass"].setdefault(construct, {})[coder] = mean
    if verdicts:
        counted = claims.summary(verdicts)[claims.AS_PRINTED]
        found["claims"] = {verdict.replace(" ", "_"): n for verdict, n in counted.items()}
    return {section: figures for section, figures in found.items() if figures}


def agreement_by_measure(agreement: pd.DataFrame) -> list[dict[str, str]]:
    """Return a row for each construct, measure and subset, all domains together, for a plot.

    Returns
    -------
    Rows with measure (words that are the same in every version), pearson_r and n.
    """
    rows = agreement[(agreement["domain"] == POOLED) & agreement["pearson_r"].notna()]
    return [
        {
            "measure": f"{row['construct']}, {row['measure']}, subset {row['subset']}",
            "pearson_r": f"{row['pearson_r']:.10g}",
            "n": f"{row['n']:.0f}",
        }
        for row in rows.to_dict("records")
    ]


def _read_agreement(file: Path) -> pd.DataFrame:
    # A construct or coder may be named 'NA'.
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    for name in FIGURES:
        table[name] = pd.to_numeric(table[name], errors="coerce").astype(float)
    return table


def main(
    *, agreement: Path, claims_table: Path, codings: list[Path], metrics_file: Path, plot_file: Path
) -> None:
    """Write the figures that `dvc metrics` compares, and the table that `dvc plots` draws.

    Parameters
    ----------
    codings
        Of each language model, named after the coder.
    """
    table = _read_agreement(agreement)
    figures = metrics(
        table, read_codings(codings, {"construct", "valid_mass"}.__contains__), claims.read(claims_table)
    )
    for file in (metrics_file, plot_file):
        file.parent.mkdir(parents=True, exist_ok=True)
    metrics_file.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    with plot_file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ["measure", "pearson_r", "n"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(agreement_by_measure(table))


if __name__ == "__main__":
    from study.job import run

    run(main)
