"""What holds for every test: interrupts reach it, threads wait, the user's cache is left alone."""

from __future__ import annotations

import os
import signal
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def pytest_configure() -> None:
    """Take interrupts again where a shell that started the tests in the background has them ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # As in a study: threads that wait must not take the processor from those that work.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    os.environ["LLM_STUDY_CACHE"] = str(ROOT / "build" / "cache" / "models")
