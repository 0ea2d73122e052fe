"""The archive: the same bits for the same study, all that belongs into it, no secret, no half of a zip."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from study.errors import StudyError
from study.provenance.crate import Licences
from study.provenance.hashes import Hashes, sha256
from study.provenance.records import Job
from study.sharing.archive import (
    UNCOMMITTED,
    check_current,
    check_keys,
    check_secrets,
    members,
    name_of,
    notes,
    write,
)
from study.sharing.withheld import LIST, Withheld, write_list

SHARED = {
    "config/study.yaml": "title: x\n",
    "src/study/a.py": "A = 1\n",
    "workflow/Snakefile": "rule all:\n",
    "README.md": "# x\n",
    ".dvc/config": "[core]\n",
    ".gitignore": "/results\n/logs/\n/archive/\n/secret.txt\n",
    "data/README.md": "# Data\n",
    "data/.gitignore": "/corpus\n",
    "data/corpus/units.parquet": "units",
    "results/tables/a b ü.csv": "a\n1\n",
    "provenance/corpus.json": "{}",
}
NOT_SHARED = {
    ".dvc/config.local": "password = planted\n",
    ".dvc/tmp/btime": "",
    ".dvc/cache/files/md5/00/11": "cached",
    "data/corpus.dvc": "outs:\n- md5: x\n",
    "results.dvc": "outs:\n- md5: x\n",
    "data/responses/journals/abc.journal": "half",
    "data/responses/segments/x.part": "half",
    "results/tables/__pycache__/x.pyc": "x",
    ".snakemake/metadata/x": "{}",
    ".venv/bin/python": "x",
    "logs/a.log": "x",
    "verification/report.html": "x",
    "archive/old.zip": "x",
    "report.html": "x",
    "ro-crate-metadata.json": "{}",
    LIST: "path\n",
    "src/study/__pycache__/a.pyc": "x",
    ".DS_Store": "x",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A study's folder, with what surrounds it."""
    folder = tmp_path / "study"
    for name, content in {**SHARED, **NOT_SHARED}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    return folder


def git(root: Path, *command: str) -> None:
    identity = {
        f"GIT_{who}_{what}": "a@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    subprocess.run(
        ["git", *command], cwd=root, check=True, capture_output=True, env={**os.environ, **identity}
    )


def commit(root: Path) -> None:
    git(root, "init", "--quiet")
    git(root, "add", "--force", *SHARED, *(name for name in NOT_SHARED if not name.startswith("archive")))
    git(root, "commit", "--quiet", "--message", "x")


def test_outside_git_all_but_what_is_made_for_this_machine(root: Path) -> None:
    assert members(root) == sorted(SHARED)


def test_under_git_what_git_tracks_and_what_dvc_versions(root: Path) -> None:
    (root / "provenance/late.json").write_text("{}", encoding="utf-8")  # not yet added
    for name in ("notes.txt", "secret.txt"):
        (root / name).write_text("mine", encoding="utf-8")
    commit(root)
    git(root, "rm", "--cached", "--quiet", "README.md")
    (root / "data/README.md").unlink()  # tracked, and gone
    expected = {*SHARED, "provenance/late.json"} - {"README.md", "data/README.md"}
    assert members(root) == sorted(expected)


def test_what_was_imported_from_another_study_is_in_it(root: Path) -> None:
    (root / "data/imported/other/segments").mkdir(parents=True)
    (root / "data/imported/other/segments/a.jsonl").write_text("{}\n", encoding="utf-8")
    (root / "data/imported/.gitignore").write_text("/other\n", encoding="utf-8")
    commit(root)
    assert "data/imported/other/segments/a.jsonl" in members(root)


def test_a_file_that_the_study_needs_must_be_under_git(root: Path) -> None:
    commit(root)
    (root / "config/codebooks").mkdir()
    (root / "config/codebooks/new.yaml").write_text("construct: new\n", encoding="utf-8")
    with pytest.raises(StudyError, match="git add") as caught:
        members(root)
    assert caught.value.file == "config/codebooks/new.yaml"
    (root / ".gitignore").write_text("new.yaml\n/results\n", encoding="utf-8")
    assert "config/codebooks/new.yaml" not in members(root)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("results/outside.csv", "../../outside.csv"),
        ("config/here", "."),
        ("src/nowhere.py", "gone.py"),
        ("data/gold", "../../elsewhere"),
    ],
)
def test_links_that_an_archive_cannot_hold_are_refused(name: str, target: str, root: Path) -> None:
    (root.parent / "outside.csv").write_text("secret", encoding="utf-8")
    (root.parent / "elsewhere").mkdir()
    (root / name).symlink_to(target)
    with pytest.raises(StudyError, match="link") as caught:
        members(root)
    assert caught.value.file == name
    commit(root)
    git(root, "add", "--force", name)
    with pytest.raises(StudyError, match="link"):
        members(root)


def test_a_link_to_a_file_of_the_study_is_archived_as_that_file(root: Path, tmp_path: Path) -> None:
    (root / "CITATION.txt").symlink_to("README.md")
    assert "CITATION.txt" in members(root)
    write(tmp_path / "a.zip", {"CITATION.txt": root / "CITATION.txt"})
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.read("CITATION.txt") == b"# x\n"


@pytest.mark.parametrize(
    ("file", "content"),
    [
        (".dvc/config", "['remote \"s\"']\n    url = webdavs://ada:planted@example.org/x\n"),
        (".dvc/config", "['remote \"s\"']\n    url = s3://x\n    secret_access_key = planted\n"),
        (".dvc/config", "['remote \"s\"']\n    url = ssh://x\n    password = planted\n"),
        (".dvc/config", "['remote \"s\"']\n    sas_token=planted\n"),
        (".cruft.json", '{"template": "https://ada:planted@example.org/x.git"}'),
    ],
)
def test_a_password_stops_the_archive_and_is_not_shown(file: str, content: str, root: Path) -> None:
    (root / file).write_text(content, encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        check_secrets(root, members(root))
    assert caught.value.file == file
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["ssh://ada@example.org:22/data", "/mnt/data/a:b@c", "s3://bucket/password", "https://example.org/x"],
)
def test_an_address_without_a_password_is_none(url: str, root: Path) -> None:
    (root / ".dvc/config").write_text(
        f"[core]\n    remote = s\n['remote \"s\"']\n    url = {url}\n    ask_password = true\n    jobs = 4\n",
        encoding="utf-8",
    )
    check_secrets(root, members(root))


@pytest.mark.parametrize("as_bytes", [False, True])
def test_the_key_of_a_server_stops_the_archive_and_is_not_shown(
    as_bytes: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = {"models": {"m": {"server": {"key": "MODEL_KEY"}}, "f": {"server": None}}}
    said = b'{"error": "wrong key: planted-key-1234"}'
    (tmp_path / "x.jsonl").write_bytes(said)
    content = {"a.txt": b"nothing", "x.jsonl": said if as_bytes else tmp_path / "x.jsonl"}
    monkeypatch.delenv("MODEL_KEY", raising=False)
    check_keys(content, study)
    monkeypatch.setenv("MODEL_KEY", "planted-key-1234\n")
    with pytest.raises(StudyError) as caught:
        check_keys(content, study)
    assert (caught.value.file, caught.value.key) == ("x.jsonl", "MODEL_KEY")
    assert "planted" not in str(caught.value)
    check_keys({"a.txt": b"nothing"}, study)
    monkeypatch.setenv("MODEL_KEY", "none")  # of a server that takes any
    check_keys({"a.txt": b"none"}, study)


def job(outputs: dict[str, str]) -> Job:
    return Job("a", "a", outputs, {}, [], "x", "x", [], 0.0, 86_400.0 * 365, "", 6)


def test_only_what_is_recorded_is_archived(root: Path) -> None:
    result = "results/tables/a b ü.csv"
    current = job({result: sha256(root / result)})
    with Hashes(root) as hashes:
        check_current(root, [current], hashes)
        for recorded in ([], [job({result: "0" * 64})], [job({"results/gone.csv": "0" * 64})]):
            with pytest.raises(StudyError, match="snakemake"):
                check_current(root, recorded, hashes)
        # What an archive kept back is no change.
        (root / LIST).write_bytes(write_list([Withheld("results/gone.csv", "0" * 64, 1, "x")]))
        check_current(root, [job({"results/gone.csv": "0" * 64})], hashes)


def test_the_name_tells_the_commit_if_there_is_one(root: Path) -> None:
    assert name_of(root) == "study-1970-01-01.zip"
    for folder in ("logs", "archive", ".venv"):
        assert (root / folder).is_dir()
    commit(root)
    commit_name = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=root, check=True, capture_output=True, text=True
    ).stdout.strip()
    assert name_of(root) == f"study-{commit_name}.zip"
    (root / "mine.txt").write_text("no part of the study", encoding="utf-8")
    assert name_of(root) == f"study-{commit_name}.zip"
    (root / "provenance/new.json").write_text("{}", encoding="utf-8")
    assert name_of(root) == f"study-{UNCOMMITTED}.zip"


def test_what_the_researcher_should_know_is_said() -> None:
    nothing = {"authors": [{"name": "Ada"}], "corpus": {"share": True, "licence": "CC0-1.0"}}
    assert notes(nothing, Licences("MIT", "CC0-1.0", "CC0-1.0"), [], "a-1.zip") == []
    kept = [Withheld(f"data/corpus/{n}.csv", "", 1, "x") for n in range(5)]
    said = " ".join(
        notes({"authors": [], "corpus": {"share": True, "licence": None}}, Licences(None, None, None), kept,
              f"a-{UNCOMMITTED}.zip")
    )  # fmt: skip
    for part in (
        "5 files",
        "No licence was chosen for the code and data and text",
        "no authors",
        "not committed",
    ):
        assert part in said
    assert "their licence is not stated" in said


def contents(root: Path) -> dict[str, Path | bytes]:
    return {**{name: root / name for name in SHARED}, "made.json": b"{}"}


def test_the_same_files_give_the_same_zip(root: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "1.zip", tmp_path / "2.zip"
    write(first, contents(root))
    for name in SHARED:
        os.utime(root / name, (1, 1))  # before 1980, which a zip cannot say
        (root / name).chmod(0o600)
    write(second, dict(reversed(contents(root).items())))
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == sorted([*SHARED, "made.json"])
        for info in archive.infolist():
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            assert info.external_attr >> 16 == 0o100644
        for name, content in SHARED.items():
            assert archive.read(name).decode() == content
    (root / "README.md").write_text("# y\n", encoding="utf-8")
    write(second, contents(root))
    assert first.read_bytes() != second.read_bytes()


def test_a_file_of_more_than_four_gigabytes_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 10_000)  # from where sizes need 64 bits; 4 GB take a minute
    large = tmp_path / "large"
    large.write_bytes(os.urandom(10_001))
    write(tmp_path / "a.zip", {"large": large, "small": b"x"})
    data = (tmp_path / "a.zip").read_bytes()
    assert data[4:6] == (45).to_bytes(2, "little")  # the version of the format that has 64 bits
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.read("large") == large.read_bytes()
        assert archive.read("small") == b"x"


@pytest.fixture
def little_room() -> Iterator[None]:
    """Files of this process may have 100,000 bytes at most."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_older_archive_and_no_half(tmp_path: Path, little_room: None) -> None:
    target = tmp_path / "archive" / "a.zip"
    write(target, {"a": b"before"})
    before = target.read_bytes()
    with pytest.raises(StudyError, match="Make room on the disk"):
        write(target, {"a": os.urandom(300_000)})
    assert target.read_bytes() == before
    assert list(target.parent.iterdir()) == [target]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("a file", encoding="utf-8")
    with pytest.raises(StudyError, match="could not be written") as caught:
        write(tmp_path / "archive" / "a.zip", {"a": b"x"})
    assert str(tmp_path / "archive") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_program_says_in_a_paragraph_why_there_is_no_archive(root: Path) -> None:
    source = Path(__file__).resolve().parents[2] / "{{cookiecutter.project_slug}}" / "src"
    done = subprocess.run(
        [sys.executable, "-m", "study.sharing.archive"],
        cwd=root, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(source)},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr
