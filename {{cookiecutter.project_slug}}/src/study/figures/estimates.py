"""Forest plot of a regression: each coefficient under every estimator, with its 95% interval.

Hollow markers are estimates that take codes for the truth; filled ones rest on people's codes of the gold
sample. Where a hollow marker's interval lies elsewhere, the coder's errors have moved the coefficient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from study.figures import style
from study.inference.terms import in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_TERMS = 6
COLUMNS = 3
ROW = 5.6
"""Millimetres for an estimate."""
HOLLOW = ("naive", "dictionary")
WORDS = {
    "naive": "{}, uncorrected",
    "dictionary": "{}, uncorrected",
    "gold_only": "People's codes alone",
    "dsl": "DSL ({})",
    "ppi": "PPI++ ({})",
    "likelihood": "Likelihood ({})",
    "benchmark": "People's codes of all texts",
}
"""What each estimator is called; the coder's name goes into the braces."""
ORDER = list(WORDS)


def estimates_figure(
    table: pd.DataFrame, kinds: Mapping[str, str], *, first: Sequence[str] = (), file: str = "the table"
) -> Figure:
    """Draw the coefficients of one analysis.

    Parameters
    ----------
    table
        The analysis's table.
    kinds
        Coder -> type.
    first
        Terms that are drawn before all others: those of hypotheses, and coded constructs.
    file
        The table that has every term.
    """
    rows = table[(table["term"] != "Intercept") & ~table["term"].str.contains(r"^\S+/\S+$", na=False)]
    if rows.empty or rows["estimate"].isna().all():
        notes = [note for note in table["note"] if note]
        return style.no_data(f"{notes[0]}." if notes else "no coefficient could be estimated.")
    terms, notes = _chosen(rows, first, file)
    rows = rows[rows["estimator"].isin(ORDER)]
    pairs = list(dict.fromkeys(zip(rows["estimator"], rows["coder"], strict=True)))
    pairs.sort(key=lambda pair: ORDER.index(pair[0]))
    pairs = [pair for pair in pairs if _of(rows, *pair)["estimate"].notna().any()]
    names = style.coder_names(kinds, None)
    labels = [style.fit(WORDS[e].format(names.get(coder, coder)), 26) for e, coder in pairs]
    columns = min(COLUMNS, len(terms))
    lines = -(-len(terms) // columns)
    width = style.WIDTH if columns > 1 else 130
    figure = style.blank(width, 16 + lines * (16 + ROW * len(pairs)) + 4 * len(notes))
    axes = [ax for line in style.grid(figure, lines, columns, sharey=True) for ax in line]
    for ax, term in zip(axes, terms, strict=False):
        here = rows[rows["term"] == term]
        ax.set_title(style.fit(in_words(term), 30))
        for place, (estimator, coder) in enumerate(pairs):
            _draw(
                ax,
                place,
                _of(here, estimator, coder),
                _colour(estimator, coder, kinds),
                estimator not in HOLLOW,
            )
        ax.axvline(0, color=style.QUIET, linewidth=0.8, zorder=0)
        ax.set_yticks(range(len(pairs)), labels)
        ax.tick_params(axis="y", length=0)
        ax.set_ylim(len(pairs) - 0.5, -0.5)
        ax.margins(x=0.08)
        ax.xaxis.set_major_formatter("{x:g}")
        ax.locator_params(axis="x", nbins=5)
        ax.set_xlabel("Coefficient")
        ax.grid(axis="x")
        ax.set_axisbelow(True)
        ax.spines["left"].set_visible(False)
    for ax in axes[len(terms) :]:
        ax.set_axis_off()
    style.note(figure, notes)
    style.legend(figure, _legend(pairs), 2)
    return figure


def _chosen(rows: pd.DataFrame, first: Sequence[str], file: str) -> tuple[list[str], list[str]]:
    """The terms to draw: those that the study is about, and as many others as there is room for."""
    everything = list(dict.fromkeys(rows["term"]))
    ours = [term for term in everything if any(_is_about(term, name) for name in first)]
    ordered = [*ours, *(term for term in everything if term not in ours)]
    if len(ordered) <= MOST_TERMS:
        return ordered, []
    return ordered[:MOST_TERMS], [f"{MOST_TERMS} of {len(ordered)} terms are drawn; {file} has them all."]


def _is_about(term: str, name: str) -> bool:
    """Whether a term is of this name, or an interaction or a level of it."""
    factors = [factor.split("[", 1)[0] for factor in term.split(":")]
    return term == name or name in factors or f"C({name})" in factors


def _of(rows: pd.DataFrame, estimator: str, coder: str) -> pd.DataFrame:
    return rows[(rows["estimator"] == estimator) & (rows["coder"] == coder)]


def _colour(estimator: str, coder: str, kinds: Mapping[str, str]) -> str:
    return style.COLOURS["human"] if not coder else style.colour(coder, kinds)


def _draw(ax: Axes, place: int, rows: pd.DataFrame, colour: str, filled: bool) -> None:
    for row in style.records(rows):
        if pd.isna(row["estimate"]):
            continue
        gid = f"{row['term']}/{row['estimator']}/{row['coder']}"
        ax.plot(
            [row["ci_low"], row["ci_high"]],
            [place, place],
            color=colour,
            linewidth=1.2,
            gid=f"interval/{gid}",
        )
        ax.plot(row["estimate"], place, gid=f"estimate/{gid}", **style.circle(colour, filled=filled))


def _legend(pairs: Sequence[tuple[str, str]]) -> list[Line2D]:
    handles = []
    grey = style.COLOURS["human"]
    if any(estimator in HOLLOW for estimator, _ in pairs):
        handles.append(Line2D([], [], label="codes taken for the truth", **style.circle(grey, filled=False)))
    if any(estimator not in HOLLOW for estimator, _ in pairs):
        words = "resting on people's codes (line: 95% interval)"
        handles.append(Line2D([], [], label=words, **style.circle(grey, filled=True)))
    return handles


def read_table(file: Path) -> pd.DataFrame:
    """Read the table of an analysis; a coder may be called 'NA'."""
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    for column in ("estimate", "ci_low", "ci_high"):
        table[column] = pd.to_numeric(table[column])
    return table


def draw(
    tables: Mapping[str, pd.DataFrame],
    folder: Path,
    *,
    coders: Mapping[str, str],
    coded: Mapping[str, Sequence[str]],
    expected: Mapping[str, Mapping[str, str]],
) -> None:
    """Write a forest plot of every analysis.

    Parameters
    ----------
    tables
        Analysis -> its table.
    folder
        Where the figures are written, both formats of each.
    coders
        Coder -> type.
    coded
        Analysis -> the constructs that codes stand for.
    expected
        Hypothesis -> its analysis and term.
    """
    with style.theme([*coders, *(term for table in tables.values() for term in table["term"])]):
        for name, table in tables.items():
            terms = [h["term"] for h in expected.values() if h["analysis"] == name]
            first = [*terms, *coded[name]]
            figure = estimates_figure(table, coders, first=first, file=f"results/tables/{name}.csv")
            style.save(figure, *style.files(folder, "estimates", name))
