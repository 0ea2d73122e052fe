"""Refuse answers that would make a broken study, before a file of it is written.

The answers enter as data: cookiecutter renders this file, and JSON is all that it puts into it.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Iterator, Mapping

CONTEXT = r"""{{ cookiecutter | tojson }}"""

LONGEST = 500
HIDDEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
"""Categories of Unicode: controls, text directions, line ends, and what is no character."""
JOINERS = {"\u200c", "\u200d"}
"""Invisible, and part of the spelling of Persian words and of some emoji."""

SLUG = re.compile(r"[a-z][a-z0-9_-]{0,63}")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]{2,}")
ORCID = re.compile(r"([0-9]{4}-){3}[0-9]{3}[0-9X]")
REMOTES = ("s3", "ssh", "webdav", "webdavs", "http", "https")
"""What the study's environment can reach; DVC has an extra for each other kind."""


def problems(answers: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each answer that cannot be used."""
    for name in ("project_name", "question", "author_name"):
        if not answers[name].strip():
            yield f"{name} is empty: give at least a word."
    for name, answer in answers.items():
        if not name.startswith("_") and isinstance(answer, str):
            yield from _unusable(name, answer)
    if not SLUG.fullmatch(answers["project_slug"]):
        yield (
            "project_slug is the name of a folder: a lower-case letter, then at most 63 lower-case letters, "
            f"digits, '-' or '_', not {answers['project_slug']!a}."
        )
    if not EMAIL.fullmatch(answers["author_email"]):
        yield f"author_email is an address such as name@example.org, not {answers['author_email']!a}."
    if answers["orcid"] and not is_orcid(answers["orcid"]):
        yield (
            "orcid is four groups of four digits whose last is a check digit, such as 0000-0002-1825-0097, "
            f"or empty, not {answers['orcid']!a}."
        )
    if answers["dvc_remote"]:
        yield from _remote(answers["dvc_remote"])


def is_orcid(text: str) -> bool:
    """Return whether this is an ORCID with the right check digit (ISO 7064, MOD 11-2)."""
    if not ORCID.fullmatch(text):
        return False
    digits = text.replace("-", "")
    total = 0
    for digit in digits[:-1]:
        total = (total + int(digit)) * 2
    check = (12 - total % 11) % 11
    return digits[-1] == ("X" if check == 10 else str(check))


def _unusable(name: str, answer: str) -> Iterator[str]:
    hidden = [c for c in answer if c not in JOINERS and unicodedata.category(c) in HIDDEN]
    if hidden:
        shown = hidden[0].encode("unicode_escape").decode("ascii")
        yield f"{name} holds the character {shown}, which is no part of a line of text: leave it out."
    if any("{" + mark in answer for mark in "#%{"):
        yield (
            f"{name} holds two opening braces, or one before '%' or '#', which cookiecutter would take "
            "for a command at the next update: put a space between them."
        )
    if len(answer) > LONGEST:
        yield f"{name} has {len(answer)} characters: at most {LONGEST} are allowed."


def _remote(address: str) -> Iterator[str]:
    scheme, is_address, rest = address.partition("://")
    if '"' in address or "%(" in address or address != address.strip():
        yield "dvc_remote holds a double quotation mark, '%(', or a space at an end: DVC cannot keep those."
    elif is_address and (scheme not in REMOTES or not rest.strip("/")):
        yield (
            f"dvc_remote is a folder, or an address that begins with {', '.join(REMOTES)} and ://, "
            f"not {address!a}."
        )
    elif is_address and re.match(r"[^/@]*:[^/@]*@", rest):
        yield (
            "dvc_remote holds a password, and everybody who gets the study would read it: leave it out, and "
            "run 'dvc remote modify --local storage password ...' in the study."
        )


def is_too_old(context: Mapping[str, object]) -> bool:
    """Return whether this cookiecutter is older than 2.3, which knows the year and where the template is."""
    made_by_cruft = "_commit" in context
    return not str(context.get("__year")).isdigit() or not (made_by_cruft or "_repo_dir" in context)


def main() -> None:
    """Stop with a sentence for each problem."""
    context = json.loads(CONTEXT)
    if is_too_old(context):
        found = ["cookiecutter is too old here: version 2.3 or later is needed (pipx install cookiecutter)."]
    else:
        found = list(problems(context))
    if found:
        print("\n".join(["No study was made.", *found]), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
