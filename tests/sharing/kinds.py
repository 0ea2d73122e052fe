"""Every kind of remote that is tested, with the server that this machine has for it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from sharing.folder import Folder
from sharing.s3 import Moto, s3_kind
from sharing.server import Server
from sharing.ssh import AsyncSsh, ssh_kind
from sharing.static import Static
from sharing.webdav import WebDav

SSH = ssh_kind()
S3 = s3_kind()
WRITABLE: tuple[type[Server], ...] = (Folder, SSH, WebDav, S3)
ALL: tuple[type[Server], ...] = (*WRITABLE, Static)
INSTEAD: tuple[type[Server], ...] = tuple(kind for kind in (AsyncSsh, Moto) if kind not in (SSH, S3))
"""What a machine uses that lacks Debian's servers; they are tried where those are there, too."""


def on(kinds: Iterable[type[Server]]) -> pytest.MarkDecorator:
    """Run the test once on each of these servers; its name says which."""
    return pytest.mark.parametrize("server", list(kinds), indirect=True, ids=lambda kind: kind.name)
