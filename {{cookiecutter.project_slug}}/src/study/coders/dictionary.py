"""Dictionaries: a word list, or VADER's rules with its own, applied to every text.

A word list's score is the sum of the weights of the words found, divided by the number of words of the text:
with LIWC categories the share of words in `category` minus the share in `negative` (Pennebaker et al. 2015),
with a table of words and weights the mean weight of all words, those without an entry weighing 0. A text
without words has no score and the status 'empty'. VADER's score is its compound score.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study import sources
from study.coders import codings, vader
from study.errors import StudyError
from study.lexicon import read_lexicon
from study.segmentation import without_spaces

RULES = ("vader", "vader-2014")


def code(
    units: pd.DataFrame,
    name: str,
    coder: Mapping[str, Any],
    *,
    constructs: list[str],
    language: str,
    downloads: Path = sources.DOWNLOADS,
) -> pd.DataFrame:
    """Code every unit.

    Parameters
    ----------
    units
        unit_id and text.
    name, coder
        The coder's name and settings: language; rules, or a word list (file, or source) with category and
        negative.
    constructs
        What it measures; the score of each is the same.
    language
        Of the corpus; a dictionary for another one is refused.

    Returns
    -------
    DataFrame
        As `study.coders.codings` gives it; n_tokens is the number of words of a text (of its letters, in
        languages without spaces), and missing for VADER, which has its own idea of a word.
    """
    own = coder.get("language") or ""
    if _primary(own) != _primary(language):
        raise StudyError(
            f"A dictionary for another language than the corpus ('{language}') measures nothing.",
            file="config/study.yaml",
            key=f"coders.{name}.language",
            found=own,
            allowed=[language],
        )
    rules = coder.get("rules")
    texts = list(units["text"])
    status, counts = None, None
    if rules == "vader":
        scores = vader.installed(texts, coder.get("sha256"))
    elif rules == "vader-2014":
        archive = sources.content(_word_list(name, coder), downloads)
        scores = vader.published(texts, archive.data, label=archive.label)
    elif rules is None:
        found = sources.content(_word_list(name, coder), downloads)
        lexicon = read_lexicon(
            found.data,
            found.file_name,
            label=found.label,
            category=coder.get("category"),
            negative=coder.get("negative"),
            spaced=not without_spaces(language),
        )
        scored = [lexicon.score(text) for text in texts]
        scores = [score for score, _ in scored]
        counts = {"n_tokens": [words for _, words in scored]}
        status = ["ok" if words else "empty" for _, words in scored]
    else:
        raise StudyError(
            "There are no such rules.",
            file="config/study.yaml",
            key=f"coders.{name}.rules",
            found=rules,
            allowed=RULES,
        )
    tables = [
        codings(
            list(units["unit_id"]),
            construct=construct,
            coder=name,
            score=scores,
            status=status,
            counts=counts,
        )
        for construct in sorted(constructs)
    ]
    return (
        pd.concat(tables, ignore_index=True)
        if counts
        else pd.concat(tables, ignore_index=True).assign(n_tokens=np.nan)
    )


def _primary(language: str) -> str:
    return language.lower().split("-")[0]


def _word_list(name: str, coder: Mapping[str, Any]) -> dict[str, Any]:
    listed = sources.listed(coder)
    if len(listed) != 1:
        raise StudyError(
            "A dictionary needs its word list.",
            file="config/study.yaml",
            key=f"coders.{name}",
            allowed="one of the keys file and source",
        )
    return listed[0]


def main(
    *,
    units_file: Path,
    name: str,
    coder: dict,  # type: ignore[type-arg]
    constructs: list[str],
    language: str,
    codings_file: Path,
    downloads: Path = sources.DOWNLOADS,
) -> None:
    """Code every unit with one dictionary."""
    units = pd.read_parquet(units_file, columns=["unit_id", "text"])
    table = code(units, name, coder, constructs=constructs, language=language, downloads=downloads)
    table.to_parquet(codings_file, index=False)


if __name__ == "__main__":
    from study.job import run

    run(main)
