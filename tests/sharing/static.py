"""HTTP: a web server that shows a folder and takes nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from sharing.server import HOST, Server


class Static(Server):
    """Python's own web server. The author writes into its folder, everybody else reads from the address."""

    name = "http-static"
    heading = "HTTP, to read only"
    secret = ""
    push = ("push", "--remote", "publish")

    @property
    def words(self) -> dict[str, str]:
        return {
            "FOLDER": self.place,
            "WHERE_THE_WEB_SERVER_LOOKS": str(self.storage).lstrip("/"),
        }

    def log_in(self, clone: Path) -> None:
        """Nobody logs in to read."""

    def launch(self) -> None:
        self.storage.parent.mkdir(exist_ok=True)
        serve = [sys.executable, "-m", "http.server", "--bind", HOST, "--directory", str(self.storage.parent)]
        self.spawn([*serve, str(self.port)], self.port)
