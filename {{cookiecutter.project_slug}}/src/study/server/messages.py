"""What a server is sent: the codebook's prompt as a conversation, with the text in its place.

A server applies the chat template of its own model. So an instrument's prompt is rendered with a template
that only marks the turns, and is divided at these marks *before* a text is put in: what a text spells stays
its own words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from study.prompt import FIRST, SECOND, Prompt

ROLES = ("system", "user", "assistant")
END = "<|end|>"
MARKS = (*(f"<|{role}|>" for role in ROLES), END)
"""What marks the turns in an instrument; a codebook that spells one of them is refused."""

TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
"""The chat template of a server's card."""

_TURN = re.compile(r"<\|(system|user|assistant)\|>(.*?)<\|end\|>", re.DOTALL)
_TEXT = re.compile(f"({FIRST}|{SECOND})")


def conversation(prompt: Prompt, texts: Sequence[str]) -> list[dict[str, str]]:
    """Return the messages that ask about one text, or two.

    Parameters
    ----------
    prompt
        Rendered with `TEMPLATE`, the labels in the order in which they are offered.
    texts
        Quoted as `Prompt.quoted` does it. Half a character becomes U+FFFD: no server can be sent one.

    Returns
    -------
    list
        Of role (system, user or assistant) and content, in the order of the conversation.
    """
    shown = f"{prompt.before}{FIRST}{prompt.after}"
    if prompt.between is not None:
        shown = f"{prompt.before}{FIRST}{prompt.between}{SECOND}{prompt.after}"
    place = {FIRST: readable(texts[0]), SECOND: readable(texts[-1])}
    return [
        {"role": role, "content": "".join(place.get(part, readable(part)) for part in _TEXT.split(content))}
        for role, content in _TURN.findall(shown)
    ]


def readable(text: str) -> str:
    """Return a text with U+FFFD for half a character."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)
