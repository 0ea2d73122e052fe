"""One configuration file as it was read: its values, and where each of them stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from study.errors import StudyError

KeyPath = tuple[str | int, ...]
"""Where a value is: keys of mappings and positions in lists, from the top."""


@dataclass
class Document:
    """One file's content, and where each value of it stands.

    Attributes
    ----------
    name
        The file's path inside the study.
    value
        Plain JSON types.
    lines
        The line (from 1) of each key and list item.
    written
        (kind, characters) of every unquoted scalar that is not text: 'null', 'boolean', 'number', 'date'.
    written_keys
        The same of keys, which are always read as text.
    changed
        The places whose value was replaced from outside the file, and so are in no line of it.
    """

    name: str
    value: dict[str, Any]
    lines: dict[KeyPath, int] = field(default_factory=dict)
    written: dict[KeyPath, tuple[str, str]] = field(default_factory=dict)
    written_keys: dict[KeyPath, tuple[str, str]] = field(default_factory=dict)
    changed: set[KeyPath] = field(default_factory=set)

    def error(self, path: KeyPath, problem: str, **parts: Any) -> StudyError:
        """Say what is wrong with the value at `path`; `parts` are those of a StudyError."""
        return StudyError(problem, file=self.place(path), key=dotted(path), **parts)

    def is_changed(self, path: KeyPath) -> bool:
        """Whether a value, or something that holds it, was replaced from outside the file."""
        return any(path[:depth] in self.changed for depth in range(len(path) + 1))

    def place(self, path: KeyPath) -> str:
        """Say where a value stands: file and line."""
        if self.is_changed(path):
            return f"{self.name} as changed on the command line"
        for depth in range(len(path), 0, -1):
            if path[:depth] in self.lines:
                return f"{self.name}, line {self.lines[path[:depth]]}"
        return self.name


def dotted(path: KeyPath) -> str:
    """Write a path as a researcher reads it: `corpus.sources[2].file`, counting list items from 1."""
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text
