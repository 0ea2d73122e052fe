"""The public validators of what a study publishes, in the environment of `make build/validators/stamp`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BIN = ROOT / "build" / "validators" / "bin"
PROFILE = "provenance-run-crate-0.5"


def crate_issues(crate: Path, scratch: Path, severity: str = "required") -> list[dict[str, Any]]:
    """Return what roc-validator finds in a crate (a folder), without the network.

    Parameters
    ----------
    scratch
        A folder for its cache and its report.
    severity
        'required', or also what is 'recommended'.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    cache, report = scratch / "http", scratch / "report.json"
    if not cache.with_suffix(".sqlite").exists():
        _run(BIN / "python", ROOT / "tests" / "rocrate_context.py", cache)
    report.unlink(missing_ok=True)
    done = _run(
        BIN / "rocrate-validator", "--no-interactive", "--disable-color",
        "validate", "--offline", "--cache-path", cache, "--profile-identifier", PROFILE,
        "--requirement-severity", severity, "--output-format", "json", "--output-file", report, crate,
        check=False,
    )  # fmt: skip
    assert report.is_file(), done.stdout + done.stderr
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found["passed"] == (not found["issues"])
    return list(found["issues"])


def citation_problem(study: Path) -> str | None:
    """Return what cffconvert says against a study's CITATION.cff, None when it is valid."""
    done = _run(BIN / "cffconvert", "--validate", "--infile", study / "CITATION.cff", check=False)
    return None if done.returncode == 0 else done.stdout + done.stderr


def _run(*command: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=check)
