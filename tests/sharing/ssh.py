"""SSH: Debian's OpenSSH server where it is installed, and asyncssh's own where it is not."""

from __future__ import annotations

import getpass
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncssh

from sharing.server import HOST, Server

SEARCHED = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
SSHD = shutil.which("sshd", path=SEARCHED)

CONFIGURATION = """
Port {port}
ListenAddress {host}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
"""


class Ssh(Server):
    """A user logs in with a key that lies where every SSH program looks for it, in ~/.ssh."""

    heading = "SSH"
    refusal = "Permission denied for user"
    keeps_secret = False

    def __init__(self, folder: Path, home: Path) -> None:
        super().__init__(folder, home)
        self.key = home / ".ssh" / "id_ed25519"
        if not self.key.exists():
            self.write_key(self.key)
        self.write_key(folder / "host_key")
        shutil.copy(self.key.with_suffix(".pub"), folder / "authorized_keys")

    @property
    def secret(self) -> str:
        """A line of the private key; the first lines are the same in every key."""
        return self.key.read_text().splitlines()[3]

    @staticmethod
    def write_key(file: Path) -> None:
        """Write a new pair of keys over what may be there."""
        file.parent.mkdir(mode=0o700, exist_ok=True)
        key = asyncssh.generate_private_key("ssh-ed25519")
        file.unlink(missing_ok=True)
        file.touch(mode=0o600)
        file.write_bytes(key.export_private_key())
        key.write_public_key(file.with_suffix(".pub"))

    @contextmanager
    def wrong_credentials(self, study: Path) -> Iterator[None]:
        """Give the user another key, one that the server does not know."""
        pair = (self.key, self.key.with_suffix(".pub"))
        right = [file.read_bytes() for file in pair]
        self.write_key(self.key)
        try:
            yield
        finally:
            for file, content in zip(pair, right, strict=True):
                file.write_bytes(content)

    @property
    def words(self) -> dict[str, str]:
        return {
            "USER": getpass.getuser(),
            "FOLDER": str(self.storage).lstrip("/"),
        }


class OpenSsh(Ssh):
    """Debian's openssh-server, run by whoever runs the tests."""

    name = "ssh-openssh"

    def launch(self) -> None:
        assert SSHD
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        (self.folder / "sshd_config").write_text(
            CONFIGURATION.format(port=self.port, host=HOST, folder=self.folder)
        )
        self.spawn([SSHD, "-D", "-e", "-f", str(self.folder / "sshd_config")], self.port)


class AsyncSsh(Ssh):
    """The server that comes with the library through which DVC speaks SSH.

    It is not asked what happens on a full disk: it reports files as stored that it could not write.
    """

    name = "ssh-asyncssh"

    def launch(self) -> None:
        program = Path(__file__).with_name("serve_sftp.py")
        self.spawn([sys.executable, str(program), HOST, str(self.port), str(self.folder)], self.port)


def ssh_kind() -> type[Ssh]:
    """Return the server that this machine has."""
    return OpenSsh if SSHD else AsyncSsh
