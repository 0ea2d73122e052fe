"""Ask a model what the store does not know yet, and write down where every wanted response is."""

from __future__ import annotations

import contextlib
import csv
import itertools
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from study.errors import StudyError
from study.instrument import Instrument
from study.llm import started
from study.llm.model import can_be_asked, engine_versions, prepare, refuse_if_unreachable
from study.llm.progress import Progress, in_words
from study.llm.weights import sha256_of
from study.requests import REFERENCE, Request, Task, in_shard, read_units, tasks
from study.store import ResponseStore

if TYPE_CHECKING:
    from study.llm.asked import Askable
    from study.llm.engine import LabelEngine


def code(model: Askable, task: Task, request: Request) -> dict[str, Any]:
    """Ask for one response; return it as it is stored.

    Returns
    -------
    dict
        key, instrument_id, unit_id, text_sha256 (both of the first text, where two are compared; then also
        other_unit_id and other_text_sha256), repeat, and what `study.llm.primitives.ask` returns: status
        ('ok', 'too_long', 'empty' or 'failed'), answers, n_tokens, n_written, truncated, escaped.

    Raises
    ------
    StudyError
        When the prompt alone fills the context.
    """
    response: dict[str, Any] = {
        "key": request.key,
        "instrument_id": task.instrument.instrument_id,
        "unit_id": task.unit_of(request.rows[0]),
        "text_sha256": task.sha256_of(request.rows[0]),
        "repeat": request.repeat,
    }
    if task.instrument.compares:
        response |= {
            "other_unit_id": task.unit_of(request.rows[1]),
            "other_text_sha256": task.sha256_of(request.rows[1]),
        }
    texts = [task.text_of(row) for row in request.rows]
    reference = response["unit_id"] == REFERENCE
    if not reference and any(not text.strip() for text in texts):
        nothing = {"n_tokens": 0, "n_written": 0, "truncated": 0, "escaped": 0}
        return response | {"status": "empty", "answers": None} | nothing
    return response | model.ask(task.instrument, texts, request.key)


def _answered(model: Askable, todo: Iterable[tuple[Task, Request]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name of the instrument and the response of each request, as they come.

    Where several are asked at once and one stops the job (or the keyboard does), no other is begun, and those
    that are under way are waited for: what was answered is kept.
    """
    if model.at_once == 1:
        for task, request in todo:
            yield task.instrument.name, code(model, task, request)
        return
    done: SimpleQueue[tuple[str, dict[str, Any] | BaseException]] = SimpleQueue()

    def ask(task: Task, request: Request) -> None:
        try:
            done.put((task.instrument.name, code(model, task, request)))
        except BaseException as error:
            done.put((task.instrument.name, error))

    waiting, running = iter(todo), 0
    stopped: BaseException | None = None
    with ThreadPoolExecutor(model.at_once) as pool:
        try:
            while not stopped:
                for task, request in itertools.islice(waiting, model.at_once - running):
                    pool.submit(ask, task, request)
                    running += 1
                if not running:
                    return
                name, answer = done.get()
                running -= 1
                if isinstance(answer, BaseException):
                    stopped = answer
                else:
                    yield name, answer
        except KeyboardInterrupt as error:
            stopped = error
    while not done.empty():
        name, answer = done.get()
        if not isinstance(answer, BaseException):
            yield name, answer
    raise stopped


def ask_missing(
    tasks: Sequence[Task],
    store: ResponseStore,
    open_engine: Callable[[], Askable],
    tell: Callable[[str], None],
    *,
    again: bool = True,
) -> dict[str, str]:
    """Ask what the store does not hold, and return {key: segment} of everything wanted.

    The model is opened only when something is missing, or has failed before. Without `again` a failure is
    taken as it is: where there is no model, a study is computed from what is known.
    """
    if saved := store.recover():
        tell(f"Saved {saved} responses of a job that had been interrupted.")
    wanted = [request.key for task in tasks for request in task.wanted]
    where, failed = store.find(wanted)
    missing = {key for key in wanted if key not in where or (again and key in failed)}
    if not missing:
        tell(f"All {len(wanted)} responses are in the store; the model was asked 0 times.")
        return where
    engine = open_engine()
    before = engine.asked
    starting, began = started.seconds(), time.monotonic()
    progress = Progress(len(missing), tell)
    with store.write() as journal:
        for name, response in _answered(engine, _in_order(tasks, missing)):
            journal.add(response)
            progress.count((response["n_tokens"] or 0) + (response["n_written"] or 0), name)
    asked = engine.asked - before
    known = len(wanted) - len(missing)
    where, failed = store.find(wanted)
    tell(f"Starting this job took {in_words(starting)}, coding {in_words(time.monotonic() - began)}.")
    tell(f"The model was asked {asked} times; {known} of {len(wanted)} responses were in the store.")
    if failed:
        tell(f"{len(failed)} texts could not be evaluated; the next run of this program asks them again.")
    return where


def _in_order(tasks: Sequence[Task], missing: Set[str]) -> Iterator[tuple[Task, Request]]:
    """Yield what is missing instrument by instrument, text by text: what prompts share is evaluated once."""
    for task in sorted(tasks, key=lambda task: task.instrument.instrument_id):
        todo = [request for request in task.wanted if request.key in missing]
        todo.sort(key=lambda request: (*map(task.sha256_of, request.rows), request.repeat))
        for request in todo:
            yield task, request


def open_server(
    model: Mapping[str, Any],
    instruments: Sequence[Instrument],
    store: Path,
    tell: Callable[[str], None],
    until: contextlib.ExitStack,
) -> Askable:
    """Get ready to ask the model behind a server, `until` the end of a block.

    Parameters
    ----------
    store
        The folder of responses: what was spent for them counts for the budget.

    Raises
    ------
    StudyError
        When no model may be asked here, there is no key, or the server is not that of the instruments.
    """
    from study.server.chat import Chat
    from study.server.coder import ServerModel
    from study.server.settings import Server, serving
    from study.server.spent import spent

    name = model["server"]["name"]
    refuse_if_unreachable(name)
    server = Server.of(model, serving(name))
    for instrument in instruments:
        if instrument.model.get("server") != server.identity:
            raise StudyError(
                "The server in the configuration is not that of this study's instruments.",
                file="config/study.yaml",
                key=f"models.{name}.server",
                hint="Delete results/models and run again: another model gives other responses.",
            )
    return ServerModel(server, until.enter_context(Chat(server, tell, spent=spent(store, server))))


def open_model(
    model: Mapping[str, Any], instruments: Sequence[Instrument], threads: int, root: Path
) -> LabelEngine:
    """Load a study's model.

    Raises
    ------
    StudyError
        When it is not installed, or is not that of the instruments.
    """
    path = prepare(dict(model), root)
    if path is None:
        raise StudyError(
            "Texts are to be coded, but the model is not installed here.",
            file="config/study.yaml",
            key="models",
            found=str(model.get("path") or model.get("file")),
            hint="Run 'python3 environment.py --llm'; or 'dvc pull' if a colleague has coded the texts.",
        )
    here = _in_words({"sha256": sha256_of(path), "engine": engine_versions()})
    for instrument in instruments:
        if _in_words(instrument.model) != here:
            raise StudyError(
                "The model here, or the packages that run it, are not those of this study's instruments.",
                file=path.name,
                found=here,
                allowed=_in_words(instrument.model),
                hint="Delete results/models and run again: another model gives other responses.",
            )
    from study.llm.engine import LabelEngine

    context = max(instrument.settings["context"] for instrument in instruments)
    return LabelEngine(path, context=context, threads=threads)


def main(
    *,
    units: Path,
    sample: Path,
    instruments: list[Path],
    model: dict,  # type: ignore[type-arg]
    asked: dict,  # type: ignore[type-arg]
    shard: int,
    shards: int,
    store: Path,
    index: Path,
    threads: int = 2,
    root: Path = Path(),
) -> None:
    """Code one shard of the units with every instrument of one model.

    Parameters
    ----------
    model
        One entry of the configuration's `models`.
    asked
        What each coder is asked, see `study.requests.tasks`.
    store, index
        The folder of responses, and the file that is to say in which segment each wanted response is.
    """
    read = [Instrument.read(path) for path in instruments]
    table = read_units(units, ["unit_id", "text", "text_sha256"], (one.get("text") for one in asked.values()))
    mine = [in_shard(task, shard, shards) for task in tasks(table, sample, read, asked)]
    answer(mine, model, store=store, index=index, threads=threads, root=root)


def answer(
    tasks: Sequence[Task], model: Mapping[str, Any], *, store: Path, index: Path, threads: int, root: Path
) -> None:
    """Ask one model what the store does not hold, and write the index of everything wanted.

    Parameters
    ----------
    tasks
        What instruments of this model are to be asked.
    model
        One entry of the configuration's `models`.
    store, index
        The folder of responses, and the file that is to say in which segment each wanted response is.

    Raises
    ------
    StudyError
        When something is missing and the model is not here, or the index cannot be written.
    """
    instruments = [task.instrument for task in tasks]
    for instrument in instruments:
        _keep_beside(instrument, store / "instruments" / f"{instrument.instrument_id}.json")
    with contextlib.ExitStack() as until:
        where = ask_missing(
            tasks,
            ResponseStore(store),
            lambda: (
                open_server(model, instruments, store, _tell, until)
                if model.get("server")
                else open_model(model, instruments, threads, root)
            ),
            _tell,
            again=can_be_asked(model, root),
        )
    try:
        _write(index, where)
    except OSError as error:
        raise StudyError(
            "The index of the responses could not be written.",
            file=index,
            found=error.strerror,
            hint="Make room on the disk and run again: the responses are kept, nothing is asked again.",
        ) from error


def _write(index: Path, where: Mapping[str, str]) -> None:
    half = index.with_suffix(".part")
    with half.open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["key", "segment"])
        writer.writerows(sorted(where.items()))
    half.replace(index)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _in_words(model: Mapping[str, Any]) -> str:
    versions = [f"{package} {version}" for package, version in sorted(model["engine"].items())]
    return ", ".join([f"sha256 {model['sha256']}", *versions])


def _keep_beside(instrument: Instrument, target: Path) -> None:
    """Keep every instrument that was ever used beside its responses."""
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        half = target.with_suffix(f".{os.getpid()}.part")  # another shard may be at it
        half.write_text(instrument.to_json(), encoding="utf-8")
        half.replace(target)


if __name__ == "__main__":
    from study.job import run

    run(main)
