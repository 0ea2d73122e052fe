"""Write the paragraphs about the study's tables; no model is needed.

Where a model was asked, its answer is the probability of every sentence that may say a fact, the end of its
turn included: the model's own distribution, restricted to the grammar. The most probable sentence is taken.
Probability favours short sentences, and the mean per token would favour long ones with many figures in them;
so the sentences of one fact are of nearly equal length (a test holds them to it), and it does not matter.

Within a paragraph no wording of a kind comes again before the others of its kind have had their turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from study.errors import StudyError
from study.narrative.facts import Paragraph, read
from study.narrative.wordings import in_order
from study.store import ResponseStore
from study.validity.table import write_table

COLUMNS = ("table", "place", "construct", "sentence_number", "sentence", "wording")
MODEL, FIXED = "model", "fixed"


def tell(
    paragraphs: Sequence[Paragraph], log_p: Mapping[str, Sequence[float]] | None = None
) -> Iterator[dict[str, str]]:
    """Yield the sentences of paragraphs as rows of the table.

    Parameters
    ----------
    paragraphs
        From `study.narrative.facts.paragraphs`.
    log_p
        {sha256 of a fact and its sentences (`Sentence.offered`): natural logarithm of the probability of each
        sentence}; a fact that is not there gets the fixed wording.
    """
    used: dict[tuple[str, str, str], set[int]] = {}
    for sentence in in_order(paragraphs):
        known = (log_p or {}).get(sentence.offered)
        numbers = range(len(sentence.alternatives))
        ranked = sorted(numbers, key=lambda number: -known[number]) if known is not None else list(numbers)
        of = sentence.paragraph
        taken = used.setdefault((of.table, of.construct, sentence.fact.kind), set())
        number = _first_unused(ranked, taken)
        yield {
            **sentence.place,
            "sentence": sentence.alternatives[number],
            "wording": FIXED if known is None else MODEL,
        }


def _first_unused(ranked: Sequence[int], taken: set[int]) -> int:
    """Return the first number that was not taken, and take it; when all were, they may be taken again."""
    if taken.issuperset(ranked):
        taken.clear()
    number = next(number for number in ranked if number not in taken)
    taken.add(number)
    return number


def answers(asked: Path, index: Path, store: ResponseStore) -> dict[str, list[float]]:
    """Return the log probabilities of the sentences of every fact that a model was asked about.

    Parameters
    ----------
    asked, index
        What `study.narrative.asking` wrote.
    """
    rows = pd.read_csv(asked, dtype=str, keep_default_na=False)
    segments = pd.read_csv(index, dtype=str, keep_default_na=False)
    where = dict(zip(segments["key"], segments["segment"], strict=True))
    wanted = {key: offered for key, offered in zip(rows["key"], rows["offered"], strict=True) if key}
    if lost := wanted.keys() - where.keys():
        raise StudyError(
            f"{len(lost)} of {len(wanted)} responses about wordings are not in the index.",
            file=index,
            hint="Delete the index and run again: what is missing is asked.",
        )
    return {
        wanted[response["key"]]: response["answers"][0]["log_p"][0]
        for response in store.read({key: where[key] for key in wanted})
        if response["answers"] is not None
    }


def main(
    *,
    tables: list[Path],
    settings: dict,  # type: ignore[type-arg]
    table_file: Path,
    asked: list[Path],
    store: Path,
) -> None:
    """Write the table of paragraphs.

    Parameters
    ----------
    tables, settings
        See `study.narrative.facts.read`.
    asked
        What was asked and the index of responses, as `study.narrative.asking` wrote them; empty where no
        model chooses.
    store
        The folder of responses.
    """
    known = answers(asked[0], asked[1], ResponseStore(store)) if asked else None
    rows = list(tell(read(tables, settings), known))
    write_table(pd.DataFrame(rows, columns=list(COLUMNS)), table_file)


if __name__ == "__main__":
    from study.job import run

    run(main)
