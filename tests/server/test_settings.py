"""What the configuration says about a server, and that its key stays in the environment."""

from __future__ import annotations

import json
from typing import Any

import pytest

from study.errors import StudyError
from study.server.settings import SERVING, Price, Server, serving

ENTRY: dict[str, Any] = {
    "package": None,
    "server": {
        "name": "my.hosted-one",
        "url": "https://models.example.org/v1",
        "model": "big-1",
        "key": "BIG_KEY",
        "constraint": "json_object",
        "probabilities": "whole",
        "options": {"top_p": 1},
    },
}
LIMITS = {
    "at_once": 3, "requests_per_minute": 60, "tokens_per_minute": 1000, "timeout": 9.5, "retries": 2
}  # fmt: skip
SERVING_ALL: dict[str, Any] = {
    "limits": LIMITS,
    "price": {"read": 2.5, "written": 10, "currency": "EUR"},
    "budget": {"money": 5, "tokens": 1_000_000},
}
MOVED = "LLM_STUDY_URL_MY_HOSTED_ONE"


def test_every_setting_arrives() -> None:
    assert Server.of(ENTRY, SERVING_ALL) == Server(
        name="my.hosted-one",
        url="https://models.example.org/v1",
        model="big-1",
        key="BIG_KEY",
        constraint="json_object",
        probabilities="whole",
        options={"top_p": 1},
        at_once=3,
        requests_per_minute=60,
        tokens_per_minute=1000,
        timeout=9.5,
        retries=2,
        price=Price(2.5, 10, "EUR"),
        most_money=5,
        most_tokens=1_000_000,
    )


def test_limits_come_through_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SERVING, json.dumps({"hosted": SERVING_ALL}))
    assert serving("hosted") == SERVING_ALL
    unlimited = Server.of(ENTRY, serving("another"))
    assert (unlimited.at_once, unlimited.price, unlimited.most_money, unlimited.most_tokens) == (
        4,
        None,
        None,
        None,
    )
    monkeypatch.delenv(SERVING)
    assert serving("hosted")["price"] is None


def test_a_price_is_that_of_a_million_tokens() -> None:
    assert Price(2.5, 10.0, "USD").of(1_000_000, 100_000) == pytest.approx(3.5)
    assert Price(2.5, 10.0, "USD").of(0, 0) == 0


def test_what_decides_an_answer() -> None:
    assert Server.of(ENTRY, SERVING_ALL).identity == {
        key: value for key, value in ENTRY["server"].items() if key not in ("name", "key")
    }


def test_a_server_may_be_elsewhere_today(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server.of(ENTRY, SERVING_ALL)
    monkeypatch.delenv(MOVED, raising=False)
    assert server.address == "https://models.example.org/v1"
    before = server.identity
    monkeypatch.setenv(MOVED, "http://127.0.0.1:8000/v1/")
    assert server.address == "http://127.0.0.1:8000/v1"
    assert server.identity == before
    monkeypatch.setenv(MOVED, "")
    assert server.address == "https://models.example.org/v1"


def test_a_slash_at_the_end_makes_no_other_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLM_STUDY_URL_X", raising=False)
    assert Server("x", "http://127.0.0.1/v1/", "m").address == "http://127.0.0.1/v1"


def test_the_key_is_read_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server.of(ENTRY, SERVING_ALL)
    monkeypatch.setenv("BIG_KEY", "  sk-planted-123456\n")
    assert server.secret() == "sk-planted-123456"
    assert "sk-planted" not in repr(server)
    assert Server("x", "http://127.0.0.1/v1", "m").secret() is None


@pytest.mark.parametrize("value", [None, "", "  \n"])
def test_a_key_that_is_not_there_is_asked_for(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BIG_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("BIG_KEY", value)
    with pytest.raises(StudyError) as caught:
        Server.of(ENTRY, SERVING_ALL).secret()
    message = str(caught.value)
    assert "models.my.hosted-one.server.key" in message
    assert "export BIG_KEY=" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "value", ["sk-plänted", "sk planted", "sk-pl\x7fanted", "sk-pl\nanted", "sk-pl\u200banted"]
)
def test_a_key_that_cannot_be_sent_is_not_shown(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIG_KEY", value)
    with pytest.raises(StudyError) as caught:
        Server.of(ENTRY, SERVING_ALL).secret()
    assert "BIG_KEY holds no key" in str(caught.value)
    assert "sk" not in str(caught.value)
