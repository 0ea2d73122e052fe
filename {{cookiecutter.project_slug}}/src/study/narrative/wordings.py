"""The grammar: for each kind of fact and each way it can turn out, complete sentences of equal meaning.

A sentence has slots for names and figures, and says nothing that the fact does not say: it holds no figure of
its own, and the words for a direction, an order or a hedge are those of its way. All sentences of a kind have
the same slots. Where no model chooses, the first one stands, and the next where it has just been used. Names
never begin a sentence, so that they stay as they are written; and a slot never needs to be counted: `{terms}`
may be one or several. The sentences of a kind have their slots with intervals in one order, as only the first
interval of a sentence says what it is.
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
    FIRST_ONLY,
    LARGER,
    NEGATIVE,
    NEITHER,
    PLAIN,
    POSITIVE,
    REVERSED,
    SECOND_ONLY,
    SMALLER,
    UNKNOWN,
    WITH_ERRORS,
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
        "On {construct}, {measure} and {criterion} correlate positively over {texts} ({figure}).",
        "Over {texts}, the correlation of {measure} with {criterion} on {construct} is positive ({figure}).",
    ),
    BELOW: (
        "On {texts}, {measure} correlates negatively with {criterion} on {construct} ({figure}).",
        "On {construct}, {measure} and {criterion} correlate negatively over {texts} ({figure}).",
        "Over {texts}, the correlation of {measure} with {criterion} on {construct} is negative ({figure}).",
    ),
    AROUND: (
        "On {texts}, it is open whether {measure} correlates with {criterion} on {construct} ({figure}).",
        "On {construct}, {measure} and {criterion} may not correlate at all over {texts} ({figure}).",
        "Over {texts}, no correlation of {measure} with {criterion} on {construct} is established"
        " ({figure}).",
    ),
    POSITIVE: (
        "On {texts}, {measure} correlates positively with {criterion} on {construct} ({figure}); no interval"
        " is known.",
        "On {construct}, {measure} and {criterion} correlate positively over {texts} ({figure}); no interval"
        " is known.",
    ),
    NEGATIVE: (
        "On {texts}, {measure} correlates negatively with {criterion} on {construct} ({figure}); no interval"
        " is known.",
        "On {construct}, {measure} and {criterion} correlate negatively over {texts} ({figure}); no interval"
        " is known.",
    ),
    ZERO: (
        "On {texts}, the correlation of {measure} with {criterion} on {construct} is nil ({figure}); no"
        " interval is known.",
        "On {construct}, {measure} and {criterion} have a correlation of nil over {texts} ({figure}); no"
        " interval is known.",
    ),
}

_DIFFERENCE: Wordings = {
    MORE: (
        "On the same {texts}, {measure} agrees with {criterion} more closely than {others}{nearest}.",
        "Compared with {others}, {measure} agrees with {criterion} more closely on the same"
        " {texts}{nearest}.",
        "On the same {texts}, agreement with {criterion} is closer for {measure} than for {others}{nearest}.",
    ),
    LESS: (
        "On the same {texts}, {measure} agrees with {criterion} less closely than {others}{nearest}.",
        "Compared with {others}, {measure} agrees with {criterion} less closely on the same"
        " {texts}{nearest}.",
        "On the same {texts}, agreement with {criterion} is less close for {measure} than for"
        " {others}{nearest}.",
    ),
    OPEN: (
        "On the same {texts}, {measure} cannot be told apart from {others} in agreement with"
        " {criterion}{nearest}.",
        "In agreement with {criterion} on the same {texts}, {measure} cannot be told apart from"
        " {others}{nearest}.",
        "Between {measure} and {others}, no difference in agreement with {criterion} is clear on the same"
        " {texts}{nearest}.",
    ),
}


def _differing(nearest: str) -> Wordings:
    return {
        way: tuple(each.replace("{nearest}", nearest) for each in templates)
        for way, templates in _DIFFERENCE.items()
    }


_MOVED = {
    LARGER: ("is larger in size", "than", "makes the coefficient of {term} larger in size"),
    SMALLER: ("is smaller in size", "than", "makes the coefficient of {term} smaller in size"),
    ALIKE: ("has the same printed size", "as", "leaves the coefficient of {term} at the same printed size"),
    REVERSED: ("has another sign", "than", "gives the coefficient of {term} another sign"),
}
_CERTAIN = {
    BOTH: "both intervals exclude zero",
    FIRST_ONLY: "the interval no longer excludes zero",
    SECOND_ONLY: "only now does the interval exclude zero",
    NEITHER: "both intervals include zero",
    UNKNOWN: "not every interval is known",
}


def _moving(first: str, second: str, third: str) -> Wordings:
    """Return what becomes of an uncorrected estimate; the arguments say how the other one was made."""
    found = {}
    for size, (is_, than, makes) in _MOVED.items():
        for certainty, certain in _CERTAIN.items():
            found[f"{size}; {certainty}"] = (
                f"{first}, the coefficient of {{term}} {is_} {than} with the codes of {{coder}} as they are"
                f" ({{after}}, instead of {{before}}); {certain}.",
                f"The coefficient of {{term}} {is_} {second} ({{after}}) {than} with the codes of {{coder}}"
                f" as they are ({{before}}); {certain}.",
                f"{third} {makes} ({{after}}, instead of {{before}}); {certain}.",
            )
    return found


_STANDING: Wordings = {
    ABOVE: (
        "the interval lies above zero for {terms}",
        "the whole interval is positive for {terms}",
        "the interval is all above zero for {terms}",
    ),
    BELOW: (
        "the interval lies below zero for {terms}",
        "the whole interval is negative for {terms}",
        "the interval is all below zero for {terms}",
    ),
    AROUND: (
        "the interval includes zero for {terms}",
        "zero is not excluded for {terms}",
        "either sign is possible for {terms}",
    ),
    POSITIVE: (
        "the sign is positive, but without an interval, for {terms}",
        "the estimate is positive, but has no interval, for {terms}",
        "there is a positive sign, but no interval, for {terms}",
    ),
    NEGATIVE: (
        "the sign is negative, but without an interval, for {terms}",
        "the estimate is negative, but has no interval, for {terms}",
        "there is a negative sign, but no interval, for {terms}",
    ),
    ZERO: (
        "the estimate is printed as zero, without an interval, for {terms}",
        "the printed estimate is zero, and has no interval, for {terms}",
        "there is a printed zero, and there is no interval, for {terms}",
    ),
}


def _standing(before: Sequence[str], after: str = "") -> Wordings:
    return {
        way: tuple(_capital(f"{first}{claim}{after}.") for first, claim in zip(before, claims, strict=True))
        for way, claims in _STANDING.items()
    }


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


WORDINGS: Mapping[str, Wordings] = {
    "correlation": _CORRELATION,
    "ranking": {
        PLAIN: (
            "On {texts}, the highest correlation with {criterion} on {construct} is that of {best}, and the"
            " lowest that of {worst}.",
            "Over {texts}, the correlation with {criterion} on {construct} is highest for {best}, and lowest"
            " for {worst}.",
        )
    },
    "between": {
        PLAIN: (
            "In between one finds {measures}.",
            "The middle is held by {measures}.",
        )
    },
    "ranking of many": {
        PLAIN: (
            "Of {measures} on {texts}, the highest correlation with {criterion} on {construct} is that of"
            " {best}, and the lowest that of {worst}; the other {others} lie between ({range}).",
            "Of {measures} on {texts}, the correlation with {criterion} on {construct} is highest for {best},"
            " and lowest for {worst}; the other {others} lie between ({range}).",
        )
    },
    "tie": {
        PLAIN: (
            "On {texts}, {measures} have the same correlation with {criterion} on {construct}, as printed.",
            "Over {texts}, the printed correlation with {criterion} on {construct} is the same for"
            " {measures}.",
        )
    },
    "tie of many": {
        PLAIN: (
            "On {texts}, all {measures} have the same correlation with {criterion} on {construct}, as printed"
            " ({figure}).",
            "Over {texts}, the printed correlation with {criterion} on {construct} is the same for all"
            " {measures} ({figure}).",
        )
    },
    "elsewhere": {
        PLAIN: (
            "On other numbers of texts, the correlation with {criterion} is known for {measures}.",
            "The correlation with {criterion} is known on other numbers of texts for {measures}.",
        )
    },
    "elsewhere of many": {
        PLAIN: (
            "On other numbers of texts ({texts}), {measures} correlate with {criterion} at {range}.",
            "The {measures} on other numbers of texts ({texts}) correlate with {criterion} at {range}.",
        )
    },
    "doubt": {
        BELOW: (
            "For {measures}, the correlation with {criterion} is negative, and the interval excludes zero.",
            "The correlation with {criterion} is negative, and the interval excludes zero, for {measures}.",
        ),
        AROUND: (
            "For {measures}, the interval includes zero, so any correlation with {criterion} stays open.",
            "Any correlation with {criterion} stays open for {measures}, as the interval includes zero.",
        ),
    },
    "no correlation": {
        PLAIN: (
            "No correlation with {criterion} on {construct} could be computed for {measures}.",
            "For {measures}, no correlation with {criterion} on {construct} could be computed.",
        )
    },
    "yardstick": {
        PLAIN: (
            "As a yardstick, single ratings by {criterion} correlate with the mean of the others at"
            " {figure}.",
            "For comparison, a rating by {criterion} correlates with the mean of the others at {figure}.",
        )
    },
    "difference": _differing(""),
    "difference of many": _differing("; the nearest are {nearest}"),
    "correction": _moving(
        "Corrected by {estimator}",
        "when corrected by {estimator}",
        "Correcting for errors in the codes of {coder} by {estimator}",
    ),
    "people alone": _moving(
        "With people's codes alone",
        "with people's codes alone",
        "Taking people's codes alone, and not the codes of {coder},",
    ),
    "corrected": _standing(("With {estimator}, ", "Using {estimator}, ", "Based on {estimator}, ")),
    "uncorrected codes": _standing(
        (
            "With the codes of {coder} as they are, ",
            "From the codes of {coder} as they are, ",
            "Using the codes of {coder} as they are, ",
        ),
        "; errors are not corrected",
    ),
    "measures as they are": {
        WITH_ERRORS: (
            "This regression takes the measures as they are, errors included.",
            "In this regression, errors of the measures are not corrected.",
        )
    },
    "uncorrected regression": _standing(("", "", "")),
    "benchmark": {
        PLAIN: (
            "For comparison, people's codes of all texts give {terms}.",
            "People's codes of all texts, for comparison, give {terms}.",
            "To compare: the codes of people for all texts give {terms}.",
        )
    },
    "left": {
        PLAIN: (
            "The table also has the figures of {rest}.",
            "For the figures of {rest}, see the table.",
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
