"""Reliability diagram: does a coder that is 80% sure hit the criterion's class in 80% of those texts?

Points below the diagonal are overconfident. Each is a bin of stated probability, with its 95% interval
(Wilson); the bars below count the texts in each bin.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.figure import Figure

from study.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TABLE = "results/tables/calibration.csv"
MOST_DOMAINS = 5
SAMPLE = "sample"


def calibration_figure(
    table: pd.DataFrame, construct: str, types: Mapping[str, str], *, criterion: str | None
) -> Figure:
    """Draw the reliability diagrams of one construct: a row for each coder, a column for each domain.

    Parameters
    ----------
    table
        The table of calibration. Of a coder that has rows on the sample only those are drawn.
    types
        Coder -> type.
    criterion
        The coder with whom the others are compared.
    """
    rows = table[table["construct"] == construct]
    if criterion is None:
        return style.no_data("the study has no criterion to compare with.")
    if rows.empty:
        return style.no_data("no coder gives probabilities of labels for texts that have a criterion.")
    sampled = rows.groupby("measure")["subset"].transform(lambda s: (s == SAMPLE).any())
    rows = rows[~sampled | (rows["subset"] == SAMPLE)]
    sizes = rows.groupby(["domain", "measure"])["n"].sum().groupby("domain").max()
    domains, notes = style.chosen_domains(sizes, MOST_DOMAINS, TABLE)
    measures = style.ordered(rows["measure"], types)
    names = style.coder_names(types, criterion)
    width = min(style.WIDTH, 60 + 40 * (len(domains) - 1))
    figure = style.blank(width, 10 + 62 * len(measures) + 4 * len(notes))
    ratios = [3, 1] * len(measures)
    axes = style.grid(figure, 2 * len(measures), len(domains), sharex=True, height_ratios=ratios)
    for i, measure in enumerate(measures):
        diagrams, bars = axes[2 * i], axes[2 * i + 1]
        of_measure = rows[rows["measure"] == measure]
        for upper, lower, domain in zip(diagrams, bars, domains, strict=True):
            here = of_measure[of_measure["domain"] == domain].sort_values("bin_low")
            _draw(upper, lower, here, style.colour(measure, types))
            title = style.domain_name(domain, 18, alone=len(domains) == 1)
            upper.set_title(f"{title}\n{_figures(here)}", fontsize=style.SMALL)
        subset = "sampled texts" if (of_measure["subset"] == SAMPLE).all() else "all texts"
        diagrams[0].set_ylabel(f"{style.fit(names.get(measure, measure), 24)}, {subset}\nshare of hits")
        for ax in diagrams[1:]:
            ax.set_yticklabels([])
        bars[0].set_ylabel("texts")
    figure.align_ylabels()
    style.note(figure, notes)
    figure.supxlabel("Stated probability of the predicted class")
    return figure


def _figures(rows: pd.DataFrame) -> str:
    """Return number of texts, expected calibration error and Brier score of a panel."""
    if rows.empty:
        return "n = 0"
    first = rows.iloc[0]
    scores = f"ECE {style.decimals(first['ece'])}, Brier {style.decimals(first['brier'])}"
    return f"n = {style.number(rows['n'].sum())}\n{scores}"


def _draw(upper: Axes, lower: Axes, rows: pd.DataFrame, colour: str) -> None:
    upper.plot([0, 1], [0, 1], color=style.QUIET, linewidth=0.8, linestyle="--", zorder=1, gid="diagonal")
    x, low, high = rows["mean_probability"], rows["ci_low"], rows["ci_high"]
    upper.vlines(x, low, high, color=colour, linewidth=1.2, gid="intervals")
    upper.plot(x, rows["observed_share"], "o", color=colour, markersize=3.5, clip_on=False, gid="bins")
    upper.set(xlim=(0, 1), ylim=(0, 1))
    upper.set_yticks([0, 0.5, 1], ["0", ".5", "1"])
    lower.bar(rows["bin_low"], rows["n"], rows["bin_high"] - rows["bin_low"], align="edge", color=colour,
              edgecolor="white", linewidth=0.6)  # fmt: skip
    lower.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
    most = rows["n"].max() if len(rows) else 0
    lower.set_yticks([most], [style.number(most)])


def draw(
    table: pd.DataFrame,
    folder: Path,
    *,
    coders: Mapping[str, Mapping[str, str]],
    criterion: str | None,
) -> None:
    """Write the reliability diagrams of every construct.

    Parameters
    ----------
    table
        The table of calibration.
    folder
        Where the figures are written, both formats of each.
    coders
        Construct -> coder -> type.
    criterion
        The coder with whom the others are compared.
    """
    with style.theme([*table["domain"].unique(), *coders]):
        for construct, types in coders.items():
            figure = calibration_figure(table, construct, types, criterion=criterion)
            style.save(figure, *style.files(folder, "calibration", construct))
