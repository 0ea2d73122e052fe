"""The design of an experiment: its cells, and the model and the codebook with which each of them is asked.

A full factorial design tries every combination of the factors' levels. A fraction of it tries those whose
level numbers add up to a multiple of m. This rule makes the Latin square of three factors with m levels each,
and the half fraction of factors with two levels each (Box & Hunter 1961, Technometrics 3; Montgomery 2017,
Design and Analysis of Experiments, chapters 4 and 8). It tells the effect of each factor from those of the
others as long as factors do not work together: an interaction of some looks like an effect of another.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from study.codebook import WITH_CATEGORIES, default_wording
from study.errors import StudyError
from study.experiment.examples import chosen
from study.experiment.factors import AS_SHIPPED

MOST_COMBINATIONS = 100_000
"""More combinations than anyone has texts coded with, and than can be counted while the workflow is read."""


def cells(factors: Mapping[str, Sequence[Any]], fraction: int = 1, name: str = "") -> list[dict[str, Any]]:
    """Return the combinations that are tried.

    Parameters
    ----------
    factors
        Factor to its levels, the first of them the reference.
    fraction
        1 tries every combination; m those whose level numbers (0 for the reference) add up to a multiple of
        m. That is one in m of them where the number of levels of some factor is a multiple of m, else about
        so many.
    name
        The experiment's, for errors.

    Returns
    -------
    list
        A level for each factor. The first cell has all references; the last factor changes fastest.

    Raises
    ------
    StudyError
        There are too many combinations, or the fraction leaves out a level or cannot tell the factors'
        effects from each other.
    """
    place = f"experiments.{name}" if name else "experiments"
    sizes = [len(levels) for levels in factors.values()]
    if math.prod(sizes) > MOST_COMBINATIONS:
        raise StudyError(
            "The factors have too many combinations.",
            file="config/study.yaml",
            key=f"{place}.factors",
            found=f"{' x '.join(map(str, sizes))} = {math.prod(sizes)} combinations",
            allowed=f"at most {MOST_COMBINATIONS}",
            hint="Make two experiments of it, with some of the factors each.",
        )
    design = _fraction(sizes, fraction) if fraction >= 1 else []
    if problem := _problem(design, list(factors), sizes):
        raise StudyError(
            f"One in {fraction} of {math.prod(sizes)} combinations is not enough: {problem}",
            file="config/study.yaml",
            key=f"{place}.fraction",
            found=fraction,
            allowed=", ".join(map(str, _possible(list(factors), sizes))),
        )
    levels = list(factors.values())
    return [
        {factor: levels[i][number] for i, (factor, number) in enumerate(zip(factors, cell, strict=True))}
        for cell in design
    ]


def derived_model(
    name: str, entry: Mapping[str, Any], quantisation: str, sparsity: float
) -> tuple[str, dict[str, Any]]:
    """Return a model with other weights: its name, and its entry of `models` in the configuration.

    Parameters
    ----------
    name, entry
        The model's own; `entry` has quantisation (None: the file is run as it is) and may have sparsity (0).
    quantisation
        The storage type of the weights; 'as_shipped' runs the file as it is.
    sparsity
        The share of the weights that are set to zero.

    Returns
    -------
    name, entry
        The name says what differs from the model's own entry: `smollm2-135m.Q8_0.sparse50`. It is the
        model's own where nothing does.
    """
    derived, changes = name, dict(entry)
    if quantisation != (entry.get("quantisation") or AS_SHIPPED):
        derived += f".{quantisation}"
        changes["quantisation"] = None if quantisation == AS_SHIPPED else quantisation
    if sparsity != (entry.get("sparsity") or 0):
        derived += f".sparse{_percent(sparsity)}"
        changes["sparsity"] = sparsity
    return derived, changes


def asked_with(codebook: Mapping[str, Any], cell: Mapping[str, Any]) -> dict[str, Any]:
    """Return a construct's codebook as one cell asks it.

    Parameters
    ----------
    codebook
        As `study.config.load` returns it; it stays as it is.
    cell
        Levels of wording, label_order, rationale, examples and seed; a factor that is missing stays as in the
        codebook, others are no business of a codebook. The order of labels changes where there are labels.
        The seed is also that of examples that are drawn.

    Returns
    -------
    dict
        The codebook with other `prompt` and `examples`. The wordings stay as they are, but that our own
        wording has no heading for examples where none is left.

    Raises
    ------
    StudyError
        The codebook has no such wording, or too few examples.
    """
    file = f"config/codebooks/{codebook['asked_in']}.yaml"
    asked = ["wording", "rationale", "seed"] + ["label_order"] * (codebook["type"] in WITH_CATEGORIES)
    prompt = {**codebook["prompt"], **{factor: cell[factor] for factor in asked if factor in cell}}
    wordings, examples = dict(codebook["wording"]), list(codebook["examples"])
    if prompt["wording"] not in wordings:
        raise StudyError(
            "The codebook has no such wording.",
            file=file,
            key="wording",
            found=prompt["wording"],
            allowed=list(wordings),
        )
    if "examples" in cell:
        try:
            examples = [dict(each) for each in chosen(examples, cell["examples"], int(prompt["seed"]))]
        except StudyError as error:
            raise StudyError(
                error.problem, file=file, key="examples", found=error.found, allowed=error.allowed
            ) from error
    if codebook["examples"] and not examples:
        wordings = {name: _without_heading(codebook["type"], text) for name, text in wordings.items()}
    return {**codebook, "prompt": prompt, "wording": wordings, "examples": examples}


def _without_heading(kind: str, wording: str) -> str:
    own = default_wording(kind, text_first=True, examples=True)
    return default_wording(kind, text_first=True) if wording == own else wording


def _percent(share: float) -> str:
    # In decimals: 100 * 0.07 is not 7 in binary ones, and two levels must not get one name.
    return format((Decimal(repr(float(share))) * 100).normalize(), "f")


def _fraction(sizes: Sequence[int], fraction: int) -> list[tuple[int, ...]]:
    return [cell for cell in itertools.product(*map(range, sizes)) if sum(cell) % fraction == 0]


def _possible(factors: Sequence[str], sizes: Sequence[int]) -> list[int]:
    """Return the fractions that work; with a larger one than the largest sum only the first cell is left."""
    largest = sum(size - 1 for size in sizes)
    return [m for m in range(1, max(1, largest) + 1) if not _problem(_fraction(sizes, m), factors, sizes)]


def _problem(design: Sequence[tuple[int, ...]], factors: Sequence[str], sizes: Sequence[int]) -> str:
    """Return why the factors' effects cannot be estimated; nothing where they can."""
    if len(design) == math.prod(sizes):
        return ""
    for i, factor in enumerate(factors):
        tried = {cell[i] for cell in design}
        if len(tried) < sizes[i]:
            missing = next(number for number in range(sizes[i]) if number not in tried)
            return f"level {missing + 1} of '{factor}' is never tried."
    effects = 1 + sum(size - 1 for size in sizes)
    if len(design) < effects or _rank(_products(design, sizes)) < effects:
        return "the effects of the factors cannot be told apart."
    return ""


def _products(design: Sequence[tuple[int, ...]], sizes: Sequence[int]) -> list[list[int]]:
    """Return X'X of the main-effects design matrix: how often each two levels (or the constant) meet."""
    columns = [(-1, 0), *((i, level) for i, size in enumerate(sizes) for level in range(1, size))]
    meet: Counter[tuple[tuple[int, int], tuple[int, int]]] = Counter()
    for cell in design:
        here = [(-1, 0), *((i, level) for i, level in enumerate(cell) if level)]
        meet.update(itertools.product(here, here))
    return [[meet[a, b] for b in columns] for a in columns]


def _rank(matrix: list[list[int]]) -> int:
    """Return the rank of a matrix of whole numbers, exactly (Bareiss 1968, Mathematics of Computation 22)."""
    rows, rank, before = [list(row) for row in matrix], 0, 1
    for column in range(len(rows[0])):
        pivot = next((i for i in range(rank, len(rows)) if rows[i][column]), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        top = rows[rank]
        for i in range(rank + 1, len(rows)):
            own = rows[i]
            rows[i] = [(top[column] * own[j] - own[column] * top[j]) // before for j in range(len(own))]
        before, rank = top[column], rank + 1
    return rank
