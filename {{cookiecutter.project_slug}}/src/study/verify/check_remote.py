"""Check 5: what the pointers name can be pulled from the remote."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from study.report.words import plural
from study.verify.recorded import OF_A_REPOSITORY
from study.verify.subject import Subject
from study.verify.verdicts import FAILED, NOT_APPLICABLE, PASSED, Check, Item, faults, judged, some

PATIENCE = 600
"""Seconds after which a remote counts as unreachable."""


def check_remote(study: Subject) -> Check:
    """Ask DVC which of the study's files its default remote lacks."""
    if study.recorded.commit is None or not study.recorded.pointers:
        return Check(NOT_APPLICABLE, "The study is not under git and DVC here.")
    said, problem = _dvc(study.root, "config", "core.remote")
    if not problem and not said.strip():
        reason = "No default remote is configured ('dvc remote add --default NAME ADDRESS')."
        return Check(NOT_APPLICABLE, reason)
    remote = f"The remote '{said.strip()}'"
    if not problem:
        # Without --granular, DVC asks for the lists of files only.
        said, problem = _dvc(study.root, "data", "status", "--granular", "--not-in-remote", "--json")
    if problem:
        return Check(FAILED, f"{remote} cannot be read: {problem}")
    lacking = [path for path in json.loads(said or "{}").get("not_in_remote", ()) if not path.endswith("/")]
    items = [_item(study, path) for path in sorted(lacking)]
    lost = [item.what for item in faults(items)]
    if not lost:
        return Check(PASSED, f"{remote} holds all that the study records and may share.", items)
    files = plural(len(lost), "file")
    if len(lost) == len(study.recorded.files):
        # DVC takes a folder that is not there, and an address that does not answer, for an empty remote.
        return judged(items, f"{remote} is empty or cannot be reached: it lacks all {files}.")
    return judged(items, f"{remote} lacks {files}: {some(lost)}. Run 'dvc push'.")


def _item(study: Subject, path: str) -> Item:
    """Say why the remote need not have a file, or that it must."""
    if study.withheld(path):
        return Item(path, NOT_APPLICABLE, "It holds texts that may not be shared.")
    for pointer in study.recorded.pointers.values():
        if pointer.imported and path in (pointer.files or ()):
            return Item(path, NOT_APPLICABLE, "It is pulled from the study that it was imported from.")
    return Item(path, FAILED, "The remote lacks it.")


def _dvc(root: Path, *arguments: str) -> tuple[str, str]:
    """Return what DVC says, and why it cannot say it."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "dvc", *arguments],
            cwd=root,
            env={key: value for key, value in os.environ.items() if key not in OF_A_REPOSITORY},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        return "", f"There has been no answer for {PATIENCE // 60} minutes."
    if done.returncode == 0:
        return done.stdout, ""
    lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")]
    said = lines[0].removeprefix("ERROR:").strip() if lines else "DVC failed without a word"
    return "", f"{said.rstrip('.')}."
