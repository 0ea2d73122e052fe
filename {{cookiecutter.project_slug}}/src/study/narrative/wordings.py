"""The grammar: for each kind of fact and each way it can turn out, complete sentences of equal meaning.

A sentence has slots for names and figures, and says nothing that the fact does not say: it holds no figure of
its own, and the words for a direction, an order or a hedge are those of its way. All sentences of a kind have
the same slots. Where no model chooses, the first one stands, and the next where it has just been used. Names
never begin a sentence, so that they stay as they are written; and a slot never needs to be counted: `{terms}`
may be one or several.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from study.digest import text_sha256
from study.narrative.facts import (
    ABOVE,
    ALIKE,
    AROUND,
    BELOW,
    BOTH,
    CERTAINTIES,
    FIRST_ONLY,
    LARGER,
    NEGATIVE,
    NEITHER,
    PLAIN,
    POSITIVE,
    REVERSED,
    SECOND_ONLY,
    SIZES,
    SMALLER,
    UNKNOWN,
    ZERO,
    Fact,
    Paragraph,
)
from study.report.findings import LESS, MORE, OPEN

Wordings = Mapping[str, tuple[str, ...]]
"""The sentences for each way of a kind of fact."""

_CORRELATION: Wordings = {
    ABOVE: (
        "On {texts}, {measure} correlates positively with {criterion} on {construct} ({figure}).",
        "On {construct}, the correlation of {measure} with {criterion} is positive over {texts} ({figure}).",
        "The scores of {measure} and {criterion} on {construct} rise together over {texts} ({figure}).",
    ),
    BELOW: (
        "On {texts}, {measure} correlates negatively with {criterion} on {construct} ({figure}).",
        "On {construct}, the correlation of {measure} with {criterion} is negative over {texts} ({figure}).",
        "The scores of {measure} and {criterion} on {construct} go opposite ways over {texts} ({figure}).",
    ),
    AROUND: (
        "On {texts}, it is open whether {measure} correlates with {criterion} on {construct} ({figure}).",
        "On {construct}, no correlation of {measure} with {criterion} is established over {texts}"
        " ({figure}).",
        "The scores of {measure} and {criterion} on {construct} may be unrelated over {texts} ({figure}).",
    ),
    POSITIVE: (
        "On {texts}, {measure} correlates positively with {criterion} on {construct} ({figure}); an interval"
        " is not known.",
        "On {construct}, the correlation of {measure} with {criterion} is positive over {texts} ({figure}),"
        " but has no interval.",
    ),
    NEGATIVE: (
        "On {texts}, {measure} correlates negatively with {criterion} on {construct} ({figure}); an interval"
        " is not known.",
        "On {construct}, the correlation of {measure} with {criterion} is negative over {texts} ({figure}),"
        " but has no interval.",
    ),
    ZERO: (
        "On {texts}, {measure} correlates with {criterion} on {construct} at nil ({figure}); an interval is"
        " not known.",
        "On {construct}, the correlation of {measure} with {criterion} is nil over {texts} ({figure}), but"
        " has no interval.",
    ),
}

_DIFFERENCE: Wordings = {
    MORE: (
        "On the same {texts}, {measure} agrees with {criterion} more closely than {others}.",
        "Agreement with {criterion} is closer for {measure} than for {others} on the same {texts}.",
        "Set against {others}, {measure} agrees with {criterion} more closely on the same {texts}.",
    ),
    LESS: (
        "On the same {texts}, {measure} agrees with {criterion} less closely than {others}.",
        "Agreement with {criterion} is looser for {measure} than for {others} on the same {texts}.",
        "Set against {others}, {measure} agrees with {criterion} less closely on the same {texts}.",
    ),
    OPEN: (
        "On the same {texts}, no difference in agreement with {criterion} is established between {measure}"
        " and {others}.",
        "The agreement with {criterion} on the same {texts} cannot be told apart for {measure} and for"
        " {others}.",
        "Between {measure} and {others}, it stays open whose agreement with {criterion} is better on the same"
        " {texts}.",
    ),
}

_STEP = "Going from the uncorrected codes of {coder} to {estimator} "
_INSTEAD = "With {estimator} in the place of the uncorrected codes of {coder}, one finds {terms} "
_GIVES = "An estimate by {estimator} instead of the uncorrected codes of {coder} gives {terms} "
_MOVED = {
    LARGER: ("makes {terms} larger in size", "larger in size", "a larger size"),
    SMALLER: ("makes {terms} smaller in size", "smaller in size", "a smaller size"),
    ALIKE: (
        "leaves {terms} at the same printed size",
        "at the same printed size",
        "the same printed size",
    ),
    REVERSED: ("turns the sign of {terms} round", "with the opposite sign", "the opposite sign"),
}
_CERTAIN = {
    BOTH: (
        ", and the interval excludes zero before and after.",
        ", and clear of zero in both cases.",
        ", with zero outside the interval as before.",
    ),
    FIRST_ONLY: (
        ", and the interval no longer excludes zero.",
        ", and no longer clear of zero.",
        ", with zero no longer outside the interval.",
    ),
    SECOND_ONLY: (
        ", and only then does the interval exclude zero.",
        ", and only then clear of zero.",
        ", with zero outside the interval only then.",
    ),
    NEITHER: (
        ", and the interval includes zero before and after.",
        ", and clear of zero in neither case.",
        ", with zero inside the interval as before.",
    ),
    UNKNOWN: (
        ", although not every interval is known.",
        ", but an interval is not known.",
        ", with an interval not known.",
    ),
}
_CORRECTION: Wordings = {
    f"{size}; {certainty}": tuple(
        f"{frame}{moved}{certain}"
        for frame, moved, certain in zip(
            (_STEP, _INSTEAD, _GIVES), _MOVED[size], _CERTAIN[certainty], strict=True
        )
    )
    for size in SIZES
    for certainty in CERTAINTIES
}

_STANDING: Wordings = {
    ABOVE: (
        "one finds {terms} above zero, interval and all",
        "the whole interval is positive for {terms}",
        "a positive sign, interval and all, is that of {terms}",
    ),
    BELOW: (
        "one finds {terms} below zero, interval and all",
        "the whole interval is negative for {terms}",
        "a negative sign, interval and all, is that of {terms}",
    ),
    AROUND: (
        "the sign of {terms} stays open",
        "zero is not excluded for {terms}",
        "either sign is possible for {terms}",
    ),
    POSITIVE: (
        "the sign is positive, but without an interval, for {terms}",
        "one finds a positive sign, but no interval, for {terms}",
        "one gets a positive sign, without an interval, for {terms}",
    ),
    NEGATIVE: (
        "the sign is negative, but without an interval, for {terms}",
        "one finds a negative sign, but no interval, for {terms}",
        "one gets a negative sign, without an interval, for {terms}",
    ),
    ZERO: (
        "the printed figure is nil, without an interval, for {terms}",
        "one finds a printed zero, but no interval, for {terms}",
        "one gets a printed zero, without an interval, for {terms}",
    ),
}


def _standing(before: Sequence[str], after: str = "") -> Wordings:
    return {
        way: tuple(f"{first}{claim}{after}." for first, claim in zip(before, claims, strict=True))
        for way, claims in _STANDING.items()
    }


WORDINGS: Mapping[str, Wordings] = {
    "correlation": _CORRELATION,
    "ranking": {
        PLAIN: (
            "On the same {texts}, the highest correlation with {criterion} on {construct} is that of {best},"
            " and the lowest that of {worst}.",
            "Over the same {texts}, the correlation with {criterion} on {construct} is highest for {best},"
            " and it is lowest for {worst}.",
            "Sorted by their correlation with {criterion} on {construct} over the same {texts}, measures go"
            " from {best} down to {worst}.",
        )
    },
    "between": {
        PLAIN: (
            "In between one finds {measures}.",
            "The middle is held by {measures}.",
            "The middle places go to {measures}.",
        )
    },
    "tie": {
        PLAIN: (
            "On the same {texts}, {measures} have the same printed correlation with {criterion} on"
            " {construct}.",
            "Over the same {texts}, the printed correlation with {criterion} on {construct} is the same for"
            " {measures}.",
        )
    },
    "doubt": {
        BELOW: (
            "For {measures}, the correlation with {criterion} is negative, interval and all.",
            "A negative correlation with {criterion}, interval and all, is that of {measures}.",
        ),
        AROUND: (
            "For {measures}, it is open whether there is any correlation with {criterion}, as zero is inside"
            " the interval.",
            "As zero is inside the interval, any correlation with {criterion} may be due to chance for"
            " {measures}.",
        ),
    },
    "no correlation": {
        PLAIN: (
            "No correlation with {criterion} on {construct} could be computed for {measures}.",
            "For {measures}, there is no correlation figure with {criterion} on {construct}.",
        )
    },
    "yardstick": {
        PLAIN: (
            "As a yardstick, single ratings by {criterion} correlate with the mean of the others at"
            " {figure}.",
            "For comparison, a rating by {criterion} and the mean of the others correlate at {figure}.",
            "The correlation of a rating by {criterion} with the mean of the others, to compare, is"
            " {figure}.",
        )
    },
    "difference": _DIFFERENCE,
    "correction": _CORRECTION,
    "corrected": _standing(("By {estimator}, ", "Following {estimator}, ", "With {estimator}, ")),
    "uncorrected codes": _standing(
        (
            "With the codes of {coder} as they are, ",
            "From the codes of {coder} as they are, ",
            "As the codes of {coder} stand, ",
        ),
        "; nothing corrects their errors",
    ),
    "uncorrected regression": _standing(
        (
            "With errors of measurement left as they are, ",
            "Without a correction for errors of measurement, ",
            "Uncorrected for errors of measurement, ",
        )
    ),
    "benchmark": {
        PLAIN: (
            "For comparison, people's codes of all texts give {terms}.",
            "With the codes of people for all texts, one finds {terms}.",
            "Where people coded all texts, their codes give {terms}.",
        )
    },
}
"""For each kind of fact the sentences of each of its ways; the first stands where no model chooses."""

SLOT = re.compile(r"\{(\w+)\}")


def sentences(fact: Fact) -> tuple[str, ...]:
    """Return every sentence that may say a fact; the first stands where no model chooses.

    Slots are filled in one pass: a name that happens to look like a slot stays as it is written.
    """
    return tuple(
        SLOT.sub(lambda match: fact.slots[match[1]], template) for template in WORDINGS[fact.kind][fact.way]
    )


@dataclass(frozen=True)
class Sentence:
    """A fact with its place: where a paragraph's sentence stands, and how it may be put.

    Attributes
    ----------
    paragraph, number
        Where it stands; numbers are from 1.
    fact, alternatives
        What is said, and every sentence that may say it.
    """

    paragraph: Paragraph
    number: int
    fact: Fact
    alternatives: tuple[str, ...]

    @property
    def offered(self) -> str:
        """sha256 of the fact and its sentences."""
        return text_sha256(json.dumps([self.fact.neutral, *self.alternatives]))

    @property
    def place(self) -> dict[str, str]:
        """The first columns of its row."""
        of = self.paragraph
        return {
            "table": of.table,
            "place": of.place,
            "construct": of.construct,
            "sentence_number": str(self.number),
        }


def in_order(paragraphs: Sequence[Paragraph]) -> Iterator[Sentence]:
    """Yield the sentences of paragraphs."""
    for paragraph in paragraphs:
        for number, fact in enumerate(paragraph.facts, start=1):
            yield Sentence(paragraph, number, fact, sentences(fact))
