"""Scales: the right way up, whole or with decimals as the type has it, and no wider than can be answered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from study.config.check_labels import check_label
from study.config.document import Document, KeyPath
from study.config.names import fold
from study.errors import StudyError

MOST_POINTS = 101
MOST_DIGITS = 15
"""Decimal digits that a computer's number keeps."""


def check_scale(document: Document, place: KeyPath, keys: dict[str, Any]) -> Iterator[StudyError]:
    """Yield what is wrong with the scale of a codebook or field (rate, count, number) that is at `place`."""
    kind, here, scale = keys["type"], (*place, "scale"), keys["scale"]
    if scale is None:
        example = {"rate": "{low: 0, high: 10}", "count": "{low: 0, high: 1000}"}
        yield document.error(
            here,
            f"A codebook of type {kind} needs a scale.",
            hint=f"Write, say, scale: {example.get(kind, '{low: 0, high: 100, decimals: 1}')}.",
        )
        return
    low, high = scale["low"], scale["high"]
    if low >= high:
        yield document.error(
            here,
            "The scale is upside down: low must be smaller than high.",
            found={"low": low, "high": high},
            hint="Exchange the two numbers." if low > high else None,
        )
        return
    if kind == "number":
        yield from _decimals(document, here, scale)
    else:
        yield from _whole(document, here, kind, scale)
    if kind != "rate" and scale["anchors"]:
        yield document.error(
            (*here, "anchors"), "Only a scale of type rate has anchors.", hint="Put them into the question."
        )
    if kind == "rate" and all(low == int(low) for low in (low, high)):
        yield from _points(document, place, int(low), int(high), keys)


def _whole(document: Document, here: KeyPath, kind: str, scale: dict[str, Any]) -> Iterator[StudyError]:
    for key in ("low", "high"):
        if scale[key] != int(scale[key]):
            yield document.error(
                (*here, key),
                f"A scale of type {kind} has whole numbers.",
                found=scale[key],
                allowed="a whole number",
                hint="Type number has decimals.",
            )
    if kind == "count" and scale["low"] < 0:
        yield document.error(
            (*here, "low"),
            "A count is never below zero.",
            found=scale["low"],
            allowed="0 or more",
            hint="Type number goes below zero.",
        )
    if scale["decimals"] is not None:
        yield document.error(
            (*here, "decimals"),
            f"A scale of type {kind} has whole numbers, so it has no decimals.",
            found=scale["decimals"],
            hint="Remove the key, or set type to number.",
        )


def _decimals(document: Document, here: KeyPath, scale: dict[str, Any]) -> Iterator[StudyError]:
    decimals = scale["decimals"]
    if decimals is None:
        yield document.error(
            (*here, "decimals"),
            "A codebook of type number needs the digits after the point.",
            allowed="a whole number from 0 to 6",
            hint="Write, say, decimals: 1.",
        )
        return
    for key in ("low", "high"):
        if places_of(scale[key]) > decimals:
            yield document.error(
                (*here, key),
                "The number has more digits after the point than 'decimals' says.",
                found=scale[key],
                allowed=f"at most {decimals}",
            )
        elif len(str(abs(int(scale[key])))) + decimals > MOST_DIGITS:
            yield document.error(
                (*here, key),
                f"With {decimals} decimals the number has more than {MOST_DIGITS} digits.",
                found=scale[key],
            )


def places_of(number: float) -> int:
    """Return how many digits a number has after the point."""
    exponent = Decimal(str(number)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _points(
    document: Document, place: KeyPath, low: int, high: int, keys: dict[str, Any]
) -> Iterator[StudyError]:
    if high - low >= MOST_POINTS:
        yield document.error(
            (*place, "scale"),
            f"The scale has more than {MOST_POINTS} points.",
            found={"low": low, "high": high},
            hint="Types count and number have scales of any width.",
        )
    for anchor in keys["scale"]["anchors"]:
        if not re.fullmatch(r"0|-?[1-9][0-9]{0,17}", anchor) or not low <= int(anchor) <= high:
            yield document.error(
                (*place, "scale", "anchors", anchor),
                "The anchor is no point of the scale.",
                found=anchor,
                allowed=f"whole numbers from {low} to {high}",
            )
    refused = (keys["not_codable"] or {}).get("label")
    if refused is not None:
        path = (*place, "not_codable", "label")
        yield from check_label(document, path, refused)
        if re.fullmatch(r"[-+]?[0-9]{1,18}", fold(refused)) and low <= int(fold(refused)) <= high:
            yield document.error(path, "The label is a point of the scale.", found=refused)
