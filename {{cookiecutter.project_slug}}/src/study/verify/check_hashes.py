"""Check 4: the hashes of data, sources, responses and models. Every file is read, whatever is remembered."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from study import sources
from study.errors import StudyError
from study.llm.model import engine_versions, locate
from study.provenance.records import jobs
from study.report.served import address, reported
from study.report.words import listed, plural
from study.verify.rebuild import source_files
from study.verify.recorded import digest
from study.verify.subject import Subject
from study.verify.verdicts import (
    FAILED,
    NOT_APPLICABLE,
    NOTE,
    PASSED,
    Check,
    Item,
    faults,
    judged,
    of_files,
)

SEGMENTS = "data/responses/segments"


def check_hashes(study: Subject) -> Check:
    """Hash what is on disk, and compare it with every place that records a hash."""
    items = [
        *_pointers(study),
        *_provenance(study),
        *_sources(study),
        *_segments(study),
        *_models(study),
    ]
    wrong = faults(items)
    if wrong:
        return judged(items, f"{wrong[0].what}: {wrong[0].said}")
    return judged(items, "Data, sources, responses and models have the hashes that are recorded.")


def _pointers(study: Subject) -> Iterator[Item]:
    for name, pointer in study.recorded.pointers.items():
        if (names := pointer.files) is None:
            if pointer.pushed:
                yield Item(name, FAILED, "The list of its files is not here: run 'dvc pull'.")
            else:
                yield Item(name, NOT_APPLICABLE, "It holds texts that may not be shared, and is not here.")
            continue
        here = [file for file in names if (study.root / file).is_file()]
        other = [file for file in here if digest(study.root / file, "md5") != study.recorded.files[file]]
        absent = sorted(set(names) - set(here))
        held_back = [file for file in absent if study.withheld(file)]
        missing = [file for file in absent if file not in held_back]
        if held_back:
            yield Item(
                name, NOT_APPLICABLE, of_files("With texts that may not be shared", held_back, len(names))
            )
        wrong = (
            of_files("Not on disk", missing, len(names)),
            of_files("Not the recorded content", other, len(names)),
        )
        said = " ".join(filter(None, wrong))
        yield Item(name, FAILED if said else PASSED, said or f"As recorded: {plural(len(here), 'file')}.")


def _provenance(study: Subject) -> Iterator[Item]:
    """Compare the files that rules made with what the records of these jobs say of them."""
    outputs = {path: sha for job in jobs(study.root) for path, sha in job.outputs.items()}
    here = [path for path in sorted(outputs) if (study.root / path).is_file()]
    other = [path for path in here if digest(study.root / path, "sha256") != outputs[path]]
    if other:
        yield Item("provenance", FAILED, of_files("Not the content that was made", other, len(here)))
    elif here:
        yield Item("provenance", PASSED, f"As recorded when made: {plural(len(here), 'file')}.")


def _sources(study: Subject) -> Iterator[Item]:
    for path, source in source_files(study.config).items():
        place, expected = study.root / path, (source.get("sha256") or "").lower()
        if not place.exists():
            if study.withheld(path):
                yield Item(path, NOT_APPLICABLE, "It holds texts that may not be shared, and is not here.")
            else:
                yield Item(path, FAILED, "This source is not here: run 'dvc pull', or 'snakemake'.")
        elif expected and sources.kind(source) != "folder":
            found = digest(place, "sha256")
            if found == expected:
                yield Item(path, PASSED, f"sha256 {found}")
            else:
                yield Item(path, FAILED, f"Its sha256 is {found}; the configuration has {expected}.")


def _segments(study: Subject) -> Iterator[Item]:
    segments = sorted((study.root / SEGMENTS).glob("*.jsonl"))
    other = [path.name for path in segments if digest(path, "sha256") != path.stem]
    if other:
        yield Item(SEGMENTS, FAILED, of_files("Changed after they were written", other, len(segments)))
    elif segments:
        yield Item(SEGMENTS, PASSED, f"Content and name fit: {plural(len(segments), 'file')}.")


def _models(study: Subject) -> Iterator[Item]:
    """Compare each model's file with the card that was kept when it coded."""
    for name in sorted({study.config["coders"][coder]["model"] for coder in study.asked}):
        what, model = f"model {name}", study.config["models"][name]
        kept = f"data/responses/models/{name}.json"
        if model.get("server"):
            yield _server(study, what, model["server"], kept)
            continue
        try:
            card = json.loads((study.root / kept).read_text(encoding="utf-8"))
            shipped, engine = card["source"]["sha256"], card["engine"]
        except (OSError, ValueError, KeyError, TypeError):
            yield Item(what, FAILED, f"There is no card of the model that coded: {kept}.")
            continue
        if (configured := (model.get("sha256") or shipped).lower()) != shipped:
            said = f"The configuration has the sha256 {configured}; the model that coded has {shipped}."
            yield Item(what, FAILED, said)
            continue
        file = locate(model, study.root)
        if file is None:
            yield Item(what, NOTE, f"It is not installed here; its recorded sha256 is {shipped}.")
            continue
        found = digest(file, "sha256")
        if found != shipped:
            yield Item(what, FAILED, f"The file here has the sha256 {found}; what coded has {shipped}.")
            continue
        yield Item(what, PASSED, f"sha256 {found}")
        if (here := _engine()) != engine:
            yield Item(what, NOTE, f"It coded with {_versions(engine)}; here is {_versions(here)}.")


def _server(study: Subject, what: str, configured: Mapping[str, Any], kept: str) -> Item:
    """Compare the configuration's server with the card of the one that was asked: nothing else can be."""
    try:
        card = json.loads((study.root / kept).read_text(encoding="utf-8"))
        asked, said = card["server"], reported(card)
    except (OSError, ValueError, KeyError, TypeError):
        return Item(what, FAILED, f"There is no card of the server that coded: {kept}.")
    other = [
        f"{key}: {json.dumps(configured.get(key))}, where what coded has {json.dumps(value)}"
        for key, value in sorted(asked.items())
        if configured.get(key) != value
    ]
    if other:
        return Item(what, FAILED, f"The configuration has another server: {'; '.join(other)}.")
    return Item(
        what,
        NOTE,
        f"It is behind a server, {address(asked)}, of which no hash can be taken; recorded is what it said of"
        f" itself: {said}. Whether it is still the same cannot be checked.",
    )


def _engine() -> dict[str, str]:
    try:
        return engine_versions()
    except StudyError:
        return {}


def _versions(engine: Mapping[str, str]) -> str:
    return listed([f"{package} {version}" for package, version in sorted(engine.items())])
