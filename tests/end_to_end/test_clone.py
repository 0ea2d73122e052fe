"""A study in several clones: pulls, branches, merges, and making everything again without the model."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from end_to_end.shared_study import clone
from end_to_end.studies import (
    asked,
    contents,
    edit,
    generate,
    planned,
    run,
    settings,
    snakemake,
    write_settings,
)

pytestmark = pytest.mark.slow

BOOK = "config/codebooks/satisfaction.yaml"
TEXTS = "config/example/texts.csv"
NEW_TEXT = "note-6,The lamps on the upper floor are broken again.,south,2024\n"
CODINGS = "results/codings/llm.parquet"
FOLDERS = ("data/corpus", "data/gold", "data/responses", "results")
NOTHING = "Nothing to be done"


def share(study: Path, message: str) -> None:
    """Commit everything, and push it as the documentation says."""
    run(study, "git", "add", "--all")
    run(study, "git", "commit", "--quiet", "--message", message)
    run(study, "dvc", "push", "--quiet")
    run(study, "git", "push", "--quiet", "origin", "HEAD")


def colleague(hub: Path, folder: Path) -> Path:
    """Return a clone with its data, whose git was taught by the environment's program."""
    study = clone(hub, folder)
    program = "import environment, sys, pathlib; environment.teach_git(pathlib.Path(sys.prefix))"
    run(study, sys.executable, "-c", program)
    run(study, "dvc", "pull", "--quiet")
    return study


def add_text(study: Path) -> None:
    with (study / TEXTS).open("a", encoding="utf-8") as stream:
        stream.write(NEW_TEXT)


def ask_otherwise(study: Path) -> None:
    edit(study / BOOK, "question: ", "question: Please answer. ")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a repository that others clone and the place where its data lie."""
    folder = tmp_path_factory.mktemp("life")
    study = generate(folder, "blank")
    run(study, "dvc", "remote", "add", "--default", "storage", str(folder / "storage"))
    run(folder, "git", "init", "--quiet", "--bare", "--initial-branch=main", str(folder / "hub"))
    run(study, "git", "remote", "add", "origin", str(folder / "hub"))
    snakemake(study)
    share(study, "Code the notes")
    return folder


@pytest.fixture
def hub(original: Path, tmp_path: Path) -> Path:
    """Return a repository of this test's own; the data are shared."""
    return shutil.copytree(original / "hub", tmp_path / "hub")


def test_a_forgotten_pull_is_named_and_nothing_is_asked(hub: Path, tmp_path: Path) -> None:
    study = clone(hub, tmp_path / "clone")
    for command in ([], ["--dry-run"], [CODINGS]):
        done = snakemake(study, *command, check=False)
        assert done.returncode == 1
        assert "Run 'dvc pull'" in done.stderr
        assert "Traceback" not in done.stderr
    assert not (study / "results").exists()
    run(study, "dvc", "pull", "--quiet")
    assert NOTHING in snakemake(study).stderr


def test_branches_are_current_and_a_forgotten_checkout_is_named(hub: Path, tmp_path: Path) -> None:
    study = colleague(hub, tmp_path / "clone")
    run(study, "git", "checkout", "--quiet", "-b", "other")
    ask_otherwise(study)
    snakemake(study)
    share(study, "Ask otherwise")
    for branch in ("main", "other", "main"):
        run(study, "git", "checkout", "--quiet", branch)
        done = snakemake(study, check=False)
        assert done.returncode == 1
        assert "dvc checkout" in done.stderr
        run(study, "dvc", "checkout", "--quiet")
        assert NOTHING in snakemake(study).stderr
        assert run(study, "git", "status", "--porcelain").stdout == ""


def test_what_was_committed_without_a_run_runs_in_the_clone(hub: Path, tmp_path: Path) -> None:
    author = colleague(hub, tmp_path / "author")
    edit(author / "src/study/figures/scatter.py", "from __future__", "# Drawn anew.\nfrom __future__")
    share(author, "An edit without a run")
    assert planned(colleague(hub, tmp_path / "clone")) == {"figures", "pages"}


def test_a_pull_into_a_clone_that_ran_something_itself(hub: Path, tmp_path: Path) -> None:
    study = colleague(hub, tmp_path / "clone")
    edit(study / "config/study.yaml", "seed: 1", "seed: 2")
    snakemake(study)
    run(study, "git", "reset", "--quiet", "--hard")
    author = colleague(hub, tmp_path / "author")
    add_text(author)
    snakemake(author)
    share(author, "One more text")
    run(study, "git", "pull", "--quiet")
    run(study, "dvc", "pull", "--quiet", "--force")
    assert NOTHING in snakemake(study).stderr
    assert contents(study / "results") == contents(author / "results")


def test_two_people_s_work_unites_and_only_what_is_new_is_asked(hub: Path, tmp_path: Path) -> None:
    theirs, ours = colleague(hub, tmp_path / "theirs"), colleague(hub, tmp_path / "ours")
    add_text(theirs)
    snakemake(theirs)
    assert asked(theirs) == 1
    share(theirs, "One more text")
    ask_otherwise(ours)
    snakemake(ours)
    assert asked(ours) == 5
    run(ours, "git", "add", "--all")
    run(ours, "git", "commit", "--quiet", "--message", "Ask otherwise")
    run(ours, "dvc", "push", "--quiet")

    merged = run(ours, "git", "pull", "--no-rebase", "--no-edit")
    assert "CONFLICT" not in merged.stdout
    assert "Run 'dvc pull'" in snakemake(ours, check=False).stderr
    run(ours, "dvc", "pull", "--quiet")
    before = set(contents(ours / "data/responses/segments"))
    assert before == set(contents(ours / "data/responses/segments")) | set(
        contents(theirs / "data/responses/segments")
    )
    snakemake(ours)
    assert asked(ours) == 1
    share(ours, "Together")
    assert NOTHING in snakemake(colleague(hub, tmp_path / "third")).stderr


def test_conflicts_in_a_clone_whose_git_was_not_taught_are_resolved_as_documented(
    hub: Path, tmp_path: Path
) -> None:
    theirs, ours = colleague(hub, tmp_path / "theirs"), colleague(hub, tmp_path / "ours")
    add_text(theirs)
    snakemake(theirs)
    share(theirs, "One more text")
    ask_otherwise(ours)
    snakemake(ours)
    run(ours, "git", "add", "--all")
    run(ours, "git", "commit", "--quiet", "--message", "Ask otherwise")
    run(ours, "git", "config", "--remove-section", "merge.study")
    assert "CONFLICT" in run(ours, "git", "pull", "--no-rebase", "--no-edit", check=False).stdout
    said = snakemake(ours, check=False).stderr
    assert "marks of a merge" in said
    program = "import environment, sys, pathlib; environment.teach_git(pathlib.Path(sys.prefix))"
    run(ours, sys.executable, "-c", program)
    run(ours, "git", "checkout", "--ours", "provenance", "results.dvc")
    run(ours, "git", "checkout", "--merge", "data/responses.dvc")
    run(ours, "dvc", "pull", "--quiet")
    run(ours, "git", "add", "--all")
    snakemake(ours)
    assert asked(ours) == 1


@pytest.mark.parametrize("again", ["results deleted", "every job forced"])
def test_everything_is_made_again_without_the_model(
    hub: Path, tmp_path: Path, again: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_STUDY_MODEL_UNREACHABLE", "1")
    study = colleague(hub, tmp_path / "clone")
    before = {folder: contents(study / folder) for folder in FOLDERS}
    if again == "results deleted":
        shutil.rmtree(study / "results")
        snakemake(study)
    else:
        snakemake(study, "--forceall")
    assert asked(study) == 0
    after = {folder: contents(study / folder) for folder in FOLDERS}
    for folder in FOLDERS:
        changed = {name for name in before[folder] if after[folder].get(name) != before[folder][name]}
        assert changed == set(), folder
    assert run(study, "git", "status", "--porcelain").stdout == ""


def test_a_clone_without_the_texts_that_may_not_be_shared_is_current(tmp_path: Path) -> None:
    study = generate(tmp_path, "blank")
    (study / TEXTS).rename(study / "data/corpus/texts.csv")
    edit(study / "config/study.yaml", TEXTS, "data/corpus/texts.csv")
    edit(study / "config/study.yaml", "share: true", "share: false")
    run(study, "dvc", "remote", "add", "--default", "storage", str(tmp_path / "storage"))
    snakemake(study)
    run(study, "git", "add", "--all")
    run(study, "git", "commit", "--quiet", "--message", "Code the notes")
    run(study, "dvc", "push", "--quiet")
    copy = clone(study, tmp_path / "clone")
    assert "data/corpus" in run(copy, "dvc", "pull", check=False).stderr
    done = snakemake(copy)
    assert NOTHING in done.stderr
    assert "data/corpus holds texts that may not be shared" in done.stderr
    run(copy, "env", "PYTHONPATH=src", sys.executable, "-m", "study.sharing")
    assert run(copy, "git", "status", "--porcelain").stdout == ""


def test_what_a_coder_has_left_that_was_taken_out_is_named(hub: Path, tmp_path: Path) -> None:
    study = colleague(hub, tmp_path / "clone")
    changed = settings(study)
    del changed["coders"]["wordlist"]
    changed["analyses"] = {}
    write_settings(study, changed)
    said = snakemake(study).stdout
    assert "no longer makes these files" in said
    assert "results/codings/wordlist.parquet" in said
    assert "llm.parquet" not in said.partition("no longer makes")[2].partition("\n")[0]


def test_tracking_by_hand_changes_nothing(hub: Path, tmp_path: Path) -> None:
    study = colleague(hub, tmp_path / "clone")
    run(study, "env", "PYTHONPATH=src", sys.executable, "-m", "study.sharing")
    assert run(study, "git", "status", "--porcelain").stdout == ""


def test_a_study_that_is_no_repository_runs_and_says_how_to_make_it_one(tmp_path: Path) -> None:
    study = generate(tmp_path, "blank")
    shutil.rmtree(study / ".git")
    done = snakemake(study)
    assert "git init && dvc init" in done.stdout
    assert NOTHING in snakemake(study).stderr
