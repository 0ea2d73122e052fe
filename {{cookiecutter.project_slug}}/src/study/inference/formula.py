"""Read a model formula without evaluating anything in it.

Libraries of model formulas evaluate their parts as Python code, and a configuration may come from anyone.
So a formula is read by a grammar of its own that knows columns, `C(column)` (categories), `1`, `0` and the
operators `~ + - : * / ( )`, in the sense of Wilkinson & Rogers (1973); everything else is refused. What goes
on to the library is written anew from the terms that were understood: no character of the researcher's string
but the names of columns that exist.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from study.errors import StudyError

MAX_LENGTH = 2000
MAX_DEPTH = 20
MAX_TERMS = 200
"""Bounds that no regression needs to pass; a short formula can stand for millions of terms otherwise."""

_TOKEN = re.compile(
    r"\s*(?:(?P<name>[^\W\d]\w*)|(?P<number>\d[\w.]*)|(?P<operator>[-+*:~()/])|(?P<other>\S))"
)
ALLOWED = "names of columns, C(column), 0, 1 and ~ + - : * / ( )"

Term = tuple[str, ...]


@dataclass(frozen=True)
class Formula:
    """A linear predictor, expanded.

    Attributes
    ----------
    outcome
        The column on the left.
    terms
        Each a tuple of factors, 'column' or 'C(column)'; several factors are an interaction.
    intercept
        Whether the model has one.
    """

    outcome: str
    terms: tuple[Term, ...]
    intercept: bool = True

    @property
    def predictors(self) -> tuple[str, ...]:
        """The columns on the right, each once, in the order of their first appearance."""
        return tuple(dict.fromkeys(variable(factor) for term in self.terms for factor in term))

    @property
    def variables(self) -> tuple[str, ...]:
        """The outcome and the predictors."""
        return (self.outcome, *self.predictors)

    def without(self, column: str) -> Formula:
        """Return the formula less every term that the column is part of."""
        kept = tuple(term for term in self.terms if column not in map(variable, term))
        return Formula(self.outcome, kept, self.intercept)

    def __str__(self) -> str:
        """Write the formula with `+` and `:` alone."""
        parts = ["1" if self.intercept else "0", *(":".join(term) for term in self.terms)]
        return f"{self.outcome} ~ {' + '.join(parts)}"


def variable(factor: str) -> str:
    """Return the column of a factor: 'domain' of 'C(domain)'."""
    return factor[2:-1] if factor.startswith("C(") else factor


def parse_formula(text: str, columns: Collection[str], *, key: str | None = None) -> Formula:
    """Read a formula such as `rating ~ (llm + dictionary) * C(domain)`.

    Parameters
    ----------
    text
        The formula as the researcher wrote it.
    columns
        The columns that exist.
    key
        Where the formula stands in config/study.yaml, for messages.

    Raises
    ------
    StudyError
        The formula holds anything but what the grammar allows, or a column that does not exist; the message
        names the place and the nearest spelling. Nothing is evaluated.
    """
    return _Parser(text, columns, key or "formula").formula()


class _Parser:
    """Recursive descent, in patsy's order of precedence: `:` before `*` and `/` before `+` and `-`."""

    def __init__(self, text: str, columns: Collection[str], key: str) -> None:
        self.text, self.columns, self.key = text, columns, key
        self._shown = text if len(text) <= 120 else f"{text[:120]}..."
        self.tokens = list(self._tokenize())
        self.position = 0
        self.depth = 0
        self.intercept = True

    def formula(self) -> Formula:
        outcome = self._take()
        if not outcome.isidentifier() or self._peek() != "~":
            raise self._error("A formula begins with the outcome, one column, and ~.", found=self.text)
        self._column(outcome)
        self._take()
        terms = self._sum()
        if self._peek():
            raise self._error("There is no operator before this, or a second ~.")
        found = Formula(outcome, tuple(terms), self.intercept)
        if outcome in found.predictors:
            raise self._error("The outcome also stands on the right.", found=outcome)
        if not terms and not self.intercept:
            raise self._error("The formula has no term.", found=self.text)
        return found

    def _sum(self) -> list[Term]:
        terms: list[Term] = []
        sign = self._take() if self._peek() in ("+", "-") else "+"
        while True:
            if self._peek() in ("0", "1"):
                self._number(sign)
            elif sign == "+":
                terms = self._union(terms, self._product())
            else:
                dropped = {frozenset(term) for term in self._product()}
                terms = [term for term in terms if frozenset(term) not in dropped]
            if self._peek() not in ("+", "-"):
                return terms
            sign = self._take()

    def _number(self, sign: str) -> None:
        if self.depth:
            raise self._error("0 and 1 stand for the intercept, outside of brackets.")
        self.intercept = (self._take() == "1") == (sign == "+")
        if self._peek() not in ("", "+", "-"):
            raise self._error("0 and 1 stand for the intercept, apart from other terms.")

    def _product(self) -> list[Term]:
        left = self._interaction()
        while self._peek() in ("*", "/"):
            nested = self._take() == "/"
            right = self._interaction()
            if nested:  # a/b: b within the combination of everything in a
                crossed = self._cross([tuple(dict.fromkeys(f for term in left for f in term))], right)
                left = self._union(left, crossed)
            else:
                left = self._union(left, right, self._cross(left, right))
        return left

    def _interaction(self) -> list[Term]:
        left = self._atom()
        while self._peek() == ":":
            self._take()
            left = self._cross(left, self._atom())
        return left

    def _atom(self) -> list[Term]:
        token = self._take()
        if token == "(":
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise self._error(f"Brackets are more than {MAX_DEPTH} deep.")
            terms = self._sum()
            self._close()
            self.depth -= 1
            return terms
        if token == "C" and self._peek() == "(":
            self._take()
            name = self._take()
            self._column(name)
            self._close()
            return [(f"C({name})",)]
        if token.isidentifier() and self._peek() == "(":
            raise self._error("The only function is C(column), for categories.", found=f"{token}(")
        self._column(token)
        return [(token,)]

    def _close(self) -> None:
        if self._take() != ")":
            self.position -= 1
            raise self._error("A closing bracket is missing here.")

    def _column(self, name: str) -> None:
        if not name.isidentifier():
            self.position -= 1
            raise self._error("The name of a column is missing here.")
        if name not in self.columns:
            raise self._error("There is no such column.", found=name, allowed=list(self.columns))
        if keyword.iskeyword(name) or name == "C" or unicodedata.normalize("NFKC", name) != name:
            raise self._error(
                "A column of this name cannot stand in a formula.", found=name, hint="Rename the column."
            )

    def _union(self, *parts: Iterable[Term]) -> list[Term]:
        """Join terms; two that differ in the order of their factors alone are one."""
        terms: dict[frozenset[str], Term] = {}
        for part in parts:
            for term in part:
                terms.setdefault(frozenset(term), term)
        if len(terms) > MAX_TERMS:
            raise self._error(f"It stands for more than {MAX_TERMS} terms.", found=self.text)
        return list(terms.values())

    def _cross(self, left: list[Term], right: list[Term]) -> list[Term]:
        return self._union(tuple(dict.fromkeys(a + b)) for a in left for b in right)

    def _tokenize(self) -> Iterable[str]:
        if len(self.text) > MAX_LENGTH:
            raise StudyError(
                f"The formula is longer than {MAX_LENGTH} characters.", file="config/study.yaml", key=self.key
            )
        for match in _TOKEN.finditer(self.text):
            token = match.group(match.lastgroup or 0)
            if match.lastgroup == "other" or (match.lastgroup == "number" and token not in ("0", "1")):
                raise StudyError(
                    f"The formula '{self._shown}' holds something that has no place there.",
                    file="config/study.yaml",
                    key=self.key,
                    found=token,
                    allowed=ALLOWED,
                )
            yield token

    def _peek(self) -> str:
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        self.position += 1
        return token

    def _error(
        self, problem: str, *, found: str | None = None, allowed: object = None, hint: str | None = None
    ) -> StudyError:
        return StudyError(
            f"The formula '{self._shown}' cannot be read. {problem}",
            file="config/study.yaml",
            key=self.key,
            found=found if found is not None else self._peek() or "the end of the formula",
            allowed=allowed if allowed is not None else ALLOWED,
            hint=hint,
        )
