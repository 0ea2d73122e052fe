"""What asking a server will take, before it begins: requests, tokens, time, money. Nothing is sent."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from study.instrument import Instrument
from study.requests import Request, Task
from study.server.constraint import most_tokens
from study.server.messages import conversation
from study.server.settings import BYTES_A_TOKEN, Server
from study.store import ResponseStore

SEEN = 300
"""Responses in the store from which it is learnt how many tokens and how much time a response takes."""


@dataclass(frozen=True)
class Forecast:
    """What is still to be asked of a server.

    Attributes
    ----------
    requests
        At least as many: labels that the server does not list take further ones.
    read, written
        Tokens.
    seconds
        None where nothing is known about the server's speed.
    money
        In the price's currency; None where the price is not known.
    seen
        How many responses in the store it is learnt from; 0 where it follows from the length of the texts.
    """

    requests: int
    read: int
    written: int
    seconds: float | None
    money: float | None
    seen: int


def forecast(task: Task, where: Mapping[str, str], known: Set[str], server: Server, store: Path) -> Forecast:
    """Return what the requests of a task take that are not known yet.

    Parameters
    ----------
    where, known
        {key: segment} of responses in the store, and the keys of those that did not fail.
    store
        The folder of responses.
    """
    missing = [request for request in task.wanted if request.key not in known]
    each = _requests(task.instrument, server)
    read, written = _tokens(task, missing, server)
    done = list(itertools.islice((request for request in task.wanted if request.key in known), SEEN))
    responses = list(ResponseStore(store).read({request.key: where[request.key] for request in done}))
    counted = [one for one in responses if one.get("server") and one["n_tokens"] and one["n_written"]]
    seconds: float | None = None
    if counted:
        keys = {one["key"] for one in counted}
        then = _tokens(task, [request for request in done if request.key in keys], server)
        read = round(read * sum(one["n_tokens"] for one in counted) / then[0])
        written = round(written * sum(one["n_written"] for one in counted) / then[1])
        seconds = sum(one["server"]["seconds"] for one in counted) / len(counted)
    elif (card := store / "models" / f"{server.name}.json").is_file():
        first = json.loads(card.read_text(encoding="utf-8")).get("seconds")
        labels = 2 if server.probabilities == "whole" else 1
        seconds = None if first is None else first * each / labels
    requests = each * len(missing)
    return Forecast(
        requests,
        read,
        written,
        _time(server, len(missing), requests, read + written, seconds),
        None if server.price is None else server.price.of(read, written),
        len(counted),
    )


def _time(server: Server, responses: int, requests: int, tokens: int, seconds: float | None) -> float | None:
    """Return the longest of: what the server needs for so many at a time, and what its limits allow."""
    limits = [
        60 * n / most
        for n, most in ((requests, server.requests_per_minute), (tokens, server.tokens_per_minute))
        if most is not None
    ]
    if seconds is None:
        return None
    return max([*limits, seconds * responses / min(server.at_once, max(responses, 1))])


def _requests(instrument: Instrument, server: Server) -> int:
    """Return how many requests one response takes at least."""
    found = 0
    for question in instrument.questions:
        if question.kind != "choice":
            found += 1
            continue
        labels = len(question.labels) if server.probabilities == "whole" else 1
        found += labels * len(question.orders(""))
        found += question.rationale == "after"
    return found


def _tokens(task: Task, requests: list[Request], server: Server) -> tuple[int, int]:
    """Return about how many tokens are read and written for some requests."""
    column = task.texts["text"]
    texts = sum(
        len(str(column.iat[row]).encode(errors="surrogatepass"))
        for request in requests
        for row in request.rows
    )
    read = written = 0.0
    for question in task.instrument.questions:
        orders = question.orders("")
        own = sum(
            len(one["content"].encode())
            for order in orders
            for one in conversation(question.prompt_in_order(order), ["", ""])
        )
        times = len(question.labels) if server.probabilities == "whole" and question.kind == "choice" else 1
        read += times * (own * len(requests) + texts * len(orders)) / BYTES_A_TOKEN
        written += times * len(orders) * len(requests) * most_tokens(question) / BYTES_A_TOKEN
        if question.kind == "choice" and question.rationale == "after":
            read += (own / len(orders) * len(requests) + texts) / BYTES_A_TOKEN
    return max(round(read), 1), max(round(written), 1)
