"""The study's sections against each other: groups and the criterion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from study.config.document import Document
from study.config.names import ROLES, covariates, fold, levels, role
from study.errors import StudyError

POOLED = "all"


def check_study(document: Document, config: dict[str, Any]) -> Iterator[StudyError]:
    """Yield what is wrong between the sections; `config` is the study with defaults and its codebooks."""
    known = covariates(config)
    draw = config["gold"]["draw"]
    groups = [
        (("sample", "by"), config["sample"]["by"] if isinstance(config["sample"], dict) else None),
        (("compare", "by"), config["compare"]["by"]),
        (("compare", "error_by"), config["compare"]["error_by"]),
        (("gold", "draw", "by"), draw["by"] if draw else None),
    ]
    for place, by in groups:
        for name in [by] if isinstance(by, str) else by or []:
            if known is not None and name not in known:
                yield document.error(
                    place,
                    "There is no such covariate.",
                    found=name,
                    allowed=known,
                    hint=_hint(config, name),
                )
    yield from _compare(document, config)
    folded: dict[str, str] = {}
    for name in config["models"]:
        if folded.setdefault(fold(name), name) != name:
            yield document.error(("models", name), "The names of two models differ only in case.", found=name)
    if config["narrative"] is not None and config["narrative"] not in config["models"]:
        yield document.error(
            ("narrative",),
            "There is no such model under 'models'.",
            found=config["narrative"],
            allowed=config["models"],
            hint="Without a model the sentences are fixed: leave the key out.",
        )


def _hint(config: dict[str, Any], name: str) -> str | None:
    for known in ROLES:
        if config["units"][known] == name:
            return f"The column is '{known}' in the study, as units.{known} says."
    return (
        None if config["corpus"]["covariates"] is None else "Columns to keep are listed in corpus.covariates."
    )


def _compare(document: Document, config: dict[str, Any]) -> Iterator[StudyError]:
    compare, coders = config["compare"], config["coders"]
    humans = [name for name, coder in coders.items() if role(coder) == "human"]
    criterion = compare["criterion"]
    if criterion is None and len(humans) > 1:
        yield document.error(
            ("compare", "criterion"), "There are several human coders: name the criterion.", allowed=humans
        )
    elif criterion is not None and criterion not in coders:
        yield document.error(
            ("compare", "criterion"),
            "The criterion is no coder of this study.",
            found=criterion,
            allowed=humans or list(coders),
            hint="A column of the corpus becomes a criterion as 'score: {column: ...}' of a human coder."
            if criterion in (covariates(config) or [])
            else None,
        )
    elif criterion is not None and coders[criterion]["type"] == "supervised":
        yield document.error(
            ("compare", "criterion"),
            "A supervised coder learns from the criterion, so it cannot be the criterion.",
            found=criterion,
            allowed=humans,
        )
    low, high = compare["thresholds"]
    if low > high:
        yield document.error(
            ("compare", "thresholds"),
            "The thresholds are reversed: the first must not be larger than the second.",
            found=compare["thresholds"],
            allowed=f"[{high}, {low}]",
        )
    if compare["by"] is not None and POOLED in (levels(config, compare["by"]) or []):
        yield document.error(
            ("compare", "by"),
            f"A value of '{compare['by']}' is '{POOLED}', which tables use for all values together.",
            found=POOLED,
            hint="Give it another name.",
        )
