"""Let a language model choose among the sentences that may say a fact, as it is asked for a code.

Every fact is a question of its own, whose labels are the filled sentences: an instrument. So an answer is
kept among the study's responses under a key of instrument and fact, a table that has changed is asked about
anew, and nothing is asked twice. Names and figures reach the model as plain characters, whatever they spell.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from study.codebook import Codebook
from study.digest import text_sha256
from study.instrument import Instrument, build
from study.llm.coding import answer
from study.llm.model import can_be_asked, locate, read_card, variant
from study.narrative.facts import read
from study.narrative.wordings import Sentence, in_order
from study.report.words import plural
from study.requests import Task, requests
from study.store import ResponseStore

NAME = "narrative"
"""What the instruments are called."""

WORDING = (
    "<facts>\n{text}\n</facts>\n\nThese facts are from a table of results. State them in one plain sentence"
    " of a scientific report."
)
CONTEXT = 4096
"""Tokens that prompt, fact and sentences may have together, if the model was trained for as many."""
SPARE = 64
"""Tokens that are left for what tokenizers add."""

COLUMNS = ("table", "place", "construct", "sentence_number", "offered", "key", "note")
NOT_INSTALLED, TOO_LONG = "the model is not installed here", "too long for the model"


def instrument(alternatives: Sequence[str], card: Mapping[str, Any]) -> Instrument:
    """Return how a model is asked to choose among sentences.

    Parameters
    ----------
    alternatives
        The sentences.
    card
        The model's card (`study.llm.model.read_card`).
    """
    asked = Codebook(
        construct=NAME,
        question="",
        type="classify",
        level="nominal",
        categories=(),
        wording={"main": WORDING},
    )
    context = min(CONTEXT, card["trained_context"] or CONTEXT)
    built = build([asked], NAME, dict(card), context=context, too_long="refuse")
    labels = tuple(alternatives)
    return replace(built, questions=(replace(built.questions[0], labels=labels, answers=labels),))


def fits(task: Task) -> bool:
    """Whether a fact and its sentences surely fit into the context: a token has one byte at least."""
    question = task.instrument.questions[0]
    text = str(task.texts["text"].iat[0])
    parts = [question.prompt.before, text, question.prompt.after, *question.answers]
    return sum(len(part.encode()) for part in parts) + SPARE <= task.instrument.settings["context"]


def task(sentence: Sentence, card: Mapping[str, Any]) -> Task:
    """Return what a model is to be asked about one sentence."""
    text = sentence.fact.neutral
    of = sentence.paragraph
    unit = {
        "unit_id": f"{of.table} {of.construct} {sentence.number}",
        "text": text,
        "text_sha256": text_sha256(text),
    }
    asked, table = instrument(sentence.alternatives, card), pd.DataFrame([unit])
    return Task(asked, table, list(requests(table, asked)))


def card_of(model: Mapping[str, Any], name: str, kept: Path, root: Path) -> dict[str, Any] | None:
    """Return a model's card: of the installed file, kept beside the responses; else the one that is there.

    None where neither is here, or the kept one is of another file.
    """
    if can_be_asked(model, root):
        path = locate(dict(model), root)
        assert path is not None
        card = read_card(path, name, model.get("sha256"), *variant(model))
        text = json.dumps(card, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
        if not kept.is_file() or kept.read_text(encoding="utf-8") != text:
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(text, encoding="utf-8")
        return card
    if not kept.is_file():
        return None
    card = json.loads(kept.read_text(encoding="utf-8"))
    sha256 = card["source"]["sha256"]
    same = sha256 == (model.get("sha256") or sha256).lower()
    return card if same and (card["quantisation"], card.get("sparsity", 0)) == variant(model) else None


def main(
    *,
    tables: list[Path],
    settings: dict,  # type: ignore[type-arg]
    model: dict,  # type: ignore[type-arg]
    name: str,
    kept: Path,
    store: Path,
    asked: Path,
    index: Path,
    threads: int = 2,
    root: Path = Path(),
) -> None:
    """Ask how sentences are to be put, as far as the store does not know it.

    Where neither a response nor the model is here, a note says so, and the fixed sentence will stand.

    Parameters
    ----------
    tables, settings
        See `study.narrative.facts.read`.
    model, name, kept
        An entry of the configuration's `models`, its name, and where its card is kept beside the responses.
    store
        The folder of responses.
    asked, index
        The files that are to say what was asked about each sentence, and in which segment each response is.
    """
    found = list(in_order(read(tables, settings)))
    card = card_of(model, name, kept, root)
    tasks = [] if card is None else [task(sentence, card) for sentence in found]
    notes = [NOT_INSTALLED] * len(found)
    # Two equal sentences are one question.
    fitting = {one.wanted[0].key: one for one in tasks if fits(one)}
    if not can_be_asked(model, root):
        where, _ = ResponseStore(store).find(fitting)
        fitting = {key: one for key, one in fitting.items() if key in where}
    keys = [""] * len(found)
    for number, one in enumerate(tasks):
        if one.wanted[0].key in fitting:
            keys[number], notes[number] = one.wanted[0].key, ""
        elif not fits(one):
            notes[number] = TOO_LONG
    if left := notes.count(NOT_INSTALLED):
        print(
            f"{plural(left, 'sentence')} with the fixed wording: {NOT_INSTALLED}. Where it is, delete"
            f" {asked.as_posix()} and run again.",
            file=sys.stderr,
        )
    answer(list(fitting.values()), model, store=store, index=index, threads=threads, root=root)
    with asked.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for sentence, key, note in zip(found, keys, notes, strict=True):
            writer.writerow(sentence.place | {"offered": sentence.offered, "key": key, "note": note})


if __name__ == "__main__":
    from study.job import run

    run(main)
