"""What a schema cannot say about a codebook: labels that differ, a scale the right way up, wordings."""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from study.config.document import Document, KeyPath
from study.config.names import fold
from study.config.yaml_values import INVISIBLE, JOINERS
from study.errors import StudyError

MOST_POINTS = 101
PLACEHOLDERS = ("text", "question", "definitions", "labels", "answers")


def check_codebook(document: Document, book: dict[str, Any], stem: str) -> Iterator[StudyError]:
    """Yield what is wrong with a codebook that fits its schema.

    Parameters
    ----------
    document
        The file.
    book
        Its values with defaults.
    stem
        The file's name without .yaml.
    """
    if book["construct"] != stem:
        yield document.error(
            ("construct",),
            "The construct must have the name of its file.",
            found=book["construct"],
            allowed=stem,
            hint=f"Rename one of them (config/codebooks/{book['construct']}.yaml).",
        )
    if book["type"] == "rate":
        yield from _scale(document, book)
    else:
        yield from _categories(document, book)
    yield from _wordings(document, book)
    for i, revision in enumerate(book["revisions"]):
        try:
            datetime.date.fromisoformat(revision["date"])
        except ValueError:
            yield document.error(("revisions", i, "date"), "There is no such day.", found=revision["date"])


def _scale(document: Document, book: dict[str, Any]) -> Iterator[StudyError]:
    if book["categories"] is not None:
        yield document.error(
            ("categories",),
            "A codebook of type rate has a scale, not categories.",
            hint="Remove the categories, or set type to classify.",
        )
    if book["level"] == "nominal":
        yield document.error(
            ("level",),
            "Numbers on a scale have an order, so their level is not nominal.",
            found="nominal",
            allowed="ordinal or interval",
        )
    scale = book["scale"]
    if scale is None:
        yield document.error(
            ("scale",),
            "A codebook of type rate needs a scale.",
            hint="Write, say, scale: {low: 0, high: 10}.",
        )
        return
    low, high = scale["low"], scale["high"]
    if low >= high:
        yield document.error(
            ("scale",),
            "The scale is upside down: low must be smaller than high.",
            found={"low": low, "high": high},
            hint="Exchange the two numbers." if low > high else None,
        )
        return
    if high - low >= MOST_POINTS:
        yield document.error(
            ("scale",), f"The scale has more than {MOST_POINTS} points.", found={"low": low, "high": high}
        )
    for anchor in scale["anchors"]:
        if not re.fullmatch(r"0|-?[1-9][0-9]{0,8}", anchor) or not low <= int(anchor) <= high:
            yield document.error(
                ("scale", "anchors", anchor),
                "The anchor is no point of the scale.",
                found=anchor,
                allowed=f"whole numbers from {low} to {high}",
            )
    refused = (book["not_codable"] or {}).get("label")
    if refused is not None:
        yield from _label(document, ("not_codable", "label"), refused)
        if re.fullmatch(r"[-+]?[0-9]+", fold(refused)) and low <= int(fold(refused)) <= high:
            yield document.error(
                ("not_codable", "label"), "The label is a point of the scale.", found=refused
            )


def _categories(document: Document, book: dict[str, Any]) -> Iterator[StudyError]:
    if book["scale"] is not None:
        yield document.error(
            ("scale",),
            "A codebook of type classify has categories, not a scale.",
            hint="Remove the scale, or set type to rate.",
        )
    categories = book["categories"]
    if categories is None or len(categories) < 2:
        yield document.error(
            ("categories",),
            "A coder must have at least two labels to choose from.",
            found=list(categories) if categories else None,
            hint="Write a line 'label: {define: ...}' for each label below 'categories:'.",
        )
        return
    places: list[tuple[KeyPath, str]] = [(("categories", label), label) for label in categories]
    if book["not_codable"] is not None:
        places.append((("not_codable", "label"), book["not_codable"]["label"]))
    first: dict[str, str] = {}
    for path, label in places:
        yield from _label(document, path, label)
        other = first.setdefault(fold(label), label)
        if path[0] == "not_codable" and other == label and label in categories:
            yield document.error(path, f"The label '{label}' is also one of the categories.", found=label)
        elif other != label:
            yield document.error(
                path,
                f"The labels '{other}' and '{label}' differ only in case, white space or the way in which"
                " their characters are stored.",
                # Two ways to store an accent look the same: show what is stored.
                found=ascii(label)[1:-1] if _composed(label) == _composed(other) else label,
                hint="Make them different words, or remove one.",
            )
    yield from _values(document, book["level"], categories)


def _composed(label: str) -> str:
    return unicodedata.normalize("NFC", label)


def _label(document: Document, path: KeyPath, label: str) -> Iterator[StudyError]:
    written = (document.written_keys if path[0] == "categories" else document.written).get(path)
    if written:
        yield document.error(
            path,
            f"YAML reads the unquoted label {written[1]} as a {written[0]}.",
            found=label,
            hint=f'Write "{written[1]}" with quotes.',
        )
    elif not label.strip():
        yield document.error(path, "The label is empty.", found=label)
    elif label != label.strip():
        yield document.error(
            path, "The label begins or ends with white space.", found=label, hint=f"Write '{label.strip()}'."
        )
    else:
        hidden = next((c for c in label if c in INVISIBLE or not (c.isprintable() or c in JOINERS)), None)
        if hidden:
            what = (
                "a line break"
                if hidden in "\r\n\x85\u2028\u2029"
                else f"the invisible character U+{ord(hidden):04X}"
            )
            yield document.error(
                path, f"The label contains {what}.", found=label, hint="Type the label anew."
            )


def _values(document: Document, level: str, categories: dict[str, Any]) -> Iterator[StudyError]:
    values = {label: (keys or {}).get("value") for label, keys in categories.items()}
    missing = [label for label, value in values.items() if value is None]
    if level != "nominal" or len(missing) < len(values):
        for label in missing:
            yield document.error(
                ("categories", label, "value"),
                f"The label '{label}' has no value"
                + (f", but the level is {level}." if level != "nominal" else ", but other labels have one."),
                allowed="a number",
                hint="A text that cannot be coded belongs under 'not_codable', which needs no value.",
            )
    if level == "nominal" and not missing and len(values) > 2:
        yield document.error(
            ("categories",),
            "More than two nominal labels have values, whose mean would mean nothing.",
            found=list(values),
            hint="Remove the values, or set level to ordinal or interval.",
        )
    first: dict[float, str] = {}
    for label, value in values.items():
        if value is not None and first.setdefault(value, label) != label:
            yield document.error(
                ("categories", label, "value"),
                f"The labels '{first[value]}' and '{label}' have the same value: scores would confuse them.",
                found=value,
                allowed="a different number for each label",
            )


def _wordings(document: Document, book: dict[str, Any]) -> Iterator[StudyError]:
    for name, wording in book["wording"].items():
        yield from _placeholders(document, ("wording", name), wording, PLACEHOLDERS)
        times = wording.count("{text}")
        if times != 1:
            yield document.error(
                ("wording", name),
                f"The wording must contain {{text}} once, where the text is put, not {times} times.",
                found=wording,
            )
    yield from _placeholders(document, ("system",), book["system"], PLACEHOLDERS[1:])
    yield from _answer(document, book["answer"])
    used = book["prompt"]["wording"]
    if used not in book["wording"]:
        yield document.error(
            ("prompt", "wording"), "There is no such wording.", found=used, allowed=list(book["wording"])
        )


def _answer(document: Document, answer: str) -> Iterator[StudyError]:
    if answer.count("{label}") != 1:
        yield document.error(
            ("answer",), "The answer must contain {label} once, where the label is put.", found=answer
        )
    if answer != " ".join(answer.split()):
        yield document.error(
            ("answer",),
            "The answer must be one line without white space at its ends or twice in a row.",
            found=answer,
            allowed=" ".join(answer.split()),
        )
    yield from _placeholders(document, ("answer",), answer, ("label",))


def _placeholders(
    document: Document, path: KeyPath, wording: str, allowed: tuple[str, ...]
) -> Iterator[StudyError]:
    names = re.findall(r"\{(\w+)\}", wording)
    for name in dict.fromkeys(names):
        if name not in allowed:
            yield document.error(
                path,
                f"The placeholder {{{name}}} is unknown here.",
                found=name,
                allowed=allowed,
                hint="The text belongs into the wording." if name == "text" else None,
            )
    stray = re.search(r"[{}]", re.sub(r"\{\w+\}", "", wording))
    if stray:
        yield document.error(
            path,
            f"A brace {stray[0]} stands alone; braces mark placeholders.",
            found=wording,
            allowed=[f"{{{name}}}" for name in allowed],
        )
