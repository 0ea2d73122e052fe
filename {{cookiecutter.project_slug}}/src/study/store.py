"""The append-only store of responses.

Responses are facts: each is written once, under a key made of the instrument, the text and the repeat. While
a job codes, every response goes at once to a journal of that job's own (one line, with a checksum), so that a
job that is killed loses at most the text in flight, and a power cut a second's. When it is full, at the end,
or when the next job finds a dead job's journal, the journal becomes an immutable segment, named by the sha256
of its content. Segments only ever come in addition, so the stores of two people unite by putting their files
together.

A store may hold millions of responses: files are read line by line, and only what is wanted is parsed.

    responses/
      segments/<sha256>.jsonl       immutable: one JSON object a line
      journals/<random>.journal     of running jobs; not versioned
    imported/
      <name>/segments/...           of other studies, beside the study's own; only read
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import itertools
import json
import os
import secrets
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from io import BufferedReader, FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from study.errors import StudyError

IMPORTED = "imported"
"""The folder beside a store in which other studies' stores are, each under a name."""

FAILED = "failed"
"""The one status that is asked again."""

SEGMENT_BYTES = 32_000_000
"""What a journal holds, about 60,000 responses, before it becomes a segment: a long job's can then be shared,
and sorting them needs little memory."""

SYNCED_EVERY = 1.0
"""Seconds after which what was written is surely on the disk."""

_KEY = b'"key":"'
_STATUS_FAILED = f'"status":"{FAILED}"'.encode("ascii")


def response_key(instrument_id: str, text_sha256: str, repeat: int) -> str:
    """Return the key of a response: sha256 of instrument, text and repeat."""
    return hashlib.sha256(f"{instrument_id}|{text_sha256}|{repeat}".encode()).hexdigest()


class ResponseStore:
    """The responses in a folder, and those that were imported from other studies.

    Parameters
    ----------
    folder
        Holds `segments/` and `journals/`; made when the first response is written. Imported responses are in
        `imported/<name>/segments/` beside it.
    """

    def __init__(self, folder: Path) -> None:
        """Name the folders."""
        self.segments = folder / "segments"
        self.journals = folder / "journals"
        self._imported = folder.parent / IMPORTED

    def find(self, wanted: Iterable[str]) -> tuple[dict[str, str], set[str]]:
        """Return where responses are.

        Returns
        -------
        where, failed
            {key: segment} of the wanted keys that have a response, and those of them that have none but
            failed ones. Of several responses to one key, that in the segment that sorts first counts; a
            study's own segments come before imported ones.

        Raises
        ------
        StudyError
            When a segment was changed after it was written.
        """
        own = {key: key for key in wanted}  # the caller's strings serve as keys: copies would fill the memory
        where: dict[str, str] = {}
        failed: set[str] = set()
        for name, segment in self._places().items():  # one string for all its keys
            with _unchanged(segment) as file:
                for line in file:
                    found, has_failed = _key_and_failure(line)
                    key = own.get(found)
                    if key is None or (key in where and key not in failed):
                        continue
                    if not has_failed:
                        where[key] = name
                        failed.discard(key)
                    elif key not in where:
                        where[key] = name
                        failed.add(key)
        return where, failed

    def read(self, where: dict[str, str]) -> Iterator[dict[str, Any]]:
        """Yield the responses of `where` ({key: segment}), one a key, in any order.

        Raises
        ------
        StudyError
            When a segment is not here, was changed, or lacks a response that it should have.
        """
        places = self._places()
        for name, keys in itertools.groupby(sorted(where, key=where.__getitem__), where.__getitem__):
            path = places.get(name)
            if path is None:
                raise StudyError(
                    "Responses that the study has recorded are not here.",
                    file=self.segments / f"{name}.jsonl",
                    hint="Run 'dvc pull' to fetch them; nothing has been asked again.",
                )
            wanted = set(keys)
            with _unchanged(path) as file:
                yield from _take(file, wanted, failed=False)
                if wanted:
                    file.seek(0)
                    yield from _take(file, wanted, failed=True)
            if wanted:
                raise StudyError(
                    f"Of the recorded responses, {len(wanted)} are missing from their segment.",
                    file=path,
                    found=min(wanted),
                )

    def _places(self) -> dict[str, Path]:
        """Return where each segment is, by its name: the study's own first, then the imported ones.

        A name is the sha256 of the content, so of several segments of one name any will do.
        """
        own = sorted(self.segments.glob("*.jsonl"))
        imported = sorted(self._imported.glob("*/segments/*.jsonl"))
        places: dict[str, Path] = {}
        for path in (*own, *imported):
            places.setdefault(path.stem, path)
        return places

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

    def _seal(self, file: BinaryIO | FileIO, journal: Path) -> int:
        """Make segments of a locked journal, and remove the journal; return how many responses."""
        saved = 0
        with open(file.fileno(), "rb", closefd=False) as on_disk:
            on_disk.seek(0)
            for lines in _portions(_intact(on_disk)):
                with _writing(self.segments):
                    self._write_segment(sorted(lines), journal.with_suffix(".part"))
                saved += len(lines)
        journal.unlink(missing_ok=True)
        return saved

    def _write_segment(self, lines: list[bytes], half: Path) -> None:
        self.segments.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with half.open("wb") as written:
            for line in lines:
                digest.update(line)
                written.write(line)
            written.flush()
            os.fsync(written.fileno())
        half.replace(self.segments / f"{digest.hexdigest()}.jsonl")
        _to_disk(self.segments)


class Journal:
    """One job's responses before they become a segment."""

    def __init__(self, store: ResponseStore) -> None:
        """Belong to `store`; the file is made by the `with` block."""
        self._store = store

    def __enter__(self) -> Journal:
        """Make the file."""
        self._synced = 0.0
        self._file, self._path = self._begin()
        return self

    def add(self, response: dict[str, Any]) -> None:
        """Write one response, now.

        A job that is killed loses nothing that was added. A power cut loses at most the last second's: each
        wait for the disk takes milliseconds, which is more than everything else here.

        Raises
        ------
        StudyError
            When the disk is full.
        """
        with _writing(self._path):
            rest = memoryview(_line(response))
            while rest:  # a disk that is nearly full takes a part
                rest = rest[self._file.write(rest) :]
            if time.monotonic() - self._synced >= SYNCED_EVERY:
                os.fsync(self._file.fileno())
                self._synced = time.monotonic()
        if self._file.tell() >= SEGMENT_BYTES:
            full, path = self._file, self._path
            self._file, self._path = self._begin()
            self._end(full, path)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Seal what has been written, whatever happened."""
        self._end(self._file, self._path)

    def _begin(self) -> tuple[FileIO, Path]:
        """Make a file and lock it, so that other jobs know that this one is alive."""
        self._store.journals.mkdir(parents=True, exist_ok=True)
        while True:
            path = self._store.journals / f"{secrets.token_hex(8)}.journal"
            # Without a buffer: what a full disk did not take must not be written again by closing the file.
            file = path.open("x+b", buffering=0)
            if _locked(file, path, wait=True):
                _to_disk(self._store.journals)
                return file, path
            file.close()  # another job took it for a dead one's before it was locked

    def _end(self, file: FileIO, path: Path) -> None:
        with file:
            self._store._seal(file, path)


@contextlib.contextmanager
def _unchanged(path: Path) -> Iterator[BufferedReader]:
    """Open a segment whose content is what its name promises."""
    store = path.parent.parent
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != path.stem:
            raise StudyError(
                "This segment of responses was changed after it was written: "
                "its content does not fit its name.",
                file=path,
                hint=f"Restore it with 'dvc checkout {store}' (or 'dvc pull'). No response was used.",
            )
        file.seek(0)
        yield file


def _key_and_failure(line: bytes) -> tuple[str, bool]:
    r"""Return a response's key and whether it failed, parsing only lines that leave a doubt.

    No text of a response can be taken for its key: inside a string a quotation mark is written `\"`, and
    where a string ends a colon follows only if it is the name of a member. A member of an inner object may
    have that name too; then there are two.
    """
    _, _, rest = line.partition(_KEY)
    if _KEY not in rest and _STATUS_FAILED not in rest:
        key, _, _ = rest.partition(b'"')
        if key and b"\\" not in key:
            return key.decode("ascii"), False
    response = json.loads(line)
    return response["key"], response["status"] == FAILED


def _take(lines: Iterable[bytes], wanted: set[str], *, failed: bool) -> Iterator[dict[str, Any]]:
    """Yield the wanted responses that have failed, or those that have not; leave in `wanted` the others."""
    for line in lines:
        key, has_failed = _key_and_failure(line)
        if key in wanted and has_failed == failed:
            response = json.loads(line)
            if response["key"] == key:  # a line that this module did not write may mislead
                wanted.remove(key)
                yield response


def _line(response: dict[str, Any]) -> bytes:
    body = _to_json(response).encode("ascii")
    return b"%08x %s\n" % (zlib.crc32(body), body)


_to_json: Callable[[object], str] = json.JSONEncoder(
    sort_keys=True, ensure_ascii=True, separators=(",", ":")
).encode


def _intact(journal: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines whose checksum holds, without it: the last may have been cut short by a crash."""
    for line in journal:
        checksum, _, body = line.partition(b" ")
        if body.endswith(b"\n") and checksum == b"%08x" % zlib.crc32(body[:-1]):
            yield body


def _portions(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield the lines in lists of about `SEGMENT_BYTES`."""
    portion: list[bytes] = []
    size = 0
    for line in lines:
        portion.append(line)
        size += len(line)
        if size >= SEGMENT_BYTES:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Say what a full disk means for the responses."""
    try:
        yield
    except OSError as error:
        raise StudyError(
            "Responses could not be written to disk.",
            file=path,
            found=error.strerror,
            hint="Make room on the disk (or allow writing) and run again: what was written before is kept.",
        ) from error


def _to_disk(folder: Path) -> None:
    """Make sure that the names in a folder survive a power cut, where the file system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network file systems have no such thing
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _locked(file: BinaryIO | FileIO, path: Path, *, wait: bool) -> bool:
    """Lock a journal; False when another job has it, or has removed it in the meantime."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return path.exists()
