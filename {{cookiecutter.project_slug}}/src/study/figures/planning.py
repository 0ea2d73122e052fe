"""Curves of planning: how likely a test is to find the present estimate, by how many units people code.

One panel a term; each line is an estimator, its dot the present gold sample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from study.figures import style
from study.inference.terms import in_words

MOST_TERMS = 3
MOST_LINES = 4
ENOUGH = 0.8
WORDS = {"gold_only": "people's codes alone", "dsl": "DSL ({})"}
DASHES: tuple[Literal["-", "--", ":", "-."], ...] = ("-", "--", ":", "-.")


def planning_figure(
    table: pd.DataFrame, kinds: Mapping[str, str], *, first: Sequence[str] = (), file: str = "the table"
) -> Figure:
    """Draw the curves of one analysis.

    Parameters
    ----------
    table
        The rows of `planning.csv` of this analysis.
    kinds
        Coder -> type.
    first
        Terms that are drawn before all others.
    file
        The table that has every term.
    """
    rows = table[table["power"].notna()]
    if rows.empty:
        return style.no_data("there are no gold codes to plan with.")
    terms = list(dict.fromkeys(rows["term"]))
    terms = [term for term in first if term in terms] + [term for term in terms if term not in first]
    notes = []
    if len(terms) > MOST_TERMS:
        notes.append(f"{MOST_TERMS} of {len(terms)} terms are drawn; {file} has them all.")
        terms = terms[:MOST_TERMS]
    pairs = list(dict.fromkeys(zip(rows["estimator"], rows["coder"], strict=True)))[:MOST_LINES]
    names = style.coder_names(kinds, None)
    figure = style.blank(style.WIDTH if len(terms) > 1 else 100, 68 + 4 * len(notes))
    axes = style.grid(figure, 1, len(terms), sharey=True)[0]
    for ax, term in zip(axes, terms, strict=True):
        here = rows[rows["term"] == term]
        for (estimator, coder), dashes in zip(pairs, DASHES, strict=False):
            line = here[(here["estimator"] == estimator) & (here["coder"] == coder)].sort_values("n_gold")
            colour = style.colour(coder, kinds) if coder else style.COLOURS["human"]
            gid = f"{term}/{estimator}/{coder}"
            ax.plot(line["n_gold"], line["power"], dashes, color=colour, linewidth=1.2, gid=f"curve/{gid}")
            now = line[line["now"] == "True"]
            ax.plot(now["n_gold"], now["power"], "o", color=colour, markersize=4, gid=f"now/{gid}")
        ax.axhline(ENOUGH, color=style.QUIET, linewidth=0.8, zorder=0)
        ax.set_title(style.fit(in_words(term), 30))
        ax.set_ylim(0, 1.02)
        ax.set_xlim(left=0)
        ax.xaxis.set_major_formatter("{x:,.0f}")
        ax.locator_params(axis="x", nbins=4)
        ax.yaxis.set_major_formatter("{x:g}")
        ax.set_xlabel("Units coded by people")
        ax.grid(axis="y")
        ax.set_axisbelow(True)
    axes[0].set_ylabel("Power")
    style.note(figure, notes)
    style.legend(figure, _legend(pairs, names, kinds), 2)
    return figure


def _legend(
    pairs: Sequence[tuple[str, str]], names: Mapping[str, str], kinds: Mapping[str, str]
) -> list[Line2D]:
    handles = []
    for (estimator, coder), dashes in zip(pairs, DASHES, strict=False):
        colour = style.colour(coder, kinds) if coder else style.COLOURS["human"]
        words = WORDS[estimator].format(style.fit(names.get(coder, coder), 24, 1) if coder else "")
        handles.append(Line2D([], [], label=words, color=colour, linestyle=dashes, linewidth=1.2))
    handles.append(
        Line2D(
            [],
            [],
            label="the present gold sample",
            color=style.COLOURS["human"],
            marker="o",
            linestyle="none",
            markersize=4,
        )
    )
    return handles


def read_table(file: Path) -> pd.DataFrame:
    """Read `planning.csv`; a coder may be called 'NA'."""
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    for column in ("n_gold", "std_error", "power"):
        table[column] = pd.to_numeric(table[column])
    return table


def draw(
    table: pd.DataFrame,
    folder: Path,
    *,
    names: Sequence[str],
    coders: Mapping[str, str],
    expected: Mapping[str, Mapping[str, str]],
) -> None:
    """Write the curves of every analysis.

    Parameters
    ----------
    table
        The table of planning.
    folder
        Where the figures are written, both formats of each.
    names
        The analyses.
    coders
        Coder -> type.
    expected
        Hypothesis -> its analysis and term.
    """
    with style.theme([*coders, *table["term"]]):
        for name in names:
            first = [hypothesis["term"] for hypothesis in expected.values() if hypothesis["analysis"] == name]
            own = table[table["analysis"] == name]
            figure = planning_figure(own, coders, first=first, file="results/tables/planning.csv")
            style.save(figure, *style.files(folder, "planning", name))
