"""What a rationale before or after the answer does: no rationale, before and after, each pair compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.figure import Figure

from study.figures import style
from study.figures.headline import headed
from study.report import factors, laboratory
from study.report.experiment import Experiment

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_CONSTRUCTS = 4
ROW = 7.0
"""Millimetres for a pair."""
TABLE = "results/tables/experiment_flips.csv"
FACTOR = "rationale"


def rationale_figure(experiment: Experiment, types: Mapping[str, str]) -> Figure:
    """Draw one experiment that varies the rationale.

    Parameters
    ----------
    types
        Coder -> type, for the name of the criterion.
    """
    constructs = [c for c in experiment.constructs if experiment.size(c)]
    if not constructs:
        return style.no_data("no text was coded.")
    said = laboratory.flips(experiment, constructs[0], FACTOR)
    n = max(experiment.size(construct) for construct in constructs)
    notes = [f"{said[:1].upper()}{said[1:]}."] if said else []
    notes.append(f"n = {style.number(n)} texts of the experiment; lines are 95% intervals over texts.")
    if len(constructs) > MOST_CONSTRUCTS:
        notes.append(f"{MOST_CONSTRUCTS} of {len(constructs)} constructs are drawn; {TABLE} has them all.")
        constructs = constructs[:MOST_CONSTRUCTS]
    pairs = _pairs(experiment)
    who = style.criterion_name(types, experiment.criterion) if experiment.criterion else ""
    panels = [
        ("flip_rate", "Codes that change", "Share of codes\nthat differ"),
        ("mean_change", "Change of the mean score", "Difference, in the\nscore's own units"),
        ("r_difference", "Change of agreement", f"Difference of Pearson's r\nwith the {who}"),
    ]
    there = [panel for panel in panels if _any(experiment, constructs, pairs, panel[0])]
    if not there:
        return style.no_data("no two codes can be compared.")
    width = {1: 110, 2: 150}.get(len(there), style.WIDTH)
    figure = style.blank(width, 8 + len(constructs) * (18 + ROW * len(pairs)))
    for line, construct in zip(
        style.grid(figure, len(constructs), len(there), sharey=True), constructs, strict=True
    ):
        for ax, (what, title, label) in zip(line, there, strict=True):
            named = f"{style.fit(construct, 30)}\n" if len(constructs) > 1 and ax is line[0] else ""
            ax.set_title(f"{named}{title}")
            ax.set_xlabel(label)
            for place, (level, reference) in enumerate(pairs):
                _draw(ax, place, what, contrast(experiment, construct, what, level, reference))
            _dress(ax, what, pairs)
    headed(figure, notes)
    return figure


def _pairs(experiment: Experiment) -> list[tuple[str, str]]:
    """Return every pair (level, compared with), those with the first level before the others."""
    levels = experiment.levels(FACTOR)
    return [(level, other) for i, other in enumerate(levels) for level in levels[i + 1 :]]


def contrast(
    experiment: Experiment, construct: str, what: str, level: str, reference: str
) -> tuple[float, float, float]:
    """Return estimate and interval of one contrast, missing where the table of flips has none.

    Parameters
    ----------
    what
        'flip_rate', 'mean_change' or 'r_difference'.
    """
    pair = experiment.flips(construct, FACTOR, level, reference)
    if pair is None:
        return float("nan"), float("nan"), float("nan")
    bounds = "ci" if what == "flip_rate" else f"{what}_ci"
    return pair[what], pair[f"{bounds}_low"], pair[f"{bounds}_high"]


def _any(experiment: Experiment, constructs: list[str], pairs: list[tuple[str, str]], what: str) -> bool:
    found = [contrast(experiment, construct, what, *pair) for construct in constructs for pair in pairs]
    return any(pd.notna(value) for value, _, _ in found)


def _draw(ax: Axes, place: int, what: str, found: tuple[float, float, float]) -> None:
    value, low, high = found
    beside: dict[str, Any] = {"transform": ax.get_yaxis_transform(), "va": "center", "fontsize": style.SMALL}
    if pd.isna(value):
        ax.text(0.02, place, "undefined", color=style.QUIET, **beside)
        return
    colour = style.COLOURS["llm"]
    if pd.isna(low) or pd.isna(high):
        ax.annotate(
            "no interval", (value, place), (0, 5), textcoords="offset points", ha="center", color=style.QUIET,
            fontsize=style.SMALL,
        )  # fmt: skip
    ax.plot([low, high], [place, place], color=colour, linewidth=1.2, gid=f"interval/{what}/{place}")
    ax.plot(value, place, gid=f"estimate/{what}/{place}", clip_on=False, **style.circle(colour, filled=True))


def _dress(ax: Axes, what: str, pairs: list[tuple[str, str]]) -> None:
    names = {level: factors.level_name(FACTOR, level) for pair in pairs for level in pair}
    ax.set_yticks(range(len(pairs)), [f"{names[a]}\nagainst {names[b]}" for a, b in pairs])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(pairs) - 0.5, -0.5)
    ax.grid(axis="x")
    ax.set_axisbelow(True)
    ax.spines["left"].set_visible(False)
    ax.locator_params(axis="x", nbins=5)
    if what == "flip_rate":
        highest = ax.dataLim.x1
        ax.set_xlim(0, min(1.02, max(0.1, 1.08 * highest)))
        ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")
    else:
        ax.margins(x=0.1)
        ax.xaxis.set_major_formatter("{x:g}")
        ax.axvline(0, color=style.QUIET, linewidth=0.8, zorder=0)
