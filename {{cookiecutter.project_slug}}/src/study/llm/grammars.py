"""guidance's grammars for what a model writes: a number within bounds, passages of a text, a rationale."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from guidance import optional, regex, select, string, substring

ITEM = "- "
"""What begins a passage."""


@functools.lru_cache(maxsize=64)
def number(low: float, high: float, decimals: int, lead: str, tail: str) -> str:
    """Return the grammar of a number within bounds, with up to `decimals` decimals, in a sentence.

    A JSON schema would not do: llguidance 1.5 has no negative number in `multipleOf`, and no 0.7 between 0.5
    and 0.75.
    """
    patterns = [pattern for places in range(decimals + 1) for pattern in _numbers(low, high, places)]
    return str((string(lead) + regex("|".join(patterns)) + string(tail)).ll_grammar())


@functools.cache
def rationale() -> str:
    """Return the grammar of one line of any words."""
    return str(regex(r"[^\n\r]+\n?").ll_grammar())


def first_passage(text: str, none: str) -> str:
    """Return the grammar of a list's first line: a passage of the text, word for word, or `none`."""
    return str(select([_passage(text), string(none)]).ll_grammar())


def next_passage(text: str) -> str:
    """Return the grammar of a further line, or of nothing."""
    return str(optional(_passage(text)).ll_grammar())


def words_of(text: str) -> list[str]:
    """Divide a text into what a passage cannot cut: words, white space, and any other character."""
    return re.findall(r"\s+|\w+|[^\s\w]", text)


def _passage(text: str) -> Any:
    """Return the grammar of any run of words of one line of the text: a line break ends the passage."""
    lines = dict.fromkeys(text.split("\n"))
    return string(ITEM) + select([substring(line, chunk=words_of) for line in lines]) + optional(string("\n"))


def _numbers(low: float, high: float, places: int) -> Iterator[str]:
    """Yield patterns of the numbers from `low` to `high` with exactly so many decimals."""
    unit = Decimal(1).scaleb(-places)
    least = int((Decimal(str(low)) / unit).to_integral_value(ROUND_CEILING))
    most = int((Decimal(str(high)) / unit).to_integral_value(ROUND_FLOOR))
    if least < 0:
        yield from _whole(max(1, -most), -least, places, "-")
    yield from _whole(max(0, least), most, places, "")


def _whole(least: int, most: int, places: int, sign: str) -> Iterator[str]:
    """Yield patterns of the whole numbers from `least` to `most`, with a point before the last digits."""
    digits = max(places + 1, len(str(least)))
    while least <= most:
        last = min(most, 10**digits - 1)
        yield sign + _between(_pointed(least, digits, places), _pointed(last, digits, places))
        least, digits = last + 1, digits + 1


def _pointed(value: int, digits: int, places: int) -> str:
    written = f"{value:0{digits}d}"
    return f"{written[:-places]}.{written[-places:]}" if places else written


def _between(low: str, high: str) -> str:
    """Return the pattern of the numbers from `low` to `high`, all written with as many digits."""
    if low == high:
        return re.escape(low)
    if low[0] == high[0]:
        return re.escape(low[0]) + _between(low[1:], high[1:])
    first, last = int(low[0]), int(high[0])
    patterns = []
    if set(low[1:]) - set("0."):
        patterns.append(low[0] + _between(low[1:], re.sub("[0-9]", "9", low[1:])))
        first += 1
    if set(high[1:]) - set("9."):
        patterns.append(high[0] + _between(re.sub("[0-9]", "0", high[1:]), high[1:]))
        last -= 1
    if first <= last:
        patterns.append(f"[{first}-{last}]" + re.sub("[0-9]", "[0-9]", re.escape(low[1:])))
    return f"({'|'.join(patterns)})"
