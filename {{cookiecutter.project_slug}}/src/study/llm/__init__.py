"""Coding with a language model; nothing outside this package loads one."""

from __future__ import annotations

from study.errors import StudyError


class NotEvaluatedError(StudyError):
    """The model could not evaluate one text; it may well evaluate the next."""
