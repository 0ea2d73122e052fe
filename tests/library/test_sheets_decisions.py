"""Who agrees, and which code counts."""

from __future__ import annotations

import math

import pytest

from library.coding_sheets import BOOKS
from study.codebook import Codebook
from study.coders.ratings import Rating
from study.gold.sheets.codes import read_code
from study.gold.sheets.decisions import agree, decided

TONE, ANGER = BOOKS["tone"], BOOKS["anger"]
SEVEN = Codebook.from_dict(
    {"construct": "x", "question": "?", "type": "rate", "level": "ordinal", "scale": {"low": 1, "high": 7}}
)


def rated(book: Codebook, *cells: object) -> list[Rating]:
    found = [read_code(cell, book) for cell in cells]
    return [Rating(str(n), r.code, r.label, r.value, r.status) for n, r in enumerate(found) if r]


@pytest.mark.parametrize(
    ("book", "cells", "expected"),
    [
        (TONE, ["neutral"], True),
        (TONE, ["neutral", "Neutral", "neutral"], True),
        (TONE, ["neutral", "neutral", "negative"], False),
        (TONE, ["not codable", "not codable"], True),
        (TONE, ["not codable", "neutral"], False),
        (ANGER, [6, 7], True),
        (ANGER, [6, 8], False),
        (ANGER, [6, 7, 8], False),
        (ANGER, [6, "cannot tell"], False),
        (SEVEN, [1, 2], False),
        (BOOKS["hurt"], [3, 3], True),
        (BOOKS["hurt"], [3, 4], False),
        (BOOKS["km"], [0.5, "0,50"], True),
        (BOOKS["km"], [0.5, 0.51], False),
        (BOOKS["demands"], [0, 1], False),
    ],
)
def test_who_agrees(book: Codebook, cells: list[object], expected: bool) -> None:
    assert agree(rated(book, *cells), book) is expected


@pytest.mark.parametrize(
    ("book", "cells", "decision", "status", "label", "value"),
    [
        (TONE, ["neutral", "neutral"], None, "ok", "neutral", 0),
        (TONE, ["neutral", "negative"], None, "failed", None, math.nan),
        (TONE, ["neutral", "negative"], "negative", "ok", "negative", -1),
        # The decision may be one that no coder gave, and counts where they agree as well.
        (TONE, ["neutral", "negative"], "Positive", "ok", "Positive", 1),
        (TONE, ["neutral", "neutral"], "Positive", "ok", "Positive", 1),
        (TONE, ["neutral", "negative"], "not codable", "not_codable", None, math.nan),
        (TONE, ["not codable", "not codable"], None, "not_codable", None, math.nan),
        (ANGER, [6, 7], None, "ok", None, 6.5),
        (ANGER, [7, 7], None, "ok", "7", 7),
        (ANGER, [2, 7], 4, "ok", "4", 4),
        (BOOKS["hurt"], [3, 3], None, "ok", None, 3),
        (BOOKS["hurt"], [3, 4], None, "failed", None, math.nan),
    ],
)
def test_the_code_that_counts(
    *, book: Codebook, cells: list[object], decision: object, status: str, label: str | None, value: float
) -> None:
    found = decided(rated(book, *cells), None if decision is None else rated(book, decision)[0], book)
    assert found[:2] == (status, label)
    assert found[2] == pytest.approx(value, nan_ok=True)
