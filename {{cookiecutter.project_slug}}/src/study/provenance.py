"""The bridge between the study's code, Snakemake and DVC; no other module knows either of them."""

from __future__ import annotations

import ast
import functools
import json
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from study.errors import StudyError

TRACKED = ("data/corpus", "data/gold", "data/responses", "results")
"""Folders with a DVC pointer each: imports fit beside them, and merges stay small."""


def import_closure(module: str, src: Path) -> list[str]:
    """Return the files of `module` and of everything that it imports inside `src`, sorted.

    A rule names them as inputs: a changed constant in an imported module then re-runs the rule, and a new,
    unrelated module does not.

    Parameters
    ----------
    module
        A dotted name such as 'study.validity.agreement'.
    src
        The folder that holds the package.
    """
    found: set[Path] = set()
    waiting = [module]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        path = _file_of(name, src)
        if path is None:
            continue
        found.add(path)
        parts = name.split(".")
        waiting += [".".join(parts[:i]) for i in range(1, len(parts))]
        waiting += _imports(path.read_text(encoding="utf-8"), parts[0])
    if not found:
        raise StudyError(f"There is no module '{module}' in {src}.")
    return sorted(path.as_posix() for path in found)


def _file_of(name: str, src: Path) -> Path | None:
    base = src.joinpath(*name.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


@functools.cache
def _imports(source: str, package: str) -> tuple[str, ...]:
    """Return what a file with this text imports from a package: many rules share files, which may change."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            # `from study.validity import agreement` may name a module or something in one.
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(name for name in found if name == package or name.startswith(f"{package}."))


def recorded_files(pointer: Path) -> list[str] | None:
    """Return the files that a DVC pointer of a folder records, relative to it.

    None when there is no pointer; an empty list of names cannot be told from a folder that was never
    pulled, which raises.
    """
    if not pointer.is_file():
        return None
    out = yaml.safe_load(pointer.read_text(encoding="utf-8"))["outs"][0]
    digest = out["md5"]
    listing = _study_of(pointer) / ".dvc" / "cache" / "files" / "md5" / digest[:2] / digest[2:]
    if not listing.is_file():
        raise StudyError(
            f"{_inside(pointer)} records {out.get('nfiles', 'some')} files that are not here.",
            file=_inside(pointer),
            hint="Run 'dvc pull' to fetch them. Nothing has been asked or computed again.",
        )
    return [entry["relpath"] for entry in json.loads(listing.read_text(encoding="utf-8"))]


def check_responses(root: Path) -> None:
    """Stop when responses that git says exist are not on disk (a forgotten `dvc pull` or `dvc checkout`).

    Without this the model would be asked again for everything.
    """
    recorded = recorded_files(root / "data" / "responses.dvc") or []
    folder = root / "data" / "responses"
    lost = [name for name in recorded if name.startswith("segments/") and not (folder / name).is_file()]
    if lost:
        raise StudyError(
            f"{len(lost)} segments of responses are recorded by data/responses.dvc and are not on disk.",
            file="data/responses.dvc",
            found=lost[0],
            hint="Run 'dvc checkout data/responses' (or 'dvc pull'). Nothing has been asked again.",
        )


def track(root: Path) -> str:
    """Version data and results with DVC; return a sentence that says what happened.

    Idempotent. Never fails a study: where git or DVC is missing, the sentence names the command to run.
    """
    folders = [name for name in TRACKED if (root / name).is_dir()]
    if not folders:
        return "Nothing to version yet."
    if not (root / ".dvc").is_dir() or not (root / ".git").exists() or shutil.which("git") is None:
        return (
            "Not versioned: this folder is not under git and DVC. Run:"
            " git init && dvc init && python -m study.provenance"
        )
    check_responses(root)
    command = [sys.executable, "-m", "dvc", "add", "--quiet", *folders]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = (done.stderr or done.stdout).strip().splitlines()
        said = reason[-1] if reason else "dvc add failed"
        return f"Not versioned: {said}. Run: dvc add {' '.join(folders)}"
    return f"Versioned with DVC: {', '.join(folders)}. Next: git commit, then dvc push."


def _study_of(pointer: Path) -> Path:
    for folder in pointer.resolve().parents:
        if (folder / ".dvc").is_dir():
            return folder
    return pointer.parent


def _inside(path: Path) -> str:
    return path.resolve().relative_to(_study_of(path).resolve()).as_posix()


def main(root: Path = Path()) -> None:
    """Version data and results with DVC."""
    print(track(root))


if __name__ == "__main__":
    from study.job import run

    run(main)
