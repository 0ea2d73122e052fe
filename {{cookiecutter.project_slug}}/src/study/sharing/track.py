"""After a run: what was made of what goes to `provenance/`, data and results to DVC."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from study.config import load
from study.errors import StudyError
from study.provenance import pointers
from study.provenance.hashes import Hashes
from study.provenance.records import PROVENANCE, export
from study.sharing import withheld

AGAIN = "PYTHONPATH=src python -m study.sharing"


def track(root: Path) -> str:
    """Write provenance, and version data and results with DVC; return a sentence that says what happened.

    Idempotent. Never fails a study: where git or DVC is missing, the disk is full, or recorded responses are
    not on disk (what is shared must not shrink), the sentence says so.
    """
    try:
        with Hashes(root) as hashes:
            pointers.check(root, hashes)
            export(root, hashes, {one.path for one in withheld.absent(root)})
    except StudyError as error:
        return f"Not versioned. {error}"
    except OSError as error:
        return f"Not versioned: {error.filename} cannot be written ({error.strerror}). Then run: {AGAIN}"
    folders = [name for name in pointers.TRACKED if (root / name).is_dir()]
    if not folders:
        return "Nothing to version yet."
    if not (root / ".dvc").is_dir() or not (root / ".git").exists() or shutil.which("git") is None:
        return f"Not versioned: this folder is not under git and DVC. Run: git init && dvc init && {AGAIN}"
    done = _run(root, sys.executable, "-m", "dvc", "add", "--quiet", *folders)
    if done.returncode != 0:
        reason = (done.stderr or done.stdout).strip().splitlines()
        said = reason[-1] if reason else "dvc add failed"
        return f"Not versioned: {said}. Run: dvc add {' '.join(folders)}"
    withheld.protect(root, load(root))
    pointers.remember(root)
    # As DVC does with its pointers: both belong into one commit.
    if (root / PROVENANCE).is_dir():
        _run(root, "git", "add", "--all", "--", PROVENANCE.as_posix())
    return f"Versioned with DVC: {', '.join(folders)}. Next: git commit, then dvc push."


def _run(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
