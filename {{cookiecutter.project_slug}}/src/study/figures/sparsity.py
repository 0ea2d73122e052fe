"""How codes decay as a model's weights are set to zero, or stored in fewer bits.

Left the agreement with the criterion, right the share of codes that are still those of the whole model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from study.figures import style
from study.figures.headline import headed
from study.report import factors, laboratory
from study.report.experiment import Experiment

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_CONSTRUCTS = 4
TABLE = "results/tables/experiment_cells.csv"
R = ("pearson_r", "ci_low", "ci_high")
COLOURS = ("#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#56b4e9")
"""Of seaborn's palette for the colour-blind; markers and dashes tell lines apart too."""
MARKERS = ("o", "s", "^", "D", "v", "P")
DASHES: tuple[Literal["-", "--", ":", "-."], ...] = ("-", "--", ":", "-.")


def sparsity_figure(experiment: Experiment, types: Mapping[str, str]) -> Figure:
    """Draw one experiment that varies the share of zeros among the weights, or their storage.

    Parameters
    ----------
    types
        Coder -> type, for the name of the criterion.
    """
    factor = "sparsity" if "sparsity" in experiment.varied else "quantisation"
    constructs = [c for c in experiment.constructs if experiment.size(c)]
    if not constructs:
        return style.no_data("no text was coded.")
    notes = [laboratory.decay(experiment, constructs[0], factor), _facts(experiment, constructs, factor)]
    if len(constructs) > MOST_CONSTRUCTS:
        notes.append(f"{MOST_CONSTRUCTS} of {len(constructs)} constructs are drawn; {TABLE} has them all.")
        constructs = constructs[:MOST_CONSTRUCTS]
    compared = bool(experiment.tables["cells"]["pearson_r"].notna().any())
    figure = style.blank(style.WIDTH if compared else 100, 14 + 64 * len(constructs))
    grid = style.grid(figure, len(constructs), 2 if compared else 1)
    for line, construct in zip(grid, constructs, strict=True):
        named = f"{style.fit(construct, 30)}\n" if len(constructs) > 1 else ""
        if compared:
            line[0].set_title(f"{named}Agreement with the criterion")
            who = style.criterion_name(types, experiment.criterion)
            line[0].set_ylabel(f"Pearson r with the {who}")
            _agreement(line[0], experiment, construct, factor)
        ax = line[-1]
        title = style.fit(f"The same code as {factors.with_level(factor, experiment.levels(factor)[0])}", 48)
        ax.set_title(f"{'' if compared else named}{title}")
        ax.set_ylabel("Share of codes")
        _own(ax, experiment, construct, factor)
        for ax in line:
            _dress(ax, experiment, factor)
    headed(figure, notes)
    handles = _legend(experiment, factor) if compared else []
    if handles:
        style.legend(figure, handles, 3)
    return figure


def _facts(experiment: Experiment, constructs: Sequence[str], factor: str) -> str:
    n = max(experiment.size(construct) for construct in constructs)
    others = [f for f in experiment.varied if f not in ("sparsity", "quantisation")]
    at = ""
    if others:
        settings = [factors.with_level(f, experiment.levels(f)[0]) for f in others]
        at = f" Agreement with the criterion: {' and '.join(settings)}."
    if factor == "sparsity" and "quantisation" in experiment.varied:
        at += " Same codes: over all types of weights together."
    return f"n = {style.number(n)} texts of the experiment; bars are 95% intervals over texts.{at}"


def lines(experiment: Experiment, construct: str) -> dict[str, pd.DataFrame]:
    """Return the cells behind the curves: quantisation -> a row for each share of zeros, sorted.

    What else is varied has its first level.
    """
    cells = experiment.rows("cells", construct)
    for factor in experiment.varied:
        if factor not in ("sparsity", "quantisation"):
            cells = cells[cells[factor] == experiment.levels(factor)[0]]
    types = experiment.levels("quantisation") if "quantisation" in experiment.varied else []
    types = types or list(dict.fromkeys(cells["quantisation"]))
    found = {}
    for quantisation in types:
        own = cells[(cells["quantisation"] == quantisation) & cells["pearson_r"].notna()]
        if len(own):
            found[quantisation] = own.assign(share=own["sparsity"].astype(float)).sort_values("share")
    return found


def _agreement(ax: Axes, experiment: Experiment, construct: str, factor: str) -> None:
    curves = lines(experiment, construct)
    if not curves:
        ax.text(0.5, 0.5, "undefined", transform=ax.transAxes, ha="center", color=style.QUIET)
        return
    if factor == "quantisation":
        places = {name: place for place, name in enumerate(experiment.levels(factor))}
        for name, own in curves.items():
            _points(ax, [places[name]], own.iloc[:1], R, {"gid": f"r/{name}"})
        return
    apart = 0.008
    for place, (name, own) in enumerate(curves.items()):
        x = own["share"] + apart * (place - (len(curves) - 1) / 2)
        _points(ax, x, own, R, _look(place) | {"gid": f"r/{name}"})


def _own(ax: Axes, experiment: Experiment, construct: str, factor: str) -> None:
    reference, *others = experiment.levels(factor)
    rows: list[dict[str, Any]] = [{"x": reference, "same": 1.0, "low": float("nan"), "high": float("nan")}]
    for level in others:
        pair = experiment.flips(construct, factor, level, reference)
        if pair is not None and pd.notna(pair["flip_rate"]):
            same, low, high = 1 - pair["flip_rate"], 1 - pair["ci_high"], 1 - pair["ci_low"]
            rows.append({"x": level, "same": same, "low": low, "high": high})
    table = pd.DataFrame(rows)
    if factor == "sparsity":
        table = table.assign(x=table["x"].astype(float)).sort_values("x")
        look = _look(0) | {"color": style.COLOURS["human"]}
        x: Any = table["x"]
    else:
        places = {name: place for place, name in enumerate(experiment.levels(factor))}
        look, x = {"color": style.COLOURS["human"]}, [places[name] for name in table["x"]]
    _points(ax, x, table, ("same", "low", "high"), look | {"gid": "own"})


def _points(
    ax: Axes, x: Any, rows: pd.DataFrame, columns: tuple[str, str, str], look: Mapping[str, Any]
) -> None:
    """Draw estimates with their intervals, joined where `look` has a line; `columns` hold the three."""
    value, low, high = columns
    name = str(look["gid"])
    settings = {"color": style.COLOURS["llm"], "marker": "o", "linestyle": "none"} | dict(look)
    colour = settings["color"]
    for place, row in zip(x, style.records(rows), strict=True):
        if pd.notna(row[low]) and pd.notna(row[high]):
            ax.plot(
                [place, place], [row[low], row[high]], color=colour, linewidth=1.0, alpha=0.8,
                gid=f"interval/{name}/{place:g}", clip_on=False,
            )  # fmt: skip
    ax.plot(x, rows[value], markersize=4, clip_on=False, **settings | {"gid": f"curve/{name}"})


def _look(place: int) -> dict[str, Any]:
    return {
        "color": COLOURS[place % len(COLOURS)],
        "marker": MARKERS[place % len(MARKERS)],
        "linestyle": DASHES[place % len(DASHES)],
        "linewidth": 1.2,
    }


def _dress(ax: Axes, experiment: Experiment, factor: str) -> None:
    lowest = min(0.0, ax.dataLim.y0)
    ax.set_ylim(max(-1.02, 0.2 * math.floor(5 * lowest)), 1.02)
    if lowest < 0:
        ax.axhline(0, color=style.QUIET, linewidth=0.8, zorder=0)
    ax.yaxis.set_major_formatter("{x:g}")
    ax.grid(axis="y")
    ax.set_axisbelow(True)
    levels = experiment.levels(factor)
    if factor == "sparsity":
        ax.set_xlim(-0.02, max(float(level) for level in levels) + 0.02)
        ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")
        ax.set_xlabel("Share of the smallest weights that are set to zero")
    else:
        labels = [style.fit(factors.level_name(factor, level), 11) for level in levels]
        ax.set_xticks(range(len(levels)), labels)
        ax.set_xlim(-0.5, len(levels) - 0.5)
        ax.set_xlabel("Type in which weights are stored, from most bits to fewest")


def _legend(experiment: Experiment, factor: str) -> list[Line2D]:
    """One entry for each type of weights; none where there is only one."""
    if factor == "quantisation" or "quantisation" not in experiment.varied:
        return []
    types = list(dict.fromkeys(name for c in experiment.constructs for name in lines(experiment, c)))
    return [
        Line2D(
            [],
            [],
            label=f"weights in {factors.level_name('quantisation', name)}",
            markersize=4,
            **_look(place),
        )
        for place, name in enumerate(types)
    ]
