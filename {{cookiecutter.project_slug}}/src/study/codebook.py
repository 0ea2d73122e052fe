"""Constructs: what is measured, at which level, with which labels, and how a language model is asked.

A `Codebook` is one construct. A file of type multilabel or record holds several: `study.config.load` makes a
codebook of each, which remembers the file that it comes from, and `asked_together` brings them back together.
"""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WITH_CATEGORIES = ("classify", "rate")
"""Types whose labels are said of one text; those of 'compare' are said of two."""

TYPES = (*WITH_CATEGORIES, "count", "number", "extract", "compare")
"""The types of one construct. Files have two more: multilabel is several of type classify, record several."""

DEFAULT_PROMPT: dict[str, Any] = {
    "wording": "main",
    "label_order": "fixed",
    "seed": 1,
    "rationale": "none",
    "rationale_tokens": 60,
}
DEFAULT_REASON = {
    "before": "First give your reason in one sentence, then answer on a new line.",
    "after": "Then give your reason in one sentence on a new line.",
}
DEFAULT_NOT_CODABLE = "not codable"
DEFAULT_ANSWER = "{label}"
DEFAULT_SPANS: dict[str, Any] = {"most": 3, "none": "none"}
DEFAULT_PAIRS: dict[str, Any] = {"rounds": 5, "seed": 1, "first": "first", "second": "second", "tie": None}
DEFAULT_BINARY = ("yes", "no")

CONTEXT_FREE_TEXTS = ("N/A", "[MASK]", "")
"""Texts that say nothing: the reference of contextual calibration (Zhao et al. 2021, arXiv 2102.09690)."""

_NUMBER = "Answer with a number from {low} to {high}."
_SPANS = (
    "Answer with passages copied from the text word for word, one a line, each after '- ', or with: {none}"
)
_LABELS = "Answer with one of: {labels}."
_EXAMPLES = "Examples with other texts:\n{examples}\n\n"
_OPEN = {"count": _NUMBER, "number": _NUMBER, "extract": _SPANS}


def default_wording(type_: str, *, text_first: bool = False, examples: bool = False) -> str:
    """Return how a language model is asked when the codebook does not say it.

    Parameters
    ----------
    type_
        One of TYPES.
    together
        Whether the question is one of several about a text (multilabel, record): the text then comes first,
        so that it is read once.
    examples
        Whether a codebook of several questions has examples: only then does the wording show them.
    """
    if type_ == "compare":
        return f"{{question}}\n\nFirst text: {{first}}\n\nSecond text: {{second}}\n\n{_LABELS}"
    if text_first:
        definitions = "" if type_ in _OPEN else "\n{definitions}"
        shown = f"\n\n{_EXAMPLES}" if examples else "\n"
        return f"Text: {{text}}\n\n{{question}}{definitions}{shown}{_OPEN.get(type_, _LABELS)}"
    if type_ in _OPEN:
        return f"{{question}}\n\nText: {{text}}\n\n{_OPEN[type_]}"
    return f"{{definitions}}\n\nText: {{text}}\n\n{{question}} {_LABELS}"


DEFAULT_WORDING = {"main": default_wording("classify")}


def as_name(category: str) -> str:
    """Return what a category of a multilabel codebook is called in names: `Health & care` is health_care.

    Lower case, and one '_' for whatever is no Latin letter without accents and no digit. The result may be no
    valid name (it may begin with a digit or '_', or be empty): `study.config` then refuses the category.
    """
    return re.sub(r"[^a-z0-9]+", "_", category.lower()).rstrip("_")


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
        What is measured, and what is asked about a text (of a comparison: about two).
    type
        'classify' (one of several labels), 'rate' (a whole number on a short scale; the labels are its
        digits), 'count' (a whole number, 0 or more), 'number' (a decimal number), 'extract' (passages of the
        text) or 'compare' (which of two texts).
    level
        'nominal', 'ordinal' or 'interval'.
    categories
        Every answer that is offered, in order; 'not codable' is the last where the codebook offers it. Of a
        comparison the two or three words that are said; empty where there are no labels.
    not_codable
        The label of that answer, or None.
    scale
        The lowest and the highest number of 'rate', 'count' (whole) and 'number' (decimal).
    decimals
        Digits after the point of a 'number'; 0 for every other type.
    spans, none
        Of 'extract': how many passages there may be, and the word that is said when there is none. 0 and ''
        for every other type.
    pairs
        Of 'compare': `rounds` and `seed` of the draw of pairs (`study.pairs.draw`).
    asked_in, position
        The file that the construct comes from, and its place among the questions there, from 0.
    category
        The category of a multilabel file that the construct is about, else None; its first label says that
        the category applies.
    status
        'pilot' or 'frozen'.
    system, wording, prompt
        What a language model is told, each wording under its name, and how it is used: wording, label_order,
        seed, rationale, rationale_tokens.
    answer
        How a language model says a label or a number: '{label}', or a sentence around it.
    reason
        The sentence that asks for a rationale `before` or `after` the answer.
    examples
        Texts with their answers that are shown: `text` (of a comparison `first` and `second`), `label` and
        `rationale` (None where there is none). The label is one of `labels`, a number (a float where there
        are decimals) or a list of passages.
    calibration
        None, or `method` ('contextual', 'batch') and the reference `texts`.
    revisions
        What was changed, oldest first: date, change, agreement.
    """

    construct: str
    question: str
    type: str
    level: str
    categories: tuple[Category, ...]
    not_codable: str | None = None
    scale: tuple[int, int] | tuple[float, float] | None = None
    decimals: int = 0
    spans: int = 0
    none: str = ""
    pairs: Mapping[str, int] | None = None
    asked_in: str = ""
    position: int = 0
    category: str | None = None
    status: str = "pilot"
    system: str = ""
    wording: Mapping[str, str] = field(default_factory=lambda: dict(DEFAULT_WORDING))
    prompt: Mapping[str, str] = field(default_factory=lambda: dict(DEFAULT_PROMPT))
    answer: str = DEFAULT_ANSWER
    reason: Mapping[str, str] = field(default_factory=lambda: dict(DEFAULT_REASON))
    examples: tuple[Mapping[str, Any], ...] = ()
    calibration: Mapping[str, Any] | None = None
    revisions: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        """A construct is asked in its own file where nothing else is said."""
        if not self.asked_in:
            object.__setattr__(self, "asked_in", self.construct)

    @property
    def closed(self) -> bool:
        """Whether the answer is one of a few labels."""
        return self.type in (*WITH_CATEGORIES, "compare")

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
        """Build a codebook from what `study.config.load` returns for one construct; fills in defaults."""
        kind, scale = codebook["type"], codebook.get("scale") or {}
        spans = {**DEFAULT_SPANS, **(codebook.get("spans") or {})} if kind == "extract" else {}
        pairs = {**DEFAULT_PAIRS, **(codebook.get("pairs") or {})} if kind == "compare" else {}
        categories = _categories(codebook, pairs)
        refused = codebook.get("not_codable")
        if refused is not None:
            refused = {"label": DEFAULT_NOT_CODABLE, **refused}
            categories.append(Category(refused["label"], define=refused.get("define")))
        bounds: tuple[int, int] | tuple[float, float] | None = None
        if kind == "number":
            bounds = float(scale["low"]), float(scale["high"])
        elif kind in ("rate", "count"):
            bounds = int(scale["low"]), int(scale["high"])
        asked_in = codebook.get("asked_in") or codebook["construct"]
        examples = tuple({"rationale": None, **example} for example in codebook.get("examples") or ())
        prompt = {**DEFAULT_PROMPT, **(codebook.get("prompt") or {})}
        text_first = asked_in != codebook["construct"] or prompt["label_order"] != "fixed"
        asked = default_wording(kind, text_first=text_first, examples=bool(examples))
        return cls(
            construct=codebook["construct"],
            question=codebook["question"],
            type=kind,
            level=codebook.get("level") or "interval",
            categories=tuple(categories),
            not_codable=None if refused is None else refused["label"],
            scale=bounds,
            decimals=scale.get("decimals") or 0,
            spans=spans.get("most", 0),
            none=spans.get("none", ""),
            pairs={key: pairs[key] for key in ("rounds", "seed")} if pairs else None,
            asked_in=asked_in,
            position=codebook.get("position") or 0,
            category=codebook.get("category"),
            status=codebook.get("status", "pilot"),
            system=codebook.get("system") or "",
            wording=dict(codebook.get("wording") or {"main": asked}),
            prompt=prompt,
            answer=codebook.get("answer") or DEFAULT_ANSWER,
            reason={**DEFAULT_REASON, **(codebook.get("reason") or {})},
            examples=examples,
            calibration=_calibration(codebook.get("calibration")),
            revisions=tuple(codebook.get("revisions") or ()),
        )


def asked_together(
    codebooks: Mapping[str, Mapping[str, Any]] | Iterable[Mapping[str, Any] | Codebook],
) -> dict[str, list[str]]:
    """Return {file: its constructs}, the files sorted and the constructs in the order of their file.

    Parameters
    ----------
    codebooks
        As `study.config.load` returns them ({construct: dict}), or a list of such dicts or of `Codebook`.
    """
    books = codebooks.values() if isinstance(codebooks, Mapping) else codebooks
    found: dict[str, list[str]] = {}
    for asked_in, _, construct in sorted(_place(book) for book in books):
        found.setdefault(asked_in, []).append(construct)
    return found


def _place(book: Mapping[str, Any] | Codebook) -> tuple[str, int, str]:
    if isinstance(book, Codebook):
        return book.asked_in, book.position, book.construct
    return book.get("asked_in") or book["construct"], book.get("position") or 0, book["construct"]


def read(path: Path) -> Codebook:
    """Read and check the codebook file of one construct; errors are `study.errors.StudyError`."""
    # No import statement on purpose: rules are handed codebooks that were checked when the study was read, so
    # the code that reads and checks them is none of what their results depend on.
    config = importlib.import_module("study.config")
    return Codebook.from_dict(config.read_codebook(path))


def _categories(codebook: Mapping[str, Any], pairs: Mapping[str, Any]) -> list[Category]:
    if codebook["type"] == "classify":
        return [_category(label, keys or {}) for label, keys in codebook["categories"].items()]
    if codebook["type"] == "rate":
        scale = codebook["scale"]
        return _points(scale["low"], scale["high"], scale.get("anchors") or {})
    return [Category(pairs[key]) for key in ("first", "second", "tie") if pairs.get(key)]


def _calibration(calibration: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if calibration is None:
        return None
    texts = calibration.get("texts")
    if texts is None and calibration["method"] == "contextual":
        texts = CONTEXT_FREE_TEXTS
    return {"method": calibration["method"], "texts": list(texts or ())}


def _category(label: str, keys: Mapping[str, Any]) -> Category:
    value = keys.get("value")
    return Category(label, None if value is None else float(value), keys.get("define"), keys.get("example"))


def _points(low: int, high: int, anchors: Mapping[str, str]) -> list[Category]:
    return [Category(str(n), float(n), anchors.get(str(n))) for n in range(low, high + 1)]
