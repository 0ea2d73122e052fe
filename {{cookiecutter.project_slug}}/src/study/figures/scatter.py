"""Each measure's score against the criterion: is it compressed, does it hit a ceiling, is it a line at all?

All measures are drawn on the same texts: the sample where there is one, all texts otherwise. Few texts are
drawn as points; many as counts of texts in small squares, darker where there are more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import seaborn
from matplotlib.figure import Figure

from study.figures import style
from study.validity.bootstrap import Array
from study.validity.correlation import pearson
from study.validity.subsets import SAMPLE, Subset, subsets

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_DOMAINS = 5
MOST_MEASURES = 12
MOST_POINTS = 1000
"""More texts than that are drawn as counts."""
SQUARES = 30

SCORES = {
    "llm": "expected score",
    "dictionary": "dictionary score",
    "supervised": "predicted score",
    "human": "score",
}
"""What the score of each type of coder is."""


def scatter_figure(
    measures: pd.DataFrame,
    construct: str,
    types: Mapping[str, str],
    codebook: Mapping[str, Any],
    *,
    criterion: str | None,
    by: str | None,
) -> Figure:
    """Draw the scores of one construct: a row for each measure, a column for each domain.

    Parameters
    ----------
    measures
        The wide table of measures.
    types
        Coder -> type.
    codebook
        The construct's level and the value of each label.
    criterion, by
        See `study.validity.subsets.subsets`.
    """
    if criterion is None or f"{construct}_{criterion}" not in measures:
        return style.no_data(
            "the study has no criterion to compare with."
            if criterion is None
            else "the criterion does not code this construct."
        )
    found = list(subsets(measures, {construct: types}, criterion=criterion, by=by))
    sampled = [subset for subset in found if subset.subset == SAMPLE]
    by_domain = {subset.domain: subset for subset in sampled or found}
    drawn = [
        measure
        for measure in style.ordered({m for s in by_domain.values() for m in s.measures}, types)
        if any(len(_pairs(subset, measure)) for subset in by_domain.values())
    ]
    if not drawn:
        if codebook["level"] == "nominal":
            return style.no_data("the labels of a nominal construct have no values, so there are no scores.")
        return style.no_data("no text has both the criterion and a score of another coder.")
    sizes = {domain: len(subset.units) for domain, subset in by_domain.items()}
    domains, notes = style.chosen_domains(sizes, MOST_DOMAINS, "results/tables/agreement.csv")
    notes.append(f"Texts: {'the sample' if sampled else 'all with a criterion'}. Line: least squares.")
    if len(drawn) > MOST_MEASURES:
        notes.append(f"{MOST_MEASURES} of {len(drawn)} coders are drawn.")
        drawn = drawn[:MOST_MEASURES]
    width = min(style.WIDTH, 60 + 40 * (len(domains) - 1))
    figure = style.blank(width, 22 + 33 * len(drawn))
    axes = style.grid(figure, len(drawn), len(domains), sharex=True, sharey="row")
    names = style.coder_names(types, criterion)
    values = [value for value in codebook["values"].values() if value is not None]
    dashed = False
    for line, measure in zip(axes, drawn, strict=True):
        for ax, domain in zip(line, domains, strict=True):
            title = style.domain_name(domain, 17, alone=len(domains) == 1)
            head = f"{title}\n" if line is axes[0] else ""
            _draw(ax, _pairs(by_domain[domain], measure), style.colour(measure, types), head)
        if types[measure] == "llm" and values:
            # The whole scale that it could have used: else nobody sees that it does not.
            room = 0.05 * (max(values) - min(values)) or 1
            line[0].set_ylim(min(values) - room, max(values) + room)
        labelled = f"{construct}_{measure}_label" in measures
        if one_scale(types[measure], values, measures[f"{construct}_{criterion}"], labelled=labelled):
            for ax in line:
                ax.axline((0, 0), slope=1, color=style.QUIET, linewidth=0.8, linestyle="--", gid="identity")
            dashed = True
        kind = SCORES[types[measure]] if values or types[measure] != "llm" else "score"
        line[0].set_ylabel(f"{style.fit(names[measure], 18)}\n{kind}")
    figure.align_ylabels()
    style.note(figure, [*notes, "Dashed: equal scores."] if dashed else notes)
    figure.supxlabel(f"{style.plain(construct)}: {style.criterion_name(types, criterion)}")
    return figure


def _pairs(subset: Subset, measure: str) -> pd.DataFrame:
    """Return criterion (x) and score (y) of the texts that have both."""
    if measure not in subset.measures:
        return pd.DataFrame({"x": [], "y": []}, dtype=float)
    return pd.DataFrame(
        {"x": subset.scores(subset.criterion).astype(float), "y": subset.scores(measure).astype(float)}
    ).dropna()


def _draw(ax: Axes, pairs: pd.DataFrame, colour: str, head: str) -> None:
    n = len(pairs)
    if n > MOST_POINTS:
        shades = seaborn.blend_palette(
            [seaborn.light_palette(colour, 8)[2], colour, seaborn.dark_palette(colour, 8)[3]], as_cmap=True
        )
        seaborn.histplot(pairs, x="x", y="y", bins=SQUARES, cmap=shades, pmax=0.9, ax=ax, rasterized=True)
    elif n:
        transparency = float(np.clip(40 / n, 0.25, 0.8))
        ax.plot(pairs["x"], pairs["y"], "o", color=colour, markersize=2.5, alpha=transparency, gid="texts",
                markeredgewidth=0)  # fmt: skip
    ax.set(xlabel="", ylabel="")
    line = fitted_line(pairs)
    if line is not None:
        ax.plot(*line, color="black", linewidth=1.2, gid="fit", scalex=False, scaley=False)
    r = pearson(pairs["x"], pairs["y"], resamples=0).value
    ax.set_title(f"{head}r = {style.decimals(r)}, n = {style.number(n)}")


def fitted_line(pairs: pd.DataFrame) -> tuple[Array, Array] | None:
    """Return the ends of the least-squares line of y on x; None where x has no two values."""
    if pairs["x"].nunique() < 2:
        return None
    slope, intercept = np.polyfit(pairs["x"], pairs["y"], 1)
    ends = np.array([pairs["x"].min(), pairs["x"].max()])
    return ends, intercept + slope * ends


def one_scale(kind: str, values: Sequence[float], criterion: pd.Series, *, labelled: bool) -> bool:
    """Tell whether a measure and the criterion are on one scale, so that equal scores mean the same.

    A classifier without labels predicts the criterion's score. Coders that answer with labels are on the
    codebook's scale, which is the criterion's too where no value of the criterion lies outside it. Any other
    score is on a scale of its own.

    Parameters
    ----------
    kind
        The coder's type.
    values
        Of the codebook's labels.
    criterion
        The criterion's scores.
    labelled
        Whether the measure has labels.
    """
    if not labelled:
        return kind == "supervised"
    return bool(values) and bool(criterion.dropna().between(min(values), max(values)).all())


def draw(
    measures: pd.DataFrame,
    folder: Path,
    *,
    coders: Mapping[str, Mapping[str, str]],
    codebooks: Mapping[str, Mapping[str, Any]],
    criterion: str | None,
    by: str | None,
) -> None:
    """Write the scores of every construct against the criterion.

    Parameters
    ----------
    measures
        The wide table of measures.
    folder
        Where the figures are written, both formats of each.
    coders, codebooks
        Construct -> coder -> type, and construct -> its level and its labels' values.
    criterion, by
        See `study.validity.subsets.subsets`.
    """
    with style.theme([*style.domains(measures, by), *coders]):
        for construct, types in coders.items():
            codebook = codebooks[construct]
            figure = scatter_figure(measures, construct, types, codebook, criterion=criterion, by=by)
            style.save(figure, *style.files(folder, "scatter", construct))
