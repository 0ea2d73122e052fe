"""Constructs: what is measured, at which level, with which labels, and how a language model is asked."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DEFAULT_PROMPT = {"wording": "main", "label_order": "fixed", "rationale": "none"}
DEFAULT_WORDING = {"main": "{definitions}\n\nText: {text}\n\n{question} Answer with one of: {labels}."}
DEFAULT_NOT_CODABLE = "not codable"
DEFAULT_ANSWER = "{label}"


@dataclass(frozen=True)
class Category:
    """One answer that a coder can give.

    Attributes
    ----------
    label
        The answer as it is written.
    value
        The number that stands for it in scores; None where there is none.
    define, example
        When it applies, and a text to which it does; None where the codebook does not say.
    """

    label: str
    value: float | None = None
    define: str | None = None
    example: str | None = None


@dataclass(frozen=True)
class Codebook:
    """One construct's definition.

    Attributes
    ----------
    construct, question
        What is measured, and what is asked about a text.
    type
        'classify' (one of several labels) or 'rate' (a whole number on a scale; the labels are its digits).
    level
        'nominal', 'ordinal' or 'interval'.
    categories
        Every answer that is offered, in order; 'not codable' is the last where the codebook offers it.
    not_codable
        The label of that answer, or None.
    scale
        The lowest and the highest number of a 'rate' codebook.
    status
        'pilot' or 'frozen'.
    system, wording, prompt
        What a language model is told, each wording under its name, and which is used how.
    answer
        How a language model says a label: '{label}', or a sentence around it.
    revisions
        What was changed, oldest first: date, change, agreement.
    """

    construct: str
    question: str
    type: str
    level: str
    categories: tuple[Category, ...]
    not_codable: str | None = None
    scale: tuple[int, int] | None = None
    status: str = "pilot"
    system: str = ""
    wording: Mapping[str, str] = field(default_factory=lambda: dict(DEFAULT_WORDING))
    prompt: Mapping[str, str] = field(default_factory=lambda: dict(DEFAULT_PROMPT))
    answer: str = DEFAULT_ANSWER
    revisions: tuple[Mapping[str, Any], ...] = ()

    @property
    def labels(self) -> list[str]:
        """The answers, in the order in which they are offered; 'not codable' last where there is one."""
        return [category.label for category in self.categories]

    @property
    def answers(self) -> list[str]:
        """What a language model says for each label, in their order."""
        return [self.answer.replace("{label}", label) for label in self.labels]

    @property
    def values(self) -> list[float | None]:
        """The number of each label; None for a label without one, such as 'not codable'."""
        return [category.value for category in self.categories]

    def score(self, probabilities: Mapping[str, float] | Sequence[float]) -> float:
        """Return the probability-weighted mean of the labels' values (Licht et al. 2025, arXiv 2509.03116).

        A label without a value takes no part: the others are renormalised.

        Parameters
        ----------
        probabilities
            One number a label, not negative: in the order of `labels`, or by label.

        Returns
        -------
        float
            In the units of `values`; NaN where no label has a value, or those that have one no probability.

        Raises
        ------
        ValueError
            When there are not as many probabilities as labels.
        """
        if isinstance(probabilities, Mapping):
            if set(probabilities) != set(self.labels):
                raise ValueError(f"the probabilities are not those of the labels {self.labels}")
            weights = [float(probabilities[label]) for label in self.labels]
        else:
            weights = [float(p) for p in probabilities]
        pairs = [(w, v) for w, v in zip(weights, self.values, strict=True) if v is not None]
        total = math.fsum(w for w, _ in pairs)
        return math.fsum(w * v for w, v in pairs) / total if total > 0 else math.nan

    @classmethod
    def from_dict(cls, codebook: Mapping[str, Any]) -> Codebook:
        """Build a codebook from what `study.config.load` returns for it; fills in defaults."""
        scale = codebook.get("scale") or {}
        if codebook["type"] == "rate":
            categories = _points(scale["low"], scale["high"], scale.get("anchors") or {})
        else:
            categories = [_category(label, keys or {}) for label, keys in codebook["categories"].items()]
        refused = codebook.get("not_codable")
        if refused is not None:
            refused = {"label": DEFAULT_NOT_CODABLE, **refused}
            categories.append(Category(refused["label"], define=refused.get("define")))
        return cls(
            construct=codebook["construct"],
            question=codebook["question"],
            type=codebook["type"],
            level=codebook["level"],
            categories=tuple(categories),
            not_codable=None if refused is None else refused["label"],
            scale=(scale["low"], scale["high"]) if codebook["type"] == "rate" else None,
            status=codebook.get("status", "pilot"),
            system=codebook.get("system") or "",
            wording=dict(codebook.get("wording") or DEFAULT_WORDING),
            prompt={**DEFAULT_PROMPT, **(codebook.get("prompt") or {})},
            answer=codebook.get("answer") or DEFAULT_ANSWER,
            revisions=tuple(codebook.get("revisions") or ()),
        )


def read(path: Path) -> Codebook:
    """Read and check one codebook file; errors are `study.errors.StudyError`."""
    # No import statement on purpose: rules are handed codebooks that were checked when the study was read, so
    # the code that reads and checks them is none of what their results depend on.
    config = importlib.import_module("study.config")
    return Codebook.from_dict(config.read_codebook(path))


def _category(label: str, keys: Mapping[str, Any]) -> Category:
    value = keys.get("value")
    return Category(label, None if value is None else float(value), keys.get("define"), keys.get("example"))


def _points(low: int, high: int, anchors: Mapping[str, str]) -> list[Category]:
    return [Category(str(n), float(n), anchors.get(str(n))) for n in range(low, high + 1)]
