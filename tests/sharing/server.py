"""What every server of these tests has in common: it is a real one, on loopback, started and stopped here."""

from __future__ import annotations

import itertools
import os
import re
import resource
import shlex
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from docs.pages import DOCS
from sharing.dvc_process import succeeds
from template.making import git

PAGE = "how-to/set-a-remote.md"
HOST = "127.0.0.1"
PATIENCE = 30.0
"""Seconds that a server may take until it answers on a busy machine."""


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def documented(heading: str) -> list[list[str]]:
    """Return the commands in the page's section of that heading, in their order, as lists of words."""
    page = (DOCS / PAGE).read_text(encoding="utf-8")
    (section,) = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    shell = re.findall(r"^```shell\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    assert shell, f"{PAGE} shows no command below {heading!r}"
    return [shlex.split(line, comments=True) for block in shell for line in block.splitlines() if line]


class Server(ABC):
    """A place where DVC keeps studies' files.

    `name` says which server it is; `heading` is the section of the page whose commands set it up; `secret` is
    what must never reach git. The server may write to `folder`; a study's objects lie in `storage`, a `place`
    that is empty after `clear`. `home` is the home folder of the user whose DVC is tested.

    As a context manager it is started and stopped: `with OpenSsh(folder, home) as server: ...`.
    """

    name: str
    heading: str
    secret: str
    push = ("push",)
    """The DVC command that sends the files off."""
    refusal = ""
    """What DVC says when the server does not know the user."""
    keeps_secret = True
    """Whether DVC is told the secret, so that it stands in the study's .dvc/config.local."""
    largest_file: int | None = None
    """Bytes that a file of the server may have at most, where a disk that is full cannot be had."""
    places = itertools.count(1)

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self.home = home
        self.place = "study"
        self.port = free_port()
        self.processes: list[subprocess.Popen[bytes]] = []
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def storage(self) -> Path:
        """The folder where a study's objects lie."""
        return self.folder / "store" / self.place

    def clear(self) -> None:
        """Move on to another place on the same server, one where nothing lies yet."""
        self.place = f"study-{next(self.places)}"

    @property
    @abstractmethod
    def words(self) -> dict[str, str]:
        """What the page's words in capitals stand for; a hyphen in them is an underscore here."""

    @abstractmethod
    def launch(self) -> None:
        """Start the server's processes, and prepare what they need before they can serve."""

    def start(self) -> None:
        """Start it, again on the same port and over the same files after a stop."""
        try:
            self.launch()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End every process that was started."""
        for process in reversed(self.processes):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)
        self.processes.clear()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def spawn(self, command: list[str], port: int, **environment: str) -> None:
        """Start one process and wait until it listens; what it says goes to a log in its folder."""
        log = self.folder / f"{Path(command[0]).name}-{port}.log"
        with log.open("ab") as said:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
                preexec_fn=self._limit if self.largest_file else None,  # noqa: PLW1509 (takes no lock)
            )
        self.processes.append(process)
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex((HOST, port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError(f"{command[0]} does not answer:\n{log.read_text(errors='replace')}")

    def _limit(self) -> None:
        assert self.largest_file
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.largest_file, self.largest_file))

    def commands(self, heading: str | None = None, port: int | None = None, **more: str) -> list[list[str]]:
        """Return the page's DVC commands below that heading (else this kind's own), with this server's words.

        `port` is another one that leads to it; `more` are further words.
        """
        words = {**self.words, **more, "SERVER": f"{HOST}:{port or self.port}"}

        def fill(word: str) -> str:
            # On loopback nobody could issue a certificate for these servers.
            word = word.replace("https://", "http://")
            return re.sub(r"\b[A-Z]{3,}(?:-[A-Z]+)*\b", lambda found: words[found[0].replace("-", "_")], word)

        found = documented(heading or self.heading)
        return [[fill(word) for word in command] for program, *command in found if program == "dvc"]

    def configure(self, study: Path, port: int | None = None) -> None:
        """Run the documented commands in the study, and commit what everybody gets."""
        self._run(study, self.commands(port=port))

    def log_in(self, clone: Path) -> None:
        """Run those of the commands that git does not carry, as a colleague does in a clone."""
        succeeds(clone, *[command for command in self.commands() if "--local" in command])

    @contextmanager
    def wrong_credentials(self, study: Path) -> Iterator[None]:
        """Let the user of that study be somebody whom the server does not know."""
        file = study / ".dvc" / "config.local"
        right = file.read_text()
        file.write_text(right.replace(self.secret, "mistyped"))
        try:
            yield
        finally:
            file.write_text(right)

    def move(self, study: Path) -> None:
        """Run the documented commands that begin a new folder on the same server; the last one pushes."""
        self.clear()
        address = self.commands()[0][-1]
        self._run(study, self.commands("A new folder on the same remote", NEW_ADDRESS=address))

    def _run(self, study: Path, commands: list[list[str]]) -> None:
        succeeds(study, *commands)
        git(study, "commit", "--quiet", "--all", "--message", "Say where the data are kept")

    def stored(self) -> dict[str, bytes]:
        """Return every object of the remote: its name (the MD5 that DVC gave it) and its bytes."""
        return {
            path.parent.name + path.name: path.read_bytes()
            for path in sorted((self.storage / "files" / "md5").rglob("*"))
            if path.is_file()
        }

    def lose(self, name: str) -> None:
        """Delete an object, as a careless cleaner of the disk does."""
        (self.storage / "files" / "md5" / name[:2] / name[2:]).unlink()

    def spoil(self, name: str, content: bytes) -> None:
        """Put other bytes into an object, as a failing disk does; its name and its permissions stay."""
        file = self.storage / "files" / "md5" / name[:2] / name[2:]
        mode = file.stat().st_mode
        file.chmod(0o644)
        file.write_bytes(content)
        file.chmod(mode)
