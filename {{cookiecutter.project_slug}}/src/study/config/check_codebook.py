"""What a schema cannot say about a codebook: which keys belong together, and what a wording must hold."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from study.config.check_answers import check_answers
from study.config.check_examples import check_examples
from study.config.check_prompt import check_prompt
from study.config.check_wordings import check_wordings
from study.config.document import Document
from study.errors import StudyError


def check_codebook(document: Document, book: dict[str, Any], stem: str) -> Iterator[StudyError]:
    """Yield what is wrong with a codebook that fits its schema.

    Parameters
    ----------
    document
        The file.
    book
        Its values with defaults.
    stem
        The file's name without .yaml.
    """
    if book["construct"] != stem:
        yield document.error(
            ("construct",),
            "The construct must have the name of its file.",
            found=book["construct"],
            allowed=stem,
            hint=f"Rename one of them (config/codebooks/{book['construct']}.yaml).",
        )
    wrong = list(check_answers(document, book))
    yield from wrong
    if book["type"] != "record" or book["fields"]:
        yield from check_wordings(document, book)
        yield from check_prompt(document, book)
    if not wrong:
        # Which answers an example may have is known when the answers are in order.
        yield from check_examples(document, book)
    for i, revision in enumerate(book["revisions"]):
        try:
            datetime.date.fromisoformat(revision["date"])
        except ValueError:
            yield document.error(("revisions", i, "date"), "There is no such day.", found=revision["date"])
