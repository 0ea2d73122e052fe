"""What a study has from other studies: `dvc import` notes where from, in a pointer beside the files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from study.errors import StudyError
from study.store import IMPORTED

FOLDER = Path("data", IMPORTED)
"""Where `dvc import` is to put what it brings."""


def pointers(root: Path) -> list[Path]:
    """Return the pointers of what was imported into data/ or a folder below data/imported/, sorted."""
    all_ = sorted({*(root / "data").glob("*.dvc"), *(root / FOLDER).rglob("*.dvc")})
    return [pointer for pointer in all_ if of_pointer(pointer, root)]


def origins(root: Path) -> list[dict[str, str]]:
    """Return what was imported and from where, in the order of the pointers.

    Parameters
    ----------
    root
        The study's folder.

    Returns
    -------
    list of dict
        As of `of_pointer`.

    Raises
    ------
    StudyError
        When a pointer cannot be read.
    """
    return [origin for pointer in pointers(root) for origin in of_pointer(pointer, root)]


def check(root: Path) -> None:
    """Stop when something that was imported is not on disk (a forgotten `dvc pull`).

    Without this the model would be asked for what another study has answered.

    Raises
    ------
    StudyError
        Names what is missing, and the command that brings it.
    """
    for origin in origins(root):
        if not (root / origin["path"]).exists():
            raise StudyError(
                "What was imported from another study is not on disk.",
                file=origin["path"],
                found=f"{origin['source']} of {origin['url']}",
                hint=f"Run 'dvc pull {origin['path']}.dvc' to fetch it. Nothing has been asked.",
            )


def of_pointer(pointer: Path, root: Path) -> list[dict[str, str]]:
    """Return where the content of a pointer was imported from; nothing where it was made or put here.

    Returns
    -------
    list of dict
        path (inside the study), url (of the other repository, without name and password), source (the path
        there), revision (the commit), md5 (of the content, as DVC has it).

    Raises
    ------
    StudyError
        When the pointer cannot be read.
    """
    try:
        content: Any = yaml.safe_load(pointer.read_text(encoding="utf-8"))
        imports = [one for one in content.get("deps") or [] if one.get("repo")]
        return [_origin(pointer.parent.relative_to(root), one, *content["outs"]) for one in imports]
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError, KeyError, TypeError) as error:
        raise StudyError(
            "This pointer of DVC cannot be read.",
            file=pointer.relative_to(root).as_posix(),
            found=f"{type(error).__name__}: {error}",
            hint="After a merge, look for its marks in the file; else run 'git checkout' on it.",
        ) from error


def _origin(folder: Path, dependency: dict[str, Any], out: dict[str, Any]) -> dict[str, str]:
    return {
        "path": (folder / out["path"]).as_posix(),
        "url": _without_user(str(dependency["repo"]["url"])),
        "source": str(dependency["path"]),
        "revision": str(dependency["repo"]["rev_lock"]),
        "md5": str(out["md5"]),
    }


def _without_user(url: str) -> str:
    return re.sub(r"^(https?://)[^/@]*@", r"\1", url)
