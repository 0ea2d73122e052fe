"""The study's sections against each other: groups, the criterion, analyses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from study.config.document import Document
from study.config.names import (
    FIXED_TABLES,
    ROLES,
    companions,
    covariates,
    fold,
    levels,
    measures,
)
from study.errors import StudyError

POOLED = "all"


def check_study(document: Document, config: dict[str, Any]) -> Iterator[StudyError]:
    """Yield what is wrong between the sections; `config` is the study with defaults and its codebooks."""
    known = covariates(config)
    for section in ("sample", "compare"):
        by = config[section]["by"] if isinstance(config[section], dict) else None
        for name in [by] if isinstance(by, str) else by or []:
            if known is not None and name not in known:
                yield document.error(
                    (section, "by"),
                    "There is no such covariate.",
                    found=name,
                    allowed=known,
                    hint=_hint(config, name),
                )
    yield from _compare(document, config)
    yield from _analyses(document, config, known)
    folded: dict[str, str] = {}
    for name in config["models"]:
        if folded.setdefault(fold(name), name) != name:
            yield document.error(("models", name), "The names of two models differ only in case.", found=name)


def _hint(config: dict[str, Any], name: str) -> str | None:
    for role in ROLES:
        if config["units"][role] == name:
            return f"The column is '{role}' in the study, as units.{role} says."
    return (
        None if config["corpus"]["covariates"] is None else "Columns to keep are listed in corpus.covariates."
    )


def _compare(document: Document, config: dict[str, Any]) -> Iterator[StudyError]:
    compare, coders = config["compare"], config["coders"]
    humans = [name for name, coder in coders.items() if coder["type"] == "human"]
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


class _Anything(list[str]):
    """Columns that only the files can tell: every name may be one."""

    def __contains__(self, _: object) -> bool:
        return True


def _analyses(document: Document, config: dict[str, Any], known: list[str] | None) -> Iterator[StudyError]:
    from study.inference.formula import parse_formula

    labels = [name for name in companions(config) if name.endswith("_label")]
    columns = _Anything() if known is None else [*measures(config), *known, *labels, "document_id"]
    for name, analysis in config["analyses"].items():
        place = ("analyses", name)
        if name in FIXED_TABLES:
            yield document.error(
                place,
                f"Every study has a table '{name}.csv' already.",
                found=name,
                hint="Rename the analysis.",
            )
        try:
            formula = parse_formula(analysis["formula"], columns)
        except StudyError as error:
            yield document.error(
                (*place, "formula"), error.problem, found=error.found, allowed=error.allowed, hint=error.hint
            )
            continue
        for variable in analysis["incremental"]:
            if variable not in formula.predictors:
                yield document.error(
                    (*place, "incremental"),
                    "This is no variable on the right of the formula.",
                    found=variable,
                    allowed=formula.predictors,
                )
