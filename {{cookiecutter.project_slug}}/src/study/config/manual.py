"""The researcher's manual of the configuration, written from the schemas: `python -m study.config.manual`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from study.config.schema import in_words, read_schema, resolve

FILES = ("study", "codebook", "claims")
MANUAL = "config/README.md"

_OPENING = """\
# The configuration

<!-- Written from workflow/schemas by `python -m study.config.manual`: edit the schemas, not this page. -->

A study is configured by three kinds of files in this folder. The tables below have every key, with what may
stand there and what holds when it is left out ("required" keys cannot be).
`PYTHONPATH=src python -m study.config` checks the files and says what is wrong, where, and what is allowed;
Snakemake does the same whenever it starts.

Text that contains `: ` or ` #`, or begins with a bracket or brace, needs quotes in YAML, and so do labels
such as "yes", "no", "on", "off" and "1". Any value of `study.yaml` can be replaced for one run:
`snakemake --config sample='{n: 50}'` draws fewer texts.
"""


def text() -> str:
    """Return the manual, in Markdown."""
    parts = [_OPENING]
    for name in FILES:
        schema = read_schema(name)
        parts.append(f"## `{schema['title']}`\n\n{schema['description']}\n\n{_example(schema)}")
        parts += _Sections(name).of(schema, "")
    return "\n".join(parts)


def _example(schema: dict[str, Any]) -> str:
    written = [yaml.safe_dump(e, sort_keys=False, allow_unicode=True, width=100) for e in schema["examples"]]
    return "\n".join(f"```yaml\n{example}```\n" for example in written)


class _Sections:
    """The tables of one file's keys; what several places share is written out once."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._written: dict[str, str] = {}

    def of(self, schema: dict[str, Any], where: str, when: str = "") -> Iterator[str]:
        """Yield the table of a mapping's keys, and then those of the mappings inside it."""
        shared = schema.get("$ref", "")
        schema = resolve(schema, self._name)
        properties = {key: resolve(part, self._name) for key, part in schema.get("properties", {}).items()}
        if properties and where and "allOf" not in schema:
            about = f"\n{schema['description']}\n" if "description" in schema else ""
            yield f"### `{where}`{when}\n{about}"
            if shared in self._written:
                yield f"The keys are those of `{self._written[shared]}`.\n"
                return
            if shared:
                self._written[shared] = where
        if properties and "allOf" not in schema:
            yield _table(properties, schema.get("required", []), self._name)
        for key, part in schema.get("properties", {}).items():
            yield from self.of(part, f"{where}.{key}" if where else key, when)
        if isinstance(schema.get("additionalProperties"), dict):
            inner = f"{where}.<{'label' if where.endswith('categories') else 'name'}>"
            yield from self.of(schema["additionalProperties"], inner, when)
        if "items" in schema:
            yield from self.of(schema["items"], f"{where}[]", when)
        for branch in schema.get("allOf", []):
            kind = resolve(branch["then"], self._name)["title"]
            yield from self.of(branch["then"], where, f" with `type: {kind}`")


def _table(properties: dict[str, Any], required: list[str], name: str) -> str:
    rows = ["| key | what may stand there | default | meaning |", "|---|---|---|---|"]
    for key, part in properties.items():
        cells = [f"`{key}`", _allowed(part, name), _default(part, key in required), part["description"]]
        rows.append(f"| {' | '.join(map(_cell, cells))} |")
    return "\n".join(rows) + "\n"


def _allowed(part: dict[str, Any], name: str) -> str:
    if "const" in part:
        return f"`{part['const']}`"
    if "enum" in part:
        return ", ".join(f"`{'null' if choice is None else choice}`" for choice in part["enum"])
    if "propertyNames" in part:
        return f"names ({resolve(part['propertyNames'], name)['title']}), each with its value"
    words = in_words(part)
    if "minimum" in part and "title" not in part:
        words += (
            f", from {part['minimum']} to {part['maximum']}"
            if "maximum" in part
            else f", at least {part['minimum']}"
        )
    return words


def _default(part: dict[str, Any], required: bool) -> str:
    if required or "const" in part:
        return "required"
    value = part["default"]
    if value == {} and part.get("properties"):
        return "its own defaults"
    if value in ("", [], {}):
        return "empty"
    return f"`{value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}`"


def _cell(words: str) -> str:
    return " ".join(words.split()).replace("|", "\\|")


def main(root: Path = Path()) -> None:
    """Write config/README.md."""
    (root / MANUAL).write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    from study.job import run

    run(main)
