"""Read a YAML file strictly: damaged, ambiguous or endless files are refused with the line and what to do."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import yaml

from study.config.document import Document
from study.config.yaml_values import DEEPEST, FORBIDDEN, UNQUOTED, Values, error_at
from study.errors import StudyError

LARGEST_FILE = 4_000_000


def read(path: Path, name: str) -> Document:
    """Read one file.

    Parameters
    ----------
    path
        The file.
    name
        What messages call it.

    Raises
    ------
    StudyError
        When it is missing, not UTF-8, not YAML, empty, no mapping, or uses what is not allowed here
        (duplicate keys, tags, several documents, aliases or nesting without end, hidden characters in keys).
    """
    return _document(_text(path, name), name)


def parse(text: str, name: str) -> Document:
    """Read a text as `read` reads a file."""
    return _document(_without_forbidden(text, name), name)


def _text(path: Path, name: str) -> str:
    try:
        found = path.stat()
        if stat.S_ISFIFO(found.st_mode) or stat.S_ISCHR(found.st_mode):
            # Reading a pipe waits for ever, and reading a device may never end.
            raise StudyError("This is a pipe or a device, not a file.", file=name)
        size = found.st_size
        content = path.read_bytes() if size <= LARGEST_FILE else b""
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StudyError("The file cannot be read.", file=name, found=reason, hint=_misnamed(path)) from error
    if size > LARGEST_FILE:
        raise StudyError("The file is too large for a configuration.", file=name, found=f"{size} bytes")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or (
        b"\x00" in content and content.count(b"\x00") * 3 > size
    ):
        raise StudyError("The file is encoded as UTF-16.", file=name, hint="Save it as UTF-8 in your editor.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise StudyError(
            "The file is not encoded as UTF-8.",
            file=f"{name}, line {line}",
            found=f"the byte 0x{content[error.start]:02x}",
            hint="Save it as UTF-8 in your editor.",
        ) from error
    return _without_forbidden(text, name)


def _misnamed(path: Path) -> str | None:
    other = path.with_suffix(".yml")
    return f"Rename {other.name} to {path.name}." if other.exists() else None


def _without_forbidden(text: str, name: str) -> str:
    forbidden = FORBIDDEN.search(text)
    if forbidden:
        what = "a NUL byte" if forbidden[0] == "\x00" else f"the control character U+{ord(forbidden[0]):04X}"
        line = text.count("\n", 0, forbidden.start()) + 1
        raise StudyError(
            f"The file contains {what}: it is damaged or no text file.",
            file=f"{name}, line {line}",
            hint="Delete the character, or write the file anew.",
        )
    return text


def _document(text: str, name: str) -> Document:
    root = _compose(text, name)
    if root is None or (isinstance(root, yaml.ScalarNode) and not root.value):
        raise StudyError(
            "The file is empty.", file=name, hint="config/README.md explains what belongs in it."
        )
    if not isinstance(root, yaml.MappingNode):
        raise StudyError(
            "The file must consist of keys with values.",
            file=name,
            found=text.strip()[:60],
            allowed="lines such as 'title: My study'",
        )
    return Values(name).document(root)


def _compose(text: str, name: str) -> yaml.Node | None:
    try:
        node: yaml.Node | None = _Loader(text).get_single_node()
    except _TooDeepError as error:
        raise error_at(error.mark, name, f"Values are nested more than {DEEPEST} levels deep.") from error
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, name) from error
    except yaml.YAMLError as error:
        raise StudyError("The file is not valid YAML.", file=name, found=str(error)) from error
    return node


def _syntax_error(error: yaml.MarkedYAMLError, text: str, name: str) -> StudyError:
    mark = error.problem_mark or error.context_mark
    problem = str(error.problem or error.context or "")
    lines = text.splitlines()
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())] or "'\\t'" in problem:
        return error_at(
            mark, name, "The line begins with a tab, which YAML does not allow.", hint="Indent with spaces."
        )
    if "expected a single document" in str(error.context):
        return error_at(mark, name, "A second document begins here.", hint="Delete the line '---'.")
    if "found undefined alias" in problem or "duplicate anchor" in str(error.context):
        return error_at(
            mark,
            name,
            "The reference after * names no anchor &, or the anchor & is there twice.",
            line.strip(),
        )
    return error_at(
        mark,
        name,
        f"The file is not valid YAML: {problem}.",
        line.strip() or None,
        "Mind the indentation; text that contains ': ' or ' #', or begins with { [ * & ! or %, needs quotes.",
    )


class _PurePythonEvents(yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser):
    def __init__(self, text: str) -> None:
        yaml.reader.Reader.__init__(self, text)
        yaml.scanner.Scanner.__init__(self)
        yaml.parser.Parser.__init__(self)


class _Composer(yaml.composer.Composer, yaml.resolver.BaseResolver):
    """Nodes of one document, with a limit to their nesting; scalars stay as they were written."""

    def __init__(self) -> None:
        yaml.composer.Composer.__init__(self)
        yaml.resolver.BaseResolver.__init__(self)
        self.depth = 0

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        if kind is yaml.ScalarNode and implicit[0]:
            return UNQUOTED
        return str(super().resolve(kind, value, implicit))

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.depth += 1
        if self.depth > DEEPEST:
            raise _TooDeepError(self.peek_event().start_mark)  # type: ignore[attr-defined]
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _PurePythonLoader(_Composer, _PurePythonEvents):
    def __init__(self, text: str) -> None:
        _PurePythonEvents.__init__(self, text)
        _Composer.__init__(self)


_Loader: Any = _PurePythonLoader
if yaml.__with_libyaml__:

    class _LibyamlLoader(_Composer, yaml.cyaml.CParser):  # type: ignore[name-defined]
        # The same events, ten times faster: the configuration is read whenever Snakemake starts.
        def __init__(self, text: str) -> None:
            yaml.cyaml.CParser.__init__(self, text)  # type: ignore[attr-defined]
            _Composer.__init__(self)

    _Loader = _LibyamlLoader


class _TooDeepError(Exception):
    def __init__(self, mark: yaml.Mark) -> None:
        super().__init__()
        self.mark = mark
