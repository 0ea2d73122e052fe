"""Wordings: what a language model is asked, with the text in its place and nothing that is left unfilled."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from study.codebook import DEFAULT_WORDING
from study.config.document import Document, KeyPath
from study.config.expand import any_examples
from study.errors import StudyError

_ALWAYS = ("question", "reason", "examples")
_LABELS = ("definitions", "labels", "answers")
_BOUNDS = ("low", "high")

FILLED: dict[str, tuple[str, ...]] = {
    "classify": (*_LABELS, *_ALWAYS),
    "rate": (*_LABELS, *_BOUNDS, *_ALWAYS),
    "count": (*_BOUNDS, *_ALWAYS),
    "number": (*_BOUNDS, *_ALWAYS),
    "extract": ("most", "none", *_ALWAYS),
    "compare": (*_LABELS, *_ALWAYS),
    "multilabel": (*_LABELS, *_ALWAYS),
}
"""The placeholders of a type, but for those of the text itself."""

_HINTS = {
    "first": "Only a comparison has {first} and {second}.",
    "second": "Only a comparison has {first} and {second}.",
    "category": "{category} stands in the question of a multilabel.",
    "label": "{label} stands in 'answer'.",
}


def check_wordings(document: Document, book: dict[str, Any]) -> Iterator[StudyError]:
    """Yield what is wrong with the wordings, the system message and the sentences of the answers."""
    texts = ("first", "second") if book["type"] == "compare" else ("text",)
    wordings = book["wording"] or {}
    for name, wording in wordings.items():
        path = ("wording", name)
        yield from _placeholders(document, path, wording, book, texts)
        misplaced = len(texts) > 1 and "{text}" in wording  # told as an unknown placeholder
        for text in texts:
            times = wording.count(f"{{{text}}}")
            if times != 1 and not misplaced:
                what = "the text" if text == "text" else f"the {text} text"
                yield document.error(
                    path,
                    f"The wording must contain {{{text}}} once, where {what} is put, not {times} times.",
                    found=wording,
                )
        if len(texts) > 1 and -1 < wording.find("{second}") < wording.find("{first}"):
            yield document.error(
                path,
                "The second text stands before the first.",
                found=wording,
                hint="Exchange {first} and {second}; each pair is asked in both orders anyway.",
            )
    yield from _placeholders(document, ("system",), book["system"], book, ())
    yield from _examples(document, book)
    for place, keys in _answering(book):
        if keys["answer"] is not None:
            yield from _answer(document, (*place, "answer"), keys["answer"])
    if book["type"] == "multilabel" and "{category}" not in (book["question"] or "{category}"):
        yield document.error(
            ("question",),
            "The question of a multilabel must contain {category}, where the category's name is put.",
            found=book["question"],
            hint="Write, say, question: Is the text about {category}?",
        )
    used = book["prompt"]["wording"]
    if used not in (wordings or DEFAULT_WORDING):
        yield document.error(
            ("prompt", "wording"),
            "There is no such wording.",
            found=used,
            allowed=list(wordings or DEFAULT_WORDING),
        )


def _answering(book: dict[str, Any]) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    yield (), book
    for name, field in (book["fields"] or {}).items():
        yield ("fields", name), field


def _examples(document: Document, book: dict[str, Any]) -> Iterator[StudyError]:
    """Examples are shown once; the questions of a multilabel or record share what comes before the text."""
    used = (book["wording"] or {}).get(book["prompt"]["wording"], "")
    in_wording, in_system = used.count("{examples}"), book["system"].count("{examples}")
    together = book["type"] in ("multilabel", "record")
    if in_wording + in_system > 1:
        yield document.error(
            ("wording", book["prompt"]["wording"]) if in_wording else ("system",),
            "The examples are put into the prompt more than once.",
            found=f"{{examples}} {in_wording + in_system} times in wording and system",
            allowed="{examples} once",
        )
    elif together and used and any_examples(book) and not in_wording:
        yield document.error(
            ("wording", book["prompt"]["wording"]),
            f"A codebook of type {book['type']} with examples needs {{examples}} in its wording.",
            found=used,
            hint="Put {examples} behind {text}, so that the text is read once for all questions.",
        )


def _placeholders(
    document: Document, path: KeyPath, wording: str, book: dict[str, Any], texts: tuple[str, ...]
) -> Iterator[StudyError]:
    """Yield what is wrong with the placeholders of a wording or of the system message."""
    kinds = {"": book["type"]}
    if book["type"] == "record":
        kinds = {name: field["type"] for name, field in book["fields"].items()}
    some = {name for kind in kinds.values() for name in FILLED[kind]}
    every = [
        name for name in FILLED["rate"] + FILLED["extract"] if all(name in FILLED[k] for k in kinds.values())
    ]
    allowed = list(dict.fromkeys([*texts, *every]))
    if path == ("system",) and book["type"] in ("multilabel", "record"):
        allowed.remove("examples")
    yield from _known(document, path, wording, allowed, (kinds, some))


def _known(
    document: Document,
    path: KeyPath,
    wording: str,
    allowed: list[str],
    of_fields: tuple[dict[str, str], set[str]] = ({}, set()),
) -> Iterator[StudyError]:
    kinds, some = of_fields
    for name in dict.fromkeys(re.findall(r"\{(\w+)\}", wording)):
        if name in allowed:
            continue
        problem = f"The placeholder {{{name}}} is unknown here."
        hint = _HINTS.get(name)
        if name == "examples":
            problem = "The questions of a codebook share the system message, and their examples differ."
            hint = "Put {examples} into the wording."
        elif name in some:
            field = next(field for field, kind in kinds.items() if name not in FILLED[kind])
            problem = (
                f"The placeholder {{{name}}} has no meaning for the field '{field}' of type {kinds[field]}."
            )
            hint = "Say how to answer in the questions of the fields, or leave out the wording."
        elif name == "text":
            hint = (
                "A comparison puts two texts: {first} and {second}."
                if "first" in allowed
                else "The text belongs into the wording."
            )
        yield document.error(path, problem, found=name, allowed=allowed, hint=hint)
    stray = re.search(r"[{}]", re.sub(r"\{\w+\}", "", wording))
    if stray:
        yield document.error(
            path,
            f"A brace {stray[0]} stands alone; braces mark placeholders.",
            found=wording,
            allowed=[f"{{{name}}}" for name in allowed],
        )


def _answer(document: Document, path: KeyPath, answer: str) -> Iterator[StudyError]:
    if answer.count("{label}") != 1:
        yield document.error(
            path, "The answer must contain {label} once, where the label is put.", found=answer
        )
    if answer != " ".join(answer.split()):
        yield document.error(
            path,
            "The answer must be one line without white space at its ends or twice in a row.",
            found=answer,
            allowed=" ".join(answer.split()),
        )
    yield from _known(document, path, answer, ["label"])
