"""Published figures are compared as they are printed, and whatever cannot be compared says why."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study import claims
from study.claims import (
    Judged,
    by_statement,
    half_a_unit,
    judge,
    printed,
    read,
    summary,
    tables_of,
    within,
)
from study.config.names import FIXED_TABLES
from study.errors import StudyError

CELL = {"table": "agreement", "column": None, "domain": "tweets", "subset": "all"}
AGREEMENT = [
    {"domain": "tweets", "subset": "all", "measure": "vader", "pearson_r": "0.8811656183"},
    {"domain": "tweets", "subset": "all", "measure": "words", "pearson_r": "0.8815"},
    {"domain": "nyt", "subset": "all", "measure": "vader", "pearson_r": ""},
    {"domain": "nyt", "subset": "all", "measure": "words", "pearson_r": "nan"},
]


def claim(**changes: Any) -> dict[str, Any]:
    where = {"pearson_r": {**CELL, "measure": "vader"}}
    return {
        "id": "r",
        "source": "Somebody (2014), Table 4",
        "statement": "VADER on tweets",
        "values": {"pearson_r": "0.881"},
        "where": where,
        "attempt": True,
        "reason": None,
        "tolerance": None,
        "alternative": None,
        **changes,
    }


def judged(**changes: Any) -> Judged:
    (row,) = judge([claim(**changes)], {"agreement": AGREEMENT})
    return row


@pytest.mark.parametrize(
    ("published", "reproduced", "agrees"),
    [
        (".881", "0.8812", True),
        (".881", "0.8805", True),  # the boundary on both sides
        (".881", "0.8815", True),
        (".881", "0.8815000001", False),
        (".881", "0.8804999999", False),
        ("0.880", "0.8806", False),  # the last zero counts
        ("0.88", "0.8806", True),
        ("12", "12.5", True),
        ("12.", "12.51", False),
        ("-.05", "-0.055", True),
        ("+0.05", "-0.05", False),
        ("0.000", "4e-05", True),
        ("2000", "2000.4", True),
    ],
)
def test_half_a_unit_of_the_last_printed_digit(published: str, reproduced: str, agrees: bool) -> None:
    assert within(published, reproduced, half_a_unit(published)) is agrees


@given(st.decimals(min_value=-1000, max_value=1000, places=9), st.integers(0, 6))
def test_a_figure_reproduces_its_own_rounding(figure: Decimal, digits: int) -> None:
    rounded = round(figure, digits)
    unit = Decimal(1).scaleb(-digits)
    for published, agrees in ((rounded, True), (rounded + 2 * unit, False), (rounded - 2 * unit, False)):
        assert within(f"{published:f}", f"{figure:f}", half_a_unit(f"{published:f}")) is agrees


def test_a_row_holds_what_was_compared() -> None:
    assert judged() == Judged(
        claim="r/pearson_r",
        source="Somebody (2014), Table 4",
        published="0.881",
        reproduced="0.8811656183",
        tolerance="0.0005",
        verdict="reproduced",
        statement="VADER on tweets",
        reason="",
        reading="",
        where="agreement.csv, pearson_r, domain tweets, subset all, measure vader",
    )
    assert FIXED_TABLES["claims"] == claims.COLUMNS


def test_a_figure_that_does_not_reproduce_is_shown_with_what_is_known() -> None:
    row = judged(values={"pearson_r": "0.565"}, reason="The rows\nseem to be exchanged.")
    assert (row.verdict, row.reproduced) == ("not reproduced", "0.8811656183")
    assert row.reason == "The rows seem to be exchanged."
    assert judged(reason="Only of interest where it fails.").reason == ""


def test_another_tolerance_has_its_reason() -> None:
    row = judged(values={"pearson_r": "0.880"}, tolerance={"pearson_r": 0.00001}, reason="Printed in bold.")
    assert (row.verdict, row.tolerance, row.reason) == ("not reproduced", "0.00001", "Printed in bold.")
    row = judged(values={"pearson_r": "0.880"}, tolerance={"pearson_r": 0.002}, reason="Printed in bold.")
    assert (row.verdict, row.tolerance, row.reason) == ("reproduced", "0.002", "Printed in bold.")
    row = judged(values={"pearson_r": "0.5"}, tolerance={"f1": 0.1}, reason="Of the other value.")
    assert (row.verdict, row.tolerance, row.reason) == ("not reproduced", "0.05", "")


def test_a_claim_that_is_not_attempted_has_no_figure() -> None:
    row = judged(attempt=False, where={}, reason="licensed lexicon")
    assert (row.verdict, row.reason) == ("not attempted", "licensed lexicon")
    assert (row.reproduced, row.tolerance, row.where) == ("", "", "")


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ({"measure": "liwc"}, "The table has no such row."),
        ({}, "2 rows of the table have these keys; they differ in measure, pearson_r."),
        ({"domain": "nyt", "measure": "vader"}, "The cell is empty."),
        ({"domain": "nyt", "measure": "words"}, "The cell holds no number but 'nan'."),
        ({"measure": "vader", "column": "subset"}, "The cell holds no number but 'all'."),
        ({"measure": "vader", "column": "kendall"}, "The table has no column 'kendall'."),
        ({"measure": "vader", "rule": "sign"}, "The table has no such row."),
    ],
)
def test_a_cell_without_a_figure_is_not_reproduced(cell: dict[str, str], reason: str) -> None:
    row = judged(where={"pearson_r": {**CELL, **cell}})
    assert (row.verdict, row.reproduced, row.reason) == ("not reproduced", "", reason)


def test_keys_that_are_numbers_are_compared_as_numbers() -> None:
    table = [{"bin_low": "0.10", "ece": "0.02"}, {"bin_low": "0.2", "ece": "0.3"}]
    cell = {"table": "calibration", "column": None, "bin_low": 0.1}
    (row,) = judge([claim(values={"ece": "0.02"}, where={"ece": cell})], {"calibration": table})
    assert row.verdict == "reproduced"


def test_the_other_reading_has_rows_of_its_own() -> None:
    other = {
        "reading": "rows exchanged",
        "where": {"pearson_r": {**CELL, "measure": "words"}},
        "reason": "No lexicon.",
    }
    values = {"pearson_r": "0.8815", "f1": "0.96"}
    rows = judge(
        [claim(values=values, attempt=False, where={}, reason="licensed", alternative=other)],
        {"agreement": AGREEMENT},
    )
    assert [(r.claim, r.reading, r.verdict, r.reason) for r in rows] == [
        ("r/pearson_r", "", "not attempted", "licensed"),
        ("r/f1", "", "not attempted", "licensed"),
        ("r/pearson_r", "rows exchanged", "reproduced", ""),
        ("r/f1", "rows exchanged", "not attempted", "No lexicon."),
    ]
    none = {"reproduced": 0, "not reproduced": 0, "not attempted": 0}
    assert summary(rows) == {
        "": none | {"not attempted": 2},
        "rows exchanged": none | {"reproduced": 1, "not attempted": 1},
    }
    assert summary([]) == {"": none}
    rows = judge(
        [
            claim(
                alternative={**other, "reason": None},
                values=values,
                where={"pearson_r": {**CELL, "measure": "vader"}, "f1": {**CELL, "measure": "vader"}},
            )
        ],
        {"agreement": AGREEMENT},
    )
    assert [r.claim for r in rows] == ["r/pearson_r", "r/f1", "r/pearson_r"]


def test_rows_are_grouped_by_what_they_state() -> None:
    rows = judge(
        [claim(), claim(id="s", statement="Another"), claim(id="t", values={"pearson_r": "0.5"})],
        {"agreement": AGREEMENT},
    )
    groups = by_statement(rows)
    assert [statement for _, statement in groups] == ["VADER on tweets", "Another"]
    assert [row.verdict for row in groups["Somebody (2014), Table 4", "VADER on tweets"]] == [
        "reproduced",
        "not reproduced",
    ]


def test_the_tables_that_claims_need() -> None:
    other = {"reading": "x", "where": {"f1": {"table": "classification", "column": None}}, "reason": None}
    ignored = claim(attempt=False, where={"pearson_r": {"table": "reliability", "column": None}})
    assert tables_of([claim(), {**ignored, "alternative": other}]) == ["agreement", "classification"]


def test_a_figure_gets_the_printed_values_that_it_draws_and_no_more() -> None:
    rho = {**CELL, "column": "spearman_rho", "measure": "vader"}
    elsewhere = {"table": "classification", "column": "pearson_r"}
    many = claim(
        values={"r": "0.881", "rho": "0.87", "f1": "0.96", "pearson_r": "0.88"},
        where={
            "r": {**CELL, "column": "pearson_r", "measure": "vader"},
            "rho": rho,
            "f1": elsewhere,
            "pearson_r": elsewhere,
        },
    )
    keys = {"domain": "tweets", "subset": "all", "measure": "vader"}
    drawn = [{"claim": "r", "value": "0.881", "alternative": False, "keys": keys}]
    assert printed([many], "agreement", "pearson_r") == drawn
    assert printed([claim()], "agreement", "pearson_r") == drawn
    swapped = {"reading": "x", "where": {"pearson_r": {**CELL, "domain": "nyt"}}, "reason": None}
    only_otherwise = claim(attempt=False, reason="licensed lexicon", alternative=swapped)
    other = {"claim": "r", "value": "0.881", "alternative": True, "keys": {"domain": "nyt", "subset": "all"}}
    assert printed([only_otherwise], "agreement", "pearson_r") == [other]
    assert printed([claim(attempt=False, where={})], "agreement", "pearson_r") == []
    with pytest.raises(StudyError, match="table that is not there"):
        judge([claim()], {"classification": []})


YAML = """\
claims:
  - id: r
    source: "=Somebody's (2014), \\"Table 4\\""
    statement: <script>alert(1)</script>
    values: {pearson_r: "0.880"}
    where:
      pearson_r: {table: agreement, measure: vader}
"""


def run_main(folder: Path, config: list[Path], tables: list[Path]) -> tuple[Path, Path]:
    files = folder / "results" / "tables" / "claims.csv", folder / "results" / "claims.csv"
    claims.main(claims=config, tables=tables, table_file=files[0], copy_file=files[1])
    return files


def test_the_program_writes_two_equal_tables_that_keep_every_digit(tmp_path: Path) -> None:
    (tmp_path / "claims.yaml").write_text(YAML)
    (tmp_path / "agreement.csv").write_text('measure,pearson_r\n"vader",0.8804\n')
    table, copy = run_main(tmp_path, [tmp_path / "claims.yaml"], [tmp_path / "agreement.csv"])
    assert table.read_bytes() == copy.read_bytes()
    assert b"\r" not in table.read_bytes()
    (row,) = read(table)
    assert (row.published, row.verdict) == ("0.880", "reproduced")
    assert row.statement == "<script>alert(1)</script>"  # whoever shows it escapes it
    assert row.source == '=Somebody\'s (2014), "Table 4"'


def test_a_study_without_claims_has_an_empty_table(tmp_path: Path) -> None:
    table, _ = run_main(tmp_path, [], [])
    assert table.read_text() == ",".join(FIXED_TABLES["claims"]) + "\n"
    assert read(table) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such table"),
        (b"", "table is empty"),
        (b"measure,pearson_r\nvader\n", "different lengths"),
        (b'measure,pearson_r\nvader,"0.88\n', "cannot be read"),
        (b"measure,pearson_r\nvader,\xff\n", "cannot be read"),
    ],
)
def test_a_damaged_table_is_named(tmp_path: Path, content: bytes | None, words: str) -> None:
    (tmp_path / "claims.yaml").write_text(YAML)
    file = tmp_path / "agreement.csv"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(StudyError, match=words) as caught:
        run_main(tmp_path, [tmp_path / "claims.yaml"], [file])
    assert str(caught.value).startswith(f"{file.as_posix()}: ")
    assert not (tmp_path / "results").exists()


def test_another_table_is_no_table_of_claims(tmp_path: Path) -> None:
    (tmp_path / "flow.csv").write_text("step,n\nread,1\n")
    with pytest.raises(StudyError, match="no table of claims"):
        read(tmp_path / "flow.csv")
