"""Check 3: the keys of the responses that the tables use, against those that the study asks for now."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from study.errors import StudyError
from study.experiment.trials import Experiment, columns_of
from study.instrument import Instrument
from study.report.words import count, plural
from study.requests import read_units, tasks
from study.store import ResponseStore
from study.verify.check_tables import described
from study.verify.rebuild import Rebuilt
from study.verify.subject import Subject
from study.verify.values import differences
from study.verify.verdicts import FAILED, NOT_APPLICABLE, NOTE, PASSED, Check, Item, faults, judged

INDEXES = ("results/index/", "results/narrative/index.csv", "data/responses/index/")
"""Where studies keep which responses their tables use; the last is that of older ones."""


def check_responses(study: Subject) -> Check:
    """Compute the key of every response that instruments, texts and repeats ask for, and look for it."""
    if not study.asked:
        return Check(NOT_APPLICABLE, "No language model codes texts in this study.")
    if isinstance(study.rebuilt, str):
        return Check(NOT_APPLICABLE, study.rebuilt)
    try:
        items = list(_items(study, study.rebuilt))
    except StudyError as error:
        items = [Item("responses", FAILED, str(error))]
    wrong = faults(items)
    asked_for = items[0].figures.get("Asked for", "0")
    reason = wrong[0].said if wrong else f"Asked for {asked_for}: all are there, and none is out of date."
    return judged(items, reason)


def _items(study: Subject, rebuilt: Rebuilt) -> Iterator[Item]:
    units, sample = (rebuilt.folder / "data/corpus" / name for name in ("units.parquet", "sample.csv"))
    instruments = sorted((rebuilt.folder / "results/instruments").glob("*.json"))
    if not (units.is_file() and sample.is_file() and instruments):
        why = rebuilt.problems[0] if rebuilt.problems else "The rebuild made no instruments."
        raise StudyError(f"It cannot be told which responses are asked for. {why}")
    experiments = [
        Experiment.read(path) for path in sorted(rebuilt.folder.glob("results/experiments/*.json"))
    ]
    others = [column for each in experiments for column in columns_of(each)]
    others += [each["text"] for each in study.asked.values() if each.get("text")]
    # Experiments change texts, so they need them.
    table = read_units(units, ["unit_id", "text_sha256", *(["text"] if experiments else [])], others)
    found = tasks(table, sample, [Instrument.read(path) for path in instruments], study.asked)
    trials = {each.name: [task for _, task in each.tasks(table, sample)] for each in experiments}
    asked = [*found, *(task for tasks in trials.values() for task in tasks)]
    wanted = {request.key for task in asked for request in task.wanted}
    wanted |= _about_wordings(rebuilt)
    store = ResponseStore(study.root / "data/responses")
    where, failed = store.find(wanted)
    used = _used(study)
    said = _out_of_date(wanted - where.keys(), used - wanted, (wanted & where.keys()) - used)
    figures = {"Asked for": count(len(wanted)), "In the store": count(len(where))}
    yield Item("all instruments", FAILED if said else PASSED, said, figures)
    for path, task in zip(instruments, found, strict=True):
        there = sum(request.key in where for request in task.wanted)
        figures = {"Asked for": count(len(task.wanted)), "In the store": count(there)}
        yield _instrument(study, path, figures)
    for name, mine in trials.items():
        keys = {request.key for task in mine for request in task.wanted}
        figures = {"Asked for": count(len(keys)), "In the store": count(len(keys & where.keys()))}
        yield Item(f"experiment {name}", FAILED if keys - where.keys() else PASSED, "", figures)
    if failed:
        said = f"Not evaluated when the texts were coded: {plural(len(failed), 'response')}."
        yield Item("failed responses", NOTE, said)
    yield from _unused(study, store, wanted)


def _about_wordings(rebuilt: Rebuilt) -> set[str]:
    """Return the keys of the responses that choose the wording of sentences on tables."""
    file = rebuilt.folder / "results/narrative/asked.csv"
    if not file.is_file():
        return set()
    with file.open(encoding="utf-8", newline="") as stream:
        return {row["key"] for row in csv.DictReader(stream)} - {""}


def _used(study: Subject) -> set[str]:
    """Return the keys of the responses that the recorded tables use."""
    keys: set[str] = set()
    for name in study.recorded.files:
        if name.startswith(INDEXES) and name.endswith(".csv"):
            file = study.recorded.content(name)
            if file is None:
                raise StudyError("The recorded content is not here.", file=name, hint="Run 'dvc pull'.")
            with file.open(encoding="utf-8", newline="") as stream:
                keys |= {row["key"] for row in csv.DictReader(stream)}
    return keys


def _out_of_date(missing: set[str], stale: set[str], idle: set[str]) -> str:
    """Say what is wrong with the responses; nothing when nothing is."""
    said = []
    if missing:
        said.append(f"Missing, so that the model would have to be asked: {plural(len(missing), 'response')}.")
    if stale:
        said.append(f"Used by the tables, and out of date: {plural(len(stale), 'response')}.")
    if idle:
        said.append(f"In the store, and not used by the tables: {plural(len(idle), 'response')}.")
    return " ".join(said)


def _instrument(study: Subject, path: Path, figures: dict[str, str]) -> Item:
    """Say whether an instrument is the recorded one, and what has changed in it."""
    name, what = f"results/instruments/{path.name}", f"instrument {path.stem}"
    recorded = study.recorded.content(name) if name in study.recorded.files else None
    if recorded is None:
        return Item(what, FAILED, "It is not recorded.", figures)
    one, other = (json.loads(file.read_text(encoding="utf-8")) for file in (recorded, path))
    if one.get("instrument_id") == other["instrument_id"]:
        return Item(what, PASSED, other["instrument_id"], figures)
    changed = [each for each in differences(one, other) if each.where != "instrument_id"]
    return Item(what, FAILED, f"It is not the recorded one: {described(changed)}", figures)


def _unused(study: Subject, store: ResponseStore, wanted: set[str]) -> Iterator[Item]:
    """Say which stored responses nothing uses any more: they are facts, and stay."""
    unused: Counter[str] = Counter()
    for segment in sorted(store.segments.glob("*.jsonl")):
        with segment.open("rb") as lines:
            for line in lines:
                response = json.loads(line)
                if response["key"] not in wanted:
                    unused[response["instrument_id"]] += 1
    for instrument, n in sorted(unused.items()):
        kept = study.root / "data/responses/instruments" / f"{instrument}.json"
        said = f"Stored, and not asked for any more: {plural(n, 'response')} of {_name(kept)}. They stay."
        yield Item("unused responses", NOTE, said)


def _name(kept: Path) -> str:
    """Return what an instrument that is kept beside its responses was called."""
    try:
        known = json.loads(kept.read_text(encoding="utf-8"))
        return f"{known['coder']}.{known['name']} ({kept.stem[:10]})"
    except (OSError, ValueError, KeyError, TypeError):
        return f"an instrument that is not known here ({kept.stem[:10]})"
