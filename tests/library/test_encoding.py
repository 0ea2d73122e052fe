"""Encodings are detected and recorded, and no character is replaced or dropped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.encoding import decode
from study.errors import StudyError

GERMAN = (
    "Über die Größe der Gemeinden läßt sich streiten. Die Bürgermeisterin erklärte, daß sie die Gebühren "
    "nicht erhöhen möchte; für die Schüler ändert sich nächstes Jahr nichts. "
    "Weitere Maßnahmen sind später möglich.\n"
) * 3
RUSSIAN = "Жители района жалуются на состояние дорог и просят администрацию принять меры до конца года.\n" * 4


@pytest.mark.parametrize(
    ("codec", "named"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-32", "utf-32"),
    ],
)
def test_unicode_encodings_are_recognised_without_guessing(codec: str, named: str) -> None:
    decoded = decode(GERMAN.encode(codec), encoding=None, label="x.csv")
    assert (decoded.text, decoded.encoding, decoded.guessed) == (GERMAN, named, False)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark(codec: str) -> None:
    decoded = decode("id\ttext\n1\tGood day\n".encode(codec), encoding=None, label="x.tsv")
    assert (decoded.text, decoded.encoding) == ("id\ttext\n1\tGood day\n", codec)


@pytest.mark.parametrize(("text", "codec"), [(GERMAN, "cp1252"), (RUSSIAN, "cp1251")])
def test_older_encodings_are_guessed_and_the_guess_is_marked(text: str, codec: str) -> None:
    decoded = decode(text.encode(codec), encoding=None, label="x.csv")
    assert decoded.text == text
    assert decoded.guessed
    assert "(guessed)" in decoded.note


def test_a_given_encoding_is_used() -> None:
    decoded = decode("naïve".encode("latin-1"), encoding="latin-1", label="x.csv")
    assert (decoded.text, decoded.guessed) == ("naïve", False)


def test_a_given_encoding_that_does_not_fit_names_the_line() -> None:
    with pytest.raises(StudyError, match="not text in the encoding utf-8") as caught:
        decode(b"id,text\n1,fine\n2,na\xefve\n", encoding="utf-8", label="x.csv")
    assert "x.csv, line 3" in str(caught.value)
    assert "0xef" in str(caught.value)


def test_a_mark_is_no_text_whatever_the_configuration_says() -> None:
    assert decode(b"\xef\xbb\xbfid", encoding="utf-8", label="x").text == "id"


def test_an_unknown_encoding_suggests_the_nearest() -> None:
    with pytest.raises(StudyError, match="no such encoding") as caught:
        decode(b"x", encoding="utf8-16", label="x.csv")
    assert "Did you mean" in str(caught.value)
    with pytest.raises(StudyError, match="no such encoding"):
        decode(b"x", encoding="base64", label="x.csv")


def test_bytes_that_are_no_text_are_refused() -> None:
    noise = bytes((i * 97 + 13) % 256 for i in range(4000))
    with pytest.raises(StudyError, match="not text") as caught:
        decode(noise, encoding=None, label="noise.csv")
    assert "`encoding`" in str(caught.value)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff")))
def test_utf8_is_read_to_the_character(text: str) -> None:
    assert decode(text.encode(), encoding=None, label="x").text == text


def test_pieces_of_another_encoding_are_no_reason_to_garble_the_rest() -> None:
    data = "id,text\n1,café crème\n".encode() + "2,naïve\n".encode("latin-1")
    with pytest.raises(StudyError, match="encoding utf-8") as caught:
        decode(data, encoding=None, label="x.csv")
    assert "x.csv, line 3" in str(caught.value)
    assert decode("café crème, naïve".encode("latin-1"), encoding=None, label="x").guessed


def test_an_encoding_of_names_on_the_internet_is_none_of_files() -> None:
    with pytest.raises(StudyError, match="no text in the encoding idna"):
        decode(b"xn--a", encoding="idna", label="x.csv")
