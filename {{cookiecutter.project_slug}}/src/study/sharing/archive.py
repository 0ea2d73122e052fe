"""The study as one zip file for a repository of research data: code, data, results, provenance, an RO-Crate.

The same files give the same zip, to the last bit: names are sorted, and times and permissions are fixed. The
zip is written beside its place and gets its name when it is whole.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from study import imported
from study.config import load
from study.errors import StudyError
from study.flow import examples
from study.provenance import crate
from study.provenance.hashes import Hashes
from study.provenance.pointers import TRACKED, files_below
from study.provenance.records import PROVENANCE, Job, export, jobs
from study.sharing import withheld
from study.sharing.withheld import LIST, Withheld

FOLDER = Path("archive")
UNCOMMITTED = "uncommitted"
"""Takes the place of the commit in the name of an archive that no commit holds."""
EARLIEST = (1980, 1, 1, 0, 0, 0)
"""What a zip file can say at least about a time; no time of a file is part of the study."""
READABLE = 0o100644 << 16
UNIX = 3

NOT_THERE = (".git", ".snakemake", ".venv", "logs", FOLDER.name, "verification", "report.html", "sheets")
"""What is made by and for this machine, and blank coding sheets, which hold the texts."""
NEVER = (".dvc/tmp", ".dvc/cache", ".dvc/config.local", *(f"{folder}.dvc" for folder in TRACKED))
"""DVC's own, its secrets, and its pointers: the archive holds what they point to."""
CACHES = ("__pycache__", ".pytest_cache", ".ruff_cache", ".mypy_cache", ".DS_Store", "Thumbs.db")
WRITTEN = (crate.METADATA, LIST)
"""Made anew for each archive."""
ESSENTIAL = ("config", "src", "workflow")

PASSWORD_IN_ADDRESS = re.compile(r"\w://[^\s/@:\"']*:[^\s/@\"']+@")
SECRET = re.compile(
    r"^\s*[\"']?(?!ask_)(\w*(?:password|passphrase|secret|token|account_key|connection_string|access_key_id)\w*)"
    r"[\"']?\s*[=:]",
    re.MULTILINE | re.IGNORECASE,
)
SHORTEST_KEY = 8
"""Signs that a key has at least: a shorter word, for a server that takes any, may stand in many files."""
WITH_SECRETS = (".dvc/config", ".cruft.json")
"""Files in which an address or a key may hold a password."""


def members(root: Path) -> list[str]:
    """Return the files that belong into the archive, whether or not they may be shared, sorted.

    What git tracks; outside git, everything but what is made for this machine. And what DVC versions or has
    imported, whose files git does not know.

    Raises
    ------
    StudyError
        A file that the study needs is not under git; a link leads out of the study, or to a folder.
    """
    tracked = _git(root, "ls-files", "-z")
    names = set(_below(root, root)) if tracked is None else set(tracked)
    if tracked is not None:
        _check_tracked(root)
    names = {name for name in names if not name.startswith(tuple(f"{folder}/" for folder in TRACKED))}
    for folder in (*TRACKED, imported.FOLDER.as_posix(), PROVENANCE.as_posix()):
        _check_link(root, folder)
        names |= (
            {f"{folder}/{name}" for name in files_below(root / folder)} if (root / folder).is_dir() else set()
        )
    found = sorted(name for name in names if _belongs(name) and os.path.lexists(root / name))
    for name in found:
        _check_link(root, name)
    return found


def check_secrets(root: Path, files: Sequence[str]) -> None:
    """Stop when a password would be archived (and is pushed by git as well).

    Raises
    ------
    StudyError
        Names the file and the key, never the secret.
    """
    for name in WITH_SECRETS:
        if name not in files:
            continue
        text = (root / name).read_text(encoding="utf-8", errors="replace")
        key = SECRET.search(text)
        if key or PASSWORD_IN_ADDRESS.search(text):
            raise StudyError(
                "This file holds a password or key, which git would push and the archive would publish.",
                file=name,
                key=key[1] if key else "url",
                hint="Take it out, and give it with 'dvc remote modify --local NAME password ...', which"
                " stays on this machine. Change it, if the file has been committed.",
            )


def check_keys(content: Mapping[str, Path | bytes], study: Mapping[str, Any]) -> None:
    """Stop when a server's key, as the environment has it, stands in what would be archived.

    Raises
    ------
    StudyError
        Names the file and the variable, never the key.
    """
    named = {
        keys["key"] for model in study["models"].values() if (keys := model.get("server")) and keys["key"]
    }
    secrets = {name: os.environ[name].strip().encode() for name in sorted(named) if os.environ.get(name)}
    for file, source in sorted(content.items()) if secrets else ():
        data = source if isinstance(source, bytes) else source.read_bytes()
        for name, secret in secrets.items():
            if len(secret) >= SHORTEST_KEY and secret in data:
                raise StudyError(
                    "This file holds the key of a model server, which the archive would publish.",
                    file=file,
                    key=name,
                    hint="Ask the provider for another key, and take this one out of the file.",
                )


def check_current(root: Path, recorded: Sequence[Job], hashes: Hashes) -> None:
    """Stop when a result is not the one that the records in `provenance/` are about.

    Raises
    ------
    StudyError
        Some file was changed, or nothing is recorded.
    """
    if not recorded:
        raise StudyError(
            "No record says what the results were made of.",
            file=PROVENANCE.as_posix(),
            hint="Run 'snakemake' first.",
        )
    missing = {one.path for one in withheld.absent(root)}
    made = {path: digest for job in recorded for path, digest in job.outputs.items() if path not in missing}
    other = [path for path, digest in sorted(made.items()) if hashes.sha256(path) != digest]
    if other:
        raise StudyError(
            f"{len(other)} results are not those that are recorded: the study is not current.",
            file=other[0],
            hint="Run 'snakemake', then 'snakemake archive' again.",
        )


def write(target: Path, content: Mapping[str, Path | bytes]) -> None:
    """Write a zip file of `content`, {name in the zip: a file or bytes}, the same for the same content.

    Raises
    ------
    StudyError
        The disk is full, or the folder cannot be written; no half of a zip is left.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, allowZip64=True, compresslevel=6) as archive:
            for name, source in sorted(content.items()):
                info = zipfile.ZipInfo(name, EARLIEST)
                info.compress_type = zipfile.ZIP_DEFLATED
                info.external_attr, info.create_system = READABLE, UNIX
                if isinstance(source, bytes):
                    archive.writestr(info, source)
                    continue
                info.file_size = source.stat().st_size  # tells whether it needs 64 bits
                with source.open("rb") as file, archive.open(info, "w") as member:
                    shutil.copyfileobj(file, member, 2**20)
        part.replace(target)
    except OSError as error:
        raise StudyError(
            "The archive could not be written.",
            file=error.filename or target,
            found=error.strerror or str(error),
            hint="Make room on the disk, or allow writing, and run 'snakemake archive' again.",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def build(root: Path, study: Mapping[str, Any], target: Path) -> list[Withheld]:
    """Write the archive of a study to `target`, and return what it keeps back.

    Raises
    ------
    StudyError
        The study is not current, a secret or a text would get into the archive, a file cannot be read, or
        the archive cannot be written.
    """
    files = members(root)
    check_secrets(root, files)
    recorded = jobs(root)
    with Hashes(root) as hashes:
        check_current(root, recorded, hashes)
        kept = withheld.select(root, study, files)
        gone = {one.path for one in kept}
        content: dict[str, Path | bytes] = {name: root / name for name in files if name not in gone}
        content |= dict(withheld.redact(root, study, kept))
        kept += _kept_before(root, content, gone)
        kept += _inputs_elsewhere(root, recorded, {*content, *(one.path for one in kept)})
        kept.sort(key=lambda one: one.path)
        described = {
            name: crate.Content(hashes.sha256(name) or "", source.stat().st_size)
            for name, source in content.items()
            if isinstance(source, Path)
        }
    described |= {one.path: crate.Content(one.sha256, one.size, _sentence(one)) for one in kept}
    if kept:
        content[LIST] = withheld.write_list(kept)
    made = {name: source for name, source in content.items() if isinstance(source, bytes)}
    described |= {name: crate.Content.of(data) for name, data in made.items()}
    check_keys(content, study)
    metadata = crate.describe(
        study,
        recorded,
        described,
        chosen=crate.licences(root, study),
        models=crate.cards(root),
        versions=crate.packages(root),
        origins=imported.origins(root),
    )
    content[crate.METADATA] = crate.to_json(metadata)
    write(target, content)
    return kept


def name_of(root: Path) -> str:
    """Return the name of a study's archive: with git's short name of the commit, if all is committed.

    Outside git, with the day on which the last job ended.
    """
    slug = root.resolve().name
    commit = _git(root, "rev-parse", "--short", "HEAD")
    if commit is None:
        ended = max((job.ended for job in jobs(root)), default=0.0)
        return f"{slug}-{datetime.fromtimestamp(ended, UTC).date().isoformat()}.zip"
    status = _git(root, "status", "--porcelain", "--untracked-files=all", "-z") or []
    # Of files that git does not know, only records are part of the archive.
    changed = [
        entry for entry in status if not entry.startswith("??") or entry[3:].startswith(f"{PROVENANCE}/")
    ]
    return f"{slug}-{UNCOMMITTED if changed else commit[0].strip()}.zip"


def notes(study: Mapping[str, Any], chosen: crate.Licences, kept: Sequence[Withheld], name: str) -> list[str]:
    """Return what a researcher should know before publishing an archive, a sentence each."""
    said = []
    if kept:
        paths = examples([one.path for one in kept], 3)
        said.append(f"Kept back, with their hashes in {LIST}: {len(kept)} files ({paths}).")
    without = [what for what, one in (("the code", chosen.code), ("data and text", chosen.data)) if not one]
    if without:
        said.append(
            f"No licence was chosen for {' and '.join(without)}: nobody may reuse them. LICENSE, LICENSE-data"
            " and CITATION.cff say which."
        )
    if not study["authors"]:
        said.append("The study names no authors (key 'authors' in config/study.yaml): the crate has none.")
    if study["corpus"]["share"] and not study["corpus"]["licence"]:
        said.append("The archive holds the texts, and their licence is not stated (key 'corpus.licence').")
    if name.endswith(f"-{UNCOMMITTED}.zip"):
        said.append("Something is not committed yet: commit, and archive again, to name the commit.")
    return said


def _belongs(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return not (
        parts[0] in NOT_THERE
        or name in WRITTEN
        or any(name == never or name.startswith(f"{never}/") for never in NEVER)
        or any(part in CACHES for part in parts)
        or name.endswith(".part")
    )


def _below(root: Path, folder: Path) -> Iterator[str]:
    """Yield the files below a folder; a link to a folder is one of them."""
    for path in sorted(folder.iterdir()):
        name = path.relative_to(root).as_posix()
        if not _belongs(name):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _below(root, path)
        else:
            yield name


def _check_tracked(root: Path) -> None:
    untracked = _git(root, "ls-files", "-z", "--others", "--exclude-standard", "--", *ESSENTIAL) or []
    if untracked:
        raise StudyError(
            f"{len(untracked)} files of the study are not under git, and so would not be in the archive.",
            file=untracked[0],
            hint="Run 'git add' for them; a file that must not be shared is named in .gitignore.",
        )


def _check_link(root: Path, name: str) -> None:
    path = root / name
    within = path.resolve().is_relative_to(root.resolve())
    if within and not (path.is_symlink() and path.is_dir()) and (path.exists() or not path.is_symlink()):
        return
    raise StudyError(
        "This is a link that leads out of the study, to a folder or to nowhere: an archive cannot hold it.",
        file=name,
        hint="Put a copy in its place, or take it out of the study.",
    )


def _git(root: Path, *command: str) -> list[str] | None:
    """Return what git says, a string an entry; None where the study's folder is no repository of its own."""
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(["git", *command], cwd=root, capture_output=True, check=True)
    except FileNotFoundError:
        return None
    except subprocess.CalledProcessError as error:
        raise StudyError(
            "Git cannot tell which files are part of the study.",
            file=".git",
            found=os.fsdecode(error.stderr).strip(),
        ) from error
    separator = b"\0" if "-z" in command else b"\n"
    return [os.fsdecode(entry) for entry in done.stdout.split(separator) if entry]


def _kept_before(root: Path, content: Mapping[str, object], gone: set[str]) -> list[Withheld]:
    """Return what the archive that this study was unpacked from kept back, and still is not here."""
    before = [one for one in withheld.absent(root) if one.path not in content and one.path not in gone]
    return [
        one if one.redacted in content else Withheld(one.path, one.sha256, one.size, one.reason)
        for one in before
    ]


def _inputs_elsewhere(root: Path, recorded: Sequence[Job], known: set[str]) -> list[Withheld]:
    """Return what jobs have read and git does not track, such as a licensed word list."""
    inputs = {path: digest for job in recorded for path, digest in job.inputs.items()}
    return [
        Withheld(path, digest, (root / path).stat().st_size, withheld.UNTRACKED)
        for path, digest in sorted(inputs.items())
        if path not in known and (root / path).is_file()
    ]


def _sentence(one: Withheld) -> str:
    beside = f" Without its texts: {one.redacted}." if one.redacted else ""
    return f"Not in the archive, since it {one.reason}.{beside}"


def main(*, folder: Path = FOLDER) -> None:
    """Write the archive into `folder`, and say what it holds and lacks."""
    root = Path()
    study = load(root)
    # The jobs that have just run are recorded now, and not only when Snakemake has ended.
    with Hashes(root) as hashes:
        export(root, hashes, {one.path for one in withheld.absent(root)})
    target = folder / name_of(root)
    kept = build(root, study, target)
    with zipfile.ZipFile(target) as archive:
        n = len(archive.namelist())
    with Hashes(root) as hashes:
        digest = hashes.sha256(target.as_posix())
    size = target.stat().st_size / 1e6
    print(f"{target.as_posix()}: {n} files, {size:.1f} MB, sha256 {digest}", file=sys.stderr)
    for note in notes(study, crate.licences(root, study), kept, target.name):
        print(note, file=sys.stderr)


if __name__ == "__main__":
    from study.job import run

    run(main)
