"""The columns of the corpus: ids, texts, covariates, and what a unit belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from study.config.document import Document, KeyPath
from study.config.names import ROLES, UNIT_COLUMNS, source_columns
from study.errors import StudyError


def check_corpus(document: Document, config: dict[str, Any]) -> Iterator[StudyError]:
    """Yield what is wrong with the sections corpus and units; `config` is the study with defaults."""
    yield from _corpus(document, config)
    yield from _units(document, config)
    if config["corpus"]["text"] is None:
        yield from _without_texts(document, config)


def _corpus(document: Document, config: dict[str, Any]) -> Iterator[StudyError]:
    corpus = config["corpus"]
    if corpus["id"] == corpus["text"]:
        yield document.error(("corpus", "id"), "The id and the text are the same column.", found=corpus["id"])
    roles = {role: config["units"][role] for role in ROLES if config["units"][role] is not None}
    for name in corpus["covariates"] or []:
        if name in (corpus["id"], corpus["text"], *UNIT_COLUMNS) or roles.get(name, name) != name:
            yield document.error(
                ("corpus", "covariates"),
                "This cannot be a covariate: it is the id, the text, or a column that every study has.",
                found=name,
            )
    columns = source_columns(config)
    if columns is None:
        return
    wanted: list[tuple[KeyPath, str]] = [
        (("corpus", key), corpus[key]) for key in ("id", "text") if corpus[key] is not None
    ]
    wanted += [(("corpus", "covariates"), name) for name in corpus["covariates"] or []]
    for path, name in wanted:
        if name not in columns:
            yield document.error(path, "No source has such a column.", found=name, allowed=sorted(columns))


def _units(document: Document, config: dict[str, Any]) -> Iterator[StudyError]:
    units = config["units"]
    written = document.value.get("units") or {}
    if "window" in written and units["segment"] != "window":
        yield document.error(
            ("units", "window"),
            f"The key 'window' has no meaning with 'segment: {units['segment']}'.",
            found=units["window"],
            hint="Remove it, or set units.segment to window.",
        )
    columns = source_columns(config)
    for role in ("document", "person", "year", "weight"):
        name = units[role]
        if name is None:
            continue
        if name == config["corpus"]["text"]:
            yield document.error(("units", role), "This is the column of the text.", found=name)
        elif columns is not None and name not in columns:
            yield document.error(
                ("units", role), "No source has such a column.", found=name, allowed=sorted(columns)
            )


def _without_texts(document: Document, config: dict[str, Any]) -> Iterator[StudyError]:
    """Where the texts are not at hand, they cannot be divided, compared or shown to anybody."""
    needs = [
        (("units", "segment"), config["units"]["segment"] != "none", "To divide texts"),
        (("corpus", "duplicate_texts"), config["corpus"]["duplicate_texts"] != "keep", "To compare texts"),
        (("gold", "raters"), bool(config["gold"]["raters"]), "To make coding sheets"),
    ]
    for place, needed, what in needs:
        if needed:
            yield document.error(
                ("corpus", "text"),
                f"{what}, as {'.'.join(place)} asks for, the study needs the texts, and it has none.",
                hint=f"Name the column of the texts, or remove {'.'.join(place)}.",
            )
