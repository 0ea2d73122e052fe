"""Errors that tell a researcher what to do: the file, the key, what was found, what is allowed."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Sequence

LONGEST = 200
"""Characters of a found value that a message shows."""
MOST = 30
"""Allowed values that a message lists."""


HIDDEN = "(not shown: it may be a key)"
"""What stands for a key of a model server, which no message shows."""
KEYS = re.compile(
    r"\b((sk|pk|rk)-|hf_|gsk_|xai-|AIza|gh[pousr]_|glpat-|nvapi-|eyJ)[\w.-]{8,}|\bBearer\s+[^\s'\",]+"
)
"""How keys of the usual providers begin."""


def nearest(word: object, allowed: Iterable[object]) -> str | None:
    """Return the allowed word that is spelt most like `word`, or None when none is close."""
    by_folded = {_folded(a): str(a) for a in allowed}
    close = difflib.get_close_matches(_folded(word), list(by_folded), n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


class StudyError(Exception):
    """Something that the researcher can mend; `str()` of it is one paragraph without a traceback.

    Parameters
    ----------
    problem
        What is wrong, a sentence.
    file, key
        Where: the file's path inside the study, and the dotted key or the row in it.
    found, allowed
        What stands there, and what may stand there (a sentence, or the values; with several
        values the nearest spelling is suggested).
    hint
        What to do, a sentence.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: object = None,
        key: object = None,
        found: object = None,
        allowed: object = None,
        hint: str | None = None,
    ) -> None:
        """Put the parts together to a paragraph."""
        self.problem, self.file, self.key = problem, file, key
        self.found, self.hint = found, hint
        self.allowed = (
            [str(a) for a in allowed]
            if isinstance(allowed, Iterable) and not isinstance(allowed, str)
            else allowed
        )
        super().__init__(self._paragraph())

    def _paragraph(self) -> str:
        where = ", ".join(
            part
            for part in (str(self.file) if self.file else "", f"key '{self.key}'" if self.key else "")
            if part
        )
        parts = [f"{where}: {self.problem}" if where else self.problem]
        if self.found is not None:
            parts.append(f"Found: {KEYS.sub(HIDDEN, shown(self.found))}.")
        if self.allowed is not None and not isinstance(self.allowed, list):
            parts.append(f"Allowed: {str(self.allowed).rstrip('.')}.")
        elif self.allowed is not None:
            parts.append(f"Allowed: {_listed(self.allowed)}.")
            close = nearest(self.found, self.allowed) if isinstance(self.found, str | int | float) else None
            if close and close != str(self.found):
                parts.append(f"Did you mean '{close}'?")
        if self.hint:
            parts.append(self.hint)
        return " ".join(_one_line(part) for part in parts)


class ProblemsError(StudyError):
    """Several of them, found together; `str()` of it has a paragraph for each of the first few.

    Parameters
    ----------
    problems
        What is wrong, the most useful first.
    limit
        How many are shown; the number of the others is said.
    """

    def __init__(self, problems: Sequence[StudyError], limit: int = 3) -> None:
        """Put the first few together."""
        super().__init__(problems[0].problem)
        self.problems = tuple(problems)
        paragraphs = [str(problem) for problem in problems[:limit]]
        left = len(problems) - limit
        if left > 0:
            paragraphs.append(f"There {'is 1 more problem' if left == 1 else f'are {left} more problems'}.")
        self.args = ("\n\n".join(paragraphs),)

    def __reduce__(self) -> tuple[type, tuple[tuple[StudyError, ...]]]:
        """Travel between processes whole."""
        return type(self), (self.problems,)


def raise_all(problems: Sequence[StudyError]) -> None:
    """Raise what was found: nothing, the one problem, or the first few together."""
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise ProblemsError(problems)


def shown(value: object) -> str:
    """Return a value as it would stand in a configuration file, short, in one line."""
    if isinstance(value, str):
        return f"'{_printable(value[:LONGEST])}'" + ("..." if len(value) > LONGEST else "")
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = str(value)
    return _printable(text[:LONGEST]) + ("..." if len(text) > LONGEST else "")


def _listed(values: Sequence[str]) -> str:
    more = f" and {len(values) - MOST} more" if len(values) > MOST else ""
    return (", ".join(values[:MOST]) or "none") + more


def _folded(word: object) -> str:
    return str(word)[:LONGEST].casefold().replace("-", "_")


def _one_line(text: str) -> str:
    return _printable(" ".join(line.strip() for line in text.splitlines() if line.strip()))


def _printable(text: str) -> str:
    # Control characters could rewrite the terminal, and bidirectional ones show a text as another one.
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
