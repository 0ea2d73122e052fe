"""A server's disk that is full: a small one where we may mount it, else a limit on its files."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sharing.server import Server

ROOM = 2_000_000
"""Bytes: more than the small study and DVC's databases need, less than the file that is added to it."""


def _mount(*options: str) -> bool:
    return subprocess.run(["mount", *options], capture_output=True, check=False).returncode == 0


def _may_mount() -> bool:
    if os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as folder:
        if not _mount("-t", "tmpfs", "tmpfs", folder):
            return False
        subprocess.run(["umount", folder], check=True)
    return True


MOUNTS = _may_mount()


@contextmanager
def full_disk(server: Server) -> Iterator[Callable[[], None]]:
    """Give the server `ROOM` and no more, and yield what makes room.

    Without a small disk the limit holds for the files that the server writes. A folder has no server: hand
    `server.largest_file` to DVC, which writes there.
    """
    place = str(server.storage)
    server.storage.mkdir(parents=True, exist_ok=True)
    if MOUNTS:
        assert _mount("-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", place)

        def enlarge() -> None:
            assert _mount("-o", "remount,size=16m", place)

        try:
            yield enlarge
        finally:
            subprocess.run(["umount", "--lazy", place], check=True)
        return

    def limit(size: int | None) -> None:
        server.stop()
        server.largest_file = size
        server.start()

    limit(ROOM)
    try:
        yield lambda: limit(None)
    finally:
        limit(None)
