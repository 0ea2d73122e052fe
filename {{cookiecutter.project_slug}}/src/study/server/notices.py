"""Lines of many threads about the same: the first is told, and now and then how many more there were."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

EVERY = 10.0
"""Seconds within which a line of the same kind is not told again."""


class Notices:
    """Tells a line of each kind at most every ten seconds, and counts the others.

    Parameters
    ----------
    tell
        Takes a line; it is called by one thread at a time.
    clock
        Returns seconds and never goes back.
    """

    def __init__(self, tell: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        """Start with nothing told."""
        self._tell, self._clock = tell, clock
        self._told: dict[str, float] = {}
        self._more: dict[str, int] = {}
        self._lock = threading.Lock()

    def tell(self, kind: str, line: str) -> None:
        """Tell a line, or count it where one of its kind was told just before."""
        with self._lock:
            now = self._clock()
            if kind in self._told and now - self._told[kind] < EVERY:
                self._more[kind] = self._more.get(kind, 0) + 1
                return
            more = self._more.pop(kind, 0)
            self._told[kind] = now
            self._tell(f"{line} (and {more} more of the kind before)" if more else line)

    def close(self) -> None:
        """Tell how many were only counted."""
        with self._lock:
            for kind, more in sorted(self._more.items()):
                self._tell(f"And {more} more of the kind: {kind}.")
            self._more.clear()
