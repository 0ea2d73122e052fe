"""Requests to a model server: within its limits, repeated when it fails, stopped when none would succeed.

What goes wrong is explained by `study.server.faults`. The key goes into one header of requests to the address
that the configuration names, and nowhere else: no redirect is followed, .netrc is not read, and what servers
say is shown without it. Proxies are used as the environment names them (HTTPS_PROXY, NO_PROXY), which many
universities need, though never for a server on this machine.
"""

from __future__ import annotations

import copy
import json
import math
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar
from urllib.parse import urlsplit

from study.errors import StudyError
from study.llm.progress import in_words
from study.server.faults import (
    FILE,
    KEPT,
    Fault,
    explain,
    malformed,
    out_of_order,
    repeats_key,
    silent,
    too_slow,
)
from study.server.limits import UNKNOWN_ANSWER, Budget, Limiter, Usage
from study.server.notices import Notices
from study.server.settings import BYTES_A_TOKEN, Server
from study.server.words import quoted

if TYPE_CHECKING:
    import httpx
    from tenacity import RetryCallState

T = TypeVar("T")

IN_A_ROW = 5
"""Requests in a row that fail for good before a server is taken to be out of order."""

LONGEST_WAIT = 60.0
"""Seconds between two tries, where the server does not say how long to wait."""

MOST_BYTES = 64_000_000
"""Of an answer; more is none that was asked for."""

HERE = ("127.0.0.1", "localhost", "[::1]")
"""This machine, which is reached without a proxy."""

_TOO_LONG_FOR_CHANCE = 16
"""Characters of a key that is none of the placeholders ('none', 'EMPTY') for servers that want no key."""
_MOST_TOKENS = 1_000_000_000
_CONNECT = 30.0
_IDLE = 4.0  # servers close after 5 s what is not used: a request sent just then would be lost


@dataclass(frozen=True)
class _Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Chat:
    """A server's `/chat/completions`, for as many threads as like.

    Parameters
    ----------
    server
        Its address, limits and budget.
    tell
        Takes a line for every fault; of many that are alike, a line every ten seconds.
    spent
        What earlier runs took of the budget.
    client
        Sends the requests; by default one of its own, which `close` ends.
    first_wait
        Seconds of the longest first wait before a request is repeated; it doubles with every try.

    Raises
    ------
    StudyError
        When the key is not in the environment, the address holds a password, or a proxy's address is none.
    """

    def __init__(
        self,
        server: Server,
        tell: Callable[[str], None],
        *,
        spent: Usage = Usage(),  # noqa: B008 (it is frozen)
        client: httpx.Client | None = None,
        first_wait: float = 1.0,
    ) -> None:
        """Look for what is needed; nothing is sent yet."""
        self._server, self._secret = server, server.secret()
        self._address = _checked(server)
        self._notices = Notices(tell)
        self._limiter = Limiter(server.requests_per_minute, server.tokens_per_minute)
        self._budget = Budget(server, spent)
        self._first_wait = first_wait
        self._used = Usage()
        self._row = 0
        self._ended: StudyError | None = None
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._seats = threading.BoundedSemaphore(server.at_once)
        self._own = client is None
        self._client = client or _client(server)
        self._headers = {"User-Agent": "llm-study", "Accept-Encoding": "gzip, deflate"}
        if self._secret is not None:
            self._headers["Authorization"] = f"Bearer {self._secret}"
            parts = urlsplit(self._address)
            if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
                tell(f"Key and texts go to {parts.hostname} unencrypted: the address begins with http:.")

    def __enter__(self) -> Chat:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    @property
    def used(self) -> Usage:
        """What this run's requests have taken."""
        with self._lock:
            return self._used

    def complete(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request and return the server's answer.

        Parameters
        ----------
        body
            As the protocol has it (model, messages, ...), without `stream`.

        Returns
        -------
        dict
            The whole answer: `choices[0].message.content` is text, or missing where there is a `refusal` or
            the `finish_reason` is 'length' or 'content_filter'; `usage` is None where it is no count;
            `model` and `system_fingerprint` are a short line or None. Other members are as the server sent
            them.

        Raises
        ------
        study.server.faults.TooLongError
            When the text is too long for the model.
        study.llm.NotEvaluatedError
            When this text cannot be answered now; others may be.
        StudyError
            When no request would succeed; then none is sent any more, by no thread.
        """
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        said = body.get("max_tokens", body.get("max_completion_tokens"))
        read, written = math.ceil(len(content) / BYTES_A_TOKEN), said if type(said) is int else UNKNOWN_ANSWER
        tries = 0

        def once() -> dict[str, Any] | Fault:
            nonlocal tries
            tries += 1
            return self._complete_once(content, set(body), read, written, again=tries > 1)

        answer = self._until_it_lasts(once)
        if isinstance(answer, Fault):
            raise self._given_up(answer)
        for name in ("model", "system_fingerprint"):  # they are kept and shown
            answer[name] = quoted(answer[name], None) if isinstance(answer.get(name), str) else None
        return answer

    def models(self) -> list[str]:
        """Return the names of the models that the server has; none where it does not say.

        Raises
        ------
        StudyError
            When the server cannot be reached, or does not accept the key.
        """
        names = self._until_it_lasts(self._models_once)
        if not isinstance(names, Fault):
            return names
        error = self._given_up(names)
        raise StudyError(error.problem, file=error.file, key=error.key, found=error.found, hint=error.hint)

    def close(self) -> None:
        """End what waits, in every thread, and tell what was not told yet."""
        self._end(StudyError("The requests to the model server were ended.", hint=KEPT))
        self._notices.close()
        if self._own:
            self._client.close()

    def _complete_once(
        self, content: bytes, members: Collection[str], read: int, written: int, *, again: bool
    ) -> dict[str, Any] | Fault:
        with self._seats:
            self._check()
            try:
                reserved = self._budget.reserve(read, written)
            except StudyError as error:
                raise self._end(error) from None
            used = Usage()
            try:
                granted = self._limiter.acquire(read + written, self._rest)
                self._check()
                used = Usage(requests=1, retries=int(again))
                answer = self._judge(self._send("POST", "/chat/completions", content), members)
                used += self._taken(answer, Usage(unknown=1, unknown_read=read, unknown_written=written))
                if isinstance(answer, Fault):
                    self._limiter.pause(answer.after or 0)
                else:
                    tokens = used.read + used.written + used.unknown_read + used.unknown_written
                    self._limiter.correct(granted, tokens)
            finally:
                self._budget.settle(reserved, used)
                with self._lock:
                    self._used += used
        return answer

    def _taken(self, answer: dict[str, Any] | Fault, estimate: Usage) -> Usage:
        """Return what an answer has taken, as the server counts it or as we estimate it."""
        if isinstance(answer, Fault):
            return estimate if answer.billed else Usage()
        with self._lock:
            self._row = 0
        return _usage(answer) or estimate

    def _models_once(self) -> list[str] | Fault:
        self._check()
        reply = self._send("GET", "/models")
        if isinstance(reply, Fault):
            return reply
        if reply.status in (404, 405, 501):
            return []
        if not 200 <= reply.status < 300:
            return explain(reply.status, reply.headers, reply.body, self._server, secret=self._secret)
        return self._names(reply.body)

    def _names(self, body: bytes) -> list[str]:
        try:
            listed = json.loads(body)["data"]
            return [quoted(str(one["id"]), self._secret) for one in listed]
        except (ValueError, LookupError, TypeError, RecursionError):
            return []

    def _send(self, method: str, page: str, content: bytes | None = None) -> _Reply | Fault:
        """Send a request once; return what came, or why nothing did."""
        import httpx

        try:
            return self._sent(method, f"{self._address}{page}", content)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return silent(error, self._server, self._secret)
        except RuntimeError:
            self._check()  # another thread has closed the client
            raise

    def _sent(self, method: str, url: str, content: bytes | None) -> _Reply | Fault:
        import httpx

        headers = self._headers | ({"Content-Type": "application/json"} if content is not None else {})
        timeout = httpx.Timeout(self._server.timeout, connect=min(_CONNECT, self._server.timeout))
        until = time.monotonic() + self._server.timeout
        pieces, size = [], 0
        with self._client.stream(
            method, url, content=content, headers=headers, follow_redirects=False, timeout=timeout
        ) as response:
            for piece in response.iter_bytes():
                pieces.append(piece)
                size += len(piece)
                # httpx's own limit is for the next piece: one now and then would never end.
                if time.monotonic() > until:
                    return too_slow(self._server)
                if size > MOST_BYTES:
                    return malformed(f"it has more than {MOST_BYTES // 1_000_000} MB")
            return _Reply(response.status_code, response.headers, b"".join(pieces))

    def _judge(self, reply: _Reply | Fault, members: Collection[str]) -> dict[str, Any] | Fault:
        """Return an answer of the protocol's shape, or what is wrong with it."""
        if isinstance(reply, Fault):
            return reply
        if not 200 <= reply.status < 300:
            return self._explained(reply.status, reply, members)
        try:
            answer = json.loads(reply.body)
            written = json.dumps(answer, ensure_ascii=False).encode()  # half characters cannot be kept
        except (ValueError, RecursionError):
            return malformed("it is no JSON")
        status = _status_inside(answer)
        if status is not None:
            return self._explained(status, reply, members)
        secret = self._secret or ""
        if len(secret) >= _TOO_LONG_FOR_CHANCE and secret.encode() in written:
            return repeats_key(self._server)
        wrong = _wrong_shape(answer)
        return malformed(wrong) if wrong else answer

    def _explained(self, status: int, reply: _Reply, members: Collection[str]) -> Fault:
        return explain(status, reply.headers, reply.body, self._server, secret=self._secret, members=members)

    def _until_it_lasts(self, once: Callable[[], T | Fault]) -> T | Fault:
        """Try until there is an answer, a fault that does not pass, or no try left."""
        from tenacity import Retrying, retry_if_result, stop_after_attempt

        # Faults are returned, not raised: an exception would carry its request, key and all, along.
        return Retrying(
            stop=stop_after_attempt(self._server.retries + 1),
            wait=self._wait,
            retry=retry_if_result(lambda answer: isinstance(answer, Fault) and answer.meaning == "passes"),
            sleep=self._rest,
            before_sleep=self._tell_of_another_try,
            retry_error_callback=_last,
        )(once)

    def _wait(self, state: RetryCallState) -> float:
        from tenacity import wait_random_exponential

        wait = wait_random_exponential(multiplier=self._first_wait, max=LONGEST_WAIT)(state)
        # All threads are asked to wait for the same time: they do not come back at the same moment.
        return wait + (_last(state).after or 0)

    def _tell_of_another_try(self, state: RetryCallState) -> None:
        fault = _last(state)
        wait = state.next_action.sleep if state.next_action else 0
        self._notices.tell(
            fault.kind,
            f"{fault.what}; asked again in {in_words(math.ceil(wait))}"
            f" ({state.attempt_number} of {self._server.retries}).",
        )

    def _rest(self, seconds: float) -> None:
        """Wait, unless or until there is nothing to wait for any more."""
        self._stop.wait(seconds)
        self._check()

    def _given_up(self, fault: Fault) -> StudyError:
        """Return what to raise for a text without an answer; end everything if others would fare alike."""
        if fault.meaning == "passes" and fault.kind in ("unreachable", "proxy"):
            return self._end(_lasting(fault).error(self._server))
        if fault.meaning == "stops":
            first = not self._stop.is_set()
            error = self._end(fault.error(self._server))
            return self._named(fault, error) if first else error
        with self._lock:
            self._row = self._row + 1 if fault.general else 0
            row = self._row
        if row >= IN_A_ROW:
            return self._end(out_of_order(fault, self._server, row).error(self._server))
        self._notices.tell(f"{fault.kind}, given up", f"{fault.what}; this text is left for the next run.")
        return fault.error(self._server)

    def _named(self, fault: Fault, error: StudyError) -> StudyError:
        """Name the models that the server has, where what stops everything may be the model's name."""
        if fault.kind not in ("model", "address"):
            return error
        reply = self._send("GET", "/models")
        has = self._names(reply.body) if not isinstance(reply, Fault) and reply.status == 200 else []
        if not has or (fault.kind == "address" and self._server.model in has):
            return error
        what = fault.what if fault.kind == "model" else "The server has no model of this name"
        model = Fault("stops", "model", what, key="model", found=self._server.model, hint=KEPT)
        with self._lock:
            self._ended = model.error(self._server, allowed=has)
            return copy.copy(self._ended)

    def _end(self, error: StudyError) -> StudyError:
        """Let no request be sent any more; return why."""
        with self._lock:
            if self._ended is None:
                self._ended = error
            self._stop.set()
            return copy.copy(self._ended)  # each thread its own: a traceback belongs to one

    def _check(self) -> None:
        if self._stop.is_set() and self._ended is not None:
            raise copy.copy(self._ended)


def _checked(server: Server) -> str:
    try:
        parts = urlsplit(server.address)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good, parts = False, urlsplit("")
    here = server.address == server.url.rstrip("/")
    file, key = (FILE, f"models.{server.name}.server.url") if here else (None, server.moved)
    if "@" in server.address:  # nothing of it is shown
        raise StudyError(
            "The server's address holds a user or password, which would be kept and shared with the study.",
            file=file,
            key=key,
            hint="Name the environment variable that holds the key in `key`.",
        )
    if not good or parts.query or parts.fragment:
        raise StudyError(
            "The server's address is none that requests can be sent to.",
            file=file,
            key=key,
            found=server.address.split("?")[0],
            allowed="http://... or https://..., up to and including the version, as in http://127.0.0.1:8000/v1",
        )
    return server.address


def _client(server: Server) -> httpx.Client:
    import httpx

    try:
        return httpx.Client(
            limits=httpx.Limits(
                max_connections=server.at_once + 1,
                max_keepalive_connections=server.at_once,
                keepalive_expiry=_IDLE,
            ),
            # httpx reads no .netrc of its own accord, but what the environment says of proxies.
            mounts={f"all://{host}": None for host in HERE},
        )
    except (ValueError, ImportError, httpx.InvalidURL, OSError):
        pass  # what it says may hold a proxy's password
    raise StudyError(
        "What the environment says of this network's proxy or certificates cannot be used.",
        key="HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE",
        hint="A proxy is written http://HOST:PORT (SOCKS is not supported); SSL_CERT_FILE names a file.",
    )


def _last(state: RetryCallState) -> Any:
    assert state.outcome is not None
    return state.outcome.result()


def _lasting(fault: Fault) -> Fault:
    return Fault("stops", fault.kind, fault.what, key=fault.key, found=fault.found, hint=fault.hint)


def _status_inside(answer: object) -> int | None:
    """Return the status of a fault that comes as an answer with status 200, as gateways send them."""
    error = answer.get("error") if isinstance(answer, dict) and not answer.get("choices") else None
    if not isinstance(error, dict):
        return None
    code = error.get("code")
    if isinstance(code, str) and code.isdecimal() and len(code) == 3:
        code = int(code)
    return code if type(code) is int and 400 <= code < 600 else 500


def _wrong_shape(answer: object) -> str | None:
    """Return how an answer differs from the protocol's shape, or None."""
    choices = answer.get("choices") if isinstance(answer, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    if not isinstance(first, dict) or not isinstance(message, dict):
        return "it has no choices[0].message"
    content, reason = message.get("content"), first.get("finish_reason")
    if reason == "error":
        return "the server broke off writing it"
    explained = isinstance(message.get("refusal"), str) or reason in ("length", "content_filter")
    if isinstance(content, str) or (content is None and explained):
        return None
    return "its choices[0].message.content is no text"


def _usage(answer: dict[str, Any]) -> Usage | None:
    """Return the server's count of tokens; where it is none, take it out of the answer."""
    usage = answer.get("usage")
    if isinstance(usage, dict):
        read, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
        if _is_count(read) and _is_count(written):
            return Usage(read=read, written=written)
    answer["usage"] = None
    return None


def _is_count(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= _MOST_TOKENS
