"""VADER, a lexicon with rules for negation, degree words, capitals and punctuation (Hutto & Gilbert 2014).

Two coders, because the dictionary that is installed today is not the one that was published. `installed` is
the package vaderSentiment 3.3.2. `published` is the code and the lexicon of May 2014, from the archive that
the authors put into that package's source distribution. It was written for Python 2; what is changed so that
Python 3 runs it is listed in CHANGES, and each change must fit exactly as often as it says, so that a
different file is refused rather than half converted.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable
from typing import Any

from study.archives import open_member
from study.errors import StudyError

VERSION = "3.3.2"
LEXICON_SHA256 = "1ec9c6e9ee19aade328f8beb393a6afa71a5bb3acf7d3cc22d4ef568df374bf5"
EMOJI_SHA256 = "b8d54223ae1ce22a3e12c1f745316b71678c328eb5f5d3063a842f37cfbe2823"

CODE_2014 = "hutto_ICWSM_2014/vaderSentiment.py"
LEXICON_2014 = "hutto_ICWSM_2014/vader_sentiment_lexicon.txt"
CODE_2014_SHA256 = "a7f2b4cf640834a607223a1e6763423d393df440d2c5b5acbc1de999efaef30e"
LEXICON_2014_SHA256 = "88645aa949987662301d41a3f26b950f41b239a4de4e0d4aee84857bf242e35d"

CHANGES = (
    # Python 3 has no reload() among its built-in functions; this call had no effect on the scores.
    ("reload(sys)\n", "", 1),
    # Python 3 has no parameters that unpack a pair.
    ("lambda (w, m): (w, float(m))", "lambda wm: (wm[0], float(wm[1]))", 1),
)
"""What is replaced in the code of 2014: old, new, and how often it stands there."""

EXAMPLES_2014 = "if __name__ == '__main__':\n"
"""From here the file prints examples, in the syntax of Python 2; that part is left away."""


def installed(texts: Iterable[str], lexicon_sha256: str | None = None) -> list[float]:
    """Score texts with the installed package.

    Parameters
    ----------
    lexicon_sha256
        Of the lexicon that the study expects; None expects that of vaderSentiment 3.3.2.

    Returns
    -------
    list of float
        The compound score, from -1 (negative) to 1 (positive), four decimals.

    Raises
    ------
    StudyError
        Another version or another lexicon is installed.
    """
    import importlib.metadata
    import importlib.resources

    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    version = importlib.metadata.version("vaderSentiment")
    folder = importlib.resources.files("vaderSentiment")
    if version != VERSION:
        raise StudyError("Another version of vaderSentiment is installed.", found=version, allowed=VERSION)
    expected = {"vader_lexicon.txt": lexicon_sha256 or LEXICON_SHA256, "emoji_utf8_lexicon.txt": EMOJI_SHA256}
    for file_name, digest in expected.items():
        _check(folder.joinpath(file_name).read_bytes(), digest.lower(), f"The installed {file_name}")
    analyzer = SentimentIntensityAnalyzer()
    return _scores(texts, lambda text: analyzer.polarity_scores(text)["compound"])


def published(texts: Iterable[str], archive: bytes, *, label: str = "the archive of 2014") -> list[float]:
    """Score texts with the code and lexicon of 2014.

    Parameters
    ----------
    archive
        hutto_ICWSM_2014.tar.gz.

    Returns
    -------
    list of float
        The compound score, from -1 (negative) to 1 (positive), four decimals.

    Raises
    ------
    StudyError
        The archive holds other code or another lexicon.
    """
    code, lexicon = (open_member(archive, member, label=label) for member in (CODE_2014, LEXICON_2014))
    _check(code, CODE_2014_SHA256, f"{label} > {CODE_2014}")
    _check(lexicon, LEXICON_2014_SHA256, f"{label} > {LEXICON_2014}")
    sentiment = _sentiment_2014(code.decode("ascii"), lexicon)
    return _scores(texts, lambda text: sentiment(text)["compound"])


def _sentiment_2014(code: str, lexicon: bytes) -> Callable[[str], dict[str, float]]:
    source = code.replace("\r\n", "\n")
    for old, new, times in CHANGES:
        if source.count(old) != times:
            raise StudyError(f"VADER's code of 2014 does not hold {old!r} as often as expected ({times}).")
        source = source.replace(old, new)
    source, *examples = source.split(EXAMPLES_2014)
    if len(examples) != 1:
        raise StudyError("VADER's code of 2014 does not end with its examples.")
    # The code opens its lexicon by name in the working directory; it is handed the archive's instead. Two of
    # the lexicon's bytes are outside ASCII; Python 2 compared bytes, as latin-1 does.
    namespace: dict[str, Any] = {
        "__name__": "vader_2014",
        "open": lambda _name: io.StringIO(lexicon.decode("latin-1").replace("\r\n", "\n")),
    }
    exec(compile(source, CODE_2014, "exec"), namespace)
    return namespace["sentiment"]


def _scores(texts: Iterable[str], score: Callable[[str], float]) -> list[float]:
    """Score each different text once."""
    known: dict[str, float] = {}
    return [known[text] if text in known else known.setdefault(text, float(score(text))) for text in texts]


def _check(data: bytes, expected: str, what: str) -> None:
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise StudyError(
            f"{what} is not the expected one: its sha256 is {found}, expected is {expected}.",
            hint="Another lexicon is another measure; name it as a dictionary of its own if that is meant.",
        )
