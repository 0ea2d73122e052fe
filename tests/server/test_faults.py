"""What each fault of a server means, and that a line says what to do."""

from __future__ import annotations

import json
import ssl
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from study.errors import StudyError
from study.llm import NotEvaluatedError
from study.server.faults import (
    KEPT,
    Fault,
    TooLongError,
    explain,
    malformed,
    out_of_order,
    repeats_key,
    retry_after,
    silent,
    too_slow,
)
from study.server.settings import Server

SERVER = Server("big", "https://models.example.org/v1", "big-1", key="BIG_KEY")
KEY = "sk-Zx81TqW7pLm3VnD4"
MEMBERS = (
    "model",
    "messages",
    "temperature",
    "max_tokens",
    "logprobs",
    "top_logprobs",
    "response_format",
    "stop",
)
NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def error(message: str, code: str | None = None, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "code": code, **more}}


def explained(status: int, body: object, server: Server = SERVER, **headers: str) -> Fault:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return explain(status, named, content, server, secret=KEY, members=MEMBERS, now=NOW)


LONG = "A text is too long for the model 'big-1'"
TABLE = [
    # OpenAI
    (429, error("Rate limit reached", "rate_limit_exceeded"), "passes", "The server is busy"),
    (429, error("You exceeded your current quota", "insufficient_quota"), "stops", "The budget or credit"),
    (
        401,
        error("Incorrect API key provided: sk-Zx8*****VnD4.", "invalid_api_key"),
        "stops",
        "does not accept",
    ),
    (
        404,
        error("The model `big-1` does not exist or you do not have access", "model_not_found"),
        "stops",
        "no model",
    ),
    (
        400,
        error(
            "Unsupported parameter: 'max_tokens' is not supported",
            "unsupported_parameter",
            param="max_tokens",
        ),
        "stops",
        "'max_tokens'",
    ),
    (
        400,
        error(
            "Unsupported value: 'temperature' does not support 0", "unsupported_value", param="temperature"
        ),
        "stops",
        "'temperature'",
    ),
    (400, error("You are not allowed to request logprobs from this model"), "stops", "'logprobs'"),
    (
        400,
        error("Invalid schema for response_format 'codes'", None, param="response_format"),
        "stops",
        "'response_format'",
    ),
    (
        400,
        error(
            "This model's maximum context length is 8 tokens.", "context_length_exceeded", param="messages"
        ),
        "long",
        LONG,
    ),
    (500, error("The server had an error"), "passes", "The server failed"),
    (503, error("Overloaded"), "passes", "The server is busy"),
    # Azure
    (400, error("The response was filtered", "content_filter", param="prompt"), "text", "content filter"),
    # vLLM
    (404, {"object": "error", "message": "The model `x` does not exist.", "code": 404}, "stops", "no model"),
    (
        400,
        {
            "object": "error",
            "message": "'max_tokens' is too large. This model's maximum context length is 20",
        },
        "long",
        LONG,
    ),
    (401, {"error": "Unauthorized"}, "stops", "does not accept"),
    # llama.cpp, llama-cpp-python
    (
        400,
        error(
            "the request exceeds the available context size, try increasing it",
            type="exceed_context_size_error",
        ),
        "long",
        LONG,
    ),
    (500, error("Requested tokens (3035) exceed context window of 2048"), "long", LONG),
    (
        500,
        error("1 validation error: {'type': 'literal_error', 'loc': ('body', 'response_format', 'type')}"),
        "stops",
        "'response_format'",
    ),
    (503, error("Loading model", type="unavailable_error"), "passes", "The server is busy"),
    # Ollama, LM Studio
    (404, error("model 'big-1' not found, try pulling it first", "not_found_error"), "stops", "no model"),
    (400, {"error": "Trying to keep the first 900 tokens when context the overflows."}, "long", LONG),
    # Mistral, DeepSeek, Groq, Anthropic, Google, OpenRouter
    (
        400,
        {"object": "error", "message": "Invalid model: big-1", "type": "invalid_model"},
        "stops",
        "no model",
    ),
    (
        422,
        {"detail": [{"loc": ["body", "top_logprobs"], "msg": "Extra inputs are not permitted"}]},
        "stops",
        "'top_logprobs'",
    ),
    (402, error("Insufficient Balance"), "stops", "The budget or credit"),
    (413, error("Request too large for model on tokens per minute", "rate_limit_exceeded"), "long", LONG),
    (400, error("Your credit balance is too low to access the API"), "stops", "The budget or credit"),
    (529, error("Overloaded", type="overloaded_error"), "passes", "The server is busy"),
    (
        400,
        [error("The input token count (9) exceeds the maximum number of tokens allowed (5).")],
        "long",
        LONG,
    ),
    (429, [error("You exceeded your current quota", None, status="RESOURCE_EXHAUSTED")], "passes", "busy"),
    (403, error("Your input was flagged"), "text", "content filter"),
    # Gateways
    (502, b"<html><h1>502 Bad Gateway</h1></html>", "passes", "(502, '502 Bad Gateway')"),
    (504, b"", "passes", "The server failed (504)"),
    (408, b"", "passes", "(408)"),
    (409, b"", "passes", "(409)"),
    (425, b"", "passes", "(425)"),
    (403, b"", "stops", "does not accept"),
    (404, b"<h1>Not Found</h1>", "stops", "no server of OpenAI's protocol"),
    (405, {"detail": "Method Not Allowed"}, "stops", "no server of OpenAI's protocol"),
    # Nothing that is known: this text, and after some in a row the server
    (400, error("Bad request"), "text", "The server refuses a request (400, 'Bad request')"),
    (422, error("It does not stop"), "text", "The server refuses a request"),
]


@pytest.mark.parametrize(("status", "body", "meaning", "words"), TABLE)
def test_what_an_answer_means(status: int, body: object, meaning: str, words: str) -> None:
    fault = explained(status, body)
    assert fault.meaning == meaning
    assert words in fault.what
    assert f"({status}" in fault.what
    assert not fault.what.endswith(".")
    line = str(fault.error(SERVER))
    assert "\n" not in line
    assert line.startswith("config/study.yaml, key 'models.big.server")
    assert "VnD4" not in line


@pytest.mark.parametrize(
    ("meaning", "kind"), [("stops", StudyError), ("passes", NotEvaluatedError), ("text", NotEvaluatedError)]
)
def test_one_text_is_told_from_the_job(meaning: Any, kind: type) -> None:
    raised = Fault(meaning, "kind", "It happened").error(SERVER)
    assert type(raised) is kind
    assert type(Fault("long", "long", "It is long").error(SERVER)) is TooLongError
    assert issubclass(TooLongError, NotEvaluatedError)


def test_an_expired_key_names_the_variable_and_not_the_key() -> None:
    body = error(f"Incorrect API key provided: {KEY}. See your account.")
    assert str(explained(401, body).error(SERVER)) == (
        "config/study.yaml, key 'models.big.server.key': The server does not accept the key, which is wrong,"
        " has expired or is not for this model (401, 'Incorrect API key provided: [key]. See your account.')."
        " Found: 'the environment variable BIG_KEY'. Put a valid key into it."
        " What was answered is kept: run again, and nothing is asked twice."
    )


def test_a_server_that_wants_a_key_of_a_study_without_one() -> None:
    keyless = Server("big", "http://127.0.0.1:1/v1", "big-1")
    line = str(explained(401, b"", keyless).error(keyless))
    assert "the configuration names none (401)" in line
    assert "Write the name of the environment variable" in line


@pytest.mark.parametrize(
    ("parameter", "key", "advice"),
    [
        ("response_format", "constraint", "Choose another constraint"),
        ("top_logprobs", "probabilities", "Set probabilities to none"),
        ("temperature", "options", "Write 'temperature: null' there to leave it out"),
    ],
)
def test_a_refused_parameter_says_what_to_write(parameter: str, key: str, advice: str) -> None:
    line = str(explained(400, error("Not supported", None, param=parameter)).error(SERVER))
    assert f"key 'models.big.server.{key}'" in line
    assert f"Found: '{parameter}'" in line
    assert advice in line


def test_an_ordinary_word_is_no_parameter() -> None:
    assert explained(400, error("It is not supported to stop here")).meaning == "text"
    assert explained(400, error("Unsupported parameter: 'stop'")).found == "stop"


@pytest.mark.parametrize(
    ("to", "shown"),
    [
        ("https://other.example.org/v1/chat?key=" + KEY, "'https://other.example.org/v1/chat'"),
        ("https://user:pass@other.example.org/", "'https://other.example.org/'"),
        ("/login", "'/login'"),
        ("", "'no address'"),
        (f"https://o.example.org/{KEY}", "'https://o.example.org/[key]'"),
    ],
)
def test_a_redirect_is_not_followed_and_says_where_to(to: str, shown: str) -> None:
    fault = explained(307, b"", location=to)
    line = str(fault.error(SERVER))
    assert fault.meaning == "stops"
    assert f"Found: {shown}." in line
    assert "no key is sent there unasked" in line
    assert "pass" not in line


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "12"}, 12),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:30 GMT"}, 30),
        ({"retry-after": "Sun, 01 Mar 2026 11:00:00 GMT"}, 0),
        # The server's own clock, an hour ahead of ours, counts.
        ({"retry-after": "Sun, 01 Mar 2026 13:00:30 GMT", "date": "Sun, 01 Mar 2026 13:00:10 GMT"}, 20),
        ({"retry-after": "Sun, 99 Mar 2026 13:00:30 GMT"}, None),
    ],
)
def test_how_long_a_server_asks_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


def test_a_wait_that_is_too_long_stops_with_an_explanation() -> None:
    assert explained(429, b"", retry_after="600").after == 600
    fault = explained(429, error("Daily limit"), retry_after="7200")
    assert fault.meaning == "stops"
    assert str(fault.error(SERVER)) == (
        "config/study.yaml, key 'models.big.server': The server is busy (429, 'Daily limit') and wants to be"
        f" asked again in 2 h 0 min only. Run again then. {KEPT}"
    )


REQUEST = httpx.Request("POST", "https://models.example.org", headers={"Authorization": f"Bearer {KEY}"})


def certificate() -> httpx.ConnectError:
    raised = httpx.ConnectError("[SSL] no", request=REQUEST)
    raised.__cause__ = ssl.SSLCertVerificationError("self-signed")
    return raised


@pytest.mark.parametrize(
    ("raised", "meaning", "words", "billed"),
    [
        (httpx.ConnectError("[Errno 111] Connection refused"), "passes", "reached ([Errno 111] Conn", False),
        (httpx.ConnectTimeout("", request=REQUEST), "passes", "(no connection in time)", False),
        (certificate(), "stops", "The server's certificate is not accepted", False),
        (httpx.ReadTimeout("timed out", request=REQUEST), "passes", "not answered within 120 s", True),
        (httpx.RemoteProtocolError("peer closed", request=REQUEST), "passes", "The connection was cut", True),
        (httpx.ReadError("", request=REQUEST), "passes", "The connection was cut", True),
        (httpx.DecodingError("bad gzip", request=REQUEST), "passes", "cannot be unpacked (bad gzip)", True),
        (httpx.ProxyError("407 Proxy Authentication Required"), "stops", "The proxy of this network", False),
        (httpx.ProxyError("503 Service Unavailable"), "passes", "The proxy of this network", False),
        (httpx.UnsupportedProtocol("no http"), "stops", "The server's address is none (no http)", False),
        (httpx.InvalidURL("bad"), "stops", "The server's address is none (bad)", False),
    ],
)  # fmt: skip
def test_what_silence_means(raised: Exception, meaning: str, words: str, billed: bool) -> None:
    fault = silent(raised, SERVER, KEY)
    assert (fault.meaning, fault.billed) == (meaning, billed)
    assert words in fault.what
    assert "\n" not in str(fault.error(SERVER))


def test_silence_does_not_show_the_key() -> None:
    assert (
        KEY not in silent(httpx.LocalProtocolError(f"Illegal header value b'Bearer {KEY}'"), SERVER, KEY).what
    )


def test_a_server_that_cannot_be_reached_is_to_be_started() -> None:
    line = str(silent(httpx.ConnectError("refused"), SERVER).error(SERVER))
    assert "Found: 'https://models.example.org/v1'" in line
    assert "environment variable LLM_STUDY_URL_BIG" in line


def test_out_of_order_says_what_happened_last() -> None:
    line = str(out_of_order(too_slow(SERVER), SERVER, 5).error(SERVER))
    assert line.startswith(
        "config/study.yaml, key 'models.big.server.limits.timeout': The server is out of order"
    )
    assert (
        "5 requests in a row failed 6 times each. The last time: The server has not answered within 120"
        in line
    )
    refused = out_of_order(explained(400, error("Bad")), SERVER, 5)
    assert (
        "5 requests in a row failed. The last time: The server refuses a request (400, 'Bad')" in refused.what
    )
    assert refused.meaning == "stops"


def test_only_what_concerns_the_server_counts_against_it() -> None:
    assert not explained(413, b"").general
    assert not explained(400, error("", "content_filter")).general
    assert explained(400, error("Bad")).general
    assert malformed("it is no JSON").general


def test_an_answer_that_holds_the_key_stops() -> None:
    assert repeats_key(SERVER).meaning == "stops"
