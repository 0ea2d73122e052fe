"""Deviations: what was changed after the study was frozen, from what to what."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from study.gold import frozen as record
from study.gold.frozen import NAMED, sections

COLUMNS = ["what", "name", "key", "frozen", "now", "note"]

WORDS = {
    "codebooks": "codebook",
    "hypotheses": "hypothesis",
    "analyses": "analysis",
    "coders": "coder",
    "models": "model",
}
"""What one thing of a section is called."""

LONGEST = 200
"""Characters of a value that the table shows."""

_NOTHING = object()


def deviations(entries: Sequence[Mapping[str, Any]], study: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return what differs between what was frozen and the study as it is.

    Parameters
    ----------
    entries
        Of config/frozen.json, oldest first; empty where the study is not frozen.
    study
        The configuration, as `study.config.load` returns it.

    Returns
    -------
    list
        Rows with COLUMNS, all text: what was frozen first and then frozen again with a change, then what has
        changed since. `what` is codebook, hypothesis, analysis, coder, model, gold, compare, sample or units;
        `key` is dotted, and empty where the whole thing was added or removed; so is what is not there.
    """
    rows: list[dict[str, str]] = []
    for before, after in itertools.pairwise(entries):
        reason = f": {after['reason']}" if after.get("reason") else ""
        note = f"frozen again on {after['date'][:10]}{reason}"
        rows += _rows(before["sections"], after["sections"], note)
    if entries:
        note = f"changed since it was frozen on {entries[-1]['date'][:10]}"
        rows += _rows(entries[-1]["sections"], sections(study), note)
    return rows


def differences(old: object, new: object, key: str = "") -> Iterator[tuple[str, object, object]]:
    """Yield (dotted key, old value, new value) of the deepest values that differ; '' where there is none.

    A list is one value. The categories of a codebook that only change their order are one difference too.
    """
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for part in [*old, *(part for part in new if part not in old)]:
            below = f"{key}.{part}" if key else str(part)
            yield from differences(old.get(part, _NOTHING), new.get(part, _NOTHING), below)
        if key.rpartition(".")[2] == "categories" and set(old) == set(new) and list(old) != list(new):
            yield key, list(old), list(new)
    elif type(old) is not type(new) or old != new:
        yield key, "" if old is _NOTHING else old, "" if new is _NOTHING else new


def changed_keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the keys of a codebook under which something has changed, in their order."""
    return list(dict.fromkeys(key.partition(".")[0] for key, _, _ in differences(old, new)))


def _rows(
    old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]], note: str
) -> Iterator[dict[str, str]]:
    for section in record.SECTIONS:
        if section not in NAMED:
            for key, before, after in differences(old[section], new[section]):
                yield _row(section, "", key, before, after, note)
            continue
        for name in dict.fromkeys([*old[section], *new[section]]):
            what, before, after = WORDS[section], old[section].get(name), new[section].get(name)
            if before is None or after is None:
                happened = "added" if before is None else "removed"
                yield _row(what, name, "", before or "", after or "", f"{happened}; {note}")
                continue
            for key, one, other in differences(before, after):
                order = isinstance(before.get(key), Mapping) and isinstance(one, list)
                yield _row(what, name, key, one, other, f"another order; {note}" if order else note)


def _row(*cells: object) -> dict[str, str]:
    return dict(zip(COLUMNS, map(_shown, cells), strict=True))


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def main(*, frozen: list[Path], overrides: dict, table: Path, root: Path = Path()) -> None:  # type: ignore[type-arg]
    """Write the table of deviations.

    Parameters
    ----------
    frozen
        config/frozen.json; none where the study is not frozen.
    overrides
        What Snakemake was given on the command line.
    """
    import pandas as pd

    from study.config import load
    from study.gold.options import others
    from study.validity.table import write_table

    entries = [entry for file in frozen for entry in record.read(file)]
    rows = deviations(entries, load(root, others(overrides))) if entries else []
    write_table(pd.DataFrame(rows, columns=COLUMNS), table)


if __name__ == "__main__":
    from study.job import run

    run(main)
