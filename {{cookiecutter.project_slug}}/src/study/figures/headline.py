"""A figure's title that says its point in a sentence, with n and the subset below it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from matplotlib.figure import Figure

from study.figures import style

LINE = 3.6
"""Millimetres for a line."""
MARGIN = 0.98
"""How much of the figure's width a line may take."""


def headed(figure: Figure, sentences: Sequence[str]) -> None:
    """Print sentences above the panels, the point first; the figure grows by their lines."""
    printed = figure.suptitle("", x=0.01, ha="left", fontsize=8, color="#1a1a1a")
    said = [style.plain(text, 1000) for text in sentences if text]
    lines: list[str] = []
    # Letters differ in width: lines are made shorter until the longest fits.
    for columns in range(int(figure.get_figwidth() / style.MM / 1.3), 10, -3):
        lines = [line for text in said for line in textwrap.wrap(text, columns)]
        printed.set_text("\n".join(lines))
        if printed.get_window_extent().width <= MARGIN * figure.bbox.width:
            break
    figure.set_figheight(figure.get_figheight() + len(lines) * LINE * style.MM)
