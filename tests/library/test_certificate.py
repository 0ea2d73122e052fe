"""A slice of the simulation certificate, and the certificate in the documentation."""

import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, chi2, norm

ROOT = Path(__file__).resolve().parents[2]
# Last: these folders' other modules must not stand before anybody's.
sys.path.append(str(ROOT / "benchmarks"))

from certificate import cells  # noqa: E402
from certificate.cells import CELLS, Cell, finished, repeat, run  # noqa: E402
from certificate.corpora import REGRESSIONS, corpus, with_gold  # noqa: E402
from certificate.page import INCLUDED, PICTURE, TABLE, read, tables  # noqa: E402
from certificate.summary import summarise  # noqa: E402

REPLICATES = 300
SEED = 20
"""Not that of the documentation."""
RARE = 0.001
"""Right intervals fail a check in one of a thousand seeds; see below which wrong ones fail it."""


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def slice_of(cell: Cell, replicates: int, estimators: list[str]) -> dict[str, pd.DataFrame]:
    rows = repeat(cell, range(replicates), seed=SEED, estimators=estimators)
    return {name: rows[rows["estimator"] == name] for name in estimators}


def covered(rows: pd.DataFrame, truth: float) -> int:
    return int(((rows["ci_low"] <= truth) & (truth <= rows["ci_high"])).sum())


def chance(rows: pd.DataFrame, truth: float) -> float:
    """The probability of such a coverage, or one further from 95%, if intervals are right."""
    return binomtest(covered(rows, truth), len(rows), 0.95).pvalue


def chance_of_spread(rows: pd.DataFrame, truth: float, factor: float = 1.0) -> float:
    """The probability that errors, in standard errors times `factor`, are spread so little or so much."""
    se = factor * (rows["ci_high"] - rows["ci_low"]) / (2 * norm.isf(0.025))
    squares = float((((rows["estimate"] - truth) / se) ** 2).sum())
    return 2 * min(chi2.cdf(squares, len(rows)), chi2.sf(squares, len(rows)))


def assert_right(rows: pd.DataFrame, truth: float) -> None:
    errors = rows["estimate"] - truth
    assert rows.notna().all().all()
    assert abs(errors.mean()) < 3.3 * errors.std() / np.sqrt(len(errors))
    assert chance(rows, truth) > RARE
    assert chance_of_spread(rows, truth) > RARE
    # The check is no formality: a standard error a fifth too small fails it, or a quarter too large.
    assert chance_of_spread(rows, truth, 0.8) < RARE
    assert chance_of_spread(rows, truth, 1.25) < RARE


@pytest.mark.parametrize(
    ("regression", "estimators"),
    [
        ("covariate", ["naive", "gold only", "DSL"]),
        ("category", ["naive", "gold only", "DSL", "PPI++"]),
        ("score", ["naive", "gold only", "DSL", "PPI++"]),
    ],
)
def test_with_errors_that_depend_on_the_outcome_corrections_cover_and_naive_does_not(regression, estimators):
    truth = REGRESSIONS[regression].truth
    found = slice_of(Cell(regression, "strong", 500), REPLICATES, estimators)
    for name in estimators[1:]:
        assert_right(found[name], truth)
    assert covered(found["naive"], truth) < 0.05 * REPLICATES
    # What the machine's codes are for: intervals no wider than those of hand codes alone.
    width = {name: (rows["ci_high"] - rows["ci_low"]).mean() for name, rows in found.items()}
    if "PPI++" in width:
        assert width["PPI++"] < 0.97 * width["gold only"]
    if regression != "category":
        assert width["DSL"] < 0.95 * width["gold only"]


def test_the_likelihood_is_right_where_its_error_model_is_and_wrong_where_not():
    truth, cell = REGRESSIONS["category"].truth, Cell("category", "strong", 500)
    right = slice_of(cell, 80, ["likelihood"])["likelihood"]
    assert chance(right, truth) > RARE
    by_truth = slice_of(cell, 30, ["likelihood, errors by truth alone"])
    assert covered(by_truth["likelihood, errors by truth alone"], truth) < 0.4 * 30
    curved = slice_of(Cell("covariate", "curved", 500), 30, ["likelihood", "DSL"])
    assert covered(curved["likelihood"], REGRESSIONS["covariate"].truth) < 0.3 * 30
    assert covered(curved["DSL"], REGRESSIONS["covariate"].truth) > 0.8 * 30


def test_without_errors_the_naive_analysis_is_right():
    for regression, of in REGRESSIONS.items():
        found = slice_of(Cell(regression, "none", 0), 200, ["naive"])["naive"]
        assert chance(found, of.truth) > RARE


@pytest.mark.parametrize(("regression", "of"), REGRESSIONS.items())
def test_hand_codes_are_a_part_of_the_truth_and_codes_err(regression, of):
    whole = corpus(regression, "strong", 3)
    data = with_gold(whole, of.predicted, 100)
    assert data[of.predicted].notna().sum() == 100
    assert data.drop(columns=of.predicted).equals(whole.drop(columns=of.predicted))
    assert (data[of.predicted].dropna() == whole[of.predicted][:100]).all()
    assert corpus(regression, "none", 3)["code"].equals(corpus(regression, "none", 3)[of.predicted])
    # Errors depend on more than the truth: that is what breaks the naive analysis.
    error = whole["code"] - whole[of.predicted]
    assert abs(np.corrcoef(error, whole["x" if of.predicted == "y" else "y"])[0, 1]) > 0.1


def test_a_replicate_does_not_depend_on_who_computes_it():
    cell = Cell("covariate", "weak", 100)
    together = repeat(cell, range(4), seed=SEED)
    apart = pd.concat([repeat(cell, range(2, 4), seed=SEED), repeat(cell, range(2), seed=SEED)])
    apart = apart.sort_values("replicate", kind="stable").reset_index(drop=True)
    pd.testing.assert_frame_equal(together, apart)
    assert not repeat(cell, range(1), seed=SEED + 1)["estimate"].isin(together["estimate"]).any()


def test_an_interrupted_run_goes_on(tmp_path, monkeypatch):
    few = [Cell("score", "strong", 0), Cell("category", "weak", 100)]
    monkeypatch.setattr(cells, "CELLS", few)
    first = run(tmp_path, 3, processes=2)
    assert (first.groupby("estimator")["replicate"].count() == 3).all()
    kept, lost = (tmp_path / f"{cell.name}.csv" for cell in few)
    before = kept.stat().st_mtime_ns
    lost.unlink()
    (tmp_path / "category-weak-100.part").write_text("half a li")
    pd.testing.assert_frame_equal(run(tmp_path, 3), first)
    assert kept.stat().st_mtime_ns == before
    # Fewer replicates are the first of more; more are computed; so is what other code computed.
    assert finished(tmp_path, few[0], 2, None)["replicate"].tolist() == [0, 1]
    assert finished(tmp_path, few[0], 4, None) is None
    monkeypatch.setattr(cells, "fingerprint", lambda: "other")
    assert finished(tmp_path, few[0], 3, "other") is None
    pd.testing.assert_frame_equal(run(tmp_path, 3, keep=True), first)
    assert kept.stat().st_mtime_ns == before
    pd.testing.assert_frame_equal(run(tmp_path, 3), first)
    assert kept.read_text().startswith("# other\n")


def test_a_summary_by_hand():
    rows = pd.DataFrame(
        {
            "replicate": range(5),
            "estimator": "DSL",
            "estimate": [0.4, 0.6, 0.7, 0.9, np.nan],
            "ci_low": [0.3, 0.5, 0.6, 0.8, np.nan],
            "ci_high": [0.5, 0.7, 0.8, 1.4, np.nan],
        }
    ).assign(regression="covariate", errors="strong", gold=500)
    table = summarise(rows).set_index(["regression", "errors", "gold", "estimator"])
    row = table.loc[("covariate", "strong", 500, "DSL")]
    assert row["replicates"] == 5
    assert row["no_solution"] == pytest.approx(0.2)
    assert row["bias"] == pytest.approx(0.15)
    assert row["rmse"] == pytest.approx(np.sqrt((0.01 + 0.01 + 0.04 + 0.16) / 4))
    # .5 is covered at the bounds too.
    assert row["coverage"] == pytest.approx(0.5)
    assert row["coverage_se"] == pytest.approx(0.25)
    assert row["ci_width"] == pytest.approx(0.3)
    assert "outcome alone" in table.loc[("covariate", "strong", 500, "PPI++"), "note"]
    assert "category" in table.loc[("score", "strong", 500, "likelihood"), "note"]


@pytest.fixture(scope="module")
def published() -> pd.DataFrame:
    return read(ROOT / "docs")


def test_the_published_certificate_holds(published):
    tried = published[published["coverage"].notna()]
    assert (tried["replicates"] == 2000).all()
    promised = tried[tried["estimator"].isin(["DSL", "PPI++"]) & (tried["gold"] >= 500)]
    assert len(promised) == 31
    assert promised["coverage"].between(0.93, 0.97).all()
    assert (promised["no_solution"] == 0).all()
    broken = tried[(tried["estimator"] == "naive") & (tried["errors"] != "none")]
    assert len(broken) == 8
    assert (broken["coverage"] < 0.5).all()


def test_the_published_likelihood_is_right_or_wrong_as_the_page_says(published):
    found = published.set_index(["regression", "errors", "gold", "estimator"])["coverage"]
    for regression in ("covariate", "category"):
        assert 0.93 < found[regression, "strong", 500, "likelihood"] < 0.97
        assert found[regression, "curved", 500, "likelihood"] < 0.6
        assert found[regression, "strong", 500, "likelihood, errors by truth alone"] < 0.02
    assert 0.86 < found["covariate", "strong", 100, "likelihood"] < 0.88


def test_every_cell_is_published_or_says_why_not(published):
    for cell in CELLS:
        own = published[
            (published["regression"] == cell.regression)
            & (published["errors"] == cell.errors)
            & (published["gold"] == cell.gold)
        ]
        assert set(own.loc[own["coverage"].notna(), "estimator"]) == set(cell.estimators)
        assert own.loc[own["coverage"].isna(), "note"].str.len().gt(0).all()


def test_the_page_shows_the_published_table(published):
    assert (ROOT / "docs" / INCLUDED).read_text(encoding="utf-8") == "\n".join(tables(published)) + "\n"
    page = (ROOT / "docs" / "reference" / "certificate.md").read_text(encoding="utf-8")
    for file in (INCLUDED.name, TABLE.name, PICTURE.name):
        assert file in page
