"""A password stays on its owner's machine: git, DVC's own folders and its messages lack it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sharing.dvc_process import run, succeeds
from sharing.kinds import S3, SSH, on
from sharing.server import PATIENCE, Server
from sharing.small_study import cached, clone, contents, dvc, fails
from sharing.ssh import Ssh
from sharing.webdav import WebDav
from template.making import git

LOCAL = ".dvc/config.local"
PASSPHRASE = "planted-passphrase"
AGENT = all(shutil.which(name) for name in ("ssh-agent", "ssh-add", "ssh-keygen"))


def in_git(study: Path, secret: str) -> bool:
    """Return whether any object of the repository holds it, reachable or not, or a name of a file."""
    everything = ["git", "cat-file", "--batch-all-objects", "--batch", "--unordered"]
    objects = subprocess.run(everything, cwd=study, check=True, capture_output=True).stdout
    assert b"Say where the data are kept" in objects
    return secret.encode() in objects


def on_disk(folder: Path, secret: str) -> list[str]:
    """Return the files below a folder that hold it, DVC's own temporary files and databases included."""
    return [
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and secret.encode() in path.read_bytes()
    ]


@on([WebDav, S3, SSH])
def test_a_secret_stays_in_the_file_that_git_ignores(
    server: Server, study: Path, tmp_path: Path, machine: Path
) -> None:
    server.configure(study)
    messages = [run(study, ["push", "--verbose"])]
    copy = clone(study, tmp_path / "clone")
    server.log_in(copy)
    messages.append(run(copy, ["pull", "--verbose"]))
    with server.wrong_credentials(copy):
        messages.append(run(copy, ["status", "--cloud", "--verbose"]))
    assert [message.status == 0 for message in messages] == [True, True, False]
    assert contents(copy) == contents(study)

    for message in messages:
        assert server.secret not in message.out + message.error
    for where in (study, copy):
        assert not in_git(where, server.secret)
        assert on_disk(where, server.secret) == ([LOCAL] if server.keeps_secret else [])
        assert git(where, "check-ignore", LOCAL) == LOCAL
        assert git(where, "status", "--porcelain") == ""
    assert on_disk(machine / "dvc-site", server.secret) == []
    assert on_disk(machine / "dvc", server.secret) == []


@on([S3])
def test_a_key_may_come_from_the_environment(
    server: S3, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.configure(study)
    dvc(study, "push")
    copy = clone(study, tmp_path / "clone")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret)
    dvc(copy, "pull")
    assert contents(copy) == contents(study)
    assert on_disk(copy, server.secret) == []
    assert not (copy / LOCAL).exists()


@pytest.fixture
def agent(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run an agent that holds no key yet, and tell every SSH program where it is."""
    socket = tmp_path_factory.mktemp("agent") / "socket"
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL) as process:
        until = time.monotonic() + PATIENCE
        while not socket.exists() and time.monotonic() < until:
            time.sleep(0.05)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        yield
        process.terminate()


def unlock(key: Path) -> None:
    """Protect a key with a passphrase, and hand it to the agent as somebody does who types the passphrase."""
    change = ["ssh-keygen", "-q", "-p", "-P", "", "-N", PASSPHRASE, "-f", str(key)]
    subprocess.run(change, check=True, capture_output=True)
    typed = key.with_name("typed")
    typed.write_text(f"#!/bin/sh\necho {PASSPHRASE}\n")
    typed.chmod(0o700)
    asked = os.environ | {"SSH_ASKPASS": str(typed), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": "none"}
    subprocess.run(["ssh-add", "-q", str(key)], check=True, env=asked, stdin=subprocess.DEVNULL)


@on([SSH])
def test_a_key_may_lie_elsewhere(
    server: Ssh, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.configure(study)
    key = shutil.copy(server.key, tmp_path / "university_key")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert server.refusal in fails(study, "push")
    succeeds(study, *server.commands("A key that lies elsewhere", KEY_FILE=str(key)))
    dvc(study, "push")
    assert server.stored().keys() == cached(study).keys()
    assert git(study, "status", "--porcelain") == ""


if AGENT:

    @on([SSH])
    @pytest.mark.usefixtures("agent")
    def test_a_key_with_a_passphrase_comes_from_the_agent(
        server: Ssh, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server.configure(study)
        key = shutil.copy(server.key, tmp_path / "university_key")
        monkeypatch.setenv("HOME", str(tmp_path))
        unlock(key)
        dvc(study, "push")
        assert server.stored().keys() == cached(study).keys()
        assert not in_git(study, PASSPHRASE)
        assert on_disk(study, PASSPHRASE) == []
