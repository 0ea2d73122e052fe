"""Changes of a text that keep its meaning: what they change, what they keep, and that they stay the same."""

from __future__ import annotations

import itertools
import re
import sys
import unicodedata
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from library.hostile_texts import EVERY, SHORT, TOO_LONG
from study.experiment.surface import (
    AS_WRITTEN,
    PLACEHOLDER,
    SURFACES,
    TYPO_LETTERS,
    TYPO_ONE_IN,
    changed,
)

SENTENCE = "The mayor said that nobody had promised anything of this kind to the people."
SCRIPTS = [
    "abcdefgABCxyzßé", "абвгдежзийАБВ", "αβγδεζςσΑΒΣ", "אבגדהוזח", "ابتثجحخد", "कखगघचछजझ", "กขคงจฉชซ",
    "가나다라마바사", "東京都民主党的", "あいうえおカキク", "ქართულიენა", "𝓖𝓸𝓸𝓭𝕕𝕒𝕪",
]  # fmt: skip
MARKS = "\u0301\u0308\u093f\u094d\u0e34"
SIGNS = " \n\t.,;:!?'’-–()[]{}\\|*+^$_#@/&\u00a0\u3000\u200b\u200d\u00ad0123½²—"
ANY = st.text(st.characters())
"""Any characters, halves of characters too."""


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Words of one or more scripts, with marks, signs and anything else between them."""
    word = st.sampled_from(SCRIPTS).flatmap(lambda letters: st.text(letters + MARKS, max_size=9))
    parts = draw(st.lists(st.one_of(word, st.text(SIGNS, max_size=3), st.text(max_size=2)), max_size=25))
    return "".join(parts)


def runs(text: str) -> list[str]:
    """Return the runs of letters and of their marks, and everything between them, in order."""
    found: list[str] = []
    inside = False
    for character in text:
        kind = unicodedata.category(character)[0]
        now = kind == "L" or (inside and kind == "M")
        if found and now == inside:
            found[-1] += character
        else:
            found.append(character)
        inside = now
    return found


def test_as_written_is_the_text_itself() -> None:
    for text in EVERY.values():
        assert changed(text, AS_WRITTEN, ["good"]) is text


@pytest.mark.parametrize("name", SHORT)
def test_hostile_texts(name: str) -> None:
    text = SHORT[name]
    assert Counter(changed(text, "typos", ["good"])) == Counter(text)
    assert changed(text, "whitespace").split() == text.split()
    masked = changed(text, "masked", ["good"])
    assert changed(masked, "masked", ("good", "GOOD")) == masked
    assert not re.search(r"(?i)(?<!\w)good(?![\w\u0300-\u036f])", masked)


@pytest.mark.parametrize("surface", SURFACES)
def test_an_empty_text_stays_empty(surface: str) -> None:
    assert changed("", surface, ["a"]) == ""


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("name", TOO_LONG)
def test_a_million_characters(surface: str, name: str) -> None:
    """What takes a time that grows faster than the text would not come to an end."""
    text = TOO_LONG[name]
    mask = ["a a a a", "好好好", "im_end", "(a+)+$", "😀 😀"]
    found = changed(text, surface, mask)
    if surface == "masked" and "好" in text:
        assert found == PLACEHOLDER * (len(text) // 3) + "好"
    elif surface == "masked" and "im_end" in text:
        assert found == text.replace("im_end", PLACEHOLDER)
    elif surface in ("typos", "masked"):
        assert found == text
    elif surface == "whitespace":
        assert found.split() == text.split()
    elif surface != "upper_case":
        assert found == text


def test_another_surface() -> None:
    with pytest.raises(ValueError, match="no surface 'capitals': there are as_written, lower_case"):
        changed("x", "capitals")


# Case


def test_case_by_hand() -> None:
    assert changed("Straße ΜΈΓΑΣ Дума İ", "lower_case") == "straße μέγας дума i̇"
    assert changed("Straße μέγας дума", "upper_case") == "STRASSE ΜΈΓΑΣ ДУМА"


@given(ANY)
@example("ΑΣ ΑΣΑ Σ")
def test_case_is_all_that_case_changes(text: str) -> None:
    lower, upper = changed(text, "lower_case"), changed(text, "upper_case")
    assert lower.casefold() == text.casefold()
    assert upper.casefold() == text.replace("ı", "i").casefold()
    assert changed(lower, "lower_case") == lower
    assert changed(upper, "upper_case") == upper


def test_one_letter_alone_has_a_capital_of_another_letter() -> None:
    """The Turkish dotless i becomes I, the capital of i: Unicode's rules are those of no language."""
    letters = [chr(c) for c in range(sys.maxunicode + 1)]
    assert [c for c in letters if changed(c, "lower_case").casefold() != c.casefold()] == []
    assert [c for c in letters if changed(c, "upper_case").casefold() != c.casefold()] == ["ı"]


# Typing errors


def test_typing_errors_are_the_same_for_ever() -> None:
    # A model would be asked again, were they to change.
    assert changed(SENTENCE, "typos") == (
        "The mayor said that nboody had promised anything of tihs kind to the people."
    )


def test_one_word_in_five_has_one() -> None:
    words = ["".join(letters) + "end" for letters in itertools.permutations("abcde", 5)][:100]
    found = changed(" ".join(words), "typos").split(" ")
    assert sum(a != b for a, b in zip(words, found, strict=True)) == 100 // TYPO_ONE_IN
    # Elsewhere in each text, and in a text with one word as well.
    others = changed(" ".join(words) + ".", "typos").removesuffix(".").split(" ")
    assert [a != b for a, b in zip(words, found, strict=True)] != [
        a != b for a, b in zip(words, others, strict=True)
    ]
    assert changed("good", "typos") == "good"  # its inner letters are the same
    assert changed("word", "typos") == "wrod"


@pytest.mark.parametrize(
    "text", ["", "a", "the cat sat", "hello2u abc123def", "oooo aaaaaa", "1234567890", "?!"]
)
def test_where_no_letters_can_be_swapped(text: str) -> None:
    found = changed(text, "typos")
    assert found == (text if "hello" not in text else "hlelo2u abc123def")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("вода", "вдоа"),
        ("מילה", "מליה"),
        ("東京都民", "東都京民"),
        ("e\u0301te\u0301s", "e\u0301e\u0301ts"),  # a letter keeps its accent
        ("नमस्ते", "नस्मते"),  # and a consonant the sign that joins it
        ("대한민국", "대민한국"),
    ],
)
def test_every_script(text: str, expected: str) -> None:
    assert changed(text, "typos") == expected


@given(st.one_of(texts(), ANY))
def test_typing_errors_keep_letters_words_and_everything_between(text: str) -> None:
    found = changed(text, "typos")
    before, after = runs(text), runs(found)
    assert [Counter(run) for run in after] == [Counter(run) for run in before]
    for one, other in zip(before, after, strict=True):
        assert (one[0], one[-1]) == (other[0], other[-1])
        if one != other:
            assert sum(unicodedata.category(c)[0] == "L" for c in one) >= TYPO_LETTERS


@given(st.lists(st.text("abcdefgh", min_size=1, max_size=8), max_size=30), st.data())
def test_words_of_the_mask_have_no_typing_errors(words: list[str], data: st.DataObject) -> None:
    mask = data.draw(st.lists(st.sampled_from(words), max_size=5)) if words else []
    text = " ".join(words)
    found = changed(text, "typos", [word.upper() for word in mask]).split()
    for word, other in zip(words, found, strict=True):
        assert word == other or word not in mask
    able = [
        word for word in words if len(word) >= TYPO_LETTERS and word not in mask and len(set(word[1:-1])) > 1
    ]
    assert sum(a != b for a, b in zip(words, found, strict=True)) == -(-len(able) // TYPO_ONE_IN)


def test_no_word_of_a_masked_phrase_has_a_typing_error() -> None:
    assert changed("President Obama", "typos", ["president  obama"]) == "President Obama"
    assert changed("President Obama", "typos", ["obama president"]) != "President Obama"
    assert changed("東京都民", "typos", ["京都"]) == "東京都民"


# White space


def test_white_space_is_the_same_for_ever() -> None:
    assert changed(SENTENCE, "whitespace") == (
        "  The mayor  said that  nobody  had  promised anything  of this  kind to  the  people. \n"
    )
    assert changed(" one \t word\n", "whitespace").split() == ["one", "word"]


def test_a_quarter_is_doubled_and_an_eighth_broken() -> None:
    gaps = Counter(re.findall(r"\s+", changed(" ".join(["x"] * 4001), "whitespace")[2:-2]))
    assert set(gaps) == {" ", "  ", "\n"}
    # Four standard deviations of such shares of 4000 gaps are 110 and 84.
    assert abs(gaps["  "] - 1000) < 110
    assert abs(gaps["\n"] - 500) < 84


@given(st.one_of(texts(), ANY))
def test_white_space_keeps_the_words(text: str) -> None:
    found = changed(text, "whitespace")
    assert found.split() == text.split()
    assert (found == text) == (not text.split())


# Masked words


@pytest.mark.parametrize(
    ("text", "mask", "expected"),
    [
        ("Obama met OBAMA and obama.", ["Obama"], "[...] met [...] and [...]."),
        ("Obamacare, Obamas, xObama, Obama2", ["Obama"], "Obamacare, Obamas, xObama, Obama2"),
        ("Obama's, Obama-Biden, _Obama_, #Obama", ["obama"], "[...]'s, [...]-Biden, _[...]_, #[...]"),
        ("Barack Obama and Obama", ["Obama", "Barack Obama", "Barack"], "[...] and [...]"),
        ("Barack\n  Obama; Barack, Obama", ["Barack Obama"], "[...]; Barack, Obama"),
        ("New York Times of New York", ["New York Times", "New York"], "[...] of [...]"),
        ("New York Tim", ["New York Times", "New"], "[...] York Tim"),
        ("Bay of Great Fish", ["Bay of Great Plains", "of"], "Bay [...] Great Fish"),
        ("STRASSE straße Straße", ["Straße"], "[...] [...] [...]"),
        ("Zoe\u0308 Zo\u00eb Zoe", ["Zoë"], "[...] [...] Zoe"),
        ("Zoe\u0308 Zoë", ["zoe"], "Zoe\u0308 Zoë"),
        ("ＯＢＡＭＡ 𝓞𝓫𝓪𝓶𝓪 Ob\u00adama", ["Obama"], "[...] [...] [...]"),
        ("Mr \u200eObama\u200f, \u2067Obama\u2069", ["Mr Obama", "Obama"], "[...]\u200f, \u2067[...]\u2069"),
        ("O’Brien and O'BRIEN", ["O'Brien"], "[...] and [...]"),
        ("the U.S. and the US", ["U.S."], "the [...] and the US"),
        ("C++ and C", ["C++"], "[...] and C"),
        ("Σίσυφος ΣΊΣΥΦΟΣ", ["σίσυφος"], "[...] [...]"),
        ("हिन्दी हिन", ["हिन"], "हिन्दी [...]"),
        ("习近平主席说,習近平", ["习近平", "主席"], "[...][...]说,習近平"),
        ("ประยุทธ์พูด", ["ประยุทธ์"], "[...]พูด"),
        ("vote 🌹 now, 🌹🌹", ["🌹"], "vote [...] now, [...][...]"),
        ("a.*b (x|y)+ \\w \\d", [".*", "(x|y)+", "\\w"], "a[...]b [...] [...] \\d"),
        ("nothing of it", ["", " ", "\u200b", "\n"], "nothing of it"),
        ("well ... [...] x", ["...", "x"], "well [...] [...] [...]"),
        ("a [...] b", ["a [...] b"], "a [...] b"),
        ("anything", [], "anything"),
    ],
)  # fmt: skip
def test_masked_by_hand(text: str, mask: list[str], expected: str) -> None:
    assert changed(text, "masked", mask) == expected
    assert changed(text, "masked", mask[::-1]) == expected
    assert changed(expected, "masked", mask) == expected


WORDS = st.sampled_from(SCRIPTS[:6] + SCRIPTS[10:11]).flatmap(
    lambda letters: st.text(letters, min_size=1, max_size=5)
)
BETWEEN = st.sampled_from([" ", "\n", ", ", ". ", " - ", "'", "/", "  "])


@given(st.lists(st.tuples(WORDS, BETWEEN), max_size=20), st.lists(WORDS, max_size=4), st.data())
def test_no_masked_word_is_left_and_every_other_word_is(
    parts: list[tuple[str, str]], others: list[str], data: st.DataObject
) -> None:
    words = [word for word, _ in parts]
    mask = others + (data.draw(st.lists(st.sampled_from(words), max_size=4)) if words else [])
    text = "".join(map("".join, parts))
    hidden = {word.casefold() for word in mask}
    spelt = [data.draw(st.sampled_from([word, word.upper(), word.lower()])) for word in mask]
    found = changed(text, "masked", spelt)
    left = [word for word in re.findall(r"\w+", found) if word.casefold() in hidden]
    assert left == []
    kept = ["" if word.casefold() in hidden else word for word in words]
    expected = "".join((word or PLACEHOLDER) + sign for word, (_, sign) in zip(kept, parts, strict=True))
    assert found == expected


PIECES = st.lists(
    st.sampled_from(["a", "B", "a b", " ", "\n", ".", "...", "[", "]", "ß", "ss", "e\u0301", "é", "好"])
)


@given(st.one_of(st.tuples(PIECES, PIECES), st.tuples(st.lists(ANY), st.lists(ANY, max_size=3))))
def test_what_is_masked_stays_as_it_is(given_: tuple[list[str], list[str]]) -> None:
    pieces, mask = given_
    text = "".join(pieces)
    found = changed(text, "masked", mask)
    assert changed(found, "masked", mask) == found
    assert changed(text, "masked", [phrase.swapcase() for phrase in mask if phrase.isascii()]) == changed(
        text, "masked", [phrase for phrase in mask if phrase.isascii()]
    )
    # What is left are parts of the text, in their order.
    at = 0
    for part in found.split(PLACEHOLDER):
        at = text.index(part, at) + len(part)


def test_many_masked_phrases_and_a_long_text() -> None:
    """Each place is looked at once, not once for each phrase."""
    mask = [f"name {n} of the list" for n in range(50_000)]
    text = " ".join(f"name {n} of the {('list', 'lost')[n % 2]}" for n in range(40_000))
    found = changed(text, "masked", mask)
    assert found.count(PLACEHOLDER) == 20_000
    assert "list" not in found
