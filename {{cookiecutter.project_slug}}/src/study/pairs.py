"""Which texts are compared with which.

Comparing every text with every other costs n(n - 1)/2 comparisons. A round is a random ring instead: every
text is compared with two others, and all are joined. A few rounds together join each text with every other
over few steps, which is what a common scale needs: rings of random order make an expander graph (Friedman
2008).

Each text has a fixed place in each ring that its sha256 and the seed decide. So the pairs do not depend on
the order of rows, further rounds keep the earlier ones, and a text that is added parts at most one pair a
round: nearly all answers that a language model gave before are used again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from study.errors import StudyError


def place_in_ring(text_sha256: str, round_: int, seed: int) -> str:
    """Return the sha256 of seed, round and text: as good as random, and the same for ever."""
    return hashlib.sha256(f"{seed}|{round_}|{text_sha256}".encode()).hexdigest()


def draw(text_hashes: Sequence[str], rounds: int, seed: int) -> list[tuple[str, str]]:
    """Draw the pairs of texts that are compared.

    Parameters
    ----------
    text_hashes
        The texts' sha256; texts that are equal are one.
    rounds
        How many rings. A text is in about 2 x `rounds` pairs, in fewer where there are few texts: two texts
        make one pair, three make three.
    seed
        Another seed draws other rings.

    Returns
    -------
    The pairs without repetitions, those of the first round first; in a pair the smaller sha256 is first.

    Raises
    ------
    StudyError
        `rounds` is no whole number above zero.
    """
    if not isinstance(rounds, int) or isinstance(rounds, bool) or rounds < 1:
        raise StudyError(
            "The number of rounds of comparisons is a whole number, at least 1.", key="rounds", found=rounds
        )
    texts = set(text_hashes)
    pairs: dict[tuple[str, str], None] = {}
    for round_ in range(1, rounds + 1):
        ring = sorted(texts, key=lambda text: place_in_ring(text, round_, seed))
        for text, neighbour in zip(ring, ring[1:] + ring[:1], strict=True):
            if text != neighbour:
                pairs[min(text, neighbour), max(text, neighbour)] = None
    return list(pairs)
