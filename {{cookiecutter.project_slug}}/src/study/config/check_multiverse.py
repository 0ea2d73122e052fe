"""The multiverse: an analysis with coded constructs, and instruments whose codes can stand in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from study.config.check_analyses import formula_of, is_of
from study.config.document import Document, KeyPath
from study.config.experiments import files_of
from study.config.names import fit_to_analyse
from study.errors import StudyError


def complete_multiverse(config: dict[str, Any]) -> None:
    """Fill in the analysis' own coders, and the terms of the hypotheses about it, in place."""
    multiverse = config["multiverse"]
    if multiverse is None or multiverse["analysis"] not in config["analyses"]:
        return
    if multiverse["coders"] is None:
        multiverse["coders"] = config["analyses"][multiverse["analysis"]]["coders"] or []
    if multiverse["terms"] is None:
        expected = [h for h in config["hypotheses"].values() if h["analysis"] == multiverse["analysis"]]
        multiverse["terms"] = list(dict.fromkeys(hypothesis["term"] for hypothesis in expected)) or None


def check_multiverse(document: Document, config: dict[str, Any]) -> Iterator[StudyError]:
    """Yield what is wrong with the multiverse; `config` is the study with defaults and codebooks."""
    multiverse, place = config["multiverse"], ("multiverse",)
    if multiverse is None:
        return
    coded = [name for name, analysis in config["analyses"].items() if analysis["coded"]]
    name = multiverse["analysis"]
    if name not in coded:
        known = name in config["analyses"]
        yield document.error(
            (*place, "analysis"),
            "In this analysis no coder's codes stand for a construct: it has no 'coded'."
            if known
            else "There is no such analysis.",
            found=name,
            allowed=coded,
            hint=None if coded else "Name constructs in a formula and under its 'coded'.",
        )
        return
    analysis = config["analyses"][name]
    fit = fit_to_analyse(config, analysis["coded"])
    for coder in multiverse["coders"]:
        if coder not in fit:
            yield document.error(
                (*place, "coders"),
                f"This is no coder of {', '.join(analysis['coded'])} beside the truth.",
                found=coder,
                allowed=fit,
            )
    for experiment in multiverse["experiments"]:
        yield from _experiment(document, (*place, "experiments"), experiment, config, analysis["coded"])
    if not multiverse["coders"] and not multiverse["experiments"]:
        yield document.error(
            place, "There is no instrument to compare.", hint="Name coders, or experiments, or both."
        )
    yield from _terms(document, (*place, "terms"), config, analysis)


def _experiment(
    document: Document, place: KeyPath, name: str, config: dict[str, Any], coded: list[str]
) -> Iterator[StudyError]:
    """An experiment asks about a coded construct, and its coder codes the others as it is."""
    if name not in config["experiments"]:
        yield document.error(
            place, "There is no such experiment.", found=name, allowed=list(config["experiments"])
        )
        return
    experiment = config["experiments"][name]
    asked = files_of(config, experiment["coder"])[experiment["codebook"]]
    if not set(asked) & set(coded):
        yield document.error(
            place,
            f"The experiment asks about {', '.join(asked)}, and the analysis is of {', '.join(coded)}.",
            found=name,
            hint="Choose an experiment on one of the constructs under 'coded'.",
        )
        return
    coder = config["coders"][experiment["coder"]]
    missing = [construct for construct in coded if construct not in (*asked, *coder["codebooks"])]
    if missing:
        yield document.error(
            place,
            f"The experiment does not ask about {missing[0]}, and its coder '{experiment['coder']}' does not"
            " code it either.",
            found=name,
        )


def _terms(
    document: Document, place: KeyPath, config: dict[str, Any], analysis: dict[str, Any]
) -> Iterator[StudyError]:
    formula = formula_of(config, analysis)
    for term in config["multiverse"]["terms"] or []:
        if not any(is_of(term, factors) for factors in formula.terms):
            yield document.error(
                place,
                f"The regression '{config['multiverse']['analysis']}' has no such term.",
                found=term,
                allowed=[":".join(factors) for factors in formula.terms],
                hint="A category's term names its level, as in C(domain)[T.nyt].",
            )
