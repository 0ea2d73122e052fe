"""What a study wants to know from a language model: which texts, with which instrument, how often.

A request is named by its key, the sha256 of instrument, text (or pair of texts) and repeat. It needs no
model, so what is missing, what is asked and what is tabulated are always the same list.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np
import pandas as pd
from pyarrow import parquet

from study import pairs
from study.digest import text_sha256
from study.errors import StudyError
from study.instrument import Instrument
from study.sample import is_drawn
from study.store import response_key

REFERENCE = ""
"""The unit_id of a text that only calibration needs."""

AT_ONCE = 10_000
"""Requests whose keys are computed together."""


class Request(NamedTuple):
    """One response that is wanted.

    Attributes
    ----------
    key
        Of the response.
    rows
        Where the text stands in the table of texts, or the first and the second of two.
    repeat
        From 1.
    """

    key: str
    rows: tuple[int, ...]
    repeat: int


class Requests(Sequence[Request]):
    """Requests whose keys are computed whenever they are looked at: a million of them need 16 MB, not 300.

    Parameters
    ----------
    instrument
        That is asked.
    digests
        The texts' sha256, by row.
    rows
        The rows of each request's texts, shape (requests, 1 or 2).
    repeats
        Of each request, from 1.
    """

    def __init__(
        self, instrument: Instrument, digests: pd.Series, rows: np.ndarray, repeats: np.ndarray
    ) -> None:
        """Keep what keys are computed from."""
        self._instrument = instrument
        self._digests = digests
        self.rows = rows
        self.repeats = repeats

    def __len__(self) -> int:
        """How many."""
        return len(self.repeats)

    @overload
    def __getitem__(self, which: int) -> Request: ...

    @overload
    def __getitem__(self, which: slice) -> Requests: ...

    def __getitem__(self, which: int | slice) -> Request | Requests:
        """Return one, or a part as `Requests`."""
        if isinstance(which, slice):
            return self.only(which)
        at = range(len(self))[which]
        return next(iter(self.only(slice(at, at + 1))))

    def __iter__(self) -> Iterator[Request]:
        """Yield all, in order."""
        instrument_id = self._instrument.instrument_id
        for begin in range(0, len(self), AT_ONCE):
            rows = self.rows[begin : begin + AT_ONCE]
            digests = self._digests.array.take(rows.ravel()).tolist()
            each = zip(*[iter(digests)] * rows.shape[1], strict=True)
            repeats = self.repeats[begin : begin + AT_ONCE].tolist()
            for of, where, repeat in zip(each, rows.tolist(), repeats, strict=True):
                yield Request(response_key(instrument_id, pair_sha256(of), repeat), tuple(where), repeat)

    def only(self, which: slice | np.ndarray) -> Requests:
        """Return some of them: a slice, their numbers, or a truth value each."""
        return Requests(self._instrument, self._digests, self.rows[which], self.repeats[which])


@dataclass(frozen=True)
class Task:
    """What one instrument is to be asked.

    Attributes
    ----------
    instrument
        How it is asked.
    texts
        Columns unit_id, text_sha256, and text where it is needed; reference texts come last.
    wanted
        The responses, by the rows of their texts.
    """

    instrument: Instrument
    texts: pd.DataFrame
    wanted: Sequence[Request]

    def sha256_of(self, row: int) -> str:
        """Return the sha256 of the text in a row."""
        return str(self._columns["text_sha256"][row])

    def unit_of(self, row: int) -> str:
        """Return the unit_id in a row."""
        return str(self._columns["unit_id"][row])

    def text_of(self, row: int) -> str:
        """Return the text in a row."""
        return str(self._columns["text"][row])

    @functools.cached_property
    def _columns(self) -> dict[str, Any]:
        # Of a table itself a single cell takes ten times as long.
        return {str(name): self.texts[name].array for name in self.texts}


def tasks(
    table: pd.DataFrame, sample: Path, instruments: Sequence[Instrument], asked: Mapping[str, Any]
) -> list[Task]:
    """Return what each instrument is to be asked.

    Parameters
    ----------
    table
        All units: unit_id, text_sha256, and text where it is needed.
    sample
        The file with the ids of the sample.
    asked
        {coder: {which, repeats, designs, references}}: 'sample' or 'all'; how often; and for the name of each
        codebook file the design of its pairs and the reference texts of its calibration, where it has them;
        and `text` where the coder reads another column than `text`.
    """
    found = []
    for instrument in instruments:
        mine, name = asked[instrument.coder], instrument.name
        units = in_column(chosen(table, sample, mine["which"]), mine.get("text"))
        texts = texts_of(units, mine["references"].get(name, ()))
        design = mine["designs"].get(name)
        wanted = requests(texts, instrument, repeats=mine["repeats"], design=design)
        found.append(Task(instrument, texts, wanted))
    return found


def read_units(path: Path, columns: Sequence[str], others: Iterable[str | None] = ()) -> pd.DataFrame:
    """Read the table of units.

    Parameters
    ----------
    columns
        Those that it has in every study.
    others
        Those of the corpus that are needed too; None for none.

    Raises
    ------
    StudyError
        The corpus has no such column.
    """
    wanted = [*columns, *(column for column in others if column is not None)]
    there = parquet.read_schema(path).names
    for column in wanted:
        if column not in there:
            raise StudyError(
                "There is no such column among the covariates of the corpus.",
                file="config/study.yaml",
                found=column,
                allowed=[
                    name for name in there if name not in ("unit_id", "document_id", "text", "text_sha256")
                ],
            )
    return pd.read_parquet(path, columns=list(dict.fromkeys(wanted)))


def in_column(units: pd.DataFrame, column: str | None) -> pd.DataFrame:
    """Return the units with the texts of another column in place of theirs; None leaves them as they are.

    A missing text is an empty one. `text` is there afterwards where it was there before.
    """
    kept = [name for name in ("unit_id", "text", "text_sha256") if name in units]
    if column is None:
        return units[kept]
    texts = [
        str(text) if there else "" for text, there in zip(units[column], units[column].notna(), strict=True)
    ]
    replaced = units.assign(text_sha256=[text_sha256(text) for text in texts])
    return (replaced.assign(text=texts) if "text" in kept else replaced)[kept]


def in_shard(task: Task, shard: int, shards: int) -> Task:
    """Return the part of a task that one of several jobs does.

    The texts' hashes decide, so that new texts move no old one.
    """
    place = np.array([int(digest[:8], 16) for digest in task.texts["text_sha256"].tolist()], dtype=np.int64)
    if isinstance(task.wanted, Requests):
        mine = place[task.wanted.rows].min(axis=1) % shards == shard
        return replace(task, wanted=task.wanted.only(mine))
    return replace(
        task,
        wanted=[one for one in task.wanted if min(place[row] for row in one.rows) % shards == shard],
    )


def without(task: Task, known: Set[str]) -> Task:
    """Return a task without the requests whose keys are known."""
    if isinstance(task.wanted, Requests):
        missing = np.array([request.key not in known for request in task.wanted], dtype=bool)
        return replace(task, wanted=task.wanted.only(missing))
    return replace(task, wanted=[request for request in task.wanted if request.key not in known])


def chosen(units: pd.DataFrame, sample: Path, which: str) -> pd.DataFrame:
    """Return the units that a coder codes: 'all', or those of the 'sample'."""
    if which == "all":
        return units.reset_index(drop=True)
    columns: Any = {"usecols": ["unit_id"], "dtype": {"unit_id": "str"}, "keep_default_na": False}
    mine = is_drawn(units["unit_id"], pd.read_csv(sample, **columns)["unit_id"])
    return (units if mine.all() else units[mine]).reset_index(drop=True)


def texts_of(units: pd.DataFrame, references: Sequence[str] = ()) -> pd.DataFrame:
    """Return the texts that an instrument is asked about: the units, then the reference texts.

    Parameters
    ----------
    units
        Columns unit_id, text_sha256, and text where the model is to be asked.
    references
        The texts that calibration compares with.
    """
    if not references:
        return units
    extra = pd.DataFrame(
        {
            "unit_id": REFERENCE,
            "text": list(references),
            "text_sha256": [text_sha256(text) for text in references],
        }
    )
    return pd.concat([units, extra[list(units.columns)]], ignore_index=True)


def requests(
    texts: pd.DataFrame,
    instrument: Instrument,
    *,
    repeats: int = 1,
    design: Mapping[str, Any] | None = None,
) -> Requests:
    """Return what is wanted: each distinct text (or pair) and repeat once, in the order of the texts.

    Parameters
    ----------
    texts
        From `texts_of`.
    repeats
        How often each text is asked about; more than once only where answers are drawn by chance.
    design
        For comparisons: rounds and seed of `study.pairs.draw`; both orders of each pair are asked.
    """
    digests = texts["text_sha256"]
    first = np.flatnonzero(~digests.duplicated().to_numpy())
    if instrument.compares:
        row_of = dict(zip(digests.array.take(first).tolist(), first.tolist(), strict=True))
        drawn = pairs.draw(list(row_of), **(design or {}))
        both = [(row_of[x], row_of[y]) for a, b in drawn for x, y in ((a, b), (b, a))]
        rows = np.array(both, dtype=np.int64).reshape(-1, 2)
    else:
        rows = first.reshape(-1, 1)
    return Requests(
        instrument, digests, np.repeat(rows, repeats, axis=0), np.tile(np.arange(1, repeats + 1), len(rows))
    )


def pair_sha256(digests: Sequence[str]) -> str:
    """Return what stands for the text in a response's key: its sha256, or that of both together."""
    return digests[0] if len(digests) == 1 else hashlib.sha256("|".join(digests).encode()).hexdigest()
