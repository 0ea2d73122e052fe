"""The factors of experiments and their levels, in words and in the order in which they are shown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

NAMES = {
    "wording": "wording of the question",
    "label_order": "order of the labels",
    "rationale": "rationale",
    "examples": "examples",
    "temperature": "temperature",
    "seed": "random seed",
    "model": "model",
    "quantisation": "quantisation",
    "sparsity": "weights set to zero",
    "surface": "surface of the text",
}
"""What a factor is called; 'quantisation' is the type in which weights are stored."""

PLURALS = {
    "wording": "wordings of the question",
    "label_order": "orders of the labels",
    "rationale": "ways of giving a rationale",
    "examples": "choices of examples",
    "temperature": "temperatures",
    "seed": "random seeds",
    "model": "models",
    "quantisation": "quantisations",
    "sparsity": "shares of weights set to zero",
    "surface": "surfaces of the text",
}
EXCHANGEABLE = ("wording", "label_order", "seed")
"""Factors no level of which is more normal than another: any two levels are compared."""
_ASKED = {
    "wording": ("wording", "paraphras", "phras"),
    "label_order": ("order", "position"),
    "rationale": ("rationale", "reason", "explanation"),
    "examples": ("example", "few-shot"),
    "temperature": ("temperature",),
    "seed": ("seed",),
    "model": ("model",),
    "quantisation": ("quanti", "compress"),
    "sparsity": ("spars", "prun", "zero"),
    "surface": ("surface", "meaning", "typ", "case", "white space", "mask"),
}
"""How questions name a factor."""
_NUMBERS = ("temperature", "seed", "sparsity")

_LEVELS = {
    "fixed": "as in the codebook",
    "rotated": "mean of all rotations",
    "reversed": "reversed",
    "random": "at random",
    "as_shipped": "as shipped",
    "as_written": "as written",
    "lower_case": "lower case",
    "upper_case": "capitals",
    "typos": "typing errors",
    "whitespace": "extra white space",
    "masked": "words masked",
}
_WITH = {
    ("label_order", "fixed"): "with the labels in the codebook's order",
    ("label_order", "rotated"): "with the mean of all rotations of the labels",
    ("label_order", "reversed"): "with the labels reversed",
    ("label_order", "random"): "with the labels in random order",
    ("rationale", "none"): "without a rationale",
    ("rationale", "before"): "with a rationale before the answer",
    ("rationale", "after"): "with a rationale after the answer",
    ("examples", "none"): "without examples",
    ("examples", "all"): "with all examples",
    ("quantisation", "as_shipped"): "with the weights as shipped",
    ("sparsity", "0"): "with all weights",
    ("surface", "as_written"): "with the texts as written",
    ("surface", "lower_case"): "with the texts in lower case",
    ("surface", "upper_case"): "with the texts in capitals",
    ("surface", "typos"): "with typing errors in the texts",
    ("surface", "whitespace"): "with extra white space in the texts",
    ("surface", "masked"): "with words masked in the texts",
}

_AGAIN = {
    ("rationale", "none"): "without one",
    ("rationale", "before"): "with one before it",
    ("rationale", "after"): "with one after it",
    ("surface", "as_written"): "as written",
    ("surface", "lower_case"): "in lower case",
    ("surface", "upper_case"): "in capitals",
    ("surface", "typos"): "with typing errors",
    ("surface", "whitespace"): "with extra white space",
    ("surface", "masked"): "with words masked",
    ("quantisation", "as_shipped"): "as shipped",
}


def canonical(factor: str, level: object) -> str:
    """Return a level as tables are compared by: '0.30' and 0.3 are both '0.3'."""
    text = str(level)
    if factor not in _NUMBERS:
        return text
    try:
        return f"{float(text):.10g}"
    except ValueError:
        return text


def name(factor: str) -> str:
    """Return what a factor is called, within a sentence."""
    return NAMES.get(factor, factor)


def title(factor: str) -> str:
    """Return what a factor is called, as a title."""
    words = name(factor)
    return words[:1].upper() + words[1:]


def level_name(factor: str, level: object) -> str:
    """Return a level as tables and axes show it: 'rotated by 2', '30%'."""
    level = canonical(factor, level)
    if factor == "sparsity":
        return _percent(level)
    if factor == "rationale":
        return {"none": "no rationale", "before": "before the answer", "after": "after the answer"}.get(
            level, level
        )
    if factor == "examples":
        return {"none": "no examples", "all": "all examples"}.get(level) or _examples(level)
    if factor == "label_order" and (turn := re.fullmatch(r"rotation_(\d+)", level)):
        return f"rotated by {turn[1]}"
    return _LEVELS.get(level, level) if factor in ("label_order", "quantisation", "surface") else level


def with_level(factor: str, level: object) -> str:
    """Return a level as it stands in a sentence: 'with a rationale before the answer', 'at temperature 1'."""
    level = canonical(factor, level)
    if (factor, level) in _WITH:
        return _WITH[factor, level]
    shown = level_name(factor, level)
    return {
        "wording": f"with the wording '{shown}'",
        "label_order": f"with the labels {shown}",
        "examples": f"with {shown}",
        "temperature": f"at temperature {shown}",
        "seed": f"with seed {shown}",
        "model": f"by the model '{shown}'",
        "quantisation": f"with the weights in {shown}",
        "sparsity": f"with {shown} of the weights set to zero",
    }.get(factor, f"with {name(factor)} {shown}")


def again(factor: str, level: object) -> str:
    """Return a level in a sentence that has named another level of its factor before: 'with 30%'."""
    level = canonical(factor, level)
    if (factor, level) in _AGAIN:
        return _AGAIN[factor, level]
    before = {"quantisation": "in", "sparsity": "with", "temperature": "at"}.get(factor)
    return f"{before} {level_name(factor, level)}" if before else with_level(factor, level)


def named_first(question: str, given: Sequence[str]) -> list[str]:
    """Return factors in the order in which a question names them; those that it does not name come last."""
    asked = question.casefold()

    def place(factor: str) -> int:
        found = [asked.find(word) for word in _ASKED.get(factor, ()) if word in asked]
        return min(found, default=len(asked))

    return sorted(given, key=place)


def varied(factors: Mapping[str, Sequence[object]]) -> list[str]:
    """Return the factors that have more than one level."""
    return [factor for factor, levels in factors.items() if len(levels) > 1]


def levels(factor: str, given: Sequence[object]) -> list[str]:
    """Return the levels in the order in which they are shown: the reference first, amounts by size.

    Types of weights are sorted by the bits that a weight takes, largest first.
    """
    found = list(dict.fromkeys(canonical(factor, level) for level in given))
    key = {"quantisation": lambda level: -bits(level), "sparsity": float, "temperature": float}.get(factor)
    return [*found[:1], *sorted(found[1:], key=key)] if key else found


def bits(quantisation: str) -> float:
    """Return about how many bits a weight takes, for sorting: 32 for F32, 4.5 for Q4_1; -1 if unknown."""
    match = re.fullmatch(r"[A-Z]*(\d+)(?:_(\w+))?", quantisation)
    if not match:
        return -1.0
    # Of two types of as many bits, that with more numbers beside the weights is the larger one.
    return int(match[1]) + {"1": 0.5, "K_M": 0.4, "K": 0.3}.get(match[2] or "", 0.1)


def kinds(factors: Mapping[str, Sequence[object]]) -> list[str]:
    """Return the kinds of figures that an experiment with these factors has."""
    there = set(varied(factors))
    wanted = {
        "sparsity": {"sparsity", "quantisation"},
        "rationale": {"rationale"},
        "positions": {"label_order"},
    }
    return ["effects", *(kind for kind, some in wanted.items() if some & there)]


def _percent(level: str) -> str:
    try:
        return f"{100 * float(level):g}%"
    except ValueError:
        return level


def _examples(level: str) -> str:
    match = re.fullmatch(r"(random|diverse) (\d+)", level)
    if not match:
        return level
    noun = "example" if match[2] == "1" else "examples"
    return f"{match[2]} {noun} at random" if match[1] == "random" else f"{match[2]} diverse {noun}"
