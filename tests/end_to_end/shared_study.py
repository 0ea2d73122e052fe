"""A small study of Hutto & Gilbert (2014) that was run and committed, for tests of what clones know."""

from __future__ import annotations

import shutil
from pathlib import Path

from end_to_end.studies import TEMPLATE, generate, run, settings, snakemake, write_settings

EACH = 3
"""Texts that the model codes in each of the five domains, where there are as many."""
OWN = "data/corpus/own.csv"
"""A source of texts of the researcher's own, beside the published ones."""
ROWS = ("id,human_mean,text", "1,1.5,The reading room was lovely today.", "2,-1.5,The desk was closed again.")
ASKED = 4 * EACH + 2
"""How many texts the first run asks the model about."""


def snapshot(folder: Path) -> Path:
    """Return a git repository of the template as it is now, with what is not committed yet."""
    template = folder / "template"
    run(folder, "git", "clone", "--quiet", str(TEMPLATE), str(template))
    listed = run(TEMPLATE, "git", "ls-files", "-z", "--modified", "--others", "--exclude-standard")
    for name in filter(None, listed.stdout.split("\0")):
        source, target = TEMPLATE / name, template / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
        else:
            target.unlink(missing_ok=True)
    run(template, "git", "add", "--all")
    run(template, "git", "commit", "--quiet", "--allow-empty", "--message", "As it is now")
    return template


def make(folder: Path, template: Path = TEMPLATE) -> Path:
    """Generate the study, run it and commit what it made."""
    study = generate(folder, "hutto-gilbert-2014", template)
    changed = settings(study)
    changed["sample"]["n"] = EACH
    changed["compare"]["bootstrap"] = 100
    own = {"file": OWN, "format": "csv", "prefix": "own-", "add": {"domain": "own"}}
    changed["corpus"]["sources"].append(own)
    write_settings(study, changed)
    write_rows(study, ROWS)
    snakemake(study)
    run(study, "git", "add", "--all")
    run(study, "git", "commit", "--quiet", "--message", "Code and analyse")
    return study


def write_rows(study: Path, rows: tuple[str, ...]) -> None:
    """Write the researcher's own texts."""
    (study / OWN).write_text("\n".join(rows) + "\n", encoding="utf-8")


def clone(origin: Path, folder: Path) -> Path:
    """Clone a study as a colleague does, without the data."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    run(folder.parent, "git", "clone", "--quiet", str(origin), str(folder))
    return folder
