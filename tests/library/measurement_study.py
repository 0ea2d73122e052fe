"""A study of two constructs for the report's tests: named raters, invented codes, real tables.

Two language models code both constructs; the error of one depends on the region. A word list has a scale of
its own. Texts belong to documents and years.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from library.report_study import configuration
from study.codebook import Codebook
from study.report.material import Material, read_table, tables
from study.validity import (
    aggregate_validity_table,
    agreement_table,
    alternative_annotator_tables,
    calibration_table,
    classification_tables,
    coder_agreement_table,
    comparison_table,
    disattenuated_table,
    error_by_covariates_tables,
    multitrait_tables,
    recalibration_table,
    reliability_table,
)
from study.validity.table import write_table

STUDY = """\
title: Letters to the city
question: How angry and how worried are letters to the city?
corpus:
  description: Letters.
  sources:
    - {file: data/corpus/x.csv, columns: [unit_id, text, letter, region, year, list_anger, list_worry]}
  language: en
  licence: MIT
  share: true
  covariates: [region, list_anger, list_worry]
units: {document: letter, year: year}
sample: all
models: {small: {package: llm-small, file: small.gguf}, large: {package: llm-small, file: large.gguf}}
coders:
  small: {type: llm, model: small}
  large: {type: llm, model: large}
  words: {type: given, of: dictionary, columns: {anger: list_anger, worry: list_worry}}
  people: {type: human, file: data/gold/x.csv}
compare: {criterion: people, by: region, bootstrap: 100}
analyses:
  anger_by_region:
    formula: anger_small ~ C(region)
"""
BOOK = """\
construct: {}
question: How much?
type: classify
level: ordinal
status: frozen
categories:
  none: {{value: -1}}
  some: {{value: 0}}
  much: {{value: 1}}
"""
LABELS = ("none", "some", "much")
VALUES = (-1.0, 0.0, 1.0)
RATERS = ("Ana", "Bo", "Cem", "Dee")
TYPES = {"large": "llm", "people": "human", "small": "llm", "words": "dictionary"}
CODERS = {"anger": TYPES, "worry": TYPES}
SCALES: dict[str, dict[str, Any]] = {
    construct: {"level": "ordinal", "type": "classify", "values": dict(zip(LABELS, VALUES, strict=True))}
    for construct in CODERS
}


def codes(
    n: int = 240, *, cuts: tuple[float, float] = (-0.5, 0.7), north: float = 0.8
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, pd.DataFrame]]:
    """Return measures, ratings and the models' codings.

    Parameters
    ----------
    n
        Texts, twelve a letter.
    cuts
        Where people stop saying 'none', and begin to say 'much'; high cuts make nearly all codes 'none'.
    north
        By how much the small model overrates texts from the north.
    """
    random = np.random.default_rng(3)
    ids = [f"u{i:03}" for i in range(n)]
    letter = np.arange(n) // 12
    measures = pd.DataFrame(
        {
            "unit_id": ids,
            "document_id": [f"letter {number:02}" for number in letter],
            "region": random.choice(["north", "south", "east"], n),
            "year": random.integers(2001, 2013, n),
            "sample": True,
        }
    )
    rated: list[pd.DataFrame] = []
    coded: dict[str, list[pd.DataFrame]] = {"small": [], "large": []}
    of_letters = random.normal(size=letter.max() + 1)[letter]
    for construct in CODERS:
        true = of_letters + random.normal(size=n)
        for rater in RATERS:
            place = np.digitize(true + random.normal(0, 0.6, n), cuts)
            own = pd.DataFrame({"unit_id": ids, "construct": construct, "coder": "people", "rater": rater})
            own = own.assign(code=np.array(LABELS)[place], value=np.array(VALUES)[place], status="ok")
            rated.append(own[random.random(n) < 0.9])
        by_unit = pd.concat(rated)
        by_unit = by_unit[by_unit["construct"] == construct].groupby("unit_id")
        measures[f"{construct}_people"] = by_unit["value"].mean().reindex(ids).to_numpy()
        measures[f"{construct}_people_label"] = (
            by_unit["code"].agg(lambda given: given.mode().iloc[0]).reindex(ids).to_numpy()
        )
        measures[f"{construct}_words"] = np.round(3 * (true + random.normal(0, 1.5, n)))
        for model, noise in (("small", 0.9), ("large", 0.4)):
            seen = true + random.normal(0, noise, n)
            seen += north * (measures["region"] == "north") if model == "small" else 0
            p = np.exp(
                -4
                * np.abs(np.asarray(seen)[:, None] - np.array([cuts[0] - 0.7, sum(cuts) / 2, cuts[1] + 0.7]))
            )
            p /= p.sum(axis=1, keepdims=True)
            measures[f"{construct}_{model}"] = p @ VALUES
            measures[f"{construct}_{model}_label"] = np.array(LABELS)[p.argmax(axis=1)]
            own = pd.DataFrame(p, columns=[f"p_{label}" for label in LABELS])
            own = own.assign(unit_id=ids, construct=construct, coder=model, repeat=1, status="ok")
            own["score"], own["label"] = (
                measures[f"{construct}_{model}"],
                measures[f"{construct}_{model}_label"],
            )
            coded[model].append(own.assign(valid_mass=0.8))
    return measures, pd.concat(rated, ignore_index=True), {m: pd.concat(own) for m, own in coded.items()}


def write_raters(
    folder: Path, measures: pd.DataFrame, ratings: pd.DataFrame, *, identified: bool = True
) -> None:
    """Write the tables in which raters are compared: as persons, or as nobody that could be told apart."""
    by: dict[str, Any] = {"criterion": "people", "by": "region", "identified": {"people": identified}}
    often = {"resamples": 100, "seed": 1}
    annotators, humans = alternative_annotator_tables(
        measures, ratings, CODERS, SCALES, criterion="people", identified=by["identified"]
    )
    written = {
        "reliability": reliability_table(measures, ratings, CODERS, SCALES, **by, **often),
        "coder_agreement": coder_agreement_table(measures, ratings, CODERS, SCALES, **by, **often),
        "alternative_annotator": annotators,
        "alternative_annotator_humans": humans,
    }
    for name, table in written.items():
        write_table(table, folder / f"{name}.csv")


def write_tables(folder: Path) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Write every table of validity into a folder; return the measures and the codings."""
    measures, ratings, coded = codes()
    where: dict[str, Any] = {"criterion": "people"}
    by: dict[str, Any] = where | {"by": "region"}
    often = {"resamples": 100, "seed": 1}
    write_raters(folder, measures, ratings)
    reliability = read_table(folder / "reliability.csv")
    agreement = agreement_table(measures, ratings, CODERS, **by, **often)
    errors = error_by_covariates_tables(measures, CODERS, SCALES, error_by=["region", "year"], **where)
    pairs, criteria = multitrait_tables(measures, CODERS, reliability=reliability, **where)
    averages, cells = classification_tables(measures, ratings, CODERS, SCALES, **by)
    written = {
        "agreement": agreement,
        "disattenuated": disattenuated_table(agreement, reliability, CODERS, {"people": "mean"}),
        "multitrait_multimethod": pairs,
        "campbell_fiske": criteria,
        "classification": averages,
        "confusion": cells,
        "calibration": calibration_table(measures, coded, CODERS, SCALES, **by),
        "recalibration": recalibration_table(measures, coded, CODERS, SCALES, **where, **often),
        "comparison": comparison_table(measures, CODERS, **by, **often),
        "error_by_covariates": errors[0],
        "error_terms": errors[1],
        "error_levels": errors[2],
        "aggregate_validity": aggregate_validity_table(measures, agreement, CODERS, SCALES, **by, **often),
    }
    for name, table in written.items():
        write_table(table, folder / f"{name}.csv")
    return measures, coded


def build(folder: Path) -> Material:
    """Return the material of the report, and leave its tables in `folder`/results."""
    for construct in CODERS:
        file = folder / "config" / "codebooks" / f"{construct}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(BOOK.format(construct), encoding="utf-8")
    study = configuration(folder, STUDY, BOOK.format("anger"), "claims: []\n")
    measures, coded = write_tables(folder / "results")
    fixed, analyses = tables(sorted((folder / "results").glob("*.csv")))
    return Material(
        study=study,
        codebooks={construct: Codebook.from_dict(study["codebooks"][construct]) for construct in CODERS},
        tables=fixed,
        analyses=analyses,
        measures=measures,
        codings=coded,
    )


def with_raters(material: Material, folder: Path, *, identified: bool = True, **options: Any) -> Material:
    """Return the material with other raters; `options` are those of `codes`."""
    measures, ratings, _ = codes(**options)
    write_raters(folder, measures, ratings, identified=identified)
    return replace(
        material, tables={**material.tables, **{f.stem: read_table(f) for f in folder.glob("*.csv")}}
    )
