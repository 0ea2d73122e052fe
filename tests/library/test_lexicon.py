"""Word lists: what an entry matches, and what a broken list says."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.errors import StudyError
from study.lexicon import Lexicon, categories, read_lexicon

LIWC = """%
1\tposemo
2\tnegemo
3\tsocial\t(Social words)
%
good\t1
abilit*\t1
ab*\t2
friend\t1\t3
bittersweet\t1\t2
kind of\t2
don’t\t2
half-hearted*\t2
:)\t1
"""


def liwc(text: str = LIWC, category: str | None = "posemo", negative: str | None = "negemo") -> Lexicon:
    return read_lexicon(text.encode(), "list.dic", label="list.dic", category=category, negative=negative)


def weighted(table: str, **settings: Any) -> Lexicon:
    return read_lexicon(("word,weight\n" + table).encode(), "list.csv", label="list.csv", **settings)


@pytest.mark.parametrize(
    ("text", "total", "words"),
    [
        ("Good, GOOD; goods", 2, 3),  # 'good' is no beginning of a word
        ("abilities ability about", 1 + 1 - 1, 3),  # the longest beginning counts
        ("a friend", 1, 2),
        ("bittersweet", 0, 1),  # in both categories
        ("kind of good, kind people", -1 + 1, 5),
        ("kind. Of", -1, 2),
        ("I don't, I don’t", -2, 4),
        ("half-heartedly half hearted", -2, 4),
        ("good :) (:", 2, 2),
        ("", 0, 0),
        ("?! 🙂", 0, 0),
    ],
)
def test_liwc_by_hand(text: str, total: float, words: int) -> None:
    assert liwc().count(text) == (total, words)


def test_the_score_is_the_share_of_words() -> None:
    assert liwc().score("good good ab one two") == ((2 - 1) / 5, 5)
    score, words = liwc().score("...")
    assert math.isnan(score)
    assert words == 0


def test_one_category_alone() -> None:
    assert liwc(negative=None).count("good friend, don't") == (2, 3)
    assert liwc(category="3", negative=None).count("good friend") == (1, 2)


def test_categories_of_liwc() -> None:
    names, entries = categories(LIWC, "list.dic")
    assert names == {"1": "posemo", "2": "negemo", "3": "social"}
    assert entries["friend"] == {"1", "3"}
    assert entries["don't"] == {"2"}


def test_windows_line_ends_and_spaces_as_separators() -> None:
    assert liwc("%\r\n1 posemo\r\n2 negemo\r\n%\r\ngood 1\r\nbad  2\r\n").count("good good bad") == (1, 3)


@pytest.mark.parametrize(
    ("text", "total", "words"),
    [
        ("not good", -1, 2),
        ("not  GOOD, good", -1 + 2, 3),
        ("c++ is c", 0.5, 3),
        ("well being well-being", 6, 4),
        ("इन", 4, 1),
        ("इन्", 0, 1),  # a mark makes another word of it
        ("cafe\u0301", 1.5, 1),  # decomposed in the text, composed in the list
        ("super-good", 2, 2),
    ],
)
def test_weights_by_hand(text: str, total: float, words: int) -> None:
    lexicon = weighted("good,2\nnot good,-1\nc++,0.5\nwell-being,3\nइन,4\ncafé,1.5\n")
    assert lexicon.count(text) == (total, words)


def test_a_language_without_spaces_is_searched_for_characters() -> None:
    lexicon = weighted("好,1\n不好,-1\n很高兴,2\n", spaced=False)
    assert lexicon.count("今天不好。我很高兴！好") == (-1 + 2 + 1, 9)


BROKEN: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "no such category": (LIWC, "list.dic", {"category": "posem"}, "Did you mean 'posemo'"),
    "no category chosen": (LIWC, "list.dic", {}, "which category"),
    "no percent signs": ("good\t1\n", "list.dic", {"category": "posemo"}, "percent sign"),
    "unknown number": ("%\n1\tposemo\n%\ngood\t7\n", "list.dic", {"category": "posemo"}, "line 4"),
    "no number": ("%\n1\tposemo\n%\ngood\n", "list.dic", {"category": "posemo"}, "no category"),
    "LIWC2007's condition": (
        "%\n1\tposemo\n2\tx\n%\nlike\t(2)1/2\n",
        "list.dic",
        {"category": "posemo"},
        "LIWC2007",
    ),
    "a number twice": ("%\n1\ta\n1\tb\n%\ngood\t1\n", "list.dic", {"category": "a"}, "line 3"),
    "asterisk inside": ("%\n1\ta\n%\ngo*d\t1\n", "list.dic", {"category": "a"}, "asterisk"),
    "no entries": ("%\n1\ta\n%\n", "list.dic", {"category": "a"}, "no entries"),
    "no columns": ("good,1\n", "list.csv", {}, "word and weight"),
    "weight no number": ("word,weight\ngood,1\nbad,x\n", "list.csv", {}, "line 3"),
    "weight infinite": ("word,weight\ngood,inf\n", "list.csv", {}, "line 2"),
    "ragged": ("word,weight\ngood,1,2\n", "list.csv", {}, "3 cells"),
    "two weights": ("word,weight\ngood,1\nGood,2\n", "list.csv", {}, "two weights"),
    "quotes": ('word,weight\n"good,1\n', "list.csv", {}, "quotation"),
    "category of a table": ("word,weight\ngood,1\n", "list.csv", {"category": "a"}, "no categories"),
    "another format": ("good", "list.dicx", {}, ".dic (LIWC), .csv"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_list_is_refused_in_one_paragraph(case: str) -> None:
    text, file_name, chosen, words = BROKEN[case]
    with pytest.raises(StudyError) as caught:
        read_lexicon(text.encode(), file_name, label=file_name, **chosen)
    assert words in str(caught.value)
    assert file_name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_asterisk_means_nothing_without_spaces() -> None:
    with pytest.raises(StudyError, match="without spaces"):
        weighted("好*,1\n", spaced=False)


WORDS = st.lists(st.sampled_from(["good", "bad", "neutral", "very", "GOOD"]), max_size=20)


@given(WORDS)
def test_single_words_are_counted(words: list[str]) -> None:
    total, number = weighted("good,1\nbad,-1\n").count(" ".join(words))
    lower = [word.lower() for word in words]
    assert (total, number) == (lower.count("good") - lower.count("bad"), len(words))
