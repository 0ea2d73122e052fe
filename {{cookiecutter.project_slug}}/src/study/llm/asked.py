"""What can be asked for codes: a model that runs here, or one behind a server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from study.instrument import Instrument


class Askable(Protocol):
    """A language model that answers what an instrument asks.

    Attributes
    ----------
    asked
        How many responses it has been asked for.
    at_once
        How many texts it may be asked about at the same time, each from a thread of its own.
    """

    asked: int

    @property
    def at_once(self) -> int:
        """How many texts at the same time."""

    def ask(self, instrument: Instrument, texts: Sequence[str], key: str) -> dict[str, Any]:
        """Ask everything that an instrument asks about one text, or about two that are compared.

        Parameters
        ----------
        texts
            One text, or the first and the second.
        key
            The response's key: what is drawn by chance is drawn from it.

        Returns
        -------
        dict
            As `study.llm.primitives.ask`.
        """
