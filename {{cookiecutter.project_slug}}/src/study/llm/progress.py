"""How far a coding job is, in lines that a log file can hold too."""

from __future__ import annotations

import time
from collections.abc import Callable


class Progress:
    """Texts done, texts and tokens a second, and time left.

    A line now and then; no control characters, so that it reads the same on a terminal and in a batch log.
    """

    def __init__(self, total: int, tell: Callable[[str], None], every: float = 10.0) -> None:
        """Start the clock; `every` is in seconds."""
        self._total, self._tell, self._every = total, tell, every
        self._done = self._tokens = 0
        self._start = self._last = time.monotonic()

    def count(self, tokens: int, name: str) -> None:
        """Count one text of a codebook, and say so when it is time."""
        self._done += 1
        self._tokens += tokens
        now = time.monotonic()
        if now - self._last < self._every and self._done not in (1, self._total):
            return
        self._last = now
        seconds = max(now - self._start, 1e-9)
        left = seconds / self._done * (self._total - self._done)
        self._tell(
            f"{name}: {self._done} of {self._total} texts, {self._done / seconds:.1f} texts/s, "
            f"{self._tokens / seconds:.0f} tokens/s, {in_words(left)} left"
        )


def in_words(seconds: float) -> str:
    """Return a duration to read: '3 h 20 min', '2 min 5 s', '40 s'."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"
