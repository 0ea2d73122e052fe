"""Whether a label is chosen because of where it stands in the list: by place, against what is expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from study.figures import style
from study.figures.headline import headed
from study.report import laboratory
from study.report.experiment import Experiment

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_CONSTRUCTS = 4
TABLE = "results/tables/experiment_positions.csv"
PANELS = (
    (
        "mean_probability", "probability_ci_low", "probability_ci_high",
        "How probable the label in each place is", "Mean probability",
    ),
    ("share_chosen", "ci_low", "ci_high", "How often it is chosen", "Share of codes"),
)  # fmt: skip
"""Estimate, interval, title and axis."""


def positions_figure(experiment: Experiment) -> Figure:
    """Draw one experiment that varies the order of the labels."""
    every = experiment.tables["positions"]
    there = every[every["mean_probability"].notna() | every["share_chosen"].notna()]
    constructs = [c for c in experiment.constructs if c in set(there["construct"])]
    if not constructs:
        notes = [note for note in every["note"] if note]
        return style.no_data(f"{notes[0]}." if notes else "no answer has labels in a known order.")
    said = laboratory.position(experiment, constructs[0])
    notes = [f"{said[:1].upper()}{said[1:]}."] if said else []
    n = int(there["n"].max()) if there["n"].notna().any() else 0
    notes.append(
        f"n = {style.number(n)} texts of the experiment, each in all rotations of the labels; bars are 95%"
        " intervals over texts."
    )
    if len(constructs) > MOST_CONSTRUCTS:
        notes.append(f"{MOST_CONSTRUCTS} of {len(constructs)} constructs are drawn; {TABLE} has them all.")
        constructs = constructs[:MOST_CONSTRUCTS]
    figure = style.blank(style.WIDTH, 6 + 62 * len(constructs))
    for line, construct in zip(style.grid(figure, len(constructs), 2, sharey="row"), constructs, strict=True):
        rows = there[there["construct"] == construct].sort_values("position")
        for ax, (value, low, high, title, label) in zip(line, PANELS, strict=True):
            named = f"{style.fit(construct, 40)}\n" if len(constructs) > 1 and ax is line[0] else ""
            ax.set_title(f"{named}{title}")
            _draw(ax, rows, value, low, high)
            ax.set_ylabel(label)
    headed(figure, notes)
    style.legend(figure, _legend(), 2)
    return figure


def _draw(ax: Axes, rows: pd.DataFrame, value: str, low: str, high: str) -> None:
    colour = style.COLOURS["llm"]
    dashes: dict[str, Any] = {"color": style.QUIET, "linestyle": "--", "linewidth": 1}
    ax.plot(rows["position"], rows["expected"], gid=f"expected/{value}", **dashes)
    highest = float(rows[[value, high, "expected"]].max().max())
    for row in style.records(rows):
        place = row["position"]
        name = f"{value}/{place:g}"
        if pd.notna(row[low]) and pd.notna(row[high]):
            interval = [row[low], row[high]]
            ax.plot([place, place], interval, color=colour, linewidth=1.2, gid=f"interval/{name}")
        if pd.notna(row[value]):
            ax.plot(place, row[value], gid=f"estimate/{name}", **style.circle(colour, filled=True))
    if rows[value].isna().all():  # of a server that gives no probabilities
        ax.text(0.5, 0.5, "not available", transform=ax.transAxes, ha="center", color=style.QUIET)
    places = sorted(int(place) for place in rows["position"])
    ax.set_xticks(places if len(places) <= 11 else places[:: -(-len(places) // 11)])
    ax.set_xlim(places[0] - 0.5, places[-1] + 0.5)
    # Both panels of a construct have one scale: that of the larger figures.
    ax.set_ylim(0, max(ax.get_ylim()[1] if value != PANELS[0][0] else 0, min(1.02, 1.15 * highest)))
    ax.set_xlabel("Place in the list of labels, from first to last")
    ax.yaxis.set_major_formatter("{x:g}")
    ax.grid(axis="y")
    ax.set_axisbelow(True)


def _legend() -> list[Line2D]:
    found = style.circle(style.COLOURS["llm"], filled=True)
    words = "expected if places did not matter"
    return [
        Line2D([], [], label="found (line: 95% interval)", **found),
        Line2D([], [], label=words, color=style.QUIET, linestyle="--", linewidth=1),
    ]
