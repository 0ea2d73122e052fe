"""Requests to a real server through a proxy that spoils them: nothing lost, nothing asked twice."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from server import proxy as fault
from server.llama_server import ALIAS
from server.proxy import Asked, Proxy, Spoilt
from study.errors import StudyError
from study.llm import NotEvaluatedError
from study.server import chat as module
from study.server.chat import Chat
from study.server.faults import TooLongError
from study.server.limits import Usage
from study.server.settings import Server

KEY = "sk-planted-Zx81TqW7pLm3VnD4"
CLOSED = "http://127.0.0.1:9/v1"
"""An address at which nobody is."""


@pytest.fixture
def proxy(llama: str) -> Iterator[Proxy]:
    with Proxy(llama) as running:
        yield running


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("PLANTED_KEY", KEY)


Asking = Callable[..., Chat]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def asking(proxy: Proxy, said: list[str]) -> Iterator[Asking]:
    """Return what makes a client of the proxy, quick to try again."""
    made: list[Chat] = []

    def make(*, spent: Usage = Usage(), url: str | None = None, **more: Any) -> Chat:  # noqa: B008
        settings: dict[str, Any] = {"key": "PLANTED_KEY", "retries": 3} | more
        server = Server("small", url or proxy.address, ALIAS, **settings)
        made.append(Chat(server, said.append, spent=spent, first_wait=0.01))
        return made[-1]

    yield make
    for one in made:
        one.close()


def request(text: str = "Say yes.", **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": text}]
    return {"model": ALIAS, "messages": messages, "max_tokens": 3, "temperature": 0} | more


def content(answer: dict[str, Any]) -> str:
    return str(answer["choices"][0]["message"]["content"])


def text_of(asked: Asked) -> str:
    assert asked.body is not None
    return str(asked.body["messages"][0]["content"])


def test_an_answer_is_the_servers_own(asking: Asking, proxy: Proxy, llama: str, said: list[str]) -> None:
    chat = asking()
    answer = chat.complete(request('Größe 🦙, "quoted"\n'))
    direct = httpx.post(f"{llama}/chat/completions", json=request('Größe 🦙, "quoted"\n'), timeout=60).json()
    assert content(answer) == content(direct)
    assert answer["usage"] == direct["usage"]
    usage = direct["usage"]
    assert chat.used == Usage(requests=1, read=usage["prompt_tokens"], written=usage["completion_tokens"])
    assert [one.key for one in proxy.asked] == [KEY]
    assert said == []


def first(**more: Any) -> Callable[[dict[str, Any]], object]:
    """Return what changes the first choice of an answer."""
    return lambda answer: answer["choices"][0].update(more)


SAID = "(429, 'Rate limit reached for requests'); asked again in 1 s (1 of 3)."
FAILED = "'The server had an error'); asked again in 1 s (1 of 3)."
NO_MESSAGE = "The server's answer cannot be read: it has no choices[0].message; asked again in 1 s (1 of 3)."
NO_JSON = "The server's answer cannot be read: it is no JSON; asked again in 1 s (1 of 3)."
PASSING = [
    (fault.busy(), f"The server is busy {SAID}"),
    (fault.busy("0"), f"The server is busy {SAID}"),
    (fault.broken(), f"The server failed (500, {FAILED}"),
    (fault.broken(503), f"The server is busy (503, {FAILED}"),
    (fault.broken(408), f"The server failed (408, {FAILED}"),
    (fault.cut(), "The connection was cut before the answer was complete (peer closed connection without"),
    (fault.hung_up(), "The connection was cut before the answer was complete (Server disconnected without"),
    (fault.malformed(), NO_JSON),
    (fault.changed("empty", dict.clear), NO_MESSAGE),
    (fault.changed("no choice", lambda answer: answer["choices"].clear()), NO_MESSAGE),
    (fault.changed("no message", first(message=None)), NO_MESSAGE),
    (fault.changed("no text", first(message={"content": None}, finish_reason="stop")), "content is no text;"),
    (fault.changed("half", first(message={"content": "\ud83d"})), NO_JSON),
    (
        fault.changed("broken off", first(finish_reason="error")),
        "the server broke off writing it; asked again",
    ),
    (Spoilt("list", change=lambda _: b"[1]"), NO_MESSAGE),
    (Spoilt("deep", change=lambda _: b"[" * 100_000), NO_JSON),
    (Spoilt("429 inside", 200, body='{"error": {"code": 429, "message": "Slow"}}'), "is busy (429, 'Slow');"),
    (
        Spoilt("inside", 200, body='{"error": {"message": "Upstream"}}'),
        "The server failed (500, 'Upstream');",
    ),
    (Spoilt("zip", 200, (("Content-Encoding", "gzip"),), "no gzip"), "it cannot be unpacked"),
]


@pytest.mark.parametrize(
    ("spoilt", "line"), PASSING, ids=[f"{i}-{one[0].name}" for i, one in enumerate(PASSING)]
)
def test_what_passes_is_told_in_a_line_and_asked_again(
    spoilt: Spoilt, line: str, asking: Asking, proxy: Proxy, said: list[str]
) -> None:
    proxy.at(1, spoilt)
    chat = asking()
    assert content(chat.complete(request()))
    assert [one.answered for one in proxy.requests] == [False, True]
    assert (chat.used.requests, chat.used.retries) == (2, 1)
    assert len(said) == 1
    assert line in said[0]
    assert said[0].isprintable()
    assert proxy.asked_twice() == []


@pytest.mark.parametrize("spoilt", [fault.stalled(30), fault.dripping(0.4)], ids=lambda one: one.name)
def test_a_stalled_answer_is_asked_again(
    spoilt: Spoilt, asking: Asking, proxy: Proxy, said: list[str]
) -> None:
    asking().complete(request())  # the server is awake
    proxy.at(2, spoilt)
    chat = asking(timeout=2)
    assert content(chat.complete(request("Say no.")))
    assert said == ["The server has not answered within 2 s; asked again in 1 s (1 of 3)."]
    # The answer that was lost may have been worked for, and its tokens are not known.
    assert (chat.used.requests, chat.used.retries, chat.used.unknown) == (2, 1, 1)
    assert [one.answered for one in proxy.requests] == [True, False, True]


def test_more_than_any_answer_is_not_read(
    asking: Asking, proxy: Proxy, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 1_000_000)
    proxy.at(1, Spoilt("huge", 200, body="x" * 1_100_000))
    assert content(asking().complete(request()))
    assert "it has more than 1 MB; asked again" in said[0]


def test_retry_after_pauses_every_thread(asking: Asking, proxy: Proxy) -> None:
    chat = asking()
    proxy.at(1, fault.busy("1"))
    with ThreadPoolExecutor(4) as threads:
        one = threads.submit(chat.complete, request("Say one."))
        while not chat.used.requests:
            assert not one.done()
        # What begins during the pause waits as well.
        later = [threads.submit(chat.complete, request(f"Say {i}.")) for i in range(3)]
        assert all(content(each.result(60)) for each in [one, *later])
    begun = [one.at for one in proxy.requests]
    # The client hears of it some time after the request came, and then waits for the whole second.
    assert [at - begun[0] >= 1 for at in begun] == [False, True, True, True, True]
    assert proxy.asked_twice() == []


def test_a_wait_that_is_too_long_stops(asking: Asking, proxy: Proxy) -> None:
    proxy.at(1, fault.busy("4000"))
    with pytest.raises(StudyError, match="asked again in 1 h 6 min only"):
        asking().complete(request())
    assert len(proxy.requests) == 1


STOPPING = [
    (fault.expired(), "models.small.server.key", "The server does not accept the key"),
    (fault.unknown_model(), "models.small.server.model", "Allowed: smollm2."),
    (fault.unpaid(), "models.small.server", "The budget or credit at the provider is used up"),
    (fault.unpaid(402), "models.small.server", "The budget or credit at the provider is used up"),
    (Spoilt("page", 404, body="Not Found"), "models.small.server.url", "There is no server of OpenAI's"),
    (Spoilt("parameter", 400, body='{"error": {"message": "No", "param": "temperature"}}'),
     "models.small.server.options", "Write 'temperature: null' there"),
    (fault.changed("echo", lambda a: a.update(system_fingerprint=f"fp {KEY}")), "models.small.server.url",
     "The server sends the key back"),
]  # fmt: skip


@pytest.mark.parametrize(("spoilt", "place", "words"), STOPPING, ids=[one[0].name for one in STOPPING])
def test_what_does_not_pass_stops_at_once(
    spoilt: Spoilt, place: str, words: str, asking: Asking, proxy: Proxy
) -> None:
    chat = asking()
    before = content(chat.complete(request("Say first.")))
    proxy.at(2, spoilt)
    with pytest.raises(StudyError) as stopped:
        chat.complete(request())
    line = str(stopped.value)
    assert line.startswith(f"config/study.yaml, key '{place}': ")
    assert words in line
    assert line.isprintable()
    assert not isinstance(stopped.value, NotEvaluatedError)
    with pytest.raises(StudyError) as again:
        chat.complete(request("Say more."))
    assert str(again.value) == line
    assert len(proxy.requests) == 2  # nothing was sent any more
    # Another day: what was answered is not asked again, the rest is.
    assert before
    assert content(asking().complete(request()))
    assert proxy.asked_twice() == []


def test_a_wrong_model_is_told_which_there_are(asking: Asking, proxy: Proxy) -> None:
    proxy.models = ["smollm3"]
    with pytest.raises(StudyError) as stopped:
        asking().complete(request())
    assert "Found: 'smollm2'" in str(stopped.value)
    assert "The model `smollm2` does not exist" in str(stopped.value)
    assert [one.path for one in proxy.asked] == ["/v1/chat/completions", "/v1/models"]


def test_a_page_that_is_not_there_and_a_model_that_is_not(asking: Asking, proxy: Proxy) -> None:
    proxy.when(lambda asked: asked.number is not None, Spoilt("404", 404))
    chat = Chat(Server("small", proxy.address, "other"), print)
    with pytest.raises(StudyError, match=r"server\.model'.*Found: 'other'\. Allowed: smollm2"):
        chat.complete(request())
    chat.close()


def test_threads_stop_together(asking: Asking, proxy: Proxy) -> None:
    proxy.when(lambda asked: (asked.number or 0) > 6, fault.expired())
    chat = asking(at_once=4)

    def ask(i: int) -> str | StudyError:
        try:
            return content(chat.complete(request(f"Say {i}.")))
        except StudyError as error:
            return error

    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(ask, range(40)))
    answered = [one for one in results if isinstance(one, str)]
    assert len(answered) == len(proxy.answered) == 6
    assert len({str(one) for one in results if isinstance(one, StudyError)}) == 1
    assert len(proxy.requests) <= 6 + 4
    assert proxy.asked_twice() == []


@pytest.mark.parametrize(
    ("spoilt", "kind", "words"),
    [
        (fault.filtered(), NotEvaluatedError, "The server's content filter refuses a text (400,"),
        (fault.too_long(), TooLongError, "A text is too long for the model 'smollm2' (400,"),
        (Spoilt("413", 413), TooLongError, "A text is too long for the model 'smollm2' (413)"),
        (Spoilt("422", 422, body="Bad"), NotEvaluatedError, "The server refuses a request (422, 'Bad')"),
    ],
    ids=["filtered", "too long", "413", "422"],
)
def test_what_concerns_one_text_leaves_the_others(
    spoilt: Spoilt, kind: type, words: str, *, asking: Asking, proxy: Proxy, said: list[str]
) -> None:
    proxy.at(1, spoilt)
    chat = asking()
    with pytest.raises(NotEvaluatedError) as failed:
        chat.complete(request())
    assert type(failed.value) is kind
    assert words in str(failed.value)
    assert len(said) == 1
    assert said[0].startswith(words)
    assert said[0].endswith("; this text is left for the next run.")
    assert content(chat.complete(request("Say more.")))
    assert [one.fault for one in proxy.requests] == [spoilt.name, None]


def test_a_text_longer_than_the_real_servers_context(asking: Asking) -> None:
    with pytest.raises(TooLongError, match="maximum context length is 2048 tokens"):
        asking().complete(request("word " * 3000))


def test_a_real_servers_own_refusal_of_a_member(asking: Asking) -> None:
    with pytest.raises(StudyError, match=r"server\.constraint'.*Found: 'response_format'"):
        asking().complete(request(response_format={"type": "json_schema", "json_schema": {}}))


def test_a_text_whose_retries_are_used_up_is_left_for_the_next_run(asking: Asking, proxy: Proxy) -> None:
    proxy.when(lambda asked: asked.number is not None and text_of(asked) == "Say bad.", fault.broken())
    chat = asking(retries=2)
    for _ in range(3):
        with pytest.raises(NotEvaluatedError, match="The server failed"):
            chat.complete(request("Say bad."))
        assert content(chat.complete(request("Say good.")))
    assert (chat.used.requests, chat.used.retries) == (3 * 4, 3 * 2)


def test_five_failures_in_a_row_are_the_servers(asking: Asking, proxy: Proxy) -> None:
    proxy.when(lambda asked: asked.number is not None, fault.broken())
    chat = asking(retries=1)
    for i in range(4):
        with pytest.raises(NotEvaluatedError):
            chat.complete(request(f"Say {i}."))
    with pytest.raises(StudyError, match="5 requests in a row failed 2 times each") as stopped:
        chat.complete(request("Say four."))
    assert type(stopped.value) is StudyError
    with pytest.raises(StudyError, match="out of order"):
        chat.complete(request())
    assert len(proxy.requests) == 10


@pytest.mark.parametrize("between", [None, fault.filtered()], ids=["answered", "filtered"])
def test_failures_between_answers_are_not_in_a_row(
    between: Spoilt | None, asking: Asking, proxy: Proxy
) -> None:
    bad = {"Say 0.", "Say 1.", "Say 2.", "Say 3.", "Say 5.", "Say 6.", "Say 7.", "Say 8."}
    proxy.when(lambda asked: asked.number is not None and text_of(asked) in bad, fault.broken())
    if between is not None:  # a text that is refused for its content shows that the server works
        proxy.at(5, between)
    chat = asking(retries=0)
    for i in range(9):
        if f"Say {i}." in bad or between is not None:
            with pytest.raises(NotEvaluatedError):
                chat.complete(request(f"Say {i}."))
        else:
            assert content(chat.complete(request(f"Say {i}.")))
    assert content(chat.complete(request("Say 9.")))


def test_many_texts_with_faults_of_every_kind(asking: Asking, proxy: Proxy, said: list[str]) -> None:
    kinds = [fault.busy(), fault.broken(), fault.cut(), fault.hung_up(), fault.malformed(), fault.busy("0")]
    for i in range(12):
        proxy.at(2 + 3 * i, kinds[i % len(kinds)])
    chat = asking(at_once=3, retries=8)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda i: content(chat.complete(request(f"Say {i}."))), range(30)))
    assert len(answers) == len(proxy.answered) == 30
    assert {text_of(one) for one in proxy.answered} == {f"Say {i}." for i in range(30)}
    assert len(proxy.requests) == 42
    assert proxy.asked_twice() == []
    assert proxy.at_once <= 3
    assert (chat.used.requests, chat.used.retries) == (42, 12)
    alone = asking(url=proxy.upstream)
    assert answers == [content(alone.complete(request(f"Say {i}."))) for i in range(30)]
    # Lines of the same kind are told once in a while.
    chat.close()
    assert len([line for line in said if line.startswith("The server is busy")]) < 4
    assert any(line.startswith("And ") for line in said)


def test_a_server_that_is_nowhere(asking: Asking, said: list[str]) -> None:
    chat = asking(url=CLOSED, retries=2)
    with pytest.raises(StudyError) as stopped:
        chat.complete(request())
    assert type(stopped.value) is StudyError
    assert "The server cannot be reached ([Errno 111] Connection refused)" in str(stopped.value)
    assert f"Found: '{CLOSED}'" in str(stopped.value)
    assert "LLM_STUDY_URL_SMALL" in str(stopped.value)
    assert said == [
        "The server cannot be reached ([Errno 111] Connection refused); asked again in 1 s (1 of 2)."
    ]
    assert chat.used.requests == 3


def test_a_server_that_has_moved(asking: Asking, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_STUDY_URL_SMALL", proxy.address + "/")
    assert content(asking(url=CLOSED).complete(request()))


def test_where_a_server_has_moved_to_is_named_if_it_is_no_address(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_STUDY_URL_SMALL", "the new machine")
    with pytest.raises(StudyError, match="none that requests can be sent to") as refused:
        asking(url=CLOSED)
    assert (refused.value.file, refused.value.key) == (None, "LLM_STUDY_URL_SMALL")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda a: a["choices"][0].update(finish_reason="content_filter", message={"role": "assistant"}),
            None,
        ),
        (lambda a: a["choices"][0]["message"].update(content=None, refusal="I do not say that."), None),
        (lambda a: a["choices"][0].update(finish_reason="length"), "x"),
    ],
)
def test_what_the_server_explains_is_left_to_the_caller(
    change: Callable[[dict[str, Any]], object], reason: str | None, asking: Asking, proxy: Proxy
) -> None:
    proxy.at(1, fault.changed("explained", change))
    answer = asking().complete(request())
    assert (answer["choices"][0]["message"].get("content") is None) == (reason is None)
    assert len(proxy.requests) == 1


def test_what_a_server_says_of_itself_is_a_short_line(asking: Asking, proxy: Proxy) -> None:
    more = {"model": "small\x1b[2J\n" + "x" * 500, "system_fingerprint": {"no": "text"}, "extra": [1]}
    proxy.at(1, fault.changed("itself", lambda answer: answer.update(more)))
    answer = asking().complete(request())
    assert answer["model"].startswith("small[2J xxx")
    assert len(answer["model"]) == 200
    assert answer["system_fingerprint"] is None
    assert answer["extra"] == [1]
    assert asking().complete(request("Say more."))["model"] == ALIAS


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        [1],
        {"prompt_tokens": "1"},
        {"prompt_tokens": -1, "completion_tokens": 2},
        {"prompt_tokens": True, "completion_tokens": 1},
        {"prompt_tokens": 10**30, "completion_tokens": 1},
    ],
)
def test_tokens_that_the_server_does_not_count_stay_unknown(usage: Any, asking: Asking, proxy: Proxy) -> None:
    proxy.at(1, fault.changed("usage", lambda answer: answer.update(usage=usage)))
    chat = asking()
    assert chat.complete(request())["usage"] is None
    used = chat.used
    assert (used.read, used.written, used.unknown, used.unknown_written) == (0, 0, 1, 3)
    assert 20 < used.unknown_read < 60


def test_a_budget_stops_cleanly(asking: Asking, proxy: Proxy) -> None:
    chat = asking(most_tokens=120)
    for i in range(3):
        chat.complete(request(f"Say {i}."))
    with pytest.raises(StudyError, match=r"models\.small\.server\.budget.*nothing is asked twice"):
        chat.complete(request("Say 3."))
    used = chat.used
    assert len(proxy.requests) == used.requests == 3
    assert used.read + used.written <= 120
    with pytest.raises(StudyError, match="budget"):
        asking(most_tokens=120, spent=used).complete(request("Say more."))
    assert len(proxy.requests) == 3
    assert content(asking(most_tokens=240, spent=used).complete(request("Say more.")))
    assert proxy.asked_twice() == []


def test_what_waits_for_its_minute_ends_when_closed(asking: Asking, proxy: Proxy) -> None:
    chat = asking(requests_per_minute=2)
    for i in range(2):
        chat.complete(request(f"Say {i}."))
    ended: list[BaseException] = []

    def ask() -> None:
        try:
            chat.complete(request("Say more."))
        except StudyError as error:
            ended.append(error)

    waiting = threading.Thread(target=ask, daemon=True)
    waiting.start()
    waiting.join(0.3)
    assert waiting.is_alive()
    chat.close()
    waiting.join(10)
    assert "The requests to the model server were ended" in str(ended[0])
    assert len(proxy.requests) == 2


def test_the_models_of_a_server(asking: Asking, proxy: Proxy) -> None:
    assert asking().models() == [ALIAS]
    for status in (404, 405, 501):
        proxy.healed().when(lambda asked: asked.path.endswith("/models"), Spoilt("no page", status))
        assert asking().models() == []
    proxy.healed().when(lambda asked: True, Spoilt("other", 200, body='{"data": [{"name": 1}]}'))
    assert asking().models() == []
    proxy.healed().when(lambda asked: True, fault.broken(), times=2)
    assert asking().models() == [ALIAS]
    proxy.healed().when(lambda asked: True, fault.expired())
    with pytest.raises(StudyError, match="does not accept the key"):
        asking().models()
    proxy.healed().when(lambda asked: True, fault.broken())
    with pytest.raises(StudyError) as failed:
        asking(retries=0).models()
    assert type(failed.value) is StudyError
    assert proxy.requests == []


def chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        yield from chain(error.__cause__)
        error = error.__context__


ECHO = (("X-Echo", KEY), ("Location", f"http://127.0.0.1:9/{KEY}"))
ECHOED = f'{{"error": {{"message": "Bearer {KEY}, sk-pl********VnD4, {KEY[:12]}", "code": "{KEY}"}}}}'


@pytest.mark.parametrize(
    "spoilt",
    [
        fault.expired(),
        *(Spoilt(str(n), n, ECHO, ECHOED) for n in (302, 400, 402, 403, 404, 413, 422, 429, 500)),
        Spoilt("page", 502, body=f"<html>{KEY}</html>"),
        Spoilt("inside", 200, body=f'{{"error": {{"code": 500, "message": "{KEY}"}}}}'),
        Spoilt("broken", 200, body=f'{{"{KEY}'),
        fault.changed("content", first(message={"content": f"It is {KEY}"})),
        fault.cut(),
    ],
    ids=lambda one: one.name,
)  # fmt: skip
def test_the_key_is_in_no_output(
    spoilt: Spoilt, asking: Asking, proxy: Proxy, said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    proxy.when(lambda asked: asked.number is not None, spoilt)
    chat = asking(retries=1)
    with pytest.raises(StudyError) as raised:
        chat.complete(request())
    shown = [*said, *(str(one) + repr(one) for one in chain(raised.value)), repr(vars(raised.value))]
    shown += traceback.format_exception(raised.value)
    # httpcore's log of headers, the server's own too, is for somebody who asks to see headers.
    shown += [record.getMessage() for record in caplog.records if record.name != "httpcore.http11"]
    shown.append(repr(chat))
    everything = "\n".join(shown)
    assert proxy.requests[0].key == KEY
    for part in [KEY[i : i + 8] for i in range(len(KEY) - 7)]:
        assert part not in everything
    assert "********" not in everything


def test_a_redirect_takes_the_key_nowhere(asking: Asking, proxy: Proxy, llama: str) -> None:
    with Proxy(llama) as other:
        proxy.at(1, fault.elsewhere(f"{other.address}/chat/completions"))
        with pytest.raises(
            StudyError, match=f"Found: '{other.address.rsplit(':', 1)[0]}/v1/chat/completions'"
        ):
            asking().complete(request())
        assert other.asked == []


def test_no_netrc_is_read(
    asking: Asking, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("default login ada password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    assert content(asking(key=None).complete(request()))
    assert "Authorization" not in proxy.requests[0].headers


def test_the_networks_proxy_is_used_though_not_for_this_machine(
    asking: Asking, proxy: Proxy, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", CLOSED)
    assert content(asking().complete(request()))
    monkeypatch.setenv("HTTP_PROXY", proxy.address.removesuffix("/v1"))
    assert content(asking(url="http://models.invalid/v1").complete(request("Say more.")))
    assert proxy.requests[1].headers["Host"] == "models.invalid"
    assert said == ["Key and texts go to models.invalid unencrypted: the address begins with http:."]


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "ALL_PROXY"])
def test_a_proxys_address_that_is_none(name: str, asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "socks9://ada:secret@proxy.example.org:1")
    with pytest.raises(StudyError, match="A proxy is written http://HOST:PORT") as failed:
        asking()
    assert all("secret" not in str(one) for one in chain(failed.value))


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Return a file with a certificate for 127.0.0.1 that nobody has signed, and its key."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(private, hashes.SHA256())
    )
    file = tmp_path / "certificate.pem"
    form = serialization.PrivateFormat.PKCS8
    secret = private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    file.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return file


def test_an_unknown_certificate_gets_no_key(
    asking: Asking, proxy: Proxy, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Proxy(proxy.upstream, certificate=certificate) as safe:
        address = safe.address.replace("127.0.0.1", "localhost")
        with pytest.raises(StudyError, match=r"certificate is not accepted.*SSL_CERT_FILE"):
            asking(url=address).complete(request())
        assert safe.asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert content(asking(url=address).complete(request()))
        assert [one.key for one in safe.asked] == [KEY]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://ada:secret@models.example.org/v1", "holds a user or password"),
        ("models.example.org/v1", "none that requests can be sent to"),
        ("ftp://models.example.org/v1", "none that requests can be sent to"),
        ("http://:80/v1", "none that requests can be sent to"),
        ("http://models.example.org:99999/v1", "none that requests can be sent to"),
        ("https://models.example.org/v1?api-key=secret", "none that requests can be sent to"),
    ],
)
def test_addresses_that_are_none(url: str, words: str, asking: Asking) -> None:
    with pytest.raises(StudyError, match=words) as failed:
        asking(url=url)
    assert "secret" not in str(failed.value)


def test_a_key_that_is_not_there(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLANTED_KEY")
    with pytest.raises(StudyError, match="no variable PLANTED_KEY"):
        asking()


def test_a_client_of_the_callers_stays_open(proxy: Proxy) -> None:
    with httpx.Client() as client:
        with Chat(Server("small", proxy.address, ALIAS), print, client=client) as chat:
            assert content(chat.complete(request()))
        assert not client.is_closed
