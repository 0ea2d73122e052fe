"""The five checks of a study, in the order in which they are reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from study.errors import StudyError
from study.verify.check_claims import check_claims
from study.verify.check_hashes import check_hashes
from study.verify.check_remote import check_remote
from study.verify.check_responses import check_responses
from study.verify.check_tables import check_tables
from study.verify.subject import Subject
from study.verify.verdicts import FAILED, Check


@dataclass(frozen=True)
class Question:
    """What one check asks, in words, and how it is answered."""

    name: str
    text: str
    answer: Callable[[Subject], Check]


QUESTIONS = (
    Question(
        "Claims",
        "Is every published figure within its tolerance: half a unit of its last printed digit, unless a"
        " written reason says otherwise?",
        check_claims,
    ),
    Question(
        "Tables",
        "Do the study's code, data and responses give every recorded table, figure and page again?",
        check_tables,
    ),
    Question(
        "Responses",
        "Is every response that the tables use the one that today's codebooks, settings, models and texts ask"
        " for?",
        check_responses,
    ),
    Question(
        "Hashes",
        "Do data, sources, responses and models have the hashes that are recorded?",
        check_hashes,
    ),
    Question(
        "Remote",
        "Can everything that the study records be pulled from its DVC remote?",
        check_remote,
    ),
)


def all_checks(study: Subject) -> list[tuple[Question, Check]]:
    """Return every question with its answer; what keeps one from being answered fails that one only."""
    return [(question, _answered(question, study)) for question in QUESTIONS]


def _answered(question: Question, study: Subject) -> Check:
    try:
        return question.answer(study)
    except StudyError as error:
        return Check(FAILED, str(error))
