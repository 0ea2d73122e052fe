import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import study
from study.validity import agreement_table
from study.validity.agreement import COLUMNS, main
from study_data import hutto_gilbert_measures, hutto_gilbert_ratings

CODERS = {"sentiment": {"humans": "human", "llm": "llm", "words": "dictionary"}}
COMPARE = {"criterion": "humans", "by": "domain", "bootstrap": 200, "seed": 1}


def example(n: int = 120) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two domains, three ratings a unit, a model on the sample (every third unit) and a word list on all."""
    random = np.random.default_rng(0)
    level = random.normal(size=n)
    ratings = (level[:, None] + random.normal(size=(n, 3))).round()
    measures = pd.DataFrame(
        {
            "unit_id": [f"u{i:03}" for i in range(n)],
            "document_id": [f"u{i:03}" for i in range(n)],
            "domain": np.where(np.arange(n) % 2, "letters", "diaries"),
            "sample": np.arange(n) % 3 == 0,
            "sentiment_humans": ratings.mean(axis=1),
            "sentiment_words": level + random.normal(size=n),
        }
    )
    model = level + random.normal(size=n) / 2
    measures["sentiment_llm"] = np.where(measures["sample"], model, np.nan)
    rows = pd.DataFrame(
        {
            "unit_id": np.repeat(measures["unit_id"].to_numpy(), 3),
            "construct": "sentiment",
            "coder": "humans",
            "rater": ["r1", "r2", "r3"] * n,
            "status": "ok",
            "value": ratings.ravel(),
        }
    )
    return measures, rows.assign(code=rows["value"].astype(str))


def test_individual_humans_of_hutto_and_gilbert():
    """Table 4 prints .888 .911 .899 .745; without the own rating .882 .901 .887 .713. n counts texts."""
    coders = {"sentiment": {"humans": "human"}}
    measures, ratings = hutto_gilbert_measures(), hutto_gilbert_ratings()
    options = {"criterion": "humans", "by": "domain"}
    table = agreement_table(measures, ratings, coders, resamples=0, **options).set_index(
        ["measure", "domain"]
    )
    individual, others = table.loc["humans_individual"], table.loc["humans_leave_one_out"]
    obtained, without = individual["pearson_r"].to_dict(), others["pearson_r"].round(3).to_dict()
    for domain, printed, tolerance, exact, leave_one_out in (
        ("tweets", 0.888, 0.0005, 0.8882, 0.882),
        ("amazon", 0.911, 0.0005, 0.9107, 0.901),
        ("movies", 0.899, 0.001, 0.8996, 0.887),
        ("nyt", 0.745, 0.0005, 0.7455, 0.713),
    ):
        assert obtained[domain] == pytest.approx(printed, abs=tolerance)
        assert round(obtained[domain], 4) == exact
        assert without[domain] == leave_one_out
    tweets = agreement_table(measures[measures["domain"] == "tweets"], ratings, coders, seed=1, **options)
    row = tweets.set_index(["measure", "domain"]).loc[("humans_individual", "tweets")]
    assert (round(row["ci_low"], 3), round(row["ci_high"], 3)) == (0.883, 0.893)
    assert individual["n"].to_dict() == {
        "all": 23703,
        "tweets": 4200,
        "amazon": 3708,
        "movies": 10605,
        "nyt": 5190,
    }


def test_every_measure_is_compared_on_the_units_it_may_be_compared_on():
    measures, ratings = example()
    table = agreement_table(measures, ratings, CODERS, criterion="humans", by="domain", resamples=100)
    assert list(table.columns) == COLUMNS
    rows = table.set_index(["domain", "subset", "measure"])
    assert "llm" not in rows.loc["all"].loc["all"].index  # its units are the sample
    in_sample = rows.loc["letters"].loc["sample"]
    assert list(in_sample.index) == ["humans_individual", "humans_leave_one_out", "llm", "words"]
    assert (in_sample["n"] == 20).all()
    units = measures[measures["sample"] & (measures["domain"] == "letters")]
    for measure in ("llm", "words"):
        x, y = units[f"sentiment_{measure}"], units["sentiment_humans"]
        assert in_sample.loc[measure, "pearson_r"] == pytest.approx(stats.pearsonr(x, y).statistic)
        assert in_sample.loc[measure, "spearman_rho"] == pytest.approx(stats.spearmanr(x, y).statistic)


def test_humans_are_left_out_where_the_criterion_has_no_ratings():
    measures, ratings = example()
    table = agreement_table(measures, ratings.head(0), CODERS, criterion="humans", resamples=0)
    assert set(table["measure"]) == {"llm", "words"}


def test_a_figure_does_not_depend_on_other_coders_or_the_order_of_rows():
    measures, ratings = example()
    whole = agreement_table(measures, ratings, CODERS, criterion="humans", by="domain", resamples=100)
    alone = {"sentiment": {"humans": "human", "words": "dictionary"}}
    without = agreement_table(measures, ratings, alone, criterion="humans", by="domain", resamples=100)
    keys = ["domain", "subset", "measure"]
    shared = whole[whole["measure"].isin(["words"]) & (whole["subset"] == "all")].set_index(keys)
    again = without.set_index(keys).loc[shared.index]
    pd.testing.assert_frame_equal(shared, again)


def test_the_program_writes_the_same_bytes_again(tmp_path):
    measures, ratings = example()
    measures.to_parquet(tmp_path / "measures.parquet")
    ratings.to_parquet(tmp_path / "ratings.parquet")
    main(
        measures_file=tmp_path / "measures.parquet",
        ratings_file=tmp_path / "ratings.parquet",
        table_file=tmp_path / "tables" / "first.csv",
        coders=CODERS,
        compare=COMPARE,
    )
    command = [sys.executable, "-m", "study.validity.agreement"]
    for name in ("measures_file", "ratings_file"):
        command += [f"--{name.replace('_', '-')}", str(tmp_path / f"{name.removesuffix('_file')}.parquet")]
    command += ["--table-file", str(tmp_path / "second.csv")]
    command += ["--coders", json.dumps(CODERS), "--compare", json.dumps(COMPARE)]
    source = str(Path(study.__file__).parents[1])
    subprocess.run(command, check=True, env={"PYTHONPATH": source, "PATH": ""})
    first = (tmp_path / "tables" / "first.csv").read_bytes()
    assert first == (tmp_path / "second.csv").read_bytes()
    assert first.startswith(
        b"construct,domain,subset,measure,criterion,n,pearson_r,ci_low,ci_high,spearman_rho,"
    )
    assert b"\r" not in first
