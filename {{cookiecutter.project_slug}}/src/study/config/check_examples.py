"""Examples that a language model is shown: their answers are answers that the codebook allows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from study.codebook import DEFAULT_PAIRS, DEFAULT_SPANS
from study.config.check_scales import places_of
from study.config.document import Document, KeyPath
from study.config.expand import points
from study.errors import StudyError, nearest


def check_examples(document: Document, book: dict[str, Any]) -> Iterator[StudyError]:
    """Yield what is wrong with the examples of a codebook whose answers are in order."""
    wanted = book["prompt"]["rationale"]
    yield from _Examples(document, book, ("examples",), wanted).problems()
    for name, field in (book["fields"] or {}).items():
        yield from _Examples(document, field, ("fields", name, "examples"), wanted).problems()


class _Examples:
    """The examples of one codebook or field; `wanted` is prompt.rationale."""

    def __init__(self, document: Document, keys: dict[str, Any], place: KeyPath, wanted: str) -> None:
        self._document, self._keys, self._place, self._wanted = document, keys, place, wanted
        self._texts = ("first", "second") if keys["type"] == "compare" else ("text",)

    def problems(self) -> Iterator[StudyError]:
        first: dict[tuple[str | None, ...], int] = {}
        for i, example in enumerate(self._keys["examples"]):
            path = (*self._place, i)
            texts = tuple(example[key] for key in self._texts)
            yield from self._parts(path, example)
            if None in texts:
                continue
            if first.setdefault(texts, i) != i:
                yield self._document.error(
                    path,
                    f"The text is that of example {first[texts] + 1}.",
                    found=texts[0],
                    hint="Show a text once.",
                )
            yield from self._label((*path, "label"), example["label"], texts[0] or "")
            yield from self._rationale((*path, "rationale"), example["rationale"])

    def _parts(self, path: KeyPath, example: dict[str, Any]) -> Iterator[StudyError]:
        """An example has the text, or the two texts, that its type needs."""
        given = [key for key in ("text", "first", "second") if example[key] is not None]
        foreign = [key for key in given if key not in self._texts]
        for key in foreign:
            yield self._document.error(
                (*path, key),
                f"An example of type {self._keys['type']} has no '{key}'.",
                found=example[key],
                allowed=[*self._texts, "label", "rationale"],
            )
        for key in self._texts:
            if key not in given and not foreign:
                yield self._document.error(
                    (*path, key), f"The example has no '{key}'.", allowed="the text that is shown"
                )
        if self._keys["type"] == "compare" and example["first"] == example["second"] is not None:
            yield self._document.error(
                (*path, "second"), "A text is compared with itself.", found=example["second"]
            )

    def _label(self, path: KeyPath, label: Any, text: str) -> Iterator[StudyError]:
        if self._keys["type"] == "multilabel":
            yield from self._of_categories(path, label)
        elif self._keys["type"] == "record":
            yield from self._of_fields(path, label, text)
        else:
            yield from _answer(self._document, self._keys, path, label, text)

    def _of_categories(self, path: KeyPath, label: Any) -> Iterator[StudyError]:
        refused = (self._keys["not_codable"] or {}).get("label")
        if refused is not None and label == refused:
            return
        if not isinstance(label, list):
            yield self._document.error(
                path,
                "The answer of a multilabel example is the list of the categories that apply.",
                found=label,
                allowed=[*self._keys["categories"], *([] if refused is None else [refused])],
                hint="Write an empty list, [], if none applies.",
            )
            return
        yield from _once(self._document, path, label)
        for i, category in enumerate(label):
            if category not in self._keys["categories"]:
                yield self._document.error(
                    (*path, i),
                    "There is no such category.",
                    found=category,
                    allowed=self._keys["categories"],
                )

    def _of_fields(self, path: KeyPath, label: Any, text: str) -> Iterator[StudyError]:
        fields = self._keys["fields"]
        if not isinstance(label, dict):
            yield self._document.error(
                path,
                "The answer of a record's example has a value for each field.",
                found=label,
                allowed=f"{{{', '.join(f'{name}: ...' for name in fields)}}}",
            )
            return
        yield from self._all_parts(path, label, fields, "field")
        for name, own in label.items():
            if name in fields:
                yield from _answer(self._document, fields[name], (*path, name), own, text)

    def _all_parts(self, path: KeyPath, found: Any, parts: Any, noun: str) -> Iterator[StudyError]:
        unknown = [name for name in found if name not in parts]
        for name in unknown:
            yield self._document.error(
                (*path, name), f"There is no such {noun}.", found=name, allowed=list(parts)
            )
        for name in parts:
            # One that is misspelt is told as such.
            if name not in found and not any(nearest(other, parts) == name for other in unknown):
                yield self._document.error((*path, name), f"The {noun} '{name}' is missing.")

    def _rationale(self, path: KeyPath, rationale: Any) -> Iterator[StudyError]:
        parts = self._keys["fields" if self._keys["type"] == "record" else "categories"]
        if isinstance(rationale, dict) and self._keys["type"] not in ("multilabel", "record"):
            yield self._document.error(path, "The reason of an example is a text.", found=rationale)
        elif isinstance(rationale, dict):
            noun = "field" if self._keys["type"] == "record" else "category"
            yield from self._all_parts(path, rationale, parts, noun)
        elif rationale is None and self._wanted != "none":
            yield self._document.error(
                path,
                "The example gives no reason, and the model is asked for one"
                f" (prompt.rationale is {self._wanted}).",
                allowed="text",
                hint="Write the reason, or set prompt.rationale to none.",
            )


def _answer(
    document: Document, keys: dict[str, Any], path: KeyPath, label: Any, text: str
) -> Iterator[StudyError]:
    """Yield what is wrong with the answer of an example to one question."""
    if keys["type"] in ("count", "number"):
        yield from _number(document, keys, path, label)
    elif keys["type"] == "extract":
        yield from _passages(document, keys, path, label, text)
    else:
        labels = _labels(keys)
        whole = isinstance(label, int | float) and keys["type"] == "rate" and label == int(label)
        said = str(int(label)) if whole else label
        if not isinstance(said, str) or said not in labels:
            quoted = next((known for known in labels if known == str(label)), None)
            yield document.error(
                path,
                "The codebook has no such label.",
                found=label,
                allowed=labels,
                hint=f'Write "{quoted}" with quotes.' if quoted and not isinstance(label, str) else None,
            )


def _labels(keys: dict[str, Any]) -> list[str]:
    if keys["type"] == "compare":
        pairs = keys["pairs"] or DEFAULT_PAIRS
        return [pairs[word] for word in ("first", "second", "tie") if pairs[word]]
    labels = points(keys["scale"]) if keys["type"] == "rate" else list(keys["categories"])
    return labels if keys["not_codable"] is None else [*labels, keys["not_codable"]["label"]]


def _number(document: Document, keys: dict[str, Any], path: KeyPath, label: Any) -> Iterator[StudyError]:
    scale = keys["scale"]
    decimals = scale["decimals"] or 0
    finest = f"a number with at most {decimals} decimal{'' if decimals == 1 else 's'}"
    kind = finest if decimals else "a whole number"
    allowed = f"{kind} from {scale['low']} to {scale['high']}"
    if not isinstance(label, int | float):
        quoted = isinstance(label, str) and label.strip().lstrip("+-").replace(".", "", 1).isdigit()
        yield document.error(
            path,
            f"The answer of type {keys['type']} is a number.",
            found=label,
            allowed=allowed,
            hint="Remove the quotes." if quoted else None,
        )
    elif not scale["low"] <= label <= scale["high"] or places_of(label) > decimals:
        yield document.error(path, "The number is none of the scale.", found=label, allowed=allowed)


def _passages(
    document: Document, keys: dict[str, Any], path: KeyPath, label: Any, text: str
) -> Iterator[StudyError]:
    spans = keys["spans"] or DEFAULT_SPANS
    if not isinstance(label, list):
        yield document.error(
            path,
            "The answer of type extract is a list of passages.",
            found=label,
            allowed="passages that are copied from the text",
            hint="Write an empty list, [], if there is none." if label == spans["none"] else None,
        )
        return
    if len(label) > spans["most"]:
        yield document.error(
            path,
            "The example has more passages than the codebook allows.",
            found=f"{len(label)} passages",
            allowed=f"at most {spans['most']} (spans.most)",
        )
    yield from _once(document, path, label)
    for i, passage in enumerate(label):
        if not passage.strip() or passage != passage.strip() or len(passage.splitlines()) > 1:
            yield document.error(
                (*path, i),
                "A passage is one line without white space at its ends.",
                found=passage,
            )
        elif passage not in text:
            close = passage.casefold() in text.casefold()
            yield document.error(
                (*path, i),
                "The passage is not in the text word for word.",
                found=passage,
                hint="Upper and lower case differ." if close else None,
            )


def _once(document: Document, path: KeyPath, label: list[str]) -> Iterator[StudyError]:
    twice = next((item for i, item in enumerate(label) if item in label[:i]), None)
    if twice is not None:
        yield document.error(path, "A value is there twice.", found=twice, allowed="each value once")
