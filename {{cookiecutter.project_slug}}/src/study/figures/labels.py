"""Label distributions: what a coder's probabilities say on average, what its labels say, what humans say.

The most probable label of a small model is often the same for nearly every text, while its probabilities
still tell texts apart; so the mean probability of a label stands beside the share of texts that it wins.
The criterion's classes are labels for nominal constructs, and 'negative', 'neutral' and 'positive' by the
configured thresholds otherwise. Where several labels make up one class, the class has a row of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import seaborn
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from study.figures import style
from study.validity.calibration import Z95, class_probabilities, label_distributions, wilson_interval
from study.validity.classification import criterion_classes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_DOMAINS = 5
ROW = 6.5
"""Millimetres for a label."""

SMALL_MASS = 0.05
"""Where half of the masses are smaller, powers of ten tell them apart."""
MOST_DECADES = 9

MEAN, WON, CRITERION = "mean probability", "share of texts", "criterion"
APART = {MEAN: -0.24, WON: 0.0, CRITERION: 0.24}
"""How far each series lies from the middle of its row, in rows."""
COLUMNS = ["coder", "domain", "answer", "is_class", "series", "share", "ci_low", "ci_high", "n"]


def label_shares(
    measures: pd.DataFrame,
    codings: Mapping[str, pd.DataFrame],
    construct: str,
    codebook: Mapping[str, Any],
    *,
    criterion: str | None,
    by: str | None,
    thresholds: Sequence[float] = (0, 0),
) -> pd.DataFrame:
    """Tabulate how often each label and class is given, by coder, domain and way of counting.

    Parameters
    ----------
    measures
        The wide table of measures.
    codings
        coder -> its table of codings; coders without probabilities of every label are left out.
    codebook
        The construct's level and the value of each label.
    criterion, by
        See `study.validity.subsets.subsets`; the criterion may be None.
    thresholds
        See `study.validity.classification.sign_class`.

    Returns
    -------
    One row for each coder, domain, answer and series (mean probability, share of texts whose most probable
    label it is, share of texts to which the criterion gives that class), with a 95% interval over texts.
    `is_class` marks a class that is not exactly one label. Each row stands on the texts that its coder coded.
    """
    rows: list[dict[str, object]] = []
    labels = list(codebook["values"])
    units = measures.set_index("unit_id")
    judged = criterion is not None and f"{construct}_{criterion}" in units
    for coder in sorted(codings):
        found = label_distributions(codings[coder], construct, labels) if labels else None
        if found is None:
            continue
        found = found[found.index.isin(units.index)]
        mine = units.loc[found.index]
        truth, by_label = pd.Series(None, index=found.index, dtype=object), codebook["level"] == "nominal"
        if judged and criterion is not None:
            classes, by_label = criterion_classes(mine, construct, criterion, codebook["level"], thresholds)
            truth = pd.Series(classes, index=found.index, dtype=object)
        summed, won = class_probabilities(found, codebook["values"], thresholds, by_label=by_label)
        likeliest = pd.Series(np.array(labels, dtype=object)[found.to_numpy().argmax(axis=1)], found.index)
        class_of = _class_of(codebook["values"], thresholds, by_label=by_label)
        times = {str(name): list(class_of.values()).count(str(name)) for name in summed}
        alone: dict[str, str | None] = {
            label: name if times.get(name) == 1 else None for label, name in class_of.items()
        }
        apart: dict[str, str | None] = {
            name: name for name, n in times.items() if n > 1 or (n == 0 and (truth == name).any())
        }
        for domain, inside in _domains(mine, by):
            key: dict[str, object] = {"coder": coder, "domain": domain}
            rows += _shares(key | {"is_class": False}, found[inside], likeliest[inside], truth[inside], alone)
            if truth[inside].notna().any():
                rows += _shares(key | {"is_class": True}, summed[inside], won[inside], truth[inside], apart)
    return pd.DataFrame(rows, columns=COLUMNS)


def _class_of(values: Mapping[str, Any], thresholds: Sequence[float], *, by_label: bool) -> dict[str, str]:
    """Return the class of each label: that of a text which is certain to have it."""
    certain = pd.DataFrame(np.eye(len(values)), columns=list(values))
    _, classes = class_probabilities(certain, values, thresholds, by_label=by_label)
    return dict(zip(values, classes, strict=True))


def _domains(units: pd.DataFrame, by: str | None) -> Iterator[tuple[str, pd.Series]]:
    """Yield every domain and which units are in it, all together last."""
    for level in style.domains(units, by):
        yield str(level), units[by] == level
    yield style.ALL_DOMAINS, pd.Series(True, index=units.index)


def _shares(
    key: dict[str, object],
    probabilities: pd.DataFrame,
    won: pd.Series,
    truth: pd.Series,
    class_of: Mapping[str, str | None],
) -> Iterator[dict[str, object]]:
    n, known = len(probabilities), int(truth.notna().sum())
    for answer, name in class_of.items():
        p = probabilities[answer]
        half = Z95 * p.std() / np.sqrt(n) if n > 1 else np.nan
        low, high = np.clip([p.mean() - half, p.mean() + half], 0, 1)
        found = {MEAN: (p.mean(), low, high, n), WON: _share(int((won == answer).sum()), n)}
        if name is not None and known:
            found[CRITERION] = _share(int((truth == name).sum()), known)
        for series, (share, low, high, size) in found.items():
            yield {**key, "answer": answer, "series": series, "share": share, "ci_low": low, "ci_high": high,
                   "n": size}  # fmt: skip


def _share(hits: int, n: int) -> tuple[float, float, float, int]:
    low, high = wilson_interval(hits, n)
    return hits / n, float(low), float(high), n


def labels_figure(
    shares: pd.DataFrame,
    masses: Mapping[str, pd.Series],
    construct: str,
    types: Mapping[str, str],
    codebook: Mapping[str, Any],
    *,
    criterion: str | None,
) -> Figure:
    """Draw label distributions and valid mass of one construct: a row for each coder.

    Parameters
    ----------
    shares
        As `label_shares` gives it.
    masses
        coder -> the valid mass of each text.
    types
        Coder -> type.
    codebook
        The construct's level and the value of each label.
    criterion
        The coder with whom the others are compared.
    """
    if shares.empty:
        return style.no_data("no coder gives the probability of every label of this construct.")
    domains, notes = style.chosen_domains(
        shares.groupby("domain")["n"].max(), MOST_DOMAINS, "results/codings"
    )
    coders = style.ordered(shares["coder"], types)
    names = style.coder_names(types, criterion)
    answers = _answers(shares, codebook)
    massed = any(coder in masses for coder in coders)
    columns = len(domains) + massed
    width = min(style.WIDTH, 55 + 40 * (columns - 1))
    figure = style.blank(width, 18 + len(coders) * (20 + ROW * max(3, len(answers))) + 4 * len(notes))
    grid = style.grid(figure, len(coders), columns)
    for line, coder in zip(grid, coders, strict=True):
        for ax, domain in zip(line, domains, strict=False):
            here = shares[(shares["coder"] == coder) & (shares["domain"] == domain)]
            _draw_shares(ax, here, answers, style.colour(coder, types))
            title = style.domain_name(domain, 13, alone=len(domains) == 1)
            n = style.number(here["n"].max() if len(here) else 0)
            ax.set_title(f"{title}\nn = {n}", fontsize=style.SMALL)
            ax.set_yticks(range(len(answers)), [])
        line[0].set_yticks(range(len(answers)), [_answer_name(*answer) for answer in answers])
        line[0].set_ylabel(style.fit(names.get(coder, coder), 24))
        if massed:
            _draw_mass(line[-1], masses.get(coder), style.colour(coder, types))
    style.note(figure, notes)
    style.legend(figure, _legend(shares, types, criterion), 3)
    return figure


def _answers(shares: pd.DataFrame, codebook: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """Return labels (from the largest value to the smallest), then classes: answer, is_class."""
    values = codebook["values"]
    labels = list(values)
    if all(value is not None for value in values.values()):
        labels.sort(key=lambda label: -values[label])
    classes = shares.loc[shares["is_class"], "answer"].unique()
    return [*((label, False) for label in labels), *((name, True) for name in sorted(classes, reverse=True))]


def _answer_name(answer: str, is_class: bool) -> str:
    return f"any {answer} label" if is_class else style.fit(answer, 16)


def _draw_shares(ax: Axes, rows: pd.DataFrame, answers: Sequence[tuple[str, bool]], colour: str) -> None:
    for row in style.records(rows):
        y = answers.index((row["answer"], row["is_class"])) + APART[row["series"]]
        mark = _mark(row["series"], colour)
        ax.plot([row["ci_low"], row["ci_high"]], [y, y], color=mark["color"], linewidth=1, zorder=2)
        name = f"{row['series']}/{'class' if row['is_class'] else 'label'}/{row['answer']}"
        ax.plot(row["share"], y, zorder=3, clip_on=False, gid=name, **mark)
    labels = sum(not is_class for _, is_class in answers)
    if labels < len(answers):
        ax.axhline(labels - 0.5, color=style.QUIET, linewidth=0.6)
    ax.set_ylim(len(answers) - 0.5, -0.5)
    ax.set_xlim(0, 1)
    ax.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
    ax.set_xlabel("share")
    ax.grid(axis="x")
    ax.tick_params(axis="y", length=0)


def _mark(series: str, colour: str) -> dict[str, Any]:
    shapes = {
        MEAN: {"marker": "o", "color": colour, "markersize": 4},
        WON: {"marker": "s", "color": colour, "markersize": 3.6, "markerfacecolor": "white"},
        CRITERION: {"marker": "D", "color": style.COLOURS["human"], "markersize": 3.2},
    }
    return {"linestyle": "none", **shapes[series]}


def _draw_mass(ax: Axes, mass: pd.Series | None, colour: str) -> None:
    if mass is None:
        ax.set_axis_off()
        return
    median = mass.median()
    small = median < SMALL_MASS
    decades = _decades(mass) if small else 0
    bins = np.logspace(-decades, 0, 5 * decades + 1) if small else np.linspace(0, 1, 21)
    shown = mass.clip(lower=bins[0])
    seaborn.histplot(x=shown, bins=bins, stat="proportion", color=colour, ax=ax, linewidth=0)
    # Small type, since no other panel makes room for what would pass the figure's edge.
    middle = f"{median:.1g}" if small else style.decimals(median)
    ax.set_title(f"Valid mass\nmedian {middle}", fontsize=style.SMALL)
    ax.set(xlabel="probability", ylabel=f"share of {style.number(len(mass))} texts")
    if small:
        ax.set_xscale("log")
        ticks = [10.0**-decades, 1]
        ax.set_xlabel("probability (log)", fontsize=style.SMALL)
        # The library's own labels are mathematics, which figures do not set.
        ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        ax.xaxis.set_minor_formatter(NullFormatter())
    else:
        ax.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
    ax.set_xlim(bins[0], 1)


def _decades(mass: pd.Series) -> int:
    """Return how many powers of ten below 1 hold the masses; what is smaller still is drawn at the edge."""
    positive = mass[mass > 0]
    return (
        int(np.clip(np.ceil(-np.log10(positive.min())), 1, MOST_DECADES)) if len(positive) else MOST_DECADES
    )


def _legend(shares: pd.DataFrame, types: Mapping[str, str], criterion: str | None) -> list[Line2D]:
    words = {MEAN: "mean probability", WON: "share of texts whose most probable label it is"}
    if criterion is not None and (shares["series"] == CRITERION).any():
        human = types.get(criterion) == "human"
        words[CRITERION] = f"share of texts by {'human score' if human else style.plain(criterion)}"
    return [Line2D([], [], label=label, **_mark(series, style.QUIET)) for series, label in words.items()]


def valid_masses(codings: Mapping[str, pd.DataFrame], construct: str) -> dict[str, pd.Series]:
    """Return the valid mass (mean over repeats) of each text that a coder was asked about, if it has one."""
    found = {
        coder: table[table["construct"] == construct]
        .groupby("unit_id", observed=True)["valid_mass"]
        .mean()
        .dropna()
        .reset_index(drop=True)
        for coder, table in codings.items()
        if "valid_mass" in table
    }
    return {coder: mass for coder, mass in found.items() if len(mass)}


def draw(
    measures: pd.DataFrame,
    codings: Mapping[str, pd.DataFrame],
    folder: Path,
    *,
    coders: Mapping[str, Mapping[str, str]],
    codebooks: Mapping[str, Mapping[str, Any]],
    criterion: str | None,
    by: str | None,
    thresholds: Sequence[float],
) -> None:
    """Write the label distributions of every construct.

    Parameters
    ----------
    measures, codings
        The wide table of measures, and each coder's codings.
    folder
        Where the figures are written, both formats of each.
    coders, codebooks
        Construct -> coder -> type, and construct -> its level and its labels' values.
    criterion, by, thresholds
        See `label_shares`.
    """
    labels = [label for codebook in codebooks.values() for label in codebook["values"]]
    with style.theme([*style.domains(measures, by), *labels, *coders]):
        for construct, types in coders.items():
            codebook = codebooks[construct]
            shares = label_shares(
                measures,
                codings,
                construct,
                codebook,
                criterion=criterion,
                by=by,
                thresholds=thresholds,
            )
            masses = valid_masses(codings, construct)
            figure = labels_figure(shares, masses, construct, types, codebook, criterion=criterion)
            style.save(figure, *style.files(folder, "labels", construct))
