"""A reverse proxy that spoils chosen answers of a real server, and knows what was delivered.

Requests for answers (`POST .../chat/completions`) are numbered from 1. A request for which no fault is
planned goes to the real server and back. Everything is recorded: whether a request reached the server, and
whether the server's own answer reached the client in full. A request whose answer did must never come again.
"""

from __future__ import annotations

import http.client
import json
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Spoilt:
    """What happens to a request.

    Attributes
    ----------
    status, headers, body
        Answered instead of asking the server; `{key}` in them is the key that came, `{model}` the model.
    change
        Makes another body of the server's answer.
    cut
        Whether the connection ends in the middle of the body.
    stall
        Seconds that the answer is held back.
    drip
        Seconds between every two bytes of the body.
    """

    name: str
    status: int | None = None
    headers: Headers = ()
    body: str = ""
    change: Callable[[bytes], bytes] | None = None
    cut: bool = False
    stall: float = 0
    drip: float = 0


def busy(after: str | None = None) -> Spoilt:
    """429, with or without `Retry-After`."""
    said = _error("Rate limit reached for requests", "requests", "rate_limit_exceeded")
    return Spoilt("busy", 429, (("Retry-After", after),) if after is not None else (), said)


def broken(status: int = 500) -> Spoilt:
    """The server fails."""
    return Spoilt("broken", status, body=_error("The server had an error", "server_error", None))


def cut() -> Spoilt:
    """The connection ends in the middle of the server's answer."""
    return Spoilt("cut", cut=True)


def hung_up() -> Spoilt:
    """The connection ends before anything of an answer."""
    return Spoilt("hung up", status=0, cut=True)


def stalled(seconds: float) -> Spoilt:
    """The server's answer comes late."""
    return Spoilt("stalled", stall=seconds)


def dripping(seconds: float) -> Spoilt:
    """The server's answer comes byte by byte."""
    return Spoilt("dripping", drip=seconds)


def malformed() -> Spoilt:
    """The server's answer loses its last half, though the connection does not end."""
    return Spoilt("malformed", change=lambda body: body[: len(body) // 2])


def outside(content: str = "none of the labels") -> Spoilt:
    """The server answers with a content that the request's schema does not allow."""

    def change(body: bytes) -> bytes:
        answer = json.loads(body)
        answer["choices"][0]["message"]["content"] = content
        return json.dumps(answer).encode()

    return Spoilt("outside", change=change)


def changed(name: str, change: Callable[[dict[str, Any]], object]) -> Spoilt:
    """The server's answer, with something changed in it (`change` alters the parsed answer)."""

    def edit(body: bytes) -> bytes:
        answer = json.loads(body)
        change(answer)
        return json.dumps(answer).encode()

    return Spoilt(name, change=edit)


def unknown_model() -> Spoilt:
    """404 in OpenAI's words."""
    said = "The model `{model}` does not exist or you do not have access to it."
    return Spoilt("unknown model", 404, body=_error(said, "invalid_request_error", "model_not_found"))


def expired() -> Spoilt:
    """401 that repeats the key."""
    said = "Incorrect API key provided: {key}. You can find your API key in your account."
    return Spoilt("expired", 401, body=_error(said, "invalid_request_error", "invalid_api_key"))


def filtered() -> Spoilt:
    """400 of a content filter."""
    said = "The response was filtered due to the prompt triggering the content management policy."
    return Spoilt("filtered", 400, body=_error(said, None, "content_filter", "prompt"))


def too_long() -> Spoilt:
    """400 for a text longer than the context."""
    said = "This model's maximum context length is 2048 tokens. However, you requested 3000 tokens."
    return Spoilt("too long", 400, body=_error(said, "invalid_request_error", "context_length_exceeded"))


def unpaid(status: int = 429) -> Spoilt:
    """No credit is left: OpenAI's 429, or the 402 of others."""
    said = "You exceeded your current quota, please check your plan and billing details."
    return Spoilt("unpaid", status, body=_error(said, "insufficient_quota", "insufficient_quota"))


def elsewhere(address: str) -> Spoilt:
    """A redirect."""
    return Spoilt("elsewhere", 307, (("Location", address),))


def _error(message: str, kind: str | None, code: str | None, param: str | None = None) -> str:
    return json.dumps({"error": {"message": message, "type": kind, "param": param, "code": code}})


@dataclass
class Asked:
    """A request that came.

    Attributes
    ----------
    number
        From 1; None for pages other than that of answers.
    body
        The parsed request; None where it has none.
    key
        The key that came with it.
    at
        When, in seconds of `time.monotonic`.
    fault
        The name of what was done to it, or None.
    forwarded
        Whether it was sent to the real server.
    status
        What the client was answered; None where nothing was.
    delivered
        Whether the client has an answer in full, spoilt or not.
    answered
        Whether that is the server's own answer, of status 200 and unchanged.
    open
        Whether it is being dealt with.
    """

    number: int | None
    path: str
    body: dict[str, Any] | None
    key: str | None
    headers: Mapping[str, str]
    at: float = field(default_factory=time.monotonic)
    fault: str | None = None
    forwarded: bool = False
    status: int | None = None
    delivered: bool = False
    answered: bool = False
    open: bool = True

    @property
    def same(self) -> str:
        """Return the same words for the same request."""
        return json.dumps([self.path, self.body], sort_keys=True)


@dataclass
class Proxy:
    """A proxy in front of a server; `with Proxy(address) as proxy:` runs it.

    Parameters
    ----------
    upstream
        The real server's address (`http://127.0.0.1:PORT/v1`).
    models
        The names that it has: others get a 404. None takes all, as llama-cpp-python's server does.
    key
        The one that it accepts: others get a 401 that repeats them. None takes all.
    certificate
        A PEM file with the key, for https; None for http.

    Attributes
    ----------
    asked
        Every request that came, in the order of their coming.
    at_once
        The most that were dealt with at the same time; one that nobody waits for any more counts while it
        is stalled.
    """

    upstream: str
    models: Iterable[str] | None = None
    key: str | None = None
    certificate: Path | None = None
    asked: list[Asked] = field(default_factory=list)
    at_once: int = 0
    _planned: dict[int, Spoilt] = field(default_factory=dict)
    _rules: list[tuple[Callable[[Asked], bool], Spoilt, int | None]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _over: threading.Event = field(default_factory=threading.Event)
    _count: int = 0
    _now: int = 0

    def __enter__(self) -> Proxy:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        if self.certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def address(self) -> str:
        """The address that clients are given."""
        scheme = "http" if self.certificate is None else "https"
        return f"{scheme}://127.0.0.1:{self._server.server_address[1]}{urlsplit(self.upstream).path}"

    def at(self, number: int, *faults: Spoilt) -> Proxy:
        """Spoil the request of that number, and those after it, with one fault each."""
        self._planned |= {number + i: fault for i, fault in enumerate(faults)}
        return self

    def when(self, asked: Callable[[Asked], bool], fault: Spoilt, times: int | None = None) -> Proxy:
        """Spoil requests for which `asked` is true, so many times; None for always."""
        self._rules.append((asked, fault, times))
        return self

    def healed(self) -> Proxy:
        """Plan no fault any more."""
        with self._lock:
            self._planned.clear()
            self._rules.clear()
            self.models = self.key = None
        return self

    @property
    def requests(self) -> list[Asked]:
        """The requests for answers."""
        return [one for one in self.asked if one.number is not None]

    @property
    def forwarded(self) -> list[Asked]:
        """Those that reached the real server."""
        return [one for one in self.requests if one.forwarded]

    @property
    def answered(self) -> list[Asked]:
        """Those whose answer, the server's own, reached the client in full."""
        return [one for one in self.requests if one.answered]

    def asked_twice(self) -> list[Asked]:
        """Return the requests that came again after their answer had been delivered in full."""
        had, twice = set(), []
        for one in self.requests:
            if one.same in had:
                twice.append(one)
            if one.answered:
                had.add(one.same)
        return twice

    def _note(self, asked: Asked) -> Spoilt | None:
        """Record a request; return what is to be done to it."""
        with self._lock:
            self._now += 1
            self.at_once = max(self.at_once, self._now)
            if asked.path.endswith("/chat/completions"):
                self._count += 1
                asked.number = self._count
            self.asked.append(asked)
            fault = self._fault(asked)
            asked.fault = fault.name if fault else None
            return fault

    def _done(self, asked: Asked) -> None:
        with self._lock:
            self._now -= asked.open
            asked.open = False

    def _fault(self, asked: Asked) -> Spoilt | None:
        if asked.number is not None and asked.number in self._planned:
            return self._planned[asked.number]
        for i, (true, fault, times) in enumerate(self._rules):
            if times != 0 and true(asked):
                self._rules[i] = (true, fault, None if times is None else times - 1)
                return fault
        if self.key is not None and asked.key != self.key:
            return expired()
        if self.models is not None and asked.number is not None and asked.body is not None:
            return None if asked.body.get("model") in self.models else unknown_model()
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    proxy: Proxy

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that have gone."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, content: bytes | None) -> None:
        proxy = self.server.proxy
        key = (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None
        body = json.loads(content) if content else None
        # A client that takes this for its network's proxy sends the whole address.
        self.path = urlsplit(self.path).path
        asked = Asked(None, self.path, body, key, dict(self.headers))
        fault = proxy._note(asked)
        try:
            self._deal(asked, content, fault or Spoilt("nothing"), proxy)
        except OSError:
            asked.status, asked.delivered, asked.answered = None, False, False
            self.close_connection = True  # the client has gone
        finally:
            proxy._done(asked)

    def _deal(self, asked: Asked, content: bytes | None, fault: Spoilt, proxy: Proxy) -> None:
        if fault.status is None:
            asked.forwarded = True
            status, headers, body = _forward(proxy.upstream, self.command, self.path, content, self.headers)
        else:
            model = str((asked.body or {}).get("model"))
            said = fault.body.replace("{key}", asked.key or "none").replace("{model}", model)
            headers = tuple(
                (name, value.replace("{key}", asked.key or "none")) for name, value in fault.headers
            )
            status, body = fault.status, said.encode()
        if fault.change:
            body = fault.change(body)
        if fault.stall:
            proxy._over.wait(fault.stall)
        if status:
            self._head(status, headers, len(body))
            self._write(body[: len(body) // 2] if fault.cut else body[:-1], fault.drip)
        if not fault.cut:
            # Before the last byte: who asked may look here as soon as the answer is there.
            asked.status, asked.delivered = status, True
            asked.answered = asked.forwarded and status == 200 and fault.change is None
            proxy._done(asked)
            self._write(body[-1:], 0)
        else:
            self.close_connection = True
            proxy._done(asked)
            self.connection.shutdown(socket.SHUT_RDWR)

    def _write(self, body: bytes, drip: float) -> None:
        for i in range(len(body)) if drip else ():
            if self._gone():
                raise ConnectionResetError
            self.wfile.write(body[i : i + 1])
            self.wfile.flush()
            self.server.proxy._over.wait(drip)
        if not drip:
            self.wfile.write(body)
            self.wfile.flush()

    def _head(self, status: int, headers: Headers, length: int) -> None:
        if self._gone():
            raise ConnectionResetError
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def _gone(self) -> bool:
        """Return whether the client has closed the connection: what is written to it then is lost."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        if not readable or isinstance(self.connection, ssl.SSLSocket):  # which cannot be looked into
            return False
        return not self.connection.recv(1, socket.MSG_PEEK)


def _forward(
    upstream: str, method: str, path: str, content: bytes | None, headers: Mapping[str, str]
) -> tuple[int, Headers, bytes]:
    parts = urlsplit(upstream)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=300)
    passed = {name: value for name, value in headers.items() if name in ("Authorization", "Content-Type")}
    try:
        connection.request(method, path, content, passed)
        answer = connection.getresponse()
        return answer.status, (), answer.read()
    finally:
        connection.close()
