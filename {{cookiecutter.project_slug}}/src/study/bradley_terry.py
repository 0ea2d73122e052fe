"""Scores from paired comparisons: the model of Bradley & Terry (1952), with ties that of Davidson (1970).

An item's score is its place on a scale of log-odds. With d = score of the first - score of the second + order
effect, the probabilities of the outcomes stand to each other as

    first : second : tie = exp(d/2) : exp(-d/2) : nu

and without ties P(first) = 1/(1 + exp(-d)), a logistic regression. The order effect is that of Davidson &
Beaver (1977). Only differences of scores mean anything; they are centred at zero.

Outcomes may be certain (a person chose the first: 1, 0) or probabilities (a language model's: .8, .2). The
estimates are the same kind of figure in both cases, the standard errors are not. The model-based ones take
each row for a choice that could have gone the other way by chance; that is right for people's choices, and
means little for a language model, which gives the same probabilities again when it is asked again. What is
left to chance there is which pairs were drawn, and how far a pair strays from the model (one text is above a
second, which is above a third, which is above the first). The bootstrap over pairs measures that, and the
sandwich is its linear approximation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.validity.bootstrap import CONSTANT, Array, generator

CERTAIN = 1e-4
"""An outcome of a smaller probability counts as impossible when it is asked whether the maximum exists."""

PENALTY = 0.01
"""Of the ridge: a prior of normally distributed scores with a standard deviation of 10 log-odds."""

TOLERANCE = 1e-7
"""Newton's method ends with a shorter step; the error that is left is about its square."""

MOST_STEPS = 100

NAN = float("nan")


@dataclass(frozen=True)
class Coefficient:
    """An estimate with its standard errors: bootstrap over pairs, sandwich by pairs, and model-based."""

    value: float
    se: float
    se_sandwich: float
    se_model: float


@dataclass(frozen=True)
class BradleyTerry:
    """What `bradley_terry` estimates.

    Attributes
    ----------
    scores
        item, score (log-odds, sum zero), se (bootstrap over pairs), se_sandwich, se_model, and comparisons
        (rows that the item is in); sorted by item.
    order_effect
        Log-odds in favour of the item shown first; None where the model has no such term.
    tie
        Davidson's nu, above 0; None in a model without ties. Where d is 0, a tie has probability nu/(2 + nu).
    draws
        Scores of each resample (bootstrap x items), spread about the estimate as `se` says. A statistic of
        the scores that is computed on each row, with texts drawn anew for it, has an interval over pairs and
        texts.
    n_comparisons
        Rows.
    n_pairs
        Pairs of items, in whatever order they were shown.
    separable
        Whether the likelihood has no maximum, so that the penalty decides how far apart some scores are: some
        items win all their comparisons with the others with certainty.
    certain
        The items that won, or lost, everything with certainty.
    penalty
        Of the ridge; 0 is maximum likelihood.
    log_likelihood
        Without the penalty; a quasi-likelihood where outcomes are probabilities.
    """

    scores: pd.DataFrame
    order_effect: Coefficient | None
    tie: Coefficient | None
    draws: pd.DataFrame
    n_comparisons: int
    n_pairs: int
    separable: bool
    certain: tuple[str, ...]
    penalty: float
    log_likelihood: float

    @property
    def reliability(self) -> float:
        """The scale separation reliability, 1 - mean squared standard error / variance of the scores.

        The share of the scores' variance that is not error of estimation (Bramley 2015); NaN without `se`
        and where all scores are equal. It says nothing about validity.
        """
        variance = self.scores["score"].var()
        error = (self.scores["se"] ** 2).mean(skipna=False)
        return float(1 - error / variance) if variance > CONSTANT else NAN


@dataclass(frozen=True)
class _Design:
    """Rows as numbers: items shown first and second, outcomes (rows x 2 or 3, rows sum to one), and pairs."""

    items: list[str]
    first: Array
    second: Array
    outcome: Array
    pair: Array
    low: Array
    high: Array
    order: bool
    penalty: float

    @property
    def ties(self) -> bool:
        return self.outcome.shape[1] == 3

    @property
    def size(self) -> int:
        return len(self.items) + self.order + self.ties


def bradley_terry(
    comparisons: pd.DataFrame,
    *,
    ties: bool = False,
    order_effect: bool = True,
    penalty: float = PENALTY,
    bootstrap: int = 200,
    seed: int = 1,
    name: str = "bradley_terry",
) -> BradleyTerry:
    """Estimate scores from paired comparisons.

    The estimates maximise the log-likelihood less penalty/2 x sum of squared scores. The default hardly
    changes scores that are well determined (with ten comparisons in both orders by less than a hundredth),
    and keeps those finite that the likelihood would send to infinity. The order effect and nu are not
    penalised.

    The bootstrap draws pairs, both orders of a pair together: each pair gets a random weight from the
    exponential distribution (Rubin 1981), so no resample falls apart into items that are never compared, as
    drawing with replacement would have it. It covers which pairs were drawn and how far each strays from the
    model; it does not cover the codebook's wording, the choice of a language model, or which texts were
    sampled. The scores use up degrees of freedom, so `se` and `se_sandwich` are widened by
    pairs/(pairs - items + 1), which is HC3 (MacKinnon & White 1985) in a balanced design: estimate +- 1.96 se
    then covers what it should with as few as four pairs a text. Without more pairs than items - 1 there is
    nothing to measure an error with, and both are NaN.

    Parameters
    ----------
    comparisons
        One row a question: `first` and `second` (the items in the order in which they were shown), p_first
        and p_second, and with ties p_tie: the outcome's probabilities, or 1 and 0 for a choice. They are
        divided by their sum; without `ties` p_tie is left out of it.
    ties
        Davidson's model; a tie is an outcome of its own, not half a win.
    order_effect
        Whether the item shown first may have an advantage.
    penalty
        Of the ridge. 0 is maximum likelihood, which raises where it does not exist.
    bootstrap, seed, name
        Resamples (0 for none, `se` is then NaN), and see `validity.bootstrap.generator`.

    Raises
    ------
    StudyError
        The comparisons cannot be used; they fall apart into groups; nothing determines the order effect or
        nu; or, with penalty 0, the maximum does not exist.
    """
    if not math.isfinite(penalty) or penalty < 0:
        raise StudyError("The penalty of scores is a number, at least 0.", key="penalty", found=penalty)
    design = _design(comparisons, ties, order_effect, float(penalty))
    _check_connected(design)
    _check_order(design)
    separable, certain = _separable(design), _certain(design)
    if separable and not penalty:
        raise StudyError(
            "Some texts win all their comparisons with the others with certainty, so nothing keeps the scores"
            " finite.",
            found=", ".join(certain[:5]) or None,
            hint="Draw more rounds of comparisons, or set a penalty above 0.",
        )
    parameters = _fit(design, np.ones(len(design.low)), np.zeros(design.size))
    resampled = _resample(design, parameters, generator(seed, name), bootstrap)
    sandwich, model = _standard_errors(design, parameters)
    spread = resampled.std(axis=0, ddof=1) if bootstrap > 1 else np.full(design.size, NAN)

    n = len(design.items)
    scores = pd.DataFrame(
        {
            "item": design.items,
            "score": parameters[:n],
            "se": spread[:n],
            "se_sandwich": sandwich[:n],
            "se_model": model[:n],
            "comparisons": np.bincount(np.append(design.first, design.second), minlength=n),
        }
    )
    order, tie = None, None
    if design.order:
        order = Coefficient(*(float(figure[n]) for figure in (parameters, spread, sandwich, model)))
    if design.ties:
        nu = math.exp(parameters[-1])
        # On the scale of nu, by the delta method.
        tie = Coefficient(nu, *(nu * float(figure[-1]) for figure in (spread, sandwich, model)))
    log_outcome = _log_probabilities(design, parameters)
    return BradleyTerry(
        scores=scores,
        order_effect=order,
        tie=tie,
        draws=pd.DataFrame(resampled[:, :n], columns=design.items),
        n_comparisons=len(design.first),
        n_pairs=len(design.low),
        separable=separable,
        certain=certain,
        penalty=design.penalty,
        log_likelihood=float((design.outcome * log_outcome).sum()),
    )


def _design(comparisons: pd.DataFrame, ties: bool, order: bool, penalty: float) -> _Design:
    outcomes = ["p_first", "p_second", *(["p_tie"] if ties else [])]
    for column in ["first", "second", *outcomes]:
        if column not in comparisons:
            raise StudyError(
                "A column of the comparisons is missing.",
                key=column,
                found=[str(c) for c in comparisons.columns],
            )
    if comparisons.empty:
        raise StudyError("There are no comparisons.", hint="Scores need at least two texts.")
    shown = comparisons[["first", "second"]]
    mass = comparisons[outcomes].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
    total = mass.sum(axis=1)
    wrong = ~np.isfinite(total) | (mass < 0).any(axis=1) | (total <= 0)
    for broken, problem in (
        (shown.isna().any(axis=1).to_numpy(), "A comparison lacks one of its texts."),
        ((shown["first"] == shown["second"]).to_numpy(), "A text is compared with itself."),
        (wrong, "The probabilities of a comparison are not numbers, at least 0 and not all 0."),
    ):
        if broken.any():
            row = comparisons[["first", "second", *outcomes]].iloc[int(np.argmax(broken))]
            raise StudyError(problem, found=", ".join(f"{k} {v}" for k, v in row.items()))
    _check_outcomes(mass / total[:, None], order)
    codes, items = pd.factorize(np.concatenate([shown["first"], shown["second"]]), sort=True)
    first, second = np.split(codes, 2)
    low, high = np.minimum(first, second), np.maximum(first, second)
    pairs, pair = np.unique(low * len(items) + high, return_inverse=True)
    return _Design(
        items=list(items),
        first=first,
        second=second,
        outcome=mass / total[:, None],
        pair=pair,
        low=pairs // len(items),
        high=pairs % len(items),
        order=order,
        penalty=penalty,
    )


def _check_outcomes(outcome: Array, order: bool) -> None:
    """See that the order effect and nu are finite: each outcome that they speak of has happened."""
    first, second, *tie = (bool((probability > CERTAIN).any()) for probability in outcome.T)
    if order and not (first and second):
        raise StudyError(
            f"The text shown {'first' if first else 'second'} is never the lesser one, whatever the other is:"
            " there is no estimate of the order effect.",
            hint="Such answers say nothing about texts; or is each pair asked in one order only?",
        )
    if tie and not (tie[0] and (first or second)):
        raise StudyError(
            f"Ties have {'all' if tie[0] else 'none'} of the probability: there is no estimate of nu.",
            key="ties",
            hint="Such answers do not tell texts apart." if tie[0] else "Fit the model without ties.",
        )


def _check_connected(design: _Design) -> None:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(design.items)
    joined = coo_array((np.ones(len(design.low)), (design.low, design.high)), shape=(n, n))
    groups, group = connected_components(joined, directed=False)
    if groups > 1:
        smallest = np.bincount(group).argmin()
        raise StudyError(
            f"The comparisons fall apart into {groups} groups of texts that are never compared with each"
            " other, so no scale joins them.",
            found=", ".join(str(item) for item, g in zip(design.items, group, strict=True) if g == smallest),
            hint="Compare all texts of a scale in the same rounds.",
        )


def _check_order(design: _Design) -> None:
    """See that the order effect is not a combination of scores: its column is not in the space of theirs."""
    rows, n = len(design.first), len(design.items)
    surplus = _net(np.ones(rows), design.first, design.second, n)
    if not design.order or not surplus.any():
        return
    laplacian = _assemble(design, np.bincount(design.pair).astype(float), [], [])
    explained = surplus @ np.linalg.solve(laplacian + 1 / n, surplus)
    if rows - explained < TOLERANCE * rows:
        raise StudyError(
            "The order in which texts were shown cannot be told apart from their scores.",
            hint="Ask each pair in both orders, or leave the order effect out of the model.",
        )


def _certain(design: _Design) -> tuple[str, ...]:
    n = len(design.items)
    won, lost = np.ones(n, dtype=bool), np.ones(n, dtype=bool)
    for outcome, winner, loser in ((0, design.first, design.second), (1, design.second, design.first)):
        sure = design.outcome[:, outcome] >= 1 - CERTAIN
        won[winner[~sure]] = False
        lost[loser[~sure]] = False
    return tuple(item for item, w, x in zip(design.items, won, lost, strict=True) if w or x)


def _separable(design: _Design) -> bool:
    """Whether the likelihood grows without end in some direction (Albert & Anderson 1984).

    In such a direction no outcome that has happened becomes less likely than another of its row, and some
    outcome becomes more likely; a linear programme finds it, if there is one (Konis 2007).
    """
    from scipy.optimize import linprog
    from scipy.sparse import coo_array, csr_array, vstack

    rows, n = len(design.first), len(design.items)
    number, ones = np.arange(rows), np.ones(rows)
    entries = [(ones, design.first), (-ones, design.second)]
    if design.order:
        entries.append((ones, np.full(rows, n)))
    shape = (rows, design.size)
    difference = coo_array(
        (
            np.concatenate([value for value, _ in entries]),
            (np.tile(number, len(entries)), np.concatenate([column for _, column in entries])),
        ),
        shape=shape,
    ).tocsr()
    logits: list[csr_array] = [difference / 2, -difference / 2]
    if design.ties:
        logits.append(coo_array((ones, (number, np.full(rows, shape[1] - 1))), shape=shape).tocsr())
    happened = design.outcome > CERTAIN
    equal, above = [], []
    for a in range(len(logits)):
        for b in range(len(logits)):
            contrast = logits[a] - logits[b]
            if a < b:
                equal.append(contrast[happened[:, a] & happened[:, b]])
            if a != b:
                above.append(contrast[happened[:, a] & ~happened[:, b]])
    more, same = vstack(above).tocsr(), vstack(equal).tocsr()
    if not more.shape[0]:
        return False
    found = linprog(
        -more.sum(axis=0),
        A_ub=-more,
        b_ub=np.zeros(more.shape[0]),
        A_eq=same if same.shape[0] else None,
        b_eq=np.zeros(same.shape[0]) if same.shape[0] else None,
        bounds=(-1, 1),
        method="highs",
    )
    return bool((more @ found.x).max() > 0.01)


def _log_probabilities(design: _Design, parameters: Array) -> Array:
    n = len(design.items)
    half = (parameters[design.first] - parameters[design.second]) / 2
    if design.order:
        half += parameters[n] / 2
    logits = [half, -half, *([np.full(half.size, parameters[-1])] if design.ties else [])]
    logit = np.column_stack(logits)
    top = logit.max(axis=1, keepdims=True)
    return logit - top - np.log(np.exp(logit - top).sum(axis=1, keepdims=True))


def _slopes(design: _Design, probability: Array) -> list[Array]:
    """Each row's derivative of the log-likelihood by d and, with ties, by log nu."""
    left = design.outcome - probability
    return [(left[:, 0] - left[:, 1]) / 2, *([left[:, 2]] if design.ties else [])]


def _net(values: Array, plus: Array, minus: Array, n: int) -> Array:
    """Sum values by item, negative where the item is on the other side."""
    return np.bincount(plus, values, n) - np.bincount(minus, values, n)


def _gradient(design: _Design, parameters: Array, weight: Array, probability: Array) -> Array:
    n = len(design.items)
    slope, *tie = (weight * s for s in _slopes(design, probability))
    scores = _net(slope, design.first, design.second, n) - design.penalty * parameters[:n]
    return np.concatenate([scores, [s.sum() for s in ([slope] if design.order else []) + tie]])


def _information(design: _Design, weight: Array, probability: Array) -> Array:
    """Minus the second derivatives of the log-likelihood, without the penalty."""
    n, apart = len(design.items), probability[:, 0] - probability[:, 1]
    curvature = weight * (probability[:, 0] + probability[:, 1] - apart**2) / 4
    others, corner = [], []
    if design.order:
        others.append(curvature)
        corner.append([curvature.sum()])
    if design.ties:
        tie = probability[:, 2]
        others.append(-weight * apart * tie / 2)
        corner = [[*row, others[-1].sum()] for row in corner]
        corner.append([*(row[-1] for row in corner), (weight * tie * (1 - tie)).sum()])
    borders = [_net(other, design.first, design.second, n) for other in others]
    return _assemble(design, np.bincount(design.pair, curvature), borders, corner)


def _assemble(design: _Design, edge: Array, borders: list[Array], corner: list[list[float]]) -> Array:
    """Put a symmetric matrix together: the Laplacian of the pairs, bordered by the terms beside scores."""
    n, low, high = len(design.items), design.low, design.high
    matrix = np.zeros((n + len(borders), n + len(borders)))
    matrix[low, high] = matrix[high, low] = -edge
    matrix[np.arange(n), np.arange(n)] = np.bincount(low, edge, n) + np.bincount(high, edge, n)
    for column, border in enumerate(borders, start=n):
        matrix[:n, column] = matrix[column, :n] = border
    if borders:
        matrix[n:, n:] = corner
    return matrix


def _fit(design: _Design, pair_weight: Array, start: Array) -> Array:
    """Maximise the penalised log-likelihood, which is concave, by Newton's method."""
    weight, parameters = pair_weight[design.pair], start
    log_probability = _log_probabilities(design, parameters)
    for _ in range(MOST_STEPS):
        probability = np.exp(log_probability)
        gradient = _gradient(design, parameters, weight, probability)
        step = _solve(_curvature(design, weight, probability), gradient)
        before = _objective(design, parameters, weight, log_probability)
        for halving in range(40):
            nearer = parameters + step / 2**halving
            log_probability = _log_probabilities(design, nearer)
            after = _objective(design, nearer, weight, log_probability)
            if after >= before - 1e-12 * abs(before):
                break
        parameters = nearer
        if np.abs(step).max() < TOLERANCE:
            return parameters
    raise _no_maximum()


def _objective(design: _Design, parameters: Array, weight: Array, log_probability: Array) -> float:
    likelihood = weight @ (design.outcome * log_probability).sum(axis=1)
    return float(likelihood - design.penalty / 2 * (parameters[: len(design.items)] ** 2).sum())


def _curvature(design: _Design, weight: Array, probability: Array) -> Array:
    """The information with the penalty, and with the sum of the scores held at zero."""
    matrix, n = _information(design, weight, probability), len(design.items)
    matrix[:n, :n] += 1 / n
    matrix[np.arange(n), np.arange(n)] += design.penalty
    return matrix


def _solve(matrix: Array, right: Array) -> Array:
    from scipy.linalg import LinAlgError, cho_factor, cho_solve

    try:
        return cho_solve(cho_factor(matrix, check_finite=False), right, check_finite=False)
    except LinAlgError:
        raise _no_maximum() from None


def _no_maximum() -> StudyError:
    return StudyError(
        "The scores of these comparisons have no maximum-likelihood estimate.",
        hint="Draw more rounds of comparisons, or set a penalty above 0.",
    )


def _resample(design: _Design, parameters: Array, random: np.random.Generator, resamples: int) -> Array:
    """Estimates of each resample, with the spread that `_widening` says: resamples x parameters."""
    pairs = len(design.low)
    draws = np.empty((resamples, design.size))
    for row in draws:
        weight = random.exponential(size=pairs)
        row[:] = _fit(design, weight * (pairs / weight.sum()), parameters)
    return parameters + (draws - parameters) * _widening(design)


def _widening(design: _Design) -> Array:
    """By how much each parameter's standard error is widened for the degrees of freedom that were used."""
    n, pairs = len(design.items), len(design.low)
    scores = pairs / (pairs - n + 1) if pairs >= n else NAN
    others = pairs / (pairs - 1) if pairs > 1 else NAN
    return np.array([scores] * n + [others] * (design.size - n))


def _standard_errors(design: _Design, parameters: Array) -> tuple[Array, Array]:
    """Sandwich with pairs as clusters (Liang & Zeger 1986), and model-based."""
    n, probability = len(design.items), np.exp(_log_probabilities(design, parameters))
    inverse = _solve(_curvature(design, np.ones(len(design.first)), probability), np.eye(design.size))
    model = np.diag(inverse).copy()
    # The scores' sum is zero by definition. It is an eigenvector of the curvature, and has no error.
    model[:n] -= 1 / (n * (1 + design.penalty))

    slope, *tie = _slopes(design, probability)
    sign = np.where(design.first == design.low[design.pair], 1.0, -1.0)
    score = np.bincount(design.pair, slope * sign)
    others = [np.bincount(design.pair, s) for s in ([slope] if design.order else []) + tie]
    meat = _assemble(
        design,
        score**2,
        [_net(score * other, design.low, design.high, n) for other in others],
        [[float(a @ b) for b in others] for a in others],
    )
    sandwich = np.einsum("ij,jk,ik->i", inverse, meat, inverse, optimize=True)
    return np.sqrt(np.maximum(sandwich, 0)) * _widening(design), np.sqrt(model)
