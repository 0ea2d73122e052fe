"""How a language model is asked, beyond the wording: the order of labels, rationales, calibration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from study.codebook import WITH_CATEGORIES
from study.config.document import Document
from study.errors import StudyError

LEAST_BATCH = 10
"""Reference texts of batch calibration."""


def check_prompt(document: Document, book: dict[str, Any]) -> Iterator[StudyError]:
    """Yield what is wrong with a codebook's label order and calibration."""
    kind = book["type"]
    kinds = {field["type"] for field in book["fields"].values()} if kind == "record" else {kind}
    labelled = kind == "multilabel" or bool(kinds & set(WITH_CATEGORIES))
    order = book["prompt"]["label_order"]
    if order != "fixed" and not labelled:
        why = {
            "compare": "Each pair of texts is asked in both orders, and its words are not reordered.",
            "record": "No field of the record has labels whose order could change.",
        }
        yield document.error(
            ("prompt", "label_order"),
            why.get(kind, f"A codebook of type {kind} has no labels whose order could change."),
            found=order,
            allowed="fixed",
        )
    calibration = book["calibration"]
    if calibration is None:
        return
    if kind == "record" and not labelled:
        yield document.error(
            ("calibration",),
            "Calibration corrects the probabilities of labels, and no field of the record has labels.",
            hint="Remove 'calibration'.",
        )
    yield from _references(document, calibration)


def _references(document: Document, calibration: dict[str, Any]) -> Iterator[StudyError]:
    texts = calibration["texts"]
    if calibration["method"] != "batch":
        return
    path = ("calibration", "texts")
    if texts is None or len(texts) < LEAST_BATCH:
        yield document.error(
            path,
            f"Batch calibration needs at least {LEAST_BATCH} reference texts.",
            found=None if texts is None else f"{len(texts)} texts",
            hint="Take texts like those that are coded, but not those that count.",
        )
    for i, text in enumerate(texts or ()):
        if not text.strip():
            yield document.error((*path, i), "A reference text of batch calibration is empty.", found=text)
