"""The append-only store of responses.

Responses are facts: each is written once, under a key made of the instrument, the text and the repeat. While
a job codes, every response goes at once to a journal of that job's own (one line, with a checksum, flushed to
disk), so that a crash loses at most the text in flight. At the end, or when the next job finds a dead job's
journal, the journal becomes an immutable segment, named by the sha256 of its content. Segments only ever come
in addition, so the stores of two people unite by putting their files together.

    responses/
      segments/<sha256>.jsonl       immutable: one JSON object a line
      journals/<random>.journal     of running jobs; not versioned
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from study.errors import StudyError

FAILED = "failed"
"""The one status that is asked again."""


def response_key(instrument_id: str, text_sha256: str, repeat: int) -> str:
    """Return the key of a response: sha256 of instrument, text and repeat."""
    return hashlib.sha256(f"{instrument_id}|{text_sha256}|{repeat}".encode()).hexdigest()


class ResponseStore:
    """The responses in a folder.

    Parameters
    ----------
    folder
        Holds `segments/` and `journals/`; made when the first response is written.
    """

    def __init__(self, folder: Path) -> None:
        """Name the folders."""
        self.segments = folder / "segments"
        self.journals = folder / "journals"

    def find(self, wanted: Iterable[str]) -> tuple[dict[str, str], set[str]]:
        """Return where responses are.

        Returns
        -------
        where, failed
            {key: segment} of the wanted keys that have a response, and those of them that have none but
            failed ones. Of several responses to one key, that in the segment that sorts first counts.

        Raises
        ------
        StudyError
            When a segment was changed after it was written.
        """
        keys = set(wanted)
        where: dict[str, str] = {}
        failed: set[str] = set()
        for segment in sorted(self.segments.glob("*.jsonl")):
            for response in read_segment(segment):
                key = response["key"]
                if key not in keys or (key in where and key not in failed):
                    continue
                if response["status"] != FAILED:
                    where[key] = segment.stem
                    failed.discard(key)
                elif key not in where:
                    where[key] = segment.stem
                    failed.add(key)
        return where, failed

    def read(self, where: dict[str, str]) -> Iterator[dict[str, Any]]:
        """Yield the responses of `where` ({key: segment}), one a key.

        Raises
        ------
        StudyError
            When a segment is not here, was changed, or lacks a response that it should have.
        """
        by_segment: dict[str, set[str]] = {}
        for key, segment in where.items():
            by_segment.setdefault(segment, set()).add(key)
        for name in sorted(by_segment):
            path = self.segments / f"{name}.jsonl"
            if not path.is_file():
                raise StudyError(
                    "Responses that the study has recorded are not here.",
                    file=path,
                    hint="Run 'dvc pull' to fetch them; nothing has been asked again.",
                )
            found = _by_key(read_segment(path), by_segment[name])
            if lost := by_segment[name] - set(found):
                raise StudyError(
                    f"Of the recorded responses, {len(lost)} are missing from their segment.",
                    file=path,
                    found=min(lost),
                )
            for key in sorted(found):
                yield found[key]

    def recover(self) -> int:
        """Make segments of the journals whose jobs have ended without doing so; return how many responses."""
        saved = 0
        for path in sorted(self.journals.glob("*.journal")):
            # Another job may save and remove it at any moment. Open for writing: network file systems lock
            # nothing else.
            with contextlib.suppress(FileNotFoundError), path.open("r+b") as file:
                if _locked(file, path, wait=False):  # else its job is alive
                    saved += self._seal(file, path)
        return saved

    def write(self) -> Journal:
        """Open a journal; use it in a `with` block, which seals it into a segment."""
        return Journal(self)

    def _seal(self, file: BinaryIO, journal: Path) -> int:
        """Make a segment of a locked journal, and remove the journal; return how many responses."""
        with open(file.fileno(), "rb", closefd=False) as on_disk:  # without what a full disk did not take
            on_disk.seek(0)
            lines = sorted(_intact(on_disk.read()))
        if lines:
            content = b"".join(lines)
            self.segments.mkdir(parents=True, exist_ok=True)
            half = journal.with_suffix(".part")
            with half.open("wb") as written:
                written.write(content)
                written.flush()
                os.fsync(written.fileno())
            half.replace(self.segments / f"{hashlib.sha256(content).hexdigest()}.jsonl")
            _to_disk(self.segments)
        journal.unlink(missing_ok=True)
        return len(lines)


class Journal:
    """One job's responses before they become a segment."""

    def __init__(self, store: ResponseStore) -> None:
        """Belong to `store`; the file is made by the `with` block."""
        self._store = store

    def __enter__(self) -> Journal:
        """Make the file and lock it, so that other jobs know that this one is alive."""
        self._store.journals.mkdir(parents=True, exist_ok=True)
        while True:
            self._path = self._store.journals / f"{secrets.token_hex(8)}.journal"
            self._file = self._path.open("x+b")
            if _locked(self._file, self._path, wait=True):
                _to_disk(self._store.journals)
                return self
            self._file.close()  # another job took it for a dead one's before it was locked

    def add(self, response: dict[str, Any]) -> None:
        """Write one response to disk, now."""
        self._file.write(_line(response))
        self._file.flush()
        os.fsync(self._file.fileno())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Seal what has been written, whatever happened."""
        try:
            self._store._seal(self._file, self._path)
        finally:
            with contextlib.suppress(OSError):  # what a full disk did not take; its line is torn and dropped
                self._file.close()


def read_segment(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the responses of a segment.

    Raises
    ------
    StudyError
        When the content is not what the name promises.
    """
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != path.stem:
        raise StudyError(
            "This segment of responses was changed after it was written: its content does not fit its name.",
            file=path,
            hint="Restore it with 'dvc checkout data/responses' (or 'dvc pull'). No response was used.",
        )
    for line in content.splitlines():
        yield json.loads(line)


def _line(response: dict[str, Any]) -> bytes:
    body = json.dumps(response, sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    return b"%08x %s\n" % (zlib.crc32(body), body)


def _intact(journal: bytes) -> Iterator[bytes]:
    """Yield the lines whose checksum holds, without it: the last may have been cut short by a crash."""
    for line in journal.splitlines(keepends=True):
        checksum, _, body = line.partition(b" ")
        if body.endswith(b"\n") and checksum == b"%08x" % zlib.crc32(body[:-1]):
            yield body


def _by_key(responses: Iterable[dict[str, Any]], wanted: set[str]) -> dict[str, dict[str, Any]]:
    """Return {key: response}; one that did not fail comes before one that did."""
    found: dict[str, dict[str, Any]] = {}
    for response in responses:
        key = response["key"]
        if key in wanted and (key not in found or found[key]["status"] == FAILED):
            found[key] = response
    return found


def _to_disk(folder: Path) -> None:
    """Make sure that the names in a folder survive a power cut, where the file system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network file systems have no such thing
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _locked(file: BinaryIO, path: Path, *, wait: bool) -> bool:
    """Lock a journal; False when another job has it, or has removed it in the meantime."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return path.exists()
