"""WebDAV with a password: wsgidav on cheroot, as a process of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sharing.certificate import CERTIFICATE, KEY
from sharing.server import HOST, Server


class WebDav(Server):
    """A user ada with a password. The study's folder exists before the first push, as the page asks."""

    name = "webdav-wsgidav"
    heading = "WebDAV (Nextcloud, ownCloud and others)"
    refusal = "401 (Not Authorized)"
    secret = "planted-webdav-password"

    def __init__(self, folder: Path, home: Path) -> None:
        super().__init__(folder, home)
        self.certificate = home / CERTIFICATE
        self.storage.mkdir(parents=True)

    def clear(self) -> None:
        super().clear()
        self.storage.mkdir()

    @property
    def words(self) -> dict[str, str]:
        return {
            "USER": "ada",
            "PASSWORD": self.secret,
            "FOLDER": self.place,
        }

    def launch(self) -> None:
        settings = {
            "host": HOST,
            "port": self.port,
            "provider_mapping": {"/": str(self.storage.parent)},
            "simple_dc": {"user_mapping": {"*": {"ada": {"password": self.secret}}}},
            "http_authenticator": {"accept_basic": True, "accept_digest": False, "default_to_digest": False},
            "ssl_adapter": "builtin",
            "ssl_certificate": str(self.certificate),
            "ssl_private_key": str(self.certificate.with_name(KEY)),
            "verbose": 1,
        }
        file = self.folder / "wsgidav.json"
        file.write_text(json.dumps(settings))
        self.spawn([str(Path(sys.executable).with_name("wsgidav")), "--config", str(file)], self.port)
