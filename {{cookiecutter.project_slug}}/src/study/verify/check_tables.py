"""Check 2: every recorded file of results and data that rules make, against what they make now."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from study.provenance.records import jobs
from study.report.words import count, plural
from study.verify.compare import MOST, compare
from study.verify.rebuild import Rebuilt
from study.verify.subject import Subject
from study.verify.values import Difference
from study.verify.verdicts import (
    FAILED,
    NOT_APPLICABLE,
    NOTE,
    PASSED,
    SHOWN,
    Check,
    Item,
    faults,
    judged,
    of_files,
)

SHOWING = (".html", ".png", ".pdf")
"""What shows tables comes after them: a fault in a table is the cause."""


def check_tables(study: Subject) -> Check:
    """Compare what code, data and responses give with what is recorded."""
    rebuilt = study.rebuilt
    if isinstance(rebuilt, str):
        return Check(NOT_APPLICABLE, rebuilt)
    made = rebuilt.made()
    results = {path for path in study.recorded.files if path.startswith("results/")}
    rules = rebuilt.rules()
    by_hand = {path: job.rule for job in jobs(study.root) for path in job.outputs if job.rule not in rules}
    names = sorted({*made, *results}, key=lambda name: (name.endswith(SHOWING), name))
    items = [_item(study, rebuilt, name, made.get(name), by_hand.get(name)) for name in names]
    wrong = [item.what for item in faults(items)]
    stopped = [Item("the rebuild", FAILED, problem) for problem in rebuilt.problems]
    if not results:
        reason = "No results are recorded: run 'snakemake', then 'git commit'."
    elif stopped:
        reason = f"The tables could not be computed again. {rebuilt.problems[0]}"
    elif wrong:
        reason = of_files("Not as recorded", wrong, len(items))
    else:
        reason = f"Computed again, and as recorded: {plural(len(items), 'file')}."
    return judged([*stopped, *items], reason)


def described(found: Sequence[Difference]) -> str:
    """Return differences in words, the first few and how many there are."""
    first = "; ".join(str(each) for each in found[:SHOWN])
    if len(found) <= SHOWN:
        return f"{first}."
    more = f"{count(len(found))} or more" if len(found) == MOST else count(len(found))
    return f"{more} differences: {first}; and so on."


def _item(study: Subject, rebuilt: Rebuilt, name: str, made: Path | None, by_hand: str | None) -> Item:
    if name not in study.recorded.files:
        said = "The study makes this file, and it is not recorded: run 'snakemake', then 'git commit'."
        return Item(name, FAILED, said)
    if made is None:
        return _not_made(rebuilt, name, by_hand)
    recorded = study.recorded.content(name)
    if recorded is None:
        return Item(name, FAILED, "The recorded content is not here: run 'dvc pull'.")
    found = compare(recorded, made, name)
    wrong = [each for each in found if not each.environment]
    if wrong:
        return Item(name, FAILED, described(wrong))
    return Item(name, PASSED, f"Made with other software: {described(found)}" if found else "")


def _not_made(rebuilt: Rebuilt, name: str, by_hand: str | None) -> Item:
    """Say why a recorded file was not computed."""
    if not rebuilt.complete:
        return Item(name, FAILED, "It was not computed, since the rebuild stopped.")
    if by_hand:
        return Item(name, NOTE, f"Not compared: the rule '{by_hand}' is no part of a whole run.")
    return Item(name, FAILED, "It is recorded, and nothing in the study makes it any more: delete it.")
