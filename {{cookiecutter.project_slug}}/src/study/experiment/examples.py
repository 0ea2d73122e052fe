"""Which of a codebook's examples a language model is shown.

`random K` draws them; `diverse K` takes the first of the file, and then again and again the one that is
farthest from all that were taken, which is greedy k-centre (Gonzalez 1985, Theoretical Computer Science 38).
Examples that differ show more of what a codebook means than examples that repeat each other (Su et al. 2023,
arXiv 2209.01975). The distance of two examples is one minus the share of their character trigrams that both
have (Jaccard): it needs no model, and works in every script.

Labels take turns in both: the next example has a label that was taken least often of those that are left. A
model leans towards labels that it is shown more often (Zhao et al. 2021, arXiv 2102.09690), and without this
the two ways would differ in their labels, too. The examples are shown in the order of the file, however they
were chosen, since a model also leans towards the last one. A larger K keeps those of a smaller one.

This runs while the workflow is read, so it needs the standard library alone.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from study.errors import StudyError

NONE, ALL = "none", "all"
GRAM = 3
"""Characters of what two texts are compared by."""

_SOME = re.compile(r"(random|diverse) ([1-9][0-9]*)")


def chosen(examples: Sequence[Mapping[str, Any]], level: str, seed: int = 1) -> list[Mapping[str, Any]]:
    """Choose examples.

    Parameters
    ----------
    examples
        Those of one construct, as in its codebook: `text`, or `first` and `second`; `label`.
    level
        'none', 'all', 'random K' or 'diverse K'.
    seed
        Another seed draws other ones; the diverse ones do not depend on it.

    Returns
    -------
    list
        In the order of the file.

    Raises
    ------
    StudyError
        There is no such level, or there are fewer than K examples.
    """
    k = len(examples) if level == ALL else needed(level)
    if k > len(examples):
        raise StudyError(
            f"There are not enough examples for '{level}'.", found=len(examples), allowed=f"at least {k}"
        )
    if level.startswith("random"):
        taken = _in_turn(examples, k, _drawn(examples, seed))
    elif level.startswith("diverse"):
        taken = _in_turn(examples, k, _farthest(examples))
    else:
        taken = list(range(k))
    return [examples[i] for i in sorted(taken)]


def needed(level: str) -> int:
    """Return how many examples a level needs: K, and 0 for 'none' and 'all'; StudyError for no level."""
    if level in (NONE, ALL):
        return 0
    match = _SOME.fullmatch(level)
    if match is None:
        raise StudyError(
            "Examples cannot be chosen in this way.",
            found=level,
            allowed="none, all, 'random 3' or 'diverse 3' (any number)",
        )
    return int(match[2])


Next = Callable[[Sequence[int], Sequence[int]], int]
"""Given those that were taken and those that may be next, return the next one."""


def _in_turn(examples: Sequence[Mapping[str, Any]], k: int, following: Next) -> list[int]:
    """Take one after the other, of a label that was taken least often of those that are left."""
    labels = [json.dumps(example["label"], sort_keys=True) for example in examples]
    left, times = list(range(len(examples))), Counter[str]()
    taken: list[int] = []
    while len(taken) < k:
        least = min(times[labels[i]] for i in left)
        i = following(taken, [i for i in left if times[labels[i]] == least])
        left.remove(i)
        taken.append(i)
        times[labels[i]] += 1
    return taken


def _drawn(examples: Sequence[Mapping[str, Any]], seed: int) -> Next:
    """Return a draw that depends on what the examples say, not on where they stand."""
    place = [
        hashlib.sha256(f"{seed}|{_text(example)}".encode("utf-8", errors="surrogatepass")).digest()
        for example in examples
    ]
    return lambda _, may: min(may, key=lambda i: place[i])


def _farthest(examples: Sequence[Mapping[str, Any]]) -> Next:
    grams = [_grams(_text(example)) for example in examples]
    nearest = [2.0] * len(examples)  # distance from the nearest that was taken; nothing is so far away

    def following(taken: Sequence[int], may: Sequence[int]) -> int:
        if taken:
            last = grams[taken[-1]]
            for i, own in enumerate(grams):
                nearest[i] = min(nearest[i], 1 - len(own & last) / len(own | last))
        return max(may, key=lambda i: nearest[i])  # of equal ones the first

    return following


def _text(example: Mapping[str, Any]) -> str:
    return "\n".join(str(example[key]) for key in ("text", "first", "second") if example.get(key) is not None)


@functools.lru_cache(maxsize=4096)
def _grams(text: str) -> frozenset[str]:
    plain = " ".join(text.casefold().split())
    return frozenset(plain[i : i + GRAM] for i in range(max(1, len(plain) - GRAM + 1)))
