"""The grammar of sentences on tables: no sentence says what its table does not."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from library.narrative_tables import (
    SETTINGS,
    Reader,
    Tables,
    agreement,
    agreements,
    comparison,
    estimates,
    regressions,
    told,
)
from study.narrative import facts
from study.narrative.facts import Fact
from study.narrative.wordings import SLOT, WORDINGS, in_order, sentences

EVERY = [(kind, way, templates) for kind, ways in WORDINGS.items() for way, templates in ways.items()]
LONGER = 12
"""Characters by which one sentence of a fact may be longer than another, names and figures apart."""


@pytest.mark.parametrize("kind", WORDINGS)
def test_all_sentences_of_a_kind_name_the_same_slots(kind):
    named = {frozenset(SLOT.findall(each)) for ways in WORDINGS[kind].values() for each in ways}
    assert len(named) == 1
    for templates in WORDINGS[kind].values():
        for each in templates:
            assert len(SLOT.findall(each)) == len(set(SLOT.findall(each))), each


@pytest.mark.parametrize(("kind", "way", "templates"), EVERY)
def test_sentences_are_complete_and_hold_no_figure(kind, way, templates):
    assert len(templates) >= 2
    assert len(set(templates)) == len(templates)
    for each in templates:
        assert not re.search(r"\d", each)
        assert re.fullmatch(r"[A-Z][^.]*\.", each), each  # a name never begins a sentence
        assert set("{}") & set(SLOT.sub("", each)) == set()


@pytest.mark.parametrize("kind", WORDINGS)
def test_what_turns_out_differently_never_shares_a_sentence(kind):
    for one, other in combinations(WORDINGS[kind].values(), 2):
        assert not set(one) & set(other)


@pytest.mark.parametrize(("kind", "way", "templates"), EVERY)
def test_length_does_not_decide(kind, way, templates):
    lengths = [len(SLOT.sub("", each)) for each in templates]
    assert max(lengths) - min(lengths) <= LONGER


def test_slots_are_filled_in_one_pass():
    slots = {"criterion": "{figure}", "figure": r"\1 {criterion}"}
    found = sentences(Fact("yardstick", facts.PLAIN, slots))
    assert found[0] == (
        r"As a yardstick, single ratings by {figure} correlate with the mean of the others at \1 {criterion}."
    )


def _all_true(tables: Tables, **others: object) -> list[str]:
    given_ = {**SETTINGS, **others}
    reader, said = Reader(tables, given_), []
    before: dict[int, list[str]] = {}
    for sentence in in_order(told(tables, **others)):
        assert set(sentence.fact.slots) == set(
            SLOT.findall(WORDINGS[sentence.fact.kind][sentence.fact.way][0])
        )
        earlier = before.setdefault(id(sentence.paragraph), [])
        for each in sentence.alternatives:
            reader.read(sentence.paragraph, sentence.fact.kind, each, earlier)
            said.append(each)
        earlier.append(sentence.alternatives[sentence.number % len(sentence.alternatives)])
    return said


SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS)
@settings(max_examples=100, deadline=None)
def test_every_figure_and_direction_on_agreement_is_the_tables(seed):
    _all_true(agreements(seed))


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_every_figure_and_direction_on_regressions_is_the_tables(seed):
    _all_true(regressions(seed))


def test_random_tables_turn_out_in_every_way():
    """Else the two tests above would say nothing of some sentences."""
    seen = set()
    made = [*map(agreements, range(100)), *map(regressions, range(400))]
    for paragraph in (one for tables in made for one in told(tables)):
        seen |= {(fact.kind, fact.way) for fact in paragraph.facts}
    assert {(kind, way) for kind, way, _ in EVERY} - seen == set()


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_a_paragraph_has_at_most_eight_sentences(seed):
    for paragraph in (*told(agreements(seed)), *told(regressions(seed))):
        assert len(paragraph.facts) <= 8


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_hypotheses_are_named(seed):
    expected = {"H1": {"analysis": "coded", "term": "age"}, "H2": {"analysis": "plain", "term": "mood"}}
    for each in _all_true(regressions(seed), hypotheses=expected):
        general = (
            each in sentences(Fact("measures as they are", facts.WITH_ERRORS, {})) or " further " in each
        )
        assert "age (H1)" in each or "mood (H2)" in each or general


CLEAR = {"ci_low": 0.1, "ci_high": 0.9}
TRUE: Tables = {
    "agreement": agreement(
        {"measure": "bot_1", "pearson_r": 0.7, **CLEAR},
        {"measure": "list_7", "pearson_r": 0.4, **CLEAR},
        {"measure": "learned", "pearson_r": 0.5, "ci_low": -0.1, "ci_high": 0.9},
        {"measure": "people_leave_one_out", "pearson_r": 0.8, **CLEAR},
    ),
    "comparison": comparison(
        {"measure": "bot_1", "other": "list_7", "difference": 0.3, "p_adjusted": 0.01, **CLEAR}
    ),
    "coded": estimates(
        {"term": "mood", "estimator": "naive", "coder": "bot_1", "estimate": 0.5, **CLEAR},
        {
            "term": "mood",
            "estimator": "dsl",
            "coder": "bot_1",
            "estimate": 0.3,
            "ci_low": -0.1,
            "ci_high": 0.7,
        },
    ),
    "plain": estimates({"term": "age", "estimator": "naive", "estimate": 0.5, **CLEAR}),
}


@pytest.mark.parametrize(
    ("table", "row", "cells"),
    [
        ("agreement", 0, {"pearson_r": 0.71}),  # another figure
        ("agreement", 0, {"pearson_r": 0.2}),  # another order
        ("agreement", 2, {"ci_low": 0.1}),  # no doubt
        ("agreement", 3, {"pearson_r": 0.81}),
        ("comparison", 0, {"difference": -0.3}),  # another direction
        ("comparison", 0, {"p_adjusted": 0.06}),  # no longer established
        ("comparison", 0, {"ci_low": 0.2}),
        ("coded", 0, {"estimate": 0.25}),  # larger instead of smaller
        ("coded", 0, {"ci_low": -0.1}),  # never clear of zero
        ("coded", 1, {"ci_low": 0.1}),  # clear of zero before and after
        ("coded", 1, {"estimate": -0.05}),  # another sign
        ("plain", 0, {"ci_low": -0.1}),
        ("plain", 0, {"estimate": -0.5, "ci_low": -0.9, "ci_high": -0.1}),
    ],
)
def test_the_reader_notices_what_another_table_would_say(table, row, cells):
    """Sentences on one table are false of one that differs in a cell: what the properties test can fail."""
    _notices(TRUE, table, row, cells)


LISTS = [f"list_of_{letter}" for letter in "abcdefghij"]
COUNTED: Tables = {
    "agreement": agreement(
        *({"measure": m, "pearson_r": 0.2 + 0.05 * i, **CLEAR} for i, m in enumerate(LISTS[:6])),
        *({"measure": m, "pearson_r": 0.8, "n": 60 + i, **CLEAR} for i, m in enumerate(LISTS[6:])),
    ),
    "comparison": comparison(
        *(
            {"measure": "bot_1", "other": m, "difference": 0.1 + 0.1 * i, "p_adjusted": 0.01, **CLEAR}
            for i, m in enumerate(LISTS[:6])
        ),
        {"measure": "bot_1", "other": "list_7", "n": 60, "difference": 0.1, "p_adjusted": 0.01, **CLEAR},
    ),
    "plain": estimates(
        *(
            {"term": f"x_{letter}", "estimator": "naive", "estimate": 0.5, **CLEAR}
            for letter in "abcdefghijklmnopqrstuvwxyz"
        )
    ),
}


@pytest.mark.parametrize(
    ("table", "row", "cells"),
    [
        ("agreement", 1, {"pearson_r": float("nan")}),  # one measure less between the ends
        ("agreement", 4, {"pearson_r": 0.41}),  # between them lies another range
        ("agreement", 3, {"n": 60}),  # on other texts
        ("agreement", 9, {"n": 70}),  # another range of texts
        ("agreement", 9, {"pearson_r": 0.9}),
        ("comparison", 5, {"difference": -0.6}),  # one less of those that count
        ("comparison", 5, {"difference": float("nan")}),  # one less of those compared
        ("comparison", 5, {"difference": 0.15}),  # another one is near
        ("comparison", 6, {"difference": float("nan")}),  # nothing is left to the table
        ("plain", 25, {"estimate": float("nan")}),
    ],
)
def test_the_reader_notices_another_count(table, row, cells):
    """A count is a figure that the table has: sentences are false of a table that has another one."""
    _notices(COUNTED, table, row, cells)


def _notices(true: Tables, table: str, row: int, cells: dict[str, float]) -> None:
    _all_true(true)
    other = true[table].copy()
    for column, value in cells.items():
        other.loc[row, column] = value
    changed = true | {table: other}
    reader = Reader(changed, SETTINGS)
    false = 0
    before: dict[int, list[str]] = {}
    for sentence in in_order(told(true)):
        earlier = before.setdefault(id(sentence.paragraph), [])
        for each in sentence.alternatives:
            try:
                reader.read(sentence.paragraph, sentence.fact.kind, each, earlier)
            except AssertionError:
                false += 1
        earlier.append(sentence.alternatives[0])
    assert false >= 2  # every sentence of the fact, at least two
    _all_true(changed)
