"""Corpora of a known truth, whose LLM errors depend on the very variables of the regression.

Every unit has hand codes here, so that the same corpus serves every size of the hand-coded sample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.validity.bootstrap import Array, generator

UNITS = 3000
"""Units of a corpus, hand-coded or not."""
FORMULA = "y ~ x + z"
TERM = "x"
"""The coefficient that a researcher asks for."""


@dataclass(frozen=True)
class Regression:
    """A regression `y ~ x + z`, one variable of which an LLM codes.

    Attributes
    ----------
    family
        'linear' or 'logit'.
    predicted
        The variable that the LLM codes: 'x' or 'y'.
    truth
        The coefficient of x.
    draw
        Source of chance, number of units -> x, z, y, all right.
    errors
        Kind of errors -> source of chance, x, z, y -> the LLM's codes.
    """

    family: str
    predicted: str
    truth: float
    draw: Callable[[np.random.Generator, int], tuple[Array, Array, Array]]
    errors: Mapping[str, Callable[[np.random.Generator, Array, Array, Array], Array]]


def _one(random: np.random.Generator, log_odds: Array) -> Array:
    """Draw 1 with these log-odds, else 0."""
    return (random.random(len(log_odds)) < 1 / (1 + np.exp(-log_odds))).astype(float)


def _sign(truth: Array) -> Array:
    return 2 * truth - 1


def _covariate(random: np.random.Generator, n: int) -> tuple[Array, Array, Array]:
    z = random.normal(size=n)
    x = _one(random, -0.5 + 0.7 * z)
    return x, z, 0.5 * x + 0.3 * z + random.normal(size=n)


def _category(random: np.random.Generator, n: int) -> tuple[Array, Array, Array]:
    z = random.normal(size=n)
    x = _one(random, 0.5 * z)
    return x, z, _one(random, -0.5 + 0.8 * x - 0.5 * z)


def _score(random: np.random.Generator, n: int) -> tuple[Array, Array, Array]:
    z = random.normal(size=n)
    x = _one(random, 0.5 * z)
    return x, z, 0.5 * x + 0.3 * z + random.normal(size=n)


REGRESSIONS = {
    "covariate": Regression(
        "linear",
        "x",
        0.5,
        _covariate,
        {
            "none": lambda random, x, z, y: x,
            "weak": lambda random, x, z, y: _one(random, 2.2 * _sign(x) + 0.6 * y + 0.4 * z),
            "strong": lambda random, x, z, y: _one(random, 1.2 * _sign(x) + 0.8 * y + 0.6 * z),
            "curved": lambda random, x, z, y: _one(random, 1.2 * _sign(x) + 0.8 * (y**2 - 1)),
        },
    ),
    "category": Regression(
        "logit",
        "y",
        0.8,
        _category,
        {
            "none": lambda random, x, z, y: y,
            "weak": lambda random, x, z, y: _one(random, 2 * _sign(y) - 0.6 * (x - 0.5) + 0.4 * z),
            "strong": lambda random, x, z, y: _one(random, 1.3 * _sign(y) - (x - 0.5) + 0.6 * z),
            "curved": lambda random, x, z, y: _one(random, 1.3 * _sign(y) + 2 * (x - 0.5) * z),
        },
    ),
    "score": Regression(
        "linear",
        "y",
        0.5,
        _score,
        {
            "none": lambda random, x, z, y: y,
            "weak": lambda random, x, z, y: 0.9 * y - 0.1 * x + 0.1 * z + 0.4 * random.normal(size=len(y)),
            "strong": lambda random, x, z, y: (
                0.7 * y - 0.4 * x + 0.3 * z + (0.5 + 0.5 * x) * random.normal(size=len(y))
            ),
        },
    ),
}


def corpus(
    regression: str, errors: str, replicate: int, *, seed: int = 1, units: int = UNITS
) -> pd.DataFrame:
    """Draw a corpus: a row a unit, columns x, z, y (right) and code (the LLM's).

    A replicate has its own stream of chance, named by what it is: it is the same whoever computes it and in
    whatever order, and for every size of the hand-coded sample.
    """
    random = generator(seed, f"certificate/{regression}/{errors}/{replicate}")
    of = REGRESSIONS[regression]
    x, z, y = of.draw(random, units)
    return pd.DataFrame({"x": x, "z": z, "y": y, "code": of.errors[errors](random, x, z, y)})


def with_gold(whole: pd.DataFrame, predicted: str, gold: int) -> pd.DataFrame:
    """Return the corpus with hand codes of `gold` units only.

    Units were drawn independently of each other, so that the first are a simple random sample.
    """
    return whole.assign(**{predicted: whole[predicted].where(np.arange(len(whole)) < gold)})
