"""What language models have cost: tokens, time and money of the responses that a study stands on.

Each response is counted once, in the row of the first coder that uses it, coders before experiments: rows can
be added up. Answers to earlier settings, and failures that were asked again, are in the store but in no row.
"""

from __future__ import annotations

import csv
import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.experiment.trials import Experiment
from study.instrument import Instrument
from study.requests import read_units, tasks
from study.server.settings import Price
from study.store import FAILED, ResponseStore
from study.validity.table import write_table

COLUMNS = [
    "coder", "model", "server", "n_responses", "n_failed", "n_requests", "tokens_read", "tokens_written",
    "tokens_unknown", "money", "currency", "seconds", "seconds_a_response", "first_date", "last_date",
    "models_reported", "fingerprints", "note",
]  # fmt: skip
_WHOLE = (
    "n_responses", "n_failed", "n_requests", "tokens_read", "tokens_written", "tokens_unknown", "fingerprints"
)  # fmt: skip
SEPARATOR = "; "
HERE = "runs here"
NO_PRICE = "the price is not in the configuration"
EXPERIMENT = "experiment "
"""Stands before the name of an experiment in the column `coder`."""


@dataclass
class Tally:
    """What the responses of one row took, added up as they are read.

    Attributes
    ----------
    coder, model, server
        The row's coder or experiment, its model in the configuration, and the server's address; empty for a
        model that runs here.
    elsewhere
        How many of its responses stand in the row of another coder, by that coder.
    """

    coder: str
    model: str
    server: str
    elsewhere: Counter[str] = field(default_factory=Counter)
    _counts: Counter[str] = field(default_factory=Counter)
    _seconds: array[float] = field(default_factory=lambda: array("d"))
    _dates: set[str] = field(default_factory=set)
    _models: set[str] = field(default_factory=set)
    _fingerprints: set[str] = field(default_factory=set)

    def count(self, response: Mapping[str, Any], *, imported: bool) -> None:
        """Add a response; an imported one was paid for by another study."""
        read, written = response["n_tokens"], response["n_written"]
        unknown = read is None or written is None
        self._counts.update(
            n_responses=1,
            n_failed=response["status"] == FAILED,
            tokens_read=read or 0,
            tokens_written=written or 0,
            tokens_unknown=unknown,
            imported=imported,
        )
        if not imported:
            self._counts.update(paid_read=read or 0, paid_written=written or 0, paid_unknown=unknown)
        if said := response.get("server"):
            self._counts["n_requests"] += said["requests"]
            self._seconds.append(said["seconds"])
            self._dates.add(said["date"])
            self._models |= {said["model"]} - {None}
            self._fingerprints |= {said["system_fingerprint"]} - {None}

    def row(self, price: Price | None) -> dict[str, object]:
        """Return the row of the table; without a price, or with tokens not counted, money is not known."""
        counts, served = self._counts, bool(self.server)
        spent = price.of(counts["paid_read"], counts["paid_written"]) if price else None
        known = served and spent is not None and not counts["paid_unknown"]
        found: dict[str, object] = {
            "coder": self.coder,
            "model": self.model,
            "server": self.server,
            **{name: counts[name] for name in _WHOLE if name != "fingerprints"},
            "money": spent if known else None,
            "currency": price.currency if price and known else "",
            "note": SEPARATOR.join(self._notes(price, spent)),
        }
        if not served:
            return found | {"n_requests": None, "tokens_unknown": None}
        return found | {
            "seconds": math.fsum(self._seconds) if self._seconds else None,
            "seconds_a_response": float(np.median(np.asarray(self._seconds))) if self._seconds else None,
            "first_date": min(self._dates, default=""),
            "last_date": max(self._dates, default=""),
            "models_reported": SEPARATOR.join(sorted(self._models)),
            "fingerprints": len(self._fingerprints),
        }

    def _notes(self, price: Price | None, spent: float | None) -> Iterable[str]:
        if not self.server:
            yield HERE
        elif price is None or spent is None:
            yield NO_PRICE
        elif unknown := self._counts["paid_unknown"]:
            others = f", the others cost {spent:.10g} {price.currency}" if spent else ""
            yield f"the server did not count the tokens of {_responses(unknown)}{others}"
        if imported := self._counts["imported"]:
            yield f"of another study, which cost this one nothing: {_responses(imported)}"
        for coder, n in sorted(self.elsewhere.items()):
            yield f"in the row of {coder}: {_responses(n)} more"


def add_up(
    *,
    instruments: Sequence[Instrument],
    indexes: Iterable[Path],
    experiments: Sequence[Experiment],
    trial_indexes: Sequence[Path],
    store: Path,
    claimed: dict[str, str],
) -> list[Tally]:
    """Read the responses of every coder and experiment, one index after the other.

    Parameters
    ----------
    instruments
        Of every coder, in the order of the rows.
    indexes, trial_indexes
        Where the responses of each model are, and those of each experiment and model
        (`<experiment>.<model>.csv`).
    claimed
        {key: coder} of responses to instruments that several coders have in common; emptied as they are read.
    """
    responses = ResponseStore(store)
    own = {path.stem for path in (store / "segments").glob("*.jsonl")}
    rows = {one.coder: Tally(one.coder, one.model["name"], _server(one)) for one in instruments}
    coders: dict[str, set[str]] = defaultdict(set)
    for one in instruments:
        coders[one.instrument_id].add(one.coder)
    trials = {path: _read_index(path) for path in trial_indexes}
    tried = set().union(*trials.values())
    counted: dict[str, str] = {}  # of the keys that experiments use, which are few
    for index in indexes:
        where = _read_index(index)
        for response in responses.read(where):
            key, mine = response["key"], coders[response["instrument_id"]]
            coder = next(iter(mine)) if len(mine) == 1 else claimed.pop(key, None)
            if coder is None:  # one file under two names, and this response has been counted
                continue
            rows[coder].count(response, imported=where[key] not in own)
            if key in tried:
                counted[key] = coder
    found = list(rows.values())
    servers = {trial.model: _server(trial.instrument) for one in experiments for trial in one.trials}
    for path, where in trials.items():
        experiment, _, model = path.stem.partition(".")
        row = Tally(f"{EXPERIMENT}{experiment}", model, servers[model])
        new = {key: segment for key, segment in where.items() if key not in counted}
        row.elsewhere.update(counted[key] for key in where if key not in new)
        for response in responses.read(new):
            row.count(response, imported=where[response["key"]] not in own)
        counted |= dict.fromkeys(new, row.coder)
        found.append(row)
    return found


def _responses(n: int) -> str:
    return f"{n} response{'s' * (n != 1)}"


def _read_index(path: Path) -> dict[str, str]:
    """Return {key: segment}, with one string for all keys of a segment."""
    names: dict[str, str] = {}
    with path.open(encoding="ascii", newline="") as file:
        return {row["key"]: names.setdefault(row["segment"], row["segment"]) for row in csv.DictReader(file)}


def _server(instrument: Instrument) -> str:
    return str((instrument.model.get("server") or {}).get("url") or "")


def claims(
    instruments: Sequence[Instrument], units: Path, sample: Path, asked: Mapping[str, Any]
) -> tuple[dict[str, str], dict[str, Counter[str]]]:
    """Say whose responses are whose, where coders have an instrument in common (but read other texts, say).

    Returns
    -------
    claimed, elsewhere
        {key: the first coder that wants the response}, and for each coder how many responses are another's.
    """
    several: dict[str, set[str]] = defaultdict(set)
    for one in instruments:
        several[one.instrument_id].add(one.coder)
    common = [one for one in instruments if len(several[one.instrument_id]) > 1]
    claimed: dict[str, str] = {}
    elsewhere: dict[str, Counter[str]] = defaultdict(Counter)
    if common:
        mine = {one.coder: asked[one.coder] for one in common}
        table = read_units(units, ["unit_id", "text_sha256"], (one.get("text") for one in mine.values()))
        for task in tasks(table, sample, common, mine):
            for request in task.wanted:
                first = claimed.setdefault(request.key, task.instrument.coder)
                if first != task.instrument.coder:
                    elsewhere[task.instrument.coder][first] += 1
    return claimed, elsewhere


def costs_table(tallies: Iterable[Tally], prices: Mapping[str, Mapping[str, Any] | None]) -> pd.DataFrame:
    """Return the table; `prices` are those of the configuration's models, by name."""
    priced = {name: Price(**price) for name, price in prices.items() if price}
    frame = pd.DataFrame([one.row(priced.get(one.model)) for one in tallies], columns=COLUMNS)
    return frame.astype(dict.fromkeys(_WHOLE, "Int64"))


def main(
    *,
    units: Path,
    sample: Path,
    instruments: list[Path],
    asked: dict,  # type: ignore[type-arg]
    prices: dict,  # type: ignore[type-arg]
    indexes: list[Path],
    trials: list[Path],
    trial_indexes: list[Path],
    store: Path,
    table: Path,
) -> None:
    """Write what language models have cost.

    Parameters
    ----------
    asked
        What each coder is asked, see `study.requests.tasks`.
    prices
        {model: read, written, currency} of servers; null where a price is not known.
    trials, trial_indexes
        Of each experiment, and of each experiment and model.
    """
    read = [Instrument.read(path) for path in instruments]
    claimed, elsewhere = claims(read, units, sample, asked)
    experiments = [Experiment.read(path) for path in trials]
    found = add_up(
        instruments=read,
        indexes=indexes,
        experiments=experiments,
        trial_indexes=trial_indexes,
        store=store,
        claimed=claimed,
    )
    for row in found:
        row.elsewhere.update(elsewhere.get(row.coder, {}))
    write_table(costs_table(found, prices), table)


if __name__ == "__main__":
    from study.job import run

    run(main)
