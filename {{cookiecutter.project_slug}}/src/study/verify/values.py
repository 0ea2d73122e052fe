"""When two values are the same: labels, counts, ids and texts exactly, decimal numbers within a tolerance.

Another machine adds the terms of a sum in another order and gets other last digits. Tables are written with
ten digits, of which the last may then be another one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

RELATIVE = 2e-9
"""By how much decimal numbers may differ, as a share of the larger: two units of the tenth digit at most."""
FLOOR = 1e-10
"""By how much they may differ in any case: what is near zero is the noise of a difference."""
TOLERANCE = f"{RELATIVE:g} of the number, or {FLOOR:g}"

LONGEST = 60
"""Characters of a value that are shown."""


@dataclass(frozen=True)
class Difference:
    """One thing that is not as recorded.

    Attributes
    ----------
    where
        In the file: 'row 3, column pearson_r'; '' is the file itself.
    recorded, now
        What stands there; '' where there is nothing.
    environment
        Whether it tells of the machine and its packages, and of no result.
    """

    where: str
    recorded: str
    now: str
    environment: bool = False

    def __str__(self) -> str:
        """Return it in words."""
        place = f"{self.where}: " if self.where else ""
        return f"{place}recorded {self.recorded or 'nothing'}, now {self.now or 'nothing'}"


def shown(value: object) -> str:
    """Return a value as a difference shows it: short, in one line."""
    if value is None or value == "":
        return ""
    text = f"'{value}'" if isinstance(value, str) else str(value)
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def close(recorded: float, now: float) -> bool:
    """Whether two decimal numbers are the same; no number (NaN) is the same as no number."""
    return bool(all_close(np.array([recorded]), np.array([now]))[0])


def all_close(recorded: np.ndarray, now: np.ndarray) -> np.ndarray:
    """Return for each pair of decimal numbers whether they are the same; shape (n,)."""
    missing = np.isnan(recorded) & np.isnan(now)
    finite = np.isfinite(recorded) & np.isfinite(now)
    with np.errstate(invalid="ignore"):
        allowed = np.maximum(RELATIVE * np.maximum(np.abs(recorded), np.abs(now)), FLOOR)
        near = np.abs(recorded - now) <= allowed
    return missing | (recorded == now) | (finite & near)


def differences(recorded: object, now: object, where: str = "") -> Iterator[Difference]:
    """Yield what differs in two values of JSON, or of a cell that holds lists or mappings.

    Parameters
    ----------
    where
        How the value is called.
    """
    if isinstance(recorded, Mapping) and isinstance(now, Mapping):
        for key in [*recorded, *(key for key in now if key not in recorded)]:
            place = f"{where}.{key}" if where else str(key)
            if key in recorded and key in now:
                yield from differences(recorded[key], now[key], place)
            else:
                yield Difference(place, shown(recorded.get(key)), shown(now.get(key)))
    elif isinstance(recorded, list) and isinstance(now, list):
        if len(recorded) != len(now):
            yield Difference(where, f"{len(recorded)} entries", f"{len(now)} entries")
        for number, (one, other) in enumerate(zip(recorded, now, strict=False), 1):
            yield from differences(one, other, f"{where}[{number}]")
    elif not _same(recorded, now):
        yield Difference(where, shown(recorded), shown(now))


def _same(recorded: object, now: object) -> bool:
    if _is_missing(recorded) or _is_missing(now):
        return _is_missing(recorded) and _is_missing(now)
    if type(recorded) is not type(now):
        return False
    if isinstance(recorded, float) and isinstance(now, float):
        return close(recorded, now)
    return bool(recorded == now)


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
