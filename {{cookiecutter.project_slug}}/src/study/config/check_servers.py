"""Models behind servers: where they are, how and by whom they are asked. What may be a key is never shown."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from study.config.document import Document, KeyPath
from study.errors import HIDDEN, KEYS, StudyError

OURS = frozenset((
    "model", "messages", "response_format", "grammar", "logprobs", "top_logprobs", "stream", "stream_options",
    "n", "tools", "tool_choice", "functions", "function_call",
))  # fmt: skip
"""Members of a request that are the study's own: no option may change them."""

LEFT_OUT = frozenset(("temperature", "max_tokens", "seed", "logit_bias", "logit_bias_type"))
"""Those that an option may leave out (null), but not set: the coder's keys say what they are."""

WHOLE = ("grammar", "json_object")
"""Constraints of servers that can be made to write labels in the model's own tokens
(`study.server.constraint`)."""


_NAME = re.compile("[A-Z][A-Z0-9_]*")
_LONG = 16
"""Letters and digits in a row, at least, of a key that could be taken for the name of a variable."""
_OF_KEYS = re.compile(
    r"api.?key|(^|_)key$|authori[sz]ation|secret|password|bearer|access.?token", re.IGNORECASE
)
"""What a member that holds a key is called."""


def check_servers(document: Document, config: dict[str, Any]) -> Iterator[StudyError]:
    """Yield what is wrong with servers; `config` is the study with defaults and its codebooks."""
    for name, model in config["models"].items():
        if model["server"] is not None:
            yield from _server(document, ("models", name, "server"), model)
    for name, coder in config["coders"].items():
        if coder["type"] == "llm" and _behind_server(config, coder["model"]):
            yield from _coder(document, ("coders", name), coder, config)
    for name, experiment in config["experiments"].items():
        coder = config["coders"].get(experiment["coder"]) or {}
        asked = experiment["factors"].get("model") or [coder.get("model")]
        for factor in ("quantisation", "sparsity"):
            if factor in experiment["factors"] and any(_behind_server(config, model) for model in asked):
                yield document.error(
                    ("experiments", name, "factors", factor),
                    "A model behind a server cannot be compressed from here.",
                    found=factor,
                    hint="Vary it with a model that runs here.",
                )
    if _behind_server(config, config["narrative"]):
        yield document.error(
            ("narrative",),
            "Only a model that runs here puts the report's sentences.",
            found=config["narrative"],
            hint="Without a model the sentences are fixed: leave the key out.",
        )


def _behind_server(config: dict[str, Any], model: str | None) -> bool:
    return bool((config["models"].get(model) or {}).get("server"))


def _server(document: Document, place: KeyPath, model: dict[str, Any]) -> Iterator[StudyError]:
    server = model["server"]
    for key in ("quantisation", "sparsity"):
        if model[key]:
            yield document.error(
                (*place[:-1], key),
                "The server decides in what form the model is run.",
                found=model[key],
                hint="Remove the key.",
            )
    key = server["key"]
    if key is not None and not _is_variable(key):
        yield document.error(
            (*place, "key"),
            "This is not the name of an environment variable. If it is a key, it has been in a file: ask the"
            " provider for another one.",
            found=HIDDEN,
            allowed="capitals, digits and '_', such as OPENAI_API_KEY",
        )
    yield from _address(document, (*place, "url"), server["url"], with_key=key is not None)
    for option, value in server["options"].items():
        if option in OURS or (option in LEFT_OUT and value is not None):
            yield document.error(
                (*place, "options", option),
                "This part of a request is the study's own.",
                found=option,
                hint="Null leaves it out." if option in LEFT_OUT else "Remove it.",
            )
        elif _may_hold_a_key(option, value):
            yield document.error(
                (*place, "options") if KEYS.match(option) else (*place, "options", option),
                "Options are written into the study, so no key may be among them.",
                found=HIDDEN,
                hint="Put it into an environment variable, and the variable's name into 'key'.",
            )
    if server["probabilities"] == "whole":
        if server["constraint"] not in WHOLE:
            yield document.error(
                (*place, "probabilities"),
                f"With '{server['constraint']}' a server cannot be made to write a full label in"
                " the model's own tokens, and in others its probability means nothing.",
                found="whole",
                allowed="deciding, none",
                hint=f"Servers of llama.cpp's family have the constraints {' and '.join(WHOLE)}.",
            )
        elif "logit_bias" in server["options"]:
            yield document.error(
                (*place, "options", "logit_bias"),
                "It keeps full labels to the model's own tokens.",
                hint="Remove it, or take the 'deciding' probabilities.",
            )
    if server["budget"]["money"] is not None and server["price"] is None:
        yield document.error(
            (*place, "budget", "money"),
            "What the server charges is not known, so money cannot be limited.",
            found=server["budget"]["money"],
            hint="Give 'price', or limit 'tokens'.",
        )


def _is_variable(name: str) -> bool:
    """Whether this is the name of a variable, and no key that happens to consist of capitals and digits."""
    key = len(name) >= _LONG and "_" not in name and any(c.isdigit() for c in name)
    return bool(_NAME.fullmatch(name)) and not key


def _may_hold_a_key(name: str, value: Any) -> bool:
    """Whether an option, or anything in it, looks like a key."""
    if _OF_KEYS.search(name) or KEYS.match(name):
        return True
    if isinstance(value, dict):
        return any(_may_hold_a_key(str(inner), one) for inner, one in value.items())
    if isinstance(value, list):
        return any(_may_hold_a_key("", one) for one in value)
    return isinstance(value, str) and bool(KEYS.match(value))


def _address(document: Document, place: KeyPath, url: str, *, with_key: bool) -> Iterator[StudyError]:
    try:
        parts = urlsplit(url)
        named = parts.scheme in ("http", "https") and bool(parts.hostname)
        named = named and (parts.port is None or parts.port > 0) and not re.search(r"[\s\\]", url)
    except ValueError:
        named = False
    if not named:
        yield document.error(
            place, "This is no address of a server.", allowed="such as http://127.0.0.1:8000/v1"
        )
    elif parts.username is not None or parts.query or parts.fragment:
        yield document.error(
            place,
            "An address with a user, a password or a query would show them to everybody who gets the study.",
            found=HIDDEN,
            hint="Put the key into an environment variable, and the variable's name into 'key'.",
        )
    elif with_key and parts.scheme == "http" and not _near(str(parts.hostname)):
        yield document.error(
            place,
            "The key would be sent unencrypted.",
            found=f"http://{parts.hostname}",
            allowed="https://...",
        )


def _near(host: str) -> bool:
    """Whether a host is this machine, or one of its own network."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".local", ".localhost", ".internal"))


def _coder(
    document: Document, place: KeyPath, coder: dict[str, Any], config: dict[str, Any]
) -> Iterator[StudyError]:
    server = config["models"][coder["model"]]["server"]
    if config["units"]["too_long"] == "truncate":
        yield document.error(
            ("units", "too_long"),
            f"The coder '{place[1]}' asks a server; only a model that runs here can count what to cut off.",
            found="truncate",
            allowed="refuse",
        )
    for name in coder["codebooks"]:
        book = config["codebooks"][name]
        where: KeyPath = ("models", coder["model"], "server")
        if book["calibration"] and server["probabilities"] != "whole":
            yield document.error(
                (*where, "probabilities"),
                f"The labels of '{name}' are calibrated, which needs their whole probabilities.",
                found=server["probabilities"],
                allowed="whole",
            )
        if book["type"] == "compare" and server["probabilities"] == "none":
            yield document.error(
                (*where, "probabilities"),
                f"Without probabilities few comparisons for '{name}' decide where a text stands.",
                found="none",
                allowed="whole, deciding",
            )
        rationale = book["prompt"]["rationale"]
        if rationale != "none" and server["constraint"] == "none":
            yield document.error(
                (*where, "constraint"),
                f"Without a constraint the answer to '{name}' cannot be told from its rationale.",
                found="none",
                allowed="json_schema, json_object, grammar",
            )
        if rationale == "before" and server["probabilities"] == "whole":
            yield document.error(
                (*where, "probabilities"),
                f"With a rationale before the answer ('{name}') each label would have another rationale.",
                found="whole",
                allowed="deciding, none",
            )
