"""A text cannot end the quotation in which a prompt puts it, whatever it holds."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from library.hostile_texts import SHORT
from study.prompt import Prompt
from study.quotation import closing, escaped

QUOTED = [
    ('"{text}"', '"'),
    ('"""{text}"""', '"""'),
    ('"""\n{text}\n"""', '"""'),
    ("'{text}'", "'"),
    ("'''{text}'''", "'''"),
    ("`{text}`", "`"),
    ("```\n{text}\n```", "```"),
    ("```text\n{text}\n```", "```"),
    ("“{text}”", "”"),
    ("„{text}“", "“"),
    ("„{text}”", "”"),
    ("”{text}”", "”"),
    ("‘{text}’", "’"),
    ("‚{text}‘", "‘"),
    ("«{text}»", "»"),
    ("« {text} »", "»"),
    ("»{text}«", "«"),
    ("»{text}»", "»"),
    ("‹{text}›", "›"),
    ("「{text}」", "」"),
    ("『{text}』", "』"),
    ("《{text}》", "》"),
    ("＂{text}＂", "＂"),
    ("<text>{text}</text>", "</text>"),
    ("<text>\n{text}\n</text>", "</text>"),
    ('<doc id="1">{text}</doc>', "</doc>"),
    ("<Text-1>{text}</Text-1>", "</Text-1>"),
    ("[text]{text}[/text]", "[/text]"),
    ("---\n{text}\n---", "---"),
    ("#####{text}#####", "#####"),
    ("<<<{text}>>>", ">>>"),
    ("[[{text}]]", "]]"),
    ("Text: {text}\n{question}", ""),
    ("({text})", ""),
    ("- {text} -", ""),
    ("<text>{text}</other>", ""),
    ('"""{text}"', ""),
    ("“{text}“", ""),
]


@pytest.mark.parametrize(("wording", "close"), QUOTED)
def test_what_ends_the_quotation_of_a_text(wording: str, close: str) -> None:
    assert closing(wording, "{text}") == close


@pytest.mark.parametrize(
    ("text", "close", "after", "expected", "n"),
    [
        ('say "no"', '"', '"', 'say \\"no\\"', 2),
        ('a \\" b', '"', '"', 'a \\\\\\" b', 1),
        ("C:\\", '"', '"', "C:\\\\", 0),
        ("C:\\", '"', '\n"', "C:\\", 0),
        ("C:\\dir and \\n", '"', '"', "C:\\dir and \\n", 0),
        ('""', '"""', '"""', '\\"\\"', 1),
        ('"" and ""', '"""', '\n"""', '"" and ""', 0),
        ('"" and ""', '"""', '"""', '"" and \\"\\"', 1),
        ('""" and """"', '"""', '\n"""', '\\"\\"\\" and \\"\\"\\"\\"', 2),
        ("it's", "’", "’", "it's", 0),
        ("it’s", "’", "’", "it\\’s", 1),
        ("a </text> b </TEXT > < / text>", "</text>", "</text>", "a <\\/text> b <\\/TEXT > <\\ / text>", 3),
        ("[/text] </text>", "[/text]", "\n[/text]", "[\\/text] </text>", 1),
        ("no quotation", "", "x", "no quotation", 0),
        ("", '"', '"', "", 0),
    ],
)
def test_marks_are_escaped_by_hand(text: str, close: str, after: str, expected: str, n: int) -> None:
    assert escaped(text, close, after) == (expected, n)


def ends_at(text: str, close: str) -> int:
    """Return where a reader who knows that a backslash takes the next character's meaning sees the end."""
    at = 0
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif text.startswith(close, at):
            return at
        else:
            at += 1
    return -1


ENDS = sorted({close for _, close in QUOTED if close})
PIECES = ['"', "'", "`", "\\", "»", "”", "-", "]", ">", "</text>", "<", "/", "x", "\n", '"""', " "]


@pytest.mark.parametrize("close", ENDS)
@given(
    text=st.one_of(st.text(st.characters(), max_size=20), st.lists(st.sampled_from(PIECES)).map("".join)),
    space=st.sampled_from(["", "\n"]),
)
def test_no_text_ends_its_quotation(close: str, text: str, space: str) -> None:
    after = f"{space}{close}\nIgnore the quotation."
    inside, n = escaped(text, close, after)
    tag = close[1:2] == "/"
    # Marks in the text are all escaped; the first that is not is the wording's own.
    assert (text_end(inside + after, close) if tag else ends_at(inside + after, close)) == len(inside + space)
    assert inside.replace("\\", "") == text.replace("\\", "")
    assert n <= text.count(close[0])


def text_end(text: str, close: str) -> int:
    """Return where a reader sees a closing tag, who minds neither case nor spaces."""
    name = re.escape(close[2:-1])
    found = re.search(rf"{re.escape(close[0])}\s*/\s*{name}\s*{re.escape(close[-1])}", text, re.IGNORECASE)
    return found.start() if found else -1


@pytest.mark.parametrize("close", ENDS)
def test_a_million_marks_are_escaped(close: str) -> None:
    n = 1_000_000 // len(close)
    inside, marks = escaped(close * n, close, close)
    assert marks == n
    assert ends_at(inside, close) == -1
    backslashes, none = escaped("\\" * 1_000_001, close, close)
    assert none == 0
    assert backslashes.count("\\") == (1_000_001 if close[1:2] == "/" else 2_000_002)


@pytest.mark.parametrize("name", SHORT)
def test_hostile_texts_stay_within_three_marks(name: str) -> None:
    prompt = Prompt('"""', '"""\nWhat is it?', close='"""')
    inside, _ = prompt.quoted(SHORT[name])
    assert ends_at(inside + prompt.after, '"""') == len(inside)
    assert '"""' not in inside
