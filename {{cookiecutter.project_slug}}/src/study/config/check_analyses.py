"""Analyses and hypotheses: formulas, whose codes stand in them, and the terms that are expected."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from study.codebook import WITH_CATEGORIES
from study.config.document import Document, KeyPath
from study.config.names import FIXED_TABLES, companions, covariates, fit_to_analyse, measures
from study.errors import StudyError

if TYPE_CHECKING:
    from study.inference.formula import Formula

ALWAYS_THERE = "document_id"
"""A column that every table of measures has."""


class _Anything(list[str]):
    """Columns that only the files can tell: every name may be one."""

    def __contains__(self, _: object) -> bool:
        return True


def check_analyses(document: Document, config: dict[str, Any]) -> Iterator[StudyError]:
    """Yield what is wrong with analyses and hypotheses; `config` is the study with defaults and codebooks."""
    formulas: dict[str, Formula] = {}
    for name, analysis in config["analyses"].items():
        place = ("analyses", name)
        if name in FIXED_TABLES:
            yield document.error(
                place,
                f"Every study has a table '{name}.csv' already.",
                found=name,
                hint="Rename the analysis.",
            )
        unknown = [construct for construct in analysis["coded"] if construct not in config["codebooks"]]
        if unknown:
            yield document.error(
                (*place, "coded"),
                "This is no construct of the study.",
                found=unknown[0],
                allowed=config["codebooks"],
            )
            continue
        try:
            formulas[name] = formula_of(config, analysis)
        except StudyError as error:
            yield document.error(
                (*place, "formula"), error.problem, found=error.found, allowed=error.allowed, hint=error.hint
            )
            continue
        yield from _columns(document, place, config, analysis)
        if analysis["coded"]:
            yield from _coded(document, place, config, analysis, formulas[name])
        else:
            yield from _plain(document, place, analysis, formulas[name])
    for name, hypothesis in config["hypotheses"].items():
        yield from _hypothesis(document, ("hypotheses", name), hypothesis, config, formulas)


def formula_of(config: dict[str, Any], analysis: dict[str, Any]) -> Formula:
    """Read the formula of an analysis; a StudyError says what is wrong with it."""
    from study.inference.formula import parse_formula

    known = covariates(config)
    labels = [name for name in companions(config) if name.endswith("_label")]
    if known is None:
        return parse_formula(analysis["formula"], _Anything())
    if analysis["coded"]:
        return parse_formula(analysis["formula"], [*analysis["coded"], *known, ALWAYS_THERE])
    return parse_formula(analysis["formula"], [*measures(config), *known, *labels, ALWAYS_THERE])


def _columns(
    document: Document, place: KeyPath, config: dict[str, Any], analysis: dict[str, Any]
) -> Iterator[StudyError]:
    """Clusters, groups and predictors are covariates."""
    known = covariates(config)
    named = {
        "cluster": [analysis["cluster"]] if analysis["cluster"] else [],
        "predictors": analysis["predictors"],
    }
    for key, columns in named.items():
        for column in columns:
            if known is not None and column not in (*known, ALWAYS_THERE):
                yield document.error(
                    (*place, key), "There is no such covariate.", found=column, allowed=[*known, ALWAYS_THERE]
                )
    group = analysis["aggregate"]
    if (
        group is not None
        and config["units"][group] is None
        and not (group == "document" and config["units"]["segment"] != "none")
    ):
        yield document.error(
            (*place, "aggregate"),
            f"Nothing says which {group} a unit belongs to.",
            found=group,
            hint=f"Name the column under units.{group}.",
        )
    if group is not None and analysis["family"] != "linear":
        yield document.error(
            (*place, "aggregate"),
            "Means are analysed by linear regression.",
            found=analysis["family"],
            allowed="family: linear",
        )


def _plain(
    document: Document, place: KeyPath, analysis: dict[str, Any], formula: Formula
) -> Iterator[StudyError]:
    for variable in analysis["incremental"]:
        if analysis["family"] != "linear":
            yield document.error(
                (*place, "incremental"), "Only linear regressions have an R2.", found=analysis["family"]
            )
            return
        if variable not in formula.predictors:
            yield document.error(
                (*place, "incremental"),
                "This is no variable on the right of the formula.",
                found=variable,
                allowed=formula.predictors,
            )
    if analysis["coders"] is not None:
        yield document.error(
            (*place, "coders"),
            "Whose codes are analysed is said by the formula, as the measures in it.",
            hint="Name constructs in the formula and under 'coded', or remove 'coders'.",
        )


def _coded(
    document: Document, place: KeyPath, config: dict[str, Any], analysis: dict[str, Any], formula: Formula
) -> Iterator[StudyError]:
    for construct in analysis["coded"]:
        if construct not in formula.variables:
            yield document.error(
                (*place, "coded"),
                "This construct is not in the formula.",
                found=construct,
                allowed=formula.variables,
            )
    outcome = config["codebooks"].get(formula.outcome) if formula.outcome in analysis["coded"] else None
    if outcome and outcome["type"] in WITH_CATEGORIES and not _has_values(outcome):
        yield document.error(
            (*place, "formula"),
            f"The labels of the outcome '{formula.outcome}' have no values, so there is nothing to explain.",
            hint="Give the codebook's categories values, such as 1 and 0.",
        )
    fit = fit_to_analyse(config, analysis["coded"])
    for name in analysis["coders"]:
        if name not in fit:
            yield document.error(
                (*place, "coders"),
                f"This is no coder of {', '.join(analysis['coded'])} beside the truth.",
                found=name,
                allowed=fit,
            )
    if analysis["incremental"]:
        yield document.error(
            (*place, "incremental"),
            "R2 is compared in formulas of measures, such as rating_humans ~ rating_llm, without 'coded'.",
            found=analysis["incremental"],
        )


def _hypothesis(
    document: Document,
    place: KeyPath,
    hypothesis: dict[str, Any],
    config: dict[str, Any],
    formulas: dict[str, Formula],
) -> Iterator[StudyError]:
    name, term = hypothesis["analysis"], hypothesis["term"]
    if name not in config["analyses"]:
        yield document.error(
            (*place, "analysis"),
            "There is no such analysis.",
            found=name,
            allowed=config["analyses"],
        )
        return
    if name not in formulas:  # its formula is wrong, which is said already
        return
    terms = [":".join(factors) for factors in formulas[name].terms]
    if not any(is_of(term, factors) for factors in formulas[name].terms):
        yield document.error(
            (*place, "term"),
            f"The regression '{name}' has no such term.",
            found=term,
            allowed=terms,
            hint="A category's term names its level, as in C(domain)[T.nyt].",
        )


def is_of(term: str, factors: tuple[str, ...]) -> bool:
    """Return whether a term belongs to these factors: 'C(domain)[T.nyt]:age' to ('C(domain)', 'age')."""
    rest = term
    for number, factor in enumerate(factors):
        if not rest.startswith(factor):
            return False
        rest = rest[len(factor) :]
        if rest.startswith("["):
            rest = rest[rest.find("]") + 1 :] if "]" in rest else "]"
        if number < len(factors) - 1:
            if not rest.startswith(":"):
                return False
            rest = rest[1:]
    return not rest


def _has_values(book: dict[str, Any]) -> bool:
    labels = {
        label: keys for label, keys in (book["categories"] or {}).items() if label != book["not_codable"]
    }
    return all((keys or {}).get("value") is not None for keys in labels.values())
