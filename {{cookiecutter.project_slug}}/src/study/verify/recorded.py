"""What a study records of its data and results: in the commit that is checked out, or in the folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import yaml

from study.provenance.pointers import TRACKED, in_cache, listing
from study.sharing.withheld import absent

OF_A_REPOSITORY = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_WORK_TREE",
)
"""Variables by which git, in a hook say, is told of another repository than that of the folder it runs in."""


@dataclass(frozen=True)
class Pointer:
    """What one pointer of DVC says.

    Attributes
    ----------
    folder
        The file or folder in the study that it stands for.
    files
        The files, as paths in the study; None where their list is not here.
    pushed
        Whether they go to the remote; what holds texts that may not be shared does not.
    imported
        Whether they come from another study.
    """

    folder: str
    files: list[str] | None
    pushed: bool
    imported: bool


@dataclass(frozen=True)
class Recorded:
    """What the study should be.

    Attributes
    ----------
    root
        The study's folder.
    commit
        The commit that is checked out; None outside git.
    origin
        In words, where the record is: 'commit 1a2b3c4d5e'.
    files
        {path in the study: hash} of data and results.
    algorithm
        Of the hashes: 'md5' (DVC's); '' where the files themselves are the record.
    pointers
        By name.
    absent
        Files that are kept back from an archive, and are not here.
    changed
        Files that are not as in the commit.
    """

    root: Path
    commit: str | None
    origin: str
    files: dict[str, str]
    algorithm: str
    pointers: dict[str, Pointer] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    changed: list[str] = field(default_factory=list)

    def content(self, path: str) -> Path | None:
        """Return a file with the recorded content of `path`: the study's own, or DVC's copy; else None."""
        own = self.root / path
        if self.algorithm != "md5":
            return own if own.is_file() else None
        wanted = self.files[path]
        for place in (own, in_cache(self.root, wanted)):
            if place.is_file() and digest(place, "md5") == wanted:
                return place
        return None

    def withheld(self, path: str) -> bool:
        """Whether a file is kept back, since it holds texts that may not be shared."""
        if path in self.absent:
            return True
        return any(
            path == pointer.folder or path.startswith(f"{pointer.folder}/")
            for pointer in self.pointers.values()
            if not pointer.pushed
        )


def read(root: Path) -> Recorded:
    """Read what is recorded.

    In the commit that is checked out; if it has no pointers yet, in the folder's pointers; outside git and
    DVC, the files that lie in the folder.
    """
    commit = _commit(root)
    if commit is not None:
        names = [name for name in _in_commit(root) if _is_pointer(name)]
        if names:
            texts = {name: _git(root, "show", f"HEAD:./{name}") or "" for name in names}
            return _of_pointers(root, commit, f"commit {commit[:10]}", texts)
    names = sorted(_pointers_here(root)) if (root / ".dvc").is_dir() else []
    if OWN_POINTERS & set(names):  # an archive has none but those of what was imported
        texts = {name: (root / name).read_text(encoding="utf-8", errors="replace") for name in names}
        return _of_pointers(root, commit, "the pointers in the folder, which no commit holds yet", texts)
    lying = dict.fromkeys(_lying(root), "")
    words = "the files in the folder, which is not under git and DVC"
    return Recorded(root, commit, words, lying, "", absent=kept_back(root), changed=_changed(root, commit))


def kept_back(root: Path) -> frozenset[str]:
    """Return what the archive that was unpacked here lacks, by its own list."""
    return frozenset(one.path for one in absent(root))


def digest(path: Path, algorithm: str) -> str:
    """Return a file's hash; the file is read, whatever is remembered of it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def files_of_the_code(root: Path) -> Iterator[str]:
    """Yield the files of code and configuration: what git tracks or would track; outside git, what may be.

    Pointers to what was imported from other studies are among them: the report shows them.
    """
    inside = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if _commit(root) is not None and inside:
        found: Iterator[str] = (name for name in sorted(set(inside.split("\0"))) if name)
    else:
        found = _walk(root)
    for name in found:
        wanted = name not in OWN_POINTERS if _is_pointer(name) else not _is_product(name)
        if wanted and (root / name).is_file():
            yield name


OWN_POINTERS = {f"{folder}.dvc" for folder in TRACKED}
PRODUCTS = ("data", "results", "provenance", "verification", "archive", "logs")
"""Folders in which there is no code."""
LOCAL = (".git", ".dvc", ".snakemake", ".venv", "__pycache__", ".pytest_cache", ".ruff_cache", ".mypy_cache")
"""Folders that belong to the machine, at any depth."""


def _is_product(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return parts[0] in PRODUCTS or bool(set(parts) & set(LOCAL))


def _walk(root: Path) -> Iterator[str]:
    for where, folders, names in os.walk(root):
        above = Path(where).relative_to(root)
        # Data are no code, but pointers to what was imported are among them.
        below = ((name, above / name) for name in sorted(folders))
        folders[:] = [
            name for name, path in below if path.parts[0] == "data" or not _is_product(path.as_posix())
        ]
        yield from sorted((above / name).as_posix() for name in names)


def _is_pointer(name: str) -> bool:
    return name.endswith(".dvc") and not name.startswith(".dvc/")


def _commit(root: Path) -> str | None:
    """Return the commit that is checked out, if it is one of this study."""
    if _git(root, "cat-file", "-e", "HEAD:./config/study.yaml") is None:
        return None
    return (_git(root, "rev-parse", "HEAD") or "").strip() or None


def _in_commit(root: Path) -> list[str]:
    said = _git(root, "ls-tree", "-r", "-z", "--name-only", "HEAD") or ""
    return sorted(filter(None, said.split("\0")))


def _changed(root: Path, commit: str | None) -> list[str]:
    """Return the files that differ from the commit, new ones included."""
    if commit is None:
        return []
    options = ("--porcelain=v1", "-z", "--no-renames", "--untracked-files=all")
    said = _git(root, "status", *options, "--", ".") or ""
    above = (_git(root, "rev-parse", "--show-prefix") or "").strip()
    return sorted(entry[3:].removeprefix(above) for entry in said.split("\0") if entry)


def _of_pointers(root: Path, commit: str | None, origin: str, texts: dict[str, str]) -> Recorded:
    files: dict[str, str] = {}
    pointers: dict[str, Pointer] = {}
    for name, text in texts.items():
        try:
            content = yaml.safe_load(text)
            (out,) = content["outs"]
            md5, place = str(out["md5"]), PurePosixPath(name).parent / str(out["path"])
        except (yaml.YAMLError, KeyError, TypeError, ValueError):
            pointers[name] = Pointer(name, None, pushed=True, imported=False)
            continue
        try:
            listed: dict[str, str] | None = listing(root, md5) if md5.endswith(".dir") else {"": md5}
        except (OSError, ValueError, KeyError):
            listed = None
        mine = {(place / inside).as_posix(): its_md5 for inside, its_md5 in (listed or {}).items()}
        files |= mine
        pointers[name] = Pointer(
            folder=place.as_posix(),
            files=None if listed is None else sorted(mine),
            pushed=out.get("push") is not False,
            imported=any("repo" in one for one in content.get("deps") or ()),
        )
    changed = _changed(root, commit)
    return Recorded(root, commit, origin, files, "md5", pointers, kept_back(root), changed)


def _pointers_here(root: Path) -> Iterator[str]:
    for where, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in LOCAL]
        for name in names:
            path = (Path(where) / name).relative_to(root).as_posix()
            if _is_pointer(path):
                yield path


def _lying(root: Path) -> Iterator[str]:
    for folder in ("data", "results"):
        for path in sorted((root / folder).rglob("*")):
            if path.is_file():
                yield path.relative_to(root).as_posix()


def _git(root: Path, *arguments: str) -> str | None:
    """Return what git says of the repository that the study lies in; None when it cannot."""
    if shutil.which("git") is None:
        return None
    # Without optional locks: 'git status' would write what it has found to the repository.
    environment = {key: value for key, value in os.environ.items() if key not in OF_A_REPOSITORY}
    environment |= {"GIT_OPTIONAL_LOCKS": "0"}
    done = subprocess.run(
        ["git", "-c", "core.quotePath=false", *arguments],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
    )
    return done.stdout if done.returncode == 0 else None
