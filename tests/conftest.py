"""What holds for every test: interrupts reach it, threads wait, the user's cache is left alone."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

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
    """Begin with what takes longest."""
    here = ROOT / "tests"
    first = ("sharing", "cluster", "end_to_end", "server", "docs", "template")

    def place(item: pytest.Item) -> int:
        room = item.path.relative_to(here).parts[0]
        return first.index(room) if room in first else len(first)

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep together what shares fixtures, where there are several workers (`pytest -n 2`).

    A file's tests stay on one of them, and so do all that share the ten clones of tests/sharing. (Groups
    would be the plugin's own way; with this version of pytest it does not see them.)
    """
    from xdist.scheduler import LoadFileScheduling

    class ByRoom(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::", 1)[0]
            return "tests/sharing" if file.startswith("tests/sharing/") else file

    return ByRoom(config, log)
