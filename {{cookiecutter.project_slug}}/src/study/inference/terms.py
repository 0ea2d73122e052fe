"""The terms of a regression in words: programs write a level of a category as C(domain)[T.nyt]."""

from __future__ import annotations

import re

_LEVEL = re.compile(r"(?:C\((\w+)\)|(\w+))\[(?:T\.)?(.*)\]", re.DOTALL)


def in_words(term: str) -> str:
    """Return a term as a reader would say it: 'domain: nyt', 'age × domain: nyt'.

    Parameters
    ----------
    term
        As tables have it; an interaction has ':' between its factors.
    """
    return " × ".join(_factor(factor) for factor in _factors(term))


def _factors(term: str) -> list[str]:
    """Split at every ':' that is not inside of a level's brackets."""
    found, depth = [""], 0
    for character in term:
        if character == ":" and depth == 0:
            found.append("")
            continue
        depth += (character == "[") - (character == "]")
        found[-1] += character
    return found


def _factor(factor: str) -> str:
    level = _LEVEL.fullmatch(factor)
    if level:
        return f"{level[1] or level[2]}: {level[3]}"
    return factor[2:-1] if re.fullmatch(r"C\(\w+\)", factor) else factor
