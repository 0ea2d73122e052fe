"""Run one rule's program: the command line is read off the function's signature."""

from __future__ import annotations

import argparse
import inspect
import json
import sys
import typing
from collections.abc import Callable
from pathlib import Path

from study.errors import StudyError

INTERRUPTED = 130
"""The exit status of a program that was stopped from the keyboard, as shells have it."""


def parser(function: Callable[..., object]) -> argparse.ArgumentParser:
    """Build the command line of `function`: `corpus_file: Path` becomes `--corpus-file PATH`.

    `Path`, `str`, `int` and `float` take one value, `list[Path]` and `list[str]` several, `bool` is a
    switch, and `dict` and other lists are given as JSON. A parameter without default is required.
    """
    built = argparse.ArgumentParser(
        description=(inspect.getdoc(function) or "").split("\n\n")[0],
        allow_abbrev=False,
    )
    hints = typing.get_type_hints(function)
    for name, parameter in inspect.signature(function).parameters.items():
        required = parameter.default is inspect.Parameter.empty
        options: dict[str, typing.Any] = {"required": required}
        if not required:
            options["default"] = parameter.default
        kind = _without_none(hints.get(name, str))
        if kind is bool:
            options |= {"action": argparse.BooleanOptionalAction}
        elif kind in (list[Path], list[str]):
            options |= {"nargs": "*", "type": typing.get_args(kind)[0]}
        elif kind in (Path, str, int, float):
            options["type"] = kind
        else:
            options |= {"type": _from_json, "metavar": "JSON"}
        built.add_argument(f"--{name.replace('_', '-')}", **options)
    return built


def run(function: Callable[..., object], argv: list[str] | None = None) -> None:
    """Call `function` with the command line.

    A StudyError, and a file that cannot be read or written, end with one paragraph and exit status 1.
    """
    arguments = parser(function).parse_args(argv)
    try:
        function(**vars(arguments))
    except StudyError as error:
        _stop(str(error))
    except OSError as error:
        # A full disk or a forbidden folder is nothing that a traceback explains better.
        _stop(str(StudyError(error.strerror or str(error), file=error.filename)))
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        sys.exit(INTERRUPTED)


def to_json(value: object) -> str:
    """Write a setting for the command line of a program.

    Snakemake's report shows it inside a script, which '</script>' in a title or a question would end: '<' is
    written in JSON's other way. Keys keep their order, which is that of the labels in a codebook.
    """
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


def _stop(message: str) -> typing.NoReturn:
    print(f"Error: {message}", file=sys.stderr)
    sys.exit(1)


def _from_json(text: str) -> typing.Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"this is not JSON ({error})") from error


def _without_none(hint: typing.Any) -> typing.Any:
    members = [m for m in typing.get_args(hint) if m is not type(None)]
    if type(None) in typing.get_args(hint) and len(members) == 1:
        return members[0]
    return hint
