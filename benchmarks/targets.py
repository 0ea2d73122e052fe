"""How many times fewer CPU-seconds this project wants to take than its peers, and whether it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from tasks import MODEL_FILES, OWN_PROMPTS

PEERS = ("guidance", "llama-cpp-python", "outlines")


class Which(NamedTuple):
    """One row of a task."""

    system: str
    model_file: str
    variant: str | None = None

    def __str__(self) -> str:
        """In words."""
        return ", ".join(filter(None, self))


Cost = Callable[[Which], float]
"""CPU-seconds a text."""


def targets(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return every target of the tasks that were measured.

    Returns
    -------
    list of dicts
        task; this and other (which systems on which model files); wanted and found (how many times the
        CPU-seconds of this project the other one takes; how many times those of the floor it takes); met.
    """
    found = []
    for task, of in WANTED.items():
        costs = {
            Which(row["system"], row["model_file"], row.get("variant")): row["cpu_seconds_per_text"]
            for row in rows
            if row["task"] == task
        }
        if costs:
            found += [{"task": task, **target} for target in of(costs.__getitem__)]
    return found


def _fewer(cost: Cost, file: str, other: Which, wanted: float) -> dict[str, Any]:
    this = Which("this", file)
    found = cost(other) / cost(this)
    times = "no slower" if wanted == 1 else f"at least {wanted:g} times fewer"
    return {"this": str(this), "other": str(other), "wanted": times, "found": found, "met": found >= wanted}


def _best(cost: Cost, file: str) -> Which:
    return min((Which(peer, file) for peer in PEERS), key=cost)


def _one_question(cost: Cost) -> Iterator[dict[str, Any]]:
    yield _fewer(cost, "unpacked", Which("guidance", "shipped"), 5)
    yield _fewer(cost, "unpacked", Which("llama-cpp-python", "shipped"), 2)
    yield _fewer(cost, "unpacked", Which("guidance", "unpacked"), 3.3)
    yield _fewer(cost, "unpacked", Which("llama-cpp-python", "unpacked"), 1.1)
    for file in MODEL_FILES:
        this, floor = Which("this", file), Which("floor", file)
        found = cost(this) / cost(floor)
        yield {
            "this": str(this),
            "other": str(floor),
            "wanted": "at most 1.15 times as many",
            "found": found,
            "met": found <= 1.15,
        }


def _several_questions(cost: Cost) -> Iterator[dict[str, Any]]:
    for file, of_peer in (("unpacked", "shipped"), *((same, same) for same in MODEL_FILES)):
        peer = _best(cost, of_peer)
        yield _fewer(cost, file, peer, 2.5)
        yield _fewer(cost, file, peer._replace(variant=OWN_PROMPTS), 5)


def _than_the_best_peer(wanted: float) -> Callable[[Cost], Iterator[dict[str, Any]]]:
    def of(cost: Cost) -> Iterator[dict[str, Any]]:
        for file in MODEL_FILES:
            yield _fewer(cost, file, _best(cost, file), wanted)

    return of


WANTED: dict[str, Callable[[Cost], Iterator[dict[str, Any]]]] = {
    "A": _one_question,
    "B": _several_questions,
    "C": _than_the_best_peer(1),
    "D": _than_the_best_peer(1),
    "E": _than_the_best_peer(3),
}
