"""A card says what was asked for and what answered; a server that cannot do it says what to change."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from server import proxy as fault
from server.llama_server import ALIAS, llama_server
from server.proxy import Proxy
from server.questions import BARE
from study.codebook import Codebook
from study.errors import StudyError
from study.instrument import build
from study.server.card import describe
from study.server.chat import Chat
from study.server.messages import MARKS
from study.server.settings import Server


@pytest.fixture
def proxy(llama: str) -> Iterator[Proxy]:
    with Proxy(llama) as running:
        yield running


def server(url: str, **how: Any) -> Server:
    how = {"constraint": "grammar", "probabilities": "whole", "retries": 1} | how
    return Server("hosted", url, ALIAS, **how)


def card_of(one: Server) -> dict[str, Any]:
    with Chat(one, lambda line: None, first_wait=0.01) as chat:
        return describe(one, chat)


def refusal(one: Server) -> str:
    with pytest.raises(StudyError) as caught:
        card_of(one)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("constraint", "probabilities", "requests"),
    [
        ("grammar", "whole", 3),
        ("grammar", "deciding", 2),
        ("json_object", "whole", 3),
        ("json_object", "none", 1),
    ],
)
def test_what_a_card_holds(constraint: str, probabilities: str, requests: int, proxy: Proxy) -> None:
    one = server(proxy.address, constraint=constraint, probabilities=probabilities, options={"top_p": 1})
    before = datetime.now(UTC).date().isoformat()
    card = card_of(one)
    after = datetime.now(UTC).date().isoformat()
    assert card["name"] == "hosted"
    assert card["server"] == one.identity
    assert card["reported"]["model"] == ALIAS
    assert card["reported"]["system_fingerprint"] is None
    assert before <= card["reported"]["date"] <= after
    assert card["seconds"] > 0
    assert card["special_tokens"] == list(MARKS)
    assert len(proxy.requests) >= requests if probabilities == "deciding" else len(proxy.requests) == requests
    assert all(asked.body is not None and asked.body["top_p"] == 1 for asked in proxy.requests)


def test_an_instrument_holds_what_the_server_says_of_itself(proxy: Proxy) -> None:
    def instrument_id(card: dict[str, Any]) -> str:
        return build([Codebook.from_dict(BARE)], "llm", card, context=512, too_long="refuse").instrument_id

    card = card_of(server(proxy.address, probabilities="none"))
    assert instrument_id(card) == instrument_id(card | {"seconds": 99.0})
    for said in ("model", "system_fingerprint", "date"):
        changed = card | {"reported": card["reported"] | {said: "another"}}
        assert instrument_id(changed) != instrument_id(card)


def test_a_fingerprint_is_kept(proxy: Proxy) -> None:
    proxy.when(
        lambda asked: asked.number is not None,
        fault.changed(
            "names", lambda answer: answer.update(system_fingerprint="fp_1", model="smollm2-2025-01-31")
        ),
    )
    reported = card_of(server(proxy.address, probabilities="none"))["reported"]
    assert (reported["model"], reported["system_fingerprint"]) == ("smollm2-2025-01-31", "fp_1")


def test_a_server_that_does_not_know_the_constraint(llama: str) -> None:
    """llama-cpp-python's server knows no `json_schema`."""
    message = refusal(server(llama, constraint="json_schema"))
    assert "models.hosted.server.constraint" in message
    assert "Choose another constraint" in message


@pytest.mark.parametrize("constraint", ["json_object", "grammar"])
def test_a_server_that_does_not_heed_the_constraint(constraint: str, proxy: Proxy) -> None:
    proxy.when(lambda asked: asked.number is not None, fault.outside("It is about the weather."))
    message = refusal(server(proxy.address, constraint=constraint))
    assert "did not answer a simple question" in message
    assert "models.hosted.server.constraint" in message
    assert "try another constraint" in message
    assert re.search(r"Allowed: json_schema, json_object, grammar, none\.", message)


def test_a_server_without_probabilities_that_says_so(tmp_path: Path) -> None:
    with llama_server(tmp_path, probabilities=False, context=512) as address:
        for probabilities in ("whole", "deciding"):
            message = refusal(server(address, probabilities=probabilities))
            assert "models.hosted.server.probabilities" in message
            assert "Set probabilities to none" in message
        assert card_of(server(address, probabilities="none"))["reported"]["model"] == ALIAS


@pytest.mark.parametrize("probabilities", ["whole", "deciding"])
def test_a_server_that_leaves_probabilities_out(probabilities: str, proxy: Proxy) -> None:
    proxy.when(
        lambda asked: asked.number is not None,
        fault.changed("no list", lambda answer: answer["choices"][0].update(logprobs=None)),
    )
    message = refusal(server(proxy.address, probabilities=probabilities))
    assert "does not say how probable its answers are" in message
    assert "models.hosted.server.probabilities" in message
    assert "'probabilities: none'" in message
    assert "constraint" not in message.partition("key '")[2].partition("'")[0]


def test_probabilities_after_the_constraint_are_no_whole_labels(proxy: Proxy) -> None:
    def certain(answer: dict[str, Any]) -> None:
        listed = (answer["choices"][0].get("logprobs") or {}).get("content") or ()
        for token in listed:
            end = {"token": "<|im_end|>", "bytes": None, "logprob": 0.0}
            token |= {"logprob": 0.0, "top_logprobs": [end]}

    proxy.when(lambda asked: asked.number is not None, fault.changed("masked", certain))
    message = refusal(server(proxy.address))
    assert "after its constraint" in message
    assert "Allowed: deciding, none" in message


def test_a_server_that_cannot_be_asked(proxy: Proxy) -> None:
    proxy.models = ["another"]
    message = refusal(replace(server(proxy.address), model="wrong"))
    assert "The server has no model of this name" in message
    assert "models.hosted.server.model" in message


def test_what_is_no_model_server_is_told_as_such() -> None:
    # Python's own web server knows files, and no POST.
    class Web(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Web) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        server = Server("hosted", f"http://127.0.0.1:{web.server_address[1]}/v1", "m", retries=0)
        with pytest.raises(StudyError) as caught, Chat(server, print) as chat:
            describe(server, chat)
        web.shutdown()
    said = str(caught.value)
    assert said.count("models.hosted.server.url") == 1
    assert "501" in said
    assert "complete up to the version?" in said
    assert "constraint" not in said
