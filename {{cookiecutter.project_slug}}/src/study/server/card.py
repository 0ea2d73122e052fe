"""What identifies a model behind a server: what was asked for, and what the server says of itself.

A hosted model may change under its name. The card is made once, before the first text, by asking one question
(twice where probabilities are wanted); its date and the model that answered are part of every instrument's
identity. Without it (delete it here and beside the responses) the next run makes another one, and the texts
are asked about again: another measurement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from study.errors import StudyError
from study.instrument import Instrument, Question
from study.prompt import Prompt
from study.server.answers import OUTSIDE
from study.server.coder import Completes, ServerModel
from study.server.messages import END, MARKS, TEMPLATE
from study.server.settings import Server

TEXT = "It rained the whole day."
QUESTION = Question(
    "weather",
    "choice",
    Prompt(
        "<|system|>You code texts. Answer with yes or no.<|end|><|user|>Text:\n",
        "\nIs the text about the weather?<|end|><|assistant|>",
    ),
    labels=("yes", "no"),
    answers=("yes", "no"),
)
"""What is asked to see what the server can do."""

_KEY = "0" * 64
_SETTINGS = {"context": 4096, "too_long": "refuse", "temperature": 0.0}


def describe(server: Server, chat: Completes) -> dict[str, Any]:
    """Ask a server one question, and return the model's card.

    Returns
    -------
    dict
        name; server (url, model, constraint, probabilities, options); reported (model, system_fingerprint,
        date: what the server said of itself, and when); seconds (that the question took); and what an
        instrument needs of any model: chat_template, bos_token, eos_token, add_bos, special_tokens,
        trained_context.

    Raises
    ------
    StudyError
        When the server cannot be asked, does not keep to the constraint, or gives no probabilities though the
        configuration wants them.
    """
    # First without probabilities, so that it is known which of the two the server does not have.
    found = _asked(replace(server, probabilities="none"), chat)
    if found["status"] != "ok":
        raise _no_answer(server, str(found.get("error") or found["status"]))
    if server.probabilities != "none":
        found = _asked(server, chat)
        if found["status"] != "ok" or found["answers"][0]["log_p"] is None:
            raise _no_probabilities(server, found)
    said = found["server"]
    return card(
        server, {name: said[name] for name in ("model", "system_fingerprint", "date")}, said["seconds"]
    )


def card(server: Server, reported: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """Return the card of a server that has said this of itself, and took so long."""
    return {
        "name": server.name,
        "server": server.identity,
        "reported": dict(reported),
        "seconds": seconds,
        "chat_template": TEMPLATE,
        "bos_token": "",
        "eos_token": END,
        "add_bos": False,
        "special_tokens": list(MARKS),
        "trained_context": 0,
    }


def _asked(server: Server, chat: Completes) -> dict[str, Any]:
    model: dict[str, Any] = {"sha256": None, "engine": {}}
    instrument = Instrument("weather", server.name, (QUESTION,), END, model, _SETTINGS)
    return ServerModel(server, chat).ask(instrument, [TEXT], _KEY)


def _no_answer(server: Server, error: str) -> StudyError:
    """Explain that a simple question was not answered: for the constraint, or since it is no model server."""
    file, key = "config/study.yaml", f"models.{server.name}.server"
    place = f"{file}, key '{key}.url': "  # the same place need not be named twice
    problem = f"The server of the model '{server.name}' did not answer a simple question:"
    if OUTSIDE in error:
        return StudyError(
            f"{problem} {error}",
            file=file,
            key=f"{key}.constraint",
            found=server.constraint,
            allowed="json_schema, json_object, grammar, none",
            hint="Servers differ in how they can be kept to a codebook: try another constraint.",
        )
    return StudyError(
        f"{problem} {error.removeprefix(place)}",
        file=file,
        key=f"{key}.url",
        hint="Is this the address of a server that speaks OpenAI's protocol, and complete up to the version?",
    )


def _no_probabilities(server: Server, found: Mapping[str, Any]) -> StudyError:
    others = {"whole": "deciding, none", "deciding": "whole, none"}
    return StudyError(
        f"The server of the model '{server.name}' does not say how probable its answers are"
        f"{': ' + str(found['error']) if found['status'] != 'ok' else '.'}",
        file="config/study.yaml",
        key=f"models.{server.name}.server.probabilities",
        found=server.probabilities,
        allowed=others[server.probabilities],
        hint="Start the server so that it gives 'logprobs' (llama-cpp-python: --logits_all true), or write"
        " 'probabilities: none': then the score of a text is the value of its label.",
    )
