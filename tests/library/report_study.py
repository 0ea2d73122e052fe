"""A small study for the report's tests: real texts and ratings, real tables, and an invented language model.

The model's label probabilities are made of the human mean and noise: what the report says about them can then
be told from the tables alone, and no test waits for a model.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

import study_data
from study import claims, config, flow, measures
from study.codebook import Codebook
from study.coders import codings, vader
from study.digest import text_sha256
from study.inference import incremental_r2, linear_regression
from study.instrument import Instrument, Question
from study.prompt import Prompt
from study.report.material import Material, tables
from study.sample import draw
from study.validity import (
    agreement_table,
    calibration_table,
    classification_tables,
    comparison_table,
    reliability_table,
)
from study.validity.table import write_table

STUDY = """\
title: Sentiment in short texts
question: Does a small language model measure sentiment as people do?
corpus:
  description: Short English texts, rated by people.
  file: data/corpus/x.csv
  language: en
  licence: MIT
  share: true
  public_since: 2014
  covariates: [domain, human_mean]
sample: {n: 60, by: domain, seed: 1}
models: {small: {package: llm-small, file: small.gguf}}
coders:
  llm: {type: llm, model: small}
  vader: {type: dictionary, rules: vader, language: en}
  humans:
    {type: human, identified: false, layout: list, rating: ratings, file: data/gold/x.csv,
     score: {column: human_mean}}
compare: {criterion: humans, by: domain, bootstrap: 200}
analyses:
  by_domain:
    formula: sentiment_humans ~ (sentiment_llm + sentiment_vader) * C(domain)
    incremental: [sentiment_llm]
"""
BOOK = """\
construct: sentiment
question: What is the sentiment of the text?
type: classify
level: ordinal
status: frozen
categories:
  positive: {value: 1, define: A good feeling., example: I love it.}
  negative: {value: -1, define: A bad feeling.}
  neutral: {value: 0, define: Neither.}
revisions: [{date: 2025-03-31, change: The examples were made shorter., agreement: 0.61}]
"""
CLAIMS = """\
claims:
  - id: table4-tweets-vader
    source: Hutto & Gilbert (2014), Table 4
    statement: VADER on tweets
    values: {pearson_r: "0.100", spearman_rho: "0.9"}
    where:
      pearson_r: {table: agreement, construct: sentiment, domain: tweets, subset: all, measure: vader}
      spearman_rho: {table: agreement, construct: sentiment, domain: tweets, subset: all, measure: vader}
    alternative:
      reading: The rows of tweets and editorials are exchanged.
      where:
        pearson_r: {table: agreement, construct: sentiment, domain: nyt, subset: all, measure: vader}
  - id: table4-tweets-liwc
    source: Hutto & Gilbert (2014), Table 4
    statement: LIWC on tweets
    values: {pearson_r: "0.622"}
    attempt: false
    reason: licensed lexicon
"""
BEFORE = "<|im_start|>system\nAnswer with one label.<|im_end|>\n<|im_start|>user\nText: "
AFTER = "\nWhat is the sentiment of the text?<|im_end|>\n<|im_start|>assistant\n"
LABELS = ("positive", "negative", "neutral")


def configuration(
    folder: Path, study: str = STUDY, book: str = BOOK, claims_: str = CLAIMS
) -> dict[str, Any]:
    """Write the configuration and load it as Snakemake does."""
    files = {
        "config/study.yaml": study,
        f"config/codebooks/{yaml.safe_load(book)['construct']}.yaml": book,
        "config/claims.yaml": claims_,
        "data/corpus/x.csv": "unit_id,text\n",
        "data/gold/x.csv": "unit_id,ratings\n",
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    return config.load(folder)


def instrument() -> Instrument:
    """Return the invented model's instrument."""
    model = {
        "name": "small",
        "file": "small.gguf",
        "sha256": "5d" * 32,
        "size": 91_000_000,
        "title": "Small Instruct",
        "architecture": "llama",
        "licence": "apache-2.0",
        "engine": {"guidance": "0.3.1", "llama-cpp-python": "0.3.16"},
    }
    settings = {"context": 2048, "too_long": "refuse", "temperature": 0.0}
    question = Question("sentiment", "choice", Prompt(BEFORE, AFTER), LABELS, LABELS)
    return Instrument("sentiment", "llm", (question,), "<|im_end|>", model, settings)


def invented(units: pd.DataFrame, noise: float = 1.5) -> pd.DataFrame:
    """Return codings by a model that knows the human mean and errs; two texts fail."""
    generator = np.random.default_rng(1)
    seen = units["human_mean"].to_numpy() + generator.normal(0, noise, len(units))
    logits = np.column_stack([seen + 1, -seen, np.zeros(len(units))])
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = raised / raised.sum(axis=1, keepdims=True)
    status = ["too_long" if i == 0 else "failed" if i == 1 else "ok" for i in range(len(units))]
    ok = np.array([s == "ok" for s in status])
    p[~ok] = np.nan
    found = codings(
        list(units["unit_id"]),
        construct="sentiment",
        coder="llm",
        score=np.where(ok, p[:, 0] - p[:, 1], np.nan),
        status=status,
        label=[
            LABELS[row.argmax()] if good else None for row, good in zip(np.nan_to_num(p), ok, strict=True)
        ],
        probabilities=dict(zip(LABELS, p.T, strict=True)),
    )
    found["valid_mass"] = np.where(found["status"] == "ok", generator.uniform(0.2, 0.9, len(found)), np.nan)
    return found


def build(folder: Path, domains: tuple[str, ...] = ("nyt", "tweets"), n: int | None = 150) -> Material:
    """Return the material of the report, and leave its tables in `folder`/results/tables."""
    study = configuration(folder)
    book = study["codebooks"]["sentiment"]
    units = study_data.hutto_gilbert_units(*domains)
    units = units.groupby("domain").head(n).reset_index(drop=True) if n else units
    units["text_sha256"] = [text_sha256(text) for text in units["text"]]
    sample = draw(units, study["sample"])
    ratings = study_data.hutto_gilbert_ratings(*domains)
    ratings = ratings[ratings["unit_id"].isin(set(units["unit_id"]))]
    n_ratings = ratings.groupby("unit_id").size()
    ids = list(units["unit_id"])
    codes = {
        "llm": invented(units[units["unit_id"].isin(set(sample["unit_id"]))]),
        "vader": codings(ids, construct="sentiment", coder="vader", score=vader.installed(units["text"])),
        "humans": codings(
            ids,
            construct="sentiment",
            coder="humans",
            score=list(units["human_mean"]),
            counts={"n_ratings": [int(n_ratings[unit]) for unit in ids]},
        ),
    }
    wide = measures.wide(units, list(sample["unit_id"]), list(codes.values()))
    coders = {"sentiment": {"llm": "llm", "vader": "dictionary", "humans": "human"}}
    scales = {
        "sentiment": {"level": "ordinal", "values": {k: v["value"] for k, v in book["categories"].items()}}
    }
    compare = study["compare"]
    where: dict[str, Any] = {"criterion": "humans", "by": "domain"}
    often = {"resamples": compare["bootstrap"], "seed": 1}
    averages, cells = classification_tables(wide, ratings, coders, scales, **where)
    formula = study["analyses"]["by_domain"]["formula"]
    written = {
        "agreement": agreement_table(wide, ratings, coders, **where, **often),
        "reliability": reliability_table(wide, ratings, coders, scales, **where, **often),
        "classification": averages,
        "confusion": cells,
        "comparison": comparison_table(wide, coders, **where, **often),
        "calibration": calibration_table(wide, codes, coders, scales, **where),
        "by_domain": linear_regression(wide, formula, name="by_domain", subset="sample"),
        "incremental_r2": pd.DataFrame(
            [incremental_r2(wide, formula, "sentiment_llm", name="by_domain", subset="sample", resamples=200)]
        ),
        "flow": _flow(units, len(ratings)),
    }
    folder = folder / "results" / "tables"
    for name, table in written.items():
        write_table(table, folder / f"{name}.csv")
    rows = claims.judge(study["claims"], {"agreement": claims._rows(folder / "agreement.csv")})
    claims.write(rows, folder / "claims.csv")
    fixed, analyses = tables(sorted(folder.glob("*.csv")))
    return Material(
        study=study,
        codebooks={"sentiment": Codebook.from_dict(book)},
        tables=fixed,
        analyses=analyses,
        units=units,
        sample=sample,
        measures=wide,
        codings=codes,
        instruments=[instrument()],
        versions={"Python": "3.11.2", "pandas": "3.1.1", "vaderSentiment": "3.3.2"},
    )


def _flow(units: pd.DataFrame, n_ratings: int) -> pd.DataFrame:
    steps = flow.Flow()
    sizes = units["domain"].value_counts()
    for domain in sorted(sizes.index):
        steps.add("read", domain, int(sizes[domain]) + 2, f"{domain}.txt; tsv; utf-8; sha256 {'ab' * 32}")
    for domain in sorted(sizes.index):
        steps.add("left out: no text", domain, 2, "a, b")
    for domain in sorted(sizes.index):
        steps.add("units", domain, int(sizes[domain]))
    steps.add("ratings", "humans sentiment", n_ratings)
    steps.add("units with ratings", "humans sentiment", len(units))
    return steps.frame()


def changed(material: Material, **tables_: pd.DataFrame) -> Material:
    """Return the material with other tables."""
    return replace(material, tables={**material.tables, **tables_})
