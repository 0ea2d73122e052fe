"""What DVC's pointers record, and whether it is on disk: a forgotten `dvc pull` is noticed and named."""

from __future__ import annotations

import configparser
import fnmatch
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from study.errors import StudyError
from study.provenance.hashes import Hashes

TRACKED = ("data/corpus", "data/gold", "data/responses", "results")
"""Folders with a DVC pointer each: imports fit beside them, and merges stay small."""

RESPONSES, RESULTS = "data/responses", "results"

SEEN = Path(".snakemake/study/pointers.json")
"""{folder: md5 of its pointer when the folder was last known to be what the pointer says}."""

_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")

NOT_STORED = ("journals/*", "*.part", "*.DS_Store", "*Thumbs.db", "*__pycache__/*", "*.snakemake_timestamp")
"""What .dvcignore leaves out."""


def pointer_of(root: Path, folder: str) -> Path:
    """Return the pointer of a folder that DVC versions."""
    return root / f"{folder}.dvc"


def read(pointer: Path) -> dict[str, Any] | None:
    """Return the one entry of a pointer ('md5', 'path', 'nfiles' ...), None where there is no pointer.

    Raises
    ------
    StudyError
        It is no pointer, as after a merge that git could not finish.
    """
    if not pointer.is_file():
        return None
    text = pointer.read_text(encoding="utf-8", errors="replace")
    name = _inside(pointer)
    if text.startswith("<<<<<<<") or "\n<<<<<<<" in text:
        raise StudyError(
            "This pointer holds the marks of a merge that git could not finish.",
            file=name,
            hint=f"Run 'python3 environment.py', which teaches git to unite pointers, then "
            f"'git checkout --merge {name}', 'dvc pull' and 'git add {name}'.",
        )
    try:
        entry = dict(yaml.safe_load(text)["outs"][0])
        if _MD5.fullmatch(entry["md5"]) and Path(entry["path"]).name == entry["path"]:
            return entry
    except (yaml.YAMLError, KeyError, IndexError, TypeError, ValueError) as error:
        raise StudyError("This is no pointer of DVC.", file=name, found=text[:80]) from error
    raise StudyError("This is no pointer of DVC to the folder beside it.", file=name, found=text[:80])


def recorded(pointer: Path) -> dict[str, str] | None:
    """Return what the pointer of a folder records: {path relative to the folder: md5}.

    None where there is no pointer.

    Raises
    ------
    StudyError
        The list of files is not here, since nobody has run `dvc pull`.
    """
    entry = read(pointer)
    if entry is None:
        return None
    try:
        return listing(study_of(pointer), entry["md5"])
    except FileNotFoundError:
        name = _inside(pointer)
        raise StudyError(
            f"The {entry.get('nfiles', '')} files that this pointer records are not here.",
            file=name,
            hint="Run 'dvc pull' to fetch them. Nothing has been asked or computed again.",
        ) from None


def listing(root: Path, md5: str) -> dict[str, str]:
    """Return the files of a folder that DVC knows by `md5`: {relative path: md5}, from the cache."""
    file = in_cache(root, md5)
    try:
        return {entry["relpath"]: entry["md5"] for entry in json.loads(file.read_text(encoding="utf-8"))}
    except (ValueError, KeyError, TypeError) as error:
        raise StudyError(
            "This list of files in DVC's cache is damaged.",
            file=file,
            hint="Delete it, and run 'dvc pull'.",
        ) from error


def in_cache(root: Path, md5: str) -> Path:
    """Return where DVC's cache has, or would have, a content."""
    return _cache(root) / "files" / "md5" / md5[:2] / md5[2:]


def check(root: Path, hashes: Hashes) -> list[str]:
    """Stop when git has brought other pointers, and DVC not the files that belong to them.

    That is a clone without `dvc pull`, or a `git checkout`, `git pull` or `git merge` without `dvc checkout`:
    a file is missing, or has a content that DVC knows from another time. A content that DVC does not know is
    the researcher's work, and passes; so does everything while the pointer is that of last time.

    Returns
    -------
    Sentences about what is missing and can be made again.

    Raises
    ------
    StudyError
        With the command that brings the files.
    """
    seen = _seen(root)
    known, notes = dict(seen), []
    # All of them first: one that git could not merge is to be named before anything that is missing.
    entries = {folder: read(pointer_of(root, folder)) for folder in TRACKED}
    for folder, entry in entries.items():
        if entry is None:
            continue
        pointer = pointer_of(root, folder)
        is_empty = not _has_files(root / folder)
        if is_empty and entry.get("push") is False:
            notes.append(f"{folder} holds texts that may not be shared: it is not here.")
            continue
        if is_empty and folder == RESULTS:
            notes.append(
                f"{pointer.name} records {entry.get('nfiles', 'some')} files that are not here: they are made"
                " again. ('dvc pull' would fetch them.)"
            )
            continue
        if seen.get(folder) != entry["md5"]:
            _compare(root, folder, recorded(pointer) or {}, hashes)
            known[folder] = entry["md5"]
        elif folder == RESPONSES and not _is_complete_without_cache(root, entry):
            _check_segments(root, recorded(pointer) or {})
    if known != seen:
        remember(root, known)
    return notes


def remember(root: Path, known: Mapping[str, str] | None = None) -> None:
    """Write down that each folder is what its pointer says (or what `known` says)."""
    if known is None:
        entries = {folder: read(pointer_of(root, folder)) for folder in TRACKED}
        known = {folder: entry["md5"] for folder, entry in entries.items() if entry}
    path = root / SEEN
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def files_below(folder: Path) -> Iterator[str]:
    """Yield the files that DVC stores of a folder, relative to it."""
    for where, _, names in os.walk(folder):
        above = Path(where).relative_to(folder)
        for name in names:
            path = (above / name).as_posix()
            if not any(fnmatch.fnmatch(path, pattern) for pattern in NOT_STORED):
                yield path


def study_of(pointer: Path) -> Path:
    """Return the study that a pointer belongs to."""
    for folder in pointer.absolute().parents:
        if (folder / ".dvc").is_dir():
            return folder
    return pointer.absolute().parent


def _compare(root: Path, folder: str, listed: Mapping[str, str], hashes: Hashes) -> None:
    """Stop when the folder is not what its pointer says."""
    there = set(files_below(root / folder))
    # What is missing of the results is made again; of the data nothing else has it.
    missing = [] if folder == RESULTS else sorted(set(listed) - there)
    # More responses and results than listed do no harm; a text of another branch would be coded.
    suspect = there & set(listed) if folder in (RESPONSES, RESULTS) else there
    other = []
    for name in sorted(suspect):
        md5 = hashes.md5(f"{folder}/{name}")
        if md5 is not None and md5 != listed.get(name) and in_cache(root, md5).is_file():
            other.append(name)
    if not (missing or other):
        return
    found = [
        f"{len(names)} {what} (such as {folder}/{names[0]})"
        for names, what in ((missing, "missing"), (other, "of another version"))
        if names
    ]
    here = all(in_cache(root, md5).is_file() for md5 in listed.values())
    command = f"dvc checkout {folder}" if here else f"dvc pull {folder}"
    kept = f" If the files here are what you want to keep, run 'dvc add {folder}' instead."
    again = f" (Or delete the folder {folder}: it is made again.)" if folder == RESULTS else ""
    raise StudyError(
        f"The files in {folder} are not those that {folder}.dvc records: git has brought the pointer, and "
        "DVC has not brought the files.",
        file=f"{folder}.dvc",
        found="; ".join(found),
        hint=f"Run '{command}'. Nothing has been asked or computed again."
        f"{kept if there and not missing else again}",
    )


def _is_complete_without_cache(root: Path, entry: Mapping[str, Any]) -> bool:
    """Whether the cache was deleted, so that nothing says which responses there are, and none is missing."""
    if in_cache(root, entry["md5"]).is_file():
        return False
    return sum(1 for _ in files_below(root / RESPONSES)) >= int(entry.get("nfiles") or 0)


def _check_segments(root: Path, listed: Mapping[str, str]) -> None:
    """Stop when responses are missing, whoever deleted them: the model would be asked for all of them."""
    folder = root / RESPONSES
    lost = sorted(name for name in listed if name.startswith("segments/") and not (folder / name).is_file())
    if lost:
        raise StudyError(
            f"{len(lost)} segments of responses are recorded by {RESPONSES}.dvc and are not on disk.",
            file=f"{RESPONSES}.dvc",
            found=lost[0],
            hint=f"Run 'dvc checkout {RESPONSES}' (or 'dvc pull'). Nothing has been asked again.",
        )


def _has_files(folder: Path) -> bool:
    return next(files_below(folder), None) is not None if folder.is_dir() else False


def _seen(root: Path) -> dict[str, str]:
    try:
        seen = json.loads((root / SEEN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return seen if isinstance(seen, dict) else {}


def _cache(root: Path) -> Path:
    """Return DVC's cache: in the study, or where the configuration has it."""
    found = root / ".dvc" / "cache"
    for name in ("config", "config.local"):
        settings = configparser.RawConfigParser(strict=False, delimiters=("=",))
        try:
            settings.read(root / ".dvc" / name, encoding="utf-8")
        except configparser.Error:
            continue
        place = settings.get("cache", "dir", fallback="").strip("\"' ")
        if place:
            found = root / ".dvc" / place
    return found


def _inside(path: Path) -> str:
    return path.absolute().relative_to(study_of(path)).as_posix()
