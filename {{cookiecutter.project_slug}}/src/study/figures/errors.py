"""Error by covariate: the mean error of each measure at every level of what it may depend on.

A measure whose errors do not depend on a covariate lies on its dashed line, its mean error over all texts,
at every level; one that was mapped onto the criterion's scale on the line of zero. Where it leaves the line,
comparisons of the levels by this measure are biased.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from study.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TABLE = "results/tables/error_levels.csv"
WORDS = ("kind", "mapping", "covariate", "level", "note")
"""Columns of words beside those that every table has."""
MOST_LEVELS = 12
COLUMNS = 2
ROW = 2.7
"""Millimetres for a measure at one level."""
TITLE_AND_AXIS = 17.0
"""Millimetres of a panel beside its levels."""
FEW = 10
"""Intervals of fewer texts do not stretch the axis."""
SHAPES = ("o", "s", "D", "^", "v", "P", "X")
"""They tell measures of one type apart, which have one colour."""
DASHED: dict[str, Any] = {"linewidth": 0.7, "linestyle": (0, (4, 2))}
SAMPLE = "sample"
MAPPED = "linear"
"""Measures that were mapped onto the criterion's scale, so that their mean error over all texts is zero."""
LABEL, SCORE = "label", "score"
_NUMBER = r"[-−]?\d+(?:\.\d+)?(?:e[+-]?\d+)?"


def errors_figure(
    table: pd.DataFrame,
    construct: str,
    types: Mapping[str, str],
    *,
    criterion: str | None,
    error_by: Sequence[str],
) -> Figure:
    """Draw the errors of one construct: a panel for each covariate, a row for each of its levels.

    Parameters
    ----------
    table
        The mean errors by level. Where the sample has any, only those on the sample are drawn: there all
        measures stand on the same texts.
    types
        Coder -> type.
    criterion
        The coder with whom the others are compared.
    error_by
        The covariates in the order of the configuration.
    """
    if criterion is None:
        return style.no_data("the study has no criterion, and without one there is no error.")
    rows = _drawn(table[table["construct"] == construct])
    if rows.empty:
        return style.no_data(_why_nothing(error_by))
    measures = style.ordered(rows["measure"], types)
    marks = _marks(measures, types)
    panels = _panels(rows, error_by)
    levels, notes = {}, []
    for kind, covariate in panels:
        sizes = _of(rows, kind, covariate).groupby("level")["n"].max()
        levels[kind, covariate], said = chosen_levels(sizes, covariate)
        notes += [text for text in said if text not in notes]
    limits = {kind: _limits(rows, kind, levels) for kind, _ in panels}
    notes += [_cut(rows, limits, levels)] if _cut(rows, limits, levels) else []
    columns = _columns(panels, {panel: _height(len(levels[panel]), len(measures)) for panel in panels})
    legend = _legend(rows, measures, marks, types, criterion)
    high = max(sum(height for _, height in column) for column in columns)
    above_and_below = 4 * len(notes) + 4 + style.LEGEND_LINE * -(-len(legend) // 3)
    figure = style.blank(style.WIDTH if len(columns) > 1 else 120, high + above_and_below)
    for (kind, covariate), ax in _axes(figure, columns, high):
        _draw(ax, _of(rows, kind, covariate), levels[kind, covariate], measures, marks)
        ax.set_title(f"{style.fit(covariate, 30)}{_what(kind, panels)}")
        ax.set_xlim(limits[kind])
        ax.set_xlabel(_axis(kind, types, criterion))
        ax.xaxis.set_major_locator(MaxNLocator(5))
    style.note(figure, notes)
    style.legend(figure, legend, 3)
    return figure


def chosen_levels(sizes: pd.Series, covariate: str) -> tuple[list[str], list[str]]:
    """Choose the levels that are drawn: all, or those with most texts.

    Parameters
    ----------
    sizes
        Level -> number of texts.
    covariate
        What they are levels of.

    Returns
    -------
    levels, notes
        The levels in order; a sentence where some are not drawn.
    """
    names = in_order([str(level) for level in sizes.index])
    if len(names) <= MOST_LEVELS:
        return names, []
    most = set(sorted(names, key=lambda level: -sizes[level])[:MOST_LEVELS])
    said = (
        f"{MOST_LEVELS} of {len(names)} levels of {style.plain(covariate, 40)} are drawn, those with most"
        f" texts; {TABLE} has them all."
    )
    return [name for name in names if name in most], [said]


def in_order(levels: Sequence[str]) -> list[str]:
    """Sort levels: numbers and ranges of numbers ('2001 to 2005') by size, all others by name."""
    starts = [re.match(rf"({_NUMBER})(?: to {_NUMBER})?$", level) for level in levels]
    if all(starts):
        size = {level: float(m[1].replace("−", "-")) for level, m in zip(levels, starts, strict=True) if m}
        return sorted(levels, key=lambda level: (size[level], level))
    return sorted(levels)


def _drawn(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with a mean error, of the sample where it has any."""
    known = rows[rows["mean_error"].notna()]
    sampled = known[known["subset"] == SAMPLE]
    return known if sampled.empty else sampled


def _why_nothing(error_by: Sequence[str]) -> str:
    if not error_by:
        return "the study names no covariate on which errors could depend (compare: error_by)."
    return "no measure of this construct has errors that could be computed."


def _panels(rows: pd.DataFrame, error_by: Sequence[str]) -> list[tuple[str, str]]:
    """Return (kind, covariate) of each panel, scores before labels, covariates as they are configured."""
    place = {covariate: number for number, covariate in enumerate(error_by)}
    found = set(zip(rows["kind"], rows["covariate"], strict=True))
    return sorted(found, key=lambda panel: (panel[0] != SCORE, place.get(panel[1], len(place)), panel[1]))


def _of(rows: pd.DataFrame, kind: str, covariate: str) -> pd.DataFrame:
    return rows[(rows["kind"] == kind) & (rows["covariate"] == covariate)]


def _height(levels: int, measures: int) -> float:
    """Return the millimetres that a panel takes, with its title and axis."""
    return TITLE_AND_AXIS + levels * max(8.0, ROW * measures + 2.4)


def _columns(
    panels: Sequence[tuple[str, str]], heights: Mapping[tuple[str, str], float]
) -> list[list[tuple[tuple[str, str], float]]]:
    """Return the columns of panels with their heights: each panel goes where there is most room."""
    columns: list[list[tuple[tuple[str, str], float]]] = [[] for _ in range(min(COLUMNS, len(panels)))]
    for panel in panels:
        emptiest = min(columns, key=lambda column: sum(height for _, height in column))
        emptiest.append((panel, heights[panel]))
    return columns


def _axes(
    figure: Figure, columns: Sequence[Sequence[tuple[tuple[str, str], float]]], high: float
) -> Iterator[tuple[tuple[str, str], Axes]]:
    """Yield the axes of every panel; a level is equally high in all of them."""
    whole = figure.add_gridspec(1, len(columns))
    for number, column in enumerate(columns):
        heights = [height for _, height in column]
        below = high - sum(heights)
        ratios = [*heights, below] if below > 1 else heights
        cells = whole[number].subgridspec(len(ratios), 1, height_ratios=ratios)
        for place, (panel, _) in enumerate(column):
            yield panel, figure.add_subplot(cells[place])


def _marks(measures: Sequence[str], types: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return colour and shape of each measure; measures of one type differ by shape."""
    marks: dict[str, dict[str, Any]] = {}
    times: dict[str, int] = {}
    for measure in measures:
        colour = style.colour(measure, types)
        nth = times.get(colour, 0)
        times[colour] = nth + 1
        marks[measure] = {"color": colour, "marker": SHAPES[nth % len(SHAPES)]}
    return marks


def _limits(
    rows: pd.DataFrame, kind: str, levels: Mapping[tuple[str, str], Sequence[str]]
) -> tuple[float, float]:
    """Return the ends of the axis of one kind, the same in all its panels."""
    parts = [
        own[own["level"].isin(shown)]
        for (of, covariate), shown in levels.items()
        if of == kind
        for own in [_of(rows, kind, covariate)]
    ]
    shown = pd.concat(parts)
    wide = shown[shown["n"] >= FEW]
    ends = pd.concat([shown["mean_error"], wide["ci_low"], wide["ci_high"]]).dropna()
    low, high = min(0.0, float(ends.min())), max(0.0, float(ends.max()))
    room = 0.05 * (high - low) or 0.1
    if kind == LABEL:
        return 0.0, min(1.0, high + room)
    return low - room, high + room


def _cut(
    rows: pd.DataFrame,
    limits: Mapping[str, tuple[float, float]],
    levels: Mapping[tuple[str, str], Sequence[str]],
) -> str:
    """Say that intervals leave the panels, where one does."""
    for (kind, covariate), shown in levels.items():
        own = _of(rows, kind, covariate)
        own = own[own["level"].isin(shown)]
        low, high = limits[kind]
        if (own["ci_low"] < low - 1e-9).any() or (own["ci_high"] > high + 1e-9).any():
            return f"Intervals of fewer than {FEW} texts are cut where they leave the panel."
    return ""


def _what(kind: str, panels: Sequence[tuple[str, str]]) -> str:
    """Return what a title adds where a covariate has two panels."""
    if len({of for of, _ in panels}) == 1:
        return ""
    return " (scores)" if kind == SCORE else " (labels)"


def _axis(kind: str, types: Mapping[str, str], criterion: str) -> str:
    if kind == LABEL:
        return "Share of wrong labels"
    return f"Mean error: measure − {style.criterion_name(types, criterion)}"


def _draw(
    ax: Axes,
    rows: pd.DataFrame,
    levels: Sequence[str],
    measures: Sequence[str],
    marks: Mapping[str, Mapping[str, Any]],
) -> None:
    apart = np.linspace(-0.5, 0.5, len(measures) + 2)[1:-1]
    for measure, away in zip(measures, apart, strict=True):
        own = rows[rows["measure"] == measure]
        if own.empty:
            continue
        colour = marks[measure]["color"]
        if not (own["mapping"] == MAPPED).any():
            # Every text is at one level, so this is the mean over all texts.
            overall = float(np.average(own["mean_error"], weights=own["n"]))
            ax.axvline(overall, zorder=1, gid=f"mean/{measure}", color=colour, **DASHED)
            # Its own mark at the top tells whose line it is.
            top: dict[str, Any] = {"linestyle": "none", "markersize": 3, "clip_on": False, "zorder": 3}
            ax.plot(overall, -0.5, **top, **marks[measure])
        for row in style.records(own[own["level"].isin(levels)]):
            y, name = levels.index(row["level"]) + away, f"{row['level']}/{measure}"
            ax.plot([row["ci_low"], row["ci_high"]], [y, y], color=colour, linewidth=1.1,
                    gid=f"interval/{name}")  # fmt: skip
            ax.plot(row["mean_error"], y, linestyle="none", markersize=3.6, zorder=3, clip_on=False,
                    gid=f"estimate/{name}", **marks[measure])  # fmt: skip
    ax.axvline(0, color=style.QUIET, linewidth=0.8, zorder=0)
    for border in range(1, len(levels)):
        ax.axhline(border - 0.5, color="#e6e6e6", linewidth=0.6, zorder=0)
    ax.set_yticks(range(len(levels)), [f"{style.fit(level, 22)}\n{_size(rows, level)}" for level in levels])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(levels) - 0.5, -0.5)
    ax.grid(axis="x")
    ax.set_axisbelow(True)
    ax.spines["left"].set_visible(False)


def _size(rows: pd.DataFrame, level: str) -> str:
    n = rows.loc[rows["level"] == level, "n"]
    few, many = style.number(n.min()), style.number(n.max())
    return f"n = {many if few == many else f'{few} to {many}'}"


def _legend(
    rows: pd.DataFrame,
    measures: Sequence[str],
    marks: Mapping[str, Mapping[str, Any]],
    types: Mapping[str, str],
    criterion: str,
) -> list[Line2D]:
    names = style.coder_names(types, criterion)
    texts = "sampled texts" if (rows["subset"] == SAMPLE).all() else "all texts"
    mapped = set(rows.loc[rows["mapping"] == MAPPED, "measure"])
    handles = [
        Line2D(
            [],
            [],
            label=names.get(measure, style.plain(measure, 40)) + (" (mapped)" if measure in mapped else ""),
            linewidth=1.1,
            markersize=3.6,
            **marks[measure],
        )
        for measure in measures
    ]
    if mapped >= set(measures):
        return handles
    return [*handles, Line2D([], [], label=f"mean over all levels ({texts})", color="#4d4d4d", **DASHED)]


def draw(
    table: pd.DataFrame,
    folder: Path,
    *,
    coders: Mapping[str, Mapping[str, str]],
    criterion: str | None,
    error_by: Sequence[str],
) -> None:
    """Write the errors of every construct.

    Parameters
    ----------
    table
        The table of error levels.
    folder
        Where the figures are written, both formats of each.
    coders
        Construct -> coder -> type.
    criterion, error_by
        See `errors_figure`.
    """
    with style.theme([*table["level"].unique(), *table["covariate"].unique(), *coders]):
        for construct, types in coders.items():
            figure = errors_figure(table, construct, types, criterion=criterion, error_by=error_by)
            style.save(figure, *style.files(folder, "errors", construct))
