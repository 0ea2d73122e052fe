"""Specification curve: an analysis under every choice of a multiverse (Simonsohn, Simmons & Nelson 2020).

Above, the estimates of each estimator side by side, sorted, with their 95% intervals; the line is the gold
analysis, the band its interval. Dark are the specifications that conclude otherwise than the gold analysis.
Below, a dot says which choices each specification made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from study.experiment.factors import FACTORS
from study.figures import style
from study.inference.terms import in_words
from study.report.factors import canonical, level_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_TERMS = 3
MOST_LEVELS = 12
"""A choice with more levels than this has no rows of its own: 64 cells are told by their factors."""
CURVE, ROW = 52.0, 3.4
"""Millimetres of the curves, and of a row of dots."""
COLOURS = {"naive": "#d55e00", "dsl": "#0173b2", "ppi": "#029e73", "likelihood": "#cc78bc"}
"""Of seaborn's palette for the colour-blind."""
WORDS = {
    "naive": "Codes as they are",
    "dsl": "Corrected (DSL)",
    "ppi": "Corrected (PPI++)",
    "likelihood": "Corrected (likelihood)",
}
GOLD = {"benchmark": "people's codes of all texts", "gold_only": "people's codes of the gold sample"}
PALE, DARK, BAND = 0.35, 1.0, 0.16
KEPT, WILD = (0.05, 0.95), 2.5
"""Where the bounds of all intervals span more than 2.5 times what lies between these quantiles, intervals are
drawn as far as the quantiles: one wild interval would flatten all others."""
CUT = "Intervals that reach further than most are cut."


@dataclass(frozen=True)
class Choice:
    """A group of rows of dots: a choice, and which specifications made it.

    Attributes
    ----------
    title
        Of the choice.
    levels
        Its levels, in the order of the rows.
    of
        Level by specification.
    """

    title: str
    levels: Sequence[str]
    of: Mapping[int, str]


def choices(table: pd.DataFrame) -> list[Choice]:
    """Return the choices that differ between specifications: instrument, factors of experiments, decision."""
    once = table.drop_duplicates("specification").set_index("specification")
    found = [Choice("instrument", *_levels(_whose(once)))]
    found += [
        Choice(factor.replace("_", " "), *_levels(once[factor].map(partial(_shown, factor))))
        for factor in FACTORS
    ]
    found.append(Choice("decision", *_levels(once["decision"])))
    return [choice for choice in found if len(choice.levels) > 1]


def _whose(once: pd.DataFrame) -> pd.Series:
    """Coders, and experiments as a whole: their cells are told by factors."""
    return once["coder"].where(once["experiment"] == "", "experiment " + once["experiment"])


def _shown(factor: str, level: str) -> str:
    """Return a level in words, and nothing for a coder, which has none."""
    return level_name(factor, canonical(factor, level)) if level else ""


def _levels(column: pd.Series) -> tuple[list[str], dict[int, str]]:
    there = column[column != ""]
    return list(dict.fromkeys(there)), {int(str(key)): str(value) for key, value in there.items()}


def specification_figure(table: pd.DataFrame, summary: pd.DataFrame, *, file: str = "the table") -> Figure:
    """Draw the specification curves of one analysis.

    Parameters
    ----------
    table, summary
        The tables `multiverse` and `multiverse_summary`.
    file
        The table that has every term.
    """
    known = table[table["estimate"].notna()]
    if known.empty:
        notes = [note for note in table["note"] if note]
        return style.no_data(f"{notes[0]}." if notes else "no specification could be estimated.")
    everything = list(dict.fromkeys(known["term"]))
    terms = everything[:MOST_TERMS]
    notes = []
    if len(terms) < len(everything):
        notes.append(f"{len(terms)} of {len(everything)} terms are drawn; {file} has them all.")
    estimators = [name for name in COLOURS if (known["estimator"] == name).any()]
    shown = choices(known)
    few = [choice for choice in shown if len(choice.levels) <= MOST_LEVELS]
    for choice in shown:
        if choice not in few:
            notes.append(f"{choice.title}, with {len(choice.levels)} levels, is not drawn.")
    rows = sum(len(choice.levels) for choice in few)
    dots = ROW * max(rows, 1)
    figure = style.blank(style.WIDTH, 22 + len(terms) * (CURVE + dots + 14) + 4 * len(notes))
    axes = style.grid(
        figure,
        2 * len(terms),
        len(estimators),
        sharey="row",
        gridspec_kw={"height_ratios": [CURVE, dots] * len(terms)},
    )
    for number, term in enumerate(terms):
        here = known[known["term"] == term]
        of_term = summary[summary["term"] == term]
        for place, estimator in enumerate(estimators):
            curve, matrix = axes[2 * number][place], axes[2 * number + 1][place]
            own = here[here["estimator"] == estimator].sort_values(
                ["estimate", "specification"], ignore_index=True
            )
            _curve(curve, own, estimator, of_term[of_term["estimator"] == estimator])
            _matrix(matrix, own, few, estimator)
            for ax in (curve, matrix):
                ax.set_xlim(-0.7, max(len(own), 1) - 0.3)
                ax.tick_params(axis="x", bottom=False, labelbottom=False)
            tried = int(((table["term"] == term) & (table["estimator"] == estimator)).sum())
            of = "" if tried == len(own) else f" of {tried}"
            matrix.set_xlabel(f"{len(own)}{of} specifications, sorted")
        if _limits(axes[2 * number][0], here, of_term) and CUT not in notes:
            notes.append(CUT)
        axes[2 * number][0].set_ylabel(f"Coefficient\n{style.fit(in_words(term), 34)}")
    style.note(figure, notes)
    style.legend(figure, _legend(estimators, summary), 2)
    return figure


def _curve(ax: Axes, own: pd.DataFrame, estimator: str, summary: pd.DataFrame) -> None:
    colour = COLOURS[estimator]
    words = WORDS[estimator]
    gold = None if summary.empty else summary.iloc[0]
    compared = gold is not None and pd.notna(gold["gold_estimate"])
    if gold is not None and compared:
        band = ax.axhspan(
            gold["gold_ci_low"], gold["gold_ci_high"], color=style.COLOURS["human"], alpha=BAND, linewidth=0
        )
        band.set_gid("gold band")
        ax.axhline(gold["gold_estimate"], color=style.COLOURS["human"], linewidth=1, gid="gold")
        flipped = int((own["significance_flip"] == "True").sum())
        words += f":\n{flipped} of {len(own)} conclude otherwise"
    ax.set_title(words)
    ax.axhline(0, color=style.QUIET, linewidth=0.8, linestyle=":", zorder=0)
    thin = len(own) > 60
    places = np.arange(len(own))
    flips = (own["significance_flip"] == "True").to_numpy()
    for name, chosen, alpha in (
        ("otherwise", flips, DARK),
        ("the same", ~flips, PALE if compared else DARK),
    ):
        part, at = own[chosen], places[chosen]
        bounds = part[["ci_low", "ci_high"]].to_numpy(dtype=float)
        lines = [[(x, low), (x, high)] for x, (low, high) in zip(at, bounds, strict=True) if np.isfinite(low)]
        ax.add_collection(
            LineCollection(lines, colors=colour, alpha=alpha, linewidths=0.5 if thin else 1.2, zorder=2)
        )
        ax.plot(
            at,
            part["estimate"],
            marker="o",
            linestyle="none",
            color=colour,
            markersize=1.6 if thin else 3.6,
            markeredgewidth=0.6 if thin else 1,
            markerfacecolor="white" if estimator == "naive" else colour,
            alpha=max(alpha, 0.6),
            zorder=3,
            gid=f"estimates/{estimator}/{name}",
        )
    ax.grid(axis="y")
    ax.set_axisbelow(True)
    ax.yaxis.set_major_formatter("{x:g}")
    ax.spines["bottom"].set_visible(False)


def _matrix(ax: Axes, own: pd.DataFrame, shown: Sequence[Choice], estimator: str) -> None:
    """Draw a row a level; a choice's rows stand together."""
    size = min(3.0, 150 / max(len(own), 1))
    row, labels, edges = 0, [], []
    for choice in shown:
        for level in choice.levels:
            at = [x for x, number in enumerate(own["specification"]) if choice.of.get(int(number)) == level]
            ax.plot(
                at,
                [row] * len(at),
                marker="|" if size < 1.5 else "o",
                linestyle="none",
                color=style.COLOURS["human"],
                markersize=max(size, 4.5) if size < 1.5 else size,
                markeredgewidth=min(size, 0.8),
                gid=f"dots/{estimator}/{choice.title}/{level}",
            )
            labels.append(f"{choice.title}: {level}")
            row += 1
        edges.append(row - 0.5)
    for edge in edges[:-1]:
        ax.axhline(edge, color="#d9d9d9", linewidth=0.6)
    ax.set_ylim(max(row, 1) - 0.5, -0.5)
    ax.set_yticks(range(row), [style.fit(label, 34, 1) for label in labels])
    ax.tick_params(axis="y", length=0)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)


def _limits(ax: Axes, here: pd.DataFrame, summary: pd.DataFrame) -> bool:
    """Show every estimate, the gold analysis and zero; return whether wild intervals are cut."""
    low, high = (here[bound].dropna() for bound in ("ci_low", "ci_high"))
    gold = summary[["gold_ci_low", "gold_ci_high"]].to_numpy(dtype=float).ravel()
    needed = [0.0, here["estimate"].min(), here["estimate"].max(), *gold[np.isfinite(gold)]]
    kept = [*needed, *(low.quantile([KEPT[0]])), *(high.quantile([KEPT[1]]))] if len(low) else needed
    every = [*kept, *low, *high]
    wild = max(every) - min(every) > WILD * (max(kept) - min(kept))
    ends = kept if wild else every
    margin = 0.05 * (max(ends) - min(ends) or 1)
    ax.set_ylim(min(ends) - margin, max(ends) + margin)
    return wild


def _legend(estimators: Sequence[str], summary: pd.DataFrame) -> list[Line2D]:
    golds = [name for name in dict.fromkeys(summary["gold_estimator"]) if name in GOLD]
    if not golds:
        return []
    grey, colour = style.COLOURS["human"], COLOURS[estimators[0]]
    return [
        Line2D([], [], color=grey, linewidth=1, label=f"gold analysis: {GOLD[golds[0]]}"),
        Line2D([], [], color=grey, alpha=BAND, linewidth=6, solid_capstyle="butt", label="its 95% interval"),
        *(
            Line2D([], [], color=colour, alpha=alpha, linewidth=1.6, label=f"{words} (line: 95% interval)")
            for alpha, words in ((DARK, "concludes otherwise"), (PALE, "concludes as the gold analysis"))
        ),
    ]


def read_table(file: Path, numbers: Sequence[str]) -> pd.DataFrame:
    """Read a table of the multiverse; a coder may be called 'NA'."""
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    return table.assign(**{column: pd.to_numeric(table[column]) for column in numbers})


def main(
    *,
    specifications_file: Path,
    summary_file: Path,
    png_file: Path,
    pdf_file: Path,
) -> None:
    """Draw the specification curves of the study's multiverse."""
    table = read_table(specifications_file, ("specification", "estimate", "ci_low", "ci_high"))
    summary = read_table(summary_file, ("gold_estimate", "gold_ci_low", "gold_ci_high"))
    words = [column for column in ("term", "coder", "experiment", *FACTORS) if column in table]
    with style.theme([*(value for column in words for value in table[column].unique())]):
        figure = specification_figure(table, summary, file="results/tables/multiverse.csv")
        style.save(figure, png_file, pdf_file)


if __name__ == "__main__":
    from study.job import run

    run(main)
