"""The figure: processor time a text, and peak memory, by the number of texts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import seaborn
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from study.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DRAWN = {
    "corpus": "corpus",
    "dictionary": "dictionary",
    "ask": "asking",
    "codings": "codings",
    "measures": "measures",
    "agreement": "agreement",
    "others": "other tables, figures, report",
    "add": "dvc add",
    "nothing": "'Nothing to be done'",
}
"""Step -> its name in the figure."""
MARKS = "osD^vPX*h"
RESOLUTION = 150
"""Dots per inch."""
LIMIT_MB = 2000


def draw(table: pd.DataFrame, png_file: Path) -> None:
    """Draw the published table (see `page.summary`)."""
    colours = seaborn.color_palette("colorblind", len(DRAWN)).as_hex()
    with style.theme():
        figure = style.blank(style.WIDTH, 95)
        grid = style.grid(figure, 1, 2)
        time, memory = grid[0]
        for (step, name), colour, mark in zip(DRAWN.items(), colours, MARKS, strict=True):
            rows = table[table["step"] == step].sort_values("texts")
            looks = {"color": colour, "marker": mark, "markersize": 4, "label": name}
            time.plot(rows["texts"], rows["ms_a_text"], **looks)
            memory.plot(rows["texts"], rows["peak_mb"], **looks)
        time.set_yscale("log")
        time.set_title("Processor time a text")
        time.set_ylabel("milliseconds")
        memory.set_yscale("log")
        memory.set_title("Peak memory of the largest process")
        memory.set_ylabel("MB")
        memory.axhline(LIMIT_MB, color=style.QUIET, linewidth=0.8, linestyle=(0, (4, 2)))
        memory.text(table["texts"].min(), LIMIT_MB * 1.05, "2 GB", fontsize=style.SMALL, color="#6e6e6e")
        memory.set_ylim(top=2 * LIMIT_MB)
        for axes in (time, memory):
            _x_axis(axes, sorted(table["texts"].unique()))
        handles, labels = time.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False)
        png_file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(png_file, dpi=RESOLUTION, metadata={"Software": None})


def _x_axis(axes: Axes, sizes: list[int]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("texts")
    axes.grid(axis="y")
