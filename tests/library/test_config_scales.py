"""Scales: the right way up, whole or with decimals, and no wider than can be answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from library.good_codebooks import Change, check_explained, read
from study.config.check_scales import places_of

CHANGES = [
    Change(
        "count upside down",
        "hurt",
        "{low: 0, high: 10000}",
        "{low: 10, high: 0}",
        ("upside down", "Exchange"),
    ),
    Change(
        "field upside down",
        "speech",
        "{low: 1, high: 5}",
        "{low: 5, high: 1}",
        ("fields.tone.scale", "upside down"),
    ),
    Change("count below zero", "hurt", "low: 0", "low: -1", ("never below zero", "0 or more")),
    Change("count of halves", "hurt", "10000", "9.5", ("scale.high", "a whole number", "Type number")),
    Change("decimals of a count", "hurt", "10000}", "10000, decimals: 1}", ("scale.decimals", "no decimals")),
    Change(
        "decimals of a rate",
        "anger",
        "high: 10,",
        "high: 10, decimals: 0,",
        ("scale.decimals", "no decimals"),
    ),
    Change(
        "anchors of a number",
        "distance",
        "decimals: 1",
        "decimals: 1, anchors: {0: here}",
        ("Only a scale of type rate",),
    ),
    Change(
        "long rate",
        "anger",
        "{low: 0, high: 10,",
        "{low: 0, high: 500,",
        ("101 points", "Types count and number"),
    ),
    Change(
        "bound finer than the decimals",
        "distance",
        "-0.5",
        "-0.55",
        ("scale.low", "more digits after the point", "at most 1"),
    ),
    Change(
        "too many digits",
        "distance",
        "500, decimals: 1",
        "500000000000, decimals: 6",
        ("more than 15 digits",),
    ),
    Change("too many decimals", "distance", "decimals: 1", "decimals: 7", ("decimals", "6 or less")),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_scales_that_cannot_be_are_explained(tmp_path: Path, change: Change) -> None:
    check_explained(tmp_path, change)


def test_bounds_are_part_of_the_scale(tmp_path: Path) -> None:
    widest = "scale: {low: 0, high: 100}"
    old = "scale: {low: 0, high: 10, anchors: {0: calm, 10: furious}}"
    assert read(tmp_path, "anger", old, widest).constructs["anger"]["scale"]["high"] == 100
    check_explained(tmp_path, Change("", "anger", old, "scale: {low: 0, high: 101}", ("101 points",)))


@pytest.mark.parametrize(
    ("number", "digits"), [(0, 0), (10, 0), (1.0, 0), (0.25, 2), (-0.1, 1), (1e-07, 7), (1e22, 0)]
)
def test_digits_after_the_point(number: float, digits: int) -> None:
    assert places_of(number) == digits
