"""Terms of a regression in words."""

from __future__ import annotations

import pytest

from study.inference.terms import in_words


@pytest.mark.parametrize(
    ("term", "words"),
    [
        ("age", "age"),
        ("Intercept", "Intercept"),
        ("C(domain)[T.nyt]", "domain: nyt"),
        ("domain[T.New York: Times]", "domain: New York: Times"),
        ("C(year)[1990]", "year: 1990"),
        ("age:C(domain)[T.nyt]", "age × domain: nyt"),
        ("domain[T.a[b]:c]:age", "domain: a[b]:c × age"),
        ("C(domain)", "domain"),
        ("1/2", "1/2"),
    ],
)
def test_levels_and_interactions_are_said_as_a_reader_would(term: str, words: str) -> None:
    assert in_words(term) == words
