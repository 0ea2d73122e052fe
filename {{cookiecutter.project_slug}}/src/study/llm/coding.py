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

import pandas as pd

from study.errors import StudyError
from study.instrument import Instrument
from study.llm.model import locate, sha256_of
from study.store import ResponseStore, response_key

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
        for unit_id, text, digest in zip(units["unit_id"], units["text"], units["text_sha256"], strict=True):
            key = response_key(instrument.instrument_id, digest, REPEAT)
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
        key, instrument_id, unit_id, text_sha256, repeat, status ('ok', 'too_long', 'empty'), log_p (natural
        logarithm of the un-renormalised probability of each label followed by the end of the turn, in the
        order of the instrument's labels; null unless asked), n_tokens (prompt and text), truncated (tokens
        of the text that were left out).
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
    tree = engine.label_tree(instrument.labels, instrument.end_of_turn)
    text = engine.text_tokens(question.text)
    room = engine.room - len(prefix) - len(suffix) - len(tree.nodes)
    if room < 1:
        raise StudyError(
            f"The prompt of '{instrument.construct}' alone fills the model's context of {engine.room} tokens.",
            file="config/study.yaml",
            key="coding.context",
            found=engine.room,
            hint="Raise coding.context or shorten the codebook.",
        )
    if len(text) > room:
        if instrument.settings["too_long"] == "refuse":
            return response | {"status": "too_long", "n_tokens": len(prefix) + len(text) + len(suffix)}
        response["truncated"] = len(text) - room
        text = text[:room]
    log_p = engine.label_log_probabilities(prefix, text + suffix, tree)
    return response | {"log_p": [float(p) for p in log_p], "n_tokens": len(prefix) + len(text) + len(suffix)}


def ask_missing(
    wanted: Sequence[Question],
    store: ResponseStore,
    open_engine: Callable[[], LabelEngine],
    tell: Callable[[str], None],
) -> dict[str, str]:
    """Ask what the store does not hold, and return {key: segment} of everything wanted.

    The model is opened only when something is missing.
    """
    if saved := store.recover():
        tell(f"Saved {saved} responses of a job that had been interrupted.")
    known = store.answered(q.key for q in wanted)
    missing = [q for q in wanted if q.key not in known]
    if not missing:
        tell(f"All {len(wanted)} responses are in the store; the model was asked 0 times.")
        return store.known(q.key for q in wanted)
    engine = open_engine()
    progress = Progress(len(missing), tell)
    with store.write() as journal:
        # Instrument by instrument: what texts share in a prompt is then evaluated once.
        for question in sorted(missing, key=lambda q: (q.instrument.instrument_id, q.key)):
            response = code(engine, question)
            journal.add(response)
            progress.count(response["n_tokens"], question.instrument.construct)
    tell(f"The model was asked {engine.asked} times; {len(known)} of {len(wanted)} responses were in the store.")
    return store.known(q.key for q in wanted)


class Progress:
    """Texts done, texts and tokens a second, and time left; a line now and then, readable in a log file."""

    def __init__(self, total: int, tell: Callable[[str], None], every: float = 10.0) -> None:
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


def main(  # noqa: D417
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
    settings
        context, shards, and `code`: {coder: 'sample' or 'all'}.
    """
    responses = ResponseStore(store)
    wanted: dict[str, Question] = {}
    read = [Instrument.read(path) for path in instruments]
    for instrument, path in zip(read, instruments, strict=True):
        chosen = _units_to_code(units, sample, settings["code"][instrument.coder])
        here = chosen[[in_shard(digest, shard, settings["shards"]) for digest in chosen["text_sha256"]]]
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
                hint="Run 'python3 environment.py --llm'; or, if a colleague coded the texts, run 'dvc pull'.",
            )
        if sha256_of(path) != read[0].model["sha256"]:
            raise StudyError(
                "The model file is not the one that this study's instruments were made for.", file=path.name
            )
        from study.llm.engine import LabelEngine

        return LabelEngine(path, context=settings["context"], threads=threads)

    where = ask_missing(list(wanted.values()), responses, open_engine, _tell)
    half = index.with_suffix(".part")
    with half.open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["key", "segment"])
        writer.writerows(sorted(where.items()))
    os.replace(half, index)


def _keep_beside(source: Path, target: Path) -> None:
    """Keep every instrument that was ever used beside its responses."""
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())


if __name__ == "__main__":
    from study.job import run

    run(main)
