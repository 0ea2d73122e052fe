"""What each level of an experiment's factors does: to agreement, to codes, and to valid mass.

A row is a level of a factor, with all other settings taken together; hollow markers are the levels with which
the others are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from study.figures import style
from study.figures.headline import headed
from study.report import factors, laboratory
from study.report.experiment import Experiment

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_CONSTRUCTS = 4
ROW = 5.0
"""Millimetres for a level, and for the name of a factor above its levels."""
TABLE = "results/tables/experiment_levels.csv"
Rows = list[tuple[str, str | None]]
"""(factor, level) from top to bottom; the name of a factor has no level."""


def effects_figure(experiment: Experiment, types: Mapping[str, str]) -> Figure:
    """Draw one experiment.

    Parameters
    ----------
    types
        Coder -> type, for the name of the criterion.
    """
    constructs = [c for c in experiment.constructs if experiment.size(c)]
    if not constructs:
        return style.no_data("no text was coded.")
    notes = [laboratory.headline(experiment), _facts(experiment, constructs)]
    if len(constructs) > MOST_CONSTRUCTS:
        notes.append(f"{MOST_CONSTRUCTS} of {len(constructs)} constructs are drawn; {TABLE} has them all.")
        constructs = constructs[:MOST_CONSTRUCTS]
    rows: Rows = []
    for factor in experiment.varied:
        rows += [(factor, None), *((factor, level) for level in experiment.levels(factor))]
    panels = _panels(experiment, constructs, types)
    width = style.WIDTH if len(panels) > 2 else 150
    figure = style.blank(width, 16 + len(constructs) * (16 + ROW * len(rows)))
    for line, construct in zip(
        style.grid(figure, len(constructs), len(panels), sharey=True), constructs, strict=True
    ):
        for ax, (title, label, draw) in zip(line, panels, strict=True):
            named = f"{style.fit(construct, 30)}\n" if len(constructs) > 1 else ""
            ax.set_title(f"{named}{title}" if ax is line[0] else title)
            ax.set_xlabel(label)
            draw(ax, experiment, construct, rows)
            _dress(ax, rows)
    headed(figure, notes)
    style.legend(figure, _legend(panels), 2)
    return figure


def _facts(experiment: Experiment, constructs: list[str]) -> str:
    n = max(experiment.size(construct) for construct in constructs)
    cells = int(experiment.tables["cells"]["cell"].nunique())
    return f"n = {style.number(n)} texts of the experiment, each under {cells} combinations of settings."


Draw = Callable[["Axes", Experiment, str, Rows], None]


def _panels(
    experiment: Experiment, constructs: list[str], types: Mapping[str, str]
) -> list[tuple[str, str, Draw]]:
    """Return title, axis and what draws it, of the panels for which there are figures."""
    levels = experiment.tables["levels"]
    levels = levels[levels["construct"].isin(constructs)]
    found: list[tuple[str, str, Draw]] = []
    if levels["pearson_r"].notna().any():
        who = style.criterion_name(types, experiment.criterion)
        found.append(("Agreement", f"Pearson r with the {who}", _agreement))
    elif levels["accuracy"].notna().any():
        found.append(("Agreement", "Share of codes that equal the criterion's", _accuracy))
    found.append(("Codes that change", "Share of codes that differ\nfrom the first level's", _flips))
    if levels["valid_mass"].notna().any():
        found.append(("Valid mass", "Mean probability that what the\nmodel says is a label", _valid_mass))
    return found


def _agreement(ax: Axes, experiment: Experiment, construct: str, rows: Rows) -> None:
    lowest = 0.0
    for place, row in _levels(experiment, construct, rows):
        _mark(ax, place, row, (row["pearson_r"], row["ci_low"], row["ci_high"]), "r")
        lowest = min(lowest, *(v for v in (row["pearson_r"], row["ci_low"]) if pd.notna(v)), 0.0)
    ax.set_xlim(-1 if lowest < -0.5 else (-0.5 if lowest < 0 else 0), 1.02)
    if lowest < 0:
        ax.axvline(0, color=style.QUIET, linewidth=0.8, zorder=0)


def _accuracy(ax: Axes, experiment: Experiment, construct: str, rows: Rows) -> None:
    for place, row in _levels(experiment, construct, rows):
        found = (row["accuracy"], row["accuracy_ci_low"], row["accuracy_ci_high"])
        _mark(ax, place, row, found, "accuracy")
    ax.set_xlim(0, 1.02)


def _flips(ax: Axes, experiment: Experiment, construct: str, rows: Rows) -> None:
    highest = 0.0
    for place, (factor, level) in enumerate(rows):
        if level is None:
            continue
        reference = experiment.levels(factor)[0]
        if level == reference:
            ax.text(
                0.01, place, "compared with", transform=ax.get_yaxis_transform(), va="center",
                fontsize=style.SMALL, color=style.QUIET,
            )  # fmt: skip
            continue
        pair = experiment.flips(construct, factor, level, reference)
        if pair is None or pd.isna(pair["flip_rate"]):
            continue
        row = {"factor": factor, "level": level, "reference": reference}
        _mark(ax, place, row, (pair["flip_rate"], pair["ci_low"], pair["ci_high"]), "flips")
        highest = max(highest, *(v for v in (pair["flip_rate"], pair["ci_high"]) if pd.notna(v)))
    ax.set_xlim(0, min(1.02, max(0.1, 1.08 * highest)))
    ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")


def _valid_mass(ax: Axes, experiment: Experiment, construct: str, rows: Rows) -> None:
    effects = experiment.rows("effects", construct, outcome="valid_mass")
    own = {(row["factor"], row["level"]): row for row in style.records(effects)}
    for place, row in _levels(experiment, construct, rows):
        low = high = float("nan")
        change = own.get((row["factor"], row["level"]))
        if change is not None and row["level"] != row["reference"] and pd.notna(change["estimate"]):
            # The interval is that of the change from the first level, drawn around the level's mean.
            by = row["valid_mass"] - change["estimate"]
            low, high = by + change["ci_low"], by + change["ci_high"]
        _mark(ax, place, row, (row["valid_mass"], low, high), "valid_mass")
    ax.set_xlim(0, 1.02)


def _levels(experiment: Experiment, construct: str, rows: Rows) -> list[tuple[int, dict[str, Any]]]:
    """Return place and row of every level that the table of levels has."""
    own = {(row["factor"], row["level"]): row for row in style.records(experiment.rows("levels", construct))}
    return [(place, own[row]) for place, row in enumerate(rows) if row in own]  # type: ignore[index]


def _mark(ax: Axes, place: int, row: Mapping[str, Any], found: tuple[float, float, float], what: str) -> None:
    value, low, high = found
    if pd.isna(value):
        ax.text(
            0.01, place, "undefined", transform=ax.get_yaxis_transform(), va="center",
            fontsize=style.SMALL, color=style.QUIET,
        )  # fmt: skip
        return
    colour, name = style.COLOURS["llm"], f"{what}/{row['factor']}/{row['level']}"
    if pd.notna(low) and pd.notna(high):
        ax.plot([low, high], [place, place], color=colour, linewidth=1.2, gid=f"interval/{name}")
    mark = style.circle(colour, filled=row["level"] != row["reference"])
    ax.plot(value, place, gid=f"estimate/{name}", clip_on=False, **mark)


def _dress(ax: Axes, rows: Rows) -> None:
    ax.set_yticks(
        range(len(rows)),
        [
            style.fit(factors.title(factor) if level is None else factors.level_name(factor, level), 26, 1)
            for factor, level in rows
        ],
    )
    for place, (_, level) in enumerate(rows):
        if level is None and place:
            ax.axhline(place - 0.5, color="#d9d9d9", linewidth=0.6, zorder=0)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    for tick, (_, level) in zip(ax.get_yticklabels(), rows, strict=False):
        tick.set_fontweight("bold" if level is None else "normal")
    ax.grid(axis="x")
    ax.set_axisbelow(True)
    ax.spines["left"].set_visible(False)
    ax.locator_params(axis="x", nbins=5)
    if not ax.get_xlabel().startswith("Share of codes that differ"):
        ax.xaxis.set_major_formatter("{x:g}")


def _legend(panels: list[tuple[str, str, Draw]]) -> list[Line2D]:
    colour = style.COLOURS["llm"]
    handles = [
        Line2D([], [], label="level that others are compared with", **style.circle(colour, filled=False)),
        Line2D([], [], label="other level (line: 95% interval)", **style.circle(colour, filled=True)),
    ]
    if any(title == "Valid mass" for title, _, _ in panels):
        words = "valid mass: interval of the change from the first level"
        handles.append(Line2D([], [], label=words, color=colour, linewidth=1.2))
    return handles
