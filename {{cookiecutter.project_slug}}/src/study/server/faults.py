"""What it means when a server gives no answer: ask again, give up this text, or stop.

Servers of OpenAI's protocol agree on little here: the same fault comes with other numbers, codes and words.
What counts are the number (HTTP status), the codes that a server sends, and then its words.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal
from urllib.parse import urlsplit

from study.errors import StudyError
from study.llm import NotEvaluatedError
from study.llm.progress import in_words
from study.server.settings import Server
from study.server.words import Said, quoted, read_error

FILE = "config/study.yaml"
KEPT = "What was answered is kept: run again, and nothing is asked twice."

PATIENCE = 600.0
"""Seconds that a server may ask us to wait; beyond it a job on a cluster only holds its place."""

_CODES = {
    "long": {"context_length_exceeded", "exceed_context_size_error", "request_too_large"},
    "filter": {
        "content_filter",
        "content_policy_violation",
        "data_inspection_failed",
        "moderation_blocked",
        "responsibleaipolicyviolation",
    },
    "model": {"model_not_found", "model_not_available", "invalid_model", "unknown_model"},
    "parameter": {"unsupported_parameter", "unsupported_value", "unknown_parameter"},
    "budget": {
        "insufficient_quota",
        "insufficient_balance",
        "insufficient_credits",
        "billing_hard_limit_reached",
        "billing_not_active",
    },
}
_WORDS = {
    "long": r"maximum context length|exceed(s|ed)?\W+(the\W+)?(available\W+)?context|prompt is too long"
    r"|context (length|window|size)\W.{0,40}(exceed|overflow)|input token count.{0,40}exceed"
    r"|context the overflows|request too large|larger than the (maximum )?context",
    "filter": r"content (management )?(policy|filter)|\bflagged\b|\bmoderation\b"
    r"|safety (system|reasons|setting)",
    "model": r"\bmodel\b.{0,120}?(not found|not exist|not have access|not available|\bunknown\b"
    r"|decommissioned)|(unknown|invalid|no such|unrecognized) model|not a valid model",
    "parameter": r"unsupported|not support|unrecognized|unknown|not permitted|not allowed|unexpected|invalid"
    r"|must be|only the default|deprecated",
    "budget": r"credit balance is too low|insufficient[_ ](quota|balance|credits?|funds)",
}
_PATTERNS = {name: re.compile(words, re.IGNORECASE) for name, words in _WORDS.items()}


class TooLongError(NotEvaluatedError):
    """One text is longer than the server's model can read."""


@dataclass(frozen=True)
class Fault:
    """What a server's refusal or silence means.

    Attributes
    ----------
    meaning
        'passes' (ask again after a while), 'text' (this text is not to be had, others are), 'long' (as
        'text': it is too long) or 'stops' (no request would fare better).
    kind
        A word for what happened; lines about the same are told together.
    what
        What happened, a sentence without its full stop.
    after
        Seconds that the server asks to wait; None where it does not say.
    key
        Of the configuration, below the model's `server`.
    found, hint
        As in `study.errors.StudyError`.
    billed
        Whether the server may have worked, and charge, for an answer that did not arrive.
    general
        Whether it says something about the server, if one text after another meets it.
    """

    meaning: Literal["passes", "text", "long", "stops"]
    kind: str
    what: str
    after: float | None = None
    key: str = ""
    found: object = None
    hint: str | None = None
    billed: bool = False
    general: bool = True

    def error(self, server: Server, *, allowed: object = None) -> StudyError:
        """Return what is raised for it: one text's error, or one that stops the job."""
        kind = {"long": TooLongError, "stops": StudyError}.get(self.meaning, NotEvaluatedError)
        key = f"models.{server.name}.server" + (f".{self.key}" if self.key else "")
        return kind(f"{self.what}.", file=FILE, key=key, found=self.found, allowed=allowed, hint=self.hint)


def explain(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    server: Server,
    *,
    secret: str | None = None,
    members: Collection[str] = (),
    now: datetime | None = None,
) -> Fault:
    """Return what an answer with an HTTP status other than 2xx means.

    Parameters
    ----------
    headers
        With names in small letters, or any mapping that does not care.
    members
        The names of the request's members: those that a server does not know are named.
    now
        For a `Retry-After` that is a date, where the server does not say what time it is there.
    """
    said = read_error(body, secret)
    shown = f"({status}, '{quoted(said.words, secret)}')" if said.words else f"({status})"
    return (
        _redirect(status, headers, secret)
        or _of_one_text(status, said, shown, server)
        or _unpaid(status, said, shown)
        or _refused_key(status, said, shown, server)
        or _refused_parameter(status, said, shown, members)
        or _passing(status, headers, shown, now)
        or _refused_request(status, said, shown, server)
    )


def silent(error: Exception, server: Server, secret: str | None = None) -> Fault:
    """Return what it means when no answer came: `error` is one of httpx."""
    import httpx

    said = quoted(str(error), secret)
    shown = f" ({said})" if said else ""
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
        return Fault(
            "stops", "address", f"The server's address is none{shown}", key="url", found=server.address
        )
    if isinstance(error, httpx.ProxyError):
        return Fault(
            "stops" if "407" in said else "passes",
            "proxy",
            f"The proxy of this network does not let the request through{shown}",
            key="url",
            found=server.address,
            hint="The environment variables HTTP_PROXY, HTTPS_PROXY and ALL_PROXY name the proxy, NO_PROXY"
            f" what is reached without. {KEPT}",
        )
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return _no_connection(error, shown or " (no connection in time)", server)
    if isinstance(error, httpx.TimeoutException):
        return too_slow(server)
    what = f"The connection was cut before the answer was complete{shown}"
    cut = Fault("passes", "cut", what, key="url", billed=True)
    return malformed(f"it cannot be unpacked{shown}") if isinstance(error, httpx.DecodingError) else cut


def too_slow(server: Server) -> Fault:
    """Return what it means when the time for an answer is over."""
    return Fault(
        "passes",
        "slow",
        f"The server has not answered within {server.timeout:g} s",
        key="limits.timeout",
        found=server.timeout,
        hint=f"Raise it, or lower limits.at_once. {KEPT}",
        billed=True,
    )


def malformed(why: str) -> Fault:
    """Return what it means when an answer cannot be read."""
    return Fault("passes", "malformed", f"The server's answer cannot be read: {why}", key="url", billed=True)


def out_of_order(fault: Fault, server: Server, texts: int) -> Fault:
    """Return what stops a job when one text after another has met a fault."""
    often = "" if fault.meaning == "text" else f" {server.retries + 1} times each"
    return Fault(
        "stops",
        "out of order",
        f"The server is out of order: {texts} requests in a row failed{often}. The last time: {fault.what}",
        key=fault.key,
        found=fault.found,
        hint=f"See the server's own log. {fault.hint or KEPT}",
    )


def repeats_key(server: Server) -> Fault:
    """Return what it means when an answer holds the key: it would be kept with the answer."""
    return Fault(
        "stops",
        "echo",
        "The server sends the key back in its answers, where it would be kept and shared",
        key="url",
        found=server.address,
        hint="Use another server, and replace the key.",
    )


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return the seconds that `Retry-After` (RFC 9110: seconds, or a date) asks to wait, or None.

    A date is compared with the server's own clock (`Date`), else with `now` or this machine's.
    """
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value):
        return float(value)
    until = _date(value)
    if until is None:
        return None
    here = _date(headers.get("date", "")) or now or datetime.now(UTC)
    return max(0.0, (until - here).total_seconds())


def _means(said: Said, name: str) -> bool:
    """Return whether a server's codes, or else its words, are those of a kind of fault."""
    return bool(said.codes & _CODES[name]) or bool(_PATTERNS[name].search(said.words))


def _of_one_text(status: int, said: Said, shown: str, server: Server) -> Fault | None:
    if status in (401, 402, 404, 408, 409, 425, 429):
        return None
    if status == 413 or _means(said, "long"):
        return Fault(
            "long",
            "long",
            f"A text is too long for the model '{server.model}' {shown}",
            key="model",
            general=False,
        )
    concerned = said.about in ("", "prompt", "messages", "input") or bool(said.codes & _CODES["filter"])
    if status < 500 and concerned and _means(said, "filter"):
        return Fault(
            "text",
            "filter",
            f"The server's content filter refuses a text {shown}",
            key="model",
            general=False,
        )
    return None


def _no_connection(error: Exception, shown: str, server: Server) -> Fault:
    if _is_certificate(error):
        return Fault(
            "stops",
            "certificate",
            f"The server's certificate is not accepted{shown}, and no key is sent to an unknown server",
            key="url",
            found=server.address,
            hint="Where your network or server has a certificate of its own, name its file in the environment"
            " variable SSL_CERT_FILE.",
        )
    return Fault(
        "passes",
        "unreachable",
        f"The server cannot be reached{shown}",
        key="url",
        found=server.address,
        hint=f"Start it, or write where it is into the environment variable {server.moved}. {KEPT}",
    )


def _redirect(status: int, headers: Mapping[str, str], secret: str | None) -> Fault | None:
    if not 300 <= status < 400:
        return None
    parts = urlsplit(headers.get("location", "")[:1000])
    to = quoted(f"{parts.scheme}://{parts.hostname}{parts.path}", secret) if parts.hostname else None
    return Fault(
        "stops",
        "elsewhere",
        f"The server sends requests on to another address ({status}), and no key is sent there unasked",
        key="url",
        found=to or quoted(parts.path, secret) or "no address",
        hint="If you know that address, write it into url; else look whether url begins with https: and ends"
        " with the version, as in /v1.",
    )


def _unpaid(status: int, said: Said, shown: str) -> Fault | None:
    if status != 402 and not (status in (400, 403, 429) and _means(said, "budget")):
        return None
    what = f"The budget or credit at the provider is used up {shown}"
    return Fault("stops", "unpaid", what, hint=f"Raise it in your account there. {KEPT}")


def _refused_key(status: int, said: Said, shown: str, server: Server) -> Fault | None:
    if status not in (401, 403):
        return None
    if _means(said, "model"):
        return _unknown_model(shown, server)
    if server.key is None:
        return Fault(
            "stops",
            "key",
            f"The server wants a key, and the configuration names none {shown}",
            key="key",
            hint="Write the name of the environment variable that holds it, never the key itself.",
        )
    return Fault(
        "stops",
        "key",
        f"The server does not accept the key, which is wrong, has expired or is not for this model {shown}",
        key="key",
        found=f"the environment variable {server.key}",
        hint=f"Put a valid key into it. {KEPT}",
    )


def _unknown_model(shown: str, server: Server) -> Fault:
    return Fault(
        "stops",
        "model",
        f"The server has no model of this name for you {shown}",
        key="model",
        found=server.model,
        hint=KEPT,
    )


def _passing(status: int, headers: Mapping[str, str], shown: str, now: datetime | None) -> Fault | None:
    if status not in (408, 409, 425, 429) and status < 500:
        return None
    kind, what = (
        ("busy", "The server is busy") if status in (429, 503, 529) else ("broken", "The server failed")
    )
    after = retry_after(headers, now)
    if after is not None and after > PATIENCE:
        return Fault(
            "stops",
            "later",
            f"{what} {shown} and wants to be asked again in {in_words(after)} only",
            hint=f"Run again then. {KEPT}",
        )
    key = "limits" if kind == "busy" else "url"
    return Fault("passes", kind, f"{what} {shown}", after, key=key, hint=KEPT)


def _refused_request(status: int, said: Said, shown: str, server: Server) -> Fault:
    if _means(said, "model"):
        return _unknown_model(shown, server)
    if status in (400, 422):
        return Fault("text", "refused", f"The server refuses a request {shown}", key="options")
    return Fault(
        "stops",
        "address",
        f"There is no server of OpenAI's protocol at this address {shown}",
        key="url",
        found=server.address,
        hint="The address ends with the version, as in http://127.0.0.1:8000/v1.",
    )


def _parameter(said: Said, members: Collection[str]) -> str | None:
    """Return which member of the request is refused, if that is what the server says."""
    concerned = [name for name in members if name not in ("model", "messages")]
    about = re.split(r"[.\[]", said.about)[0]
    if about in concerned:
        return about
    if not _means(said, "parameter"):
        return None
    for name in sorted(concerned, key=len, reverse=True):
        # A name that is an ordinary word, such as 'stop', counts between quotation marks only.
        plain = rf"\b{re.escape(name)}\b" if "_" in name or name in ("logprobs", "temperature") else r"(?!)"
        if re.search(rf"['\"`]{re.escape(name)}['\"`.]|{plain}", said.words):
            return name
    return None


def _refused_parameter(status: int, said: Said, shown: str, members: Collection[str]) -> Fault | None:
    name = _parameter(said, members) if status in (400, 422, 500) else None
    if name is None:
        return None
    what = f"The server does not take the request's '{name}' as it is {shown}"
    if name in ("response_format", "grammar"):
        hint = "Choose another constraint: json_schema, json_object, grammar or none."
        return Fault("stops", "parameter", what, key="constraint", found=name, hint=hint)
    if name in ("logprobs", "top_logprobs"):
        hint = "Set probabilities to none: this server, or this model, does not give them."
        return Fault("stops", "parameter", what, key="probabilities", found=name, hint=hint)
    hint = f"Write '{name}: null' there to leave it out, or another value."
    return Fault("stops", "parameter", what, key="options", found=name, hint=hint)


def _is_certificate(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _date(value: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
