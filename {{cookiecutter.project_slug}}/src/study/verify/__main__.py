"""Verify the study: `python -m study.verify`, which `snakemake verify` runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from study.config import load
from study.errors import StudyError
from study.job import run
from study.provenance.pointers import RESPONSES
from study.report.__main__ import versions
from study.verify import recorded
from study.verify.checks import all_checks
from study.verify.page import Report, as_html, as_json, as_text
from study.verify.rebuild import Rebuilt, missing_sources, rebuild, scratch_folder
from study.verify.subject import Subject
from study.verify.verdicts import FAILED, some

REPORT = Path("verification/report.html")
LOG = Path("verification/rebuild.log")


def main(
    *,
    asked: dict,  # type: ignore[type-arg]
    overrides: dict | None = None,  # type: ignore[type-arg]
    cores: int = 1,
    keep: bool = False,
    root: Path = Path(),
) -> None:
    """Compute the study again elsewhere and compare; the exit status is 1 when something is not as recorded.

    Parameters
    ----------
    asked
        What each coder is asked, see `study.requests.tasks`.
    overrides
        What Snakemake was given with --config: the configuration in the files is what is verified.
    cores
        How many programs may run at a time.
    keep
        Whether the scratch folder stays.
    root
        The study.
    """
    if overrides:
        raise StudyError(
            "What is verified is the configuration in config/.",
            key="--config",
            found=overrides,
            hint="Run 'snakemake verify' without --config.",
        )
    config = load(root)
    with scratch_folder(root, keep) as folder:
        rebuilt: Rebuilt | str = _why_not(root, config)
        if not rebuilt:
            _tell("Computing the study again in a scratch folder, without the model. This takes minutes.")
            rebuilt = rebuild(root, config, folder, cores)
        known = recorded.read(root)
        report = Report(
            title=config["title"],
            answers=all_checks(Subject(root, config, known, rebuilt, asked)),
            origin=known.origin,
            commit=known.commit,
            changed=known.changed,
            versions=versions(root / "requirements.lock") | _template(root),
            date=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        )
        if keep:
            _tell(f"The scratch folder: {folder}")
    page = root / REPORT
    page.parent.mkdir(exist_ok=True)
    log = rebuilt if isinstance(rebuilt, str) else rebuilt.log
    (root / LOG).write_text(log, encoding="utf-8")
    page.with_suffix(".json").write_text(as_json(report), encoding="utf-8")
    page.write_text(as_html(report), encoding="utf-8")
    _tell(as_text(report, REPORT))
    if report.verdict == FAILED:
        # Of a program that has failed, Snakemake shows the errors last.
        raise StudyError(report.point(), hint=f"See {REPORT}.")


def _why_not(root: Path, config: Mapping[str, Any]) -> str:
    """Say why nothing can be computed again; nothing where it can."""
    responses = [path for path in recorded.kept_back(root) if path.startswith(f"{RESPONSES}/")]
    absent = [*missing_sources(config, root), *sorted(responses)]
    if not absent:
        return ""
    if config["corpus"]["share"]:
        why = f"run 'dvc pull', or 'snakemake', for what is not here ({some(absent)})"
    else:
        why = f"the texts may not be shared and are not here ({some(absent)})"
    return f"Nothing can be computed again: {why}."


def _template(root: Path) -> dict[str, str]:
    """Return which commit of the template the study is from."""
    try:
        commit = json.loads((root / ".cruft.json").read_text(encoding="utf-8"))["commit"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {"template": f"commit {commit}"}


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    run(main)
