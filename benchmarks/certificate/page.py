"""The certificate in the documentation: all figures as CSV, tables to be read, the figure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from certificate import figure
from certificate.cells import GOLD
from certificate.corpora import REGRESSIONS, corpus
from certificate.summary import summarise
from study.figures import style
from study.validity.table import write_table

TABLE = Path("reference/certificate.csv")
INCLUDED = Path("reference/certificate_tables.inc")
PICTURE = Path("images/certificate.png")
HEADINGS = {
    "covariate": "A covariate, coded by the LLM",
    "category": "A category as outcome, coded by the LLM",
    "score": "A score as outcome, coded by the LLM",
}
NAMES = {"gold only": "hand codes alone", "likelihood, errors by truth alone": "likelihood (truth)"}
DESCRIBED = 400_000
"""Units of the corpus that says what the codes are like."""


def write(rows: pd.DataFrame, docs: Path) -> None:
    """Write the table, the tables that the page includes, and the figure."""
    write_table(summarise(rows), docs / TABLE)
    table = read(docs)
    (docs / INCLUDED).write_text("\n".join(tables(table)) + "\n", encoding="utf-8")
    figure.draw(table, docs / PICTURE)


def read(docs: Path) -> pd.DataFrame:
    """Read the published table (see `summary.summarise`)."""
    return pd.read_csv(docs / TABLE, keep_default_na=False, na_values=[""]).fillna({"note": ""})


def tables(table: pd.DataFrame) -> list[str]:
    """Return the figures as Markdown, lines."""
    lines = []
    for regression, heading in HEADINGS.items():
        own = table[table["regression"] == regression]
        estimators = [
            name for name in figure.LOOKS if own.loc[own["estimator"] == name, "coverage"].notna().any()
        ]
        lines += [f"### {heading}", "", *_quality(regression), ""]
        lines += ["Coverage, % (bold: not between 93 and 97):", "", *_grid(own, estimators, _covered), ""]
        lines += ["Bias / RMSE / mean width of the interval:", "", *_grid(own, estimators, _precise), ""]
    return lines[:-1]


def _grid(
    table: pd.DataFrame, estimators: Sequence[str], shown: Callable[[dict[str, Any]], str]
) -> list[str]:
    lines = _markdown_row(["errors", "hand-coded", *(NAMES.get(name, name) for name in estimators)])
    lines += [f"|---|--:|{'--:|' * len(estimators)}"]
    found = {(r["errors"], r["gold"], r["estimator"]): r for r in style.records(table)}
    for errors in dict.fromkeys(table["errors"]):
        for gold in GOLD:
            if (errors, gold, "DSL") not in found:
                continue
            keys = [(errors, 0 if name == "naive" else gold, name) for name in estimators]
            cells = [shown(found[key]) if key in found else "" for key in keys]
            lines += _markdown_row([errors, str(gold), *cells])
    return lines


def _markdown_row(cells: Iterable[str]) -> list[str]:
    return [f"| {' | '.join(cells)} |"]


def _covered(row: dict[str, Any]) -> str:
    if np.isnan(row["coverage"]):
        return ""
    words = f"{100 * row['coverage']:.1f}"
    return words if figure.WANTED[0] <= row["coverage"] <= figure.WANTED[1] else f"**{words}**"


def _precise(row: dict[str, Any]) -> str:
    if np.isnan(row["coverage"]):
        return ""
    # Adding zero makes no figure of a bias that rounds to minus zero.
    bias = f"{round(row['bias'], 2) + 0:+.2f}".replace("-", "−").replace("+0.00", "0.00")
    return f"{bias} / {row['rmse']:.2f} / {row['ci_width']:.2f}"


def _quality(regression: str) -> list[str]:
    """Say what the codes are like, in one large corpus."""
    of, said = REGRESSIONS[regression], []
    for errors in of.errors:
        data = corpus(regression, errors, 0, units=DESCRIBED)
        if regression == "score":
            said.append(f"{errors}: {np.corrcoef(data['y'], data['code'])[0, 1]:.2f}")
        else:
            said.append(f"{errors}: {100 * (data[of.predicted] == data['code']).mean():.0f}%")
    if regression == "score":
        return [f"Correlation of the LLM's scores with the true ones: {', '.join(said)}."]
    return [f"Share of units that the LLM codes rightly: {', '.join(said)}."]
