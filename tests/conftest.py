"""What holds for every test: a run in the background, too, must be able to interrupt what it starts."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Take interrupts again where a shell that started the tests in the background has them ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
