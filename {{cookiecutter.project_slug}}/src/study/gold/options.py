"""What `snakemake freeze` and `snakemake pilot_round` take on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.errors import StudyError

OF_GOLD = ("note", "again")
"""Options that are no keys of the study's configuration: of `pilot_round`, and of `freeze`."""

SOURCE = "the command line (--config or --configfile)"


def gold_options(overrides: Mapping[str, Any]) -> dict[str, str | None]:
    """Return `note` and `again` as text, None where they were not given.

    Raises
    ------
    StudyError
        One is a list, or several keys with values.
    """
    return {key: _text(key, overrides[key]) if key in overrides else None for key in OF_GOLD}


def others(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return what else was given on the command line: keys of the study's configuration."""
    return {key: value for key, value in overrides.items() if key not in OF_GOLD}


def _text(key: str, value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, Mapping) and len(value) == 1:
        # Snakemake reads 'why: because' as a key with a value, whatever quotes are around it.
        ((word, rest),) = value.items()
        value = f"{word}: {rest}" if isinstance(rest, str) else value
    if not isinstance(value, str | int | float):
        raise StudyError(
            "This is no sentence.",
            file=SOURCE,
            key=key,
            found=str(value),
            allowed="words that do not begin with a bracket or a dash",
        )
    return str(value).strip() or None
