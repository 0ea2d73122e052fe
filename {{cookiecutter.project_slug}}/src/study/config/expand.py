"""The constructs of a codebook file: one, or one a category (multilabel) or a field (record).

What a file says in a short form is written out, so that every construct is a codebook of its own with a value
for every key; `asked_in` is the file, `position` its place there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.codebook import (
    CONTEXT_FREE_TEXTS,
    DEFAULT_ANSWER,
    DEFAULT_BINARY,
    DEFAULT_PAIRS,
    DEFAULT_SPANS,
    WITH_CATEGORIES,
    as_name,
    default_wording,
)

SEVERAL = ("multilabel", "record")
"""Types of files that hold several constructs."""


def names(book: Mapping[str, Any]) -> dict[str, str]:
    """Return {construct: the category or field that it is made of}; empty for a construct of its own."""
    if book["type"] not in SEVERAL:
        return {book["construct"]: ""}
    if book["type"] == "multilabel":
        return {f"{book['construct']}_{as_name(category)}": category for category in book["categories"]}
    return {f"{book['construct']}_{field}": field for field in book["fields"]}


def expand(book: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return {construct: codebook} of a checked file, in its order.

    Parameters
    ----------
    book
        The file's content with the schema's defaults.

    Returns
    -------
    dict
        Plain JSON types. Examples have the label of the construct alone: text for labels (also for the points
        of a scale), a whole or a decimal number, or a list of passages.
    """
    found = {}
    for position, (construct, part) in enumerate(names(book).items()):
        if book["type"] == "multilabel":
            own = _category(book, part)
        elif book["type"] == "record":
            own = _field(book, part)
        else:
            own = {**book, "examples": [_example(book, example) for example in book["examples"]]}
        found[construct] = _written_out(book, {**own, "construct": construct}, position)
    return found


def points(scale: Mapping[str, Any]) -> list[str]:
    """Return the labels of a 'rate' scale."""
    return [str(n) for n in range(int(scale["low"]), int(scale["high"]) + 1)]


def _category(book: Mapping[str, Any], category: str) -> dict[str, Any]:
    """Return the question whether one category applies."""
    keys = book["categories"][category] or {}
    yes, no = book["binary"] or DEFAULT_BINARY
    meaning = {"define": keys.get("define"), "example": keys.get("example")}
    examples = []
    for example in book["examples"]:
        label = example["label"]
        if isinstance(label, list):
            label = yes if category in label else no
        examples.append(_shown(example, label, category))
    return {
        "category": category,
        "question": book["question"].replace("{category}", category),
        "type": "classify",
        "level": "nominal",
        "categories": {yes: {"value": 1, **meaning}, no: {"value": 0, "define": None, "example": None}},
        "not_codable": book["not_codable"],
        "answer": book["answer"],
        "examples": examples,
    }


def _field(book: Mapping[str, Any], field: str) -> dict[str, Any]:
    """Return the question of one field."""
    keys = book["fields"][field]
    examples = [
        _shown(example, _answer(keys, example["label"][field]), field) for example in book["examples"]
    ]
    return {
        **keys,
        "answer": keys["answer"] or (DEFAULT_ANSWER if keys["type"] == "extract" else book["answer"]),
        "examples": examples + [_example(keys, example) for example in keys["examples"]],
    }


def _example(keys: Mapping[str, Any], example: Mapping[str, Any]) -> dict[str, Any]:
    return _shown(example, _answer(keys, example["label"]))


def _shown(example: Mapping[str, Any], label: Any, part: str = "") -> dict[str, Any]:
    texts = {key: example[key] for key in ("text", "first", "second") if example[key] is not None}
    rationale = example["rationale"]
    if isinstance(rationale, dict):
        rationale = rationale[part]
    return {**texts, "label": label, "rationale": rationale}


def _answer(keys: Mapping[str, Any], label: Any) -> Any:
    """Return an example's answer as its type has it: a number that is a point of a scale is its label."""
    if keys["type"] == "count":
        return int(label)
    if keys["type"] == "number":
        return float(label) if keys["scale"]["decimals"] else int(label)
    if keys["type"] == "rate" and not isinstance(label, str):
        return str(int(label))
    return label


def _written_out(book: Mapping[str, Any], own: Mapping[str, Any], position: int) -> dict[str, Any]:
    """Return a construct with a value for every key."""
    kind, several = own["type"], book["type"] in SEVERAL
    labelled = kind in WITH_CATEGORIES
    text_first = several or (labelled and book["prompt"]["label_order"] != "fixed")
    asked = default_wording(kind, text_first=text_first, examples=bool(own["examples"]))
    return {
        "construct": own["construct"],
        "asked_in": book["construct"],
        "position": position,
        "category": own.get("category"),
        "question": own["question"],
        "type": kind,
        "level": own["level"] or "interval",
        "status": book["status"],
        "categories": _categories(own["categories"]) if kind == "classify" else None,
        "scale": _scale(kind, own["scale"]) if kind in ("rate", "count", "number") else None,
        "spans": {**DEFAULT_SPANS, **(own["spans"] or {})} if kind == "extract" else None,
        "pairs": {**DEFAULT_PAIRS, **(own["pairs"] or {})} if kind == "compare" else None,
        "not_codable": own["not_codable"],
        "system": book["system"],
        "prompt": {**book["prompt"], **({} if labelled else {"label_order": "fixed"})},
        "wording": dict(book["wording"] or {"main": asked}),
        "answer": own["answer"],
        "reason": dict(book["reason"]),
        "examples": own["examples"],
        "calibration": _calibration(book["calibration"]) if labelled else None,
        "revisions": [dict(revision) for revision in book["revisions"]],
    }


def any_examples(book: Mapping[str, Any]) -> bool:
    """Whether a file shows examples, in a field or for all."""
    fields = (book["fields"] or {}).values() if book["type"] == "record" else ()
    return bool(book["examples"]) or any(field["examples"] for field in fields)


def _categories(categories: Mapping[str, Any]) -> dict[str, Any]:
    empty = {"value": None, "define": None, "example": None}
    return {label: {**empty, **(keys or {})} for label, keys in categories.items()}


def _scale(kind: str, scale: Mapping[str, Any]) -> dict[str, Any]:
    number = float if kind == "number" else int
    return {
        "low": number(scale["low"]),
        "high": number(scale["high"]),
        "decimals": scale["decimals"] or 0,
        "anchors": dict(scale["anchors"]),
    }


def _calibration(calibration: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if calibration is None:
        return None
    texts = CONTEXT_FREE_TEXTS if calibration["texts"] is None else calibration["texts"]
    return {"method": calibration["method"], "texts": list(texts)}
