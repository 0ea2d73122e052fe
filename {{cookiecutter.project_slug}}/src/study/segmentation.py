"""Divide texts into sentences or windows of words, each with its place in the text.

Sentences are found by sentencex (Wikimedia Foundation: rules and abbreviations for about 300 languages).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from study.errors import StudyError

WITHOUT_SPACES = {"zh", "ja", "th", "lo", "km", "my", "bo", "yue", "wuu", "nan", "hak", "lzh"}
"""Languages that put no space between words."""

SEGMENTS = ("none", "sentence", "window")


def without_spaces(language: str) -> bool:
    """Whether words cannot be told apart by white space in this language (a BCP 47 tag)."""
    return language.lower().split("-")[0] in WITHOUT_SPACES


def segments(text: str, *, segment: str, language: str, window: int = 200) -> list[tuple[int, int]]:
    """Return where the segments of `text` begin and end.

    Parameters
    ----------
    segment
        'none' (the text as it is), 'sentence', or 'window' (stretches of `window` words; the last is
        shorter).
    language
        BCP 47 tag.
    window
        In words: runs of characters without white space.

    Returns
    -------
    list of (start, end)
        In characters (code points), in order and without overlap: `text[start:end]` is the segment. White
        space around sentences and windows belongs to none. A text of white space has no segments.
    """
    if segment == "none":
        return [(0, len(text))]
    if segment == "sentence":
        return list(_trimmed(text, _sentences(text, language)))
    if segment == "window":
        return _windows(text, language, window)
    raise StudyError("There is no such segmentation.", key="units.segment", found=segment, allowed=SEGMENTS)


def unit_id(document: str, position: int) -> str:
    """Return the id of a document's segment, counted from 1: 'speech-7#0001'."""
    return f"{document}#{position:04d}"


def _sentences(text: str, language: str) -> Iterator[tuple[int, int]]:
    import sentencex

    start = 0
    for sentence in sentencex.segment(language.lower().split("-")[0], text):
        # Looked for from where the last one ended, so that the places are right whatever a segmenter drops.
        start = text.index(sentence, start)
        yield start, start + len(sentence)
        start += len(sentence)


def _windows(text: str, language: str, window: int) -> list[tuple[int, int]]:
    if without_spaces(language):
        raise StudyError(
            f"Windows are counted in words, and the language '{language}' puts no spaces between words.",
            file="config/study.yaml",
            key="units.segment",
            found="window",
            allowed=["none", "sentence"],
        )
    words = [match.span() for match in re.finditer(r"\S+", text)]
    return [(words[i][0], words[min(i + window, len(words)) - 1][1]) for i in range(0, len(words), window)]


def _trimmed(text: str, spans: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    for start, end in spans:
        part = text[start:end]
        kept = part.strip()
        if kept:
            begin = start + len(part) - len(part.lstrip())
            yield begin, begin + len(kept)
