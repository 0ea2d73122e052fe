"""Compare HTML pages: the same structure and words; printed numbers may differ in their last digit.

A figure that lies between two printed ones, .125 say, may be printed as .12 here and as .13 there.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from html.parser import HTMLParser
from itertools import zip_longest

from study.report.__main__ import PACKAGES
from study.report.words import MINUS
from study.verify.figures import compare_png
from study.verify.values import Difference, shown

ENVIRONMENT = {"Python", *PACKAGES}
"""Terms in a page's lists whose value tells of the machine's software."""

PICTURE = "data:image/png;base64,"

_EMPTY = {"base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
"""Tags without an end."""
_PUNCTUATION = "()[]{},;:%=*"
_PRINTED = re.compile(rf"[+\-{MINUS}]?[0-9,]*\.[0-9]+")


@dataclass(frozen=True)
class Part:
    """A tag with its attributes, or a piece of text.

    Attributes
    ----------
    kind
        'tag', 'picture' (what is embedded) or 'text'.
    term
        In a list of terms, the one that the part belongs to.
    """

    kind: str
    value: str
    inside: str
    term: str


class _Parts(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[Part] = []
        self._open: list[str] = []
        self._term = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        others = []
        for name, value in attrs:
            if value and value.startswith(PICTURE):
                self._add("picture", value.removeprefix(PICTURE))
            else:
                others.append(f' {name}="{value}"')
        self._add("tag", f"<{tag}{''.join(others)}>")
        if tag not in _EMPTY:
            self._open.append(tag)
        if tag == "dt":
            self._term = ""

    def handle_endtag(self, tag: str) -> None:
        self._add("tag", f"</{tag}>")
        while tag in self._open and self._open.pop() != tag:
            pass
        if tag == "dl":
            self._term = ""

    def handle_data(self, data: str) -> None:
        text = " ".join(data.split())
        if not text:
            return
        if self._open[-1:] == ["dt"]:
            self._term = text
        self._add("text", text)

    def _add(self, kind: str, value: str) -> None:
        inside = self._open[-1] if self._open else ""
        self.parts.append(Part(kind, value, inside, self._term if inside == "dd" else ""))


def compare_html(recorded: str, now: str) -> Iterator[Difference]:
    """Yield what differs in two pages; where their structure parts, only the first place."""
    one, other = _parts(recorded), _parts(now)
    above = ""
    for before, after in zip_longest(one, other):
        if before is None or after is None or (before.kind, before.inside) != (after.kind, after.inside):
            yield Difference(_place(above), _shown(before), _shown(after))
            return
        if before.kind == "tag" and before.value != after.value:
            yield Difference(_place(above), _shown(before), _shown(after))
            return
        if before.kind == "picture":
            yield from _pictures(before.value, after.value, _place(above))
        elif before.kind == "text":
            if not _same_text(before.value, after.value):
                environment = before.term == after.term and before.term in ENVIRONMENT
                where = f"'{before.term}'" if environment else _place(above)
                yield Difference(where, *_around(before.value, after.value), environment)
            above = before.value


def _parts(page: str) -> list[Part]:
    parser = _Parts()
    parser.feed(page)
    parser.close()
    return parser.parts


def _place(above: str) -> str:
    return f"after {shown(above)}" if above else ""


def _shown(part: Part | None) -> str:
    return "" if part is None else "a picture" if part.kind == "picture" else shown(part.value)


def _pictures(recorded: str, now: str, where: str) -> Iterator[Difference]:
    try:
        both = [base64.b64decode(data, validate=True) for data in (recorded, now)]
    except binascii.Error as error:
        raise ValueError(f"a picture in it cannot be read ({error})") from error
    for found in compare_png(*both):
        yield Difference(f"picture {where}", found.recorded, found.now)


def _same_text(recorded: str, now: str) -> bool:
    if recorded == now:
        return True
    words = recorded.split(), now.split()
    return len(words[0]) == len(words[1]) and all(map(_same_word, *words))


def _same_word(recorded: str, now: str) -> bool:
    """Whether two words are the same, or the same number but for its last printed digit."""
    if recorded == now:
        return True
    bare = recorded.strip(_PUNCTUATION), now.strip(_PUNCTUATION)
    if not all(_PRINTED.fullmatch(word) for word in bare):
        return False
    if recorded.replace(bare[0], "", 1) != now.replace(bare[1], "", 1):
        return False
    one, other = (Decimal(word.replace(",", "").replace(MINUS, "-")) for word in bare)
    if one.as_tuple().exponent != other.as_tuple().exponent:
        return False
    return abs(one - other) <= Decimal((0, (1,), int(one.as_tuple().exponent)))


def _around(recorded: str, now: str) -> tuple[str, str]:
    """Return both texts from a little before the place where they part."""
    same = next((i for i, (a, b) in enumerate(zip(recorded, now, strict=False)) if a != b), 0)
    start = max(same - 20, 0)
    lead = "..." if start else ""
    return shown(lead + recorded[start:]), shown(lead + now[start:])
