"""What holds for every test: interrupts reach it, threads wait, the user's cache is left alone."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def pytest_configure() -> None:
    """Take interrupts again where a shell that started the tests in the background has them ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # As in a study: threads that wait must not take the processor from those that work.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    os.environ["LLM_STUDY_CACHE"] = str(ROOT / "build" / "cache" / "models")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep together what shares fixtures, and begin with what takes longest.

    With several workers (`pytest -n 2`) a file's tests stay on one of them, and so do all that share the ten
    clones of tests/sharing.
    """
    here = ROOT / "tests"
    rooms = {item: item.path.relative_to(here).parts for item in items}
    first = ("sharing", "end_to_end", "template")
    items.sort(key=lambda item: first.index(rooms[item][0]) if rooms[item][0] in first else len(first))
    for item in items:
        shared = rooms[item][0] == "sharing"
        item.add_marker(pytest.mark.xdist_group("sharing" if shared else "/".join(rooms[item])))
