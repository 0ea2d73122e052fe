"""Judge a file by its JSON Schema, explain what is wrong in a researcher's words, and fill in defaults."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.config import yaml_file
from study.config.document import Document, KeyPath, dotted
from study.errors import HIDDEN, StudyError, nearest

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator, ValidationError

SCHEMAS = Path(__file__).resolve().parents[3] / "workflow" / "schemas"
"""Where the schemas are: beside the rules, as Snakemake's standard layout has it."""

MANUAL = "config/README.md explains every key."

_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "keys with values",
    "null": "null",
}
MOST_UNKNOWN = 20
"""Unknown keys of one mapping that are explained: a wrong file has thousands, and one tells."""
_MAY_BE_KEYS = frozenset({"key", "url", "options"})
"""Keys of a model server whose wrong values are not shown: somebody may have put a secret there."""
_EXCEPT = frozenset({"allOf", "if", "then"})


@functools.cache
def read_schema(name: str) -> dict[str, Any]:
    """Read the schema of 'study', 'codebook' or 'claims'."""
    return yaml_file.read(SCHEMAS / f"{name}.schema.yaml", f"workflow/schemas/{name}.schema.yaml").value


@functools.cache
def _validator(name: str) -> Draft202012Validator:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    strict: type[Draft202012Validator] = extend(Draft202012Validator, {"pattern": _pattern})
    return strict(read_schema(name))


def _pattern(_validator: Any, pattern: str, instance: object, _schema: Any) -> Iterator[ValidationError]:
    """In a JSON Schema `$` is the end of the text; in Python it would let a line break pass before it."""
    from jsonschema import ValidationError

    if isinstance(instance, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def problems(name: str, document: Document) -> list[StudyError]:
    """Return what is wrong with a document, in the order of its lines; nothing if it fits the schema."""
    found: list[tuple[int, StudyError]] = []
    for error in _validator(name).iter_errors(document.value):
        found += [(document.lines.get(path, 0), told) for path, told in _explain(error, document, name)]
    # What an alias repeats is wrong once.
    unique: dict[tuple[int, str, str, object], StudyError] = {}
    for line, told in found:
        unique.setdefault((line, told.problem, repr(told.found), None if line else told.key), told)
    return [told for _, told in sorted(unique.items(), key=lambda pair: pair[0][0])]


def wrong_types(name: str, document: Document) -> list[tuple[KeyPath, list[str]]]:
    """Return the places whose value has a wrong type, with the types that are allowed there."""
    errors = _validator(name).iter_errors(document.value)
    return [(tuple(e.absolute_path), _types(e.schema)) for e in errors if e.validator == "type"]


def complete(name: str, value: dict[str, Any]) -> dict[str, Any]:
    """Return a valid document with the schema's default for every key that is not there."""
    filled: dict[str, Any] = _fill(read_schema(name), value, name)
    return filled


def source(keys: dict[str, Any]) -> dict[str, Any]:
    """Return a source of the study with a value for every key."""
    filled: dict[str, Any] = _fill({"$ref": "#/$defs/source"}, keys, "study")
    return filled


def resolve(schema: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a schema with its `$ref` put in; its own keys win."""
    if "$ref" not in schema:
        return schema
    target = read_schema(name)["$defs"][schema["$ref"].rpartition("/")[2]]
    return {**resolve(target, name), **{key: value for key, value in schema.items() if key != "$ref"}}


def branches(schema: dict[str, Any], value: object, name: str) -> Iterator[dict[str, Any]]:
    """Yield the schemas that hold for `value`: the schema itself, and those whose condition it meets."""
    schema = resolve(schema, name)
    yield {key: part for key, part in schema.items() if key not in _EXCEPT}
    for part in [*schema.get("allOf", []), *([schema] if "if" in schema else [])]:
        if "if" in part and _validator(name).evolve(schema=part["if"]).is_valid(value):
            yield from branches(part["then"], value, name)


def _fill(schema: dict[str, Any], value: Any, name: str) -> Any:
    if isinstance(value, dict):
        filled = {}
        properties: dict[str, Any] = {}
        others: Any = False
        for branch in branches(schema, value, name):
            properties |= branch.get("properties", {})
            others = branch.get("additionalProperties", others)
        for key, part in properties.items():
            default = resolve(part, name)
            if key in value:
                filled[key] = _fill(part, value[key], name)
            elif "default" in default:
                filled[key] = _fill(part, default["default"], name)
        for key in value:
            if key not in properties:
                filled[key] = _fill(others, value[key], name) if isinstance(others, dict) else value[key]
        return filled
    if isinstance(value, list):
        items = resolve(schema, name).get("items", {})
        return [_fill(items, item, name) for item in value]
    if isinstance(value, float) and "integer" in _types(resolve(schema, name)):
        return int(value)
    return value


def _types(schema: dict[str, Any]) -> list[str]:
    kinds = schema.get("type", [])
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _explain(error: Any, document: Document, name: str) -> Iterator[tuple[KeyPath, StudyError]]:
    path: KeyPath = tuple(error.absolute_path)
    if error.validator == "additionalProperties" and error.validator_value is False:
        allowed = list(error.schema.get("properties", {}))
        unknown = [key for key in error.instance if key not in allowed]
        for key in unknown[:MOST_UNKNOWN]:
            yield (*path, key), _unknown_key(document, path, key, allowed, name)
    elif error.validator == "required":
        missing = str(error.message).partition("'")[2].partition("'")[0]
        allowed = list(error.schema.get("properties", {}))
        misspelt = [key for key in error.instance if key not in allowed and nearest(key, allowed) == missing]
        # Where unknown keys are refused, a misspelt one is told as such, and not as a missing one too.
        if not misspelt or error.schema.get("additionalProperties") is not False:
            yield path, _missing_key(document, path, missing, misspelt, schema=error.schema, name=name)
    elif "propertyNames" in error.absolute_schema_path:
        here = (*path, str(error.instance))
        yield (
            here,
            StudyError(
                "This cannot be a name.",
                file=document.place(here),
                key=dotted(path),
                found=error.instance,
                allowed=in_words(error.schema),
            ),
        )
    else:
        yield path, _wrong_value(error, document, path)


def _unknown_key(document: Document, path: KeyPath, key: str, allowed: list[str], name: str) -> StudyError:
    close = nearest(key, allowed)
    foreign = next((c for c in key if ord(c) > 127), None)
    hint: str | None = None
    if foreign and close:
        letter = unicodedata.name(foreign, f"U+{ord(foreign):04X}")
        hint = f"The key contains the character {letter}: type it anew."
    elif close is None:
        elsewhere = [place for place in _index(name).get(key, []) if place]
        hint = f"'{key}' is a key of {' and of '.join(elsewhere[:2])}." if elsewhere else MANUAL
    where = f" in '{dotted(path)}'" if path else ""
    return StudyError(
        f"There is no key '{key}'{where}.",
        file=document.place((*path, key)),
        key=dotted((*path, key)),
        found=key,
        allowed=allowed,
        hint=hint,
    )


@functools.cache
def _index(name: str) -> dict[str, list[str]]:
    """Where each key of a file may stand, to tell a researcher who put it in a wrong place."""
    places: dict[str, list[str]] = {}
    for path, key, _, _ in keys(name):
        places.setdefault(key, []).append(path)
    return places


def keys(name: str) -> Iterator[tuple[str, str, dict[str, Any], bool]]:
    """Yield every key of a file, in order: where it stands, the key, its schema, whether it is required."""
    yield from _keys(read_schema(name), "", name)


def _keys(
    schema: dict[str, Any], where: str, name: str, when: str = ""
) -> Iterator[tuple[str, str, dict[str, Any], bool]]:
    schema = resolve(schema, name)
    for key, part in schema.get("properties", {}).items():
        inner = resolve(part, name)
        yield where + when, key, inner, key in schema.get("required", [])
        yield from _keys(inner, f"{where}.{key}" if where else key, name, when)
    others = schema.get("additionalProperties")
    if isinstance(others, dict):
        yield from _keys(others, f"{where}.<name>", name, when)
    if "items" in schema:
        yield from _keys(schema["items"], f"{where}[]", name, when)
    for part in schema.get("allOf", []):
        then = resolve(part["then"], name)
        yield from _keys(then, where, name, f" with type: {then['title']}")


def _missing_key(
    document: Document, path: KeyPath, key: str, misspelt: list[str], *, schema: dict[str, Any], name: str
) -> StudyError:
    part = resolve(schema.get("properties", {}).get(key, {}), name)
    return StudyError(
        f"The key '{key}' is missing{f' in {dotted(path)!r}' if path else ''}.",
        file=document.place(path),
        key=dotted((*path, key)),
        allowed=in_words(part) if part else None,
        hint=f"Is it '{misspelt[0]}'?" if misspelt else part.get("description"),
    )


def _wrong_value(error: Any, document: Document, path: KeyPath) -> StudyError:
    kind, found, rule = error.validator, error.instance, error.validator_value
    schema = error.schema
    allowed: Any = in_words(schema)
    hint = None
    if kind == "type":
        problem = "Nothing stands here." if found is None else "This is the wrong kind of value."
        hint = _type_hint(document, path, found, _types(schema))
    elif kind in ("enum", "const"):
        choices = rule if kind == "enum" else [rule]
        problem = "This is not one of the values that are allowed here."
        if len(choices) > 1:
            allowed = ["null" if choice is None else str(choice) for choice in choices]
        hint = None if isinstance(found, str) else _type_hint(document, path, found, ["string"])
    elif kind in ("minimum", "maximum"):
        problem = f"The number is too {'small' if kind == 'minimum' else 'large'}."
        allowed = f"{rule} or {'more' if kind == 'minimum' else 'less'}"
    elif kind in ("minItems", "minProperties", "minLength"):
        problem = f"There are too few values; {rule} are needed." if found else "This is empty."
        found = found or None
    elif kind == "maxItems":
        problem = f"There are too many values; {rule} are needed."
    elif kind == "uniqueItems":
        twice = [item for i, item in enumerate(found) if item in found[:i]]
        problem, found, allowed = "A value is there twice.", twice[:1] or found, "each value once"
    elif kind == "pattern":
        problem = "This does not have the right form." if found.strip() else "This is empty."
    else:
        problem = str(error.message)
    if "server" in path[:-1] and path[-1] in _MAY_BE_KEYS and found is not None:
        found, hint = HIDDEN, None
    return StudyError(
        problem, file=document.place(path), key=dotted(path), found=found, allowed=allowed, hint=hint
    )


def in_words(schema: dict[str, Any]) -> str:
    """Say in words what may stand where a schema holds."""
    if "title" in schema:
        return str(schema["title"])
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return ", ".join("null" if choice is None else str(choice) for choice in schema["enum"])
    return " or ".join(_WORDS[kind] for kind in _types(schema))


def _type_hint(document: Document, path: KeyPath, found: object, kinds: list[str]) -> str | None:
    written = document.written.get(path)
    if "string" in kinds and written and written[1]:
        kind, text = written
        if kind == "boolean":
            meaning = "true" if found else "false"
            return f'YAML reads an unquoted {text} as {meaning}: write "{text}" with quotes if it is text.'
        return f'YAML reads an unquoted {text} as a {kind}: write "{text}" with quotes if it is text.'
    if "string" in kinds and isinstance(found, dict | list):
        return "Put text that contains ': ' or begins with a bracket or brace into quotes."
    if "array" in kinds and isinstance(found, str):
        return f"Write it as a list: [{found}]."
    if isinstance(found, str) and found.strip() and {"number", "integer"} & set(kinds) and _is_number(found):
        return "Remove the quotes." if path not in document.written else None
    return None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
