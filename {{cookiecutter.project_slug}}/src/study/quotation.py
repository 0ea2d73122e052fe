"""The quotation in which a prompt puts a text, and how a text is kept from ending it."""

from __future__ import annotations

import re

QUOTATIONS = {
    '"': '"', "'": "'", "`": "`", "“": "”", "„": "“”", "”": "”", "‘": "’", "‚": "‘’", "’": "’", "«": "»",
    "»": "«»", "‹": "›", "›": "‹›", "「": "」", "『": "』", "《": "》", "〈": "〉", "＂": "＂",
}  # fmt: skip
"""The marks that begin a quotation, and those that may end it."""

FENCES = "-=#*~_+|"
"""Marks that fence a text in when there are three of them or more."""
BRACKETS = {"[": "]", "<": ">", "(": ")", "{": "}"}
"""Brackets that fence a text in when there are two of them or more."""


def closing(wording: str, placeholder: str) -> str:
    """Return what ends the quotation around a text, or nothing."""
    left, _, right = wording.partition(placeholder)
    left, right = left.rstrip(), right.lstrip()
    if tag := re.search(r"<(\w[\w.:-]*)(?:\s[^<>]*)?>$|\[(\w[\w.:-]*)\]$", left):
        close = f"</{tag[1]}>" if tag[1] else f"[/{tag[2]}]"
        if right.casefold().startswith(close.casefold()):
            return close
    if (fence := re.search(r"(`{3,})\w+$", left)) and right.startswith(fence[1]):
        return fence[1]
    for pairs, least in ((QUOTATIONS, 1), ({mark: mark for mark in FENCES}, 3), (BRACKETS, 2)):
        for opening, closing in pairs.items():
            n = len(left) - len(left.rstrip(opening))
            for mark in closing if n >= least else "":
                if right.startswith(mark * n):
                    return mark * n
    return ""


def escaped(text: str, close: str, after: str) -> tuple[str, int]:
    r"""Escape what would end a text's quotation, and return how many marks that were.

    A text that holds the mark would seem to end there, so the mark gets a backslash: `\"`, `\"\"\"`,
    `<\/text>`. Backslashes before it are doubled, as they would undo that. So are marks and backslashes at
    the end of a text that the closing mark follows without a space: they would become a part of it.

    Parameters
    ----------
    close
        A mark, or the same one several times, or a tag; empty where there is nothing to escape.
    after
        What follows the text in the prompt.
    """
    if not close:
        return text, 0
    if close[1:2] == "/":
        opening, name, closing = map(re.escape, (close[0], close[2:-1], close[-1]))
        tag = rf"{opening}(?=\s*/\s*{name}\s*{closing})"
        return re.subn(tag, lambda match: match[0] + "\\", text, flags=re.IGNORECASE)
    mark, times, marks = close[0], len(close), 0
    end = len(text) if after.startswith(close) else -1

    def escape(run: re.Match[str]) -> str:
        nonlocal marks
        at, length = run.span()[1], len(run[0])
        if run[0][0] == "\\":
            rest = text[at : at + times]
            ends = rest == close or (at + len(rest) == end and not rest.strip(mark))
            return run[0] * 2 if ends else run[0]
        if length < times and at != end:
            return run[0]
        marks += max(1, length // times)
        return f"\\{mark}" * length

    return re.sub(rf"\\+|{re.escape(mark)}+", escape, text), marks
