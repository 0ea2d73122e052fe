"""Segments lie where they say, in order, and together hold every visible character of the text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.errors import StudyError
from study.segmentation import segments, unit_id, without_spaces

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=120)
PROSE = st.lists(
    st.sampled_from(["Dr. Smith ", "went home. ", "Why?", "\n\n", "  ", "3.5 per cent! ", "… ", "好。", "é"])
).map("".join)


def parts(text: str, **settings: object) -> list[str]:
    return [text[start:end] for start, end in segments(text, **settings)]  # type: ignore[arg-type]


def test_sentences_by_hand() -> None:
    text = "Dr. Smith went to the U.S. in 1990. He liked it!  Did he?\n\nYes."
    assert parts(text, segment="sentence", language="en") == [
        "Dr. Smith went to the U.S. in 1990.",
        "He liked it!",
        "Did he?",
        "Yes.",
    ]


def test_sentences_of_a_language_without_spaces() -> None:
    assert parts("今天很好。明天呢？", segment="sentence", language="zh-Hans") == ["今天很好。", "明天呢？"]


def test_windows_by_hand() -> None:
    text = "  one two\tthree\nfour  five "
    assert parts(text, segment="window", language="en", window=2) == ["one two", "three\nfour", "five"]
    assert segments(text, segment="window", language="en", window=2) == [(2, 9), (10, 20), (22, 26)]


def test_the_whole_text_is_one_segment_to_the_character() -> None:
    assert parts(" a \n", segment="none", language="en") == [" a \n"]


def test_windows_need_spaces_between_words() -> None:
    with pytest.raises(StudyError, match="no spaces between words"):
        segments("今天很好", segment="window", language="zh", window=2)
    assert without_spaces("ja-JP")
    assert not without_spaces("de-AT")


def test_an_unknown_segmentation_is_refused() -> None:
    with pytest.raises(StudyError, match="Did you mean 'sentence'"):
        segments("a", segment="sentences", language="en")


def test_ids_of_segments() -> None:
    assert [unit_id("speech-7", n) for n in (1, 12, 12345)] == [
        "speech-7#0001",
        "speech-7#0012",
        "speech-7#12345",
    ]


@pytest.mark.parametrize("segment", ["sentence", "window"])
@given(text=TEXT | PROSE, language=st.sampled_from(["en", "de", "fr", "ru"]), window=st.integers(1, 4))
def test_segments_lie_where_they_say_and_lose_nothing(
    segment: str, text: str, language: str, window: int
) -> None:
    found = segments(text, segment=segment, language=language, window=window)
    position = 0
    for start, end in found:
        assert position <= start < end <= len(text)
        assert text[start:end] == text[start:end].strip()
        position = end
    kept = "".join(text[start:end] for start, end in found)
    assert "".join(kept.split()) == "".join(text.split())
