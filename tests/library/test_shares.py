"""Shares of categories and means, under every estimator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from library.measured import NOMINAL, drawn, measured
from study.config.names import FIXED_TABLES
from study.inference.misclassification import prevalence
from study.inference.shares import COLUMNS, shares

MACHINES = {"llm": "llm", "words": "dictionary"}


def found(table: pd.DataFrame, sample: pd.DataFrame | None = None, **options: Any) -> pd.DataFrame:
    options = {"scale": NOMINAL, "truth": "humans"} | options
    rows = shares(
        table, "anger", MACHINES, options.pop("scale"), options.pop("truth"), sample=sample, **options
    )
    return pd.DataFrame(list(rows)).set_index(["category", "estimator", "coder"])


def test_naive_shares_are_what_coders_say_and_corrected_ones_what_people_would() -> None:
    table = measured(n=3000)
    rows = found(table, drawn(table, n=900, pilot=0))
    said = (table["anger_llm_label"] == "yes").mean()
    true = (table["anger_humans_label"] == "yes").mean()
    assert rows.loc[("yes", "naive", "llm"), "estimate"] == pytest.approx(said)
    assert rows.loc[("yes", "benchmark", ""), "estimate"] == pytest.approx(true)
    for estimator, coder in (("gold_only", ""), ("dsl", "llm"), ("ppi", "llm"), ("rogan_gladen", "llm")):
        row = rows.loc[("yes", estimator, coder)]
        assert row["ci_low"] < true < row["ci_high"], estimator
        assert abs(row["estimate"] - true) < abs(said - true)
    yes, no = (rows.loc[(label, "dsl", "llm"), "estimate"] for label in ("yes", "no"))
    assert yes + no == pytest.approx(1, abs=1e-9)


def test_people_alone_are_the_share_among_gold_units() -> None:
    table = measured()
    sample = drawn(table)
    gold = table[table["unit_id"].isin(sample.loc[sample["part"] == "evaluate", "unit_id"])]
    row = found(table, sample).loc[("yes", "gold_only", "")]
    share = (gold["anger_humans_label"] == "yes").mean()
    assert row["estimate"] == pytest.approx(share)
    assert row["std_error"] == pytest.approx(np.sqrt(share * (1 - share) / (len(gold) - 1)), rel=0.01)
    assert row["n_gold"] == len(gold)


def test_rogan_gladen_is_the_library_s_prevalence() -> None:
    table = measured()
    sample = drawn(table)
    gold = table["unit_id"].isin(sample.loc[sample["part"] == "evaluate", "unit_id"])
    data = pd.DataFrame(
        {
            "hand": (table["anger_humans_label"] == "yes").astype(float).where(gold),
            "code": (table["anger_llm_label"] == "yes").astype(float),
        }
    )
    oracle = prevalence(data, "hand", "code", positive=1.0)
    row = found(table, sample).loc[("yes", "rogan_gladen", "llm")]
    assert (row["estimate"], row["ci_low"], row["n"]) == pytest.approx(
        (oracle.value, oracle.ci_low, oracle.n)
    )


def test_a_code_no_better_than_chance_has_no_rogan_gladen_and_says_why() -> None:
    table = measured()
    table["anger_llm_label"] = np.where(table["anger_humans_label"] == "yes", "no", "yes")
    row = found(table, drawn(table)).loc[("yes", "rogan_gladen", "llm")]
    assert "no better than chance" in row["note"]


def test_a_category_that_nobody_says_has_a_share_of_none_and_an_interval() -> None:
    table = measured()
    table["anger_llm_label"] = "no"
    rows = found(table, drawn(table))
    row = rows.loc[("yes", "naive", "llm")]
    assert (row["estimate"], row["n"]) == (0.0, 1000)
    assert row["ci_low"] == pytest.approx(0, abs=1e-12)
    assert row["ci_high"] == pytest.approx(0.00383, abs=1e-5)  # Wilson: z^2 / (n + z^2)
    table["anger_humans_label"] = "no"
    row = found(table, drawn(table)).loc[("no", "gold_only", "")]
    assert (row["estimate"], row["n_gold"]) == (1.0, 250)
    assert row["ci_high"] == pytest.approx(1)


def test_scores_have_a_mean_and_categories_of_an_ordinal_construct_both() -> None:
    table = measured()
    interval = {"level": "interval", "values": {}}
    rows = found(table, drawn(table), scale=interval)
    assert set(rows.index.get_level_values("category")) == {"mean"}
    assert rows.loc[("mean", "naive", "llm"), "estimate"] == pytest.approx(table["anger_llm"].mean())
    ordinal = {"level": "ordinal", "values": {"yes": 1, "no": 0}}
    rows = found(table, drawn(table), scale=ordinal)
    assert set(rows.index.get_level_values("category")) == {"yes", "no", "mean"}


def test_without_people_s_labels_a_share_is_what_coders_say() -> None:
    table = measured().drop(columns="anger_humans_label")
    rows = found(table, drawn(table))
    assert set(rows.index.get_level_values("estimator")) == {"naive", "dictionary"}
    rows = found(measured(), None, truth=None)
    assert rows.loc[("yes", "naive", "llm"), "note"] == ""
    assert "no coder's codes count as true" in rows.loc[("yes", "dsl", "llm"), "note"]


def test_the_table_has_the_documented_columns() -> None:
    assert list(FIXED_TABLES["prevalence"]) == COLUMNS
