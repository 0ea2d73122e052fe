"""Does a language model favour the place at which a label is offered, whatever the label? (Li 2025)

Over a complete set of rotations every label stands at every position equally often, so that a coder who does
not care for positions chooses each one with probability 1/k (arXiv 2502.19679). 'Not codable' is offered last
in every order and takes no part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.experiment.grid import NO_CODES, Codes, complete, joined
from study.experiment.outcomes import without_probabilities
from study.validity.bootstrap import Array, Statistic, bootstrap_of_sums

COLUMNS = [
    "experiment", "construct", "position", "n_labels", "n_cells", "n", "share_chosen", "ci_low", "ci_high",
    "mean_probability", "probability_ci_low", "probability_ci_high", "expected", "note",
]  # fmt: skip
NOT_BALANCED = "not balanced: the design has no complete set of rotations of the labels"
OVER_ALL = "rotations are balanced over the whole design, and not at each setting of the other factors"


@dataclass(frozen=True)
class Rotations:
    """Cells in which every label stands at every position equally often.

    Attributes
    ----------
    cells
        Their places.
    orders
        Cells x positions: the place in the codebook of the label that was offered there.
    note
        How they are balanced, or why there are none.
    """

    cells: Array
    orders: Array
    note: str


def experiment_positions(codes: Codes, *, resamples: int = 2000, seed: int = 1) -> pd.DataFrame:
    """Return one row a position, from 1; one row with a note where positions cannot be judged.

    Parameters
    ----------
    codes
        The codes of one construct.
    resamples, seed
        Of the bootstrap over units.

    Returns
    -------
    DataFrame
        `COLUMNS`: the share of codings that chose the label at this position, and the mean probability of
        that label, among the labels that were moved; `n` counts units, `expected` is 1 / `n_labels`.
    """
    k = len(codes.labels)
    row: dict[str, object] = codes.key | {"n_labels": k or np.nan, "n_cells": 0, "n": 0}
    rotations = complete_rotations(codes)
    if not codes.labels or not codes.coded.any() or not rotations.cells.size:
        why = "there are no labels" if not codes.labels else rotations.note
        note = why if codes.coded.any() or not codes.labels else NO_CODES
        return pd.DataFrame([row | {"note": note}], columns=COLUMNS)
    used = complete(codes.has_label, list(codes.cells.index), rotations.cells)
    if len(used.cells) < len(rotations.cells) or not used.units.size:
        note = joined(["no unit has a label in every rotation", used.note])
        return pd.DataFrame([row | {"note": note}], columns=COLUMNS)
    chosen, probability = by_position(codes, rotations, used.units)
    columns = np.hstack([chosen, probability])
    statistics = {str(column): _mean(column, len(columns)) for column in range(2 * k)}
    name = f"{codes.name}/positions"
    found = bootstrap_of_sums(columns, statistics, resamples=resamples, seed=seed, name=name)
    bare = without_probabilities(codes, rotations.cells)
    if not bare and not np.isfinite(probability).all():
        bare = "not available: labels of some texts have no probabilities"
    rows = []
    for place in range(k):
        share, mean = found[str(place)], found[str(k + place)]
        rows.append(
            row
            | {"position": place + 1, "n_cells": len(rotations.cells), "n": len(used.units)}
            | {"share_chosen": share.value, "ci_low": share.ci_low, "ci_high": share.ci_high}
            | {"mean_probability": mean.value, "probability_ci_low": mean.ci_low}
            | {"probability_ci_high": mean.ci_high, "expected": 1 / k}
            | {"note": joined([rotations.note, used.note, bare])}
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def by_position(codes: Codes, rotations: Rotations, units: Array) -> tuple[Array, Array]:
    """Return for each unit the share of its codings that chose each position, and its mean probability.

    Returns
    -------
    Two arrays, units x positions.
    """
    label = codes.label[units][:, rotations.cells]
    p = codes.probabilities[units][:, rotations.cells]
    orders = rotations.orders
    chosen = (label[:, :, :, None] == orders[None, :, None, :]).mean(axis=(1, 2))
    probability = np.take_along_axis(p, np.broadcast_to(orders, p.shape), axis=2).mean(axis=1)
    return chosen, probability


def complete_rotations(codes: Codes) -> Rotations:
    """Choose the cells in which every label stands at every position equally often.

    Cells with one and the same order for all texts count. At every setting of the other factors there must be
    all k rotations of an order; settings that lack one are left out. Where no setting has them all (in a
    fraction of a design), all such cells are used if every rotation has equally many of them.
    """
    k = len(codes.labels)
    orders = {
        place: order for place in range(len(codes.cells)) if (order := _order(codes, place)) is not None
    }
    sets: list[int] = []
    for block in codes.blocks("label_order") if "label_order" in codes.factors else []:
        by_cycle: dict[tuple[int, ...], dict[int, int]] = {}
        for place in sorted(block.values()):
            if place in orders:
                by_cycle.setdefault(_cycle(orders[place]), {}).setdefault(orders[place][0], place)
        sets += [place for first in by_cycle.values() if len(first) == k for place in first.values()]
    note = ""
    if not sets and k:
        sets, note = _over_all(orders, k), OVER_ALL
    cells = np.array(sorted(sets), dtype=int)
    if not cells.size:
        return Rotations(cells, np.zeros((0, k), dtype=int), NOT_BALANCED)
    return Rotations(cells, np.array([orders[place] for place in cells]), note)


def _over_all(orders: dict[int, tuple[int, ...]], k: int) -> list[int]:
    """All cells of those cycles whose rotations are equally many."""
    found: dict[tuple[int, ...], dict[int, list[int]]] = {}
    for place, order in orders.items():
        found.setdefault(_cycle(order), {}).setdefault(order[0], []).append(place)
    return [
        place
        for firsts in found.values()
        if len(firsts) == k and len({len(places) for places in firsts.values()}) == 1
        for places in firsts.values()
        for place in places
    ]


def _order(codes: Codes, place: int) -> tuple[int, ...] | None:
    """The places of the labels as they were offered; None where that is not all of them."""
    offered = codes.offered[place]
    if offered is None:
        return None
    found = tuple(codes.labels.index(label) for label in offered if label in codes.labels)
    return found if sorted(found) == list(range(len(codes.labels))) else None


def _cycle(order: tuple[int, ...]) -> tuple[int, ...]:
    """The rotation of an order that begins with the codebook's first label: what its rotations share."""
    first = order.index(0)
    return order[first:] + order[:first]


def _mean(column: int, n: int) -> Statistic:
    return lambda sums: sums[:, column] / n
