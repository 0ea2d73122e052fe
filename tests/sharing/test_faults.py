"""What goes wrong on the way is said, loses nothing, and is put right by what the page says to do."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from docs.pages import DOCS
from sharing.disk import ROOM, full_disk
from sharing.dvc_process import run
from sharing.folder import Folder
from sharing.kinds import ALL, S3, SSH, WRITABLE, on
from sharing.server import PAGE, Server
from sharing.small_study import cached, clone, contents, damaged, dvc, fails, named, version
from sharing.ssh import OpenSsh
from sharing.static import Static
from sharing.webdav import WebDav
from sharing.wire import Wire
from template.making import git

CORPUS = "data/corpus/texts.csv"
PART_WAY = 150_000
"""Bytes: a third of the corpus's file."""
TABLE = (DOCS / PAGE).read_text(encoding="utf-8").partition("## When something goes wrong")[2]
FULL = ("No space left on device", "File too large", "Failure")


def explained(message: str, *words: str) -> None:
    """Check that DVC said one of these, and that the page explains all of them."""
    assert any(said in message for said in words), message
    assert [said for said in words if said not in TABLE] == []


@contextmanager
def intact(study: Path) -> Iterator[None]:
    """Check that a study's files and its cache are afterwards what they were before."""
    before = contents(study), cached(study)
    yield
    assert (contents(study), cached(study)) == before


def colleague(study: Path, server: Server) -> Path:
    """Return a new clone, on the machine of somebody who may read the remote."""
    copy = clone(study, study.parent / "clone")
    server.log_in(copy)
    return copy


@pytest.fixture
def one_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the S3 client try once, not five times with longer and longer pauses."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")


@on([SSH, S3])
@pytest.mark.usefixtures("one_attempt")
def test_a_push_that_was_cut_is_completed_by_another(server: Server, study: Path) -> None:
    with Wire(server.port) as wire:
        server.configure(study, wire.port)
        wire.cut_after(up=PART_WAY)
        with intact(study):
            explained(fails(study, "push"), "failed to transfer")
        assert wire.was_cut
        assert not damaged(server.stored())
        wire.mend()
        assert "pushed" in dvc(study, "push")
        copy = colleague(study, server)
        dvc(copy, "pull")
    assert contents(copy) == contents(study)


def half_an_object_needs_a_new_folder(server: Server, study: Path) -> None:
    """DVC takes half an object for whole when it pushes again, and a clone notices; a new folder helps."""
    assert "pushed" in dvc(study, "push")
    assert damaged(server.stored())
    copy = colleague(study, server)
    explained(fails(copy, "pull"), "Checkout failed for following targets")
    server.move(study)
    assert not damaged(server.stored())
    git(copy, "pull", "--quiet")
    dvc(copy, "pull")
    assert contents(copy) == contents(study)


@on([WebDav])
def test_a_push_over_webdav_that_was_cut_needs_a_new_folder(server: Server, study: Path) -> None:
    with Wire(server.port) as wire:
        server.configure(study, wire.port)
        wire.cut_after(up=PART_WAY)
        with intact(study):
            explained(fails(study, "push"), "failed to transfer")
        assert wire.was_cut
        wire.mend()
        half_an_object_needs_a_new_folder(server, study)


@on([SSH, WebDav, S3, Static])
@pytest.mark.usefixtures("one_attempt")
def test_a_pull_that_was_cut_is_completed_by_another(server: Server, study: Path) -> None:
    with Wire(server.port) as wire:
        server.configure(study, wire.port)
        dvc(study, *server.push)
        before = server.stored()
        copy = colleague(study, server)
        wire.cut_after(down=PART_WAY)
        explained(fails(copy, "pull"), "failed to transfer")
        assert wire.was_cut
        wire.mend()
        dvc(copy, "pull")
    assert contents(copy) == contents(study)
    assert not damaged(cached(copy))
    assert server.stored() == before


@on(WRITABLE)
def test_a_lost_object_is_named_and_comes_back_in_a_new_folder(server: Server, study: Path) -> None:
    server.configure(study)
    dvc(study, "push")
    lost = named(study, CORPUS)
    server.lose(lost)
    copy = colleague(study, server)
    explained(fails(copy, "pull"), "failed to transfer")
    assert lost in fails(copy, "pull")
    # DVC asks only for the list of the folder's files, and takes it for a proof that they are there.
    assert "Everything is up to date" in dvc(study, "push")
    assert "in sync" in dvc(study, "status", "--cloud")
    assert lost not in server.stored()
    server.move(study)
    git(copy, "pull", "--quiet")
    dvc(copy, "pull")
    assert contents(copy) == contents(study)


@on(ALL)
def test_a_spoilt_object_is_refused(server: Server, study: Path) -> None:
    server.configure(study)
    dvc(study, *server.push)
    spoilt = named(study, CORPUS)
    server.spoil(spoilt, b"id,text\n1,forged\n")
    copy = colleague(study, server)
    message = fails(copy, "pull")
    explained(message, "Checkout failed for following targets")
    assert "data/corpus" in message
    assert not (copy / CORPUS).exists()
    assert not damaged(cached(copy))
    assert (copy / "data/gold/codes.csv").read_bytes() == (study / "data/gold/codes.csv").read_bytes()
    server.spoil(spoilt, (study / CORPUS).read_bytes())
    dvc(copy, "pull")
    assert contents(copy) == contents(study)


@on([Folder])
def test_without_verify_a_spoilt_object_is_taken_for_the_data(server: Server, study: Path) -> None:
    """The reason for `verify`, which every command of the page and the template set."""
    server.configure(study)
    dvc(study, "push")
    server.spoil(named(study, CORPUS), b"id,text\n1,forged\n")
    copy = colleague(study, server)
    dvc(copy, "remote", "modify", "--local", "storage", "verify", "false")
    dvc(copy, "pull")
    assert (copy / CORPUS).read_bytes() == b"id,text\n1,forged\n"
    assert "up to date" in dvc(copy, "status")


@on([SSH, WebDav, S3])
def test_wrong_credentials_are_named(server: Server, study: Path) -> None:
    server.configure(study)
    with server.wrong_credentials(study), intact(study):
        explained(fails(study, "push"), server.refusal)
    assert server.stored() == {}
    dvc(study, "push")
    copy = colleague(study, server)
    with server.wrong_credentials(copy):
        explained(fails(copy, "pull"), server.refusal)
    assert contents(copy) == {}
    dvc(copy, "pull")
    assert contents(copy) == contents(study)


@on([WebDav, S3])
def test_missing_credentials_are_named(server: Server, study: Path, tmp_path: Path) -> None:
    server.configure(study)
    dvc(study, "push")
    copy = clone(study, tmp_path / "clone")
    explained(fails(copy, "pull"), "401 (Not Authorized)", "Unable to locate credentials")
    server.log_in(copy)
    dvc(copy, "pull")
    assert contents(copy) == contents(study)


@pytest.fixture
def photographs(study: Path) -> None:
    """Add a file to the study that is larger than what its remote has room for."""
    (study / "data/corpus/photographs.tar").write_bytes(random.Random(1).randbytes(ROOM + ROOM // 2))
    version(study, "Photographs")


@on([Folder, *({OpenSsh} & {SSH})])
@pytest.mark.usefixtures("photographs")
def test_a_push_to_a_full_disk_is_completed_when_there_is_room(server: Server, study: Path) -> None:
    server.configure(study)
    with full_disk(server) as make_room:
        with intact(study):
            limit = server.largest_file if isinstance(server, Folder) else None
            explained(fails(study, "push", largest_file=limit), *FULL)
        assert not damaged(server.stored())
        make_room()
        dvc(study, "push")
        copy = colleague(study, server)
        dvc(copy, "pull")
    assert contents(copy) == contents(study)


@on([WebDav])
@pytest.mark.usefixtures("photographs")
def test_a_push_over_webdav_to_a_full_disk_needs_a_new_folder(server: Server, study: Path) -> None:
    server.configure(study)
    with full_disk(server) as make_room:
        with intact(study):
            explained(fails(study, "push"), "500 (Internal Server Error)")
        make_room()
        half_an_object_needs_a_new_folder(server, study)


@on(WRITABLE)
def test_two_people_push_at_once(server: Server, study: Path, tmp_path: Path) -> None:
    server.configure(study)
    dvc(study, "push")
    other = clone(study, tmp_path / "other")
    server.log_in(other)
    dvc(other, "pull")
    for person, where in (("ada", study), ("bob", other)):
        (where / f"data/responses/segments/{person}.jsonl").write_text(f'"{person}"\n' * 30_000)
        version(where, f"The answers of {person}")
    with ThreadPoolExecutor() as pool:
        pushes = list(pool.map(lambda where: run(where, ["push"]), (study, other)))
    assert [push.status for push in pushes] == [0, 0], pushes
    assert not damaged(server.stored())
    assert cached(study).keys() | cached(other).keys() == server.stored().keys()
    for where in (study, other):
        copy = clone(where, tmp_path / f"clone-of-{where.name}")
        server.log_in(copy)
        dvc(copy, "pull")
        assert contents(copy) == contents(where)


@on([SSH, WebDav])
def test_a_server_that_is_down_is_named(server: Server, study: Path) -> None:
    server.configure(study)
    server.stop()
    with intact(study):
        explained(fails(study, "push"), "Connection refused", "Connect call failed")
    server.start()
    dvc(study, "push")
    assert not damaged(server.stored())
    assert server.stored().keys() == cached(study).keys()


@on([Static])
def test_a_web_server_takes_nothing(server: Server, study: Path) -> None:
    server.configure(study)
    with intact(study):
        explained(fails(study, "push"), "Unsupported method ('POST')")
    dvc(study, *server.push)
    assert server.stored().keys() == cached(study).keys()


@on([WebDav])
def test_webdav_wants_its_folder_first(server: Server, study: Path) -> None:
    server.storage.rmdir()
    server.configure(study)
    with intact(study):
        explained(fails(study, "push"), "could not be found in the server")
    server.storage.mkdir()
    dvc(study, "push")
    assert server.stored().keys() == cached(study).keys()
