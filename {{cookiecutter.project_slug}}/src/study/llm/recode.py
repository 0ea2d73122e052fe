"""A random share of the recorded responses, coded again: how many are the same, how far off the others are.

Responses are facts: nothing here changes the store. The recorded instruments are asked, whatever the
configuration says today, and a difference is a finding about the machine and no error.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pyarrow import parquet

from study.codings import label_probabilities
from study.errors import StudyError
from study.instrument import Instrument, Question
from study.llm.coding import code, open_server
from study.llm.labels import mean_log_p, with_never
from study.llm.machine import machine
from study.llm.model import locate, prepare
from study.llm.progress import Progress
from study.llm.weights import sha256_of
from study.requests import Task, read_units, tasks
from study.store import ResponseStore

if TYPE_CHECKING:
    from study.llm.asked import Askable
    from study.llm.engine import LabelEngine

NOT_RECORDED = "not recorded"


@dataclass(frozen=True)
class Compared:
    """One response that was coded again: a row of recode.csv.

    Attributes
    ----------
    coder, codebook, instrument_id, key, unit_id, other_unit_id, repeat
        Which response; `other_unit_id` where two texts are compared.
    status, status_again
        As recorded, and now.
    identical
        Whether status and all answers are the same to the last bit.
    largest_difference
        The largest absolute difference of a probability: of a label as the codings have it, or of the number
        or the passages that were written. None where there is no probability on both sides.
    codes, codes_differing
        How many codes (labels, numbers, lists of passages) the response holds, and how many are others now.
    """

    coder: str
    codebook: str
    instrument_id: str
    key: str
    unit_id: str
    other_unit_id: str
    repeat: int
    status: str
    status_again: str
    identical: bool
    largest_difference: float | None
    codes: int
    codes_differing: int


def drawn(keys: Sequence[str], fraction: float, seed: int) -> set[str]:
    """Return a random share of some keys, one at least where there is one.

    Hashes decide, so that a larger share holds the smaller one, on any machine and in any order.
    """
    n = max(1, round(fraction * len(keys)))
    return set(sorted(keys, key=lambda key: hashlib.sha256(f"{seed}|{key}".encode()).digest())[:n])


def compare(instrument: Instrument, recorded: Mapping[str, Any], again: Mapping[str, Any]) -> Compared:
    """Compare a response with what is recorded under its key."""
    before, after = recorded["answers"], again["answers"]
    answered = before is not None and after is not None
    differences, differing = [], 0
    for place, question in enumerate(instrument.questions):
        if answered:
            differences.append(_difference(question, before[place], after[place]))
            differing += _code(question, before[place]) != _code(question, after[place])
    known = [one for one in differences if one is not None]
    if not answered and (before is not None or after is not None):
        differing = len(instrument.questions)
    return Compared(
        coder=instrument.coder,
        codebook=instrument.name,
        instrument_id=instrument.instrument_id,
        key=recorded["key"],
        unit_id=recorded["unit_id"],
        other_unit_id=recorded.get("other_unit_id", ""),
        repeat=recorded["repeat"],
        status=recorded["status"],
        status_again=again["status"],
        identical=recorded["status"] == again["status"] and _exactly(before) == _exactly(after),
        largest_difference=max(known) if known else None,
        codes=0 if before is None and after is None else len(instrument.questions),
        codes_differing=differing,
    )


def _exactly(answers: object) -> str:
    """Write answers as the store does: every double has a text of its own."""
    return json.dumps(answers, sort_keys=True)


def _difference(question: Question, before: Mapping[str, Any], after: Mapping[str, Any]) -> float | None:
    one, other = _probabilities(question, before), _probabilities(question, after)
    return float(np.abs(one - other).max()) if one.shape == other.shape and one.size else None


def _probabilities(question: Question, answer: Mapping[str, Any]) -> np.ndarray:
    """Return the probability of each label, or of what was written; none where a server gives none."""
    if answer["log_p"] is None:
        return np.empty(0)
    if question.kind == "choice":
        return label_probabilities(_mean(answer)[None, :])[0][0]
    return np.exp(np.array([answer["log_p"]], dtype=float))


def _code(question: Question, answer: Mapping[str, Any]) -> object:
    """Return the label, the number or the passages that an answer comes to."""
    if question.kind == "number":
        return answer["value"]
    if question.kind == "spans":
        return answer["spans"]
    return answer["label"] if "label" in answer else int(_mean(answer).argmax())


def _mean(answer: Mapping[str, Any]) -> np.ndarray:
    return mean_log_p(np.array([with_never(each) for each in answer["log_p"]]))


def open_recorded(
    name: str, model: Mapping[str, Any], instruments: Sequence[Instrument], threads: int, root: Path
) -> tuple[LabelEngine, str]:
    """Load the model of recorded instruments; return it and the sha256 of the file that is run.

    The weights must be the recorded ones. The packages that run them, and a file that llama.cpp converts from
    them, may be others: what that changes is the question.

    Raises
    ------
    StudyError
        When the model is not installed, or is another one.
    """
    source, quantisation = _source(instruments[0]), instruments[0].model.get("quantisation")
    path = locate(dict(model), root)
    if path is None:
        raise StudyError(
            "Responses are to be coded again, but the model is not installed here.",
            file="config/study.yaml",
            key=f"models.{name}",
            found=str(model.get("path") or model.get("file")),
            hint="Run 'python3 environment.py --llm' (it needs a C/C++ compiler), or put the file where the"
            " configuration says.",
        )
    found = sha256_of(path)
    if found != source:
        raise StudyError(
            f"The model file {path.name} is not the one that coded the texts.",
            file="config/study.yaml",
            key=f"models.{name}",
            found=found,
            allowed=source,
            hint="Only the recorded model can show whether this machine answers as recorded.",
        )
    sparsity = instruments[0].model.get("sparsity", 0)
    run = prepare({**model, "quantisation": quantisation, "sparsity": sparsity}, root)
    assert run is not None
    from study.llm.engine import LabelEngine

    context = max(instrument.settings["context"] for instrument in instruments)
    return LabelEngine(run, context=context, threads=threads), sha256_of(run)


def _source(instrument: Instrument) -> str:
    """Return the sha256 of the model file as it is shipped."""
    source = instrument.model.get("source") or instrument.model
    return str(source["sha256"])


def recode(
    wanted: Sequence[Task], store: ResponseStore, engine: Askable, progress: Progress
) -> Iterator[Compared]:
    """Code again what is wanted, and compare each response with the store's."""
    keys = [request.key for task in wanted for request in task.wanted]
    recorded = {one["key"]: one for one in store.read(store.find(keys)[0])}
    for task in wanted:
        # In the order in which texts were coded: what they share of a prompt is evaluated once.
        for request in sorted(task.wanted, key=lambda r: (*map(task.sha256_of, r.rows), r.repeat)):
            again = code(engine, task, request)
            progress.count((again["n_tokens"] or 0) + (again["n_written"] or 0), task.instrument.name)
            yield compare(task.instrument, recorded[request.key], again)


def share(found: Sequence[Task], known: set[str], fraction: float, seed: int) -> list[Task]:
    """Return of each instrument a random share of its recorded responses.

    Where two coders ask the same thing the same way, their response is one, and the first has it.
    """
    taken: set[str] = set()
    wanted = []
    for task in found:
        mine = [request for request in task.wanted if request.key in known - taken]
        chosen = drawn([request.key for request in mine], fraction, seed)
        taken |= {request.key for request in mine}
        if chosen:
            wanted.append(
                Task(task.instrument, task.texts, [request for request in mine if request.key in chosen])
            )
    return wanted


def counts(rows: Sequence[Compared]) -> dict[str, Any]:
    """Return what came out: coded_again, identical, largest_difference (None: none differs), codes ..."""
    known = [row.largest_difference for row in rows if not row.identical]
    differences = [one for one in known if one is not None]
    return {
        "coded_again": len(rows),
        "identical": sum(row.identical for row in rows),
        "largest_difference": max(differences) if differences else None,
        "codes": sum(row.codes for row in rows),
        "codes_differing": sum(row.codes_differing for row in rows),
    }


def paragraph(report: Mapping[str, Any]) -> str:
    """Return the report in a paragraph to read."""
    if not report["coded_again"]:
        return "The study has no language model, so there is nothing to code again."
    said = [
        f"Coded again: {report['coded_again']:,} of {report['recorded']:,} recorded responses (fraction"
        f" {report['fraction']:g}, seed {report['seed']}). {_outcome(report)}."
    ]
    if len(report["coders"]) > 1:
        said += [f"{coder}: {_outcome(own).lower()}." for coder, own in report["coders"].items()]
    if report["here"]:
        said.append(_where(report["recorded_with"], report["here"]))
    said += [
        f"{server['name']} is asked at {server['url']}, which may answer otherwise under the same name; it"
        f" was first asked on {server['date']}."
        for server in report["servers"]
    ]
    said.append("The store of responses was not changed.")
    return " ".join(said)


def _where(recorded: Mapping[str, str], here: Mapping[str, str]) -> str:
    before = f"{recorded['packages']} and the weights {recorded['weights']}"
    on = [recorded[part] for part in ("processor", "system", "llama_cpp") if recorded[part] != NOT_RECORDED]
    machine = f"on {', '.join(on)}" if on else "on what machine is not recorded"
    after = f"{here['packages']} and the weights {here['weights']}"
    same = "the same" if after == before else after
    return (
        f"Recorded is: coded with {before}; {machine}. Here it is {same}, on {here['processor']},"
        f" {here['system']}, llama.cpp {here['llama_cpp']}."
    )


def _outcome(own: Mapping[str, Any]) -> str:
    same = f"Identical to the last bit: {own['identical']:,} of {own['coded_again']:,}"
    if own["coded_again"] == own["identical"]:
        return same
    largest = own["largest_difference"]
    off = (
        "without a probability to compare"
        if largest is None
        else f"probabilities off by {largest:.3g} at most"
    )
    return f"{same}; the rest: {off}, codes that differ: {own['codes_differing']:,} of {own['codes']:,}"


def main(
    *,
    units: Path,
    sample: Path,
    instruments: list[Path],
    models: dict,  # type: ignore[type-arg]
    model_of: dict,  # type: ignore[type-arg]
    asked: dict,  # type: ignore[type-arg]
    store: Path,
    report: Path,
    fraction: float = 0.05,
    seed: int = 1,
    threads: int = 2,
    root: Path = Path(),
) -> None:
    """Code a random share of the recorded responses again, and report what is not the same.

    Parameters
    ----------
    models, model_of
        The configuration's `models`, and {coder: name of its model}.
    asked
        What each coder is asked, see `study.requests.tasks`.
    report
        The JSON file of the report; a row for each response is written beside it, as .csv.
    """
    found = _recorded_tasks(units, sample, instruments, asked)
    responses = ResponseStore(store)
    where, failed = responses.find(request.key for task in found for request in task.wanted)
    known = where.keys() - failed
    if instruments and not known:
        raise StudyError(
            "No response is recorded, so none can be coded again.",
            file=store,
            hint="Run 'snakemake' first (or 'dvc pull', where a colleague has coded the texts).",
        )
    wanted = share(found, known, fraction, seed)
    progress = Progress(sum(len(task.wanted) for task in wanted), _tell)
    rows: list[Compared] = []
    weights: list[str] = []
    # One model in memory at a time.
    groups: dict[tuple[str, str], list[Task]] = {}
    for task in wanted:
        card = task.instrument.model
        of = model_of[task.instrument.coder], f"{card.get('quantisation')} {card.get('sparsity', 0)}"
        groups.setdefault(of, []).append(task)
    for (name, _), own in sorted(groups.items()):
        if models[name].get("server"):
            with contextlib.ExitStack() as until:
                server = open_server(models[name], [task.instrument for task in own], store, _tell, until)
                rows += recode(own, responses, server, progress)
            continue
        engine, sha256 = open_recorded(name, models[name], [t.instrument for t in own], threads, root)
        weights.append(sha256)
        rows += recode(own, responses, engine, progress)
        del engine
    result = {
        "fraction": fraction,
        "seed": seed,
        "recorded": len(known),
        **counts(rows),
        "coders": {
            coder: counts([row for row in rows if row.coder == coder])
            for coder in dict.fromkeys(row.coder for row in rows)
        },
        "recorded_with": _recorded_with([task.instrument for task in wanted]),
        "here": {**machine(), "weights": _listed(weights)} if weights else {},
        "servers": _servers([task.instrument for task in wanted]),
    }
    _write(report, result, rows)
    print(paragraph(result))


def _recorded_tasks(
    units: Path, sample: Path, instruments: Sequence[Path], asked: Mapping[str, Any]
) -> list[Task]:
    """Return what the recorded instruments are asked; one that is not there has coded nothing yet."""
    if not instruments:
        return []
    here = [path for path in instruments if path.is_file()]
    for path in (units, sample, *instruments[: 0 if here else 1]):
        if not path.is_file():
            raise StudyError(
                "What was recorded when the texts were coded is not here.",
                file=path,
                hint="Run 'dvc pull' (or 'snakemake', where nothing has been coded yet).",
            )
    if new := [path.stem for path in instruments if path not in here]:
        _tell(f"Left out, since they have coded nothing yet: {', '.join(new)}.")
    if "text" not in parquet.read_schema(units).names:
        raise StudyError(
            "The texts are not here, so their responses cannot be coded again.",
            file=units,
            hint="Where texts may not be shared, only who holds them can code them again.",
        )
    read = [Instrument.read(path) for path in here]
    table = read_units(units, ["unit_id", "text", "text_sha256"], (one.get("text") for one in asked.values()))
    return tasks(table, sample, read, asked)


def _servers(instruments: Sequence[Instrument]) -> list[dict[str, str | None]]:
    """Return what the servers that were asked said of themselves when they first were."""
    cards = {one.model["name"]: one.model for one in instruments if "server" in one.model}
    return [{"name": name, "url": card["server"]["url"], **card["reported"]} for name, card in cards.items()]


def _recorded_with(instruments: Sequence[Instrument]) -> dict[str, str]:
    """Return what instruments record of where they coded, in the words of `machine`."""
    instruments = [one for one in instruments if "server" not in one.model]
    if not instruments:
        return {}
    engines = [
        ", ".join(f"{package} {version}" for package, version in sorted(one.model["engine"].items()))
        for one in instruments
    ]
    return {
        "processor": NOT_RECORDED,
        "system": NOT_RECORDED,
        "packages": " or ".join(dict.fromkeys(engines)),
        "llama_cpp": NOT_RECORDED,
        "weights": _listed(one.model["sha256"] for one in instruments),
    }


def _listed(digests: Iterable[str]) -> str:
    return ", ".join(f"sha256 {digest}" for digest in dict.fromkeys(digests))


def _write(report: Path, result: Mapping[str, Any], rows: Sequence[Compared]) -> None:
    report.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=2, ensure_ascii=False) + "\n"
    report.write_text(text, encoding="utf-8")
    with report.with_suffix(".csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Compared)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    from study.job import run

    run(main)
