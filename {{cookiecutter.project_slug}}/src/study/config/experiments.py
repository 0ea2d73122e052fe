"""Experiments written out: whose settings are varied, on which codebook, and every level by its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from study.codebook import asked_together
from study.config.document import Document
from study.experiment.factors import AS_SHIPPED

AS_WRITTEN = "as_written"
ROTATIONS = "rotations"


def write_out(config: dict[str, Any], document: Document) -> None:
    """Fill in the coder and the codebook of each experiment where there is only one, and spell out levels.

    Parameters
    ----------
    config
        The study with defaults and its codebooks; `experiments` is changed in place. A level that is named
        twice is kept once. What is missing or wrong stays, for `check_experiments` to explain.
    document
        The file, which has the factors in the researcher's order.
    """
    models = [name for name, coder in config["coders"].items() if coder["type"] == "llm"]
    for name, experiment in config["experiments"].items():
        if experiment["coder"] is None and len(models) == 1:
            experiment["coder"] = models[0]
        files = files_of(config, experiment["coder"])
        if experiment["codebook"] is None and len(files) == 1:
            experiment["codebook"] = next(iter(files))
        books = [config["codebooks"][construct] for construct in files.get(experiment["codebook"], ())]
        given = experiment["factors"]
        experiment["factors"] = {
            factor: _levels(factor, given[factor], books)
            for factor in document.value["experiments"][name]["factors"]
            if given[factor]
        }


def files_of(config: Mapping[str, Any], coder: str | None) -> dict[str, list[str]]:
    """Return {codebook file: its constructs} of a language-model coder; empty for any other name."""
    keys = config["coders"].get(coder)
    if keys is None or keys["type"] != "llm":
        return {}
    together = asked_together(config["codebooks"])
    return {file: found for file, found in together.items() if set(found) & set(keys["codebooks"])}


def rotations(books: Sequence[Mapping[str, Any]]) -> int:
    """Return how many rotations the labels have: those of the construct with the fewest; 0 without labels."""
    return min((len(offered(book)) for book in books if offered(book)), default=0)


def offered(book: Mapping[str, Any]) -> list[str]:
    """Return the labels whose order can change: all but 'not codable', which stays last."""
    if book["type"] == "classify":
        return list(book["categories"])
    if book["type"] == "rate":
        return [str(n) for n in range(book["scale"]["low"], book["scale"]["high"] + 1)]
    return []


def base(config: Mapping[str, Any], experiment: Mapping[str, Any]) -> dict[str, Any]:
    """Return the level of every factor where nothing is varied: the coder's and the codebook's settings."""
    coder = config["coders"][experiment["coder"]]
    book = config["codebooks"][files_of(config, experiment["coder"])[experiment["codebook"]][0]]
    model = config["models"][coder["model"]]
    return {
        "wording": book["prompt"]["wording"],
        "label_order": book["prompt"]["label_order"],
        "rationale": book["prompt"]["rationale"],
        "examples": "all" if book["examples"] else "none",
        "temperature": float(coder["temperature"]),
        "seed": int(book["prompt"]["seed"]),
        "model": coder["model"],
        "quantisation": model["quantisation"] or AS_SHIPPED,
        "sparsity": float(model["sparsity"]),
        "surface": AS_WRITTEN,
    }


def _levels(factor: str, levels: Sequence[Any], books: Sequence[Mapping[str, Any]]) -> list[Any]:
    if factor in ("temperature", "sparsity"):
        return list(dict.fromkeys(float(level) for level in levels))
    found: list[Any] = []
    for level in levels:
        if factor == "label_order" and level == ROTATIONS:
            found += ["fixed", *(f"rotation_{first}" for first in range(1, rotations(books)))]
        else:
            found.append(level)
    return list(dict.fromkeys(found))
