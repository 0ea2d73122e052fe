"""The values of a YAML file: what YAML would silently turn into something else is refused and explained.

Whole and decimal numbers, true, false and null are read as such, and everything else is text: dates, times,
`007` and `1_000` keep their characters. The words that YAML 1.1 takes for true and false (yes, no, on, off)
are still read so, but the document remembers how a value was written: whoever wanted text can be told.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import yaml

from study.config.document import Document, KeyPath, dotted
from study.errors import StudyError

DEEPEST = 30
"""Levels of nesting."""

MOST_VALUES = 200_000
"""Values of a file after its aliases have been followed."""

LONGEST_WHOLE_NUMBER = 18
"""Digits."""

INVISIBLE = frozenset(
    "\u00ad\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
"""Characters that show nothing and turn the direction of a text or hide in it."""

UNQUOTED = "unquoted"
"""The tag of scalars that are written without quotes and without a tag: their kind is decided here."""

_PREFIX = "tag:yaml.org,2002:"

JOINERS = "\u200c\u200d"
"""Invisible characters that some scripts need to spell words."""

FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What YAML does not allow in a file: control characters and halves of surrogate pairs."""

_KINDS = (
    ("null", re.compile(r"~|null|Null|NULL|")),
    (
        "boolean",
        re.compile(r"(true|True|TRUE|yes|Yes|YES|on|On|ON)|(false|False|FALSE|no|No|NO|off|Off|OFF)"),
    ),
    ("number", re.compile(r"[-+]?(0|[1-9][0-9]*)")),
    ("number", re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+")),
    ("number", re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")),
    ("date", re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?")),
)


def error_at(
    mark: yaml.Mark | None, name: str, problem: str, found: object = None, hint: str | None = None
) -> StudyError:
    """Say what is wrong at a mark that PyYAML has set."""
    return StudyError(problem, file=f"{name}, line {mark.line + 1}" if mark else name, found=found, hint=hint)


class Values:
    """Turns the nodes of one file into plain values, and notes their places.

    Parameters
    ----------
    name
        What messages call the file.
    """

    def __init__(self, name: str) -> None:
        """Begin with an empty document."""
        self._name = name
        self._seen = 0
        self._open: set[int] = set()
        self._document = Document(name, {})

    def document(self, root: yaml.MappingNode) -> Document:
        """Return the document whose top level is `root`."""
        self._document.value = self._value(root, ())
        return self._document

    def _error(
        self, problem: str, mark: yaml.Mark, found: object = None, hint: str | None = None
    ) -> StudyError:
        return error_at(mark, self._name, problem, found, hint)

    def _value(self, node: yaml.Node, path: KeyPath) -> Any:
        self._seen += 1
        if self._seen > MOST_VALUES:
            raise self._error("The file's aliases (*name) repeat too much.", node.start_mark)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if node.tag not in (f"{_PREFIX}map", f"{_PREFIX}seq"):
            raise self._tag_error(node)
        if id(node) in self._open:
            raise self._error("A value contains itself.", node.start_mark, hint="Remove the alias (*name).")
        if len(path) > DEEPEST:
            raise self._error(f"Values are nested more than {DEEPEST} levels deep.", node.start_mark)
        self._open.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            value: Any = [self._item(item, (*path, i)) for i, item in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            value = self._mapping(node, path)
        self._open.remove(id(node))
        return value

    def _item(self, node: yaml.Node, path: KeyPath) -> Any:
        self._document.lines[path] = node.start_mark.line + 1
        return self._value(node, path)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if _is_merge(key_node):
                for part in self._merged(value_node):
                    # A mapping that is merged gives its values where the keys here give none.
                    merged = {**self._value(part, path), **merged}
        for key_node, value_node in node.value:
            if _is_merge(key_node):
                continue
            key = self._key(key_node, path)
            here = (*path, key)
            if key in own:
                raise self._error(
                    f"The key '{key}' is there twice; the first is in line {self._document.lines[here]}.",
                    key_node.start_mark,
                    hint="Remove one of them.",
                )
            if key in merged:
                self._forget(here)
            self._document.lines[here] = key_node.start_mark.line + 1
            kind = _kind(key_node)
            if kind:
                self._document.written_keys[here] = (kind, key_node.value)
            own[key] = self._value(value_node, here)
        return {**merged, **own}

    def _forget(self, path: KeyPath) -> None:
        """Drop what a merged mapping said about a place that now has its own value."""
        for places in (self._document.lines, self._document.written, self._document.written_keys):
            for other in [p for p in places if p[: len(path)] == path]:
                del places[other]  # type: ignore[attr-defined]

    def _merged(self, node: yaml.Node) -> Iterator[yaml.Node]:
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        for part in parts:
            if not isinstance(part, yaml.MappingNode):
                raise self._error("What is merged with << must be a mapping with keys.", node.start_mark)
            yield part

    def _key(self, node: yaml.Node, path: KeyPath) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self._error(
                "A key must be a word, not a list or a mapping.",
                node.start_mark,
                hint="Text in braces needs quotes.",
            )
        self._check_tag(node)
        key = str(node.value)
        self._check_characters(key, node)
        kind = _kind(node)
        if kind in ("boolean", "null"):
            meaning = "nothing" if kind == "null" else "true" if _is_true(key) else "false"
            raise StudyError(
                f"YAML reads the unquoted key {key or '(nothing)'} as {meaning}, not as text.",
                file=f"{self._name}, line {node.start_mark.line + 1}",
                key=dotted(path),
                found=key,
                hint=f'Write "{key}" with quotes.',
            )
        hidden = next(
            (c for c in key if c in INVISIBLE or not (c.isprintable() or c in JOINERS)),
            None,
        )
        if hidden:
            raise self._error(
                f"The key contains the invisible character U+{ord(hidden):04X}.",
                node.start_mark,
                key,
                "Type the key anew instead of pasting it.",
            )
        return key

    def _scalar(self, node: yaml.ScalarNode, path: KeyPath) -> Any:
        self._check_tag(node)
        text = str(node.value)
        self._check_characters(text, node)
        kind = _kind(node)
        if kind is None:
            return text
        self._document.written[path] = (kind, text)
        if kind == "null":
            return None
        if kind == "boolean":
            return _is_true(text)
        if kind == "date":
            return text
        return self._number(node, text)

    def _number(self, node: yaml.ScalarNode, text: str) -> int | float:
        if re.fullmatch(r"[-+]?[0-9]+", text):
            if len(text) > LONGEST_WHOLE_NUMBER:
                raise self._error(
                    "The number is too long.",
                    node.start_mark,
                    text,
                    "If it is a name or a code, put it into quotes.",
                )
            return int(text)
        number = float(re.sub(r"\.(inf|nan)", r"\1", text.lower()))
        if not math.isfinite(number):
            raise self._error("The number is not finite.", node.start_mark, text, "Text needs quotes.")
        return number

    def _check_tag(self, node: yaml.ScalarNode) -> None:
        if node.tag not in (UNQUOTED, f"{_PREFIX}str"):
            raise self._tag_error(node)

    def _check_characters(self, text: str, node: yaml.Node) -> None:
        # An escape such as "\0" makes what the file itself may not contain.
        forbidden = FORBIDDEN.search(text)
        if forbidden:
            raise self._error(
                f"The text contains the control character U+{ord(forbidden[0]):04X}.", node.start_mark, text
            )

    def _tag_error(self, node: yaml.Node) -> StudyError:
        tag = str(node.tag).replace(_PREFIX, "!!")
        return self._error(
            f"The tag {tag} is not allowed.",
            node.start_mark,
            tag,
            "Text that begins with an exclamation mark needs quotes.",
        )


def _is_merge(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.value == "<<" and node.tag == UNQUOTED


def _is_true(text: str) -> bool:
    return text.lower() in ("true", "yes", "on")


def _kind(node: yaml.ScalarNode) -> str | None:
    """Return what an unquoted scalar is if it is not text."""
    if node.tag != UNQUOTED:
        return None
    return next((kind for kind, pattern in _KINDS if pattern.fullmatch(node.value)), None)
