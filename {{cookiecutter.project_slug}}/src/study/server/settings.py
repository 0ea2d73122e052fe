"""What the configuration says about a model server; keys stay in the environment."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from study.errors import StudyError

SERVING = "LLM_STUDY_SERVING"
"""The environment variable in which the rules hand on {model: {limits, price, budget}} as JSON: a parameter
of a rule would have the texts asked about again whenever a limit changes."""


BYTES_A_TOKEN = 4
"""About as many bytes as a token has in English: what counts before a server has counted."""

IDENTITY = ("url", "model", "constraint", "probabilities", "options")
"""What of an entry's `server` decides an answer."""


def serving(name: str) -> dict[str, Any]:
    """Return the limits, price and budget of a model, as the rules hand them on."""
    found: dict[str, dict[str, Any]] = json.loads(os.environ.get(SERVING, "{}"))
    return found.get(name) or {"limits": {}, "price": None, "budget": {"money": None, "tokens": None}}


@dataclass(frozen=True)
class Price:
    """What a server charges.

    Attributes
    ----------
    read, written
        Per million tokens of prompts and texts, and of answers.
    currency
        As in USD.
    """

    read: float
    written: float
    currency: str

    def of(self, read: int, written: int) -> float:
        """Return what so many tokens cost, in `currency`."""
        return (read * self.read + written * self.written) / 1_000_000


@dataclass(frozen=True)
class Server:
    """A model behind a server, as one entry of the configuration's `models` describes it.

    Attributes
    ----------
    name
        The model's name in the configuration.
    url
        The address up to and including the version (`http://127.0.0.1:8000/v1`), without a slash at the end.
    model
        As the server names it.
    key
        The name of the environment variable that holds the key; None for a server that wants none.
    constraint
        How answers are kept to the codebook: 'json_schema', 'json_object', 'grammar' or 'none'.
    probabilities
        'whole' (each label is asked in full), 'deciding' (read off the list of the most probable tokens) or
        'none'.
    options
        Further members of each request's body; None leaves one of ours out.
    at_once
        Requests at the same time.
    requests_per_minute, tokens_per_minute
        The server's limits; None for none.
    timeout
        Seconds to wait for an answer.
    retries
        How often a request that has failed for a reason that passes is repeated.
    price
        None where it is not known.
    most_money, most_tokens
        What all requests of this model may cost together, in the price's currency and in tokens; None for no
        limit.
    """

    name: str
    url: str
    model: str
    key: str | None = None
    constraint: str = "json_schema"
    probabilities: str = "deciding"
    options: Mapping[str, Any] = field(default_factory=dict)
    at_once: int = 4
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    timeout: float = 120
    retries: int = 5
    price: Price | None = None
    most_money: float | None = None
    most_tokens: int | None = None

    @classmethod
    def of(cls, entry: Mapping[str, Any], serving: Mapping[str, Any]) -> Server:
        """Read an entry of the loaded configuration's `models` that has a `server`.

        Parameters
        ----------
        entry
            server: name, url, model, key, constraint, probabilities, options.
        serving
            What changes no code, of the same model: limits, price, budget.
        """
        keys, limits, price = entry["server"], serving["limits"], serving["price"]
        return cls(
            keys["name"],
            keys["url"],
            keys["model"],
            keys["key"],
            keys["constraint"],
            keys["probabilities"],
            keys["options"],
            **limits,
            price=None if price is None else Price(price["read"], price["written"], price["currency"]),
            most_money=serving["budget"]["money"],
            most_tokens=serving["budget"]["tokens"],
        )

    @property
    def identity(self) -> dict[str, Any]:
        """What of this decides an answer."""
        return {name: getattr(self, name) for name in IDENTITY}

    @property
    def moved(self) -> str:
        """The name of the environment variable that says where the server is today, if not at `url`."""
        return f"LLM_STUDY_URL_{re.sub('[^A-Za-z0-9]', '_', self.name).upper()}"

    @property
    def address(self) -> str:
        """Where requests go: `url`, or where the environment says that the server is today."""
        return (os.environ.get(self.moved) or self.url).rstrip("/")

    def secret(self) -> str | None:
        """Return the key, which is never written anywhere.

        Raises
        ------
        StudyError
            When it is not in the environment, or cannot be sent.
        """
        if self.key is None:
            return None
        secret = os.environ.get(self.key, "").strip()
        if not secret:
            raise StudyError(
                f"The server of the model '{self.name}' wants a key, and the environment has none.",
                file="config/study.yaml",
                key=f"models.{self.name}.server.key",
                found=f"no variable {self.key}",
                hint=f"Run 'export {self.key}=...' in the shell that starts snakemake; never write a key into"
                " a file of the study.",
            )
        if not secret.isascii() or not secret.isprintable() or " " in secret:
            raise StudyError(
                f"The environment variable {self.key} holds no key: it has characters that none has.",
                key=f"models.{self.name}.server.key",
            )
        return secret
