"""Coding jobs in a folder, for tests: instruments, texts, the program, and what it left."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

import study
from library.embedded import UNPACKED
from study.codebook import Codebook
from study.digest import text_sha256
from study.instrument import Instrument, build
from study.llm.coding import ask_missing
from study.llm.engine import LabelEngine
from study.requests import Task, requests, texts_of
from study.store import ResponseStore

CONTEXT = 512
TONE: dict[str, Any] = {
    "construct": "tone",
    "question": "How is it?",
    "type": "classify",
    "level": "ordinal",
    "categories": {"good": {"value": 1}, "bad": {"value": -1}},
    "system": "You code texts.",
}
LENGTH: dict[str, Any] = {
    **TONE,
    "construct": "length",
    "question": "Is it long?",
    "categories": {"long": None, "short": None},
}


def instrument(card: dict[str, Any], *books: dict[str, Any], **settings: Any) -> Instrument:
    """Return the instrument of some codebooks (TONE's without any)."""
    settings = {"context": CONTEXT, "too_long": "refuse"} | settings
    return build([Codebook.from_dict(book) for book in books or (TONE,)], "llm", card, **settings)


def units(texts: Sequence[str]) -> pd.DataFrame:
    """Return the table of units with these texts: u000, u001 ..."""
    return pd.DataFrame(
        {
            "unit_id": [f"u{n:03d}" for n in range(len(texts))],
            "text": pd.Series(list(texts), dtype=object),  # an Arrow string cannot hold half a character
            "text_sha256": [text_sha256(text) for text in texts],
        }
    )


def task(texts: Sequence[str], of: Instrument, references: Sequence[str] = (), **how: Any) -> Task:
    """Return what an instrument is asked about some texts."""
    table = texts_of(units(texts), references)
    return Task(of, table, list(requests(table, of, **how)))


def some(n: int, first: int = 0) -> list[str]:
    """Return n short texts."""
    return [f"Text {i}: what a day!" for i in range(first, first + n)]


class Job:
    """One job after the other on a store: what was said, and how often the model was opened and asked."""

    def __init__(self, folder: Path, engine: LabelEngine) -> None:
        self.store, self.engine = ResponseStore(folder), engine
        self.opened = 0
        self.said: list[str] = []

    def ask(self, texts: Sequence[str], *instruments: Instrument) -> int:
        """Run a job; return how often the model was asked."""
        before, self.said = self.engine.asked, []
        tasks = [task(texts, one) for one in instruments]
        self.where = ask_missing(tasks, self.store, self._open, self.said.append)
        return self.engine.asked - before

    def responses(self) -> dict[str, dict[str, Any]]:
        """Return {key: response}."""
        return {one["key"]: one for one in self.store.read(self.where)}

    def _open(self) -> LabelEngine:
        self.opened += 1
        return self.engine


class Study:
    """A study's folder, and the arguments that the rule hands over."""

    def __init__(self, root: Path, texts: Sequence[str], instruments: Sequence[Instrument]) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.instruments = [root / f"{one.name}.json" for one in instruments]
        for path, one in zip(self.instruments, instruments, strict=True):
            path.write_text(one.to_json(), encoding="utf-8")
        (root / "sample.csv").write_text("unit_id,stratum\nu001,x\nu002,x\n", encoding="utf-8")
        self.write(texts)

    def write(self, texts: Sequence[str]) -> None:
        """Write the units."""
        units(texts).to_parquet(self.root / "units.parquet")

    def arguments(
        self, *, shard: int = 0, shards: int = 1, what: str = "all", **others: Any
    ) -> dict[str, Any]:
        """Return the program's arguments."""
        return {
            "units": self.root / "units.parquet",
            "sample": self.root / "sample.csv",
            "instruments": self.instruments,
            "model": UNPACKED,
            "asked": {"llm": {"which": what, "repeats": 1, "designs": {}, "references": {}}},
            "threads": 1,
            "shard": shard,
            "shards": shards,
            "store": self.root / "responses",
            "index": self.root / f"index.{shard}-of-{shards}.csv",
        } | others

    def command(self, **others: Any) -> list[str]:
        """Return the program's command line."""
        words = [sys.executable, "-m", "study.llm.coding"]
        for name, value in self.arguments(**others).items():
            words.append(f"--{name}")
            if isinstance(value, list):
                words += [str(one) for one in value]
            else:
                words.append(json.dumps(value) if isinstance(value, dict) else str(value))
        return words

    def index(self, shard: int = 0, shards: int = 1) -> dict[str, str]:
        """Return {key: segment}."""
        with (self.root / f"index.{shard}-of-{shards}.csv").open(encoding="ascii", newline="") as rows:
            return {row["key"]: row["segment"] for row in csv.DictReader(rows)}

    def responses(self, shards: int = 1) -> dict[str, dict[str, Any]]:
        """Return {key: response} of all shards."""
        where = {
            key: segment for shard in range(shards) for key, segment in self.index(shard, shards).items()
        }
        return {one["key"]: one for one in ResponseStore(self.root / "responses").read(where)}


def environment() -> dict[str, str]:
    """Return the environment in which programs of the study run."""
    return {**os.environ, "PYTHONPATH": str(Path(study.__file__).parents[1]), "OMP_NUM_THREADS": "1"}


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a program."""
    return subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
