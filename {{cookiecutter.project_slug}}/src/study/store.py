"""The append-only store of responses.

Responses are facts: each is written once, under a key made of the instrument, the text and the repeat. While a
job codes, every response goes at once to a journal of that job's own (one line, with a checksum, flushed to disk),
so that a crash loses at most the text in flight. At the end, or when the next job finds a dead job's journal,
the journal becomes an immutable segment, named by the sha256 of its content. Segments only ever come in addition,
so the stores of two people unite by putting their files together.

    responses/
      segments/<sha256>.jsonl       immutable
      journals/<random>.jsonl       of running jobs; not versioned
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

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
        self.segments = folder / "segments"
        self.journals = folder / "journals"

    def answered(self, wanted: Iterable[str]) -> dict[str, str]:
        """Return {key: segment} of the wanted keys that have a response which did not fail."""
        keys = set(wanted)
        found: dict[str, str] = {}
        for segment in self._segment_files():
            for response in read_segment(segment):
                if response["key"] in keys and response["status"] != FAILED:
                    found.setdefault(response["key"], segment.stem)
        return found

    def known(self, wanted: Iterable[str]) -> dict[str, str]:
        """Return {key: segment} of the wanted keys, those whose response failed included."""
        keys = set(wanted)
        found = self.answered(keys)
        for segment in self._segment_files():
            for response in read_segment(segment):
                if response["key"] in keys:
                    found.setdefault(response["key"], segment.stem)
        return found

    def read(self, where: dict[str, str]) -> Iterator[dict[str, Any]]:
        """Yield the responses of `where` ({key: segment}), one a key."""
        by_segment: dict[str, set[str]] = {}
        for key, segment in where.items():
            by_segment.setdefault(segment, set()).add(key)
        for name in sorted(by_segment):
            left = by_segment[name]
            path = self.segments / f"{name}.jsonl"
            if not path.is_file():
                raise StudyError(
                    "Responses that the study has recorded are not here.",
                    file=path,
                    hint="Run 'dvc pull' to fetch them; nothing has been asked again.",
                )
            best: dict[str, dict[str, Any]] = {}
            for response in read_segment(path):
                key = response["key"]
                if key in left and (key not in best or best[key]["status"] == FAILED):
                    best[key] = response
            if lost := left - set(best):
                raise StudyError(
                    f"{len(lost)} recorded responses are missing from their segment.", file=path, found=min(lost)
                )
            for key in sorted(best):
                yield best[key]

    def recover(self) -> int:
        """Make segments of the journals whose jobs have ended without doing so; return how many responses."""
        saved = 0
        for path in sorted(self.journals.glob("*.jsonl")) if self.journals.is_dir() else []:
            with path.open("r+", encoding="utf-8", errors="surrogatepass", newline="\n") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    continue  # its job is alive
                if path.exists():  # another job may have saved it in the meantime
                    saved += self._seal(path, list(_intact_lines(file)))
        return saved

    def write(self) -> Journal:
        """Open a journal; use it in a `with` block, which seals it into a segment."""
        self.journals.mkdir(parents=True, exist_ok=True)
        return Journal(self, self.journals / f"{secrets.token_hex(8)}.jsonl")

    def _segment_files(self) -> list[Path]:
        return sorted(self.segments.glob("*.jsonl")) if self.segments.is_dir() else []

    def _seal(self, journal: Path, lines: list[str]) -> int:
        if lines:
            content = "".join(sorted(lines)).encode("utf-8", errors="surrogatepass")
            self.segments.mkdir(parents=True, exist_ok=True)
            target = self.segments / f"{hashlib.sha256(content).hexdigest()}.jsonl"
            if not target.exists():
                half = target.with_suffix(f".{secrets.token_hex(4)}.part")
                with half.open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                half.replace(target)
        journal.unlink()
        return len(lines)


class Journal:
    """One job's responses before they become a segment."""

    def __init__(self, store: ResponseStore, path: Path) -> None:
        self._store, self._path = store, path
        self._lines: list[str] = []
        self._file: TextIO | None = None

    def __enter__(self) -> Journal:
        self._file = self._path.open("x", encoding="utf-8", errors="surrogatepass", newline="\n")
        fcntl.flock(self._file, fcntl.LOCK_EX)
        return self

    def add(self, response: dict[str, Any]) -> None:
        """Write one response to disk, now."""
        assert self._file is not None, "use the journal in a with block"
        line = _line(response)
        self._file.write(line)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._lines.append(line)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Seal what has been written, whatever happened."""
        assert self._file is not None
        self._store._seal(self._path, self._lines)
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
            "This segment of responses was changed after it was written: its content does not match its name.",
            file=path,
            hint="Restore it with 'dvc checkout data/responses' (or 'dvc pull'). No response was used.",
        )
    for line in content.decode("utf-8", errors="surrogatepass").split("\n"):
        if line:
            yield json.loads(line.partition(" ")[2])


def _line(response: dict[str, Any]) -> str:
    body = json.dumps(response, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return f"{zlib.crc32(body.encode()):08x} {body}\n"


def _intact_lines(file: TextIO) -> Iterator[str]:
    """Yield the lines whose checksum holds: the last may have been cut short by a crash."""
    for line in file:
        checksum, _, body = line.rstrip("\n").partition(" ")
        if line.endswith("\n") and f"{zlib.crc32(body.encode()):08x}" == checksum:
            yield line
