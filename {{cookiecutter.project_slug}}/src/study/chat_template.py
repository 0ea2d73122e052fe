"""A model file's own chat template, applied exactly."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from study.errors import StudyError

ANSWER = "\ue000the answer\ue001"
"""What stands for an answer where a conversation is rendered to see how answers end."""


def apply(card: Mapping[str, Any], messages: list[dict[str, str]], *, ask: bool) -> str:
    """Apply the model file's own template; it comes with the file, so it runs in a sandbox."""
    from jinja2 import TemplateError
    from jinja2.ext import Extension
    from jinja2.nodes import Node
    from jinja2.parser import Parser
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> None:
        raise TemplateError(message)

    class Generation(Extension):
        """`{% generation %}` marks what a model has said, for training; here it only frames it."""

        tags = {"generation"}  # noqa: RUF012 (as jinja2 has it)

        def parse(self, parser: Parser) -> list[Node]:
            parser.stream.skip(1)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", Generation]
    )
    environment.globals["raise_exception"] = refuse
    environment.filters["tojson"] = _json_of
    values = {"bos_token": card["bos_token"], "eos_token": card["eos_token"], "add_generation_prompt": ask}
    # What other programs hand over too. But not `strftime_now`: with the date in it a prompt would be another
    # one every day, so templates take the date that they have for such a case.
    values |= dict.fromkeys(("functions", "function_call", "tools", "tool_choice"))
    try:
        return environment.from_string(card["chat_template"]).render(messages=messages, **values)
    except Exception as error:  # a template is a foreign program: it may fail in any way
        raise StudyError(
            "The model's chat template cannot be applied to this codebook's prompt.",
            key=f"models.{card['name']}",
            found=f"{type(error).__name__}: {error}",
            hint="Some models take no system text: leave 'system' empty in the codebook.",
        ) from error


def _json_of(value: Any, indent: int | None = None, ensure_ascii: bool = False, **options: Any) -> str:
    """Write JSON as templates expect it: jinja2's own filter would escape it for HTML."""
    return json.dumps(value, indent=indent, ensure_ascii=ensure_ascii, **options)


def end_of_turn(answered: str, card: Mapping[str, Any]) -> str:
    """Return what the template puts after an answer, up to the end of the first special token."""
    _, found, rest = answered.partition(ANSWER)
    if not found:
        raise StudyError("The model's chat template does not repeat an answer.", key=f"models.{card['name']}")
    rest = rest.strip()
    if not rest:
        return str(card["eos_token"])
    special, closed, _ = rest.partition(">")
    return special + closed if rest.startswith("<") and closed else rest.split()[0]
