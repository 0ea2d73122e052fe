"""What may be answered: categories, scales, passages, the words of a comparison, the fields of a record."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from study.codebook import DEFAULT_BINARY, DEFAULT_PAIRS, as_name
from study.config import schema
from study.config.check_labels import check_label, check_labels
from study.config.check_scales import check_scale
from study.config.document import Document, KeyPath
from study.config.expand import names
from study.config.names import fold
from study.errors import StudyError

LONGEST_NAME = 64
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_LABELLED = ("question", "level", "not_codable", "answer", "calibration")
KEYS: dict[str, tuple[str, ...]] = {
    "classify": ("categories", *_LABELLED),
    "rate": ("scale", *_LABELLED),
    "count": ("scale", "question", "level", "answer"),
    "number": ("scale", "question", "level", "answer"),
    "extract": ("spans", "question", "level"),
    "compare": ("pairs", "question", "level", "answer"),
    "multilabel": ("categories", "binary", *_LABELLED),
    "record": ("fields", "answer", "calibration"),
}
"""The keys that a type has, of those that not every type has; the first says what the answers are."""

NOT_IN_A_RECORD = ("compare", "multilabel", "record")
"""Types that a field cannot have."""

_SHAPES = {
    "categories": "categories",
    "scale": "a scale",
    "spans": "spans",
    "pairs": "pairs",
    "binary": "a pair of words (binary)",
    "fields": "fields",
}


def check_answers(
    document: Document, keys: dict[str, Any], place: KeyPath = (), written: dict[str, Any] | None = None
) -> Iterator[StudyError]:
    """Yield what is wrong with the answers of a codebook, or of one field of a record.

    Parameters
    ----------
    document
        The file.
    keys
        The codebook or field with defaults.
    place
        Where it stands.
    written
        The same as it is in the file.
    """
    written = document.value if written is None else written
    kind = keys["type"]
    yield from _foreign_keys(document, place, kind, written)
    yield from _level(document, place, kind, keys.get("level"))
    if "question" in KEYS[kind] and keys["question"] is None:
        yield _missing(document, place, "question", "text", kind)
    if kind in ("classify", "multilabel"):
        yield from _categories(document, place, keys)
    elif kind in ("rate", "count", "number"):
        yield from check_scale(document, place, keys)
    elif kind == "extract" and keys["spans"] is not None:
        yield from _none(document, (*place, "spans", "none"), keys["spans"]["none"])
    elif kind == "compare":
        pairs = keys["pairs"] or DEFAULT_PAIRS
        words = [((*place, "pairs", word), pairs[word]) for word in ("first", "second", "tie") if pairs[word]]
        yield from check_labels(document, words)
    elif kind == "record":
        yield from _fields(document, keys)


def _foreign_keys(
    document: Document, place: KeyPath, kind: str, written: dict[str, Any]
) -> Iterator[StudyError]:
    everywhere = {key for keys in KEYS.values() for key in keys}
    for key, value in written.items():
        if key not in everywhere or key in KEYS[kind] or value is None:
            continue
        own = KEYS[kind][0]
        owners = " or ".join(t for t in KEYS if key in KEYS[t] and not (place and t in NOT_IN_A_RECORD))
        if key in _SHAPES:
            problem = f"A codebook of type {kind} has {_SHAPES[own]}, not {_SHAPES[key]}."
            hint = f"Remove '{key}', or set type to {owners}."
        elif kind == "record":
            problem, hint = f"A record has no '{key}' of its own.", f"Each of its fields has a '{key}'."
        elif key == "answer" and value == "{label}":
            continue
        else:
            belongs = "labels and numbers" if key == "answer" else "the labels of a text"
            problem = f"A codebook of type {kind} has no '{key}': that belongs to {belongs}."
            hint = f"Remove it, or set type to {owners}."
        yield document.error((*place, key), problem, hint=hint)


def _missing(document: Document, place: KeyPath, key: str, allowed: str, kind: str) -> StudyError:
    meaning = schema.resolve(schema.read_schema("codebook")["properties"][key], "codebook")["description"]
    return document.error(
        (*place, key),
        f"The key '{key}' is missing, which a codebook of type {kind} needs.",
        allowed=allowed,
        hint=meaning.partition(". ")[0].rstrip(".") + ".",
    )


def _level(document: Document, place: KeyPath, kind: str, level: str | None) -> Iterator[StudyError]:
    if level is None:
        if kind in ("classify", "rate"):
            allowed = "nominal, ordinal or interval" if kind == "classify" else "ordinal or interval"
            yield _missing(document, place, "level", allowed, kind)
    elif kind == "multilabel" and level != "nominal":
        yield document.error(
            (*place, "level"),
            "Whether a category applies is nominal.",
            found=level,
            allowed="nominal",
            hint="The key may be left out.",
        )
    elif kind not in ("classify", "multilabel", "record") and level == "nominal":
        what = {"rate": "Numbers on a scale", "compare": "Places on a common scale"}.get(kind, "Numbers")
        yield document.error(
            (*place, "level"),
            f"{what} have an order, so their level is not nominal.",
            found="nominal",
            allowed="ordinal or interval",
        )


def _none(document: Document, path: KeyPath, word: str) -> Iterator[StudyError]:
    yield from check_label(document, path, word)
    if word.startswith("-"):
        yield document.error(
            path, "A passage begins with '-', and this word says that there is none.", found=word
        )


def _categories(document: Document, place: KeyPath, keys: dict[str, Any]) -> Iterator[StudyError]:
    categories, several = keys["categories"], keys["type"] == "multilabel"
    if categories is None or len(categories) < (1 if several else 2):
        yield document.error(
            (*place, "categories"),
            "A multilabel codebook needs categories."
            if several
            else "A coder must have at least two labels to choose from.",
            found=list(categories) if categories else None,
            hint="Write a line 'label: {define: ...}' for each label below 'categories:'.",
        )
        return
    places: list[tuple[KeyPath, str]] = [((*place, "categories", label), label) for label in categories]
    refused = keys["not_codable"]
    last = [] if refused is None else [((*place, "not_codable", "label"), refused["label"])]
    if not several:
        yield from check_labels(document, [*places, *last])
        yield from _values(document, (*place, "categories"), keys["level"], categories)
        return
    yield from check_labels(document, places)
    words = [((*place, "binary", i), word) for i, word in enumerate(keys["binary"] or DEFAULT_BINARY)]
    yield from check_labels(document, [*words, *last])
    yield from _names_of_categories(document, keys)


def _names_of_categories(document: Document, book: dict[str, Any]) -> Iterator[StudyError]:
    """Each category of a multilabel becomes a construct."""
    first: dict[str, str] = {}
    for category, keys in book["categories"].items():
        path = ("categories", category)
        name = as_name(category)
        if not _NAME.fullmatch(name):
            yield document.error(
                path,
                f"The category cannot become a name: '{name}' does not begin with a letter."
                if name
                else "The category cannot become a name: it has no letter of a to z.",
                found=category,
                allowed="words that begin with one of the letters a to z",
                hint="Name it in these letters, and say with 'define' what it is in your language.",
            )
        elif first.setdefault(name, category) != category:
            if fold(first[name]) != fold(category):
                yield document.error(
                    path,
                    f"The categories '{first[name]}' and '{category}' become one name, '{name}'.",
                    found=category,
                    hint="Make them different words.",
                )
        else:
            yield from _length(document, path, f"{book['construct']}_{name}")
        if (keys or {}).get("value") is not None:
            yield document.error(
                (*path, "value"),
                "A category of type multilabel has no value: it applies (1) or not (0).",
                found=keys["value"],
                hint="Remove the value, or set type to classify.",
            )


def _length(document: Document, path: KeyPath, construct: str) -> Iterator[StudyError]:
    if len(construct) > LONGEST_NAME:
        yield document.error(
            path,
            f"The construct's name becomes longer than {LONGEST_NAME} characters.",
            found=construct,
            allowed=f"at most {LONGEST_NAME} characters",
            hint="Shorten the file's name or this one.",
        )


def _fields(document: Document, book: dict[str, Any]) -> Iterator[StudyError]:
    if not book["fields"]:
        yield document.error(
            ("fields",),
            "A record needs fields.",
            hint="Write 'name: {question: ..., type: ...}' for each question below 'fields:'.",
        )
        return
    for construct, field in names(book).items():
        path = ("fields", field)
        yield from _length(document, path, construct)
        yield from check_answers(document, book["fields"][field], path, document.value["fields"][field])


def _values(
    document: Document, place: KeyPath, level: str, categories: dict[str, Any]
) -> Iterator[StudyError]:
    values = {label: (keys or {}).get("value") for label, keys in categories.items()}
    missing = [label for label, value in values.items() if value is None]
    if level in ("ordinal", "interval") or len(missing) < len(values):
        for label in missing:
            yield document.error(
                (*place, label, "value"),
                f"The label '{label}' has no value"
                + (f", but the level is {level}." if level != "nominal" else ", but other labels have one."),
                allowed="a number",
                hint="A text that cannot be coded belongs under 'not_codable', which needs no value.",
            )
    if level == "nominal" and not missing and len(values) > 2:
        yield document.error(
            place,
            "More than two nominal labels have values, whose mean would mean nothing.",
            found=list(values),
            hint="Remove the values, or set level to ordinal or interval.",
        )
    first: dict[float, str] = {}
    for label, value in values.items():
        if value is not None and first.setdefault(value, label) != label:
            yield document.error(
                (*place, label, "value"),
                f"The labels '{first[value]}' and '{label}' have the same value: scores would confuse them.",
                found=value,
                allowed="a different number for each label",
            )
