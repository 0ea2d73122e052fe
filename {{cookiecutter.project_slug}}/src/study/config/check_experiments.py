"""Experiments: whose settings are varied, and whether each level can be tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from study.config.document import Document, KeyPath
from study.config.experiments import base, files_of, rotations
from study.config.names import covariates
from study.errors import StudyError
from study.experiment.examples import needed
from study.experiment.factors import AS_SHIPPED


def check_experiments(document: Document, config: dict[str, Any]) -> Iterator[StudyError]:
    """Yield what is wrong with the experiments; `config` is the study with defaults and its codebooks."""
    models = [name for name, coder in config["coders"].items() if coder["type"] == "llm"]
    for name, experiment in config["experiments"].items():
        place = ("experiments", name)
        if experiment["coder"] not in models:
            yield document.error(
                (*place, "coder"),
                "An experiment varies the settings of a coder of type llm: name one."
                if experiment["coder"] is None
                else "This is no coder of type llm.",
                found=experiment["coder"],
                allowed=models,
            )
            continue
        files = files_of(config, experiment["coder"])
        if experiment["codebook"] not in files:
            yield document.error(
                (*place, "codebook"),
                "The coder has several codebooks: name one."
                if experiment["codebook"] is None
                else "The coder has no such codebook.",
                found=experiment["codebook"],
                allowed=list(files),
            )
            continue
        books = [config["codebooks"][construct] for construct in files[experiment["codebook"]]]
        yield from _texts(document, place, experiment, config)
        wrong = list(_levels(document, (*place, "factors"), experiment, config, books))
        yield from wrong
        yield from _repeats(document, place, experiment, config, books)
        if not wrong:
            yield from _design(document, place, experiment, config)


def _texts(
    document: Document, place: KeyPath, experiment: Mapping[str, Any], config: dict[str, Any]
) -> Iterator[StudyError]:
    if isinstance(experiment["texts"], str):
        return
    by, known = experiment["texts"]["by"], covariates(config)
    for column in [by] if isinstance(by, str) else by or []:
        if known is not None and column not in known:
            yield document.error(
                (*place, "texts", "by"), "There is no such covariate.", found=column, allowed=known
            )


def _levels(
    document: Document,
    place: KeyPath,
    experiment: Mapping[str, Any],
    config: dict[str, Any],
    books: Sequence[Mapping[str, Any]],
) -> Iterator[StudyError]:
    """Yield the levels that cannot be tried with this codebook and these models."""
    factors = experiment["factors"]
    if any(book["type"] == "compare" for book in books):
        yield document.error(
            place[:-1],
            "Codebooks of type compare cannot be varied: their codes are places in a ranking.",
            found=experiment["codebook"],
        )
        return
    for wording in factors.get("wording", ()):
        if wording not in books[0]["wording"]:
            yield document.error(
                (*place, "wording"),
                f"The codebook '{experiment['codebook']}' has no such wording.",
                found=wording,
                allowed=list(books[0]["wording"]),
                hint=f"They are written under 'wording' in config/codebooks/{experiment['codebook']}.yaml.",
            )
    yield from _orders(document, (*place, "label_order"), factors.get("label_order", ()), books)
    there = min(len(book["examples"]) for book in books)
    for level in factors.get("examples", ()):
        if max(needed(level), level == "all") > there:
            yield document.error(
                (*place, "examples"),
                f"The codebook '{experiment['codebook']}' has too few examples to choose from.",
                found=f"{level} of {there}",
                hint=f"They are written under 'examples' in config/codebooks/{experiment['codebook']}.yaml.",
            )
    yield from _reasons(document, (*place, "rationale"), factors, books)
    for model in factors.get("model", ()):
        if model not in config["models"]:
            yield document.error(
                (*place, "model"),
                "There is no such model under 'models'.",
                found=model,
                allowed=list(config["models"]),
            )
    if {AS_SHIPPED, "F16"} <= set(factors.get("quantisation", ())) and any(factors.get("sparsity", ())):
        yield document.error(
            (*place, "quantisation"),
            "A sparse model cannot be run as it is shipped: it is run in F16, which is a level too.",
            found=AS_SHIPPED,
            hint="Leave out one of the two, or the sparsities above 0.",
        )
    if "masked" in factors.get("surface", ()) and not experiment["mask"]:
        yield document.error(
            (*place[:-1], "mask"),
            "The surface 'masked' needs the words that are to be masked.",
            found=experiment["mask"],
            hint="List names of persons, parties or places under 'mask'.",
        )


def _reasons(
    document: Document, place: KeyPath, factors: Mapping[str, Any], books: Sequence[Mapping[str, Any]]
) -> Iterator[StudyError]:
    """Examples without reasons would show the model that none is wanted."""
    reasons = [level for level in factors.get("rationale", ()) if level != "none"]
    shown = set(factors.get("examples", ["all"])) != {"none"}
    silent = [book for book in books for example in book["examples"] if example["rationale"] is None]
    if reasons and shown and silent:
        yield document.error(
            place,
            f"Some examples of the codebook '{silent[0]['asked_in']}' give no reason, and the model would"
            " follow them.",
            found=reasons[0],
            hint="Give each example a 'rationale', or vary nothing but 'examples: [none]' with it.",
        )


def _orders(
    document: Document, place: KeyPath, levels: Sequence[str], books: Sequence[Mapping[str, Any]]
) -> Iterator[StudyError]:
    n = rotations(books)
    if levels and n < 2:
        yield document.error(
            place, "The codebook has no labels whose order could change.", found=list(levels)
        )
        return
    for level in levels:
        if level.startswith("rotation_") and int(level.removeprefix("rotation_")) >= n:
            yield document.error(
                place,
                f"Of {n} labels there are {n} rotations, with 'fixed' as the first.",
                found=level,
                allowed=["fixed", *(f"rotation_{first}" for first in range(1, n))],
            )


def _repeats(
    document: Document,
    place: KeyPath,
    experiment: Mapping[str, Any],
    config: dict[str, Any],
    books: Sequence[Mapping[str, Any]],
) -> Iterator[StudyError]:
    own = config["coders"][experiment["coder"]]["temperature"]
    temperatures = experiment["factors"].get("temperature", [own])
    if experiment["repeats"] > 1 and not any(temperatures):
        yield document.error(
            (*place, "repeats"),
            "At temperature 0 the model gives the same answer every time, so nothing can be repeated.",
            found=experiment["repeats"],
            allowed=1,
            hint="Add a temperature above 0 to the factors, or leave out 'repeats'.",
        )
    calibrated = [book["construct"] for book in books if book["calibration"]]
    if calibrated and any(temperatures):
        yield document.error(
            (*place, "factors", "temperature"),
            f"The labels of '{calibrated[0]}' are calibrated, which changes their probabilities; draws are"
            " made without it.",
            found=temperatures,
            allowed=[0],
        )


def _design(
    document: Document, place: KeyPath, experiment: Mapping[str, Any], config: dict[str, Any]
) -> Iterator[StudyError]:
    from study.experiment.design import cells
    from study.experiment.models import models_of

    if all(len(levels) == 1 for levels in experiment["factors"].values()):
        yield document.error(
            (*place, "factors"),
            "Nothing is varied: every factor has one level.",
            found=experiment["factors"],
            hint="A factor needs the level to compare with, and another one.",
        )
        return
    try:
        cells(experiment["factors"], experiment["fraction"])
    except StudyError as error:
        yield document.error(
            (*place, str(error.key or "fraction").rpartition(".")[2]),
            error.problem,
            found=error.found,
            allowed=error.allowed,
            hint=error.hint,
        )
        return
    settings = {key: experiment[key] for key in ("factors", "fraction")} | {"base": base(config, experiment)}
    for name, entry in models_of(settings, config["models"]).items():
        own = config["models"].get(name, entry)
        if any((own.get(key) or None) != (entry.get(key) or None) for key in {*own, *entry}):
            yield document.error(
                ("models", name),
                f"The experiment '{place[1]}' needs this name for another version of a model.",
                found=name,
                hint="Give the model another name.",
            )
