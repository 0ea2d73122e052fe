"""The main figures are in one file, each under a name that stays; what a study does not have is left out."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from study import claims
from study.claims import Judged
from study.config.names import FIXED_TABLES
from study.metrics import agreement_by_measure, main, metrics

HEAD = FIXED_TABLES["agreement"]


def agreement(*rows: dict[str, Any]) -> pd.DataFrame:
    """Return a table of agreement; what a row does not say is that of a language model in the sample."""
    usual = {
        "construct": "tone",
        "domain": "all",
        "subset": "sample",
        "measure": "llm",
        "criterion": "humans",
        "n": 80.0,
        "pearson_r": 0.5,
        "spearman_rho": 0.4,
    }
    return pd.DataFrame([usual | row for row in rows], columns=list(HEAD))


def codings(**masses: list[float | None]) -> pd.DataFrame:
    rows = [(construct, mass) for construct, own in masses.items() for mass in own]
    return pd.DataFrame(rows, columns=["construct", "valid_mass"]).astype({"valid_mass": float})


def judged(verdict: str, reading: str = "") -> Judged:
    return Judged("c/x", "s", ".5", ".5", ".05", verdict, "it is", "", reading, "agreement.csv")


def test_figures_by_hand() -> None:
    table = agreement(
        {},
        {"subset": "all", "n": 90.0, "pearson_r": 0.6},
        {"domain": "north", "pearson_r": 0.1},
        {"measure": "wordlist"},
        {"measure": "humans_individual"},
        {"construct": "names", "pearson_r": float("nan"), "spearman_rho": float("nan")},
        {"construct": "none", "n": 0.0, "pearson_r": float("nan"), "spearman_rho": float("nan")},
        {"measure": "other", "pearson_r": -0.25},
    )
    found = metrics(
        table,
        {"llm": codings(tone=[0.5, 0.7, None], names=[0.1]), "other": codings(tone=[0.2])},
        [judged(claims.REPRODUCED)] * 2
        + [judged(claims.NOT_REPRODUCED), judged(claims.NOT_REPRODUCED, "in another reading")],
    )
    assert found == {
        "agreement": {
            "tone": {
                "llm": {
                    "sample": {"pearson_r": 0.5, "spearman_rho": 0.4, "n": 80},
                    "all": {"pearson_r": 0.6, "spearman_rho": 0.4, "n": 90},
                },
                "other": {"sample": {"pearson_r": -0.25, "spearman_rho": 0.4, "n": 80}},
            },
            "names": {"llm": {"sample": {"n": 80}}},
        },
        "valid_mass": {"tone": {"llm": 0.6, "other": 0.2}, "names": {"llm": 0.1}},
        "claims": {"reproduced": 2, "not_reproduced": 1, "not_attempted": 0},
    }


@pytest.mark.parametrize(
    ("table", "coded"),
    [
        (agreement(), {}),
        (agreement({"measure": "wordlist"}), {}),
        (agreement(), {"llm": codings()}),
        (agreement(), {"llm": pd.DataFrame({"construct": ["passages"], "score": [2]})}),
    ],
)
def test_what_a_study_does_not_have_is_left_out(table: pd.DataFrame, coded: dict[str, pd.DataFrame]) -> None:
    assert metrics(table, coded, []) == {}


def test_a_row_of_the_plot_has_words_of_its_own() -> None:
    table = agreement(
        {}, {"subset": "all"}, {"measure": "wordlist"}, {"domain": "north"}, {"construct": "length"}
    )
    found = agreement_by_measure(table)
    assert [row["measure"] for row in found] == [
        "tone, llm, subset sample",
        "tone, llm, subset all",
        "tone, wordlist, subset sample",
        "length, llm, subset sample",
    ]
    assert found[0] == {"measure": "tone, llm, subset sample", "pearson_r": "0.5", "n": "80"}
    assert agreement_by_measure(agreement({"pearson_r": float("nan")})) == []


def test_the_program_reads_and_writes_files(tmp_path: Path) -> None:
    # A construct may be named as missing values are.
    table = agreement({"construct": "NA"}, {"construct": "NA", "subset": "all", "pearson_r": None})
    table.to_csv(tmp_path / "agreement.csv", index=False)
    claims.write([judged(claims.NOT_ATTEMPTED)], tmp_path / "claims.csv")
    codings(NA=[0.25]).to_parquet(tmp_path / "llm.parquet")
    arguments: dict[str, Any] = {
        "agreement": tmp_path / "agreement.csv",
        "claims_table": tmp_path / "claims.csv",
        "metrics_file": tmp_path / "new" / "metrics.json",
        "plot_file": tmp_path / "new" / "plots" / "agreement.csv",
    }
    main(**arguments, codings=[tmp_path / "llm.parquet"])
    assert json.loads((tmp_path / "new" / "metrics.json").read_text(encoding="utf-8")) == {
        "agreement": {
            "NA": {
                "llm": {
                    "all": {"n": 80, "spearman_rho": 0.4},
                    "sample": {"n": 80, "pearson_r": 0.5, "spearman_rho": 0.4},
                }
            }
        },
        "claims": {"not_attempted": 1, "not_reproduced": 0, "reproduced": 0},
        "valid_mass": {"NA": {"llm": 0.25}},
    }
    with (tmp_path / "new" / "plots" / "agreement.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == [
            {"measure": "NA, llm, subset sample", "pearson_r": "0.5", "n": "80"}
        ]

    agreement().to_csv(tmp_path / "agreement.csv", index=False)
    claims.write([], tmp_path / "claims.csv")
    main(**arguments, codings=[])
    assert (tmp_path / "new" / "metrics.json").read_text(encoding="utf-8") == "{}\n"
    plot = (tmp_path / "new" / "plots" / "agreement.csv").read_text(encoding="utf-8")
    assert plot == "measure,pearson_r,n\n"
