"""A machine of its own for these tests, one study that all copy, and a server of each kind."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter

from sharing.certificate import write_certificate
from sharing.server import Server
from sharing.small_study import fill
from sharing.ten_clones import Cloned, ten_clones
from template.making import ROOT

FOREIGN = ("GIT_", "AWS_", "DVC_", "SSH_", "SSL_")
"""Beginnings of variables that could lead DVC to the credentials or settings of whoever runs the tests."""


@pytest.fixture(scope="package")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a home folder; nothing outside it and the tests' own folders is read or written."""
    home = tmp_path_factory.mktemp("home")
    (home / "gitconfig").write_text("[user]\nname = Ada\nemail = ada@example.org\n")
    (home / "cookiecutter.yaml").write_text(
        f"replay_dir: {home}/replay\ncookiecutters_dir: {home}/templates\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(FOREIGN)]:
            patch.delenv(name)
        patch.setenv("HOME", str(home))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.setenv("GIT_CONFIG_GLOBAL", str(home / "gitconfig"))
        patch.setenv("COOKIECUTTER_CONFIG", str(home / "cookiecutter.yaml"))
        patch.setenv("DVC_GLOBAL_CONFIG_DIR", str(home / "dvc"))
        patch.setenv("DVC_SYSTEM_CONFIG_DIR", str(home / "dvc"))
        patch.setenv("DVC_SITE_CACHE_DIR", str(home / "dvc-site"))
        patch.setenv("SSL_CERT_FILE", str(write_certificate(home)))
        yield home


@pytest.fixture(scope="package")
def filled(machine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a new study with a handful of files in it, versioned, and with no remote yet."""
    output = tmp_path_factory.mktemp("filled")
    answers = {"project_slug": "study", "starter": "blank", "dvc_remote": ""}
    study = Path(cookiecutter(str(ROOT), no_input=True, output_dir=str(output), extra_context=answers))
    fill(study)
    return study


@pytest.fixture
def study(filled: Path, tmp_path: Path) -> Path:
    """Return a copy of that study which a test may change."""
    return shutil.copytree(filled, tmp_path / "study", symlinks=True)


@pytest.fixture(scope="package")
def running(
    machine: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[type[Server]], Server]]:
    """Return what gives a server of that kind; it is started when a test first asks for it."""
    started: dict[type[Server], Server] = {}

    def get(kind: type[Server]) -> Server:
        if kind not in started:
            server = kind(tmp_path_factory.mktemp(kind.name), machine)
            server.start()
            started[kind] = server
        return started[kind]

    yield get
    for server in started.values():
        server.stop()


@pytest.fixture
def server(request: pytest.FixtureRequest, running: Callable[[type[Server]], Server]) -> Server:
    """Return the server that the test's parameter names, at a place where nothing lies yet."""
    found = running(request.param)
    found.clear()
    return found


@pytest.fixture(scope="package")
def clones(
    running: Callable[[type[Server]], Server], tmp_path_factory: pytest.TempPathFactory
) -> list[Cloned]:
    """Return ten fresh clones of one study that was run."""
    return ten_clones(tmp_path_factory.mktemp("clones"), running)
