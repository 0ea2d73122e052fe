"""The measurements in the documentation: all figures as CSV, tables to be read, targets, the figure."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from scale import figure
from scale.steps import ASKED_SLOWLY, SHARDS, SIZES

TABLE = Path("explanation/how_it_scales.csv")
INCLUDED = Path("explanation/how_it_scales_tables.inc")
PICTURE = Path("images/scale.png")
STEPS = {
    "dag": "`snakemake -n` in a new study, 1 shard",
    "dag_256": f"`snakemake -n` in a new study, {SHARDS} shards",
    "corpus": "reading the corpus (CSV)",
    "sample": "drawing the sample (all texts)",
    "plan": "`snakemake plan`: what is missing",
    "ask": "asking, all that is not the model's own time",
    "known": "asking again: all is known",
    "shard": f"asking, one of {SHARDS} shards",
    "slow": f"asking about some {ASKED_SLOWLY} texts at 0.1 s each",
    "codings": "the table of codings (2 constructs)",
    "codings_256": f"the same out of {SHARDS} indexes",
    "dictionary": "a dictionary (1 construct)",
    "people": "people's codes (at most 1,000 texts)",
    "measures": "the table of measures",
    "agreement": "the table of agreement",
    "others": "all other tables, figures, report",
    "whole": "all programs together, with Snakemake's own time",
    "add": "`dvc add`",
    "push": "`dvc push` to a folder",
    "pull": "`git clone` and `dvc pull`",
    "nothing": "`snakemake` in the clone: *Nothing to be done*",
}
"""Step -> what it is."""
PACKAGES = ("snakemake", "dvc", "pandas", "pyarrow", "numpy")
FROM, BETWEEN, TO = 10_000, 100_000, 1_000_000
LONG = 10
"""CPU-seconds."""
COLUMNS = ("step", "texts", "n", "cpu_seconds", "ms_a_text", "peak_mb", "share")
"""Of the published table."""
MOST_GROWTH, MOST_MB, MOST_DAG, MOST_SHARE = 1.5, 2000, 20, 0.05


class Verdict(NamedTuple):
    """A target, what was found, and whether it is met."""

    target: str
    found: str
    met: bool


def summary(costs: pd.DataFrame) -> pd.DataFrame:
    """Return a row a step and size: step, texts, n, cpu_seconds, ms_a_text, peak_mb, share (`runs.Cost`)."""
    table = costs.assign(ms_a_text=(1000 * costs["cpu_seconds"] / costs["n"]).round(4))
    place = {step: number for number, step in enumerate(STEPS)}
    table = table.sort_values(["step", "texts"], key=lambda column: column.replace(place))
    return table[list(COLUMNS)].reset_index(drop=True)


def verdicts(table: pd.DataFrame) -> list[Verdict]:
    """Compare the published table with the targets."""
    own = table[~table["step"].isin(["shard", "slow"])]
    time = own.pivot_table(index="step", columns="texts", values="cpu_seconds")
    growth = (time[TO] / TO / (time[FROM] / FROM)).sort_values()
    largest = table[table["texts"] == TO].sort_values("peak_mb").iloc[-1]
    dag = table[table["step"] == "dag_256"]["cpu_seconds"].max()
    share = table[table["step"] == "slow"]["share"].max()
    return [
        Verdict(
            f"at {TO:,} texts a text takes at most {MOST_GROWTH} times as long as at {FROM:,}, in each step",
            f"at most {growth.iloc[-1]:.2f} times ({STEPS[growth.index[-1]]})",
            bool(growth.iloc[-1] <= MOST_GROWTH),
        ),
        Verdict(
            f"at {TO:,} texts no process needs more than {MOST_MB:,} MB",
            f"{largest['peak_mb']:,.0f} MB ({STEPS[largest['step']]})",
            bool(largest["peak_mb"] < MOST_MB),
        ),
        Verdict(
            f"Snakemake finds what is to be done with {SHARDS} shards in {MOST_DAG} seconds",
            f"{dag:.1f} CPU-seconds",
            bool(dag < MOST_DAG),
        ),
        Verdict(
            f"at 0.1 s a text at most {MOST_SHARE:.0%} are added to the model's own time",
            f"{share:.2%}",
            bool(share <= MOST_SHARE),
        ),
    ]


def further(table: pd.DataFrame) -> str:
    """Say how the time of each further text grows: that of small studies is mostly for starting programs."""
    own = table[~table["step"].isin(["shard", "slow"])]
    time = own.pivot_table(index="step", columns="texts", values="cpu_seconds")
    long = time[time[TO] >= LONG]
    late, early = (
        (long[end] - long[begin]) / (end - begin) for begin, end in ((BETWEEN, TO), (FROM, BETWEEN))
    )
    growth = (late / early).sort_values(ascending=False)
    each = [f"{STEPS[str(step)]} {times:.2f}" for step, times in growth.items()]
    return (
        f"Stricter than the target is what each *further* text takes, beyond {BETWEEN:,} texts against below"
        f" it, in steps of more than {LONG} seconds (times as long): {'; '.join(each)}."
    )


def tables(table: pd.DataFrame) -> list[str]:
    """Return the figures as Markdown, lines."""
    lines = [f"Measured with {_versions()}.", "", "| target | measured | met |", "|---|---|---|"]
    lines += [f"| {one.target} | {one.found} | {'yes' if one.met else '**no**'} |" for one in verdicts(table)]
    lines += ["", further(table)]
    sizes = sorted(table["texts"].unique())
    lines += ["", f"| CPU-seconds for … texts | {' | '.join(f'{size:,}' for size in sizes)} | ms a text |"]
    lines += [f"|---|{'--:|' * (len(sizes) + 1)}"]
    shown = {(row["step"], row["texts"]): row for row in table.to_dict("records")}
    for step, words in STEPS.items():
        rows = [shown[step, size] for size in sizes]
        cells = [_figure(row["cpu_seconds"]) for row in rows]
        lines.append(f"| {words} | {' | '.join(cells)} | {_figure(rows[-1]['ms_a_text'])} |")
    lines += ["", f"| peak memory in MB for … texts | {' | '.join(f'{size:,}' for size in sizes)} |"]
    lines += [f"|---|{'--:|' * len(sizes)}"]
    for step, words in STEPS.items():
        cells = [f"{shown[step, size]['peak_mb']:,.0f}" for size in sizes]
        lines.append(f"| {words} | {' | '.join(cells)} |")
    return lines


def write(costs: pd.DataFrame, docs: Path) -> None:
    """Write the table, the tables that the page includes, and the figure."""
    assert set(SIZES) <= set(costs["texts"])
    table = summary(costs)
    table.to_csv(docs / TABLE, index=False, lineterminator="\n")
    (docs / INCLUDED).write_text("\n".join(tables(table)) + "\n", encoding="utf-8")
    figure.draw(table, docs / PICTURE)


def read(docs: Path) -> pd.DataFrame:
    """Read the published table."""
    return pd.read_csv(docs / TABLE)


def _figure(value: Any) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def _versions() -> str:
    """Name what it ran on."""
    packages = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    return f"{packages}, Python {platform.python_version()}, {_processor()}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [
        line.partition(":")[2].strip()
        for line in (info.read_text() if info.is_file() else "").splitlines()
        if line.startswith("model name")
    ]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"
