"""What was imported from other studies is known by where it is from, and missed where it is not there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from study.errors import StudyError
from study.imported import check, origins, pointers
from study.store import ResponseStore

IMPORT = """md5: 40bdb35698f532c7611aae199eb68aec
frozen: true
deps:
- path: data/responses
  repo:
    url: https://ada:secret@example.org/other.git
    rev: main
    rev_lock: 51e096709a94fd955c13dee9846dbd8a88909a17
outs:
- md5: c1e402764e9b4074076d104aedfb70ef.dir
  size: 5986
  nfiles: 4
  hash: md5
  path: other
"""
OWN = """outs:
- md5: c1e402764e9b4074076d104aedfb70ef.dir
  path: responses
"""
FROM_ADDRESS = """md5: 40bdb35698f532c7611aae199eb68aec
frozen: true
deps:
- etag: '1'
  path: https://example.org/texts.csv
outs:
- md5: 17f8330067d29aee89561af0bcbb8a86
  path: texts.csv
"""


def put(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / "data" / f"{name.replace('__', '/')}.dvc"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_an_import_is_known_by_its_origin(tmp_path: Path) -> None:
    put(tmp_path, imported__other=IMPORT, responses=OWN, imported__texts=FROM_ADDRESS)
    assert origins(tmp_path) == [
        {
            "path": "data/imported/other",
            "url": "https://example.org/other.git",
            "source": "data/responses",
            "revision": "51e096709a94fd955c13dee9846dbd8a88909a17",
            "md5": "c1e402764e9b4074076d104aedfb70ef.dir",
        }
    ]
    assert pointers(tmp_path) == [tmp_path / "data" / "imported" / "other.dvc"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("../other", "../other"),
        ("git@example.org:a/b.git", "git@example.org:a/b.git"),
        ("ssh://ada@example.org/b", "ssh://ada@example.org/b"),
        ("https://example.org:8080/a@b", "https://example.org:8080/a@b"),
    ],
)
def test_other_addresses_are_kept(url: str, shown: str, tmp_path: Path) -> None:
    put(tmp_path, imported__other=IMPORT.replace("https://ada:secret@example.org/other.git", url))
    assert [origin["url"] for origin in origins(tmp_path)] == [shown]


def test_a_study_without_imports(tmp_path: Path) -> None:
    assert origins(tmp_path) == []
    check(tmp_path)
    put(tmp_path, responses=OWN)
    assert origins(tmp_path) == []
    check(tmp_path)


def test_what_was_imported_and_is_not_there_is_named(tmp_path: Path) -> None:
    put(tmp_path, imported__deeper__other=IMPORT)
    with pytest.raises(
        StudyError,
        match=r"^data/imported/deeper/other: What was imported .*'dvc pull data/imported/deeper/other\.dvc'",
    ):
        check(tmp_path)
    (tmp_path / "data" / "imported" / "deeper" / "other").mkdir()
    check(tmp_path)


@pytest.mark.parametrize(
    "text", ["<<<<<<< ours\n" + IMPORT, "[", "deps: [{repo: {url: a}, path: b}]\nouts: []", "a"]
)
def test_a_broken_pointer_is_named(text: str, tmp_path: Path) -> None:
    put(tmp_path, imported__other=text)
    with pytest.raises(StudyError, match=r"^data/imported/other\.dvc: This pointer of DVC cannot be read"):
        origins(tmp_path)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run a program in a folder of a machine where git knows a name, and return what it said."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    (tmp_path / "gitconfig").write_text("[user]\nname = Test\nemail = test@example.org\n", encoding="utf-8")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("HOME", str(tmp_path))

    def program(folder: str, *words: str) -> str:
        command = [sys.executable, "-m", *words] if words[0] == "dvc" else words
        done = subprocess.run(command, cwd=tmp_path / folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    for folder in ("other", "own"):
        (tmp_path / folder / "data" / "imported").mkdir(parents=True)
        program(folder, "git", "init", "--quiet")
        program(folder, "dvc", "init", "--quiet")
    return program


def test_responses_of_another_study_are_the_study_s_own(tmp_path: Path, run: Callable[..., str]) -> None:
    other, own = tmp_path / "other", tmp_path / "own"
    with ResponseStore(other / "data" / "responses").write() as journal:
        journal.add({"key": "k", "status": "ok"})
    (other / "data" / "corpus").mkdir()
    (other / "data" / "corpus" / "texts.csv").write_text("unit_id,text\nu,A day.\n", encoding="utf-8")
    # From a repository on this machine DVC would take its cache: a remote, as for one that is elsewhere.
    run("other", "dvc", "remote", "add", "--default", "storage", str(tmp_path / "remote"))
    run("other", "dvc", "add", "--quiet", "data/responses", "data/corpus")
    run("other", "git", "add", "--all")
    run("other", "git", "commit", "--quiet", "--message", "Code")
    run("other", "dvc", "push", "--quiet")
    shutil.rmtree(other / ".dvc" / "cache")
    url = other.as_uri()
    run("own", "dvc", "import", "--quiet", url, "data/responses", "--out", "data/imported/other")
    run("own", "dvc", "import", "--quiet", url, "data/corpus/texts.csv", "--out", "data/imported/texts.csv")

    store = ResponseStore(own / "data" / "responses")
    where, failed = store.find(["k"])
    assert (list(store.read(where)), failed) == ([{"key": "k", "status": "ok"}], set())
    texts = (own / "data" / "imported" / "texts.csv").read_text(encoding="utf-8")
    assert texts == "unit_id,text\nu,A day.\n"

    revision = run("other", "git", "rev-parse", "HEAD")
    assert [(one["path"], one["url"], one["revision"], one["source"]) for one in origins(own)] == [
        ("data/imported/other", url, revision, "data/responses"),
        ("data/imported/texts.csv", url, revision, "data/corpus/texts.csv"),
    ]
    recorded = (other / "data" / "responses.dvc").read_text(encoding="utf-8")
    assert f"md5: {origins(own)[0]['md5']}\n" in recorded

    # A clone has the pointers alone, until DVC brings what they stand for.
    run("own", "git", "add", "--all")
    run("own", "git", "commit", "--quiet", "--message", "Import")
    run(".", "git", "clone", "--quiet", "own", "clone")
    with pytest.raises(StudyError, match=r"'dvc pull data/imported/other\.dvc'"):
        check(tmp_path / "clone")
    run("clone", "dvc", "pull", "--quiet")
    check(tmp_path / "clone")
    assert ResponseStore(tmp_path / "clone" / "data" / "responses").find(["k"])[0] == where
