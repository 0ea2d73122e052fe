"""What coding will cost, before it begins: texts, tokens and time of each coder. Nothing is stored."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.experiment.trials import Experiment, columns_of
from study.instrument import Instrument
from study.llm import shards, started
from study.llm.coding import code
from study.llm.model import locate, prepare
from study.llm.progress import in_words
from study.requests import Request, Task, read_units, tasks, without
from study.store import ResponseStore

if TYPE_CHECKING:
    from study.llm.engine import LabelEngine

TRIED = 6
"""Texts of different lengths that are coded to see how long it takes."""
TRIED_IN_A_TRIAL = 2
"""The same of each trial of an experiment, of which there are many."""


@dataclass(frozen=True)
class Cost:
    """What one coder's codebook file costs.

    Attributes
    ----------
    coder, model, name
        The coder, its model and the codebook file.
    wanted, missing
        Responses, and those that the store does not hold.
    tokens, seconds
        Of those that are missing, estimated; None where the model is not installed, or nothing is known about
        a server's speed.
    money, currency
        Of a server whose price is known; else None.
    server
        Whether the model is behind a server.
    """

    coder: str
    model: str
    name: str
    wanted: int
    missing: int
    tokens: int | None = 0
    seconds: float | None = 0.0
    money: float | None = None
    currency: str | None = None
    server: bool = False


def estimate(engine: LabelEngine, task: Task, tried: int = TRIED) -> tuple[int, float]:
    """Return about how many tokens and seconds the requests of a task take.

    A few texts of different lengths are coded. The first is coded twice: what texts share is read only once.
    """
    some = _of_different_lengths(task, tried)
    code(engine, task, some[0])
    start = time.monotonic()
    responses = [code(engine, task, request) for request in some]
    seconds = time.monotonic() - start
    share = len(task.wanted) / len(some)
    return round(share * sum(r["n_tokens"] + r["n_written"] for r in responses)), share * seconds


def _of_different_lengths(task: Task, tried: int) -> list[Request]:
    lengths = task.texts["text"].str.len().to_numpy()
    by_length = sorted(task.wanted, key=lambda request: sum(int(lengths[row]) for row in request.rows))
    n = min(tried, len(by_length))
    return [by_length[(2 * i + 1) * len(by_length) // (2 * n)] for i in range(n)]


def table(costs: Sequence[Cost], threads: int) -> str:
    """Return the costs as a table to read, with a sentence that adds them up."""
    served = any(cost.server for cost in costs)
    head = ["coder", "codebook", "model", "responses", "in the store", "to ask", "tokens", "time"]
    head += ["money"] * served
    rows = [
        (
            cost.coder,
            cost.name,
            cost.model,
            f"{cost.wanted:,}",
            f"{cost.wanted - cost.missing:,}",
            f"{cost.missing:,}",
            "unknown" if cost.tokens is None else f"{cost.tokens:,}",
            "unknown" if cost.seconds is None else in_words(cost.seconds),
            *([_money(cost)] if served else []),
        )
        for cost in costs
    ]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)
    ]
    return "\n".join([*(line.rstrip() for line in lines), "", _sum(costs, threads)])


def _money(cost: Cost) -> str:
    if not cost.server:
        return "runs here"
    if not cost.missing:
        return "0"
    return "unknown" if cost.money is None else amount(cost.money, str(cost.currency))


def amount(money: float, currency: str) -> str:
    """Write a sum of money: two digits of a small one."""
    return f"{money:,.2f} {currency}" if money >= 1 or not money else f"{money:.2g} {currency}"


def _sum(costs: Sequence[Cost], threads: int) -> str:
    if not any(cost.missing for cost in costs):
        return "Every response is in the store: nothing will be asked."
    here, served = (
        [cost for cost in costs if cost.server is behind and cost.missing] for behind in (False, True)
    )
    return " ".join([*([_here(here, threads)] if here else []), *([_served(served)] if served else [])])


def _served(costs: Sequence[Cost]) -> str:
    """Say what servers are asked."""
    models = " and ".join(sorted({cost.model for cost in costs}))
    said = (
        f"{sum(cost.missing for cost in costs):,} responses will be asked of {models}: about"
        f" {sum(cost.tokens or 0 for cost in costs):,} tokens"
    )
    seconds = [cost.seconds for cost in costs]
    said += (
        ", in a time that is not known before the server has been asked"
        if None in seconds
        else f" and {in_words(sum(one or 0 for one in seconds))}"
    )
    priced: dict[str, float] = {}
    for cost in costs:
        if cost.money is not None and cost.currency is not None:
            priced[cost.currency] = priced.get(cost.currency, 0.0) + cost.money
    money = " and ".join(amount(money, currency) for currency, money in sorted(priced.items()))
    if any(cost.money is None for cost in costs):
        unknown = "the price is not in the configuration"
        return f"{said}; what it costs is not known{f' beyond {money}' if money else ''}, since {unknown}."
    return f"{said}; it costs about {money}."


def _here(costs: Sequence[Cost], threads: int) -> str:
    """Say what models that run here are asked."""
    missing = sum(cost.missing for cost in costs)
    unknown = sorted({cost.model for cost in costs if cost.seconds is None})
    if unknown:
        return (
            f"{missing:,} responses will be asked. How long that takes is not known:"
            f" {' and '.join(unknown)} is not installed here."
        )
    seconds, tokens = sum(cost.seconds or 0 for cost in costs), sum(cost.tokens or 0 for cost in costs)
    return (
        f"{missing:,} responses will be asked: about {tokens:,} tokens and {in_words(seconds)} on this"
        f" machine with {threads} thread{'s' if threads > 1 else ''}, if nothing else runs. Several models"
        " and shards may run at once."
    )


def proposal(costs: Sequence[Cost], starting: float) -> str:
    """Say into how many jobs coding is best divided on a cluster; nothing where it is too short to divide.

    Parameters
    ----------
    starting
        Seconds until a program has loaded a model.
    """
    by_model: dict[str, list[Cost]] = {}
    for cost in costs:
        if not cost.server and cost.seconds and not cost.coder.startswith("experiment "):
            by_model.setdefault(cost.model, []).append(cost)
    if not by_model:
        return ""
    # Every model is asked in as many jobs; the one that takes longest decides.
    largest = max(by_model.values(), key=lambda own: sum(cost.seconds or 0 for cost in own))
    seconds, start = sum(cost.seconds or 0 for cost in largest), starting + shards.SNAKEMAKE
    n = shards.propose(seconds, start, sum(cost.missing for cost in largest))
    if n == 1:
        return ""
    return (
        f"On a cluster of machines like this one, 'coding: {{shards: {n}, minutes:"
        f" {shards.minutes(seconds, start, n)}}}' is the finest division in which starting a job (about"
        f" {in_words(start)}) takes at most {shards.SHARE:.0%} of its time."
    )


def main(
    *,
    units: Path,
    sample: Path,
    instruments: list[Path],
    models: dict,  # type: ignore[type-arg]
    model_of: dict,  # type: ignore[type-arg]
    asked: dict,  # type: ignore[type-arg]
    store: Path,
    trials: list[Path] | None = None,
    threads: int = 2,
    root: Path = Path(),
) -> None:
    """Print what coding will cost.

    Parameters
    ----------
    models, model_of
        The configuration's `models`, and {coder: name of its model}.
    asked
        What each coder is asked, see `study.requests.tasks`.
    trials
        Of each experiment.
    """
    experiments = [Experiment.read(path) for path in trials or ()]
    read = [Instrument.read(path) for path in instruments]
    others = [column for experiment in experiments for column in columns_of(experiment)]
    others += [one["text"] for one in asked.values() if one.get("text")]
    texts = read_units(units, ["unit_id", "text", "text_sha256"], others)
    found = [(model_of[task.instrument.coder], task) for task in tasks(texts, sample, read, asked)]
    # A model in another storage type is as fast as it is, or nearly so: it need not be made to know.
    tried = [
        (experiment.name, trial.levels["model"], task)
        for experiment in experiments
        for trial, task in experiment.tasks(texts, sample)
    ]
    where, failed = ResponseStore(store).find(
        request.key
        for task in [*(task for _, task in found), *(task for *_, task in tried)]
        for request in task.wanted
    )
    known = where.keys() - failed
    costs: list[Cost] = []
    starting = 0.0
    for name in dict.fromkeys([*(name for name, _ in found), *(name for _, name, _ in tried)]):
        mine = [task for model, task in found if model == name]
        own = [(experiment, task) for experiment, model, task in tried if model == name]
        engine = None
        if models[name].get("server"):
            costs += [
                _cost_of_server(name, models[name], task, where=where, known=known, store=store)
                for task in mine
            ]
            costs += [
                replace(
                    _cost_of_server(name, models[name], task, where=where, known=known, store=store),
                    coder=f"experiment {each}",
                )
                for each, task in own
            ]
            continue
        left = [without(task, known) for task in mine]
        if any(task.wanted for task in left) or any(without(task, known).wanted for _, task in own):
            engine = _opened(
                models[name], [task.instrument for task in [*mine, *(task for _, task in own)]], threads, root
            )
        if engine is not None and not starting:
            starting = started.seconds()
        costs += [_cost(name, task, its, engine) for task, its in zip(mine, left, strict=True)]
        for experiment in dict.fromkeys(experiment for experiment, _ in own):
            its = [task for each, task in own if each == experiment]
            costs.append(_cost_of_trials(experiment, name, its, known, engine))
    print(table(costs, threads))
    if said := proposal(costs, starting):
        print(said)


def _opened(
    model: Mapping[str, Any], instruments: Sequence[Instrument], threads: int, root: Path
) -> LabelEngine | None:
    """Open a model to see how long it takes; instruments of its other storage types are tried with it too."""
    if locate(dict(model), root) is None:
        return None
    from study.llm.engine import LabelEngine

    path = prepare(dict(model), root)
    assert path is not None
    context = max(instrument.settings["context"] for instrument in instruments)
    return LabelEngine(path, context=context, threads=threads)


def _cost(model: str, task: Task, missing: Task, engine: LabelEngine | None, tried: int = TRIED) -> Cost:
    """Return the cost of what is missing of a task."""
    instrument, n = task.instrument, len(missing.wanted)
    cost = Cost(instrument.coder, model, instrument.name, len(task.wanted), n)
    if not n:
        return cost
    if engine is None:
        return replace(cost, tokens=None, seconds=None)
    tokens, seconds = estimate(engine, missing, tried)
    return replace(cost, tokens=tokens, seconds=seconds)


def _cost_of_server(
    name: str,
    model: Mapping[str, Any],
    task: Task,
    *,
    where: Mapping[str, str],
    known: Set[str],
    store: Path,
) -> Cost:
    """Return the cost of what is missing of a task of a model behind a server, which is not asked for it."""
    from study.server.forecast import forecast
    from study.server.settings import Server, serving

    instrument = task.instrument
    missing = len(without(task, known).wanted)
    cost = Cost(instrument.coder, name, instrument.name, len(task.wanted), missing, server=True)
    if not missing:
        return cost
    server = Server.of(model, serving(name))
    told = forecast(task, where, known, server, store)
    return replace(
        cost,
        tokens=told.read + told.written,
        seconds=told.seconds,
        money=told.money,
        currency=None if server.price is None else server.price.currency,
    )


def _cost_of_trials(
    experiment: str, model: str, tasks: Sequence[Task], known: Set[str], engine: LabelEngine | None
) -> Cost:
    """Return the cost of what is missing of an experiment's trials with one model, as one row."""
    each = [_cost(model, task, without(task, known), engine, TRIED_IN_A_TRIAL) for task in tasks]
    unknown = any(cost.seconds is None for cost in each)
    return Cost(
        f"experiment {experiment}",
        model,
        each[0].name,
        sum(cost.wanted for cost in each),
        sum(cost.missing for cost in each),
        None if unknown else sum(cost.tokens or 0 for cost in each),
        None if unknown else sum(cost.seconds or 0 for cost in each),
    )


if __name__ == "__main__":
    from study.job import run

    run(main)
