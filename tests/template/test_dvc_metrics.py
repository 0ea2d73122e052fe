"""`dvc metrics` and `dvc plots` compare versions of a study whose results are one folder of DVC."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd

from study import claims
from study.config.names import FIXED_TABLES
from study.metrics import main
from template.making import Bake, commit, git

LLM = "agreement.tone.llm.sample"


def dvc(folder: Path, *arguments: str) -> str:
    """Run DVC in a folder, and return what it said."""
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def results(study: Path, pearson_r: float | None) -> None:
    """Write results, with a language model's agreement or without any."""
    tables = study / "results" / "tables"
    tables.mkdir(parents=True, exist_ok=True)
    row = dict.fromkeys(FIXED_TABLES["agreement"], 0.5) | {
        "construct": "tone",
        "domain": "all",
        "subset": "sample",
        "measure": "llm",
        "criterion": "humans",
        "n": 80,
        "pearson_r": pearson_r,
    }
    rows = [] if pearson_r is None else [row]
    pd.DataFrame(rows, columns=list(row)).to_csv(tables / "agreement.csv", index=False)
    bins = dict.fromkeys(FIXED_TABLES["calibration"], 0.5) | {"measure": "llm"}
    pd.DataFrame([bins] if rows else [], columns=list(bins)).to_csv(tables / "calibration.csv", index=False)
    claims.write([], tables / "claims.csv")
    codings = study / "results" / "codings" / "llm.parquet"
    codings.parent.mkdir(exist_ok=True)
    pd.DataFrame({"construct": ["tone"], "valid_mass": [0.25]}).to_parquet(codings)
    main(
        agreement=tables / "agreement.csv",
        claims_table=tables / "claims.csv",
        codings=[codings] if rows else [],
        metrics_file=study / "results" / "metrics.json",
        plot_file=study / "results" / "plots" / "agreement.csv",
    )
    dvc(study, "add", "--quiet", "results")
    commit(study)


def differences(study: Path, *revisions: str) -> dict[str, dict[str, float]]:
    found = json.loads(dvc(study, "metrics", "diff", "--json", *revisions))
    return found["results/metrics.json"] if found else {}  # type: ignore[no-any-return]


def test_two_branches_are_compared(bake: Bake, tmp_path: Path) -> None:
    # An absolute address: DVC takes a relative one for one below '/' when it speaks of other branches.
    study = bake(starter="blank", dvc_remote=str(tmp_path / "store"))
    results(study, 0.5)
    git(study, "checkout", "--quiet", "-b", "other")
    results(study, 0.625)
    assert git(study, "ls-files", "*.dvc", "dvc.yaml").split() == ["dvc.yaml", "results.dvc"]

    # The other branch's figures are read from DVC's cache; the folder on disk is not touched.
    git(study, "checkout", "--quiet", "main")
    dvc(study, "checkout", "--quiet")
    expected = {f"{LLM}.pearson_r": {"old": 0.5, "new": 0.625, "diff": 0.125}}
    assert differences(study, "main", "other") == expected
    assert json.loads((study / "results" / "metrics.json").read_text())["valid_mass"] == {
        "tone": {"llm": 0.25}
    }
    shown = json.loads(dvc(study, "metrics", "show", "--json"))
    assert shown[""]["data"]["results/metrics.json"]["data"]["agreement"]["tone"]["llm"]["sample"]["n"] == 80
    assert "Nothing" not in dvc(study, "status")
    assert git(study, "status", "--porcelain") == ""

    plots = json.loads(dvc(study, "plots", "diff", "--json", "main", "other"))["data"]
    drawn = {name.split("::")[-1]: shown[0]["content"] for name, shown in plots.items()}
    assert set(drawn) == {"results/plots/agreement.csv", "results/tables/calibration.csv"}
    bars = drawn["results/plots/agreement.csv"]
    values = [(row["rev"], row["measure"], row["pearson_r"]) for row in bars["data"]["values"]]
    assert values == [
        ("main", "tone, llm, subset sample", "0.5"),
        ("other", "tone, llm, subset sample", "0.625"),
    ]
    assert (bars["encoding"]["x"]["field"], bars["encoding"]["y"]["field"]) == ("pearson_r", "measure")
    assert drawn["results/tables/calibration.csv"]["encoding"]["x"]["field"] == "mean_probability"

    # A colleague need not fetch what is compared: DVC reads the files in its remote.
    dvc(study, "push", "--all-branches")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(study), "clone")
    assert not (clone / "results").exists()
    assert differences(clone, "main", "origin/other") == expected


def test_a_study_without_figures(bake: Bake) -> None:
    study = bake(starter="blank")
    # Before the first run there is nothing to show, and nothing else is disturbed.
    assert "There are no data" in dvc(study, "status")
    results(study, None)
    assert (study / "results" / "metrics.json").read_text() == "{}\n"
    assert "agreement" not in dvc(study, "metrics", "show")
    assert differences(study) == {}
    dvc(study, "plots", "diff", "--json", "HEAD")
    git(study, "checkout", "--quiet", "-b", "other")
    results(study, 0.5)
    found = differences(study, "main", "other")
    assert found[f"{LLM}.pearson_r"]["new"] == 0.5
