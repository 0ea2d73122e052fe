"""Factors and levels in words."""

from __future__ import annotations

import pytest

from study.experiment.factors import FACTORS
from study.report import factors


def test_every_factor_of_the_laboratory_has_words() -> None:
    assert list(factors.NAMES) == list(factors.PLURALS) == list(FACTORS)


@pytest.mark.parametrize(
    ("factor", "level", "short", "long"),
    [
        ("wording", "tone", "tone", "with the wording 'tone'"),
        ("label_order", "rotation_2", "rotated by 2", "with the labels rotated by 2"),
        ("rationale", "before", "before the answer", "with a rationale before the answer"),
        ("examples", "random 1", "1 example at random", "with 1 example at random"),
        ("examples", "diverse 3", "3 diverse examples", "with 3 diverse examples"),
        ("temperature", 0.5, "0.5", "at temperature 0.5"),
        ("seed", "7", "7", "with seed 7"),
        ("model", "small", "small", "by the model 'small'"),
        ("quantisation", "Q4_0", "Q4_0", "with the weights in Q4_0"),
        ("quantisation", "as_shipped", "as shipped", "with the weights as shipped"),
        ("sparsity", "0.125", "12.5%", "with 12.5% of the weights set to zero"),
        ("sparsity", 0.0, "0%", "with all weights"),
        ("surface", "typos", "typing errors", "with typing errors in the texts"),
    ],
)
def test_levels_are_named(factor: str, level: object, short: str, long: str) -> None:
    assert (factors.level_name(factor, level), factors.with_level(factor, level)) == (short, long)


@pytest.mark.parametrize(
    ("factor", "level", "said"),
    [
        ("sparsity", 0.5, "with 50%"),
        ("quantisation", "Q8_0", "in Q8_0"),
        ("temperature", 1, "at 1"),
        ("rationale", "after", "with one after it"),
        ("surface", "upper_case", "in capitals"),
        ("wording", "tone", "with the wording 'tone'"),
    ],
)
def test_further_levels_of_a_list_are_named_in_short(factor: str, level: object, said: str) -> None:
    assert factors.again(factor, level) == said


def test_a_question_decides_what_comes_first() -> None:
    question = "How does agreement decay with sparsity and quantisation?"
    assert factors.named_first(question, ["wording", "quantisation", "sparsity"]) == [
        "sparsity", "quantisation", "wording",
    ]  # fmt: skip


def test_a_name_of_the_researcher_stays_as_it_is() -> None:
    """A wording may be called like a level of another factor."""
    assert factors.level_name("wording", "reversed") == "reversed"
    assert factors.level_name("model", "typos") == "typos"


def test_numbers_are_one_level_however_they_are_written() -> None:
    assert {factors.canonical("sparsity", level) for level in (0.3, "0.30", "3e-1")} == {"0.3"}
    assert factors.canonical("wording", "1.0") == "1.0"


def test_amounts_are_sorted_behind_the_level_that_others_are_compared_with() -> None:
    assert factors.levels("sparsity", [0.0, 0.7, 0.1]) == ["0", "0.1", "0.7"]
    given = ["as_shipped", "Q4_0", "Q4_1", "F16", "BF16", "F32", "Q8_0", "Q5_K_M", "Q5_0"]
    assert factors.levels("quantisation", given) == [
        "as_shipped", "F32", "F16", "BF16", "Q8_0", "Q5_K_M", "Q5_0", "Q4_1", "Q4_0",
    ]  # fmt: skip
    assert factors.levels("wording", ["b", "a"]) == ["b", "a"]


def test_figures_are_those_of_what_is_varied() -> None:
    assert factors.kinds({"wording": ["a", "b"], "rationale": ["none"]}) == ["effects"]
    assert factors.kinds({"quantisation": ["F16", "Q8_0"], "label_order": ["fixed", "reversed"]}) == [
        "effects", "sparsity", "positions",
    ]  # fmt: skip
    assert factors.kinds({"rationale": ["none", "after"]}) == ["effects", "rationale"]
