"""Git's merge driver for a study: two people's data unite, and what is derived may be taken from either.

`environment.py` tells git of it, `.gitattributes` names the files. A pointer of DVC stands for a list of
files, of which git sees only the md5: the lists are merged here, file by file. Responses are facts that only
ever come in addition, so they unite. Where both sides have made a derived file anew, ours is taken: the
records in `provenance/` say whether it fits what the merge has brought, and the next run makes what does not.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

from study.errors import StudyError
from study.provenance import pointers
from study.provenance.records import PROVENANCE, jobs

Listing = Mapping[str, str]


def unite(
    ancestor: Listing, ours: Listing, theirs: Listing, *, keep: bool, derived: Callable[[str], bool]
) -> tuple[dict[str, str], list[str]]:
    """Merge two lists of files ({path: md5}) that have come from one.

    Parameters
    ----------
    ancestor, ours, theirs
        The lists.
    keep
        Whether a file that one side has deleted stays: a store of facts does not shrink.
    derived
        Whether a file can be made again, so that either side's will do.

    Returns
    -------
    merged, conflicts
        The list, and the files that both sides have changed in different ways (ours is in the list).
    """
    merged: dict[str, str] = {}
    conflicts = []
    for name in sorted({*ancestor, *ours, *theirs}):
        before, here, there = ancestor.get(name), ours.get(name), theirs.get(name)
        if there in (here, before):
            chosen = here
        elif here == before:
            chosen = there
        else:
            chosen = here or there
            if not derived(name):
                conflicts.append(name)
        if chosen is None and keep:
            chosen = here or there or before
        if chosen is not None:
            merged[name] = chosen
    return merged, conflicts


def merge_pointers(root: Path, path: str, ancestor: Path, ours: Path, theirs: Path) -> None:
    """Merge a pointer, as git asks a driver to: the result is written over `ours`.

    Raises
    ------
    StudyError
        A source was changed on both sides, or a list of files cannot be fetched.
    """
    folder = path.removesuffix(".dvc")
    sides = (ancestor, ours, theirs)
    entries = [pointers.read(side) if side.read_bytes().strip() else None for side in sides]
    before, here, there = (_listing(root, entry["md5"]) if entry else {} for entry in entries)
    made = {output for job in jobs(root) for output in job.outputs}
    keep = folder == pointers.RESPONSES

    def derived(name: str) -> bool:
        return keep or folder == pointers.RESULTS or f"{folder}/{name}" in made

    merged, conflicts = unite(before, here, there, keep=keep, derived=derived)
    if conflicts:
        raise StudyError(
            f"Both sides have changed {len(conflicts)} of the files in {folder}, and only you can decide.",
            file=path,
            found=", ".join(f"{folder}/{name}" for name in conflicts[:5]),
            hint=f"Take one side with 'git checkout --ours {path}' or 'git checkout --theirs {path}', run "
            f"'dvc pull {folder}', put in what the other has, then 'dvc add {folder}' and 'git add {path}'.",
        )
    if merged == here:
        return
    entry = dict(entries[1] or entries[2] or {}) | {"nfiles": len(merged)}
    entry["md5"] = _write_listing(root, merged)
    sizes = [pointers.in_cache(root, md5) for md5 in merged.values()]
    entry.pop("size", None)
    if all(size.is_file() for size in sizes):
        entry["size"] = sum(size.stat().st_size for size in sizes)
    ours.write_text(yaml.safe_dump({"outs": [entry]}, sort_keys=False), encoding="utf-8")


def _listing(root: Path, md5: str) -> dict[str, str]:
    if not pointers.in_cache(root, md5).is_file():
        _fetch(root, md5)
    return pointers.listing(root, md5)


def _fetch(root: Path, md5: str) -> None:
    """Fetch what the other side has shared: git merges before anybody can say `dvc pull`."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from dvc_data.hashfile.hash_info import HashInfo

    problem = "is not among what was pushed"
    try:
        with Repo(str(root)) as repo:
            repo.cloud.pull([HashInfo("md5", md5)])
    except (DvcException, OSError) as error:
        problem = f"could not be fetched ({error})"
    if not pointers.in_cache(root, md5).is_file():
        raise StudyError(
            f"The list of the other side's files {problem}.",
            file=md5,
            hint="The other side runs 'dvc push'. Then 'git checkout --merge FILE.dvc' merges again.",
        )


def _write_listing(root: Path, merged: Listing) -> str:
    """Put a list of files into DVC's cache, as DVC writes it, and return its md5."""
    entries = [{"md5": md5, "relpath": name} for name, md5 in sorted(merged.items())]
    text = json.dumps(entries, sort_keys=True)
    digest = f"{hashlib.md5(text.encode('utf-8'), usedforsecurity=False).hexdigest()}.dir"
    path = pointers.in_cache(root, digest)
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        part.write_text(text, encoding="utf-8")
        shutil.move(part, path)
    return digest


def main(ancestor: Path, ours: Path, theirs: Path, path: str) -> None:
    """Merge one file; git has written the three sides to files and says what it is called."""
    if path.startswith(f"{PROVENANCE.as_posix()}/"):
        return  # ours: a record is true or absent, and a mixture of two is neither
    merge_pointers(Path(), path, ancestor, ours, theirs)


if __name__ == "__main__":
    from study.job import run

    run(main)
