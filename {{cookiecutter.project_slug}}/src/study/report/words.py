"""Numbers and lists as the field prints them: r without leading zero, intervals in brackets, p < .001."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from numbers import Real
from typing import TypeGuard

MISSING = "–"
"""Stands where a table has no figure."""
MINUS = "\N{MINUS SIGN}"
_DECEPTIVE = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200B, 0x2028, 0x2029, 0xFEFF}
"""Characters that hide, or show a text as another one: bidirectional overrides, zero-width spaces."""


def known(value: object) -> TypeGuard[float]:
    """Whether a cell holds a finite number."""
    return isinstance(value, Real) and math.isfinite(value)


def number(value: object, digits: int = 2) -> str:
    """Return a number with fixed decimals, thousands separators and a minus sign."""
    if not known(value):
        return MISSING
    text = f"{abs(value):,.{digits}f}"
    return f"{MINUS}{text}" if value < 0 and any(c in "123456789" for c in text) else text


def count(value: object) -> str:
    """Return a whole number with thousands separators."""
    return number(value, 0)


def r(value: object, digits: int = 2) -> str:
    """Return a figure that cannot pass 1 without its leading zero: .62, −.05, 1.00."""
    return number(value, digits).replace("0.", ".", 1) if _below_one(value, digits) else number(value, digits)


def _below_one(value: object, digits: int) -> bool:
    return known(value) and round(abs(value), digits) < 1


def interval(low: object, high: object, digits: int = 2, *, bounded: bool = True) -> str:
    """Return an interval in brackets; `bounded` figures (correlations, shares) lose their leading zero."""
    if not known(low) or not known(high):
        return MISSING
    write = r if bounded else number
    return f"[{write(low, digits)}, {write(high, digits)}]"


def p(value: object) -> str:
    """Return a p-value: '< .001', '.034', '> .999'."""
    if not known(value):
        return MISSING
    if value < 0.001:
        return "< .001"
    return "> .999" if value > 0.999 else r(value, 3)


def p_phrase(value: object, name: str = "p") -> str:
    """Return 'p < .001' or 'p = .034'."""
    text = p(value)
    return f"{name} {text}" if text[0] in "<>" else f"{name} = {text}"


def percent(part: float, whole: float) -> str:
    """Return a share in per cent; a share that is neither none nor all never looks like it."""
    if not whole or not math.isfinite(part / whole):
        return MISSING
    rounded = round(100 * part / whole)
    if rounded == 0 and part > 0:
        return "< 1%"
    return "> 99%" if rounded == 100 and part < whole else f"{rounded}%"


def plural(n: int, noun: str, several: str | None = None) -> str:
    """Return '1 text', '1,200 texts'."""
    return f"{count(n)} {noun if n == 1 else several or noun + 's'}"


def listed(words: Sequence[str], last: str = "and") -> str:
    """Return words as in a sentence: 'a, b and c'."""
    if len(words) < 2:
        return words[0] if words else "none"
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def sentence(text: str) -> str:
    """Return text with a capital and a full stop."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?", ":")) else ".")


def visible(value: object) -> object:
    """Return text with control characters spelt out: they could hide a part of it, or break the page."""
    if type(value) is not str:
        return value
    return "".join(c if _harmless(c) else c.encode("unicode_escape").decode("ascii") for c in value)


def _harmless(c: str) -> bool:
    return c in "\n\t" or (unicodedata.category(c) not in ("Cc", "Cs") and ord(c) not in _DECEPTIVE)
