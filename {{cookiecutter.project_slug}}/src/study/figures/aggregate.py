"""Aggregate validity: how closely means of measures agree with means of the criterion, level by level.

Means of many texts can agree better than single texts do, where errors cancel, or worse, where they do not.
Filled markers stand on the texts that both sides have coded; hollow ones compare the mean of all texts of the
measure with the mean of all texts of the criterion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from study.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WORDS = ("level", "reading", "note")
"""Columns of words beside those that every table has."""
COLUMNS = 3
ROW = 7.5
"""Millimetres for a level."""
APART = 0.17
"""How far the two readings of a level lie from the middle of its row, in rows."""
UNIT = "unit"
FEW = 10
"""Fewer means than this have no interval: resampling so few tells nothing."""
LEVELS = (UNIT, "domain", "document", "person", "year")
JOINT, OWN = "joint", "own"
SINGLE_TEXTS = "every one of them is a single text"
"""How the table's note on a level begins that repeats the level of texts."""
SAMPLE = "sample"


def aggregate_figure(
    table: pd.DataFrame,
    construct: str,
    types: Mapping[str, str],
    *,
    criterion: str | None,
    by: str | None,
) -> Figure:
    """Draw the correlations of one construct: a panel for each measure, a row for each level.

    Parameters
    ----------
    table
        The table of aggregate validity. Where the sample has any correlation, texts that both have coded are
        those of the sample.
    types
        Coder -> type.
    criterion
        The coder with whom the others are compared.
    by
        The covariate whose levels are the domains.
    """
    if criterion is None:
        return style.no_data("the study has no criterion to compare with.")
    rows = _drawn(table[table["construct"] == construct])
    if rows["pearson_r"].isna().all():
        return style.no_data("no correlation of this construct is defined, of texts or of their means.")
    measures = style.ordered(rows["measure"], types)
    names = style.coder_names(types, criterion)
    levels = [level for level in LEVELS if level in set(rows["level"])]
    columns = 2 if len(measures) == 4 else min(COLUMNS, len(measures))
    lines = -(-len(measures) // columns)
    legend = _legend(rows)
    width = {1: 105.0, 2: 150.0}.get(columns, float(style.WIDTH))
    figure = style.blank(width, 8 + lines * (17 + ROW * len(levels)))
    axes = [ax for line in style.grid(figure, lines, columns, sharex=True, sharey=True) for ax in line]
    drawn = rows.loc[(rows["level"] == UNIT) | (rows["n"] >= FEW), "ci_low"]
    lowest = min(0.0, rows["pearson_r"].min(), *drawn.dropna())
    for ax, measure in zip(axes, measures, strict=False):
        _draw(ax, rows[rows["measure"] == measure], levels, style.colour(measure, types))
        ax.set_title(style.fit(names.get(measure, measure), 26))
        ax.set_yticks(range(len(levels)), [style.fit(level_name(level, by), 20) for level in levels])
        ax.tick_params(axis="y", length=0)
        ax.set_ylim(len(levels) - 0.5, -0.5)
        ax.set_xlim(-1.02 if lowest < -0.5 else (-0.52 if lowest < 0 else 0), 1.02)
        ax.xaxis.set_tick_params(labelbottom=True)
        ax.xaxis.set_major_formatter("{x:g}")
        ax.set_xlabel(f"r with the {style.criterion_name(types, criterion)}")
        ax.grid(axis="x")
        ax.set_axisbelow(True)
        ax.spines["left"].set_visible(False)
        if lowest < 0:
            ax.axvline(0, color=style.QUIET, linewidth=0.8, zorder=0)
    for ax in axes[len(measures) :]:
        ax.set_axis_off()
    style.legend(figure, legend, 2)
    return figure


def level_name(level: str, by: str | None) -> str:
    """Return what a row is called: 'single texts', 'means by domain', 'means of documents'."""
    if level == UNIT:
        return "single texts"
    return f"means by {style.plain(by or level, 40)}" if level == "domain" else f"means of {level}s"


def _drawn(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the joint rows of the sample where it has any correlation, else of all texts; and the own ones.

    Levels whose means are single texts, all of them, are left out: their figures are those of texts. So are
    each side's own texts where they are the texts that both have coded.
    """
    rows = rows[~rows["note"].str.startswith(SINGLE_TEXTS)] if len(rows) else rows
    joint = rows[rows["reading"] == JOINT]
    sampled = joint["subset"] == SAMPLE
    drawn = joint[sampled] if joint.loc[sampled, "pearson_r"].notna().any() else joint[~sampled]
    own = rows[(rows["reading"] == OWN) & rows["measure"].isin(drawn["measure"])]
    key = ["level", "measure", "n", "n_units", "n_criterion_units"]
    there = set(drawn[key].itertuples(index=False, name=None))
    again = [cells in there for cells in own[key].itertuples(index=False, name=None)]
    return pd.concat([drawn, own[~pd.Series(again, index=own.index, dtype=bool)]])


def _draw(ax: Axes, rows: pd.DataFrame, levels: Sequence[str], colour: str) -> None:
    for place, level in enumerate(levels):
        here = rows[rows["level"] == level]
        if here.empty:
            continue
        readings = set(here["reading"])
        for row in style.records(here):
            y = float(place)
            if readings == {JOINT, OWN}:
                y += -APART if row["reading"] == JOINT else APART
            name = f"{row['reading']}/{level}"
            # How many means there are says more about an r than anything else.
            beside: dict[str, Any] = {"fontsize": style.SMALL, "va": "center", "color": "#4d4d4d"}
            ax.text(1.03, y, f"n = {style.number(row['n'])}", transform=ax.get_yaxis_transform(), **beside)
            if pd.isna(row["pearson_r"]):
                beside["color"] = style.QUIET
                ax.text(0.02, y, "undefined", transform=ax.get_yaxis_transform(), **beside)
                continue
            if level == UNIT or row["n"] >= FEW:
                ax.plot([row["ci_low"], row["ci_high"]], [y, y], color=colour, linewidth=1.2,
                        gid=f"interval/{name}")  # fmt: skip
            mark = style.circle(colour, filled=row["reading"] == JOINT)
            ax.plot(row["pearson_r"], y, clip_on=False, gid=f"estimate/{name}", **mark)


def _legend(rows: pd.DataFrame) -> list[Line2D]:
    texts = "sampled texts" if (rows["subset"] == SAMPLE).any() else "texts"
    said = {
        JOINT: f"over the {texts} that both have coded (line: 95% interval)",
        OWN: "means over each side's own texts",
    }
    return [
        Line2D([], [], label=words, **style.circle(style.COLOURS["human"], filled=reading == JOINT))
        for reading, words in said.items()
        if (rows["reading"] == reading).any()
    ]


def draw(
    table: pd.DataFrame,
    folder: Path,
    *,
    coders: Mapping[str, Mapping[str, str]],
    criterion: str | None,
    by: str | None,
) -> None:
    """Write the aggregate validity of every construct.

    Parameters
    ----------
    table
        The table of aggregate validity.
    folder
        Where the figures are written, both formats of each.
    coders
        Construct -> coder -> type.
    criterion, by
        The coder with whom the others are compared, and the covariate whose levels are the domains.
    """
    with style.theme([by, *coders]):
        for construct, types in coders.items():
            figure = aggregate_figure(table, construct, types, criterion=criterion, by=by)
            style.save(figure, *style.files(folder, "aggregate", construct))
