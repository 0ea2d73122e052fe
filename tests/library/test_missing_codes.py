"""Missing codes: what is counted, which test is made, and that it finds what was put there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from study.validity.missing_codes import COLUMNS, association, levels, missing_codes, outcomes

CODERS = {"tone": {"humans": "human", "llm": "llm", "words": "dictionary"}}


def measures(n: int = 12, **columns: Any) -> pd.DataFrame:
    table = pd.DataFrame({"unit_id": [f"u{i:02d}" for i in range(n)]})
    return table.assign(sample=True, gold=False, pilot=False, **columns)


def coded(coder: str, statuses: dict[str, str], construct: str = "tone") -> pd.DataFrame:
    rows = [(unit, construct, coder, status) for unit, status in statuses.items()]
    return pd.DataFrame(rows, columns=["unit_id", "construct", "coder", "status"])


def table(found: pd.DataFrame, coder: str = "humans") -> pd.DataFrame:
    return found[found["coder"] == coder].set_index(["covariate", "level"])


def test_everything_that_may_become_of_a_unit() -> None:
    rows = [
        ("a", "ok"),
        ("b", "not_codable"),
        ("c", "failed"),
        ("d", "too_long"),
        ("e", "failed"),
        ("e", "ok"),  # of another repeat
        ("f", "failed"),
        ("f", "not_codable"),
    ]
    found = outcomes(pd.DataFrame(rows, columns=["unit_id", "status"]), list("abcdefg"))
    assert found.to_dict() == {
        "a": "coded",
        "b": "not_codable",
        "c": "missing",
        "d": "missing",
        "e": "coded",
        "f": "not_codable",
        "g": "missing",
    }


def test_counts_shares_and_the_test_by_hand() -> None:
    # 60 texts: of 30 in the north 27 are coded, of 30 in the south 15; nobody coded the rest.
    units = measures(60, region=["north"] * 30 + ["south"] * 30)
    ids = units["unit_id"].tolist()
    found = missing_codes(
        units,
        coded("humans", dict.fromkeys(ids[:27] + ids[30:45], "ok")),
        coders=CODERS,
        given={"humans": ["sample"]},
        covariates=["region"],
    )
    assert list(found.columns) == list(COLUMNS)
    humans = table(found)
    everything = humans.loc[("", "all")]
    assert (everything["n"], everything["coded"], everything["missing"]) == (60, 42, 18)
    assert everything["share_missing"] == pytest.approx(0.3)
    assert np.isnan(everything["p_value"])
    south = humans.loc[("region", "south")]
    assert (south["n"], south["coded"], south["not_codable"], south["missing"]) == (30, 15, 0, 15)
    assert south["share_missing"] == 0.5
    # chi2 = 60 (27*15 - 3*15)^2 / (30*30*42*18) = 11.43 with 1 degree of freedom
    chi2 = 60 * (27 * 15 - 3 * 15) ** 2 / (30 * 30 * 42 * 18)
    assert south["test"] == "chi-square"
    assert south["p_value"] == pytest.approx(stats.chi2.sf(chi2, 1))
    assert humans.loc[("region", "north")]["p_value"] == south["p_value"]
    assert south["p_adjusted"] == pytest.approx(south["p_value"])  # the only test


def test_small_tables_have_fisher_s_test() -> None:
    # Fisher's tea (1935): 3 and 1 of 4 and 4; p = .486
    assert association(np.array([[3, 1], [1, 3]])) == ("Fisher", pytest.approx(0.4857, abs=1e-4))
    # 2 x 3, by complete enumeration of the tables with these sums
    given = np.array([[4, 1, 0], [0, 2, 4]])
    sums, columns = given.sum(axis=1), given.sum(axis=0)
    found = stats.random_table(sums, columns)
    observed, p = found.pmf(given), 0.0
    for a in range(columns[0] + 1):
        for b in range(columns[1] + 1):
            c = sums[0] - a - b
            if 0 <= c <= columns[2]:
                top = np.array([a, b, c])
                probability = found.pmf(np.array([top, columns - top]))
                p += probability if probability <= observed * (1 + 1e-9) else 0
    test, p_value = association(given)
    assert test == "Fisher"
    assert p_value == pytest.approx(p, abs=0.01)
    assert association(given)[1] == p_value


def test_under_chance_p_is_uniform_and_under_association_small() -> None:
    rng = np.random.default_rng(3)
    by_chance, related = [], []
    for _ in range(60):
        region = rng.choice(["a", "b", "c"], 150)
        for p_missing, found in ((np.full(150, 0.2), by_chance), (0.1 + 0.4 * (region == "c"), related)):
            lost = rng.random(150) < p_missing
            cells = pd.crosstab(region, np.where(lost, "missing", "coded")).to_numpy()
            found.append(association(cells)[1])
    assert np.mean(np.array(by_chance) < 0.05) < 0.15
    assert 0.35 < np.mean(by_chance) < 0.65
    assert np.mean(np.array(related) < 0.05) > 0.9


def test_p_values_are_adjusted_over_the_table() -> None:
    units = measures(60, region=["a", "b"] * 30, genre=["x"] * 30 + ["y"] * 30)
    ids = units["unit_id"].tolist()
    codings = pd.concat(
        [coded("humans", dict.fromkeys(ids[:40], "ok")), coded("llm", dict.fromkeys(ids[3:], "ok"))]
    )
    given = {"humans": ["sample"], "llm": ["sample"]}
    found = missing_codes(
        units, codings, coders=CODERS, given=given, covariates=["region", "genre"], correction="bonferroni"
    )
    tested = found.dropna(subset=["p_value"])
    assert tested.groupby(["coder", "covariate"]).ngroups == 4
    assert np.allclose(tested["p_adjusted"], np.minimum(1, 4 * tested["p_value"]))
    assert found.loc[found["covariate"] == "", "p_adjusted"].isna().all()


def test_which_units_a_coder_was_given() -> None:
    units = measures(6).assign(gold=[True, True, False, False, False, False], pilot=[False] * 5 + [True])
    codings = pd.concat(
        [
            coded("humans", {"u00": "ok", "u02": "ok", "u05": "not_codable"}),
            coded("llm", {"u00": "ok", "u03": "too_long"}),
            coded("words", {"u00": "ok"}),
        ]
    )
    drawn = missing_codes(
        units, codings, coders=CODERS, given={"humans": ["gold", "pilot"]}, covariates=[]
    ).set_index("coder")
    assert list(drawn.index) == ["humans", "llm"]
    assert drawn.loc["humans", ["n", "coded", "not_codable", "missing"]].tolist() == [3, 1, 1, 1]
    assert drawn.loc["llm", ["n", "coded", "not_codable", "missing"]].tolist() == [2, 1, 0, 1]
    rated = missing_codes(units, codings, coders=CODERS, given={}, covariates=[]).set_index("coder")
    assert rated.loc["humans", ["n", "coded", "not_codable", "missing"]].tolist() == [3, 2, 1, 0]


def test_sealed_units_do_not_count() -> None:
    units = measures(6).assign(gold=[True, True, True, False, False, False], pilot=[False] * 4 + [True] * 2)
    codings = coded("humans", {"u00": "sealed", "u01": "sealed", "u04": "ok"})
    found = missing_codes(
        units, codings, coders=CODERS, given={"humans": ["gold", "pilot"]}, covariates=[]
    ).set_index("coder")
    assert found.loc["humans", ["n", "coded", "missing"]].tolist() == [2, 1, 1]


@pytest.mark.parametrize(
    ("covariate", "note"),
    [
        (["a"] * 12, "there is only one level"),
        ([f"person {i}" for i in range(12)], ""),
    ],
)
def test_what_cannot_be_tested_says_why(covariate: list[str], note: str) -> None:
    units = measures(12, by=covariate)
    ids = units["unit_id"].tolist()
    found = missing_codes(
        units,
        coded("humans", dict.fromkeys(ids[:8], "ok")),
        coders=CODERS,
        given={"humans": ["sample"]},
        covariates=["by"],
    )
    assert set(table(found).loc["by"]["note"]) == {note}
    whole = missing_codes(
        units,
        coded("humans", dict.fromkeys(ids, "ok")),
        coders=CODERS,
        given={"humans": ["sample"]},
        covariates=["by"],
    )
    assert set(table(whole).loc["by"]["note"]) == {"every unit is coded: there is nothing to test"}
    assert whole["p_value"].isna().all()


def test_an_identifier_has_one_row_and_a_coder_without_units_another() -> None:
    units = measures(40, person=[f"p{i}" for i in range(40)])
    codings = coded("humans", dict.fromkeys(units["unit_id"][:20], "ok"))
    found = missing_codes(units, codings, coders=CODERS, given={"humans": ["sample"]}, covariates=["person"])
    assert table(found).loc[("person", ""), "note"] == "40 levels are too many for a test"
    assert table(found, "llm")["note"].tolist() == ["no unit"]


def test_levels() -> None:
    few = levels(pd.Series([1999.0, 2000.0, np.nan, 2000.0]))
    assert few.tolist() == ["1999", "2000", "(missing)", "2000"]
    many = levels(pd.Series(np.arange(100.0)))
    assert many.value_counts().to_dict() == {
        "0 to 24": 25,
        "25 to 49": 25,
        "50 to 74": 25,
        "75 to 99": 25,
    }
    assert levels(pd.Series([True, False, None], dtype=object)).tolist() == ["True", "False", "(missing)"]


def test_the_program_writes_a_table(tmp_path: Path) -> None:
    units = measures(12, region=["a", "b", None] * 4)
    units.to_parquet(tmp_path / "measures.parquet")
    coded("humans", dict.fromkeys(units["unit_id"][:9], "ok")).to_parquet(tmp_path / "humans.parquet")
    src = Path(__file__).resolve().parents[2] / "{{cookiecutter.project_slug}}" / "src"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "study.validity.missing_codes"),
            *("--measures-file", "measures.parquet", "--codings-files", "humans.parquet"),
            *("--coders", json.dumps(CODERS), "--given", '{"humans": ["sample"]}'),
            *("--covariates", '["region"]', "--correction", "holm", "--table-file", "missing_codes.csv"),
        ],
        cwd=tmp_path,
        env={"PYTHONPATH": str(src)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "missing_codes.csv").read_text().splitlines()
    assert lines[0] == ",".join(COLUMNS)
    assert lines[1] == "tone,humans,,all,12,9,0,3,0,0.25,,,,"
    assert lines[2].startswith("tone,humans,region,(missing),4,3,0,1,0,0.25,Fisher,")
    assert lines[-1] == "tone,llm,,all,0,0,0,0,,,,,,no unit"
