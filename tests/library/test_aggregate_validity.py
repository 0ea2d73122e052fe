from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from csta import manifesto_sentences
from library.rated_study import CODEBOOKS, CODERS, rated_study
from study.validity import aggregate_validity_table, agreement_table, reliability_table
from study.validity.aggregate_validity import COLUMNS, main
from study.validity.table import write_table

KEY = ["measure", "level", "reading"]


def table(
    measures: pd.DataFrame, construct: str = "tone", subset: str = "all", **changes: object
) -> pd.DataFrame:
    coders = {construct: CODERS[construct]}
    options = {"criterion": "humans", "by": "domain", "resamples": 100} | changes
    agreement = agreement_table(measures, rated_study()[1], coders, criterion="humans", resamples=100)
    found = aggregate_validity_table(measures, agreement, coders, CODEBOOKS, **options)
    assert list(found.columns) == COLUMNS
    return found[found["subset"] == subset].set_index(KEY).sort_index()


def test_manifestos_of_crowd_and_experts():
    """Sentences .613 and .665; 18 manifestos .976 and .953 jointly, .979 and .880 over each side's own."""
    measures = manifesto_sentences()
    coders = {scale: {"experts": "human", "crowd": "human"} for scale in ("economic", "social")}
    books = {scale: {"level": "interval", "values": {}, "type": "number"} for scale in coders}
    agreement = agreement_table(measures, rated_study()[1], coders, criterion="experts", resamples=0)
    found = aggregate_validity_table(measures, agreement, coders, books, criterion="experts", resamples=200)
    found = found[found["measure"] == "crowd"].set_index(["construct", "level", "reading"])
    for scale, n, unit, joint, own in (
        ("economic", 9520, 0.613, 0.976, 0.979),
        ("social", 3302, 0.665, 0.953, 0.880),
    ):
        rows = found.loc[scale]
        assert rows.loc[("unit", "joint"), "n"] == n
        assert round(rows.loc[("unit", "joint"), "pearson_r"], 3) == unit
        documents = rows.loc["document"]
        assert (documents["n"] == 18).all()
        assert round(documents.loc["joint", "pearson_r"], 3) == joint
        assert round(documents.loc["own", "pearson_r"], 3) == own
        assert documents.loc["joint", "n_units"] == n
        assert documents.loc["own", "n_units"] > n
        assert documents.loc["own", "ci_low"] < own < documents.loc["own", "ci_high"]
    assert set(rows.index.get_level_values("level")) == {"unit", "document", "year"}


def test_both_readings_by_hand():
    # Two documents of two texts; people have not coded the last text, the model has.
    measures = pd.DataFrame(
        {
            "unit_id": list("abcdefg"),
            "document_id": ["1", "1", "2", "2", "3", "3", "3"],
            "sample": False,
            "tone_humans": [0, 1, -1, 0, 1, 1, np.nan],
            "tone_llm": [0.5, 1, -1, -0.5, 1, 0, -1],
        }
    )
    found = table(measures, by=None).loc["llm"]
    joint, own = found.loc[("document", "joint")], found.loc[("document", "own")]
    people = [0.5, -0.5, 1]
    assert joint["pearson_r"] == pytest.approx(np.corrcoef(people, [0.75, -0.75, 0.5])[0, 1])
    assert joint["bias"] == pytest.approx((0.25 - 0.25 - 0.5) / 3)
    assert own["pearson_r"] == pytest.approx(np.corrcoef(people, [0.75, -0.75, 0])[0, 1])
    assert (joint["n"], joint["n_units"], joint["n_criterion_units"]) == (3, 6, 6)
    assert (own["n"], own["n_units"], own["n_criterion_units"]) == (3, 7, 6)
    assert joint["note"] == "3 means only: the correlation says little"
    unit = found.loc[("unit", "joint")]
    assert unit["bias"] == pytest.approx((0.5 - 0.5 - 1) / 6)


def test_units_have_the_figures_of_the_table_of_agreement():
    measures, ratings = rated_study()
    agreement = agreement_table(
        measures, ratings, {"tone": CODERS["tone"]}, criterion="humans", resamples=100
    )
    row = agreement[(agreement["measure"] == "llm") & (agreement["subset"] == "all")].iloc[0]
    unit = table(measures).loc[("llm", "unit", "joint")]
    for column in ("pearson_r", "ci_low", "ci_high", "spearman_rho", "n"):
        assert unit[column] == row[column]


def test_pilot_units_never_enter():
    measures, _ = rated_study()
    pilot = measures["unit_id"] < "u050"
    spoilt = measures.assign(tone_llm=measures["tone_llm"].where(~pilot, 1.0), pilot=pilot)
    pd.testing.assert_frame_equal(table(spoilt), table(measures[~pilot]))


def test_levels_that_are_there():
    measures, _ = rated_study()
    levels = set(table(measures).index.get_level_values("level"))
    assert levels == {"unit", "domain", "document", "year"}
    single = measures.assign(document_id=measures["unit_id"])  # every document is one text
    assert "document" not in set(table(single).index.get_level_values("level"))


def test_a_model_that_coded_the_sample_alone():
    measures, _ = rated_study()
    sample = np.arange(200) % 5 < 2
    part = measures.assign(sample=sample, tone_llm=measures["tone_llm"].where(sample))
    found = table(part)
    assert set(found.loc["llm"].index.get_level_values("reading")) == {"own"}
    own = found.loc[("llm", "document", "own")]
    assert (own["n"], own["n_units"], own["n_criterion_units"]) == (
        40,
        80,
        200 - measures["tone_humans"].isna().sum(),
    )
    assert table(part, subset="sample").loc[("llm", "document", "joint"), "n"] == 40


def test_notes():
    measures, _ = rated_study()
    found = table(measures)
    assert "no bias, other scale: a dictionary's scores" in found.loc[("words", "document", "joint"), "note"]
    assert found.loc[("llm", "domain", "joint"), "note"] == "two means have no correlation"
    constant = table(measures.assign(tone_llm=0.5))
    assert constant.loc[("llm", "document", "joint"), "note"] == "undefined: the means do not vary"
    assert constant.loc[("llm", "unit", "joint"), "note"] == "undefined: the scores do not vary"
    labels = table(measures, construct="blame")
    assert labels.loc[("llm", "unit", "joint"), "note"] == "labels without values have no mean"


def test_the_program_writes_four_tables(tmp_path):
    measures, ratings = rated_study()
    measures.to_parquet(tmp_path / "measures.parquet")
    agreement = agreement_table(measures, ratings, CODERS, criterion="humans", by="domain", resamples=50)
    write_table(agreement, tmp_path / "agreement.csv")
    reliability = reliability_table(
        measures, ratings, CODERS, CODEBOOKS, criterion="humans", by="domain", resamples=50
    )
    write_table(reliability, tmp_path / "reliability.csv")
    files = {
        f"{name}_file": tmp_path / f"{name}.csv"
        for name in ("aggregate", "disattenuated", "matrix", "criteria")
    }
    main(
        measures_file=tmp_path / "measures.parquet",
        agreement_file=tmp_path / "agreement.csv",
        reliability_file=tmp_path / "reliability.csv",
        coders=CODERS,
        codebooks=CODEBOOKS,
        compare={"criterion": "humans", "by": "domain", "bootstrap": 50, "seed": 1},
        scores={"humans": "mean"},
        **files,
    )
    found = {name: pd.read_csv(file) for name, file in files.items()}
    assert found["aggregate_file"]["n"].gt(0).any()
    corrected = found["disattenuated_file"].set_index(["construct", "domain", "subset", "measure"])
    row = corrected.loc[("tone", "letters", "all", "llm")]
    assert row["corrected_r"] == pytest.approx(row["pearson_r"] / np.sqrt(row["reliability"]))
    # Blame has labels without values: one construct alone has no matrix.
    assert found["matrix_file"].empty
    assert found["criteria_file"].empty
