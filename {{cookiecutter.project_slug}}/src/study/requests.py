"""What a study wants to know from a language model: which texts, with which instrument, how often.

A request is named by its key, the sha256 of instrument, text (or pair of texts) and repeat. It needs no
model, so what is missing, what is asked and what is tabulated are always the same list.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from pyarrow import parquet

from study import pairs
from study.digest import text_sha256
from study.errors import StudyError
from study.instrument import Instrument
from study.store import response_key

REFERENCE = ""
"""The unit_id of a text that only calibration needs."""


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
        return str(self.texts["text_sha256"].iat[row])


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
        wanted = list(requests(texts, instrument, repeats=mine["repeats"], design=design))
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

    place = [int(str(digest)[:8], 16) for digest in task.texts["text_sha256"]]

    def mine(request: Request) -> bool:
        return min(place[row] for row in request.rows) % shards == shard

    return replace(task, wanted=[request for request in task.wanted if mine(request)])


def chosen(units: pd.DataFrame, sample: Path, which: str) -> pd.DataFrame:
    """Return the units that a coder codes: 'all', or those of the 'sample'."""
    if which == "all":
        return units.reset_index(drop=True)
    drawn = pd.read_csv(sample, dtype={"unit_id": str}, keep_default_na=False)["unit_id"]
    return units[units["unit_id"].isin(set(drawn))].reset_index(drop=True)


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
) -> Iterator[Request]:
    """Yield what is wanted, each distinct text (or pair of texts) and repeat once, in the order of the texts.

    Parameters
    ----------
    texts
        From `texts_of`.
    repeats
        How often each text is asked about; more than once only where answers are drawn by chance.
    design
        For comparisons: rounds and seed of `study.pairs.draw`; both orders of each pair are asked.
    """
    row_of: dict[str, int] = {}
    for row, digest in enumerate(texts["text_sha256"]):
        row_of.setdefault(digest, row)
    if instrument.compares:
        drawn = pairs.draw(list(row_of), **(design or {}))
        asked: list[tuple[str, ...]] = [pair for a, b in drawn for pair in ((a, b), (b, a))]
    else:
        asked = [(digest,) for digest in row_of]
    for digests in asked:
        rows = tuple(row_of[digest] for digest in digests)
        for repeat in range(1, repeats + 1):
            yield Request(response_key(instrument.instrument_id, pair_sha256(digests), repeat), rows, repeat)


def pair_sha256(digests: Sequence[str]) -> str:
    """Return what stands for the text in a response's key: its sha256, or that of both together."""
    return digests[0] if len(digests) == 1 else hashlib.sha256("|".join(digests).encode()).hexdigest()
