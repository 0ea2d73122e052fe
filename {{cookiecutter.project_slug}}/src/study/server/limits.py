"""What holds requests back: a server's limits a minute, a pause that it asks for, and the study's budget."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from study.errors import StudyError
from study.server.faults import FILE
from study.server.settings import Server

MINUTE = 60.0
UNKNOWN_ANSWER = 256
"""Tokens that an answer is taken for, where a request does not say how long it may be."""

LOOK = 1.0
"""Seconds after which a request that waits looks again."""


@dataclass
class Granted:
    """A request that may be sent: since when, and how many tokens it is counted for."""

    at: float
    tokens: int


class Limiter:
    """Lets so many requests and tokens pass in any minute; all threads of a process share it.

    The minute slides: whatever minute a server counts in, there are never more. A request that alone has more
    tokens than a minute allows passes when nothing else does.

    Parameters
    ----------
    requests, tokens
        A minute; None for no limit.
    clock
        Returns seconds and never goes back.
    """

    def __init__(
        self, requests: int | None, tokens: int | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Start with nothing counted."""
        self._requests, self._tokens, self._clock = requests, tokens, clock
        self._minute: deque[Granted] = deque()
        self._paused = float("-inf")
        self._lock = threading.Lock()
        # Who waits for room does so alone, before all others: a large request is not overtaken for ever.
        self._turn = threading.Lock()

    def acquire(self, tokens: int, rest: Callable[[float], None]) -> Granted:
        """Wait until a request of so many tokens may be sent, and count it.

        Parameters
        ----------
        rest
            Waits for so many seconds; what it raises ends the waiting.
        """
        with self._turn:
            while True:
                with self._lock:
                    now = self._clock()
                    at = max(self._room(now, tokens), self._paused)
                    if at <= now:
                        granted = Granted(now, tokens)
                        if self._requests is not None or self._tokens is not None:
                            self._minute.append(granted)
                        return granted
                # What is corrected meanwhile may make room sooner.
                rest(min(at - now, LOOK))

    def correct(self, granted: Granted, tokens: int) -> None:
        """Count a request for the tokens that it really had."""
        with self._lock:
            granted.tokens = tokens

    def pause(self, seconds: float) -> None:
        """Let nothing pass for so long; a longer pause that was asked for before stays."""
        with self._lock:
            self._paused = max(self._paused, self._clock() + seconds)

    def _room(self, now: float, tokens: int) -> float:
        """Return when there is room, if nothing else comes."""
        while self._minute and self._minute[0].at + MINUTE <= now:
            self._minute.popleft()
        at, requests, counted = now, len(self._minute), sum(one.tokens for one in self._minute)
        for one in self._minute:
            enough = self._requests is None or requests < self._requests
            if enough and (self._tokens is None or counted + tokens <= self._tokens):
                break
            at, requests, counted = one.at + MINUTE, requests - 1, counted - one.tokens
        return at


@dataclass(frozen=True)
class Usage:
    """What requests to a server took.

    Attributes
    ----------
    requests
        All that were sent, repeated ones included.
    retries
        Those among them that repeated another.
    read, written
        Tokens as the server counted them.
    unknown
        Answers whose tokens the server did not count, those included that were lost on the way.
    unknown_read, unknown_written
        What these answers are estimated to have taken, in tokens.
    """

    requests: int = 0
    retries: int = 0
    read: int = 0
    written: int = 0
    unknown: int = 0
    unknown_read: int = 0
    unknown_written: int = 0

    def __add__(self, other: Usage) -> Usage:
        """Return both together."""
        return Usage(
            self.requests + other.requests,
            self.retries + other.retries,
            self.read + other.read,
            self.written + other.written,
            self.unknown + other.unknown,
            self.unknown_read + other.unknown_read,
            self.unknown_written + other.unknown_written,
        )


class Budget:
    """Sees to it that a model's requests never take more than the study allows.

    A request is held against the budget before it is sent, with the most that it may take, and counted for
    what it took when its answer is there. Where only the estimates of requests in flight stand in the way, it
    waits for their answers.

    Parameters
    ----------
    spent
        What earlier runs took; `spent` grows by what is settled. Answers of earlier runs that neither the
        server counted nor we estimated are taken for as much as the next request.

    Raises
    ------
    StudyError
        When there is a budget in money and no price.
    """

    def __init__(self, server: Server, spent: Usage) -> None:
        """Start with what was spent before."""
        if server.most_money is not None and server.price is None:
            raise StudyError(
                "A budget in money needs to know what the server charges.",
                file=FILE,
                key=f"models.{server.name}.server.price",
                found=None,
                hint="Write the price of a million tokens, or set a budget in tokens.",
            )
        self._server, self.spent = server, spent
        self._uncounted = 0 if spent.unknown_read or spent.unknown_written else spent.unknown
        self._flying: list[tuple[int, int]] = []
        self._changed = threading.Condition()

    def reserve(self, read: int, written: int) -> tuple[int, int]:
        """Hold so many tokens for a request.

        Raises
        ------
        StudyError
            When they are more than what is left.
        """
        with self._changed:
            while self._exceeded(read, written):
                if self._exceeded(read, written, flying=False):
                    raise self._used_up(read, written)
                self._changed.wait()
            self._flying.append((read, written))
            return read, written

    def settle(self, reserved: tuple[int, int], used: Usage) -> None:
        """Count a request for what it took instead of what was held for it."""
        with self._changed:
            self._flying.remove(reserved)
            self.spent += used
            self._changed.notify_all()

    def _exceeded(self, read: int, written: int, *, flying: bool = True) -> bool:
        held = [*(self._flying if flying else []), *[(read, written)] * (1 + self._uncounted)]
        all_read = self.spent.read + self.spent.unknown_read + sum(one[0] for one in held)
        all_written = self.spent.written + self.spent.unknown_written + sum(one[1] for one in held)
        server = self._server
        if server.most_tokens is not None and all_read + all_written > server.most_tokens:
            return True
        if server.most_money is None or server.price is None:
            return False
        return server.price.of(all_read, all_written) > server.most_money

    def _used_up(self, read: int, written: int) -> StudyError:
        spent, server = self.spent, self._server
        guessed_read = spent.unknown_read + self._uncounted * read
        guessed_written = spent.unknown_written + self._uncounted * written
        all_read, all_written = spent.read + guessed_read, spent.written + guessed_written
        estimated = (
            f" {spent.unknown} of the answers came without a count of their tokens: they are estimated"
            f" ({guessed_read + guessed_written:,} tokens)."
            if spent.unknown
            else ""
        )
        limits = [f"{server.most_tokens:,} tokens"] if server.most_tokens is not None else []
        if server.most_money is not None and server.price is not None:
            limits.append(f"{server.most_money:,.2f} {server.price.currency}")
        return StudyError(
            f"The budget of the model '{server.name}' ({' and '.join(limits)}) does not suffice for the next"
            f" request: {self._in_words(all_read, all_written)} are spent, and it may take"
            f" {self._in_words(read, written)}.{estimated}",
            file=FILE,
            key=f"models.{server.name}.server.budget",
            hint=f"Raise models.{server.name}.server.budget and run again; nothing is asked twice.",
        )

    def _in_words(self, read: int, written: int) -> str:
        price = self._server.price
        tokens = f"{read + written:,} tokens"
        return tokens if price is None else f"{tokens} ({price.of(read, written):,.4g} {price.currency})"
