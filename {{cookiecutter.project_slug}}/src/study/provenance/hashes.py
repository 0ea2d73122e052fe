"""The sha256 and md5 of files, remembered by size and time: gigabytes are not read at every start."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from types import TracebackType

REMEMBERED = Path(".snakemake/study/hashes.json")

SETTLED = 2.0
"""Seconds after which a file's time tells one content from another, even where clocks are coarse."""


def sha256(path: Path) -> str:
    """Return the sha256 of a file as hexadecimal digits."""
    return _digest(path, "sha256")


class Hashes:
    """Hashes of a study's files, kept between runs; use it in a `with` block.

    A file whose size, modification time and inode are those of last time is not read again, as git does it.

    Parameters
    ----------
    root
        The study. What is remembered lies in its `.snakemake`, and is lost without harm.
    """

    def __init__(self, root: Path) -> None:
        """Name the study."""
        self._root = root
        self._known: dict[str, list[str | int]] = {}
        self._new = False

    def __enter__(self) -> Hashes:
        """Read what is remembered."""
        try:
            known = json.loads((self._root / REMEMBERED).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            known = {}
        self._known = known if isinstance(known, dict) else {}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remember it."""
        if not self._new:
            return
        path = self._root / REMEMBERED
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(self._known), encoding="utf-8")
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)  # a disk that is full: it is hashed again next time

    def sha256(self, path: str) -> str | None:
        """Return the sha256 of a file of the study (a path relative to it), None where there is none."""
        return self._of(path, "sha256")

    def md5(self, path: str) -> str | None:
        """Return the md5 of a file, by which DVC names contents."""
        return self._of(path, "md5")

    def _of(self, path: str, algorithm: str) -> str | None:
        file = self._root / path
        try:
            stamp = _stamp(file)
            key = f"{algorithm}:{path}"
            known = self._known.get(key)
            if isinstance(known, list) and known[1:] == stamp:
                return str(known[0])
            digest = _digest(file, algorithm)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None
        if time.time_ns() - stamp[1] > SETTLED * 1e9 and stamp == _stamp(file):
            self._known[key] = [digest, *stamp]
            self._new = True
        return digest


def _stamp(file: Path) -> list[int]:
    """Return what changes with the content: size in bytes, time in ns, inode."""
    found = file.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ino]


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()
