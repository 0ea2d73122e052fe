"""Whatever a model writes under these grammars is a number within bounds, passages of the text, one line."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Iterator
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llguidance import LLMatcher

from library.embedded import model_file
from study.llm import grammars
from study.llm.engine import LabelEngine
from study.llm.grammars import ITEM, first_passage, next_passage, number, rationale, words_of

# guidance calls it once a token of the vocabulary.
pytestmark = pytest.mark.filterwarnings("ignore:llama_token_get_attr is deprecated")


class Writer:
    """Writes at random what a grammar allows, in the real model's tokens."""

    def __init__(self) -> None:
        self.tokenizer = LabelEngine(model_file(), context=64, threads=1).tokenizer
        self._matched = self.tokenizer._ll_tokenizer
        self._special = set(filter(self._matched.is_special_token, range(self._matched.vocab_size)))
        assert self.tokenizer.eos_token_id in self._special
        self._known: dict[str, LLMatcher] = {}
        self._bytes = [self.tokenizer.decode([token]) for token in range(self._matched.vocab_size)]

    def accepts(self, grammar: str, said: str) -> bool:
        """Whether a text is a complete answer."""
        tokens = self._tokens(said)
        matcher = self._matcher(grammar)
        return matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting()

    def begins(self, grammar: str, said: str) -> bool:
        """Whether a complete answer may begin so."""
        tokens = self._tokens(said)
        return self._matcher(grammar).try_consume_tokens(tokens) == len(tokens)

    def walk(self, grammar: str, seed: int, most: int = 30) -> Iterator[tuple[str, bool]]:
        """Yield every complete answer on a random way, and whether the grammar ends there.

        Half of the steps take any allowed token, the other half one of the longest: otherwise most ways would
        be of single letters.
        """
        choose = random.Random(seed)
        matcher = self._matcher(grammar)
        said = b""
        for _ in range(most):
            stopped = matcher.is_stopped()
            if matcher.is_accepting() or stopped:
                yield said.decode(), stopped
            if stopped:
                return
            bits = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
            allowed = np.flatnonzero(np.unpackbits(bits, bitorder="little")[: len(self._bytes)]).tolist()
            if matcher.is_accepting():
                allowed.remove(self.tokenizer.eos_token_id)  # how the grammar says that it may end
            assert allowed, "neither an end nor a way on"
            assert not self._special & set(allowed)
            if choose.random() < 0.5:
                some = choose.sample(allowed, min(20, len(allowed)))
                token = max(some, key=lambda token: len(self._bytes[token]))
            else:
                token = choose.choice(allowed)
            assert matcher.consume_token(token)
            said += self._bytes[token]
        assert not matcher.is_error(), matcher.get_error()

    def _tokens(self, said: str) -> list[int]:
        return list(self.tokenizer.encode(said.encode(), parse_special=False)) if said else []

    def _matcher(self, grammar: str) -> LLMatcher:
        if grammar not in self._known:
            self._known[grammar] = LLMatcher(self._matched, grammar, log_level=0)
        matcher = self._known[grammar].deep_copy()
        assert not matcher.is_error(), matcher.get_error()
        return matcher


@pytest.fixture(scope="module")
def writer() -> Writer:
    return Writer()


# Numbers

WRITTEN = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")


def is_number(written: str, low: float, high: float, decimals: int) -> bool:
    """Whether this is a number as people write it, within bounds, and as exact as it may be."""
    found = WRITTEN.fullmatch(written)
    if not found or len((found[2] or ".")[1:]) > decimals:
        return False
    value = Decimal(written)
    return Decimal(str(low)) <= value <= Decimal(str(high)) and not (value == 0 and written[0] == "-")


@st.composite
def bounds(draw: Callable[..., int]) -> tuple[float, float, int]:
    decimals = draw(st.integers(0, 6))
    size = 10 ** draw(st.integers(0, 9))
    low, high = sorted([draw(st.integers(-size, size)), draw(st.integers(-size, size))])
    return low / 10**decimals, high / 10**decimals, decimals


@settings(max_examples=150, deadline=None)
@given(within=bounds(), seed=st.integers(0, 2**32))
def test_every_number_that_can_be_written_is_within_bounds(
    writer: Writer, within: tuple[float, float, int], seed: int
) -> None:
    low, high, decimals = within
    grammar = number(low, high, decimals, "", "")
    for one in range(3):
        found = list(writer.walk(grammar, seed + one))
        assert found
        for written, _ in found:
            assert is_number(written, low, high, decimals), written


SMALL = [
    (0, 10, 0),
    (0, 120, 0),
    (5, 5, 0),
    (-3, 12, 0),
    (-20, -7, 0),
    (98, 1002, 0),
    (0, 10, 1),
    (-2, 3, 2),
    (-0.5, 0.5, 1),
    (-2.25, -1.5, 2),
    (0.5, 0.75, 2),
    (0.5, 0.75, 3),
    (7.3, 12.1, 1),
    (-0.05, 0.3, 2),
    (99.95, 100.05, 3),
    (-1, -0.999, 3),
    (0, 0, 2),
]


@pytest.mark.parametrize("within", SMALL, ids=str)
def test_every_number_within_bounds_can_be_written_and_no_other(
    writer: Writer, within: tuple[float, float, int]
) -> None:
    low, high, decimals = within
    grammar = number(low, high, decimals, "", "")
    seen = 0
    for places in range(decimals + 2):
        unit, margin = 10**places, min(10**places, 120)
        for value in range(int(low * unit) - margin - 5, int(high * unit) + margin + 6):
            written = f"{Decimal(value).scaleb(-places):f}"
            inside = is_number(written, low, high, decimals)
            assert writer.accepts(grammar, written) == inside, written
            seen += inside
    # By hand: so many numbers with no decimals, with one, with two, ...
    exact = [
        int(np.floor(round(high * 10**n, 9)) - np.ceil(round(low * 10**n, 9))) + 1
        for n in range(decimals + 1)
    ]
    assert seen == sum(exact)


@pytest.mark.parametrize(
    "written",
    [
        "",
        " 5",
        "5 ",
        "05",
        "00",
        "5.",
        ".5",
        "+5",
        "-0",
        "-0.0",
        "5e0",
        "0x5",
        "5,0",
        "1_0",
        "５",
        "٥",
        "5.000",
    ],
)
def test_numbers_are_written_in_one_way(writer: Writer, written: str) -> None:
    assert not writer.accepts(number(-10, 10, 2, "", ""), written)
    assert writer.accepts(number(-10, 10, 2, "", ""), "-5.00")


def test_the_largest_scales(writer: Writer) -> None:
    wide = number(-123456789.654321, 987654321.123456, 6, "", "")
    for written in ("0.000001", "-123456789.654321", "987654321.123456", "100000000", "-99999999.9"):
        assert writer.accepts(wide, written), written
    for written in ("-123456789.654322", "987654321.123457", "1000000000", "-123456790", "0.0000001"):
        assert not writer.accepts(wide, written), written
    count = number(0, 10**15, 0, "", "")
    assert writer.accepts(count, "1000000000000000")
    assert not writer.accepts(count, "1000000000000001")
    tiny = number(1e-06, 3e-06, 6, "", "")
    assert [n for n in range(12) if writer.accepts(tiny, f"0.{n:06d}")] == [1, 2, 3]


AROUND = {
    "words": ("There are ", " of them."),
    "marks": ('"', '"'),
    "a backslash": ("\\d ", "\\"),
    "lines": ("First\n\n", "\nlast"),
    "braces and signs": ("{%json ", "} | /x/ %ignore"),
    "other scripts": ("有 ", " 人🙂"),
    "digits": ("1", "0"),
}


@pytest.mark.parametrize("name", AROUND)
def test_a_sentence_around_a_number(writer: Writer, name: str) -> None:
    lead, tail = AROUND[name]
    grammar = number(-1, 12, 1, lead, tail)
    for seed in range(5):
        found = list(writer.walk(grammar, seed, most=80))
        assert found[-1][1]  # the sentence's end is the answer's end
        for written, _ in found:
            assert written.startswith(lead)
            assert written.endswith(tail)
            assert is_number(written.removeprefix(lead).removesuffix(tail), -1, 12, 1)
    for written in ("-1", "-0.5", "0", "7.0", "12"):
        assert writer.accepts(grammar, f"{lead}{written}{tail}")
    assert not writer.accepts(grammar, f"{lead}13{tail}")


# Passages

TEXTS = {
    "plain": "The dog, the cat and the dog.",
    "several lines": "One two.\nThree four.\r\n\r\nFive\tsix. \n",
    "quotes": 'He said "no", she \'yes\' and `maybe` and """so""".',
    "backslashes": "C:\\new\\table \\n \\d+ \\",
    "zero bytes": "a\0b \0 c",
    "emoji": "Wow 🙂🙂 👩‍👩‍👧 and 🏳️‍🌈!",
    "right to left": "abc שלום עולם \u202exyz\u202c مرحبا",
    "combining": "Zoe\u0308 cafe\u0301 नमस्ते ไทย",
    "special tokens": "<|im_end|>\n<|im_start|>assistant\n<|endoftext|> none",
    "grammar": '%json {"type": "string"} /[^x]*/i | "a" "b"? %ignore start: X+ %llguidance {}',
    "regular expressions": "a.*b (c|d)+ [^e]{2,3}$ ^f? \\Z",
    "numbers and marks": "3.5% of 1,000: - one\n- two\n-- three",
    "no word": "?! … —",
    "one word": "word",
    "replaced characters": "\ufffd half \ufffd\ufffd",
    "line separators": "a\u2028b\x85c\x0bd",
}


def runs(text: str) -> set[str]:
    """Return every run of words of one line, worked out without a grammar; also the empty one."""
    found = {""}
    for line in text.split("\n"):
        cuts = [0, *itertools.accumulate(map(len, re.findall(r"\s+|\w+|[^\s\w]", line)))]
        found |= {line[start:end] for start, end in itertools.combinations(cuts, 2)}
    return found


@pytest.mark.parametrize("name", TEXTS)
def test_passages_are_runs_of_the_text_s_words(writer: Writer, name: str) -> None:
    text = TEXTS[name]
    passages = {ITEM + run + end for run in runs(text) for end in ("", "\n")}
    first, following = first_passage(text, "nothing said"), next_passage(text)
    seen = set()
    for seed in range(25):
        for written, stopped in writer.walk(first, seed):
            assert written == "nothing said" or written in passages
            assert not written.endswith("\n") or stopped  # a line break ends the passage
            seen.add(written)
        for written, _ in writer.walk(following, seed):
            assert written == "" or written in passages
    assert len(seen) >= 3


@pytest.mark.parametrize("name", TEXTS)
def test_every_passage_can_be_written_and_no_word_is_cut(writer: Writer, name: str) -> None:
    text = TEXTS[name]
    grammar, following, known = first_passage(text, "nothing"), next_passage(text), runs(text)
    for run in sorted(known)[:: max(1, len(known) // 60)]:
        for end in ("", "\n"):
            assert writer.accepts(grammar, ITEM + run + end), run
            assert writer.accepts(following, ITEM + run + end), run
    assert writer.accepts(grammar, "nothing")
    assert not writer.accepts(grammar, "")
    assert writer.accepts(following, "")  # a list may end after a line break
    assert not writer.accepts(following, "nothing")
    # Parts of words, other words, other marks.
    wrong = [run[:-1] for run in known if run] + [run[1:] for run in known if run]
    wrong += [run + "x" for run in known] + ["\n" + run for run in known] + ["something else", "nothing"]
    for run in [run for run in wrong if run not in known and not run.endswith("\n")][:200]:
        assert not writer.accepts(grammar, ITEM + run), run
    for run in [run for run in known if not run.startswith(ITEM)][:20]:
        assert not writer.accepts(grammar, run)  # the mark before it is missing


@settings(max_examples=60, deadline=None)
@given(
    text=st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("ab \n\"'\\-"), max_size=30),
    seed=st.integers(0, 2**32),
)
def test_passages_of_any_text(writer: Writer, text: str, seed: int) -> None:
    known = runs(text)
    for written, _ in writer.walk(first_passage(text, "none"), seed):
        assert written == "none" or written.removeprefix(ITEM).removesuffix("\n") in known


def test_a_text_without_words_has_no_passage(writer: Writer) -> None:
    for text in ("", "\n", "\n\n"):
        grammar = first_passage(text, "none")
        assert {said for seed in range(20) for said, _ in writer.walk(grammar, seed)} <= {
            "none",
            "- ",
            "- \n",
        }
        assert writer.accepts(grammar, "none")


def test_words_are_all_there_is_of_a_text() -> None:
    for text in TEXTS.values():
        assert "".join(words_of(text)) == text
    assert words_of("Don't cut  C3PO's_x: 3.5%!\n") == [
        *("Don", "'", "t", " ", "cut", "  ", "C3PO", "'", "s_x", ":", " ", "3", ".", "5", "%", "!", "\n"),
    ]


def test_a_long_text(writer: Writer) -> None:
    words = [f"w{n}" for n in range(3000)]
    text = " ".join(words) + "\n" + " ".join(reversed(words))
    grammar = first_passage(text, "none")
    assert writer.accepts(grammar, "- w2998 w2999\n")
    assert writer.accepts(grammar, "- w2999 w2998")
    assert not writer.accepts(grammar, "- w2999 w0")
    assert not writer.accepts(grammar, "- w2998 w299")


# Rationales


def test_a_rationale_is_one_line(writer: Writer) -> None:
    lengths = set()
    for seed in range(150):
        for written, stopped in writer.walk(rationale(), seed, most=15):
            line = written.removesuffix("\n")
            assert line
            assert not re.search(r"[\n\r]", line)
            assert stopped == written.endswith("\n")
            lengths.add(len(line))
    assert max(lengths) > 20


@pytest.mark.parametrize("line", ["x", " ", '"%{}/\\', "שלום 🙂 \u2028\x85\0", "<|im_end|>", "- none"])
def test_a_rationale_may_say_anything(writer: Writer, line: str) -> None:
    assert writer.accepts(rationale(), line)
    assert writer.accepts(rationale(), line + "\n")
    assert not writer.begins(rationale(), line + "\n" + line)
    assert not writer.begins(rationale(), line + "\r")
    assert not writer.begins(rationale(), "\n" + line)


def test_grammars_of_the_same_are_made_once() -> None:
    assert number(0, 5, 0, "", "") is number(0, 5, 0, "", "")
    assert grammars.rationale() is rationale()
