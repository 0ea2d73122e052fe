"""Synthetic texts of different lengths, and people's codes of some of them.

A text has its own stream of chance, named by its number: the texts of a small corpus are the first of a large
one.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from scale.stub import LABELS, place

SEED = 1
BLOCK = 1000
"""Texts that are drawn at once."""
WORDS = (2, 80)
"""The shortest and the longest text."""
TYPICAL = 16
"""Words of the text in the middle."""
CODED_BY_HAND = 1000
"""Units at most; in small corpora half of the texts."""
RATERS = ("anna", "ben")
SLIPS = 0.15
"""How often a rater chooses by chance."""
BRANCHES = ("north", "south", "east", "west")
WORDS_OF_FEELING = "bright good love loved loves quiet thank thanks thankful blocked broken nobody waited"
OTHER_WORDS = """
the a of and to in is was for on at it that with from my we they this had have been card desk book books
library room reading floor staff hour hours week week's children story heating door light window chair table
morning evening Monday Saturday first second new old open closed again early late found lost asked told came
left stayed returned borrowed paid free long short warm cold loud next last every no not very quite almost
catalogue shelf shelves novel poems journal map film music lift stairs toilet coffee garden bicycle street
"""


def texts(n: int, seed: int = SEED) -> Iterator[tuple[str, str, str, int]]:
    """Yield id, text, branch and year of `n` texts."""
    words = np.array(f"{WORDS_OF_FEELING} {OTHER_WORDS}".split(), dtype=object)
    for block in range(-(-n // BLOCK)):
        random = np.random.default_rng([seed, block])
        lengths = np.clip(np.round(random.lognormal(np.log(TYPICAL), 0.6, BLOCK)), *WORDS).astype(int)
        drawn = words[random.integers(0, len(words), lengths.sum())]
        branches, years = random.integers(0, len(BRANCHES), BLOCK), random.integers(2015, 2025, BLOCK)
        begin = 0
        for i, length in enumerate(lengths[: n - block * BLOCK]):
            text = " ".join(drawn[begin : begin + length])
            begin += length
            number = block * BLOCK + i
            # A number in each text: no two are equal, as notes that people write are not.
            name = f"note-{number:08d}"
            yield name, f"{text[0].upper()}{text[1:]}, slip {number}.", BRANCHES[branches[i]], int(years[i])


def write(n: int, texts_file: Path, codes_file: Path, seed: int = SEED) -> None:
    """Write `n` texts (columns unit_id, text, branch, year), and people's codes of some of them.

    Those that people code are the first: texts are drawn independently of each other, so that these are a
    random sample. Their codes are the stub's own, but for slips.
    """
    random = np.random.default_rng([seed, 2**32])
    by_hand = min(CODED_BY_HAND, n // 2)
    with (
        texts_file.open("w", encoding="utf-8", newline="") as corpus,
        codes_file.open("w", encoding="utf-8", newline="") as codes,
    ):
        written, coded = (csv.writer(file, lineterminator="\n") for file in (corpus, codes))
        written.writerow(["unit_id", "text", "branch", "year"])
        coded.writerow(["unit_id", "rater", "rating"])
        for number, row in enumerate(texts(n, seed)):
            written.writerow(row)
            if number < by_hand:
                digest = hashlib.sha256(row[1].encode()).hexdigest()
                right = min(int(place(digest, 0) * len(LABELS)), len(LABELS) - 1)
                for rater in RATERS:
                    slipped = random.random() < SLIPS
                    label = int(random.integers(0, len(LABELS))) if slipped else right
                    coded.writerow([row[0], rater, LABELS[label]])
