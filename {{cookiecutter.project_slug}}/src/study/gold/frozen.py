"""What was decided before the gold codes were looked at: config/frozen.json.

Each time that a study is frozen adds an entry; what an earlier one says is never changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from study.errors import StudyError

FROZEN = Path("config/frozen.json")

NO_MEANING = ("status", "revisions")
"""Keys of a codebook that change no code."""

WHERE_CODES_ARE = ("file", "sources", "folder", "sha256")
"""Keys of people's codes that change when a sheet comes back, which is no deviation."""

NAMED = ("codebooks", "hypotheses", "analyses", "coders", "models")
"""Sections that hold things under names; the others hold settings."""

SECTIONS = (*NAMED, "gold", "compare", "sample", "units")


def sections(study: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what is frozen of a configuration: whatever decides codes, samples and estimates.

    Parameters
    ----------
    study
        As `study.config.load` returns it.

    Returns
    -------
    dict
        Of each of SECTIONS what it says, without what has no meaning (a codebook's status and history), what
        differs between machines (a model's path), or what grows while people code (their files). `sample`,
        which may be a word, is a mapping too.
    """
    found = {section: dict(study.get(section) or {}) for section in SECTIONS if section != "sample"}
    found["codebooks"] = {c: _without(book, NO_MEANING) for c, book in found["codebooks"].items()}
    found["coders"] = {
        name: _without(coder, WHERE_CODES_ARE) if coder["type"] == "human" else dict(coder)
        for name, coder in found["coders"].items()
    }
    # Studies that were frozen before there was sparsity have models without it.
    found["models"] = {
        name: _without(model, ("path",) if model.get("sparsity") else ("path", "sparsity"))
        for name, model in found["models"].items()
    }
    for model in found["models"].values():
        if "server" in model:
            model["server"] = _without(model["server"], ("key",))
    drawn = study.get("sample", "all")
    found["sample"] = dict(drawn) if isinstance(drawn, Mapping) else {"draw": drawn}
    # As they will be read: whole numbers and decimal ones, lists and tuples.
    plain: dict[str, dict[str, Any]] = json.loads(json.dumps({name: found[name] for name in SECTIONS}))
    return plain


def fingerprints(frozen: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the sha256 of each codebook, and of each other section, of what `sections` returns."""
    whole = {name: sha256(section) for name, section in frozen.items() if name != "codebooks"}
    return {"codebooks": {name: sha256(book) for name, book in frozen["codebooks"].items()}, **whole}


def sha256(value: object) -> str:
    """Return the sha256 of a value's JSON in UTF-8, keys sorted: where a key stands makes no difference.

    The categories of a codebook keep their order, in which a language model reads them.
    """
    text = json.dumps(_ordered(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def read(file: Path) -> list[dict[str, Any]]:
    """Return the entries of config/frozen.json, oldest first; none where the study is not frozen.

    Raises
    ------
    StudyError
        The file is not what `snakemake freeze` writes.
    """
    if not file.is_file():
        return []
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))["entries"]
        whole = all(set(SECTIONS) <= set(entry["sections"]) and entry["date"] for entry in entries)
        intact = whole and all(fingerprints(entry["sections"]) == entry["sha256"] for entry in entries)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(file, str(error)) from error
    if not entries or not intact:
        raise _damaged(file, "an entry whose sha256 is not that of what it holds" if whole else None)
    return list(entries)


def _damaged(file: Path, found: str | None) -> StudyError:
    return StudyError(
        "This is not what 'snakemake freeze' has written.",
        file=file,
        found=found,
        hint="Take the file from git again (git checkout, with its name). It is never edited by hand.",
    )


def _ordered(value: object) -> object:
    if isinstance(value, Mapping):
        found = {key: _ordered(part) for key, part in value.items()}
        categories = found.get("categories")
        if isinstance(categories, dict):
            found["categories"] = [[label, keys] for label, keys in categories.items()]
        return found
    return [_ordered(part) for part in value] if isinstance(value, list | tuple) else value


def _without(keys: Mapping[str, Any], left_out: tuple[str, ...]) -> dict[str, Any]:
    return {key: value for key, value in keys.items() if key not in left_out}
