"""A forgotten `dvc pull` or `dvc checkout` is noticed and named; the researcher's own work passes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from study.errors import StudyError
from study.provenance import pointers
from study.provenance.hashes import Hashes

FILES = {
    "data/corpus/texts.csv": "a\nb\n",
    "data/gold/codes.csv": "1\n2\n",
    "data/responses/segments/1.jsonl": "one\n",
    "results/tables/t.csv": "1\n",
}


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def dvc(folder: Path, *arguments: str) -> str:
    return run(folder, sys.executable, "-m", "dvc", *arguments)


def put(folder: Path, files: dict[str, str]) -> None:
    """Write files, version their folders and commit."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    dvc(folder, "add", "--quiet", *pointers.TRACKED)
    run(folder, "git", "add", "--all")
    run(folder, "git", "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qm", "Data")


def checked(study: Path) -> list[str]:
    with Hashes(study) as hashes:
        return pointers.check(study, hashes)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a study with data of one version, shared with a folder."""
    place = tmp_path_factory.mktemp("shared")
    folder = place / "study"
    run(place, "git", "init", "-q", "-b", "main", str(folder))
    dvc(folder, "init", "--quiet")
    dvc(folder, "remote", "add", "--default", "storage", str(place / "storage"))
    put(folder, FILES)
    dvc(folder, "push", "--quiet")
    return folder


@pytest.fixture
def study(shared: Path, tmp_path: Path) -> Path:
    """Return a copy of it."""
    return shutil.copytree(shared, tmp_path / "study")


@pytest.fixture
def clone(study: Path) -> Path:
    """Return a clone without the data."""
    folder = study.parent / "clone"
    run(study.parent, "git", "clone", "-q", str(study), str(folder))
    return folder


def test_a_clone_without_its_data_stops_and_with_them_passes(clone: Path) -> None:
    with pytest.raises(StudyError, match=r"data/corpus\.dvc: .*not here\. Run 'dvc pull'"):
        checked(clone)
    dvc(clone, "pull", "--quiet")
    assert checked(clone) == []
    assert pointers.recorded(clone / "results.dvc") == {"tables/t.csv": "b026324c6904b2a9cb4b88d6d61c81d1"}


def test_data_that_were_pulled_in_part_are_named(clone: Path) -> None:
    dvc(clone, "pull", "--quiet", "data/corpus", "data/gold", "results")
    with pytest.raises(StudyError, match=r"data/responses\.dvc"):
        checked(clone)


def test_results_alone_may_be_missing_and_are_made_again(clone: Path) -> None:
    dvc(clone, "pull", "--quiet", "data/corpus", "data/gold", "data/responses")
    [note] = checked(clone)
    assert "made again" in note
    assert "dvc pull" in note


@pytest.mark.parametrize("name", FILES)
def test_another_branch_without_dvc_checkout_stops(study: Path, name: str) -> None:
    run(study, "git", "checkout", "-qb", "other")
    put(study, {name: "another\n"})
    assert checked(study) == []
    run(study, "git", "checkout", "-q", "main")
    folder = next(folder for folder in pointers.TRACKED if name.startswith(folder))
    with pytest.raises(StudyError, match=rf"Found: '1 of another version.*Run 'dvc checkout {folder}'"):
        checked(study)
    dvc(study, "checkout", "--quiet")
    assert checked(study) == []


@pytest.mark.parametrize("folder", ["data/corpus", "data/gold"])
def test_a_source_that_only_another_branch_has_stops(study: Path, folder: str) -> None:
    run(study, "git", "checkout", "-qb", "other")
    put(study, {f"{folder}/more.csv": "more\n"})
    run(study, "git", "checkout", "-q", "main")
    with pytest.raises(StudyError, match=rf"{folder}/more\.csv"):
        checked(study)


def test_a_pull_of_git_without_a_pull_of_dvc_stops(study: Path, clone: Path) -> None:
    dvc(clone, "pull", "--quiet")
    assert checked(clone) == []
    put(study, {"results/tables/t.csv": "2\n", "data/responses/segments/2.jsonl": "two\n"})
    dvc(study, "push", "--quiet")
    run(clone, "git", "pull", "--quiet")
    with pytest.raises(StudyError, match=r"data/responses\.dvc.*Run 'dvc pull'"):
        checked(clone)
    dvc(clone, "pull", "--quiet")
    assert checked(clone) == []


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("name", FILES)
def test_what_the_researcher_has_changed_is_work(clone: Path, name: str, known: bool) -> None:
    dvc(clone, "pull", "--quiet")
    if known:
        checked(clone)
    (clone / name).write_text("new\n", encoding="utf-8")
    (clone / name).with_name("new.csv").write_text("new, too\n", encoding="utf-8")
    assert checked(clone) == []


def test_responses_that_are_missing_stop_the_study_whoever_deleted_them(study: Path) -> None:
    assert checked(study) == []
    shutil.rmtree(study / "data/responses/segments")
    with pytest.raises(StudyError, match="1 segments of responses are recorded"):
        checked(study)


def test_a_deleted_cache_is_no_reason_to_stop_while_the_responses_are_there(study: Path) -> None:
    assert checked(study) == []
    shutil.rmtree(study / ".dvc/cache")
    assert checked(study) == []
    shutil.rmtree(study / "data/responses/segments")
    with pytest.raises(StudyError, match=r"not here\. Run 'dvc pull'"):
        checked(study)


def test_a_pointer_with_the_marks_of_a_merge_is_explained(study: Path) -> None:
    pointer = study / "data/responses.dvc"
    text = pointer.read_text("utf-8")
    pointer.write_text(f"<<<<<<< HEAD\n{text}=======\n{text}>>>>>>> other\n", encoding="utf-8")
    with pytest.raises(StudyError, match=r"marks of a merge.*git checkout --merge data/responses\.dvc"):
        checked(study)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\0",
        "[" * 50,
        "outs: 7\n",
        "outs:\n- path: responses\n",
        "outs:\n- md5: 7\n  path: responses\n",
        "outs:\n- md5: ../../../etc/passwd\n  path: responses\n",
        f"outs:\n- md5: {'a' * 32}.dir\n  path: ../corpus\n",
    ],
)
def test_what_is_no_pointer_is_named(study: Path, text: str) -> None:
    (study / "data/responses.dvc").write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match=r"data/responses\.dvc: This is no pointer of DVC"):
        checked(study)


def test_a_damaged_list_of_files_is_named(clone: Path) -> None:
    dvc(clone, "pull", "--quiet")
    md5 = (pointers.read(clone / "data/corpus.dvc") or {})["md5"]
    file = pointers.in_cache(clone, md5)
    file.chmod(0o644)
    file.write_text("[{", encoding="utf-8")
    with pytest.raises(StudyError, match="damaged"):
        checked(clone)


def test_a_cache_in_another_place_is_found(clone: Path, tmp_path: Path) -> None:
    dvc(clone, "config", "--local", "cache.dir", str(tmp_path / "our cache"))
    dvc(clone, "pull", "--quiet")
    assert checked(clone) == []
    assert not (clone / ".dvc/cache").exists()


def test_what_dvc_does_not_store_is_what_dvcignore_says(study: Path) -> None:
    template = Path(pointers.__file__).parents[3] / ".dvcignore"
    shutil.copy(template, study / ".dvcignore")
    files = {
        "data/responses/journals/a.journal": "running",
        "data/responses/segments/b.part": "half",
        "data/corpus/.DS_Store": "",
        "data/corpus/sub/Thumbs.db": "",
        "data/corpus/sub/text.txt": "text",
    }
    put(study, files)
    for folder in ("data/corpus", "data/responses"):
        listed = pointers.recorded(study / f"{folder}.dvc")
        assert set(listed or {}) == set(pointers.files_below(study / folder))
    assert "sub/text.txt" in (pointers.recorded(study / "data/corpus.dvc") or {})
    assert re.match("[0-9a-f]{32}", (pointers.recorded(study / "data/corpus.dvc") or {})["sub/text.txt"])
