"""Read one file out of an archive, or out of an archive inside an archive, without unpacking to disk."""

from __future__ import annotations

import difflib
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from study.errors import StudyError

LARGEST = 2 * 1024**3
"""Bytes that an archive may unpack to: a small archive that unpacks to terabytes must not fill a machine."""

_BROKEN = (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, zlib.error, lzma.LZMAError, ValueError)


def open_member(archive: Path | bytes, member: str | Sequence[str], *, label: str | None = None) -> bytes:
    """Return the content of `member`.

    Parameters
    ----------
    archive
        A zip file or a tar file, compressed or not: its path, or its bytes.
    member
        The path inside it. With several, each is an archive inside the one before.
    label
        What an error calls the archive.

    Raises
    ------
    StudyError
        It is no archive, is damaged or too large, or has no such file.
    """
    where = label or (archive.as_posix() if isinstance(archive, Path) else "the archive")
    data = archive.read_bytes() if isinstance(archive, Path) else archive
    for part in [member] if isinstance(member, str) else member:
        read = _from_zip if data.startswith(b"PK") else _from_tar
        try:
            data = read(data, part, where)
        except _BROKEN as error:
            raise StudyError(
                f"No file can be read from this: it is no zip or tar archive, or it is damaged ({error}).",
                file=where,
                key="member",
                found=part,
            ) from error
        where = f"{where} > {part}"
    return data


def _from_tar(data: bytes, member: str, where: str) -> bytes:
    names: list[str] = []
    total = 0
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:*") as archive:
        for info in archive:
            # Checked before the next header is looked for, because that unpacks everything up to there.
            total += info.size
            _within_limit(total, where)
            if _same(info.name, member) and not info.isdir():
                stream = archive.extractfile(info) if info.isreg() else None
                if stream is None:
                    raise StudyError(
                        "This member is a link or a device, not a file.", file=where, found=member
                    )
                return stream.read()
            if info.isreg():
                names.append(info.name)
    raise _missing(member, names, where)


def _from_zip(data: bytes, member: str, where: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = [info for info in archive.infolist() if not info.is_dir()]
        for info in files:
            if _same(info.filename, member):
                _within_limit(info.file_size, where)
                if info.flag_bits & 1:
                    raise StudyError("The archive asks for a password.", file=where, found=member)
                return archive.read(info)
    raise _missing(member, [info.filename for info in files], where)


def _within_limit(size: int, where: str) -> None:
    if size > LARGEST:
        raise StudyError(f"The archive unpacks to more than {LARGEST // 1024**3} GB.", file=where)


def _same(found: str, wanted: str) -> bool:
    return found.removeprefix("./") == wanted.removeprefix("./")


def _missing(member: str, names: list[str], where: str) -> StudyError:
    last = PurePosixPath(member).name
    alike = [name for name in names if PurePosixPath(name).name == last]
    alike += difflib.get_close_matches(member, names, n=3, cutoff=0.5)
    return StudyError(
        "The archive has no such file.",
        file=where,
        key="member",
        found=member,
        allowed=list(dict.fromkeys(alike))[:5] or sorted(names)[:10],
    )
