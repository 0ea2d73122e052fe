"""Values that Snakemake was given on the command line, put over those of the file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from study.config import schema
from study.config.document import Document, KeyPath, dotted
from study.errors import StudyError
from study.gold.options import gold_options, others

DEEPEST = 30
LARGEST_SEED = 2**32
_NUMBER = re.compile(r"[-+]?[0-9]{1,15}(\.[0-9]{0,15})?([eE][-+]?[0-9]{1,2})?")
SOURCE = "the command line (--config or --configfile)"

OF_RECODE = {"fraction": 0.05, "seed": 1}
"""What `snakemake recode` takes on the command line: no keys of the study's configuration."""


def recode_options(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return fraction (above 0, at most 1) and seed (a whole number) of `snakemake recode`.

    Raises
    ------
    StudyError
        When one is something else.
    """
    given = {**OF_RECODE, **{key: overrides[key] for key in OF_RECODE if key in overrides}}
    fraction, seed = given["fraction"], given["seed"]
    if not _is_number(fraction, int | float) or not 0 < fraction <= 1:
        raise StudyError(
            "This is no share of the responses.",
            file=SOURCE,
            key="fraction",
            found=fraction,
            allowed="a number above 0, and at most 1",
        )
    if not _is_number(seed, int) or not 0 <= seed < LARGEST_SEED:
        raise StudyError(
            "This is no seed.",
            file=SOURCE,
            key="seed",
            found=seed,
            allowed="a whole number from 0",
        )
    return {"fraction": float(fraction), "seed": seed}


def _is_number(value: object, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def override(document: Document, overrides: Mapping[str, Any]) -> Document:
    """Return the document with `overrides` put in: mappings are merged, everything else is replaced.

    Raises
    ------
    StudyError
        When an override is nothing that YAML could hold, or no option of `snakemake recode`, `freeze` or
        `pilot_round` that is one.
    """
    changed: set[KeyPath] = set()
    recode_options(overrides)
    gold_options(overrides)
    own = {key: value for key, value in others(overrides).items() if key not in OF_RECODE}
    value = _merged(document.value, _plain(own, ()), (), changed)
    result = Document(document.name, value, document.lines, {}, document.written_keys, changed)
    result.written = {path: how for path, how in document.written.items() if not result.is_changed(path)}
    for path, kinds in schema.wrong_types("study", result) if changed else []:
        if result.is_changed(path) and path:
            _fit(result.value, path, kinds)
    return result


def _fit(value: Any, path: KeyPath, kinds: list[str]) -> None:
    """Read a word as the schema wants it: of `--config sample='{n: 50}'` Snakemake makes the text '50'."""
    for part in path[:-1]:
        value = value[part]
    word = value[path[-1]]
    if isinstance(word, int | float) and not isinstance(word, bool) and "string" in kinds:
        value[path[-1]] = str(word)
    elif isinstance(word, str) and {"integer", "number"} & set(kinds) and _NUMBER.fullmatch(word):
        value[path[-1]] = float(word) if set(word) & set(".eE") else int(word)
    elif isinstance(word, str) and "boolean" in kinds and word.lower() in ("true", "false"):
        value[path[-1]] = word.lower() == "true"


def _merged(old: Any, new: Any, path: KeyPath, changed: set[KeyPath]) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        merged = dict(old)
        for key, value in new.items():
            merged[key] = _merged(old[key], value, (*path, key), changed) if key in old else value
            if key not in old:
                changed.add((*path, key))
        return merged
    if type(old) is not type(new) or old != new:
        changed.add(path)
    return new


def _plain(value: Any, path: KeyPath) -> Any:
    if len(path) > DEEPEST:
        raise StudyError("Values are nested too deep.", file=SOURCE, key=dotted(path[:3]))
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str | int) or isinstance(key, bool):
                raise StudyError(
                    "A key must be a word.",
                    file=SOURCE,
                    key=dotted(path),
                    found=key,
                    hint="Put it into quotes.",
                )
        return {str(key): _plain(part, (*path, str(key))) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part, (*path, i)) for i, part in enumerate(value)]
    if value == "null":
        return None
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise StudyError("This value cannot be used.", file=SOURCE, key=dotted(path), found=str(value))
