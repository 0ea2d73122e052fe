"""Ask a model what the store does not know yet, and write down where every wanted response is."""

from __future__ import annotations

import csv
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.instrument import Instrument
from study.llm import NotEvaluatedError
from study.llm.model import engine_versions, locate, sha256_of
from study.store import FAILED, ResponseStore, response_key

if TYPE_CHECKING:
    from study.llm.engine import LabelEngine

REPEAT = 1
"""Label probabilities involve no chance, so one repeat says all."""


@dataclass(frozen=True)
class Question:
    """One text to be coded with one instrument."""

    key: str
    instrument: Instrument
    unit_id: str
    text: str
    text_sha256: str


def questions(units: pd.DataFrame, instruments: Sequence[Instrument]) -> list[Question]:
    """Return what the study wants to know, one question a distinct text and instrument.

    Parameters
    ----------
    units
        Columns unit_id, text, text_sha256.
    instruments
        With which the units are coded.
    """
    wanted: dict[str, Question] = {}
    for instrument in instruments:
        instrument_id = instrument.instrument_id
        for unit_id, text, digest in zip(units["unit_id"], units["text"], units["text_sha256"], strict=True):
            key = response_key(instrument_id, digest, REPEAT)
            wanted.setdefault(key, Question(key, instrument, unit_id, text, digest))
    return list(wanted.values())


def in_shard(text_sha256: str, shard: int, shards: int) -> bool:
    """Whether a text belongs to a shard: decided by its hash, so that new texts move no old one."""
    return int(text_sha256[:8], 16) % shards == shard


def code(engine: LabelEngine, question: Question) -> dict[str, Any]:
    """Ask one question; return the response as it is stored.

    Returns
    -------
    dict
        key, instrument_id, unit_id, text_sha256, repeat, status ('ok', 'too_long', 'empty' or 'failed'; the
        last comes with an `error`), log_p (natural logarithm of the un-renormalised probability of each label
        followed by the end of the turn, in the order of the instrument's labels; null unless 'ok'), n_tokens
        (prompt and text), truncated (tokens of the text that were left out).

    Raises
    ------
    StudyError
        When the prompt alone fills the context.
    """
    instrument = question.instrument
    response: dict[str, Any] = {
        "key": question.key,
        "instrument_id": instrument.instrument_id,
        "unit_id": question.unit_id,
        "text_sha256": question.text_sha256,
        "repeat": REPEAT,
        "status": "ok",
        "log_p": None,
        "n_tokens": 0,
        "truncated": 0,
    }
    if not question.text.strip():
        return response | {"status": "empty"}
    prefix = engine.prompt_tokens(instrument.before)
    suffix = engine.prompt_tokens(instrument.after)
    tree = engine.label_tree(instrument.answers, instrument.end_of_turn)
    text = engine.text_tokens(question.text)
    context = instrument.settings["context"]
    room = context - len(prefix) - len(suffix) - len(tree.nodes)
    if room < 1:
        raise StudyError(
            f"The prompt and the labels of '{instrument.construct}' alone fill the model's context.",
            file="config/study.yaml",
            key="coding.context",
            found=context,
            allowed=f"more than {context - room}",
            hint="Raise coding.context or shorten the codebook.",
        )
    if len(text) > room:
        if instrument.settings["too_long"] == "refuse":
            return response | {"status": "too_long", "n_tokens": len(prefix) + len(text) + len(suffix)}
        response["truncated"] = len(text) - room
        text = text[:room]
    response["n_tokens"] = len(prefix) + len(text) + len(suffix)
    try:
        log_p = engine.label_log_probabilities(prefix, text + suffix, tree)
    except NotEvaluatedError as error:
        return response | {"status": FAILED, "error": str(error)}
    return response | {"log_p": [float(p) for p in log_p]}


def ask_missing(
    wanted: Sequence[Question],
    store: ResponseStore,
    open_engine: Callable[[], LabelEngine],
    tell: Callable[[str], None],
) -> dict[str, str]:
    """Ask what the store does not hold, and return {key: segment} of everything wanted.

    The model is opened only when something is missing, or has failed before.
    """
    if saved := store.recover():
        tell(f"Saved {saved} responses of a job that had been interrupted.")
    where, failed = store.find(q.key for q in wanted)
    missing = [q for q in wanted if q.key not in where or q.key in failed]
    if not missing:
        tell(f"All {len(wanted)} responses are in the store; the model was asked 0 times.")
        return where
    engine = open_engine()
    before = engine.asked
    progress = Progress(len(missing), tell)
    with store.write() as journal:
        # Instrument by instrument: what texts share in a prompt is then evaluated once.
        for question in sorted(missing, key=lambda q: (q.instrument.instrument_id, q.key)):
            response = code(engine, question)
            journal.add(response)
            progress.count(response["n_tokens"], question.instrument.construct)
    where, failed = store.find(q.key for q in wanted)
    known = len(wanted) - len(missing)
    asked = engine.asked - before
    tell(f"The model was asked {asked} times; {known} of {len(wanted)} responses were in the store.")
    if failed:
        tell(f"{len(failed)} texts could not be evaluated; the next run of this program asks them again.")
    return where


class Progress:
    """Texts done, texts and tokens a second, and time left; a line now and then, readable in a log file."""

    def __init__(self, total: int, tell: Callable[[str], None], every: float = 10.0) -> None:
        """Start the clock; `every` is in seconds."""
        self._total, self._tell, self._every = total, tell, every
        self._done = self._tokens = 0
        self._start = self._last = time.monotonic()

    def count(self, tokens: int, construct: str) -> None:
        """Count one text, and say so when it is time."""
        self._done += 1
        self._tokens += tokens
        now = time.monotonic()
        if now - self._last < self._every and self._done not in (1, self._total):
            return
        self._last = now
        seconds = max(now - self._start, 1e-9)
        left = seconds / self._done * (self._total - self._done)
        self._tell(
            f"{construct}: {self._done} of {self._total} texts, {self._done / seconds:.1f} texts/s, "
            f"{self._tokens / seconds:.0f} tokens/s, {int(left // 60)} min {int(left % 60)} s left"
        )


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _units_to_code(units: Path, sample: Path, code_what: str) -> pd.DataFrame:
    table = pd.read_parquet(units, columns=["unit_id", "text", "text_sha256"])
    if code_what == "all":
        return table
    drawn = pd.read_csv(sample, dtype={"unit_id": str}, keep_default_na=False)["unit_id"]
    return table[table["unit_id"].isin(set(drawn))]


def main(
    *,
    units: Path,
    sample: Path,
    instruments: list[Path],
    model: dict,  # type: ignore[type-arg]
    settings: dict,  # type: ignore[type-arg]
    shard: int,
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
    settings
        context, shards, and `code`: {coder: 'sample' or 'all'}.
    store, index
        The folder of responses, and the file that is to say in which segment each wanted response is.
    """
    responses = ResponseStore(store)
    wanted: dict[str, Question] = {}
    read = [Instrument.read(path) for path in instruments]
    for instrument, path in zip(read, instruments, strict=True):
        chosen = _units_to_code(units, sample, settings["code"][instrument.coder])
        mine = [in_shard(digest, shard, settings["shards"]) for digest in chosen["text_sha256"]]
        here = chosen[np.array(mine, dtype=bool)]
        wanted |= {q.key: q for q in questions(here, [instrument]) if q.key not in wanted}
        _keep_beside(path, store / "instruments" / f"{instrument.instrument_id}.json")

    def open_engine() -> LabelEngine:
        path = locate(model, root)
        if path is None:
            raise StudyError(
                "Texts are to be coded, but the model is not installed here.",
                file="config/study.yaml",
                key="models",
                found=str(model.get("path") or model.get("file")),
                hint="Run 'python3 environment.py --llm'; or 'dvc pull' if a colleague has coded the texts.",
            )
        here = _in_words({"sha256": sha256_of(path), "engine": engine_versions()})
        for instrument in read:
            if _in_words(instrument.model) != here:
                raise StudyError(
                    "The model here, or the packages that run it, are not those of this study's instruments.",
                    file=path.name,
                    found=here,
                    allowed=_in_words(instrument.model),
                    hint="Delete results/models and run again: another model gives other responses.",
                )
        from study.llm.engine import LabelEngine

        return LabelEngine(path, context=settings["context"], threads=threads)

    where = ask_missing(list(wanted.values()), responses, open_engine, _tell)
    half = index.with_suffix(".part")
    with half.open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["key", "segment"])
        writer.writerows(sorted(where.items()))
    half.replace(index)


def _in_words(model: dict[str, Any]) -> str:
    versions = [f"{package} {version}" for package, version in sorted(model["engine"].items())]
    return ", ".join([f"sha256 {model['sha256']}", *versions])


def _keep_beside(source: Path, target: Path) -> None:
    """Keep every instrument that was ever used beside its responses."""
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        half = target.with_suffix(f".{os.getpid()}.part")  # another shard may be at it
        half.write_bytes(source.read_bytes())
        half.replace(target)


if __name__ == "__main__":
    from study.job import run

    run(main)
