"""Messages: one paragraph, with the nearest spelling, and nothing that a terminal would act on."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.errors import ProblemsError, StudyError, nearest, raise_all, shown


def test_a_message_says_where_what_and_what_instead() -> None:
    error = StudyError(
        "There is no such model.",
        file="config/study.yaml, line 3",
        key="coders.llm.model",
        found="smollm",
        allowed=["smollm2", "llama"],
        hint="Add it under 'models'.",
    )
    assert str(error) == (
        "config/study.yaml, line 3, key 'coders.llm.model': There is no such model. Found: 'smollm'. "
        "Allowed: smollm2, llama. Did you mean 'smollm2'? Add it under 'models'."
    )
    assert error.allowed == ["smollm2", "llama"]


def test_a_message_needs_only_the_problem() -> None:
    assert str(StudyError("No row has a text.")) == "No row has a text."
    assert str(StudyError("Wrong.", key="a.b")) == "key 'a.b': Wrong."
    assert str(StudyError("Wrong.", allowed="a number.")) == "Wrong. Allowed: a number."
    assert str(StudyError("Wrong.", allowed=[])) == "Wrong. Allowed: none."
    assert str(StudyError("Wrong.", allowed=(str(n) for n in (1, 2)))) == "Wrong. Allowed: 1, 2."


@pytest.mark.parametrize(
    ("word", "allowed", "expected"),
    [
        ("licens", ["licence", "language"], "licence"),
        ("Sentiment", ["sentiment"], "sentiment"),
        ("fdr-bh", ["holm", "fdr_bh"], "fdr_bh"),
        ("STRASSE", ["Stra\u00dfe", "Weg"], "Stra\u00dfe"),
        ("zebra", ["holm", "none"], None),
        (5, ["5", "50"], "5"),
        ("x", [], None),
    ],
)
def test_the_nearest_spelling(word: object, allowed: list[str], expected: str | None) -> None:
    assert nearest(word, allowed) == expected


def test_what_is_spelt_right_is_not_suggested() -> None:
    assert "Did you mean" not in str(StudyError("Twice.", found="holm", allowed=["holm", "none"]))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", "'text'"),
        (True, "true"),
        (None, "null"),
        (0.5, "0.5"),
        ({"a": [1, None]}, '{"a": [1, null]}'),
        (b"raw", "b'raw'"),
        ("x" * 300, f"'{'x' * 200}'..."),
        (["x" * 300], f'["{"x" * 198}...'),
        ("two\nlines", "'two\\nlines'"),
        ("\x1b[31mred", "'\\x1b[31mred'"),
        ("\u202eright to left", "'\\u202eright to left'"),
        ("\u00e9\u4e2d\u05d0", "'\u00e9\u4e2d\u05d0'"),
    ],
)
def test_values_are_shown_as_in_a_configuration_file(value: object, expected: str) -> None:
    assert shown(value) == expected


def test_a_long_list_is_cut_and_still_searched() -> None:
    message = str(StudyError("No such column.", found="colunm99", allowed=[f"column{n}" for n in range(100)]))
    assert "column29 and 70 more." in message
    assert "Did you mean 'column99'?" in message


@given(st.text(), st.text(), st.text(), st.lists(st.text(), max_size=3))
def test_a_message_is_always_one_printable_line(a: str, b: str, c: str, allowed: list[str]) -> None:
    message = str(StudyError(a, file=b, key=c, found=a, allowed=allowed, hint=b))
    assert message.isprintable()


def test_several_problems_are_told_together() -> None:
    problems = [StudyError(f"Problem {n}.") for n in range(5)]
    with pytest.raises(StudyError) as caught:
        raise_all(problems)
    assert str(caught.value) == "Problem 0.\n\nProblem 1.\n\nProblem 2.\n\nThere are 2 more problems."
    assert str(ProblemsError(problems[:4])).endswith("There is 1 more problem.")
    assert str(ProblemsError(problems[:2])) == "Problem 0.\n\nProblem 1."


def test_one_problem_is_itself_and_none_is_fine() -> None:
    problem = StudyError("Problem.")
    with pytest.raises(StudyError) as caught:
        raise_all([problem])
    assert caught.value is problem
    raise_all([])


def test_errors_travel_between_processes() -> None:
    one = StudyError("Wrong.", file="f", found=1, allowed=["a"])
    assert str(pickle.loads(pickle.dumps(one))) == str(one)
    several = ProblemsError([one, StudyError("Also.")])
    copied = pickle.loads(pickle.dumps(several))
    assert str(copied) == str(several)
    assert len(copied.problems) == 2
