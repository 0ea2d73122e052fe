"""Texts on a sheet: nothing is executed, everything is recognised, what cannot be shown is marked."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from library.hostile_texts import UNICODE
from study.gold.sheets import cells

ANY = st.text(st.characters(codec="utf-16", exclude_categories=()))


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "'=1", "''@x", "＝1"]
)
def test_what_could_be_a_formula_begins_with_an_apostrophe(text: str) -> None:
    cell = cells.for_csv(text)
    assert cell == "'" + text.replace("\r", "\n")
    assert cells.from_csv(cell) == text.replace("\r", "\n")


@pytest.mark.parametrize("text", ["1", "'tis", "a=b", "", " =1", "'", "“-”"])
def test_other_texts_are_written_as_they_are(text: str) -> None:
    assert cells.for_csv(text) == text
    assert cells.from_csv(text) == text


@given(ANY)
def test_any_text_comes_back(text: str) -> None:
    assert cells.from_csv(cells.for_csv(text)) == cells.shown(text)
    assert cells.from_workbook(cells.for_workbook(text)) == cells.shown(text)
    assert cells.is_of(cells.for_csv(text), text)
    assert cells.is_of(cells.from_workbook(cells.for_workbook(text)), text)
    assert not re.match("[=+@-]", cells.for_csv(text))


def test_a_workbook_s_own_escapes_are_taken_literally() -> None:
    assert cells.for_workbook("_x0041_ and _x41_") == "_x005F_x0041_ and _x41_"


@pytest.mark.parametrize("text", [*UNICODE.values(), "\ud800", "a\0b\x1fc", "\ufffe\uffff"])
def test_what_no_workbook_can_hold_is_marked(text: str) -> None:
    import openpyxl

    cell = openpyxl.Workbook().active.cell(1, 1)
    cell.value = cells.for_workbook(text)  # raises IllegalCharacterError where there is one
    cells.for_workbook(text).encode("utf-8")


@pytest.mark.parametrize("character", ["x", "é", "😀"])
def test_a_text_that_is_too_long_is_cut_and_says_so(character: str) -> None:
    text = character * 40_000
    cell = cells.for_workbook(text)
    assert cell.endswith("The whole text is in the .csv file.]")
    size = len(cell.encode("utf-16-le")) // 2
    assert 32_765 <= size <= 32_767
    assert cells.is_of(cell, text)
    assert not cells.is_of(cell, "another" + text)
    assert cells.for_csv(text) == text


@pytest.mark.parametrize("character", ["x", "😀"])
def test_the_longest_text_that_fits_is_whole(character: str) -> None:
    text = character * (32_766 // (2 if character == "😀" else 1))
    assert cells.for_workbook(text) == text


def test_another_text_is_noticed_and_other_white_space_is_not() -> None:
    assert cells.is_of("Two\nwords ", "Two  words")
    assert not cells.is_of("Two word", "Two words")
    assert not cells.is_of("Two", "Two words")
