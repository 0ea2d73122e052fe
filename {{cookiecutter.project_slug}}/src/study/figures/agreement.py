"""Forest plot: how closely each measure agrees with the criterion, by domain, published figures beside it.

Filled markers stand on the sampled texts, which every measure has coded; hollow markers on all texts that
have a criterion. Only markers of one kind may be compared with each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from study.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TABLE = "results/tables/agreement.csv"
MOST_DOMAINS = 12
COLUMNS = 3
ROW = 5.6
"""Millimetres for a measure."""
APART = 0.16
"""How far the two subsets of a measure lie from the middle of its row, in rows."""

SAMPLE, EVERYTHING = "sample", "all"


@dataclass(frozen=True)
class PublishedValue:
    """A printed correlation, and the row of the table that it is compared with.

    Attributes
    ----------
    claim
        The claim's id.
    value
        As printed.
    alternative
        Whether the row belongs to it in another reading of the source only.
    domain, subset, measure
        The row.
    """

    claim: str
    value: float
    alternative: bool
    domain: str
    subset: str
    measure: str


def published_values(
    printed: Sequence[Mapping[str, Any]], table: pd.DataFrame, construct: str
) -> list[PublishedValue]:
    """Return the printed correlations that are compared with one row of this construct.

    Parameters
    ----------
    printed
        As `study.claims.printed` gives them.
    table
        The table of agreement.
    """
    return [
        PublishedValue(figure["claim"], float(figure["value"]), figure["alternative"], *row)
        for figure in printed
        for row in _rows(figure["keys"], table, construct)
    ]


def _rows(keys: Mapping[str, Any], table: pd.DataFrame, construct: str) -> Iterator[tuple[str, str, str]]:
    """Yield domain, subset and measure of the one row that keys tell; nothing where they tell several."""
    hit = table
    for key, value in keys.items():
        if key in table:
            hit = hit[hit[key].astype(str) == str(value)]
    if len(hit) == 1 and hit["construct"].iloc[0] == construct:
        yield hit["domain"].iloc[0], hit["subset"].iloc[0], hit["measure"].iloc[0]


def agreement_figure(
    table: pd.DataFrame,
    construct: str,
    types: Mapping[str, str],
    *,
    criterion: str | None,
    level: str,
    printed: Sequence[Mapping[str, Any]] = (),
) -> Figure:
    """Draw the correlations of one construct.

    Parameters
    ----------
    table
        The table of agreement.
    types
        Coder -> type.
    criterion, level
        The coder with whom the others are compared; the construct's level of measurement.
    printed
        The published correlations, as `study.claims.printed` gives them.
    """
    rows = table[table["construct"] == construct]
    if criterion is None or rows.empty or rows["pearson_r"].isna().all():
        return style.no_data(_why_nothing(rows, criterion, level))
    published = published_values(printed, table, construct)
    domains, notes = style.chosen_domains(rows.groupby("domain")["n"].max(), MOST_DOMAINS, TABLE)
    rows = rows[rows["domain"].isin(domains)]
    sizes = {domain: _sizes(here) for domain, here in rows.groupby("domain")}
    rows = _once(rows)
    measures = style.ordered(rows["measure"], types)
    names = style.coder_names(types, criterion)
    labels = [style.fit(names.get(measure, measure), 22) for measure in measures]
    what = f"Pearson r with the {style.criterion_name(types, criterion)}"
    columns = min(COLUMNS, len(domains))
    lines = -(-len(domains) // columns)
    width = style.WIDTH if columns > 1 else 120
    figure = style.blank(width, 14 + lines * (18 + ROW * len(measures)) + 4 * len(notes))
    axes = [ax for line in style.grid(figure, lines, columns, sharex=True, sharey=True) for ax in line]
    lowest = min(0.0, rows["ci_low"].min(), rows["pearson_r"].min(), *(p.value for p in published))
    for ax, domain in zip(axes, domains, strict=False):
        here = rows[rows["domain"] == domain]
        ax.set_title(f"{style.domain_name(domain, 26, alone=len(domains) == 1)}\n{sizes[domain]}")
        for place, measure in enumerate(measures):
            _draw_measure(ax, place, here[here["measure"] == measure], style.colour(measure, types))
        for value in published:
            if value.domain == domain:
                _draw_published(ax, value, measures.index(value.measure), here)
        ax.set_yticks(range(len(measures)), labels)
        ax.tick_params(axis="y", length=0)
        ax.set_ylim(len(measures) - 0.5, -0.5)
        ax.set_xlim(-1 if lowest < -0.5 else (-0.5 if lowest < 0 else 0), 1.02)
        ax.xaxis.set_tick_params(labelbottom=True)
        ax.xaxis.set_major_formatter("{x:g}")
        ax.set_xlabel(what)
        ax.grid(axis="x")
        ax.set_axisbelow(True)
        ax.spines["left"].set_visible(False)
        if lowest < 0:
            ax.axvline(0, color=style.QUIET, linewidth=0.8, zorder=0)
    for ax in axes[len(domains) :]:
        ax.set_axis_off()
    style.note(figure, notes)
    style.legend(figure, _legend(rows, published), 2)
    return figure


def _why_nothing(rows: pd.DataFrame, criterion: str | None, level: str) -> str:
    if criterion is None:
        return "the study has no criterion to compare with."
    if level == "nominal":
        return "the labels of a nominal construct have no order to correlate; see its confusion table."
    if rows.empty:
        return "no measure of this construct can be compared with the criterion."
    n = style.number(rows["n"].max())
    return f"no correlation is defined (at most {n} texts, or scores that do not vary)."


def _once(rows: pd.DataFrame) -> pd.DataFrame:
    """Drop what is on all texts where all of a measure's texts are in the sample: it would be drawn twice."""
    sampled = rows[rows["subset"] == SAMPLE].set_index(["domain", "measure"])["n"]
    n_sampled = pd.MultiIndex.from_frame(rows[["domain", "measure"]]).map(sampled.to_dict())
    return rows[(rows["subset"] == SAMPLE) | (rows["n"].to_numpy() != n_sampled.to_numpy())]


def _sizes(rows: pd.DataFrame) -> str:
    """Return the numbers of texts of each subset: 'n = 200 sampled, 4,200 in all', or 'n = 200' of both."""
    parts: list[str] = []
    if rows["n"].nunique() == 1:
        return f"n = {style.number(rows['n'].iloc[0])}"
    for subset, word in ((SAMPLE, "sampled"), (EVERYTHING, "in all")):
        n = rows.loc[rows["subset"] == subset, "n"]
        if len(n):
            few, many = style.number(n.min()), style.number(n.max())
            parts.append(f"{many if few == many else f'{few} to {many}'} {word}")
    return f"n = {', '.join(parts)}"


def _place(subset: str, subsets: set[str]) -> float:
    """Return how far from the middle of its row a subset is drawn."""
    if subsets == {SAMPLE, EVERYTHING}:
        return -APART if subset == SAMPLE else APART
    return 0.0


def _draw_measure(ax: Axes, place: int, rows: pd.DataFrame, colour: str) -> None:
    subsets = set(rows["subset"])
    for row in style.records(rows):
        y = place + _place(row["subset"], subsets)
        name = f"{row['subset']}/{row['measure']}"
        if pd.isna(row["pearson_r"]):
            left: dict[str, Any] = {
                "transform": ax.get_yaxis_transform(),
                "fontsize": style.SMALL,
                "va": "center",
            }
            ax.text(0.02, y, "undefined", color=style.QUIET, **left)
            continue
        interval = [row["ci_low"], row["ci_high"]]
        ax.plot(interval, [y, y], color=colour, linewidth=1.2, gid=f"interval/{name}")
        mark = style.circle(colour, filled=row["subset"] == SAMPLE)
        ax.plot(row["pearson_r"], y, gid=f"estimate/{name}", **mark)


def _draw_published(ax: Axes, value: PublishedValue, place: int, rows: pd.DataFrame) -> None:
    y = place + _place(value.subset, set(rows.loc[rows["measure"] == value.measure, "subset"]))
    ax.plot(
        value.value, y, clip_on=False, zorder=4, gid=f"published/{value.claim}", **_mark(value.alternative)
    )


def _mark(alternative: bool) -> dict[str, Any]:
    return {
        "marker": "x" if alternative else "+",
        "color": style.PUBLISHED,
        "linestyle": "none",
        "markersize": 4.5 if alternative else 6,
        "markeredgewidth": 0.9,
    }


def _legend(rows: pd.DataFrame, published: Sequence[PublishedValue]) -> list[Line2D]:
    handles = []
    for subset, words in ((SAMPLE, "sampled texts, the same for every coder"), (EVERYTHING, "all texts")):
        if (rows["subset"] == subset).any():
            mark = style.circle(style.COLOURS["human"], filled=subset == SAMPLE)
            handles.append(Line2D([], [], label=f"{words} (line: 95% interval)", **mark))
    for alternative, words in ((False, "published"), (True, "published, in another reading of the source")):
        if any(value.alternative == alternative for value in published):
            handles.append(Line2D([], [], label=words, **_mark(alternative)))
    return handles


def draw(
    table: pd.DataFrame,
    folder: Path,
    *,
    coders: Mapping[str, Mapping[str, str]],
    codebooks: Mapping[str, Mapping[str, Any]],
    criterion: str | None,
    published: Sequence[Mapping[str, Any]],
) -> None:
    """Write a forest plot of every construct.

    Parameters
    ----------
    table
        The table of agreement.
    folder
        Where the figures are written, both formats of each.
    coders, codebooks
        Construct -> coder -> type, and construct -> its level.
    criterion
        The coder with whom the others are compared.
    published
        What is marked beside the study's own figures, as `study.claims.printed` gives it.
    """
    with style.theme([*table["domain"].unique(), *coders]):
        for construct, types in coders.items():
            figure = agreement_figure(
                table,
                construct,
                types,
                criterion=criterion,
                level=codebooks[construct]["level"],
                printed=published,
            )
            style.save(figure, *style.files(folder, "agreement", construct))
