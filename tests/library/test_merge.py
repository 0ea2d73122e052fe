"""Two people's data unite: the lists behind pointers are merged file by file, with the real git and DVC."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.provenance import merge, pointers

LIBRARY = Path(merge.__file__).parents[2]

listings = st.dictionaries(st.sampled_from("abcde"), st.sampled_from("123"))


@given(ancestor=listings, ours=listings, theirs=listings)
def test_each_file_is_that_of_the_side_that_changed_it(
    ancestor: dict[str, str], ours: dict[str, str], theirs: dict[str, str]
) -> None:
    merged, conflicts = merge.unite(ancestor, ours, theirs, keep=False, derived=lambda name: False)
    for name in {*ancestor, *ours, *theirs}:
        sides = {ours.get(name), theirs.get(name)}
        changed = sides - {ancestor.get(name)}
        if len(changed) == 2:
            assert name in conflicts
            assert merged[name] == (ours.get(name) or theirs.get(name))
        else:
            assert name not in conflicts
            assert merged.get(name) == (changed or {ancestor.get(name)}).pop()


@given(ancestor=listings, ours=listings, theirs=listings)
def test_a_store_of_facts_never_shrinks(
    ancestor: dict[str, str], ours: dict[str, str], theirs: dict[str, str]
) -> None:
    merged, conflicts = merge.unite(ancestor, ours, theirs, keep=True, derived=lambda name: True)
    assert set(merged) == {*ancestor, *ours, *theirs}
    assert conflicts == []


def run(folder: Path, *command: str, check: bool = True) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def dvc(folder: Path, *arguments: str) -> str:
    return run(folder, sys.executable, "-m", "dvc", *arguments)


def commit(folder: Path, message: str) -> None:
    run(folder, "git", "add", "--all")
    run(folder, "git", "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qm", message)


def put(folder: Path, files: dict[str, str]) -> None:
    """Write files, version their folders and share them."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    dvc(folder, "add", "--quiet", *[name for name in pointers.TRACKED if (folder / name).is_dir()])
    commit(folder, "Data")
    dvc(folder, "push", "--quiet")


def pull(folder: Path, other: Path) -> str:
    command = [
        "git",
        "-c",
        "user.name=A",
        "-c",
        "user.email=a@example.org",
        "pull",
        "--no-rebase",
        "--no-edit",
    ]
    return run(folder, *command, str(other), "main", check=False)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two clones of one study; git was told how data unite, as environment.py does."""
    place = tmp_path_factory.mktemp("two")
    ours = place / "ours"
    run(place, "git", "init", "-q", "-b", "main", str(ours))
    dvc(ours, "init", "--quiet")
    dvc(ours, "remote", "add", "--default", "storage", str(place / "storage"))
    (ours / ".gitattributes").write_text("*.dvc merge=study\n/provenance/** merge=study\n", encoding="utf-8")
    put(
        ours,
        {
            "data/responses/segments/1.jsonl": "one\n",
            "data/corpus/texts.csv": "a\nb\n",
            "results/t.csv": "1\n",
        },
    )
    theirs = place / "theirs"
    run(place, "git", "clone", "-q", str(ours), str(theirs))
    dvc(theirs, "pull", "--quiet")
    sides = "--ancestor %O --ours %A --theirs %B --path %P"
    driver = f"PYTHONPATH='{LIBRARY}' '{sys.executable}' -m study.provenance.merge {sides}"
    for clone in (ours, theirs):
        run(clone, "git", "config", "merge.study.driver", driver)
    return place


@pytest.fixture
def two(place: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Return copies of the two."""
    ours, theirs = (shutil.copytree(place / name, tmp_path / name) for name in ("ours", "theirs"))
    return ours, theirs


def test_the_responses_of_both_are_there_and_nothing_was_pulled_before(two: tuple[Path, Path]) -> None:
    ours, theirs = two
    put(theirs, {"data/responses/segments/2.jsonl": "two, theirs\n", "data/responses/models/m.json": "{}"})
    put(ours, {"data/responses/segments/3.jsonl": "three, ours\n", "data/responses/models/m.json": "{}"})
    said = pull(ours, theirs)
    assert "CONFLICT" not in said, said
    listed = pointers.recorded(ours / "data/responses.dvc")
    assert set(listed or {}) == {"segments/1.jsonl", "segments/2.jsonl", "segments/3.jsonl", "models/m.json"}
    dvc(ours, "pull", "--quiet")
    assert (ours / "data/responses/segments/2.jsonl").read_text("utf-8") == "two, theirs\n"
    assert (ours / "data/responses/segments/3.jsonl").read_text("utf-8") == "three, ours\n"
    # DVC would have written the same pointer.
    before = (ours / "data/responses.dvc").read_text("utf-8")
    dvc(ours, "add", "--quiet", "data/responses")
    added = pointers.read(ours / "data/responses.dvc") or {}
    assert added["md5"] in before
    assert added["nfiles"] == 4


def test_a_table_that_both_have_made_anew_is_ours(two: tuple[Path, Path]) -> None:
    ours, theirs = two
    put(theirs, {"results/t.csv": "theirs\n", "results/new.csv": "theirs\n"})
    put(ours, {"results/t.csv": "ours\n"})
    assert "CONFLICT" not in pull(ours, theirs)
    dvc(ours, "pull", "--quiet")
    assert (ours / "results/t.csv").read_text("utf-8") == "ours\n"
    assert (ours / "results/new.csv").read_text("utf-8") == "theirs\n"


def test_a_record_of_both_is_ours_and_never_a_mixture(two: tuple[Path, Path]) -> None:
    ours, theirs = two
    lines = [f"line {n}" for n in range(20)]
    for clone, number in ((theirs, 1), (ours, 18)):
        (clone / "provenance").mkdir()
        changed = [f"{clone.name}" if n == number else line for n, line in enumerate(lines)]
        (clone / "provenance/code.json").write_text("\n".join(changed) + "\n", encoding="utf-8")
        commit(clone, "Run")
    assert "CONFLICT" not in pull(ours, theirs)
    text = (ours / "provenance/code.json").read_text("utf-8")
    assert "ours" in text
    assert "theirs" not in text


def test_a_source_that_both_have_changed_is_left_to_them(two: tuple[Path, Path]) -> None:
    ours, theirs = two
    put(theirs, {"data/corpus/texts.csv": "a\nb\ntheirs\n", "data/corpus/more.csv": "theirs\n"})
    put(ours, {"data/corpus/texts.csv": "a\nb\nours\n"})
    said = pull(ours, theirs)
    assert "data/corpus/texts.csv" in said
    assert "only you can decide" in said
    assert "git checkout --ours data/corpus.dvc" in said
    assert "Traceback" not in said
    assert "CONFLICT" in said
    assert (ours / "data/corpus/texts.csv").read_text("utf-8") == "a\nb\nours\n"


def test_what_the_other_side_has_not_pushed_is_named_and_merges_later(two: tuple[Path, Path]) -> None:
    ours, theirs = two
    put(ours, {"data/responses/segments/3.jsonl": "three\n"})
    (theirs / "data/responses/segments/2.jsonl").write_text("two\n", encoding="utf-8")
    dvc(theirs, "add", "--quiet", "data/responses")
    commit(theirs, "Not pushed")
    said = pull(ours, theirs)
    assert "The other side runs 'dvc push'" in said
    assert "Traceback" not in said
    dvc(theirs, "push", "--quiet")
    run(ours, "git", "checkout", "--merge", "data/responses.dvc")
    assert len(pointers.recorded(ours / "data/responses.dvc") or {}) == 3


def test_the_list_is_written_as_dvc_writes_it(tmp_path: Path) -> None:
    from dvc_data.hashfile.tree import Tree

    listing = {"b/é.csv": "2" * 32, "a.csv": "1" * 32}
    entries = [{"md5": md5, "relpath": name} for name, md5 in listing.items()]
    tree = Tree.from_list(entries, hash_name="md5")
    tree.digest()
    name = merge._write_listing(tmp_path, listing)
    assert name == tree.oid
    text = pointers.in_cache(tmp_path, name).read_bytes()
    assert text == tree.as_bytes()
    assert json.loads(text)[0]["relpath"] == "a.csv"
