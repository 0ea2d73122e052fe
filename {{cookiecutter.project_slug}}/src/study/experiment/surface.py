"""Changes of a text that keep its meaning: case, typing errors, white space, masked names.

A code that changes with them depends on the form of a text and not on what it says (Ribeiro et al. 2020,
arXiv 2005.04118, call this an invariance test). Every change depends on the text alone: the same text is
always changed in the same way, in whatever order texts are coded.

A word is a run of letters and the marks on them, in any script. Chinese, Japanese, Thai, Lao, Khmer and
Burmese put no space between words: there a run between signs counts as one word for typing errors, and what
is masked is found wherever its characters stand.
"""

from __future__ import annotations

import bisect
import functools
import hashlib
import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from study.digest import text_sha256

AS_WRITTEN = "as_written"
SURFACES = (AS_WRITTEN, "lower_case", "upper_case", "typos", "whitespace", "masked")

PLACEHOLDER = "[...]"
"""What stands for a masked word or phrase: what is usual for words left out, in any language."""

TYPO_ONE_IN = 5
"""Of so many words that can have a typing error one has one, and one in a text that has fewer."""
TYPO_LETTERS = 4
"""Letters of the shortest word that can have one: its first and last letter stay, as readers need them."""

DOUBLED, BROKEN = 64, 96
"""Of 256 gaps between words 64 get one more space, and 32 become a line break."""

_UNSPACED = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F),  # Thai to Khmer
    (0x3040, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9F), (0x1AFF0, 0x1B16F),  # kana
    (0x3005, 0x3007), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF),  # Han
)  # fmt: skip
"""Characters of scripts that put no space between words."""

_ALIKE = str.maketrans({"’": "'", "‘": "'", "‐": "-", "–": "-", "−": "-"})
"""Apostrophes and hyphens that are typed for one another."""


class _Kinds(dict[str, str]):
    """What each character is for words: one letter each, so that patterns can run over a text of them.

    L letter, H letter of a script without spaces, M mark on a letter, N number, Z white space, J invisible
    and joining (such as a soft hyphen), B invisible and parting (zero-width space), O any other sign.
    """

    def __missing__(self, character: str) -> str:
        category = unicodedata.category(character)
        if character.isspace():
            kind = "Z"
        elif character == "\u200b":
            kind = "B"
        elif category == "Cf":
            kind = "J"
        elif category[0] in "LMN":
            unspaced = category[0] != "M" and any(a <= ord(character) <= b for a, b in _UNSPACED)
            kind = "H" if unspaced else category[0]
        else:
            kind = "O"
        self[character] = kind
        return kind


_KINDS = _Kinds()
_TYPED_WORD = re.compile("[LH][LHM]*")
_LETTER = re.compile("[LH]M*")
_TOKEN = re.compile(
    "(?P<word>[LN](?:[LMN]|J+(?=[LMN]))*|H(?:M|J+(?=M))*|OM*|M+)|(?P<space>Z[ZJB]*)|(?P<unseen>[JB]+)"
)


def changed(text: str, surface: str, mask: Sequence[str] = ()) -> str:
    """Return a text in another form.

    Parameters
    ----------
    text
        Any text; an empty one stays empty.
    surface
        `as_written`; `lower_case` and `upper_case` (Unicode's own rules, none of a language); `typos` (one in
        `TYPO_ONE_IN` of the words with `TYPO_LETTERS` letters or more has two neighbouring letters swapped,
        neither the first nor the last of it; words of the mask stay); `whitespace` (doubled spaces and line
        breaks between words, white space before and behind the text; the words stay); `masked` (the words and
        phrases of the mask are replaced by `PLACEHOLDER`).
    mask
        Words and phrases. They are found as whole words in any case and any Unicode form, whatever white
        space is between their words; at each place the longest one counts. Letters and signs stand for
        themselves: there are no patterns, and no rules of a language (neither plurals nor endings).

    Raises
    ------
    ValueError
        There is no such surface.
    """
    if surface == AS_WRITTEN:
        return text
    if surface == "lower_case":
        return text.lower()
    if surface == "upper_case":
        return text.upper()
    if surface == "typos":
        return _mistyped(text, tuple(mask))
    if surface == "whitespace":
        return _respaced(text)
    if surface == "masked":
        return _masked(text, tuple(mask))
    raise ValueError(f"no surface {surface!r}: there are {', '.join(SURFACES)}")


def _mistyped(text: str, mask: tuple[str, ...]) -> str:
    kinds, digest = _kinds(text), text_sha256(text)
    kept = list(_occurrences(text, mask))
    ends = [end for _, end in kept]
    words = []
    for number, word in enumerate(_TYPED_WORD.finditer(kinds)):
        start, end = word.span()
        at = bisect.bisect_right(ends, start)  # the first masked phrase that is not over before the word
        if at < len(kept) and kept[at][0] < end:
            continue
        if pairs := _swappable(text, kinds, start, end):
            chance = hashlib.sha256(f"{digest}|{number}".encode()).digest()
            words.append((chance, pairs))
    # Those first in a line of chance, not each with its own chance: so a short text has one, too.
    chosen = sorted(words)[: -(-len(words) // TYPO_ONE_IN)]
    parts, done = [], 0
    for start, middle, end in sorted(
        pairs[int.from_bytes(chance[-8:], "big") % len(pairs)] for chance, pairs in chosen
    ):
        parts += [text[done:start], text[middle:end], text[start:middle]]
        done = end
    return "".join([*parts, text[done:]])


def _swappable(text: str, kinds: str, start: int, end: int) -> list[tuple[int, int, int]]:
    """Return where neighbouring letters of a word can be swapped: the first begins, the second begins, ends.

    A letter takes its marks with it. Two equal letters cannot be swapped: nobody would see it.
    """
    letters = [match.span() for match in _LETTER.finditer(kinds, start, end)]
    if len(letters) < TYPO_LETTERS:
        return []
    pairs = itertools.pairwise(letters[1:-1])
    return [(a, b, c) for (a, _), (b, c) in pairs if text[a:b] != text[b:c]]


def _respaced(text: str) -> str:
    digest = text_sha256(text)
    parts = re.split(r"(\s+)", text.strip())
    for number in range(1, len(parts), 2):
        chance = hashlib.sha256(f"{digest}|{number}".encode()).digest()[0]
        if chance < DOUBLED:
            parts[number] += " "
        elif chance < BROKEN:
            parts[number] = "\n"
    return "".join(["  ", *parts, " \n"]) if parts != [""] else text


def _masked(text: str, mask: tuple[str, ...]) -> str:
    # What is masked already is no part of the text any more: a mask of dots does not change it again.
    return PLACEHOLDER.join(_replaced(part, mask) for part in text.split(PLACEHOLDER))


def _replaced(text: str, mask: tuple[str, ...]) -> str:
    parts, done = [], 0
    for start, end in _occurrences(text, mask):
        parts += [text[done:start], PLACEHOLDER]
        done = end
    return "".join([*parts, text[done:]])


def _occurrences(text: str, mask: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Yield where words and phrases of the mask stand, from left to right, the longest at each place."""
    tree = _tree(mask)
    if not tree:
        return
    tokens = _tokens(text)
    at = 0
    while at < len(tokens):
        node, here, last = tree, at, -1
        while here < len(tokens) and tokens[here][2] in node:
            node = node[tokens[here][2]]
            if _END in node:
                last = here
            here += 1
        if last >= 0:
            yield tokens[at][0], tokens[last][1]
        at = max(at, last) + 1


_END = ""
"""Marks the end of a phrase in the tree; no token is empty."""


@functools.lru_cache(maxsize=8)
def _tree(mask: tuple[str, ...]) -> dict[str, Any]:
    """Return the phrases as a tree: token -> what may follow it, so that their number costs no time."""
    tree: dict[str, Any] = {}
    for phrase in mask:
        tokens = _tokens(phrase.strip())
        node = tree
        for _, _, token in tokens:
            node = node.setdefault(token, {})
        if tokens:
            node[_END] = {}
    return tree


def _tokens(text: str) -> list[tuple[int, int, str]]:
    """Return a text's words, gaps and other signs: where each begins and ends, and how it is compared."""
    found = []
    for match in _TOKEN.finditer(_kinds(text)):
        start, end = match.span()
        if match["word"]:
            found.append((start, end, _folded(text[start:end])))
        elif match["space"]:
            found.append((start, end, " "))
    return found


def _folded(word: str) -> str:
    """Return a word without case and in one form (compatibility caseless, Unicode 15, section 3.13, D146)."""
    if word.isascii():
        return word.lower()
    plain = unicodedata.normalize("NFKD", word.translate(_ALIKE))
    seen = "".join(c for c in plain if _KINDS[c] not in "JB")
    return unicodedata.normalize("NFKD", seen.casefold()) or word


def _kinds(text: str) -> str:
    return "".join(map(_KINDS.__getitem__, text))
