"""The certificate's figure: where estimates lie, and how often intervals cover the truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import seaborn
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from certificate.cells import GOLD
from certificate.corpora import REGRESSIONS
from study.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = {"none": "No errors", "weak": "Weak errors", "strong": "Strong errors", "curved": "Curved errors"}
ROWS = {
    "covariate": "The LLM codes a covariate (linear regression)",
    "category": "The LLM codes the outcome, a category (logit)",
    "score": "The LLM codes the outcome, a score (linear regression)",
}
RANGES = {"covariate": (-0.1, 1.25), "category": (-0.75, 2.3), "score": (-0.3, 1.15)}
"""Of estimates, in each regression."""
_COLOURS = seaborn.color_palette("colorblind").as_hex()
LOOKS = {
    "naive": ("naive", style.QUIET, "_"),
    "gold only": ("hand codes alone", "#4d4d4d", "o"),
    "DSL": ("DSL", _COLOURS[0], "s"),
    "PPI++": ("PPI++", _COLOURS[1], "D"),
    "likelihood": ("likelihood", _COLOURS[2], "^"),
    "likelihood, errors by truth alone": ("likelihood, errors by\ntruth alone", _COLOURS[4], "v"),
}
"""Estimator -> name, colour, mark."""
RESOLUTION = 150
"""Dots per inch: the page that shows it should load quickly."""
STEP = 0.17
"""Between estimators; sizes of the hand-coded sample are a distance of 1 apart."""
FLOOR, CEILING = 0.80, 1.0
"""Coverages below are written as numbers at the bottom."""
WANTED = (0.93, 0.97)
Z95 = 1.96


def draw(table: pd.DataFrame, png_file: Path) -> None:
    """Draw the figure of a summary (see `summary.summarise`)."""
    with style.theme():
        figure = style.blank(style.WIDTH, 225)
        blocks: Any = figure.subfigures(len(ROWS), 1, hspace=0.03)
        for block, (regression, words) in zip(blocks, ROWS.items(), strict=True):
            block.suptitle(words, x=0.008, ha="left", fontsize=9, fontweight="bold")
            axes = block.subplots(2, len(COLUMNS), sharex=True, squeeze=False)
            for (above, below), (errors, title) in zip(axes.T, COLUMNS.items(), strict=True):
                if errors not in REGRESSIONS[regression].errors:
                    _legend(above)
                    below.set_axis_off()
                    continue
                cell = table[(table["regression"] == regression) & (table["errors"] == errors)]
                cell = cell[cell["coverage"].notna()]
                _estimates(above, cell, REGRESSIONS[regression].truth, RANGES[regression])
                _coverage(below, cell)
                above.set_title(title)
                below.set_xlabel("hand-coded units")
                for shown in (above, below):
                    shown.tick_params(labelleft=errors == "none")
            axes[0, 0].set_ylabel("estimates")
            axes[1, 0].set_ylabel("coverage, %")
            block.align_ylabels()
        png_file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(png_file, dpi=RESOLUTION, metadata={"Software": None})


def _places(cell: pd.DataFrame) -> dict[str, float]:
    """Each estimator's distance from the middle of its hand-coded sample."""
    present = [name for name in LOOKS if name != "naive" and name in set(cell["estimator"])]
    return {name: (k - (len(present) - 1) / 2) * STEP for k, name in enumerate(present)}


def _x_axis(axes: Axes) -> None:
    axes.set_xlim(-0.55, len(GOLD) - 0.45)
    axes.set_xticks(range(len(GOLD)), [str(n) for n in GOLD])
    axes.tick_params(axis="x", length=0)


def _estimates(axes: Axes, cell: pd.DataFrame, truth: float, limits: tuple[float, float]) -> None:
    axes.axhline(truth, color="black", linewidth=0.7, zorder=1)
    naive = cell[cell["estimator"] == "naive"].iloc[0]
    axes.axhspan(naive["low_estimate"], naive["high_estimate"], color=style.QUIET, alpha=0.3, linewidth=0)
    axes.axhline(naive["mean_estimate"], color=style.QUIET, linewidth=1, linestyle=(0, (4, 2)), zorder=1)
    places = _places(cell)
    for row in style.records(cell[cell["gold"] > 0]):
        _, colour, mark = LOOKS[row["estimator"]]
        x = GOLD.index(row["gold"]) + places[row["estimator"]]
        axes.plot([x, x], [row["low_estimate"], row["high_estimate"]], color=colour, linewidth=1.1)
        axes.plot(x, row["mean_estimate"], mark, color=colour, markersize=3.6)
    axes.set_ylim(*limits)
    _x_axis(axes)


def _coverage(axes: Axes, cell: pd.DataFrame) -> None:
    axes.axhspan(*WANTED, color="#e8eef5", linewidth=0, zorder=0)
    axes.axhline(0.95, color="black", linewidth=0.7, zorder=1)
    naive = float(cell.loc[cell["estimator"] == "naive", "coverage"].iloc[0])
    if naive >= FLOOR:
        axes.axhline(naive, color=style.QUIET, linewidth=1, linestyle=(0, (4, 2)), zorder=1)
    else:
        words = f"naive: {100 * naive:.0f}%"
        axes.text(-0.45, FLOOR + 0.006, words, color="#6e6e6e", fontsize=style.SMALL, va="bottom")
    places = _places(cell)
    for row in style.records(cell[cell["gold"] > 0]):
        _, colour, mark = LOOKS[row["estimator"]]
        x = GOLD.index(row["gold"]) + places[row["estimator"]]
        if row["coverage"] < FLOOR:
            axes.annotate(
                f"{100 * row['coverage']:.0f}",
                (x, FLOOR),
                (x, FLOOR + 0.045),
                color=colour,
                fontsize=style.SMALL,
                ha="center",
                va="bottom",
                arrowprops={
                    "arrowstyle": "-|>",
                    "color": colour,
                    "linewidth": 0.9,
                    "shrinkA": 0,
                    "shrinkB": 0,
                },
            )
            continue
        reach = Z95 * row["coverage_se"]
        axes.plot([x, x], [row["coverage"] - reach, row["coverage"] + reach], color=colour, linewidth=1.1)
        axes.plot(x, row["coverage"], mark, color=colour, markersize=3.6)
    axes.set_ylim(FLOOR, CEILING)
    axes.set_yticks([0.8, 0.85, 0.9, 0.95, 1.0], ["80", "85", "90", "95", "100"])
    _x_axis(axes)


def _legend(axes: Axes) -> None:
    """Say in an empty panel what marks mean."""
    axes.set_axis_off()
    handles: list[Line2D | Patch] = [Line2D([], [], color="black", linewidth=0.7, label="the truth; 95%")]
    for name, (words, colour, mark) in LOOKS.items():
        looks = {"linestyle": (0, (4, 2))} if name == "naive" else {"marker": mark, "markersize": 3.6}
        handles.append(Line2D([], [], color=colour, label=words, **looks))
    handles.append(Patch(color="#e8eef5", label="93 to 97%"))
    printed = axes.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.02, 1), frameon=False, borderaxespad=0
    )
    printed.set_in_layout(False)
